/*
 * ledger_report.h - what `aigw-ledger list|sum|verify` prints, as JSON: made
 * from a snapshot, by the tool itself when nothing runs, by the accountant
 * (GET /admin/v1/ledger/...) when it does. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_REPORT_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_REPORT_H

#include "accountant/ledger/ledger.h"

/*
 * Each appends one JSON object to `out`, also on errors (then {"error": ...}).
 * 0, or -errno when the ledger could not be read.
 */

/* {"totals": {...}, "rows": {...}, "keys": [...], "groups": [...]}: totals as
 * booked beside the sum of the rows, per key and per group. */
int ledger_report_sum(struct ledger *ledger, struct ledger_snapshot *snapshot,
                      struct buf *out) MUST_CHECK;
/* {"ok": true, "differences": 0, "report": ["..."]} */
int ledger_report_verify(struct ledger *ledger,
                         struct ledger_snapshot *snapshot,
                         struct buf *out) MUST_CHECK;
/* {"rows": [...], "cursor": "..."|null}: the newest 1,000 rows. */
int ledger_report_list(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       struct buf *out) MUST_CHECK;
/* The same with a filter and a bound; `cursor` goes into the next filter. */
int ledger_report_rows(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       const struct ledger_row_filter *filter, uint64_t limit,
                       struct buf *out) MUST_CHECK;
/* One row as a JSON object: report and access log have one form. */
void ledger_row_to_json(const struct ledger_row *row, struct buf *out);

#endif
