/*
 * balance_work.c - accounts (balance.h) and the workers that talk with the
 * service: who has which task, and what came of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/balance.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/column.h"

enum { BACKOFF_DOUBLINGS = 12 };
#define ASK_MAX_MS    UINT64_C(30000)
#define CHARGE_MAX_MS UINT64_C(3600000)

/* From the interval on, doubled with each failure, up to `most` or the interval
 * itself. */
static uint64_t
backoff_ms(const struct store *store, uint32_t failures, uint64_t most)
{
    uint64_t interval_ms = store->config->balance.interval_ms;
    uint64_t ms = interval_ms
                  << (failures < BACKOFF_DOUBLINGS ? failures
                                                   : BACKOFF_DOUBLINGS);
    if (most < interval_ms)
        most = interval_ms;
    return ms < most ? ms : most;
}

static void
set_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static void
dirty(struct balance_book *book, struct balance_account *account)
{
    account->is_dirty = true;
    book->has_dirty = true;
}

/* ---- who has what ---- */

static void
take_back(struct balance_book *book, struct balance_account *account)
{
    struct balance_account **at = &book->busy;
    while (*at != account)
        at = &(*at)->next;
    *at = account->next;
    account->next = NULL;
    account->task = BALANCE_NO_TASK;
    account->courier[0] = '\0';
}

/* The one under way goes to those of which nobody knows. */
static void
lose_charge(struct store *store, struct balance_account *account,
            const char *reason)
{
    struct balance_charge *charge;
    struct balance_charge *more =
        realloc(account->unknown,
                (account->unknown_count + 1) * sizeof(*account->unknown));
    if (more == NULL)
        fatal("out of memory");
    account->unknown = more;
    charge = &account->unknown[account->unknown_count++];
    *charge = account->sent;
    charge->courier[0] = '\0';
    set_text(charge->reason, sizeof(charge->reason), reason);
    account->sent = (struct balance_charge){0};
    store->balances.counts.unknown++;
    dirty(&store->balances, account);
    log_warn("group=%llu: nobody knows whether the charge of %lld micro was "
             "taken (%s): see aigwctl balance charges",
             (unsigned long long)account->object->id, (long long)charge->micro,
             reason);
}

static void
note_failure(struct store *store, struct balance_account *account,
             enum balance_task task, const char *reason)
{
    if (account->failing_ms == 0) {
        account->failing_ms = clock_wall_ms();
        log_warn("group=%llu: the service of balances failed: %s",
                 (unsigned long long)account->object->id, reason);
    }
    set_text(account->error, sizeof(account->error), reason);
    store->balances.counts.failures[task]++;
    account->due_ms =
        clock_mono_ms() + backoff_ms(store, account->failures++, ASK_MAX_MS);
}

/* Whatever came of it, the service is asked what is left before the next one. */
static void
charge_ended(struct store *store, struct balance_account *account, bool well)
{
    uint64_t now_ms = clock_mono_ms();
    account->is_charge_held = true;
    account->due_ms = now_ms;
    if (well) {
        account->charge_failures = 0;
        return;
    }
    account->charge_due_ms =
        now_ms + backoff_ms(store, account->charge_failures++, CHARGE_MAX_MS);
}

void
balance_miss_dead(struct store *store)
{
    struct balance_account *account = store->balances.busy, *next;
    for (; account != NULL; account = next) {
        next = account->next;
        if (column_is_named(store->segment, account->courier))
            continue;
        if (account->task == BALANCE_CHARGE) {
            lose_charge(store, account, "its worker ended before it knew");
            charge_ended(store, account, false);
        }
        take_back(&store->balances, account);
    }
}

/* ---- the next one ---- */

static bool
may_charge(const struct balance_account *account)
{
    return account->is_told && !account->is_charge_held &&
           clock_mono_ms() >= account->charge_due_ms &&
           account->sent.micro == 0 &&
           account->unknown_count < BALANCE_UNKNOWN_MAX &&
           balance_pending(account) > 0;
}

/* A charge first, so that the answer behind it has it in it. */
static enum balance_task
choose(const struct store *store, const struct balance_account *account)
{
    if (may_charge(account))
        return BALANCE_CHARGE;
    if (account->end >= 0 && account->is_told && !account->is_charge_held)
        return BALANCE_NO_TASK;
    if (store->config->balance.real_name && account->is_told &&
        account->user[0] != '\0' && account->is_name_due)
        return BALANCE_REAL_NAME;
    return BALANCE_ACCOUNT;
}

static void
begin_charge(struct store *store, struct balance_account *account)
{
    int64_t micro = balance_pending(account);
    account->sent = (struct balance_charge){
        .serial = ++account->serial,
        .micro = micro < BALANCE_MICRO_MAX ? micro : BALANCE_MICRO_MAX,
        .sent_ms = clock_wall_ms(),
        .before = account->told,
    };
    set_text(account->sent.courier, sizeof(account->sent.courier),
             account->courier);
    dirty(&store->balances, account);
}

struct balance_account *
balance_next(struct store *store, const char *courier)
{
    struct balance_book *book = &store->balances;
    struct balance_account *account = book->busy;
    for (; account != NULL; account = account->next)
        if (strcmp(account->courier, courier) == 0)
            return account; /* it never got it */
    if (!column_is_named(store->segment, courier) || store->stopping)
        return NULL;
    while ((account = book->due) != NULL) {
        book->due = account->next;
        account->is_queued = false;
        account->task = choose(store, account);
        if (account->task != BALANCE_NO_TASK)
            break;
        account->due_ms = clock_mono_ms() + store->config->balance.interval_ms;
    }
    if (account == NULL)
        return NULL;
    account->next = book->busy;
    book->busy = account;
    set_text(account->courier, sizeof(account->courier), courier);
    if (account->task == BALANCE_CHARGE)
        begin_charge(store, account);
    else if (account->task == BALANCE_ACCOUNT)
        account->looked_nano = (int64_t)account->object->total.nano;
    return account;
}

