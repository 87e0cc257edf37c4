/*
 * openai.c - OpenAI and the many that speak as it does: paths, credential.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/openai_part.h"

static void
openai_head(struct buf *out, const struct upstream_call *call)
{
    const struct catalogue_provider *provider = call->provider;
    provider_request_line(out, provider, provider_openai_path(call->endpoint));
    if (provider->api_key != NULL && *provider->api_key != '\0') {
        buf_append_str(out, STR_LIT("Authorization: Bearer "));
        buf_append_cstr(out, provider->api_key);
        buf_append_str(out, STR_LIT("\r\n"));
    }
    provider_body_fields(out, call);
    provider_client_fields(out, call->client);
    buf_append_str(out, STR_LIT("\r\n"));
}

static const struct dialect *
openai_speaks(const struct catalogue_provider *provider,
              const struct dialect *client, uint8_t *endpoint)
{
    (void)provider;
    return provider_speaks_openai(client, endpoint);
}

/* They refuse max_tokens for reasoning models; others mostly know only that. */
static uint32_t
openai_quirks(const struct catalogue_provider *provider)
{
    static const struct str azure = {".openai.azure.com", 17};
    struct str host = str_from(provider->host);
    if (str_equals_nocase(host, STR_LIT("api.openai.com")))
        return QUIRK_COMPLETION_TOKENS;
    if (host.len > azure.len &&
        str_equals_nocase(str_skip(host, host.len - azure.len), azure))
        return QUIRK_COMPLETION_TOKENS;
    return 0;
}

const struct provider_family provider_openai = {
    .kind = PROVIDER_OPENAI,
    .name = "openai",
    .speaks = openai_speaks,
    .head = openai_head,
    .map_error = openai_map_error,
    .quirks = openai_quirks,
};
