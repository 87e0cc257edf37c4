/*
 * store.c - the accountant's objects: life, the tick, reading.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/restore.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"
#include "shm/catalogue.h"
#include "shm/reap.h"

enum { SWEEP_MS = 1000 };

/* ---- the tick ---- */

int64_t
store_period_now(struct store *store)
{
    return roll_clock_read(&store->clock, clock_period_ms(), clock_wall_ms(),
                           clock_mono_ms());
}

/* R1..R5 of every DYING column: memory only, before all else. */
static void
reap(struct store *store)
{
    struct reap_result result = {0};
    crash_point("A2");
    uint32_t columns = reap_all(store->segment, clock_wall_ms(), &result);
    if (columns > 0)
        log_info("reaped columns=%u completed=%u lost=%u undone=%u", columns,
                 result.completed, result.lost, result.undone);
}

/* D4 for all entries that were retired and not yet free. */
static void
sweep(struct store *store, uint64_t now_ms)
{
    if (store->retired == 0 || now_ms < store->sweep_ms)
        return;
    crash_point("D4");
    store->retired = entry_sweep_retired(store->segment);
    store->sweep_ms = now_ms + SWEEP_MS;
}

/* While the ledger cannot write, nobody waits for it in vain. */
static void
answer_failure(struct store *store, uint64_t now_ms)
{
    struct ledger_health health;
    char reason[400];
    ledger_threads_health(store->threads, &health);
    shm_store(&store->segment->header->flush_errors, health.errors);
    if (!health.failed)
        return;
    snprintf(reason, sizeof(reason), "the ledger cannot write: %s",
             health.text);
    flush_refuse_waiters(store, -EIO, reason);
    /* Until it serves, nobody waits for an answer: the start goes on as soon as
     * the disk does, as it waits for the ledger to open. */
    if (store->restore != NULL)
        return;
    change_refuse_queued(store, -EIO, reason);
    manage_refuse_queued(store, -EIO, reason);
    if (store->flush == NULL || store->flush->changes == NULL ||
        now_ms < store->flush->started_ms + STORE_ANSWER_MS)
        return;
    snprintf(reason, sizeof(reason),
             "the ledger cannot write: %s; the change takes effect as soon as "
             "it can",
             health.text);
    change_answer_staged(store->flush->changes, -EIO, reason);
}

static bool
is_flush_due(const struct store *store, uint64_t now_ms)
{
    if (store->flush != NULL || !store->restored)
        return false;
    return now_ms >= store->next_flush_ms || drain_is_pressed(&store->drain) ||
           store->changes != NULL || store->waiters != NULL;
}

void
store_wake(struct store *store)
{
    uint64_t now_ms = clock_mono_ms();
    reap(store);
    if (is_flush_due(store, now_ms))
        flush_start(store);
}

/* Where a flush is due earlier, then: it must not wait for one tick more. */
static uint64_t
next_tick_ms(const struct store *store, uint64_t now_ms)
{
    uint64_t next_ms = now_ms + STORE_TICK_MS;
    return store->next_flush_ms > now_ms && store->next_flush_ms < next_ms
               ? store->next_flush_ms
               : next_ms;
}

static void
on_tick(struct loop_timer *timer)
{
    struct store *store =
        (struct store *)((char *)timer - offsetof(struct store, tick));
    uint64_t now_ms = clock_mono_ms();
    shm_store(&store->segment->header->accountant_heartbeat_ms, now_ms);
    answer_failure(store, now_ms);
    store_wake(store);
    if (store->restored) {
        escrow_tick(store);
        bin_tick(store);
        sweep(store, now_ms);
        limit_keeper_tick(store, now_ms);
        balance_tick(store, now_ms);
        retention_tick(&store->retention, now_ms);
        exporter_tick(&store->exporter, now_ms);
    }
    loop_timer_set(store->loop, &store->tick, next_tick_ms(store, now_ms));
}

static void
on_kick(struct loop_deferred *deferred)
{
    struct store *store =
        (struct store *)((char *)deferred - offsetof(struct store, kick));
    answer_failure(store, clock_mono_ms());
    flush_start(store);
}

void
store_kick(struct store *store)
{
    loop_defer(store->loop, &store->kick);
}

/* ---- life ---- */

struct store *
store_create(const struct heritage *heritage, struct loop *loop)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return NULL;
    store->heritage = heritage;
    store->segment = heritage->segment;
    store->loop = loop;
    store->config = store->file_config = heritage->config;
    store->changes_end = &store->changes;
    store->waiters_end = &store->waiters;
    store->tick.expired = on_tick;
    store->kick.run = on_kick;
    store->manages_end = &store->manages;
    store->configure.run = configure_deferred;
    roll_set_zone(store->config->server.timezone);
    objects_init(&store->objects, heritage->secrets->hash_seed);
    access_log_init(&store->access_log);
    access_log_configure(&store->access_log, store->config->log.access);
    retention_init(&store->retention, store);
    exporter_init(&store->exporter, store);
    if (drain_init(&store->drain, store->segment) < 0) {
        access_log_fini(&store->access_log);
        free(store);
        return NULL;
    }
    store->threads = ledger_threads_create(loop);
    if (store->threads == NULL)
        store_destroy(&store);
    return store;
}

