/*
 * relay_plain.c - answers with one body. Up to RELAY_PLAIN_MAX bytes are
 * collected: then cost and remainder stand in the head, and head and body go
 * in one send. Longer ones pass as they come, but for the last bytes, which
 * wait until the call is settled. Errors of the provider are collected.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

#include "common/json_scan.h"
#include "worker/clickzetta.h"
#include "worker/error_reply.h"
#include "worker/provider/credential.h"
#include "worker/provider/provider.h"
#include "worker/retry.h"
#include "worker/request_path.h"
#include "worker/request_universal.h"

void
relay_plain_body(struct request *request, struct str bytes)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    if (relay->kind == RELAY_ERROR &&
        buf_len(held) + bytes.len > RELAY_PLAIN_MAX) {
        relay->too_long = true;
        return;
    }
    if (request->client == NULL)
        relay_plain_count(request); /* read for its usage only, not kept */
    if (relay->is_counted)
        request->answer.dialect->answer_piece(&request->answer, bytes);
    if (request->client != NULL)
        buf_append_str(held, bytes);
}

void
relay_plain_count(struct request *request)
{
    struct relay *relay = request->relay;
    if (relay->kind == RELAY_STREAM || relay->is_counted)
        return;
    relay->is_counted = true;
    if (buf_len(&request->held) > 0)
        request->answer.dialect->answer_piece(&request->answer,
                                              buf_view(&request->held));
}

/* `bytes` of held, as a chunk where the answer is chunked; `last`: the end. */
static void
send_held(struct request *request, size_t bytes, bool last)
{
    struct iovec out[4];
    char chunk_head[20];
    int count = 0;
    struct buf *held = &request->held;
    if (request->client == NULL)
        return;
    if (request->payload != NULL) {
        payload_keep(request, str_make(buf_ptr(held), bytes));
        if (last)
            payload_end(request);
    }
    if (!request->answer_started) {
        struct relay *relay = request->relay;
        struct buf *head = &request->worker->reply;
        relay_head(request, relay->status,
                   last ? (int64_t)bytes : relay->length);
        out[count++] = (struct iovec){head->data + head->start, buf_len(head)};
    }
    count += request_frame_head(request, bytes, chunk_head, &out[count]);
    if (bytes > 0)
        out[count++] = (struct iovec){held->data + held->start, bytes};
    if (UNLIKELY(request->cache.keeps))
        cache_keep(request, &out[count - (bytes > 0)], bytes > 0, last);
    count += request_frame_tail(request, bytes, last, &out[count]);
    /* A client that is gone is reported at the end of the turn. */
    if (count > 0 && !relay_send(request, out, count))
        return;
    buf_consume(held, bytes);
}

/* A stream's lease is a slice: an answer in one piece to a call that asked for
 * a stream must fit it too, or is not given. */
static bool
is_beyond_lease(struct request *request)
{
    UNINITIALIZED struct fault fault;
    if (!request->call.stream || relay_is_covered(request))
        return false;
    fault_set(&fault, 429, "insufficient_quota", "insufficient_quota", NULL,
              "The provider answered in one piece where a stream was asked "
              "for, and the budget does not cover it.");
    fault.no_retry = true;
    relay_fail(request, RECORD_CUT, &fault);
    return true;
}

static void
finish_plain(struct request *request)
{
    if (is_beyond_lease(request))
        return;
    if (request->answer.error_seen) { /* some tell failures under status 200 */
        if (retry_go_on(request, RECORD_PROVIDER_ERROR))
            return;
        credential_hide(request->provider,
                        request->held.data + request->held.start,
                        buf_len(&request->held));
    }
    if (relay_guards(request) &&
        !relay_guard_body(request, buf_view(&request->held)))
        return;
    request->status = request->relay->status;
    request->cause = RECORD_OK;
    if (request->client != NULL)
        request->delivered_tokens =
            answer_states_usage(&request->answer, &request->call)
                ? request->answer.stated.completion
                : answer_output_estimate(&request->answer);
    usage_settle(request);
    send_held(request, buf_len(&request->held), true);
    request_done(request);
}

/* Type or code of a provider's error, for the log: its message may quote the
 * prompt. */
