/*
 * retention.h - [server] log_retention: hourly, one old day after the other
 * is read on a query thread, dropped on the ledger thread, its directory
 * removed when nobody reads it; old roll-ups are found on a query thread and
 * deleted in small pieces, so that flushes pass between them. Minutes are kept a
 * week, hours as long as rows, days for ever. Rows of the audit log are kept as
 * audit_retention says, keys of idempotency a day.
 *
 * Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_RETENTION_H
#define AIGW_ACCOUNTANT_RETENTION_H

#include "accountant/ledger/ledger_prune.h"
#include "accountant/ledger/ledger_retention.h"
#include "accountant/ledger_thread.h"

struct store;

struct retention {
    struct ledger_job job;
    struct store *store;
    uint64_t due_ms; /* monotonic */
    bool running;
    int64_t rows_before_ms, minutes_before_ms; /* wall */
    int64_t audit_before_ms, replays_before_ms;
    /* between query and ledger thread */
    struct ledger_drop drop;
    bool has_drop, more;
    struct ledger_prunes prunes;
};

void retention_init(struct retention *retention, struct store *store);
/* After the threads have ended. */
void retention_fini(struct retention *retention);
/* From the tick. */
void retention_tick(struct retention *retention, uint64_t now_ms);

#endif
