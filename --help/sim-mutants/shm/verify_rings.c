/*
 * verify_rings.c - the records that wait in the rings: whole, and each entry's
 * totals a chain like a bank statement's (I6).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "shm/ring.h"
#include "shm/verify_part.h"

struct chain {
    bool begun;
    uint64_t after[SHM_UNITS];
};

static void
check_link(struct verify *v, uint32_t column, uint64_t at, uint32_t entry,
           const uint64_t after[SHM_UNITS], const uint64_t amount[SHM_UNITS],
           struct chain *chain)
{
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        if (chain->begun && after[unit] != chain->after[unit] + amount[unit])
            verify_violation(v,
                             "I6: column %u record at %llu, entry %u unit %d: "
                             "%llu after %llu and %llu more",
                             column, (unsigned long long)at, entry, unit,
                             (unsigned long long)after[unit],
                             (unsigned long long)chain->after[unit],
                             (unsigned long long)amount[unit]);
        chain->after[unit] = after[unit];
    }
    chain->begun = true;
}

static void
check_record(struct verify *v, uint32_t column, uint64_t at,
             const struct shm_record *record, struct chain *chains)
{
    const uint64_t amount[SHM_UNITS] = {record->tokens, record->nano};
    for (int e = 0; e < 2; e++) {
        uint32_t entry = record->entry[e];
        if (entry == SHM_ENTRY_NONE)
            continue;
        if (entry >= v->entry_high)
            verify_violation(v, "column %u record at %llu names entry %u",
                             column, (unsigned long long)at, entry);
        else
            check_link(v, column, at, entry, record->after[e], amount,
                       &chains[entry]);
    }
}

/* Nobody is in the middle of a settle: the last record says what the cell does. */
static void
check_ends(struct verify *v, uint32_t column, const struct chain *chains)
{
    for (uint32_t entry = 0; entry < v->entry_high; entry++) {
        for (int unit = 0; chains[entry].begun && unit < SHM_UNITS; unit++) {
            uint64_t used =
                shm_load(&segment_cell(v->segment, entry, column)->used[unit]);
            if (used != chains[entry].after[unit])
                verify_violation(v,
                                 "I5: column %u entry %u unit %d: %llu used, "
                                 "%llu after its last record",
                                 column, entry, unit, (unsigned long long)used,
                                 (unsigned long long)chains[entry].after[unit]);
        }
    }
}

static void
verify_ring(struct verify *v, uint32_t column, struct chain *chains)
{
    union {
        struct shm_record record;
        unsigned char bytes[SHM_RECORD_MAX];
    } room;
    const struct segment *s = v->segment;
    uint64_t at = ring_tail(s, column), head = ring_head(s, column);
    if (head - at > s->ring_bytes)
        return; /* verify_columns() said it */
    while (at < head) {
        int len = ring_read(s, column, at, head, room.bytes);
        /* Released while we looked: the room may be another record's by now. */
        if (ring_tail(s, column) > at)
            return;
        if (len < 0) {
            verify_violation(v, "column %u: no record at %llu", column,
                             (unsigned long long)at);
            return;
        }
        check_record(v, column, at, &room.record, chains);
        at += (uint64_t)len;
    }
    if (v->quiet)
        check_ends(v, column, chains);
}

void
verify_rings(struct verify *v)
{
    struct chain *chains = calloc(v->entry_high + 1u, sizeof(*chains));
    if (chains == NULL)
        verify_violation(v, "not enough memory to look at the rings");
    for (uint32_t i = 0; chains != NULL && i < v->column_high; i++) {
        memset(chains, 0, (v->entry_high + 1u) * sizeof(*chains));
        verify_ring(v, i, chains);
    }
    free(chains);
}
