/*
 * cloudflare_gateways.c - AI gateways: /accounts/{a}/ai-gateway/gateways. One is
 * the native profile ACCOUNT/ID; what of it has a meaning here are options of
 * that, all of it is kept as it was sent.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"
#include "accountant/admin/dialect/cloudflare_spend.h"

enum { PER_PAGE_MAX = 1000, NATIVE_PAGE = 1000 };

#define FIELDS(required)                                                       \
    {"cache_invalidate_on_update", CF_BOOL, required, 0, 0, NULL},             \
        {"cache_ttl", CF_INT, required | CF_NULL, 0, 2678400, NULL},           \
        {"collect_logs", CF_BOOL, required, 0, 0, NULL},                       \
        {"rate_limiting_interval",                                             \
         CF_INT,                                                               \
         required | CF_NULL,                                                   \
         0,                                                                    \
         2678400,                                                              \
         NULL},                                                                \
        {"rate_limiting_limit", CF_INT, required | CF_NULL, 0, 4194303, NULL}, \
        {"rate_limiting_technique", CF_WORD, CF_NULL, 0, 0, "fixed|sliding"},  \
        {"authentication", CF_BOOL, 0, 0, 0, NULL},                            \
        {"log_management", CF_INT, CF_NULL, 10000, 10000000, NULL},            \
        {"log_management_strategy",     CF_WORD, CF_NULL, 0, 0,                \
         "STOP_INSERTING|DELETE_OLDEST"},                                      \
        {"logpush", CF_BOOL, 0, 0, 0, NULL},                                   \
        {"logpush_public_key", CF_TEXT, CF_NULL, 16, 1024, NULL},              \
        {"retry_backoff",                                                      \
         CF_WORD,                                                              \
         CF_NULL,                                                              \
         0,                                                                    \
         0,                                                                    \
         "constant|linear|exponential"},                                       \
        {"retry_delay", CF_INT, CF_NULL, 0, 5000, NULL},                       \
        {"retry_max_attempts", CF_INT, CF_NULL, 1, 5, NULL},                   \
        {"store_id", CF_TEXT, CF_NULL, 0, 256, NULL},                          \
        {"workers_ai_billing_mode", CF_WORD, 0, 0, 0, "postpaid|unified"},     \
        {"zdr", CF_BOOL, 0, 0, 0, NULL},                                       \
        {"dlp", CF_OBJECT, CF_NULL, 0, 0, NULL},                               \
        {"guardrails", CF_OBJECT, CF_NULL, 0, 0, NULL},                        \
        {"log_classification", CF_BOOL, 0, 0, 0, NULL},                        \
        {"otel", CF_ARRAY, CF_NULL, 0, 20, NULL},                              \
        {"spend_limits", CF_OBJECT, CF_NULL, 0, 0, NULL},                      \
        {"stripe", CF_OBJECT, CF_NULL, 0, 0, NULL},                            \
    {                                                                          \
        NULL, CF_BOOL, 0, 0, 0, NULL                                           \
    }

static const struct cloudflare_field create_fields[] = {
    {"id", CF_TEXT, CF_REQUIRED, 1, 64, NULL}, FIELDS(CF_REQUIRED)};
static const struct cloudflare_field update_fields[] = {FIELDS(CF_REQUIRED)};

/* ---- parts of a body that have parts ---- */

static void
check_guardrails(const cJSON *guardrails, cJSON *faults)
{
    static const char *const sides[] = {"prompt", "response"};
    for (size_t i = 0; cJSON_IsObject(guardrails) && i < ARRAY_LEN(sides);
         i++) {
        const cJSON *side = shape_at(guardrails, sides[i]), *item;
        char name[64];
        snprintf(name, sizeof(name), "guardrails.%s", sides[i]);
        if (!cJSON_IsObject(side)) {
            cloudflare_fault(faults, name, "%s must be an object", name);
            continue;
        }
        cJSON_ArrayForEach(item, side)
        {
            const char *word = cJSON_IsString(item) ? item->valuestring : "";
            if (strcmp(word, "FLAG") != 0 && strcmp(word, "BLOCK") != 0)
                cloudflare_fault(faults, name,
                                 "Invalid enum value: %s.%.40s must be FLAG or "
                                 "BLOCK",
                                 name, item->string);
        }
    }
}

static void
check_id(const char *id, cJSON *faults)
{
    for (const char *p = id; *p != '\0'; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   "0123456789-_.",
                   *p) == NULL) {
            cloudflare_fault(faults, "id",
                             "id may have letters, digits, - _ and . only");
            return;
        }
}

