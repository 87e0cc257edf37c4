/*
 * cloudflare.c - Cloudflare's REST API, version 4: who may, both envelopes,
 * errors, pages, and the token's own routes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/cloudflare.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/call.h"

enum {
    CODE_INVALID = 7001,   /* a value of the request */
    CODE_MISSING = 7002,   /* an object of the path */
    CODE_NO_ROUTE = 7003,  /* and 7000 behind it */
    CODE_TOKEN = 10000,    /* not permitted; in messages: a good token */
    CODE_HEADERS = 6003,   /* and 6111 in its chain */
    CODE_BAD_TOKEN = 1000, /* verify */
    CODE_MANY = 971,
    CODE_OTHER = 7000,
    PER_PAGE = 20,
};

/* ---- envelopes ---- */

static cJSON *
envelope(bool success)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "success", success);
    cJSON_AddItemToObject(json, "errors", cJSON_CreateArray());
    cJSON_AddItemToObject(json, "messages", cJSON_CreateArray());
    return json;
}

void
cloudflare_answer(struct visit *visit, cJSON *result)
{
    cJSON *json = envelope(true);
    cJSON_AddItemToObject(json, "result",
                          result != NULL ? result : cJSON_CreateNull());
    visit_answer(visit, 200, json);
}

/* {code, message} behind the others of `list`. */
static cJSON *
add_message(cJSON *json, const char *list, int code, const char *message)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "code", code);
    cJSON_AddStringToObject(item, "message", message);
    cJSON_AddItemToArray(cJSON_GetObjectItem(json, list), item);
    return item;
}

void
cloudflare_answer_noted(struct visit *visit, cJSON *result, int code,
                        const char *message)
{
    cJSON *json = envelope(true);
    add_message(json, "messages", code, message);
    cJSON_AddItemToObject(json, "result", result);
    visit_answer(visit, 200, json);
}

void
cloudflare_refuse(struct visit *visit, uint16_t status, int code,
                  const char *message)
{
    cJSON *json = envelope(false);
    add_message(json, "errors", code, message);
    cJSON_AddNullToObject(json, "result");
    visit_answer(visit, status, json);
}

void
cloudflare_fault(cJSON *faults, const char *member, const char *format, ...)
{
    char text[512], part[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cJSON *item = cJSON_CreateObject();
    cJSON *path = cJSON_CreateArray();
    cJSON_AddNumberToObject(item, "code", CODE_INVALID);
    cJSON_AddStringToObject(item, "message", text);
    cJSON_AddItemToArray(path, cJSON_CreateString("body"));
    while (*member != '\0') {
        size_t len = strcspn(member, ".");
        snprintf(part, sizeof(part), "%.*s", (int)len, member);
        cJSON_AddItemToArray(path, cJSON_CreateString(part));
        member += len + (member[len] == '.');
    }
    cJSON_AddItemToObject(item, "path", path);
    cJSON_AddItemToArray(faults, item);
}

void
cloudflare_refuse_faults(struct visit *visit, cJSON *faults)
{
    cJSON *json = envelope(false);
    cJSON_ReplaceItemInObject(json, "errors", faults);
    cJSON_AddNullToObject(json, "result");
    visit_answer(visit, 400, json);
}

void
cloudflare_refuse_missing(struct visit *visit, const char *what, const char *id)
{
    char text[256];
    snprintf(text, sizeof(text), "%s '%.100s' not found", what, id);
    cloudflare_refuse(visit, 404, CODE_MISSING, text);
}

/* Two errors, in this order. */
static void
fail_no_route(struct visit *visit)
{
    char text[512];
    cJSON *json = envelope(false);
    snprintf(text, sizeof(text),
             "Could not route to %.*s, perhaps your object identifier is "
             "invalid?",
             STR_ARG(str_cut(visit->head.path, 400)));
    add_message(json, "errors", CODE_NO_ROUTE, text);
    add_message(json, "errors", CODE_OTHER, "No route for that URI");
    cJSON_AddNullToObject(json, "result");
    visit_answer(visit, 404, json);
}

/* Native options of a profile by their names in Cloudflare's objects. */
static const char *
their_member(const char *native)
{
    static const char *const names[][2] = {
        {"rate_limit", "rate_limiting_limit"},
        {"rate_interval", "rate_limiting_interval"},
        {"rate_technique", "rate_limiting_technique"},
        {"collect_log", "collect_logs"},
        {"max_attempts", "retry_max_attempts"},
        {"spend_rules", "spend_limits"},
        {"guard_prompt", "dlp"},
        {"guard_answer", "dlp"},
        {"name", "id"},
        {"api_key", "secret"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i][0], native) == 0)
            return names[i][1];
    return native;
}

