/*
 * answer_cache_file.c - the file of the cache of answers: sizes and places,
 * made, attached, looked at as a whole.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/answer_cache_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"

/* ---- sizes ---- */

/* A power of two, and at least two blocks a column, so that none has to wait
 * for one. */
static uint64_t
choose_block_bytes(uint64_t bytes, uint32_t column_max)
{
    uint64_t size = CACHE_BLOCK_LEAST;
    while (size < CACHE_BLOCK_MOST && bytes / (2 * size) >= 2 * column_max)
        size *= 2;
    while (size < CACHE_BLOCK_MOST && bytes / size > CACHE_BLOCKS_MAX)
        size *= 2;
    return size;
}

static uint64_t
to_page(uint64_t off)
{
    return (off + 4095) & ~UINT64_C(4095);
}

bool
cache_place(struct answer_cache *cache, uint64_t bytes, uint32_t column_max)
{
    uint64_t block_bytes = choose_block_bytes(bytes, column_max);
    uint64_t blocks = bytes / block_bytes;
    if (blocks > CACHE_BLOCKS_MAX)
        return false;
    if (blocks < 2)
        blocks = 2;
    uint64_t buckets = blocks * block_bytes / CACHE_BYTES_A_WORD / CACHE_WAYS;
    cache->block_bytes = block_bytes;
    cache->block_count = (uint32_t)blocks;
    cache->bucket_count = (uint32_t)buckets;
    cache->column_max = column_max;
    uint64_t columns_off = CACHE_HEADER_BYTES;
    uint64_t buckets_off =
        columns_off + column_max * sizeof(struct cache_column);
    uint64_t blocks_off = buckets_off + buckets * CACHE_WAYS * sizeof(shm_u64);
    uint64_t data_off =
        to_page(blocks_off + blocks * sizeof(struct cache_block));
    cache->bytes = data_off + blocks * block_bytes;
    if (cache->base == NULL)
        return true;
    cache->header = (void *)cache->base;
    cache->columns = (void *)(cache->base + columns_off);
    cache->buckets = (void *)(cache->base + buckets_off);
    cache->blocks = (void *)(cache->base + blocks_off);
    cache->data = cache->base + data_off;
    return true;
}

static void
write_header(const struct answer_cache *cache)
{
    struct cache_header *header = cache->header;
    header->file_bytes = cache->bytes;
    header->block_bytes = cache->block_bytes;
    header->block_count = cache->block_count;
    header->bucket_count = cache->bucket_count;
    header->column_max = cache->column_max;
    shm_store(&header->epoch, cache->segment->header->epoch);
    shm_store(&header->magic, CACHE_MAGIC); /* last: the rest counts */
}

/* ---- the file ---- */

void
answer_cache_path(const struct segment *segment, char out[160])
{
    snprintf(out, 160, "%s.cache", segment->path);
}

static int
map(struct answer_cache *cache, uint64_t bytes)
{
    int flags = cache->fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS;
    void *base = mmap(NULL, cache->bytes, PROT_READ | PROT_WRITE,
                      flags | MAP_NORESERVE, cache->fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    cache->base = base;
    (void)cache_place(cache, bytes, cache->column_max);
    return 0;
}

/* An earlier one that is ours, of this layout, these sizes and this segment. */
static bool
attach(struct answer_cache *cache, const char *path, uint64_t bytes,
       uid_t also_owner)
{
    struct stat st;
    cache->fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (cache->fd < 0)
        return false;
    if (fstat(cache->fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_uid == geteuid() || st.st_uid == also_owner) &&
        (st.st_mode & 077) == 0 && st.st_size == (off_t)cache->bytes &&
        map(cache, bytes) == 0) {
        const struct cache_header *header = cache->header;
        if (shm_load(&header->magic) == CACHE_MAGIC &&
            shm_load(&header->epoch) == cache->segment->header->epoch &&
            header->block_bytes == cache->block_bytes &&
            header->block_count == cache->block_count &&
            header->column_max == cache->column_max)
            return true;
        munmap(cache->base, cache->bytes);
        cache->base = NULL;
    }
    close(cache->fd);
    cache->fd = -1;
    return false;
}

static int
make(struct answer_cache *cache, const char *path, uint64_t bytes)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return -errno;
    cache->fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (cache->fd < 0)
        return -errno;
    uint64_t data = (uint64_t)cache->block_count * cache->block_bytes;
    int r = 0;
    if (ftruncate(cache->fd, (off_t)cache->bytes) != 0)
        r = -errno;
    /* All but the blocks: whoever looks for something reads there. */
    if (r == 0)
        r = -posix_fallocate(cache->fd, 0, (off_t)(cache->bytes - data));
    if (r == 0)
        r = map(cache, bytes);
    if (r == 0) {
        write_header(cache);
        return 0;
    }
    unlink(path);
    close(cache->fd);
    cache->fd = -1;
    return r;
}

