/*
 * start.c - everything between a checked configuration and the loop: folders,
 * pid file, secret, segment, listeners, what an earlier master left.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/net/listen.h"
#include "common/proc.h"
#include "common/version.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/pid_file.h"
#include "shm/column.h"
#include "shm/answer_cache.h"
#include "shm/idempotency.h"
#include "shm/payload_ring.h"

/* [server] user, where we are root and there is one; else NULL. */
static const struct passwd *
other_user(const struct config *config)
{
    const char *user = config->server.user;
    if (geteuid() != 0 || user == NULL || user[0] == '\0')
        return NULL;
    const struct passwd *pw = getpwnam(user);
    if (pw == NULL)
        fatal("[server] user: there is no user '%s'", user);
    return pw;
}

uid_t
master_other_uid(const struct config *config)
{
    const struct passwd *pw = other_user(config);
    return pw != NULL ? pw->pw_uid : (uid_t)-1;
}

static void
give_to_user(const struct config *config, const char *path)
{
    const struct passwd *pw = other_user(config);
    if (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) != 0)
        fatal("cannot give %s to %s: %s", path, pw->pw_name, strerror(errno));
}

static void
make_folders(const struct config *config)
{
    const char *const paths[] = {config->server.data_dir,
                                 config->server.run_dir};
    const mode_t modes[] = {0700, 0755};
    for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
        int r = proc_mkdir_p(paths[i], modes[i]);
        if (r < 0)
            fatal("cannot make folder %s: %s", paths[i], strerror(-r));
        /* run_dir stays ours: who can replace the pid file there makes root
         * signal another process. */
        if (i == 0)
            give_to_user(config, paths[i]);
    }
}

/* The credential `aigw-secret` where systemd gave one, else the file in
 * data_dir. Both would mean two: what was sealed with one stays closed to the
 * other. */
static void
load_secret(struct master *master)
{
    char file[512], path[512];
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    int r = -ENOENT;
    snprintf(file, sizeof(file), "%s/secret", master->config->server.data_dir);
    if (folder != NULL) {
        snprintf(path, sizeof(path), "%s/aigw-secret", folder);
        r = crypto_secrets_load_credential(master->secrets, path);
        if (r == 0 && access(file, F_OK) == 0)
            fatal("there are two master secrets, %s and %s: keep the one that "
                  "the ledger was begun with",
                  path, file);
    }
    if (r == -ENOENT) {
        memcpy(path, file, sizeof(path));
        r = crypto_secrets_load(master->secrets, path, true);
    }
    if (r == -EPERM)
        fatal("%s can be read by others: chmod 600 it", path);
    if (r < 0)
        fatal("cannot read the master secret %s: %s", path, strerror(-r));
}

/* Which ledger a segment belongs to: derived from the secret that lies beside
 * the ledger. Never 0, which is "made before there was one". */
static uint64_t
own_instance_id(const struct master *master)
{
    uint64_t id = hash_siphash(master->secrets->hash_seed, "instance", 8);
    return id != 0 ? id : 1;
}

static void
create_segment(struct master *master, const char *path)
{
    const struct config_server *server = &master->config->server;
    struct segment_sizes sizes = {
        .workers = server->workers,
        .max_keys = (uint32_t)server->max_keys,
        .max_models = (uint32_t)server->max_models,
        .max_limits = (uint32_t)server->max_limits,
        .max_requests = (uint32_t)server->max_requests,
        .ring_mib = (uint32_t)server->ring_mib,
    };
    sizes.instance_id = own_instance_id(master);
    snprintf(sizes.instance, sizeof(sizes.instance), "%s", server->instance);
    struct buf error;
    buf_init(&error, 0);
    int r = segment_create(&master->segment, &sizes, &error);
    if (r < 0)
        fatal("cannot create the segment %s: %s (%s)", path, buf_cstr(&error),
              strerror(-r));
    buf_fini(&error);
    give_to_user(master->config, path);
    log_info("created segment %s, %llu MiB of address space", path,
             (unsigned long long)(master->segment.bytes >> 20));
}

