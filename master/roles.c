/*
 * roles.c - the process table. The only file of master/ that knows the roles'
 * entry functions.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "master/roles.h"

#include "accountant/accountant.h"
#include "worker/worker.h"

// clang-format off
const struct role roles[ROLE_COUNT] = {
    /* id              name          entry            column  many */
    { ROLE_ACCOUNTANT, "accountant", accountant_main, false,  false },
    { ROLE_WORKER,     "worker",     worker_main,     true,   true  },
};
// clang-format on
