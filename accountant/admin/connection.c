/*
 * connection.c - see connection.h.
 *
 *   IDLE --head--> BODY --all read--> CALL --answer--> WRITE --sent--> IDLE
 *                                       '--> STREAM --last piece--'
 *
 * Of an answer in pieces one is in memory: the call is asked for the next when
 * the client has taken it.
 *
 * connection_step() is the only place that moves on; it is run for each event
 * of the socket and, put off to the end of the turn, after each answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/connection_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accountant/admin/call.h"
#include "accountant/admin/call_head.h"
#include "accountant/admin/operations.h"
#include "common/net/http_reply.h"

enum {
    BODY_MAX_BYTES = 1024 * 1024,
    BODY_LARGE_BYTES = 8 * 1024 * 1024, /* of an OPERATION_LARGE */
    READ_BYTES = 16 * 1024,
    IDLE_MS = 75 * 1000,  /* between requests */
    READ_MS = 30 * 1000,  /* from the first byte to the last of a request */
    WRITE_MS = 30 * 1000, /* without any progress */
};

#define OWNER(pointer, member)                                                 \
    (struct connection *)(void *)((char *)(pointer)-offsetof(                  \
        struct connection, member))

static void
connection_free(struct loop_deferred *deferred)
{
    struct connection *c = OWNER(deferred, again);
    struct admin *admin = c->admin;
    buf_fini(&c->in);
    buf_fini(&c->out);
    buf_fini(&c->body);
    free(c);
    admin->connection_count--;
    admin_connection_gone(admin);
}

void
connection_close(struct connection *c)
{
    if (c->dead)
        return;
    c->dead = true;
    struct call *call = c->call;
    c->call = NULL;
    if (call != NULL) {
        call->connection = NULL;
        if (c->state == CONNECTION_STREAM) {
            if (c->call_waits)
                call_stream_gone(call);
        } else if (c->state != CONNECTION_CALL)
            call_fail(call, 400, "incomplete", "The client went away.");
    }
    loop_timer_clear(c->admin->loop, &c->timer);
    loop_remove(c->admin->loop, &c->source);
    stream_close(&c->stream);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->again.run = connection_free;
    loop_defer(c->admin->loop, &c->again);
}

void
connection_enter(struct connection *c, enum connection_state state)
{
    static const uint64_t limit_ms[] = {[CONNECTION_IDLE] = IDLE_MS,
                                        [CONNECTION_BODY] = READ_MS,
                                        [CONNECTION_CALL] = 0,
                                        [CONNECTION_STREAM] = WRITE_MS,
                                        [CONNECTION_WRITE] = WRITE_MS};
    c->state = state;
    if (limit_ms[state] == 0)
        loop_timer_clear(c->admin->loop, &c->timer);
    else
        loop_timer_set(c->admin->loop, &c->timer,
                       loop_now_ms(c->admin->loop) + limit_ms[state]);
}

void
connection_put(struct connection *c, enum connection_state state)
{
    if (!buf_ok(&c->out)) {
        connection_close(c);
        return;
    }
    connection_enter(c, state);
    loop_defer(c->admin->loop, &c->again);
}

