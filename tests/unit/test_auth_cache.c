/*
 * test_auth_cache.c - digests kept by the keys' names in this process.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/auth_cache.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static struct auth_known known, found;

static bool
found_is_known(void)
{
    return memcmp(found.digest, known.digest, sizeof(found.digest)) == 0 &&
           found.entry == known.entry;
}

TEST(what_was_kept_is_found_and_nothing_else)
{
    struct auth_cache *cache = auth_cache_create();
    CHECK_TRUE(cache != NULL);
    struct auth_tag good = auth_cache_tag(cache, STR_LIT("sk-aigw-good"));
    struct auth_tag near = auth_cache_tag(cache, STR_LIT("sk-aigw-goof"));
    CHECK_TRUE(!auth_cache_find(cache, good, &found));
    memset(known.digest, 7, sizeof(known.digest));
    known.entry = 5;
    auth_cache_keep(cache, good, &known);
    CHECK_TRUE(auth_cache_find(cache, good, &found));
    CHECK_TRUE(found_is_known());
    CHECK_TRUE(!auth_cache_find(cache, near, &found));
    good.words[1] ^= 1; /* half of the name is not the name */
    CHECK_TRUE(!auth_cache_find(cache, good, &found));
    auth_cache_destroy(&cache);
    CHECK_TRUE(cache == NULL);
}

TEST(names_differ_from_process_to_process)
{
    struct auth_cache *a = auth_cache_create(), *b = auth_cache_create();
    struct auth_tag in_a = auth_cache_tag(a, STR_LIT("sk-aigw-good"));
    struct auth_tag in_b = auth_cache_tag(b, STR_LIT("sk-aigw-good"));
    CHECK_TRUE(in_a.words[0] != in_b.words[0]);
    CHECK_TRUE(in_a.words[1] != in_b.words[1]);
    CHECK_TRUE(in_a.words[0] != in_a.words[1]);
    auth_cache_destroy(&a);
    auth_cache_destroy(&b);
}

TEST(many_keys_replace_old_ones_only)
{
    struct auth_cache *cache = auth_cache_create();
    char text[32];
    for (uint32_t i = 0; i < 100000; i++) {
        int len = snprintf(text, sizeof(text), "sk-aigw-%u", i);
        struct auth_tag tag =
            auth_cache_tag(cache, str_make(text, (size_t)len));
        memcpy(known.digest, &i, sizeof(i));
        known.entry = i;
        auth_cache_keep(cache, tag, &known);
        CHECK_TRUE(auth_cache_find(cache, tag, &found));
        CHECK_TRUE(found_is_known());
    }
    auth_cache_destroy(&cache);
}

/* A key that was moved to another entry does not push its neighbour out. */
TEST(what_is_known_of_a_key_is_replaced_in_its_place)
{
    struct auth_cache *cache = auth_cache_create();
    struct auth_tag one = auth_cache_tag(cache, STR_LIT("sk-aigw-one"));
    struct auth_tag two = one;
    two.words[1] ^= 1; /* of the same place */
    known.entry = 1;
    auth_cache_keep(cache, one, &known);
    for (known.entry = 2; known.entry < 9; known.entry++)
        auth_cache_keep(cache, two, &known);
    CHECK_TRUE(auth_cache_find(cache, two, &found));
    CHECK_EQ(found.entry, 8);
    CHECK_TRUE(auth_cache_find(cache, one, &found));
    CHECK_EQ(found.entry, 1);
    auth_cache_destroy(&cache);
}
