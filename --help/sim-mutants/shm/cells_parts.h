/*
 * cells_parts.h - what holding (cells.c) and settling (cells_settle.c) share:
 * the entries of one request and this column's words in them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_CELLS_PARTS_H
#define AIGW_SHM_CELLS_PARTS_H

#include "shm/cells.h"
#include "shm/segment_places.h"

enum { KEY, GROUP, ENTRIES };

/* The compiler's idea of what is worth inlining doubles the cost of a hold. */
#define HOT_PATH ALWAYS_INLINE

/* The entries of one request. */
struct target {
    uint32_t count; /* 1 without a group */
    uint32_t entry[ENTRIES];
    struct shm_entry_hot *hot[ENTRIES];
};

HOT_PATH void
target_add(const struct segment *segment, struct target *t, uint32_t entry)
{
    if (entry == SHM_ENTRY_NONE)
        return;
    t->entry[t->count] = entry;
    t->hot[t->count] = segment_entry_hot(segment, entry);
    t->count++;
}

HOT_PATH struct target
target_of_view(const struct segment *segment, const struct key_view *key)
{
    struct target t = {0};
    target_add(segment, &t, key->entry);
    target_add(segment, &t, key->group_entry);
    return t;
}

HOT_PATH struct target
target_of_slot(const struct segment *segment, const struct shm_slot *slot)
{
    struct target t = {0};
    target_add(segment, &t, shm_load_own(&slot->entry[KEY]));
    target_add(segment, &t, shm_load_own(&slot->entry[GROUP]));
    return t;
}

/* A word whose only writer is this process: load relaxed, store release. */
HOT_PATH void
add_u64(shm_u64 *word, uint64_t n)
{
    shm_store(word, shm_load_own(word) + n);
}

HOT_PATH void
add_u32(shm_u32 *word, uint32_t n)
{
    shm_store(word, shm_load_own(word) + n);
}

HOT_PATH struct shm_cell *
my_cell(const struct seat *seat, struct shm_entry_hot *hot)
{
    return places_cells(hot) + seat->column;
}

/* `n` more, or -1, in the rows of limits that the slot names. */
HOT_PATH void
count_limits(const struct seat *seat, const struct shm_slot *slot, uint32_t n)
{
    for (uint32_t i = 0; i < ARRAY_LEN(slot->limit); i++) {
        uint32_t row = shm_load_own(&slot->limit[i]);
        if (row != 0)
            add_u32(segment_limit_busy(seat->segment, row - 1) + seat->column,
                    n);
    }
}

/* S6, H7: back from my cells. */
HOT_PATH void
retract(const struct seat *seat, const struct target *t,
        const uint64_t amount[SHM_UNITS], uint32_t busy)
{
    for (uint32_t e = 0; e < t->count; e++) {
        struct shm_cell *cell = my_cell(seat, t->hot[e]);
        for (int unit = 0; unit < SHM_UNITS; unit++)
            add_u64(&cell->reserved[unit], 0 - amount[unit]);
        if (busy != 0)
            add_u32(&cell->busy, 0 - busy);
    }
}

#endif
