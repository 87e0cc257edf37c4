/*
 * bedrock.c - AWS Bedrock: Converse, and on hosts named bedrock-mantle what
 * speaks as OpenAI does. Signed (Signature Version 4) where api_key is
 * ID:SECRET[:TOKEN], else it is sent as a bearer token.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/openai_part.h"
#include "worker/provider/sigv4.h"

/* bedrock-mantle.REGION.api.aws */
static bool
is_mantle(const struct catalogue_provider *provider)
{
    return str_starts_with(str_from(provider->host),
                           STR_LIT("bedrock-mantle."));
}

static const struct dialect *
bedrock_speaks(const struct catalogue_provider *provider,
               const struct dialect *client, uint8_t *endpoint)
{
    if (is_mantle(provider) && client->number == DIALECT_RESPONSES &&
        *endpoint == ENDPOINT_RESPONSES)
        return client;
    const struct dialect *dialect = provider_speaks_openai(client, endpoint);
    if (dialect == NULL || *endpoint != ENDPOINT_CHAT)
        return NULL;
    if (is_mantle(provider))
        return dialect;
    *endpoint = ENDPOINT_CONVERSE;
    return &dialect_bedrock;
}

/*
 * The label behind "bedrock-runtime", "bedrock-runtime-fips", "bedrock-mantle",
 * also in the name of a VPC's endpoint. us-east-1 where the host is none of
 * AWS's: then `region` says better.
 */
static struct str
region_of(const struct catalogue_provider *provider)
{
    struct str rest = str_from(provider->host);
    bool is_next = false;
    if (provider->region != NULL)
        return str_from(provider->region);
    while (rest.len > 0) {
        const char *dot = memchr(rest.ptr, '.', rest.len);
        struct str label = rest;
        if (dot != NULL)
            label.len = (size_t)(dot - rest.ptr);
        if (is_next && label.len > 0)
            return label;
        is_next = str_starts_with(label, STR_LIT("bedrock-"));
        rest = str_skip(rest, dot == NULL ? rest.len : label.len + 1);
    }
    return STR_LIT("us-east-1");
}

/* Behind the path of base_url. */
static void
append_path(struct buf *path, const struct upstream_call *call)
{
    if (is_mantle(call->provider)) {
        if (call->provider->path[0] == '\0')
            buf_append_str(path, STR_LIT("/v1"));
        buf_append_str(path, provider_openai_path(call->endpoint));
        return;
    }
    buf_append_str(path, STR_LIT("/model/"));
    provider_path_segment(path, call->model, "");
    buf_append_str(path, call->stream ? STR_LIT("/converse-stream")
                                      : STR_LIT("/converse"));
}

static void
append_signature(struct buf *out, const struct upstream_call *call,
                 struct str path, const struct sigv4_credential *credential)
{
    struct buf host, whole;
    buf_init(&host, 0);
    buf_init(&whole, 0);
    provider_host(&host, call->provider);
    buf_append_cstr(&whole, call->provider->path);
    buf_append_str(&whole, path);
    const struct sigv4_request request = {
        .region = region_of(call->provider),
        .service = is_mantle(call->provider) ? STR_LIT("bedrock-mantle")
                                             : STR_LIT("bedrock"),
        .host = buf_view(&host),
        .path = buf_view(&whole),
        .content_type = STR_LIT("application/json"),
        .body = call->body,
        .body_pieces = call->body_pieces,
        .wall_ms = call->wall_ms,
    };
    sigv4_write(out, &request, credential);
    out->failed = out->failed || !buf_ok(&host) || !buf_ok(&whole);
    buf_fini(&host);
    buf_fini(&whole);
}

static void
append_credential(struct buf *out, const struct upstream_call *call,
                  struct str path)
{
    struct sigv4_credential credential;
    struct str key = str_from(call->provider->api_key);
    if (sigv4_credential_read(key, &credential)) {
        append_signature(out, call, path, &credential);
    } else if (key.len > 0) {
        buf_append_str(out, STR_LIT("Authorization: Bearer "));
        buf_append_str(out, key);
        buf_append_str(out, STR_LIT("\r\n"));
    }
}

/* Of the client's fields nothing passes: it spoke to somebody else. */
static void
append_fields(struct buf *out, const struct upstream_call *call)
{
    if (is_mantle(call->provider)) {
        provider_body_fields(out, call);
        provider_client_fields(out, call->provider, call->client);
        return;
    }
    buf_append_str(out, STR_LIT("Content-Type: application/json\r\n"
                                "Content-Length: "));
    buf_append_u64(out, call->body_len);
    buf_append_str(out, call->stream
                            ? STR_LIT("\r\nAccept: application/vnd.amazon."
                                      "eventstream\r\n")
                            : STR_LIT("\r\nAccept: application/json\r\n"));
    buf_append_str(out, STR_LIT("Accept-Encoding: identity\r\n"));
    provider_client_fields(out, call->provider, NULL);
}

static void
bedrock_head(struct buf *out, const struct upstream_call *call)
{
    struct buf path;
    buf_init(&path, 0);
    append_path(&path, call);
    provider_request_line(out, call->provider, buf_view(&path));
    append_credential(out, call, buf_view(&path));
    append_fields(out, call);
    buf_append_str(out, STR_LIT("\r\n"));
    out->failed = out->failed || !buf_ok(&path);
    buf_fini(&path);
}

/* {"message": ...} is told; "Input is too long" and the like have OpenAI's
 * code, by which clients shorten what they send. */
static bool
bedrock_map_error(const struct catalogue_provider *provider, uint16_t status,
                  struct str body, bool translated, struct fault *fault)
{
    static const char *const too_long[] = {"too long", "exceeds the context",
                                           "maximum context length",
                                           "Input Tokens Exceeded"};
    if (!openai_map_error(provider, status, body, translated, fault))
        return false;
    if (status != 400)
        return true;
    fault->type = "invalid_request_error";
    for (size_t i = 0; i < ARRAY_LEN(too_long); i++)
        if (strcasestr(fault->message, too_long[i]) != NULL)
            fault->code = "context_length_exceeded";
    return true;
}

static uint32_t
bedrock_quirks(const struct catalogue_provider *provider)
{
    return is_mantle(provider) ? QUIRK_COMPLETION_TOKENS : 0;
}

const struct provider_family provider_bedrock = {
    .kind = PROVIDER_BEDROCK,
    .name = "bedrock",
    .speaks = bedrock_speaks,
    .head = bedrock_head,
    .map_error = bedrock_map_error,
    .quirks = bedrock_quirks,
};
