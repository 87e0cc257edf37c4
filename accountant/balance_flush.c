/*
 * balance_flush.c - accounts (balance.h) become durable, workers are shown what
 * groups may spend, and the tick says what is due.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "accountant/balance.h"
#include "accountant/ledger/ledger_note.h"
#include "accountant/notes.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/segment.h"

enum {
    SCAN_MS = 100, /* between two looks at what is due */
    IDLE_TIMES =
        10, /* as often as one that is used, one that is not is asked */
};

/* ---- into the batch ---- */

static void
put_account(struct flush *flush, struct balance_account *account)
{
    char name[8];
    struct buf value;
    notes_put_u64(name, account->object->id);
    buf_init(&value, 0);
    balance_encode(account, &value);
    if (!buf_ok(&value))
        fatal("out of memory");
    ledger_batch_note(flush->batch, NOTES_BALANCE, str_make(name, sizeof(name)),
                      buf_view(&value));
    buf_fini(&value);
    account->is_dirty = false;
}

/* What was used until this batch, its records too, is of who had it before. */
static void
move(struct flush *flush, struct object *object, bool is_elsewhere)
{
    struct balance_book *book = &flush->store->balances;
    struct balance_account *account = object->balance;
    int64_t total = flush_total_of(object, SHM_NANO);
    if (account == NULL) {
        account = balance_make(book, object);
        if (account == NULL)
            fatal("out of memory");
        account->origin = total;
    } else if (is_elsewhere) {
        account->origin += total > account->end ? total - account->end : 0;
        account->end = -1;
        account->is_told = false;
    } else {
        account->end = total;
    }
    account->is_dirty = account->is_moved = true;
    book->has_moved = true;
    log_info("group=%s: its balance is kept by %s from now on",
             object->group->name, is_elsewhere ? "the service" : "the ledger");
}

static void
look_at_groups(struct flush *flush)
{
    struct store *store = flush->store;
    size_t at = 0;
    struct object *object = objects_next(&store->objects, LEDGER_GROUP, &at);
    for (; object != NULL;
         object = objects_next(&store->objects, LEDGER_GROUP, &at)) {
        const struct balance_account *account = object->balance;
        bool was = account != NULL && account->end < 0;
        if (object->group == NULL)
            continue;
        bool is = balance_is_elsewhere(store, object->group);
        if (was != is)
            move(flush, object, is);
    }
    store->balances.is_scope_dirty = false;
}

void
balance_look_at_scope(struct store *store)
{
    store->balances.is_scope_dirty =
        store->balances.count > 0 || store->config->balance.url != NULL;
    if (store->balances.is_scope_dirty)
        store_kick(store);
}

void
balance_take(struct store *store, struct balance_book *book)
{
    store->balances = *book;
    *book = (struct balance_book){0};
    store->balances.is_scope_dirty =
        store->balances.count > 0 || store->config->balance.url != NULL;
    for (size_t i = 0; i < store->balances.count; i++) {
        struct balance_account *account = store->balances.accounts[i];
        int64_t limit = balance_limit(store, account->object);
        account->shown_limit = account->alert_limit = limit;
    }
}

/* A copy that was restored does not say what was charged since it was made. */
static void
doubt(struct balance_account *account)
{
    int64_t micro = balance_pending(account);
    struct balance_charge *more =
        realloc(account->unknown,
                (account->unknown_count + 1) * sizeof(*account->unknown));
    if (more == NULL)
        fatal("out of memory");
    account->unknown = more;
    more[account->unknown_count++] = (struct balance_charge){
        .serial = ++account->serial,
        .micro = micro,
        .sent_ms = clock_wall_ms(),
        .before = account->told,
        .reason = "the ledger was restored from an export",
    };
    account->is_dirty = true;
    log_warn("group=%llu: the ledger was restored from an export; nobody knows "
             "whether %lld micro were charged: see aigwctl balance",
             (unsigned long long)account->object->id, (long long)micro);
}

