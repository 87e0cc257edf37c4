/*
 * ledger_needle.c - see ledger_needle.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_needle.h"

#include <stdint.h>
#include <string.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Eight bytes at once: 0x20 where 'A' to 'Z' stand. */
static inline uint64_t
lower_word(uint64_t word)
{
    uint64_t low = word & EACH_BYTE * 0x7f;
    uint64_t from_a = low + EACH_BYTE * (0x80 - 'A');
    uint64_t behind_z = low + EACH_BYTE * (0x80 - 'Z' - 1);
    uint64_t is_upper = (from_a & ~behind_z) & ~word & EACH_BYTE * 0x80;
    return word | is_upper >> 2;
}

/* `out` has room for whole words. */
static void
lower(const char *in, size_t len, char *out)
{
    uint64_t word;
    size_t i = 0;
    for (; i + sizeof(word) <= len; i += sizeof(word)) {
        memcpy(&word, in + i, sizeof(word));
        word = lower_word(word);
        memcpy(out + i, &word, sizeof(word));
    }
    if (i == len)
        return;
    word = 0;
    memcpy(&word, in + i, len - i);
    word = lower_word(word);
    memcpy(out + i, &word, sizeof(word));
}

void
ledger_needle_set(struct ledger_needle *needle, const char *text)
{
    char lowered[LEDGER_NEEDLE_MAX];
    needle->len = text == NULL ? 0 : strnlen(text, LEDGER_NEEDLE_MAX);
    if (needle->len == 0)
        return;
    lower(text, needle->len, lowered);
    memcpy(needle->text, lowered, needle->len);
}

bool
ledger_needle_in(struct ledger_needle *needle, struct str bytes)
{
    if (needle->len == 0)
        return true;
    /* Pieces overlap, so that it may stand across their edge. */
    for (size_t at = 0; at + needle->len <= bytes.len;
         at += LEDGER_NEEDLE_PIECE - needle->len + 1) {
        size_t left = bytes.len - at;
        size_t len = left < LEDGER_NEEDLE_PIECE ? left : LEDGER_NEEDLE_PIECE;
        lower(bytes.ptr + at, len, needle->piece);
        if (memmem(needle->piece, len, needle->text, needle->len) != NULL)
            return true;
    }
    return false;
}
