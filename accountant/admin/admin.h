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
/* Stops accepting, lets answers under way finish or drops them. */
void admin_destroy(struct admin **admin);

#endif
