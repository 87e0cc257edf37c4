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

#define BY_32 __attribute__((target("avx2"))) static inline

BY_32 uint64_t
equals_by_32(__m256i low, __m256i high, char c)
{
    __m256i wanted = _mm256_set1_epi8(c);
    unsigned a = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    unsigned b =
        (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return (uint64_t)b << 32 | a;
}

BY_32 uint64_t
controls_by_32(__m256i low, __m256i high)
{
    __m256i top = _mm256_set1_epi8(0x1f);
    return equals_by_32(_mm256_subs_epu8(low, top), _mm256_subs_epu8(high, top),
                        0);
}

/* Letters that an escape of two bytes may have. */
BY_32 uint64_t
escapable_by_32(__m256i low, __m256i high)
{
    return equals_by_32(low, high, 'n') | equals_by_32(low, high, '"') |
           equals_by_32(low, high, 't') | equals_by_32(low, high, '/') |
           equals_by_32(low, high, 'r') | equals_by_32(low, high, 'b') |
           equals_by_32(low, high, 'f');
}

/*
 * Blocks of text with line feeds and quotes in it are passed without a branch
 * for each: an escape's place cannot be foreseen. What is not so simple (two
 * backslashes in a row, \u, the string's end, a fault) goes byte by byte.
 */
__attribute__((target("avx2"))) static struct block
pass_blocks_by_32(const char *p, const char *end, size_t *surplus)
{
    struct block block = {p, BLOCK_GOES_ON};
    while (block.how == BLOCK_GOES_ON &&
           end - block.at >= BLOCK_BYTES + ESCAPE_BYTES) {
        const __m256i *bytes = (const __m256i *)(const void *)block.at;
        __m256i low = _mm256_loadu_si256(bytes);
        __m256i high = _mm256_loadu_si256(bytes + 1);
        uint64_t quotes = equals_by_32(low, high, '"');
        uint64_t slashes = equals_by_32(low, high, '\\');
        uint64_t controls = controls_by_32(low, high);
        uint64_t escaped = slashes << 1;
        if (((quotes & ~escaped) | controls | (slashes & escaped) |
             slashes >> 63) == 0 &&
            (slashes == 0 || (escaped & ~escapable_by_32(low, high)) == 0)) {
            *surplus += (size_t)__builtin_popcountll(slashes);
            block.at += BLOCK_BYTES;
        } else {
            block =
                pass_block(block.at, end, quotes | slashes | controls, surplus);
        }
    }
    return block;
}
#endif

const char *
json_lex_string(const char *p, const char *end, const char **fault,
                size_t *surplus)
{
    *surplus = 0;
#ifdef __x86_64__
    struct block block = __builtin_cpu_supports("avx2")
                             ? pass_blocks_by_32(p, end, surplus)
                             : pass_blocks_by_16(p, end, surplus);
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
