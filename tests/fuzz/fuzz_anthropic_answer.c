/*
 * fuzz_anthropic_answer.c - answers of providers that speak Messages, plain and
 * streamed. The first byte chooses how, the second the size of the pieces. What
 * is learnt must not depend on the cuts; what a client of the dialect is given
 * must be whole events in an order that it understands; a cut must close what
 * is open and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>

#include "tests/fuzz/fuzz.h"

static struct answer whole, pieces, translated;
static struct canon_stream stream;
static struct buf out;

/* ---- what a client is given ---- */

struct checker {
    int open; /* -1: none */
    int next;
    bool started, finished, stopped;
};

static void
check_event(struct checker *checker, struct str name, const cJSON *data)
{
    const cJSON *index = cJSON_GetObjectItemCaseSensitive(data, "index");
    const char *type =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "type"));
    MUST(type != NULL && str_equals(name, str_from(type)));
    MUST(!checker->stopped);
    if (strcmp(type, "message_start") == 0) {
        MUST(!checker->started);
        checker->started = true;
    } else if (strcmp(type, "content_block_start") == 0) {
        MUST(checker->open < 0 && index->valueint == checker->next);
        checker->open = checker->next++;
    } else if (strcmp(type, "content_block_delta") == 0) {
        MUST(checker->open >= 0 && index->valueint == checker->open);
    } else if (strcmp(type, "content_block_stop") == 0) {
        MUST(checker->open >= 0 && index->valueint == checker->open);
        checker->open = -1;
    } else if (strcmp(type, "message_delta") == 0) {
        MUST(checker->open < 0 && !checker->finished);
        checker->finished = true;
    } else if (strcmp(type, "message_stop") == 0) {
        MUST(checker->finished);
        checker->stopped = true;
    } else {
        MUST(strcmp(type, "ping") == 0 || strcmp(type, "error") == 0);
    }
    MUST(checker->started);
}

static void
check_events(struct str text)
{
    struct checker checker = {.open = -1};
    struct sse_scan scan = {0};
    struct sse_event event;
    while (sse_next(&scan, text.ptr, text.len, false, &event)) {
        MUST(event.data_count == 1);
        cJSON *data =
            cJSON_ParseWithLength(event.data[0].ptr, event.data[0].len);
        MUST(data != NULL);
        check_event(&checker, event.event, data);
        cJSON_Delete(data);
        text = str_skip(text, event.bytes);
        scan = (struct sse_scan){0};
    }
    MUST(text.len == 0 && checker.stopped);
}

static bool
is_covered(void *owner)
{
    const uint64_t *most = owner;
    return answer_output_estimate(&translated) <= *most;
}

static void
translate(struct str text, bool is_stream, uint8_t choice)
{
    static struct call call = {.model = "m", .model_len = 1};
    uint64_t most = (choice & 4) != 0 ? 20 : UINT64_MAX;
    begin_answer(&translated, &dialect_anthropic, ENDPOINT_MESSAGES, is_stream);
    begin_stream(&stream, &translated, &dialect_anthropic, &call, &out);
    stream.is_covered = is_covered;
    stream.owner = &most;
    stream.plain = stream.collect = (choice & 2) != 0;
    if (is_stream)
        feed_events(&translated, &stream, text, text.len);
    else
        dialect_anthropic.read_plain(&stream, text);
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    must_be_given(buf_view(&out), stream.plain);
    if (!stream.plain)
        check_events(buf_view(&out));
}

static void
check_cut(const struct answer *answer)
{
    buf_reset(&out);
    dialect_anthropic.stream_cut(&out, answer, &(struct usage){0}, false);
    MUST(buf_ok(&out) && buf_len(&out) > 0);
    begin_answer(&whole, &dialect_anthropic, ENDPOINT_MESSAGES, true);
    feed_events(&whole, NULL, buf_view(&out), 1 << 20);
    MUST(whole.done_seen && !whole.error_seen);
    MUST(whole.finish_seen || answer->finish_seen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    bool is_stream = (data[0] & 1) != 0;
    struct str text = {(const char *)data + 2, size - 2};
    begin_answer(&whole, &dialect_anthropic, ENDPOINT_MESSAGES, is_stream);
    begin_answer(&pieces, &dialect_anthropic, ENDPOINT_MESSAGES, is_stream);
    feed_pieces(&whole, text, size);
    feed_pieces(&pieces, text, data[1] + 1u);
    must_be_same(&whole, &pieces);
    if (is_stream) {
        check_cut(&pieces);
    } else {
        begin_answer(&whole, &dialect_anthropic, ENDPOINT_MESSAGES, false);
        dialect_anthropic.answer_whole(&whole, text);
        /* As a whole it may know more: a usage object of any size. */
        MUST(whole.usage_seen || !pieces.usage_seen);
    }
    translate(text, is_stream, data[0]);
    return 0;
}
