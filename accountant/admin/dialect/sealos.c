/*
 * sealos.c - the public API of Sealos' AI proxy: tokens by name, in the group of
 * the member that calls. No envelope, errors by type and code.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

enum { PER_PAGE = 10, NAME_MAX_BYTES = 100 };

/* ---- errors ---- */

static void
answer_error(struct visit *visit, uint16_t status, const char *type,
             const char *code, const char *message, const char *field)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *error = cJSON_AddObjectToObject(json, "error");
    cJSON_AddStringToObject(error, "type", type);
    cJSON_AddStringToObject(error, "code", code);
    cJSON_AddStringToObject(error, "message", message);
    if (field != NULL) {
        cJSON *details = cJSON_AddArrayToObject(error, "details");
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "field", field);
        cJSON_AddStringToObject(one, "message", visit->error.message);
        cJSON_AddItemToArray(details, one);
    }
    visit_answer(visit, status, json);
}

static void
fail(struct visit *visit)
{
    static const struct {
        uint16_t status;
        const char *type, *code;
    } kinds[] = {
        {400, "validation_error", "INVALID_PARAMETER"},
        {401, "authentication_error", "AUTHENTICATION_REQUIRED"},
        {403, "authentication_error", "AUTHENTICATION_REQUIRED"},
        {404, "resource_error", "NOT_FOUND"},
        {405, "validation_error", "INVALID_PARAMETER"},
    };
    const struct admin_error *error = &visit->error;
    const char *message = error->message;
    const char *field = error->field[0] == '\0' ? NULL : error->field;
    if (error->status == 401)
        message = "Unauthorized, please login again.";
    else if (error->status == 404 && visit->route != NULL)
        message = "The specified token does not exist.";
    else if (strcmp(error->code, "invalid_json") == 0)
        message = "Request body must be valid JSON.";
    else if (error->status == 400 && visit->head.method == HTTP_POST)
        message = "Invalid request body.";
    else if (error->status == 400)
        message = "Invalid query parameters.";
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].status == error->status) {
            answer_error(visit, error->status, kinds[i].type, kinds[i].code,
                         message, field);
            return;
        }
    }
    answer_error(visit, error->status >= 500 ? error->status : 500,
                 "internal_error", "INTERNAL_ERROR", message, NULL);
}

/* ---- tokens ---- */

/* As aiproxy's, with what this API has besides. */
static cJSON *
shown(const cJSON *key, const char *plain, int64_t requests)
{
    int64_t expires = shape_ms(key, "expires_at");
    const char *subnet = "0.0.0.0/0";
    const cJSON *first = cJSON_GetArrayItem(
        shape_true(key, "ip_acl.enabled") ? shape_at(key, "ip_acl.addresses")
                                          : NULL,
        0);
    cJSON *out = aiproxy_token(key, plain, requests);
    if (cJSON_IsString(first))
        subnet = first->valuestring;
    cJSON_DeleteItemFromObject(out, "subnets");
    cJSON_AddStringToObject(out, "subnet", subnet);
    shape_add_i64(out, "expired_at", expires == 0 ? -1 : expires);
    return out;
}

/* The key of the path; NULL: not known yet, or answered. */
static const cJSON *
find(struct visit *visit)
{
    const char *home;
    if (!visit_home(visit, &home))
        return NULL;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "ref", visit->params[0]);
    cJSON_AddStringToObject(body, "group", home);
    const cJSON *key =
        visit_ask(visit, HTTP_POST, body, "/admin/v1/keys/lookup");
    if (key == NULL || strcmp(shape_text(key, "name"), visit->params[0]) == 0)
        return key;
    visit_fail(visit, 404, "key_not_found", "by its name alone");
    return NULL;
}

