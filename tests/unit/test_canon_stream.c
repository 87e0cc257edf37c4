/*
 * test_canon_stream.c - tests of worker/dialect/canon_*.c: what readers say, as
 * the events that a writer is given.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_index.h"
#include "worker/dialect/canon_stream.h"

/* ---- a writer that writes down what it is told ---- */

static const char *const block_names[] = {
    [CANON_BLOCK_TEXT] = "text",         [CANON_BLOCK_THINKING] = "thinking",
    [CANON_BLOCK_REDACTED] = "redacted", [CANON_BLOCK_REFUSAL] = "refusal",
    [CANON_BLOCK_TOOL] = "tool",         [CANON_BLOCK_IMAGE] = "image",
};

static void
note(struct canon_stream *stream, const struct canon_event *e)
{
    struct buf *out = stream->out;
    if (e->choice > 0)
        buf_printf(out, "%u:", e->choice);
    switch (e->kind) {
    case CANON_EVENT_START:
        buf_printf(out, "START(%s,%s)", stream->answer->id,
                   stream->answer->model);
        break;
    case CANON_EVENT_BLOCK_START:
        buf_printf(out, " %u%s(", e->number, block_names[e->block]);
        if (e->block == CANON_BLOCK_TOOL)
            buf_printf(out, "#%u %.*s %.*s ", e->tool, STR_ARG(e->id),
                       STR_ARG(e->name));
        if (e->data.len > 0)
            buf_printf(out, "%.*s", STR_ARG(e->data));
        break;
    case CANON_EVENT_PIECE:
        buf_printf(out, "[%.*s]", STR_ARG(e->text));
        break;
    case CANON_EVENT_SIGNATURE:
        buf_printf(out, "<%.*s>", STR_ARG(e->text));
        break;
    case CANON_EVENT_LOGPROBS:
        buf_printf(out, "{%.*s}", STR_ARG(e->value));
        break;
    case CANON_EVENT_BLOCK_END:
        buf_printf(out, ")");
        break;
    case CANON_EVENT_FINISH:
        buf_printf(out, " FINISH%u", e->stop);
        break;
    case CANON_EVENT_VECTOR:
        buf_printf(out, " V%u=%.*s", e->number, STR_ARG(e->value));
        break;
    default:
        buf_printf(out, " END");
    }
}

static void
note_plain(struct canon_stream *stream)
{
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        struct str name = canon_collected(stream, block->name);
        buf_printf(stream->out, "%u%s%.*s=%.*s;", block->choice,
                   block_names[block->kind], STR_ARG(name),
                   STR_ARG(buf_view(&block->text)));
    }
    for (uint32_t i = 0; i < stream->vector_count; i++) {
        struct str value = canon_collected(stream, stream->vectors[i]);
        buf_printf(stream->out, "v%.*s;", STR_ARG(value));
    }
    buf_printf(stream->out, "stop=%u", stream->choices[0].stop);
}

static const struct dialect noting = {
    .name = "noting", .write_event = note, .write_plain = note_plain};

struct fixture {
    struct canon_stream stream;
    struct answer answer;
    struct buf out;
    uint64_t covered; /* tokens */
    uint64_t memory;  /* hold_some() allows */
};

static bool
is_covered(void *owner)
{
    const struct fixture *f = owner;
    return answer_output_estimate(&f->answer) <= f->covered;
}

static void
begin(struct fixture *f, bool plain)
{
    memset(f, 0, sizeof(*f));
    buf_init(&f->out, 0);
    f->covered = UINT64_MAX;
    f->stream.answer = &f->answer;
    f->stream.client = &noting;
    f->stream.is_covered = is_covered;
    f->stream.owner = f;
    f->stream.out = &f->out;
    f->stream.plain = f->stream.collect = plain;
    f->stream.request_id = "req_1";
}

/* The end, what was written, and all memory back. */
static void
check_end(struct fixture *f, const char *want)
{
    canon_stream_end(&f->stream);
    CHECK_TRUE(!f->stream.failed);
    CHECK_STR(buf_view(&f->out), want);
    canon_stream_fini(&f->stream);
    buf_fini(&f->out);
}

/* ---- order ---- */

