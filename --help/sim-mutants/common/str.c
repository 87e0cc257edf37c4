/*
 * str.c - comparing without case, eight bytes at a time; cutting.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/str.h"

#include <stdint.h>

/* Eight bytes that differ at most in the case of ASCII letters. */
static bool
words_equal_nocase(uint64_t a, uint64_t b)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t differs = a ^ b;
    if ((differs & ~(ones << 5)) != 0)
        return false;
    /* Bit 5 tells case only where both are letters: in a byte below 0x80, its
     * sum with 0x80 - 'a' carries into bit 7 from 'a' on. */
    uint64_t low = (a | ones << 5) & ~high;
    uint64_t letters = (low + ones * (0x80 - 'a')) &
                       ~(low + ones * (0x80 - 'z' - 1)) & ~a & high;
    return (differs << 2 & ~letters) == 0;
}

bool
str_bytes_equal_nocase(const char *a, const char *b, size_t len)
{
    uint64_t x = 0, y = 0;
    size_t at = 0;
    for (; len - at >= sizeof(x); at += sizeof(x)) {
        memcpy(&x, a + at, sizeof(x));
        memcpy(&y, b + at, sizeof(y));
        if (!words_equal_nocase(x, y))
            return false;
    }
    if (at == len)
        return true;
    if (len >= sizeof(x)) { /* the last eight, some of them again */
        memcpy(&x, a + len - sizeof(x), sizeof(x));
        memcpy(&y, b + len - sizeof(y), sizeof(y));
        return words_equal_nocase(x, y);
    }
    for (x = y = 0; at < len; at++) {
        x = x << 8 | (unsigned char)a[at];
        y = y << 8 | (unsigned char)b[at];
    }
    return words_equal_nocase(x, y);
}

size_t
str_whole(struct str s)
{
    size_t behind = 0; /* bytes of the last character that are no first one */
    while (behind < s.len && behind < 3 &&
           ((unsigned char)s.ptr[s.len - 1 - behind] & 0xc0) == 0x80)
        behind++;
    if (behind == s.len)
        return s.len;
    unsigned char first = (unsigned char)s.ptr[s.len - 1 - behind];
    size_t wanted = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0;
    return wanted > behind ? s.len - 1 - behind : s.len;
}