/* The pid file is one of run_dir, the segment one of the instance: two masters
 * with different run_dirs must not share it. */
static void
refuse_second_master(const struct shm_header *header)
{
    uint64_t pid = shm_load(&header->master_pid);
    uint64_t start = shm_load(&header->master_start);
    if (pid != 0 && start != 0 && pid != (uint64_t)getpid() &&
        proc_start_time((pid_t)pid) == start)
        fatal("another aigw runs this instance (process %llu): give this one "
              "another name in [server] instance",
              (unsigned long long)pid);
}

static void
set_aside(const char *path, const char *reason)
{
    log_warn("segment %s is not used: %s", path, reason);
    int r = segment_set_aside(path);
    if (r < 0)
        fatal("cannot set %s aside: %s", path, strerror(-r));
}

/* 0, or -ENOENT when a new one has to be made. */
static int
attach_segment(struct master *master, const char *path)
{
    struct buf error;
    buf_init(&error, 0);
    int r = segment_attach(&master->segment, path, true,
                           master_other_uid(master->config), &error);
    if (r == -EPROTO)
        fatal("%s. It may hold usage that is not in the ledger yet: start the "
              "aigw that made it and stop that one cleanly, or give it up by "
              "removing the file",
              buf_cstr(&error));
    if (r == -ESTALE) {
        set_aside(path, buf_cstr(&error));
        r = -ENOENT;
    }
    if (r < 0 && r != -ENOENT)
        fatal("cannot attach %s: %s (%s)", path, buf_cstr(&error),
              strerror(-r));
    buf_fini(&error);
    if (r < 0)
        return r;
    refuse_second_master(master->segment.header);
    uint64_t id = master->segment.header->instance_id;
    if (id == 0 || id == own_instance_id(master))
        return 0;
    segment_detach(&master->segment);
    set_aside(path, "it belongs to the ledger of another data_dir (or the "
                    "master secret was replaced); what it holds stays in the "
                    "file PATH.stale");
    return -ENOENT;
}

/* A segment that is still there is worth more than a new one: it holds what was
 * settled and not yet flushed. One that is not ours is set aside. */
static void
open_segment(struct master *master)
{
    char path[128];
    segment_path(master->config->server.instance, path);
    if (attach_segment(master, path) == 0)
        log_info("attached segment %s of an earlier run", path);
    else
        create_segment(master, path);
    struct shm_header *header = master->segment.header;
    shm_store(&header->master_pid, (uint64_t)getpid());
    shm_store(&header->master_start, proc_start_time(getpid()));
    shm_store(&header->draining, 0);
    master->generation = shm_load(&header->config_generation) + 1;
    shm_store(&header->config_generation, master->generation);
}

void
master_open_idempotency(struct master *master)
{
    if (!master->config->server.idempotency)
        return;
    int r = idempotency_open(&master->heritage.idempotency, &master->segment,
                             master_other_uid(master->config));
    if (r < 0)
        fatal("cannot make the table of Idempotency-Keys beside %s: %s",
              master->segment.path, strerror(-r));
}

void
master_open_payloads(struct master *master)
{
    if (master->config->log.payload_mib == 0)
        return;
    int r = payload_rings_open(&master->heritage.payloads, &master->segment,
                               master->config->log.payload_mib,
                               master_other_uid(master->config));
    if (r < 0)
        fatal("cannot make the rings of payloads beside %s: %s",
              master->segment.path, strerror(-r));
}

/* It holds copies only: without it all goes on. */
void
master_open_cache(struct master *master)
{
    uint64_t bytes = master->config->server.cache_memory_bytes;
    if (bytes == 0) {
        answer_cache_unlink(&master->segment);
        return;
    }
    int r = answer_cache_open(&master->heritage.answer_cache, &master->segment,
                              bytes, master_other_uid(master->config));
    if (r < 0)
        log_warn("cannot make the cache of answers beside %s: %s; going on "
                 "without one",
                 master->segment.path, strerror(-r));
}

