/*
 * test_str.c - comparing without case, eight bytes at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/str.h"

#include <stdlib.h>

#include "tests/test.h"

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Every pair of bytes at every place of texts around the word's size. */
TEST(only_ascii_letters_lose_their_case)
{
    char a[20], b[20];
    for (size_t len = 1; len <= 18; len += len < 9 ? 1 : 3)
        for (unsigned x = 0; x < 256; x++)
            for (unsigned y = 0; y < 256; y++) {
                size_t at = (x + y) % len;
                memset(a, 'x', sizeof(a));
                memset(b, 'X', sizeof(b));
                a[at] = (char)x;
                b[at] = (char)y;
                bool same = lower(a[at]) == lower(b[at]);
                CHECK_TRUE(str_equals_nocase(str_make(a, len),
                                             str_make(b, len)) == same);
            }
}

TEST(lengths_count_first)
{
    CHECK_TRUE(str_equals_nocase(str_make("", 0), str_make(NULL, 0)));
    CHECK_TRUE(!str_equals_nocase(STR_LIT("host"), STR_LIT("hosts")));
    CHECK_TRUE(str_equals_nocase(STR_LIT("Transfer-Encoding"),
                                 STR_LIT("transfer-eNcoding")));
}

TEST(a_cut_leaves_whole_characters)
{
    struct str text = STR_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof(whole) / sizeof(*whole); max++)
        CHECK_EQ(str_cut(text, max).len, whole[max]);
    /* what is no UTF-8 stays as it is */
    CHECK_EQ(str_whole(STR_LIT("\x80\x80\x80\x80\x80")), 5);
    CHECK_EQ(str_whole(STR_LIT("\x80")), 1);
    CHECK_EQ(str_whole(str_make(NULL, 0)), 0);
}