TEST(text_and_thinking_are_blocks_of_their_own)
{
    struct fixture f;
    begin(&f, false);
    canon_start(&f.stream, STR_LIT("a\\u0062"), STR_LIT("m"));
    canon_thinking(&f.stream, 0, STR_LIT("hm"));
    canon_signature(&f.stream, 0, STR_LIT("sig"));
    canon_text(&f.stream, 0, STR_LIT("A"));
    canon_text(&f.stream, 0, STR_LIT(""));
    canon_text(&f.stream, 0, STR_LIT("\\ud83d"));
    canon_redacted(&f.stream, 0, STR_LIT("xyz"));
    canon_refusal(&f.stream, 0, STR_LIT("no"));
    canon_finish(&f.stream, 0, CANON_STOP_END, STR_LIT(""));
    canon_finish(&f.stream, 0, CANON_STOP_LENGTH, STR_LIT(""));
    canon_done(&f.stream);
    canon_text(&f.stream, 0, STR_LIT("late"));
    check_end(&f, "START(ab,m) 0thinking([hm]<sig>) 1text([A][\\ud83d]) "
                  "2redacted(xyz) 3refusal([no]) FINISH1 END");
}

TEST(an_answer_of_nothing_has_a_start_a_finish_and_an_end)
{
    struct fixture f;
    begin(&f, false);
    check_end(&f, "START(,) FINISH0 END");
}

TEST(choices_have_blocks_of_their_own)
{
    struct fixture f;
    begin(&f, false);
    canon_text(&f.stream, 0, STR_LIT("a"));
    canon_text(&f.stream, 1, STR_LIT("b"));
    canon_text(&f.stream, 0, STR_LIT("c"));
    canon_text(&f.stream, CANON_CHOICES_MAX, STR_LIT("counted only"));
    canon_finish(&f.stream, 1, CANON_STOP_LENGTH, STR_LIT(""));
    CHECK_EQ(f.answer.content_events, 4);
    check_end(&f, "START(,) 0text([a]1: 0text(1:[b][c]) FINISH01:)1: FINISH3 "
                  "END");
}

/* ---- tool calls ---- */

TEST(a_call_that_follows_a_complete_one_begins_at_once)
{
    struct fixture f;
    begin(&f, false);
    canon_text(&f.stream, 0, STR_LIT("T"));
    canon_tool(&f.stream, 0, 0, STR_LIT("id0"), STR_LIT("f"));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("{\\\"a\\\":\\\"}\\"));
    /* Pieces are JSON strings of their own: that one ends in a backslash that
     * stands for nothing, which a strict reader never gives. */
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("\\\"}"));
    canon_tool(&f.stream, 0, 1, STR_LIT("id1"), STR_LIT("g"));
    canon_tool_piece(&f.stream, 0, 1, STR_LIT("{\\u007d"));
    canon_finish(&f.stream, 0, CANON_STOP_END, STR_LIT(""));
    check_end(&f, "START(,) 0text([T]) 1tool(#0 id0 f "
                  "[{\\\"a\\\":\\\"}\\][\\\"}]) 2tool(#1 id1 g [{\\u007d]) "
                  "FINISH5 END");
}

TEST(interleaved_calls_come_one_after_the_other)
{
    struct fixture f;
    begin(&f, false);
    canon_tool(&f.stream, 0, 0, STR_LIT("a"), STR_LIT("f"));
    canon_tool(&f.stream, 0, 1, STR_LIT("b"), STR_LIT("g"));
    canon_tool(&f.stream, 0, 1, STR_LIT("b"), STR_LIT("again"));
    canon_tool_piece(&f.stream, 0, 1, STR_LIT("{\\\"x\\\""));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("{\\\"\\\\\\\"{\\\":"));
    canon_tool(&f.stream, 0, 2, STR_LIT("c"), STR_LIT("h"));
    canon_tool_piece(&f.stream, 0, 1, STR_LIT(":1}"));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("[]}"));
    canon_tool_piece(&f.stream, 0, 2, STR_LIT("{}"));
    canon_tool_piece(&f.stream, 0, 9, STR_LIT("of none"));
    canon_finish(&f.stream, 0, CANON_STOP_NONE, STR_LIT(""));
    check_end(&f, "START(,) 0tool(#0 a f [{\\\"\\\\\\\"{\\\":][[]}]) "
                  "1tool(#1 b g [{\\\"x\\\":1}]) 2tool(#2 c h [{}]) FINISH5 "
                  "END");
}