static bool
is_child(const struct master *master, pid_t pid)
{
    for (const struct child *c = master->children; c != NULL; c = c->next)
        if (c->pid == pid)
            return true;
    return false;
}

/* Workers of an earlier master finish by themselves; dead ones are reaped; its
 * accountant is waited for (two must not reap at a time). */
void
master_adopt_orphans(struct master *master)
{
    struct shm_header *header = master->segment.header;
    for (uint32_t i = 0; i < column_high(&master->segment); i++) {
        struct shm_column *column = segment_column(&master->segment, i);
        if (shm_load(&column->state) != SHM_COLUMN_LIVE ||
            is_child(master, (pid_t)shm_load(&column->pid)))
            continue;
        if (!spawn_adopt(master, &roles[ROLE_WORKER],
                         (pid_t)shm_load(&column->pid),
                         shm_load(&column->start_time), i))
            column_mark_dying(&master->segment, i);
    }
    uint64_t pid = shm_load(&header->accountant_pid);
    uint64_t start = shm_load(&header->accountant_start);
    if (pid != 0 && start != 0 && !is_child(master, (pid_t)pid))
        (void)spawn_adopt(master, &roles[ROLE_ACCOUNTANT], (pid_t)pid, start,
                          0);
}

/* Workers pass management on as their user; people of group aigw manage. */
static void
share_socket(const struct master *master)
{
    const struct passwd *pw = other_user(master->config);
    const struct group *group = getgrnam("aigw");
    uid_t uid = pw != NULL ? pw->pw_uid : (uid_t)-1;
    gid_t gid = group != NULL ? group->gr_gid : (gid_t)-1;
    if (geteuid() == 0 && chown(master->socket_path, uid, gid) != 0)
        fatal("cannot share %s: %s", master->socket_path, strerror(errno));
}

static void
open_sockets(struct master *master, const struct heritage_listener *passed,
             unsigned passed_count)
{
    struct heritage *heritage = &master->heritage;
    struct buf error;
    buf_init(&error, 0);
    if (listeners_open(master->config, passed, passed_count, true,
                       heritage->listeners, &heritage->listener_count,
                       &error) < 0)
        fatal("%s", buf_cstr(&error));
    buf_fini(&error);
    for (unsigned i = 0; i < heritage->listener_count; i++)
        log_info("listening on %s%s%s", heritage->listeners[i].text,
                 heritage->listeners[i].tls ? " tls" : "",
                 heritage->listeners[i].admin ? " admin" : "");
    heritage->admin_unix_fd = listen_open_unix(master->socket_path);
    if (heritage->admin_unix_fd < 0)
        fatal("cannot listen on %s: %s", master->socket_path,
              strerror(-heritage->admin_unix_fd));
    share_socket(master);
    heritage->accountant_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (heritage->accountant_wake_fd < 0)
        fatal("eventfd: %s", strerror(errno));
}

static void
block_signals(struct master *master)
{
    int numbers[16] = {SIGCHLD};
    unsigned n = 1;
    for (const struct signal_row *row = signal_table; row->name != NULL; row++)
        numbers[n++] = row->number;
    master->signals.fd = proc_signalfd(numbers);
    if (master->signals.fd < 0)
        fatal("signalfd: %s", strerror(-master->signals.fd));
    signal(SIGPIPE, SIG_IGN);
}

/* What is missing is told once, here; each worker then takes fewer clients. */
static void
raise_descriptors(struct master *master)
{
    struct heritage *heritage = &master->heritage;
    uint64_t wanted = heritage_descriptors_wanted(master->config);
    heritage->config = master->config;
    heritage->descriptors = proc_raise_nofile();
    if (heritage->descriptors < wanted)
        log_warn("a process may open %llu files, max_connections needs %llu: "
                 "each worker takes %u clients at once (raise ulimit -n or "
                 "LimitNOFILE=)",
                 (unsigned long long)heritage->descriptors,
                 (unsigned long long)wanted, heritage_connections(heritage));
}