static void
connection_on_head(struct connection *c, const struct http_head *head)
{
    c->http_minor = head->version_minor;
    c->keep_alive =
        head->keep_alive && !c->admin->closing && !c->admin->draining;
    c->head_only = head->method == HTTP_HEAD;
    if (head->body_kind == HTTP_BODY_LENGTH &&
        head->content_length > BODY_LARGE_BYTES) {
        connection_reject(c, 413, "The body is larger than 8 MiB.");
        return;
    }
    c->call = call_create(c->admin, c);
    if (c->call == NULL) {
        connection_reject(c, 503, "Out of memory.");
        return;
    }
    c->call->peer_uid = c->peer_uid;
    call_read_head(c->call, head, str_make(buf_ptr(&c->in), head->bytes),
                   c->peer_allowed);
    const struct operation *operation = c->call->operation;
    bool large = operation != NULL && (operation->flags & OPERATION_LARGE) != 0;
    c->body.limit = large ? BODY_LARGE_BYTES : BODY_MAX_BYTES;
    if (head->body_kind == HTTP_BODY_LENGTH &&
        head->content_length > c->body.limit) {
        c->keep_alive = false; /* its body is not read */
        call_refuse_body(c->call, c->body.limit);
        return;
    }
    http_body_init(&c->framing, head);
    if (head->expect_continue)
        buf_append_cstr(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    connection_enter(c, CONNECTION_BODY);
}

/* A head that has begun has less time than a connection that is silent. */
static void
connection_head_deadline(struct connection *c)
{
    uint64_t due_ms = loop_now_ms(c->admin->loop) + READ_MS;
    if (c->timer.due_ms > due_ms)
        loop_timer_set(c->admin->loop, &c->timer, due_ms);
}

/* True: went on to another state, look again. */
static bool
connection_read_head(struct connection *c)
{
    struct http_head head;
    if (buf_len(&c->in) == 0)
        return false;
    switch (http_parse_request(buf_ptr(&c->in), buf_len(&c->in),
                               &c->head_scanned, &head)) {
    case HTTP_BAD:
        connection_reject(c, head.error_status, head.error_reason);
        return true;
    case HTTP_MORE:
        if (buf_len(&c->in) > HTTP_HEAD_MAX) {
            connection_reject(c, 431, "The head is too large.");
            return true;
        }
        connection_head_deadline(c);
        return false;
    case HTTP_DONE:
        break;
    }
    c->head_scanned = 0;
    connection_on_head(c, &head);
    buf_consume(&c->in, head.bytes);
    return true;
}

static bool
connection_read_body(struct connection *c)
{
    enum http_parse_result result;
    size_t consumed = 0, before = buf_len(&c->in);
    do {
        struct str content = {NULL, 0};
        result = http_body_next(&c->framing, buf_ptr(&c->in), buf_len(&c->in),
                                &consumed, &content);
        buf_append_str(&c->body, content);
        buf_consume(&c->in, consumed);
    } while (result == HTTP_MORE && consumed > 0 && buf_ok(&c->body));

    struct call *call = c->call;
    if (buf_ok(&c->body) && result == HTTP_MORE)
        return buf_len(&c->in) < before; /* there may be more in the socket */
    if (buf_ok(&c->body) && result == HTTP_DONE) {
        connection_enter(c, CONNECTION_CALL);
        call_run(call, buf_view(&c->body));
        buf_fini(&c->body); /* it may have been large, and a credential */
        buf_init(&c->body, BODY_MAX_BYTES);
        return true;
    }
    c->keep_alive = false;
    if (!buf_ok(&c->body)) {
        call_refuse_body(call, c->body.limit);
        return true;
    }
    call->operation = NULL;
    call->begin = NULL;
    call_fail(call, 400, "bad_request", "The body's framing is broken.");
    return true;
}

static bool
connection_write(struct connection *c)
{
    while (buf_len(&c->out) > 0) {
        struct iovec piece = {c->out.data + c->out.start, buf_len(&c->out)};
        ssize_t n = stream_writev(&c->stream, &piece, 1);
        if (n == -EAGAIN)
            return true;
        if (n <= 0)
            return false;
        buf_consume(&c->out, (size_t)n);
        if (c->state == CONNECTION_WRITE || c->state == CONNECTION_STREAM)
            connection_enter(c, c->state);
    }
    return true;
}

/* Reads until the socket is empty, or the buffer holds a largest request. */
static bool
connection_read(struct connection *c)
{
    while (!c->in_ended && buf_len(&c->in) < HTTP_HEAD_MAX + BODY_MAX_BYTES) {
        if (buf_reserve(&c->in, READ_BYTES) != 0)
            return false;
        ssize_t n = stream_read(&c->stream, c->in.data + c->in.end,
                                c->in.cap - c->in.end);
        if (n == -EAGAIN)
            return true;
        if (n < 0)
            return false;
        if (n == 0)
            c->in_ended = true;
        c->in.end += (size_t)n;
    }
    return true;
}

/* The answer is out: the next request, or the end. False: close. */
static bool
connection_next(struct connection *c)
{
    c->answered = true;
    if (!c->keep_alive || c->admin->draining)
        return false;
    connection_enter(c, CONNECTION_IDLE);
    return true;
}

/* The client has taken the piece: the call makes the next one, for as long as it
 * needs. */
static void
connection_ask_more(struct connection *c)
{
    c->call_waits = false;
    loop_timer_clear(c->admin->loop, &c->timer);
    if (c->admin->draining)
        call_stream_end(c->call, false);
    else
        c->call->more(c->call);
}

static void
connection_step(struct connection *c)
{
    bool alive = !c->dead;
    for (bool moved = true; alive && moved;) {
        moved = false;
        if (!connection_read(c))
            alive = false;
        else if (c->state == CONNECTION_IDLE)
            moved = connection_read_head(c);
        else if (c->state == CONNECTION_BODY)
            moved = connection_read_body(c);
        alive = alive && !c->dead && connection_write(c);
        if (alive && c->state == CONNECTION_WRITE && buf_len(&c->out) == 0) {
            alive = connection_next(c);
            moved = true;
        } else if (alive && c->state == CONNECTION_STREAM && c->call_waits &&
                   buf_len(&c->out) == 0) {
            connection_ask_more(c);
            moved = true;
            alive = !c->dead;
        }
    }
    if (c->dead)
        return;
    bool waits_for_input =
        c->state == CONNECTION_IDLE || c->state == CONNECTION_BODY;
    if (!alive || (c->in_ended && waits_for_input))
        connection_close(c);
}

static void
connection_ready(struct loop_source *source, uint32_t events)
{
    struct connection *c = OWNER(source, source);
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        connection_close(c);
    else
        connection_step(c);
}

static void
connection_step_again(struct loop_deferred *deferred)
{
    connection_step(OWNER(deferred, again));
}

static void
connection_expired(struct loop_timer *timer)
{
    struct connection *c = OWNER(timer, timer);
    bool in_request = c->state == CONNECTION_BODY ||
                      (c->state == CONNECTION_IDLE && buf_len(&c->in) > 0);
    if (!in_request) {
        connection_close(c);
        return;
    }
    struct call *call = c->call;
    c->keep_alive = false;
    if (call != NULL) {
        call->operation = NULL;
        call_fail(call, 408, "request_timeout", "The request came too slowly.");
    } else {
        connection_reject(c, 408, "The request came too slowly.");
        connection_step(c);
    }
}

void
connection_open(struct admin *admin, int fd)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        close(fd);
        return;
    }
    c->admin = admin;
    c->stream = (struct stream){.fd = fd};
    c->source = (struct loop_source){.fd = fd, .ready = connection_ready};
    c->timer.expired = connection_expired;
    c->again.run = connection_step_again;
    buf_init(&c->in, 2 * (HTTP_HEAD_MAX + BODY_MAX_BYTES));
    buf_init(&c->out, 0);
    buf_init(&c->body, BODY_MAX_BYTES);
    c->peer_allowed = access_peer_allowed(fd, admin->group, &c->peer_uid);
    if (loop_add(admin->loop, &c->source,
                 EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) != 0) {
        close(fd);
        free(c);
        return;
    }
    c->next = admin->connections;
    c->link = &admin->connections;
    if (c->next != NULL)
        c->next->link = &c->next;
    admin->connections = c;
    admin->connection_count++;
    connection_enter(c, CONNECTION_IDLE);
}

void
connection_drain_all(struct admin *admin)
{
    for (struct connection *c = admin->connections, *next; c != NULL;
         c = next) {
        next = c->next;
        if (c->answered && c->state == CONNECTION_IDLE && buf_len(&c->in) == 0)
            connection_close(c);
    }
}

void
connection_close_all(struct admin *admin)
{
    while (admin->connections != NULL)
        connection_close(admin->connections);
}
