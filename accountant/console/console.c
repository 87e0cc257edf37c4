/*
 * console.c - see console.h. Files are kept and sent as gzip; a client that
 * does not take it gets them inflated.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/console/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "accountant/console/console_files.h"
#include "common/net/http_reply.h"

#define PREFIX "/console"

/* Scripts and styles of our own only, no frame around the page, nothing from
 * elsewhere. What is not named here is refused. */
#define POLICY                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; "                \
    "connect-src 'self'; img-src 'self' data:; font-src 'self'; "              \
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

/* What the head asked for. */
struct wish {
    enum http_method method;
    const struct console_file *file; /* NULL: none */
    bool to_page;                    /* /console, without the slash */
    bool takes_gzip, unchanged;
};

static const char no_console[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<title>aigw</title><h1>This aigw was built without its web console</h1>"
    "<p>Build it in with Node.js 18 or later and npm: "
    "<code>apt-get install nodejs npm</code>, then "
    "<code>make CONSOLE=yes</code>.</p>"
    "<p>Until then <code>aigwctl</code> on the server's host manages keys, "
    "groups and budgets and shows usage and logs; metrics are at "
    "<a href=\"/metrics\">/metrics</a>.</p></html>\n";

bool
console_has(struct str path)
{
    struct str prefix = STR_LIT(PREFIX);
    return str_starts_with(path, prefix) &&
           (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

static const struct console_file *
file_of(struct str name)
{
    for (unsigned i = 0; i < console_file_count; i++)
        if (str_equals(name, str_from(console_files[i].name)))
            return &console_files[i];
    bool is_page = !str_starts_with(name, STR_LIT("assets/"));
    return is_page && console_file_count > 0 ? &console_files[0] : NULL;
}

/* RFC 9110, 12.5.3: whether gzip is in the list and not by weight 0. */
static bool
takes_gzip(const struct http_head *head)
{
    struct str list = http_field_find(head, STR_LIT("accept-encoding"));
    while (list.len > 0) {
        const char *end = memchr(list.ptr, ',', list.len);
        size_t len = end == NULL ? list.len : (size_t)(end - list.ptr);
        struct str one = str_trim(str_make(list.ptr, len));
        list = str_skip(list, len + (end != NULL));
        const char *semicolon =
            one.len == 0 ? NULL : memchr(one.ptr, ';', one.len);
        size_t name_len =
            semicolon == NULL ? one.len : (size_t)(semicolon - one.ptr);
        struct str name = str_trim(str_make(one.ptr, name_len));
        if (!str_equals_nocase(name, STR_LIT("gzip")))
            continue;
        struct str weight = str_trim(str_skip(one, name_len));
        weight = str_trim(str_skip(weight, weight.len > 0));
        return !str_equals_nocase(weight, STR_LIT("q=0")) &&
               !str_starts_with(weight, STR_LIT("q=0.0"));
    }
    return false;
}

static void
etag_of(const struct wish *wish, char *out, size_t size)
{
    snprintf(out, size, "\"%s%s\"", wish->file->hash,
             wish->takes_gzip ? "" : "-plain");
}

/* If-None-Match, compared weakly (RFC 9110, 13.1.2). */
static bool
is_unchanged(const struct wish *wish, struct str list)
{
    char etag[80];
    etag_of(wish, etag, sizeof(etag));
    while (list.len > 0) {
        const char *end = memchr(list.ptr, ',', list.len);
        size_t len = end == NULL ? list.len : (size_t)(end - list.ptr);
        struct str one = str_trim(str_make(list.ptr, len));
        list = str_skip(list, len + (end != NULL));
        if (str_starts_with(one, STR_LIT("W/")))
            one = str_skip(one, 2);
        if (str_equals(one, str_from(etag)) || str_equals(one, STR_LIT("*")))
            return true;
    }
    return false;
}

static void
add_fields(struct call *call)
{
    static const char *const fields[][2] = {
        {"content-security-policy", POLICY},
        {"x-content-type-options", "nosniff"},
        {"x-frame-options", "DENY"},
        {"referrer-policy", "no-referrer"},
        {"cross-origin-opener-policy", "same-origin"},
        {"cross-origin-resource-policy", "same-origin"},
        {"vary", "accept-encoding"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
        http_field_cstr(&call->fields, fields[i][0], fields[i][1]);
}

/* False: out of memory, or the program's own bytes are broken. */
static bool
append_inflated(struct buf *out, const struct console_file *file)
{
    z_stream stream = {0};
    if (buf_reserve(out, file->bytes) != 0 ||
        inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return false;
    stream.next_in = (Bytef *)(uintptr_t)file->gzip;
    stream.avail_in = (uInt)file->gzip_bytes;
    stream.next_out = (Bytef *)(out->data + out->end);
    stream.avail_out = (uInt)file->bytes;
    int result = inflate(&stream, Z_FINISH);
    bool whole = result == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    if (whole)
        out->end += file->bytes;
    return whole;
}

static void
send_file(struct call *call, const struct wish *wish)
{
    const struct console_file *file = wish->file;
    char etag[80];
    etag_of(wish, etag, sizeof(etag));
    add_fields(call);
    http_field_cstr(&call->fields, "etag", etag);
    call->content_type = file->type;
    call->cache_control = *file->name == '\0'
                              ? "no-cache"
                              : "public, max-age=31536000, immutable";
    if (wish->unchanged) {
        call_answer(call, 304);
        return;
    }
    if (wish->takes_gzip) {
        http_field_cstr(&call->fields, "content-encoding", "gzip");
        buf_append(&call->reply, file->gzip, file->gzip_bytes);
    } else if (!append_inflated(&call->reply, file)) {
        call_fail(call, 503, "overloaded", "Out of memory.");
        return;
    }
    call_answer(call, 200);
}

/* call->begin */
static void
console_answer(struct call *call, struct str body)
{
    const struct wish *wish = call->work;
    (void)body;
    if (wish->method != HTTP_GET && wish->method != HTTP_HEAD) {
        call->allow = "GET, HEAD";
        call_fail(call, 405, "method_not_allowed",
                  "This path takes GET, HEAD.");
    } else if (wish->to_page) {
        http_field_cstr(&call->fields, "location", PREFIX "/");
        call_answer(call, 308);
    } else if (console_file_count == 0) {
        add_fields(call);
        buf_append_cstr(&call->reply, no_console);
        call->content_type = "text/html; charset=utf-8";
        call_answer(call, 404);
    } else if (wish->file == NULL) {
        call_fail(call, 404, "not_found", "The console has no such file.");
    } else {
        send_file(call, wish);
    }
}

bool
console_begin(struct call *call, const struct http_head *head)
{
    struct wish *wish = calloc(1, sizeof(*wish));
    if (wish == NULL)
        return false;
    call->work = wish;
    call->work_free = free;
    call->begin = console_answer;
    wish->method = head->method;
    wish->to_page = head->path.len == strlen(PREFIX);
    wish->file = file_of(str_skip(head->path, strlen(PREFIX) + 1));
    wish->takes_gzip = takes_gzip(head);
    wish->unchanged =
        wish->file != NULL &&
        is_unchanged(wish, http_field_find(head, STR_LIT("if-none-match")));
    return true;
}
