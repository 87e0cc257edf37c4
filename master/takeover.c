/*
 * takeover.c - the start of a program that a running master became by exec
 * (upgrade.c): it takes the sockets, the segment and the children as they are.
 *
 * Until all of that is in its hands nothing is changed, and a fatal() on the
 * way execs the program that handed over, which takes it all back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "common/version.h"
#include "master/handover.h"
#include "master/master.h"
#include "master/notify.h"

/* What goes back; NULL: nothing may. */
static struct handover *armed;

/* exit() calls it after a fatal(). The old program finds the same hand-over,
 * with a mark that there is no third way. */
static void
go_back(void)
{
    struct handover *h = armed;
    if (h == NULL)
        return;
    armed = NULL;
    h->is_return = true;
    int old_fd = h->fd;
    h->fd = handover_write(h);
    close(old_fd);
    int r = h->fd < 0 ? h->fd : handover_keep_open(h, true);
    if (r == 0) {
        char number[16];
        snprintf(number, sizeof(number), "%d", h->fd);
        setenv(HANDOVER_VARIABLE, number, 1);
        log_error("going back to the program that ran before");
        r = proc_exec_fd(h->exe_fd, proc_arguments());
    }
    log_error("cannot go back to the program that ran before: %s; the workers "
              "finish what they hold",
              strerror(-r));
}

struct handover *
takeover_find(void)
{
    const char *text = getenv(HANDOVER_VARIABLE);
    if (text == NULL)
        return NULL;
    char *end;
    long fd = strtol(text, &end, 10);
    bool is_number = end != text && *end == '\0' && fd > STDERR_FILENO;
    unsetenv(HANDOVER_VARIABLE);
    struct handover *handover = calloc(1, sizeof(*handover));
    struct buf error;
    buf_init(&error, 0);
    if (handover == NULL || !is_number ||
        handover_read((int)fd, handover, &error) < 0 ||
        handover_keep_open(handover, false) < 0)
        fatal("%s is set, but %s", HANDOVER_VARIABLE,
              buf_len(&error) > 0 ? buf_cstr(&error) : "nothing is there");
    buf_fini(&error);
    if (!handover->is_return) {
        armed = handover;
        atexit(go_back);
    }
    return handover;
}

struct config *
takeover_config(const struct handover *handover)
{
    struct stat st;
    struct buf text, error;
    buf_init(&text, 0);
    buf_init(&error, 0);
    if (fstat(handover->config_fd, &st) != 0 ||
        buf_reserve(&text, (size_t)st.st_size) != 0 ||
        pread(handover->config_fd, text.data, (size_t)st.st_size, 0) !=
            (ssize_t)st.st_size)
        fatal("the running configuration did not arrive");
    struct config *config =
        config_parse_text(str_make(text.data, (size_t)st.st_size), &error);
    if (config == NULL)
        fatal("the running configuration is not usable: %s", buf_cstr(&error));
    crypto_wipe(text.data, (size_t)st.st_size);
    free(config->path);
    config->path = strdup(handover->config_path);
    if (config->path == NULL)
        fatal("out of memory");
    buf_fini(&text);
    buf_fini(&error);
    return config;
}

