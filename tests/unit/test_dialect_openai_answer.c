/*
 * test_dialect_openai_answer.c - what is learnt from answers while they pass:
 * made ones for each oddity, then the recorded ones of many providers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/recording.h"
#include "worker/dialect/dialect.h"

static struct answer answer; /* too large for comfort on a stack */

static void
begin(uint8_t endpoint, bool stream)
{
    answer_release(&answer);
    memset(&answer, 0xa5, sizeof(answer)); /* answer_begin clears the rest */
    answer.tap = NULL;
    answer.on_text = NULL;
    answer.dialect = &dialect_openai;
    answer.endpoint = endpoint;
    answer.stream = stream;
    answer.withhold_usage = false;
    dialect_openai.answer_begin(&answer);
}

static enum event_verdict
feed_data(const char *data)
{
    struct sse_event event = {.data_count = 1};
    event.data[0] = str_from(data);
    return dialect_openai.answer_event(&answer, &event);
}

static void
feed_plain(const char *text, size_t piece)
{
    struct str rest = str_from(text);
    while (rest.len > 0) {
        size_t n = piece < rest.len ? piece : rest.len;
        dialect_openai.answer_piece(&answer, str_make(rest.ptr, n));
        rest = str_skip(rest, n);
    }
}

static struct usage
settled(bool *estimated, bool *ambiguous)
{
    const struct call call = {.prompt_estimate = 11};
    struct usage usage;
    answer_usage(&answer, &call, &usage, estimated, ambiguous);
    return usage;
}

/* ---- events ---- */

TEST(pictures_sound_and_lists_of_tokens_are_counted)
{
    static const struct {
        const char *choice;
        uint64_t events, media, listed;
    } cases[] = {
        {"\"delta\":{\"images\":[{\"image_url\":{\"url\":"
         "\"data:image/png;base64,AAAA\"}}]}",
         1, 7, 0},
        {"\"delta\":{\"content\":[{\"image_url\":{\"url\":\"abcd\"}}]}", 1, 1,
         0},
        {"\"delta\":{\"audio\":{\"id\":\"a\",\"data\":\"AAAA\"}}", 1, 1, 0},
        {"\"delta\":{\"content\":\"ab\"},\"logprobs\":{\"content\":["
         "{\"token\":\"a\"},{\"token\":\"b\"}],\"refusal\":null}",
         1, 0, 2},
        {"\"text\":\"ab\",\"logprobs\":{\"tokens\":[\"a\",\"b\",\"c\"],"
         "\"text_offset\":[0,1,2]}",
         1, 0, 3},
        {"\"delta\":{\"content\":\"ab\"},\"logprobs\":null", 1, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"choices\":[{%s}]}", cases[i].choice);
        begin(ENDPOINT_CHAT, true);
        CHECK_EQ(feed_data(text), EVENT_PASS);
        if (answer.content_events != cases[i].events ||
            answer.media_tokens != cases[i].media ||
            answer.listed_tokens != cases[i].listed)
            test_fail(__FILE__, __LINE__, "%s: %d %d %d", cases[i].choice,
                      (int)answer.content_events, (int)answer.media_tokens,
                      (int)answer.listed_tokens);
    }
}

TEST(usage_that_was_stated_before_the_last_words_is_not_the_end_of_it)
{
    static const char words[] =
        "{\"choices\":[{\"delta\":{\"content\":\"forty characters of text, and "
        "no more...\"},\"finish_reason\":\"stop\"}]}";
    static const struct {
        const char *first, *last; /* around the words */
        uint64_t want;
        bool estimated;
    } cases[] = {
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
         "\"completion_tokens\":1}}",
         "[DONE]", 10, true},
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
         "\"completion_tokens\":30}}",
         "[DONE]", 30, true},
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
         "\"completion_tokens\":1}}",
         "{\"choices\":[],\"usage\":{\"prompt_tokens\":5}}", 10, true},
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
         "\"completion_tokens\":1}}",
         "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
         "\"completion_tokens\":9}}",
         9, false},
        /* in the same event, in either order, it is of them */
        {"{}",
         "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1},"
         "\"choices\":[{\"delta\":{\"content\":\"more\"}}]}",
         1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool estimated, ambiguous;
        begin(ENDPOINT_CHAT, true);
        feed_data(cases[i].first);
        feed_data(words);
        feed_data(cases[i].last);
        struct usage usage = settled(&estimated, &ambiguous);
        if (usage.completion != cases[i].want ||
            estimated != cases[i].estimated)
            test_fail(__FILE__, __LINE__, "%zu: %llu%s", i,
                      (unsigned long long)usage.completion,
                      estimated ? " (estimated)" : "");
    }
}

