/*
 * activation.c - sockets that a service manager opened for us: descriptors from
 * 3 on, as many as $LISTEN_FDS says when $LISTEN_PID is us (sd_listen_fds(3)).
 * They stand in for sockets of our own with the same address.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/listen.h"
#include "common/proc.h"
#include "master/master.h"
#include "master/notify.h"

enum { FIRST_FD = 3, NAME_BYTES = 32 };

/* The names in their order; "" behind the last. Read before LISTEN_* goes. */
static char names[HERITAGE_LISTENERS_MAX][NAME_BYTES];

static void
read_names(const char *text)
{
    for (unsigned i = 0; text != NULL && i < HERITAGE_LISTENERS_MAX; i++) {
        size_t len = strcspn(text, ":");
        snprintf(names[i], NAME_BYTES, "%.*s", (int)len, text);
        text = text[len] == ':' ? text + len + 1 : NULL;
    }
}

static void
take_one(int fd, struct heritage_listener *out)
{
    int is_listening = 0, type = 0;
    socklen_t len = sizeof(is_listening);
    memset(out, 0, sizeof(*out));
    out->fd = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        is_listening == 0 || type != SOCK_STREAM ||
        listen_describe(fd, out->text) < 0)
        fatal("descriptor %d, passed by the service manager, is no listening "
              "TCP socket",
              fd);
    if (proc_set_cloexec(fd) < 0 || proc_set_nonblock(fd) < 0)
        fatal("descriptor %d, passed by the service manager, cannot be used",
              fd);
}

unsigned
activation_take(struct heritage_listener *out)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    unsigned long count = 0;
    if (pid != NULL && fds != NULL &&
        strtoul(pid, NULL, 10) == (unsigned long)getpid())
        count = strtoul(fds, NULL, 10);
    if (count > HERITAGE_LISTENERS_MAX)
        fatal("the service manager passed %lu sockets, more than %d", count,
              HERITAGE_LISTENERS_MAX);
    if (count > 0)
        read_names(getenv("LISTEN_FDNAMES"));
    for (unsigned i = 0; i < count; i++)
        take_one(FIRST_FD + (int)i, &out[i]);
    unsetenv("LISTEN_PID"); /* they are not for a program that we become */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return (unsigned)count;
}

void
activation_check(const struct heritage_listener *passed, unsigned count,
                 const struct heritage_listener *used, unsigned used_count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned at = 0;
        while (at < used_count && used[at].fd != passed[i].fd)
            at++;
        if (at == used_count)
            fatal("the service manager passed a socket that listens on %s, "
                  "which no 'listen' of the configuration names",
                  passed[i].text);
        bool for_admin = strcmp(names[i], "aigw-admin") == 0;
        if ((for_admin || strcmp(names[i], "aigw") == 0) &&
            used[at].admin != for_admin)
            fatal("the service manager calls the socket of %s '%s', but it "
                  "stands in section [%s]",
                  passed[i].text, names[i],
                  used[at].admin ? "admin" : "server");
        log_info("%s was opened by the service manager", passed[i].text);
    }
}
