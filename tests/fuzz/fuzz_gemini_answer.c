/*
 * fuzz_gemini_answer.c - answers of the Gemini dialect, plain and streamed, read
 * for facts and written again for a client of the same dialect. The first byte
 * chooses how. What is written must be JSON and say the same when it is read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static struct answer answer, again;
static struct canon_stream stream;
static struct canon_request request = {.show_thinking = CANON_YES};
static const struct call call = {.endpoint = ENDPOINT_GENERATE,
                                 .model = "asked",
                                 .model_len = 5,
                                 .prompt_bound = 1000,
                                 .prompt_estimate = 3};

static void
begin(struct answer *a, bool streams)
{
    a->dialect = &dialect_gemini;
    a->endpoint = ENDPOINT_GENERATE;
    a->stream = streams;
    a->withhold_usage = false;
    dialect_gemini.answer_begin(a);
}

static void
must_be_json(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    while (json_next(&reader, &token) > JSON_BAD)
        continue;
    MUST(token.type == JSON_END);
}

/* Facts only, or to a client. */
static void
feed(struct answer *a, struct canon_stream *to, struct str text, bool written)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    if (!a->stream) {
        if (written)
            must_be_json(text);
        if (to != NULL)
            dialect_gemini.read_plain(to, text);
        else
            dialect_gemini.answer_whole(a, text);
        return;
    }
    while (sse_next(&scan, text.ptr, text.len, true, &event)) {
        if (written && event.data_count > 0)
            must_be_json(event.data[0]);
        if (to != NULL)
            dialect_gemini.read_event(to, &event);
        else
            dialect_gemini.answer_event(a, &event);
        text = str_skip(text, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    struct usage usage;
    bool estimated, ambiguous;
    if (size < 1)
        return 0;
    bool streams = (data[0] & 1) != 0, written = (data[0] & 2) != 0;
    struct str text = {(const char *)data + 1, size - 1};
    begin(&answer, streams);
    feed(&answer, NULL, text, false);
    answer_usage(&answer, &call, &usage, &estimated, &ambiguous);
    begin(&again, streams);
    canon_stream_reset(&stream);
    buf_init(&out, 0);
    stream.answer = &again;
    stream.client = &dialect_gemini;
    stream.plain = !written;
    stream.collect = true;
    stream.call = &call;
    stream.request = &request;
    stream.request_id = "req_1";
    stream.out = &out;
    feed(&again, &stream, text, false);
    /* a client changes nothing in what is learnt */
    MUST(again.ascii_bytes == answer.ascii_bytes);
    MUST(again.content_events == answer.content_events);
    MUST(memcmp(&again.stated, &answer.stated, sizeof(answer.stated)) == 0);
    MUST(again.finish_seen == answer.finish_seen && again.bad == answer.bad);
    stream.usage = usage;
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    begin(&again, written);
    feed(&again, NULL, buf_view(&out), true);
    MUST(again.usage_seen && !again.error_seen && !again.bad);
    if (usage_total(&usage) < UINT64_C(1) << 53)
        MUST(again.stated.total == usage_total(&usage));
    buf_fini(&out);
    canon_stream_fini(&stream);
    return 0;
}
