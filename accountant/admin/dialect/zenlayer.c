/*
 * zenlayer.c - Zenlayer's AI gateway API: one path, the action in a field of the
 * head; who may, envelopes, error codes, parameters.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/zenlayer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/call.h"
#include "common/crypto.h"

#define VERSION "2026-04-14"

/* ---- envelopes ---- */

void
zenlayer_answer(struct visit *visit, cJSON *response)
{
    cJSON *json = cJSON_CreateObject();
    if (response == NULL)
        response = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "requestId", visit->id);
    cJSON_AddStringToObject(response, "requestId", visit->id);
    cJSON_AddItemToObject(json, "response", response);
    visit_answer(visit, 200, json);
}

static void
answer_error(struct visit *visit, uint16_t status, const char *code,
             const char *message)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "requestId", visit->id);
    cJSON_AddStringToObject(json, "code", code);
    cJSON_AddStringToObject(json, "message", message);
    visit_answer(visit, status, json);
}

void
zenlayer_fail(struct visit *visit, uint16_t status, const char *code,
              const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    answer_error(visit, status, code, message);
}

/* What the native operations, and we, say; by code, else by status. */
static void
fail(struct visit *visit)
{
    static const struct {
        const char *code; /* NULL: any */
        uint16_t status, answer;
        const char *theirs;
    } table[] = {
        {"invalid_token", 401, 401, "AUTHFAILURE_INVALID_AUTHORIZATION"},
        {"invalid_json", 400, 400, "INVALID_PARAMETER_TYPE"},
        {"invalid_path", 400, 404, "OPERATION_FAILED_RESOURCE_NOT_FOUND"},
        {"group_not_found", 404, 404,
         "OPERATION_FAILED_RESOURCE_GROUP_NOT_FOUND"},
        {"timeout", 504, 504, "REQUEST_TIMED_OUT"},
        {NULL, 400, 400, "INVALID_PARAMETER_VALUE"},
        {NULL, 401, 401, "AUTHFAILURE_INVALID_AUTHORIZATION"},
        {NULL, 403, 403, "AUTHFAILURE_UNAUTHORIZED_OPERATION"},
        {NULL, 404, 404, "OPERATION_FAILED_RESOURCE_NOT_FOUND"},
        {NULL, 405, 405, "AUTHFAILURE_UNAUTHORIZED_OPERATION"},
        {NULL, 409, 400, "INVALID_PARAMETER_VALUE"},
        {NULL, 413, 400, "INVALID_PARAMETER_EXCEED_LENGTH"},
        {NULL, 422, 400, "INVALID_PARAMETER_VALUE"},
        {NULL, 429, 429, "REQUEST_LIMIT_EXCEEDED"},
        {NULL, 503, 503, "SERVICE_TEMPORARY_UNAVAILABLE"},
        {NULL, 507, 503, "SERVICE_TEMPORARY_UNAVAILABLE"},
    };
    const struct admin_error *error = &visit->error;
    if (error->code[0] >= 'A' && error->code[0] <= 'Z') { /* theirs already */
        answer_error(visit, error->status, error->code, error->message);
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].status == error->status &&
            (table[i].code == NULL ||
             strcmp(table[i].code, error->code) == 0)) {
            answer_error(visit, table[i].answer, table[i].theirs,
                         error->message);
            return;
        }
    }
    answer_error(visit, 500, "INTERNAL_SERVER_ERROR", error->message);
}

/* ---- who ---- */

static struct str
signed_value(const void *context, struct str name)
{
    const struct visit *visit = context;
    if (str_equals_nocase(name, STR_LIT("host")))
        return visit_host(visit);
    return http_field_find(&visit->head, name);
}

/* What stands behind "NAME=" up to a comma; empty where it does not. */
static struct str
part_of(struct str authorization, struct str name)
{
    while (authorization.len > 0) {
        const char *end = memchr(authorization.ptr, ',', authorization.len);
        size_t len =
            end == NULL ? authorization.len : (size_t)(end - authorization.ptr);
        struct str part = str_trim(str_make(authorization.ptr, len));
        if (str_starts_with(part, name))
            return str_skip(part, name.len);
        authorization = str_skip(authorization, len + 1);
    }
    return (struct str){"", 0};
}

static bool
is_fresh(const struct visit *visit, struct str timestamp, int64_t *signed_s)
{
    char text[24];
    if (timestamp.len == 0 || timestamp.len >= sizeof(text))
        return false;
    *str_copy(text, timestamp) = '\0';
    char *end = NULL;
    *signed_s = strtoll(text, &end, 10);
    int64_t now_s = visit->now_ms / 1000;
    return *end == '\0' && *signed_s >= now_s - SIGNATURE_SKEW_S &&
           *signed_s <= now_s + SIGNATURE_SKEW_S;
}

