/*
 * balance.c - see balance.h: the numbers of an account.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/balance.h"

#include <stdlib.h>

#include "accountant/store_private.h"
#include "common/clock.h"

void
balance_fini(struct balance_book *book)
{
    for (size_t i = 0; i < book->count; i++) {
        free(book->accounts[i]->unknown);
        free(book->accounts[i]);
    }
    free(book->accounts);
    *book = (struct balance_book){0};
}

struct balance_account *
balance_make(struct balance_book *book, struct object *object)
{
    struct balance_account *account = calloc(1, sizeof(*account));
    if (account == NULL)
        return NULL;
    if (book->count == book->room) {
        size_t room = book->room * 2 + 16;
        struct balance_account **more =
            realloc(book->accounts, room * sizeof(*more));
        if (more == NULL) {
            free(account);
            return NULL;
        }
        book->accounts = more;
        book->room = room;
    }
    account->object = object;
    account->end = -1;
    account->shown_limit = account->alert_limit = BALANCE_NOT_KNOWN;
    object->balance = account;
    book->accounts[book->count++] = account;
    return account;
}

struct balance_account *
balance_account_of(const struct store *store, uint64_t group_id)
{
    const struct object *object =
        objects_find(&store->objects, LEDGER_GROUP, group_id);
    return object == NULL ? NULL : object->balance;
}

bool
balance_is_elsewhere(const struct store *store, const struct group *group)
{
    return balance_rule_covers(&store->config->balance, group->name);
}

/* ---- what was spent ---- */

int64_t
balance_spent(const struct balance_account *account, int64_t *rest)
{
    int64_t total = (int64_t)account->object->total.nano;
    if (account->end >= 0 && account->end < total)
        total = account->end;
    int64_t nano = total > account->origin ? total - account->origin : 0;
    if (rest != NULL)
        *rest = nano % NANO_PER_MICRO;
    return nano / NANO_PER_MICRO;
}

int64_t
balance_unknown(const struct balance_account *account)
{
    int64_t micro = 0;
    for (uint32_t i = 0; i < account->unknown_count; i++)
        micro += account->unknown[i].micro;
    return micro;
}

int64_t
balance_pending(const struct balance_account *account)
{
    return balance_spent(account, NULL) - account->charged -
           account->sent.micro - balance_unknown(account);
}

/* ---- what may be spent ---- */

bool
balance_is_stale(const struct store *store,
                 const struct balance_account *account)
{
    return !account->is_told ||
           (int64_t)clock_mono_ms() - account->told_mono_ms >
               (int64_t)store->config->balance.max_age_ms;
}

/* By what was told last, however old it is. */
static int64_t
limit_told(const struct store *store, const struct balance_account *account)
{
    const struct config_balance *config = &store->config->balance;
    __int128 sum =
        (__int128)(account->told_charged + account->told) * NANO_PER_MICRO +
        account->origin;
    int64_t limit = sum > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)sum;
    if (config->real_name && account->real_name == REAL_NAME_NO) {
        int64_t nameless =
            account->origin + balance_rule_real_name_limit(config);
        if (nameless < limit)
            limit = nameless;
    }
    return limit < 0 ? 0 : limit;
}

int64_t
balance_left(const struct store *store, const struct balance_account *account,
             int64_t total)
{
    return account->is_told ? limit_told(store, account) - total : 0;
}

int64_t
balance_limit(const struct store *store, const struct object *object)
{
    const struct balance_account *account = object->balance;
    if (account == NULL || account->end >= 0 ||
        balance_is_stale(store, account))
        return BALANCE_NOT_KNOWN;
    return limit_told(store, account);
}

void
balance_sum(const struct store *store, struct balance_summary *summary)
{
    const struct balance_book *book = &store->balances;
    int64_t now_ms = (int64_t)clock_mono_ms();
    *summary = (struct balance_summary){.counts = book->counts};
    for (size_t i = 0; i < book->count; i++) {
        const struct balance_account *account = book->accounts[i];
        summary->charged += account->charged;
        summary->pending += balance_pending(account) + account->sent.micro;
        summary->unknown += balance_unknown(account);
        summary->unknown_charges += account->unknown_count;
        if (account->end >= 0)
            continue;
        summary->groups++;
        if (balance_is_stale(store, account))
            summary->not_known++;
        if (account->is_told &&
            (uint64_t)(now_ms - account->told_mono_ms) > summary->oldest_ms)
            summary->oldest_ms = (uint64_t)(now_ms - account->told_mono_ms);
    }
}
