/*
 * relay_stream.c - event streams. All complete events of one read go out in
 * one send, as spans of the read buffer; only the beginning of an event whose
 * end has not come is kept (request->held). Order for every batch:
 *
 *   scan events -> lease grown before an event beyond it is passed
 *   -> progress into the slot -> send            (budget-protocol 4.2, 4.3)
 *   last batch: settle -> send                    (4.4)
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

#include "worker/error_reply.h"
#include "worker/provider/credential.h"
#include "worker/retry.h"

/* ---- what will be sent ---- */

static void
add_piece(struct request *request, const char *ptr, size_t off, size_t len)
{
    struct relay *relay = request->relay;
    struct relay_pieces *pieces = &request->worker->relay_pieces;
    relay->piece_bytes += len;
    if (relay->piece_count == 0) {
        pieces->owner = relay;
    } else {
        CHECK(pieces->owner == relay);
        struct relay_piece *last = &pieces->items[relay->piece_count - 1];
        bool adjacent = ptr != NULL
                            ? last->ptr != NULL && last->ptr + last->len == ptr
                            : last->ptr == NULL && last->off + last->len == off;
        if (adjacent) {
            last->len += len;
            return;
        }
    }
    pieces->items[relay->piece_count++] = (struct relay_piece){ptr, off, len};
}

void
relay_send_batch(struct request *request, struct str tail, bool last)
{
    struct relay *relay = request->relay;
    struct iovec out[RELAY_PIECES + 5];
    char chunk_head[20];
    int count = 0;
    struct client *client = request->client;
    if (client == NULL) {
        relay->piece_count = 0;
        relay->piece_bytes = 0;
        return;
    }
    if (UNLIKELY(request->call.as_array) && relay_gives_stream(request)) {
        tail = relay_array_batch(request, tail, last);
        if (!buf_ok(&relay->array_text)) { /* half an array is no answer */
            client_give_up(client);
            return;
        }
    }
    size_t bytes = relay->piece_bytes + tail.len;
    if (!request->answer_started) {
        struct buf *head = &request->worker->reply;
        relay_head(request, relay->status,
                   last && !relay_gives_stream(request) ? (int64_t)bytes : -1);
        out[count++] = (struct iovec){head->data + head->start, buf_len(head)};
    }
    count += request_frame_head(request, bytes, chunk_head, &out[count]);
    int body = count;
    const struct relay_pieces *pieces = &request->worker->relay_pieces;
    CHECK(relay->piece_count == 0 || pieces->owner == relay);
    for (unsigned i = 0; i < relay->piece_count; i++) {
        const struct relay_piece *piece = &pieces->items[i];
        const char *ptr = piece->ptr != NULL
                              ? piece->ptr
                              : buf_ptr(&request->held) + piece->off;
        out[count++] = (struct iovec){(void *)(uintptr_t)ptr, piece->len};
    }
    if (tail.len > 0)
        out[count++] = (struct iovec){(void *)(uintptr_t)tail.ptr, tail.len};
    if (UNLIKELY(request->cache.keeps))
        cache_keep(request, out + body, count - body, last);
    count += request_frame_tail(request, bytes, last, &out[count]);
    relay->piece_count = 0;
    relay->piece_bytes = 0;
    /* A client that is gone is reported at the end of the turn. */
    if (count > 0 && !relay_send(request, out, count))
        return;
}

void
relay_note_delivery(struct request *request)
{
    if (request->client != NULL)
        request->delivered_tokens = request->relay->covered_tokens;
    if (UNLIKELY(request->first_token_ms == 0) &&
        request->relay->covered_tokens > 0) {
        uint64_t now_ms = loop_now_ms(request->worker->loop);
        request->first_token_ms =
            now_ms > request->health.started_ms
                ? (uint32_t)(now_ms - request->health.started_ms)
                : 1;
        uint64_t whole_ms = now_ms - request->started_ms;
        request->token_at_ms = whole_ms == 0 ? 1 : (uint32_t)whole_ms;
    }
    if (!request->settled)
        usage_progress(request);
}

/* ---- events ---- */

/*
 * An event longer than RELAY_EVENT_MAX is not kept whole but passed on as it
 * comes; its end is found by its empty line. Its bytes count as text, for what
 * it says is not read. Returns how many bytes of `bytes` belong to it, and
 * clears in_long_event behind its end.
 */
enum { LONG_IN_LINE, LONG_LINE_START, LONG_CR_IN_LINE, LONG_CR_LINE_START };

static size_t
pass_long_event(struct relay *relay, struct answer *answer, struct str bytes)
{
    size_t i = 0;
    while (i < bytes.len && relay->in_long_event) {
        char c = bytes.ptr[i];
        uint8_t state = relay->long_state;
        if (state == LONG_CR_LINE_START) {
            /* The empty line ended with CR; an LF belongs to it. */
            relay->in_long_event = false;
            i += c == '\n';
            break;
        }
        i++;
        if (state == LONG_CR_IN_LINE && c == '\n')
            relay->long_state = LONG_LINE_START;
        else if (c == '\n' && state == LONG_LINE_START)
            relay->in_long_event = false;
        else if (c == '\n')
            relay->long_state = LONG_LINE_START;
        else if (c == '\r')
            relay->long_state =
                state == LONG_IN_LINE ? LONG_CR_IN_LINE : LONG_CR_LINE_START;
        else
            relay->long_state = LONG_IN_LINE;
    }
    answer->ascii_bytes += i;
    return i;
}

