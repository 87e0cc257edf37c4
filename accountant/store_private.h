/*
 * store_private.h - the inside of the store, for the accountant's own files.
 *
 * Everything that becomes durable goes through a flush: one at a time, in
 * order. A flush takes records (F1), adds them to the totals (F2), stages
 * management changes and due budgets on top of those very totals (P1), and is
 * handed to the ledger thread as one batch. Only its completion changes what
 * readers see, publishes to the segment (P3, D2, D6) and releases rings (F5).
 * So no two writers ever compute from the same state.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_STORE_PRIVATE_H
#define AIGW_ACCOUNTANT_STORE_PRIVATE_H

#include "accountant/access_log.h"
#include "accountant/alerts.h"
#include "accountant/balance.h"
#include "accountant/drain.h"
#include "accountant/escrow.h"
#include "accountant/exporter.h"
#include "accountant/flush.h"
#include "accountant/ledger_thread.h"
#include "accountant/limit_keeper.h"
#include "accountant/managed.h"
#include "accountant/objects.h"
#include "accountant/prices.h"
#include "accountant/retention.h"
#include "accountant/roll.h"
#include "accountant/spend_book.h"
#include "accountant/store.h"
#include "accountant/store_life.h"

enum {
    STORE_TICK_MS = 50,
    STORE_FLUSH_BYTES = 8 << 20,
    STORE_CHANGES_MAX = 256, /* management changes in one batch */
    STORE_ANSWER_MS = 10000, /* a change under way is answered -EIO after */
};

/* DONE: called once the store serves; error: why it cannot (a sentence). */
typedef void (*store_ready)(void *context, int error, const char *reason);

/* Deleted keys that can be restored, the oldest first; those that were restored
 * meanwhile are skipped. */
struct bin {
    struct bin_key {
        uint64_t id;
        int64_t deleted_ms;
    } * keys;
    size_t count, room;
};

struct store {
    const struct heritage *heritage;
    struct segment *segment;
    struct loop *loop;
    const struct config *config; /* in force: the file's and management's */
    struct config *own_config;   /* it; NULL: the heritage's */
    struct config *old_config;   /* one more: readers of this turn */
    const struct config *file_config; /* the newest of the file */
    struct config *own_file;          /* it, when it came by message */
    struct managed_book managed;
    struct catalogue *catalogue;
    struct ledger_threads *threads;
    struct ledger *ledger; /* opened by the ledger thread, used by threads */
    struct ledger_rollup rollup;  /* ledger thread */
    struct access_log access_log; /* ledger thread, but for its requests */

    struct objects objects;
    struct prices_book prices;
    struct drain drain;
    struct roll_clock clock;
    uint64_t batch_no, next_id; /* durable */
    int64_t latest_ms;          /* the latest of the period clock */
    int64_t next_roll_ms;       /* no budget is due before; period clock */

    struct flush *flush;                   /* in flight, or NULL */
    struct change *changes, **changes_end; /* not staged yet */
    uint64_t change_count;
    struct store_extra *attached; /* for the next change */
    struct flush_waiter *waiters, **waiters_end;
    uint64_t next_flush_ms; /* monotonic */
    bool restored;          /* flushes may run */
    bool stopping;
    struct loop_deferred kick;
    struct loop_timer tick;
    struct bin bin;
    uint64_t sweep_ms; /* monotonic: next sweep of retired entries */
    uint32_t retired;

    struct store_master master;
    struct retention retention;
    struct exporter exporter;
    struct payloads *payloads; /* the accountant's; NULL: none are kept */
    struct escrows escrows;
    struct limit_keeper limit_keeper;
    struct store_limits limit_counts;
    struct spend_book spends;
    struct alerts alerts;
    struct balance_book balances;
    struct reload *reload;                 /* a configuration under way */
    struct reload *reload_next;            /* the file's, which waits for it */
    struct manage *manages, **manages_end; /* that wait for it, too */
    struct loop_deferred configure;
    bool closing;
    store_ready ready;
    void *ready_context;
    struct restore *restore; /* until it serves */
    uint64_t flushes;
    int64_t last_flush_ms;
    struct settle_lag lag;
};

/* ---- store.c ---- */
struct store *store_create(const struct heritage *heritage, struct loop *loop);
/* Opens the ledger, restores the segment, publishes the catalogue; `ready` is
 * called when it serves or cannot. Reaping begins at once. */
