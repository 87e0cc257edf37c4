/*
 * ledger_repair.h - what can still be read of a damaged ledger, into a new one.
 * Never in place and never by itself: an operator decides that less is better
 * than nothing, after comparing with the newest export.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_REPAIR_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_REPAIR_H

#include "accountant/ledger/ledger.h"

struct ledger_repair {
    uint64_t pairs, rows;         /* salvaged */
    uint64_t bad_pairs, bad_rows; /* read, but not what they should be */
    uint64_t corrections;         /* totals that rows contradicted */
};

/*
 * ledger_repair - copies the databases of `from` (nobody may have them open;
 * nothing of it is changed), lets LevelDB salvage the copies, reads them
 * through and writes what makes sense into `to` (which must be empty). A total
 * is never less than its rows say; where it is more, the difference counts as
 * rows that are lost. `report`: a line for each loss that can be named.
 * 0 or -errno with a sentence.
 */
int ledger_repair(const char *from, const char *to, struct ledger_repair *done,
                  struct buf *report, struct buf *error) MUST_CHECK;

#endif
