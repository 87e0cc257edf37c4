/*
 * relay.c - one call to its provider and the answer back.
 *
 *   relay_start -> exchange: head -> kind of answer
 *                            body, flush -> relay_stream.c or relay_plain.c
 *                            end -> done, the next endpoint, or a failure
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/net/http_reply.h"
#include "worker/error_reply.h"
#include "worker/provider/provider.h"
#include "worker/revoke.h"
#include "worker/retry.h"

static const struct exchange_events events;

/* ---- starting ---- */

bool
relay_prepare(struct request *request)
{
    if (request->relay == NULL) {
        request->relay = malloc(sizeof(*request->relay));
        if (request->relay == NULL)
            return false;
        buf_init(&request->relay->array_text, 0);
    }
    memset(request->relay, 0, offsetof(struct relay, content_type));
    request->relay->upstream_id[0] = request->relay->processing_ms[0] = '\0';
    request->relay->retry_after[0] = request->relay->content_type[0] = '\0';
    return true;
}

const struct exchange_events *
relay_events(void)
{
    return &events;
}

void
relay_turn_failed(struct request *request, const struct fault *fault)
{
    request->cause = RECORD_REFUSED;
    request_fail(request, fault);
}

void
relay_start(struct request *request)
{
    UNINITIALIZED struct fault fault;
    if (!relay_prepare(request))
        fault_set_overloaded(&fault, "out of memory");
    else if (relay_send_upstream(request, &fault) == 0)
        return;
    relay_turn_failed(request, &fault);
}

void
relay_turn(struct request *request)
{
    UNINITIALIZED struct fault fault;
    request_enter(request, REQUEST_UPSTREAM);
    if (relay_send_upstream(request, &fault) < 0)
        relay_turn_failed(request, &fault);
}

void
relay_destroy(struct relay **relay)
{
    if (*relay != NULL)
        buf_fini(&(*relay)->array_text);
    free(*relay);
    *relay = NULL;
}

/* ---- to the client ---- */

void
relay_head(struct request *request, uint16_t status, int64_t content_length)
{
    const struct relay *relay = request->relay;
    struct buf *out = &request->worker->reply;
    buf_reset(out);
    request_reply_begin(request, out, status);
    if (relay->upstream_id[0] != '\0')
        http_field_cstr(out, "x-upstream-request-id", relay->upstream_id);
    if (relay->processing_ms[0] != '\0')
        http_field_cstr(out, "openai-processing-ms", relay->processing_ms);
    /* Anthropic sends it with good answers, too, where it means nothing. */
    if (relay->retry_after[0] != '\0' && status >= 400)
        http_field_cstr(out, "retry-after", relay->retry_after);
    if (request->translation != NULL)
        relay_dropped_field(request, out);
    if (relay_gives_stream(request))
        buf_append_str(out, STR_LIT("Cache-Control: no-cache\r\n"
                                    "X-Accel-Buffering: no\r\n"));
    request_reply_end(request, out, str_from(relay->content_type),
                      content_length);
}

bool
relay_send(struct request *request, struct iovec *pieces, int count)
{
    if (request->client == NULL)
        return true; /* read to its end for the count only */
    if (!buf_ok(&request->worker->reply)) { /* half a head is no answer */
        client_give_up(request->client);
        return false;
    }
    ssize_t waiting = client_write(request->client, pieces, count);
    if (waiting < 0)
        return false; /* request_on_gone() comes at the end of the turn */
    if (waiting > CLIENT_WAITING_HIGH_BYTES && !request->paused &&
        request->exchange != NULL) {
        request->paused = true;
        exchange_pause(request->exchange);
    }
    return true;
}

void
relay_break(struct request *request, const struct fault *fault)
{
    if (!request->settled)
        usage_settle(request);
    if (request->payload != NULL)
        payload_end(request);
    if (request->client != NULL) {
        if (relay_gives_stream(request))
            relay_stream_break(request, fault);
        client_abort(request->client);
        request->client = NULL;
    }
    request_done(request);
}

void
relay_fail(struct request *request, uint8_t cause, const struct fault *fault)
{
    request->cause = cause;
    request_note_error(request, fault->message);
    if (request->answer_started)
        relay_break(request, fault);
    else
        request_fail(request, fault);
}

void
relay_fail_upstream(struct request *request, uint8_t cause,
                    const struct fault *fault)
{
    if (!request->settled && retry_go_on(request, cause))
        return;
    relay_fail(request, cause, fault);
}

/* ---- events of the exchange ---- */

static void
copy_value(char *out, size_t size, struct str value)
{
    size_t len = value.len < size ? value.len : 0; /* whole or not at all */
    memcpy(out, value.ptr, len);
    out[len] = '\0';
}