/* A hostile provider: each call waits for one that is never complete. */
TEST(what_comes_in_the_midst_of_arguments_waits_for_their_end)
{
    struct fixture f;
    begin(&f, false);
    canon_tool(&f.stream, 0, 0, STR_LIT("a"), STR_LIT("f"));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("{\\\"a\\\":"));
    canon_text(&f.stream, 0, STR_LIT("in the "));
    canon_text(&f.stream, 0, STR_LIT("midst"));
    canon_tool(&f.stream, 0, 1, STR_LIT("b"), STR_LIT("g"));
    canon_tool_signature(&f.stream, 0, 1, STR_LIT("of b"));
    canon_tool_piece(&f.stream, 0, 1, STR_LIT("{}"));
    canon_thinking(&f.stream, 0, STR_LIT("t"));
    canon_signature(&f.stream, 0, STR_LIT("of t"));
    canon_redacted(&f.stream, 0, STR_LIT("r"));
    canon_redacted(&f.stream, 0, STR_LIT("s"));
    canon_image(&f.stream, 0, STR_LIT("image/png"), STR_LIT("i"));
    canon_tool_signature(&f.stream, 0, 0, STR_LIT("of a"));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("1}"));
    canon_refusal(&f.stream, 0, STR_LIT("x"));
    canon_finish(&f.stream, 0, CANON_STOP_END, STR_LIT(""));
    check_end(&f,
              "START(,) 0tool(#0 a f [{\\\"a\\\":]<of a>[1}]) 1text([in the "
              "midst]) 2tool(#1 b g [{}]<of b>) 3thinking([t]<of t>) "
              "4redacted(r) 5redacted(s) 6image(i) 7refusal([x]) FINISH5 "
              "END");
}

TEST(what_waits_for_arguments_that_never_end_is_told_at_the_end)
{
    struct fixture f;
    begin(&f, true);
    canon_tool(&f.stream, 0, 0, STR_LIT("a"), STR_LIT("f"));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("{"));
    for (int i = 0; i < 1000; i++)
        canon_text(&f.stream, 0, STR_LIT("w"));
    CHECK_EQ(f.stream.call_count, 2);
    /* many blocks do not wait for ever */
    for (int i = 0; i < 1000; i++)
        canon_redacted(&f.stream, 0, STR_LIT("r"));
    CHECK_TRUE(f.stream.call_count < 400);
    CHECK_EQ(f.stream.choices[0].blocks, 1002);
    canon_stream_end(&f.stream);
    CHECK_TRUE(!f.stream.failed);
    CHECK_EQ(f.stream.block_count, 1002);
    CHECK_EQ(buf_len(&f.stream.blocks[1].text), 1000);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
}

TEST(empty_lists_of_logprobs_leave_no_commas)
{
    struct fixture f;
    begin(&f, true);
    canon_text(&f.stream, 0, STR_LIT("a"));
    canon_logprobs(&f.stream, 0, STR_LIT("[ ]"));
    canon_logprobs(&f.stream, 0, STR_LIT("[1]"));
    canon_logprobs(&f.stream, 0, STR_LIT("[\t\n]"));
    canon_logprobs(&f.stream, 0, STR_LIT("[ 2 ]"));
    canon_logprobs(&f.stream, 0, STR_LIT("[   ]"));
    CHECK_STR(buf_view(&f.stream.choices[0].logprobs), "1,2 ");
    check_end(&f, "0text=a;stop=0");
}

TEST(many_calls_cost_no_more_than_their_number)
{
    enum { CALLS = 20000 };
    struct fixture f;
    begin(&f, true);
    for (uint32_t i = 0; i < CALLS; i++) {
        canon_tool(&f.stream, i % 2, i, STR_LIT("i"), STR_LIT("n"));
        canon_tool_piece(&f.stream, i % 2, i, STR_LIT("{"));
    }
    canon_stream_end(&f.stream);
    CHECK_TRUE(!f.stream.failed);
    CHECK_EQ(f.stream.block_count, CALLS);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
}