void
balance_stage(struct flush *flush)
{
    struct store *store = flush->store;
    struct balance_book *book = &store->balances;
    if (book->is_scope_dirty)
        look_at_groups(flush);
    if (!book->has_dirty && !book->has_moved && !book->from_export)
        return;
    for (size_t i = 0; i < book->count; i++) {
        struct balance_account *account = book->accounts[i];
        if (book->from_export && balance_pending(account) > 0 &&
            account->unknown_count < BALANCE_UNKNOWN_MAX)
            doubt(account);
        if (account->is_dirty)
            put_account(flush, account);
        int64_t limit = balance_limit(store, account->object);
        if (limit == BALANCE_NOT_KNOWN || limit == account->alert_limit)
            continue;
        alerts_stage_limit(flush, account->object, account->alert_limit, limit);
        account->alert_limit = limit;
    }
    book->has_dirty = book->from_export = false;
}

/* ---- into the segment ---- */

void
balance_show(struct store *store, struct balance_account *account)
{
    if (account->object->group == NULL || account->end >= 0)
        return;
    int64_t limit = balance_limit(store, account->object);
    if (limit == account->shown_limit)
        return;
    if (limit == BALANCE_NOT_KNOWN || account->shown_limit == BALANCE_NOT_KNOWN)
        log_info("group=%s: its balance is %s", account->object->group->name,
                 limit == BALANCE_NOT_KNOWN ? "not known any more: its calls "
                                              "are refused"
                                            : "known");
    account->shown_limit = limit;
    publish_budgets(store, account->object);
}

/* A row of its budgets more or less: the whole policy. */
void
balance_applied(struct store *store)
{
    struct balance_book *book = &store->balances;
    if (!book->has_moved)
        return;
    book->has_moved = false;
    for (size_t i = 0; i < book->count; i++) {
        struct balance_account *account = book->accounts[i];
        if (!account->is_moved)
            continue;
        account->is_moved = false;
        account->shown_limit = balance_limit(store, account->object);
        if (account->object->group != NULL &&
            publish_object(store, account->object) < 0)
            continue; /* logged */
    }
}

/* ---- the tick ---- */

static uint64_t
idle_ms(const struct config_balance *config)
{
    uint64_t ms = config->interval_ms * IDLE_TIMES;
    return ms < config->max_age_ms / 2 ? ms : config->max_age_ms / 2;
}

/* Used since the last answer, or in need of a better one: nobody calls while it
 * is refused. */
static bool
is_in_use(const struct store *store, const struct balance_account *account)
{
    int64_t total = (int64_t)account->object->total.nano;
    return total != account->looked_nano || balance_pending(account) > 0 ||
           balance_left(store, account, total) <= 0 ||
           balance_is_stale(store, account);
}

static bool
is_due(const struct store *store, const struct balance_account *account,
       uint64_t now_ms)
{
    const struct config_balance *config = &store->config->balance;
    uint64_t wait_ms = 0;
    if (account->task != BALANCE_NO_TASK || account->is_queued ||
        account->object->group == NULL || config->url == NULL)
        return false;
    if (account->end >= 0 && balance_pending(account) <= 0)
        return false; /* it was told all that it is to be */
    if (account->failures == 0 && account->end < 0 &&
        !is_in_use(store, account))
        wait_ms = idle_ms(config) - config->interval_ms;
    return now_ms >= account->due_ms + wait_ms;
}

static void
queue(struct balance_book *book, struct balance_account *account)
{
    if (book->due == NULL)
        book->due_end = &book->due;
    account->is_queued = true;
    account->next = NULL;
    *book->due_end = account;
    book->due_end = &account->next;
}

void
balance_tick(struct store *store, uint64_t now_ms)
{
    struct balance_book *book = &store->balances;
    if (book->count == 0 || now_ms < book->scan_ms)
        return;
    book->scan_ms = now_ms + SCAN_MS;
    balance_miss_dead(store);
    for (size_t i = 0; i < book->count; i++) {
        struct balance_account *account = book->accounts[i];
        balance_show(store, account);
        if (is_due(store, account, now_ms))
            queue(book, account);
    }
}
