/*
 * upgrade.c - USR2: this process becomes the program that its file holds now.
 *
 *   1. the file runs as a child with --check-upgrade: it reads the running and
 *      the written configuration and compares the layout of the segment
 *   2. only when it says yes: exec. Same pid; sockets, pid file with its lock,
 *      segment and children are kept (handover.h)
 *   3. the new program takes over (takeover.c), replaces the accountant, then
 *      starts new workers, and tells the old ones to drain when they are ready
 *
 * Whatever goes wrong before 3, the old program goes on untouched; what goes
 * wrong at the beginning of 3 goes back to it by another exec. The way back
 * later is the same: the old file in its place, and USR2.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "common/version.h"
#include "master/handover.h"
#include "master/master.h"

void
upgrade_tell_outcome(struct master *master)
{
    struct control_message message = {.type = CONTROL_UPGRADED,
                                      .value = master->upgrade.count};
    snprintf(message.text, sizeof(message.text), "%s", master->upgrade.outcome);
    spawn_tell(master, ROLE_ACCOUNTANT, &message, -1);
}

static void
close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The end of an attempt; `format` makes the outcome that status shows. */
static void PRINTF_LIKE(2, 3)
    refuse(struct master *master, const char *format, ...)
{
    struct upgrade *upgrade = &master->upgrade;
    char reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    log_error("upgrade refused, the running program stays: %s", reason);
    snprintf(upgrade->outcome, sizeof(upgrade->outcome), "refused: %s", reason);
    upgrade->count++;
    upgrade->checker = 0;
    close_one(&upgrade->exe_fd);
    close_one(&upgrade->output_fd);
    upgrade_tell_outcome(master);
}

/* ---- 1. the checker ---- */

/* In the child. Standard input is the running configuration, both outputs go
 * to the memory file; everything else is closed by exec. */
static NORETURN void
run_checker(struct master *master, int config_fd)
{
    char layout[32];
    snprintf(layout, sizeof(layout), "%016llx",
             (unsigned long long)segment_layout_hash());
    char *const argv[] = {"aigw", "--check-upgrade",    layout,
                          "-c",   master->config->path, NULL};
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == 0 &&
        dup2(config_fd, STDIN_FILENO) >= 0 &&
        dup2(master->upgrade.output_fd, STDOUT_FILENO) >= 0 &&
        dup2(master->upgrade.output_fd, STDERR_FILENO) >= 0)
        proc_exec_fd(master->upgrade.exe_fd, argv);
    fprintf(stderr, "it cannot be run: %s\n", strerror(errno));
    fflush(stderr);
    _exit(UPGRADE_EXIT_REFUSED);
}

static bool
accountant_is_ready(const struct master *master)
{
    for (const struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == ROLE_ACCOUNTANT)
            return c->state == CHILD_READY;
    return false;
}

/* The new program finds the segment by its name. */
static bool
segment_has_its_name(const struct segment *segment)
{
    struct stat open_file, named;
    return fstat(segment->fd, &open_file) == 0 &&
           stat(segment->path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

void
upgrade_begin(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    if (master->stop != STOP_NO)
        return;
    upgrade->wanted = reload_is_busy(master) || !accountant_is_ready(master);
    if (upgrade->wanted) { /* an upgrade that is under way counts as busy */
        log_info("the upgrade waits for what is under way");
        return;
    }
    if (master->config->path == NULL) {
        refuse(master, "it needs a configuration file (-c)");
        return;
    }
    if (!segment_has_its_name(&master->segment)) {
        refuse(master, "%s was taken away: it needs a restart",
               master->segment.path);
        return;
    }
    const char *path = proc_program_path();
    upgrade->since_ms = loop_now_ms(master->loop);
    upgrade->exe_fd = open(path, O_PATH | O_CLOEXEC);
    if (upgrade->exe_fd < 0) {
        refuse(master, "cannot open %s: %s", path, strerror(errno));
        return;
    }
    upgrade->output_fd = memfd_create("aigw-upgrade", MFD_CLOEXEC);
    int config_fd = config_memfd(master->config);
    pid_t pid = upgrade->output_fd < 0 || config_fd < 0 ? -1 : fork();
    if (pid == 0)
        run_checker(master, config_fd);
    close_one(&config_fd);
    if (pid < 0) {
        refuse(master, "cannot start %s: %s", path, strerror(errno));
        return;
    }
    upgrade->checker = pid;
    log_info("upgrade: %s is asked whether it can take over", path);
}

/* The last line that it wrote, which is the verdict. */
static void
read_verdict(int fd, char *line, size_t size)
{
    char text[4096];
    struct stat st;
    off_t from = 0;
    if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(text) - 1)
        from = st.st_size - (off_t)sizeof(text) + 1;
    ssize_t n = pread(fd, text, sizeof(text) - 1, from);
    size_t end = n > 0 ? (size_t)n : 0;
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
        end--;
    text[end] = '\0';
    const char *last = strrchr(text, '\n');
    snprintf(line, size, "%.*s", (int)size - 1, last == NULL ? text : last + 1);
}

/* ---- 2. exec ---- */

static int
fill_handover(struct master *master, struct handover *h)
{
    const struct heritage *heritage = &master->heritage;
    h->pid = (uint64_t)getpid();
    h->start_time = proc_start_time(getpid());
    h->generation = master->generation;
    h->workers_off = master->workers_off;
    h->upgrade_wanted = master->upgrade.wanted;
    h->pid_file_fd = master->pid_file_fd;
    h->admin_unix_fd = heritage->admin_unix_fd;
    h->wake_fd = heritage->accountant_wake_fd;
    h->reloads = master->reload.count;
    h->upgrades = master->upgrade.count;
    snprintf(h->version, sizeof(h->version), "%s", AIGW_VERSION);
    snprintf(h->reload_reason, sizeof(h->reload_reason), "%s",
             master->reload.reason);
    if (snprintf(h->config_path, sizeof(h->config_path), "%s",
                 master->config->path) >= (int)sizeof(h->config_path))
        return -ENAMETOOLONG;
    memcpy(h->listeners, heritage->listeners, sizeof(h->listeners));
    h->listener_count = heritage->listener_count;
    for (const struct child *c = master->children; c != NULL; c = c->next) {
        if (c->state == CHILD_ORPHAN)
            continue; /* found again by its column */
        if (h->child_count == HANDOVER_CHILDREN_MAX)
            return -E2BIG;
        h->children[h->child_count++] = (struct handover_child){
            .is_worker = c->role->id == ROLE_WORKER,
            .pid = c->pid,
            .state = c->state,
            .column = c->column,
            .generation = c->generation,
            .started_ms = c->started_ms,
            .control_fd = c->control_fd,
        };
    }
    return 0;
}

static int
secret_memfd(const struct crypto_secrets *secrets)
{
    int fd = memfd_create("aigw-secret", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, secrets->master, sizeof(secrets->master)) !=
                       (ssize_t)sizeof(secrets->master))
        close_one(&fd);
    return fd;
}

