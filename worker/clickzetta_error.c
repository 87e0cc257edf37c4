/*
 * clickzetta_error.c - errors under /gateway/v1/; see clickzetta.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/clickzetta.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json_scan.h"
#include "common/json_write.h"
#include "shm/credential_slots.h"
#include "shm/model_stats.h"
#include "worker/error_reply.h"
#include "worker/relay_parts.h"

enum {
    TENANT_ID = 1, /* accountId of the portal's login */
    MESSAGE_BYTES = 1024,
};

struct told {
    const char *code, *title;
    uint16_t status; /* 0: the fault's own */
};

static const struct told missing_key = {"GATEWAY_MISSING_VIRTUAL_KEY",
                                        "Missing virtual key", 401};
static const struct told over_quota = {"GATEWAY_TENANT_OVER_QUOTA",
                                       "Tenant over quota", 403};
static const struct told too_many = {"GATEWAY_TOO_MANY_REQUESTS",
                                     "Too many request", 0};
static const struct told bad_request = {
    "GATEWAY_INTERNAL_ENDPOINTS_BAD_REQUEST", "Bad request", 0};
static const struct told exception = {"GATEWAY_INTERNAL_API_EXCEPTION",
                                      "Internal exception", 0};
static const struct told all_failed = {"UPSTREAM_ALL_FAILED",
                                       "All upstreams failed", 502};

/* By our codes. */
#define INVALID_KEY "GATEWAY_INVALID_VIRTUAL_KEY", "Invalid virtual key", 401
#define DISABLED    "GATEWAY_VIRTUAL_KEY_DISABLED", "Virtual key disabled", 401
#define NO_UPSTREAM                                                            \
    "GATEWAY_NO_UPSTREAM_CANDIDATES", "No upstream candidates", 400
static const struct {
    const char *ours;
    struct told told;
} table[] = {
    {"invalid_api_key", {INVALID_KEY}},
    {"ip_not_allowed", {INVALID_KEY}},
    {"key_disabled", {DISABLED}},
    {"key_expired", {DISABLED}},
    {"group_disabled", {DISABLED}},
    {"insufficient_balance", {"GATEWAY_TENANT_OVERDUE", "Tenant overdue", 403}},
    {"unknown_path",
     {"GATEWAY_MISSING_ACTUAL_PATH", "Missing actual path", 400}},
    {"model_not_found",
     {"GATEWAY_MODEL_NOT_RESOLVED", "Model not resolved", 400}},
    {"model_unpriced", {NO_UPSTREAM}},
    {"no_credential", {NO_UPSTREAM}},
    {"no_provider", {NO_UPSTREAM}},
    {"provider_not_found", {NO_UPSTREAM}},
};

void
clickzetta_keep_path(struct request *request, struct str path)
{
    struct str cut = str_cut(path, sizeof(request->told_path) - 1);
    for (size_t i = 0; i < cut.len; i++)
        request->told_path[i] =
            cut.ptr[i] > ' ' && cut.ptr[i] < 127 ? cut.ptr[i] : '?';
    request->told_path[cut.len] = '\0';
}

/* ---- which of them it is ---- */

static bool
is_upstream(const struct request *request)
{
    return request->attempts > 0 &&
           (request->cause == RECORD_PROVIDER_ERROR ||
            request->cause == RECORD_UPSTREAM_FAILED ||
            request->cause == RECORD_UPSTREAM_TIMEOUT ||
            request->cause == RECORD_UPSTREAM_CUT);
}

/* The one provider that was asked has said so itself. */
static bool
is_single_answer(const struct request *request)
{
    return is_upstream(request) && request->attempts == 1 &&
           request->cause == RECORD_PROVIDER_ERROR;
}

static const struct told *
told_of(const struct request *request, const struct fault *fault)
{
    if (is_upstream(request))
        return &all_failed;
    if (request->is_anonymous && fault->status == 401)
        return &missing_key;
    if (fault->budget.period != SHM_PERIOD_NONE && fault->budget.of_group)
        return &over_quota;
    for (size_t i = 0; fault->code != NULL && i < ARRAY_LEN(table); i++)
        if (strcmp(fault->code, table[i].ours) == 0)
            return &table[i].told;
    if (fault->status == 429)
        return &too_many;
    return fault->status >= 500 ? &exception : &bad_request;
}

uint16_t
clickzetta_error_status(const struct request *request,
                        const struct fault *fault)
{
    if (is_single_answer(request))
        return fault->status;
    const struct told *told = told_of(request, fault);
    return told->status != 0 ? told->status : fault->status;
}

/* ---- the message ---- */

static const char *
period_name(unsigned period)
{
    switch (period) {
    case SHM_PERIOD_DAILY:
        return "daily";
    case SHM_PERIOD_WEEKLY:
        return "weekly";
    case SHM_PERIOD_MONTHLY:
        return "monthly";
    default:
        return "total";
    }
}

static void
format_amount(const struct fault_budget *budget, int64_t amount, char out[48])
{
    if (budget->unit == SHM_TOKENS)
        snprintf(out, 48, "%" PRId64 " tokens", amount);
    else
        money_format_nano(amount, out);
}

/* Their clients look for "virtual key WORD quota exceeded" and "virtual key
 * 'ALIAS'". */
