/*
 * ledger_rollup.h - the buckets of minutes, hours and days that rows are added
 * to. Values in the ledger are absolute, so the writer thread keeps the living
 * buckets here and reads a missing one once.
 *
 * Writer thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_ROLLUP_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_ROLLUP_H

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/table.h"

/* The numbers of a ledger_usage, which stand in front of its spans. */
enum {
    ROLLUP_NUMBERS = (offsetof(struct ledger_usage, duration_spans) -
                      offsetof(struct ledger_usage, requests)) /
                     sizeof(uint64_t),
    ROLLUP_LENGTHS = 16,
    ROLLUP_NO_LENGTH = LEDGER_SPANS,
};

/* Where a call is counted in the spans. */
struct rollup_length {
    uint8_t duration, first_token; /* or ROLLUP_NO_LENGTH */
};

struct rollup_bucket {
    struct rollup_bucket *next_dirty;
    /* Of a minute: what it is part of, and how much of it is there already. A
     * row is added to its minute alone; hours and days get the difference.
     * Lengths wait for each other: the spans of the three are many cache lines
     * that a row of another key has driven out since. */
    struct rollup_bucket *wider[2];
    uint32_t minutes; /* of an hour or a day: those here that are part of it */
    bool dirty;       /* not in a batch yet */
    uint8_t length_count;
    struct rollup_length lengths[ROLLUP_LENGTHS]; /* not in the spans yet */
    struct ledger_usage usage;
    uint64_t passed_on[ROLLUP_NUMBERS];
};

/* All zero is empty. */
struct ledger_rollup {
    struct table table;
    struct rollup_bucket *dirty; /* minutes */
    int64_t newest_ms;           /* the latest row */
    int64_t trimmed_ms;          /* the same, when it was last trimmed */
};

/* Adds a row; reads the buckets that are not known. 0 or -errno. */
int ledger_rollup_add(struct ledger_rollup *rollup, struct ledger *ledger,
                      const struct ledger_row *row,
                      struct buf *error) MUST_CHECK;
/* Puts every bucket that changed since the last call into the batch. */
void ledger_rollup_emit(struct ledger_rollup *rollup,
                        struct ledger_batch *batch);
/* After the batch is durable: once a minute forgets the minutes that are over,
 * and the hours and days that none of the others are part of; a later row reads
 * them again. All, when they are many all the same. */
void ledger_rollup_trim(struct ledger_rollup *rollup);
void ledger_rollup_fini(struct ledger_rollup *rollup);

/* The empty bucket that a row belongs to. */
void ledger_usage_of_row(const struct ledger_row *row,
                         enum ledger_resolution resolution,
                         struct ledger_usage *usage);
void ledger_usage_add_row(struct ledger_usage *usage,
                          const struct ledger_row *row);
uint64_t ledger_usage_hash(const struct ledger_usage *usage);
bool ledger_usage_same_bucket(const struct ledger_usage *a,
                              const struct ledger_usage *b);

#endif
