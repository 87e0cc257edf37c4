/*
 * connection.c - see connection.h.
 *
 *   IDLE --head--> BODY --all read--> CALL --answer--> WRITE --sent--> IDLE
 *
 * connection_step() is the only place that moves on; it is run for each event
 * of the socket and, put off to the end of the turn, after each answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accountant/admin/call.h"
#include "accountant/admin/call_head.h"
#include "accountant/admin/operations.h"
#include "common/net/http_parse.h"
#include "common/net/http_reply.h"
#include "common/net/stream.h"

enum {
    BODY_MAX_BYTES = 1024 * 1024,
    BODY_LARGE_BYTES = 8 * 1024 * 1024, /* of an OPERATION_LARGE */
    READ_BYTES = 16 * 1024,
    IDLE_MS = 75 * 1000,  /* between requests */
    READ_MS = 30 * 1000,  /* from the first byte to the last of a request */
    WRITE_MS = 30 * 1000, /* without any progress */
};

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_BODY,
    CONNECTION_CALL,
    CONNECTION_WRITE
};

struct connection {
    struct admin *admin;
    struct loop_source source;
    struct loop_timer timer;
    struct loop_deferred again;
    struct connection *next, **link;
    struct stream stream;
    enum connection_state state;
    bool peer_allowed;
    int64_t peer_uid;
    struct buf in, out, body;
    size_t head_scanned;
    struct http_body framing;
    struct call *call; /* BODY, CALL; NULL once it is answered */
    uint8_t http_minor;
    bool head_only, keep_alive, in_ended, dead, answered;
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

/* A call under way is left to itself; one that has not begun ends here. */
static void
connection_close(struct connection *c)
{
    if (c->dead)
        return;
    c->dead = true;
    struct call *call = c->call;
    c->call = NULL;
    if (call != NULL) {
        call->connection = NULL;
        if (c->state != CONNECTION_CALL)
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

static void
connection_enter(struct connection *c, enum connection_state state)
{
    static const uint64_t limit_ms[] = {[CONNECTION_IDLE] = IDLE_MS,
                                        [CONNECTION_BODY] = READ_MS,
                                        [CONNECTION_CALL] = 0,
                                        [CONNECTION_WRITE] = WRITE_MS};
    c->state = state;
    if (limit_ms[state] == 0)
        loop_timer_clear(c->admin->loop, &c->timer);
    else
        loop_timer_set(c->admin->loop, &c->timer,
                       loop_now_ms(c->admin->loop) + limit_ms[state]);
}

/* An answer without a call: the request could not even be read. */
static void
connection_reject(struct connection *c, uint16_t status, const char *reason)
{
    struct buf text;
    struct json_writer json;
    buf_init(&text, 0);
    json_writer_init(&json, &text);
    json_object_begin(&json);
    json_key(&json, "error");
    json_object_begin(&json);
    json_key(&json, "code");
    json_cstring(&json, "bad_request");
    json_key(&json, "message");
    json_cstring(&json, reason);
    json_object_end(&json);
    json_object_end(&json);
    http_reply_begin(&c->out, status);
    http_field_cstr(&c->out, "content-type", "application/json");
    http_field_u64(&c->out, "content-length", buf_len(&text));
    http_reply_end(&c->out, 1, false);
    buf_append_str(&c->out, buf_view(&text));
    buf_fini(&text);
    c->keep_alive = false;
    connection_enter(c, CONNECTION_WRITE);
}

void
connection_answer(struct connection *c, struct call *call)
{
    c->call = NULL;
    http_reply_begin(&c->out, call->status);
    bool bare = call->status == 204 || call->status == 304;
    if (!bare)
        http_field_cstr(&c->out, "content-type", call->content_type);
    http_field_cstr(&c->out, "cache-control",
                    call->cache_control == NULL ? "no-store"
                                                : call->cache_control);
    if (call->allow != NULL)
        http_field_cstr(&c->out, "allow", call->allow);
    buf_append_str(&c->out, buf_view(&call->fields));
    if (!bare)
        http_field_u64(&c->out, "content-length", buf_len(&call->reply));
    http_reply_end(&c->out, c->http_minor, c->keep_alive);
    if (!c->head_only && !bare)
        buf_append_str(&c->out, buf_view(&call->reply));
    if (!buf_ok(&c->out)) {
        connection_close(c);
        return;
    }
    connection_enter(c, CONNECTION_WRITE);
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
        if (c->state == CONNECTION_WRITE)
            connection_enter(c, CONNECTION_WRITE);
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
