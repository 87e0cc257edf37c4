/*
 * ledger_import.h - an export becomes a ledger again.
 *
 * Without log rows in it the sums of all rows stand in the ledger as those of
 * dropped rows, so that the books balance; roll-ups of days before
 * meta "rows_from" say more than the rows there are.
 * Meta "restored" (the export's batch) tells the accountant that a segment
 * which still lives may have booked more than this ledger knows.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_IMPORT_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_IMPORT_H

#include "accountant/ledger/ledger_export.h"

/*
 * ledger_import - `path` into `dir`, which is made, or holds nothing but
 * `secret` and `export`. The file is checked as a whole before anything is
 * written, the ledger is built beside its place and moved there when it is
 * complete. `report`: differences that verify finds in it, a line each (the
 * exported books did not balance). 0; -ENOTEMPTY; -EUCLEAN the file is
 * damaged; -errno; a sentence in `error`.
 */
int ledger_import(const char *path, const char *dir,
                  struct ledger_export_info *info, struct buf *report,
                  struct buf *error) MUST_CHECK;

#endif