/* False: the budget does not cover what has been counted. */
bool
relay_is_covered(struct request *request)
{
    uint64_t output = answer_output_estimate(&request->answer);
    if (request->settled)
        return true; /* the slot is another's by now */
    if (output > request->output_bound && !admission_grow(request, output))
        return false;
    request->relay->covered_tokens = output;
    return true;
}

/* Complete events of `bytes`, which stand at `off` of held where `in_held`.
 * Returns how many bytes are done with. */
static size_t
take_events(struct request *request, struct str bytes, bool in_held, size_t off,
            bool at_end)
{
    struct relay *relay = request->relay;
    struct sse_event event;
    size_t used = 0;
    while (used < bytes.len && sse_next(&relay->scan, bytes.ptr + used,
                                        bytes.len - used, at_end, &event)) {
        relay->scan.scanned = 0;
        struct answer_counted before = answer_counted(&request->answer);
        enum event_verdict verdict =
            request->dialect->answer_event(&request->answer, &event);
        if (!relay_is_covered(request)) {
            answer_count_back(&request->answer, &before);
            request->cut = true;
            return bytes.len;
        }
        if (UNLIKELY(request->answer.error_seen)) /* our buffers' bytes */
            credential_hide(request->provider,
                            (char *)(uintptr_t)bytes.ptr + used, event.bytes);
        if (verdict == EVENT_PASS && relay_guards(request)) {
            relay_guard_hold(request, bytes.ptr + used, event.bytes);
        } else if (verdict == EVENT_PASS) {
            if (relay->piece_count == RELAY_PIECES) {
                relay_note_delivery(request);
                relay_send_batch(request, (struct str){NULL, 0}, false);
            }
            add_piece(request, in_held ? NULL : bytes.ptr + used, off + used,
                      event.bytes);
        }
        used += event.bytes;
    }
    return used;
}

/* What is kept has grown too long for an event: let it pass. */
static void
start_long_event(struct request *request)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    struct str bytes = str_skip(buf_view(held), relay->partial);
    relay->in_long_event = true;
    relay->long_state = LONG_LINE_START;
    relay->scan.scanned = 0;
    struct answer_counted before = answer_counted(&request->answer);
    size_t passed = pass_long_event(relay, &request->answer, bytes);
    CHECK(passed == bytes.len);
    if (!relay_is_covered(request)) {
        answer_count_back(&request->answer, &before);
        relay->in_long_event = false; /* nothing of it has passed */
        relay->partial = buf_len(held);
        request->cut = true;
        return;
    }
    if (relay->piece_count == RELAY_PIECES) {
        relay_note_delivery(request);
        relay_send_batch(request, (struct str){NULL, 0}, false);
    }
    add_piece(request, NULL, relay->partial, bytes.len);
    relay->partial = buf_len(held);
}

void
relay_stream_body(struct request *request, struct str bytes)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    if (request->cut)
        return;
    if (relay->in_long_event) {
        struct answer_counted before = answer_counted(&request->answer);
        size_t len = pass_long_event(relay, &request->answer, bytes);
        if (!relay_is_covered(request)) {
            answer_count_back(&request->answer, &before);
            relay->in_long_event = true;
            request->cut = true;
            return;
        }
        if (relay->piece_count == RELAY_PIECES) {
            relay_note_delivery(request);
            relay_send_batch(request, (struct str){NULL, 0}, false);
        }
        if (len > 0)
            add_piece(request, bytes.ptr, 0, len);
        bytes = str_skip(bytes, len);
    }
    if (bytes.len == 0)
        return;
    if (buf_len(held) > relay->partial) {
        buf_append_str(held, bytes);
        struct str all = str_skip(buf_view(held), relay->partial);
        relay->partial +=
            take_events(request, all, true, relay->partial, false);
    } else {
        size_t used = take_events(request, bytes, false, 0, false);
        buf_append_str(held, str_skip(bytes, used));
    }
    size_t most = request->dialect->event_bytes;
    if (most == 0)
        most = RELAY_EVENT_MAX;
    if (relay_guards(request))
        most =
            SIZE_MAX; /* it is read, or the call ends: relay_stream_flush() */
    if (buf_len(held) - relay->partial > most)
        start_long_event(request);
}

/* ---- ends ---- */

static void
settle_once(struct request *request)
{
    if (request->settled)
        return;
    relay_note_delivery(request);
    request->cause = RECORD_OK;
    request->status = request->relay->status;
    usage_settle(request);
    if (request->payload != NULL)
        payload_end(request);
}

/* What may pass of what waits, and `last`: the end of the answer. False: it was
 * blocked. */
