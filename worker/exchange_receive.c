/*
 * exchange_receive.c - reads the answer and gives it away as events.
 *
 * Spans of the read buffer go to the owner as they are. Only a head that came
 * in pieces is copied together (head_bytes).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/exchange_part.h"

enum {
    READS_PER_TURN = 4, /* then others have their turn */
    INTERIMS_MAX = 8,
    TLS_RECORD_BYTES = 16 * 1024,
    KEEP_ALIVE_MARGIN_S = 1,
};

/* What became of the bytes. */
enum taken { TAKEN_ALL, TAKEN_COMPLETE, TAKEN_BROKEN };

/*
 * One read, or as many TLS records as there is room for. > 0, 0 for the end,
 * -errno. exchange->readable stays true when more may be waiting.
 */
static ssize_t
fill(struct exchange *exchange)
{
    struct stream *stream = &exchange->connection->stream;
    char *into = exchange->worker->read_buffer;
    if (stream->tls == NULL) {
        ssize_t got = stream_read(stream, into, WORKER_READ_BYTES);
        /* A short read has emptied the socket; only a hang-up would not be
         * told again. */
        exchange->readable =
            got == WORKER_READ_BYTES || (exchange->hangup && got != -EAGAIN);
        return got;
    }
    size_t total = 0;
    while (WORKER_READ_BYTES - total >= TLS_RECORD_BYTES) {
        ssize_t got =
            stream_read(stream, into + total, WORKER_READ_BYTES - total);
        if (got == -EAGAIN)
            exchange->readable = false;
        if (got <= 0)
            return total > 0 ? (ssize_t)total : got;
        total += (size_t)got;
        if (!exchange->hangup &&
            stream_is_drained(stream, (size_t)got, WORKER_READ_BYTES)) {
            exchange->readable = false;
            break;
        }
    }
    return (ssize_t)total;
}

COLD static enum taken
broken(struct exchange *exchange, const char *reason)
{
    snprintf(exchange->text, sizeof(exchange->text), "%s", reason);
    return TAKEN_BROKEN;
}

/* `Keep-Alive: timeout=N`: a connection is used until shortly before that. */
static void
note_keep_alive(struct connection *connection, const struct http_head *head)
{
    struct str value = http_field_find(head, STR_LIT("keep-alive"));
    connection->idle_max_ms = POOL_IDLE_MS;
    const struct str name = STR_LIT("timeout=");
    for (; value.len > name.len; value = str_skip(value, 1)) {
        if (!str_starts_with(value, name))
            continue;
        uint32_t seconds = 0;
        for (value = str_skip(value, name.len);
             value.len > 0 && *value.ptr >= '0' && *value.ptr <= '9' &&
             seconds < 1000;
             value = str_skip(value, 1))
            seconds = seconds * 10 + (uint32_t)(*value.ptr - '0');
        if (seconds * 1000 < POOL_IDLE_MS)
            connection->idle_max_ms =
                seconds > KEEP_ALIVE_MARGIN_S
                    ? (seconds - KEEP_ALIVE_MARGIN_S) * 1000
                    : 1;
        return;
    }
}

static void
give_head(struct exchange *exchange, const struct http_head *head)
{
    http_body_init(&exchange->body, head);
    exchange->complete = exchange->body.done;
    exchange->keep_alive = head->keep_alive && !head->upgrade &&
                           head->body_kind != HTTP_BODY_UNTIL_CLOSE;
    if (exchange->connection->idle_max_ms == 0)
        note_keep_alive(exchange->connection, head);
    exchange->head_given = exchange->given = true;
    exchange->events->head(exchange->owner, head);
}

/* The head in `*input` if it is complete there; *input = what follows it. */
static enum taken
take_head(struct exchange *exchange, struct str *input)
{
    UNINITIALIZED struct http_head head;
    for (;;) {
        enum http_parse_result result =
            http_parse_response(input->ptr, input->len, &exchange->scanned,
                                exchange->request.is_head, &head);
        if (result == HTTP_BAD)
            return broken(exchange, head.error_reason);
        size_t len = result == HTTP_DONE ? head.bytes : input->len;
        if (len > HTTP_HEAD_MAX)
            return broken(exchange, "the answer's head is too large");
        if (result == HTTP_MORE)
            return TAKEN_ALL;
        *input = str_skip(*input, head.bytes);
        exchange->scanned = 0;
        if (head.status >= 200)
            break;
        if (head.status == 101)
            return broken(exchange, "it switched protocols unasked");
        if (++exchange->interims > INTERIMS_MAX)
            return broken(exchange, "too many interim answers");
    }
    give_head(exchange, &head);
    return TAKEN_ALL;
}

/* Bytes while the head is not complete: joined with those from before. */
static enum taken
take_head_bytes(struct exchange *exchange, struct str *input)
{
    struct buf *kept = &exchange->head_bytes;
    bool is_kept = buf_len(kept) > 0;
    if (is_kept) {
        buf_append_str(kept, *input);
        if (!buf_ok(kept))
            return broken(exchange, "out of memory");
        *input = buf_view(kept);
    }
    enum taken taken = take_head(exchange, input);
    if (taken == TAKEN_BROKEN || exchange->head_given)
        return taken;
    if (is_kept) {
        buf_consume(kept, buf_len(kept) - input->len);
    } else {
        buf_append_str(kept, *input);
        if (!buf_ok(kept))
            return broken(exchange, "out of memory");
    }
    return TAKEN_ALL;
}

