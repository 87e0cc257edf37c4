/*
 * relay_translate.c - answers of calls whose client and provider speak different
 * dialects.
 *
 *   upstream's bytes -> whole events -> read_event -> stream -> out -> one send
 *   per read; order as in relay_stream.c: lease grown before a piece beyond it
 *   is written, progress into the slot before the send, settled before the last.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_translation.h"

#include <string.h>

#include "common/net/eventstream.h"
#include "common/net/http_reply.h"
#include "worker/error_reply.h"
#include "worker/request_body.h"
#include "worker/provider/credential.h"
#include "worker/retry.h"

/* ---- memory ---- */

/*
 * All that an answer takes at a time is bounded and booked: what has come and
 * is not read, what is kept of it, what is written and not sent.
 */
static bool
hold_answer(struct request *request, uint64_t bytes)
{
    struct translation *translation = request->translation;
    uint64_t want = bytes + STEP_BYTES;
    if (bytes <= translation->answer_bytes)
        return true;
    if (bytes > RELAY_TRANSLATE_MAX)
        translation->full = FULL_TOO_LONG;
    else if (!request_book_canon(request, translation->asked_bytes + want))
        translation->full = FULL_NO_ROOM;
    else
        translation->answer_bytes = want;
    return translation->full == NOT_FULL;
}

/* canon_stream.hold */
static bool
hold_stream(void *owner, uint64_t bytes)
{
    struct request *request = owner;
    struct translation *translation = request->translation;
    uint64_t held = buf_len(&request->held);
    if (!hold_answer(request, held + bytes))
        return false;
    translation->stream.room = translation->answer_bytes - held;
    return true;
}

static void
fail_full(struct request *request)
{
    struct fault fault;
    if (request->translation->full == FULL_NO_ROOM) {
        fault_set_overloaded(&fault, "answers under translation fill the "
                                     "memory meant for them");
        relay_fail(request, RECORD_REFUSED, &fault);
        return;
    }
    fault_set(&fault, 502, "server_error", "upstream_error", NULL,
              "the provider's answer is too long to be translated");
    relay_fail(request, RECORD_UPSTREAM_FAILED, &fault);
}

bool
relay_translate_fits(struct request *request)
{
    const struct canon_stream *stream = &request->translation->stream;
    if (request->translation->full == NOT_FULL &&
        hold_answer(request, buf_len(&request->held) + stream->collected +
                                 buf_len(stream->out)))
        return true;
    fail_full(request);
    return false;
}

/* ---- the answer ---- */

static bool
is_covered(void *owner)
{
    return relay_is_covered(owner);
}

void
relay_translate_stream(struct request *request)
{
    struct translation *translation = request->translation;
    struct canon_stream *stream = &translation->stream;
    canon_stream_reset(stream);
    stream->answer = &request->answer;
    stream->client = request->dialect;
    stream->is_covered = request->call.stream ? is_covered : NULL;
    stream->hold = hold_stream;
    stream->room = translation->answer_bytes = FREE_BYTES;
    stream->owner = request;
    stream->plain = !request->call.stream;
    stream->collect = stream->plain || request->dialect->collects;
    stream->include_usage = request->call.include_usage;
    stream->call = &request->call;
    stream->request = translation->asked;
    stream->request_id = request->id;
    stream->created_s = request->started_wall_ms / 1000;
    stream->out = &translation->out;
}

void
relay_translate_head(struct request *request)
{
    struct relay *relay = request->relay;
    const char *type = request->call.stream ? request->dialect->stream_type
                                            : request->dialect->plain_type;
    if (request->call.as_array)
        type = request->dialect->plain_type;
    size_t len = strlen(type);
    CHECK(len < sizeof(relay->content_type));
    memcpy(relay->content_type, type, len + 1);
    relay->processing_ms[0] = '\0';
}

bool
relay_gives_stream(const struct request *request)
{
    if (request->translation != NULL)
        return request->call.stream;
    return request->relay->kind == RELAY_STREAM;
}

static void
fail_without_memory(struct request *request)
{
    struct fault fault;
    fault_set_overloaded(&fault, "out of memory");
    relay_fail(request, RECORD_REFUSED, &fault);
}

