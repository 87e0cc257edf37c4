/*
 * str.h - a view of bytes that somebody else owns. Never NUL-terminated by
 * contract; a function that keeps the bytes copies them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_STR_H
#define AIGW_COMMON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct str {
    const char *ptr;
    size_t len;
};

/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).ptr
#define STR_LIT(literal)                                                       \
    (struct str)                                                               \
    {                                                                          \
        (literal), sizeof(literal) - 1                                         \
    }

static inline struct str
str_from(const char *cstr)
{
    return (struct str){cstr, cstr == NULL ? 0 : strlen(cstr)};
}

static inline struct str
str_make(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

static inline bool
str_equals(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* str.c; lengths are the same and not 0. */
bool str_bytes_equal_nocase(const char *a, const char *b, size_t len);

/* ASCII case-insensitive, for HTTP field names and the like: nearly always
 * asked of names that differ in their first byte. */
static inline bool
str_equals_nocase(struct str a, struct str b)
{
    return a.len == b.len &&
           (a.len == 0 || (((a.ptr[0] ^ b.ptr[0]) & ~0x20) == 0 &&
                           str_bytes_equal_nocase(a.ptr, b.ptr, a.len)));
}

static inline bool
str_starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len &&
           (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Its bytes to `out`, which has room for them; behind the last. A view of
 * nothing may have no pointer, which memcpy() may not be given. */
static inline char *
str_copy(char *out, struct str s)
{
    if (s.len > 0)
        memcpy(out, s.ptr, s.len);
    return out + s.len;
}

static inline struct str
str_skip(struct str s, size_t n)
{
    return n >= s.len ? (struct str){s.ptr + s.len, 0}
                      : (struct str){s.ptr + n, s.len - n};
}

/* Without leading and trailing spaces and tabs (OWS of RFC 9110 5.6.3). */
static inline struct str
str_trim(struct str s)
{
    while (s.len > 0 && (*s.ptr == ' ' || *s.ptr == '\t'))
        s = str_skip(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Its length without a UTF-8 character at the end that was cut. */
size_t str_whole(struct str s);

/* At most `max` bytes of it, and no part of a character at the end. */
static inline struct str
str_cut(struct str s, size_t max)
{
    if (s.len > max)
        s.len = str_whole((struct str){s.ptr, max});
    return s;
}

#endif
