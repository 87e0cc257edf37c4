/*
 * signals.c - the signal table: what each means, and its word for aigw -s.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "master/master.h"
#include "master/pid_file.h"
#include "master/notify.h"

void
master_share_log(struct master *master)
{
    /* The new log goes along: a child opens no file to write. */
    struct control_message message = {.type = CONTROL_REOPEN};
    int fd = log_descriptor() >= 0 ? log_descriptor() : STDERR_FILENO;
    spawn_tell(master, ROLE_ACCOUNTANT, &message, fd);
    spawn_tell(master, ROLE_WORKER, &message, fd);
}

static void
tell_role(struct master *master, enum role_id role, enum control_type type)
{
    struct control_message message = {.type = type};
    spawn_tell(master, role, &message, -1);
    for (struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == role && c->state != CHILD_ORPHAN &&
            (type == CONTROL_DRAIN || type == CONTROL_STOP))
            c->state = CHILD_DRAINING;
}

static void
begin_stop(struct master *master, enum stop_state how)
{
    if (master->stop >= how)
        return;
    log_info("stopping: %s", how == STOP_DRAIN
                                 ? "requests in progress may finish"
                                 : "requests in progress are cut");
    master->stop = how;
    master->stop_since_ms = loop_now_ms(master->loop);
    shm_store(&master->segment.header->draining, 1);
    tell_role(master, ROLE_WORKER,
              how == STOP_DRAIN ? CONTROL_DRAIN : CONTROL_STOP);
    supervise_fill(master);
}

static void
act_reload(struct master *master)
{
    notify_reloading(master);
    reload_begin(master);
}

static void
act_upgrade(struct master *master)
{
    notify_reloading(master);
    upgrade_begin(master);
}

static void
act_quit(struct master *master)
{
    begin_stop(master, STOP_DRAIN);
}

static void
act_term(struct master *master)
{
    begin_stop(master, STOP_NOW);
}

static void
act_winch(struct master *master)
{
    log_info("draining the workers; a reload starts new ones");
    master->workers_off = true;
    master->reload.starting = false; /* nobody is waited for any more */
    tell_role(master, ROLE_WORKER, CONTROL_DRAIN);
}

static void
act_usr1(struct master *master)
{
    int r = log_reopen();
    if (r < 0)
        log_error("cannot reopen the error log: %s", strerror(-r));
    master_share_log(master);
}

// clang-format off
const struct signal_row signal_table[] = {
    /* number   name     word       what */
    { SIGHUP,   "HUP",   "reload",  act_reload },
    { SIGUSR1,  "USR1",  "reopen",  act_usr1 },
    { SIGUSR2,  "USR2",  "upgrade", act_upgrade },
    { SIGQUIT,  "QUIT",  "quit",    act_quit },
    { SIGTERM,  "TERM",  "stop",    act_term },
    { SIGINT,   "INT",   NULL,      act_term },
    { SIGWINCH, "WINCH", NULL,      act_winch },
    { 0,        NULL,    NULL,      NULL },
};
// clang-format on

int
signal_send(const char *config_path, const char *word)
{
    const struct signal_row *row = signal_table;
    while (row->name != NULL &&
           (row->word == NULL || strcmp(row->word, word) != 0))
        row++;
    if (row->name == NULL) {
        fprintf(stderr,
                "aigw: -s takes reload, reopen, upgrade, quit or stop, not "
                "'%s'\n",
                word);
        return 2;
    }
    char path[CONFIG_NAME_BYTES + 16], run_dir[CONFIG_NAME_BYTES];
    struct buf error;
    buf_init(&error, 0);
    int r = config_run_dir(config_path, run_dir, &error);
    if (r < 0)
        fprintf(stderr, "aigw: %s\n", buf_cstr(&error));
    buf_fini(&error);
    if (r < 0)
        return 1;
    snprintf(path, sizeof(path), "%s/aigw.pid", run_dir);
    pid_t pid = pid_file_running(path);
    if (pid == 0) {
        fprintf(stderr, "aigw: no master runs here (%s is not held)\n", path);
        return 1;
    }
    if (kill(pid, row->number) != 0) {
        fprintf(stderr, "aigw: cannot signal %d: %s\n", (int)pid,
                strerror(errno));
        return 1;
    }
    return 0;
}
