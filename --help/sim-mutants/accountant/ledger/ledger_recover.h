/*
 * ledger_recover.h - the ledger meets a segment (A5): after a power cut or a
 * removed segment, rows may be durable whose flush was not. They are true, so
 * they are booked from the rows, in one batch with the new epoch.
 *
 * Writer thread, before anything else is written.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_RECOVER_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_RECOVER_H

#include "accountant/ledger/ledger.h"

struct ledger_recovery {
    bool new_epoch; /* the segment is another one than last time */
    bool is_new;    /* the ledger had never met one */
    uint64_t rows_booked;
    uint64_t escrow_tokens; /* strict: charged up to the escrows */
};
/* ledger_recover - 0 or -errno (reopen, call again: nothing is done twice). */
int ledger_recover(struct ledger *ledger, uint64_t epoch, uint64_t instance_id,
                   struct ledger_recovery *recovery,
                   struct buf *error) MUST_CHECK;

#endif
