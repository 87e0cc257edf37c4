/*
 * fuzz_canon_openai_answer.c - answers of providers that speak as OpenAI does,
 * read and written anew for a chat client. The first byte chooses a stream or a
 * plain answer, chat or embeddings. What the client gets is JSON in events, and
 * every block that begins ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

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
    struct str text = {(const char *)data + 1, size - 1};
    struct buf out;
    MUST(request != NULL);
    if ((data[0] & 4) != 0)
        request->fields[CANON_FIELD_ENCODING] = STR_LIT("\"base64\"");
    buf_init(&out, 0);
    begin_answer(&answer, &dialect_openai, call.endpoint, !plain);
    begin_stream(&stream, &answer, &client, &call, &out);
    stream.request = request;
    stream.plain = stream.collect = plain;
    stream.include_usage = (data[0] & 8) != 0;
    memset(is_open, 0, sizeof(is_open));
    ends = 0;
    if (plain)
        dialect_openai.read_plain(&stream, text);
    else
        feed_events(&answer, &stream, text, text.len);
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    MUST(plain || ends == 1);
    must_be_given(buf_view(&out), plain);
    buf_fini(&out);
    canon_stream_fini(&stream);
    canon_request_destroy(&request);
    return 0;
}