/* Becomes the new program; returns -errno when that failed, nothing changed. */
static int
become(struct master *master, struct handover *h)
{
    char number[16];
    h->fd = -1;
    h->certificate_fd = certificate_send(&master->certificate);
    h->exe_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    h->config_fd = config_memfd(master->config);
    h->secret_fd = secret_memfd(master->secrets);
    int r = h->exe_fd < 0 || h->config_fd < 0 || h->secret_fd < 0 ||
                    h->certificate_fd < 0
                ? -EMFILE
                : fill_handover(master, h);
    h->fd = r == 0 ? handover_write(h) : -1;
    if (r == 0 && h->fd < 0)
        r = h->fd;
    if (r == 0)
        r = handover_keep_open(h, true);
    if (r == 0) {
        snprintf(number, sizeof(number), "%d", h->fd);
        setenv(HANDOVER_VARIABLE, number, 1);
        r = proc_exec_fd(master->upgrade.exe_fd, proc_arguments());
        unsetenv(HANDOVER_VARIABLE);
        int again = handover_keep_open(h, false);
        if (again < 0) /* a child would inherit what it must not */
            fatal("cannot close descriptors over exec: %s", strerror(-again));
    }
    close_one(&h->fd);
    close_one(&h->config_fd);
    close_one(&h->secret_fd);
    close_one(&h->certificate_fd);
    close_one(&h->exe_fd);
    return r;
}

bool
upgrade_on_exit(struct master *master, pid_t pid, int status)
{
    struct upgrade *upgrade = &master->upgrade;
    char verdict[160], good[64];
    if (upgrade->checker == 0 || pid != upgrade->checker)
        return false;
    upgrade->checker = 0;
    read_verdict(upgrade->output_fd, verdict, sizeof(verdict));
    snprintf(good, sizeof(good), UPGRADE_CHECK_OK, HANDOVER_VERSION);
    bool says_ok = strncmp(verdict, good, strlen(good)) == 0;
    if (master->stop != STOP_NO)
        refuse(master, "the server stops");
    else if (WIFSIGNALED(status))
        refuse(master, "%s was killed by signal %d", proc_program_path(),
               WTERMSIG(status));
    else if (WEXITSTATUS(status) == UPGRADE_EXIT_OTHER_LAYOUT)
        refuse(master, "needs restart: %s", verdict);
    else if (WEXITSTATUS(status) != 0)
        refuse(master, "%s",
               verdict[0] != '\0' ? verdict : "the new program gave no reason");
    else if (!says_ok)
        refuse(master, "%s is no aigw that can take over", proc_program_path());
    else {
        log_info("upgrade: %s; this process becomes it", verdict);
        struct handover *handover = calloc(1, sizeof(*handover));
        int r = handover == NULL ? -ENOMEM : become(master, handover);
        free(handover);
        refuse(master, "cannot exec %s: %s", proc_program_path(), strerror(-r));
    }
    return true;
}

/* ---- 3. after it ---- */

void
upgrade_on_done(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    upgrade->replacing = false;
    upgrade->count++;
    snprintf(upgrade->outcome, sizeof(upgrade->outcome), "done: aigw %s",
             AIGW_VERSION);
    log_info("upgrade done: aigw %s serves, the old workers drain",
             AIGW_VERSION);
    upgrade_tell_outcome(master);
    if (upgrade->reload_after) {
        upgrade->reload_after = false;
        master->reload.again = true;
    }
}

/* Its disk may hang: what it could not flush stays in the rings. */
static void
end_old_accountant(struct master *master, uint64_t now)
{
    if (now < master->upgrade.since_ms + MASTER_FLUSH_GRACE_MS)
        return;
    for (struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == ROLE_ACCOUNTANT && c->state == CHILD_DRAINING)
            kill(c->pid, SIGKILL);
}

void
upgrade_go_on(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    uint64_t now = loop_now_ms(master->loop);
    if (upgrade->checker != 0 &&
        now >= upgrade->since_ms + MASTER_CHECKER_GRACE_MS)
        kill(upgrade->checker, SIGKILL); /* waitpid follows */
    if (upgrade->replacing && master->stop == STOP_NO) {
        end_old_accountant(master, now);
        if (master->workers_off && accountant_is_ready(master))
            upgrade_on_done(master); /* there are no workers to wait for */
    }
    if (upgrade->wanted && !reload_is_busy(master) &&
        accountant_is_ready(master))
        upgrade_begin(master);
}
