/*
 * fuzz_responses_answer.c - answers of providers of the Responses dialect. The
 * first byte chooses plain or streamed, the second the size of the pieces. What
 * is learnt must not depend on the cuts; what a client of any dialect is given
 * must be JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "worker/dialect/canon_stream.h"
#include "worker/dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static struct answer whole, pieces;
static struct canon_stream stream;

static void
begin(struct answer *answer, bool streamed)
{
    answer->dialect = &dialect_responses;
    answer->endpoint = ENDPOINT_RESPONSES;
    answer->stream = streamed;
    answer->withhold_usage = false;
    dialect_responses.answer_begin(answer);
}

static void
feed_events(struct answer *answer, struct canon_stream *to, struct str text,
            size_t piece)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t from = 0, end = 0;
    while (end < text.len) {
        end = piece < text.len - end ? end + piece : text.len;
        while (sse_next(&scan, text.ptr + from, end - from, end == text.len,
                        &event)) {
            if (to == NULL)
                MUST(dialect_responses.answer_event(answer, &event) ==
                     EVENT_PASS);
            else
                dialect_responses.read_event(to, &event);
            from += event.bytes;
            scan = (struct sse_scan){.started = true};
        }
    }
}

static void
feed(struct answer *answer, struct str text, size_t piece)
{
    if (answer->stream) {
        feed_events(answer, NULL, text, piece);
        return;
    }
    while (text.len > 0) {
        size_t n = piece < text.len ? piece : text.len;
        dialect_responses.answer_piece(answer, str_make(text.ptr, n));
        text = str_skip(text, n);
    }
}

static void
check_same(const struct answer *a, const struct answer *b)
{
    MUST(memcmp(&a->stated, &b->stated, sizeof(a->stated)) == 0);
    MUST(a->usage_seen == b->usage_seen && a->error_seen == b->error_seen);
    MUST(a->finish_seen == b->finish_seen && a->done_seen == b->done_seen);
    MUST(a->content_events == b->content_events && a->bad == b->bad);
    MUST(a->ascii_bytes == b->ascii_bytes && a->other_chars == b->other_chars);
    MUST(strcmp(a->id, b->id) == 0 && a->sequence == b->sequence);
}

static void
check_json(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    while (json_next(&reader, &token) > JSON_BAD)
        ;
    MUST(token.type == JSON_END);
}

static void
check_given(struct str out, bool streamed)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    if (!streamed) {
        check_json(out);
        return;
    }
    while (sse_next(&scan, out.ptr, out.len, false, &event)) {
        MUST(event.data_count == 1);
        if (!str_equals(event.data[0], STR_LIT("[DONE]")))
            check_json(event.data[0]);
        out = str_skip(out, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
    MUST(out.len == 0);
}

static void
translate(const struct dialect *client, bool streamed, bool plain,
          struct str text)
{
    static const struct call call = {
        .model = "asked", .model_len = 5, .prompt_estimate = 3};
    struct buf out;
    bool estimated, ambiguous;
    buf_init(&out, 0);
    begin(&whole, streamed);
    canon_stream_reset(&stream);
    stream.answer = &whole;
    stream.client = client;
    stream.call = &call;
    stream.request_id = "req_1";
    stream.out = &out;
    stream.plain = plain;
    stream.collect = plain || client->collects;
    if (streamed)
        feed_events(&whole, &stream, text, text.len);
    else
        dialect_responses.read_plain(&stream, text);
    answer_usage(&whole, &call, &stream.usage, &estimated, &ambiguous);
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    check_given(buf_view(&out), !plain);
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dialect *const clients[] = {
        &dialect_responses, &dialect_openai, &dialect_anthropic};
    if (size < 2)
        return 0;
    bool streamed = (data[0] & 1) != 0;
    struct str text = {(const char *)data + 2, size - 2};
    begin(&whole, streamed);
    feed(&whole, text, size);
    begin(&pieces, streamed);
    feed(&pieces, text, data[1] + 1u);
    check_same(&whole, &pieces);
    /* Lists of logprobs pass as they stand: they are not looked into. */
    if (memmem(text.ptr, text.len, "logprobs", 8) != NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        for (int plain = 0; plain < 2; plain++)
            translate(clients[i], streamed, plain != 0, text);
    return 0;
}
