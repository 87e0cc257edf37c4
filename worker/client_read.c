/*
 * client_read.c - what comes from a client: heads, bodies, pipelined requests.
 *
 * Bytes are read into the worker's one read buffer and handled there; only
 * what cannot be handled yet (part of a head, requests behind the running one)
 * is copied into the connection. A body of known length that is not there yet
 * is read straight into its place.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/client_parts.h"

#include <errno.h>

enum {
    READS_PER_TURN = 16,       /* then the others get their turn */
    DIRECT_READ_BYTES = 16384, /* bodies with more to come are read in place */
    BODY_BYTES_PER_MS = 16,    /* each so many bytes give a body 1 ms more */
    DROP_MS = 10000,           /* for a body that nobody wants */
};

void
client_body_deadline(struct client *client)
{
    uint64_t timeout_ms = client->worker->config->server.body_timeout_ms;
    uint64_t stalled_ms = client_now_ms(client) + timeout_ms;
    uint64_t total_ms = client->phase_start_ms + timeout_ms +
                        client->body.total / BODY_BYTES_PER_MS;
    if (client->phase == CLIENT_DROP &&
        total_ms > client->phase_start_ms + DROP_MS)
        total_ms = client->phase_start_ms + DROP_MS;
    client_set_deadline(client, stalled_ms < total_ms ? stalled_ms : total_ms);
}

bool
client_body_is_open(const struct client *client)
{
    return client->answering && client->body.kind != HTTP_BODY_NONE &&
           !client->body.done;
}

/* The request line alone is longer than a head may be. */
static bool
is_line_too_long(const char *bytes, size_t len)
{
    return memchr(bytes, '\n', len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX) ==
           NULL;
}

void
client_refuse(struct client *client, uint16_t status, const char *reason)
{
    client->minor = 1;
    client_set_close(client);
    client->answering = true;
    client->request = NULL;
    client->body.kind = HTTP_BODY_NONE;
    client->phase = CLIENT_WAIT;
    client->readable = true; /* linger: more of it may be under way */
    request_reply_fault(client, status, reason);
}

/* The checks before the body have passed and no byte of it is here: say so. */
static void
answer_expectation(struct client *client)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec piece = {(void *)(uintptr_t)text, sizeof(text) - 1};
    if (!client->expects_continue)
        return;
    client->expects_continue = false;
    /* A loss is reported at the end of the turn. */
    if (client_write(client, &piece, 1) < 0)
        return;
}

static void
start_request(struct client *client, const struct http_head *head)
{
    client->fresh = false;
    client->minor = head->version_minor;
    client->keep_alive = head->keep_alive;
    client->expects_continue = head->expect_continue && head->version_minor > 0;
    client->answering = true;
    client->peer_ended = false;
    client->request = NULL;
    http_body_init(&client->body, head);
    bool has_body =
        head->body_kind != HTTP_BODY_NONE &&
        !(head->body_kind == HTTP_BODY_LENGTH && head->content_length == 0);
    /* The phase is right before the request may answer: it decides by it. */
    client->phase = has_body ? CLIENT_DROP : CLIENT_WAIT;
    struct request *request = NULL;
    enum client_verdict verdict =
        request_on_head(client, head, &request, &client->body_max_bytes);
    if (client->phase == CLIENT_CLOSED)
        return;
    if (verdict == CLIENT_ANSWERED) {
        if (client->answering)
            client->request = request;
        if (has_body && client->phase == CLIENT_DROP)
            client_enter(client, CLIENT_DROP);
        else
            client_enter(client, client->phase);
        client_advance(client);
        return;
    }
    client->request = request;
    client_enter(client, has_body ? CLIENT_BODY : CLIENT_WAIT);
    if (!has_body) {
        client->body.done = true;
        request_on_body(request);
    }
}

/* Handles the bytes of one head. Returns how many are done with; 0: more are
 * needed. */