/* Not twice: who has seen a signed request must not be able to send it again. */
static bool
use_up(struct visit *visit, struct str signature, int64_t signed_s)
{
    struct str action = visit_field(visit, "x-zc-action");
    if (str_starts_with(action, STR_LIT("Describe")))
        action = (struct str){"", 0};
    switch (visit_use_signature(visit, signature, action, signed_s)) {
    case SIGNATURE_FRESH:
        return true;
    case SIGNATURE_USED:
        return admin_error_set(&visit->error, 401,
                               "AUTHFAILURE_SIGNATURE_EXPIRED",
                               "This signed request was sent before, or "
                               "signed before this server began: sign anew.");
    case SIGNATURE_FULL:
        break;
    }
    return admin_error_set(&visit->error, 429, "REQUEST_LIMIT_EXCEEDED",
                           "Too many signed requests in these minutes: send "
                           "a token, or try later.");
}

static bool
by_signature(struct visit *visit, struct str rest)
{
    struct str key_id = part_of(rest, STR_LIT("Credential="));
    struct str signature = part_of(rest, STR_LIT("Signature="));
    struct str timestamp = visit_field(visit, "x-zc-timestamp");
    int64_t signed_s;
    struct zenlayer_signature request = {
        .timestamp = timestamp,
        .signed_headers = part_of(rest, STR_LIT("SignedHeaders=")),
        .body = visit->body,
        .value_of = signed_value,
        .context = visit,
    };
    if (key_id.len == 0 || signature.len == 0 ||
        request.signed_headers.len == 0)
        return admin_error_set(&visit->error, 401,
                               "AUTHFAILURE_INVALID_AUTHORIZATION",
                               "Authorization must be ZC2-HMAC-SHA256 "
                               "Credential=ID, SignedHeaders=content-type;"
                               "host, Signature=HEX.");
    if (!is_fresh(visit, timestamp, &signed_s))
        return admin_error_set(&visit->error, 401,
                               "AUTHFAILURE_SIGNATURE_EXPIRED",
                               "x-zc-timestamp is more than %d seconds away "
                               "from this server's clock.",
                               SIGNATURE_SKEW_S);
    struct buf secret;
    bool fits = false;
    buf_init_secret(&secret, 0);
    bool known = visit_signer(visit, key_id, &secret);
    for (int lower = 0; known && !fits && lower < 2; lower++) {
        char hex[65];
        request.lower = lower != 0;
        zenlayer_sign(&request, buf_view(&secret), hex);
        fits = crypto_equals(signature, str_from(hex));
    }
    buf_fini(&secret);
    if (fits)
        return use_up(visit, signature, signed_s);
    if (!known)
        return visit_wrong(visit, 401, "AUTHFAILURE_INVALID_AUTHORIZATION",
                           "The access key is not known.");
    return visit_wrong(visit, 401, "AUTHFAILURE_SIGNATURE_FAILURE",
                       "The signature does not match.");
}

static bool
authenticate(struct visit *visit)
{
    struct str value = visit_field(visit, "authorization");
    struct str method = STR_LIT("ZC2-HMAC-SHA256");
    if (str_starts_with(value, method))
        return by_signature(visit, str_skip(value, method.len));
    return visit_by_bearer(visit);
}

/* ---- actions ---- */

static const struct dialect_route *const tables[] = {
    zenlayer_gateways, zenlayer_settings, zenlayer_usage, NULL};

static const struct dialect_route *
find(struct visit *visit)
{
    struct admin_error *error = &visit->error;
    struct str action = visit_field(visit, "x-zc-action");
    struct str version = visit_field(visit, "x-zc-version");
    if (visit->head.method != HTTP_POST) {
        admin_error_set(error, 405, "AUTHFAILURE_UNAUTHORIZED_OPERATION",
                        "Actions are sent by POST.");
        return NULL;
    }
    if (version.len == 0 || action.len == 0) {
        admin_error_set(error, 400, "MISSING_PARAMETER",
                        "The field %s is missing in the request's head.",
                        version.len == 0 ? "x-zc-version" : "x-zc-action");
        return NULL;
    }
    if (!str_equals(version, STR_LIT(VERSION))) {
        admin_error_set(error, 400, "INVALID_PARAMETER_VALUE",
                        "x-zc-version must be " VERSION ".");
        return NULL;
    }
    for (const struct dialect_route *const *t = tables; *t != NULL; t++)
        for (const struct dialect_route *row = *t; row->run != NULL; row++)
            if (str_equals(action, str_from(row->path)))
                return row;
    admin_error_set(error, 403, "AUTHFAILURE_UNAUTHORIZED_OPERATION",
                    "There is no action %.*s.", STR_ARG(str_cut(action, 64)));
    return NULL;
}

static const char *const prefixes[] = {"/api/v2/aigw", "/api/v2/aig", NULL};

const struct dialect dialect_zenlayer = {
    .name = "zenlayer",
    .prefixes = prefixes,
    .tables = tables,
    .authenticate = authenticate,
    .fail = fail,
    .find = find,
};