TEST(a_delta_with_text_counts_as_one_event)
{
    static const struct {
        const char *choice;
        uint64_t events, ascii, other;
    } cases[] = {
        {"{\"delta\":{\"content\":\"Hi you\"}}", 1, 6, 0},
        {"{\"delta\":{\"content\":\"\"}}", 0, 0, 0},
        {"{\"delta\":{\"content\":null,\"role\":\"assistant\"}}", 0, 0, 0},
        {"{\"delta\":{}}", 0, 0, 0},
        {"{\"index\":0,\"content_filter_results\":{\"a\":\"b\"}}", 0, 0, 0},
        {"{\"delta\":{\"content\":\"\\n\\u0041\\u00e9\\ud83d\\ude00\"}}", 1, 2,
         2},
        {"{\"delta\":{\"content\":\"\xc3\xa9\xf0\x9f\x98\x80"
         "abcdefghijkl\"}}",
         1, 12, 2},
        {"{\"delta\":{\"content\":\"\\ud83d\"}}", 1, 0, 1},
        {"{\"delta\":{\"content\":\"\\\"\\\\\\/\"}}", 1, 3, 0},
        {"{\"delta\":{\"reasoning_content\":\"abc\"}}", 1, 3, 0},
        {"{\"delta\":{\"reasoning\":\"abc\",\"reasoning_content\":\"abc\","
         "\"reasoning_details\":[{\"text\":\"abc\"}]}}",
         1, 3, 0},
        {"{\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.text\","
         "\"text\":\"abcd\"}]}}",
         1, 4, 0},
        {"{\"delta\":{\"reasoning_details\":[{\"type\":"
         "\"reasoning.encrypted\",\"data\":\"abcd\"}]}}",
         1, 4, 0},
        {"{\"delta\":{\"reasoning\":\"h\",\"reasoning_details\":[{"
         "\"text\":\"h\"}]}}",
         1, 1, 0},
        {"{\"delta\":{\"audio\":{\"transcript\":\"abc\"}}}", 1, 3, 0},
        {"{\"delta\":{\"refusal\":\"no\"}}", 1, 2, 0},
        {"{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":"
         "\"function\",\"function\":{\"name\":\"ab\",\"arguments\":\"{}\"}}]}}",
         1, 4, 0},
        {"{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"\"}}]}}",
         0, 0, 0},
        {"{\"delta\":{\"function_call\":{\"name\":\"ab\"}}}", 1, 2, 0},
        {"{\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":["
         "{\"type\":\"text\",\"text\":\"abc\"}]},{\"type\":\"text\",\"text\":"
         "\"de\"}]}}",
         1, 5, 0},
        {"{\"text\":\"abc\",\"index\":0}", 1, 3, 0},
        {"{\"delta\":{},\"message\":{\"content\":\"all of it again\"}}", 0, 0,
         0},
        {"{\"d\\u0065lta\":{\"conten\\u0074\":\"ab\"}}", 1, 2, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"id\":\"x\",\"choices\":[%s]}",
                 cases[i].choice);
        begin(ENDPOINT_CHAT, true);
        CHECK_EQ(feed_data(text), EVENT_PASS);
        if (answer.content_events != cases[i].events ||
            answer.ascii_bytes != cases[i].ascii ||
            answer.other_chars != cases[i].other)
            test_fail(__FILE__, __LINE__, "%s: %d %d %d", cases[i].choice,
                      (int)answer.content_events, (int)answer.ascii_bytes,
                      (int)answer.other_chars);
        CHECK_TRUE(!answer.finish_seen && !answer.error_seen &&
                   !answer.usage_seen);
    }
}

TEST(output_is_the_larger_of_events_and_text)
{
    begin(ENDPOINT_CHAT, true);
    for (int i = 0; i < 3; i++)
        feed_data("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}");
    CHECK_EQ(answer_output_estimate(&answer), 3);
    feed_data("{\"choices\":[{\"delta\":{\"content\":"
              "\"0123456789012345678901234567\xe4\xb8\xad\"}}]}");
    CHECK_EQ(answer_output_estimate(&answer), (3 + 28 + 3) / 4 + 1);
}

TEST(id_model_and_time_come_from_the_first_chunk_that_has_them)
{
    begin(ENDPOINT_CHAT, true);
    feed_data("{\"id\":\"\",\"model\":\"\",\"created\":0,\"choices\":[]}");
    feed_data("{\"id\":\"chatcmpl-1\",\"model\":\"gpt\",\"created\":17.5,"
              "\"choices\":[]}");
    feed_data("{\"id\":\"other\",\"model\":\"other\",\"created\":9}");
    CHECK_STR(str_from(answer.id), "chatcmpl-1");
    CHECK_STR(str_from(answer.model), "gpt");
    CHECK_EQ(answer.created, 17);
}

TEST(an_id_that_is_too_long_is_left_out)
{
    char text[300];
    snprintf(text, sizeof(text), "{\"id\":\"%0200d\",\"created\":\"x\"}", 1);
    begin(ENDPOINT_CHAT, true);
    feed_data(text);
    CHECK_STR(str_from(answer.id), "");
    CHECK_EQ(answer.created, 0);
}

TEST(a_finish_reason_that_says_nothing_finishes_nothing)
{
    begin(ENDPOINT_CHAT, true);
    feed_data("{\"choices\":[{\"finish_reason\":null},{\"finish_reason\":\"\"}"
              ",{\"finish_reason\":\"null\"}]}");
    CHECK_TRUE(!answer.finish_seen);
    feed_data("{\"choices\":[{\"finish_reason\":\"stop\",\"index\":70}]}");
    CHECK_TRUE(answer.finish_seen);
    CHECK_EQ(answer.choice_top, 70);
    CHECK_EQ(answer.choices_finished[1], UINT64_C(1) << 6);
    feed_data("{\"choices\":[{\"finish_reason\":\"stop\",\"index\":1e9}]}");
    feed_data("{\"choices\":[{\"finish_reason\":\"stop\",\"index\":-1}]}");
    CHECK_EQ(answer.choice_top, 70);
    CHECK_EQ(answer.choices_finished[0], 1);
}

TEST(done_ends_the_stream_and_nothing_counts_behind_it)
{
    begin(ENDPOINT_CHAT, true);
    CHECK_EQ(feed_data(" [DONE] "), EVENT_PASS);
    CHECK_TRUE(answer.done_seen);
    feed_data("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}");
    CHECK_EQ(answer.content_events, 0);
}

#define USAGE_7_5                                                              \
    "{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}"

TEST(only_a_usage_chunk_nobody_asked_for_is_withheld)
{
    static const struct {
        const char *data;
        enum event_verdict verdict;
    } cases[] = {
        {"{\"choices\":[],\"usage\":" USAGE_7_5 "}", EVENT_WITHHOLD},
        {"{\"usage\":" USAGE_7_5 ",\"choices\": [ ] }", EVENT_WITHHOLD},
        {"{\"choices\":[],\"usage\":null}", EVENT_PASS},
        {"{\"choices\":[],\"prompt_filter_results\":[]}", EVENT_PASS},
        {"{\"choices\":[{\"delta\":{}}],\"usage\":" USAGE_7_5 "}", EVENT_PASS},
        {"{\"usage\":" USAGE_7_5 "}", EVENT_PASS},
        {"{\"choices\":[],\"error\":{\"message\":\"x\"},\"usage\":" USAGE_7_5
         "}",
         EVENT_PASS},
        {"[DONE]", EVENT_PASS},
        {"", EVENT_PASS},
        {"not json", EVENT_PASS},
        {"[]", EVENT_PASS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(ENDPOINT_CHAT, true);
        CHECK_EQ(feed_data(cases[i].data), EVENT_PASS);
        begin(ENDPOINT_CHAT, true);
        answer.withhold_usage = true;
        CHECK_EQ(feed_data(cases[i].data), cases[i].verdict);
    }
}

TEST(the_last_usage_that_states_anything_wins)
{
    bool estimated, ambiguous;
    begin(ENDPOINT_CHAT, true);
    feed_data("{\"choices\":[{}],\"usage\":{\"prompt_tokens\":1,"
              "\"completion_tokens\":1,\"total_tokens\":2}}");
    feed_data("{\"choices\":[{\"usage\":" USAGE_7_5 "}]}");
    feed_data("{\"choices\":[],\"usage\":null}");
    feed_data("{\"choices\":[],\"usage\":{}}");
    feed_data("{\"choices\":[],\"usage\":{\"queue_time\":0.5}}");
    struct usage usage = settled(&estimated, &ambiguous);
    CHECK_EQ(usage.prompt_missed, 7);
    CHECK_EQ(usage.completion, 5);
    CHECK_TRUE(!estimated && !ambiguous);
    feed_data("{\"choices\":[],\"x_groq\":{\"id\":\"r\",\"usage\":"
              "{\"prompt_tokens\":8,\"completion_tokens\":6}}}");
    usage = settled(&estimated, &ambiguous);
    CHECK_EQ(usage_total(&usage), 14);
}

TEST(cached_reasoning_and_written_tokens_are_found_in_every_spelling)
{
    static const struct {
        const char *members;
        struct usage want;
    } cases[] = {
        {"\"prompt_tokens_details\":{\"cached_tokens\":3}",
         {.prompt_missed = 7, .cached = 3, .completion = 5}},
        {"\"prompt_tokens_details\":null,\"completion_tokens_details\":null",
         {.prompt_missed = 10, .completion = 5}},
        {"\"prompt_cache_hit_tokens\":4,\"prompt_tokens_details\":"
         "{\"cached_tokens\":4}",
         {.prompt_missed = 6, .cached = 4, .completion = 5}},
        {"\"cached_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":0}",
         {.prompt_missed = 8, .cached = 2, .completion = 5}},
        {"\"num_cached_tokens\":2",
         {.prompt_missed = 8, .cached = 2, .completion = 5}},
        {"\"prompt_tokens_details\":{\"cache_write_tokens\":2,"
         "\"audio_tokens\":1}",
         {.prompt_missed = 7,
          .cache_creation = 2,
          .audio_in = 1,
          .completion = 5}},
        {"\"prompt_tokens_details\":{\"cache_creation_input_tokens\":2}",
         {.prompt_missed = 8, .cache_creation = 2, .completion = 5}},
        {"\"prompt_tokens_details\":{\"cache_creation_tokens\":2.9}",
         {.prompt_missed = 8, .cache_creation = 2, .completion = 5}},
        {"\"completion_tokens_details\":{\"reasoning_tokens\":2,"
         "\"audio_tokens\":1}",
         {.prompt_missed = 10,
          .reasoning = 2,
          .audio_out = 1,
          .completion = 2}},
        {"\"reasoning_tokens\":4",
         {.prompt_missed = 10, .reasoning = 4, .completion = 1}},
        {"\"completion_tokens_details\":{\"reasoning_tokens\":-4},"
         "\"prompt_tokens_details\":{\"cached_tokens\":\"3\"}",
         {.prompt_missed = 10, .completion = 5}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        bool estimated, ambiguous;
        snprintf(text, sizeof(text),
                 "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
                 "\"completion_tokens\":5,%s}}",
                 cases[i].members);
        begin(ENDPOINT_CHAT, true);
        feed_data(text);
        struct usage usage = settled(&estimated, &ambiguous);
        if (memcmp(&usage, &cases[i].want, sizeof(usage)) != 0)
            test_fail(__FILE__, __LINE__, "other classes: %s",
                      cases[i].members);
        CHECK_TRUE(!estimated && !ambiguous);
    }
}

TEST(numbers_beyond_any_count_are_not_stated_and_flagged)
{
    bool estimated, ambiguous;
    begin(ENDPOINT_CHAT, true);
    feed_data("{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":"
              "18446744073709551615,\"total_tokens\":12}}");
    struct usage usage = settled(&estimated, &ambiguous);
    CHECK_TRUE(estimated && ambiguous);
    CHECK_EQ(usage_total(&usage), 11);
    feed_data("{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,"
              "\"prompt_tokens_details\":{\"cached_tokens\":1e300}}}");
    usage = settled(&estimated, &ambiguous);
    CHECK_TRUE(!estimated && ambiguous);
    CHECK_EQ(usage.prompt_missed, 7);
}

TEST(a_usage_that_no_call_can_have_is_flagged_and_estimated)
{
    static const char *const cases[] = {
        "\"prompt_tokens\":-7,\"completion_tokens\":5",
        "\"prompt_tokens\":7,\"completion_tokens\":-5,\"total_tokens\":2",
        "\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":-1",
        "\"prompt_tokens\":7,\"completion_tokens\":9007199254740993",
        "\"prompt_tokens\":20000000,\"completion_tokens\":5",
        "\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":"
        "1000000000",
        "\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":"
        "100000012,\"reasoning_tokens\":100000000",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        bool estimated, ambiguous;
        snprintf(text, sizeof(text), "{\"usage\":{%s}}", cases[i]);
        begin(ENDPOINT_CHAT, true);
        feed_data(text);
        struct usage usage = settled(&estimated, &ambiguous);
        if (!estimated || !ambiguous || usage_total(&usage) != 11)
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i]);
    }
    bool estimated, ambiguous;
    begin(ENDPOINT_CHAT, true); /* hidden thoughts may be many */
    feed_data("{\"usage\":{\"prompt_tokens\":900000,\"completion_tokens\":"
              "200000,\"total_tokens\":1100000}}");
    struct usage usage = settled(&estimated, &ambiguous);
    CHECK_TRUE(!estimated && !ambiguous);
    CHECK_EQ(usage_total(&usage), 1100000);
}