TEST(a_call_without_arguments_has_empty_ones_and_an_id)
{
    struct fixture f;
    begin(&f, false);
    canon_tool(&f.stream, 0, 7, STR_LIT("a"), STR_LIT("f"));
    canon_block_end(&f.stream, 0);
    canon_tool_whole(&f.stream, 0, STR_LIT("b"), STR_LIT("g"),
                     STR_LIT("{\"k\":\"\\n\"}"), STR_LIT("sig"));
    canon_finish(&f.stream, 0, CANON_STOP_LENGTH, STR_LIT(""));
    check_end(&f, "START(,) 0tool(#0 a f [{}]) 1tool(#1 b g "
                  "[{\\\"k\\\":\\\"\\\\n\\\"}]<sig>) FINISH3 END");
    begin(&f, true);
    canon_tool(&f.stream, 0, 0, STR_LIT(""), STR_LIT("f"));
    canon_stream_end(&f.stream);
    struct str id = canon_collected(&f.stream, f.stream.blocks[0].id);
    CHECK_EQ(id.len, 21);
    CHECK_TRUE(str_starts_with(id, STR_LIT("call_")));
    check_end(&f, "0toolf={};stop=5");
}

/* ---- budgets ---- */

TEST(a_piece_that_is_not_covered_is_taken_back_and_ends_the_answer)
{
    struct fixture f;
    begin(&f, false);
    f.covered = 2;
    canon_text(&f.stream, 0, STR_LIT("one"));
    canon_tool(&f.stream, 0, 0, STR_LIT("a"), STR_LIT("f"));
    CHECK_TRUE(!f.stream.is_cut);
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("{"));
    CHECK_TRUE(f.stream.is_cut);
    canon_finish(&f.stream, 0, CANON_STOP_END, STR_LIT(""));
    CHECK_EQ(f.answer.content_events, 2);
    CHECK_EQ(answer_output_estimate(&f.answer), 2);
    check_end(&f, "START(,) 0text([one]) 1tool(#0 a f [{}]) FINISH3 END");
}

/* All ways in which what a model made can reach a client. */
static void
say(struct canon_stream *stream, int way, struct str content)
{
    switch (way) {
    case 0:
        canon_text(stream, 0, content);
        break;
    case 1:
        canon_thinking(stream, 0, content);
        break;
    case 2:
        canon_refusal(stream, 0, content);
        break;
    case 3:
        canon_signature(stream, 0, content);
        break;
    case 4:
        canon_redacted(stream, 0, content);
        break;
    case 5:
        canon_image(stream, 0, STR_LIT("image/png"), content);
        break;
    case 6:
        canon_image(stream, 0, content, STR_LIT("d"));
        break;
    case 7:
        canon_tool(stream, 0, 1, STR_LIT("i"), content);
        break;
    case 8:
        canon_tool(stream, 0, 1, content, STR_LIT("n"));
        break;
    case 9:
        canon_tool(stream, 0, 1, STR_LIT("i"), STR_LIT("n"));
        canon_tool_piece(stream, 0, 1, content);
        break;
    case 10:
        canon_tool_whole(stream, 0, STR_LIT("i"), STR_LIT("n"), STR_LIT("{}"),
                         content);
        break;
    case 11:
        canon_finish(stream, 0, CANON_STOP_SEQUENCE, content);
        break;
    default:
        canon_text(stream, CANON_CHOICES_MAX, content); /* counted only */
    }
}
enum { WAYS = 13 };

