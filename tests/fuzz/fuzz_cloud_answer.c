/*
 * fuzz_cloud_answer.c - answers of Bedrock's Converse and of Workers AI, plain
 * and streamed, read for facts and written for a client of OpenAI's dialect or
 * of Workers AI's. The first byte chooses. A line of a stream of Bedrock's is an
 * event: its name, a blank, its payload; "!" before the name: an exception.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static struct answer facts, told;
static struct canon_stream stream;
static struct canon_request json_mode = {.format = CANON_FORMAT_JSON};
static const struct call call = {.endpoint = ENDPOINT_CHAT,
                                 .model = "asked",
                                 .model_len = 5,
                                 .prompt_bound = 1000,
                                 .prompt_estimate = 3};

static void
feed_lines(struct answer *answer, struct canon_stream *to, struct str text)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        struct str line = text;
        if (end != NULL)
            line.len = (size_t)(end - text.ptr);
        text = str_skip(text, end == NULL ? line.len : line.len + 1);
        struct sse_event event = {.data_count = 1};
        event.is_exception = line.len > 0 && *line.ptr == '!';
        line = str_skip(line, event.is_exception);
        const char *blank =
            line.len == 0 ? NULL : memchr(line.ptr, ' ', line.len);
        event.event = line;
        if (blank != NULL)
            event.event.len = (size_t)(blank - line.ptr);
        event.data[0] = str_skip(line, event.event.len + (blank != NULL));
        if (to == NULL)
            answer->dialect->answer_event(answer, &event);
        else if (!to->has_error)
            answer->dialect->read_event(to, &event);
    }
}

static void
feed(struct answer *answer, struct canon_stream *to, struct str text)
{
    if (!answer->stream && to != NULL)
        answer->dialect->read_plain(to, text);
    else if (!answer->stream)
        answer->dialect->answer_whole(answer, text);
    else if (answer->dialect == &dialect_bedrock)
        feed_lines(answer, to, text);
    else
        feed_events(answer, to, text, text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    bool estimated, ambiguous;
    if (size < 1)
        return 0;
    bool streams = (data[0] & 1) != 0, plain = (data[0] & 8) != 0;
    const struct dialect *provider =
        (data[0] & 2) != 0 ? &dialect_workers_ai : &dialect_bedrock;
    const struct dialect *client =
        (data[0] & 4) != 0 ? &dialect_workers_ai : &dialect_openai;
    uint8_t endpoint =
        provider == &dialect_bedrock ? ENDPOINT_CONVERSE : ENDPOINT_RUN;
    struct str text = {(const char *)data + 1, size - 1};
    begin_answer(&facts, provider, endpoint, streams);
    feed(&facts, NULL, text);
    begin_answer(&told, provider, endpoint, streams);
    buf_init(&out, 0);
    begin_stream(&stream, &told, client, &call, &out);
    stream.plain = plain;
    stream.collect = plain || client->collects;
    stream.request = &json_mode;
    feed(&told, &stream, text);
    if (!stream.has_error) { /* a client changes nothing in what is learnt */
        MUST(told.ascii_bytes == facts.ascii_bytes);
        MUST(told.content_events == facts.content_events);
        MUST(told.usage_seen == facts.usage_seen);
        MUST(memcmp(&told.stated, &facts.stated, sizeof(told.stated)) == 0);
        MUST(told.finish_seen == facts.finish_seen);
    }
    answer_usage(&told, &call, &stream.usage, &estimated, &ambiguous);
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    must_be_given(buf_view(&out), plain);
    buf_fini(&out);
    canon_stream_fini(&stream);
    return 0;
}
