/*
 * http_parse_line.c - request line, target, authority and status line
 * (RFC 9112 3 and 4, RFC 3986).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_chars.h"
#include "common/net/http_parse_part.h"

#include <arpa/inet.h>

enum { METHOD_MAX = 32, VERSION_LEN = 8 /* "HTTP/1.1" */ };

static const struct {
    struct str name;
    enum http_method method;
} methods[] = {
    {STR_LIT("GET"), HTTP_GET},         {STR_LIT("HEAD"), HTTP_HEAD},
    {STR_LIT("POST"), HTTP_POST},       {STR_LIT("PUT"), HTTP_PUT},
    {STR_LIT("PATCH"), HTTP_PATCH},     {STR_LIT("DELETE"), HTTP_DELETE},
    {STR_LIT("OPTIONS"), HTTP_OPTIONS},
};

static enum http_method
find_method(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_equals(methods[i].name, name))
            return methods[i].method;
    return HTTP_OTHER;
}

/* A higher minor version is served as 1.1 (RFC 9110 6.2). */
static bool
parse_version(struct http_head *head, struct str s)
{
    if (s.len != VERSION_LEN || !str_starts_with(s, STR_LIT("HTTP/")) ||
        !http_char_is(s.ptr[5], HTTP_CHAR_DIGIT) || s.ptr[6] != '.' ||
        !http_char_is(s.ptr[7], HTTP_CHAR_DIGIT))
        return http_refuse(head, 400, "malformed HTTP version");
    if (s.ptr[5] != '1')
        return http_refuse(head, 505, "HTTP version not supported");
    head->version_minor = s.ptr[7] == '0' ? 0 : 1;
    return true;
}

static bool
is_port(struct str s)
{
    unsigned long port = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!http_char_is(s.ptr[i], HTTP_CHAR_DIGIT))
            return false;
        port = port * 10 + (unsigned)(s.ptr[i] - '0');
        if (port > UINT16_MAX)
            return false;
    }
    return true;
}

static bool
is_ipv6(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (s.len >= sizeof(text) || memchr(s.ptr, 0, s.len) != NULL)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &addr) == 1;
}

bool
http_is_authority(struct str s)
{
    size_t host_len;
    if (s.len > 0 && s.ptr[0] == '[') {
        const char *end = memchr(s.ptr, ']', s.len);
        if (end == NULL ||
            !is_ipv6(str_make(s.ptr + 1, (size_t)(end - s.ptr) - 1)))
            return false;
        host_len = (size_t)(end - s.ptr) + 1;
    } else {
        host_len = http_span(s, HTTP_CHAR_HOST);
    }
    if (host_len == 0)
        return false;
    struct str rest = str_skip(s, host_len);
    return rest.len == 0 || (rest.ptr[0] == ':' && is_port(str_skip(rest, 1)));
}

/*
 * How many bytes at the start of `s` are of `classes` or percent escapes.
 * A broken escape ends the span. *has_nul: there was %00.
 */
static size_t
span_escaped(struct str s, uint8_t classes, bool *has_nul)
{
    size_t at = 0;
    for (;;) {
        at += http_span(str_skip(s, at), classes);
        if (s.len - at < 3 || s.ptr[at] != '%' ||
            !http_char_is(s.ptr[at + 1], HTTP_CHAR_HEX) ||
            !http_char_is(s.ptr[at + 2], HTTP_CHAR_HEX))
            return at;
        *has_nul |= s.ptr[at + 1] == '0' && s.ptr[at + 2] == '0';
        at += 3;
    }
}

