/*
 * gemini.c - Google's Generative Language API: paths, credential.
 *
 * base_url is what Google's SDKs take, without a version; one that ends in
 * /v1beta or /v1 is taken as well. The key goes into a field, never into the
 * query, which proxies log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/gemini_part.h"

static struct str
method_of(const struct upstream_call *call)
{
    switch (call->endpoint) {
    case ENDPOINT_COUNT_TOKENS:
        return STR_LIT(":countTokens");
    case ENDPOINT_EMBED:
        return STR_LIT(":embedContent");
    case ENDPOINT_BATCH_EMBED:
        return STR_LIT(":batchEmbedContents");
    default: /* a stream without alt=sse would be one JSON array */
        return call->stream ? STR_LIT(":streamGenerateContent?alt=sse")
                            : STR_LIT(":generateContent");
    }
}

static bool
ends_in(struct str text, struct str end)
{
    return text.len >= end.len &&
           str_equals(str_skip(text, text.len - end.len), end);
}

/* "models/x", "tunedModels/x", or the name alone. */
static void
append_path(struct buf *out, const struct upstream_call *call)
{
    struct str base = str_from(call->provider->path), model = call->model;
    if (!ends_in(base, STR_LIT("/v1beta")) && !ends_in(base, STR_LIT("/v1")))
        buf_append_str(out, STR_LIT("/v1beta"));
    buf_append_char(out, '/');
    if (str_starts_with(model, STR_LIT("models/")))
        model = str_skip(model, 7);
    if (str_starts_with(model, STR_LIT("tunedModels/")))
        provider_path_segment(out, model, "/");
    else {
        buf_append_str(out, STR_LIT("models/"));
        provider_path_segment(out, model, "");
    }
    buf_append_str(out, method_of(call));
}

static void
gemini_head(struct buf *out, const struct upstream_call *call)
{
    const struct catalogue_provider *provider = call->provider;
    struct buf path;
    buf_init(&path, 0);
    append_path(&path, call);
    provider_request_line(out, provider, buf_view(&path));
    out->failed = out->failed || !buf_ok(&path);
    buf_fini(&path);
    if (provider->api_key != NULL && *provider->api_key != '\0') {
        buf_append_str(out, STR_LIT("x-goog-api-key: "));
        buf_append_cstr(out, provider->api_key);
        buf_append_str(out, STR_LIT("\r\n"));
    }
    provider_body_fields(out, call);
    provider_client_fields(out, call->provider, call->client);
    buf_append_str(out, STR_LIT("\r\n"));
}

/* Conversations and embeddings of every dialect; a client's own way to count,
 * only if it is Gemini's. */
static const struct dialect *
gemini_speaks(const struct catalogue_provider *provider,
              const struct dialect *client, uint8_t *endpoint)
{
    (void)provider;
    if (client == &dialect_gemini)
        return &dialect_gemini;
    switch (*endpoint) {
    case ENDPOINT_CHAT:
    case ENDPOINT_RESPONSES:
    case ENDPOINT_MESSAGES:
    case ENDPOINT_RUN:
        *endpoint = ENDPOINT_GENERATE;
        return &dialect_gemini;
    case ENDPOINT_EMBEDDINGS:
        *endpoint = ENDPOINT_BATCH_EMBED;
        return &dialect_gemini;
    default:
        return NULL;
    }
}

static uint32_t
gemini_quirks(const struct catalogue_provider *provider)
{
    (void)provider;
    return 0;
}

const struct provider_family provider_gemini = {
    .kind = PROVIDER_GEMINI,
    .name = "gemini",
    .speaks = gemini_speaks,
    .head = gemini_head,
    .map_error = gemini_map_error,
    .quirks = gemini_quirks,
};
