/*
 * key_table_index.h - the words of the index and how a digest is searched in
 * it. Private to the key table.
 *
 * A bucket is digest bits << 32 | entry + 1; 0 ends a search; a tombstone does
 * not. The accountant alone writes, one word at a time, so a search sees each
 * bucket before or after a change and never something between.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_KEY_TABLE_INDEX_H
#define AIGW_SHM_KEY_TABLE_INDEX_H

#include <string.h>

#include "shm/key_table.h"

#define INDEX_EMPTY     UINT64_C(0)
#define INDEX_TOMBSTONE UINT64_C(0xffffffff)

struct index_hash {
    uint32_t start; /* bucket to begin with */
    uint64_t high;  /* digest bits in the upper half */
};

/* The digest is an HMAC: any bits of it are as good as a hash. */
static inline struct index_hash
index_hash(const struct segment *segment, const uint8_t digest[32])
{
    uint64_t words[2];
    memcpy(words, digest, sizeof(words));
    return (struct index_hash){
        (uint32_t)(words[0] & (segment->bucket_count - 1)),
        words[1] & UINT64_C(0xffffffff00000000)};
}

static inline uint64_t
index_word(struct index_hash hash, uint32_t entry)
{
    return hash.high | (entry + 1u);
}

/* ---- key_table_index.c: the accountant ---- */
/* Idempotent. */
void index_remove(const struct segment *segment, const uint8_t digest[32],
                  uint32_t entry);
/* V1..V5: the policy's values are found from now on, and no others. */
void index_store_values(const struct segment *segment, uint32_t entry,
                        const struct entry_policy *policy);
/* D1: neither value is found any more. */
void index_remove_values(const struct segment *segment, uint32_t entry);

#endif
