/*
 * usage_table.h - sums roll-up buckets by what was asked for. Used by one query
 * thread, then by the loop thread; never by both at once.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_USAGE_TABLE_H
#define AIGW_ACCOUNTANT_ADMIN_USAGE_TABLE_H

#include "accountant/admin/usage_zone.h"
#include "accountant/ledger/ledger.h"
#include "common/check.h"

enum usage_by {
    USAGE_BY_TIME = 1,
    USAGE_BY_GROUP = 2,
    USAGE_BY_KEY = 4,
    USAGE_BY_MODEL = 8,
    USAGE_BY_PROVIDER = 16,
};
enum { USAGE_ROWS_MAX = 20000 };

struct usage_table {
    unsigned by; /* usage_by bits; what is not in it is 0 or "" in the rows */
    /* Times are put together to these, 0: they stay as they are. */
    int64_t unit_ms;
    struct usage_zone zone;
    struct ledger_usage total;
    struct ledger_usage *rows; /* owned */
    uint32_t row_count, row_cap;
    uint32_t *index; /* row + 1, open addressing; owned */
    uint32_t index_size;
    bool too_many, no_memory;
};

void usage_table_init(struct usage_table *table, unsigned by);
void usage_table_fini(struct usage_table *table);
/* False: too many rows or no memory, stop. */
bool usage_table_add(struct usage_table *table,
                     const struct ledger_usage *bucket);
/* By time, then most tokens first. */
void usage_table_sort(struct usage_table *table);

#endif
