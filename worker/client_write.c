/*
 * client_write.c - what goes to a client: one send for all that is ready, and
 * the end of an answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/client_parts.h"

#include <errno.h>

enum { SEND_BYTES_PER_MS = 4 }; /* taken ones that give a client 1 ms more */

/* Told at the end of the turn: the caller may be deep in a request. */
static ssize_t
client_lose(struct client *client)
{
    client->lost = true;
    client_defer(client);
    return -EPIPE;
}

static void
copy_rest(struct client *client, const struct iovec *pieces, int count,
          size_t sent)
{
    for (int i = 0; i < count; i++) {
        if (sent >= pieces[i].iov_len) {
            sent -= pieces[i].iov_len;
            continue;
        }
        buf_append(&client->out, (const char *)pieces[i].iov_base + sent,
                   pieces[i].iov_len - sent);
        sent = 0;
    }
}

static size_t
pieces_bytes(const struct iovec *pieces, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    return bytes;
}

void
client_send_deadline(struct client *client)
{
    if (client->phase != CLIENT_WAIT)
        return;
    uint64_t timeout_ms = client->worker->config->server.send_timeout_ms;
    uint64_t stalled_ms = client_now_ms(client) + timeout_ms;
    uint64_t total_ms = client->send_start_ms + timeout_ms +
                        client->taken_bytes / SEND_BYTES_PER_MS;
    client_set_deadline(client, stalled_ms < total_ms ? stalled_ms : total_ms);
}

ssize_t
client_write(struct client *client, const struct iovec *pieces, int count)
{
    if (client->lost || client->phase == CLIENT_CLOSED)
        return -EPIPE;
    size_t sent = 0;
    size_t all = pieces_bytes(pieces, count);
    if (buf_len(&client->out) == 0) {
        ssize_t n = stream_writev(&client->stream, pieces, count);
        if (n < 0 && n != -EAGAIN)
            return client_lose(client);
        sent = n < 0 ? 0 : (size_t)n;
        if (sent == all) {
            if (client->phase == CLIENT_WAIT)
                client_set_deadline(client, 0); /* the grace of a FIN */
            return 0;
        }
        client->send_start_ms = client_now_ms(client);
        client->taken_bytes = 0;
        client_send_deadline(client);
    }
    copy_rest(client, pieces, count, sent);
    if (!buf_ok(&client->out))
        return client_lose(client);
    return (ssize_t)buf_len(&client->out);
}

void
client_give_up(struct client *client)
{
    (void)client_lose(client);
}

size_t
client_waiting(const struct client *client)
{
    return buf_len(&client->out);
}

void
client_flush(struct client *client)
{
    bool progress = false;
    if (client->ending)
        client->ending = stream_end(&client->stream) == -EAGAIN;
    if (buf_len(&client->out) == 0 || client->lost)
        return;
    while (buf_len(&client->out) > 0) {
        struct iovec piece = {client->out.data + client->out.start,
                              buf_len(&client->out)};
        ssize_t n = stream_writev(&client->stream, &piece, 1);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            (void)client_lose(client);
            return;
        }
        buf_consume(&client->out, (size_t)n);
        client->taken_bytes += (size_t)n;
        progress = true;
    }
    if (!progress)
        return;
    if (buf_len(&client->out) > 0) {
        client_send_deadline(client);
    } else {
        buf_fini(&client->out);
        if (client->phase == CLIENT_WAIT)
            client_set_deadline(client, 0);
    }
    if (client->request != NULL &&
        buf_len(&client->out) < CLIENT_WAITING_LOW_BYTES)
        request_on_drained(client->request);
    client_advance(client);
}

bool
client_must_close(const struct client *client)
{
    if (client->close || client->worker->draining || !client->keep_alive)
        return true;
    if (!client_body_is_open(client) || client->phase == CLIENT_BODY)
        return false;
    /* Nobody wants the body: it is worth reading only where its end is known
     * and near, and where the client sends it without asking first. */
    return client->expects_continue || client->body.kind != HTTP_BODY_LENGTH ||
           client->body.left > CLIENT_DROP_MAX_BYTES;
}

void
client_set_close(struct client *client)
{
    client->close = true;
}

/* The answer is out, bytes of the client may still be under way: closing now
 * would reset the connection and take the answer with it. */
static void
client_linger(struct client *client)
{
    client->ending = stream_end(&client->stream) == -EAGAIN;
    buf_fini(&client->in);
    client->pending = false;
    client_enter(client, CLIENT_LINGER);
    client_defer(client); /* reads what is there */
}

void
client_advance(struct client *client)
{
    if (client->answering || client->lost || buf_len(&client->out) > 0)
        return;
    if (client->phase < CLIENT_BODY || client->phase > CLIENT_WAIT)
        return;
    if (client->abort_when_flushed) {
        client_close(client);
        return;
    }
    bool unread = client->phase != CLIENT_WAIT;
    if (client->close || client->worker->stopping) {
        if (!client->peer_ended &&
            (unread || client->readable || client->pending))
            client_linger(client);
        else
            client_close(client);
        return;
    }
    if (unread) {
        if (client->phase == CLIENT_BODY)
            client_enter(client, CLIENT_DROP);
        return;
    }
    client_enter(client, CLIENT_IDLE);
    if (!client->pumping && (client->pending || client->readable))
        client_defer(client);
}

void
client_answer_done(struct client *client)
{
    client->request = NULL;
    client->answering = false;
    if (client->phase == CLIENT_BODY)
        client_enter(client, CLIENT_DROP);
    /* Inside the input loop it goes on by itself once it is back there; a
     * close or linger is fine there too. */
    client_advance(client);
}

void
client_hand_over(struct client *client, struct request *request)
{
    client->request = request;
}

void
client_abort(struct client *client)
{
    client_set_close(client);
    client->abort_when_flushed = true;
    client->request = NULL;
    client->answering = false;
    if (client->phase < CLIENT_CLOSED)
        client->phase = CLIENT_WAIT;
    client_advance(client);
}
