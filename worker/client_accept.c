/*
 * client_accept.c - the worker's listeners: watched, accepted from, given up.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/client_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/net/listen.h"

enum {
    ACCEPT_PAUSE_MS = 200, /* no descriptors: give others time to leave */
    TELL_AGAIN_MS = 10000,
    TIMERS_PER_CLIENT =
        4, /* its own, its exchange's, the connector's, a delay */
    TIMERS_APART = 64,
};

static void
listeners_watch(struct worker *worker, bool on)
{
    struct clients *clients = worker->clients;
    for (unsigned i = 0; i < clients->listener_count; i++) {
        struct client_listener *listener = &clients->listeners[i];
        loop_remove(worker->loop, &listener->source);
        if (!on)
            continue;
        listener->source.fd = worker->heritage->listeners[i].fd;
        int r =
            loop_add(worker->loop, &listener->source, EPOLLIN | EPOLLEXCLUSIVE);
        if (r < 0)
            log_error("cannot watch listener %s: %s",
                      worker->heritage->listeners[i].text, strerror(-r));
    }
}

static void
accept_on_timer(struct loop_timer *timer)
{
    struct clients *clients = OWNER_OF(timer, struct clients, accept_timer);
    struct worker *worker = clients->listeners[0].worker;
    if (!worker->draining)
        listeners_watch(worker, true);
}

static void
accept_pause(struct worker *worker)
{
    listeners_watch(worker, false);
    loop_timer_set(worker->loop, &worker->clients->accept_timer,
                   loop_now_ms(worker->loop) + ACCEPT_PAUSE_MS);
}

/* Whether a warning is due: they come together, and again and again. */
static bool
may_tell(struct worker *worker)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (now_ms < worker->clients->told_ms)
        return false;
    worker->clients->told_ms = now_ms + TELL_AGAIN_MS;
    return true;
}

/* Nobody can go: the next ones wait in the kernel, or for another worker. */
static void
accept_full(struct worker *worker)
{
    if (may_tell(worker))
        log_warn("%u connections are open and all at work: others wait (raise "
                 "max_connections)",
                 worker->connection_count);
    accept_pause(worker);
}

/* One accept per wake: with a level-triggered listener the next worker that
 * has time takes the next one, which spreads them evenly. */
static void
listener_on_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct client_listener *listener =
        OWNER_OF(source, struct client_listener, source);
    struct worker *worker = listener->worker;
    uint8_t addr16[16];
    uint16_t port;
    if (worker->connection_count >= worker->clients->max &&
        !client_evict(worker->clients)) {
        accept_full(worker);
        return;
    }
    int fd = listen_accept(source->fd, addr16, &port);
    if (fd == -EAGAIN || fd == -ECONNABORTED || fd == -EINTR)
        return;
    if (fd < 0) {
        if (may_tell(worker))
            log_warn("cannot accept connections: %s; trying again each %d ms "
                     "(raise the limit of open files)",
                     strerror(-fd), ACCEPT_PAUSE_MS);
        accept_pause(worker);
        return;
    }
    client_start(listener, fd, addr16);
}

int
client_listen(struct worker *worker)
{
    const struct heritage *heritage = worker->heritage;
    struct clients *clients = calloc(1, sizeof(*clients));
    if (clients == NULL)
        return -ENOMEM;
    worker->clients = clients;
    clients->accept_timer.expired = accept_on_timer;
    clients->max = heritage_connections(heritage);
    int r = loop_reserve_timers(worker->loop, clients->max * TIMERS_PER_CLIENT +
                                                  TIMERS_APART);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < heritage->listener_count; i++) {
        clients->listeners[i] = (struct client_listener){
            .source = {.fd = -1, .ready = listener_on_ready},
            .worker = worker,
            .admin = heritage->listeners[i].admin,
            .tls = heritage->listeners[i].tls,
        };
        if (heritage->listeners[i].tls && clients->tls == NULL) {
            r = client_start_tls(worker);
            if (r < 0)
                return r;
        }
    }
    clients->listener_count = heritage->listener_count;
    for (unsigned i = 0; i < clients->listener_count; i++) {
        r = listen_tune(heritage->listeners[i].fd,
                        worker->config->server.send_timeout_ms);
        if (r < 0)
            log_warn("cannot bound what waits on connections to %s: %s",
                     heritage->listeners[i].text, strerror(-r));
    }
    listeners_watch(worker, true);
    return 0;
}

void
client_drain(struct worker *worker)
{
    struct clients *clients = worker->clients;
    worker->draining = true;
    listeners_watch(worker, false);
    loop_timer_clear(worker->loop, &clients->accept_timer);
    /* This process's copies: a restarted server can bind anew at once. */
    for (unsigned i = 0; i < clients->listener_count; i++)
        close(worker->heritage->listeners[i].fd);
    clients->listener_count = 0;
    uint64_t due_ms = loop_now_ms(worker->loop) + CLIENT_DRAIN_IDLE_MS;
    for (struct client *c = clients->first; c != NULL; c = c->next)
        if (c->phase == CLIENT_IDLE && c->deadline_ms > due_ms)
            client_set_deadline(c, due_ms);
}
