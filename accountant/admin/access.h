/*
 * access.h - where a management request comes from: the process at the other
 * end of the unix socket, and what a worker says of a request that it passes on
 * from the admin listener. Who it is then: identify.h.
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
/* Which way a request came: over the socket itself, or through a worker, which
 * says so. */
enum access_way {
    ACCESS_SOCKET,
    ACCESS_TCP,
    ACCESS_LOOPBACK, /* over TCP from this host */
};
enum access_way access_via(const struct http_head *head);
/* The token of `Authorization: Bearer TOKEN`; empty: none, or more than one
 * field. */
struct str access_bearer(const struct http_head *head);
/* Where from, for people: "uid=0", "192.0.2.7", "2001:db8:1:2::/64". */
enum { ACCESS_FROM_BYTES = 52 };
void access_from(const struct http_head *head, int64_t peer_uid,
                 char out[ACCESS_FROM_BYTES]);

#endif
