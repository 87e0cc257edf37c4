/*
 * test_dialect_gemini_answer.c - what answers of the Gemini dialect say, whole
 * and in pieces, and answers written for its clients.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"
#include "tests/unit/recording.h"

static struct canon_path path;

/* The trace of an answer of this dialect. */
static struct str
traced(const char *body, bool stream)
{
    canon_path_begin(&path, &dialect_gemini, &canon_trace, ENDPOINT_GENERATE,
                     stream);
    if (!stream) { /* the trace is one of events */
        path.stream.plain = path.stream.collect = false;
    }
    canon_path_feed(&path, str_from(body));
    return canon_path_end(&path);
}

struct said {
    const char *body, *trace;
};

TEST(a_plain_answer_is_read)
{
    static const struct said cases[] = {
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\u00e9\"},"
         "{\"text\":\"b\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
         "\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r\"}",
         "start [0t +\"a\\u00e9\" +\"b\" ] (fin 0 1) end"},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\""
         ":true,\"thoughtSignature\":\"s1\"},{\"text\":\"b\","
         "\"thoughtSignature\":\"s2\"}]},\"finishReason\":\"MAX_TOKENS\"}]}",
         "start [0h +\"t\" ~\"s1\" ] [0t +\"b\" ] (fin 0 3) end"},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\""
         ":\"f\",\"args\":{\"a\":\"x\\\"\"},\"id\":\"i\"},\"thoughtSignature\":"
         "\"s\"},{\"functionCall\":{\"name\":\"g\",\"id\":\"j\"}}]},"
         "\"finishReason\":\"STOP\"}]}",
         "start [0T i f +\"{\\\"a\\\":\\\"x\\\\\\\"\\\"}\" ~\"s\" ] "
         "[0T j g +\"{}\" ] (fin 0 5) end"},
        /* candidates apart; the index may be missing */
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
         "\"finishReason\":\"STOP\"},{\"index\":1,\"content\":{\"parts\":"
         "[{\"text\":\"b\"}]},\"finishReason\":\"OTHER\"}]}",
         "start [0t +\"a\" [1t +\"b\" ] (fin 0 1) ] (fin 1 8) end"},
        /* no content, no parts, no candidates */
        {"{\"candidates\":[{\"content\":{},\"finishReason\":\"SAFETY\"}]}",
         "start (fin 0 6) end"},
        {"{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":"
         "\"MAX_TOKENS\"}]}",
         "start (fin 0 3) end"},
        {"{\"candidates\":[{\"finishReason\":\"IMAGE_SAFETY\"}]}",
         "start (fin 0 6) end"},
        {"{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}",
         "start (fin 0 6) end"},
        /* what Google's tools did is left out, pictures are not */
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{"
         "\"code\":\"1\"}},{\"codeExecutionResult\":{\"output\":\"1\"}},"
         "{\"toolCall\":{\"toolType\":\"X\"},\"thoughtSignature\":\"s\"},"
         "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}},"
         "{\"inlineData\":{\"mimeType\":\"audio/L16\",\"data\":\"aGk=\"}}]},"
         "\"finishReason\":1}]}",
         "start [0i image/png:aGk= ] (fin 0 1) end"},
        /* nonsense says nothing */
        {"{\"candidates\":{},\"usageMetadata\":[],\"responseId\":7}",
         "start (fin 0 0) end"},
        {"{\"candidates\":[1,{\"content\":[],\"index\":-1,\"finishReason\":{}},"
         "{\"content\":{\"parts\":[null,{\"functionCall\":{}},{\"text\":1},"
         "{\"functionCall\":7}]}}]}",
         "start (fin 0 0) end"},
        /* reasons that are not known yet */
        {"{\"candidates\":[{\"finishReason\":\"NEWLY_MADE\"}]}",
         "start (fin 0 1) end"},
        {"{\"candidates\":[{\"finishReason\":\"CONTINUATION\"}]}",
         "start (fin 0 7) end"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STR(traced(cases[i].body, false), cases[i].trace);
        CHECK_TRUE(!path.answer.bad);
    }
}

/* Where one answer was asked for, contents are told where they stand. */
TEST(the_only_candidate_is_the_first_one)
{
    static const struct said cases[] = {
        {"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{"
         "\"text\":\"a\"},7,{\"text\":\"b\"}]},\"finishReason\":\"STOP\","
         "\"index\":0}]}",
         "start [0t +\"a\" +\"b\" ] (fin 0 1) end"},
        {"{\"candidates\":[{\"index\":3,\"finishReason\":\"MAX_TOKENS\","
         "\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
         "start [0t +\"a\" ] (fin 0 3) end"},
        {"{\"candidates\":[{\"content\":null,\"finishReason\":\"STOP\"}]}",
         "start (fin 0 1) end"},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}",
         "start [0t +\"a\" ] (fin 0 0) end"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        canon_path_begin(&path, &dialect_gemini, &canon_trace,
                         ENDPOINT_GENERATE, false);
        path.stream.plain = path.stream.collect = false;
        path.call.n = 1;
        canon_path_feed(&path, str_from(cases[i].body));
        CHECK_STR(canon_path_end(&path), cases[i].trace);
        CHECK_EQ(path.answer.choice_top, 0);
    }
}

