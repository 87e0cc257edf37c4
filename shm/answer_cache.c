/*
 * answer_cache.c - finding and storing; see answer_cache_layout.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/answer_cache_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
    WORD = sizeof(uint64_t),
    RETRY_MS = 1000, /* after no block was to be had */
    TAG_SHIFT = 48,
    LIFE_SHIFT = 32,
    BLOCK_SHIFT = 18,
    PLACE_MASK = (1 << BLOCK_SHIFT) - 1,
    STREAM_BITS = 1,
    PROVIDER_BITS = 13,
    MODEL_BITS = 14,
    TOKENS_SHIFT = STREAM_BITS + PROVIDER_BITS + MODEL_BITS,
};
#define TOKENS_MAX ((UINT64_C(1) << (64 - TOKENS_SHIFT)) - 1)
#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)

enum {
    BODY_BITS = 24,
    HEAD_BITS = 16,
    OUTPUT_MAX = (1 << 24) - 1, /* tokens; more are told as so many */
};
_Static_assert(CACHE_BLOCK_MOST / 2 < 1 << BODY_BITS, "lengths fit");

static inline uint64_t
add_to_sum(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

static uint64_t
words_of(uint64_t bytes)
{
    return (bytes + WORD - 1) / WORD;
}

/* Head and body begin at words of their own. */
static uint64_t
room_of(uint64_t head_len, uint64_t body_len)
{
    uint64_t bytes = sizeof(struct cache_stored) +
                     (words_of(head_len) + words_of(body_len)) * WORD;
    return (bytes + SHM_LINE - 1) / SHM_LINE * SHM_LINE;
}

uint32_t
answer_cache_item_max(const struct answer_cache *cache)
{
    return (uint32_t)(cache->block_bytes / 2 - 2 * SHM_LINE);
}

/* ---- the index ---- */

static shm_u64 *
bucket_of(const struct answer_cache *cache, const struct answer_key *key)
{
    return &cache->buckets[key->hash[0] % cache->bucket_count * CACHE_WAYS];
}

static uint64_t
tag_of(const struct answer_key *key)
{
    return key->hash[1] >> TAG_SHIFT;
}

static uint64_t
word_of(const struct answer_key *key, uint64_t life, uint64_t block,
        uint64_t place)
{
    return tag_of(key) << TAG_SHIFT | (life & 0xffff) << LIFE_SHIFT |
           block << BLOCK_SHIFT | place / SHM_LINE;
}

/* Where a word leads; NULL: out of the file. */
static const struct cache_stored *
place_of(const struct answer_cache *cache, uint64_t word,
         const struct cache_block **block, uint64_t *room)
{
    uint64_t number = word >> BLOCK_SHIFT & (CACHE_BLOCKS_MAX - 1);
    uint64_t place = (word & PLACE_MASK) * SHM_LINE;
    if (number >= cache->block_count ||
        place + sizeof(struct cache_stored) > cache->block_bytes)
        return NULL;
    *block = &cache->blocks[number];
    *room = cache->block_bytes - place;
    return (const void *)(cache->data + number * cache->block_bytes + place);
}

/* Whether what a word leads to is gone, by the part of `life` it has. */
static bool
is_stale(const struct answer_cache *cache, uint64_t word)
{
    const struct cache_block *block;
    uint64_t room;
    if (place_of(cache, word, &block, &room) == NULL)
        return true;
    return (shm_load(&block->life) & 0xffff) != (word >> LIFE_SHIFT & 0xffff);
}

/* The word of the same tag, else one that leads nowhere, else any. */
static shm_u64 *
choose_word(const struct answer_cache *cache, const struct answer_key *key,
            uint64_t chance)
{
    shm_u64 *bucket = bucket_of(cache, key), *free_word = NULL;
    for (int way = 0; way < CACHE_WAYS; way++) {
        uint64_t word = shm_load(&bucket[way]);
        if (word != 0 && word >> TAG_SHIFT == tag_of(key))
            return &bucket[way];
        if (free_word == NULL && (word == 0 || is_stale(cache, word)))
            free_word = &bucket[way];
    }
    return free_word != NULL ? free_word : &bucket[chance % CACHE_WAYS];
}

/* ---- finding ---- */

static uint64_t
first_sum(uint64_t life, const struct answer_key *key,
          const struct cache_stored *stored)
{
    uint64_t sum = add_to_sum(life, key->hash[0]);
    sum = add_to_sum(sum, key->hash[1]);
    sum = add_to_sum(sum, shm_load(&stored->stored_ms));
    sum = add_to_sum(sum, shm_load(&stored->expires_ms));
    sum = add_to_sum(sum, shm_load(&stored->lengths));
    sum = add_to_sum(sum, shm_load(&stored->origin));
    return add_to_sum(sum, shm_load(&stored->nano));
}

/* `len` bytes of words at `from`, into `to`. */
static uint64_t
take_bytes(const shm_u64 *from, char *to, uint64_t len, uint64_t sum)
{
    uint64_t whole = len / WORD, word;
    for (uint64_t i = 0; i < whole; i++) {
        word = shm_load(&from[i]);
        memcpy(to + i * WORD, &word, WORD);
        sum = add_to_sum(sum, word);
    }
    if (len % WORD == 0)
        return sum;
    word = shm_load(&from[whole]);
    memcpy(to + whole * WORD, &word, len % WORD);
    return add_to_sum(sum, word);
}

static void
describe(const struct cache_stored *stored, struct answer_kept *kept)
{
    uint64_t lengths = shm_load(&stored->lengths);
    uint64_t origin = shm_load(&stored->origin);
    *kept = (struct answer_kept){
        .stored_ms = shm_load(&stored->stored_ms),
        .expires_ms = shm_load(&stored->expires_ms),
        .tokens = origin >> TOKENS_SHIFT,
        .nano = shm_load(&stored->nano),
        .model_idx = (uint32_t)(origin >> (STREAM_BITS + PROVIDER_BITS) &
                                MASK(MODEL_BITS)),
        .provider_idx = (uint32_t)(origin >> STREAM_BITS & MASK(PROVIDER_BITS)),
        .stream = (origin & 1) != 0,
        .output_tokens = (uint32_t)(lengths >> (BODY_BITS + HEAD_BITS)),
        .head_len = (uint32_t)(lengths >> BODY_BITS & MASK(HEAD_BITS)),
        .body_len = (uint32_t)(lengths & MASK(BODY_BITS)),
    };
}

/* 0: `out` has a copy that verified. -ENOENT, -ENOMEM; then it is as before. */
static int
copy_out(const struct answer_cache *cache, uint64_t index_word,
         const struct answer_key *key, uint64_t now_ms, uint64_t max_age_ms,
         struct answer_kept *kept, struct buf *out)
{
    const struct cache_block *block;
    uint64_t room;
    const struct cache_stored *stored =
        place_of(cache, index_word, &block, &room);
    if (stored == NULL)
        return -ENOENT;
    /* acquire: what is copied below is of this life or of a later one */
    uint64_t life = shm_load(&block->life);
    if (shm_load(&stored->key[0]) != key->hash[0] ||
        shm_load(&stored->key[1]) != key->hash[1])
        return -ENOENT;
    describe(stored, kept);
    if (room_of(kept->head_len, kept->body_len) > room ||
        kept->expires_ms <= now_ms ||
        answer_cache_age_ms(kept, now_ms) > max_age_ms)
        return -ENOENT;
    uint64_t len = (uint64_t)kept->head_len + kept->body_len;
    if (buf_reserve(out, len) < 0)
        return -ENOMEM;
    const shm_u64 *bytes = (const void *)(stored + 1);
    char *to = out->data + out->end;
    uint64_t sum = first_sum(life, key, stored);
    sum = take_bytes(bytes, to, kept->head_len, sum);
    sum = take_bytes(bytes + words_of(kept->head_len), to + kept->head_len,
                     kept->body_len, sum);
    /* Behind all loads above (acquire): a block that was given away meanwhile
     * has had its new life stored before its first new byte. */
    if (sum != shm_load(&stored->sum) || shm_load(&block->life) != life)
        return -ENOENT;
    out->end += len;
    return 0;
}

int
answer_cache_find(const struct answer_cache *cache,
                  const struct answer_key *key, uint64_t now_ms,
                  uint64_t max_age_ms, struct answer_kept *kept,
                  struct buf *out)
{
    const shm_u64 *bucket = bucket_of(cache, key);
    for (int way = 0; way < CACHE_WAYS; way++) {
        uint64_t word = shm_load(&bucket[way]);
        if (word == 0 || word >> TAG_SHIFT != tag_of(key))
            continue;
        int r = copy_out(cache, word, key, now_ms, max_age_ms, kept, out);
        if (r != -ENOENT)
            return r;
    }
    return -ENOENT;
}

/* ---- blocks ---- */

void
answer_writer_open(struct answer_writer *writer, struct answer_cache *cache,
                   const struct seat *seat)
{
    *writer = (struct answer_writer){.cache = cache, .seat = seat, .block = -1};
    if (cache != NULL)
        writer->me =
            (uint64_t)shm_load(
                &segment_column(seat->segment, seat->column)->generation)
                << 32 |
            (seat->column + 1);
}

static void
let_go(struct answer_writer *writer)
{
    if (writer->block >= 0)
        shm_store(&writer->cache->blocks[writer->block].owner, 0);
    writer->block = -1;
}

void
answer_writer_close(struct answer_writer *writer)
{
    if (writer->cache != NULL)
        let_go(writer);
    writer->cache = NULL;
}

static bool
is_free(const struct answer_cache *cache, uint64_t owner)
{
    if (owner == 0)
        return true;
    uint32_t column = (uint32_t)owner - 1;
    if (column >= cache->segment->column_max)
        return true; /* damage */
    const struct shm_column *shm = segment_column(cache->segment, column);
    uint32_t state = shm_load(&shm->state);
    return state == SHM_COLUMN_FREE || state == SHM_COLUMN_DYING ||
           shm_load(&shm->generation) != owner >> 32;
}

/* Its pages, so that a full /dev/shm is an answer not stored, never a SIGBUS. */
static bool
allocate(const struct answer_cache *cache, uint32_t number)
{
    struct cache_block *block = &cache->blocks[number];
    if (shm_load(&block->allocated) != 0)
        return true;
    uint64_t off = (uint64_t)(cache->data - cache->base) +
                   (uint64_t)number * cache->block_bytes;
    if (cache->fd >= 0 &&
        posix_fallocate(cache->fd, (off_t)off, (off_t)cache->block_bytes) != 0)
        return false;
    shm_store(&block->allocated, 1);
    return true;
}

static bool
take_block(struct answer_writer *writer, uint32_t number)
{
    struct answer_cache *cache = writer->cache;
    struct cache_block *block = &cache->blocks[number];
    uint64_t owner = shm_load(&block->owner);
    if (!is_free(cache, owner) ||
        !shm_cas_once(&block->owner, &owner, writer->me))
        return false;
    if (!allocate(cache, number)) {
        shm_store(&block->owner, 0);
        return false;
    }
    uint64_t lost = shm_load(&block->count);
    /* Before any of its bytes changes: who copies them now will notice. */
    shm_store(&block->life, shm_load_own(&block->life) + 1);
    shm_store(&block->count, 0);
    shm_store(&block->used, 0);
    answer_cache_count(writer, ANSWER_COUNT_evicted, lost);
    writer->block = number;
    writer->used = 0;
    return true;
}

/* The oldest block that nobody writes. */
static int
next_block(struct answer_writer *writer, uint64_t now_ms)
{
    struct answer_cache *cache = writer->cache;
    if (now_ms < writer->retry_ms)
        return -EAGAIN;
    let_go(writer);
    for (uint32_t tries = 0; tries < cache->block_count; tries++) {
        /* many writers; a number that is lost passes a block over */
        uint64_t at = atomic_fetch_add_explicit(&cache->header->hand, 1,
                                                memory_order_acq_rel);
        if (take_block(writer, (uint32_t)(at % cache->block_count)))
            return 0;
    }
    writer->retry_ms = now_ms + RETRY_MS;
    return -EAGAIN;
}

/* ---- storing ---- */

static uint64_t
put_bytes(shm_u64 *to, struct str from, uint64_t sum)
{
    uint64_t whole = from.len / WORD, word;
    for (uint64_t i = 0; i < whole; i++) {
        memcpy(&word, from.ptr + i * WORD, WORD);
        shm_store(&to[i], word);
        sum = add_to_sum(sum, word);
    }
    if (from.len % WORD == 0)
        return sum;
    word = 0;
    memcpy(&word, from.ptr + whole * WORD, from.len % WORD);
    shm_store(&to[whole], word);
    return add_to_sum(sum, word);
}

static void
put(struct cache_stored *stored, uint64_t life, const struct answer_key *key,
    const struct answer_kept *kept, struct str head, struct str body)
{
    shm_u64 *bytes = (void *)(stored + 1);
    uint64_t tokens = kept->tokens < TOKENS_MAX ? kept->tokens : TOKENS_MAX;
    uint64_t output =
        kept->output_tokens < OUTPUT_MAX ? kept->output_tokens : OUTPUT_MAX;
    shm_store(&stored->key[0], key->hash[0]);
    shm_store(&stored->key[1], key->hash[1]);
    shm_store(&stored->stored_ms, kept->stored_ms);
    shm_store(&stored->expires_ms, kept->expires_ms);
    shm_store(&stored->lengths, output << (BODY_BITS + HEAD_BITS) |
                                    (uint64_t)head.len << BODY_BITS | body.len);
    shm_store(&stored->origin, tokens << TOKENS_SHIFT |
                                   (kept->model_idx & MASK(MODEL_BITS))
                                       << (STREAM_BITS + PROVIDER_BITS) |
                                   (kept->provider_idx & MASK(PROVIDER_BITS))
                                       << STREAM_BITS |
                                   kept->stream);
    shm_store(&stored->nano, kept->nano);
    uint64_t sum = put_bytes(bytes, head, first_sum(life, key, stored));
    sum = put_bytes(bytes + words_of(head.len), body, sum);
    shm_store(&stored->sum, sum);
}

int
answer_cache_store(struct answer_writer *writer, const struct answer_key *key,
                   const struct answer_kept *kept, struct str head,
                   struct str body)
{
    struct answer_cache *cache = writer->cache;
    if (head.len >= 1 << HEAD_BITS || head.len > answer_cache_item_max(cache) ||
        body.len > answer_cache_item_max(cache) - head.len) {
        answer_cache_count(writer, ANSWER_COUNT_refused, 1);
        return -E2BIG;
    }
    uint64_t room = room_of(head.len, body.len);
    if ((writer->block < 0 || writer->used + room > cache->block_bytes) &&
        next_block(writer, kept->stored_ms) < 0) {
        answer_cache_count(writer, ANSWER_COUNT_refused, 1);
        return -EAGAIN;
    }
    uint64_t number = (uint64_t)writer->block, place = writer->used;
    struct cache_block *block = &cache->blocks[number];
    uint64_t life = shm_load_own(&block->life);
    put((void *)(cache->data + number * cache->block_bytes + place), life, key,
        kept, head, body);
    writer->used = place + room;
    shm_store(&block->used, writer->used);
    shm_store(&block->count, shm_load_own(&block->count) + 1);
    /* release: pairs with the acquire of who finds it */
    shm_store(choose_word(cache, key, kept->stored_ms + place / SHM_LINE),
              word_of(key, life, number, place));
    answer_cache_count(writer, ANSWER_COUNT_stores, 1);
    return 0;
}

void
answer_cache_count(struct answer_writer *writer, enum answer_count count,
                   uint64_t n)
{
    shm_u64 *word = &writer->cache->columns[writer->seat->column].counts[count];
    shm_store(word, shm_load_own(word) + n);
}
