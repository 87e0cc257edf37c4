/*
 * fuzz_dialect_answer.c - answers of the OpenAI dialect, plain and streamed.
 * The first byte chooses how, the second the size of the pieces. What is learnt
 * must not depend on the cuts, and what is written at a cut must read back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "worker/dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            abort();                                                           \
    } while (0)

static struct answer whole, pieces, readback;

static void
begin(struct answer *answer, uint8_t choice)
{
    answer->dialect = &dialect_openai;
    answer->endpoint = (uint8_t)(ENDPOINT_CHAT + (choice & 3) % 3);
    answer->stream = (choice & 4) != 0;
    answer->withhold_usage = (choice & 8) != 0;
    dialect_openai.answer_begin(answer);
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
        dialect_openai.answer_piece(answer, str_make(copy, n));
        free(copy);
        text = str_skip(text, n);
    }
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
            dialect_openai.answer_event(answer, &event);
            from += event.bytes;
            scan = (struct sse_scan){0};
        }
    }
}

/* An answer read as a whole says the same as one read in pieces, where it says
 * anything. */
static void
check_whole(const struct answer *in_pieces, struct str text, uint8_t choice)
{
    static struct answer at_once;
    begin(&at_once, choice);
    dialect_openai.answer_whole(&at_once, text);
    MUST(at_once.usage_seen == in_pieces->usage_seen);
    MUST(memcmp(&at_once.stated, &in_pieces->stated, sizeof(at_once.stated)) ==
         0);
    MUST(at_once.error_seen == in_pieces->error_seen);
}

static void
feed(struct answer *answer, struct str text, size_t piece)
{
    if (answer->stream)
        feed_stream(answer, text, piece);
    else
        feed_plain(answer, text, piece);
}

static void
check_same(const struct answer *a, const struct answer *b)
{
    MUST(memcmp(&a->stated, &b->stated, sizeof(a->stated)) == 0);
    MUST(a->usage_seen == b->usage_seen && a->usage_odd == b->usage_odd);
    MUST(a->finish_seen == b->finish_seen && a->done_seen == b->done_seen);
    MUST(a->error_seen == b->error_seen && a->bad == b->bad);
    MUST(a->content_events == b->content_events);
    MUST(a->ascii_bytes == b->ascii_bytes && a->other_chars == b->other_chars);
    MUST(strcmp(a->id, b->id) == 0 && strcmp(a->model, b->model) == 0);
    MUST(a->choice_top == b->choice_top && a->created == b->created);
}

static void
check_cut(const struct answer *answer, const struct usage *usage,
          uint8_t choice)
{
    struct buf out;
    buf_init(&out, 0);
    dialect_openai.stream_cut(&out, answer, usage, true);
    MUST(buf_ok(&out));
    begin(&readback, choice | 4);
    feed_stream(&readback, buf_view(&out), 1 << 20);
    MUST(readback.usage_seen && readback.done_seen && !readback.error_seen);
    MUST(readback.stated.total == usage_total(usage));
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct call call = {.prompt_estimate = 3};
    struct usage usage;
    bool estimated, ambiguous;
    if (size < 2)
        return 0;
    struct str text = {(const char *)data + 2, size - 2};
    begin(&whole, data[0]);
    feed(&whole, text, size);
    begin(&pieces, data[0]);
    feed(&pieces, text, data[1] + 1u);
    check_same(&whole, &pieces);
    if (!pieces.stream)
        check_whole(&pieces, text, data[0]);
    MUST(whole.ascii_bytes + whole.other_chars <= 8 * size);
    answer_usage(&whole, &call, &usage, &estimated, &ambiguous);
    /* A stream may break off behind a statement: stated, and yet estimated. */
    MUST(estimated || whole.usage_seen);
    /* What no call can have used is stated, and not taken. */
    MUST(whole.stream || ambiguous || estimated != whole.usage_seen);
    if (usage_total(&usage) < UINT64_C(1) << 53)
        check_cut(&whole, &usage, data[0]);
    return 0;
}