/* x-ratelimit-..., anthropic-ratelimit-..., retry-after-ms */
static inline bool
may_be_limit(struct str name)
{
    char first = name.ptr[0] | 0x20;
    return name.len >= 14 && (first == 'x' || first == 'a' || first == 'r');
}

static bool
keep_fields(struct request *request, const struct http_head *head)
{
    struct relay *relay = request->relay;
    relay->content_type[0] = relay->upstream_id[0] = '\0';
    relay->processing_ms[0] = relay->retry_after[0] = '\0';
    for (unsigned i = 0; i < head->field_count; i++) {
        struct str name = head->fields[i].name, value = head->fields[i].value;
        switch (head->fields[i].which) {
        case HTTP_NAME_REQUEST_ID: /* Anthropic's */
        case HTTP_NAME_X_REQUEST_ID:
        case HTTP_NAME_X_AMZN_REQUESTID:
            copy_value(relay->upstream_id, sizeof(relay->upstream_id), value);
            break;
        case HTTP_NAME_RETRY_AFTER:
            copy_value(relay->retry_after, sizeof(relay->retry_after), value);
            relay_limit_field(request, name, value);
            break;
        case HTTP_NAME_CONTENT_TYPE:
            copy_value(relay->content_type, sizeof(relay->content_type), value);
            break;
        case HTTP_NAME_CONTENT_ENCODING:
            if (!str_equals_nocase(value, STR_LIT("identity")))
                return false; /* we asked for none */
            break;
        case HTTP_NAME_OPENAI_PROCESSING_MS:
            copy_value(relay->processing_ms, sizeof(relay->processing_ms),
                       value);
            break;
        default:
            if (UNLIKELY(may_be_limit(name)))
                relay_limit_field(request, name, value);
            break;
        }
    }
    return true;
}

static bool
type_is(const struct relay *relay, struct str name)
{
    struct str type = str_from(relay->content_type);
    return type.len >= name.len &&
           str_equals_nocase(str_make(type.ptr, name.len), name);
}

static enum relay_kind
kind_of(const struct request *request, const struct relay *relay)
{
    struct str type = str_from(relay->content_type);
    /* 204 and 205 have no body: an answer to a call has one. */
    if (relay->status < 200 || relay->status > 299 || relay->status == 204 ||
        relay->status == 205)
        return RELAY_ERROR;
    if (relay->has_frames || type_is(relay, STR_LIT("text/event-stream")))
        return RELAY_STREAM;
    return request->call.stream && type.len == 0 ? RELAY_STREAM : RELAY_PLAIN;
}

static void
on_head(void *owner, const struct http_head *head)
{
    struct request *request = owner;
    struct relay *relay = request->relay;
    if (request->step == REQUEST_DONE)
        return;
    request_enter(request, REQUEST_RELAY);
    request->first_byte_ms = exchange_first_byte_ms(request->exchange);
    request->connect_ms = exchange_connect_ms(request->exchange);
    request->upstream_answered = true;
    relay->status = head->status;
    relay->length = head->body_kind == HTTP_BODY_LENGTH
                        ? (int64_t)head->content_length
                        : -1;
    relay->is_coded = !keep_fields(request, head);
    relay->has_frames =
        request->translation != NULL &&
        type_is(relay, STR_LIT("application/vnd.amazon.eventstream"));
    relay->kind = kind_of(request, relay);
    request->upstream_refused = relay->kind == RELAY_ERROR;
    relay_health_head(request);
    if (request->answer.stream != (relay->kind == RELAY_STREAM)) {
        request->answer.stream = relay->kind == RELAY_STREAM;
        request->answer.dialect->answer_begin(&request->answer);
        relay_listen(request);
    }
    if (relay->kind == RELAY_PLAIN)
        request->answer.body_kind =
            (uint8_t)answer_body_kind(str_from(relay->content_type));
    if (request->translation != NULL && relay->kind != RELAY_ERROR)
        relay_translate_head(request);
    else if (request->call.as_array && relay->kind == RELAY_STREAM)
        copy_value(relay->content_type, sizeof(relay->content_type),
                   str_from(request->dialect->plain_type));
}

static void
on_body(void *owner, struct str bytes)
{
    struct request *request = owner;
    if (request->step == REQUEST_DONE || request->relay->is_coded)
        return;
    if (request->relay->kind == RELAY_STREAM && request->translation != NULL)
        relay_translate_body(request, bytes);
    else if (request->relay->kind == RELAY_STREAM)
        relay_stream_body(request, bytes);
    else
        relay_plain_body(request, bytes);
}

static void
fail_coded(struct request *request)
{
    struct fault fault;
    fault_set(&fault, 502, "server_error", "upstream_error", NULL,
              "the provider sent a compressed answer that nobody asked for");
    relay_fail_upstream(request, RECORD_UPSTREAM_FAILED, &fault);
}