static size_t
take_head(struct client *client, const char *bytes, size_t len)
{
    struct http_head *head = &client->worker->clients->head;
    if (client->phase == CLIENT_IDLE)
        client->scanned = 0;
    enum http_parse_result result =
        http_parse_request(bytes, len, &client->scanned, head);
    if (result == HTTP_MORE) {
        if (client->phase == CLIENT_IDLE)
            client_enter(client, CLIENT_HEAD);
        if (len < HTTP_HEAD_MAX)
            return 0;
        bool line = is_line_too_long(bytes, len);
        head->error_status = line ? 414 : 431;
        head->error_reason = line ? "the request line is too long"
                                  : "the head of the request is too large";
        result = HTTP_BAD;
    } else if (result == HTTP_DONE && head->bytes > HTTP_HEAD_MAX) {
        head->error_status = 431;
        head->error_reason = "the head of the request is too large";
        result = HTTP_BAD;
    }
    if (result == HTTP_BAD) {
        client_refuse(client, head->error_status, head->error_reason);
        return len;
    }
    size_t used = head->bytes;
    start_request(client, head);
    return used;
}

COLD static void
body_fault(struct client *client, uint16_t status, const char *reason)
{
    struct request *request = client->request;
    client_set_close(client);
    if (request != NULL)
        request_on_body_fault(request, status, reason);
    else if (client->phase != CLIENT_CLOSED)
        client_advance(client);
}

/* All of the body is here. */
static void
end_body(struct client *client)
{
    bool wanted = client->phase == CLIENT_BODY;
    client_enter(client, CLIENT_WAIT);
    if (wanted)
        request_on_body(client->request);
    else
        client_advance(client);
}

static bool
keep_piece(struct client *client, struct str piece)
{
    if (client->phase == CLIENT_DROP) {
        client->dropped_bytes += piece.len;
        if (client->dropped_bytes <= CLIENT_DROP_MAX_BYTES)
            return true;
        client_set_close(client);
        client_advance(client);
        return false;
    }
    if (client->body.total > client->body_max_bytes) {
        body_fault(client, 413, "the body is larger than body_max allows");
        return false;
    }
    return piece.len == 0 || request_on_body_piece(client->request, piece) == 0;
}

static size_t
take_body(struct client *client, const char *bytes, size_t len)
{
    enum client_phase phase = client->phase;
    size_t used = 0;
    while (used < len && client->phase == phase && !client->body.done) {
        size_t consumed = 0;
        struct str content = {NULL, 0};
        enum http_parse_result result = http_body_next(
            &client->body, bytes + used, len - used, &consumed, &content);
        used += consumed;
        if (result == HTTP_BAD) {
            body_fault(client, 400, "the body is badly framed");
            return len;
        }
        if (!keep_piece(client, content))
            return used;
        if (result == HTTP_DONE) {
            end_body(client);
            return used;
        }
        if (consumed == 0)
            break;
    }
    if (client->phase == phase) {
        client_body_deadline(client);
        if (phase == CLIENT_BODY)
            answer_expectation(client);
    }
    return used;
}

/* Handles bytes until they need company or nobody wants them now. Returns how
 * many are done with. */
static size_t
take_bytes(struct client *client, const char *bytes, size_t len)
{
    size_t used = 0;
    while (used < len) {
        size_t step = 0;
        switch ((enum client_phase)client->phase) {
        case CLIENT_IDLE:
        case CLIENT_HEAD:
            step = take_head(client, bytes + used, len - used);
            if (client->phase == CLIENT_BODY && used + step == len)
                answer_expectation(client);
            break;
        case CLIENT_BODY:
        case CLIENT_DROP:
            step = take_body(client, bytes + used, len - used);
            if (step == 0 && client->phase >= CLIENT_WAIT)
                continue;
            break;
        case CLIENT_LINGER:
            client->dropped_bytes += len - used;
            return len;
        case CLIENT_CLOSED:
            return len;
        case CLIENT_HANDSHAKE:
        case CLIENT_WAIT:
            return used;
        }
        if (step == 0)
            return used;
        used += step;
    }
    return used;
}

