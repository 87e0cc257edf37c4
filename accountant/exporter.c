/*
 * exporter.c - see exporter.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/exporter.h"

#include <errno.h>
#include <string.h>

#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"

enum {
    FIRST_MS = 5000,  /* after the start, where the last one is old */
    RETRY_MS = 60000, /* after a failure */
};

void
exporter_init(struct exporter *exporter, struct store *store)
{
    *exporter = (struct exporter){.store = store};
}

static uint64_t
interval_ms(const struct exporter *exporter)
{
    return exporter->store->config->server.export_interval_ms;
}

/* Query thread: how old is the newest? */
static void
look(struct ledger_job *job)
{
    struct exporter *e = (struct exporter *)job;
    e->found_ms = ledger_export_newest(e->store->ledger, "ledger");
}

static void
looked(struct ledger_job *job)
{
    struct exporter *e = (struct exporter *)job;
    uint64_t wait_ms = FIRST_MS, interval = interval_ms(e);
    int64_t age_ms = clock_wall_ms() - e->found_ms;
    e->running = false;
    e->last_ms = e->found_ms;
    if (age_ms >= 0 && (uint64_t)age_ms < interval)
        wait_ms = interval - (uint64_t)age_ms;
    if (wait_ms > interval)
        wait_ms = interval;
    e->due_ms = clock_mono_ms() + wait_ms;
}

/* Query thread. */
static void
export_now(struct ledger_job *job)
{
    struct exporter *e = (struct exporter *)job;
    struct ledger *ledger = e->store->ledger;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    char path[LEDGER_EXPORT_PATH_BYTES];
    struct buf error;
    buf_init(&error, 0);
    e->result = ledger_export_kept(ledger, snapshot, "ledger", e->keep, false,
                                   path, &e->info, &error);
    ledger_snapshot_release(ledger, &snapshot);
    if (e->result < 0)
        log_error("while exporting the ledger: %s; it is tried again in a "
                  "minute",
                  buf_len(&error) > 0 ? buf_cstr(&error)
                                      : strerror(-e->result));
    else
        log_info("the ledger is exported: %s, %llu records", path,
                 (unsigned long long)e->info.pairs);
    buf_fini(&error);
}

static void
exported(struct ledger_job *job)
{
    struct exporter *e = (struct exporter *)job;
    uint64_t wait_ms = interval_ms(e);
    e->running = false;
    if (e->result == 0)
        e->last_ms = e->info.created_ms;
    else
        e->failures++;
    if (e->result < 0 && wait_ms > RETRY_MS)
        wait_ms = RETRY_MS;
    e->due_ms = clock_mono_ms() + wait_ms;
}

void
exporter_tick(struct exporter *e, uint64_t now_ms)
{
    if (e->running || interval_ms(e) == 0 || now_ms < e->due_ms ||
        e->store->stopping)
        return;
    bool first = e->due_ms == 0;
    e->running = true;
    e->keep = (unsigned)e->store->config->server.export_keep;
    e->job.run = first ? look : export_now;
    e->job.done = first ? looked : exported;
    ledger_threads_query_long(e->store->threads, &e->job);
}
