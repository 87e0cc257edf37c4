/*
 * reload.c - HUP in steps: read and check all, open what is new, let the
 * accountant publish the new catalogue, start new workers, and only when they
 * say READY tell the old ones to drain. An error anywhere keeps what runs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "master/master.h"

/* Tells the accountant, for status: it is the one that people can ask. */
void
reload_tell_outcome(struct master *master)
{
    struct control_message message = {.type = CONTROL_RELOADED,
                                      .value = master->reload.count};
    snprintf(message.text, sizeof(message.text), "%s", master->reload.reason);
    spawn_tell(master, ROLE_ACCOUNTANT, &message, -1);
}

static void
finish(struct master *master, const char *reason)
{
    struct reload *reload = &master->reload;
    reload->count++;
    snprintf(reload->reason, sizeof(reload->reason), "%s", reason);
    shm_store(&master->segment.header->reload_failed, reason[0] != '\0');
    reload_tell_outcome(master);
}

static void
refuse(struct master *master, const char *reason)
{
    log_error("reload refused, the running configuration stays: %s", reason);
    finish(master, reason);
}

/* Generations of workers that live, orphans as one of them. */
static unsigned
living_generations(const struct master *master)
{
    uint64_t seen[MASTER_GENERATIONS_MAX + 1];
    unsigned n = 0;
    for (const struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != ROLE_WORKER)
            continue;
        uint64_t generation = c->state == CHILD_ORPHAN ? 0 : c->generation;
        unsigned i = 0;
        while (i < n && seen[i] != generation)
            i++;
        if (i == n && n <= MASTER_GENERATIONS_MAX)
            seen[n++] = generation;
    }
    return n;
}

/* Whether a further reload must wait. New workers that do not become ready in
 * time (their new address or certificate may be at fault) do not block the one
 * that would mend it. */
bool
reload_is_busy(const struct master *master)
{
    const struct reload *reload = &master->reload;
    bool starting =
        reload->starting &&
        loop_now_ms(master->loop) - reload->since_ms < MASTER_READY_GRACE_MS;
    return reload->next != NULL || starting || master->upgrade.checker != 0 ||
           living_generations(master) >= MASTER_GENERATIONS_MAX;
}

static void
drop_next(struct master *master)
{
    struct reload *reload = &master->reload;
    listeners_close_gone(reload->listeners, reload->listener_count,
                         master->heritage.listeners,
                         master->heritage.listener_count);
    config_free(reload->next);
    certificate_wipe(&reload->certificate);
    reload->next = NULL;
    reload->listener_count = 0;
    reload->sent = false;
}

static int
check_log(const struct config *next, struct buf *error)
{
    int r = log_check(next->log.error);
    if (r < 0)
        buf_printf(error, "cannot open the error log %s: %s", next->log.error,
                   strerror(-r));
    return r;
}

/* It could be opened a moment ago; else the old one stays. */
static void
apply_log(struct master *master)
{
    const struct config_log *log = &master->config->log;
    int r = log_open(log->error, log_level_from(log->level));
    if (r < 0)
        log_error("cannot open the error log %s: %s", log->error, strerror(-r));
    master_share_log(master);
}

/* Reads and opens everything; 0 when `reload.next` may be applied. */
static int
prepare(struct master *master)
{
    struct reload *reload = &master->reload;
    struct buf error;
    buf_init(&error, 0);
    struct config *next = config_load(master->config->path, &error);
    int r = next == NULL ? -EINVAL
                         : config_check_reload(master->config, next, &error);
    if (r == 0 && !confine_allows(master->config, next, &error))
        r = -EINVAL;
    if (r == 0 && 2 * next->server.workers > master->segment.column_max) {
        buf_printf(&error,
                   "workers = %u does not fit the running segment (%u seats, "
                   "twice as many as workers are needed): it needs a restart",
                   next->server.workers, master->segment.column_max);
        r = -EINVAL;
    }
    if (r == 0)
        r = certificate_read(next, &master->certificate, &reload->certificate,
                             &error);
    if (r == 0)
        r = check_log(next, &error);
    if (r == 0)
        r = listeners_open(next, master->heritage.listeners,
                           master->heritage.listener_count, false,
                           reload->listeners, &reload->listener_count, &error);
    if (r == 0)
        reload->next = next;
    else {
        refuse(master, buf_cstr(&error));
        config_free(next);
        certificate_wipe(&reload->certificate);
    }
    buf_fini(&error);
    return r;
}

