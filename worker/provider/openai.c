/*
 * openai.c - OpenAI and the many that speak as it does: paths, credential, and
 * which of its APIs each serves (openai_crowd.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/openai_part.h"

/* Messages need a version; the client's passes as its own field. */
static void
append_version(struct buf *out, const struct upstream_call *call)
{
    if (call->endpoint != ENDPOINT_MESSAGES)
        return;
    if (call->client != NULL &&
        http_field_find(call->client, STR_LIT("anthropic-version")).len > 0)
        return;
    buf_append_str(out, STR_LIT("anthropic-version: 2023-06-01\r\n"));
}

static void
openai_head(struct buf *out, const struct upstream_call *call)
{
    const struct catalogue_provider *provider = call->provider;
    const char *messages_path = call->endpoint == ENDPOINT_MESSAGES
                                    ? crowd_row_of(provider)->messages_path
                                    : NULL;
    if (messages_path != NULL)
        provider_request_line_at(out, provider, messages_path,
                                 str_make(NULL, 0));
    else
        provider_request_line(out, provider,
                              provider_openai_path(call->endpoint));
    if (provider->api_key != NULL && *provider->api_key != '\0') {
        buf_append_str(out, STR_LIT("Authorization: Bearer "));
        buf_append_cstr(out, provider->api_key);
        buf_append_str(out, STR_LIT("\r\n"));
    }
    append_version(out, call);
    provider_body_fields(out, call);
    provider_client_fields(out, call->provider, call->client);
    buf_append_str(out, STR_LIT("\r\n"));
}

/* The client's own dialect where they serve it; else chat, or embeddings. */
static const struct dialect *
openai_speaks(const struct catalogue_provider *provider,
              const struct dialect *client, uint8_t *endpoint)
{
    uint32_t apis = openai_apis(provider);
    bool responses = (apis & SPEAKS_RESPONSES) != 0;
    bool is_chat =
        *endpoint == ENDPOINT_CHAT || *endpoint == ENDPOINT_RESPONSES ||
        *endpoint == ENDPOINT_MESSAGES || *endpoint == ENDPOINT_GENERATE;
    if (is_chat && responses && (apis & SPEAKS_CHAT) == 0) {
        *endpoint = ENDPOINT_RESPONSES; /* it has nothing else */
        return &dialect_responses;
    }
    if (client == &dialect_openai)
        return client;
    if ((*endpoint == ENDPOINT_RESPONSES && responses) ||
        (*endpoint == ENDPOINT_MESSAGES && (apis & SPEAKS_MESSAGES) != 0))
        return client;
    /* Only Responses' tokens are counted, and only by OpenAI. */
    if (*endpoint == ENDPOINT_COUNT_TOKENS && responses &&
        client->number == DIALECT_RESPONSES &&
        (openai_quirks(provider) & QUIRK_OPENAI_FIELDS) != 0)
        return client;
    return provider_speaks_openai(client, endpoint);
}

const struct provider_family provider_openai = {
    .kind = PROVIDER_OPENAI,
    .name = "openai",
    .speaks = openai_speaks,
    .head = openai_head,
    .map_error = openai_map_error,
    .quirks = openai_quirks,
};
