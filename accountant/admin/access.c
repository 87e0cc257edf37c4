/*
 * access.c - see access.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/access.h"

#include <arpa/inet.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/crypto.h"

gid_t
access_group(void)
{
    const struct group *group = getgrnam("aigw");
    return group == NULL ? (gid_t)-1 : group->gr_gid;
}

/* The peer's supplementary groups as they were when it connected. */
static bool
peer_is_member(int fd, gid_t group)
{
    gid_t few[64];
    gid_t *gids = few;
    socklen_t len = sizeof(few);
    bool member = false;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &len) != 0) {
        if (len <= sizeof(few)) /* not ERANGE: the kernel has no answer */
            return false;
        gids = malloc(len);
        if (gids == NULL ||
            getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) != 0)
            len = 0;
    }
    for (size_t i = 0; i < len / sizeof(*gids); i++)
        member = member || gids[i] == group;
    if (gids != few)
        free(gids);
    return member;
}

bool
access_peer_allowed(int fd, gid_t group, int64_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    *uid = -1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    *uid = peer.uid;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    return group != (gid_t)-1 &&
           (peer.gid == group || peer_is_member(fd, group));
}

enum access_way
access_via(const struct http_head *head)
{
    struct str via = http_field_find(head, STR_LIT("x-aigw-via"));
    unsigned count = http_field_count(head, STR_LIT("x-aigw-via"));
    if (count == 0)
        return ACCESS_SOCKET;
    return count == 1 && str_equals(via, STR_LIT("tcp-loopback"))
               ? ACCESS_LOOPBACK
               : ACCESS_TCP;
}

struct str
access_bearer(const struct http_head *head)
{
    struct str given = http_field_find(head, STR_LIT("authorization"));
    if (http_field_count(head, STR_LIT("authorization")) != 1 ||
        given.len <= 7 ||
        !str_equals_nocase(str_make(given.ptr, 7), STR_LIT("Bearer ")))
        return str_make("", 0);
    return str_trim(str_skip(given, 7));
}

void
access_from(const struct http_head *head, int64_t peer_uid,
            char out[ACCESS_FROM_BYTES])
{
    struct str hex = http_field_find(head, STR_LIT("x-aigw-client"));
    uint8_t bytes[16] = {0};
    char text[INET6_ADDRSTRLEN];
    if (access_via(head) == ACCESS_SOCKET) {
        snprintf(out, ACCESS_FROM_BYTES, "uid=%lld", (long long)peer_uid);
    } else if (hex.len == 32 && crypto_unhex(hex, bytes, 16) == 0) {
        inet_ntop(AF_INET, bytes + 12, text, sizeof(text));
        snprintf(out, ACCESS_FROM_BYTES, "%s", text);
    } else if (hex.len == 16 && crypto_unhex(hex, bytes, 8) == 0) {
        inet_ntop(AF_INET6, bytes, text, sizeof(text));
        snprintf(out, ACCESS_FROM_BYTES, "%s/64", text);
    } else {
        snprintf(out, ACCESS_FROM_BYTES, "tcp");
    }
}