static void
fail(struct visit *visit)
{
    static const struct {
        uint16_t status;
        int code;
    } codes[] = {{400, CODE_INVALID}, {401, CODE_TOKEN},   {403, CODE_TOKEN},
                 {404, CODE_MISSING}, {405, CODE_INVALID}, {409, CODE_INVALID},
                 {429, CODE_MANY},    {0, CODE_OTHER}};
    const struct admin_error *error = &visit->error;
    unsigned i = 0;
    bool no_group = strcmp(error->code, "group_not_found") == 0;
    if ((visit->route == NULL &&
         (error->status == 404 || error->status == 405)) ||
        no_group) {
        fail_no_route(visit);
        return;
    }
    if (error->field[0] != '\0') {
        cJSON *faults = cJSON_CreateArray();
        cloudflare_fault(faults, their_member(error->field), "%s",
                         error->message);
        cloudflare_refuse_faults(visit, faults);
        return;
    }
    while (codes[i].status != error->status && codes[i].status != 0)
        i++;
    bool who = codes[i].code == CODE_TOKEN;
    cloudflare_refuse(visit, error->status, codes[i].code,
                      who ? "Authentication error" : error->message);
}

void
cloudflare_refuse_native(struct visit *visit, uint16_t status,
                         const cJSON *answer)
{
    struct admin_error *error = &visit->error;
    const char *code = shape_text(answer, "error.code");
    *error = (struct admin_error){.status = status};
    error->code = *code == '\0' ? "overloaded" : code;
    snprintf(error->field, sizeof(error->field), "%s",
             shape_text(answer, "error.field"));
    snprintf(error->message, sizeof(error->message), "%s",
             shape_text(answer, "error.message"));
    fail(visit);
}

/* ---- lists ---- */

bool
cloudflare_page(struct visit *visit, struct cloudflare_page *page,
                uint64_t most)
{
    static const char *const names[] = {"page", "per_page"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = visit_query(visit, names[i]);
        bool fits =
            text == NULL || (strspn(text, "0123456789") == strlen(text) &&
                             strlen(text) < 10 && strtoul(text, NULL, 10) > 0);
        if (fits)
            continue;
        char message[96];
        snprintf(message, sizeof(message), "%s must be a number from 1",
                 names[i]);
        cloudflare_refuse(visit, 400, CODE_INVALID, message);
        return false;
    }
    page->page = visit_query_u64(visit, "page", 1, 1, 1000000000);
    page->per_page = visit_query_u64(visit, "per_page", PER_PAGE, 1, most);
    return true;
}

void
cloudflare_answer_page(struct visit *visit, cJSON *items,
                       const struct cloudflare_page *page, int64_t total,
                       cJSON *info)
{
    cJSON *json = envelope(true);
    int64_t count = cJSON_GetArraySize(items);
    cJSON_AddItemToObject(json, "result", items);
    if (info == NULL)
        info = cJSON_CreateObject();
    shape_add_i64(info, "page", (int64_t)page->page);
    shape_add_i64(info, "per_page", (int64_t)page->per_page);
    shape_add_i64(info, "count", count);
    if (total >= 0) {
        uint64_t per_page = page->per_page;
        shape_add_i64(info, "total_count", total);
        shape_add_i64(info, "total_pages",
                      (int64_t)(((uint64_t)total + per_page - 1) / per_page));
    }
    cJSON_AddItemToObject(json, "result_info", info);
    visit_answer(visit, 200, json);
}

/* What is not on the page goes. */
static int
cut_page(cJSON *all, const struct cloudflare_page *page)
{
    int total = cJSON_GetArraySize(all);
    uint64_t first = (page->page - 1) * page->per_page;
    cJSON *item = all->child;
    for (uint64_t i = 0; item != NULL; i++) {
        cJSON *next = item->next;
        if (i < first || i >= first + page->per_page)
            cJSON_Delete(cJSON_DetachItemViaPointer(all, item));
        item = next;
    }
    return total;
}

void
cloudflare_answer_list(struct visit *visit, cJSON *all,
                       const struct cloudflare_page *page)
{
    int total = cut_page(all, page);
    cloudflare_answer_page(visit, all, page, total, NULL);
}

