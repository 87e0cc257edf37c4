/*
 * retention.c - see retention.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/retention.h"

#include <errno.h>
#include <string.h>

#include "accountant/notes.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"

enum {
    PERIOD_MS = 3600000,
    FIRST_MS = 60000, /* after the start */
    SOON_MS = 200,    /* there is more to do */
};

static const int64_t week_ms = INT64_C(7) * 86400000;

void
retention_init(struct retention *retention, struct store *store)
{
    *retention = (struct retention){.store = store};
    retention->due_ms = clock_mono_ms() + FIRST_MS;
}

void
retention_fini(struct retention *retention)
{
    ledger_drop_fini(&retention->drop);
    ledger_prunes_fini(&retention->prunes);
}

static void
complain(const char *while_what, int rc, struct buf *error)
{
    log_warn("while %s: %s; it is tried again later", while_what,
             buf_len(error) > 0 ? buf_cstr(error) : strerror(-rc));
}

static void
read_day(struct retention *r, struct ledger_snapshot *snapshot,
         struct buf *error)
{
    struct ledger *ledger = r->store->ledger;
    int64_t day = 0;
    int rc = ledger_drop_next(ledger, snapshot, r->rows_before_ms, &day);
    if (rc == 1) {
        rc = ledger_drop_prepare(ledger, day, &r->drop, error);
        r->has_drop = rc == 0;
        r->more = r->has_drop; /* a damaged day waits for its turn */
    }
    if (rc < 0 && rc != -EAGAIN)
        complain("reading an old day", rc, error);
}

/* Names of notes that begin with a time. */
static struct str
name_of(int64_t before_ms, char name[8])
{
    notes_put_u64(name, before_ms < 0 ? 0 : (uint64_t)before_ms);
    return str_make(name, 8);
}

static void
find_old(struct retention *r, struct ledger_snapshot *snapshot,
         struct buf *error)
{
    char audit[8], replays[8];
    const struct ledger_old_notes notes[] = {
        {NOTES_AUDIT, name_of(r->audit_before_ms, audit)},
        {NOTES_DELIVERED, name_of(r->audit_before_ms, audit)},
        {NOTES_REPLAY, name_of(r->replays_before_ms, replays)},
    };
    const struct ledger_old old = {.minutes_before_ms = r->minutes_before_ms,
                                   .hours_before_ms = r->rows_before_ms,
                                   .notes = notes,
                                   .note_count = ARRAY_LEN(notes)};
    int rc =
        ledger_prunes_find(r->store->ledger, snapshot, &old, &r->prunes, error);
    if (rc < 0 && rc != -EAGAIN)
        complain("looking for what is old", rc, error);
}

/* Query thread: reads the oldest day that is too old, and finds what else is. */
static void
find_and_read(struct ledger_job *job)
{
    struct retention *r = (struct retention *)job;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(r->store->ledger);
    struct buf error;
    buf_init(&error, 0);
    read_day(r, snapshot, &error);
    buf_reset(&error);
    if (r->prunes.written == r->prunes.made)
        find_old(r, snapshot, &error);
    ledger_snapshot_release(r->store->ledger, &snapshot);
    buf_fini(&error);
}

/* Ledger thread: a failing write is left to the next flush to mend. */
static void
drop_and_prune(struct ledger_job *job)
{
    struct retention *r = (struct retention *)job;
    struct ledger *ledger = r->store->ledger;
    struct buf error;
    buf_init(&error, 0);
    int rc = 0;
    if (r->has_drop) {
        rc = ledger_drop_apply(ledger, &r->drop, &error);
        if (rc == 0)
            log_info("log rows of day %lld are dropped, their sums are kept",
                     (long long)r->drop.day);
        ledger_drop_fini(&r->drop);
        r->has_drop = false;
    }
    if (rc == 0)
        rc = ledger_remove_dropped(ledger, &error);
    if (rc == 0)
        rc = ledger_prunes_write(ledger, &r->prunes, &error);
    if (rc < 0)
        ledger_prunes_fini(&r->prunes); /* they are found again */
    if (rc == 1 || (rc == 0 && ledger_prunes_are_full(&r->prunes)))
        r->more = true;
    if (rc < 0 && rc != -EAGAIN)
        complain("dropping old rows", rc, &error);
    buf_fini(&error);
}

static void
finished(struct ledger_job *job)
{
    struct retention *r = (struct retention *)job;
    r->running = false;
    r->due_ms = clock_mono_ms() + (r->more ? SOON_MS : PERIOD_MS);
}

static void
was_read(struct ledger_job *job)
{
    struct retention *r = (struct retention *)job;
    job->run = drop_and_prune;
    job->done = finished;
    ledger_threads_write(r->store->threads, job);
}

void
retention_tick(struct retention *r, uint64_t now_ms)
{
    struct ledger_health health;
    if (r->running || now_ms < r->due_ms || r->store->stopping)
        return;
    ledger_threads_health(r->store->threads, &health);
    if (health.failed)
        return;
    int64_t keep_ms = (int64_t)r->store->config->server.log_retention_ms;
    int64_t now_wall_ms = clock_wall_ms();
    r->rows_before_ms = now_wall_ms - keep_ms;
    r->minutes_before_ms =
        now_wall_ms - (keep_ms < week_ms ? keep_ms : week_ms);
    r->audit_before_ms =
        now_wall_ms - (int64_t)r->store->config->server.audit_retention_ms;
    r->replays_before_ms =
        now_wall_ms - NOTES_REPLAY_MS - NOTES_REPLAY_WINDOW_MS;
    r->running = true;
    r->more = false;
    r->job.run = find_and_read;
    r->job.done = was_read;
    ledger_threads_query_long(r->store->threads, &r->job);
}