static void
take_secret(struct master *master, int fd)
{
    uint8_t secret[CRYPTO_SECRET_BYTES];
    if (pread(fd, secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        fatal("the master secret did not arrive");
    crypto_secrets_set(master->secrets, secret);
    crypto_wipe(secret, sizeof(secret));
}

static void
attach(struct master *master)
{
    char path[128];
    struct buf error;
    buf_init(&error, 0);
    segment_path(master->config->server.instance, path);
    if (segment_attach(&master->segment, path, true,
                       master_other_uid(master->config), &error) < 0)
        fatal("%s", buf_cstr(&error));
    buf_fini(&error);
    master_open_idempotency(master);
    master_open_payloads(master);
    master_open_cache(master);
}

static void
take_children(struct master *master, const struct handover *h)
{
    for (unsigned i = 0; i < h->child_count; i++) {
        const struct handover_child *c = &h->children[i];
        enum role_id role = c->is_worker ? ROLE_WORKER : ROLE_ACCOUNTANT;
        spawn_take_over(master, &roles[role], c->pid, c->control_fd, c->column,
                        (enum child_state)c->state, c->generation,
                        c->started_ms);
    }
}

/* The written configuration may have changed since it was read last. */
static bool
file_says_other(const struct config *running)
{
    struct buf old_text, new_text, error;
    buf_init(&old_text, 0);
    buf_init(&new_text, 0);
    buf_init(&error, 0);
    struct config *next = config_load(running->path, &error);
    bool differs = next == NULL; /* the reload tells what is wrong with it */
    if (next != NULL) {
        config_serialize(running, false, &old_text);
        config_serialize(next, false, &new_text);
        differs = buf_len(&old_text) != buf_len(&new_text) ||
                  memcmp(buf_ptr(&old_text), buf_ptr(&new_text),
                         buf_len(&old_text)) != 0;
        crypto_wipe(old_text.data, old_text.end);
        crypto_wipe(new_text.data, new_text.end);
    }
    config_free(next);
    buf_fini(&old_text);
    buf_fini(&new_text);
    buf_fini(&error);
    return differs;
}

/* From here on the new program's children come in the places of the old. */
static void
replace_children(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct control_message stop = {.type = CONTROL_STOP};
    master->generation++;
    shm_store(&master->segment.header->config_generation, master->generation);
    upgrade->replacing = true;
    upgrade->since_ms = loop_now_ms(master->loop);
    upgrade->reload_after = file_says_other(master->config);
    master->reload.starting = !master->workers_off;
    master->reload.since_ms = upgrade->since_ms;
    spawn_tell(master, ROLE_ACCOUNTANT, &stop, -1);
    for (struct child *c = master->children; c != NULL; c = c->next)
        if (c->role->id == ROLE_ACCOUNTANT && c->state != CHILD_ORPHAN)
            c->state = CHILD_DRAINING;
}

void
master_take_over(struct master *master, struct handover *h)
{
    log_info("aigw %s %s, configuration %s, children=%u", AIGW_VERSION,
             h->is_return ? "takes back what it handed over"
                          : "takes over in place",
             h->config_path, h->child_count);
    master_prepare(master);
    master->pid_file_fd = h->pid_file_fd;
    take_secret(master, h->secret_fd);
    if (certificate_receive(&master->certificate, h->certificate_fd) < 0)
        fatal("the certificate did not arrive");
    attach(master);
    struct heritage *heritage = &master->heritage;
    heritage->admin_unix_fd = h->admin_unix_fd;
    heritage->accountant_wake_fd = h->wake_fd;
    memcpy(heritage->listeners, h->listeners, sizeof(h->listeners));
    heritage->listener_count = h->listener_count;
    master->workers_off = h->workers_off;
    master->generation = h->generation;
    master->served = true;
    master->notify.ready = master->notify.reloading = true;
    master->reload.count = h->reloads;
    master->upgrade.count = h->upgrades;
    master->upgrade.wanted = h->upgrade_wanted && !h->is_return;
    memcpy(master->reload.reason, h->reload_reason, sizeof(h->reload_reason));
    take_children(master, h);
    master_adopt_orphans(master);

    armed = NULL; /* all is in our hands */
    if (h->is_return) {
        master->restored = true;
        master->upgrade.count++;
        snprintf(master->upgrade.outcome, sizeof(master->upgrade.outcome),
                 "refused: the new program could not take over, see the log");
        upgrade_tell_outcome(master);
    } else {
        replace_children(master);
    }
    certificate_watch(master);
    confine_master(master);
    close(h->exe_fd);
    close(h->config_fd);
    close(h->secret_fd);
    close(h->certificate_fd);
    close(h->fd);
    free(h);
}