void
cloudflare_answer_data(struct visit *visit, const char *name, cJSON *all,
                       const struct cloudflare_page *page)
{
    cJSON *json = cJSON_CreateObject(), *data = cJSON_CreateObject();
    int total = cut_page(all, page);
    cJSON_AddItemToObject(data, name, all);
    cJSON_AddStringToObject(data, "order_by", "created_at");
    cJSON_AddStringToObject(data, "order_by_direction", "asc");
    shape_add_i64(data, "page", (int64_t)page->page);
    shape_add_i64(data, "per_page", (int64_t)page->per_page);
    shape_add_i64(data, "total_count", total);
    cJSON_AddBoolToObject(json, "success", true);
    cJSON_AddItemToObject(json, "data", data);
    visit_answer(visit, 200, json);
}

/* ---- who ---- */

/* "Bearer TOKEN", or the older fields of a global key. {NULL, 0}: none. */
static struct str
token_of(const struct visit *visit)
{
    struct str token = visit_field(visit, "x-auth-key");
    if (token.len == 0)
        token = visit_field(visit, "x-auth-user-service-key");
    if (visit_field(visit, "authorization").len > 0)
        token = visit_bearer(visit);
    return token;
}

static bool
authenticate(struct visit *visit)
{
    struct str token = token_of(visit);
    if (visit->is_local && token.len == 0)
        return visit_by_bearer(visit);
    return visit_token(visit, token);
}

/* ---- the calling token ---- */

static void
refuse_headers(struct visit *visit)
{
    cJSON *json = envelope(false);
    cJSON *item =
        add_message(json, "errors", CODE_HEADERS, "Invalid request headers");
    cJSON *chain = cJSON_CreateArray(), *link = cJSON_CreateObject();
    cJSON_AddNumberToObject(link, "code", 6111);
    cJSON_AddStringToObject(link, "message",
                            "Invalid format for Authorization header");
    cJSON_AddItemToArray(chain, link);
    cJSON_AddItemToObject(item, "error_chain", chain);
    cJSON_AddNullToObject(json, "result");
    visit_answer(visit, 400, json);
}

static void
answer_verified(struct visit *visit, const char *name, const char *status)
{
    char id[40], plain[33], text[96];
    size_t len = 0;
    cloudflare_name_uuid(name, id);
    for (const char *p = id; *p != '\0'; p++)
        if (*p != '-')
            plain[len++] = *p;
    plain[len] = '\0';
    bool active = strcmp(status, "active") == 0;
    cJSON *json = envelope(true), *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "id", plain);
    cJSON_AddStringToObject(result, "status", status);
    cJSON_AddItemToObject(json, "result", result);
    snprintf(text, sizeof(text), "This API Token is %s",
             active ? "valid and active" : status);
    add_message(json, "messages", CODE_TOKEN, text);
    visit_answer(visit, 200, json);
}

/* An admin token, or a virtual key: clients of Cloudflare's have one token for
 * the API and for its models. */
static void
verify(struct visit *visit)
{
    char name[128];
    struct str token = token_of(visit);
    const char *status = NULL;
    if (token.len == 0 || memchr(token.ptr, ' ', token.len) != NULL) {
        refuse_headers(visit);
        return;
    }
    uint64_t key_id = visit_virtual_key(visit, token, &status);
    if (key_id != 0) {
        snprintf(name, sizeof(name), "key %llu", (unsigned long long)key_id);
        answer_verified(visit, name, status);
        return;
    }
    bool good = visit_token(visit, token);
    const struct member *member = &visit->call->member;
    if (!good && strcmp(visit->error.code, "token_expired") != 0) {
        cloudflare_refuse(visit, visit->error.status == 429 ? 429 : 401,
                          CODE_BAD_TOKEN, "Invalid API Token");
        return;
    }
    snprintf(name, sizeof(name), "token %llu %s",
             (unsigned long long)member->id, member->name);
    answer_verified(visit, name, good ? "active" : "expired");
}

static const struct dialect_route token_routes[] = {
    {HTTP_GET, "/user/tokens/verify", verify, DIALECT_OPEN},
    {HTTP_GET, "/accounts/{}/tokens/verify", verify, DIALECT_OPEN},
    {HTTP_GET, NULL, NULL, 0},
};

static const char *const prefixes[] = {"/client/v4", NULL};
static const struct dialect_route *const tables[] = {
    token_routes,
    cloudflare_gateway_routes,
    cloudflare_log_routes,
    cloudflare_set_routes,
    cloudflare_dynamic_routes,
    cloudflare_provider_routes,
    cloudflare_billing_routes,
    cloudflare_model_routes,
    NULL,
};

const struct dialect dialect_cloudflare = {
    .name = "cloudflare",
    .prefixes = prefixes,
    .tables = tables,
    .authenticate = authenticate,
    .fail = fail,
};
