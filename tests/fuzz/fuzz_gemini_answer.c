/*
 * fuzz_gemini_answer.c - answers of the Gemini dialect, plain and streamed, read
 * for facts and written again for a client of the same dialect. The first byte
 * chooses how, and whether one answer was asked for. What is written must be
 * JSON and say the same when it is read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static struct answer answer, again;
static struct canon_stream stream;
static struct canon_request request = {.show_thinking = CANON_YES};
static struct call call = {.endpoint = ENDPOINT_GENERATE,
                           .model = "asked",
                           .model_len = 5,
                           .prompt_bound = 1000,
                           .prompt_estimate = 3};

/* Facts only, or to a client. */
static void
feed(struct answer *a, struct canon_stream *to, struct str text)
{
    if (a->stream)
        feed_events(a, to, text, text.len);
    else if (to != NULL)
        dialect_gemini.read_plain(to, text);
    else
        dialect_gemini.answer_whole(a, text);
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
    bool alone = (data[0] & 4) != 0;
    call.n = alone ? 1 : 2;
    struct str text = {(const char *)data + 1, size - 1};
    begin_answer(&answer, &dialect_gemini, ENDPOINT_GENERATE, streams);
    feed(&answer, NULL, text);
    answer_usage(&answer, &call, &usage, &estimated, &ambiguous);
    begin_answer(&again, &dialect_gemini, ENDPOINT_GENERATE, streams);
    buf_init(&out, 0);
    begin_stream(&stream, &again, &dialect_gemini, &call, &out);
    stream.plain = !written;
    stream.collect = true;
    stream.request = &request;
    feed(&again, &stream, text);
    /* A client changes nothing in what is learnt. (Where one answer was asked
     * for, each content of a candidate with several counts, else the last.) Of
     * an event that is no JSON, each learns what stands before the fault, as far
     * as it looks. */
    if (is_all_json(text, streams)) {
        MUST(alone ? again.ascii_bytes >= answer.ascii_bytes
                   : again.ascii_bytes == answer.ascii_bytes &&
                         again.content_events == answer.content_events);
        MUST(again.finish_seen == answer.finish_seen);
        MUST(again.usage_seen == answer.usage_seen);
        if (answer.usage_seen) /* else it may be what an earlier member left */
            MUST(memcmp(&again.stated, &answer.stated, sizeof(answer.stated)) ==
                 0);
        MUST(again.bad == answer.bad);
    }
    stream.usage = usage;
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    begin_answer(&again, &dialect_gemini, ENDPOINT_GENERATE, written);
    must_be_given(buf_view(&out), !written);
    feed(&again, NULL, buf_view(&out));
    MUST(again.usage_seen && !again.error_seen && !again.bad);
    if (usage_total(&usage) < UINT64_C(1) << 53)
        MUST(again.stated.total == usage_total(&usage));
    buf_fini(&out);
    canon_stream_fini(&stream);
    return 0;
}
