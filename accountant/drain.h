/*
 * drain.h - F1: takes records out of the rings, each once, and checks that the
 * cells' statement of each column is without a gap.
 *
 * Positions here are what has been taken; the rings' tails follow only after
 * the flush that books it is durable (drain_release). Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_DRAIN_H
#define AIGW_ACCOUNTANT_DRAIN_H

#include "common/buf.h"
#include "shm/segment.h"

struct drain {
    struct segment *segment;
    uint64_t *positions; /* by column: everything below was taken */
    /* By column, on its first record: `used` after the last record + 1, by
     * entry, side (key, group is another entry) and unit; 0 not known. */
    uint64_t **statements;
    uint32_t next_column; /* where the next drain begins: nobody starves */
    /* What status shows. */
    uint64_t records, quarantined_records, quarantined_bytes, broken_chains;
};

/* One record as taken; `len` bytes of record and meta follow. */
struct drained_record {
    uint32_t column, len;
    uint64_t position;
};

/* What one drain took. */
struct drained {
    struct buf bytes; /* drained_record + record, again and again */
    uint64_t count;
    bool *moved; /* by column: its position changed */
    uint64_t *positions;
    bool is_complete; /* up to the heads as they were */
};

int drain_init(struct drain *drain, struct segment *segment) MUST_CHECK;
void drain_fini(struct drain *drain);
/* At start: what the ledger has booked of a column. A position that cannot be
 * (beyond head, or behind tail) is moved where it can, and logged. */
void drain_set_position(struct drain *drain, uint32_t column,
                        uint64_t position);

/* drain_take - at most about `max_bytes`. 0 or -ENOMEM (nothing is taken). */
int drain_take(struct drain *drain, size_t max_bytes,
               struct drained *drained) MUST_CHECK;
void drained_fini(struct drained *drained);
/* The next record; start with *at = 0. NULL at the end. */
const struct drained_record *drained_next(const struct drained *drained,
                                          size_t *at);
const struct shm_record *drained_record_of(const struct drained_record *r);
/* F5: the flush is durable, workers may use the room again. */
void drain_release(struct drain *drain, const struct drained *drained);

/* When the oldest call ended that no flush has made durable yet, taken or not
 * (wall, ms); 0: there is none. */
int64_t drain_oldest_ms(const struct drain *drain);
/* Bytes not taken yet, of all columns. */
uint64_t drain_waiting(const struct drain *drain);
/*
 * Whether some column must not wait for the next flush by time: three eighths of
 * its ring are not taken, or half of what the records of its calls under way
 * leave. Larger flushes are cheaper by record (totals and roll-ups are written
 * once for each), but a ring that runs full refuses calls.
 */
bool drain_is_pressed(const struct drain *drain);

#endif
