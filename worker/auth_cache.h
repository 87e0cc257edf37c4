/*
 * auth_cache.h - digests of the keys that were good lately and where they were
 * in the key table, so that a key's HMAC is not computed anew for each of its
 * requests, nor its place looked up.
 *
 * Holds no key: an entry is found by 128 bits of SipHash under a seed that only
 * this process knows, so a text that is not the key does not find it but by
 * guessing 128 bits. Whether the key exists, is there still, is enabled and may
 * be used is asked of the segment each time.
 * Owner: the worker. One thread. 4,096 entries, 256 KiB, never more.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_AUTH_CACHE_H
#define AIGW_WORKER_AUTH_CACHE_H

#include "common/crypto.h"

struct auth_cache;

struct auth_tag {
    uint64_t words[2];
};

struct auth_known {
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    uint32_t entry; /* where it was found last */
};

/* NULL: out of memory. */
struct auth_cache *auth_cache_create(void) MUST_CHECK;
void auth_cache_destroy(struct auth_cache **cache);
/* What `credential` is called here. */
struct auth_tag auth_cache_tag(const struct auth_cache *cache,
                               struct str credential);
/* It is asked for soon. */
void auth_cache_prefetch(const struct auth_cache *cache, struct auth_tag tag);
bool auth_cache_find(const struct auth_cache *cache, struct auth_tag tag,
                     struct auth_known *known);
/* Only for credentials that were found in the key table: guesses do not push
 * good keys out. Replaces what was known of it, or the older of the two in its
 * place. */
void auth_cache_keep(struct auth_cache *cache, struct auth_tag tag,
                     const struct auth_known *known);

#endif