TEST(a_body_that_is_no_answer_is_bad)
{
    static const char *const cases[] = {"",        "null", "[1]",
                                        "{\"a\":", "{} x", "<html>"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        canon_path_begin(&path, &dialect_gemini, &canon_trace,
                         ENDPOINT_GENERATE, false);
        canon_path_feed(&path, str_from(cases[i]));
        /* behind a complete object nothing is looked at */
        CHECK_EQ(path.answer.bad, strcmp(cases[i], "{} x") != 0);
    }
}

TEST(a_stream_is_read_chunk_by_chunk)
{
    CHECK_STR(
        traced("data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": "
               "\"th\",\"thought\": true}],\"role\": \"model\"},\"index\": 0}],"
               "\"usageMetadata\": {\"promptTokenCount\": 4,\"totalTokenCount\""
               ": 9,\"thoughtsTokenCount\": 5},\"modelVersion\": \"gem\","
               "\"responseId\": \"rid\"}\r\n\r\n"
               "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": "
               "\"He\"}]}}]}\r\n\r\n"
               "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": "
               "\"llo\"}]}}],\"usageMetadata\":{\"trafficType\":\"X\"}}\r\n\r\n"
               "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": "
               "\"\",\"thoughtSignature\": \"sig\"}]},\"finishReason\": "
               "\"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 4,"
               "\"candidatesTokenCount\": 2,\"totalTokenCount\": 11,"
               "\"thoughtsTokenCount\": 5}}\r\n\r\n",
               true),
        "start [0h +\"th\" ] [0t +\"He\" +\"llo\" ] (fin 0 1) end");
    CHECK_STR(str_from(path.answer.id), "rid");
    CHECK_STR(str_from(path.answer.model), "gem");
    CHECK_EQ(path.stream.usage.prompt_missed, 4);
    CHECK_EQ(path.stream.usage.completion, 2);
    CHECK_EQ(path.stream.usage.reasoning, 5);
    CHECK_EQ(path.answer.finish_seen, true);
}

TEST(arguments_in_pieces_are_counted_though_only_their_calls_are_told)
{
    CHECK_STR(
        traced("data: {\"candidates\":[{\"content\":{\"parts\":[{"
               "\"functionCall\":{\"name\":\"w\",\"id\":\"i\",\"willContinue\":"
               "true},\"thoughtSignature\":\"s\"}]}}]}\n\n"
               "data: {\"candidates\":[{\"content\":{\"parts\":[{"
               "\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a\","
               "\"stringValue\":\"Boston\"}],\"willContinue\":true}}]}}]}\n\n"
               "data: {\"candidates\":[{\"content\":{\"parts\":[{"
               "\"functionCall\":{}}]},\"finishReason\":\"STOP\"}]}\n\n",
               true),
        "start [0T i w +\"{}\" ~\"s\" ] (fin 0 5) end");
    CHECK_TRUE(path.answer.ascii_bytes >= 6);
}

TEST(failures_are_told_by_a_word_that_says_whether_to_try_again)
{
    static const struct {
        const char *status, *type;
    } cases[] = {{"RESOURCE_EXHAUSTED", "rate_limit_error"},
                 {"UNAVAILABLE", "overloaded_error"},
                 {"INTERNAL", "INTERNAL"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "data: {\"error\":{\"code\":500,\"message\":\"no \\\"x\\\"\","
                 "\"status\":\"%s\"}}\r\n\r\n",
                 cases[i].status);
        traced(body, true);
        CHECK_TRUE(path.answer.error_seen && path.stream.has_error);
        CHECK_STR(str_from(path.stream.error_type), cases[i].type);
        CHECK_STR(str_from(path.stream.error_message), "no \"x\"");
    }
}

TEST(embeddings_are_vectors)
{
    CHECK_STR(traced("{\"embeddings\":[{\"values\":[1,2]},{\"values\":[0.5]}]}",
                     false),
              "start vector 0 [1,2] vector 1 [0.5] (fin 0 0) end");
    CHECK_STR(traced("{\"embedding\":{\"values\":[ 3 ]}}", false),
              "start vector 0 [ 3 ] (fin 0 0) end");
}

