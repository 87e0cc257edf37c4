/*
 * flush.h - one step of everything durable: F1, F2, P1 on the loop thread, F3,
 * F4 on the ledger thread, F5, P3 on the loop thread again.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_FLUSH_H
#define AIGW_ACCOUNTANT_FLUSH_H

#include "accountant/drain.h"
#include "accountant/ledger/ledger_batch.h"
#include "accountant/ledger/ledger_rollup.h"
#include "accountant/ledger_thread.h"
#include "accountant/roll.h"
#include "accountant/store.h"

struct object;
struct change;

/* A budget that begins a new period with this flush. */
struct flush_roll {
    struct object *object;
    int row;
    struct budget budget;
};

/* Somebody who waits until what was settled before is durable. */
struct flush_waiter {
    store_done done;
    void *context;
    struct flush_waiter *next;
};

struct flush {
    struct ledger_job job;
    struct store *store;
    uint64_t batch_no;
    struct ledger_batch *batch;
    struct drained drained;
    struct object **touched; /* whose totals change */
    size_t touched_count, touched_room;
    struct flush_roll *rolls;
    size_t roll_count, roll_room;
    struct object **escrows; /* whose escrow is in the batch */
    size_t escrow_count;
    struct change *changes, **changes_end;
    unsigned change_count;
    unsigned alert_count; /* events of alerts in the batch */
    struct flush_waiter *waiters;
    int64_t period_ms;   /* P1: the clock of periods */
    struct roll_now now; /* its periods */
    uint64_t started_ms;
    int64_t oldest_ms; /* wall: when the first of its calls ended; 0: none */
    bool has_rows;     /* ledger thread: rows are in the batch */
    bool written;
};

/* Loop thread. Does nothing while one is in flight. */
void flush_start(struct store *store);
/* The ledger thread's part. */
void flush_run(struct ledger_job *job);
/* Total of an object after the flush that is being made. */
struct ledger_total flush_total(const struct object *object);
int64_t flush_total_of(const struct object *object, uint32_t unit);
/* One budget row of an object into the batch; `moved`: its baseline is new. */
void flush_put_budget(struct flush *flush, enum ledger_kind kind, uint64_t id,
                      int row, const struct budget *budget, bool moved);
/* Refuses who waits while the ledger cannot write. */
void flush_refuse_waiters(struct store *store, int error, const char *reason);
/* Frees what a flush owns; changes and waiters are not called. */
void flush_free(struct flush *flush);

#endif
