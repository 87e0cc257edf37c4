/*
 * fuzz_management.c - requests of other systems' management APIs: a route of any
 * dialect's table is run with parameters, a query, a body, and the answers of the
 * native operations that it asks, all of them from the input. It answers, always,
 * once, and the same again; JSON is JSON.
 *
 * Lines of the input: the route (a number, or METHOD PATH of the table) · the query ·
 * parameters of the path, blanks between · the body: JSON, or pairs of bytes that
 * stand for a name of the dialects' bodies and a value · then answers, "404 {...}".
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/call.h"
#include "accountant/admin/dialect/dialect.h"
#include "accountant/admin/dialect/visit_part.h"
#include "accountant/console/console.h"
#include "common/json_scan.h"

/* Not tests/fuzz/fuzz.h: workers have a struct call and a struct dialect of their
 * own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static bool
is_json(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    while (json_next(&reader, &token) > JSON_BAD)
        continue;
    return token.type == JSON_END;
}

/* The console is not built in. */
bool
console_has(struct str path)
{
    (void)path;
    return false;
}

bool
console_begin(struct call *call, const struct http_head *head)
{
    (void)call;
    (void)head;
    return false;
}

enum { ROUTES_MAX = 400, ANSWERS_MAX = 12 };

/* Of the tables of fields, of all dialects. */
static const char *const names[] = {
    /* zenlayer */
    "gatewayName",
    "gatewayUuid",
    "gatewayUuids",
    "tokenLimit",
    "expireType",
    "expireTime",
    "modelAccess",
    "modelUuids",
    "resourceGroupId",
    "tags",
    "tagKeys",
    "ipAclType",
    "ipAddresses",
    "enabled",
    "instanceIds",
    "start",
    "end",
    "month",
    "pageSize",
    "pageNum",
    /* cloudflare */
    "id",
    "cache_invalidate_on_update",
    "cache_ttl",
    "collect_logs",
    "rate_limiting_interval",
    "rate_limiting_limit",
    "rate_limiting_technique",
    "authentication",
    "log_management",
    "retry_backoff",
    "retry_delay",
    "retry_max_attempts",
    "zdr",
    "dlp",
    "guardrails",
    "otel",
    "spend_limits",
    "stripe",
    "rules",
    "limit",
    "limitType",
    "window",
    "metadata",
    "model",
    "provider",
    "mode",
    "action",
    "profiles",
    "policies",
    "check",
    "prompt",
    "response",
    "elements",
    "type",
    "outputs",
    "next",
    "elementId",
    "properties",
    "conditions",
    "version_id",
    "filters",
    "key",
    "operator",
    "value",
    "name",
    "enable",
    "dataset_ids",
    "evaluation_type_ids",
    "alias",
    "default_config",
    "provider_slug",
    "secret",
    "base_url",
    "slug",
    "headers",
    "amount",
    "duration",
    "strategy",
    "threshold",
    "feedback",
    "score",
    /* aiproxy, sealos */
    "subnets",
    "models",
    "quota",
    "period_quota",
    "period_type",
    "status",
    "groups",
    "items",
    "group",
    "token_name",
    "price",
    "input_price",
    "input_price_unit",
    "conditional_prices",
    "condition",
    "input_token_min",
    "start_time",
    "service_tier",
    "override_limit",
    "override_price",
    "rpm",
    "tpm",
    "config",
    "max_context_tokens",
    /* clickzetta */
    "accessToken",
    "vApiKeyAlias",
    "vApiKey",
    "routingRule",
    "routeType",
    "providerIds",
    "privateKeyAliases",
    "providerSort",
    "rateLimitConfigs",
    "quota_pdo",
    "quota_total",
    "pageIndex",
    "creator",
    "virtualKey",
};

static const struct {
    const struct dialect *dialect;
    const struct dialect_route *route;
} * routes;
static unsigned route_count;

/* Not those that need the server itself: logins, addresses, streams. */
static bool
is_tried(const struct dialect_route *row)
{
    return (row->flags & DIALECT_OPEN) == 0 &&
           strstr(row->path, "export") == NULL &&
           strstr(row->path, "/url/") == NULL;
}

