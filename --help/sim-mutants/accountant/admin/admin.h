/*
 * admin.h - management: HTTP/1.1 on the unix socket, operations over the store.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_ADMIN_H
#define AIGW_ACCOUNTANT_ADMIN_ADMIN_H

#include "accountant/store.h"

struct admin;
/* Serves heritage->admin_unix_fd on the store's loop. NULL: no memory. */
struct admin *admin_create(struct store *store);
/*
 * Stops accepting and answers who has asked or is about to; `drained` is called
 * once, at the end of a turn, when nobody is left. Who comes later waits in the
 * socket for the next accountant.
 */
void admin_drain(struct admin *admin, void (*drained)(void *context),
                 void *context);
/* Stops accepting, lets answers under way finish or drops them. */
void admin_destroy(struct admin **admin);

#endif
