/*
 * spawn.c - the birth of a child, and the adoption of a dead master's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "master/master.h"
#include "master/notify.h"
#include "shm/column.h"
#include "shm/payload_ring.h"

static const char *const state_names[] = {"starting", "ready", "draining",
                                          "orphan"};

static void
child_on_control(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct child *child =
        (struct child *)((char *)source - offsetof(struct child, control));
    struct master *master = child->master;
    struct control_message message = {0};
    int passed_fd;
    int r;
    while ((r = control_receive(child->control_fd, &message, &passed_fd)) ==
           1) {
        if (passed_fd >= 0)
            close(passed_fd); /* children hand over nothing */
        switch (message.type) {
        case CONTROL_READY:
            supervise_on_ready(child);
            break;
        case CONTROL_CONFIG_DONE:
            reload_on_done(master);
            break;
        case CONTROL_CONFIG_FAILED:
            reload_on_failed(master, message.text);
            break;
        case CONTROL_RELOAD:
            log_info("management asks for a reload");
            notify_reloading(master);
            reload_begin(master);
            break;
        default:
            log_warn("%s[%d] sent an unknown message %u", child->role->name,
                     (int)child->pid, message.type);
        }
    }
    if (r == 0 && !child->control.dead)
        loop_remove(master->loop, &child->control); /* waitpid says the rest */
}

/* In the child: nothing of the master stays open, signals mean nothing (the
 * master coordinates), and the role begins only when the seat is booked. */
static NORETURN void
child_main(struct master *master, const struct role *role,
           struct heritage *heritage, int master_end)
{
    close(master_end);
    for (struct child *c = master->children; c != NULL; c = c->next)
        if (c->control_fd >= 0)
            close(c->control_fd);
    close(master->signals.fd);
    close(master->pid_file_fd);
    if (master->upgrade.exe_fd >= 0)
        close(master->upgrade.exe_fd);
    if (master->upgrade.output_fd >= 0)
        close(master->upgrade.output_fd);
    loop_destroy(&master->loop);
    certificate_wipe(&master->reload.certificate);
    if (role->id != ROLE_WORKER)
        certificate_wipe(&master->certificate);
    if (role->id != ROLE_ACCOUNTANT) {
        close(heritage->admin_unix_fd);
        heritage->admin_unix_fd = -1;
    } else {
        for (unsigned i = 0; i < heritage->listener_count; i++)
            close(heritage->listeners[i].fd);
        heritage->listener_count = 0;
    }
    for (const struct signal_row *row = signal_table; row->name != NULL; row++)
        signal(row->number, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    struct pollfd pfd = {heritage->control_fd, POLLIN, 0};
    struct control_message go = {0};
    int passed_fd;
    while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
        continue;
    if (control_receive(heritage->control_fd, &go, &passed_fd) != 1)
        _exit(0); /* the master died before it booked the seat */
    if (role->takes_column) {
        proc_title_set("aigw: worker %u", heritage->column);
    } else {
        proc_title_set("aigw: %s", role->name);
    }
    log_set_role(role->name);
    /* A worker's death costs its own connections only. */
    int r = proc_raise_oom_score(role->takes_column ? 300 : 100);
    if (r < 0)
        log_info("cannot say who is to go when memory ends: %s", strerror(-r));
    confine_child(master, role);
    _exit(role->entry(heritage));
}

static struct child *
child_create(struct master *master, const struct role *role, pid_t pid,
             int control_fd, uint32_t column)
{
    struct child *child = calloc(1, sizeof(*child));
    if (child == NULL)
        fatal("out of memory");
    child->master = master;
    child->role = role;
    child->pid = pid;
    child->control_fd = control_fd;
    child->column = column;
    child->generation = master->generation;
    child->started_ms = loop_now_ms(master->loop);
    child->control = (struct loop_source){.fd = -1, .ready = child_on_control};
    child->next = master->children;
    master->children = child;
    return child;
}

static int
give_seat_back(struct master *master, int column, int error)
{
    if (column >= 0) {
        column_mark_dying(&master->segment, (uint32_t)column);
        supervise_wake_accountant(master);
    }
    return error;
}

/* Without room a worker serves all the same, and its payloads are dropped. */
static void
allocate_payloads(struct master *master, uint32_t column)
{
    if (master->heritage.payloads == NULL)
        return;
    int r = payload_rings_allocate(master->heritage.payloads, column);
    if (r < 0)
        log_warn("column=%u no room for the payloads of a worker: %s", column,
                 strerror(-r));
}

int
spawn_child(struct master *master, const struct role *role)
{
    int column = -1;
    if (role->takes_column) {
        column = column_find_free(&master->segment);
        if (column < 0)
            return column;
        allocate_payloads(master, (uint32_t)column);
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair) != 0)
        return give_seat_back(master, column, -errno);
    struct heritage heritage = master->heritage;
    heritage.config = master->config;
    heritage.control_fd = pair[1];
    heritage.column = (uint32_t)column;
    heritage.config_generation = master->generation;

