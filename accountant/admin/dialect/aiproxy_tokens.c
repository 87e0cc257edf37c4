/*
 * aiproxy_tokens.c - aiproxy's tokens, which are keys: across groups, and of one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

enum { NAME_MAX_BYTES = 32, IDS_MAX = 1000 };

/* ---- shown ---- */

/* Answers with one key, its value in it. */
static void
answer_token(struct visit *visit, const cJSON *key)
{
    const char *plain = aiproxy_reveal(visit, key);
    int64_t requests = plain == NULL ? -1 : aiproxy_requests(visit, key);
    if (requests >= 0)
        aiproxy_answer(visit, aiproxy_token(key, plain, requests));
}

/* The key of a path, which must be of `group` (NULL: any). */
static const cJSON *
find(struct visit *visit, const char *id, const char *group)
{
    const cJSON *key =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/keys/{}", id);
    if (key == NULL || group == NULL ||
        strcmp(shape_text(key, "group"), group) == 0)
        return key;
    visit_fail(visit, 404, "key_not_found", "token record not found");
    return NULL;
}

/* Whose `enabled` a filter wants; NULL: any. */
static const char *
wanted_status(const struct visit *visit)
{
    uint64_t status = visit_query_u64(visit, "status", 0, 0, 2);
    return status == 0 ? NULL : status == AIPROXY_ENABLED ? "1" : "0";
}

static void
list(struct visit *visit, const char *group, const char *name)
{
    struct aiproxy_page page;
    const char *plain[AIPROXY_PER_PAGE_MAX];
    int64_t requests[AIPROXY_PER_PAGE_MAX];
    const cJSON *key = NULL;
    unsigned count = 0;
    uint16_t status;
    aiproxy_read_page(visit, &page);
    const cJSON *keys = visit_try(
        visit, &status, HTTP_GET, NULL,
        "/admin/v1/keys?name={}&group={}&status={}&page={}&limit={}", name,
        group, wanted_status(visit), page.page_text, page.per_page_text);
    if (keys == NULL)
        return;
    const cJSON *rows = status == 200 ? shape_at(keys, "data") : NULL;
    cJSON_ArrayForEach(key, rows)
    {
        /* Who may not see one sees none: one refusal, one row of the audit. */
        plain[count] =
            count > 0 && plain[0][0] == '\0' ? "" : aiproxy_reveal(visit, key);
        requests[count] =
            plain[count] == NULL ? -1 : aiproxy_requests(visit, key);
        if (requests[count++] < 0)
            return;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON *tokens = cJSON_AddArrayToObject(data, "tokens");
    count = 0;
    cJSON_ArrayForEach(key, rows)
    {
        cJSON_AddItemToArray(tokens,
                             aiproxy_token(key, plain[count], requests[count]));
        count++;
    }
    /* An unknown group has none. */
    shape_add_i64(data, "total", status == 200 ? shape_i64(keys, "total") : 0);
    aiproxy_answer(visit, data);
}

static void
list_all(struct visit *visit)
{
    list(visit, visit_query(visit, "group"), NULL);
}

static const char *
searched(const struct visit *visit)
{
    const char *name = visit_query(visit, "name");
    return name != NULL ? name : visit_query(visit, "keyword");
}

static void
search_all(struct visit *visit)
{
    list(visit, visit_query(visit, "group"), searched(visit));
}

static void
list_group(struct visit *visit)
{
    list(visit, visit->params[0], NULL);
}

static void
search_group(struct visit *visit)
{
    list(visit, visit->params[0], searched(visit));
}

/* ---- bodies ---- */

static void
add_budget(cJSON *budgets, const char *period, double limit)
{
    cJSON *budget = cJSON_CreateObject();
    cJSON_AddStringToObject(budget, "unit", "currency");
    cJSON_AddStringToObject(budget, "period", period);
    if (limit > 0)
        cJSON_AddNumberToObject(budget, "limit", limit);
    else
        cJSON_AddNullToObject(budget, "limit");
    cJSON_AddItemToArray(budgets, budget);
}

/* A token has a lifetime quota and one of one period: it takes the place of
 * another period's. False: answered. */
static bool
put_quotas(struct visit *visit, const cJSON *body, cJSON *native)
{
    static const char *const periods[] = {"daily", "weekly", "monthly"};
    const char *type = shape_text(body, "period_type");
    cJSON *budgets = cJSON_CreateArray();
    bool known = *type == '\0';
    if (shape_at(body, "quota") != NULL)
        add_budget(budgets, "total", shape_number(body, "quota"));
    if (*type == '\0')
        type = "monthly";
    for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
        bool is_it = strcmp(periods[i], type) == 0;
        known = known || is_it;
        if (shape_at(body, "period_quota") != NULL)
            add_budget(budgets, periods[i],
                       is_it ? shape_number(body, "period_quota") : 0);
    }
    bool numbers = (shape_at(body, "quota") == NULL ||
                    cJSON_IsNumber(shape_at(body, "quota"))) &&
                   (shape_at(body, "period_quota") == NULL ||
                    cJSON_IsNumber(shape_at(body, "period_quota")));
    if (!known || !numbers) {
        cJSON_Delete(budgets);
        visit_fail(visit, 400, "invalid_field",
                   "quota and period_quota are numbers, period_type is daily, "
                   "weekly or monthly");
        return false;
    }
    if (cJSON_GetArraySize(budgets) > 0)
        cJSON_AddItemToObject(native, "set_budget", budgets);
    else
        cJSON_Delete(budgets);
    return true;
}

