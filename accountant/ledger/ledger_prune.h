/*
 * ledger_prune.h - what is older than it is kept for, found by one thread and
 * deleted by another.
 *
 * Finding may take long: LevelDB goes through all that was deleted and is not
 * compacted yet, and each move of a baseline is looked at. So it is for a query
 * thread, and the writer thread, on which flushes wait, gets finished batches.
 * What was found stays old, so a batch may be written whenever: buckets and notes
 * by their own time, moves because dropped rows do not come back.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_LEDGER_PRUNE_H
#define AIGW_ACCOUNTANT_LEDGER_LEDGER_PRUNE_H

#include "accountant/ledger/ledger_batch.h"

enum {
    LEDGER_PRUNE_BATCHES = 25,
    LEDGER_PRUNE_EACH = 400, /* a flush waits for as many */
};

/* Notes with names before this one. */
struct ledger_old_notes {
    char space;
    struct str before;
};

struct ledger_old {
    int64_t minutes_before_ms, hours_before_ms; /* buckets that began before */
    const struct ledger_old_notes *notes;
    size_t note_count;
};

/* All zero is empty. Handed from thread to thread. */
struct ledger_prunes {
    struct ledger_batch *batches[LEDGER_PRUNE_BATCHES];
    unsigned made, written;
    uint32_t in_last;
    int64_t minutes_to_ms, hours_to_ms; /* the bucket found last; 0: none */
    bool no_memory;
};

/*
 * Fills them anew, as far as they go; what is not written is forgotten. Behind
 * full ones that were written it goes on where they ended: LevelDB has their
 * deletions still, and would go through them again. 0 or -errno. Query thread.
 */
int ledger_prunes_find(struct ledger *ledger, struct ledger_snapshot *snapshot,
                       const struct ledger_old *old,
                       struct ledger_prunes *prunes,
                       struct buf *error) MUST_CHECK;
/* They are full: there may be more to find. */
bool ledger_prunes_are_full(const struct ledger_prunes *prunes);
/* One batch; the others wait for their turn. 1 there are more, 0, -errno.
 * Writer thread. */
int ledger_prunes_write(struct ledger *ledger, struct ledger_prunes *prunes,
                        struct buf *error) MUST_CHECK;
/* Empty again. */
void ledger_prunes_fini(struct ledger_prunes *prunes);

#endif