TEST(whatever_a_model_makes_is_asked_for_by_its_bytes)
{
    enum { BYTES = 4000 };
    char content[BYTES + 1];
    memset(content, 'Q', BYTES);
    content[BYTES] = '\0';
    for (int way = 0; way < WAYS; way++)
        for (int enough = 0; enough < 2; enough++) {
            struct fixture f, facts;
            begin(&f, false);
            f.covered = enough ? BYTES / 4 + 10 : BYTES / 8;
            say(&f.stream, way, str_make(content, BYTES));
            uint64_t seen = answer_output_estimate(&f.answer);
            CHECK_EQ(f.stream.is_cut, !enough);
            CHECK_TRUE(seen <= f.covered);
            CHECK_TRUE(!enough || seen >= (BYTES - 128) / 4);
            canon_stream_end(&f.stream);
            bool passed = strstr(buf_cstr(&f.out), content) != NULL;
            if (passed && !enough)
                test_fail(__FILE__, __LINE__, "way %d passed unasked", way);
            canon_stream_fini(&f.stream);
            buf_fini(&f.out);
            /* Where bytes pass as they are, the same is counted. */
            begin(&facts, false);
            facts.stream.client = NULL;
            say(&facts.stream, way, str_make(content, BYTES));
            if (enough)
                CHECK_EQ(answer_output_estimate(&facts.answer), seen);
            canon_stream_fini(&facts.stream);
        }
}

TEST(a_picture_asks_for_no_more_than_the_dearest_costs)
{
    enum { BYTES = 1 << 20 };
    struct fixture f;
    char *data = malloc(BYTES);
    memset(data, 'A', BYTES);
    begin(&f, false);
    canon_image(&f.stream, 0, STR_LIT("image/png"), STR_LIT("abcd"));
    CHECK_EQ(answer_output_estimate(&f.answer), 1);
    canon_image(&f.stream, 0, STR_LIT("image/png"), str_make(data, BYTES));
    CHECK_EQ(answer_output_estimate(&f.answer), 1 + ANSWER_PICTURE_TOKENS);
    canon_count(&f.stream, ANSWER_SOUND, str_make(data, ANSWER_SOUND_BYTES));
    CHECK_EQ(f.answer.media_tokens, 1 + ANSWER_PICTURE_TOKENS + 2);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
    free(data);
}

TEST(lists_of_tokens_are_the_same_tokens_as_the_text)
{
    struct fixture f;
    begin(&f, false);
    f.covered = 4;
    canon_text(&f.stream, 0, STR_LIT("some text"));
    canon_logprobs(&f.stream, 0,
                   STR_LIT("[{\"token\":\"some\"},{},{\"a\":[1]}]"));
    CHECK_EQ(answer_output_estimate(&f.answer), 3);
    canon_logprobs(&f.stream, 0, STR_LIT("[{},{}]")); /* 5 in all */
    CHECK_TRUE(f.stream.is_cut);
    CHECK_EQ(f.answer.listed_tokens, 3);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
    /* One element cannot hold what it likes. */
    enum { BYTES = 1 << 20 };
    char *list = malloc(BYTES);
    memset(list, 'a', BYTES);
    memcpy(list, "[\"", 2);
    memcpy(list + BYTES - 2, "\"]", 2);
    begin(&f, false);
    canon_logprobs(&f.stream, 0, str_make(list, BYTES));
    CHECK_EQ(answer_output_estimate(&f.answer), BYTES / 4096);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
    free(list);
}

/* ---- memory ---- */

static bool
hold_some(void *owner, uint64_t bytes)
{
    struct fixture *f = owner;
    if (bytes > f->memory)
        return false;
    f->stream.room = bytes;
    return true;
}

/* What is said again and again until it is too much: never more than allowed,
 * and nothing behind it. */
static void
check_bound(bool plain, int way)
{
    enum { ALLOWED = 1 << 20, PIECE = 1000, TIMES = 20000 };
    struct fixture f;
    char content[PIECE];
    memset(content, 'Q', PIECE);
    begin(&f, plain);
    f.stream.collect = true;
    f.memory = ALLOWED;
    f.stream.hold = hold_some;
    int times = 0;
    for (; times < TIMES && !f.stream.is_cut; times++) {
        say(&f.stream, way, str_make(content, PIECE));
        canon_block_end(&f.stream, 0);
        buf_reset(&f.out);
    }
    CHECK_TRUE(times > 100 && times < TIMES);
    /* Bufs double: the last one may have done so. */
    CHECK_TRUE(f.stream.collected <= 2 * ALLOWED);
    uint64_t kept = f.stream.collected;
    say(&f.stream, way, str_make(content, PIECE));
    CHECK_EQ(f.stream.collected, kept);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
}

