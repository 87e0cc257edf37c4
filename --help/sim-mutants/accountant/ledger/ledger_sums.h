/*
 * ledger_sums.h - sums per key and group while rows are read: for retention,
 * recovery and verify. One thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_SUMS_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_SUMS_H

#include "accountant/ledger/ledger_read.h"
#include "accountant/ledger/table.h"

struct ledger_sum {
    enum ledger_kind kind;
    uint64_t id;
    struct ledger_total total;
    uint64_t batch_no; /* highest of the rows */
    int64_t last_used_ms;
    bool loaded; /* for the caller: the base value was read */
};

/* All zero is empty. */
struct ledger_sums {
    struct table table;
};
/* Found or made (all zero); NULL: no memory. */
struct ledger_sum *ledger_sums_get(struct ledger_sums *sums,
                                   enum ledger_kind kind, uint64_t id);
const struct ledger_sum *ledger_sums_find(const struct ledger_sums *sums,
                                          enum ledger_kind kind, uint64_t id);
/* Key and group of a row. False: no memory. */
bool ledger_sums_add_row(struct ledger_sums *sums,
                         const struct ledger_row *row);
void ledger_sums_fini(struct ledger_sums *sums);

#endif
