/*
 * crashes.c - what a dead worker was at: a request that kills whoever reads it
 * (a fault of ours) must not go unnoticed.
 *
 * A worker leaves a fingerprint of each request in its column before it looks
 * at the body. When three workers died within a minute over the same one, the
 * log says so, with the key to disable, and a counter rises for the alarm.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <sys/wait.h>

#include "common/log.h"
#include "master/master.h"

enum { CRASH_WINDOW_MS = 60000, CRASH_ALARM = 3 };

static unsigned
in_flight(const struct segment *segment, uint32_t column)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < segment->slot_max; i++)
        n +=
            shm_load(&segment_slot(segment, column, i)->state) != SHM_SLOT_FREE;
    return n;
}

void
crashes_note(struct master *master, const struct child *child, int status)
{
    struct shm_header *header = master->segment.header;
    const struct shm_column *column =
        segment_column(&master->segment, child->column);
    uint64_t now = loop_now_ms(master->loop);
    uint64_t mark = shm_load(&column->last_request);
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    /* SIGKILL comes from outside: no request did that. */
    if (clean || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
        mark == 0) /* it had read none */
        return;
    unsigned long long key = shm_load(&column->last_key);
    log_error("worker[%d] died with requests=%u in flight; the last to be read "
              "was mark=%016llx key=%llu",
              (int)child->pid, in_flight(&master->segment, child->column),
              (unsigned long long)mark, key);
    unsigned same = 1;
    for (unsigned i = 0; i < MASTER_CRASHES; i++)
        if (master->crashes[i].mark == mark &&
            now < master->crashes[i].at_ms + CRASH_WINDOW_MS)
            same++;
    unsigned at = master->crash_count++ % MASTER_CRASHES;
    master->crashes[at] = (struct crash){mark, now};
    if (same < CRASH_ALARM)
        return;
    shm_store(&header->repeated_crashes,
              shm_load_own(&header->repeated_crashes) + 1);
    log_error("workers=%u died within a minute over the same request "
              "mark=%016llx of key=%llu: disable that key, and report the "
              "fault",
              same, (unsigned long long)mark, key);
}
