/*
 * operations.c - the table, and how a path finds its row.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/operations.h"

#include <stdio.h>

#include "accountant/admin/log_filter.h"

// clang-format off
enum { BODY = OPERATION_BODY, CHANGES = OPERATION_CHANGES,
       CHANGE = OPERATION_BODY | OPERATION_CHANGES, ETAG = OPERATION_ETAG };

static const struct operation operations[] = {
    {HTTP_POST,   "/admin/v1/keys",             "key_create", "",
     op_keys_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_BODY}},
    {HTTP_GET,    "/admin/v1/keys",             "key_list",
     "ref name group status ids tags tag_keys page limit", op_keys_list, 0,
     {MEMBER_READ_ONLY, SCOPE_KEYS_READ, BOUND_SEEN}},
    {HTTP_POST,   "/admin/v1/keys/upsert",      "key_upsert", "",
     op_keys_upsert, CHANGE,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_BODY}},
    {HTTP_POST,   "/admin/v1/keys/lookup",      "key_lookup", "",
     op_keys_lookup, BODY,
     {MEMBER_READ_ONLY, SCOPE_KEYS_READ, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/keys/{}",          "key_get", "",
     op_keys_get, 0,
     {MEMBER_READ_ONLY, SCOPE_KEYS_READ, BOUND_KEY}},
    {HTTP_PATCH,  "/admin/v1/keys/{}",          "key_update", "",
     op_keys_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_DELETE, "/admin/v1/keys/{}",          "key_delete", "",
     op_keys_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_POST,   "/admin/v1/keys/{}/copy",     "key_copy", "",
     op_keys_copy, CHANGE,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_POST,   "/admin/v1/keys/{}/rotate",   "key_rotate", "",
     op_keys_rotate, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_DELETE, "/admin/v1/keys/{}/former",   "key_end_former", "",
     op_keys_end_former, CHANGES,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_POST,   "/admin/v1/keys/{}/restore",  "key_restore", "",
     op_keys_restore, CHANGE,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_POST,   "/admin/v1/keys/{}/reveal",   "key_reveal", "",
     op_keys_reveal, CHANGES,
     {MEMBER_OPERATOR, SCOPE_KEYS_WRITE, BOUND_KEY}},
    {HTTP_GET,    "/admin/v1/keys/{}/periods",  "key_periods", "",
     op_keys_periods, 0,
     {MEMBER_READ_ONLY, SCOPE_KEYS_READ, BOUND_KEY}},
    {HTTP_POST,   "/admin/v1/groups",           "group_create", "",
     op_groups_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_GROUPS_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/groups",           "group_list", "id page limit",
     op_groups_list, 0,
     {MEMBER_READ_ONLY, SCOPE_GROUPS_READ, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/groups/{}",        "group_get", "",
     op_groups_get, 0,
     {MEMBER_READ_ONLY, SCOPE_GROUPS_READ, BOUND_GROUP}},
    {HTTP_PATCH,  "/admin/v1/groups/{}",        "group_update", "",
     op_groups_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_GROUPS_WRITE, BOUND_GROUP}},
    {HTTP_DELETE, "/admin/v1/groups/{}",        "group_delete", "all",
     op_groups_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR,
      SCOPE_GROUPS_WRITE | SCOPE_KEYS_WRITE | SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/groups/{}/top-ups", "group_top_ups", "page limit",
     op_groups_top_ups, 0,
     {MEMBER_READ_ONLY, SCOPE_GROUPS_READ, BOUND_GROUP}},
    {HTTP_POST,   "/admin/v1/groups/{}/top-up", "group_top_up", "",
     op_groups_top_up, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_GROUPS_WRITE, BOUND_GROUP}},
    {HTTP_GET,    "/admin/v1/balances",         "balance_list",
     "unknown page limit", op_balances_list, 0,
     {MEMBER_READ_ONLY, SCOPE_GROUPS_READ, BOUND_SEEN}},
    {HTTP_POST,   "/admin/v1/balances/{}/ask",  "balance_ask", "",
     op_balances_ask, CHANGES,
     {MEMBER_OPERATOR, SCOPE_GROUPS_WRITE, BOUND_GROUP}},
    {HTTP_POST,   "/admin/v1/balances/{}/settle", "balance_settle", "",
     op_balances_settle, CHANGE,
     {MEMBER_OWNER, SCOPE_GROUPS_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/balances/work",    "balance_work", "",
     op_balances_work, BODY,
     {MEMBER_OWNER, SCOPE_GROUPS_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/tokens",           "token_create", "",
     op_tokens_create, CHANGE,
     {MEMBER_OWNER, SCOPE_TOKENS_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/tokens",           "token_list", "ref page limit",
     op_tokens_list, 0,
     {MEMBER_OPERATOR, SCOPE_TOKENS_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/tokens/{}",        "token_get", "",
     op_tokens_get, 0,
     {MEMBER_OPERATOR, SCOPE_TOKENS_READ, BOUND_NEVER}},
    {HTTP_PATCH,  "/admin/v1/tokens/{}",        "token_update", "",
     op_tokens_update, CHANGE | ETAG,
     {MEMBER_OWNER, SCOPE_TOKENS_WRITE, BOUND_NEVER}},
    {HTTP_DELETE, "/admin/v1/tokens/{}",        "token_delete", "",
     op_tokens_delete, CHANGES | ETAG,
     {MEMBER_OWNER, SCOPE_TOKENS_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/session",          "session_open", "",
     op_session_open, CHANGE | OPERATION_OPEN,
     {MEMBER_NOBODY, SCOPE_ANY, BOUND_FREE}},
    {HTTP_POST,   "/admin/v1/session/link",     "session_link", "",
     op_session_link, CHANGES,
     {MEMBER_OWNER, SCOPE_TOKENS_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/session",          "session_get", "",
     op_session_get, 0,
     {MEMBER_READ_ONLY, SCOPE_ANY, BOUND_FREE}},
    {HTTP_DELETE, "/admin/v1/session",          "session_close", "",
     op_session_close, CHANGES,
     {MEMBER_READ_ONLY, SCOPE_ANY, BOUND_FREE}},
    {HTTP_GET,    "/admin/v1/sessions",         "session_list", "",
     op_sessions_list, 0,
     {MEMBER_READ_ONLY, SCOPE_ANY, BOUND_FREE}},
    {HTTP_DELETE, "/admin/v1/sessions/{}",      "session_revoke", "",
     op_sessions_revoke, CHANGES,
     {MEMBER_READ_ONLY, SCOPE_ANY, BOUND_FREE}},
    {HTTP_GET,    "/admin/v1/models",           "model_list", "key",
     op_models_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_SEEN}},
    {HTTP_POST,   "/admin/v1/providers",        "provider_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/providers",        "provider_list", "page limit",
     op_config_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/providers/{}",     "provider_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_PATCH,  "/admin/v1/providers/{}",     "provider_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_DELETE, "/admin/v1/providers/{}",     "provider_delete", "",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/providers/{}/test", "provider_test", "",
     op_providers_test, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/provider-tests",   "provider_test_work", "",
     op_provider_tests_work, BODY,
     {MEMBER_OWNER, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/credentials",      "credential_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/credentials",      "credential_list", "page limit",
     op_config_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/credentials/{}",   "credential_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_PATCH,  "/admin/v1/credentials/{}",   "credential_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_DELETE, "/admin/v1/credentials/{}",   "credential_delete", "",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/models",           "model_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/models/{}",        "model_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_PATCH,  "/admin/v1/models/{}",        "model_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_DELETE, "/admin/v1/models/{}",        "model_delete", "",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/endpoints",        "endpoint_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/endpoints",        "endpoint_list", "page limit",
     op_config_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/endpoints/{}",     "endpoint_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_PATCH,  "/admin/v1/endpoints/{}",     "endpoint_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_DELETE, "/admin/v1/endpoints/{}",     "endpoint_delete", "",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/gateways",         "gateway_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_PROFILE}},
    {HTTP_GET,    "/admin/v1/gateways",         "gateway_list",
     "group page limit",
     op_config_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_PROFILE}},
    {HTTP_GET,    "/admin/v1/gateways/{}",      "gateway_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_PROFILE}},
    {HTTP_PATCH,  "/admin/v1/gateways/{}",      "gateway_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_PROFILE}},
    {HTTP_DELETE, "/admin/v1/gateways/{}",      "gateway_delete", "routes",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_PROFILE}},
    {HTTP_POST,   "/admin/v1/routes",           "route_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_ROUTE}},
    {HTTP_GET,    "/admin/v1/routes",           "route_list",
     "group page limit",
     op_config_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_ROUTE}},
    {HTTP_GET,    "/admin/v1/routes/{}",        "route_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_ROUTE}},
    {HTTP_PATCH,  "/admin/v1/routes/{}",        "route_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_ROUTE}},
    {HTTP_DELETE, "/admin/v1/routes/{}",        "route_delete", "",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_ROUTE}},
    {HTTP_POST,   "/admin/v1/alerts",           "alert_create", "",
     op_config_create, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/alerts",           "alert_list", "page limit",
     op_config_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/alerts/{}",        "alert_get", "",
     op_config_get, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_PATCH,  "/admin/v1/alerts/{}",        "alert_update", "",
     op_config_update, CHANGE | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_DELETE, "/admin/v1/alerts/{}",        "alert_delete", "",
     op_config_delete, CHANGES | ETAG,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/alerts/{}/test",   "alert_test", "",
     op_alerts_test, CHANGES,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/deliveries",       "delivery_list",
     "state alert limit", op_deliveries_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/deliveries/due",   "delivery_due", "",
     op_deliveries_due, 0,
     {MEMBER_OWNER, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/deliveries/{}",    "delivery_note", "",
     op_deliveries_note, BODY,
     {MEMBER_OWNER, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/prices",           "price_list",
     "model provider page limit", op_prices_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/prices/reprice",   "price_reprice", "",
     op_reprice, CHANGE,
     {MEMBER_OWNER, SCOPE_CONFIG_WRITE | SCOPE_GROUPS_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/prices/reprice",   "price_reprice_list",
     "page limit", op_reprice_list, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/prices/import",    "price_import", "",
     op_prices_import, CHANGE | OPERATION_LARGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/openapi.json",     "openapi", "",
     op_openapi, 0,
     {MEMBER_READ_ONLY, SCOPE_ANY, BOUND_FREE}},
    {HTTP_GET,    "/admin/v1/audit",            "audit",
     "from to member operation object group outcome order limit cursor",
     op_audit, 0,
     {MEMBER_OPERATOR, SCOPE_AUDIT_READ, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/status",           "status", "", op_status, 0,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/health",           "health", "", op_health, 0,
     {MEMBER_READ_ONLY, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/settings",         "settings", "", op_settings, 0,
     {MEMBER_OPERATOR, SCOPE_CONFIG_READ, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/reload",           "reload", "", op_reload, CHANGES,
     {MEMBER_OWNER, SCOPE_SYSTEM_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/usage",            "usage",
     "from to resolution utc_offset key key_id group model provider by",
     op_usage, 0,
     {MEMBER_READ_ONLY, SCOPE_USAGE_READ, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/logs",             "logs",
     LOG_FILTER_QUERY " limit", op_logs, 0,
     {MEMBER_READ_ONLY, SCOPE_LOGS_READ, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/logs/export",      "log_export",
     LOG_FILTER_QUERY " limit format columns", op_log_export, 0,
     {MEMBER_READ_ONLY, SCOPE_LOGS_READ, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/logs/{}",          "log_get", "payload at",
     op_log, 0,
     {MEMBER_READ_ONLY, SCOPE_LOGS_READ, BOUND_SEEN}},
    {HTTP_PATCH,  "/admin/v1/logs/{}",          "log_update", "",
     op_log_update, CHANGE,
     {MEMBER_OPERATOR, SCOPE_LOGS_READ | SCOPE_CONFIG_WRITE, BOUND_SEEN}},
    {HTTP_POST,   "/admin/v1/logs/search",      "log_search", "",
     op_log_search, BODY,
     {MEMBER_READ_ONLY, SCOPE_LOGS_READ, BOUND_SEEN}},
    {HTTP_POST,   "/admin/v1/logs/delete",      "log_delete", "",
     op_log_delete, CHANGE,
     {MEMBER_OPERATOR, SCOPE_LOGS_READ | SCOPE_CONFIG_WRITE, BOUND_SEEN}},
    {HTTP_GET,    "/admin/v1/ledger/sum",       "ledger_sum", "",
     op_ledger_sum, 0,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/ledger/verify",    "ledger_verify", "",
     op_ledger_verify, 0,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/ledger/list",      "ledger_list", "",
     op_ledger_list, 0,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/ledger/disk",      "ledger_disk", "",
     op_ledger_disk, 0,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/ledger/export",    "ledger_export", "rows",
     op_ledger_export, CHANGES,
     {MEMBER_OWNER, SCOPE_SYSTEM_WRITE, BOUND_NEVER}},
    {HTTP_GET,    "/admin/v1/cache",            "cache_stats", "",
     op_cache_stats, 0,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
    {HTTP_POST,   "/admin/v1/cache/purge",      "cache_purge", "",
     op_cache_purge, CHANGE,
     {MEMBER_OPERATOR, SCOPE_CONFIG_WRITE, BOUND_BODY_NAMED}},
    {HTTP_GET,    "/metrics",                   "metrics", "",
     op_metrics, OPERATION_METRICS,
     {MEMBER_READ_ONLY, SCOPE_SYSTEM_READ, BOUND_NEVER}},
};
// clang-format on

/* Those that heed Idempotency-Key. */
static const struct operation_replay replays[] = {
    {"key_create", op_keys_reveal, REPLAY_BY_ID},
    {"key_copy", op_keys_reveal, REPLAY_BY_ID},
    {"key_rotate", op_keys_reveal, REPLAY_BY_PATH},
    {"token_create", op_tokens_replay, REPLAY_BY_ID},
    {"group_create", op_groups_get, REPLAY_BY_NAME},
    {"group_top_up", op_groups_get, REPLAY_BY_PATH},
    {"provider_create", op_config_get, REPLAY_BY_NAME},
    {"credential_create", op_config_get, REPLAY_BY_NAME},
    {"model_create", op_config_get, REPLAY_BY_NAME},
    {"endpoint_create", op_config_get, REPLAY_BY_NAME},
    {"gateway_create", op_config_get, REPLAY_BY_NAME},
    {"route_create", op_config_get, REPLAY_BY_NAME},
};

