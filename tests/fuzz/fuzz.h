/*
 * fuzz.h - what the fuzz targets of dialects have in common: a condition that
 * ends the run, splices applied, events cut anywhere, and whether what a client
 * or a provider is given is JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_FUZZ_FUZZ_H
#define AIGW_TESTS_FUZZ_FUZZ_H

#include <stdlib.h>

#include "common/buf.h"
#include "common/json_scan.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static inline bool
is_json(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    while (json_next(&reader, &token) > JSON_BAD)
        continue;
    return token.type == JSON_END;
}

/* ---- requests ---- */

/* The body with its splices, which stand in order and inside of it. */
static inline void
apply_splices(struct buf *out, struct str body, const struct splices *splices)
{
    size_t from = 0;
    buf_reset(out);
    for (uint32_t i = 0; i < splices->count; i++) {
        const struct splice *splice = &splices->items[i];
        MUST(splice->off >= from && splice->text_len > 0);
        MUST((size_t)splice->off + splice->len <= body.len);
        buf_append(out, body.ptr + from, splice->off - from);
        buf_append(out, splices->text + splice->text_off, splice->text_len);
        from = (size_t)splice->off + splice->len;
    }
    buf_append(out, body.ptr + from, body.len - from);
    MUST(buf_ok(out));
}

/* `from`'s request as a body of `to`, which is JSON; false when it is refused,
 * with a reason. */
static inline bool
carry_request(const struct dialect *from, const struct dialect *to,
              struct str body, const struct call *call,
              struct canon_request *request, const struct canon_target *target,
              struct buf *out)
{
    struct fault fault = {0};
    canon_request_reset(request);
    buf_reset(out);
    if (from->read_request(body, call, request, &fault) != 0 ||
        to->write_request(request, target, out, &fault) != 0) {
        MUST(fault.status == 400 && fault.code != NULL);
        MUST(fault.message[0] != '\0');
        return false;
    }
    MUST(!request->failed && buf_ok(out) && is_json(buf_view(out)));
    return true;
}

/* ---- answers ---- */

static inline void
begin_answer(struct answer *answer, const struct dialect *dialect,
             uint8_t endpoint, bool streams)
{
    answer->dialect = dialect;
    answer->endpoint = endpoint;
    answer->stream = streams;
    answer->withhold_usage = false;
    dialect->answer_begin(answer);
}

/* Fields that stay 0 or NULL are the caller's. */
static inline void
begin_stream(struct canon_stream *stream, struct answer *answer,
             const struct dialect *client, const struct call *call,
             struct buf *out)
{
    canon_stream_reset(stream);
    buf_reset(out);
    stream->answer = answer;
    stream->client = client;
    stream->call = call;
    stream->request_id = "req_1";
    stream->out = out;
}

/* The events of a text that comes in pieces of so many bytes: to the stream, or
 * for the facts only. */
static inline void
feed_events(struct answer *answer, struct canon_stream *to, struct str text,
            size_t piece)
{
    const struct dialect *dialect = answer->dialect;
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t from = 0, end = 0;
    while (end < text.len) {
        end = piece < text.len - end ? end + piece : text.len;
        while (sse_next(&scan, text.ptr + from, end - from, end == text.len,
                        &event)) {
            if (to == NULL)
                dialect->answer_event(answer, &event);
            else
                dialect->read_event(to, &event);
            from += event.bytes;
            scan = (struct sse_scan){.started = true};
        }
    }
}

/* A plain answer, or each event of a stream. */
static inline bool
is_all_json(struct str text, bool streams)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    struct buf data;
    bool is = true;
    if (!streams)
        return is_json(text);
    buf_init(&data, 0);
    while (is && text.len > 0 &&
           sse_next(&scan, text.ptr, text.len, true, &event)) {
        buf_reset(&data);
        sse_join_data(&event, &data);
        is = event.data_count == 0 || is_json(buf_view(&data));
        text = str_skip(text, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
    buf_fini(&data);
    return is;
}

/* A plain answer; each piece in a block of its own, so that ASan sees its end. */
static inline void
feed_plain(struct answer *answer, struct str text, size_t piece)
{
    while (text.len > 0) {
        size_t n = piece < text.len ? piece : text.len;
        char *copy = malloc(n);
        MUST(copy != NULL);
        memcpy(copy, text.ptr, n);
        answer->dialect->answer_piece(answer, str_make(copy, n));
        free(copy);
        text = str_skip(text, n);
    }
}

static inline void
feed_pieces(struct answer *answer, struct str text, size_t piece)
{
    if (answer->stream)
        feed_events(answer, NULL, text, piece);
    else
        feed_plain(answer, text, piece);
}

static inline void
must_be_same(const struct answer *a, const struct answer *b)
{
    MUST(a->usage_seen == b->usage_seen && a->usage_odd == b->usage_odd);
    if (a->usage_seen) /* else it may be what an earlier member left */
        MUST(memcmp(&a->stated, &b->stated, sizeof(a->stated)) == 0 &&
             memcmp(&a->split, &b->split, sizeof(a->split)) == 0);
    MUST(a->finish_seen == b->finish_seen && a->done_seen == b->done_seen);
    MUST(a->error_seen == b->error_seen && a->bad == b->bad);
    MUST(a->content_events == b->content_events);
    MUST(a->ascii_bytes == b->ascii_bytes && a->other_chars == b->other_chars);
    MUST(strcmp(a->id, b->id) == 0 && strcmp(a->model, b->model) == 0);
    MUST(a->choice_top == b->choice_top && a->created == b->created);
    MUST(a->sequence == b->sequence);
}

/* What a client was given: JSON; or whole events of JSON, and [DONE]. */
static inline void
must_be_given(struct str out, bool plain)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    if (plain) {
        MUST(is_json(out));
        return;
    }
    while (sse_next(&scan, out.ptr, out.len, false, &event)) {
        MUST(event.data_count == 1);
        MUST(is_json(event.data[0]) ||
             str_equals(event.data[0], STR_LIT("[DONE]")));
        out = str_skip(out, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
    MUST(out.len == 0);
}

#endif