static void
note_provider_error(struct request *request, struct str body)
{
    static const char *const paths[] = {"error.code", "error.type", "code"};
    char text[64];
    struct str value;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (json_find(body, paths[i], &value) && value.len > 2 &&
            value.ptr[0] == '"' &&
            json_string_decode(value, text, sizeof(text)) > 0) {
            request_note_error(request, text);
            return;
        }
    request_note_error(request, "provider error");
}

/* The provider's words, or ours instead of them. */
static void
finish_error(struct request *request)
{
    struct relay *relay = request->relay;
    const struct provider_family *family =
        provider_family_of(request->provider->kind);
    struct fault fault;
    struct str body = buf_view(&request->held);
    bool mapped = family->map_error(request->provider, relay->status, body,
                                    request->translation != NULL, &fault);
    if (!mapped && (relay->status < 400 || relay->too_long)) {
        fault_set(&fault, 502, "server_error", "upstream_error", NULL,
                  "the provider answered with status %u", relay->status);
        mapped = true;
    }
    if (retry_is_worth(relay->status) &&
        retry_go_on(request, RECORD_PROVIDER_ERROR))
        return;
    if (mapped) {
        /* The fault's words may be the provider's, and quote the prompt. */
        request_note_error(request, "provider error");
        relay_fail(request, RECORD_PROVIDER_ERROR, &fault);
        return;
    }
    note_provider_error(request, body);
    if (request->plane == PLANE_CLICKZETTA) { /* its envelope has them */
        char code[CLICKZETTA_CODE_BYTES];
        clickzetta_upstream_fault(request, body, code, &fault);
        relay_fail(request, RECORD_PROVIDER_ERROR, &fault);
        return;
    }
    request->status = relay->status;
    request->cause = RECORD_PROVIDER_ERROR;
    if (request->universal != NULL && universal_next(request, relay->status))
        return;
    usage_settle(request);
    send_held(request, body.len, true);
    request_done(request);
}

void
relay_plain_end(struct request *request)
{
    struct relay *relay = request->relay;
    if (request->translation != NULL && relay->kind != RELAY_ERROR &&
        request->client != NULL && !relay->is_counted) {
        relay_translate_plain(request);
        return;
    }
    if (request->call.stream)
        relay_plain_count(request); /* its text must fit the lease */
    if (!relay->is_counted) {
        relay->is_counted = true;
        request->answer.dialect->answer_whole(&request->answer,
                                              buf_view(&request->held));
    }
    if (relay->kind == RELAY_ERROR)
        finish_error(request);
    else
        finish_plain(request);
}

/* It is looked at only as a whole. */
static void
fail_too_long(struct request *request)
{
    struct fault fault;
    fault_set(&fault, 502, "server_error", "upstream_error", NULL,
              "the provider's answer is too long to be looked at");
    relay_fail(request, RECORD_UPSTREAM_FAILED, &fault);
}

void
relay_plain_flush(struct request *request)
{
    struct relay *relay = request->relay;
    struct buf *held = &request->held;
    if (!buf_ok(held)) {
        struct fault fault;
        fault_set_overloaded(&fault, "out of memory");
        relay_fail(request, RECORD_REFUSED, &fault);
        return;
    }
    if (exchange_is_complete(request->exchange)) {
        relay_plain_end(request);
        return;
    }
    if (relay->kind == RELAY_ERROR)
        return;
    if (request->translation != NULL) {
        (void)relay_translate_fits(request); /* as a whole only, or not */
        return;
    }
    if (!relay->is_passing && buf_len(held) <= RELAY_PLAIN_MAX)
        return;
    if (relay_guards(request)) { /* it passes as a whole, or not */
        if (buf_len(held) > RELAY_LOOKED_AT_MAX)
            fail_too_long(request);
        return;
    }
    relay->is_passing = true;
    relay_plain_count(request);
    if (is_beyond_lease(request))
        return;
    if (buf_len(held) > RELAY_TAIL_BYTES) {
        request->delivered_tokens = answer_output_estimate(&request->answer);
        usage_progress(request);
        send_held(request, buf_len(held) - RELAY_TAIL_BYTES, false);
    }
}
