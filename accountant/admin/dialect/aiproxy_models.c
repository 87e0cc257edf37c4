/*
 * aiproxy_models.c - aiproxy's models: what each costs and may, and who serves
 * it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

enum { WEIGHT = 100, NAMES_MAX = 1000 };

/* ---- a model shown ---- */

static int
mode_of(const cJSON *model)
{
    static const struct {
        const char *type;
        int mode;
    } modes[] = {{"chat", 1},       {"completion", 2}, {"embedding", 3},
                 {"moderation", 4}, {"image", 5},      {"audio", 8},
                 {"rerank", 10}};
    for (unsigned i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(shape_text(model, "type"), modes[i].type) == 0)
            return modes[i].mode;
    return 0;
}

cJSON *
aiproxy_model_shown(const cJSON *model)
{
    cJSON *out = cJSON_CreateObject();
    const cJSON *first = cJSON_GetArrayItem(shape_at(model, "providers"), 0);
    cJSON_AddStringToObject(out, "model", shape_text(model, "id"));
    cJSON_AddStringToObject(out, "owner", shape_text(first, "kind"));
    cJSON_AddNumberToObject(out, "type", mode_of(model));
    cJSON_AddNumberToObject(out, "rpm", 0);
    cJSON_AddNumberToObject(out, "tpm", 0);
    cJSON_AddItemToObject(out, "price",
                          aiproxy_price(shape_at(model, "prices")));
    cJSON *config = cJSON_AddObjectToObject(out, "config");
    if (shape_i64(model, "context") > 0)
        shape_add_i64(config, "max_context_tokens",
                      shape_i64(model, "context"));
    if (shape_i64(model, "max_output") > 0)
        shape_add_i64(config, "max_output_tokens",
                      shape_i64(model, "max_output"));
    cJSON_AddItemToObject(out, "enabled_plugins", cJSON_CreateArray());
    return out;
}

static const cJSON *
ask_models(struct visit *visit)
{
    const cJSON *all = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
    return all == NULL ? NULL : shape_at(all, "data");
}

/* Of those whose name has `part` in it (NULL: all), on the page (NULL: one). */
static cJSON *
rows_of(const cJSON *models, const char *part, const struct aiproxy_page *page,
        int64_t *total)
{
    const cJSON *model = NULL;
    cJSON *rows = cJSON_CreateArray();
    *total = 0;
    cJSON_ArrayForEach(model, models)
    {
        if (shape_true(model, "wildcard") ||
            (part != NULL && strcasestr(shape_text(model, "id"), part) == NULL))
            continue;
        uint64_t place = (uint64_t)(*total)++;
        if (page == NULL || (place >= (page->page - 1) * page->per_page &&
                             place < page->page * page->per_page))
            cJSON_AddItemToArray(rows, aiproxy_model_shown(model));
    }
    return rows;
}

static void
list_all(struct visit *visit)
{
    int64_t total;
    const cJSON *models = ask_models(visit);
    if (models != NULL)
        aiproxy_answer(visit, rows_of(models, NULL, NULL, &total));
}

/* There is one set. */
static void
list_by_set(struct visit *visit)
{
    int64_t total;
    const cJSON *models = ask_models(visit);
    if (models == NULL)
        return;
    cJSON *sets = cJSON_CreateObject();
    cJSON_AddItemToObject(sets, "default", rows_of(models, NULL, NULL, &total));
    aiproxy_answer(visit, sets);
}

static void
list_set(struct visit *visit)
{
    if (strcmp(visit->params[0], "default") == 0)
        list_all(visit);
    else
        aiproxy_answer(visit, cJSON_CreateArray());
}

static void
list_configs(struct visit *visit)
{
    struct aiproxy_page page;
    int64_t total;
    const char *part = visit_query(visit, "keyword");
    if (part == NULL)
        part = visit_query(visit, "model");
    aiproxy_read_page(visit, &page);
    const cJSON *models = ask_models(visit);
    if (models == NULL)
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddItemToObject(data, "configs",
                          rows_of(models, part, &page, &total));
    shape_add_i64(data, "total", total);
    aiproxy_answer(visit, data);
}

static const cJSON *
model_named(const cJSON *models, const char *name)
{
    const cJSON *model = NULL;
    cJSON_ArrayForEach(model, models)
    {
        if (strcmp(shape_text(model, "id"), name) == 0)
            return model;
    }
    return NULL;
}

