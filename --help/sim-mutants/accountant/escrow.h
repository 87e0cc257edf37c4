/*
 * escrow.h - durability = strict: before workers may use it, it is durable that
 * a key may have used it. Per key and unit the ledger has a total E that no
 * answer has passed; workers are admitted within the lower of ceiling and E.
 * When the segment is lost without an orderly stop, a key is charged up to E.
 *
 *   E1  the batch with E, synced        E2  entry.escrow = origin + E
 *   L1  entry.escrow = origin + less    L2  fence; sum; somebody has more: back
 *   L3  the batch with less
 *
 * E follows what a key does: at least escrow_tokens (and what they cost at the
 * dearest price) beyond used and reserved, two seconds of its use where that is
 * more. The last half step is kept for streams that are under way. An orderly
 * stop deletes all E. Groups need none: what their keys are charged, they are.
 * Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ESCROW_H
#define AIGW_ACCOUNTANT_ESCROW_H

#include "accountant/objects.h"

struct flush;
struct store;

struct escrows {
    uint64_t step[SHM_UNITS];
    uint64_t wants_seen;
    struct object **due; /* with the next flush */
    size_t due_count, due_room;
};

bool escrow_is_strict(const struct config *config);
/* What a key gets ahead at least. */
void escrow_steps(const struct config *config, uint64_t step[SHM_UNITS]);
/* At the start and after a reload: steps, and the slack that workers keep. */
void escrow_configure(struct store *store);
void escrow_fini(struct escrows *escrows);

/* Looks at keys that are in use or were refused; may ask for a flush. */
void escrow_tick(struct store *store);
/* E1, L3: into the batch. */
void escrow_stage(struct flush *flush);
/* E2, once it is durable. */
void escrow_apply(struct flush *flush);
/* For a policy that is about to be published. */
void escrow_of_object(const struct store *store, const struct object *object,
                      struct entry_policy *policy);

#endif