const struct operation_replay *
operations_replay(const struct operation *operation)
{
    for (unsigned i = 0; i < ARRAY_LEN(replays); i++)
        if (strcmp(replays[i].name, operation->name) == 0)
            return &replays[i];
    return NULL;
}

static const char *
method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET, HEAD";
    case HTTP_POST:
        return "POST";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_DELETE:
        return "DELETE";
    default:
        return "OPTIONS";
    }
}

/* Cuts the first segment (behind its slash) off `path`. */
static struct str
take_segment(struct str *path)
{
    struct str rest = str_skip(*path, 1);
    const char *slash = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
    size_t len = slash == NULL ? rest.len : (size_t)(slash - rest.ptr);
    *path = str_skip(rest, len);
    return str_make(rest.ptr, len);
}

/* How many fixed segments fit, or -1; an exact path beats one with "{}". */
static int
path_score(const char *pattern, struct str path, struct str *param)
{
    int score = 0;
    struct str wanted = str_from(pattern);
    while (wanted.len > 0 && path.len > 0) {
        struct str want = take_segment(&wanted);
        struct str have = take_segment(&path);
        if (str_equals(want, STR_LIT("{}")) && have.len > 0)
            *param = have;
        else if (str_equals(want, have))
            score++;
        else
            return -1;
    }
    return wanted.len == 0 && path.len == 0 ? score : -1;
}

