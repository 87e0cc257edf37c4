/*
 * aigw_shmdump_cache.c - the file of the cache of answers beside a segment: its
 * counters by worker, and its blocks. Answers themselves are not shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/answer_cache_layout.h"
#include "tools/aigw_shmdump.h"

static const char *const count_names[ANSWER_COUNTS] = {
#define C(name, text) [ANSWER_COUNT_##name] = #name,
    ANSWER_CACHE_COUNTS(C)
#undef C
};

void
print_cache(struct dump *dump, const struct segment *segment)
{
    struct answer_cache *cache = NULL;
    if (answer_cache_look(&cache, segment) < 0)
        return;
    for (uint32_t i = 0; i < column_high(segment); i++) {
        dump_row(dump);
        dump_u64(dump, "column", i);
        for (int n = 0; n < ANSWER_COUNTS; n++)
            dump_u64(dump, count_names[n],
                     shm_load(&cache->columns[i].counts[n]));
    }
    answer_cache_close(&cache);
}

void
print_blocks(struct dump *dump, const struct segment *segment)
{
    struct answer_cache *cache = NULL;
    if (answer_cache_look(&cache, segment) < 0)
        return;
    for (uint32_t i = 0; i < cache->block_count; i++) {
        const struct cache_block *block = &cache->blocks[i];
        uint64_t owner = shm_load(&block->owner), life = shm_load(&block->life);
        uint64_t used = shm_load(&block->used);
        if (life == 0)
            continue;
        dump_row(dump);
        dump_u64(dump, "block", i);
        dump_u64(dump, "life", life);
        dump_i64(dump, "column", (int64_t)(owner & UINT32_MAX) - 1);
        dump_u64(dump, "generation", owner >> 32);
        dump_u64(dump, "answers", shm_load(&block->count));
        dump_u64(dump, "used_bytes", used);
        dump_u64(dump, "size", cache->block_bytes);
        dump_text(dump, "note", used > cache->block_bytes ? "impossible" : "");
    }
    answer_cache_close(&cache);
}
