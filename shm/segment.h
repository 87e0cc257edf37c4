/*
 * segment.h - creates and attaches the shared segment, checks that it is ours.
 *
 * A file format: magic, version, layout hash, sizes, instance, boot id, epoch.
 * The code takes the base as a parameter (struct segment), so that it runs as
 * processes, and as threads of one process under TSan.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_SEGMENT_H
#define AIGW_SHM_SEGMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"
#include "shm/layout.h"

/* Process-local handle. */
struct segment {
    char path[128];
    int fd;
    unsigned char *base;
    uint64_t bytes;
    bool writable;
    struct shm_header *header;
    /* Copies of what never changes, so that a damaged header cannot move us. */
    uint32_t column_max, entry_max, bucket_count, model_max, provider_max,
        endpoint_max, slot_max, entry_stride, limit_max, limit_stride;
    uint64_t ring_bytes;
    uint64_t columns_off, buckets_off, entries_off, models_off, providers_off,
        endpoints_off, stats_off, slots_off, rings_off, health_off,
        credentials_off, gates_off, windows_off, limit_names_off, limits_off,
        spend_names_off, spends_off;
    bool is_private; /* memory of this process: nothing to allocate */
    /* Of each column: its generation when this process took it, for the child
     * that inherits the memory (column.c). Heap; copies of the struct share it. */
    uint32_t *taken_generation;
    /* The accountant's own book-keeping (key_table_entry.c). */
    uint32_t free_hint;     /* no entry below it is free */
    uint32_t retired_count; /* UINT32_MAX: not counted yet */
};

struct segment_sizes {
    char instance[64];
    uint32_t workers; /* column_max = max(32, 4 x workers), multiple of 8 */
    uint32_t max_keys, max_models, max_requests /* slots of a column */;
    uint32_t ring_mib; /* rounded up to a power of two */
    uint32_t ring_kib; /* tests: a small ring, instead of ring_mib when not 0 */
    uint64_t instance_id;
    uint32_t max_limits; /* rounded up to a power of two; 0: 1024 */
};

uint64_t segment_layout_hash(void);
/* "/dev/shm/aigw-INSTANCE" (AIGW_SHM_DIR replaces the directory in tests). */
void segment_path(const char *instance, char out[128]);

/* Master only. Creates (O_EXCL, 0600), sizes, fills the header, magic last.
 * Header, columns, buckets are allocated; the rest is sparse. 0 or -errno. */
int segment_create(struct segment *segment, const struct segment_sizes *sizes,
                   struct buf *error) MUST_CHECK;
/*
 * segment_attach - maps an existing file and checks owner, mode, size, magic,
 * version, layout hash, boot id (owner, mode and boot id only when writable).
 * also_owner: a user besides ours who may own it when we are root, or
 * (uid_t)-1. 0; -ENOENT; -ESTALE nothing can be had of it (another boot,
 * unfinished, damaged, no segment); -EPROTO it may hold what nobody else has,
 * but not for us (another layout, owner, mode). The reason in `error`.
 */
int segment_attach(struct segment *segment, const char *path, bool writable,
                   uid_t also_owner, struct buf *error) MUST_CHECK;
/* In heap memory of this process, for tests with threads. */
int segment_create_private(struct segment *segment,
                           const struct segment_sizes *sizes) MUST_CHECK;
void segment_detach(struct segment *segment);
int segment_unlink(const char *path);
/* Moves a file that is not ours aside (PATH.stale). */
int segment_set_aside(const char *path) MUST_CHECK;

/* Allocates the pages of a range (fallocate), so that a full tmpfs fails here
 * and never as a SIGBUS later. 0 or -errno. */
int segment_allocate(struct segment *segment, uint64_t off,
                     uint64_t len) MUST_CHECK;
/* Slots and ring of a column: the master, before it gives the seat away. */
int segment_allocate_column(struct segment *segment,
                            uint32_t column) MUST_CHECK;
int segment_allocate_entry(struct segment *segment, uint32_t entry) MUST_CHECK;
int segment_allocate_endpoint(struct segment *segment,
                              uint32_t endpoint) MUST_CHECK;
int segment_allocate_provider(struct segment *segment,
                              uint32_t provider) MUST_CHECK;

/* Places in the segment. `idx` is CHECKed against the sizes. */
static inline struct shm_column *
segment_column(const struct segment *s, uint32_t column)
{
    CHECK(column < s->column_max);
    return (struct shm_column *)(void *)(s->base + s->columns_off) + column;
}

shm_u64 *segment_bucket(const struct segment *s, uint32_t bucket);
static inline struct shm_entry_hot *
segment_entry_hot(const struct segment *s, uint32_t entry)
{
    CHECK(entry < s->entry_max);
    return (struct shm_entry_hot *)(void *)(s->base + s->entries_off +
                                            (uint64_t)entry * s->entry_stride);
}

struct shm_entry_cold *segment_entry_cold(const struct segment *s,
                                          uint32_t entry);
struct shm_cell *segment_cell(const struct segment *s, uint32_t entry,
                              uint32_t column);
struct shm_name *segment_model_name(const struct segment *s, uint32_t model);
struct shm_name *segment_provider_name(const struct segment *s, uint32_t i);
struct shm_endpoint *segment_endpoint(const struct segment *s,
                                      uint32_t endpoint);
struct shm_stats *segment_stats(const struct segment *s, uint32_t endpoint,
                                uint32_t column);
shm_u64 *segment_limit_name(const struct segment *s, uint32_t limit);
struct shm_limit *segment_limit(const struct segment *s, uint32_t limit);
/* Over columns. */
shm_u32 *segment_limit_busy(const struct segment *s, uint32_t limit);
shm_u64 *segment_spend_name(const struct segment *s, uint32_t spend);
struct shm_spend *segment_spend(const struct segment *s, uint32_t spend);
struct shm_health *segment_health(const struct segment *s, uint32_t endpoint);
struct shm_credentials *segment_credentials(const struct segment *s,
                                            uint32_t provider);
/* Numbers of gates, which endpoints and providers have. */
uint32_t segment_gate_of_endpoint(const struct segment *s, uint32_t endpoint);
uint32_t segment_gate_of_provider(const struct segment *s, uint32_t provider);
/* Arrays over columns. */
shm_u32 *segment_gate_busy(const struct segment *s, uint32_t gate);
shm_u64 *segment_gate_turn(const struct segment *s, uint32_t gate);
struct shm_window *segment_window(const struct segment *s, uint32_t endpoint,
                                  uint32_t column);

static inline struct shm_slot *
segment_slot(const struct segment *s, uint32_t column, uint32_t slot)
{
    CHECK(column < s->column_max && slot < s->slot_max);
    return (struct shm_slot *)(void *)(s->base + s->slots_off) +
           (uint64_t)column * s->slot_max + slot;
}

static inline unsigned char *
segment_ring(const struct segment *s, uint32_t column)
{
    CHECK(column < s->column_max);
    return s->base + s->rings_off + column * s->ring_bytes;
}

#endif
