/*
 * fuzz_dialect_answer.c - answers of the OpenAI dialect, plain and streamed.
 * The first byte chooses how, the second the size of the pieces. What is learnt
 * must not depend on the cuts, and what is written at a cut must read back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static struct answer whole, pieces, readback;

static void
begin(struct answer *answer, uint8_t choice)
{
    begin_answer(answer, &dialect_openai,
                 (uint8_t)(ENDPOINT_CHAT + (choice & 3) % 3),
                 (choice & 4) != 0);
    answer->withhold_usage = (choice & 8) != 0;
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
check_cut(const struct answer *answer, const struct usage *usage,
          uint8_t choice)
{
    struct buf out;
    buf_init(&out, 0);
    dialect_openai.stream_cut(&out, answer, usage, true);
    MUST(buf_ok(&out));
    begin(&readback, choice | 4);
    feed_pieces(&readback, buf_view(&out), 1 << 20);
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
    feed_pieces(&whole, text, size);
    begin(&pieces, data[0]);
    feed_pieces(&pieces, text, data[1] + 1u);
    must_be_same(&whole, &pieces);
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
