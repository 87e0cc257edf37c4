/*
 * worker.c - the data plane process: made, led by the master's messages, ended.
 *
 *   message      what it does
 *   DRAIN        no accept; running requests end; drain_timeout cuts the rest
 *   STOP         as DRAIN, but running requests are cut now, with an error event
 *   REOPEN       the log
 *   CERTIFICATE  new connections have the one that comes along
 *   (EOF)        the master died: as DRAIN
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/auth_cache.h"
#include "worker/client.h"
#include "worker/courier.h"
#include "worker/probe.h"
#include "worker/teller.h"
#include "worker/exchange.h"
#include "worker/health.h"
#include "worker/health_check.h"
#include "worker/queue.h"
#include "worker/pattern_set.h"
#include "worker/request.h"
#include "worker/retry.h"

enum {
    HEARTBEAT_MS = 1000,
    CATALOGUE_RETRY_MS = 200, /* a file that cannot be read: not per request */
    STOP_FLUSH_MS = 2000,     /* for the last bytes of what was cut */
    EXIT_BAD_SETUP = 2, /* the master does not start such a worker again */
};

/* What worker_main owns besides struct worker. */
struct worker_process {
    struct worker worker;
    struct loop_source control;
    struct loop_timer heartbeat;
    struct loop_timer deadline; /* of the drain */
    bool is_cut;                /* the deadline has cut what was running */
    bool leave;                 /* whatever is left */
};

struct catalogue *
worker_catalogue(struct worker *worker)
{
    const struct heritage *heritage = worker->heritage;
    uint64_t current = catalogue_current(heritage->segment);
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (worker->catalogue != NULL && worker->catalogue->generation == current)
        return catalogue_get(worker->catalogue);
    if (current != 0 && now_ms >= worker->catalogue_retry_ms) {
        int error = 0;
        struct catalogue *next =
            catalogue_load(heritage->segment, heritage->secrets, &error);
        if (next != NULL) {
            if (worker->catalogue != NULL)
                catalogue_put(worker->catalogue);
            worker->catalogue = next;
            if (worker->upstreams != NULL)
                upstreams_trim(worker->upstreams);
        } else {
            worker->catalogue_retry_ms = now_ms + CATALOGUE_RETRY_MS;
            log_warn("cannot read the catalogue, generation %" PRIu64
                     ": %s; going on with the last one",
                     current, strerror(-error));
        }
    }
    return worker->catalogue == NULL ? NULL : catalogue_get(worker->catalogue);
}

static void
heartbeat_on_timer(struct loop_timer *timer)
{
    struct worker_process *process =
        OWNER_OF(timer, struct worker_process, heartbeat);
    struct worker *worker = &process->worker;
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct shm_column *column = worker->seat.shm;
    seat_heartbeat(&worker->seat, now_ms);
    shm_store(&column->connections, worker->connection_count);
    shm_store(&column->requests, worker->request_count);
    shm_store(&column->draining, worker->draining);
    body_pool_trim(&worker->body_pool);
    /* A new generation is taken up even while nobody asks. */
    struct catalogue *catalogue = worker_catalogue(worker);
    if (catalogue != NULL)
        catalogue_put(catalogue);
    health_check_tick(worker);
    courier_tick(worker);
    teller_tick(worker);
    probe_tick(worker);
    loop_timer_set(worker->loop, timer, now_ms + HEARTBEAT_MS);
}

static void
cut_running(struct worker_process *process)
{
    struct worker *worker = &process->worker;
    process->is_cut = true;
    requests_cut_all(worker);
    client_drain_idle(worker);
    loop_timer_set(worker->loop, &process->deadline,
                   loop_now_ms(worker->loop) + STOP_FLUSH_MS);
}

static void
deadline_on_timer(struct loop_timer *timer)
{
    struct worker_process *process =
        OWNER_OF(timer, struct worker_process, deadline);
    struct worker *worker = &process->worker;
    if (process->is_cut) {
        process->leave = true; /* who has not read by now never will */
        return;
    }
    log_warn("drain_timeout has passed with %" PRIu32
             " connections and %" PRIu32 " requests left: they are cut",
             client_open_count(worker), requests_running(worker));
    cut_running(process);
}

static void
drain(struct worker_process *process)
{
    struct worker *worker = &process->worker;
    const struct shm_header *header = worker->heritage->segment->header;
    if (!worker->draining) {
        client_drain(worker);
        shm_store(&worker->seat.shm->draining, 1);
        loop_timer_set(worker->loop, &process->deadline,
                       loop_now_ms(worker->loop) +
                           worker->config->server.drain_timeout_ms);
    }
    /* The whole server stops: no successor takes over, so idle connections
     * have nothing to wait for. */
    if (shm_load(&header->draining) != 0) {
        worker->stopping = true;
        client_drain_idle(worker);
    }
}

static void
obey(struct worker_process *process, const struct control_message *message,
     int passed_fd)
{
    switch (message->type) {
    case CONTROL_DRAIN:
        drain(process);
        break;
    case CONTROL_STOP:
        process->worker.stopping = true;
        drain(process);
        cut_running(process);
        break;
    case CONTROL_REOPEN:
        if (log_use(passed_fd) < 0)
            log_warn("cannot use the new error log");
        break;
    case CONTROL_CERTIFICATE:
        client_take_certificate(&process->worker, passed_fd);
        break;
    default:
        log_warn("the master sent an unknown message %" PRIu32, message->type);
    }
}

