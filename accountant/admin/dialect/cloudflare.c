/*
 * cloudflare.c - Cloudflare's REST API, version 4: who may, both envelopes,
 * errors, and the token's own routes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/cloudflare.h"

#include <stdio.h>

#include "accountant/admin/dialect/dialect.h"

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
static void
add_message(cJSON *json, const char *list, int code, const char *message)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "code", code);
    cJSON_AddStringToObject(item, "message", message);
    cJSON_AddItemToArray(cJSON_GetObjectItem(json, list), item);
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
    add_message(json, "errors", 7003, text);
    add_message(json, "errors", 7000, "No route for that URI");
    cJSON_AddNullToObject(json, "result");
    visit_answer(visit, 404, json);
}

static void
fail(struct visit *visit)
{
    static const struct {
        uint16_t status;
        int code;
    } codes[] = {{400, 7001}, {401, 10000}, {403, 10000}, {404, 7002},
                 {405, 7001}, {409, 7001},  {429, 971},   {0, 7000}};
    const struct admin_error *error = &visit->error;
    unsigned i = 0;
    if (visit->route == NULL &&
        (error->status == 404 || error->status == 405)) {
        fail_no_route(visit);
        return;
    }
    while (codes[i].status != error->status && codes[i].status != 0)
        i++;
    bool who = codes[i].code == 10000;
    cloudflare_refuse(visit, error->status, codes[i].code,
                      who ? "Authentication error" : error->message);
}

/* ---- the calling token ---- */

static void
verify(struct visit *visit)
{
    static const char text[] = "This API Token is valid and active";
    struct str token = visit_bearer(visit);
    if (token.len == 0) {
        cloudflare_refuse(visit, 400, 6003, "Invalid request headers");
        return;
    }
    if (!visit_token(visit, token)) {
        cloudflare_refuse(visit, 401, 1000, "Invalid API Token");
        return;
    }
    cJSON *json = envelope(true);
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "id", visit->id);
    cJSON_AddStringToObject(result, "status", "active");
    cJSON_AddItemToObject(json, "result", result);
    add_message(json, "messages", 10000, text);
    visit_answer(visit, 200, json);
}

static const struct dialect_route token_routes[] = {
    {HTTP_GET, "/user/tokens/verify", verify, DIALECT_OPEN},
    {HTTP_GET, "/accounts/{}/tokens/verify", verify, DIALECT_OPEN},
    {HTTP_GET, NULL, NULL, 0},
};

static const char *const prefixes[] = {"/client/v4", NULL};
static const struct dialect_route *const tables[] = {token_routes, NULL};

const struct dialect dialect_cloudflare = {
    .name = "cloudflare",
    .prefixes = prefixes,
    .tables = tables,
    .authenticate = visit_by_bearer,
    .fail = fail,
};
