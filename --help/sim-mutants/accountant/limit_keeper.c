/*
 * limit_keeper.c - see limit_keeper.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/limit_keeper.h"

#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/limit.h"

enum { SWEEP_MS = 1000, TELL_MS = 60000 };

void
limit_keeper_tick(struct store *store, uint64_t now_ms)
{
    struct limit_keeper *keeper = &store->limit_keeper;
    uint64_t misses = shm_load(&store->segment->header->limit_misses);
    bool is_full = misses != keeper->misses;
    if (!is_full && now_ms < keeper->sweep_ms)
        return;
    keeper->rows = limit_sweep(store->segment, clock_mono_ns());
    keeper->sweep_ms = now_ms + SWEEP_MS;
    keeper->misses = misses;
    if (!is_full || now_ms < keeper->told_ms)
        return;
    keeper->told_ms = now_ms + TELL_MS;
    log_warn("limits=%u of %u count, and there was no place for another: its "
             "calls were refused; raise [server] max_limits",
             keeper->rows, store->segment->limit_max);
}
