/*
 * flush.c - the loop thread's parts of a flush; see flush.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/flush.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"

/* At midnight all daily budgets are due: a part of them with each flush, so
 * that the loop goes on reaping. Those of one key may fall apart, which only
 * means that one of them refuses a moment longer. */
enum { ROLLS_MAX = 10000 };
/* A record reaches its ring when it has ended; a worker that was stopped in
 * between may be later, at the cost of one sync more. */
enum { ROWS_LATE_MS = 15000 };

struct ledger_total
flush_total(const struct object *object)
{
    return object->touched ? object->pending : object->total;
}

int64_t
flush_total_of(const struct object *object, uint32_t unit)
{
    struct ledger_total total = flush_total(object);
    return (int64_t)(unit == SHM_TOKENS ? total.tokens : total.nano);
}

/* ---- F2: totals ---- */

static void
touch(struct flush *flush, enum ledger_kind kind, uint64_t id,
      const struct shm_record *record)
{
    struct object *object = objects_get(&flush->store->objects, kind, id);
    if (object == NULL)
        fatal("out of memory");
    if (!object->touched) {
        if (flush->touched_count == flush->touched_room) {
            size_t room = flush->touched_room * 2 + 64;
            struct object **more =
                realloc(flush->touched, room * sizeof(*more));
            if (more == NULL)
                fatal("out of memory");
            flush->touched = more;
            flush->touched_room = room;
        }
        flush->touched[flush->touched_count++] = object;
        object->touched = true;
        object->pending = object->total;
        object->pending_used_ms = object->last_used_ms;
    }
    object->pending.tokens += record->tokens;
    object->pending.nano += record->nano;
    object->pending.requests++;
    int64_t ended_ms = record->ended_ms;
    if (ended_ms > object->pending_used_ms)
        object->pending_used_ms = ended_ms;
}

static void
count_limit(struct store_limits *counts, const struct shm_record *record)
{
    if (record->limit == 0 || record->limit >= RECORD_LIMITS)
        return;
    if ((record->flags & RECORD_WOULD_REFUSE) != 0)
        counts->would_refuse[record->limit]++;
    else
        counts->refused[record->limit]++;
}

static void
add_records(struct flush *flush)
{
    size_t at = 0;
    int64_t newest_ms = 0;
    const struct drained_record *taken = drained_next(&flush->drained, &at);
    for (; taken != NULL; taken = drained_next(&flush->drained, &at)) {
        const struct shm_record *record = drained_record_of(taken);
        count_limit(&flush->store->limit_counts, record);
        if (spend_book_add(&flush->store->spends, flush->store->segment,
                           flush->store->catalogue, record, flush->batch) < 0)
            fatal("out of memory");
        touch(flush, LEDGER_KEY, record->key_id, record);
        touch(flush, LEDGER_GROUP, record->group_id, record);
        if (record->ended_ms > newest_ms)
            newest_ms = record->ended_ms;
        if (flush->oldest_ms == 0 || record->ended_ms < flush->oldest_ms)
            flush->oldest_ms = record->ended_ms;
    }
    /* All that the rings had, so all that a dead accountant may have written. */
    if (flush->drained.is_complete && newest_ms > ROWS_LATE_MS)
        ledger_batch_unbooked_from(flush->batch, newest_ms - ROWS_LATE_MS);
}

/* ---- P1: budgets that are due ---- */

void
flush_put_budget(struct flush *flush, enum ledger_kind kind, uint64_t id,
                 int row, const struct budget *budget, bool moved)
{
    struct ledger_budget value = {
        .unit = budget->unit,
        .period = budget->period,
        .limit = budget->limit,
        .baseline = budget->baseline,
        .period_no = budget->period_no,
        .resets_ms = budget->resets_ms,
    };
    ledger_batch_budget(flush->batch, kind, id, (uint8_t)row, &value);
    if (!moved)
        return;
    struct ledger_move move = {
        .kind = kind,
        .id = id,
        .batch_no = flush->batch_no,
        .row = (uint8_t)row,
        .unit = budget->unit,
        .period = budget->period,
        .period_no = budget->period_no,
        .baseline = budget->baseline,
    };
    ledger_batch_move(flush->batch, &move);
}

static void
add_roll(struct flush *flush, struct object *object, int row,
         const struct budget *budget)
{
    if (flush->roll_count == flush->roll_room) {
        size_t room = flush->roll_room * 2 + 64;
        struct flush_roll *more = realloc(flush->rolls, room * sizeof(*more));
        if (more == NULL)
            fatal("out of memory");
        flush->rolls = more;
        flush->roll_room = room;
    }
    flush->rolls[flush->roll_count++] =
        (struct flush_roll){object, row, *budget};
}