/* The fields of a body, and the native rules of spend_limits. NULL: answered. */
static cJSON *
read_gateway(struct visit *visit, const struct cloudflare_field *table,
             cJSON **rules)
{
    const cJSON *body = visit_object(visit);
    *rules = NULL;
    if (body == NULL)
        return NULL;
    cJSON *faults = cJSON_CreateArray();
    cJSON *settings = cloudflare_fields_check(body, table, faults);
    check_guardrails(shape_at(settings, "guardrails"), faults);
    cloudflare_dlp_check(shape_at(settings, "dlp"), faults);
    check_id(shape_text(settings, "id"), faults);
    *rules = cloudflare_spend_rules(shape_at(settings, "spend_limits"), faults);
    if (cJSON_GetArraySize(faults) == 0) {
        cJSON_Delete(faults);
        return settings;
    }
    cJSON_Delete(settings);
    cJSON_Delete(*rules);
    *rules = NULL;
    cloudflare_refuse_faults(visit, faults);
    return NULL;
}

/* ---- into native options ---- */

/* The number with its unit behind it, or null. */
static void
put_number(cJSON *native, const char *name, const cJSON *value,
           const char *unit)
{
    char text[40];
    if (value == NULL) {
        cJSON_AddNullToObject(native, name);
        return;
    }
    snprintf(text, sizeof(text), "%.0f%s", value->valuedouble, unit);
    cJSON_AddStringToObject(native, name, text);
}

static void
put_word(cJSON *native, const char *name, const cJSON *value)
{
    shape_add_copy(native, name, value);
}

/* `rules` is taken. */
static void
put_native(cJSON *native, const cJSON *settings, cJSON *rules)
{
    const cJSON *limit = shape_at(settings, "rate_limiting_limit");
    const cJSON *interval = shape_at(settings, "rate_limiting_interval");
    const cJSON *open = shape_at(settings, "authentication");
    bool limited = shape_number(settings, "rate_limiting_limit") > 0 &&
                   shape_number(settings, "rate_limiting_interval") > 0;
    bool logs = shape_true(settings, "collect_logs");
    cJSON zero = {.type = cJSON_Number};
    const cJSON *ttl = shape_at(settings, "cache_ttl");
    put_number(native, "cache_ttl", ttl == NULL ? &zero : ttl, "s");
    cJSON_AddStringToObject(native, "cache_scope", "gateway");
    cJSON_AddBoolToObject(native, "collect_log", logs);
    cJSON_AddBoolToObject(native, "log_payload", logs);
    put_number(native, "rate_limit", limited ? limit : NULL, "");
    put_number(native, "rate_interval", limited ? interval : NULL, "s");
    put_word(native, "rate_technique",
             limited ? shape_at(settings, "rate_limiting_technique") : NULL);
    put_number(native, "max_attempts", shape_at(settings, "retry_max_attempts"),
               "");
    put_number(native, "retry_delay", shape_at(settings, "retry_delay"), "ms");
    put_word(native, "retry_backoff", shape_at(settings, "retry_backoff"));
    cJSON_AddBoolToObject(native, "authentication",
                          open == NULL || cJSON_IsTrue(open));
    cJSON_AddItemToObject(native, "zdr",
                          shape_true(settings, "zdr") ? cJSON_CreateTrue()
                                                      : cJSON_CreateNull());
    cloudflare_dlp_put(native, shape_at(settings, "dlp"));
    cJSON_AddItemToObject(native, "spend_rules",
                          rules == NULL ? cJSON_CreateNull() : rules);
}

/* ---- shown ---- */

static void
add_or(cJSON *out, const cJSON *settings, const char *name, cJSON *otherwise)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(settings, name);
    if (value == NULL) {
        cJSON_AddItemToObject(out, name, otherwise);
        return;
    }
    cJSON_Delete(otherwise);
    cJSON_AddItemToObject(out, name, cJSON_Duplicate(value, true));
}

/* "600s", "500ms" or "30": the number; null is none. */
static cJSON *
number_of(const cJSON *profile, const char *name)
{
    double n;
    const cJSON *value = shape_at(profile, name);
    if (cJSON_IsNumber(value))
        return cJSON_CreateNumber(value->valuedouble);
    return sscanf(shape_text(profile, name), "%lf", &n) == 1
               ? cJSON_CreateNumber(n)
               : cJSON_CreateNull();
}

