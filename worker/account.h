/*
 * account.h - what the calling key and its group may and have used, as it stands
 * in the segment: for the answers about oneself.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ACCOUNT_H
#define AIGW_WORKER_ACCOUNT_H

#include "worker/request.h"

struct account {
    struct entry_policy policy;
    struct entry_sums sums;
};

/* Of the request's key; `group` is not touched where it has none (its
 * group_entry is SHM_ENTRY_NONE). 0, or -1 with *fault. */
int account_read(struct request *request, struct account *key,
                 struct account *group, struct fault *fault) MUST_CHECK;
/* Used in the row's period. */
int64_t account_used(const struct account *account,
                     const struct entry_budget *row);
/* The budget of that unit and period, or NULL. */
const struct entry_budget *account_budget(const struct account *account,
                                          uint32_t unit, uint32_t period);

#endif
