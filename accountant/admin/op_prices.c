/*
 * op_prices.c - the versions of prices, and lists of prices taken over: which of
 * them are new here, changed, the same, or of no model of ours.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/op_config.h"
#include "accountant/admin/price_json.h"
#include "accountant/admin/price_rows.h"
#include "accountant/admin/value.h"
#include "common/log.h"
#include "shm/catalogue.h"

enum { UNKNOWN_NAMES = 100 };

enum verdict { ADDED, CHANGED, PROVISIONED, REFUSED, UNCHANGED, UNKNOWN };

/* A row of the list, and what it means here. */
struct decision {
    const struct price_row *row;
    enum verdict verdict;
    enum config_section section;
    char name[MANAGED_NAME_BYTES]; /* of the model or endpoint here */
    struct prices before;
    struct price_tiers tiers; /* before */
    const char *fault;
};

struct import {
    struct call *call;
    bool preview;
    struct price_rows rows;
    struct decision *decisions;
};

static void
import_free(void *work)
{
    struct import *import = work;
    price_rows_fini(&import->rows);
    free(import->decisions);
    free(import);
}

/* ---- what a row means ---- */

static const struct catalogue_model *
find_model(const struct store *store, const char *name)
{
    const struct catalogue *catalogue = store_catalogue(store);
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->model_count; i++)
        if (!catalogue->models[i].is_wildcard &&
            strcmp(catalogue->models[i].name, name) == 0)
            return &catalogue->models[i];
    return NULL;
}

static bool
serves(const struct store *store, const struct catalogue_model *model,
       struct str provider)
{
    const struct catalogue *catalogue = store_catalogue(store);
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        if (str_equals(
                str_from(
                    catalogue->providers[model->endpoints[i].provider].name),
                provider))
            return true;
    return false;
}

/* A model of ours; or PROVIDER/MODEL, as public lists have those of clouds. */
static bool
find_target(const struct store *store, struct decision *decision)
{
    const struct price_row *row = decision->row;
    const struct catalogue_model *model = find_model(store, row->model);
    struct str provider = str_from(row->provider);
    const char *slash = strchr(row->model, '/');
    decision->section = CONFIG_SECTION_model;
    snprintf(decision->name, sizeof(decision->name), "%s", row->model);
    if (provider.len == 0 &&
        (model != NULL || config_find_model(store_config(store), row->model)))
        return true;
    if (provider.len == 0 && slash != NULL) {
        provider = str_make(row->model, (size_t)(slash - row->model));
        model = find_model(store, slash + 1);
    }
    if (provider.len == 0 || model == NULL || !serves(store, model, provider))
        return false;
    decision->section = CONFIG_SECTION_endpoint;
    snprintf(decision->name, sizeof(decision->name), "%.*s/%s",
             STR_ARG(provider), model->name);
    return true;
}

static void
set_before(const struct store *store, struct decision *decision)
{
    const struct config_list *texts;
    const void *fields = config_find_section(store_config(store),
                                             decision->section, decision->name);
    struct buf reason;
    prices_clear(&decision->before);
    if (fields == NULL)
        return;
    if (decision->section == CONFIG_SECTION_model) {
        decision->before = ((const struct config_model *)fields)->prices;
        texts = &((const struct config_model *)fields)->price_tiers;
    } else {
        decision->before = ((const struct config_endpoint *)fields)->prices;
        texts = &((const struct config_endpoint *)fields)->price_tiers;
    }
    buf_init(&reason, 0);
    for (unsigned i = 0; i < texts->count && i < PRICE_TIERS_MAX; i++)
        if (price_tier_parse(str_from(texts->items[i]),
                             &decision->tiers.items[i], &reason) == 0)
            decision->tiers.count = i + 1; /* it is in force: all are good */
    buf_fini(&reason);
}

static bool
is_same(const struct decision *decision)
{
    const struct price_row *row = decision->row;
    return memcmp(&decision->before, &row->prices, sizeof(row->prices)) == 0 &&
           (!row->says_tiers ||
            memcmp(&decision->tiers, &row->tiers, sizeof(row->tiers)) == 0);
}

