/*
 * revoke.c - see revoke.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/revoke.h"

#include "worker/request.h"

enum { LOOK_MS = 50 };

static void
on_timer(struct loop_timer *timer)
{
    struct worker *worker = OWNER_OF(timer, struct worker, revoke_timer);
    const struct shm_header *header = worker->heritage->segment->header;
    /* acquire: the entries as they are since then */
    uint64_t now = shm_load(&header->revocations);
    if (now != worker->revocations)
        requests_cut_revoked(worker);
    worker->revocations = now;
    if (worker->revocable > 0)
        loop_timer_set(worker->loop, timer,
                       loop_now_ms(worker->loop) + LOOK_MS);
}

void
revoke_watch(struct worker *worker)
{
    if (worker->revocable++ > 0)
        return;
    worker->revoke_timer.expired = on_timer;
    loop_timer_set(worker->loop, &worker->revoke_timer,
                   loop_now_ms(worker->loop) + LOOK_MS);
}
