/*
 * test_dialect_openai_error.c - errors in the client's shape, and the clean end
 * of a stream that was cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include "worker/dialect/dialect.h"

static const struct fault over_budget = {
    .status = 429,
    .type = "insufficient_quota",
    .code = "insufficient_quota",
    .message = "Daily budget of \"k\" is used up.\nWait.",
};

TEST(an_error_has_its_four_members_always)
{
    struct buf out;
    buf_init(&out, 0);
    dialect_openai.error_body(&out, &over_budget, "req_1");
    CHECK_STR(str_from(buf_cstr(&out)),
              "{\"error\":{\"message\":\"Daily budget of \\\"k\\\" is used "
              "up.\\nWait.\",\"type\":\"insufficient_quota\",\"param\":null,"
              "\"code\":\"insufficient_quota\"},\"request_id\":\"req_1\"}");
    buf_reset(&out);
    dialect_openai.error_body(
        &out, &(struct fault){.type = "t", .param = "model", .message = "m"},
        NULL);
    CHECK_STR(str_from(buf_cstr(&out)),
              "{\"error\":{\"message\":\"m\",\"type\":\"t\","
              "\"param\":\"model\",\"code\":null}}");
    buf_fini(&out);
}

TEST(an_error_in_mid_stream_is_one_event_without_done)
{
    struct buf out;
    buf_init(&out, 0);
    dialect_openai.stream_error(&out, NULL, &over_budget);
    struct sse_scan scan = {0};
    struct sse_event event;
    CHECK_TRUE(sse_next(&scan, buf_ptr(&out), buf_len(&out), false, &event));
    CHECK_EQ(event.bytes, buf_len(&out));
    CHECK_EQ(event.data_count, 1);
    struct str message;
    CHECK_TRUE(json_find(event.data[0], "error.message", &message));
    buf_fini(&out);
}

static const struct usage all_classes = {
    .prompt_missed = 10,
    .cached = 5,
    .cache_creation = 3,
    .completion = 7,
    .reasoning = 2,
    .audio_in = 4,
    .audio_out = 1,
};

/* Feeds the events of a cut stream to a second answer. */
static void
read_back(struct answer *answer, uint8_t endpoint, const struct buf *stream)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    const char *p = buf_ptr(stream);
    size_t left = buf_len(stream);
    *answer = (struct answer){
        .dialect = &dialect_openai, .endpoint = endpoint, .stream = true};
    dialect_openai.answer_begin(answer);
    while (sse_next(&scan, p, left, false, &event)) {
        dialect_openai.answer_event(answer, &event);
        p += event.bytes;
        left -= event.bytes;
        scan = (struct sse_scan){0};
    }
    CHECK_EQ(left, 0);
}

static struct answer begun, again;

TEST(a_cut_stream_ends_with_length_usage_and_done)
{
    struct buf out;
    buf_init(&out, 0);
    begun = (struct answer){.endpoint = ENDPOINT_CHAT, .created = 17};
    strcpy(begun.id, "chatcmpl-1");
    strcpy(begun.model, "gpt");
    dialect_openai.stream_cut(&out, &begun, &all_classes, true);
    CHECK_STR(
        str_from(buf_cstr(&out)),
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
        "\"created\":17,\"model\":\"gpt\",\"choices\":[{\"index\":0,"
        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n"
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
        "\"created\":17,\"model\":\"gpt\",\"choices\":[],\"usage\":{"
        "\"prompt_tokens\":22,\"completion_tokens\":10,\"total_tokens\":32,"
        "\"prompt_tokens_details\":{\"cached_tokens\":5,"
        "\"cache_write_tokens\":3,\"audio_tokens\":4},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":2,"
        "\"audio_tokens\":1}}}\n\n"
        "data: [DONE]\n\n");
    buf_fini(&out);
}

TEST(usage_written_at_a_cut_reads_back_as_the_same_classes)
{
    struct buf out;
    struct usage usage;
    bool estimated, ambiguous;
    buf_init(&out, 0);
    begun = (struct answer){.endpoint = ENDPOINT_COMPLETIONS, .choice_top = 1};
    dialect_openai.stream_cut(&out, &begun, &all_classes, true);
    read_back(&again, ENDPOINT_COMPLETIONS, &out);
    answer_usage(&again, &(struct call){0}, &usage, &estimated, &ambiguous);
    CHECK_TRUE(!estimated && !ambiguous);
    CHECK_TRUE(memcmp(&usage, &all_classes, sizeof(usage)) == 0);
    CHECK_TRUE(again.done_seen && again.finish_seen);
    CHECK_EQ(again.choices_finished[0], 3);
    buf_fini(&out);
}

TEST(only_choices_that_still_run_are_finished_at_a_cut)
{
    struct buf out;
    buf_init(&out, 0);
    begun = (struct answer){.endpoint = ENDPOINT_CHAT, .choice_top = 65};
    begun.choices_finished[0] = ~UINT64_C(0);
    begun.choices_finished[1] = 1;
    dialect_openai.stream_cut(&out, &begun, &all_classes, false);
    read_back(&again, ENDPOINT_CHAT, &out);
    CHECK_EQ(again.choices_finished[0], 0);
    CHECK_EQ(again.choices_finished[1], 2);
    CHECK_TRUE(!again.usage_seen && again.done_seen);
    buf_fini(&out);
}