static void
write_detail(char out[MESSAGE_BYTES], const char *alias,
             const struct fault *fault)
{
    const struct fault_budget *budget = &fault->budget;
    char limit[48], used[48];
    if (budget->period == SHM_PERIOD_NONE || budget->of_group) {
        snprintf(out, MESSAGE_BYTES, "%s", fault->message);
        return;
    }
    format_amount(budget, budget->limit, limit);
    format_amount(budget, budget->used, used);
    snprintf(out, MESSAGE_BYTES,
             "Virtual key %s quota exceeded: limit is %s for virtual key '%s', "
             "current usage: %s",
             period_name(budget->period), limit, alias, used);
}

/* What the key is called; "" where it was just given away. */
static void
find_alias(const struct request *request, char alias[64])
{
    struct entry_policy policy;
    uint64_t tag;
    alias[0] = '\0';
    if (request->has_key &&
        entry_look(request->worker->heritage->segment, request->key.entry,
                   &policy, &tag) == 0 &&
        tag == request->key.tag)
        snprintf(alias, 64, "%s", policy.name);
}

static void
write_message(struct json_writer *json, const struct request *request,
              const char *title, const struct fault *fault)
{
    char alias[64], who[128] = "", detail[MESSAGE_BYTES],
                    text[2 * MESSAGE_BYTES];
    find_alias(request, alias);
    write_detail(detail, alias, fault);
    if (request->has_key)
        snprintf(who, sizeof(who), "virtualApiKeyAlias=%s, tenantId=%d, ",
                 alias, TENANT_ID);
    snprintf(text, sizeof(text), "[G2] %s. path=%s, requestId=%s, %sdetail=%s",
             title, request->told_path, request->id, who, detail);
    json_key(json, "message");
    json_cstring(json, text);
}

/* ---- the attempts ---- */

static void
write_text(struct json_writer *json, const char *name, const char *text)
{
    json_key(json, name);
    if (*text == '\0')
        json_null(json);
    else
        json_cstring(json, text);
}

/* Addresses and bodies of providers are not the caller's. */
static void
write_attempt(struct json_writer *json, const struct request *request,
              const struct shm_attempt *attempt)
{
    struct segment *segment = request->worker->heritage->segment;
    char provider[SHM_NAME_BYTES], model[SHM_NAME_BYTES];
    char credential[CREDENTIAL_NAME_BYTES], slug[2 * SHM_NAME_BYTES + 16];
    model_registry_provider_name(segment, attempt->provider_idx, provider);
    model_registry_model_name(segment, attempt->model_idx, model);
    credential_number_name(segment, attempt->provider_idx, attempt->credential,
                           credential);
    int found = catalogue_find_provider(request->catalogue, str_from(provider));
    bool anthropic = found >= 0 && request->catalogue->providers[found].kind ==
                                       PROVIDER_ANTHROPIC;
    snprintf(slug, sizeof(slug), "%s@%s@%s", provider, model,
             anthropic ? "anthropic" : "open_ai");
    json_object_begin(json);
    write_text(json, "endpoint_id", "");
    write_text(json, "slug_name", slug);
    write_text(json, "base_url", "");
    write_text(json, "api_key_alias", credential);
    write_text(json, "provider", provider);
    write_text(json, "model", model);
    json_key(json, "status");
    if (attempt->status > 0)
        json_u64(json, attempt->status);
    else
        json_null(json);
    write_text(json, "body", "");
    json_object_end(json);
}

static void
write_history(struct json_writer *json, const struct request *request)
{
    json_key(json, "retry_history");
    if (request->tried_count == 0) {
        json_null(json);
        return;
    }
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tried_count; i++)
        write_attempt(json, request, &request->tried[i]);
    json_array_end(json);
}

void
clickzetta_error_body(struct buf *out, const struct request *request,
                      const struct fault *fault)
{
    struct json_writer json;
    const struct told *told = told_of(request, fault);
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "error");
    json_object_begin(&json);
    json_key(&json, "code");
    if (is_single_answer(request)) {
        json_cstring(&json,
                     fault->code != NULL ? fault->code : "UPSTREAM_ERROR");
        json_key(&json, "message");
        json_cstring(&json, fault->message);
    } else {
        json_cstring(&json, told->code);
        write_message(&json, request, told->title, fault);
    }
    json_key(&json, "source");
    json_cstring(&json, is_upstream(request) ? "upstream" : "gateway");
    write_history(&json, request);
    json_object_end(&json);
    json_object_end(&json);
}

/* ---- a provider's error ---- */

/* The text under the first of `paths` that has one. False: none. */
static bool
find_text(struct str body, const char *const paths[], unsigned count, char *out,
          size_t size)
{
    struct str value;
    for (unsigned i = 0; i < count; i++)
        if (json_find(body, paths[i], &value) && value.len > 2 &&
            value.ptr[0] == '"' && json_string_decode(value, out, size) > 0)
            return true;
    return false;
}

void
clickzetta_upstream_fault(const struct request *request, struct str body,
                          char code[CLICKZETTA_CODE_BYTES], struct fault *fault)
{
    static const char *const codes[] = {"error.code", "code", "error.type"};
    static const char *const texts[] = {"error.message", "message"};
    const struct relay *relay = request->relay;
    bool has_code =
        find_text(body, codes, ARRAY_LEN(codes), code, CLICKZETTA_CODE_BYTES);
    fault_set(fault, relay->status, "upstream_error", has_code ? code : NULL,
              NULL, "the provider answered with status %u", relay->status);
    char text[2 * sizeof(fault->message)];
    if (find_text(body, texts, ARRAY_LEN(texts), text, sizeof(text)))
        fault_message(fault, "%s", text);
    fault->retry_after_s = (relay->limits.retry_after_ms + 999) / 1000;
}
