/*
 * ledger_note.h - notes: pairs of the main database whose values are the
 * accountant's own (admin tokens, the audit log, keys of idempotency). The
 * ledger keeps them in order of their names within a space, and no more.
 *
 *   'N' space1 name        value: 1 byte or more
 *
 * Reading: any thread with a snapshot, as in ledger_read.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_NOTE_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_NOTE_H

#include "accountant/ledger/ledger_batch.h"

enum { LEDGER_NOTE_NAME_MAX = 64, LEDGER_NOTE_VALUE_MAX = 256 * 1024 };

/* name: 1 to LEDGER_NOTE_NAME_MAX bytes, any. */
void ledger_batch_note(struct ledger_batch *batch, char space, struct str name,
                       struct str value);
void ledger_batch_delete_note(struct ledger_batch *batch, char space,
                              struct str name);

/* Appends the value to out: 1; 0 there is none; -errno. */
int ledger_read_note(struct ledger *ledger, struct ledger_snapshot *snapshot,
                     char space, struct str name, struct buf *out,
                     struct buf *error) MUST_CHECK;

struct ledger_note_range {
    char space;
    struct str from, to; /* [from, to) by name; empty: from the first, to the
                            last */
    bool backwards;      /* the last one first */
};
/* Return false from the callback to stop. 0 or -errno. */
int ledger_scan_notes(struct ledger *ledger, struct ledger_snapshot *snapshot,
                      const struct ledger_note_range *range,
                      bool (*each)(struct str name, struct str value,
                                   void *context),
                      void *context, struct buf *error) MUST_CHECK;

#endif
