/*
 * json_lex.c - strings, 64 bytes at a time: a body of some MiB is read by this
 * loop and nothing else, and text is full of escaped line feeds, so an escape
 * must not end the block.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/json_lex.h"

#include "common/check.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* An escape and all of its digits begin in a block and end in these. */
enum { BLOCK_BYTES = 64, ESCAPE_BYTES = 6 };

static unsigned width_max = 64; /* bytes of a vector */

void
json_lex_limit_width(unsigned bytes)
{
    width_max = bytes;
}

/*
 * p is a backslash, with ESCAPE_BYTES or what the text has behind it. Returns
 * the escape's length, or 0.
 */
static inline size_t
pass_escape(const char *p, const char *end, size_t *surplus)
{
    if (end - p < 2 || !json_lex_is_escape(p[1]))
        return 0;
    if (p[1] != 'u') {
        *surplus += 1;
        return 2;
    }
    int unit = end - p < ESCAPE_BYTES ? -1 : json_lex_hex4(p + 2);
    if (unit < 0)
        return 0;
    *surplus += unit < 0x80 ? 5 : unit < 0x800 ? 4 : 3;
    return ESCAPE_BYTES;
}

#ifdef __x86_64__
static inline uint64_t
ends_by_16(const char *p)
{
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i ends = json_lex_run_ends(json_lex_load(p + 16 * i));
        mask |= (uint64_t)(unsigned)_mm_movemask_epi8(ends) << (16 * i);
    }
    return mask;
}

/* Where a block led. */
struct block {
    const char *at; /* behind the string, its fault, or where to go on */
    enum { BLOCK_GOES_ON, BLOCK_ENDS, BLOCK_BAD } how;
};

/* `mask`: the bytes of the block at p that end a run. */
static inline struct block
pass_block(const char *p, const char *end, uint64_t mask, size_t *surplus)
{
    while (mask != 0) {
        size_t at = (size_t)__builtin_ctzll(mask);
        if (p[at] == '"')
            return (struct block){p + at + 1, BLOCK_ENDS};
        size_t len = p[at] == '\\' ? pass_escape(p + at, end, surplus) : 0;
        if (len == 0)
            return (struct block){p + at, BLOCK_BAD};
        at += len;
        if (at >= BLOCK_BYTES)
            return (struct block){p + at, BLOCK_GOES_ON};
        mask &= ~UINT64_C(0) << at;
    }
    return (struct block){p + BLOCK_BYTES, BLOCK_GOES_ON};
}

static struct block
pass_blocks_by_16(const char *p, const char *end, size_t *surplus)
{
    struct block block = {p, BLOCK_GOES_ON};
    while (block.how == BLOCK_GOES_ON &&
           end - block.at >= BLOCK_BYTES + ESCAPE_BYTES)
        block = pass_block(block.at, end, ends_by_16(block.at), surplus);
    return block;
}

/* A bit for each byte of a block. */
struct marks {
    uint64_t quotes, slashes, controls;
    uint64_t escapable; /* may follow a backslash, in an escape of two bytes */
};

/*
 * Text with line feeds and quotes in it is passed without a branch for each:
 * where an escape stands cannot be foreseen. What is not so simple (two
 * backslashes in a row or one at the block's end, \u, the string's end, a
 * fault) goes byte by byte. The next block's place must not depend on what is
 * in this one, or the blocks wait for each other.
 */
static inline struct block
pass_marks(const char *p, const char *end, const struct marks *marks,
           size_t *surplus)
{
    uint64_t escaped = marks->slashes << 1;
    if (LIKELY(((marks->quotes & ~escaped) | marks->controls |
                (escaped & ~marks->escapable) | marks->slashes >> 63) == 0)) {
        *surplus += (size_t)__builtin_popcountll(marks->slashes);
        return (struct block){p + BLOCK_BYTES, BLOCK_GOES_ON};
    }
    return pass_block(p, end, marks->quotes | marks->slashes | marks->controls,
                      surplus);
}

/*
 * The bytes that may follow a backslash, but the backslash: " / b f n r t. By
 * both halves of a byte: those of the lower half allow a set of upper halves,
 * as bits. Bytes from 0x80 on find nothing.
 */
enum { UPPER_2 = 1, UPPER_6 = 2, UPPER_7 = 4 };
#define LOWER_HALVES                                                           \
    0, 0, UPPER_2 | UPPER_6 | UPPER_7, 0, UPPER_7, 0, UPPER_6, 0, 0, 0, 0, 0,  \
        0, 0, UPPER_6, UPPER_2
#define UPPER_HALVES                                                           \
    0, 0, UPPER_2, 0, 0, 0, UPPER_6, UPPER_7, 0, 0, 0, 0, 0, 0, 0, 0

/* Large bodies come from the third cache by now: asked for so far ahead, they
 * are read in three quarters of the time. Short texts are near. */
static inline void
fetch_ahead(const char *at, const char *end)
{
    enum { AHEAD_BYTES = 2048 };
    if (end - at > AHEAD_BYTES)
        __builtin_prefetch(at + AHEAD_BYTES);
}

