/*
 * op_reprice.c - periods priced again: looked at, or kept with both figures and
 * the difference on the balances of prepaid groups; and those that were.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/object_json.h"
#include "accountant/admin/page.h"
#include "accountant/admin/reprice.h"
#include "accountant/admin/value.h"
#include "accountant/balance.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/catalogue.h"

struct reprice_work {
    struct reprice reprice;
    struct reprice_price prices[CONFIG_MODEL_PROVIDERS_MAX];
    size_t price_count;
    bool apply;
    int result;
    struct buf error;
};

static void
work_free(void *context)
{
    struct reprice_work *work = context;
    reprice_fini(&work->reprice);
    buf_fini(&work->error);
    free(work);
}

/* ---- shown ---- */

static void
key_money(struct json_writer *json, const char *name, int64_t nano)
{
    json_key(json, name);
    json_money(json, nano);
}

static void
group_figures_to_json(struct json_writer *json, const struct store *store,
                      const struct reprice_group *group)
{
    json_object_begin(json);
    json_key(json, "group");
    json_cstring(json, group_name_of(store, group->id));
    json_key(json, "requests");
    json_u64(json, group->requests);
    key_money(json, "was", group->was);
    key_money(json, "now", group->now);
    key_money(json, "credited_before", group->credited);
    key_money(json, "credit", group->credit);
    json_object_end(json);
}

static void
reprice_to_json(struct json_writer *json, const struct store *store,
                const struct reprice *reprice)
{
    json_object_begin(json);
    json_key(json, "model");
    json_cstring(json, reprice->model);
    json_key(json, "provider");
    json_cstring(json, reprice->provider[0] == '\0' ? NULL : reprice->provider);
    json_key(json, "from");
    json_time(json, reprice->from_ms);
    json_key(json, "to");
    json_time(json, reprice->to_ms);
    json_key(json, "repriced_at");
    json_time(json, reprice->at_ms);
    json_key(json, "requests");
    json_u64(json, reprice->requests);
    json_key(json, "tokens");
    json_u64(json, reprice->tokens);
    json_key(json, "left");
    json_u64(json, reprice->left);
    key_money(json, "was", reprice->was);
    key_money(json, "now", reprice->now);
    json_key(json, "groups");
    json_array_begin(json);
    for (size_t i = 0; i < reprice->group_count; i++)
        group_figures_to_json(json, store, &reprice->groups[i]);
    json_array_end(json);
    json_object_end(json);
}

/* ---- kept ---- */

struct record {
    struct store_extra extra;
    char name[8];
    struct buf bytes;
};

static void
record_stage(struct store_extra *extra, struct ledger_batch *batch, uint64_t id,
             bool undone)
{
    struct record *record = (struct record *)extra;
    (void)id;
    (void)undone; /* credits are of groups that are there: never taken out */
    ledger_batch_note(batch, NOTES_REPRICE,
                      str_make(record->name, sizeof(record->name)),
                      buf_view(&record->bytes));
}

static void
record_free(struct store_extra *extra)
{
    struct record *record = (struct record *)extra;
    buf_fini(&record->bytes);
    free(record);
}

static struct store_extra *
make_record(const struct reprice *reprice)
{
    struct record *record = calloc(1, sizeof(*record));
    if (record == NULL)
        fatal("out of memory");
    record->extra.stage = record_stage;
    record->extra.free = record_free;
    notes_put_u64(record->name, (uint64_t)reprice->at_ms);
    buf_init(&record->bytes, 0);
    reprice_encode(reprice, &record->bytes);
    if (!buf_ok(&record->bytes))
        fatal("out of memory");
    return &record->extra;
}

