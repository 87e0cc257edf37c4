/*
 * aiproxy_batch.c - many at a time: channels, models; and what a group may use of a
 * model, which are limits of the group by model.
 *
 * Objects are changed one after the other, each whole; where one is refused the
 * answer says so, and those before it are done.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

/* The body as a list of at most AIPROXY_BATCH_MAX; NULL: answered. */
static const cJSON *
read_list(struct visit *visit, bool of_objects)
{
    const cJSON *item = NULL, *body = visit_json(visit);
    if (body == NULL)
        return NULL;
    bool good =
        cJSON_IsArray(body) && cJSON_GetArraySize(body) <= AIPROXY_BATCH_MAX;
    cJSON_ArrayForEach(item, body)
    {
        good = good && cJSON_IsObject(item) == of_objects;
    }
    if (good)
        return body;
    visit_fail(visit, 400, "invalid_field",
               "the body must be a list of %s, %d at most",
               of_objects ? "objects" : "numbers or names", AIPROXY_BATCH_MAX);
    return NULL;
}

/* A number or a name of such a list. */
static const char *
item_text(const cJSON *item, char number[24])
{
    if (cJSON_IsString(item))
        return item->valuestring;
    snprintf(number, 24, "%.0f",
             cJSON_IsNumber(item) ? item->valuedouble : -1.0);
    return number;
}

/* ---- channels ---- */

static void
create_channels(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, true);
    if (list == NULL)
        return;
    cJSON_ArrayForEach(item, list)
    {
        if (!aiproxy_channel_make(visit, item))
            return;
    }
    aiproxy_answer(visit, NULL);
}

static void
delete_channels(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, false);
    if (list == NULL)
        return;
    cJSON_ArrayForEach(item, list)
    {
        char number[24];
        const char *name = aiproxy_channel_name(visit, item_text(item, number));
        if (name == NULL)
            return;
        if (*name == '\0') {
            visit_fail(visit, 404, "not_found", "channel record not found");
            return;
        }
        if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/providers/{}",
                      name) == NULL)
            return;
    }
    aiproxy_answer(visit, NULL);
}

/* ---- models ---- */

static void
save_models(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, true);
    if (list == NULL)
        return;
    cJSON_ArrayForEach(item, list)
    {
        if (!aiproxy_model_save(visit, item, shape_text(item, "model")))
            return;
    }
    aiproxy_answer(visit, NULL);
}

static void
delete_models(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, false);
    if (list == NULL)
        return;
    cJSON_ArrayForEach(item, list)
    {
        char number[24];
        if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/models/{}",
                      item_text(item, number)) == NULL)
            return;
    }
    aiproxy_answer(visit, NULL);
}

/* ---- models of a group ---- */

static cJSON *
override_shown(const char *group, const char *model, const cJSON *limit)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "group_id", group);
    cJSON_AddStringToObject(out, "model", model);
    cJSON_AddTrueToObject(out, "override_limit");
    shape_add_i64(out, "rpm", shape_i64(limit, "rpm"));
    shape_add_i64(out, "tpm", shape_i64(limit, "tpm"));
    cJSON_AddFalseToObject(out, "override_price");
    cJSON_AddFalseToObject(out, "override_retry_times");
    cJSON_AddFalseToObject(out, "override_force_save_detail");
    return out;
}

static const cJSON *
ask_group(struct visit *visit)
{
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                     visit->params[0]);
}

static void
list_overrides(struct visit *visit)
{
    const cJSON *limit = NULL, *group = ask_group(visit);
    if (group == NULL)
        return;
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(limit, shape_at(group, "model_limits"))
    {
        cJSON_AddItemToArray(
            rows, override_shown(visit->params[0], limit->string, limit));
    }
    aiproxy_answer(visit, rows);
}

static void
get_override(struct visit *visit)
{
    const cJSON *group = ask_group(visit);
    if (group == NULL)
        return;
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(
        shape_at(group, "model_limits"), visit->params[1]);
    if (limit == NULL)
        visit_fail(visit, 404, "not_found",
                   "group model config record not found");
    else
        aiproxy_answer(
            visit, override_shown(visit->params[0], visit->params[1], limit));
}

/* The limits that a config names into `limits`; false: answered. */
static bool
put_override(struct visit *visit, cJSON *limits, const cJSON *config,
             const char *model)
{
    static const char *const others[] = {
        "override_price", "override_retry_times", "override_force_save_detail",
        "override_request_body_storage_max_size"};
    static const char *const names[] = {"rpm", "tpm"};
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        if (!shape_true(config, others[i]))
            continue;
        visit_fail(
            visit, 400, "invalid_field",
            "%s: a group has limits of its own for a model, and the rest "
            "as the model has it",
            others[i]);
        return false;
    }
    if (!shape_true(config, "override_limit")) {
        cJSON_AddNullToObject(limits, model);
        return true;
    }
    cJSON *limit = cJSON_AddObjectToObject(limits, model);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (shape_number(config, names[i]) > 0)
            shape_add_copy(limit, names[i], shape_at(config, names[i]));
        else
            cJSON_AddNullToObject(limit, names[i]);
    }
    return true;
}