TEST(failures_are_seen_in_all_their_shapes)
{
    static const char *const cases[] = {
        "{\"error\":{\"message\":\"x\"}}",
        "{\"error\":\"text\"}",
        "{\"type\":\"error\",\"message\":\"x\"}",
        "{\"object\":\"error\",\"message\":\"x\"}",
        "{\"choices\":[{\"delta\":{\"content\":\"\"}}],\"error\":{\"code\":5}}",
        "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"x\"}}",
    };
    static const char *const fine[] = {
        "{\"error\":null,\"choices\":[]}",
        "{\"type\":\"chunk\",\"object\":\"chat.completion.chunk\"}",
        "{\"base_resp\":{\"status_code\":0,\"status_msg\":\"\"}}",
        "{\"base_resp\":null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(ENDPOINT_CHAT, true);
        feed_data(cases[i]);
        if (!answer.error_seen)
            test_fail(__FILE__, __LINE__, "no error: %s", cases[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        begin(ENDPOINT_CHAT, true);
        feed_data(fine[i]);
        if (answer.error_seen)
            test_fail(__FILE__, __LINE__, "error: %s", fine[i]);
    }
    struct sse_event event = {.event = STR_LIT("error"), .data_count = 0};
    begin(ENDPOINT_CHAT, true);
    dialect_openai.answer_event(&answer, &event);
    CHECK_TRUE(answer.error_seen);
}

TEST(an_answer_that_is_only_an_error_costs_nothing)
{
    bool estimated, ambiguous;
    begin(ENDPOINT_CHAT, true);
    feed_data("{\"error\":{\"message\":\"x\"}}");
    struct usage usage = settled(&estimated, &ambiguous);
    CHECK_EQ(usage_total(&usage), 0);
    feed_data("{\"choices\":[{\"delta\":{\"content\":\"12345\"}}]}");
    usage = settled(&estimated, &ambiguous);
    CHECK_EQ(usage.prompt_missed, 11);
    CHECK_EQ(usage.completion, 2);
    CHECK_TRUE(estimated);
}

TEST(data_in_several_lines_is_one_text)
{
    struct sse_event event = {.data_count = 3};
    begin(ENDPOINT_CHAT, true);
    event.data[0] = STR_LIT("{\"choices\":[],");
    event.data[1] = STR_LIT("\"usage\":");
    event.data[2] = STR_LIT(USAGE_7_5 "}");
    answer.withhold_usage = true;
    CHECK_EQ(dialect_openai.answer_event(&answer, &event), EVENT_WITHHOLD);
    CHECK_EQ(answer.stated.total, 12);
}

/* As one that prints its JSON prettily. */
TEST(data_in_many_lines_is_one_text)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    struct buf text;
    buf_init(&text, 0);
    begin(ENDPOINT_CHAT, true);
    buf_append_cstr(&text, "data: {\n");
    for (int i = 0; i < 40; i++)
        buf_printf(&text, "data: \"x%d\":%d,\n", i, i);
    buf_append_cstr(&text, "data: \"choices\":[],\"usage\":" USAGE_7_5 "\n"
                           "data: }\n\n");
    CHECK_TRUE(sse_next(&scan, buf_ptr(&text), buf_len(&text), false, &event));
    CHECK_EQ(dialect_openai.answer_event(&answer, &event), EVENT_PASS);
    CHECK_EQ(answer.stated.total, 12);
    buf_fini(&text);
}

/* ---- plain answers ---- */

static const char plain_answer[] =
    "\n\n \n{\"id\":\"chatcmpl-2\",\"object\":\"chat.completion\",\"model\":"
    "\"gpt\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"say \\\"h\\u00e9\\\" \xe4\xb8\xad\",\"refusal\":null,"
    "\"tool_calls\":[{\"id\":\"call_123\",\"function\":{\"name\":\"f\","
    "\"arguments\":\"{\\\"a\\\":1}\"}}]},\"finish_reason\":\"stop\"}]%s}";

TEST(an_answer_read_as_a_whole_says_what_its_pieces_say)
{
    static const char *const texts[] = {
        "{\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":"
        "\"text\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,"
        "\"total_tokens\":7}}",
        "\n\n {\"usage\":{\"prompt_tokens\":3},\"error\":{\"code\":1}}",
        "{\"usage\":{\"prompt_tokens\":3},\"usage\":null}",
        "{\"usage\":{\"prompt_tokens\":3}} trailing",
        "{\"usage\":{\"prompt_tokens\":-3}}",
        "{\"choices\":[{\"message\":{\"content\":\"no usage\"}}]}",
        "{\"usage\":{\"prompt_tokens\":3}",
        "[]",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        static struct answer whole;
        begin(ENDPOINT_CHAT, false);
        dialect_openai.answer_whole(&answer, str_from(texts[i]));
        whole = answer;
        begin(ENDPOINT_CHAT, false);
        feed_plain(texts[i], 1);
        CHECK_EQ(whole.usage_seen, answer.usage_seen);
        CHECK_EQ(whole.stated.prompt, answer.stated.prompt);
        CHECK_EQ(whole.stated.completion, answer.stated.completion);
        CHECK_EQ(whole.error_seen, answer.error_seen);
        CHECK_EQ(whole.usage_odd, answer.usage_odd);
        CHECK_STR(str_from(whole.model), answer.model);
    }
}

TEST(a_plain_answer_is_read_the_same_whatever_the_cuts)
{
    char text[1024];
    snprintf(text, sizeof(text), plain_answer, ",\"usage\":" USAGE_7_5);
    for (size_t piece = 1; piece < sizeof(text); piece += piece < 9 ? 1 : 37) {
        begin(ENDPOINT_CHAT, false);
        feed_plain(text, piece);
        CHECK_TRUE(answer.usage_seen && !answer.bad && !answer.error_seen);
        CHECK_EQ(answer.stated.total, 12);
        CHECK_STR(str_from(answer.id), "chatcmpl-2");
        CHECK_STR(str_from(answer.model), "gpt");
        /* say "h" and the space behind; {"a":1}; two other characters */
        CHECK_EQ(answer.ascii_bytes, 8 + 7);
        CHECK_EQ(answer.other_chars, 2);
    }
}

TEST(a_plain_answer_without_usage_is_estimated_from_its_text)
{
    char text[1024];
    bool estimated, ambiguous;
    snprintf(text, sizeof(text), plain_answer, "");
    begin(ENDPOINT_CHAT, false);
    feed_plain(text, 5);
    struct usage usage = settled(&estimated, &ambiguous);
    CHECK_TRUE(estimated && !ambiguous);
    CHECK_EQ(usage.prompt_missed, 11);
    CHECK_EQ(usage.completion, 4 + 2);
}

TEST(embeddings_without_usage_have_no_output)
{
    bool estimated, ambiguous;
    begin(ENDPOINT_EMBEDDINGS, false);
    feed_plain("{\"data\":[{\"embedding\":\"AAAA\",\"text\":\"echo\"}]}", 3);
    struct usage usage = settled(&estimated, &ambiguous);
    CHECK_EQ(usage_total(&usage), 11);
}

TEST(a_plain_answer_can_be_a_failure_or_no_json)
{
    begin(ENDPOINT_CHAT, false);
    feed_plain("{\"error\":{\"message\":\"x\"}}", 2);
    CHECK_TRUE(answer.error_seen && !answer.bad);
    begin(ENDPOINT_CHAT, false);
    feed_plain("{\"base_resp\":{\"status_code\":1004}}", 2);
    CHECK_TRUE(answer.error_seen);
    begin(ENDPOINT_CHAT, false);
    feed_plain("{\"error\":null,\"base_resp\":{\"status_code\":0}}", 2);
    CHECK_TRUE(!answer.error_seen);
    begin(ENDPOINT_CHAT, false);
    feed_plain("<html>oops \"content\":\"x\"", 2);
    CHECK_TRUE(answer.bad && !answer.usage_seen);
}

TEST(a_usage_object_too_large_to_keep_is_as_if_not_stated)
{
    static char text[8192];
    bool estimated, ambiguous;
    snprintf(text, sizeof(text),
             "{\"usage\":{\"x\":\"%04000d\","
             "\"prompt_tokens\":5,\"total_tokens\":9}}",
             1);
    begin(ENDPOINT_CHAT, false);
    feed_plain(text, 1000);
    settled(&estimated, &ambiguous);
    CHECK_TRUE(estimated);
}

/* ---- recordings ---- */

/* Feeds a stream as a relay would: what is not yet an event waits. */
static void
feed_stream(struct str body, size_t piece)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t from = 0, to = 0;
    while (to < body.len) {
        to = piece < body.len - to ? to + piece : body.len;
        while (sse_next(&scan, body.ptr + from, to - from, to == body.len,
                        &event)) {
            dialect_openai.answer_event(&answer, &event);
            from += event.bytes;
            scan = (struct sse_scan){0};
        }
    }
}