static void
find_routes(void)
{
    static struct {
        const struct dialect *dialect;
        const struct dialect_route *route;
    } found[ROUTES_MAX];
    const struct dialect *dialect;
    for (unsigned i = 0; (dialect = dialect_row(i)) != NULL; i++)
        for (const struct dialect_route *const *t = dialect->tables; *t != NULL;
             t++)
            for (const struct dialect_route *row = *t; row->run != NULL; row++)
                if (is_tried(row)) {
                    MUST(route_count < ROUTES_MAX);
                    found[route_count].dialect = dialect;
                    found[route_count++].route = row;
                }
    routes = (const void *)found;
}

static unsigned
route_of(const char *text)
{
    static const char *const methods[] = {
        [HTTP_GET] = "GET ",     [HTTP_POST] = "POST ",     [HTTP_PUT] = "PUT ",
        [HTTP_PATCH] = "PATCH ", [HTTP_DELETE] = "DELETE ",
    };
    for (unsigned i = 0; i < route_count; i++) {
        const struct dialect_route *row = routes[i].route;
        size_t len = strlen(methods[row->method]);
        if (strncmp(text, methods[row->method], len) == 0 &&
            strcmp(text + len, row->path) == 0)
            return i;
    }
    return (unsigned)strtoul(text, NULL, 10) % route_count;
}

/* ---- the body ---- */

static cJSON *make_object(const uint8_t **at, const uint8_t *end,
                          unsigned depth);

static cJSON *
make_value(const uint8_t **at, const uint8_t *end, unsigned depth)
{
    static const char *const texts[] = {
        "",        "a",          "m1",
        "LIMITED", "CUSTOM",     "WHITE",
        "BLOCK",   "REQUEST",    "daily",
        "fixed",   "cost",       "2026-02",
        "model",   "percentage", "default",
        "****",    "10%",        "2099-01-01T00:00:00Z"};
    static const double numbers[] = {0,   1,    2,   -1,    7.5,
                                     1e9, 1e18, 400, 1e300, 1795000000};
    uint8_t byte = *at < end ? *(*at)++ : 0;
    switch (byte % 8) {
    case 0:
        return cJSON_CreateNull();
    case 1:
        return cJSON_CreateBool(byte & 8);
    case 2:
    case 3:
        return cJSON_CreateNumber(numbers[byte / 8 % ARRAY_LEN(numbers)]);
    case 4:
    case 5:
        return cJSON_CreateString(texts[byte / 8 % ARRAY_LEN(texts)]);
    default:
        break;
    }
    if (depth > 4)
        return cJSON_CreateObject();
    if (byte % 8 == 6)
        return make_object(at, end, depth + 1);
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < byte / 8 % 4; i++)
        cJSON_AddItemToArray(list, make_value(at, end, depth + 1));
    return list;
}

static cJSON *
make_object(const uint8_t **at, const uint8_t *end, unsigned depth)
{
    cJSON *object = cJSON_CreateObject();
    for (unsigned i = 0; i < 12 && *at < end; i++) {
        uint8_t name = *(*at)++;
        if (name == 255) /* here it ends */
            break;
        cJSON_AddItemToObject(object, names[name % ARRAY_LEN(names)],
                              make_value(at, end, depth));
    }
    return object;
}

static void
make_body(struct buf *out, const char *line, size_t len)
{
    const uint8_t *at = (const uint8_t *)line;
    if (len == 0 || strchr("{[\"", line[0]) != NULL) {
        buf_append(out, line, len);
        return;
    }
    cJSON *object = make_object(&at, at + len, 0);
    char *text = cJSON_PrintUnformatted(object);
    MUST(text != NULL);
    buf_append_cstr(out, text);
    cJSON_free(text);
    cJSON_Delete(object);
}

/* ---- a visit ---- */

/* Lists of native operations always have their rows. */
static void
add_list(struct visit_ask *answer)
{
    if (answer->status < 400 && !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(
                                    answer->json, "data"))) {
        cJSON_DeleteItemFromObjectCaseSensitive(answer->json, "data");
        cJSON_AddArrayToObject(answer->json, "data");
    }
}

