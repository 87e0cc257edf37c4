/*
 * test_ledger_needle.c - a text is found in bytes as strcasestr() finds it, at each
 * place, in any case, across pieces.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_needle.h"
#include "common/hash.h"
#include "tests/test.h"

static uint64_t state = 3;

static unsigned
chance(unsigned below)
{
    state = hash_mix64(state + 1);
    return (unsigned)(state % below);
}

static bool
has(const char *bytes, size_t len, const char *text)
{
    struct ledger_needle needle = {0};
    ledger_needle_set(&needle, text);
    /* Nothing behind the bytes may be read. */
    char *exact = malloc(len + 1);
    memcpy(exact, bytes, len);
    exact = realloc(exact, len == 0 ? 1 : len);
    bool found = ledger_needle_in(&needle, str_make(exact, len));
    free(exact);
    return found;
}

TEST(a_text_is_found_as_strcasestr_finds_it)
{
    static const char letters[] = "aAbB@[`{Zz\x01\x7f\xc1\xe1";
    char bytes[40], text[6];
    unsigned found = 0;
    for (unsigned round = 0; round < 200000; round++) {
        size_t len = chance(sizeof(bytes) - 1);
        size_t text_len = chance(sizeof(text) - 1);
        for (size_t i = 0; i < len; i++)
            bytes[i] = letters[chance(sizeof(letters) - 1)];
        for (size_t i = 0; i < text_len; i++)
            text[i] = letters[chance(sizeof(letters) - 1)];
        bytes[len] = text[text_len] = '\0';
        bool wanted = strcasestr(bytes, text) != NULL;
        CHECK_EQ(has(bytes, len, text), wanted);
        found += wanted;
    }
    CHECK_TRUE(found > 10000 && found < 190000);
}

TEST(a_text_is_found_at_each_place_of_many_bytes)
{
    enum { BYTES = 9000 };
    static char bytes[BYTES];
    for (size_t at = 0; at + 9 <= BYTES; at += 1 + chance(3)) {
        memset(bytes, chance(2) == 0 ? 'n' : '\0', sizeof(bytes));
        memcpy(bytes + at, "NeEdLe-42", 9);
        CHECK_TRUE(has(bytes, sizeof(bytes), "nEedle-42"));
        bytes[at + chance(9)] ^= 1;
        CHECK_TRUE(!has(bytes, sizeof(bytes), "nEedle-42"));
    }
}

TEST(of_a_long_text_the_beginning_counts_and_none_is_everywhere)
{
    char text[3 * LEDGER_NEEDLE_MAX + 1];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CHECK_TRUE(has(text, sizeof(text) - 1, text));
    CHECK_TRUE(has(text, LEDGER_NEEDLE_MAX, text));
    CHECK_TRUE(!has(text, LEDGER_NEEDLE_MAX - 1, text));
    CHECK_TRUE(has("", 0, ""));
    CHECK_TRUE(has("abc", 3, NULL));
    CHECK_TRUE(!has("", 0, "a"));
}
