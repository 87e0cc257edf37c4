/*
 * provider_head.c - what the request heads of all families have in common.
 *
 * A head is ours from the first byte: nothing of the client's head is copied
 * but values of fields that have passed its parser, under names that are not in
 * the list below.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/provider.h"

/*
 * Fields of the client that stay here: of its connection, its credentials, its
 * address, what we state ourselves, and what would choose an account at the
 * provider under the gateway's credential.
 */
static const bool withheld[HTTP_NAMES] = {
    [HTTP_NAME_ACCEPT] = true,
    [HTTP_NAME_ACCEPT_ENCODING] = true,
    [HTTP_NAME_API_KEY] = true,
    [HTTP_NAME_AUTHORIZATION] = true,
    [HTTP_NAME_CF_AIG_AUTHORIZATION] = true,
    [HTTP_NAME_CONNECTION] = true,
    [HTTP_NAME_CONTENT_ENCODING] = true,
    [HTTP_NAME_CONTENT_LENGTH] = true,
    [HTTP_NAME_CONTENT_TYPE] = true,
    [HTTP_NAME_COOKIE] = true,
    [HTTP_NAME_COOKIE2] = true,
    [HTTP_NAME_EXPECT] = true,
    [HTTP_NAME_FORWARDED] = true,
    [HTTP_NAME_HOST] = true,
    [HTTP_NAME_HTTP2_SETTINGS] = true,
    [HTTP_NAME_KEEP_ALIVE] = true,
    [HTTP_NAME_OPENAI_ORGANIZATION] = true,
    [HTTP_NAME_OPENAI_PROJECT] = true,
    [HTTP_NAME_TE] = true,
    [HTTP_NAME_TRAILER] = true,
    [HTTP_NAME_TRANSFER_ENCODING] = true,
    [HTTP_NAME_UPGRADE] = true,
    [HTTP_NAME_USER_AGENT] = true,
    [HTTP_NAME_VIA] = true,
    [HTTP_NAME_XI_API_KEY] = true,
    [HTTP_NAME_X_API_KEY] = true,
    [HTTP_NAME_X_CLIENT_IP] = true,
    [HTTP_NAME_X_GOOG_API_KEY] = true,
    [HTTP_NAME_X_GOOG_USER_PROJECT] = true,
    [HTTP_NAME_X_REAL_IP] = true,
    [HTTP_NAME_X_REQUEST_ID] = true,
};

static const struct str withheld_prefixes[] = {
    {"content-", 8},      {"proxy-", 6},        {"x-aigw-", 7},
    {"cf-", 3},           {"x-forwarded-", 12}, {"x-amz-", 6},
    {"x-auth-", 7},       {"ocp-apim-", 9},     {"x-http-method", 13},
    {"true-client-", 12}, {"x-method-", 9},
};

static bool
is_withheld(const struct http_field *field)
{
    struct str name = field->name;
    if (field->which != HTTP_NAME_OTHER)
        return withheld[field->which];
    /* Many servers read `_` as `-`: Content_Length would be a second one. */
    if (memchr(name.ptr, '_', name.len) != NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(withheld_prefixes); i++) {
        struct str prefix = withheld_prefixes[i];
        if (name.len >= prefix.len &&
            str_equals_nocase(str_make(name.ptr, prefix.len), prefix))
            return true;
    }
    return false;
}

/* A word of `words` is the name, or begins it and ends with `*`. */
static bool
is_listed(const char *words, struct str name)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        struct str word = {words, len};
        bool begins = len > 0 && words[len - 1] == '*';
        word.len -= begins;
        struct str same = {name.ptr, begins ? word.len : name.len};
        if (name.len >= word.len && str_equals_nocase(word, same))
            return true;
        words += len + (words[len] == ' ');
    }
    return false;
}

bool
provider_passes(const struct catalogue_provider *provider, struct str name)
{
    return (provider->pass_headers == NULL ||
            is_listed(provider->pass_headers, name)) &&
           (provider->drop_headers == NULL ||
            !is_listed(provider->drop_headers, name));
}

