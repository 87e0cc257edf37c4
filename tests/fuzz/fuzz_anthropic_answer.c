/*
 * fuzz_anthropic_answer.c - answers of providers that speak Messages, plain and
 * streamed. The first byte chooses how, the second the size of the pieces. What
 * is learnt must not depend on the cuts; what a client of the dialect is given
 * must be whole events in an order that it understands; a cut must close what
 * is open and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "common/buf.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static struct answer whole, pieces, translated;
static struct canon_stream stream;
static struct buf out;

static void
begin(struct answer *answer, bool is_stream)
{
    answer->dialect = &dialect_anthropic;
    answer->endpoint = ENDPOINT_MESSAGES;
    answer->stream = is_stream;
    answer->withhold_usage = false;
    dialect_anthropic.answer_begin(answer);
}

static void
feed_stream(struct answer *answer, struct str text, size_t piece)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t from = 0, to = 0;
    while (to < text.len) {
        to = piece < text.len - to ? to + piece : text.len;
        while (sse_next(&scan, text.ptr + from, to - from, to == text.len,
                        &event)) {
            dialect_anthropic.answer_event(answer, &event);
            from += event.bytes;
            scan = (struct sse_scan){0};
        }
    }
}

/* Each piece in a block of its own, so that ASan sees its end. */
static void
feed_plain(struct answer *answer, struct str text, size_t piece)
{
    while (text.len > 0) {
        size_t n = piece < text.len ? piece : text.len;
        char *copy = malloc(n);
        MUST(copy != NULL);
        memcpy(copy, text.ptr, n);
        dialect_anthropic.answer_piece(answer, str_make(copy, n));
        free(copy);
        text = str_skip(text, n);
    }
}

static void
check_same(const struct answer *a, const struct answer *b)
{
    MUST(a->usage_seen == b->usage_seen && a->usage_odd == b->usage_odd);
    if (a->usage_seen) /* else it may be what an earlier member left */
        MUST(memcmp(&a->split, &b->split, sizeof(a->split)) == 0);
    MUST(a->finish_seen == b->finish_seen && a->done_seen == b->done_seen);
    MUST(a->error_seen == b->error_seen && a->bad == b->bad);
    MUST(a->content_events == b->content_events);
    MUST(a->ascii_bytes == b->ascii_bytes && a->other_chars == b->other_chars);
    MUST(strcmp(a->id, b->id) == 0 && strcmp(a->model, b->model) == 0);
}

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
    struct sse_scan scan = {0};
    struct sse_event event;
    begin(&translated, is_stream);
    canon_stream_reset(&stream);
    buf_reset(&out);
    stream.answer = &translated;
    stream.client = &dialect_anthropic;
    stream.call = &call;
    stream.request_id = "req_1";
    stream.out = &out;
    stream.is_covered = is_covered;
    stream.owner = &most;
    stream.plain = stream.collect = (choice & 2) != 0;
    if (!is_stream)
        dialect_anthropic.read_plain(&stream, text);
    while (is_stream && sse_next(&scan, text.ptr, text.len, true, &event)) {
        dialect_anthropic.read_event(&stream, &event);
        text = str_skip(text, event.bytes);
        scan = (struct sse_scan){0};
    }
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    if (!stream.plain) {
        check_events(buf_view(&out));
    } else {
        cJSON *message = cJSON_ParseWithLength(buf_ptr(&out), buf_len(&out));
        MUST(message != NULL);
        cJSON_Delete(message);
    }
}

static void
check_cut(const struct answer *answer)
{
    buf_reset(&out);
    dialect_anthropic.stream_cut(&out, answer, &(struct usage){0}, false);
    MUST(buf_ok(&out) && buf_len(&out) > 0);
    begin(&whole, true);
    feed_stream(&whole, buf_view(&out), 1 << 20);
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
    begin(&whole, is_stream);
    begin(&pieces, is_stream);
    if (is_stream) {
        feed_stream(&whole, text, size);
        feed_stream(&pieces, text, data[1] + 1u);
        check_same(&whole, &pieces);
        check_cut(&pieces);
    } else {
        feed_plain(&whole, text, size);
        feed_plain(&pieces, text, data[1] + 1u);
        check_same(&whole, &pieces);
        begin(&whole, false);
        dialect_anthropic.answer_whole(&whole, text);
        /* As a whole it may know more: a usage object of any size. */
        MUST(whole.usage_seen || !pieces.usage_seen);
    }
    translate(text, is_stream, data[0]);
    return 0;
}
