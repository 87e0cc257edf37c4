/*
 * ledger_repair_part.h - the inside of a repair, for ledger_repair*.c only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_REPAIR_PART_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_REPAIR_PART_H

#include "accountant/ledger/ledger_builder.h"
#include "accountant/ledger/ledger_repair.h"
#include "accountant/ledger/ledger_sums.h"

/* A column's position as the ledger had it, or as the rows imply it. */
struct repair_position {
    uint64_t epoch, booked, last_row;
    uint32_t column;
    bool is_known, has_row;
};

struct repair {
    struct ledger_builder builder;
    struct ledger_repair *done;
    struct buf *report, *error;
    struct ledger_sums totals, dropped, rows;
    struct repair_position *positions;
    size_t position_count;
    uint64_t epoch, batch_no, top_batch, next_id;
    int64_t last_day;
};

struct repair_position *repair_position(struct repair *r, uint64_t epoch,
                                        uint32_t column);
/* ---- ledger_repair_copy.c ---- */
/* The databases of `from` as they are, into `to`. -EBUSY: they are open. */
int repair_copy(const char *from, const char *to, struct buf *error) MUST_CHECK;
/* The secret, where `to` has none. */
int repair_copy_secret(const char *from, const char *to,
                       struct buf *error) MUST_CHECK;
/* ---- ledger_repair_books.c ---- */
/* Totals, sums of lost rows, positions and numbers that fit the rows. */
int repair_books(struct repair *r) MUST_CHECK;

#endif
