/*
 * workers_ai.c - Cloudflare's Workers AI. base_url is the account's,
 * https://api.cloudflare.com/client/v4/accounts/ACCOUNT (with /ai or /ai/v1
 * behind it, as the SDKs of others want it, it is the same). Clients of
 * Cloudflare's own form are served at /ai/run/MODEL, all others at /ai/v1.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/error_reply.h"
#include "worker/provider/credential.h"
#include "worker/provider/openai_part.h"

static const struct dialect *
workers_ai_speaks(const struct catalogue_provider *provider,
                  const struct dialect *client, uint8_t *endpoint)
{
    (void)provider;
    if (client == &dialect_workers_ai || (client->number == DIALECT_RESPONSES &&
                                          *endpoint == ENDPOINT_RESPONSES))
        return client;
    const struct dialect *dialect = provider_speaks_openai(client, endpoint);
    return *endpoint == ENDPOINT_CHAT || *endpoint == ENDPOINT_EMBEDDINGS
               ? dialect
               : NULL;
}

/* base_url's path without what we write behind it. */
static struct str
account_path(const struct catalogue_provider *provider)
{
    static const struct str ends[] = {{"/ai/v1", 6}, {"/ai", 3}};
    struct str path = str_from(provider->path);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (path.len >= ends[i].len &&
            str_equals(str_skip(path, path.len - ends[i].len), ends[i]))
            return str_make(path.ptr, path.len - ends[i].len);
    return path;
}

static void
workers_ai_head(struct buf *out, const struct upstream_call *call)
{
    const struct catalogue_provider *provider = call->provider;
    buf_append_str(out, STR_LIT("POST "));
    buf_append_str(out, account_path(provider));
    if (call->dialect == &dialect_workers_ai) {
        buf_append_str(out, STR_LIT("/ai/run/"));
        provider_path_segment(out, call->model, "@/:");
    } else {
        buf_append_str(out, STR_LIT("/ai/v1"));
        buf_append_str(out, provider_openai_path(call->endpoint));
    }
    buf_append_str(out, STR_LIT(" HTTP/1.1\r\nHost: "));
    provider_host(out, provider);
    buf_append_str(out, STR_LIT("\r\n"));
    if (provider->api_key != NULL && *provider->api_key != '\0') {
        buf_append_str(out, STR_LIT("Authorization: Bearer "));
        buf_append_cstr(out, provider->api_key);
        buf_append_str(out, STR_LIT("\r\n"));
    }
    provider_body_fields(out, call);
    provider_client_fields(out, call->provider, call->client);
    buf_append_str(out, STR_LIT("\r\n"));
}

/* Cloudflare's numbers that say more than the status. */
static const struct told {
    uint64_t number;
    uint16_t status;
    const char *type, *code;
    bool no_retry;
} tolds[] = {
    {3036, 429, "insufficient_quota", "insufficient_quota", true},
    {3040, 429, "rate_limit_error", "overloaded", false},
    {3042, 404, "invalid_request_error", "model_not_found", true},
    {5007, 400, "invalid_request_error", "model_not_found", true},
    {3006, 413, "invalid_request_error", "request_too_large", true},
    {3007, 408, "server_error", "upstream_timeout", false},
    {3008, 408, "server_error", "upstream_timeout", false},
    {3023, 403, "invalid_request_error", "permission_denied", true},
    {3041, 403, "invalid_request_error", "permission_denied", true},
    {5016, 403, "invalid_request_error", "permission_denied", true},
    {5018, 403, "invalid_request_error", "permission_denied", true},
};

/* The first of "errors": its code and, as a text, its message. */
static bool
read_error(struct str body, uint64_t *number, char *message, size_t size)
{
    struct json_reader reader;
    struct json_token token;
    struct str list, item, value;
    *number = 0;
    if (!json_find(body, "errors", &list))
        return false;
    json_reader_init(&reader, list);
    if (json_next(&reader, &token) != JSON_ARRAY ||
        json_skip_value(&reader, &item) != JSON_OBJECT)
        return false;
    if (json_find(item, "code", &value) && json_number_u64(value, number) != 0)
        *number = 0;
    return json_find(item, "message", &value) && *value.ptr == '"' &&
           json_text_decode_cut(str_make(value.ptr + 1, value.len - 2), message,
                                size) > 0;
}

/*
 * Its envelope is told in the client's words: also a client of OpenAI's dialect,
 * whose calls are not translated, gets it for an error.
 */
static bool
workers_ai_map_error(const struct catalogue_provider *provider, uint16_t status,
                     struct str body, bool translated, struct fault *fault)
{
    char message[sizeof(fault->message)];
    uint64_t number;
    if (!openai_map_error(provider, status, body, translated, fault))
        return false;
    if (status < 400 || credential_shows(provider, body) ||
        !read_error(body, &number, message, sizeof(message)))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(tolds); i++) {
        if (tolds[i].number != number)
            continue;
        fault->status = tolds[i].status;
        fault->type = tolds[i].type;
        fault->code = tolds[i].code;
        fault->no_retry = tolds[i].no_retry;
    }
    fault_message(fault, "the provider answered %u: %s", status, message);
    return true;
}

static uint32_t
workers_ai_quirks(const struct catalogue_provider *provider)
{
    (void)provider;
    return QUIRK_TOP_K;
}

const struct provider_family provider_workers_ai = {
    .kind = PROVIDER_WORKERS_AI,
    .name = "workers-ai",
    .speaks = workers_ai_speaks,
    .head = workers_ai_head,
    .map_error = workers_ai_map_error,
    .quirks = workers_ai_quirks,
};