bool
provider_asks_for(const struct catalogue_provider *provider,
                  const struct http_field *field)
{
    return provider->pass_headers != NULL &&
           strcmp(provider->pass_headers, "*") != 0 && !is_withheld(field) &&
           provider_passes(provider, field->name);
}

static void
append_field(struct buf *out, struct str name, struct str value)
{
    char *place = buf_extend(out, name.len + value.len + 4);
    if (place == NULL)
        return;
    place = (char *)mempcpy(place, name.ptr, name.len);
    place = (char *)mempcpy(place, ": ", 2);
    place = (char *)mempcpy(place, value.ptr, value.len);
    memcpy(place, "\r\n", 2);
}

void
provider_client_fields(struct buf *out,
                       const struct catalogue_provider *provider,
                       const struct http_head *client)
{
    struct str agent = STR_LIT("aigw");
    bool has_lists =
        provider->pass_headers != NULL || provider->drop_headers != NULL;
    if (client != NULL) {
        for (unsigned i = 0; i < client->field_count; i++) {
            const struct http_field *field = &client->fields[i];
            if (client->names_fields &&
                http_field_is_hop_by_hop(client, field->name))
                continue;
            if (UNLIKELY(has_lists) && !provider_passes(provider, field->name))
                continue;
            if (field->which == HTTP_NAME_USER_AGENT)
                agent = field->value;
            else if (!is_withheld(field))
                append_field(out, field->name, field->value);
        }
    }
    append_field(out, STR_LIT("User-Agent"), agent);
}

void
provider_host(struct buf *out, const struct catalogue_provider *provider)
{
    struct str host = str_from(provider->host);
    bool bare_v6 = host.len > 0 && *host.ptr != '[' &&
                   memchr(host.ptr, ':', host.len) != NULL;
    buf_append_str(out, bare_v6 ? STR_LIT("[") : STR_LIT(""));
    buf_append_str(out, host);
    buf_append_str(out, bare_v6 ? STR_LIT("]") : STR_LIT(""));
    if (provider->port != (provider->tls ? 443 : 80)) {
        buf_append_char(out, ':');
        buf_append_u64(out, provider->port);
    }
}

void
provider_request_line(struct buf *out,
                      const struct catalogue_provider *provider,
                      struct str path)
{
    provider_request_line_at(out, provider, provider->path, path);
}

void
provider_request_line_at(struct buf *out,
                         const struct catalogue_provider *provider,
                         const char *base, struct str path)
{
    buf_append_str(out, STR_LIT("POST "));
    buf_append_cstr(out, base);
    buf_append_str(out, path);
    buf_append_str(out, STR_LIT(" HTTP/1.1\r\nHost: "));
    provider_host(out, provider);
    buf_append_str(out, STR_LIT("\r\n"));
}

void
provider_body_fields(struct buf *out, const struct upstream_call *call)
{
    buf_append_str(out, STR_LIT("Content-Type: "));
    buf_append_str(out, call->content_type.len > 0
                            ? call->content_type
                            : STR_LIT("application/json"));
    buf_append_str(out, STR_LIT("\r\nContent-Length: "));
    buf_append_u64(out, call->body_len);
    if (call->endpoint >= ENDPOINT_IMAGES && call->endpoint <= ENDPOINT_RERANK)
        buf_append_str(out, STR_LIT("\r\nAccept: */*")); /* sound, text ... */
    else if (call->stream)
        buf_append_str(out, STR_LIT("\r\nAccept: text/event-stream"));
    else
        buf_append_str(out, STR_LIT("\r\nAccept: application/json"));
    buf_append_str(out, STR_LIT("\r\nAccept-Encoding: identity\r\n"));
    if (call->request_id != NULL)
        append_field(out, STR_LIT("X-Request-Id"), str_from(call->request_id));
}

void
provider_path_segment(struct buf *out, struct str segment, const char *keep)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                     c == '_' || c == '~' ||
                     (c != '\0' && strchr(keep, c) != NULL);
        char coded[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (plain)
            buf_append_char(out, (char)c);
        else
            buf_append(out, coded, sizeof(coded));
    }
}
