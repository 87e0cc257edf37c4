/*
 * http_chars.h - which byte may stand where in HTTP/1.1 and URIs; private to
 * the parsers and writers of this folder.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_HTTP_CHARS_H
#define AIGW_COMMON_NET_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

enum {
    HTTP_CHAR_TOKEN = 1, /* tchar, RFC 9110 5.6.2 */
    HTTP_CHAR_PATH = 2,  /* pchar and '/', without '%' (RFC 3986 3.3) */
    HTTP_CHAR_QUERY = 4, /* PATH, '?', and the brackets clients leave bare */
    HTTP_CHAR_HOST = 8,  /* unreserved: letters, digits, - . _ ~ */
    HTTP_CHAR_HEX = 16,
    HTTP_CHAR_DIGIT = 32,
};

extern const uint8_t http_chars[256];

static inline bool
http_char_is(char c, uint8_t classes)
{
    return (http_chars[(uint8_t)c] & classes) != 0;
}

/* How many bytes at the start of `s` are of the classes. */
static inline size_t
http_span(struct str s, uint8_t classes)
{
    size_t n = 0;
    while (n < s.len && http_char_is(s.ptr[n], classes))
        n++;
    return n;
}

/* http_span() of token characters; 16 at a time over letters, digits, `-`. */
size_t http_token_span(struct str s);

static inline bool
http_is_token(struct str s)
{
    return s.len > 0 && http_token_span(s) == s.len;
}

/* 0 to 15; only for HTTP_CHAR_HEX. */
static inline unsigned
http_hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/*
 * http_find_control - offset of the first byte in [from, len) that is a control
 * byte other than HTAB (0-8, 10-31, 127), or len.
 */
size_t http_find_control(const char *bytes, size_t from, size_t len);

/* The same bytes one after the other: 64 are looked at at once, for a line is
 * shorter than that. Begins with `next` alone. */
struct http_controls {
    struct str text;
    size_t next;   /* not looked at from here on */
    size_t base;   /* where the 64 bytes before it begin */
    uint64_t bits; /* those of them that were not given yet */
};

/* Looks at the next 64 bytes, or as many as there are. */
void http_controls_look(struct http_controls *controls);

/* The next one's offset, or the text's length. */
static inline size_t
http_controls_take(struct http_controls *controls)
{
    while (controls->bits == 0) {
        if (controls->next == controls->text.len)
            return controls->text.len;
        http_controls_look(controls);
    }
    size_t at = controls->base + (size_t)__builtin_ctzll(controls->bits);
    controls->bits &= controls->bits - 1;
    return at;
}

#endif