    pid_t pid = fork();
    if (pid == 0)
        child_main(master, role, &heritage, pair[0]);
    int r = pid < 0 ? -errno : 0;
    close(pair[1]);
    if (r == 0 && role->takes_column)
        r = column_claim(&master->segment, (uint32_t)column, pid,
                         master->generation);
    if (r < 0) { /* a child sees end-of-file and leaves */
        close(pair[0]);
        return give_seat_back(master, column, r);
    }
    struct child *child =
        child_create(master, role, pid, pair[0], (uint32_t)column);
    child->control.fd = pair[0];
    r = loop_add(master->loop, &child->control, EPOLLIN);
    struct control_message go = {.type = CONTROL_READY};
    if (r == 0)
        r = control_send(pair[0], &go, -1);
    if (r < 0)
        log_warn("%s[%d] cannot be reached: %s", role->name, (int)pid,
                 strerror(-r)); /* it sees EOF or is reaped; both are handled */
    log_info("started %s[%d] generation=%llu", role->name, (int)pid,
             (unsigned long long)master->generation);
    return 0;
}

/* An orphan's pidfd is readable: it is gone. */
static void
orphan_on_exit(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct child *child =
        (struct child *)((char *)source - offsetof(struct child, control));
    struct master *master = child->master;
    log_info("orphan %s[%d] has left", child->role->name, (int)child->pid);
    if (child->role->takes_column) {
        column_mark_dying(&master->segment, child->column);
        supervise_wake_accountant(master);
    }
    spawn_forget(child);
    supervise_go_on(master);
}

void
spawn_take_over(struct master *master, const struct role *role, pid_t pid,
                int control_fd, uint32_t column, enum child_state state,
                uint64_t generation, uint64_t started_ms)
{
    struct child *child = child_create(master, role, pid, control_fd, column);
    child->state = state;
    child->generation = generation;
    child->started_ms = started_ms;
    child->control.fd = control_fd;
    int r = loop_add(master->loop, &child->control, EPOLLIN);
    if (r < 0)
        fatal("cannot watch %s[%d]: %s", role->name, (int)pid, strerror(-r));
}

void
spawn_tell(struct master *master, enum role_id role,
           const struct control_message *message, int fd)
{
    for (struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != role || c->state == CHILD_ORPHAN)
            continue;
        int r = control_send(c->control_fd, message, fd);
        if (r < 0 && r != -EPIPE && r != -ECONNRESET)
            log_warn("cannot tell %s[%d] to act: %s", c->role->name,
                     (int)c->pid, strerror(-r));
    }
}

bool
spawn_adopt(struct master *master, const struct role *role, pid_t pid,
            uint64_t start_time, uint32_t column)
{
    uint64_t started = proc_start_time(pid);
    int pidfd = started == start_time ? proc_pidfd_open(pid) : -ESRCH;
    if (started == 0 && (kill(pid, 0) == 0 || errno != ESRCH))
        pidfd = -EACCES; /* it lives, but cannot be told apart */
    if (pidfd == -ESRCH)
        return false; /* gone, or the pid was given away */
    if (pidfd < 0)    /* who cannot watch it must not reap it either */
        fatal("cannot watch %s[%d] of an earlier master: %s", role->name,
              (int)pid, strerror(-pidfd));
    if (proc_start_time(pid) != start_time) {
        close(pidfd);
        return false;
    }
    struct child *child = child_create(master, role, pid, -1, column);
    child->state = CHILD_ORPHAN;
    child->control = (struct loop_source){.fd = pidfd, .ready = orphan_on_exit};
    child->control_fd = pidfd;
    int r = loop_add(master->loop, &child->control, EPOLLIN);
    if (r < 0)
        fatal("cannot watch %s[%d]: %s", role->name, (int)pid, strerror(-r));
    log_info("%s[%d] of an earlier master still %s", role->name, (int)pid,
             role->takes_column ? "finishes its requests" : "runs");
    return true;
}

static void
child_free(struct loop_deferred *deferred)
{
    free((char *)deferred - offsetof(struct child, free_later));
}

void
spawn_forget(struct child *child)
{
    struct master *master = child->master;
    struct child **link = &master->children;
    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    log_debug("%s[%d] forgotten, was %s", child->role->name, (int)child->pid,
              state_names[child->state]);
    if (!child->control.dead && child->control.fd >= 0)
        loop_remove(master->loop, &child->control);
    if (child->control_fd >= 0)
        close(child->control_fd);
    child->control_fd = -1;
    child->free_later.run = child_free; /* its callback may be running */
    loop_defer(master->loop, &child->free_later);
}