void
store_start(struct store *store, store_ready ready, void *context)
{
    struct shm_header *header = store->segment->header;
    store->ready = ready;
    store->ready_context = context;
    shm_store(&header->accountant_start, proc_start_time(getpid()));
    shm_store(&header->accountant_pid, (uint64_t)getpid());
    reap(store);
    restore_start(store);
    on_tick(&store->tick);
}

void
store_destroy(struct store **pointer)
{
    struct store *store = *pointer;
    if (store == NULL)
        return;
    store->closing = true;
    loop_timer_clear(store->loop, &store->tick);
    ledger_threads_destroy(&store->threads);
    ledger_rollup_fini(&store->rollup);
    if (store->flush != NULL)
        flush_free(store->flush);
    change_free_all(store->changes);
    while (store->waiters != NULL) {
        struct flush_waiter *next = store->waiters->next;
        free(store->waiters);
        store->waiters = next;
    }
    restore_destroy(&store->restore);
    retention_fini(&store->retention);
    ledger_close(&store->ledger);
    balance_fini(&store->balances);
    objects_fini(&store->objects);
    prices_fini(&store->prices);
    drain_fini(&store->drain);
    escrow_fini(&store->escrows);
    bin_fini(store);
    spend_book_fini(&store->spends);
    access_log_fini(&store->access_log);
    if (store->catalogue != NULL)
        catalogue_put(store->catalogue);
    configure_fini(store);
    free(store);
    *pointer = NULL;
}

void
store_flush(struct store *store, store_done done, void *context)
{
    struct flush_waiter *waiter = calloc(1, sizeof(*waiter));
    if (waiter == NULL)
        fatal("out of memory");
    waiter->done = done;
    waiter->context = context;
    *store->waiters_end = waiter;
    store->waiters_end = &waiter->next;
    store_kick(store);
}

void
store_stop(struct store *store, store_done done, void *context)
{
    store->stopping = true;
    reap(store);
    store_flush(store, done, context);
}

/* ---- queries ---- */

struct store_query_job {
    struct ledger_job job;
    struct store *store;
    void (*work)(struct ledger *ledger, struct ledger_snapshot *snapshot,
                 void *context);
    void (*done)(void *context);
    void *context;
};

static void
run_query(struct ledger_job *job)
{
    struct store_query_job *query = (struct store_query_job *)job;
    struct ledger *ledger = query->store->ledger;
    struct ledger_snapshot *snapshot = ledger_snapshot_take(ledger);
    query->work(ledger, snapshot, query->context);
    ledger_snapshot_release(ledger, &snapshot);
}

static void
query_done(struct ledger_job *job)
{
    struct store_query_job *query = (struct store_query_job *)job;
    query->done(query->context);
    free(query);
}

static void
run_write(struct ledger_job *job)
{
    struct store_query_job *query = (struct store_query_job *)job;
    query->work(query->store->ledger, NULL, query->context);
}

static struct ledger_job *
job_of(struct store *store, void (*run)(struct ledger_job *job),
       void (*work)(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    void *context),
       void (*done)(void *context), void *context)
{
    struct store_query_job *query = calloc(1, sizeof(*query));
    if (query == NULL)
        fatal("out of memory");
    *query = (struct store_query_job){
        .job = {.run = run, .done = query_done},
        .store = store,
        .work = work,
        .done = done,
        .context = context,
    };
    CHECK(store->restored); /* nobody asks before the store is ready */
    return &query->job;
}

void
store_query(struct store *store,
            void (*work)(struct ledger *ledger,
                         struct ledger_snapshot *snapshot, void *context),
            void (*done)(void *context), void *context)
{
    ledger_threads_query(store->threads,
                         job_of(store, run_query, work, done, context));
}

void
store_query_long(struct store *store,
                 void (*work)(struct ledger *ledger,
                              struct ledger_snapshot *snapshot, void *context),
                 void (*done)(void *context), void *context)
{
    ledger_threads_query_long(store->threads,
                              job_of(store, run_query, work, done, context));
}

void
store_write(struct store *store,
            void (*work)(struct ledger *ledger,
                         struct ledger_snapshot *snapshot, void *context),
            void (*done)(void *context), void *context)
{
    ledger_threads_write(store->threads,
                         job_of(store, run_write, work, done, context));
}