static struct answer_cache *
create(const struct segment *segment, uint64_t bytes)
{
    struct answer_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    cache->segment = segment;
    cache->fd = -1;
    if (cache_place(cache, bytes, segment->column_max))
        return cache;
    free(cache);
    return NULL;
}

int
answer_cache_open(struct answer_cache **cache, const struct segment *segment,
                  uint64_t bytes, uid_t also_owner)
{
    char path[160];
    struct answer_cache *new = create(segment, bytes);
    if (new == NULL)
        return -ENOMEM;
    answer_cache_path(segment, path);
    int r = attach(new, path, bytes, also_owner) ? 0 : make(new, path, bytes);
    if (r < 0)
        free(new);
    else
        *cache = new;
    return r;
}

/* Read-only: the sizes are those that its header says, if they can be. */
static int
look(struct answer_cache *cache)
{
    struct stat st;
    if (fstat(cache->fd, &st) != 0)
        return -errno;
    if (st.st_size < CACHE_HEADER_BYTES)
        return -EPROTO;
    void *base =
        mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, cache->fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    const struct cache_header *header = base;
    uint64_t block_bytes = header->block_bytes, count = header->block_count;
    cache->base = base;
    if (shm_load(&header->magic) == CACHE_MAGIC &&
        block_bytes <= CACHE_BLOCK_MOST && count <= CACHE_BLOCKS_MAX &&
        cache_place(cache, count * block_bytes, cache->segment->column_max) &&
        cache->block_bytes == block_bytes && cache->block_count == count &&
        cache->bytes == (uint64_t)st.st_size)
        return 0;
    munmap(base, (size_t)st.st_size);
    return -EPROTO;
}

int
answer_cache_look(struct answer_cache **cache, const struct segment *segment)
{
    char path[160];
    answer_cache_path(segment, path);
    struct answer_cache *new = calloc(1, sizeof(*new));
    if (new == NULL)
        return -ENOMEM;
    new->segment = segment;
    new->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int r = new->fd >= 0 ? look(new) : -errno;
    if (r == 0) {
        *cache = new;
        return 0;
    }
    if (new->fd >= 0)
        close(new->fd);
    free(new);
    return r;
}

struct answer_cache *
answer_cache_create_shared(const struct segment *segment, uint64_t bytes)
{
    struct answer_cache *cache = create(segment, bytes);
    if (cache == NULL)
        return NULL;
    if (map(cache, bytes) < 0) {
        free(cache);
        return NULL;
    }
    write_header(cache);
    return cache;
}

void
answer_cache_close(struct answer_cache **cache)
{
    if (*cache == NULL)
        return;
    munmap((*cache)->base, (*cache)->bytes);
    if ((*cache)->fd >= 0)
        close((*cache)->fd);
    free(*cache);
    *cache = NULL;
}

void
answer_cache_unlink(const struct segment *segment)
{
    char path[160];
    answer_cache_path(segment, path);
    unlink(path);
}

/* ---- purges and counts ---- */

static shm_u64 *
scope_word(const struct answer_cache *cache, uint64_t scope)
{
    return &cache->header->scope_generation[hash_mix64(scope) % CACHE_SCOPES];
}

void
answer_cache_generation(const struct answer_cache *cache, uint64_t scope,
                        uint64_t out[2])
{
    out[0] = shm_load(&cache->header->generation);
    out[1] = shm_load(scope_word(cache, scope));
}

void
answer_cache_purge_all(struct answer_cache *cache)
{
    shm_u64 *word = &cache->header->generation;
    shm_store(word, shm_load_own(word) + 1);
}

void
answer_cache_purge_scope(struct answer_cache *cache, uint64_t scope)
{
    shm_u64 *word = scope_word(cache, scope);
    shm_store(word, shm_load_own(word) + 1);
}

void
answer_cache_stats(const struct answer_cache *cache,
                   struct answer_cache_stats *stats)
{
    uint32_t high = column_high(cache->segment);
    *stats = (struct answer_cache_stats){
        .size_bytes = (uint64_t)cache->block_count * cache->block_bytes,
        .item_max_bytes = answer_cache_item_max(cache),
        .blocks = cache->block_count,
        .generation = shm_load(&cache->header->generation),
    };
    for (uint32_t c = 0; c < high && c < cache->column_max; c++)
        for (int i = 0; i < ANSWER_COUNTS; i++)
            stats->counts[i] += shm_load(&cache->columns[c].counts[i]);
    for (uint32_t b = 0; b < cache->block_count; b++) {
        const struct cache_block *block = &cache->blocks[b];
        stats->blocks_used += shm_load(&block->life) != 0;
        stats->entries += shm_load(&block->count);
        stats->used_bytes += shm_load(&block->used);
    }
}
