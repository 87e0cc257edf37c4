/*
 * log_columns.h - log rows as CSV (RFC 4180): which columns, and their cells.
 *
 * A row's own cells are written on any thread. The names of its key, group and
 * profile are the store's: their places are marked, and filled in on the loop.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_LOG_COLUMNS_H
#define AIGW_ACCOUNTANT_ADMIN_LOG_COLUMNS_H

#include "accountant/admin/admin_error.h"
#include "accountant/ledger/ledger.h"

enum { LOG_COLUMNS_MAX = 48 };

struct log_columns {
    unsigned count;
    struct {
        const char *title; /* of `text` */
        uint32_t title_len;
        uint8_t cell; /* row of a table */
    } columns[LOG_COLUMNS_MAX];
};

/* What stands in a row is not all there. */
enum log_gap_kind { LOG_GAP_KEY, LOG_GAP_GROUP, LOG_GAP_GATEWAY, LOG_GAP_JSON };
struct log_gap {
    size_t at; /* in the text */
    enum log_gap_kind kind;
    uint64_t key_id, group_id;
    uint32_t gateway;
};

/* "time,key,used:cost": names of columns, a title of one's own before a colon;
 * NULL: the usual ones. The texts stay the caller's. False: `error` is set. */
bool log_columns_read(struct log_columns *columns, const char *text,
                      struct admin_error *error) MUST_CHECK;
/* The line of titles. */
void log_columns_head(const struct log_columns *columns, struct buf *out);
/* One line; a gap into `gaps` for each name that is left out. Returns how many
 * (at most one of each kind for a column). */
unsigned log_columns_row(const struct log_columns *columns,
                         const struct ledger_row *row, struct buf *out,
                         struct log_gap gaps[LOG_COLUMNS_MAX]);
/* A cell of text: quoted, and nothing that a spreadsheet would compute. */
void log_columns_text(struct buf *out, const char *text);

#endif