TEST(log_probabilities_become_openai_s)
{
    CHECK_STR(
        traced("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
               "\"logprobsResult\":{\"topCandidates\":[{\"candidates\":[{"
               "\"token\":\"a\",\"tokenId\":1,\"logProbability\":-0.1},{"
               "\"token\":\"\\u00e9\",\"logProbability\":-2}]}],"
               "\"chosenCandidates\":[{\"token\":\"a\",\"logProbability\":-0.1}"
               ",{\"token\":\"b\",\"logProbability\":-3}]},\"finishReason\":"
               "\"STOP\"}]}",
               false),
        "start [0t +\"a\" logprobs[{\"token\":\"a\",\"logprob\":-0.1,"
        "\"bytes\":null,\"top_logprobs\":[{\"token\":\"a\",\"logprob\":-0.1,"
        "\"bytes\":null},{\"token\":\"\\u00e9\",\"logprob\":-2,\"bytes\":null}]"
        "},{\"token\":\"b\",\"logprob\":-3,\"bytes\":null,\"top_logprobs\":[]}]"
        " ] (fin 0 1) end");
}

/* ---- usage ---- */

TEST(usage_is_split_by_what_lies_outside_of_what)
{
    static const struct {
        const char *text;
        struct usage want;
    } cases[] = {
        {"{\"promptTokenCount\":10,\"candidatesTokenCount\":3,"
         "\"totalTokenCount\":20,\"thoughtsTokenCount\":7}",
         {.prompt_missed = 10, .completion = 3, .reasoning = 7}},
        {"{\"promptTokenCount\":10,\"cachedContentTokenCount\":4,"
         "\"toolUsePromptTokenCount\":100}",
         {.prompt_missed = 106, .cached = 4}},
        /* sound: what was cached of it is cached */
        {"{\"promptTokenCount\":100,\"cachedContentTokenCount\":50,"
         "\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":60},"
         "{\"modality\":\"AUDIO\",\"tokenCount\":40}],\"cacheTokensDetails\":"
         "[{\"modality\":\"AUDIO\",\"tokenCount\":30}]}",
         {.prompt_missed = 40, .cached = 50, .audio_in = 10}},
        {"{\"candidatesTokenCount\":9,\"candidatesTokensDetails\":[{"
         "\"modality\":\"AUDIO\",\"tokenCount\":5}]}",
         {.completion = 4, .audio_out = 5}},
        /* details that do not fit are cut */
        {"{\"promptTokenCount\":5,\"cachedContentTokenCount\":9,"
         "\"promptTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":7}]}",
         {.cached = 5}},
        {"{\"promptTokenCount\":5.0,\"candidatesTokenCount\":null,"
         "\"promptTokensDetails\":{},\"cacheTokensDetails\":[1]}",
         {.prompt_missed = 5}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer = {.dialect = &dialect_gemini};
        CHECK_TRUE(dialect_gemini.read_usage(&answer, str_from(cases[i].text)));
        CHECK_TRUE(answer.usage_is_split && answer.usage_seen);
        if (memcmp(&answer.split, &cases[i].want, sizeof(struct usage)) != 0)
            test_fail(__FILE__, __LINE__, "%s", cases[i].text);
    }
}