void
master_prepare(struct master *master)
{
    const struct config *config = master->config;
    snprintf(master->pid_path, sizeof(master->pid_path), "%s/aigw.pid",
             config->server.run_dir);
    snprintf(master->socket_path, sizeof(master->socket_path), "%s/aigw.sock",
             config->server.run_dir);
    proc_title_set("aigw: master %s", config->path);
    block_signals(master);
    /* A test's fast clock begins here, and is one for all children. */
    (void)clock_period_ms();
    raise_descriptors(master);
    notify_init();
    master->upgrade.exe_fd = master->upgrade.output_fd = -1;
    master->heritage.segment = &master->segment;
    master->secrets = crypto_secrets_alloc();
    if (master->secrets == NULL)
        fatal("out of memory");
    master->heritage.secrets = master->secrets;
    master->heritage.certificate = &master->certificate;
    master->loop = loop_create();
    if (master->loop == NULL)
        fatal("cannot make an event loop");
}

void
master_start(struct master *master)
{
    const struct config *config = master->config;
    log_info("aigw %s starts, configuration %s", AIGW_VERSION, config->path);
    struct heritage_listener passed[HERITAGE_LISTENERS_MAX];
    unsigned passed_count = activation_take(passed);
    master_prepare(master);
    make_folders(config);
    master->pid_file_fd = pid_file_take(master->pid_path);
    load_secret(master);
    certificate_start(master);
    open_segment(master);
    master_open_idempotency(master);
    if (master->heritage.idempotency != NULL) {
        char path[160];
        idempotency_path(&master->segment, path);
        give_to_user(config, path);
    }
    master_open_payloads(master);
    if (master->heritage.payloads != NULL) {
        char path[160];
        payload_rings_path(&master->segment, path);
        give_to_user(config, path);
    }
    master_open_cache(master);
    if (master->heritage.answer_cache != NULL) {
        char path[160];
        answer_cache_path(&master->segment, path);
        give_to_user(config, path);
    }
    master_adopt_orphans(master);
    open_sockets(master, passed, passed_count);
    activation_check(passed, passed_count, master->heritage.listeners,
                     master->heritage.listener_count);
    certificate_watch(master);
    certificate_warn_unverified(config);
    if (geteuid() == 0 &&
        (config->server.user == NULL || config->server.user[0] == '\0'))
        log_warn("workers run as root: set [server] user");
    confine_master(master);
}

/* The pid file last: its lock is what keeps the next master from attaching a
 * segment that we are about to remove. */
void
master_finish(struct master *master)
{
    unlink(master->socket_path);
    if (master->accountant_clean) {
        /* Everything is in the ledger: the next start makes a new segment,
         * with the sizes that the configuration then asks for. */
        char path[160];
        uint64_t n = shm_load(&master->segment.header->catalogue_generation);
        for (uint64_t i = n > 1 ? n - 1 : 0; i <= n; i++) {
            snprintf(path, sizeof(path), "%s.cat.%llu", master->segment.path,
                     (unsigned long long)i);
            unlink(path);
        }
        idempotency_unlink(&master->segment);
        payload_rings_unlink(&master->segment);
        answer_cache_unlink(&master->segment);
        int r = segment_unlink(master->segment.path);
        if (r < 0)
            log_warn("cannot remove %s: %s", master->segment.path,
                     strerror(-r));
    }
    unlink(master->pid_path);
    log_info("aigw has stopped");
    crypto_secrets_free(&master->secrets);
    certificate_wipe(&master->certificate);
    idempotency_close(&master->heritage.idempotency);
    payload_rings_close(&master->heritage.payloads);
    answer_cache_close(&master->heritage.answer_cache);
    segment_detach(&master->segment);
    config_free(master->config);
}