static void
put_lists(const cJSON *body, cJSON *native)
{
    const cJSON *subnets = cJSON_GetObjectItemCaseSensitive(body, "subnets");
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(body, "models");
    if (subnets != NULL && cJSON_GetArraySize(subnets) == 0) {
        cJSON_AddNullToObject(native, "ip_acl");
    } else if (subnets != NULL) {
        cJSON *acl = cJSON_AddObjectToObject(native, "ip_acl");
        cJSON_AddTrueToObject(acl, "enabled");
        cJSON_AddStringToObject(acl, "type", "allow");
        shape_add_copy(acl, "addresses", subnets);
    }
    if (models != NULL && cJSON_GetArraySize(models) == 0)
        cJSON_AddNullToObject(native, "models");
    else if (models != NULL)
        shape_add_copy(native, "models", models);
}

/* What body names, as members of a native key; NULL: answered. */
static cJSON *
native_of(struct visit *visit, const cJSON *body)
{
    cJSON *native = cJSON_CreateObject();
    const cJSON *status = shape_at(body, "status");
    const char *enabled;
    if (strlen(shape_text(body, "name")) > NAME_MAX_BYTES) {
        visit_fail(visit, 400, "invalid_field", "token name is too long");
    } else if (put_quotas(visit, body, native) &&
               (status == NULL ||
                aiproxy_status_word(visit, shape_i64(body, "status"),
                                    &enabled))) {
        if (shape_at(body, "name") != NULL)
            shape_add_copy(native, "name", shape_at(body, "name"));
        if (status != NULL)
            cJSON_AddBoolToObject(native, "enabled", *enabled == '1');
        put_lists(body, native);
        return native;
    }
    cJSON_Delete(native);
    return NULL;
}

/* ---- created ---- */