/* The methods of a path, in a text that stays valid: one of few pairs. */
static const char *
allow_of(const bool methods[HTTP_OTHER + 1])
{
    static char text[64];
    text[0] = '\0';
    for (int m = 0; m <= HTTP_OTHER; m++) {
        size_t at = strlen(text);
        if (methods[m])
            snprintf(text + at, sizeof(text) - at, "%s%s", at == 0 ? "" : ", ",
                     method_name((enum http_method)m));
    }
    return text;
}

const struct operation *
operations_find(enum http_method method, struct str path,
                char params[CALL_PATH_PARAMS][CALL_PATH_PARAM_BYTES],
                const char **allow, struct admin_error *error)
{
    const struct operation *found = NULL;
    bool methods[HTTP_OTHER + 1] = {false};
    bool any = false;
    int best = -1;
    struct str param = {NULL, 0};
    *allow = NULL;
    if (method == HTTP_HEAD)
        method = HTTP_GET;
    for (unsigned i = 0; i < ARRAY_LEN(operations); i++) {
        if (path.len == 0 || path.ptr[0] != '/')
            break;
        struct str candidate = {NULL, 0};
        int score = path_score(operations[i].path, path, &candidate);
        if (score < 0)
            continue;
        any = true;
        methods[operations[i].method] = true;
        if (operations[i].method == method && score > best) {
            best = score;
            found = &operations[i];
            param = candidate;
        }
    }
    if (found == NULL && any) {
        *allow = allow_of(methods);
        admin_error_set(error, 405, "method_not_allowed", "This path takes %s.",
                        *allow);
    } else if (found == NULL) {
        admin_error_set(error, 404, "not_found",
                        "No management operation has this path. They begin "
                        "with /admin/v1/ (keys, groups, models, usage, logs, "
                        "status, ledger); metrics are at /metrics.");
    } else if (url_decode(param, false, params[0], CALL_PATH_PARAM_BYTES) < 0) {
        admin_error_set(error, 400, "invalid_path",
                        "The path has a bad %%-escape or is too long.");
        return NULL;
    }
    return found;
}

const struct operation *
operations_row(unsigned i)
{
    return i < ARRAY_LEN(operations) ? &operations[i] : NULL;
}