void
balance_give_back(struct store *store, const char *courier)
{
    struct balance_account *account = store->balances.busy, *next;
    for (; account != NULL; account = next) {
        next = account->next;
        if (strcmp(account->courier, courier) != 0)
            continue;
        account->sent = (struct balance_charge){0};
        dirty(&store->balances, account);
        take_back(&store->balances, account);
    }
}

void
balance_ask_now(struct store *store, struct balance_account *account)
{
    (void)store;
    account->failures = account->charge_failures = 0;
    account->due_ms = account->charge_due_ms = 0;
    account->looked_nano = -1; /* as if it were in use */
}

/* ---- what came of it ---- */

static void
account_told(struct store *store, struct balance_account *account,
             const struct balance_outcome *outcome)
{
    int64_t told =
        outcome->is_subscription ? outcome->left_of_quota : outcome->balance;
    if (told > BALANCE_MICRO_MAX)
        told = BALANCE_MICRO_MAX;
    if (told < -BALANCE_MICRO_MAX)
        told = -BALANCE_MICRO_MAX;
    account->is_told = true;
    account->told = told;
    account->told_charged = account->charged;
    account->told_ms = clock_wall_ms();
    account->told_mono_ms = (int64_t)clock_mono_ms();
    account->is_subscription = outcome->is_subscription;
    account->quota = outcome->is_subscription ? outcome->quota : 0;
    if (strcmp(account->user, outcome->user) != 0) {
        set_text(account->user, sizeof(account->user), outcome->user);
        account->real_name = REAL_NAME_UNKNOWN;
    }
    account->is_name_due = account->real_name != REAL_NAME_YES;
    account->is_charge_held = false;
    if (account->failures > 0)
        log_info("group=%llu: the service of balances answers again",
                 (unsigned long long)account->object->id);
    account->failures = 0;
    if (account->charge_failures == 0) {
        account->failing_ms = 0;
        account->error[0] = '\0';
    }
    account->due_ms = clock_mono_ms();
    /* A name asked for first, then the next charge. */
    if (!store->config->balance.real_name || !account->is_name_due ||
        account->user[0] == '\0')
        account->due_ms += store->config->balance.interval_ms;
    dirty(&store->balances, account);
}

/* Where it cannot be found out, a name counts as proved: as long as the service
 * has not said otherwise. */
static void
name_told(struct store *store, struct balance_account *account,
          const struct balance_outcome *outcome)
{
    account->is_name_due = false;
    account->due_ms = clock_mono_ms() + store->config->balance.interval_ms;
    if (outcome->result != BALANCE_OK)
        return;
    account->real_name = outcome->is_real_name ? REAL_NAME_YES : REAL_NAME_NO;
    dirty(&store->balances, account);
}

/* One of which nobody knew, or a person says so. */
static int
settle(struct store *store, struct balance_account *account, uint64_t serial,
       bool was_taken)
{
    for (uint32_t i = 0; i < account->unknown_count; i++) {
        struct balance_charge *charge = &account->unknown[i];
        if (charge->serial != serial)
            continue;
        if (was_taken)
            account->charged += charge->micro;
        account->unknown_count--;
        memmove(charge, charge + 1,
                (account->unknown_count - i) * sizeof(*charge));
        dirty(&store->balances, account);
        return 0;
    }
    return -ENOENT;
}

int
balance_settle(struct store *store, struct balance_account *account,
               uint64_t serial, bool was_taken)
{
    int rc = settle(store, account, serial, was_taken);
    if (rc == 0)
        balance_ask_now(store, account);
    return rc;
}

/* The amount is told of once: `sent` has its serial, or it was told before. */
static void
charge_told(struct store *store, struct balance_account *account,
            const struct balance_outcome *outcome)
{
    if (outcome->result == BALANCE_WHO_KNOWS)
        lose_charge(store, account, outcome->reason);
    else if (outcome->result == BALANCE_OK)
        account->charged += account->sent.micro;
    account->sent = (struct balance_charge){0};
    charge_ended(store, account, outcome->result == BALANCE_OK);
    dirty(&store->balances, account);
}

void
balance_told(struct store *store, const char *courier,
             const struct balance_outcome *outcome)
{
    struct balance_account *account =
        balance_account_of(store, outcome->group_id);
    if (account == NULL)
        return;
    bool is_charge = outcome->task == BALANCE_CHARGE;
    if (account->task != outcome->task ||
        strcmp(account->courier, courier) != 0 ||
        (is_charge && account->sent.serial != outcome->serial)) {
        /* It came too late, and is as true as it was. */
        if (is_charge && outcome->result != BALANCE_WHO_KNOWS &&
            settle(store, account, outcome->serial,
                   outcome->result == BALANCE_OK) == 0)
            log_info("group=%llu: what became of a charge is known now",
                     (unsigned long long)account->object->id);
        return;
    }
    take_back(&store->balances, account);
    store->balances.counts.tasks[outcome->task]++;
    if (outcome->result != BALANCE_OK)
        note_failure(store, account, outcome->task, outcome->reason);
    if (is_charge)
        charge_told(store, account, outcome);
    else if (outcome->task == BALANCE_REAL_NAME)
        name_told(store, account, outcome);
    else if (outcome->result == BALANCE_OK)
        account_told(store, account, outcome);
    balance_show(store, account);
}