/* Of a profile that the configuration file has: what can be said of it. */
static void
add_native(cJSON *out, const cJSON *profile)
{
    cJSON_AddFalseToObject(out, "cache_invalidate_on_update");
    cJSON_AddItemToObject(out, "cache_ttl", number_of(profile, "cache_ttl"));
    cJSON_AddBoolToObject(out, "collect_logs",
                          strcmp(shape_text(profile, "collect_log"), "no") !=
                                  0 &&
                              !cJSON_IsFalse(shape_at(profile, "collect_log")));
    cJSON_AddItemToObject(out, "rate_limiting_interval",
                          number_of(profile, "rate_interval"));
    cJSON_AddItemToObject(out, "rate_limiting_limit",
                          number_of(profile, "rate_limit"));
    cJSON_AddBoolToObject(out, "authentication",
                          shape_true(profile, "authentication"));
}

static cJSON *
shape_gateway(const cJSON *profile, const cJSON *settings)
{
    cJSON *out = cJSON_CreateObject();
    const char *name = shape_text(profile, "name");
    const char *slash = strrchr(name, '/');
    const char *id = slash == NULL ? name : slash + 1;
    char account[256], uuid[40];
    snprintf(account, sizeof(account), "%.*s",
             slash == NULL ? 0 : (int)(slash - name), name);
    cloudflare_name_uuid(name, uuid);
    cJSON_AddStringToObject(out, "id", id);
    if (settings == NULL)
        add_native(out, profile);
    const cJSON *item;
    cJSON_ArrayForEach(item, settings)
    {
        if (strcmp(item->string, "id") != 0)
            shape_add_copy(out, item->string, item);
    }
    add_or(out, out, "authentication", cJSON_CreateTrue());
    static const char *const nulls[] = {"rate_limiting_technique",
                                        "log_management",
                                        "log_management_strategy",
                                        "logpush_public_key",
                                        "retry_backoff",
                                        "retry_delay",
                                        "retry_max_attempts",
                                        "store_id",
                                        "dlp",
                                        "guardrails",
                                        "otel",
                                        "spend_limits",
                                        "stripe"};
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        if (cJSON_GetObjectItemCaseSensitive(out, nulls[i]) == NULL)
            cJSON_AddNullToObject(out, nulls[i]);
    static const char *const noes[] = {"logpush", "zdr", "log_classification"};
    for (size_t i = 0; i < ARRAY_LEN(noes); i++)
        if (cJSON_GetObjectItemCaseSensitive(out, noes[i]) == NULL)
            cJSON_AddFalseToObject(out, noes[i]);
    if (cJSON_GetObjectItemCaseSensitive(out, "workers_ai_billing_mode") ==
        NULL)
        cJSON_AddStringToObject(out, "workers_ai_billing_mode", "postpaid");
    shape_add_copy(out, "created_at", shape_at(profile, "created_at"));
    shape_add_copy(out, "modified_at", shape_at(profile, "updated_at"));
    cJSON_AddBoolToObject(out, "is_default", strcmp(id, "default") == 0);
    cJSON_AddStringToObject(out, "account_id", account);
    cJSON_AddStringToObject(out, "account_tag", account);
    cJSON_AddStringToObject(out, "internal_id", uuid);
    return out;
}

static cJSON *
gateway_of(const cJSON *profile)
{
    cJSON *content = cJSON_Parse(shape_text(profile, "attributes"));
    cJSON *out = shape_gateway(profile, shape_at(content, "settings"));
    cJSON_Delete(content);
    return out;
}

/* ---- the routes ---- */

static bool
account_exists(struct visit *visit)
{
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                     visit->params[0]) != NULL;
}

static void
create(struct visit *visit)
{
    cJSON *rules;
    char name[256];
    cJSON *settings = read_gateway(visit, create_fields, &rules);
    if (settings == NULL)
        return;
    if (!account_exists(visit)) {
        cJSON_Delete(settings);
        cJSON_Delete(rules);
        return;
    }
    cJSON *native = cJSON_CreateObject(), *box = cJSON_CreateObject();
    snprintf(name, sizeof(name), "%s/%s", visit->params[0],
             shape_text(settings, "id"));
    cJSON_AddStringToObject(native, "name", name);
    put_native(native, settings, rules);
    cJSON_AddItemToObject(box, "settings", settings);
    char *text = cJSON_PrintUnformatted(box);
    cJSON_AddStringToObject(native, "attributes", text == NULL ? "" : text);
    cJSON_free(text);
    cJSON_Delete(box);
    const cJSON *profile =
        visit_ask(visit, HTTP_POST, native, "/admin/v1/gateways");
    if (profile != NULL)
        cloudflare_answer(visit, gateway_of(profile));
}

