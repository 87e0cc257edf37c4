/*
 * answer_cache.h - whole answers that any worker may give again: exact match,
 * bounded in size and time, shared by all workers, none of whom it depends on.
 *
 * A file of its own beside the segment (PATH.cache), made by the master where
 * [server] cache_memory is not 0 and mapped by every child through fork. It
 * holds copies only: whatever is lost or does not verify is asked for again.
 * Bytes, writers, orders and what a kill leaves: answer_cache_layout.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_ANSWER_CACHE_H
#define AIGW_SHM_ANSWER_CACHE_H

#include "common/buf.h"
#include "shm/column.h"

struct answer_cache;

/* Names an answer: a keyed digest of all that it depends on. */
struct answer_key {
    uint64_t hash[2];
};

/* What is kept with an answer's bytes. */
struct answer_kept {
    uint64_t stored_ms, expires_ms;   /* monotonic */
    uint64_t tokens, nano;            /* what it cost when it was made */
    uint32_t output_tokens;           /* of them, what the client was given */
    uint32_t model_idx, provider_idx; /* who made it */
    bool stream;
    uint32_t head_len, body_len; /* of the bytes: head first, then body */
};

/* Counters of one column, in the order of their words. */
#define ANSWER_CACHE_COUNTS(C)                                                 \
    C(hits, "calls answered from the cache")                                   \
    C(misses, "calls whose answer was looked for and not there")               \
    C(stores, "answers stored")                                                \
    C(refused, "answers not stored: too long, or no room to be had")           \
    C(evicted, "answers that gave way to newer ones")                          \
    C(waited, "calls that waited for an equal one in progress")                \
    C(hit_bytes, "bytes of the answers given")                                 \
    C(saved_tokens, "tokens that the answers given would have used")           \
    C(saved_nano, "nano-currency that they would have cost")

enum answer_count {
#define C(name, text) ANSWER_COUNT_##name,
    ANSWER_CACHE_COUNTS(C)
#undef C
        ANSWER_COUNTS
};

/* Scopes are the numbers of groups; those of gateways have this bit. */
#define ANSWER_SCOPE_GATEWAY (UINT64_C(1) << 63)

/* All columns together, and what the file holds now. */
struct answer_cache_stats {
    uint64_t counts[ANSWER_COUNTS];
    uint64_t entries, used_bytes; /* those that have expired, too */
    uint64_t size_bytes, item_max_bytes;
    uint32_t blocks, blocks_used;
    uint64_t generation; /* of the last purge */
};

/* ---- The master. ---- */

/* PATH.cache, PATH the segment's. */
void answer_cache_path(const struct segment *segment, char out[160]);
/* Attaches the file that belongs to this segment and has this size, or makes a
 * new one. Only its first pages are allocated. 0 or -errno. */
int answer_cache_open(struct answer_cache **cache,
                      const struct segment *segment, uint64_t bytes,
                      uid_t also_owner) MUST_CHECK;
void answer_cache_unlink(const struct segment *segment);

/* ---- Any process. ---- */

/* The file beside a segment, read-only, of which nothing is believed but what
 * fits. 0; -ENOENT; -EPROTO it is something else. */
int answer_cache_look(struct answer_cache **cache,
                      const struct segment *segment) MUST_CHECK;

/* Without a file, for tests: shared with children. NULL: out of memory. */
struct answer_cache *answer_cache_create_shared(const struct segment *segment,
                                                uint64_t bytes) MUST_CHECK;
void answer_cache_close(struct answer_cache **cache);
void answer_cache_stats(const struct answer_cache *cache,
                        struct answer_cache_stats *stats);
/* The longest head and body together that can be stored. */
uint32_t answer_cache_item_max(const struct answer_cache *cache);
/*
 * answer_cache_generation - numbers that belong into every key: the purges of
 * all, and of the scope (a group, a gateway). A purge raises one, and what was
 * stored before, or is about to be, can no longer be asked for.
 */
void answer_cache_generation(const struct answer_cache *cache, uint64_t scope,
                             uint64_t out[2]);

/* ---- The accountant. ---- */

void answer_cache_purge_all(struct answer_cache *cache);
/* Scopes share 256 numbers: that of another may be purged along. */
void answer_cache_purge_scope(struct answer_cache *cache, uint64_t scope);

/* ---- Workers. ---- */

/* A worker's own hand in it; process-local. */
struct answer_writer {
    struct answer_cache *cache; /* NULL: there is none */
    const struct seat *seat;
    uint64_t me;       /* the owner word of its block */
    int64_t block;     /* -1: none */
    uint64_t used;     /* bytes of the block */
    uint64_t retry_ms; /* not before: no block was to be had */
};

void answer_writer_open(struct answer_writer *writer,
                        struct answer_cache *cache, const struct seat *seat);
/* Its block may be another's; what is in it stays. */
void answer_writer_close(struct answer_writer *writer);
/*
 * answer_cache_find - copies an answer that has not expired and is at most
 * max_age_ms old behind what `out` holds. 0; -ENOENT; -ENOMEM.
 * Safe   while writers write: what they overwrite meanwhile does not verify.
 */
int answer_cache_find(const struct answer_cache *cache,
                      const struct answer_key *key, uint64_t now_ms,
                      uint64_t max_age_ms, struct answer_kept *kept,
                      struct buf *out) MUST_CHECK;
/* 0; -E2BIG; -EAGAIN: no block to be had now. kept: all but the lengths. */
int answer_cache_store(struct answer_writer *writer,
                       const struct answer_key *key,
                       const struct answer_kept *kept, struct str head,
                       struct str body) MUST_CHECK;
/* Workers read the clock once a turn: another's answer may be of "later". */
static inline uint64_t
answer_cache_age_ms(const struct answer_kept *kept, uint64_t now_ms)
{
    return now_ms > kept->stored_ms ? now_ms - kept->stored_ms : 0;
}
/* Adds to a counter of this worker's column. */
void answer_cache_count(struct answer_writer *writer, enum answer_count count,
                        uint64_t n);

#endif
