/*
 * client.c - the life of client connections: made, their deadlines, closed.
 * Phases: client_parts.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/client_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

enum {
    LINGER_MS = 2000,
    SPARE_MAX = 256, /* closed connections kept for the next ones */
    QUIET_MS = 500,  /* without a word, or between two requests */
    SLOW_MS = 1000,  /* for longer in a phase that takes milliseconds */
    EVICTION_CLASSES = 3,
    EVICTION_SCAN = 256,
};

uint64_t
client_now_ms(const struct client *client)
{
    return loop_now_ms(client->worker->loop);
}

/* The timer is only moved when it would come too late; when it comes early,
 * client_on_timer() arms it again. So a deadline costs a store. */
void
client_set_deadline(struct client *client, uint64_t due_ms)
{
    client->deadline_ms = due_ms;
    if (due_ms != 0 &&
        (client->timer.due_ms == 0 || due_ms < client->timer.due_ms))
        loop_timer_set(client->worker->loop, &client->timer, due_ms);
}

static void
list_remove(struct clients *clients, struct client *client)
{
    if (client->prev != NULL)
        client->prev->next = client->next;
    else
        clients->first = client->next;
    if (client->next != NULL)
        client->next->prev = client->prev;
    else
        clients->last = client->prev;
    client->next = client->prev = NULL;
}

static void
list_add_first(struct clients *clients, struct client *client)
{
    client->prev = NULL;
    client->next = clients->first;
    if (client->next != NULL)
        client->next->prev = client;
    else
        clients->last = client;
    clients->first = client;
}

/* Lower goes first; -1: it is at work, and not known to be slow. */
static int
eviction_class(const struct client *client)
{
    uint64_t age_ms = client_now_ms(client) - client->phase_start_ms;
    switch ((enum client_phase)client->phase) {
    case CLIENT_IDLE:
        if (client->readable || client->pending)
            return -1;
        /* fall through */
    case CLIENT_HANDSHAKE:
    case CLIENT_HEAD:
        return age_ms >= QUIET_MS ? 0 : -1;
    case CLIENT_LINGER:
        return 0;
    case CLIENT_BODY:
    case CLIENT_DROP:
        return age_ms >= SLOW_MS ? 1 : -1;
    case CLIENT_WAIT:
        return buf_len(&client->out) > 0 &&
                       client_now_ms(client) - client->send_start_ms >= SLOW_MS
                   ? 2
                   : -1;
    case CLIENT_CLOSED:
        return -1;
    }
    UNREACHABLE();
}

/*
 * From the one whose last activity is longest ago. Those at work that are met
 * on the way go to the front, so that they are not met again and again: the
 * list is in order of activity only where it matters, and costs a request
 * nothing but its place at the front when it ends.
 */
bool
client_evict(struct clients *clients)
{
    struct client *victim = NULL, *client = clients->last;
    int best = EVICTION_CLASSES;
    for (int i = 0; client != NULL && i < EVICTION_SCAN && best > 0; i++) {
        struct client *prev = client->prev;
        int class = eviction_class(client);
        if (class < 0 && client != clients->first) {
            list_remove(clients, client);
            list_add_first(clients, client);
        } else if (class >= 0 && class < best) {
            best = class;
            victim = client;
        }
        client = prev;
    }
    if (victim != NULL)
        client_close(victim);
    return victim != NULL;
}

static uint64_t
idle_timeout_ms(const struct client *client)
{
    const struct worker *worker = client->worker;
    const struct config_server *config = &worker->config->server;
    uint64_t timeout_ms = client->fresh ? config->header_timeout_ms
                                        : config->keepalive_timeout_ms;
    if (worker->draining && timeout_ms > CLIENT_DRAIN_IDLE_MS)
        timeout_ms = CLIENT_DRAIN_IDLE_MS;
    return timeout_ms;
}