static void
compare(const char *path, const cJSON *expected)
{
    const cJSON *want =
        cJSON_GetObjectItemCaseSensitive(expected, "normalised");
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(want, "detail");
    bool estimated, ambiguous;
    struct usage usage = settled(&estimated, &ambiguous);
    if (!cJSON_IsObject(want)) {
        if (!estimated)
            test_fail(__FILE__, __LINE__, "%s: usage out of nothing", path);
        return;
    }
    bool same =
        usage.prompt_missed == recording_count(want, "prompt_missed") &&
        usage.cached == recording_count(want, "cached") &&
        usage.cache_creation == recording_count(want, "cache_creation") &&
        usage.completion == recording_count(want, "completion") &&
        usage.reasoning == recording_count(want, "reasoning") &&
        usage_audio(&usage) == recording_count(want, "audio") &&
        usage.audio_in == recording_count(detail, "audio_in") &&
        usage.audio_out == recording_count(detail, "audio_out");
    if (!same || estimated)
        test_fail(__FILE__, __LINE__,
                  "%s: missed %llu cached %llu created %llu completion %llu "
                  "reasoning %llu audio %llu%s",
                  path, (unsigned long long)usage.prompt_missed,
                  (unsigned long long)usage.cached,
                  (unsigned long long)usage.cache_creation,
                  (unsigned long long)usage.completion,
                  (unsigned long long)usage.reasoning,
                  (unsigned long long)usage_audio(&usage),
                  estimated ? " (estimated)" : "");
    const cJSON *flag = cJSON_GetObjectItemCaseSensitive(want, "ambiguous");
    if (ambiguous != (bool)cJSON_IsTrue(flag))
        test_fail(__FILE__, __LINE__, "%s: ambiguous %d", path, ambiguous);
}

