/*
 * exchange_send.c - gets a connection, sends the request, listens to epoll.
 *
 * Nothing here gives an event: exchange_start() ends up here. Failures are
 * given at the end of the turn.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "worker/exchange_part.h"

enum { SEND_PIECES = 64 };

/* The socket takes no more, for good. There may be an answer all the same (413,
 * 401 before the body was read), so the rest is up to the receiving side. */
static void
on_send_broken(struct exchange *exchange)
{
    exchange->send_broken = true;
    exchange->hangup = true;
    exchange->readable = true;
    loop_defer(exchange->worker->loop, &exchange->later);
}

static void
advance(struct exchange *exchange, size_t sent)
{
    const struct exchange_request *request = &exchange->request;
    while (exchange->piece < request->piece_count) {
        size_t left =
            request->pieces[exchange->piece].iov_len - exchange->piece_off;
        if (sent < left) {
            exchange->piece_off += sent;
            return;
        }
        sent -= left;
        exchange->piece++;
        exchange->piece_off = 0;
    }
    exchange->sent = true;
}

/* One send; the first one takes the caller's pieces as they are. */
static ssize_t
send_some(struct exchange *exchange)
{
    const struct exchange_request *request = &exchange->request;
    struct stream *stream = &exchange->connection->stream;
    const struct iovec *pieces = request->pieces + exchange->piece;
    int count = request->piece_count - exchange->piece;
    if (exchange->piece_off == 0)
        return stream_writev(stream, pieces, count);
    struct iovec rest[SEND_PIECES];
    if (count > SEND_PIECES)
        count = SEND_PIECES;
    memcpy(rest, pieces, (size_t)count * sizeof(rest[0]));
    rest[0].iov_base = (char *)rest[0].iov_base + exchange->piece_off;
    rest[0].iov_len -= exchange->piece_off;
    return stream_writev(stream, rest, count);
}

static void
send_request(struct exchange *exchange)
{
    while (!exchange->sent && !exchange->send_broken) {
        ssize_t sent = send_some(exchange);
        if (sent == -EAGAIN)
            break;
        if (sent < 0) {
            on_send_broken(exchange);
            break;
        }
        advance(exchange, (size_t)sent);
        if (!exchange->head_given)
            exchange->phase_ms = loop_now_ms(exchange->worker->loop);
    }
    exchange_set_deadline(exchange);
}

static void
on_open(struct exchange *exchange)
{
    bool made = exchange->state == EXCHANGE_CONNECTING ||
                exchange->state == EXCHANGE_HANDSHAKE;
    exchange->state = EXCHANGE_OPEN;
    exchange->phase_ms = loop_now_ms(exchange->worker->loop);
    uint64_t took = exchange->phase_ms - exchange->started_ms;
    if (made)
        exchange->connect_ms = took == 0 ? 1 : (uint32_t)took;
    send_request(exchange);
}

static void
shake_hands(struct exchange *exchange)
{
    struct stream *stream = &exchange->connection->stream;
    int result = stream_handshake(stream);
    if (result == -EAGAIN)
        return;
    if (result == 0)
        on_open(exchange);
    else
        exchange_fail_later(exchange, EXCHANGE_CONNECT, "TLS: %s",
                            result == -EPROTO ? tls_error_text(stream)
                                              : strerror(-result));
}

static void
start_tls(struct exchange *exchange)
{
    struct buf error;
    buf_init(&error, 0);
    struct tls_client_context *context =
        pool_tls_context(exchange->place, &error);
    if (context == NULL) {
        exchange_fail_later(exchange, EXCHANGE_CONNECT, "TLS: %s",
                            buf_cstr(&error));
        buf_fini(&error);
        return;
    }
    buf_fini(&error);
    exchange->state = EXCHANGE_HANDSHAKE;
    int result = tls_client_start(context, &exchange->connection->stream,
                                  exchange->request.provider->host);
    if (result != 0)
        exchange_fail_later(exchange, EXCHANGE_CONNECT, "TLS: %s",
                            strerror(-result));
    else
        shake_hands(exchange);
}

static void
on_connected(struct exchange *exchange, int fd)
{
    int error = 0;
    exchange->connection = pool_adopt(exchange->place, fd, exchange, &error);
    if (exchange->connection == NULL)
        exchange_fail_later(exchange, EXCHANGE_CONNECT, "%s", strerror(-error));
    else if (exchange->request.provider != NULL &&
             exchange->request.provider->tls)
        start_tls(exchange);
    else
        on_open(exchange);
}

static void
on_connect_done(struct connect_job *job, int fd)
{
    struct exchange *exchange = OWNER_OF(job, struct exchange, job);
    if (fd >= 0)
        on_connected(exchange, fd);
    else
        exchange_fail_later(
            exchange, fd == -ETIMEDOUT ? EXCHANGE_TIMEOUT : EXCHANGE_CONNECT,
            "%s", job->text);
}

static void
connect_unix(struct exchange *exchange)
{
    int fd = connector_open_unix(exchange->request.unix_path);
    if (fd < 0)
        exchange_fail_later(exchange, EXCHANGE_CONNECT, "%s", strerror(-fd));
    else
        on_connected(exchange, fd);
}

static void
connect_provider(struct exchange *exchange)
{
    const struct catalogue_provider *provider = exchange->request.provider;
    struct connect_target target = {
        .host = provider->host,
        .port = provider->port,
        .proxy = provider->proxy,
        .timeout_ms = exchange->request.timeouts->connect_ms,
        .guarded = provider->guarded,
    };
    exchange->state = EXCHANGE_CONNECTING;
    exchange->job.done = on_connect_done;
    int result = connector_start(exchange->upstreams->connector, &exchange->job,
                                 &target);
    if (result != 0)
        exchange_fail_later(exchange, EXCHANGE_CONNECT, "%s",
                            exchange->job.text);
    else
        exchange_set_deadline(exchange);
}

void
exchange_attempt(struct exchange *exchange)
{
    exchange->attempts++;
    exchange->phase_ms = loop_now_ms(exchange->worker->loop);
    if (!exchange->fresh_only)
        exchange->connection = pool_take(exchange->place, exchange);
    else
        pool_give_way(exchange->place);
    if (exchange->connection != NULL)
        on_open(exchange);
    else if (exchange->request.provider == NULL)
        connect_unix(exchange);
    else
        connect_provider(exchange);
}

void
exchange_attempt_again(struct exchange *exchange)
{
    pool_close(exchange->connection);
    exchange->connection = NULL;
    exchange->fresh_only = true;
    exchange->piece = 0;
    exchange->piece_off = 0;
    exchange->sent = exchange->send_broken = false;
    exchange->readable = exchange->hangup = false;
    exchange_attempt(exchange);
}

void
exchange_on_ready(struct connection *connection, uint32_t events)
{
    struct exchange *exchange = connection->exchange;
    bool is_tls = connection->stream.tls != NULL;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        exchange->hangup = true;
    if (exchange->state == EXCHANGE_HANDSHAKE) {
        shake_hands(exchange);
        return;
    }
    if (exchange->state != EXCHANGE_OPEN)
        return;
    if (!exchange->sent && ((events & EPOLLOUT) || is_tls))
        send_request(exchange);
    if (is_tls || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
        exchange->readable = true;
        if (!exchange->paused)
            exchange_receive(exchange);
    }
}