TEST(what_is_kept_of_an_answer_is_bounded_whatever_it_is)
{
    static const int ways[] = {0, 1, 2, 3, 4, 5, 6, 10};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        for (int plain = 0; plain < 2; plain++)
            check_bound(plain, ways[i]);
}

TEST(calls_that_wait_are_bounded_too_and_their_memory_comes_back)
{
    struct fixture f;
    begin(&f, false);
    f.memory = 100000;
    f.stream.hold = hold_some;
    canon_tool(&f.stream, 0, 0, STR_LIT("a"), STR_LIT("f"));
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("{"));
    uint64_t before = f.stream.collected;
    canon_tool(&f.stream, 0, 1, STR_LIT("b"), STR_LIT("g"));
    canon_tool_piece(&f.stream, 0, 1, STR_LIT("{}"));
    CHECK_TRUE(f.stream.collected > before + 250);
    canon_tool_piece(&f.stream, 0, 0, STR_LIT("}"));
    CHECK_EQ(f.stream.collected, 2 * before); /* of a call each */
    canon_tool(&f.stream, 0, 2, STR_LIT("c"), STR_LIT("h"));
    canon_tool_piece(&f.stream, 0, 2, STR_LIT("{"));
    canon_tool(&f.stream, 0, 3, STR_LIT("d"), STR_LIT("i"));
    for (int i = 0; i < 10000 && !f.stream.is_cut; i++)
        canon_tool_piece(&f.stream, 0, 3,
                         STR_LIT("forty bytes of arguments, no end"));
    CHECK_TRUE(f.stream.is_cut);
    CHECK_TRUE(f.stream.collected <= 2 * 100000);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
}

/* ---- collected ---- */

TEST(a_plain_answer_has_its_blocks_together)
{
    struct fixture f;
    begin(&f, true);
    canon_text(&f.stream, 0, STR_LIT("a"));
    canon_text(&f.stream, 1, STR_LIT("x"));
    canon_text(&f.stream, 0, STR_LIT("b"));
    canon_vector(&f.stream, 1, STR_LIT("[2]"));
    canon_vector(&f.stream, 0, STR_LIT("[1]"));
    canon_vector(&f.stream, UINT32_MAX, STR_LIT("[1]"));
    canon_finish(&f.stream, 0, CANON_STOP_FILTER, STR_LIT(""));
    check_end(&f, "0text=ab;1text=x;v[1];v[2];stop=6");
}

TEST(a_stream_is_used_again)
{
    struct fixture f;
    begin(&f, true);
    canon_text(&f.stream, 0, STR_LIT("a"));
    canon_tool(&f.stream, 0, 0, STR_LIT("a"), STR_LIT("f"));
    canon_tool(&f.stream, 0, 1, STR_LIT("b"), STR_LIT("g"));
    canon_tool_piece(&f.stream, 0, 1, STR_LIT("waits"));
    canon_stream_reset(&f.stream);
    memset(&f.answer, 0, sizeof(f.answer));
    f.stream.answer = &f.answer;
    f.stream.client = &noting;
    f.stream.out = &f.out;
    f.stream.plain = f.stream.collect = true;
    canon_text(&f.stream, 0, STR_LIT("c"));
    check_end(&f, "0text=c;stop=0");
}

TEST(a_long_error_is_told_as_far_as_there_is_room)
{
    struct fixture f;
    struct buf text;
    begin(&f, false);
    buf_init(&text, 0);
    for (int i = 0; i < 3000; i++)
        buf_append_cstr(&text, "\\\"\\u20ac");
    canon_error(&f.stream, STR_LIT("t"), buf_view(&text));
    CHECK_TRUE(strlen(f.stream.error_message) >
               sizeof(f.stream.error_message) - 5);
    CHECK_EQ(str_whole(str_from(f.stream.error_message)),
             strlen(f.stream.error_message));
    CHECK_TRUE(memcmp(f.stream.error_message, "\"\xe2\x82\xac\"", 5) == 0);
    buf_fini(&text);
    canon_stream_fini(&f.stream);
    buf_fini(&f.out);
}

/* ---- facts only ---- */

