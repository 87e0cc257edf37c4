/*
 * watch.c - who stands still: a worker, or the accountant's loop, whose
 * heartbeat is older than [server] watchdog_timeout gets SIGABRT (a core shows
 * where it hangs) and a second later SIGKILL. The rest is as with any death.
 *
 * The heart of the accountant beats in the thread that never calls LevelDB: a
 * slow disk stops nobody's heart. It is not watched before it is ready, since a
 * restore takes as long as the ledger is large, nor when it was told to leave.
 *
 * Nobody is judged by time in which the master itself stood still (SIGSTOP, a
 * machine that swaps): after such a gap all begin anew. CLOCK_MONOTONIC does
 * not count a suspended machine's sleep.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "common/proc.h"
#include "master/master.h"
#include "master/notify.h"

enum {
    WATCH_MS = 500,
    WATCH_GAP_MS = 4 * WATCH_MS, /* between two of our turns: we stood still */
    ABORT_GRACE_MS = 1000,
};

static uint64_t
later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* When it was last known to live; 0: it is not watched now. */
static uint64_t
last_beat(const struct child *child)
{
    const struct master *master = child->master;
    const struct segment *segment = &master->segment;
    if (child->role->takes_column)
        return later(
            child->started_ms,
            shm_load(&segment_column(segment, child->column)->heartbeat_ms));
    if (child->state != CHILD_READY)
        return 0;
    return later(child->started_ms,
                 shm_load(&segment->header->accountant_heartbeat_ms));
}

static void
signal_child(const struct child *child, int number)
{
    int r = child->state == CHILD_ORPHAN
                ? proc_pidfd_signal(child->control_fd, number)
                : proc_signal(child->pid, number);
    if (r < 0 && r != -ESRCH)
        log_warn("cannot signal %s[%d]: %s", child->role->name, (int)child->pid,
                 strerror(-r));
}

static void
watch_child(struct child *child, uint64_t now, uint64_t timeout_ms)
{
    uint64_t beat = last_beat(child);
    uint64_t since = later(beat, child->master->watch.since_ms);
    if (beat == 0 || now < since + timeout_ms) {
        child->abort_ms = 0;
    } else if (child->abort_ms == 0) {
        child->abort_ms = now;
        log_error("%s[%d] has not moved for %llu ms: it is ended",
                  child->role->name, (int)child->pid,
                  (unsigned long long)(now - since));
        signal_child(child, SIGABRT);
    } else if (now >= child->abort_ms + ABORT_GRACE_MS) {
        signal_child(child, SIGKILL); /* it may be stopped, or block SIGABRT */
    }
}

/* What the service manager's watchdog is told: we live, and so do those who
 * serve. While none of a role is meant to run, it cannot be missed. */
static bool
role_is_healthy(const struct master *master, enum role_id role, uint64_t now)
{
    bool any = false;
    for (const struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != role)
            continue;
        uint64_t beat = later(last_beat(c), master->watch.since_ms);
        any = true;
        if (last_beat(c) == 0 ||
            now < beat + master->config->server.watchdog_timeout_ms)
            return true;
    }
    return !any && (master->stop != STOP_NO || master->workers_off);
}

static void
on_watch(struct loop_timer *timer)
{
    struct master *master =
        (struct master *)((char *)timer - offsetof(struct master, watch.timer));
    struct watch *watch = &master->watch;
    uint64_t now = loop_now_ms(master->loop);
    if (now >= watch->last_ms + WATCH_GAP_MS)
        watch->since_ms = now;
    watch->last_ms = now;
    for (struct child *c = master->children; c != NULL; c = c->next)
        watch_child(c, now, master->config->server.watchdog_timeout_ms);
    if (role_is_healthy(master, ROLE_WORKER, now) &&
        role_is_healthy(master, ROLE_ACCOUNTANT, now))
        notify_alive(now);
    loop_timer_set(master->loop, timer, now + WATCH_MS);
}

void
watch_start(struct master *master)
{
    struct watch *watch = &master->watch;
    watch->last_ms = watch->since_ms = loop_now_ms(master->loop);
    watch->timer.expired = on_watch;
    loop_timer_set(master->loop, &watch->timer, watch->last_ms + WATCH_MS);
}
