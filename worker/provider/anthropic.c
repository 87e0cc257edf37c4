/*
 * anthropic.c - Anthropic, and others that serve its Messages API: paths,
 * credential, version.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/anthropic_part.h"

/* base_url as the SDKs take it, without a version; one with it is understood. */
static struct str
endpoint_path(const struct catalogue_provider *provider, uint8_t endpoint)
{
    static const struct str version = {"/v1", 3};
    struct str path = endpoint == ENDPOINT_COUNT_TOKENS
                          ? STR_LIT("/v1/messages/count_tokens")
                          : STR_LIT("/v1/messages");
    struct str base = str_from(provider->path);
    bool has_version =
        base.len >= version.len &&
        str_equals(str_skip(base, base.len - version.len), version);
    return has_version ? str_skip(path, version.len) : path;
}

/* Keys of an account are told by their prefix from tokens of a login. */
static void
append_credential(struct buf *out, const char *api_key)
{
    struct str key = str_from(api_key);
    if (key.len == 0)
        return;
    if (str_starts_with(key, STR_LIT("sk-ant-oat")))
        buf_append_str(out, STR_LIT("Authorization: Bearer "));
    else
        buf_append_str(out, STR_LIT("x-api-key: "));
    buf_append_str(out, key);
    buf_append_str(out, STR_LIT("\r\n"));
}

/* The client's own passes with its other fields. */
static void
append_version(struct buf *out, const struct upstream_call *call)
{
    static const struct str name = {"anthropic-version", 17};
    const char *version = call->provider->api_version;
    if (call->client != NULL && provider_passes(call->provider, name) &&
        http_field_count(call->client, name) > 0)
        return;
    buf_append_str(out, STR_LIT("anthropic-version: "));
    buf_append_cstr(out, version != NULL && *version != '\0' ? version
                                                             : "2023-06-01");
    buf_append_str(out, STR_LIT("\r\n"));
}

static void
anthropic_head(struct buf *out, const struct upstream_call *call)
{
    const struct catalogue_provider *provider = call->provider;
    provider_request_line(out, provider,
                          endpoint_path(provider, call->endpoint));
    append_credential(out, provider->api_key);
    append_version(out, call);
    provider_body_fields(out, call);
    provider_client_fields(out, call->provider, call->client);
    buf_append_str(out, STR_LIT("\r\n"));
}

static const struct dialect *
anthropic_speaks(const struct catalogue_provider *provider,
                 const struct dialect *client, uint8_t *endpoint)
{
    (void)provider;
    if (client == &dialect_anthropic)
        return &dialect_anthropic;
    switch (*endpoint) {
    case ENDPOINT_CHAT:
    case ENDPOINT_RESPONSES:
    case ENDPOINT_GENERATE:
    case ENDPOINT_RUN:
        *endpoint = ENDPOINT_MESSAGES;
        return &dialect_anthropic;
    default:
        return NULL;
    }
}

/* Other makers that serve this API know thinking by budget, and no schemas. */
static uint32_t
anthropic_quirks(const struct catalogue_provider *provider)
{
    static const struct str own = {"anthropic.com", 13};
    struct str host = str_from(provider->host);
    if (host.len >= own.len &&
        str_equals_nocase(str_skip(host, host.len - own.len), own))
        return 0;
    return QUIRK_BUDGET_THINKING | QUIRK_NO_SCHEMA;
}

const struct provider_family provider_anthropic = {
    .kind = PROVIDER_ANTHROPIC,
    .name = "anthropic",
    .speaks = anthropic_speaks,
    .head = anthropic_head,
    .map_error = anthropic_map_error,
    .quirks = anthropic_quirks,
};