TEST(usage_says_what_the_call_was_served_as)
{
    static const struct {
        const char *text;
        enum service_tier tier;
    } cases[] = {
        {"{\"promptTokenCount\":1}", SERVICE_UNSTATED},
        {"{\"trafficType\":\"ON_DEMAND\"}", SERVICE_DEFAULT},
        {"{\"promptTokenCount\":1,\"trafficType\":\"ON_DEMAND_FLEX\"}",
         SERVICE_FLEX},
        {"{\"trafficType\":\"ON_DEMAND_PRIORITY\",\"promptTokenCount\":1}",
         SERVICE_PRIORITY},
        {"{\"trafficType\":\"PROVISIONED_THROUGHPUT\"}", SERVICE_SCALE},
        {"{\"trafficType\":\"TRAFFIC_TYPE_UNSPECIFIED\"}", SERVICE_UNSTATED},
        {"{\"trafficType\":7}", SERVICE_UNSTATED},
        {"{\"promptTokenCount\":1,\"serviceTier\":\"standard\"}",
         SERVICE_DEFAULT},
        {"{\"serviceTier\":\"flex\"}", SERVICE_FLEX},
        {"{\"serviceTier\":\"priority\"}", SERVICE_PRIORITY},
        {"{\"serviceTier\":\"unspecified\"}", SERVICE_UNSTATED},
        {"{\"serviceTier\":null,\"trafficType\":null}", SERVICE_UNSTATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer = {.dialect = &dialect_gemini};
        dialect_gemini.read_usage(&answer, str_from(cases[i].text));
        if (answer.service_tier != cases[i].tier)
            test_fail(__FILE__, __LINE__, "%s: %u", cases[i].text,
                      answer.service_tier);
        /* Plain answers that pass are read in pieces. */
        char body[256];
        snprintf(body, sizeof(body), "{\"usageMetadata\":%s}", cases[i].text);
        canon_answer_begin(&answer);
        canon_answer_piece(&answer, str_make(body, 20));
        canon_answer_piece(&answer, str_from(body + 20));
        if (answer.service_tier != cases[i].tier)
            test_fail(__FILE__, __LINE__, "%s in pieces", cases[i].text);
        answer_release(&answer);
    }
}

TEST(usage_that_states_nothing_is_none)
{
    static const char *const cases[] = {"{}",
                                        "null",
                                        "[]",
                                        "{\"trafficType\":\"ON_DEMAND\"}",
                                        "{\"promptTokenCount\":null}",
                                        "{\"promptTokenCount\":\"5\"}",
                                        "{\"promptTokenCount\":1e300}",
                                        "{\"promptTokenCount\":-4}"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer = {.dialect = &dialect_gemini};
        if (dialect_gemini.read_usage(&answer, str_from(cases[i])) ||
            answer.usage_seen)
            test_fail(__FILE__, __LINE__, "%s", cases[i]);
        CHECK_EQ(answer.usage_odd, i >= 6);
    }
}

#define FORTY          "forty characters of text and no end....."
#define SAYS(text)     "\"candidates\":[{\"content\":{\"parts\":[" text "]}}]"
#define STATES(counts) "\"usageMetadata\":{\"promptTokenCount\":4" counts "}"

TEST(a_chunk_states_what_it_says_in_either_order_and_no_later_one)
{
    static const struct {
        const char *first, *last;
        uint64_t completion;
        bool estimated;
    } cases[] = {
        {"{" SAYS("{\"text\":\"" FORTY "\"}") "}",
         "{" STATES(",\"candidatesTokenCount\":2") "," SAYS(
             "{\"text\":\"and more\"}") "}",
         2, false},
        {"{" STATES(",\"candidatesTokenCount\":2") "}",
         "{" SAYS("{\"text\":\"" FORTY "\"}") "}", 10, true},
        /* which says nothing of the candidates */
        {"{" SAYS("{\"text\":\"" FORTY "\"}") "}",
         "{" STATES(",\"totalTokenCount\":4") "}", 10, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct call call = {.n = 1};
        struct usage usage;
        bool estimated, ambiguous;
        char body[1024];
        snprintf(body, sizeof(body),
                 "data: %s\n\ndata: %s\n\ndata: {\"candidates\":[{"
                 "\"finishReason\":\"STOP\"}]}\n\n",
                 cases[i].first, cases[i].last);
        traced(body, true);
        answer_usage(&path.answer, &call, &usage, &estimated, &ambiguous);
        if (usage.completion != cases[i].completion ||
            estimated != cases[i].estimated)
            test_fail(__FILE__, __LINE__, "%zu: %llu%s", i,
                      (unsigned long long)usage.completion,
                      estimated ? " (estimated)" : "");
    }
}

TEST(what_passes_unread_is_counted_too)
{
    static const struct {
        const char *part;
        uint64_t tokens;
    } cases[] = {
        {"{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" FORTY "\"}}",
         10},
        {"{\"inlineData\":{\"mimeType\":\"audio/L16\",\"data\":\"" FORTY "\"}}",
         1},
        {"{\"text\":\"\",\"thought\":true,\"thoughtSignature\":\"" FORTY "\"}",
         10},
        {"{\"functionCall\":{\"name\":\"" FORTY "\"}}", 11}, /* and {} */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[512];
        struct answer answer = {.dialect = &dialect_gemini, .stream = true};
        struct sse_event event = {.data_count = 1};
        snprintf(body, sizeof(body),
                 "{\"candidates\":[{\"content\":{\"parts\":[%s]}}]}",
                 cases[i].part);
        event.data[0] = str_from(body);
        canon_answer_event(&answer, &event);
        CHECK_EQ(answer_output_estimate(&answer), cases[i].tokens);
    }
    /* Log probabilities: the list with the alternatives is the longer one. */
    struct answer answer = {.dialect = &dialect_gemini, .stream = true};
    struct sse_event event = {
        .data_count = 1,
        .data = {STR_LIT("{\"candidates\":[{\"logprobsResult\":{"
                         "\"chosenCandidates\":[{},{}],\"topCandidates\":[{},"
                         "{\"candidates\":[{}]}]}}]}")}};
    canon_answer_event(&answer, &event);
    CHECK_EQ(answer.listed_tokens, 2);
}

/* ---- for clients ---- */

static void
write_begin(uint8_t endpoint, bool stream)
{
    canon_path_begin(&path, &dialect_gemini, &dialect_gemini, endpoint, stream);
    path.stream.collect = true;
}

static void
say_something(struct canon_request *request)
{
    struct canon_stream *stream = &path.stream;
    stream->request = request;
    canon_start(stream, STR_LIT("up-1"), STR_LIT("upstream"));
    canon_thinking(stream, 0, STR_LIT("hm\\n"));
    canon_signature(stream, 0, STR_LIT("sig"));
    canon_text(stream, 0, STR_LIT("a\\u00e9\\\""));
    canon_tool(stream, 0, 3, STR_LIT("call_9"), STR_LIT("f"));
    canon_tool_piece(stream, 0, 3, STR_LIT("{\\\"a\\\":\\\"\\\\u00"));
    canon_tool_piece(stream, 0, 3, STR_LIT("e9\\\"}"));
    canon_finish(stream, 0, CANON_STOP_END, str_make(NULL, 0));
    struct usage usage = {
        .prompt_missed = 5, .cached = 2, .completion = 4, .reasoning = 3};
    answer_state_split(stream->answer, &usage);
    answer_note_stated(stream->answer);
}

static const char names[] =
    "\"modelVersion\":\"asked\",\"responseId\":\"up-1\"}";

#define CHUNK(parts)                                                           \
    "data: {\"candidates\":[{\"content\":{\"parts\":[" parts                   \
    "],\"role\":\"model\"},\"index\":0}],"                                     \
    "\"modelVersion\":\"asked\",\"responseId\":\"up-1\"}\r\n\r\n"
#define TEXT_CHUNK CHUNK("{\"text\":\"a\\u00e9\\\"\"}")
#define CALL_CHUNK                                                             \
    CHUNK("{\"functionCall\":{\"id\":\"call_9\",\"name\":\"f\",\"args\":"      \
          "{\"a\":\"\\u00e9\"}}}")
#define USAGE                                                                  \
    "\"usageMetadata\":{\"promptTokenCount\":7,\"cachedContentTokenCount\":2," \
    "\"candidatesTokenCount\":4,\"thoughtsTokenCount\":3,"                     \
    "\"totalTokenCount\":14},"
#define LAST_CHUNK                                                             \
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],"        \
    "\"role\":\"model\"},\"index\":0,\"finishReason\":\"STOP\"}]," USAGE       \
    "\"modelVersion\":\"asked\",\"responseId\":\"up-1\"}\r\n\r\n"

TEST(a_stream_for_a_client_has_its_calls_whole_and_usage_at_its_end)
{
    struct canon_request request = {.show_thinking = CANON_YES};
    write_begin(ENDPOINT_GENERATE, true);
    say_something(&request);
    CHECK_STR(canon_path_end(&path),
              CHUNK("{\"text\":\"hm\\n\",\"thought\":true}")
                  CHUNK("{\"text\":\"\",\"thought\":true,"
                        "\"thoughtSignature\":\"sig\"}")
                      TEXT_CHUNK CALL_CHUNK LAST_CHUNK);
}

TEST(thoughts_are_for_those_who_asked_for_them)
{
    struct canon_request request = {.show_thinking = CANON_UNSET};
    write_begin(ENDPOINT_GENERATE, true);
    say_something(&request);
    CHECK_STR(canon_path_end(&path), TEXT_CHUNK CALL_CHUNK LAST_CHUNK);
}

TEST(an_answer_in_one_piece_has_the_same_parts)
{
    struct canon_request request = {.show_thinking = CANON_YES};
    char want[1024];
    write_begin(ENDPOINT_GENERATE, false);
    say_something(&request);
    snprintf(want, sizeof(want),
             "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\\n\","
             "\"thought\":true,\"thoughtSignature\":\"sig\"},{\"text\":"
             "\"a\\u00e9\\\"\"},{\"functionCall\":{\"id\":\"call_9\",\"name\":"
             "\"f\",\"args\":{\"a\":\"\\u00e9\"}}}],\"role\":\"model\"},"
             "\"index\":0,\"finishReason\":\"STOP\"}]," USAGE "%s",
             names);
    CHECK_STR(canon_path_end(&path), want);
}

/* What a reader of its own makes of what was written. */
static void
check_round_trip(struct str written, bool stream, const char *trace)
{
    char *copy = strndup(written.ptr, written.len);
    CHECK_STR(traced(copy, stream), trace);
    free(copy);
}

TEST(what_is_written_reads_back)
{
    static const char said[] =
        "start [0h +\"hm\\n\" ~\"sig\" ] [0t +\"a\\u00e9\\\"\" ] "
        "[0T call_9 f +\"{\\\"a\\\":\\\"\\\\u00e9\\\"}\" ] (fin 0 5) end";
    struct canon_request request = {.show_thinking = CANON_YES};
    for (int stream = 0; stream < 2; stream++) {
        write_begin(ENDPOINT_GENERATE, stream == 1);
        say_something(&request);
        check_round_trip(canon_path_end(&path), stream == 1, said);
        CHECK_EQ(path.stream.usage.prompt_missed, 5);
        CHECK_EQ(path.stream.usage.cached, 2);
        CHECK_EQ(path.stream.usage.completion, 4);
        CHECK_EQ(path.stream.usage.reasoning, 3);
    }
}

TEST(arguments_that_are_no_object_are_none)
{
    static const char *const cases[] = {"[1]", "{\\\"a\\\":", "x", "\\\"{}\\\"",
                                        "{}{}"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_begin(ENDPOINT_GENERATE, true);
        canon_tool(&path.stream, 0, 0, STR_LIT("i"), STR_LIT("f"));
        canon_tool_piece(&path.stream, 0, 0, str_from(cases[i]));
        struct str out = canon_path_end(&path);
        CHECK_TRUE(memmem(out.ptr, out.len, "\"args\":{}", 9) != NULL);
    }
}

TEST(ends_have_google_s_words)
{
    static const struct {
        enum canon_stop stop;
        const char *reason;
    } cases[] = {
        {CANON_STOP_END, "STOP"},          {CANON_STOP_SEQUENCE, "STOP"},
        {CANON_STOP_TOOLS, "STOP"},        {CANON_STOP_NONE, "STOP"},
        {CANON_STOP_LENGTH, "MAX_TOKENS"}, {CANON_STOP_CONTEXT, "MAX_TOKENS"},
        {CANON_STOP_FILTER, "SAFETY"},     {CANON_STOP_PAUSE, "CONTINUATION"},
        {CANON_STOP_ERROR, "OTHER"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[64];
        write_begin(ENDPOINT_GENERATE, i % 2 == 0);
        canon_text(&path.stream, 0, STR_LIT("x"));
        canon_finish(&path.stream, 0, cases[i].stop, str_make(NULL, 0));
        struct str out = canon_path_end(&path);
        snprintf(want, sizeof(want), "\"finishReason\":\"%s\"",
                 cases[i].reason);
        CHECK_TRUE(memmem(out.ptr, out.len, want, strlen(want)) != NULL);
    }
}

TEST(pictures_and_vectors_are_written)
{
    write_begin(ENDPOINT_GENERATE, true);
    canon_image(&path.stream, 0, STR_LIT("image/png"), STR_LIT("aGk="));
    struct str out = canon_path_end(&path);
    static const char image[] =
        "[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}}]";
    CHECK_TRUE(memmem(out.ptr, out.len, image, strlen(image)) != NULL);
    write_begin(ENDPOINT_BATCH_EMBED, false);
    /* ... however their provider spelt them */
    canon_vector(&path.stream, 1, STR_LIT("\"AAAAQAAAAL8=\""));
    canon_vector(&path.stream, 0, STR_LIT("[1]"));
    CHECK_STR(canon_path_end(&path),
              "{\"embeddings\":[{\"values\":[1]},{\"values\":[2,-0.5]}]}");
    write_begin(ENDPOINT_EMBED, false);
    canon_vector(&path.stream, 0, STR_LIT("[1]"));
    CHECK_STR(canon_path_end(&path), "{\"embedding\":{\"values\":[1]}}");
    write_begin(ENDPOINT_EMBED, false);
    CHECK_STR(canon_path_end(&path), "{\"embedding\":{\"values\":[]}}");
}

TEST(log_probabilities_are_written_as_google_s)
{
    static const char list[] =
        "[{\"token\":\"a\",\"logprob\":-1,\"bytes\":null,\"top_logprobs\":["
        "{\"token\":\"a\",\"logprob\":-1},{\"token\":\"b\",\"logprob\":-2}]}]";
    static const char want[] =
        "\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"a\","
        "\"logProbability\":-1}],\"topCandidates\":[{\"candidates\":["
        "{\"token\":\"a\",\"logProbability\":-1},{\"token\":\"b\","
        "\"logProbability\":-2}]}]}";
    for (int stream = 0; stream < 2; stream++) {
        write_begin(ENDPOINT_GENERATE, stream == 1);
        canon_text(&path.stream, 0, STR_LIT("a"));
        canon_logprobs(&path.stream, 0, str_from(list));
        struct str out = canon_path_end(&path);
        CHECK_TRUE(memmem(out.ptr, out.len, want, strlen(want)) != NULL);
    }
}

/* ---- what the gateway says itself ---- */

TEST(errors_are_google_s_status)
{
    static const struct {
        uint16_t status;
        const char *name;
    } cases[] = {
        {400, "INVALID_ARGUMENT"},   {401, "UNAUTHENTICATED"},
        {403, "PERMISSION_DENIED"},  {404, "NOT_FOUND"},
        {413, "INVALID_ARGUMENT"},   {422, "INVALID_ARGUMENT"},
        {429, "RESOURCE_EXHAUSTED"}, {500, "INTERNAL"},
        {502, "UNAVAILABLE"},        {503, "UNAVAILABLE"},
        {504, "DEADLINE_EXCEEDED"},
    };
    struct buf out;
    char want[128];
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault = {.status = cases[i].status, .message = "a \"b\""};
        buf_reset(&out);
        dialect_gemini.error_body(&out, &fault, NULL);
        snprintf(want, sizeof(want),
                 "{\"error\":{\"code\":%u,\"message\":\"a \\\"b\\\"\","
                 "\"status\":\"%s\",\"details\":[]}}",
                 cases[i].status, cases[i].name);
        CHECK_STR(buf_view(&out), want);
    }
    struct fault fault = {.status = 429,
                          .code = "quota_exceeded",
                          .param = "p",
                          .retry_after_s = 7};
    buf_reset(&out);
    dialect_gemini.error_body(&out, &fault, "req_1");
    CHECK_STR(buf_view(&out),
              "{\"error\":{\"code\":429,\"message\":\"\",\"status\":"
              "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
              "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":"
              "\"QUOTA_EXCEEDED\",\"domain\":\"aigw\",\"metadata\":{\"param\":"
              "\"p\"}},{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
              "\"retryDelay\":\"7s\"},{\"@type\":"
              "\"type.googleapis.com/google.rpc.RequestInfo\",\"requestId\":"
              "\"req_1\"}]}}");
    buf_fini(&out);
}

TEST(a_stream_that_was_cut_ends_with_its_length_and_usage)
{
    struct usage usage = {.prompt_missed = 3, .completion = 4};
    struct buf out;
    buf_init(&out, 0);
    traced(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
        "{\"index\":1,\"finishReason\":\"STOP\"},{\"index\":2,\"content\":"
        "{\"parts\":[{\"text\":\"b\"}]}}],\"modelVersion\":\"m\","
        "\"responseId\":\"r\"}\r\n\r\n",
        true);
    path.answer.choices_finished[0] = 1 << 1; /* as before the trace's end */
    dialect_gemini.stream_cut(&out, &path.answer, &usage, false);
    CHECK_STR(buf_view(&out),
              "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]"
              ",\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\",\"index\":0"
              "},{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},"
              "\"finishReason\":\"MAX_TOKENS\",\"index\":2}],"
              "\"usageMetadata\":{\"promptTokenCount\":3,"
              "\"candidatesTokenCount\":4,\"totalTokenCount\":7},"
              "\"modelVersion\":\"m\",\"responseId\":\"r\"}\r\n\r\n");
    buf_reset(&out);
    struct fault fault = {.status = 503, .message = "gone"};
    dialect_gemini.stream_error(&out, &path.answer, &fault);
    CHECK_STR(buf_view(&out),
              "data: {\"error\":{\"code\":503,\"message\":\"gone\",\"status\":"
              "\"UNAVAILABLE\",\"details\":[]}}\r\n\r\n");
    buf_fini(&out);
}

static void
compare(const char *name, const struct usage *usage, bool estimated,
        const cJSON *expected)
{
    const cJSON *want =
        cJSON_GetObjectItemCaseSensitive(expected, "normalised");
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(want, "detail");
    if (!cJSON_IsObject(want)) {
        if (!estimated)
            test_fail(__FILE__, __LINE__, "%s: usage out of nothing", name);
        return;
    }
    bool same =
        usage->prompt_missed == recording_count(want, "prompt_missed") &&
        usage->cached == recording_count(want, "cached") &&
        usage->cache_creation == recording_count(want, "cache_creation") &&
        usage->completion == recording_count(want, "completion") &&
        usage->reasoning == recording_count(want, "reasoning") &&
        usage->audio_in == recording_count(detail, "audio_in") &&
        usage->audio_out == recording_count(detail, "audio_out");
    if (!same || estimated)
        test_fail(__FILE__, __LINE__,
                  "%s: missed %llu cached %llu completion %llu reasoning %llu "
                  "audio %llu%s",
                  name, (unsigned long long)usage->prompt_missed,
                  (unsigned long long)usage->cached,
                  (unsigned long long)usage->completion,
                  (unsigned long long)usage->reasoning,
                  (unsigned long long)usage_audio(usage),
                  estimated ? " (estimated)" : "");
}

/* As a relay reads it that passes it on: in pieces, or whole. */
static void
replay_passing(const char *name, struct str body, bool stream, size_t piece,
               const cJSON *expected)
{
    static struct answer answer;
    const struct call call = {.prompt_bound = 1 << 20, .prompt_estimate = 3};
    struct sse_scan scan = {0};
    struct sse_event event;
    struct usage usage;
    bool estimated, ambiguous;
    size_t from = 0, to = 0;
    answer.dialect = &dialect_gemini;
    answer.endpoint = ENDPOINT_GENERATE;
    answer.stream = stream;
    dialect_gemini.answer_begin(&answer);
    if (!stream && piece >= body.len)
        dialect_gemini.answer_whole(&answer, body);
    while ((stream || piece < body.len) && to < body.len) {
        size_t step = piece < body.len - to ? piece : body.len - to;
        if (!stream)
            dialect_gemini.answer_piece(&answer, str_make(body.ptr + to, step));
        to += step;
        while (stream && sse_next(&scan, body.ptr + from, to - from,
                                  to == body.len, &event)) {
            dialect_gemini.answer_event(&answer, &event);
            from += event.bytes;
            scan = (struct sse_scan){0};
        }
    }
    answer_usage(&answer, &call, &usage, &estimated, &ambiguous);
    compare(name, &usage, estimated, expected);
    if (answer.bad)
        test_fail(__FILE__, __LINE__, "%s: taken for bad JSON", name);
    answer_release(&answer);
}

/* All texts of the answer, as cJSON reads them. */
static void
collect_texts(const cJSON *answer, struct buf *texts, unsigned *calls)
{
    const cJSON *candidate = cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(answer, "candidates"), 0);
    const cJSON *content =
        cJSON_GetObjectItemCaseSensitive(candidate, "content");
    const cJSON *part;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(content, "parts"))
    {
        const char *text = cJSON_GetStringValue(
            cJSON_GetObjectItemCaseSensitive(part, "text"));
        const cJSON *call =
            cJSON_GetObjectItemCaseSensitive(part, "functionCall");
        if (text != NULL)
            buf_append_cstr(texts, text);
        *calls += cJSON_HasObjectItem(call, "name") != 0;
    }
}