static void
roll_row(struct flush *flush, struct object *object, int row,
         const struct budget *budget, int64_t *next_ms)
{
    if (roll_is_due(budget, &flush->now)) {
        if (flush->roll_count >= ROLLS_MAX) {
            *next_ms = 0; /* the rest with the next flush */
            return;
        }
        struct budget rolled = *budget;
        roll_begin(&rolled, &flush->now, flush_total_of(object, budget->unit));
        add_roll(flush, object, row, &rolled);
        flush_put_budget(flush, object->kind, object->id, row, &rolled, true);
    }
    int64_t ends_ms = flush->now.end_ms[budget->period];
    if (ends_ms != 0 && ends_ms < *next_ms)
        *next_ms = ends_ms;
}

static void
roll_list(struct flush *flush, const struct object_list *list, int64_t *next_ms)
{
    for (size_t i = 0; i < list->count; i++) {
        struct object *object = list->items[i];
        const struct budget *budgets = object_budgets(object);
        if (budgets == NULL || object->staged)
            continue; /* a staged one rolls in its own change */
        for (int row = 0; row < SHM_BUDGETS; row++)
            if (budgets[row].period != SHM_PERIOD_NONE)
                roll_row(flush, object, row, &budgets[row], next_ms);
    }
}

/* All budgets are looked at once per end of a period, not at each flush. */
static void
roll_due(struct flush *flush)
{
    struct store *store = flush->store;
    if (flush->period_ms < store->next_roll_ms)
        return;
    int64_t next_ms = flush->now.end_ms[SHM_PERIOD_DAILY];
    roll_list(flush, &store->objects.groups, &next_ms);
    roll_list(flush, &store->objects.gateways, &next_ms);
    store->next_roll_ms = next_ms;
    if (flush->roll_count > 0)
        log_info("budgets begin a new period: %zu", flush->roll_count);
    crash_point("P1");
}

/* ---- making one ---- */

static void
put_totals_and_positions(struct flush *flush)
{
    struct store *store = flush->store;
    uint64_t epoch = store->segment->header->epoch;
    for (size_t i = 0; i < flush->touched_count; i++) {
        const struct object *object = flush->touched[i];
        ledger_batch_total(flush->batch, object->kind, object->id,
                           &object->pending, object->pending_used_ms);
    }
    for (uint32_t i = 0; i < store->segment->column_max; i++)
        if (flush->drained.moved[i])
            ledger_batch_position(flush->batch, epoch, i,
                                  flush->drained.positions[i]);
}

/* Waiters are served by this flush when it took all there was. */
static void
take_waiters(struct store *store, struct flush *flush)
{
    if (!flush->drained.is_complete)
        return;
    flush->waiters = store->waiters;
    store->waiters = NULL;
    store->waiters_end = &store->waiters;
}

static void
answer_waiters(struct flush_waiter *waiter, int error, const char *reason)
{
    while (waiter != NULL) {
        struct flush_waiter *next = waiter->next;
        waiter->done(waiter->context, error, reason, 0);
        free(waiter);
        waiter = next;
    }
}

void
flush_refuse_waiters(struct store *store, int error, const char *reason)
{
    struct flush_waiter *waiters = store->waiters;
    store->waiters = NULL;
    store->waiters_end = &store->waiters;
    answer_waiters(waiters, error, reason);
    if (store->flush == NULL)
        return;
    waiters = store->flush->waiters;
    store->flush->waiters = NULL;
    answer_waiters(waiters, error, reason);
}

void
flush_free(struct flush *flush)
{
    ledger_batch_destroy(&flush->batch);
    drained_fini(&flush->drained);
    change_free_all(flush->changes);
    while (flush->waiters != NULL) {
        struct flush_waiter *next = flush->waiters->next;
        free(flush->waiters);
        flush->waiters = next;
    }
    free(flush->touched);
    free(flush->rolls);
    free(flush->escrows);
    free(flush);
}

static void
note_durable(struct store *store)
{
    shm_store(&store->segment->header->ledger_batch, store->batch_no);
    shm_store(&store->segment->header->flushed_ms, clock_mono_ms());
    store->last_flush_ms = clock_wall_ms();
}

static void flush_done(struct ledger_job *job);

