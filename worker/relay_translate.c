/*
 * relay_translate.c - calls whose client and provider speak different dialects:
 * the request on its way up, the answer on its way down.
 *
 *   upstream's bytes -> whole events -> read_event -> stream -> out -> one send
 *   per read; order as in relay_stream.c: lease grown before a piece beyond it
 *   is written, progress into the slot before the send, settled before the last.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/net/eventstream.h"
#include "common/net/http_reply.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/error_reply.h"
#include "worker/provider/credential.h"

/* Owner: the request, from relay_translate_request() until its provider is
 * another or it is freed. */
struct translation {
    struct canon_request *asked;
    struct canon_stream stream;
    struct buf body;  /* for the provider */
    struct buf out;   /* for the client, not yet sent */
    struct call call; /* what the provider is asked, for the builtin one */
};

void
relay_translation_end(struct request *request)
{
    struct translation *translation = request->translation;
    if (translation == NULL)
        return;
    canon_request_destroy(&translation->asked);
    canon_stream_fini(&translation->stream);
    buf_fini(&translation->body);
    buf_fini(&translation->out);
    free(translation);
    request->translation = NULL;
}

/* ---- the way up ---- */

static int
no_memory(struct fault *fault)
{
    fault_set_overloaded(fault, "out of memory");
    return -1;
}

static bool
is_covered(void *owner)
{
    return relay_is_covered(owner);
}

static void
prepare_stream(struct request *request, struct translation *translation)
{
    struct canon_stream *stream = &translation->stream;
    canon_stream_reset(stream);
    stream->answer = &request->answer;
    stream->client = request->dialect;
    stream->is_covered = request->call.stream ? is_covered : NULL;
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

int
relay_translate_request(struct request *request, uint32_t quirks,
                        struct fault *fault)
{
    const struct dialect *from = request->dialect;
    const struct dialect *to = request->answer.dialect;
    if (from->read_request == NULL || to->write_request == NULL) {
        fault_set(fault, 400, "invalid_request_error", "unsupported_endpoint",
                  NULL, "the provider of this model does not serve this API");
        return -1;
    }
    struct translation *translation = calloc(1, sizeof(*translation));
    if (translation == NULL)
        return no_memory(fault);
    request->translation = translation;
    buf_init(&translation->body, 0);
    buf_init(&translation->out, 0);
    translation->asked = canon_request_create();
    if (translation->asked == NULL)
        return no_memory(fault);
    struct canon_request *asked = translation->asked;
    asked->stream = request->call.stream;
    asked->max_tokens = request->call.max_tokens;
    if (from->read_request(buf_view(&request->body), &request->call, asked,
                           fault) < 0)
        return -1;
    struct canon_target target = {
        .model = request->upstream_model,
        .max_tokens = request->max_tokens > 0 ? request->max_tokens
                                              : request->call.max_tokens,
        .max_output = request->model->max_output,
        .endpoint = request->answer.endpoint,
        .stream = request->call.stream,
        .quirks = quirks,
    };
    if (!asked->failed &&
        to->write_request(asked, &target, &translation->body, fault) < 0)
        return -1;
    if (asked->failed || !buf_ok(&translation->body))
        return no_memory(fault);
    prepare_stream(request, translation);
    return 0;
}

struct str
relay_translated_body(const struct request *request)
{
    return buf_view(&request->translation->body);
}

const struct call *
relay_translated_call(struct request *request)
{
    struct call *call = &request->translation->call;
    *call = request->call;
    call->endpoint = request->answer.endpoint;
    call->include_usage = true;
    return call;
}

/* ---- the way down ---- */

void
relay_dropped_field(const struct request *request, struct buf *out)
{
    const struct canon_request *asked = request->translation->asked;
    if (asked->dropped_count == 0)
        return;
    buf_append_str(out, STR_LIT("x-aigw-dropped: "));
    for (uint32_t i = 0; i < asked->dropped_count; i++) {
        buf_append_str(out, i > 0 ? STR_LIT(", ") : STR_LIT(""));
        buf_append_cstr(out, asked->dropped[i]);
    }
    buf_append_str(out, STR_LIT("\r\n"));
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
    request_note_error(request, "provider error");
    relay_fail(request, RECORD_PROVIDER_ERROR, &fault);
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
    relay_send_batch(request, buf_view(out), last);
    buf_reset(out);
}

/* Before a failure is told. */
static void
send_what_there_is(struct request *request)
{
    if (buf_len(&request->translation->out) == 0)
        return;
    relay_note_delivery(request);
    send_out(request, false);
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
    if (stream->failed || !buf_ok(&request->held) ||
        !buf_ok(&request->translation->out)) {
        fail_without_memory(request);
        return true;
    }
    if (stream->has_error && !request->settled) {
        send_what_there_is(request);
        fail_as_told(request);
        return true;
    }
    if (stream->is_cut && !request->settled) {
        request->cut = true;
        settle_and_end(request, RECORD_CUT);
        send_out(request, true);
        request_done(request);
        return true;
    }
    if (request->relay->bad_frames && !request->settled) {
        if (request->answer_started || buf_len(stream->out) > 0)
            send_out(request, false);
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider's answer is not understood (a damaged frame)");
        relay_fail(request, RECORD_UPSTREAM_FAILED, &fault);
        return true;
    }
    if (buf_len(&request->held) > RELAY_TRANSLATE_MAX ||
        stream->collected > RELAY_TRANSLATE_MAX) {
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider's answer is too long to be translated");
        relay_fail(request, RECORD_UPSTREAM_FAILED, &fault);
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
        send_what_there_is(request);
        relay_fail(request, RECORD_UPSTREAM_CUT, &fault);
        return;
    }
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
    request->answer.dialect->read_plain(stream, buf_view(&request->held));
    buf_reset(&request->held);
    if ((request->answer.bad || says_nothing(stream)) && !stream->has_error &&
        !stream->is_cut && !stream->failed) {
        struct fault fault;
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider's answer is not understood");
        relay_fail(request, RECORD_UPSTREAM_FAILED, &fault);
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
