/*
 * ledger_batch_part.h - the inside of a batch, for ledger_batch*.c only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_BATCH_PART_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_BATCH_PART_H

#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_sums.h"

/* The highest position of a row of (epoch, column) in this batch. */
struct batch_mark {
    uint64_t epoch, position;
    uint32_t column;
};

struct batch_day {
    int64_t day;
    leveldb_writebatch_t *rows; /* writer thread only */
    struct batch_mark *marks;
    size_t mark_count;
};

struct ledger_batch {
    struct buf main;
    struct buf value; /* scratch */
    struct batch_day *days;
    size_t day_count;
    struct ledger_sums dropped; /* rows of dropped days: absolute sums */
    bool failed;
};

void ledger_batch_put(struct buf *ops, const struct ledger_key *key,
                      const struct buf *value);

#endif