/* `limits`: taken. */
static void
change_overrides(struct visit *visit, cJSON *limits)
{
    cJSON *native = cJSON_CreateObject();
    cJSON_AddItemToObject(native, "model_limits", limits);
    if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/groups/{}",
                  visit->params[0]) != NULL)
        aiproxy_answer(visit, NULL);
}

static void
save_override(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    if (body == NULL)
        return;
    cJSON *limits = cJSON_CreateObject();
    if (put_override(visit, limits, body, visit->params[1]))
        change_overrides(visit, limits);
    else
        cJSON_Delete(limits);
}

static void
save_overrides(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, true);
    if (list == NULL)
        return;
    cJSON *limits = cJSON_CreateObject();
    cJSON_ArrayForEach(item, list)
    {
        if (!put_override(visit, limits, item, shape_text(item, "model"))) {
            cJSON_Delete(limits);
            return;
        }
    }
    change_overrides(visit, limits);
}

static void
delete_override(struct visit *visit)
{
    cJSON *limits = cJSON_CreateObject();
    cJSON_AddNullToObject(limits, visit->params[1]);
    change_overrides(visit, limits);
}

static void
delete_overrides(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, false);
    if (list == NULL)
        return;
    cJSON *limits = cJSON_CreateObject();
    cJSON_ArrayForEach(item, list)
    {
        char number[24];
        cJSON_AddNullToObject(limits, item_text(item, number));
    }
    change_overrides(visit, limits);
}

/* ---- groups ---- */

/* Each must be there before one is changed. */
static void
set_status(struct visit *visit)
{
    const cJSON *item = NULL, *body = visit_object(visit);
    const cJSON *groups = shape_at(body, "groups");
    char number[24];
    if (body == NULL)
        return;
    if (!cJSON_IsArray(groups) ||
        cJSON_GetArraySize(groups) > AIPROXY_BATCH_MAX) {
        visit_fail(visit, 400, "invalid_field",
                   "groups must be a list of names, %d at most",
                   AIPROXY_BATCH_MAX);
        return;
    }
    cJSON_ArrayForEach(item, groups)
    {
        if (visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                      item_text(item, number)) == NULL)
            return;
    }
    cJSON_ArrayForEach(item, groups)
    {
        cJSON *native = cJSON_CreateObject();
        if (!aiproxy_put_status(visit, body, native)) {
            cJSON_Delete(native);
            return;
        }
        if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/groups/{}",
                      item_text(item, number)) == NULL)
            return;
    }
    aiproxy_answer(visit, NULL);
}

/* Those that are not there are no fault. */
static void
delete_groups(struct visit *visit)
{
    const cJSON *item = NULL, *list = read_list(visit, false);
    if (list == NULL)
        return;
    cJSON_ArrayForEach(item, list)
    {
        char number[24];
        uint16_t status;
        const char *name = item_text(item, number);
        if (visit_try(visit, &status, HTTP_GET, NULL, "/admin/v1/groups/{}",
                      name) == NULL)
            return;
        if (status != 404 &&
            visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/groups/{}?all=yes",
                      name) == NULL)
            return;
    }
    aiproxy_answer(visit, NULL);
}

// clang-format off
const struct dialect_route aiproxy_batch[] = {
    {HTTP_POST, "/channels/", create_channels, 0},
    {HTTP_POST, "/channels/batch_delete", delete_channels, 0},
    {HTTP_POST, "/model_configs/", save_models, 0},
    {HTTP_POST, "/model_configs/batch_delete", delete_models, 0},
    {HTTP_POST, "/groups/batch_status", set_status, 0},
    {HTTP_POST, "/groups/batch_delete", delete_groups, 0},
    {HTTP_GET, "/group/{}/model_configs/", list_overrides, 0},
    {HTTP_POST, "/group/{}/model_configs/", save_overrides, 0},
    {HTTP_DELETE, "/group/{}/model_configs/", delete_overrides, 0},
    {HTTP_GET, "/group/{}/model_config/{*}", get_override, 0},
    {HTTP_POST, "/group/{}/model_config/{*}", save_override, 0},
    {HTTP_PUT, "/group/{}/model_config/{*}", save_override, 0},
    {HTTP_DELETE, "/group/{}/model_config/{*}", delete_override, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