static void
read_words(struct canon_stream *stream, const struct sse_event *event)
{
    canon_text(stream, 0, event->data[0]);
    canon_thinking(stream, 0, STR_LIT("t"));
    canon_tool(stream, 0, 0, STR_LIT("i"), STR_LIT("n"));
    canon_tool_whole(stream, 0, STR_LIT("i"), STR_LIT("n"), STR_LIT("{}"),
                     STR_LIT("s"));
    canon_block_end(stream, 0);
    canon_finish(stream, 0, CANON_STOP_END, STR_LIT(""));
    answer_state_split(stream->answer, &(struct usage){.prompt_missed = 3,
                                                       .cached = 4,
                                                       .completion = 5,
                                                       .reasoning = 6});
    answer_note_stated(stream->answer);
    canon_error(stream, STR_LIT("x"), STR_LIT("y"));
    canon_done(stream);
}

TEST(facts_are_learnt_without_a_client)
{
    static const struct dialect reading = {.read_event = read_words};
    struct answer answer = {.dialect = &reading, .stream = true};
    struct sse_event event = {.data_count = 1, .data = {STR_LIT("words")}};
    struct call call = {.n = 1};
    struct usage usage;
    bool estimated, ambiguous;
    CHECK_EQ(canon_answer_event(&answer, &event), EVENT_PASS);
    CHECK_EQ(canon_answer_event(&answer, &event), EVENT_PASS);
    CHECK_TRUE(answer.finish_seen && answer.done_seen && answer.error_seen);
    CHECK_EQ(answer.content_events, 6);
    answer_usage(&answer, &call, &usage, &estimated, &ambiguous);
    CHECK_TRUE(!estimated && !ambiguous);
    CHECK_EQ(usage.prompt_missed, 3);
    CHECK_EQ(usage.reasoning, 6);
    CHECK_EQ(usage_total(&usage), 18);
}

/* ---- requests ---- */

TEST(an_arena_holds_what_readers_add)
{
    struct canon_request *request = canon_request_create();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            canon_message_add(request, i % 2 ? CANON_USER : CANON_ASSISTANT);
            for (int k = 0; k < i % 3; k++)
                canon_part_add(request, CANON_TEXT)->text =
                    canon_escape(request, STR_LIT("a\"b"));
        }
        canon_tool_add(request)->name = STR_LIT("t");
        CHECK_TRUE(!request->failed);
        CHECK_EQ(request->message_count, 1000);
        CHECK_EQ(request->part_count, 999);
        CHECK_EQ(request->messages[998].part_count, 2);
        CHECK_STR(request->parts[request->messages[998].first_part].text,
                  "a\\\"b");
        CHECK_TRUE(canon_alloc(request, 100000) != NULL);
        canon_request_reset(request);
        CHECK_EQ(request->part_count, 0);
    }
    canon_request_destroy(&request);
    CHECK_TRUE(request == NULL);
}

TEST(elements_of_a_request_are_bounded)
{
    enum { MOST = 65536 };
    for (int which = 0; which < 3; which++) {
        struct canon_request *request = canon_request_create();
        for (int i = 0; i <= MOST; i++) {
            CHECK_TRUE(!request->failed);
            if (which == 0)
                canon_part_add(request, CANON_TEXT);
            else if (which == 1)
                canon_message_add(request, CANON_USER);
            else
                canon_tool_add(request);
        }
        CHECK_TRUE(request->failed);
        CHECK_EQ(request->part_count + request->message_count +
                     request->tool_count,
                 MOST);
        canon_request_destroy(&request);
    }
}

static void
add_call(struct canon_request *request, const char *id, const char *name)
{
    struct canon_part *part = canon_part_add(request, CANON_TOOL_CALL);
    part->id = str_from(id);
    part->name = str_from(name);
}

