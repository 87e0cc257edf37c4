/*
 * balance_none.h - in place of accountant/balance*.c, for tests whose store is
 * made of paper: no group's balance is kept elsewhere.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_BALANCE_NONE_H
#define AIGW_TESTS_UNIT_BALANCE_NONE_H

#include <errno.h>

#include "accountant/balance.h"

struct balance_account *
balance_account_of(const struct store *store, uint64_t group_id)
{
    (void)store;
    (void)group_id;
    return NULL;
}

bool
balance_is_elsewhere(const struct store *store, const struct group *group)
{
    (void)store;
    (void)group;
    return false;
}

int64_t
balance_left(const struct store *store, const struct balance_account *account,
             int64_t total)
{
    (void)store;
    (void)account;
    (void)total;
    return 0;
}

int64_t
balance_spent(const struct balance_account *account, int64_t *rest)
{
    (void)account;
    (void)rest;
    return 0;
}

int64_t
balance_pending(const struct balance_account *account)
{
    (void)account;
    return 0;
}

int64_t
balance_unknown(const struct balance_account *account)
{
    (void)account;
    return 0;
}

bool
balance_is_stale(const struct store *store,
                 const struct balance_account *account)
{
    (void)store;
    (void)account;
    return false;
}

void
balance_sum(const struct store *store, struct balance_summary *summary)
{
    (void)store;
    *summary = (struct balance_summary){0};
}

void
balance_ask_now(struct store *store, struct balance_account *account)
{
    (void)store;
    (void)account;
}

int
balance_settle(struct store *store, struct balance_account *account,
               uint64_t serial, bool was_taken)
{
    (void)store;
    (void)account;
    (void)serial;
    (void)was_taken;
    return -ENOENT;
}

void
balance_told(struct store *store, const char *courier,
             const struct balance_outcome *outcome)
{
    (void)store;
    (void)courier;
    (void)outcome;
}

void
balance_give_back(struct store *store, const char *courier)
{
    (void)store;
    (void)courier;
}

struct balance_account *
balance_next(struct store *store, const char *courier)
{
    (void)store;
    (void)courier;
    return NULL;
}

#endif
