/*
 * ledger_retention.h - old rows go away day by day; the rest: ledger_prune.h.
 *
 * A day's rows leave their sums behind, per key and group, in the same batch
 * that marks the day as dropped, so that totals = rows + dropped sums holds at
 * every instant. The directory goes later, when no reader has it any more.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_RETENTION_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_RETENTION_H

#include "accountant/ledger/ledger_sums.h"

struct ledger_drop {
    int64_t day;
    uint64_t writes; /* into the day, when its rows were read */
    struct ledger_sums sums;
};

/* Days with a directory that are not dropped and lie wholly before `before_ms`,
 * oldest first; *day set. 1, 0 none, -errno. Any thread. */
int ledger_drop_next(struct ledger *ledger, struct ledger_snapshot *snapshot,
                     int64_t before_ms, int64_t *day) MUST_CHECK;
/* Query thread: reads the day. -EAGAIN: it is being written, try later. */
int ledger_drop_prepare(struct ledger *ledger, int64_t day,
                        struct ledger_drop *drop, struct buf *error) MUST_CHECK;
/* Writer thread. -EAGAIN: rows came since; prepare again. */
int ledger_drop_apply(struct ledger *ledger, struct ledger_drop *drop,
                      struct buf *error) MUST_CHECK;
void ledger_drop_fini(struct ledger_drop *drop);
/* Writer thread: removes directories of dropped days, as far as no reader may
 * still look at them. 0 or -errno. */
int ledger_remove_dropped(struct ledger *ledger, struct buf *error) MUST_CHECK;

#endif
