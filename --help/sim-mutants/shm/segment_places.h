/*
 * segment_places.h - where an entry's arrays lie, as inline arithmetic for the
 * hot path. Private to shm/; everybody else uses segment.h, which CHECKs.
 *
 *   0     shm_entry_hot                    3 lines
 *   192   shm_cell[C]                      40 bytes each, C = column_max
 *   .     (to the next line)
 *   .     shm_entry_cold
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_SEGMENT_PLACES_H
#define AIGW_SHM_SEGMENT_PLACES_H

#include "shm/segment.h"

static inline uint64_t
places_align(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static inline uint64_t
places_cold_off(uint32_t column_max)
{
    uint64_t cells = (uint64_t)column_max * sizeof(struct shm_cell);
    return places_align(sizeof(struct shm_entry_hot) + cells, SHM_LINE);
}

static inline uint64_t
places_entry_stride(uint32_t column_max)
{
    return places_cold_off(column_max) + sizeof(struct shm_entry_cold);
}

/* turn u64[C], busy u32[C], to the next line. */
static inline uint64_t
places_gate_stride(uint32_t column_max)
{
    return places_align((uint64_t)column_max * (4 + 8), SHM_LINE);
}

static inline struct shm_cell *
places_cells(struct shm_entry_hot *hot)
{
    return (struct shm_cell *)(void *)(hot + 1);
}

static inline uint64_t
places_limit_stride(uint32_t column_max)
{
    return places_align(sizeof(struct shm_limit) + 4ull * column_max, SHM_LINE);
}

/* To be there when admission comes to it: lines that are each a miss of its own
 * in a table of many keys. Of the cells those of the first columns. */
static inline void
places_prefetch(const struct segment *s, struct shm_entry_hot *hot)
{
    const unsigned char *lines = (const unsigned char *)hot;
    for (size_t at = 0; at < sizeof(*hot) + 2 * SHM_LINE; at += SHM_LINE)
        __builtin_prefetch(lines + at);
    __builtin_prefetch(lines + places_cold_off(s->column_max));
}

static inline struct shm_entry_cold *
places_cold(const struct segment *s, struct shm_entry_hot *hot)
{
    return (struct shm_entry_cold *)(void *)((unsigned char *)hot +
                                             places_cold_off(s->column_max));
}

/* No cell is larger, so that the sum of all cells of an entry is below 2^63:
 * at 32 columns a cell holds 144 million of a currency. */
static inline uint64_t
places_cell_max(const struct segment *s)
{
    return (uint64_t)INT64_MAX / (2 * s->column_max);
}

/* What of a charge may be added to a cell that holds `used`. */
static inline uint64_t
places_clip_charge(const struct segment *s, uint64_t used, uint64_t charge)
{
    uint64_t most = places_cell_max(s);
    uint64_t room = used < most ? most - used : 0;
    if (charge > SHM_AMOUNT_MAX)
        charge = SHM_AMOUNT_MAX;
    return charge < room ? charge : room;
}

#endif
