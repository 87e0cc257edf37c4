/*
 * key_table_index.c - the accountant's part of the index, and the values of a
 * key: its own, and the former one while that is good (V1..V5 of
 * shm/README.md).
 *
 * Cut anywhere, no value that is good is refused and none that has ended is
 * found; the next accountant does it all again from the ledger.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_table_index.h"

#include "shm/segment_places.h"

/* ---- the index ---- */

/* The bucket of (digest, entry), or bucket_count when there is none. */
static uint32_t
index_find(const struct segment *segment, const uint8_t digest[32],
           uint32_t entry)
{
    struct index_hash hash = index_hash(segment, digest);
    uint32_t mask = segment->bucket_count - 1;
    for (uint32_t n = 0; n <= mask; n++) {
        uint32_t at = (hash.start + n) & mask;
        uint64_t word = shm_load_own(segment_bucket(segment, at));
        if (word == INDEX_EMPTY)
            break;
        if (word == index_word(hash, entry))
            return at;
    }
    return segment->bucket_count;
}

/* Idempotent. There is always room: more than four times as many buckets as
 * entries, and a key has two values at most. */
static void
index_insert(const struct segment *segment, const uint8_t digest[32],
             uint32_t entry)
{
    if (index_find(segment, digest, entry) != segment->bucket_count)
        return;
    struct index_hash hash = index_hash(segment, digest);
    uint32_t mask = segment->bucket_count - 1;
    for (uint32_t n = 0; n <= mask; n++) {
        shm_u64 *bucket = segment_bucket(segment, (hash.start + n) & mask);
        uint64_t word = shm_load_own(bucket);
        if (word == INDEX_EMPTY || word == INDEX_TOMBSTONE) {
            /* release: whoever finds the bucket sees the entry's tag */
            shm_store(bucket, index_word(hash, entry));
            return;
        }
    }
    UNREACHABLE();
}

void
index_remove(const struct segment *segment, const uint8_t digest[32],
             uint32_t entry)
{
    uint32_t at = index_find(segment, digest, entry);
    uint32_t mask = segment->bucket_count - 1;
    if (at == segment->bucket_count)
        return;
    shm_store(segment_bucket(segment, at), INDEX_TOMBSTONE);
    /* No search goes past a tombstone that an empty bucket follows, so it may
     * be empty itself; that keeps the chains short under churn. */
    if (shm_load_own(segment_bucket(segment, (at + 1) & mask)) != INDEX_EMPTY)
        return;
    while (shm_load_own(segment_bucket(segment, at)) == INDEX_TOMBSTONE) {
        shm_store(segment_bucket(segment, at), INDEX_EMPTY);
        at = (at - 1) & mask;
    }
}

/* ---- values ---- */

static void
load_words(const shm_u64 words[4], uint8_t digest[32])
{
    uint64_t plain[4];
    for (int i = 0; i < 4; i++)
        plain[i] = shm_load_own(&words[i]);
    memcpy(digest, plain, sizeof(plain));
}

static void
store_words(shm_u64 words[4], const uint8_t digest[32])
{
    uint64_t plain[4];
    memcpy(plain, digest, sizeof(plain));
    for (int i = 0; i < 4; i++)
        shm_store(&words[i], plain[i]);
}

static bool
is_same(const uint8_t a[32], const uint8_t b[32])
{
    return memcmp(a, b, 32) == 0;
}

static bool
is_good(int64_t until)
{
    return until != SHM_VALUE_NONE && until != SHM_VALUE_ENDED;
}

void
index_store_values(const struct segment *segment, uint32_t entry,
                   const struct entry_policy *policy)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    struct shm_entry_cold *cold = places_cold(segment, hot);
    bool has_former = is_good(policy->former_until);
    uint8_t own[32], former[32];
    load_words(hot->digest, own);
    load_words(cold->former, former);
    /* V1: out of the index what is good no more, while it can be read here */
    if (!is_same(own, policy->digest) &&
        !(has_former && is_same(own, policy->former)))
        index_remove(segment, own, entry);
    if (!is_same(former, policy->digest) &&
        !(has_former && is_same(former, policy->former)))
        index_remove(segment, former, entry);
    if (!is_same(former, policy->former)) {
        /* V2: a reader that has the time of the one has no digest of the
         * other */
        shm_store(&cold->former_until, SHM_VALUE_ENDED);
        store_words(cold->former, policy->former);
    }
    /* V3: good, before it is the key's own no more */
    shm_store(&cold->former_until, policy->former_until);
    if (!is_same(own, policy->digest))
        store_words(hot->digest, policy->digest); /* V4 */
    /* V5 */
    index_insert(segment, policy->digest, entry);
    if (has_former)
        index_insert(segment, policy->former, entry);
}

void
index_remove_values(const struct segment *segment, uint32_t entry)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    uint8_t digest[32];
    load_words(hot->digest, digest);
    index_remove(segment, digest, entry);
    load_words(cold->former, digest);
    index_remove(segment, digest, entry);
}
