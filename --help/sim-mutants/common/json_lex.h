/*
 * json_lex.h - the inner loops of the JSON readers: runs over bytes that mean
 * nothing, 16 at a time. Private to json_*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_JSON_LEX_H
#define AIGW_COMMON_JSON_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool
json_lex_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next byte that is no white space, from p on; end when none. */
static inline const char *
json_lex_space(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ' && json_lex_is_space(*p))
        p++;
    return p;
}

static inline const char *
json_lex_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static inline bool
json_lex_ends_run(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

static inline bool
json_lex_is_structure(char c)
{
    return c == '"' || (c | 0x20) == '{' || (c | 0x20) == '}';
}

#ifdef __SSE2__
static inline __m128i
json_lex_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* 0xff where a string's run ends: quote, backslash, control byte. */
static inline __m128i
json_lex_run_ends(__m128i v)
{
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    return _mm_or_si128(_mm_or_si128(quote, slash), control);
}

/* 0xff at quotes, brackets and braces; `[` and `{` differ in bit 5 only. */
static inline __m128i
json_lex_structures(__m128i v)
{
    __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i open = _mm_cmpeq_epi8(folded, _mm_set1_epi8('{'));
    __m128i close = _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'));
    return _mm_or_si128(quote, _mm_or_si128(open, close));
}
#endif

/*
 * p stands behind a string's opening quote. Returns the byte behind the closing
 * one, or NULL and *fault. *surplus: by how many bytes the escapes are longer
 * than the UTF-8 they stand for. By the widest instructions that there are.
 */
const char *json_lex_string(const char *p, const char *end, const char **fault,
                            size_t *surplus);

/* For tests: no wider vectors than that (64, 32, else 16 bytes), whatever the
 * processor has. */
void json_lex_limit_width(unsigned bytes);

/* First byte in [p, end) that ends a run inside a string, or end. */
static inline const char *
json_lex_string_run(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        int mask = _mm_movemask_epi8(json_lex_run_ends(json_lex_load(p)));
        if (mask != 0)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && !json_lex_ends_run(*p))
        p++;
    return p;
}

/* json_lex_string() of most names and words: no escape, and no more than 31
 * bytes. */
static inline const char *
json_lex_short_string(const char *p, const char *end, const char **fault,
                      size_t *surplus)
{
    const char *at = p;
#ifdef __SSE2__
    if (LIKELY(end - p >= 32)) {
        int mask = _mm_movemask_epi8(json_lex_run_ends(json_lex_load(p)));
        if (mask == 0) {
            at += 16;
            mask = _mm_movemask_epi8(json_lex_run_ends(json_lex_load(at)));
        }
        at += __builtin_ctz((unsigned)mask | 0x10000u);
    } else
#endif
        while (at < end && !json_lex_ends_run(*at))
            at++;
    if (LIKELY(at < end && *at == '"')) {
        *surplus = 0;
        return at + 1;
    }
    return json_lex_string(p, end, fault, surplus);
}

/* First quote, bracket or brace in [p, end), or end. */
static inline const char *
json_lex_structure_run(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        int mask = _mm_movemask_epi8(json_lex_structures(json_lex_load(p)));
        if (mask != 0)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && !json_lex_is_structure(*p))
        p++;
    return p;
}

/* Value of a hexadecimal digit, or -1. */
static inline int
json_lex_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Code unit of four hexadecimal digits at p, or -1. */
static inline int
json_lex_hex4(const char *p)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = json_lex_hex(p[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static inline bool
json_lex_is_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'u':
        return true;
    default:
        return false;
    }
}

#endif
