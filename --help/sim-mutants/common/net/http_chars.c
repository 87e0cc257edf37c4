/*
 * http_chars.c - see http_chars.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_chars.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Sums of HTTP_CHAR_*, sixteen bytes a row. Bytes above 0x7f are in no class.
 * The unit test builds the same table from the grammar. */
// clang-format off
const uint8_t http_chars[256] = {
    /* 00 */  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    /* 10 */  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    /* 20 */  0,  7,  0,  1,  7,  1,  7,  7,  6,  6,  7,  7,  6, 15, 15,  6,
    /* 30 */ 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,  6,  6,  0,  6,  0,  4,
    /* 40 */  6, 31, 31, 31, 31, 31, 31, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    /* 50 */ 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  4,  0,  4,  1, 15,
    /* 60 */  1, 31, 31, 31, 31, 31, 31, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    /* 70 */ 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  0,  1,  0, 15,  0,
};
// clang-format on

#ifdef __SSE2__
/* 0xff where first <= byte < first + count (both small). */
static inline __m128i
in_range(__m128i bytes, char first, char count)
{
    __m128i off = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(off, _mm_set1_epi8((char)(count - 1))),
                          off);
}
#endif

size_t
http_token_span(struct str s)
{
    size_t at = 0;
#ifdef __SSE2__
    for (; s.len - at >= 16; at += 16) {
        __m128i b =
            _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + at));
        __m128i lower = _mm_or_si128(b, _mm_set1_epi8(0x20));
        __m128i good = _mm_or_si128(
            _mm_or_si128(in_range(lower, 'a', 26), in_range(b, '0', 10)),
            _mm_cmpeq_epi8(b, _mm_set1_epi8('-')));
        unsigned mask = (unsigned)_mm_movemask_epi8(good);
        if (mask != 0xffff) {
            at += (size_t)__builtin_ctz(~mask);
            if (!http_char_is(s.ptr[at], HTTP_CHAR_TOKEN))
                return at;
            break;
        }
    }
#endif
    return at + http_span(str_skip(s, at), HTTP_CHAR_TOKEN);
}

static bool
is_control(char c)
{
    return ((uint8_t)c < 0x20 && c != '\t') || c == 0x7f;
}

#ifdef __SSE2__
/* A bit for each control byte of sixteen. */
static inline unsigned
controls_of_16(const char *bytes)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    /* b <= 0x1f, unsigned */
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(0x1f)), b);
    __m128i tab = _mm_cmpeq_epi8(b, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(b, _mm_set1_epi8(0x7f));
    return (unsigned)_mm_movemask_epi8(
        _mm_or_si128(_mm_andnot_si128(tab, low), del));
}
#endif

size_t
http_find_control(const char *bytes, size_t from, size_t len)
{
    size_t at = from;
#ifdef __SSE2__
    for (; len - at >= 16; at += 16) {
        unsigned mask = controls_of_16(bytes + at);
        if (mask != 0)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    while (at < len && !is_control(bytes[at]))
        at++;
    return at;
}

void
http_controls_look(struct http_controls *controls)
{
    const char *bytes = controls->text.ptr + controls->next;
    size_t left = controls->text.len - controls->next, at = 0;
    size_t len = left < 64 ? left : 64;
    uint64_t bits = 0;
#ifdef __SSE2__
    for (; len - at >= 16; at += 16)
        bits |= (uint64_t)controls_of_16(bytes + at) << at;
#endif
    for (; at < len; at++)
        bits |= (uint64_t)is_control(bytes[at]) << at;
    controls->base = controls->next;
    controls->next += len;
    controls->bits = bits;
}
