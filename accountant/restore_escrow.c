/*
 * restore_escrow.c - escrows (escrow.h) at the start.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "accountant/ledger/ledger_batch.h"
#include "accountant/restore_load.h"

static bool
load_escrow(enum ledger_kind kind, uint64_t id,
            const struct ledger_escrow *escrow, void *context)
{
    struct restore *restore = context;
    struct object *object = objects_get(&restore->objects, kind, id);
    if (object == NULL) {
        restore->result = -ENOMEM;
        return false;
    }
    object->escrow[SHM_TOKENS] = escrow->tokens;
    object->escrow[SHM_NANO] = escrow->nano;
    return true;
}

int
restore_read_escrows(struct restore *restore)
{
    int rc = ledger_scan_escrows(restore->store->ledger, NULL, load_escrow,
                                 restore, &restore->error);
    return rc < 0 ? rc : restore->result;
}

/* What is kept may be more than a step: leases that still run. */
static void
prepare(struct ledger_batch *batch, struct object *object,
        const uint64_t step[SHM_UNITS])
{
    const uint64_t total[SHM_UNITS] = {object->total.tokens,
                                       object->total.nano};
    bool changed = false;
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        if (object->escrow[unit] >= total[unit] + step[unit])
            continue;
        object->escrow[unit] = total[unit] + step[unit];
        changed = true;
    }
    struct ledger_escrow value = {object->escrow[SHM_TOKENS],
                                  object->escrow[SHM_NANO],
                                  object->gateway->group_id};
    if (changed)
        ledger_batch_escrow(batch, object->id, &value);
}

static bool
delete_escrow(enum ledger_kind kind, uint64_t id,
              const struct ledger_escrow *escrow, void *context)
{
    (void)kind;
    (void)escrow;
    ledger_batch_delete_escrow(context, id);
    return true;
}

int
restore_prepare_escrows(struct restore *restore)
{
    const struct config *config = restore->store->config;
    struct ledger *ledger = restore->store->ledger;
    struct ledger_batch *batch = ledger_batch_create();
    uint64_t step[SHM_UNITS];
    int rc = batch == NULL ? -ENOMEM : 0;
    escrow_steps(config, step);
    if (rc == 0 && escrow_is_strict(config)) {
        size_t at = 0;
        struct object *object =
            objects_next(&restore->objects, LEDGER_KEY, &at);
        for (; object != NULL;
             object = objects_next(&restore->objects, LEDGER_KEY, &at))
            prepare(batch, object, step);
    } else if (rc == 0) {
        rc = ledger_scan_escrows(ledger, NULL, delete_escrow, batch,
                                 &restore->error);
    }
    if (rc == 0 && !ledger_batch_ok(batch))
        rc = -ENOMEM;
    if (rc == 0 && !ledger_batch_is_empty(batch))
        rc = ledger_batch_write(batch, ledger, &restore->error);
    ledger_batch_destroy(&batch);
    return rc;
}