static enum taken
take_body(struct exchange *exchange, struct str input)
{
    while (input.len > 0 && !exchange->body.done) {
        size_t consumed;
        struct str content;
        enum http_parse_result result = http_body_next(
            &exchange->body, input.ptr, input.len, &consumed, &content);
        input = str_skip(input, consumed);
        exchange->complete = result == HTTP_DONE;
        /* Also what stood before the fault, wherever the reads were cut. */
        if (content.len > 0) {
            exchange->given = true;
            exchange->events->body(exchange->owner, content);
            if (exchange->state != EXCHANGE_OPEN)
                return TAKEN_ALL;
        }
        if (result == HTTP_BAD)
            return broken(exchange, "the answer's framing is broken");
    }
    /* Nobody asked for what follows: not a connection to use again. */
    if (input.len > 0)
        exchange->keep_alive = false;
    return exchange->body.done ? TAKEN_COMPLETE : TAKEN_ALL;
}

static enum taken
take(struct exchange *exchange, struct str input)
{
    if (!exchange->head_given) {
        enum taken taken = take_head_bytes(exchange, &input);
        if (taken != TAKEN_ALL || !exchange->head_given ||
            exchange->state != EXCHANGE_OPEN)
            return taken;
    }
    return take_body(exchange, input);
}

static void
note_bytes(struct exchange *exchange)
{
    uint64_t now_ms = loop_now_ms(exchange->worker->loop);
    if (!exchange->got_byte) {
        exchange->got_byte = true;
        uint64_t took = now_ms - exchange->started_ms;
        exchange->first_byte_ms = took == 0 ? 1 : (uint32_t)took;
    }
    exchange->phase_ms = exchange->head_given ? now_ms : exchange->phase_ms;
}

/* The connection ended (0) or broke (-errno). */
COLD static void
on_end(struct exchange *exchange, int error)
{
    if (!exchange->got_byte && exchange->connection->reused &&
        !exchange->fresh_only &&
        (exchange->events->again == NULL ||
         exchange->events->again(exchange->owner))) {
        exchange_attempt_again(exchange);
        return;
    }
    if (error == 0 && exchange->head_given &&
        http_body_end(&exchange->body) == HTTP_DONE) {
        exchange->complete = true;
        exchange_finish(exchange, EXCHANGE_OK, "");
        return;
    }
    const char *when = exchange->head_given ? "in mid-answer"
                       : exchange->got_byte ? "in the answer's head"
                                            : "before an answer";
    const char *why = error == 0 ? "closed"
                      : error == -EPROTO
                          ? tls_error_text(&exchange->connection->stream)
                          : strerror(-error);
    snprintf(exchange->text, sizeof(exchange->text),
             "the connection ended %s: %s", when, why);
    exchange_finish(exchange, EXCHANGE_CUT, exchange->text);
}

/* Whether the connection is as good as new: nothing sent short, nothing unread.
 * Asks the socket only if the last read left no room to see its end. */
static bool
may_be_kept(struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_OPEN || !exchange->keep_alive ||
        !exchange->sent || exchange->hangup)
        return false;
    char more;
    return !exchange->readable ||
           stream_read(&exchange->connection->stream, &more, 1) == -EAGAIN;
}

/* After a read: send on what was given, then end or go on. False: no more. */
static bool
after_read(struct exchange *exchange, enum taken taken)
{
    /* Known before the flush, in which an owner may abort what is complete. */
    exchange->keep = taken == TAKEN_COMPLETE && may_be_kept(exchange);
    if (exchange->given && exchange->state == EXCHANGE_OPEN) {
        exchange->given = false;
        exchange->events->flush(exchange->owner);
    }
    if (exchange->state != EXCHANGE_OPEN)
        return false;
    if (exchange->head_given && exchange->head_bytes.cap > 0)
        buf_fini(&exchange->head_bytes);
    if (taken == TAKEN_BROKEN) {
        exchange_finish(exchange, EXCHANGE_BAD_ANSWER, exchange->text);
        return false;
    }
    if (taken == TAKEN_COMPLETE) {
        exchange_finish(exchange, EXCHANGE_OK, "");
        return false;
    }
    return true;
}

void
exchange_receive(struct exchange *exchange)
{
    for (unsigned reads = 0; reads < READS_PER_TURN; reads++) {
        ssize_t got = fill(exchange);
        if (got == -EAGAIN && (!exchange->send_broken || exchange->got_byte))
            return;
        if (got <= 0) {
            on_end(exchange, (int)got);
            return;
        }
        note_bytes(exchange);
        enum taken taken = take(
            exchange, str_make(exchange->worker->read_buffer, (size_t)got));
        if (!after_read(exchange, taken))
            return;
        exchange_set_deadline(exchange);
        if (!exchange->readable || exchange->paused)
            return;
    }
    loop_defer(exchange->worker->loop, &exchange->later);
}