void
reload_begin(struct master *master)
{
    struct reload *reload = &master->reload;
    if (master->stop != STOP_NO)
        return;
    if (reload_is_busy(master)) {
        /* Checked now, so that a mistake is told now; applied as one. */
        struct buf error;
        buf_init(&error, 0);
        struct config *next = config_load(master->config->path, &error);
        struct certificate certificate = {0};
        if (next == NULL ||
            config_check_reload(master->config, next, &error) != 0 ||
            !confine_allows(master->config, next, &error) ||
            certificate_read(next, &master->certificate, &certificate,
                             &error) != 0)
            refuse(master, buf_cstr(&error));
        else
            reload->again = true;
        config_free(next);
        certificate_wipe(&certificate);
        buf_fini(&error);
        return;
    }
    if (prepare(master) == 0)
        reload_send(master);
}

int
config_memfd(const struct config *config)
{
    struct buf text;
    buf_init_secret(&text, 0);
    config_serialize(config, false, &text);
    int fd = buf_ok(&text) ? memfd_create("aigw-config", MFD_CLOEXEC) : -1;
    int result = fd;
    if (fd < 0)
        result = buf_ok(&text) ? -errno : -ENOMEM;
    else if (write(fd, buf_ptr(&text), buf_len(&text)) !=
                 (ssize_t)buf_len(&text) ||
             lseek(fd, 0, SEEK_SET) != 0) {
        result = errno != 0 ? -errno : -EIO;
        close(fd);
    }
    buf_fini(&text);
    return result;
}

void
reload_send(struct master *master)
{
    struct reload *reload = &master->reload;
    if (reload->next == NULL)
        return;
    for (struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != ROLE_ACCOUNTANT || c->state != CHILD_READY)
            continue;
        struct control_message message = {.type = CONTROL_CONFIG,
                                          .value = master->generation + 1};
        int fd = config_memfd(reload->next);
        int r = fd < 0 ? fd : control_send(c->control_fd, &message, fd);
        if (fd >= 0)
            close(fd);
        if (r < 0) {
            refuse(master, "the accountant cannot be reached");
            drop_next(master);
        } else {
            reload->sent = true;
        }
        return;
    }
    /* No accountant now: sent when the next one is ready. */
}

void
reload_on_failed(struct master *master, const char *reason)
{
    if (master->reload.next == NULL)
        return;
    refuse(master, reason);
    drop_next(master);
}

void
reload_on_done(struct master *master)
{
    struct reload *reload = &master->reload;
    if (reload->next == NULL || !reload->sent)
        return;
    listeners_close_gone(master->heritage.listeners,
                         master->heritage.listener_count, reload->listeners,
                         reload->listener_count);
    memcpy(master->heritage.listeners, reload->listeners,
           sizeof(reload->listeners));
    master->heritage.listener_count = reload->listener_count;
    config_free(master->config);
    master->config = reload->next;
    reload->next = NULL;
    apply_log(master);
    certificate_wipe(&master->certificate);
    master->certificate = reload->certificate;
    reload->certificate = (struct certificate){0};
    certificate_watch(master);
    certificate_warn_unverified(master->config);
    reload->sent = false;
    reload->starting = true;
    reload->since_ms = loop_now_ms(master->loop);
    master->workers_off = false;
    master->generation++;
    struct shm_header *header = master->segment.header;
    shm_store(&header->config_generation, master->generation);
    finish(master, "");
    supervise_fill(master);
}

static bool
new_workers_ready(const struct master *master)
{
    unsigned ready = 0;
    for (const struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == ROLE_WORKER && c->state == CHILD_READY &&
            c->generation == master->generation)
            ready++;
    return ready >= master->config->server.workers;
}

static void
drain_old_workers(struct master *master)
{
    struct control_message drain = {.type = CONTROL_DRAIN};
    for (struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != ROLE_WORKER || c->state == CHILD_ORPHAN ||
            c->state == CHILD_DRAINING || c->generation == master->generation)
            continue;
        c->state = CHILD_DRAINING;
        int r = control_send(c->control_fd, &drain, -1);
        if (r < 0)
            log_warn("cannot tell worker[%d] to drain: %s", (int)c->pid,
                     strerror(-r)); /* it is dying: waitpid follows */
    }
}

void
reload_check(struct master *master)
{
    struct reload *reload = &master->reload;
    if (reload->starting && new_workers_ready(master)) {
        reload->starting = false;
        log_info("reload done, generation=%llu",
                 (unsigned long long)master->generation);
        drain_old_workers(master);
        if (master->upgrade.replacing)
            upgrade_on_done(master);
    }
    if (reload->again && !reload_is_busy(master)) {
        reload->again = false;
        reload_begin(master);
    }
}
