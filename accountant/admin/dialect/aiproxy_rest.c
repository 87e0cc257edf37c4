/*
 * aiproxy_rest.c - routes of aiproxy that have little or no meaning here: options,
 * which are those of aigw.ini, and what is refused in words rather than done by
 * half. What is refused names what to use instead.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

/* ---- options ---- */

/* Those that can be told: always so. */
static const struct {
    const char *key, *value;
} options[] = {
    {"DisableServe", "false"},        {"GroupMaxTokenNum", "0"},
    {"DefaultChannelModels", "{}"},   {"DefaultChannelModelMapping", "{}"},
    {"GroupConsumeLevelRatio", "{}"},
};

/* Who may look at the configuration. */
static bool
may_look(struct visit *visit)
{
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models") != NULL;
}

static void
list_options(struct visit *visit)
{
    if (!may_look(visit))
        return;
    cJSON *data = cJSON_CreateObject();
    for (unsigned i = 0; i < ARRAY_LEN(options); i++)
        cJSON_AddStringToObject(data, options[i].key, options[i].value);
    aiproxy_answer(visit, data);
}

static void
get_option(struct visit *visit)
{
    if (!may_look(visit))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(options[i].key, visit->params[0]) != 0)
            continue;
        cJSON *data = cJSON_CreateObject();
        cJSON_AddStringToObject(data, "key", options[i].key);
        cJSON_AddStringToObject(data, "value", options[i].value);
        aiproxy_answer(visit, data);
        return;
    }
    visit_fail(visit, 404, "not_found", "option record not found");
}

/* ---- logs ---- */

/* Charging never fails after a call: there are none. */
static void
consume_errors(struct visit *visit)
{
    uint16_t status;
    const cJSON *rows =
        visit_try(visit, &status, HTTP_GET, NULL, "/admin/v1/logs?limit=1");
    if (rows == NULL)
        return;
    if (status >= 400) {
        visit_fail(visit, status, shape_text(rows, "error.code"), "%s",
                   shape_text(rows, "error.message"));
        return;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON_AddArrayToObject(data, "logs");
    shape_add_i64(data, "total", 0);
    aiproxy_answer(visit, data);
}

/* Rows before the time; answers how many. */
static void
delete_logs(struct visit *visit)
{
    int64_t before = aiproxy_time(visit, "timestamp", 0);
    if (before <= 0 || before > visit->now_ms) {
        visit_fail(visit, 400, "invalid_field",
                   "timestamp is required, a time that has passed");
        return;
    }
    cJSON *native = cJSON_CreateObject();
    shape_add_time_ms(native, "to", before);
    const cJSON *answer =
        visit_ask(visit, HTTP_POST, native, "/admin/v1/logs/delete");
    if (answer != NULL)
        aiproxy_answer(visit, shape_of_i64(shape_i64(answer, "deleted")));
}

/* ---- channels by type ---- */

static cJSON *
list_of_type(cJSON *data, int type)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", type);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(data, text);
    return list != NULL ? list : cJSON_AddArrayToObject(data, text);
}

static bool
has_name(const cJSON *list, const char *name)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(cJSON_IsString(item) ? item->valuestring
                                        : shape_text(item, "model"),
                   name) == 0)
            return true;
    }
    return false;
}

/* {type: [models]}, of those that a channel of the type serves; `names` only, or
 * whole configs. NULL: not known yet, or answered. */
static cJSON *
models_by_type(struct visit *visit, bool names)
{
    const cJSON *model = NULL, *provider = NULL;
    const cJSON *models = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
    if (models == NULL)
        return NULL;
    cJSON *data = cJSON_CreateObject();
    cJSON_ArrayForEach(model, shape_at(models, "data"))
    {
        const char *name = shape_text(model, "id");
        if (shape_true(model, "wildcard"))
            continue;
        cJSON_ArrayForEach(provider, shape_at(model, "providers"))
        {
            cJSON *list = list_of_type(
                data, aiproxy_channel_type(shape_text(provider, "kind")));
            if (!has_name(list, name))
                cJSON_AddItemToArray(list, names ? cJSON_CreateString(name)
                                                 : aiproxy_model_shown(model));
        }
    }
    return data;
}

/* All of it, or the list of the type in the path. `data`: taken. */
static cJSON *
only_type(const struct visit *visit, cJSON *data)
{
    if (visit->params[0] == NULL || data == NULL)
        return data;
    cJSON *list =
        cJSON_DetachItemFromObjectCaseSensitive(data, visit->params[0]);
    cJSON_Delete(data);
    return list != NULL ? list : cJSON_CreateArray();
}

static void
builtin_by_channel(struct visit *visit)
{
    cJSON *data = only_type(visit, models_by_type(visit, false));
    if (data != NULL)
        aiproxy_answer(visit, data);
}

static void
defaults(struct visit *visit)
{
    cJSON *models = only_type(visit, models_by_type(visit, true));
    if (models == NULL)
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddItemToObject(data, "models", models);
    cJSON_AddItemToObject(data, "mapping", cJSON_CreateObject());
    aiproxy_answer(visit, data);
}

/* ---- refused in words ---- */

static const struct {
    const char *path, *why; /* the path as far as it goes */
} words[] = {
    {"/groups/ip_groups",
     "groups are not counted by address; log rows have it"},
    {"/option", "options are those of aigw.ini, and changed by a reload"},
    {"/channels/update_balance", "balances of providers are not asked for"},
    {"/channel/{}/update_balance", "balances of providers are not asked for"},
    {"/channels/import", "nothing is read from another server's database"},
    {"/channel",
     "a channel is tested when it has been saved: /api/channel/ID/test/MODEL"},
    {"/monitor",
     "figures are not taken back; what cools down is asked again by "
     "itself"},
};

static void
refuse(struct visit *visit)
{
    const char *path = visit->route->path;
    const char *why = "it has no meaning here";
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        if (strncmp(words[i].path, path, strlen(words[i].path)) != 0)
            continue;
        why = words[i].why;
        break;
    }
    visit_fail(visit, 400, "not_supported", "%s", why);
}

// clang-format off
const struct dialect_route aiproxy_rest[] = {
    {HTTP_GET, "/models/builtin/channel", builtin_by_channel, 0},
    {HTTP_GET, "/models/builtin/channel/{}", builtin_by_channel, 0},
    {HTTP_GET, "/models/default", defaults, 0},
    {HTTP_GET, "/models/default/{}", defaults, 0},
    {HTTP_GET, "/option/", list_options, 0},
    {HTTP_GET, "/option/{}", get_option, 0},
    {HTTP_PUT, "/option/", refuse, 0},
    {HTTP_POST, "/option/", refuse, 0},
    {HTTP_POST, "/option/batch", refuse, 0},
    {HTTP_PUT, "/option/{}", refuse, 0},
    {HTTP_DELETE, "/logs/", delete_logs, 0},
    {HTTP_GET, "/logs/consume_error", consume_errors, 0},
    {HTTP_GET, "/groups/ip_groups", refuse, 0},
    {HTTP_GET, "/channels/update_balance", refuse, 0},
    {HTTP_POST, "/channels/import/oneapi", refuse, 0},
    {HTTP_POST, "/channel/test-preview", refuse, 0},
    {HTTP_POST, "/channel/test-preview-all", refuse, 0},
    {HTTP_GET, "/channel/{}/update_balance", refuse, 0},
    {HTTP_DELETE, "/monitor/", refuse, 0},
    {HTTP_DELETE, "/monitor/{}", refuse, 0},
    {HTTP_DELETE, "/monitor/{}/{*}", refuse, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
