/*
 * supervise.c - the master's loop: reap, respawn, stop.
 *
 * What should run is compared with what runs after every event; what is missing
 * is started when its throttle allows. An early death doubles the pause from
 * 10 ms to 5 s, so that a broken configuration is no fork bomb.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "master/master.h"
#include "master/notify.h"
#include "shm/column.h"

unsigned
supervise_count(const struct master *master, enum role_id role,
                uint64_t generation, bool any_generation)
{
    unsigned n = 0;
    for (const struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == role && c->state != CHILD_ORPHAN &&
            c->state != CHILD_DRAINING &&
            (any_generation || c->generation == generation))
            n++;
    return n;
}

static bool
role_lives(const struct master *master, enum role_id role)
{
    for (const struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == role)
            return true;
    return false;
}

/* How many of a role should start now. */
static unsigned
missing(const struct master *master, const struct role *role)
{
    if (!role->many)
        return master->stop == STOP_ACCOUNTANT || role_lives(master, role->id)
                   ? 0
                   : 1;
    if (master->stop != STOP_NO || master->workers_off || !master->restored)
        return 0;
    unsigned have =
        supervise_count(master, role->id, master->generation, false);
    unsigned want = master->config->server.workers;
    return have < want ? want - have : 0;
}

static void
put_off(struct master *master, uint64_t due_ms)
{
    if (master->tick.due_ms == 0 || due_ms < master->tick.due_ms)
        loop_timer_set(master->loop, &master->tick, due_ms);
}

void
supervise_fill(struct master *master)
{
    uint64_t now = loop_now_ms(master->loop);
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        struct throttle *throttle = &master->throttles[i];
        unsigned n = missing(master, &roles[i]);
        if (n > 0 && throttle->not_before_ms > now) {
            put_off(master, throttle->not_before_ms);
            continue;
        }
        while (n-- > 0) {
            int r = spawn_child(master, &roles[i]);
            if (r == 0)
                continue;
            if (r != -EAGAIN) /* no free seat: the reaper will free one */
                log_error("cannot start a %s: %s", roles[i].name, strerror(-r));
            put_off(master, now + MASTER_BACKOFF_FIRST_MS * 5);
            break;
        }
    }
}

static void
update_throttle(struct master *master, const struct child *child, int status)
{
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    struct throttle *throttle = &master->throttles[child->role->id];
    uint64_t now = loop_now_ms(master->loop);
    if (clean || now - child->started_ms >= MASTER_EARLY_DEATH_MS) {
        throttle->backoff_ms = 0;
        return;
    }
    /* SIGKILL comes from outside (an operator, the kernel short of memory) and
     * says nothing about the next one: the pause does not grow. */
    bool outside = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (throttle->backoff_ms == 0 || outside)
        throttle->backoff_ms = MASTER_BACKOFF_FIRST_MS;
    else
        throttle->backoff_ms *= 2;
    if (throttle->backoff_ms > MASTER_BACKOFF_MAX_MS)
        throttle->backoff_ms = MASTER_BACKOFF_MAX_MS;
    throttle->not_before_ms = now + throttle->backoff_ms;
}

static void
log_death(const struct child *child, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        log_error("%s[%d] was stopped by the sandbox: it made a system call "
                  "that it never needs (an attack, or a fault of ours; the "
                  "kernel's log has its number)",
                  child->role->name, (int)child->pid);
    else if (WIFSIGNALED(status))
        log_error("%s[%d] was killed by signal %d%s", child->role->name,
                  (int)child->pid, WTERMSIG(status),
                  WCOREDUMP(status) ? " (core dumped)" : "");
    else if (WEXITSTATUS(status) != 0)
        log_error("%s[%d] ended with status %d", child->role->name,
                  (int)child->pid, WEXITSTATUS(status));
    else
        log_info("%s[%d] has left", child->role->name, (int)child->pid);
}

void
supervise_wake_accountant(struct master *master)
{
    uint64_t one = 1;
    if (write(master->heritage.accountant_wake_fd, &one, sizeof(one)) < 0 &&
        errno != EAGAIN)
        log_warn("cannot wake the accountant: %s", strerror(errno));
}

/* A role that says it cannot run here ends the master at the start; later the
 * rest keeps serving and the operator is told. */
static void
give_up(struct master *master, const struct child *child)
{
    log_error("%s cannot run here: see its last message", child->role->name);
    if (child->state == CHILD_STARTING && !master->served) {
        master->exit_status = 1;
        raise(SIGTERM);
    }
}

