/*
 * ledger_hide.h - rows of the log that nobody is shown any more: they stay as
 * part of the books, which are the sum of all rows, but without the caller's
 * metadata, address, error text and bodies.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_HIDE_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_HIDE_H

#include "accountant/ledger/ledger.h"

/* Writer thread. The rows as they were read; durable. *hidden counts those of
 * days that retention has not dropped meanwhile. 0; -errno as
 * ledger_payload_put(), some may then be hidden. */
int ledger_hide_rows(struct ledger *ledger, const struct ledger_row *rows,
                     size_t count, size_t *hidden,
                     struct buf *error) MUST_CHECK;
/* The row with other metadata (row->tags), in its place; the same. */
int ledger_tag_row(struct ledger *ledger, const struct ledger_row *row,
                   struct buf *error) MUST_CHECK;

#endif
