/*
 * access.h - who may manage: by the process at the other end of the unix
 * socket, and, for requests that a worker passes on from the admin listener, by
 * the token of [admin]. One place, deny by default.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_ACCESS_H
#define AIGW_ACCOUNTANT_ADMIN_ACCESS_H

#include <sys/types.h>

#include "accountant/admin/admin_error.h"
#include "common/net/http_parse.h"

/* Gid of the group `aigw`, (gid_t)-1 when the host has none. */
gid_t access_group(void);
/* Root, our own user, or a member of `group`; *uid is the peer's. */
bool access_peer_allowed(int fd, gid_t group, int64_t *uid);
/*
 * access_head_allowed - true for a request that came over the socket; one with
 * `x-aigw-via` needs `Authorization: Bearer TOKEN`. token NULL or empty: none is
 * configured. `is_metrics`: from loopback allowed without.
 */
bool access_head_allowed(const struct http_head *head, const char *token,
                         bool is_metrics, struct admin_error *error);

#endif