void
client_enter(struct client *client, enum client_phase phase)
{
    const struct config_server *config = &client->worker->config->server;
    uint64_t now_ms = client_now_ms(client);
    client->phase = (uint8_t)phase;
    client->phase_start_ms = now_ms;
    switch (phase) {
    case CLIENT_HANDSHAKE:
    case CLIENT_HEAD:
        client_set_deadline(client, now_ms + config->header_timeout_ms);
        break;
    case CLIENT_IDLE:
        client_set_deadline(client, now_ms + idle_timeout_ms(client));
        if (client->worker->clients->first != client) {
            list_remove(client->worker->clients, client);
            list_add_first(client->worker->clients, client);
        }
        break;
    case CLIENT_BODY:
    case CLIENT_DROP:
        client->dropped_bytes = 0;
        client_body_deadline(client);
        break;
    case CLIENT_WAIT:
        if (buf_len(&client->out) > 0)
            client_send_deadline(client);
        else
            client_set_deadline(client, 0);
        break;
    case CLIENT_LINGER:
        client->dropped_bytes = 0;
        client_set_deadline(client, now_ms + LINGER_MS);
        break;
    case CLIENT_CLOSED:
        client->deadline_ms = 0;
        break;
    }
}

static void
client_free(struct client *client)
{
    struct clients *clients = client->worker->clients;
    if (clients->spare_count >= SPARE_MAX) {
        free(client);
        return;
    }
    client->next = clients->spare;
    clients->spare = client;
    clients->spare_count++;
}

/* The client ended its side while its request runs. */
static void
client_on_fin(struct client *client)
{
    char byte;
    if (client->peer_ended || client->request == NULL)
        return;
    /* Pipelined bytes before the FIN: it is read when their turn comes. */
    if (client->pending ||
        (client->stream.tls == NULL && /* there, close_notify stands before */
         recv(client->stream.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0))
        return;
    client->peer_ended = true;
    uint64_t grace_ms = request_on_half_close(client->request);
    if (grace_ms != 0 && client->phase == CLIENT_WAIT)
        client_set_deadline(client, client_now_ms(client) + grace_ms);
}

static void
client_on_later(struct loop_deferred *deferred)
{
    struct client *client = OWNER_OF(deferred, struct client, later);
    if (client->phase == CLIENT_CLOSED) {
        client_free(client);
        return;
    }
    if (client->lost) {
        client_close(client);
        return;
    }
    client_pump(client);
    if (client->fin && client->phase == CLIENT_WAIT)
        client_on_fin(client);
}

void
client_defer(struct client *client)
{
    loop_defer(client->worker->loop, &client->later);
}

void
client_close(struct client *client)
{
    struct worker *worker = client->worker;
    if (client->phase == CLIENT_CLOSED)
        return;
    client_enter(client, CLIENT_CLOSED);
    client_shake_end(client);
    loop_timer_clear(worker->loop, &client->timer);
    loop_remove(worker->loop, &client->source);
    if (client->answering || client->abort_when_flushed)
        stream_abort(&client->stream); /* what is cut must not look complete */
    else
        stream_close(&client->stream);
    list_remove(worker->clients, client);
    worker->connection_count--;
    struct request *request = client->request;
    client->request = NULL;
    if (request != NULL)
        request_on_gone(request);
    buf_fini(&client->in);
    buf_fini(&client->out);
    client_defer(client);
}

/* What a deadline means in each phase. */
static void
client_on_deadline(struct client *client)
{
    switch ((enum client_phase)client->phase) {
    case CLIENT_HEAD:
        client_refuse(client, 408, "the head of the request came too slowly");
        return;
    case CLIENT_BODY: {
        struct request *request = client->request;
        client_set_close(client);
        request_on_body_fault(request, 408,
                              "the body of the request came too slowly");
        return;
    }
    case CLIENT_HANDSHAKE:
    case CLIENT_IDLE:
    case CLIENT_DROP:
    case CLIENT_WAIT:
    case CLIENT_LINGER:
        client_close(client);
        return;
    case CLIENT_CLOSED:
        return;
    }
}

static void
client_on_timer(struct loop_timer *timer)
{
    struct client *client = OWNER_OF(timer, struct client, timer);
    if (client->deadline_ms == 0)
        return;
    if (client->deadline_ms > client_now_ms(client)) {
        loop_timer_set(client->worker->loop, timer, client->deadline_ms);
        return;
    }
    client->deadline_ms = 0;
    client_on_deadline(client);
}

static void
client_on_ready(struct loop_source *source, uint32_t events)
{
    struct client *client = OWNER_OF(source, struct client, source);
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        client_close(client);
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0)
        client->readable = true;
    if ((events & EPOLLRDHUP) != 0)
        client->fin = true;
    if (client->phase == CLIENT_HANDSHAKE) {
        if (client->readable) /* not for the first EPOLLOUT */
            client_shake(client);
        return;
    }
    /* TLS may need the other direction for either. */
    if ((events & EPOLLOUT) != 0 || client->stream.tls != NULL) {
        if (client->stream.tls != NULL)
            client->readable = true;
        client_flush(client);
    }
    client_pump(client);
    if (client->fin && client->phase == CLIENT_WAIT)
        client_on_fin(client);
}

