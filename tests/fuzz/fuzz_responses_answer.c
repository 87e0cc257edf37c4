/*
 * fuzz_responses_answer.c - answers of providers of the Responses dialect. The
 * first byte chooses plain or streamed, the second the size of the pieces. What
 * is learnt must not depend on the cuts; what a client of any dialect is given
 * must be JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/fuzz/fuzz.h"

static struct answer whole, pieces;
static struct canon_stream stream;

static void
translate(const struct dialect *client, bool streamed, bool plain,
          struct str text)
{
    static const struct call call = {
        .model = "asked", .model_len = 5, .prompt_estimate = 3};
    struct buf out;
    bool estimated, ambiguous;
    buf_init(&out, 0);
    begin_answer(&whole, &dialect_responses, ENDPOINT_RESPONSES, streamed);
    begin_stream(&stream, &whole, client, &call, &out);
    stream.plain = plain;
    stream.collect = plain || client->collects;
    if (streamed)
        feed_events(&whole, &stream, text, text.len);
    else
        dialect_responses.read_plain(&stream, text);
    answer_usage(&whole, &call, &stream.usage, &estimated, &ambiguous);
    canon_stream_end(&stream);
    MUST(!stream.failed && buf_ok(&out));
    must_be_given(buf_view(&out), plain);
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
    begin_answer(&whole, &dialect_responses, ENDPOINT_RESPONSES, streamed);
    feed_pieces(&whole, text, size);
    begin_answer(&pieces, &dialect_responses, ENDPOINT_RESPONSES, streamed);
    feed_pieces(&pieces, text, data[1] + 1u);
    must_be_same(&whole, &pieces);
    /* Lists of logprobs pass as they stand: they are not looked into. */
    if (memmem(text.ptr, text.len, "logprobs", 8) != NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        for (int plain = 0; plain < 2; plain++)
            translate(clients[i], streamed, plain != 0, text);
    return 0;
}