static enum verdict
judge(const struct store *store, struct decision *decision)
{
    const struct price_row *row = decision->row;
    decision->fault = row->fault;
    if (!find_target(store, decision))
        return UNKNOWN;
    if (row->fault != NULL)
        return REFUSED;
    set_before(store, decision);
    if (is_same(decision))
        return UNCHANGED;
    if (config_find_section(store_file_config(store), decision->section,
                            decision->name) != NULL)
        return PROVISIONED;
    const struct managed *managed =
        managed_find(store_managed(store), decision->section, decision->name);
    if (managed != NULL && managed->unreadable) {
        decision->fault = "it was sealed under another secret";
        return REFUSED;
    }
    return prices_are_set(&decision->before) ? CHANGED : ADDED;
}

static int
by_target(const void *a, const void *b)
{
    const struct decision *x = *(const struct decision *const *)a,
                          *y = *(const struct decision *const *)b;
    return x->section != y->section ? (int)x->section - (int)y->section
                                    : strcmp(x->name, y->name);
}

/* Two rows of one target: both are refused, rather than one of them be taken. */
static void
refuse_doubles(struct import *import)
{
    size_t count = 0;
    struct decision **sorted =
        calloc(import->rows.count + 1, sizeof(struct decision *));
    if (sorted == NULL)
        fatal("out of memory");
    for (size_t i = 0; i < import->rows.count; i++)
        if (import->decisions[i].verdict != UNKNOWN)
            sorted[count++] = &import->decisions[i];
    qsort(sorted, count, sizeof(struct decision *), by_target);
    for (size_t i = 1; i < count; i++)
        if (by_target(&sorted[i - 1], &sorted[i]) == 0) {
            sorted[i - 1]->verdict = sorted[i]->verdict = REFUSED;
            sorted[i - 1]->fault = sorted[i]->fault =
                "the list has two rows of it";
        }
    free(sorted);
}

static void
judge_all(struct import *import)
{
    import->decisions =
        calloc(import->rows.count + 1, sizeof(*import->decisions));
    if (import->decisions == NULL)
        fatal("out of memory");
    for (size_t i = 0; i < import->rows.count; i++) {
        struct decision *decision = &import->decisions[i];
        decision->row = &import->rows.rows[i];
        decision->verdict = judge(import->call->store, decision);
    }
    refuse_doubles(import);
}

/* ---- the answer ---- */

static void
shown_to_json(struct json_writer *json, const struct prices *prices,
              const struct price_tiers *tiers)
{
    struct price_tiers whole = *tiers;
    for (unsigned i = 0; i < whole.count; i++)
        price_tier_complete(&whole.items[i], prices);
    prices_to_json(json, prices, &whole);
}

static void
decision_to_json(struct json_writer *json, const struct decision *decision)
{
    bool is_model = decision->section == CONFIG_SECTION_model;
    json_object_begin(json);
    json_key(json, is_model ? "model" : "endpoint");
    json_cstring(json, decision->name);
    if (decision->fault != NULL) {
        json_key(json, "reason");
        json_cstring(json, decision->fault);
    } else {
        json_key(json, "before");
        shown_to_json(json, &decision->before, &decision->tiers);
        json_key(json, "after");
        shown_to_json(json, &decision->row->prices,
                      decision->row->says_tiers ? &decision->row->tiers
                                                : &decision->tiers);
    }
    json_object_end(json);
}

static void
verdict_to_json(struct json_writer *json, const struct import *import,
                enum verdict verdict, const char *name)
{
    json_key(json, name);
    json_array_begin(json);
    for (size_t i = 0; i < import->rows.count; i++)
        if (import->decisions[i].verdict == verdict)
            decision_to_json(json, &import->decisions[i]);
    json_array_end(json);
}

static void
names_to_json(struct json_writer *json, const struct import *import,
              enum verdict verdict, const char *name)
{
    size_t count = 0;
    json_key(json, name);
    json_object_begin(json);
    json_key(json, "names");
    json_array_begin(json);
    for (size_t i = 0; i < import->rows.count; i++)
        if (import->decisions[i].verdict == verdict && count++ < UNKNOWN_NAMES)
            json_cstring(json, import->decisions[i].row->model);
    json_array_end(json);
    json_key(json, "count");
    json_u64(json, count);
    json_object_end(json);
}

static void
import_to_json(struct json_writer *json, const struct import *import)
{
    json_object_begin(json);
    json_key(json, "preview");
    json_bool(json, import->preview);
    verdict_to_json(json, import, ADDED, "added");
    verdict_to_json(json, import, CHANGED, "changed");
    verdict_to_json(json, import, PROVISIONED, "provisioned");
    verdict_to_json(json, import, REFUSED, "refused");
    names_to_json(json, import, UNCHANGED, "unchanged");
    names_to_json(json, import, UNKNOWN, "unknown");
    json_object_end(json);
}