static uint8_t
endpoint_of(const struct recording *recording)
{
    return recording_is_api(recording, "chat")          ? ENDPOINT_CHAT
           : recording_is_api(recording, "completions") ? ENDPOINT_COMPLETIONS
           : recording_is_api(recording, "embeddings")  ? ENDPOINT_EMBEDDINGS
                                                        : 0;
}

static void
replay(const struct recording *recording)
{
    static const size_t pieces[] = {1, 3, 17, 256, 4096, 1 << 24};
    uint8_t endpoint = endpoint_of(recording);
    if (endpoint == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        begin(endpoint, recording->is_stream);
        if (recording->is_stream)
            feed_stream(recording->body, pieces[i]);
        else
            feed_plain(recording->body.ptr, pieces[i]);
        compare(recording->name, recording->expected);
        if (answer.bad)
            test_fail(__FILE__, __LINE__, "%s: taken for bad JSON",
                      recording->name);
    }
    /* The estimate is for answers without usage; it should be of their size. */
    uint64_t output = answer_output_estimate(&answer);
    if (answer.usage_seen && endpoint != ENDPOINT_EMBEDDINGS &&
        output > 4 * answer.stated.total + 16)
        test_fail(__FILE__, __LINE__, "%s: estimate %llu of %llu",
                  recording->name, (unsigned long long)output,
                  (unsigned long long)answer.stated.completion);
}

TEST(recorded_answers_of_all_providers_give_their_recorded_usage)
{
    recordings_visit("*", NULL, 200, replay);
}
