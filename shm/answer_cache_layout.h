/*
 * answer_cache_layout.h - the bytes of PATH.cache, for shm/ and the dump.
 *
 *   0      cache_header                          1 page
 *   .      cache_column [column_max]             2 lines each: counters
 *   .      buckets      [bucket_count][8] u64    a line each: the index
 *   .      cache_block  [block_count]            a line each
 *   .      blocks       [block_count] of block_bytes, sparse until first used
 *
 *   index word   tag 16 | life 16 | block 14 | place 18 (in lines)
 *   in a block   |stored|head..|body.....|stored|head|body|....free...|
 *
 * Blocks are filled one after the other, the oldest is given to the next worker
 * that needs one. A block has one writer, its owner; within one `life` of it no
 * byte changes once an index word leads to it.
 *
 *  word          writers                      readers            killed here?
 *  hand          workers, fetch_add           workers            a block is
 *                                                                passed over
 *  owner         workers, CAS from nobody or  workers, acquire   the dead give
 *                from the dead; owner: nobody                    way to a CAS
 *  life          owner: +1 before it writes   readers, acquire,  all of it is
 *                                             twice              gone
 *  used, count   owner                        statistics         counts too few
 *  allocated     owner, once                  owners             asked again
 *  stored, bytes owner, beyond `used`         who has a word     nobody has one
 *  index word    workers, plain: a hint       all                one answer
 *                                                                less
 *  counters      the column's process         all                one uncounted
 *  generations   accountant                   workers            as before
 *
 * Invariant: what find() gives out verified: key (128 bits), sum over life, key,
 * lengths and bytes, and the block's life the same before and after the copy.
 * Order: every store release, every load acquire, as everywhere in shm/: `life`
 * is stored before the first byte of a new life, so a reader that has copied one
 * finds the new `life` behind it. An owner is dead when its column is FREE or
 * DYING or has another generation: the process is gone before that is said, so
 * no block ever has two writers. Index words may be lost to each other and lead
 * anywhere: they are checked, never believed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_ANSWER_CACHE_LAYOUT_H
#define AIGW_SHM_ANSWER_CACHE_LAYOUT_H

#include "shm/answer_cache.h"

#define CACHE_MAGIC UINT64_C(0x3145484341434741) /* changes with the layout */

enum {
    CACHE_SCOPES = 256,
    CACHE_WAYS = 8,
    CACHE_COLUMN_WORDS = 16,
    CACHE_BLOCKS_MAX = 1 << 14,
    CACHE_HEADER_BYTES = 4096,
    CACHE_BYTES_A_WORD = 2048, /* an index word for so many bytes of blocks */
    CACHE_BLOCK_LEAST = 64 * 1024,
    CACHE_BLOCK_MOST = 16 * 1024 * 1024,
};

struct cache_header {
    shm_u64 magic; /* stored last */
    shm_u64 epoch; /* of the segment it belongs to */
    uint64_t file_bytes, block_bytes;
    uint32_t block_count, bucket_count, column_max, pad;
    /* Workers. */
    _Alignas(SHM_LINE) shm_u64 hand;
    /* The accountant. */
    _Alignas(SHM_LINE) shm_u64 generation;
    _Alignas(SHM_LINE) shm_u64 scope_generation[CACHE_SCOPES];
};
_Static_assert(sizeof(struct cache_header) <= CACHE_HEADER_BYTES, "a page");

struct cache_column {
    _Alignas(SHM_LINE) shm_u64 counts[CACHE_COLUMN_WORDS];
};
_Static_assert((int)ANSWER_COUNTS <= (int)CACHE_COLUMN_WORDS, "counters fit");

struct cache_block {
    _Alignas(SHM_LINE) shm_u64 owner; /* generation << 32 | column + 1; or 0 */
    shm_u64 life;                     /* 0: never used */
    shm_u64 used, count;              /* bytes and answers in this life */
    shm_u64 allocated;
    shm_u64 spare[3];
};
_Static_assert(sizeof(struct cache_block) == SHM_LINE, "a line");

/* Before the bytes of an answer. */
struct cache_stored {
    _Alignas(SHM_LINE) shm_u64 key[2];
    shm_u64 stored_ms, expires_ms;
    shm_u64 lengths; /* output tokens << 40 | head << 24 | body */
    shm_u64 origin;  /* tokens << 28 | model << 14 | provider << 1 | stream */
    shm_u64 nano;
    shm_u64 sum;
};
_Static_assert(sizeof(struct cache_stored) == SHM_LINE, "a line");

/* Process-local. */
struct answer_cache {
    const struct segment *segment;
    int fd; /* -1: no file */
    unsigned char *base;
    /* Copies of what never changes, and the places. */
    uint64_t bytes, block_bytes;
    uint32_t block_count, bucket_count, column_max;
    struct cache_header *header;
    struct cache_column *columns;
    shm_u64 *buckets;
    struct cache_block *blocks;
    unsigned char *data;
};

/* Fills sizes and places (where base is not NULL) for so many bytes of blocks.
 * False: no such file can be. */
bool cache_place(struct answer_cache *cache, uint64_t bytes,
                 uint32_t column_max);

#endif