static void
read_answers(struct visit_ask *asks, char *left)
{
    struct visit_ask answers[ANSWERS_MAX];
    unsigned count = 0;
    while (count < ANSWERS_MAX && left != NULL) {
        char *line = strsep(&left, "\n");
        const char *json = strchr(line, ' ');
        unsigned long status = strtoul(line, NULL, 10);
        answers[count].status =
            (uint16_t)(status >= 200 && status < 600 ? status : 200);
        answers[count].json =
            json == NULL ? cJSON_CreateObject() : cJSON_Parse(json + 1);
        if (!cJSON_IsObject(answers[count].json)) {
            cJSON_Delete(answers[count].json);
            answers[count].json = cJSON_CreateObject();
        }
        add_list(&answers[count]);
        count++;
    }
    if (count == 0) {
        answers[0].status = 200;
        answers[0].json = cJSON_CreateObject();
        add_list(&answers[0]);
        count = 1;
    }
    for (unsigned i = 0; i < VISIT_ASKS_MAX; i++)
        asks[i] = answers[i % count];
}

static void
run(struct visit *visit, struct call *call, struct buf *reply)
{
    visit->asked = 0;
    visit->answered = false;
    visit->error = (struct admin_error){0};
    buf_reset(&call->reply);
    buf_reset(&call->fields);
    call->content_type = NULL;
    visit->route->run(visit);
    MUST(visit->answered && visit->status >= 200 && visit->status < 600);
    MUST(call->content_type != NULL || buf_len(&call->reply) == 0 ||
         is_json(buf_view(&call->reply)));
    buf_append_str(reply, buf_view(&call->reply));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct visit_ask asks[VISIT_ASKS_MAX];
    char *lines[4] = {(char[]){""}, (char[]){""}, (char[]){""}, (char[]){""}};
    char *text = strndup((const char *)data, size), *left = text;
    struct call call = {.peer_uid = 0};
    struct buf body, first, second;
    if (route_count == 0)
        find_routes();
    for (unsigned i = 0; i < ARRAY_LEN(lines) && left != NULL; i++)
        lines[i] = strsep(&left, "\n");
    unsigned chosen = route_of(lines[0]);
    struct visit visit = {.dialect = routes[chosen].dialect,
                          .route = routes[chosen].route,
                          .call = &call,
                          .now_ms = INT64_C(1795000000000),
                          .id = "id-1",
                          .asks = asks,
                          .ask_count = VISIT_ASKS_MAX};
    visit.head.method = visit.route->method;
    visit.head.path = str_from(visit.route->path);
    visit.head.query = str_from(lines[1]);
    char *into = malloc(strlen(lines[1]) + 2 * VISIT_QUERY_MAX + 2);
    visit_query_parse(&visit, into);
    for (unsigned i = 0; i < VISIT_PARAMS; i++) {
        const char *param = strsep(&lines[2], " ");
        if (strstr(visit.route->path, "{") != NULL)
            visit.params[i] = param == NULL ? "x" : param;
    }
    buf_init(&body, 0);
    buf_init(&first, 0);
    buf_init(&second, 0);
    buf_init(&call.reply, 0);
    buf_init(&call.fields, 0);
    make_body(&body, lines[3], strlen(lines[3]));
    visit.body = str_make(buf_cstr(&body), buf_len(&body));
    read_answers(asks, left);
    run(&visit, &call, &first);
    run(&visit, &call, &second);
    MUST(str_equals(buf_view(&first), buf_view(&second)));
    for (unsigned i = 0; i < ANSWERS_MAX; i++) {
        bool again = false;
        for (unsigned k = 0; k < i; k++)
            again = again || asks[k].json == asks[i].json;
        if (!again)
            cJSON_Delete(asks[i].json);
        else
            break;
    }
    cJSON_Delete(visit.json);
    buf_fini(&body);
    buf_fini(&first);
    buf_fini(&second);
    buf_fini(&call.reply);
    buf_fini(&call.fields);
    free(into);
    free(text);
    return 0;
}