TEST(a_call_is_found_by_its_id_however_far_behind)
{
    enum { CALLS = 20000 };
    static char ids[CALLS][8];
    struct canon_request *request = canon_request_create();
    CHECK_EQ(canon_call_find(request, 0, STR_LIT("c0")), UINT32_MAX);
    for (int i = 0; i < CALLS; i++) {
        snprintf(ids[i], sizeof(ids[i]), "c%d", i);
        add_call(request, ids[i], ids[i]);
        canon_part_add(request, CANON_TOOL_RESULT)->id = str_from(ids[i]);
    }
    for (uint32_t i = 0; i < CALLS; i += 7) {
        struct str id = str_from(ids[i]);
        CHECK_EQ(canon_call_find(request, 2 * CALLS, id), 2 * i);
        CHECK_STR(canon_call_name(request, 2 * CALLS, id), ids[i]);
    }
    CHECK_EQ(canon_call_find(request, 2 * CALLS, STR_LIT("c20000")),
             UINT32_MAX);
    CHECK_EQ(canon_call_find(request, 2 * CALLS, STR_LIT("")), UINT32_MAX);
    /* going back: only what stands before */
    CHECK_EQ(canon_call_find(request, 11, STR_LIT("c5")), 10);
    CHECK_EQ(canon_call_find(request, 10, STR_LIT("c5")), UINT32_MAX);
    /* the last of several */
    add_call(request, "c5", "again");
    CHECK_STR(canon_call_name(request, 2 * CALLS, STR_LIT("c5")), "c5");
    CHECK_STR(canon_call_name(request, 2 * CALLS + 1, STR_LIT("c5")), "again");
    canon_request_reset(request);
    CHECK_EQ(canon_call_find(request, 0, STR_LIT("c5")), UINT32_MAX);
    canon_request_destroy(&request);
}

static bool
hold_up_to(void *owner, uint64_t bytes)
{
    return bytes <= *(const uint64_t *)owner;
}

TEST(an_arena_asks_before_it_grows_and_its_arrays_have_an_end)
{
    struct canon_request *request = canon_request_create();
    uint64_t most = 100000;
    for (int round = 0; round < 2; round++) {
        request->hold = hold_up_to;
        request->owner = &most;
        canon_message_add(request, CANON_USER);
        for (int i = 0; i < 2000; i++)
            canon_part_add(request, CANON_TEXT);
        CHECK_TRUE(request->failed && request->refused && !request->too_many);
        CHECK_TRUE(request->arena_bytes <= most);
        CHECK_TRUE(canon_alloc(request, 200000) == NULL);
        canon_request_reset(request);
    }
    canon_message_add(request, CANON_USER);
    for (int i = 0; i < 65536; i++)
        canon_part_add(request, CANON_TEXT);
    CHECK_TRUE(!request->failed);
    canon_part_add(request, CANON_TEXT);
    CHECK_TRUE(request->failed && request->too_many && !request->refused);
    CHECK_TRUE(request->arena_bytes <
               65536 * sizeof(struct canon_part) * 5 / 2);
    canon_request_destroy(&request);
}

TEST(arguments_are_an_object_or_nothing)
{
    static const struct {
        const char *text, *object;
    } cases[] = {
        {"", "{}"},
        {" \\n", "{}"},
        {"{}", "{}"},
        {"{\\\"a\\\":\\\"\\\\ud83d\\\"}", "{\"a\":\"\\ud83d\"}"},
        {"{\\\"a\\\":1", NULL},
        {"[1]", NULL},
        {"1", NULL},
        {"{} x", NULL},
    };
    struct canon_request *request = canon_request_create();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str object;
        bool good = canon_arguments(request, str_from(cases[i].text), &object);
        CHECK_EQ(good, cases[i].object != NULL);
        if (good)
            CHECK_STR(object, cases[i].object);
    }
    canon_request_destroy(&request);
}

TEST(efforts_and_budgets_are_each_others)
{
    for (int e = CANON_EFFORT_NONE; e <= CANON_EFFORT_XHIGH; e++) {
        enum canon_effort effort = (enum canon_effort)e;
        CHECK_EQ(canon_effort_find(str_from(canon_effort_name(effort))), e);
        if (effort != CANON_EFFORT_MINIMAL && effort != CANON_EFFORT_LOW)
            CHECK_EQ(canon_budget_effort(canon_effort_budget(effort)), e);
    }
    CHECK_EQ(canon_effort_find(STR_LIT("max")), CANON_EFFORT_XHIGH);
    CHECK_EQ(canon_effort_find(STR_LIT("")), CANON_EFFORT_UNSET);
    CHECK_EQ(canon_budget_effort(-1), CANON_EFFORT_MEDIUM);
    CHECK_EQ(canon_budget_effort(1024), CANON_EFFORT_LOW);
}
