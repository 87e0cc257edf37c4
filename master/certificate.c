/*
 * certificate.c - the server's certificate: read with the master's rights,
 * looked at by time, and given to the workers that run.
 *
 * Renewed files are noticed by stat() every tls_reload. They are read when they
 * have rested for a moment (a renewal replaces two files, or writes one in
 * pieces) and used when they fit; else the one in use stays and the reason is
 * logged once. Running workers get it by message: nothing drains, no stream is
 * cut, and the rest of the configuration is not read again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "master/master.h"

enum { REST_MS = 2000 };

void
certificate_warn_unverified(const struct config *config)
{
    for (unsigned i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        if (provider->enabled && !provider->verify &&
            provider->kind != PROVIDER_BUILTIN &&
            strncmp(provider->base_url, "https:", 6) == 0)
            log_warn("[provider.%s] verify = no: whoever answers for %s gets "
                     "its api_key and all prompts; set ca_file to its "
                     "authority instead",
                     provider->name, provider->base_url);
    }
}

static bool
is_wanted(const struct config *config)
{
    return config->server.tls_listen.count > 0 ||
           config->admin.tls_listen.count > 0;
}

int
certificate_read(const struct config *config, const struct certificate *running,
                 struct certificate *out, struct buf *error)
{
    *out = (struct certificate){0};
    if (!is_wanted(config))
        return 0;
    int r = certificate_load(out, config->server.tls_cert,
                             config->server.tls_key, error);
    if (r < 0)
        return r;
    struct buf dates;
    buf_init(&dates, 0);
    r = certificate_check_dates(out, &dates);
    if (r < 0 && running != NULL && certificate_equals(running, out)) {
        /* Nothing gets worse by it; other changes must not have to wait. */
        log_warn("tls_cert %s: %s", config->server.tls_cert, buf_cstr(&dates));
        r = 0;
    } else if (r < 0) {
        buf_printf(error, "tls_cert %s: %s", config->server.tls_cert,
                   buf_cstr(&dates));
        certificate_wipe(out);
    }
    buf_fini(&dates);
    return r;
}

/* Zero for a file that is not there. */
static struct certificate_stamp
stamp_of(const struct config_server *server)
{
    const char *const paths[] = {server->tls_cert, server->tls_key};
    struct certificate_stamp stamp = {0};
    for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
        struct stat st;
        if (paths[i] == NULL || stat(paths[i], &st) != 0)
            continue;
        stamp.files[i].device = st.st_dev;
        stamp.files[i].inode = st.st_ino;
        stamp.files[i].bytes = (uint64_t)st.st_size;
        stamp.files[i].changed_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000u +
                                    (uint64_t)st.st_ctim.tv_nsec;
    }
    return stamp;
}

static bool
is_same(const struct certificate_stamp *a, const struct certificate_stamp *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void
tell_workers(struct master *master)
{
    struct control_message message = {.type = CONTROL_CERTIFICATE};
    int fd = certificate_send(&master->certificate);
    if (fd < 0) {
        log_error("cannot hand the new certificate to the workers: %s; those "
                  "of the next reload will have it",
                  strerror(-fd));
        return;
    }
    for (struct child *c = master->children; c != NULL; c = c->next) {
        if (c->role->id != ROLE_WORKER || c->state == CHILD_ORPHAN)
            continue;
        int r = control_send(c->control_fd, &message, fd);
        if (r < 0) /* it is dying: its successor has it by fork */
            log_warn("worker[%d] did not get the new certificate: %s",
                     (int)c->pid, strerror(-r));
    }
    close(fd);
}

/* For status. */
static void
tell_end(struct master *master)
{
    shm_store(&master->segment.header->certificate_until_s,
              certificate_until(&master->certificate));
}

/* Uses what the files hold now, or says why not; quietly when that was said
 * already. As certificate_read(). */
static int
read_again(struct master *master, bool quiet)
{
    struct certificate next;
    struct buf error;
    buf_init(&error, 0);
    int r =
        certificate_read(master->config, &master->certificate, &next, &error);
    if (r < 0 && !quiet) {
        log_error("the new certificate is not used, the running one stays: %s",
                  buf_cstr(&error));
    } else if (r == 0 && !certificate_equals(&next, &master->certificate)) {
        certificate_wipe(&master->certificate);
        master->certificate = next;
        log_info("tls_cert %s has changed: in use for new connections",
                 master->config->server.tls_cert);
        tell_workers(master);
        tell_end(master);
    } else {
        certificate_wipe(&next);
    }
    buf_fini(&error);
    return r;
}

static void
on_timer(struct loop_timer *timer)
{
    struct certificate_watch *watch =
        (struct certificate_watch *)((char *)timer -
                                     offsetof(struct certificate_watch, timer));
    struct master *master =
        (struct master *)((char *)watch -
                          offsetof(struct master, certificate_watch));
    uint64_t pause_ms = master->config->server.tls_reload_ms;
    struct certificate_stamp now = stamp_of(&master->config->server);
    if (!is_same(&now, &watch->done)) {
        if (is_same(&now, &watch->seen)) {
            /* One that is not valid yet will be, without a change. */
            if (read_again(master, watch->told) != -EKEYREJECTED)
                watch->done = now;
            watch->told = true;
        } else {
            watch->seen = now;
            watch->told = false;
            pause_ms = pause_ms < REST_MS ? pause_ms : REST_MS;
        }
    }
    loop_timer_set(master->loop, timer, loop_now_ms(master->loop) + pause_ms);
}

void
certificate_watch(struct master *master)
{
    struct certificate_watch *watch = &master->certificate_watch;
    uint64_t pause_ms = master->config->server.tls_reload_ms;
    watch->timer.expired = on_timer;
    tell_end(master);
    /* Read once more, whatever has changed while a reload was under way. */
    watch->done = watch->seen = (struct certificate_stamp){0};
    if (is_wanted(master->config) && pause_ms > 0)
        loop_timer_set(master->loop, &watch->timer,
                       loop_now_ms(master->loop) + pause_ms);
    else
        loop_timer_clear(master->loop, &watch->timer);
}

void
certificate_start(struct master *master)
{
    struct buf error;
    buf_init(&error, 0);
    const struct config *config = master->config;
    int r = 0;
    if (is_wanted(config))
        r = certificate_load(&master->certificate, config->server.tls_cert,
                             config->server.tls_key, &error);
    if (r < 0)
        fatal("%s", buf_cstr(&error));
    /* A host that comes up again with an old certificate, or a wrong clock,
     * serves what it can: plain listeners, and clients that pin the key. */
    if (is_wanted(config) &&
        certificate_check_dates(&master->certificate, &error) < 0)
        log_error("tls_cert %s: %s; clients will refuse it",
                  config->server.tls_cert, buf_cstr(&error));
    buf_fini(&error);
}
