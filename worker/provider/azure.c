/*
 * azure.c - Azure OpenAI and Foundry. Which of the three surfaces it is, the
 * form of base_url says:
 *
 *   https://R.openai.azure.com/openai/v1, https://R.services.ai.azure.com/openai/v1
 *       v1: paths as OpenAI's, `model` is the deployment, no version needed
 *   https://R.services.ai.azure.com/models
 *       Foundry: chat and embeddings, `model` is the deployment
 *   https://R.openai.azure.com, or .../openai
 *       classic: the deployment is in the path
 *
 * A deployment with another name than its model: `names` of the provider.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/openai_part.h"

enum azure_surface { AZURE_V1, AZURE_FOUNDRY, AZURE_CLASSIC };

#define CLASSIC_VERSION "2024-10-21"
#define FOUNDRY_VERSION "2024-05-01-preview"
/* The first version that takes stream_options. */
#define USAGE_VERSION "2024-09-01"

static bool
ends_with(struct str text, struct str end)
{
    return text.len >= end.len &&
           str_equals(str_skip(text, text.len - end.len), end);
}

static enum azure_surface
surface_of(const struct catalogue_provider *provider)
{
    struct str path = str_from(provider->path);
    if (ends_with(path, STR_LIT("/v1")))
        return AZURE_V1;
    return ends_with(path, STR_LIT("/models")) ? AZURE_FOUNDRY : AZURE_CLASSIC;
}

static const struct dialect *
azure_speaks(const struct catalogue_provider *provider,
             const struct dialect *client, uint8_t *endpoint)
{
    enum azure_surface surface = surface_of(provider);
    if (client->number == DIALECT_RESPONSES && surface == AZURE_V1 &&
        *endpoint == ENDPOINT_RESPONSES)
        return client;
    const struct dialect *dialect = provider_speaks_openai(client, endpoint);
    if (surface == AZURE_FOUNDRY && *endpoint != ENDPOINT_CHAT &&
        *endpoint != ENDPOINT_EMBEDDINGS)
        return NULL;
    return dialect;
}

static void
append_path(struct buf *path, const struct upstream_call *call)
{
    const struct catalogue_provider *provider = call->provider;
    enum azure_surface surface = surface_of(provider);
    const char *version = provider->api_version;
    if (surface == AZURE_CLASSIC) {
        if (!ends_with(str_from(provider->path), STR_LIT("/openai")))
            buf_append_str(path, STR_LIT("/openai"));
        buf_append_str(path, STR_LIT("/deployments/"));
        provider_path_segment(path, call->model, "");
    }
    buf_append_str(path, provider_openai_path(call->endpoint));
    if (version == NULL && surface != AZURE_V1)
        version = surface == AZURE_CLASSIC ? CLASSIC_VERSION : FOUNDRY_VERSION;
    if (version != NULL) {
        buf_append_str(path, STR_LIT("?api-version="));
        provider_path_segment(path, str_from(version), "");
    }
}

/* A key of the resource, or a token of Entra (a JWT). */
static void
append_credential(struct buf *out, const char *key)
{
    if (key == NULL || *key == '\0')
        return;
    bool is_token = strncmp(key, "eyJ", 3) == 0 && strchr(key, '.') != NULL;
    buf_append_str(out, is_token ? STR_LIT("Authorization: Bearer ")
                                 : STR_LIT("api-key: "));
    buf_append_cstr(out, key);
    buf_append_str(out, STR_LIT("\r\n"));
}

static void
azure_head(struct buf *out, const struct upstream_call *call)
{
    struct buf path;
    buf_init(&path, 0);
    append_path(&path, call);
    provider_request_line(out, call->provider, buf_view(&path));
    out->failed = out->failed || !buf_ok(&path);
    buf_fini(&path);
    append_credential(out, call->provider->api_key);
    provider_body_fields(out, call);
    provider_client_fields(out, call->provider, call->client);
    buf_append_str(out, STR_LIT("\r\n"));
}

/*
 * A prompt that Azure's filter stopped keeps its code in every dialect. A 404
 * has no body, or says nothing: what is wrong is the path that we made.
 */
static bool
azure_map_error(const struct catalogue_provider *provider, uint16_t status,
                struct str body, bool translated, struct fault *fault)
{
    struct str code;
    if (!openai_map_error(provider, status, body, translated, fault))
        return false;
    if (status == 400 && json_find(body, "error.code", &code) &&
        json_string_equals(code, STR_LIT("content_filter"))) {
        fault->type = "invalid_request_error";
        fault->code = "content_filter";
        fault->param = "prompt";
        fault->no_retry = true;
    }
    if (status == 404) {
        static const char hint[] =
            "; check the deployment's name, base_url and api_version";
        size_t len = strlen(fault->message);
        if (len + sizeof(hint) <= sizeof(fault->message))
            memcpy(fault->message + len, hint, sizeof(hint));
    }
    return true;
}

/* Models that reason refuse max_tokens; Foundry's others know nothing else. */
static uint32_t
azure_quirks(const struct catalogue_provider *provider)
{
    enum azure_surface surface = surface_of(provider);
    const char *version = provider->api_version;
    uint32_t quirks = 0;
    if (surface != AZURE_FOUNDRY)
        quirks |= QUIRK_COMPLETION_TOKENS | QUIRK_OPENAI_FIELDS;
    else
        quirks |= QUIRK_NO_DEVELOPER | QUIRK_EFFORT_3;
    if (surface == AZURE_CLASSIC && version != NULL &&
        strncmp(version, USAGE_VERSION, 10) < 0)
        quirks |= QUIRK_NO_STREAM_OPTIONS;
    return quirks;
}

const struct provider_family provider_azure = {
    .kind = PROVIDER_AZURE,
    .name = "azure",
    .speaks = azure_speaks,
    .head = azure_head,
    .map_error = azure_map_error,
    .quirks = azure_quirks,
};
