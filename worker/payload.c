/*
 * payload.c - see payload.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/payload.h"

#include <stdlib.h>

#include "common/json_scan.h"
#include "shm/payload_ring.h"
#include "worker/redact.h"
#include "worker/relay_parts.h"
#include "worker/settings.h"

/* Owner: the request. */
struct payload {
    struct redaction redaction;
    size_t max;         /* of each body */
    struct buf request; /* redacted */
    struct buf answer;  /* as it came; at most max + PATTERN_SPAN */
    uint64_t request_size, answer_size;
    bool request_cut, is_stream;
};

static void
payload_free(struct payload *payload)
{
    for (int i = 0; i < REDACT_SETS; i++)
        pattern_set_put(payload->redaction.sets[i]);
    buf_fini(&payload->request);
    buf_fini(&payload->answer);
    free(payload);
}

/* The operator's list of [log] as one text, made once. */
static const char *
log_patterns(struct worker *worker)
{
    const struct config_list *list = &worker->config->log.redact;
    if (list->count == 0)
        return NULL;
    if (worker->redact_text == NULL) {
        struct buf text;
        buf_init(&text, 0);
        for (unsigned i = 0; i < list->count; i++)
            buf_printf(&text, "%s%s", i > 0 ? "\n" : "", list->items[i]);
        worker->redact_text = buf_ok(&text) ? strdup(buf_cstr(&text)) : NULL;
        buf_fini(&text);
    }
    return worker->redact_text;
}

/* False: there are patterns, and they cannot be had: then nothing is kept. */
static bool
take_redaction(struct request *request, struct redaction *redaction)
{
    struct worker *worker = request->worker;
    const char *texts[REDACT_SETS] = {
        log_patterns(worker),
        request->gateway == NULL ? NULL : request->gateway->redact};
    if (texts[0] == NULL && worker->config->log.redact.count > 0)
        return false;
    for (int i = 0; i < REDACT_SETS; i++) {
        if (texts[i] == NULL)
            continue;
        redaction->sets[i] =
            pattern_set_get(&worker->pattern_sets, texts[i], false);
        if (redaction->sets[i] == NULL)
            return false;
    }
    return true;
}

static bool
is_wanted(const struct request *request)
{
    return setting_of(request, SETTING_LOG_PAYLOAD) != 0 &&
           setting_of(request, SETTING_COLLECT_LOG) != 0 &&
           request->worker->heritage->payloads != NULL;
}

void
payload_begin(struct request *request)
{
    if (LIKELY(!is_wanted(request)))
        return;
    struct payload *payload = calloc(1, sizeof(*payload));
    if (payload == NULL)
        return;
    struct str body = buf_view(&request->body);
    payload->max = request->worker->config->log.payload_max_bytes;
    payload->request_size = body.len;
    buf_init(&payload->request, 0);
    buf_init(&payload->answer, 0);
    if (!take_redaction(request, &payload->redaction)) {
        payload_free(payload);
        return;
    }
    /* A form has files in it: their bytes are no text. */
    if (request->call.boundary.len > 0)
        payload->request_cut = true;
    else
        payload->request_cut = redact_json(
            &payload->request, body, payload->max, false, &payload->redaction);
    request->payload = payload;
}

void
payload_begin_answer(struct request *request)
{
    buf_reset(&request->payload->answer);
    request->payload->answer_size = 0;
    request->payload->is_stream = false;
}

void
payload_keep(struct request *request, struct str bytes)
{
    struct payload *payload = request->payload;
    size_t have = buf_len(&payload->answer);
    size_t most = payload->max + PATTERN_SPAN;
    payload->answer_size += bytes.len;
    if (payload->is_stream)
        return; /* an error's event, behind the texts */
    if (have < most)
        buf_append(&payload->answer, bytes.ptr,
                   bytes.len < most - have ? bytes.len : most - have);
}

void
payload_keep_text(struct request *request, struct str inside)
{
    struct payload *payload = request->payload;
    struct buf *text = &payload->answer;
    size_t most = payload->max + PATTERN_SPAN;
    payload->is_stream = true;
    if (buf_len(text) >= most || request->call.n > 1) {
        payload->answer_size += inside.len; /* texts of several are mixed */
        return;
    }
    if (buf_reserve(text, inside.len + 1) < 0)
        return;
    size_t len =
        json_text_decode_cut(inside, text->data + text->end, inside.len + 1);
    text->end += len;
    payload->answer_size += len;
}

/* Bytes that are JSON or text, by what the client was told they are. */
static bool
is_text(const struct request *request)
{
    if (request->relay == NULL || !request->upstream_answered)
        return true; /* our own words */
    return answer_body_kind(str_from(request->relay->content_type)) !=
           ANSWER_BINARY;
}

static bool
redact_answer(const struct request *request, struct payload *payload,
              struct buf *out)
{
    struct str answer = buf_view(&payload->answer);
    if (!is_text(request))
        return payload->answer_size > 0;
    size_t max = payload->max;
    bool more = answer.len >= max + PATTERN_SPAN; /* no more was taken */
    bool cut = payload->is_stream
                   ? redact_text(out, answer, max, more, &payload->redaction)
                   : redact_json(out, answer, max, more, &payload->redaction);
    return cut || payload->answer_size > answer.len;
}

void
payload_end(struct request *request)
{
    struct payload *payload = request->payload;
    struct worker *worker = request->worker;
    struct buf answer;
    buf_init(&answer, 0);
    request->payload = NULL;
    if (request->admitted && request->settled) {
        bool answer_cut = redact_answer(request, payload, &answer);
        struct payload_record record = {
            .flags = (payload->request_cut ? PAYLOAD_REQUEST_CUT : 0u) |
                     (answer_cut ? PAYLOAD_ANSWER_CUT : 0u) |
                     (payload->is_stream ? PAYLOAD_STREAM : 0u),
            .request_id = {request->id_words[0], request->id_words[1]},
            .ended_ms = request->ended_wall_ms,
            .request_size = payload->request_size,
            .answer_size = payload->answer_size,
        };
        if (buf_ok(&payload->request) && buf_ok(&payload->answer) &&
            buf_ok(&answer))
            payload_put(worker->heritage->payloads, worker->seat.column,
                        &record, buf_view(&payload->request),
                        buf_view(&answer));
    }
    buf_fini(&answer);
    payload_free(payload);
}