void store_start(struct store *store, store_ready ready, void *context);
/* All threads end; a flush in flight is waited for, but not for a disk that
 * does not recover. */
void store_destroy(struct store **store);
/* Drains and flushes all; the done is called with 0 when nothing is left. */
void store_stop(struct store *store, store_done done, void *context);
/* Something happened that the tick looks at: columns, rings. */
void store_wake(struct store *store);
int64_t store_period_now(struct store *store);
/* Runs a flush at the end of this turn. */
void store_kick(struct store *store);

/* ---- publish.c ---- */
/* Writes an object's policy into its entry, taking one when it has none. 0 or
 * -ENOSPC. */
int publish_object(struct store *store, struct object *object) MUST_CHECK;
void publish_budgets(struct store *store, struct object *object);
/* All keys that name models: numbers or aliases may have changed. */
void publish_names(struct store *store);

/* ---- store_change.c ---- */
struct change;
/* Takes changes from the queue into the flush. */
void change_stage_all(struct store *store, struct flush *flush);
/* After the flush is durable: memory, segment, answer. Frees the list. */
void change_apply_all(struct store *store, struct change *changes);
/* Answers (once) and leaves the change where it is. */
void change_answer(struct change *change, int error, const char *reason);
void change_refuse_queued(struct store *store, int error, const char *reason);
void change_answer_staged(struct change *changes, int error,
                          const char *reason);
/* A configuration with its price versions (taken) and edits. */
void change_queue_reload(struct store *store, struct reload *reload,
                         struct ledger_price *prices, size_t count);
/* The list and what it owns. */
void change_free_all(struct change *changes);

/* ---- store_catalogue.c ---- */
/*
 * Builds the catalogue of `config` and what management made, makes its prices
 * durable, publishes. With `take` the store owns config. done: 0 or -errno with
 * the reason; on an error everything is as before (and config is freed when it
 * was to be taken).
 */
void store_configure(struct store *store, const struct config *config,
                     struct config *take, store_done done, void *context);
/* At the start: the configuration and the catalogue are there for policies, not
 * published. */
int store_build_catalogue(struct store *store, struct buf *error) MUST_CHECK;
/* The other half of it. */
void store_publish_catalogue(struct store *store, store_done done,
                             void *context);
/* A store_configure() or store_manage() waits: it begins at the end of this turn
 * or when the one under way has ended. */
void configure_kick(struct store *store);
void configure_deferred(struct loop_deferred *deferred);

/* Of the change that carries it: into the batch; once it is durable; answered
 * early, with an error; not to become durable. */
void reload_stage(struct reload *reload, struct ledger_batch *batch);
void reload_apply(struct reload *reload);
void reload_answer(struct reload *reload, int error, const char *reason);
void reload_drop(struct reload *reload);
/* Of a store that ends: what waits is freed, unanswered. */
void configure_fini(struct store *store);

/* ---- store_manage.c ---- */
struct group_edit;
/* A change of a group with the parts that are its own; takes `edit`. */
void manage_group(struct store *store, struct group_edit *edit, store_done done,
                  void *context);
/* NULL: it changes no group. */
const struct group_edit *manage_group_edit(const struct manage *manages);
const struct group_edit *reload_group_edit(const struct reload *reload);
/* Takes what waits, refuses what does not fit; `book` becomes what is to be in
 * force and *config of it and the file, or NULL: nothing is left to do. */
struct manage *manage_take(struct store *store, struct managed_book *book,
                           struct config **config);
void manage_stage(const struct manage *manages,
                  const struct crypto_secrets *secrets,
                  struct ledger_batch *batch);
/* They are durable: what goes with them follows. */
void manage_applied(const struct manage *manages);
/* Each once. */
void manage_answer_all(struct manage *manages, int error, const char *reason);
void manage_free_all(struct manage *manages);
void manage_refuse_queued(struct store *store, int error, const char *reason);

/* ---- store_bin.c ---- */
void bin_add(struct store *store, const struct gateway *gateway);
/* After a restart. */
void bin_collect(struct store *store);
/* Those whose time is over go for good. */
void bin_tick(struct store *store);
/* The one deleted longest ago goes for good now: its room is needed. */
void bin_make_room(struct store *store);
void bin_fini(struct store *store);

#endif