static void
get(struct visit *visit)
{
    struct cloudflare_box box;
    if (!cloudflare_box_open(visit, &box))
        return;
    cloudflare_answer(visit, gateway_of(box.profile));
    cloudflare_box_close(&box);
}

static void
list(struct visit *visit)
{
    struct cloudflare_page page;
    const char *search = visit_query(visit, "search");
    if (!cloudflare_page(visit, &page, PER_PAGE_MAX) || !account_exists(visit))
        return;
    cJSON *all = cJSON_CreateArray();
    double seen = 0, total = 1;
    for (int n = 1; seen < total; n++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", n);
        const cJSON *answer =
            visit_ask(visit, HTTP_GET, NULL,
                      "/admin/v1/gateways?group={}&page={}&limit=1000",
                      visit->params[0], number);
        if (answer == NULL) {
            cJSON_Delete(all);
            return;
        }
        const cJSON *profile;
        cJSON_ArrayForEach(profile, shape_at(answer, "data"))
        {
            const char *slash = strrchr(shape_text(profile, "name"), '/');
            if (slash != NULL &&
                (search == NULL || strcasestr(slash + 1, search) != NULL))
                cJSON_AddItemToArray(all, gateway_of(profile));
        }
        seen += NATIVE_PAGE;
        total = shape_number(answer, "total");
    }
    cloudflare_answer_list(visit, all, &page);
}

/* What was stored until now is not given again. Who may not forget the
 * gateway's alone may forget his group's. */
static bool
forget_answers(struct visit *visit, const char *profile)
{
    uint16_t status;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "gateway", profile);
    const cJSON *answer =
        visit_try(visit, &status, HTTP_POST, body, "/admin/v1/cache/purge");
    if (answer == NULL || status < 400)
        return answer != NULL;
    body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "group", visit->params[0]);
    return visit_ask(visit, HTTP_POST, body, "/admin/v1/cache/purge") != NULL;
}

static bool
edit_settings(struct visit *visit, struct cloudflare_box *box, cJSON *native,
              cJSON **result)
{
    cJSON *rules;
    cJSON *settings = read_gateway(visit, update_fields, &rules);
    if (settings == NULL)
        return false;
    put_native(native, settings, rules);
    cJSON_DeleteItemFromObjectCaseSensitive(box->content, "settings");
    cJSON_AddItemToObject(box->content, "settings", settings);
    *result = NULL;
    return true;
}

static void
answer_updated(struct visit *visit, cJSON *result)
{
    char name[256];
    (void)result;
    const cJSON *body = visit_object(visit);
    cloudflare_profile_name(visit, name);
    if (shape_true(body, "cache_invalidate_on_update") &&
        !forget_answers(visit, name))
        return;
    const cJSON *profile =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/gateways/{}", name);
    if (profile != NULL)
        cloudflare_answer(visit, gateway_of(profile));
}

static void
update(struct visit *visit)
{
    cloudflare_box_change(visit, edit_settings, answer_updated);
}

static void
delete_gateway(struct visit *visit)
{
    struct cloudflare_box box;
    char name[256];
    cloudflare_profile_name(visit, name);
    if (!cloudflare_box_open(visit, &box))
        return;
    if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/gateways/{}?routes=yes",
                  name) != NULL)
        cloudflare_answer(visit, gateway_of(box.profile));
    cloudflare_box_close(&box);
}

/* Where calls go that are sent to the gateway. */
static void
url(struct visit *visit)
{
    struct cloudflare_box box;
    struct buf text;
    if (!cloudflare_box_open(visit, &box))
        return;
    cloudflare_box_close(&box);
    buf_init(&text, 0);
    visit_data_origin(visit, &text);
    buf_printf(&text, "/v1/%s/%s", visit->params[0], visit->params[1]);
    if (visit->params[2] != NULL && strcmp(visit->params[2], "universal") != 0)
        buf_printf(&text, "/%s", visit->params[2]);
    cloudflare_answer(visit, cJSON_CreateString(buf_cstr(&text)));
    buf_fini(&text);
}

// clang-format off
const struct dialect_route cloudflare_gateway_routes[] = {
    {HTTP_POST, "/accounts/{}/ai-gateway/gateways", create, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways", list, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}", get, 0},
    {HTTP_PUT, "/accounts/{}/ai-gateway/gateways/{}", update, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/gateways/{}", delete_gateway, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/gateways/{}/url/{}", url, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