static void
list(struct visit *visit)
{
    const char *home, *page = visit_query(visit, "page");
    const char *size = visit_query(visit, "perPage");
    int64_t requests[AIPROXY_PER_PAGE_MAX];
    const cJSON *key = NULL;
    unsigned count = 0;
    char limit[24];
    if (!visit_home(visit, &home))
        return;
    snprintf(limit, sizeof(limit), "%d", PER_PAGE);
    if (size != NULL && (visit_query_u64(visit, "perPage", 0, 0, 1000) < 1 ||
                         visit_query_u64(visit, "perPage", 0, 0, 1000) >
                             AIPROXY_PER_PAGE_MAX)) {
        visit_fail_field(visit, "perPage", "perPage is 1 to %d",
                         AIPROXY_PER_PAGE_MAX);
        return;
    }
    const cJSON *keys = visit_ask(
        visit, HTTP_GET, NULL,
        "/admin/v1/keys?name={}&group={}&page={}&limit={}",
        visit_query(visit, "name"), home, page, size == NULL ? limit : size);
    if (keys == NULL)
        return;
    cJSON_ArrayForEach(key, shape_at(keys, "data"))
    {
        requests[count] = aiproxy_requests(visit, key);
        if (requests[count++] < 0)
            return;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON *tokens = cJSON_AddArrayToObject(data, "tokens");
    count = 0;
    cJSON_ArrayForEach(key, shape_at(keys, "data"))
    {
        cJSON_AddItemToArray(tokens, shown(key, NULL, requests[count++]));
    }
    shape_add_i64(data, "total", shape_i64(keys, "total"));
    visit_answer(visit, 200, data);
}

static void
get(struct visit *visit)
{
    const cJSON *key = find(visit);
    int64_t requests = key == NULL ? -1 : aiproxy_requests(visit, key);
    if (requests >= 0)
        visit_answer(visit, 200, shown(key, NULL, requests));
}

/* An existing name is answered as a new one, its value included. */
static void
create(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const char *name = shape_text(body, "name"), *home;
    if (body == NULL || !visit_home(visit, &home))
        return;
    if (*name == '\0' || strlen(name) > NAME_MAX_BYTES) {
        visit_fail_field(visit, "name", "name has 1 to %d characters",
                         NAME_MAX_BYTES);
        return;
    }
    cJSON *native = cJSON_CreateObject();
    cJSON_AddStringToObject(native, "name", name);
    cJSON_AddStringToObject(native, "group", home);
    const cJSON *key =
        visit_ask(visit, HTTP_POST, native, "/admin/v1/keys/upsert");
    int64_t requests = key == NULL ? -1 : aiproxy_requests(visit, key);
    if (requests >= 0)
        visit_answer(visit, 201, shown(key, shape_text(key, "key"), requests));
}

/* What is not there is gone already. */
static void
delete_one(struct visit *visit)
{
    uint16_t status;
    const char *home;
    char id[24];
    if (!visit_home(visit, &home))
        return;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "ref", visit->params[0]);
    cJSON_AddStringToObject(body, "group", home);
    const cJSON *key =
        visit_try(visit, &status, HTTP_POST, body, "/admin/v1/keys/lookup");
    if (key == NULL)
        return;
    bool there =
        status == 200 && strcmp(shape_text(key, "name"), visit->params[0]) == 0;
    snprintf(id, sizeof(id), "%lld", (long long)shape_i64(key, "id"));
    if (!there ||
        visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/keys/{}", id) != NULL)
        visit_answer(visit, 204, NULL);
}

static void
set_enabled(struct visit *visit, bool enabled)
{
    char id[24];
    const cJSON *key = find(visit);
    if (key == NULL)
        return;
    snprintf(id, sizeof(id), "%lld", (long long)shape_i64(key, "id"));
    cJSON *native = cJSON_CreateObject();
    cJSON_AddBoolToObject(native, "enabled", enabled);
    if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/keys/{}", id) != NULL)
        visit_answer(visit, 204, NULL);
}

static void
enable(struct visit *visit)
{
    set_enabled(visit, true);
}

static void
disable(struct visit *visit)
{
    set_enabled(visit, false);
}

static const struct dialect_route routes[] = {
    {HTTP_GET, "/tokens", list, 0},
    {HTTP_POST, "/tokens", create, 0},
    {HTTP_GET, "/tokens/{}", get, 0},
    {HTTP_DELETE, "/tokens/{}", delete_one, 0},
    {HTTP_POST, "/tokens/{}/enable", enable, 0},
    {HTTP_POST, "/tokens/{}/disable", disable, 0},
    {HTTP_GET, NULL, NULL, 0},
};

static const char *const prefixes[] = {"/api/v2alpha", NULL};
static const struct dialect_route *const tables[] = {routes, NULL};

const struct dialect dialect_sealos = {
    .name = "sealos",
    .prefixes = prefixes,
    .tables = tables,
    .authenticate = visit_by_bearer,
    .fail = fail,
};