static void
control_on_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct worker_process *process =
        OWNER_OF(source, struct worker_process, control);
    struct control_message message = {0};
    int passed_fd;
    for (;;) {
        int r = control_receive(source->fd, &message, &passed_fd);
        if (r == -EAGAIN)
            return;
        if (r <= 0)
            break;
        obey(process, &message, passed_fd);
        if (passed_fd >= 0)
            close(passed_fd);
    }
    log_warn("the master has gone: draining");
    loop_remove(process->worker.loop, source);
    drain(process);
}

/* Its share of what all workers together may use. */
static uint64_t
share(uint64_t all, unsigned workers)
{
    return workers > 1 ? all / workers : all;
}

static int
worker_init(struct worker_process *process, const struct heritage *heritage)
{
    struct worker *worker = &process->worker;
    const struct config_server *config = &heritage->config->server;
    worker->heritage = heritage;
    worker->config = heritage->config;
    worker->body_bytes_max = share(config->body_memory_bytes, config->workers);
    if (worker->body_bytes_max < config->body_max_bytes)
        worker->body_bytes_max = config->body_max_bytes;
    /* As much again for translating, and room for one body in both forms. */
    worker->canon_bytes_max = worker->body_bytes_max;
    if (worker->canon_bytes_max < 2 * config->body_max_bytes)
        worker->canon_bytes_max = 2 * config->body_max_bytes;
    crypto_random(worker->request_id_base, sizeof(worker->request_id_base));
    buf_init(&worker->reply, 0);
    int len = snprintf(worker->admin_path, sizeof(worker->admin_path),
                       "%s/aigw.sock", config->run_dir);
    if (len < 0 || (size_t)len >= sizeof(worker->admin_path))
        return -ENAMETOOLONG;
    int r = seat_open(&worker->seat, heritage->segment, heritage->column);
    if (r < 0)
        return r;
    worker->loop = loop_create();
    if (worker->loop == NULL)
        return -ENOMEM;
    worker->requests = requests_create();
    worker->retries = retries_create(worker->heritage->segment);
    worker->upstreams = upstreams_create(worker);
    worker->auth_cache = auth_cache_create();
    worker->health = health_create(worker);
    worker->queues = queues_create(worker);
    if (worker->requests == NULL || worker->retries == NULL ||
        worker->upstreams == NULL || worker->auth_cache == NULL ||
        worker->health == NULL || worker->queues == NULL)
        return -ENOMEM;
    upstreams_set_idle_max(worker->upstreams, heritage_idle_upstream(heritage));
    cache_worker_open(worker);
    struct catalogue *catalogue = worker_catalogue(worker);
    if (catalogue != NULL)
        catalogue_put(catalogue);
    return 0;
}

static int
worker_serve(struct worker_process *process)
{
    struct worker *worker = &process->worker;
    process->heartbeat.expired = heartbeat_on_timer;
    process->deadline.expired = deadline_on_timer;
    process->control = (struct loop_source){.fd = worker->heritage->control_fd,
                                            .ready = control_on_ready};
    int r = loop_add(worker->loop, &process->control, EPOLLIN);
    if (r < 0)
        return r;
    heartbeat_on_timer(&process->heartbeat);
    r = client_listen(worker);
    if (r < 0)
        return r;
    struct control_message ready = {.type = CONTROL_READY};
    return control_send(worker->heritage->control_fd, &ready, -1);
}

/* Left to do: a connection, or a request whose client has gone but whose
 * provider is still read, or a charge of which nobody knows yet, or a test that
 * somebody waits for. */
static bool
is_busy(const struct worker *worker)
{
    return client_open_count(worker) > 0 || requests_running(worker) > 0 ||
           teller_is_busy(worker) ||
           (worker->probes != NULL && !worker->stopping);
}

static void
worker_loop(struct worker_process *process)
{
    const struct worker *worker = &process->worker;
    while (!process->leave && (!worker->draining || is_busy(worker)))
        loop_turn(worker->loop, -1);
}

static void
worker_fini(struct worker_process *process)
{
    struct worker *worker = &process->worker;
    client_close_all(worker);
    requests_cut_all(worker);
    loop_turn(worker->loop, 0); /* requests let go of their exchanges */
    health_check_stop(worker);
    courier_stop(worker);
    teller_stop(worker);
    probe_stop(worker);
    upstreams_destroy(&worker->upstreams);
    loop_destroy(&worker->loop); /* runs what was put off: frees */
    client_fini(worker);
    requests_destroy(&worker->requests);
    retries_destroy(&worker->retries);
    cache_worker_close(worker);
    auth_cache_destroy(&worker->auth_cache);
    health_destroy(&worker->health);
    queues_destroy(&worker->queues);
    body_pool_fini(&worker->body_pool);
    if (worker->catalogue != NULL)
        catalogue_put(worker->catalogue);
    buf_fini(&worker->reply);
    pattern_sets_free(&worker->pattern_sets);
    free(worker->redact_text);
    seat_close(&worker->seat);
}

int
worker_main(const struct heritage *heritage)
{
    struct worker_process *process = calloc(1, sizeof(*process));
    if (process == NULL)
        fatal("out of memory for a worker");
    int r = worker_init(process, heritage);
    if (r < 0)
        fatal("a worker cannot start: %s", strerror(-r));
    r = worker_serve(process);
    if (r == -EINVAL)
        return EXIT_BAD_SETUP;
    if (r < 0)
        fatal("a worker cannot serve: %s", strerror(-r));
    worker_loop(process);
    worker_fini(process);
    free(process);
    return 0;
}