static void
collect_all(struct str body, bool stream, struct buf *texts, unsigned *calls)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    if (!stream) {
        cJSON *whole = cJSON_ParseWithLength(body.ptr, body.len);
        collect_texts(whole, texts, calls);
        cJSON_Delete(whole);
        return;
    }
    while (sse_next(&scan, body.ptr, body.len, true, &event)) {
        if (event.data_count > 0) {
            cJSON *chunk =
                cJSON_ParseWithLength(event.data[0].ptr, event.data[0].len);
            collect_texts(chunk, texts, calls);
            cJSON_Delete(chunk);
        }
        body = str_skip(body, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
}

/* Read and written again for a client of the same dialect: the same texts, as
 * many calls, the same usage. */
static void
replay_translated(const char *name, struct str body, bool stream)
{
    struct canon_request request = {.show_thinking = CANON_YES};
    struct buf before, after;
    unsigned calls_before = 0, calls_after = 0;
    buf_init(&before, 0);
    buf_init(&after, 0);
    collect_all(body, stream, &before, &calls_before);
    write_begin(ENDPOINT_GENERATE, stream);
    path.call.prompt_bound = 1 << 20;
    path.stream.request = &request;
    canon_path_feed(&path, body);
    struct str out = canon_path_end(&path);
    collect_all(out, stream, &after, &calls_after);
    if (!str_equals(buf_view(&before), buf_view(&after)) ||
        calls_before != calls_after)
        test_fail(__FILE__, __LINE__, "%s: other texts or calls", name);
    if (path.stream.failed || path.answer.bad)
        test_fail(__FILE__, __LINE__, "%s: not read", name);
    buf_fini(&before);
    buf_fini(&after);
}

static void
replay(const struct recording *recording)
{
    static const size_t pieces[] = {1, 3, 17, 256, 4096, 1 << 24};
    struct str text = recording->body;
    bool stream = recording->is_stream;
    char *lines = NULL;
    if (recording_is_api(recording, "chat"))
        return;
    if (text.len > 0 &&
        *text.ptr ==
            '[') { /* an array: its elements as the events they would be */
        cJSON *list = cJSON_Parse(text.ptr), *element;
        struct buf events;
        buf_init(&events, 0);
        cJSON_ArrayForEach(element, list)
        {
            char *line = cJSON_PrintUnformatted(element);
            buf_printf(&events, "data: %s\r\n\r\n", line);
            free(line);
        }
        cJSON_Delete(list);
        lines = strndup(buf_ptr(&events), buf_len(&events));
        buf_fini(&events);
        text = str_from(lines);
        stream = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        replay_passing(recording->name, text, stream, pieces[i],
                       recording->expected);
    if (recording_is_api(recording, "generate"))
        replay_translated(recording->name, text, stream);
    free(lines);
}

TEST(recorded_answers_give_their_recorded_usage_and_all_their_text)
{
    recordings_visit("gemini", NULL, 200, replay);
    canon_path_fini(&path);
}