static bool
query_is_true(const struct visit *visit, const char *name)
{
    const char *text = visit_query(visit, name);
    return text != NULL &&
           (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static const cJSON *
try_create(struct visit *visit, const cJSON *body, const char *group,
           uint16_t *status)
{
    cJSON *native = native_of(visit, body);
    *status = 0;
    if (native == NULL)
        return NULL;
    cJSON_AddStringToObject(native, "group", group);
    return visit_try(visit, status, HTTP_POST, native, "/admin/v1/keys");
}

/* As the native operation refused it. */
static void
fail_with(struct visit *visit, uint16_t status, const cJSON *refused)
{
    visit_fail(visit, status, shape_text(refused, "error.code"), "%s",
               shape_text(refused, "error.message"));
}

static bool
is_refused_as(const cJSON *answer, const char *code)
{
    return strcmp(shape_text(answer, "error.code"), code) == 0;
}

/* The group first, where it is new and may be made. NULL as visit_ask(). */
static const cJSON *
make_group_first(struct visit *visit, const cJSON *body, const char *group,
                 uint16_t *status)
{
    cJSON *native = cJSON_CreateObject();
    cJSON_AddStringToObject(native, "name", group);
    const cJSON *made =
        visit_try(visit, status, HTTP_POST, native, "/admin/v1/groups");
    if (made == NULL)
        return NULL;
    /* Another may have made it just now. */
    if (*status >= 400 && !is_refused_as(made, "group_exists"))
        return made;
    return try_create(visit, body, group, status);
}

static const cJSON *
existing(struct visit *visit, const cJSON *body, const char *group)
{
    cJSON *native = cJSON_CreateObject();
    cJSON_AddStringToObject(native, "ref", shape_text(body, "name"));
    cJSON_AddStringToObject(native, "group", group);
    return visit_ask(visit, HTTP_POST, native, "/admin/v1/keys/lookup");
}

static void
create(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const char *group = visit->params[0];
    uint16_t status;
    if (body == NULL)
        return;
    const cJSON *key = try_create(visit, body, group, &status);
    if (key != NULL && is_refused_as(key, "group_not_found") &&
        query_is_true(visit, "auto_create_group"))
        key = make_group_first(visit, body, group, &status);
    if (key == NULL)
        return;
    if (is_refused_as(key, "key_exists") &&
        query_is_true(visit, "ignore_exist")) {
        key = existing(visit, body, group);
        if (key == NULL)
            return;
        status = 200;
    }
    if (status >= 400)
        fail_with(visit, status, key);
    else
        answer_token(visit, key);
}

/* ---- changed ---- */

static void
change(struct visit *visit, const char *id, const char *group, cJSON *native)
{
    const cJSON *key = find(visit, id, group);
    if (key == NULL) {
        cJSON_Delete(native);
        return;
    }
    key = visit_ask(visit, HTTP_PATCH, native, "/admin/v1/keys/{}", id);
    if (key != NULL)
        answer_token(visit, key);
}

static void
update_of(struct visit *visit, const char *id, const char *group)
{
    const cJSON *body = visit_object(visit);
    cJSON *native = body == NULL ? NULL : native_of(visit, body);
    if (native == NULL)
        return;
    if (cJSON_GetArraySize(native) == 0) {
        cJSON_Delete(native);
        visit_fail(visit, 400, "invalid_field", "empty update request");
        return;
    }
    change(visit, id, group, native);
}

static void
set_status_of(struct visit *visit, const char *id, const char *group)
{
    const cJSON *body = visit_object(visit);
    const char *enabled;
    if (body == NULL ||
        !aiproxy_status_word(visit, shape_i64(body, "status"), &enabled))
        return;
    cJSON *native = cJSON_CreateObject();
    cJSON_AddBoolToObject(native, "enabled", *enabled == '1');
    change(visit, id, group, native);
}

static void
set_name_of(struct visit *visit, const char *id, const char *group)
{
    const cJSON *body = visit_object(visit);
    if (body == NULL)
        return;
    if (strlen(shape_text(body, "name")) > NAME_MAX_BYTES) {
        visit_fail(visit, 400, "invalid_field", "token name is too long");
        return;
    }
    cJSON *native = cJSON_CreateObject();
    cJSON_AddStringToObject(native, "name", shape_text(body, "name"));
    change(visit, id, group, native);
}

static void
delete_of(struct visit *visit, const char *id, const char *group)
{
    if (find(visit, id, group) != NULL &&
        visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/keys/{}", id) != NULL)
        aiproxy_answer(visit, NULL);
}

/* All that are there; those that are not are no error. */
static void
delete_many(struct visit *visit, const char *group)
{
    const cJSON *ids = visit_json(visit);
    const cJSON *item = NULL;
    if (ids == NULL)
        return;
    if (!cJSON_IsArray(ids) || cJSON_GetArraySize(ids) > IDS_MAX) {
        visit_fail(visit, 400, "invalid_json",
                   "the body must be a list of at most %d ids", IDS_MAX);
        return;
    }
    cJSON_ArrayForEach(item, ids)
    {
        char id[24];
        uint16_t status;
        snprintf(id, sizeof(id), "%.0f", item->valuedouble);
        const cJSON *key =
            visit_try(visit, &status, HTTP_GET, NULL, "/admin/v1/keys/{}", id);
        if (key == NULL)
            return;
        if (status != 200 ||
            (group != NULL && strcmp(shape_text(key, "group"), group) != 0))
            continue;
        const cJSON *deleted = visit_try(visit, &status, HTTP_DELETE, NULL,
                                         "/admin/v1/keys/{}", id);
        if (deleted == NULL)
            return;
        if (status >= 400 && status != 404) {
            fail_with(visit, status, deleted);
            return;
        }
    }
    aiproxy_answer(visit, NULL);
}

/* ---- routes: of any group, and of the path's ---- */

#define ROUTE(name, call_any, call_group)                                      \
    static void any_##name(struct visit *visit)                                \
    {                                                                          \
        call_any;                                                              \
    }                                                                          \
    static void group_##name(struct visit *visit)                              \
    {                                                                          \
        call_group;                                                            \
    }
#define OF_ID(name, function)                                                  \
    ROUTE(name, function(visit, visit->params[0], NULL),                       \
          function(visit, visit->params[1], visit->params[0]))

static void
get_of(struct visit *visit, const char *id, const char *group)
{
    const cJSON *key = find(visit, id, group);
    if (key != NULL)
        answer_token(visit, key);
}

OF_ID(get, get_of)
OF_ID(update, update_of)
OF_ID(status, set_status_of)
OF_ID(name, set_name_of)
OF_ID(delete, delete_of)
ROUTE(batch, delete_many(visit, NULL), delete_many(visit, visit->params[0]))

const struct dialect_route aiproxy_tokens[] = {
    {HTTP_GET, "/tokens/", list_all, 0},
    {HTTP_GET, "/tokens/search", search_all, 0},
    {HTTP_POST, "/tokens/batch_delete", any_batch, 0},
    {HTTP_GET, "/tokens/{}", any_get, 0},
    {HTTP_PUT, "/tokens/{}", any_update, 0},
    {HTTP_DELETE, "/tokens/{}", any_delete, 0},
    {HTTP_POST, "/tokens/{}/status", any_status, 0},
    {HTTP_POST, "/tokens/{}/name", any_name, 0},
    {HTTP_GET, "/token/{}/search", search_group, 0},
    {HTTP_POST, "/token/{}/batch_delete", group_batch, 0},
    {HTTP_GET, "/token/{}", list_group, 0},
    {HTTP_POST, "/token/{}", create, 0},
    {HTTP_GET, "/token/{}/{}", group_get, 0},
    {HTTP_PUT, "/token/{}/{}", group_update, 0},
    {HTTP_DELETE, "/token/{}/{}", group_delete, 0},
    {HTTP_POST, "/token/{}/{}/status", group_status, 0},
    {HTTP_POST, "/token/{}/{}/name", group_name, 0},
    {HTTP_GET, NULL, NULL, 0},
};