static void
on_flush(void *owner)
{
    struct request *request = owner;
    if (request->step == REQUEST_DONE)
        return;
    if (UNLIKELY(request->relay->is_coded))
        fail_coded(request);
    else if (request->relay->kind == RELAY_STREAM &&
             request->translation != NULL)
        relay_translate_flush(request);
    else if (request->relay->kind == RELAY_STREAM)
        relay_stream_flush(request);
    else
        relay_plain_flush(request);
}

static void
explain_failure(enum exchange_result result, const char *text,
                struct fault *fault, uint8_t *cause)
{
    switch (result) {
    case EXCHANGE_TIMEOUT:
        fault_set(fault, 504, "server_error", "upstream_timeout", NULL,
                  "the provider did not answer in time (%s)", text);
        *cause = RECORD_UPSTREAM_TIMEOUT;
        return;
    case EXCHANGE_CONNECT:
        fault_set(fault, 502, "server_error", "upstream_error", NULL,
                  "the provider cannot be reached (%s)", text);
        *cause = RECORD_UPSTREAM_FAILED;
        return;
    case EXCHANGE_BAD_ANSWER:
        fault_set(fault, 502, "server_error", "upstream_error", NULL,
                  "the provider's answer is not understood (%s)", text);
        *cause = RECORD_UPSTREAM_FAILED;
        return;
    case EXCHANGE_OK:
    case EXCHANGE_CUT:
        break;
    }
    fault_set(fault, 502, "server_error", "upstream_error", NULL,
              "the provider broke off its answer (%s)", text);
    *cause = RECORD_UPSTREAM_CUT;
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct request *request = owner;
    UNINITIALIZED struct fault fault;
    uint8_t cause;
    if (request->exchange != NULL && result == EXCHANGE_OK &&
        request->first_byte_ms == 0)
        request->first_byte_ms = exchange_first_byte_ms(request->exchange);
    request->exchange = NULL;
    if (request->step == REQUEST_DONE)
        return;
    if (result != EXCHANGE_OK && !request->answer.done_seen &&
        retry_go_on(request, result == EXCHANGE_TIMEOUT
                                 ? RECORD_UPSTREAM_TIMEOUT
                                 : RECORD_UPSTREAM_FAILED))
        return;
    struct relay *relay = request->relay;
    if (relay->kind == RELAY_STREAM &&
        (result == EXCHANGE_OK || request->answer.done_seen)) {
        if (request->translation != NULL)
            relay_translate_end(request);
        else
            relay_stream_end(request);
        return;
    }
    if (result == EXCHANGE_OK && relay->kind != RELAY_NONE) {
        relay_plain_end(request);
        return;
    }
    explain_failure(result, text, &fault, &cause);
    log_info("request=%s provider=%s while relaying: %s", request->id,
             request->provider->name, fault.message);
    relay_fail(request, cause, &fault);
}

/* Where another one may take the call, one that may be dead is left alone. */
static bool
on_again(void *owner)
{
    struct request *request = owner;
    return health_may_resend(request->worker, &request->health) ||
           !retry_has_next(request);
}

static const struct exchange_events events = {
    .head = on_head,
    .body = on_body,
    .flush = on_flush,
    .end = on_end,
    .again = on_again,
};

/* ---- from outside ---- */

void
relay_client_gone(struct request *request)
{
    if (request->provider->on_disconnect == ON_DISCONNECT_DRAIN &&
        !request->cut && !request->settled && request->exchange != NULL) {
        if (request->paused) {
            request->paused = false;
            exchange_resume(request->exchange);
        }
        return; /* settled by the provider's own usage at its end */
    }
    if (!request->settled) {
        request->cause = RECORD_CLIENT_GONE;
        if (request->status == 0)
            request->status = 499; /* as nginx logs it */
        usage_settle(request);
    }
    request_done(request);
}

static void
cut(struct request *request, uint8_t cause, const struct fault *fault)
{
    if (!request->settled) {
        relay_fail(request, cause, fault);
        return;
    }
    /* Only the last framing is missing. */
    if (request->translation != NULL)
        relay_translate_end(request);
    else
        relay_stream_end(request);
}

void
relay_cut(struct request *request)
{
    struct fault fault;
    fault_set_overloaded(&fault, "the gateway is stopping");
    cut(request, RECORD_DRAIN_CUT, &fault);
}

void
relay_revoke(struct request *request)
{
    struct fault fault;
    fault_set(&fault, 401, "invalid_request_error", "key_disabled", NULL,
              "this key or its group was disabled or deleted while its call "
              "was under way");
    fault.no_retry = true;
    cut(request, RECORD_REVOKED, &fault);
}
