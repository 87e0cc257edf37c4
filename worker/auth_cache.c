/*
 * auth_cache.c - see auth_cache.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/auth_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { SETS = 2048 };

struct entry {
    struct auth_tag tag; /* all zero: free */
    uint8_t digest[CRYPTO_DIGEST_BYTES];
};

struct auth_cache {
    uint8_t seed[16];
    struct entry sets[SETS][2]; /* the newer one first */
};

struct auth_cache *
auth_cache_create(void)
{
    struct auth_cache *cache = calloc(1, sizeof(*cache));
    if (cache != NULL)
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

bool
auth_cache_find(const struct auth_cache *cache, struct auth_tag tag,
                uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    const struct entry *set = cache->sets[tag.words[0] % SETS];
    for (int i = 0; i < 2; i++)
        if (is_same(set[i].tag, tag)) {
            memcpy(digest, set[i].digest, CRYPTO_DIGEST_BYTES);
            return true;
        }
    return false;
}

void
auth_cache_keep(struct auth_cache *cache, struct auth_tag tag,
                const uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    struct entry *set = cache->sets[tag.words[0] % SETS];
    set[1] = set[0];
    set[0].tag = tag;
    memcpy(set[0].digest, digest, CRYPTO_DIGEST_BYTES);
}
