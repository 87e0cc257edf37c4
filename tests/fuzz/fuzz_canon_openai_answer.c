/*
 * fuzz_canon_openai_answer.c - answers of providers that speak as OpenAI does,
 * read and written anew for a chat client. The first byte chooses a stream or a
 * plain answer, chat or embeddings. What the client gets is JSON in events, and
 * every block that begins ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/json_scan.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static bool is_open[CANON_CHOICES_MAX];
static unsigned ends;

/* The chat writer, watched. */
static void
watch(struct canon_stream *stream, const struct canon_event *event)
{
    MUST(event->choice < CANON_CHOICES_MAX);
    bool *open = &is_open[event->choice];
    switch (event->kind) {
    case CANON_EVENT_BLOCK_START:
        MUST(!*open);
        *open = true;
        break;
    case CANON_EVENT_PIECE:
    case CANON_EVENT_SIGNATURE:
        MUST(*open);
        break;
    case CANON_EVENT_BLOCK_END:
        MUST(*open);
        *open = false;
        break;
    case CANON_EVENT_FINISH:
        MUST(!*open);
        break;
    case CANON_EVENT_END:
        ends++;
        break;
    default:
        break;
    }
    dialect_openai.write_event(stream, event);
}

static bool
is_json(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    enum json_type type;
    json_reader_init(&reader, text);
    do
        type = json_next(&reader, &token);
    while (type > JSON_BAD);
    return type == JSON_END;
}

static void
check_events(struct str bytes)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    while (sse_next(&scan, bytes.ptr, bytes.len, true, &event)) {
        MUST(event.data_count == 1);
        MUST(is_json(event.data[0]) ||
             str_equals(event.data[0], STR_LIT("[DONE]")));
        bytes = str_skip(bytes, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
}

static void
feed(struct canon_stream *stream, struct str text)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    if (stream->plain) {
        dialect_openai.read_plain(stream, text);
        return;
    }
    while (sse_next(&scan, text.ptr, text.len, true, &event)) {
        if (event.data_count > 0 && !stream->answer->done_seen)
            dialect_openai.read_event(stream, &event);
        text = str_skip(text, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct answer answer;
    static struct canon_stream stream;
    struct dialect client = dialect_openai;
    client.write_event = watch;
    if (size < 1)
        return 0;
    bool plain = (data[0] & 1) != 0;
    const struct call call = {
        .endpoint = (data[0] & 2) != 0 ? ENDPOINT_EMBEDDINGS : ENDPOINT_CHAT,
        .model = "m",
        .model_len = 1};
    struct canon_request *request = canon_request_create();
    struct buf out;
    MUST(request != NULL);
    if ((data[0] & 4) != 0)
        request->fields[CANON_FIELD_ENCODING] = STR_LIT("\"base64\"");
    buf_init(&out, 0);
    answer.dialect = &dialect_openai;
    answer.endpoint = call.endpoint;
    answer.stream = !plain;
    dialect_openai.answer_begin(&answer);
    canon_stream_reset(&stream);
    stream.answer = &answer;
    stream.client = &client;
    stream.call = &call;
    stream.request = request;
    stream.request_id = "r";
    stream.out = &out;
    stream.plain = stream.collect = plain;
    stream.include_usage = (data[0] & 8) != 0;
    memset(is_open, 0, sizeof(is_open));
    ends = 0;
    feed(&stream, str_make((const char *)data + 1, size - 1));
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    MUST(plain ? is_json(buf_view(&out)) : ends == 1);
    if (!plain)
        check_events(buf_view(&out));
    buf_fini(&out);
    canon_stream_fini(&stream);
    canon_request_destroy(&request);
    return 0;
}