static void
contains(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const cJSON *models = body == NULL ? NULL : ask_models(visit);
    const cJSON *name = NULL;
    if (models == NULL)
        return;
    if (cJSON_GetArraySize(shape_at(body, "models")) > NAMES_MAX) {
        visit_fail(visit, 400, "invalid_field", "models has more than %d names",
                   NAMES_MAX);
        return;
    }
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(name, shape_at(body, "models"))
    {
        const cJSON *model = cJSON_IsString(name)
                                 ? model_named(models, name->valuestring)
                                 : NULL;
        if (model != NULL)
            cJSON_AddItemToArray(rows, aiproxy_model_shown(model));
    }
    aiproxy_answer(visit, rows);
}

static void
get(struct visit *visit)
{
    const cJSON *models = ask_models(visit);
    const cJSON *model =
        models == NULL ? NULL : model_named(models, visit->params[0]);
    if (model != NULL)
        aiproxy_answer(visit, aiproxy_model_shown(model));
    else if (models != NULL)
        visit_fail(visit, 500, "model_not_found",
                   "model config record not found");
}

/* ---- who serves what ---- */

static void
list_channels_of_models(struct visit *visit)
{
    const cJSON *models = ask_models(visit);
    const cJSON *model = NULL, *provider = NULL;
    if (models == NULL)
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON_ArrayForEach(model, models)
    {
        if (shape_true(model, "wildcard"))
            continue;
        cJSON *sets = cJSON_AddObjectToObject(data, shape_text(model, "id"));
        cJSON *list = cJSON_AddArrayToObject(sets, "default");
        int count = cJSON_GetArraySize(shape_at(model, "providers"));
        cJSON_ArrayForEach(provider, shape_at(model, "providers"))
        {
            cJSON *one = cJSON_CreateObject();
            const char *name = shape_text(provider, "provider");
            shape_add_i64(one, "id", aiproxy_channel_id(name));
            cJSON_AddNumberToObject(
                one, "type",
                aiproxy_channel_type(shape_text(provider, "kind")));
            cJSON_AddStringToObject(one, "name", name);
            cJSON_AddNumberToObject(one, "priority", AIPROXY_PRIORITY);
            cJSON_AddNumberToObject(one, "weight", (double)WEIGHT / count);
            cJSON_AddItemToArray(list, one);
        }
    }
    aiproxy_answer(visit, data);
}

/* ---- prices set ---- */

bool
aiproxy_model_save(struct visit *visit, const cJSON *body, const char *name)
{
    cJSON *native = cJSON_CreateObject();
    if (!aiproxy_price_native(visit, shape_at(body, "price"), native)) {
        cJSON_Delete(native);
        return false;
    }
    if (shape_at(body, "config.max_context_tokens") != NULL)
        shape_add_copy(native, "context",
                       shape_at(body, "config.max_context_tokens"));
    if (shape_at(body, "config.max_output_tokens") != NULL)
        shape_add_copy(native, "max_output",
                       shape_at(body, "config.max_output_tokens"));
    return visit_ask(visit, HTTP_PATCH, native, "/admin/v1/models/{}", name) !=
           NULL;
}

static void
save(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    if (body != NULL && aiproxy_model_save(visit, body, visit->params[0]))
        aiproxy_answer(visit, NULL);
}

static void
delete_one(struct visit *visit)
{
    if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/models/{}",
                  visit->params[0]) != NULL)
        aiproxy_answer(visit, NULL);
}

const struct dialect_route aiproxy_models[] = {
    {HTTP_GET, "/models/builtin", list_all, 0},
    {HTTP_GET, "/models/enabled", list_by_set, 0},
    {HTTP_GET, "/models/enabled/{}", list_set, 0},
    {HTTP_GET, "/models/sets", list_channels_of_models, 0},
    {HTTP_GET, "/model_configs/", list_configs, 0},
    {HTTP_GET, "/model_configs/search", list_configs, 0},
    {HTTP_GET, "/model_configs/all", list_all, 0},
    {HTTP_POST, "/model_configs/contains", contains, 0},
    {HTTP_GET, "/model_config/{*}", get, 0},
    {HTTP_POST, "/model_config/{*}", save, 0},
    {HTTP_DELETE, "/model_config/{*}", delete_one, 0},
    {HTTP_GET, "/dashboard/{}/models", list_all, 0},
    {HTTP_GET, NULL, NULL, 0},
};
