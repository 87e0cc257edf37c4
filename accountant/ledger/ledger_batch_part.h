/*
 * ledger_batch_part.h - the inside of a batch, for ledger_batch*.c only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_BATCH_PART_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_BATCH_PART_H

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_page.h"
#include "accountant/ledger/ledger_sums.h"

struct batch_day {
    int64_t day;
    struct ledger_pendings rows; /* writer thread only */
};

/* First and last page of a ring of which a batch has rows. */
struct batch_ring {
    uint64_t epoch, first, last; /* windows */
    uint32_t column;
};

struct ledger_batch {
    struct buf main;
    struct buf value; /* scratch */
    struct batch_day *days;
    size_t day_count;
    struct batch_ring *rings;
    size_t ring_count;
    bool follows;               /* ledger_batch_rows_follow() */
    int64_t oldest_ms;          /* of its rows; INT64_MAX: none */
    int64_t unbooked_from_ms;   /* ledger_batch_unbooked_from(); -1: not said */
    struct ledger_sums dropped; /* rows of dropped days: absolute sums */
    bool failed;
};

void ledger_batch_put(struct buf *ops, const struct ledger_key *key,
                      const struct buf *value);
/* Any pair of the main database. */
void ledger_batch_pair(struct ledger_batch *batch, const struct ledger_key *key,
                       struct str value);
void ledger_batch_delete_pair(struct ledger_batch *batch,
                              const struct ledger_key *key);

#endif