/* What prepaid groups are still to be given, or to give. */
static struct store_credit *
make_credits(const struct store *store, struct reprice *reprice, size_t *count)
{
    struct store_credit *credits =
        calloc(reprice->group_count + 1, sizeof(*credits));
    if (credits == NULL)
        fatal("out of memory");
    *count = 0;
    for (size_t i = 0; i < reprice->group_count; i++) {
        struct reprice_group *figures = &reprice->groups[i];
        const struct group *group = store_group(store, figures->id);
        if (group == NULL || !group->prepaid ||
            balance_is_elsewhere(store, group))
            continue;
        figures->credit = figures->was - figures->now - figures->credited;
        if (figures->credit != 0)
            credits[(*count)++] = (struct store_credit){
                .group_id = figures->id, .nano = figures->credit};
    }
    return credits;
}

static void
repriced(void *context, int error, const char *reason, uint64_t id)
{
    struct call *call = context;
    struct reprice_work *work = call->work;
    (void)id;
    if (error != 0) {
        call_fail_store(call, error, reason);
        return;
    }
    reprice_to_json(&call->json, call->store, &work->reprice);
    call_answer(call, 201);
}

static void
keep(struct call *call)
{
    struct reprice_work *work = call->work;
    struct reprice *reprice = &work->reprice;
    char note[256];
    size_t count;
    struct store_credit *credits = make_credits(call->store, reprice, &count);
    reprice->at_ms = clock_wall_ms(); /* it is the record's name, too */
    if (reprice->at_ms <= reprice->last_ms)
        reprice->at_ms = reprice->last_ms + 1;
    snprintf(note, sizeof(note), "%s priced again", reprice->model);
    store_credit(call->store, credits, count, note, make_record(reprice),
                 repriced, call);
}

static void
reprice_query_done(void *context)
{
    struct call *call = context;
    struct reprice_work *work = call->work;
    switch (work->result) {
    case 0:
        break;
    case -EEXIST:
        call_fail(call, 409, "overlaps",
                  "Another period that has been priced again overlaps this "
                  "one: take the same, or one beside it.");
        return;
    case -EOVERFLOW:
        call_fail(call, 400, "too_many_groups",
                  "More than %d groups called it: take a shorter period.",
                  REPRICE_GROUPS_MAX);
        return;
    default:
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger cannot be read: %.300s.", buf_cstr(&work->error));
        return;
    }
    if (work->apply) {
        keep(call);
        return;
    }
    free(make_credits(call->store, &work->reprice, &(size_t){0}));
    reprice_to_json(&call->json, call->store, &work->reprice);
    call_answer(call, 200);
}

static void
reprice_query(struct ledger *ledger, struct ledger_snapshot *snapshot,
              void *context)
{
    struct reprice_work *work = ((struct call *)context)->work;
    work->result = reprice_run(&work->reprice, work->prices, work->price_count,
                               ledger, snapshot, &work->error);
    if (work->result == 0)
        work->result =
            reprice_earlier(&work->reprice, ledger, snapshot, &work->error);
}

/* ---- the question ---- */

static bool
read_time(const cJSON *body, const char *name, int64_t *out_ms,
          struct admin_error *error)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(body, name);
    return (cJSON_IsString(value) &&
            clock_parse_rfc3339(value->valuestring, out_ms) == 0) ||
           admin_error_field(error, name,
                             "'%s' must be a time as 2026-11-21T08:00:00Z, or "
                             "a date.",
                             name);
}

static bool
take_prices(struct call *call, struct reprice_work *work)
{
    const struct catalogue *catalogue = store_catalogue(call->store);
    const struct catalogue_model *model = NULL;
    for (uint32_t i = 0; i < catalogue->model_count; i++)
        if (strcmp(catalogue->models[i].name, work->reprice.model) == 0)
            model = &catalogue->models[i];
    if (model == NULL)
        return admin_error_set(&call->error, 404, "model_not_found",
                               "Model '%.100s' does not exist.",
                               work->reprice.model);
    for (uint32_t i = 0; i < model->endpoint_count; i++) {
        const struct catalogue_endpoint *endpoint = &model->endpoints[i];
        struct reprice_price *price = &work->prices[work->price_count++];
        snprintf(price->provider, sizeof(price->provider), "%s",
                 catalogue->providers[endpoint->provider].name);
        price->prices = endpoint->prices;
        if (endpoint->tiers != NULL)
            price->tiers = *endpoint->tiers;
    }
    return true;
}