/* "/path?query" or "?query" or nothing, all of `s`. */
static bool
parse_path_query(struct http_head *head, struct str s)
{
    bool nul_in_path = false, nul_in_query = false;
    size_t path_len = span_escaped(s, HTTP_CHAR_PATH, &nul_in_path);
    head->path = str_make(s.ptr, path_len);
    struct str rest = str_skip(s, path_len);
    if (rest.len > 0 && rest.ptr[0] == '?') {
        rest = str_skip(rest, 1);
        size_t query_len = span_escaped(rest, HTTP_CHAR_QUERY, &nul_in_query);
        head->query = str_make(rest.ptr, query_len);
        rest = str_skip(rest, query_len);
    }
    if (rest.len > 0)
        return http_refuse(head, 400, "byte or escape not allowed in a target");
    if (nul_in_path)
        return http_refuse(head, 400, "NUL in the path");
    return true;
}

static bool
parse_absolute(struct http_head *head, struct str target)
{
    size_t scheme_len = 0;
    if (target.len >= 7 && strncasecmp(target.ptr, "http://", 7) == 0)
        scheme_len = 7;
    else if (target.len >= 8 && strncasecmp(target.ptr, "https://", 8) == 0)
        scheme_len = 8;
    if (scheme_len == 0)
        return http_refuse(head, 400, "target is no path and no http URI");
    struct str rest = str_skip(target, scheme_len);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    head->host = str_make(rest.ptr, len);
    if (!http_is_authority(head->host))
        return http_refuse(head, 400, "malformed authority in the target");
    if (!parse_path_query(head, str_skip(rest, len)))
        return false;
    /* RFC 9112 3.2.1 and 3.2.4: what an empty path means. */
    if (head->path.len == 0)
        head->path = head->method == HTTP_OPTIONS && head->query.len == 0
                         ? STR_LIT("*")
                         : STR_LIT("/");
    return true;
}

static bool
parse_target(struct http_head *head)
{
    struct str target = head->target;
    if (str_equals(head->method_text, STR_LIT("CONNECT")))
        return http_refuse(head, 400, "no tunnels here");
    if (target.ptr[0] == '/')
        return parse_path_query(head, target);
    if (str_equals(target, STR_LIT("*"))) {
        if (head->method != HTTP_OPTIONS)
            return http_refuse(head, 400, "target * is for OPTIONS only");
        head->path = target;
        return true;
    }
    return parse_absolute(head, target);
}

bool
http_parse_request_line(struct http_head *head, struct str line)
{
    size_t method_len = http_span(line, HTTP_CHAR_TOKEN);
    struct str rest = str_skip(line, method_len);
    if (method_len == 0 || rest.len == 0 || rest.ptr[0] != ' ')
        return http_refuse(head, 400, "malformed request line");
    if (method_len > METHOD_MAX)
        return http_refuse(head, 501, "method not implemented");
    head->method_text = str_make(line.ptr, method_len);
    head->method = find_method(head->method_text);
    rest = str_skip(rest, 1);
    const char *space = memchr(rest.ptr, ' ', rest.len);
    if (space == NULL || space == rest.ptr)
        return http_refuse(head, 400, "malformed request line");
    head->target = str_make(rest.ptr, (size_t)(space - rest.ptr));
    return parse_version(head, str_skip(rest, head->target.len + 1)) &&
           parse_target(head);
}

/* The reason phrase may be anything, or missing with the blank before it. */
bool
http_parse_status_line(struct http_head *head, struct str line)
{
    if (line.len < VERSION_LEN + 4 || line.ptr[VERSION_LEN] != ' ')
        return http_refuse(head, 400, "malformed status line");
    if (!parse_version(head, str_make(line.ptr, VERSION_LEN)))
        return false;
    struct str code = str_make(line.ptr + VERSION_LEN + 1, 3);
    struct str rest = str_skip(line, VERSION_LEN + 4);
    if (http_span(code, HTTP_CHAR_DIGIT) != 3 ||
        (rest.len > 0 && rest.ptr[0] != ' '))
        return http_refuse(head, 400, "malformed status line");
    head->status = (uint16_t)((code.ptr[0] - '0') * 100 +
                              (code.ptr[1] - '0') * 10 + (code.ptr[2] - '0'));
    if (head->status < 100 || head->status > 599)
        return http_refuse(head, 400, "status out of range");
    head->reason = str_skip(rest, 1);
    return true;
}
