/*
 * auth_cache.c - see auth_cache.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/auth_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { SETS = 2048 };

/* One line of memory. */
struct entry {
    _Alignas(64) struct auth_tag tag; /* all zero: free */
    struct auth_known known;
};

struct auth_cache {
    struct entry sets[SETS][2]; /* the newer one first */
    uint8_t seed[16];
};

struct auth_cache *
auth_cache_create(void)
{
    struct auth_cache *cache =
        aligned_alloc(_Alignof(struct auth_cache), sizeof(*cache));
    if (cache == NULL)
        return NULL;
    memset(cache, 0, sizeof(*cache));
    crypto_random(cache->seed, sizeof(cache->seed));
    return cache;
}

void
auth_cache_destroy(struct auth_cache **cache)
{
    if (*cache == NULL)
        return;
    crypto_wipe(*cache, sizeof(**cache));
    free(*cache);
    *cache = NULL;
}

struct auth_tag
auth_cache_tag(const struct auth_cache *cache, struct str credential)
{
    struct auth_tag tag;
    hash_siphash128(cache->seed, credential.ptr, credential.len, tag.words);
    /* cppcheck-suppress uninitvar */
    return tag;
}

static bool
is_same(struct auth_tag a, struct auth_tag b)
{
    return ((a.words[0] ^ b.words[0]) | (a.words[1] ^ b.words[1])) == 0;
}

void
auth_cache_prefetch(const struct auth_cache *cache, struct auth_tag tag)
{
    __builtin_prefetch(cache->sets[tag.words[0] % SETS]);
}

bool
auth_cache_find(const struct auth_cache *cache, struct auth_tag tag,
                struct auth_known *known)
{
    const struct entry *set = cache->sets[tag.words[0] % SETS];
    for (int i = 0; i < 2; i++)
        if (is_same(set[i].tag, tag)) {
            *known = set[i].known;
            return true;
        }
    return false;
}

void
auth_cache_keep(struct auth_cache *cache, struct auth_tag tag,
                const struct auth_known *known)
{
    struct entry *set = cache->sets[tag.words[0] % SETS];
    if (!is_same(set[0].tag, tag))
        set[1] = set[0];
    set[0].tag = tag;
    set[0].known = *known;
}