static struct flush *
flush_make(struct store *store)
{
    struct flush *flush = calloc(1, sizeof(*flush));
    if (flush == NULL)
        fatal("out of memory");
    flush->job.run = flush_run;
    flush->job.done = flush_done;
    flush->store = store;
    flush->batch_no = store->batch_no + 1;
    flush->changes_end = &flush->changes;
    flush->batch = ledger_batch_create();
    flush->period_ms = store_period_now(store);
    roll_now_set(&flush->now, flush->period_ms);
    flush->started_ms = loop_now_ms(store->loop);
    if (flush->batch == NULL ||
        drain_take(&store->drain, STORE_FLUSH_BYTES, &flush->drained) < 0)
        fatal("out of memory");
    ledger_batch_rows_follow(flush->batch);
    return flush;
}

void
flush_start(struct store *store)
{
    if (store->flush != NULL || !store->restored)
        return;
    crash_point("F1");
    struct flush *flush = flush_make(store);
    uint64_t next_id = store->next_id;
    add_records(flush);
    crash_point("F2");
    change_stage_all(store, flush);
    alerts_stage_used(flush);
    balance_stage(flush);
    escrow_stage(flush);
    roll_due(flush);
    put_totals_and_positions(flush);
    spend_book_stage(&store->spends, flush->batch);
    take_waiters(store, flush);
    store->next_flush_ms =
        flush->started_ms + store->config->server.flush_interval_ms;
    if (ledger_batch_is_empty(flush->batch) && flush->drained.count == 0) {
        struct flush_waiter *waiters = flush->waiters;
        flush->waiters = NULL;
        flush_free(flush);
        note_durable(store);
        answer_waiters(waiters, 0, "");
        return;
    }
    ledger_batch_meta(flush->batch, "batch", flush->batch_no);
    if (flush->period_ms > store->latest_ms) /* it only rises */
        store->latest_ms = flush->period_ms;
    ledger_batch_meta(flush->batch, "clock", (uint64_t)store->latest_ms);
    if (store->next_id != next_id)
        ledger_batch_meta(flush->batch, "next_id", store->next_id);
    if (!ledger_batch_ok(flush->batch))
        fatal("out of memory");
    store->flush = flush;
    ledger_threads_write(store->threads, &flush->job);
}

/* ---- after it is durable ---- */

static void
apply_totals(struct flush *flush)
{
    for (size_t i = 0; i < flush->touched_count; i++) {
        struct object *object = flush->touched[i];
        object->touched = false;
        object->total = object->pending;
        object->last_used_ms = object->pending_used_ms;
        if (object->gateway != NULL) {
            object->gateway->total = object->total;
            object->gateway->last_used_ms = object->last_used_ms;
        }
        if (object->group != NULL)
            object->group->total = object->total;
    }
}

/* P3. Rows of one object follow each other: it is published once. */
static void
apply_rolls(struct flush *flush)
{
    for (size_t i = 0; i < flush->roll_count; i++) {
        struct flush_roll *roll = &flush->rolls[i];
        struct object *object = roll->object;
        object_budgets(object)[roll->row] = roll->budget;
        if (i + 1 == flush->roll_count ||
            flush->rolls[i + 1].object != object) {
            crash_point("P3");
            publish_budgets(flush->store, object);
        }
    }
}

static void
flush_done(struct ledger_job *job)
{
    struct flush *flush = (struct flush *)job;
    struct store *store = flush->store;
    store->flush = NULL;
    if (!flush->written) {
        /* Given up at the end of the process: the rings still have it. */
        struct flush_waiter *waiters = flush->waiters;
        flush->waiters = NULL;
        answer_waiters(waiters, -EIO, "the ledger cannot write");
        change_answer_staged(flush->changes, -EIO, "the ledger cannot write");
        flush_free(flush);
        return;
    }
    store->batch_no = flush->batch_no;
    store->flushes++;
    crash_point("F5");
    drain_release(&store->drain, &flush->drained);
    apply_totals(flush);
    apply_rolls(flush);
    escrow_apply(flush);
    balance_applied(store);
    note_durable(store);
    if (flush->oldest_ms != 0)
        settle_lag_add(&store->lag, flush->oldest_ms, store->last_flush_ms);
    if (flush->alert_count > 0)
        alerts_ring(store);
    bool complete = flush->drained.is_complete;
    struct change *changes = flush->changes;
    struct flush_waiter *waiters = flush->waiters;
    flush->changes = NULL;
    flush->waiters = NULL;
    flush_free(flush);
    change_apply_all(store, changes);
    answer_waiters(waiters, 0, "");
    /* One that took longer than an interval is followed at once: the records that
     * came meanwhile have waited for as long. */
    if (!complete || store->changes != NULL || store->waiters != NULL ||
        store->next_roll_ms == 0 || store->escrows.due_count > 0 ||
        clock_mono_ms() >= store->next_flush_ms)
        store_kick(store);
}
