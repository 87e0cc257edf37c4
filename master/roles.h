/*
 * roles.h - the process table: what kinds of children there are.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_MASTER_ROLES_H
#define AIGW_MASTER_ROLES_H

#include <stdbool.h>

#include "common/heritage.h"

enum role_id { ROLE_ACCOUNTANT, ROLE_WORKER, ROLE_COUNT };

struct role {
    enum role_id id;
    const char *name;
    int (*entry)(const struct heritage *heritage); /* returns exit status */
    bool takes_column; /* sits in a seat of the segment */
    bool many;         /* as many as [server] workers; else one */
};

extern const struct role roles[ROLE_COUNT];

/* Exit status of a child that must not be started again: the environment is
 * bad and will stay so (sysexits' EX_CONFIG is too far from what people expect;
 * nginx uses 2). */
enum { EXIT_DO_NOT_RESPAWN = 2 };

#endif