/* ---- taken over ---- */

static bool
is_to_do(const struct decision *decision)
{
    return decision->verdict == ADDED || decision->verdict == CHANGED;
}

/* As a list of aigw.ini: no tier has a comma. */
static void
set_tiers(struct managed *managed, const struct price_tiers *tiers)
{
    struct buf text;
    buf_init(&text, 0);
    for (unsigned i = 0; i < tiers->count; i++) {
        buf_append_cstr(&text, i == 0 ? "" : ", ");
        price_tier_print(&tiers->items[i], &text);
    }
    if (!buf_ok(&text))
        fatal("out of memory");
    managed_set(managed, "price_tiers",
                tiers->count == 0 ? NULL : buf_cstr(&text));
    buf_fini(&text);
}

static void
set_prices(struct managed *managed, const struct price_row *row)
{
    struct config_model fields = {.prices = row->prices};
    struct buf text;
    buf_init(&text, 0);
    for (int i = 0; i < PRICE_CLASSES; i++) {
        char option[40];
        snprintf(option, sizeof(option), "price_%s", price_classes[i].name);
        int idx = config_find_option(CONFIG_SECTION_model, option);
        CHECK(idx >= 0);
        buf_reset(&text);
        config_value_print(config_option_at(CONFIG_SECTION_model, idx), &fields,
                           false, &text);
        managed_set(managed, option,
                    buf_len(&text) == 0 ? NULL : buf_cstr(&text));
    }
    if (!buf_ok(&text))
        fatal("out of memory");
    buf_fini(&text);
    if (row->says_tiers)
        set_tiers(managed, &row->tiers);
}

static void
make_edit(const struct store *store, const struct decision *decision,
          struct managed_edit *edit)
{
    const struct managed *managed =
        managed_find(store_managed(store), decision->section, decision->name);
    edit->section = (int)decision->section;
    snprintf(edit->name, sizeof(edit->name), "%s", decision->name);
    edit->revision = managed == NULL ? 0 : managed->revision;
    edit->put = managed == NULL
                    ? managed_make(decision->section, decision->name)
                    : managed_copy(managed);
    set_prices(edit->put, decision->row);
}

static void
imported(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    (void)id;
    if (error != 0)
        config_refuse(call, CONFIG_SECTION_model, error, reason);
    else
        call_answer(call, 200);
}

static void
take_over(struct import *import)
{
    struct store *store = import->call->store;
    size_t count = 0;
    struct managed_edit *edits = calloc(import->rows.count + 1, sizeof(*edits));
    if (edits == NULL)
        fatal("out of memory");
    for (size_t i = 0; i < import->rows.count; i++)
        if (is_to_do(&import->decisions[i]))
            make_edit(store, &import->decisions[i], &edits[count++]);
    if (count > 0) {
        store_manage(store, edits, count, imported, import->call);
        return;
    }
    free(edits);
    call_answer(import->call, 200);
}

static bool
read_rows(const cJSON *body, struct import *import, struct admin_error *error)
{
    static const struct word formats[] = {
        {"litellm", 0}, {"csv", 1}, {NULL, 0}};
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(body, "data");
    const cJSON *preview = cJSON_GetObjectItemCaseSensitive(body, "preview");
    uint32_t format;
    if (!value_members(body, "", "format data preview", error) ||
        !value_word(cJSON_GetObjectItemCaseSensitive(body, "format"), "format",
                    formats, &format, error) ||
        (preview != NULL &&
         !value_bool(preview, "preview", &import->preview, error)))
        return false;
    if (format == 0)
        return price_rows_litellm(data, &import->rows, error);
    if (!cJSON_IsString(data))
        return admin_error_field(error, "data",
                                 "'data' must be a text, the CSV.");
    return price_rows_csv(data->valuestring, &import->rows, error);
}

void
op_prices_import(struct call *call)
{
    if (!call_change_begin(call, 'p', 1))
        return;
    struct import *import = calloc(1, sizeof(*import));
    if (import == NULL)
        fatal("out of memory");
    if (call->work != NULL)
        call->work_free(call->work); /* it began once and had to wait */
    import->call = call;
    call->work = import;
    call->work_free = import_free;
    if (!read_rows(call->body, import, &call->error)) {
        call_refuse(call);
        return;
    }
    judge_all(import);
    import_to_json(&call->json, import);
    if (import->preview)
        call_answer(call, 200);
    else
        take_over(import);
}