static bool
read_question(struct call *call, struct reprice_work *work)
{
    const cJSON *body = call->body;
    struct reprice *reprice = &work->reprice;
    struct admin_error *error = &call->error;
    const cJSON *provider = cJSON_GetObjectItemCaseSensitive(body, "provider");
    const cJSON *apply = cJSON_GetObjectItemCaseSensitive(body, "apply");
    if (!value_members(body, "", "model provider from to apply", error))
        return false;
    const char *model =
        value_text(cJSON_GetObjectItemCaseSensitive(body, "model"), "model",
                   sizeof(reprice->model) - 1, error);
    const char *name = provider == NULL || cJSON_IsNull(provider)
                           ? ""
                           : value_text(provider, "provider",
                                        sizeof(reprice->provider) - 1, error);
    if (model == NULL || name == NULL ||
        !read_time(body, "from", &reprice->from_ms, error) ||
        !read_time(body, "to", &reprice->to_ms, error) ||
        (apply != NULL && !value_bool(apply, "apply", &work->apply, error)))
        return false;
    if (reprice->to_ms <= reprice->from_ms || reprice->to_ms > clock_wall_ms())
        return admin_error_field(error, "to",
                                 "'to' must lie behind 'from', and not ahead "
                                 "of now: calls of a period that runs would "
                                 "be missing.");
    snprintf(reprice->model, sizeof(reprice->model), "%s", model);
    snprintf(reprice->provider, sizeof(reprice->provider), "%s", name);
    return take_prices(call, work);
}

void
op_reprice(struct call *call)
{
    if (!call_change_begin(call, 'r', 1))
        return;
    struct reprice_work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        fatal("out of memory");
    buf_init(&work->error, 0);
    call->work = work;
    call->work_free = work_free;
    if (!read_question(call, work))
        call_refuse(call);
    else
        call_query_long(call, reprice_query, reprice_query_done);
}

/* ---- those that were ---- */

struct list_work {
    struct page page;
    struct reprice *reprices;
    size_t count;
    int result;
    struct buf error;
};

static void
list_free(void *context)
{
    struct list_work *work = context;
    for (size_t i = 0; i < work->count; i++)
        reprice_fini(&work->reprices[i]);
    free(work->reprices);
    buf_fini(&work->error);
    free(work);
}

static bool
take_reprice(struct str name, struct str value, void *context)
{
    struct list_work *work = context;
    (void)name;
    if (!page_has(&work->page))
        return true;
    work->result = reprice_decode(value, &work->reprices[work->count]);
    work->count += work->result == 0;
    return work->result == 0;
}

static void
list_query(struct ledger *ledger, struct ledger_snapshot *snapshot,
           void *context)
{
    struct list_work *work = ((struct call *)context)->work;
    struct ledger_note_range range = {.space = NOTES_REPRICE,
                                      .backwards = true};
    int rc = ledger_scan_notes(ledger, snapshot, &range, take_reprice, work,
                               &work->error);
    if (rc < 0)
        work->result = rc;
}

static void
list_done(void *context)
{
    struct call *call = context;
    struct list_work *work = call->work;
    struct json_writer *json = &call->json;
    if (work->result < 0) {
        call_fail(call, 503, "ledger_unavailable",
                  "The ledger cannot be read: %.300s.", buf_cstr(&work->error));
        return;
    }
    page_begin(call);
    for (size_t i = 0; i < work->count; i++)
        reprice_to_json(json, call->store, &work->reprices[i]);
    page_answer(call, &work->page);
}

void
op_reprice_list(struct call *call)
{
    struct list_work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        fatal("out of memory");
    buf_init(&work->error, 0);
    call->work = work;
    call->work_free = list_free;
    if (!page_read(call, &work->page)) {
        call_refuse(call);
        return;
    }
    work->reprices = calloc(work->page.limit, sizeof(*work->reprices));
    if (work->reprices == NULL)
        fatal("out of memory");
    call_query(call, list_query, list_done);
}
