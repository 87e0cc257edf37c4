/*
 * account.c - see account.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/account.h"

#include <errno.h>

#include "worker/error_reply.h"

/* 0; -ESTALE the entry is another tenant's by now. -EAGAIN. */
static int
read_account(const struct segment *segment, uint32_t entry, uint64_t tag,
             struct account *account)
{
    uint64_t now;
    entry_sum(segment, entry, &account->sums);
    int r = entry_look(segment, entry, &account->policy, &now);
    return r == 0 && now != tag ? -ESTALE : r;
}

int
account_read(struct request *request, struct account *key,
             struct account *group, struct fault *fault)
{
    enum { LOOK_UPS = 16 }; /* as many times it changed hands meanwhile */
    const struct segment *segment = request->worker->heritage->segment;
    const struct key_view *view = &request->key;
    for (int tries = 0; tries < LOOK_UPS; tries++) {
        int r = read_account(segment, view->entry, view->tag, key);
        if (r == 0 && view->group_entry != SHM_ENTRY_NONE)
            r = read_account(segment, view->group_entry, view->group_tag,
                             group);
        if (r == 0)
            return 0;
        if (r == -ESTALE && auth_check_again(request, fault) < 0)
            return -1;
    }
    fault_set_overloaded(fault, "the key is being changed");
    return -1;
}

int64_t
account_used(const struct account *account, const struct entry_budget *row)
{
    const struct entry_sums *sums = &account->sums;
    return (int64_t)sums->used[row->unit] - sums->origin[row->unit] -
           row->baseline;
}

const struct entry_budget *
account_budget(const struct account *account, uint32_t unit, uint32_t period)
{
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *row = &account->policy.budgets[i];
        if (row->unit == unit && row->period == period)
            return row;
    }
    return NULL;
}