static struct client *
client_take_spare(struct clients *clients)
{
    struct client *client = clients->spare;
    if (client == NULL)
        return malloc(sizeof(*client));
    clients->spare = client->next;
    clients->spare_count--;
    return client;
}

void
client_start(struct client_listener *listener, int fd, const uint8_t addr16[16])
{
    struct worker *worker = listener->worker;
    struct client *client = client_take_spare(worker->clients);
    if (client == NULL) {
        close(fd);
        return;
    }
    *client = (struct client){
        .source = {.fd = fd, .ready = client_on_ready},
        .timer = {.expired = client_on_timer},
        .later = {.run = client_on_later},
        .worker = worker,
        .stream = {.fd = fd},
        .minor = 1,
        .admin = listener->admin,
        .fresh = true,
    };
    memcpy(client->addr16, addr16, sizeof(client->addr16));
    buf_init(&client->in, 0);
    buf_init(&client->out, 0);
    if (listener->tls &&
        tls_server_start(worker->clients->tls, &client->stream) < 0)
        goto fail;
    if (loop_add(worker->loop, &client->source,
                 EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0)
        goto fail;
    worker->connection_count++;
    list_add_first(worker->clients, client);
    if (listener->tls)
        client_shake_begin(client);
    client_enter(client, listener->tls ? CLIENT_HANDSHAKE : CLIENT_IDLE);
    return;
fail:
    stream_close(&client->stream);
    client_free(client);
}

/* ---- the end ---- */

void
client_drain_idle(struct worker *worker)
{
    struct client *client = worker->clients->first;
    while (client != NULL) {
        struct client *next = client->next;
        if (client->phase == CLIENT_IDLE || client->phase == CLIENT_HANDSHAKE)
            client_close(client);
        client = next;
    }
}

void
client_close_all(struct worker *worker)
{
    struct clients *clients = worker->clients;
    if (clients == NULL)
        return;
    while (clients->first != NULL)
        client_close(clients->first);
}

void
client_fini(struct worker *worker)
{
    struct clients *clients = worker->clients;
    if (clients == NULL)
        return;
    while (clients->spare != NULL) {
        struct client *next = clients->spare->next;
        free(clients->spare);
        clients->spare = next;
    }
    tls_server_destroy(&clients->tls);
    free(clients);
    worker->clients = NULL;
}

uint32_t
client_open_count(const struct worker *worker)
{
    return worker->connection_count;
}

struct worker *
client_worker(struct client *client)
{
    return client->worker;
}

const uint8_t *
client_addr16(const struct client *client)
{
    return client->addr16;
}

bool
client_is_admin_listener(const struct client *client)
{
    return client->admin;
}

bool
client_is_tls(const struct client *client)
{
    return client->stream.tls != NULL;
}

uint8_t
client_http_minor(const struct client *client)
{
    return client->minor;
}
