/*
 * access.c - see access.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/access.h"

#include <grp.h>
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

bool
access_head_allowed(const struct http_head *head, const char *token,
                    bool is_metrics, struct admin_error *error)
{
    struct str via = http_field_find(head, STR_LIT("x-aigw-via"));
    unsigned count = http_field_count(head, STR_LIT("x-aigw-via"));
    if (count == 0)
        return true;
    if (is_metrics && count == 1 && str_equals(via, STR_LIT("tcp-loopback")))
        return true;
    if (token == NULL || *token == '\0')
        return admin_error_set(
            error, 403, "management_disabled",
            "Management over TCP is off: set 'token' in section [admin] of "
            "aigw.ini and reload, or use aigwctl on this host, which speaks "
            "through the unix socket.");
    struct str given = http_field_find(head, STR_LIT("authorization"));
    if (http_field_count(head, STR_LIT("authorization")) == 1 &&
        given.len > 7 &&
        str_equals_nocase(str_make(given.ptr, 7), STR_LIT("Bearer ")) &&
        crypto_equals(str_trim(str_skip(given, 7)), str_from(token)))
        return true;
    return admin_error_set(error, 401, "invalid_token",
                           "Send the token of [admin] in aigw.ini as "
                           "'Authorization: Bearer TOKEN'.");
}