static void
on_death(struct master *master, struct child *child, int status)
{
    struct shm_header *header = master->segment.header;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    log_death(child, status);
    if (child->role->takes_column) {
        crashes_note(master, child, status);
        log_info("column=%u is dying", child->column);
        column_mark_dying(&master->segment, child->column);
        supervise_wake_accountant(master);
        if (!clean)
            shm_store(&header->worker_restarts,
                      shm_load_own(&header->worker_restarts) + 1);
    } else {
        shm_store(&header->accountant_pid, 0);
        if (master->stop == STOP_ACCOUNTANT) {
            master->accountant_clean = clean;
            if (!clean) { /* what it could not book stays in the segment */
                log_error("the ledger was not brought up to date; the next "
                          "start does it");
                master->exit_status = 1;
            }
        } else if (child->state != CHILD_DRAINING) /* an upgrade replaces it */
            shm_store(&header->accountant_restarts,
                      shm_load_own(&header->accountant_restarts) + 1);
    }
    update_throttle(master, child, status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DO_NOT_RESPAWN)
        give_up(master, child);
    spawn_forget(child);
}

static void
reap_children(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = master->children;
        while (child != NULL &&
               (child->pid != pid || child->state == CHILD_ORPHAN))
            child = child->next;
        if (child != NULL)
            on_death(master, child, status);
        else
            (void)upgrade_on_exit(master, pid, status);
    }
}

/* Tells it once, ready or not (one that waits for the disk gives up), and ends
 * it when the disk does not answer at all: the segment then stays. */
static void
stop_accountant(struct master *master)
{
    uint64_t now = loop_now_ms(master->loop);
    struct control_message stop = {.type = CONTROL_STOP};
    for (struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != ROLE_ACCOUNTANT)
            continue;
        if (master->stop == STOP_ACCOUNTANT) {
            if (now >= master->stop_since_ms + MASTER_FLUSH_GRACE_MS)
                kill(c->pid, SIGKILL);
        } else if (c->state != CHILD_ORPHAN &&
                   control_send(c->control_fd, &stop, -1) == 0) {
            master->stop = STOP_ACCOUNTANT;
            master->stop_since_ms = now;
        }
    }
    if (master->stop == STOP_ACCOUNTANT)
        put_off(master, now >= master->stop_since_ms + MASTER_FLUSH_GRACE_MS
                            ? now + MASTER_STOP_GRACE_MS
                            : master->stop_since_ms + MASTER_FLUSH_GRACE_MS);
}

/* Stop in three steps: workers first, then the accountant, which flushes all
 * that they settled, then the loop ends. */
static void
continue_stop(struct master *master)
{
    if (master->stop == STOP_NO)
        return;
    uint64_t now = loop_now_ms(master->loop);
    if (role_lives(master, ROLE_WORKER)) {
        if (master->stop == STOP_NOW) {
            uint64_t end = master->stop_since_ms + MASTER_STOP_GRACE_MS;
            for (struct child *c = master->children; c != NULL; c = c->next)
                if (now >= end && c->role->id == ROLE_WORKER)
                    kill(c->pid, SIGKILL);
            put_off(master, now >= end ? now + MASTER_STOP_GRACE_MS : end);
        }
        return;
    }
    if (!role_lives(master, ROLE_ACCOUNTANT)) {
        if (master->stop == STOP_ACCOUNTANT || master->exit_status != 0) {
            loop_stop(master->loop);
            return;
        }
        supervise_fill(master); /* it must flush before we leave */
        return;
    }
    stop_accountant(master);
}

void
supervise_go_on(struct master *master)
{
    supervise_fill(master);
    reload_check(master);
    upgrade_go_on(master);
    continue_stop(master);
    notify_go_on(master);
}

static void
on_signals(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct master *master =
        (struct master *)((char *)source - offsetof(struct master, signals));
    struct signalfd_siginfo info;
    while (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap_children(master);
            continue;
        }
        for (const struct signal_row *r = signal_table; r->name != NULL; r++)
            if ((uint32_t)r->number == info.ssi_signo) {
                log_info("signal %s", r->name);
                r->act(master);
            }
    }
    supervise_go_on(master);
}

static void
on_tick(struct loop_timer *timer)
{
    struct master *master =
        (struct master *)((char *)timer - offsetof(struct master, tick));
    supervise_go_on(master);
}

void
supervise_on_ready(struct child *child)
{
    struct master *master = child->master;
    if (child->state != CHILD_STARTING)
        return; /* told to leave meanwhile */
    child->state = CHILD_READY;
    log_info("%s[%d] is ready", child->role->name, (int)child->pid);
    if (child->role->id == ROLE_WORKER)
        master->served = true;
    if (child->role->id == ROLE_ACCOUNTANT) {
        master->restored = true;
        reload_tell_outcome(master);
        upgrade_tell_outcome(master);
        reload_send(master); /* the last one may have died over a reload */
    }
    supervise_go_on(master);
}

void
supervise(struct master *master)
{
    master->signals.ready = on_signals;
    master->tick.expired = on_tick;
    int r = loop_add(master->loop, &master->signals, EPOLLIN);
    if (r < 0)
        fatal("cannot watch signals: %s", strerror(-r));
    watch_start(master);
    supervise_go_on(master);
    loop_run(master->loop);
}