static void
send_out(struct request *request, bool last)
{
    struct buf *out = &request->translation->out;
    if (request->payload != NULL) {
        if (!relay_gives_stream(request))
            payload_keep(request, buf_view(out));
        if (request->settled)
            payload_end(request);
    }
    relay_send_batch(request, buf_view(out), last);
    buf_reset(out);
}

/* All has been said: whether it may pass. False: blocked, the request ended. */
static bool
passes_guard(struct request *request)
{
    size_t ready;
    return !relay_guards(request) ||
           relay_guard_translated(request, true, &request->translation->out,
                                  &ready);
}

/* What may pass by now, where answers are looked at. */
static void
flush_guarded(struct request *request)
{
    struct buf *out = &request->translation->out;
    size_t ready;
    if (!relay_guard_translated(request, false, out, &ready) || ready == 0)
        return;
    relay_note_delivery(request);
    relay_send_batch(request, str_make(buf_ptr(out), ready), false);
    buf_consume(out, ready);
}

/* Before a failure is told. */
static void
send_what_there_is(struct request *request)
{
    /* What was not looked at yet does not pass. */
    if (buf_len(&request->translation->out) == 0 || relay_guards(request))
        return;
    relay_note_delivery(request);
    send_out(request, false);
}

/* The answer is none: another provider's, or what came of it and the failure. */
static void
fail_unread(struct request *request, uint8_t cause, const struct fault *fault)
{
    if (retry_go_on(request, cause))
        return;
    send_what_there_is(request);
    relay_fail(request, cause, fault);
}

/* The provider told of a failure under status 200. */
static void
fail_as_told(struct request *request)
{
    const struct canon_stream *stream = &request->translation->stream;
    struct fault fault;
    bool busy = strstr(stream->error_type, "overloaded") != NULL;
    bool limit = strstr(stream->error_type, "rate_limit") != NULL;
    bool shows =
        credential_shows(request->provider, str_from(stream->error_message));
    fault_set(&fault,
              limit  ? 429
              : busy ? 503
                     : 502,
              limit ? "rate_limit_error" : "upstream_error",
              limit  ? "rate_limit_exceeded"
              : busy ? "overloaded"
                     : "upstream_error",
              NULL, "the provider failed: %s",
              shows ? "its message is withheld, because it shows the "
                      "gateway's credential"
              : stream->error_message[0] != '\0' ? stream->error_message
                                                 : "it gave no reason");
    if (strstr(stream->error_type, "invalid_request") == NULL &&
        retry_go_on(request, RECORD_PROVIDER_ERROR))
        return;
    request_note_error(request, "provider error");
    send_what_there_is(request);
    relay_fail(request, RECORD_PROVIDER_ERROR, &fault);
}

/* Settles, writes the end that the client's dialect has. */
static void
settle_and_end(struct request *request, uint8_t cause)
{
    struct canon_stream *stream = &request->translation->stream;
    if (!request->settled) {
        relay_note_delivery(request);
        if (stream->plain && request->client != NULL)
            request->delivered_tokens =
                answer_states_usage(&request->answer, &request->call)
                    ? request->answer.stated.completion
                    : answer_output_estimate(&request->answer);
        request->cause = cause;
        request->status = request->relay->status;
        usage_settle(request);
    }
    stream->usage = request->usage;
    canon_stream_end(stream);
}

static bool
next_event(struct relay *relay, struct str bytes, bool at_end,
           struct sse_event *event)
{
    if (!relay->has_frames) {
        bool whole =
            sse_next(&relay->scan, bytes.ptr, bytes.len, at_end, event);
        if (whole)
            relay->scan.scanned = 0;
        return whole;
    }
    enum eventstream_result result =
        eventstream_next(bytes.ptr, bytes.len, event);
    relay->bad_frames = relay->bad_frames || result == EVENTSTREAM_BAD;
    return result == EVENTSTREAM_DONE;
}

/* Whole events of `bytes`; returns how many bytes are done with. */
static size_t
take_events(struct request *request, struct str bytes, bool at_end)
{
    struct relay *relay = request->relay;
    struct canon_stream *stream = &request->translation->stream;
    struct sse_event event;
    size_t used = 0;
    while (used < bytes.len && !stream->is_cut && !stream->has_error &&
           next_event(relay, str_skip(bytes, used), at_end, &event)) {
        request->answer.dialect->read_event(stream, &event);
        used += event.bytes;
        if (relay_guards(request))
            guard_mark(request->guard, *guard_passed(request->guard) +
                                           buf_len(&request->translation->out));
    }
    return used;
}

