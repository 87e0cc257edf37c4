/*
 * canon_trace.h - a client dialect that writes down what it is told, so that a
 * test can say in one line what a reader should have said; and the streams of
 * events that feed it.
 *
 *   start           [0t  a text block of choice 0 begins (t h x r T i)
 *   +"piece"        ]    it ends         ~"signature"
 *   [0T id name     (fin 0 stop)         logprobs, vectors as they stood
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_CANON_TRACE_H
#define AIGW_TESTS_UNIT_CANON_TRACE_H

#include <stdlib.h>

#include "tests/test.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"

static inline void
canon_trace_event(struct canon_stream *stream, const struct canon_event *event)
{
    struct buf *out = stream->out;
    switch (event->kind) {
    case CANON_EVENT_START:
        buf_append_cstr(out, "start ");
        break;
    case CANON_EVENT_BLOCK_START:
        buf_printf(out, "[%u%c ", event->choice, "thxrTi"[event->block]);
        if (event->block == CANON_BLOCK_TOOL)
            buf_printf(out, "%.*s %.*s ", STR_ARG(event->id),
                       STR_ARG(event->name));
        if (event->data.len > 0)
            buf_printf(out, "%.*s:%.*s ", STR_ARG(event->media_type),
                       STR_ARG(event->data));
        break;
    case CANON_EVENT_PIECE:
        buf_printf(out, "+\"%.*s\" ", STR_ARG(event->text));
        break;
    case CANON_EVENT_SIGNATURE:
        buf_printf(out, "~\"%.*s\" ", STR_ARG(event->text));
        break;
    case CANON_EVENT_LOGPROBS:
        buf_printf(out, "logprobs%.*s ", STR_ARG(event->value));
        break;
    case CANON_EVENT_BLOCK_END:
        buf_append_cstr(out, "] ");
        break;
    case CANON_EVENT_FINISH:
        buf_printf(out, "(fin %u %u%s%.*s) ", event->choice, event->stop,
                   event->text.len > 0 ? " " : "", STR_ARG(event->text));
        break;
    case CANON_EVENT_VECTOR:
        buf_printf(out, "vector %u %.*s ", event->number,
                   STR_ARG(event->value));
        break;
    default:
        buf_append_cstr(out, "end");
    }
}

static inline void
canon_trace_plain(struct canon_stream *stream)
{
    (void)stream;
}

static const struct dialect canon_trace = {
    .name = "trace",
    .write_event = canon_trace_event,
    .write_plain = canon_trace_plain,
};

/* One answer on its way from `provider` to `client`. */
struct canon_path {
    struct answer answer;
    struct canon_stream stream;
    struct call call;
    struct buf out;
};

static inline void
canon_path_begin(struct canon_path *path, const struct dialect *provider,
                 const struct dialect *client, uint8_t endpoint, bool stream)
{
    answer_release(&path->answer);
    memset(&path->answer, 0xa5, sizeof(path->answer));
    path->answer.tap = NULL;
    path->answer.on_text = NULL;
    path->answer.dialect = provider;
    path->answer.endpoint = endpoint;
    path->answer.stream = stream;
    path->answer.withhold_usage = false;
    provider->answer_begin(&path->answer);
    canon_stream_reset(&path->stream);
    path->call = (struct call){.endpoint = endpoint,
                               .stream = stream,
                               .model = "asked",
                               .model_len = 5,
                               .prompt_estimate = 11};
    buf_reset(&path->out);
    path->stream.answer = &path->answer;
    path->stream.client = client;
    path->stream.call = &path->call;
    path->stream.request_id = "req_7";
    path->stream.created_s = 1700000000;
    path->stream.out = &path->out;
    path->stream.plain = path->stream.collect = !stream;
}

static inline void
canon_path_feed(struct canon_path *path, struct str body)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    const struct dialect *provider = path->answer.dialect;
    if (!path->answer.stream) {
        provider->read_plain(&path->stream, body);
        return;
    }
    while (sse_next(&scan, body.ptr, body.len, true, &event)) {
        if (event.data_count > 0 && !path->answer.done_seen)
            provider->read_event(&path->stream, &event);
        body = str_skip(body, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
}

static inline struct str
canon_path_end(struct canon_path *path)
{
    bool estimated, ambiguous;
    answer_usage(&path->answer, &path->call, &path->stream.usage, &estimated,
                 &ambiguous);
    canon_stream_end(&path->stream);
    return buf_view(&path->out);
}

static inline void
canon_path_fini(struct canon_path *path)
{
    answer_release(&path->answer);
    canon_stream_fini(&path->stream);
    buf_fini(&path->out);
}

#endif
