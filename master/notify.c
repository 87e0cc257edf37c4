/*
 * notify.c - see notify.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "master/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/master.h"

static struct sockaddr_un manager;
static socklen_t manager_len; /* 0: there is none */
static uint64_t watchdog_ms;  /* half of its time; 0: none */
static uint64_t alive_ms;

/* "@name" is an abstract address: a NUL in place of the sign, no NUL behind. */
static void
find_manager(const char *path)
{
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || (path[0] != '/' && path[0] != '@'))
        return;
    if (len >= sizeof(manager.sun_path)) {
        log_warn("NOTIFY_SOCKET is too long");
        return;
    }
    manager.sun_family = AF_UNIX;
    memcpy(manager.sun_path, path, len + 1);
    if (path[0] == '@')
        manager.sun_path[0] = '\0';
    manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
                              (path[0] == '/' ? 1 : 0));
}

void
notify_init(void)
{
    find_manager(getenv("NOTIFY_SOCKET"));
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (manager_len > 0 && usec != NULL &&
        (pid == NULL || strtoul(pid, NULL, 10) == (unsigned long)getpid()))
        watchdog_ms = strtoull(usec, NULL, 10) / 2000;
}

void
notify_send(const char *format, ...)
{
    char text[512];
    if (manager_len == 0)
        return;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || sendto(fd, text, (size_t)len, MSG_NOSIGNAL,
                         (struct sockaddr *)&manager, manager_len) < 0)
        log_warn("cannot tell the service manager: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

void
notify_reloading(struct master *master)
{
    notify_send("RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading",
                (unsigned long long)(clock_mono_ns() / 1000));
    master->notify.reloading = true;
}

static bool
is_changing(const struct master *master)
{
    return master->reload.next != NULL || master->reload.starting ||
           master->upgrade.checker != 0 || master->upgrade.replacing;
}

void
notify_go_on(struct master *master)
{
    struct notify *notify = &master->notify;
    if (master->stop != STOP_NO) {
        if (!notify->stopping)
            notify_send("STOPPING=1\nSTATUS=stopping");
        notify->stopping = true;
        return;
    }
    bool news = notify->reloading ? !is_changing(master) : !notify->ready;
    if (!news || !master->served)
        return;
    const char *reason = master->reload.reason;
    notify_send("READY=1\nSTATUS=serving, configuration %llu%s%.300s",
                (unsigned long long)master->generation,
                reason[0] != '\0' ? ", last reload refused: " : "", reason);
    notify->ready = true;
    notify->reloading = false;
}

void
notify_alive(uint64_t now_ms)
{
    if (watchdog_ms == 0 || now_ms < alive_ms + watchdog_ms)
        return;
    alive_ms = now_ms;
    notify_send("WATCHDOG=1");
}