void
relay_translate_body(struct request *request, struct str bytes)
{
    const struct canon_stream *stream = &request->translation->stream;
    struct buf *held = &request->held;
    if (stream->is_cut || stream->has_error)
        return;
    if (buf_len(held) > 0) {
        buf_append_str(held, bytes);
        buf_consume(held, take_events(request, buf_view(held), false));
    } else {
        size_t used = take_events(request, bytes, false);
        buf_append_str(held, str_skip(bytes, used));
    }
}

/* True when the answer has come to an end that is none of the provider's. */
static bool
ends_otherwise(struct request *request)
{
    struct canon_stream *stream = &request->translation->stream;
    struct fault fault;
    if (!relay_translate_fits(request))
        return true;
    if (stream->failed || !buf_ok(&request->held) ||
        !buf_ok(&request->translation->out)) {
        fail_without_memory(request);
        return true;
    }
    if (stream->has_error && !request->settled) {
        fail_as_told(request);
        return true;
    }
    if (stream->is_cut && !request->settled) {
        if (!passes_guard(request))
            return true;
        request->cut = true;
        settle_and_end(request, RECORD_CUT);
        send_out(request, true);
        request_done(request);
        return true;
    }
    if (request->relay->bad_frames && !request->settled) {
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider's answer is not understood (a damaged frame)");
        fail_unread(request, RECORD_UPSTREAM_FAILED, &fault);
        return true;
    }
    return false;
}

void
relay_translate_end(struct request *request)
{
    struct buf *held = &request->held;
    struct fault fault;
    if (buf_len(held) > 0)
        buf_consume(held, take_events(request, buf_view(held), true));
    if (ends_otherwise(request))
        return;
    if (!request->answer.finish_seen && !request->answer.done_seen) {
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider broke off its answer");
        fail_unread(request, RECORD_UPSTREAM_CUT, &fault);
        return;
    }
    if (!passes_guard(request))
        return;
    settle_and_end(request, RECORD_OK);
    if (request->translation->stream.failed) {
        fail_without_memory(request);
        return;
    }
    send_out(request, true);
    request_done(request);
}

void
relay_translate_flush(struct request *request)
{
    const struct buf *out = &request->translation->out;
    if (exchange_is_complete(request->exchange)) {
        relay_translate_end(request);
        return;
    }
    if (ends_otherwise(request))
        return;
    if (relay_guards(request) && !request->answer.done_seen) {
        flush_guarded(request);
        return;
    }
    if (!passes_guard(request))
        return;
    /* Many clients leave at the last event: for them it is the last byte. */
    if (request->answer.done_seen && request->call.stream)
        settle_and_end(request, RECORD_OK);
    else if (buf_len(out) > 0)
        relay_note_delivery(request);
    if (buf_len(out) > 0)
        send_out(request, false);
}

/* Good JSON, and nothing of an answer in it. */
static bool
says_nothing(const struct canon_stream *stream)
{
    const struct answer *answer = stream->answer;
    return !answer->finish_seen && !answer->usage_seen &&
           answer->content_events == 0 && stream->vector_count == 0;
}

void
relay_translate_plain(struct request *request)
{
    struct canon_stream *stream = &request->translation->stream;
    if (!relay_translate_fits(request))
        return;
    request->answer.dialect->read_plain(stream, buf_view(&request->held));
    bool passes = !relay_guards(request) || stream->has_error ||
                  relay_guard_body(request, buf_view(&request->held));
    if (!passes)
        return;
    if (request->held.cap > FREE_BYTES)
        buf_fini(&request->held);
    else
        buf_reset(&request->held);
    if ((request->answer.bad || says_nothing(stream)) && !stream->has_error &&
        !stream->is_cut && !stream->failed) {
        struct fault fault;
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider's answer is not understood");
        relay_fail_upstream(request, RECORD_UPSTREAM_FAILED, &fault);
        return;
    }
    if (ends_otherwise(request))
        return;
    settle_and_end(request, RECORD_OK);
    if (stream->failed || !buf_ok(stream->out)) {
        fail_without_memory(request);
        return;
    }
    send_out(request, true);
    request_done(request);
}