static bool
send_guarded(struct request *request, bool all_said, bool last)
{
    struct str ready;
    if (!relay_guard_release(request, all_said, &ready))
        return false;
    if (last && !request->settled)
        settle_once(request);
    else if (ready.len > 0)
        relay_note_delivery(request);
    if (ready.len > 0 || last)
        relay_send_batch(request, ready, last);
    relay_guard_sent(request, ready);
    return true;
}

static void
finish_cut(struct request *request)
{
    struct buf tail;
    if (relay_guards(request) && !send_guarded(request, true, false))
        return;
    buf_init(&tail, 0);
    request->cause = RECORD_CUT;
    request->status = request->relay->status;
    relay_note_delivery(request);
    usage_settle(request);
    if (request->payload != NULL)
        payload_end(request);
    if (request->relay->in_long_event)
        buf_append_str(&tail, STR_LIT("\n\n")); /* what follows is its own */
    request->dialect->stream_cut(&tail, &request->answer, &request->usage,
                                 request->call.include_usage);
    relay_send_batch(request, buf_view(&tail), true);
    buf_fini(&tail);
    request_done(request);
}

/* What is left when the stream has ended without a last empty line. */
static void
take_rest(struct request *request)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    if (request->cut || buf_len(held) <= relay->partial)
        return;
    struct str all = str_skip(buf_view(held), relay->partial);
    size_t used = take_events(request, all, true, relay->partial, true);
    /* Bytes that are no event (an empty line's first half) pass as well. */
    if (used < all.len && !request->cut) {
        if (relay_guards(request)) {
            relay_guard_hold(request, all.ptr + used, all.len - used);
        } else {
            if (relay->piece_count == RELAY_PIECES)
                relay_send_batch(request, (struct str){NULL, 0}, false);
            add_piece(request, NULL, relay->partial + used, all.len - used);
        }
    }
    relay->partial = buf_len(held);
}

/* A stream that begins with an error, of which the client knows nothing yet. */
static bool
goes_on_elsewhere(struct request *request)
{
    return UNLIKELY(request->answer.error_seen) && !request->settled &&
           retry_go_on(request, RECORD_PROVIDER_ERROR);
}

void
relay_stream_end(struct request *request)
{
    take_rest(request);
    if (goes_on_elsewhere(request))
        return;
    if (request->cut && !request->settled) {
        finish_cut(request);
        return;
    }
    if (relay_guards(request)) {
        if (send_guarded(request, true, true))
            request_done(request);
        return;
    }
    settle_once(request);
    relay_send_batch(request, (struct str){NULL, 0}, true);
    request_done(request);
}

/* The looked-at form of relay_stream_flush()'s end. */
static void
flush_guarded(struct request *request)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    struct fault fault;
    if (buf_len(held) - relay->partial > RELAY_GUARDED_MAX) {
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "an event of the provider's answer is too long to be looked "
                  "at");
        relay_fail(request, RECORD_UPSTREAM_FAILED, &fault);
        return;
    }
    if (request->answer.done_seen && !request->settled) {
        /* Many clients leave at [DONE]: settled before it goes out. */
        struct str ready;
        if (!relay_guard_release(request, true, &ready))
            return;
        settle_once(request);
        relay_send_batch(request, ready, false);
        relay_guard_sent(request, ready);
    } else if (!send_guarded(request, request->answer.done_seen, false)) {
        return;
    }
    buf_consume(held, relay->partial);
    relay->partial = 0;
}

void
relay_stream_flush(struct request *request)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    if (!buf_ok(held)) {
        struct fault fault;
        fault_set_overloaded(&fault, "out of memory");
        relay_fail(request, RECORD_REFUSED, &fault);
        return;
    }
    if (request->cut && !request->settled) {
        finish_cut(request);
        return;
    }
    if (exchange_is_complete(request->exchange)) {
        relay_stream_end(request);
        return;
    }
    if (goes_on_elsewhere(request))
        return;
    if (relay_guards(request)) {
        flush_guarded(request);
        return;
    }
    /* A head alone is not passed on: what has told nothing can still be asked of
     * another provider. */
    if (relay->piece_bytes == 0 && !request->answer.done_seen)
        return;
    /* Many clients leave at [DONE]: for them it is the last byte. */
    if (request->answer.done_seen)
        settle_once(request);
    else
        relay_note_delivery(request);
    relay_send_batch(request, (struct str){NULL, 0}, false);
    buf_consume(held, relay->partial);
    relay->partial = 0;
    if (buf_len(held) == 0 && held->cap > RELAY_EVENT_MAX)
        buf_fini(held);
}

void
relay_stream_break(struct request *request, const struct fault *fault)
{
    struct buf tail;
    buf_init(&tail, 0);
    request->relay->piece_count = 0;
    request->relay->piece_bytes = 0;
    if (request->relay->in_long_event)
        buf_append_str(&tail, STR_LIT("\n\n")); /* ends what was passed */
    request->relay->array.is_over = true;
    request->dialect->stream_error(&tail, &request->answer, fault);
    relay_send_batch(request, buf_view(&tail), false);
    buf_fini(&tail);
}