#define BY_32 __attribute__((target("avx2,popcnt")))

BY_32 static inline unsigned
bits_by_32(__m256i bytes)
{
    return (unsigned)_mm256_movemask_epi8(bytes);
}

/* 0xff where bytes are c. */
BY_32 static inline __m256i
equals_by_32(__m256i bytes, char c)
{
    return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c));
}

BY_32 static inline __m256i
controls_by_32(__m256i bytes)
{
    __m256i top = _mm256_set1_epi8(0x1f);
    return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, top), bytes);
}

/* Whether a run may end in there at all. */
BY_32 static inline bool
ends_by_32(__m256i a, __m256i b)
{
    __m256i quotes =
        _mm256_or_si256(equals_by_32(a, '"'), equals_by_32(b, '"'));
    __m256i slashes =
        _mm256_or_si256(equals_by_32(a, '\\'), equals_by_32(b, '\\'));
    __m256i ends = _mm256_or_si256(_mm256_or_si256(quotes, slashes),
                                   controls_by_32(_mm256_min_epu8(a, b)));
    return _mm256_testz_si256(ends, ends) == 0;
}

BY_32 static inline unsigned
escapable_by_32(__m256i bytes)
{
    const __m256i lower = _mm256_setr_epi8(LOWER_HALVES, LOWER_HALVES);
    const __m256i upper = _mm256_setr_epi8(UPPER_HALVES, UPPER_HALVES);
    __m256i high =
        _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
    __m256i both = _mm256_and_si256(_mm256_shuffle_epi8(lower, bytes),
                                    _mm256_shuffle_epi8(upper, high));
    return ~bits_by_32(_mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
}

BY_32 static struct block
pass_blocks_by_32(const char *p, const char *end, size_t *surplus)
{
    struct block block = {p, BLOCK_GOES_ON};
    while (block.how == BLOCK_GOES_ON &&
           end - block.at >= BLOCK_BYTES + ESCAPE_BYTES) {
        fetch_ahead(block.at, end);
        const __m256i *bytes = (const __m256i *)(const void *)block.at;
        __m256i a = _mm256_loadu_si256(bytes);
        __m256i b = _mm256_loadu_si256(bytes + 1);
        if (!ends_by_32(a, b)) {
            block.at += BLOCK_BYTES;
            continue;
        }
#define BOTH(of)    ((uint64_t)(of(b)) << 32 | (of(a)))
#define QUOTES(v)   bits_by_32(equals_by_32(v, '"'))
#define SLASHES(v)  bits_by_32(equals_by_32(v, '\\'))
#define CONTROLS(v) bits_by_32(controls_by_32(v))
        struct marks marks = {BOTH(QUOTES), BOTH(SLASHES), BOTH(CONTROLS),
                              BOTH(escapable_by_32)};
#undef CONTROLS
#undef BOTH
#undef QUOTES
#undef SLASHES
        block = pass_marks(block.at, end, &marks, surplus);
    }
    return block;
}

__attribute__((target("avx512bw,popcnt"))) static struct block
pass_blocks_by_64(const char *p, const char *end, size_t *surplus)
{
    const __m512i lower = _mm512_broadcast_i32x4(_mm_setr_epi8(LOWER_HALVES));
    const __m512i upper = _mm512_broadcast_i32x4(_mm_setr_epi8(UPPER_HALVES));
    struct block block = {p, BLOCK_GOES_ON};
    while (block.how == BLOCK_GOES_ON &&
           end - block.at >= BLOCK_BYTES + ESCAPE_BYTES) {
        fetch_ahead(block.at, end);
        __m512i bytes = _mm512_loadu_si512(block.at);
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4),
                                        _mm512_set1_epi8(0x0f));
        struct marks marks = {
            _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"')),
            _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\')),
            _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)),
            _mm512_test_epi8_mask(_mm512_shuffle_epi8(lower, bytes),
                                  _mm512_shuffle_epi8(upper, high)),
        };
        block = pass_marks(block.at, end, &marks, surplus);
    }
    return block;
}

static struct block
pass_blocks(const char *p, const char *end, size_t *surplus)
{
    if (width_max >= 64 && __builtin_cpu_supports("avx512bw"))
        return pass_blocks_by_64(p, end, surplus);
    if (width_max >= 32 && __builtin_cpu_supports("avx2"))
        return pass_blocks_by_32(p, end, surplus);
    return pass_blocks_by_16(p, end, surplus);
}
#endif

const char *
json_lex_string(const char *p, const char *end, const char **fault,
                size_t *surplus)
{
    *surplus = 0;
#ifdef __x86_64__
    struct block block = pass_blocks(p, end, surplus);
    p = *fault = block.at;
    if (block.how != BLOCK_GOES_ON)
        return block.how == BLOCK_ENDS ? p : NULL;
#endif
    for (;;) {
        p = json_lex_string_run(p, end);
        *fault = p;
        if (p == end)
            return NULL;
        if (*p == '"')
            return p + 1;
        size_t len = *p == '\\' ? pass_escape(p, end, surplus) : 0;
        if (len == 0)
            return NULL;
        p += len;
    }
}
