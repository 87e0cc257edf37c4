/*
 * spend_book.h - what spend rules counted: from each record, when it is drained,
 * into the counters of the rules that concern it, and into those that it names
 * itself (shm_charge). Their only writer.
 *
 * Durable with the records' own batch (F4), so each record counts exactly once
 * over any number of deaths; the segment is told at once, and again from the
 * ledger at a start. A machine that loses power loses of them what it loses of
 * the rest; rows that are booked at the next start are not counted here again.
 * Of rows whose places are all taken, the one that counted least leaves, so that a
 * limit that is used up is not opened by cheap calls under other names.
 * Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_SPEND_BOOK_H
#define AIGW_ACCOUNTANT_SPEND_BOOK_H

#include "accountant/ledger/ledger_batch.h"
#include "shm/catalogue.h"
#include "shm/spend.h"

/* Rows lie as in the segment; name 0: free. */
struct spend_book {
    struct ledger_spend *rows; /* SHM_SPENDS; NULL: none ever */
    bool *changed;             /* since the last batch */
    uint64_t evicted;          /* that still counted */
};

void spend_book_fini(struct spend_book *book);
/* F2: one record. -ENOMEM. */
int spend_book_add(struct spend_book *book, const struct segment *segment,
                   const struct catalogue *catalogue,
                   const struct shm_record *record,
                   struct ledger_batch *batch) MUST_CHECK;
/* Before F4: what changed, as absolute values. */
void spend_book_stage(struct spend_book *book, struct ledger_batch *batch);
/* A4: one row of the ledger; then the segment is made like the book. */
int spend_book_load(struct spend_book *book,
                    const struct ledger_spend *spend) MUST_CHECK;
void spend_book_publish(const struct spend_book *book,
                        const struct segment *segment);

#endif
