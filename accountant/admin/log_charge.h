/*
 * log_charge.h - why a call cost what it did: the prices of the version that its
 * row names, times what it used of each class.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_LOG_CHARGE_H
#define AIGW_ACCOUNTANT_ADMIN_LOG_CHARGE_H

#include "accountant/ledger/ledger_read.h"
#include "common/json_write.h"

struct log_charge {
    bool found; /* the version is in the ledger */
    struct ledger_price price;
};

/* Query thread. 0 or -errno. */
int log_charge_read(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    const struct ledger_row *row, struct log_charge *charge,
                    struct buf *error) MUST_CHECK;
/* {"model", "version", "since", "lines": [{"class", "count", "price", "cost"}],
 * "sum", "charged"}, or null. `sum` is of the last attempt, and before it was
 * decided whether it is charged at all. */
void log_charge_to_json(struct json_writer *json, const struct ledger_row *row,
                        const struct log_charge *charge);

#endif