/* Bytes that stay: into the connection's own buffer. */
static void
keep_rest(struct client *client, const char *bytes, size_t len)
{
    if (len == 0 || client->phase == CLIENT_CLOSED)
        return;
    buf_append(&client->in, bytes, len);
    if (!buf_ok(&client->in))
        client_close(client);
    else
        client->pending = client->phase == CLIENT_WAIT;
}

/* `in` with what was read behind it. */
static void
handle_kept(struct client *client)
{
    struct buf kept = client->in;
    buf_init(&client->in, 0);
    client->pending = false;
    size_t used = take_bytes(client, buf_ptr(&kept), buf_len(&kept));
    buf_consume(&kept, used);
    if (buf_len(&kept) > 0 && client->phase != CLIENT_CLOSED) {
        client->in = kept;
        client->pending = client->phase == CLIENT_WAIT;
    } else {
        buf_fini(&kept);
    }
}

COLD static void
handle_eof(struct client *client)
{
    client->readable = false;
    client->peer_ended = true;
    client_set_close(client);
    if (client->phase == CLIENT_BODY) {
        /* It may still read: a half-closed client learns why. */
        body_fault(client, 400, "the body ended early");
        return;
    }
    if (client->phase == CLIENT_DROP) {
        client->body.done = true;
        client_enter(client, CLIENT_WAIT);
        client_advance(client);
        return;
    }
    client_close(client);
}

/* Reads once. False: nothing more now. */
static bool
read_once(struct client *client)
{
    struct worker *worker = client->worker;
    char *into = worker->read_buffer;
    size_t room = sizeof(worker->read_buffer);
    bool direct = false;
    if (client->phase == CLIENT_BODY && client->body.kind == HTTP_BODY_LENGTH &&
        client->body.left >= DIRECT_READ_BYTES && client->request != NULL) {
        char *place =
            request_body_room(client->request, client->body.left, &room);
        direct = place != NULL;
        into = direct ? place : into;
        room = direct ? room : sizeof(worker->read_buffer);
    }
    ssize_t got = stream_read(&client->stream, into, room);
    if (got == -EAGAIN) {
        client->readable = false;
        return false;
    }
    if (got < 0) {
        client_close(client);
        return false;
    }
    if (got == 0) {
        handle_eof(client);
        return false;
    }
    /* Nothing left: epoll tells when there is more. But a FIN it has told of
     * already. */
    if (stream_is_drained(&client->stream, (size_t)got, room) && !client->fin)
        client->readable = false;
    if (direct) {
        client->body.left -= (uint64_t)got;
        client->body.total += (uint64_t)got;
        request_on_body_taken(client->request, (size_t)got);
        client_body_deadline(client);
        if (client->body.left == 0) {
            client->body.done = true;
            end_body(client);
        }
    } else if (buf_len(&client->in) > 0) {
        buf_append(&client->in, into, (size_t)got);
        if (!buf_ok(&client->in))
            client_close(client);
        else
            handle_kept(client);
    } else {
        size_t used = take_bytes(client, into, (size_t)got);
        keep_rest(client, into + used, (size_t)got - used);
    }
    return true;
}

static bool
wants_input(const struct client *client)
{
    if (client->lost)
        return false;
    if (client->phase == CLIENT_LINGER)
        return client->dropped_bytes <= CLIENT_DROP_MAX_BYTES;
    return client->phase >= CLIENT_IDLE && client->phase <= CLIENT_DROP;
}

void
client_pump(struct client *client)
{
    if (client->pumping)
        return;
    client->pumping = true;
    for (int reads = 0; wants_input(client); reads++) {
        if (client->pending) {
            handle_kept(client);
            continue;
        }
        if (!client->readable)
            break;
        if (reads >= READS_PER_TURN) {
            client_defer(client);
            break;
        }
        if (!read_once(client))
            break;
    }
    client->pumping = false;
    if (client->phase == CLIENT_LINGER && !wants_input(client))
        client_close(client);
}
