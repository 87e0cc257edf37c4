/*
 * test_dialect_bedrock_answer.c - answers of Bedrock's Converse, made and
 * recorded, as the canonical stream is told of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"

#include "common/net/eventstream.h"
#include "tests/unit/recording.h"

static struct canon_path path;

struct event_text {
    const char *name, *data;
};

/* What a stream of these events is told as; a name with "!" is an exception. */
static struct str
trace_events(const struct event_text *events)
{
    canon_path_begin(&path, &dialect_bedrock, &canon_trace, ENDPOINT_CONVERSE,
                     true);
    for (; events->name != NULL; events++) {
        struct sse_event event = {.data_count = 1};
        event.is_exception = *events->name == '!';
        event.event = str_from(events->name + event.is_exception);
        event.data[0] = str_from(events->data);
        dialect_bedrock.read_event(&path.stream, &event);
    }
    return canon_path_end(&path);
}

// clang-format off
#define START  {"messageStart", "{\"role\":\"assistant\",\"p\":\"ab\"}"}
#define DELTA(i, text) {"contentBlockDelta", "{\"contentBlockIndex\":" i ",\"delta\":{" text "},\"p\":\"x\"}"}
#define STOP(i) {"contentBlockStop", "{\"contentBlockIndex\":" i "}"}
#define END(why) {"messageStop", "{\"stopReason\":\"" why "\"}"}
#define TOOL(i, id, name) {"contentBlockStart", "{\"contentBlockIndex\":" i ",\"start\":{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"" name "\"}}}"}
#define THOUGHT(i, text) DELTA(i, "\"reasoningContent\":{" text "}")
#define META(usage) {"metadata", "{\"usage\":{" usage "},\"metrics\":{\"latencyMs\":1}}"}

static const struct {
    struct event_text events[12];
    const char *trace;
} streams[] = {
    {{START, DELTA("0", "\"text\":\"a\\u00e9\""), DELTA("0", "\"text\":\"b\""), STOP("0"), END("end_turn")},
     "start [0t +\"a\\u00e9\" +\"b\" ] (fin 0 1) end"},
    /* thoughts, signed, and those that only their model can read */
    {{START, THOUGHT("0", "\"text\":\"h\""), THOUGHT("0", "\"signature\":\"sig\""), STOP("0"),
      THOUGHT("1", "\"redactedContent\":\"AAA=\""), STOP("1"), DELTA("3", "\"text\":\"t\""), STOP("3"), END("end_turn")},
     "start [0h +\"h\" ~\"sig\" ] [0x :AAA= ] [0t +\"t\" ] (fin 0 1) end"},
    /* calls, with and without arguments, stops for what never began */
    {{START, STOP("0"), TOOL("1", "tooluse_1", "f"), DELTA("1", "\"toolUse\":{\"input\":\"\"}"),
      DELTA("1", "\"toolUse\":{\"input\":\"{\\\"a\\\":\"}"), DELTA("1", "\"toolUse\":{\"input\":\"1}\"}"), STOP("1"),
      TOOL("2", "tooluse_2", "g"), STOP("2"), END("tool_use")},
     "start [0T tooluse_1 f +\"{\\\"a\\\":\" +\"1}\" ] [0T tooluse_2 g +\"{}\" ] (fin 0 5) end"},
    /* a tool of the server's own, its result, a citation */
    {{START, {"contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"nova_grounding\",\"type\":\"server_tool_use\"}}}"},
      DELTA("0", "\"toolUse\":{\"input\":\"{}\"}"), STOP("0"),
      {"contentBlockStart", "{\"contentBlockIndex\":1,\"start\":{\"toolResult\":{\"toolUseId\":\"t\"}}}"},
      DELTA("1", "\"toolResult\":[{\"text\":\"hidden\"}]"), STOP("1"), DELTA("2", "\"text\":\"x\""),
      DELTA("2", "\"citation\":{\"title\":\"y\"}"), END("end_turn")},
     "start [0t +\"x\" ] (fin 0 1) end"},
    /* nothing but an end; nothing at all; what nobody knows */
    {{END("max_tokens")}, "start (fin 0 3) end"},
    {{{"ping", "{}"}, {"contentBlockDelta", "no JSON"}, {"contentBlockDelta", "{\"delta\":[]}"}, {"contentBlockDelta", ""},
      {"contentBlockStart", "{\"start\":7}"}, {"", "{}"}}, "start (fin 0 0) end"},
    {{START, {"messageStop", "{\"stopReason\":\"stop_sequence\",\"additionalModelResponseFields\":{\"stop_sequence\":\"END\"}}"}},
     "start (fin 0 2 END) end"},
    /* what comes behind the last event is not read */
    {{START, END("end_turn"), META("\"inputTokens\":1,\"outputTokens\":1"), DELTA("0", "\"text\":\"late\"")},
     "start (fin 0 1) end"},
};
// clang-format on

TEST(events_become_blocks)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        CHECK_STR(trace_events(streams[i].events), streams[i].trace);
}

TEST(each_stop_reason_has_its_place)
{
    static const struct {
        const char *reason;
        enum canon_stop stop;
    } cases[] = {
        {"end_turn", CANON_STOP_END},
        {"tool_use", CANON_STOP_TOOLS},
        {"max_tokens", CANON_STOP_LENGTH},
        {"stop_sequence", CANON_STOP_SEQUENCE},
        {"guardrail_intervened", CANON_STOP_FILTER},
        {"content_filtered", CANON_STOP_FILTER},
        {"malformed_model_output", CANON_STOP_ERROR},
        {"malformed_tool_use", CANON_STOP_ERROR},
        {"model_context_window_exceeded", CANON_STOP_CONTEXT},
        {"something_new", CANON_STOP_END},
        {"", CANON_STOP_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char data[96], want[32];
        snprintf(data, sizeof(data), "{\"stopReason\":\"%s\"}",
                 cases[i].reason);
        snprintf(want, sizeof(want), "start (fin 0 %u) end", cases[i].stop);
        const struct event_text events[] = {{"messageStop", data},
                                            {NULL, NULL}};
        CHECK_STR(trace_events(events), want);
        CHECK_TRUE(path.answer.finish_seen);
    }
}

TEST(exceptions_are_failures_in_the_words_of_the_relay)
{
    static const struct {
        struct event_text event;
        const char *type, *message;
    } cases[] = {
        {{"!throttlingException", "{\"message\":\"slow \\u00e4\"}"},
         "rate_limit_error",
         "slow \xc3\xa4"},
        {{"!serviceUnavailableException", "{\"Message\":\"busy\"}"},
         "overloaded_error",
         "busy"},
        {{"!validationException", "{\"message\":\"bad\"}"},
         "invalid_request_error",
         "bad"},
        {{"!modelStreamErrorException", "{\"message\":7}"},
         "modelStreamErrorException",
         ""},
        {{"!InternalError", "it \"broke\""}, "InternalError", "it \"broke\""},
        {{"!internalServerException", ""}, "internalServerException", ""},
        {{"!x", "{\"secret\":1}"}, "x", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct event_text events[] = {
            START, cases[i].event, {NULL, NULL}};
        trace_events(events);
        CHECK_TRUE(path.stream.has_error && path.answer.error_seen);
        CHECK_STR(str_from(path.stream.error_type), cases[i].type);
        CHECK_STR(str_from(path.stream.error_message), cases[i].message);
    }
}

static struct usage
usage_of(const char *object, bool *seen)
{
    struct answer answer;
    memset(&answer, 0, sizeof(answer));
    answer.dialect = &dialect_bedrock;
    *seen = dialect_bedrock.read_usage(&answer, str_from(object));
    CHECK_EQ(answer.usage_seen, *seen);
    return answer.split;
}

TEST(usage_has_two_spellings_of_its_cache)
{
    // clang-format off
    static const struct {
        const char *object;
        bool seen;
        uint64_t missed, cached, creation, hour, completion;
    } cases[] = {
        {"{\"inputTokens\":12,\"outputTokens\":185,\"totalTokens\":1225,\"cacheReadInputTokens\":1028,\"cacheReadInputTokenCount\":1028}",
         true, 12, 1028, 0, 0, 185},
        {"{\"inputTokens\":12,\"outputTokens\":1,\"cacheReadInputTokenCount\":9,\"cacheWriteInputTokenCount\":8}", true, 12, 9, 8, 0, 1},
        {"{\"inputTokens\":1,\"outputTokens\":1,\"cacheWriteInputTokens\":8,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":5},{\"ttl\":\"5m\",\"inputTokens\":3}]}",
         true, 1, 0, 8, 5, 1},
        {"{\"inputTokens\":1,\"outputTokens\":1,\"cacheWriteInputTokens\":2,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":5}]}",
         true, 1, 0, 2, 2, 1},
        {"{\"inputTokens\":3,\"outputTokens\":null,\"cacheReadInputTokens\":null}", true, 3, 0, 0, 0, 0},
        {"{\"inputTokens\":3.9,\"serverToolUsage\":{}}", true, 3, 0, 0, 0, 0},
        {"{\"inputTokens\":3,\"outputTokens\":2,\"cacheReadInputTokens\":-4,\"cacheDetails\":{}}", true, 3, 0, 0, 0, 2},
        {"{\"inputTokens\":-1,\"outputTokens\":2}", false, 0, 0, 0, 0, 0},
        {"{\"inputTokens\":1e99,\"outputTokens\":2}", false, 0, 0, 0, 0, 0},
        {"{\"inputTokens\":\"3\"}", false, 0, 0, 0, 0, 0},
        {"{\"totalTokens\":3}", false, 0, 0, 0, 0, 0},
        {"{}", false, 0, 0, 0, 0, 0},
        {"[]", false, 0, 0, 0, 0, 0},
        {"", false, 0, 0, 0, 0, 0},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool seen;
        struct usage usage = usage_of(cases[i].object, &seen);
        CHECK_EQ(seen, cases[i].seen);
        CHECK_EQ(usage.prompt_missed, cases[i].missed);
        CHECK_EQ(usage.cached, cases[i].cached);
        CHECK_EQ(usage.cache_creation, cases[i].creation);
        CHECK_EQ(usage.cache_creation_1h, cases[i].hour);
        CHECK_EQ(usage.completion, cases[i].completion);
    }
}

TEST(usage_behind_the_last_event_is_not_read)
{
    static const struct event_text events[] = {
        START,
        END("end_turn"),
        META("\"inputTokens\":1,\"outputTokens\":2"),
        META("\"inputTokens\":1000,\"outputTokens\":2000"),
        {NULL, NULL}};
    trace_events(events);
    CHECK_EQ(path.stream.usage.prompt_missed, 1);
    CHECK_EQ(path.stream.usage.completion, 2);
}

/* A plain answer, told as a stream to see its blocks. */
static struct str
trace_plain(const char *body)
{
    canon_path_begin(&path, &dialect_bedrock, &canon_trace, ENDPOINT_CONVERSE,
                     true);
    dialect_bedrock.read_plain(&path.stream, str_from(body));
    return canon_path_end(&path);
}

TEST(an_answer_says_what_it_was_served_as)
{
    static const struct {
        const char *member;
        enum service_tier tier;
    } cases[] = {
        {"", SERVICE_UNSTATED},
        {",\"serviceTier\":{\"type\":\"flex\"}", SERVICE_FLEX},
        {",\"serviceTier\":{\"type\":\"priority\"}", SERVICE_PRIORITY},
        {",\"serviceTier\":{\"type\":\"default\"}", SERVICE_DEFAULT},
        {",\"serviceTier\":{\"type\":\"reserved\"}", SERVICE_SCALE},
        {",\"serviceTier\":{\"type\":\"new\"}", SERVICE_UNSTATED},
        {",\"serviceTier\":{\"type\":7}", SERVICE_UNSTATED},
        {",\"serviceTier\":\"flex\"", SERVICE_UNSTATED},
        {",\"serviceTier\":null", SERVICE_UNSTATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        struct event_text events[] = {
            START, END("end_turn"), {"metadata", text}, {NULL, NULL}};
        snprintf(text, sizeof(text),
                 "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}%s}",
                 cases[i].member);
        trace_events(events);
        CHECK_EQ(path.answer.service_tier, cases[i].tier);
        CHECK_EQ(path.stream.usage.completion, 2);
        snprintf(text, sizeof(text),
                 "{\"output\":{\"message\":{\"content\":[]}},\"usage\":{"
                 "\"inputTokens\":1}%s}",
                 cases[i].member);
        trace_plain(text);
        CHECK_EQ(path.answer.service_tier, cases[i].tier);
    }
}

#define PLAIN(content, rest)                                                   \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[" content   \
    "]}}," rest ",\"usage\":{\"inputTokens\":3,\"outputTokens\":4}}"

TEST(a_whole_answer_has_the_same_blocks)
{
    // clang-format off
    static const struct { const char *body, *trace; } cases[] = {
        {PLAIN("{\"text\":\"a\"}", "\"stopReason\":\"end_turn\""), "start [0t +\"a\" ] (fin 0 1) end"},
        {PLAIN("{\"text\":\"a\"},{\"text\":\"b\"}", "\"stopReason\":\"max_tokens\""),
         "start [0t +\"a\" ] [0t +\"b\" ] (fin 0 3) end"},
        {PLAIN("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"h\",\"signature\":\"s\"}}},{\"reasoningContent\":{\"redactedContent\":\"AA\"}}", "\"stopReason\":\"end_turn\""),
         "start [0h +\"h\" ~\"s\" ] [0x :AA ] (fin 0 1) end"},
        {PLAIN("{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"a\":\"\\n\"}}},{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\"}}", "\"stopReason\":\"tool_use\""),
         "start [0T t1 f +\"{\\\"a\\\":\\\"\\\\n\\\"}\" ] [0T t2 g +\"{}\" ] (fin 0 5) end"},
        {PLAIN("{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"s\",\"input\":{},\"type\":\"server_tool_use\"}},{\"toolResult\":{\"content\":[{\"text\":\"x\"}]}},{\"text\":\"a\"}", "\"stopReason\":\"end_turn\""),
         "start [0t +\"a\" ] (fin 0 1) end"},
        {PLAIN("{\"citationsContent\":{\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"citations\":[]}}", "\"stopReason\":\"end_turn\""),
         "start [0t +\"a\" +\"b\" ] (fin 0 1) end"},
        {PLAIN("{\"image\":{\"format\":\"webp\",\"source\":{\"bytes\":\"QUJD\"}}}", "\"stopReason\":\"end_turn\""),
         "start [0i image/webp:QUJD ] (fin 0 1) end"},
        {PLAIN("", "\"stopReason\":\"stop_sequence\",\"additionalModelResponseFields\":{\"stop_sequence\":\"|\"}"),
         "start (fin 0 2 |) end"},
        {PLAIN("7,[],null", "\"stopReason\":null"), "start (fin 0 0) end"},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STR(trace_plain(cases[i].body), cases[i].trace);
        CHECK_TRUE(!path.answer.bad && path.answer.done_seen);
        CHECK_EQ(path.stream.usage.prompt_missed, 3);
        CHECK_EQ(path.stream.usage.completion, 4);
    }
}

TEST(what_is_no_answer_is_told_as_a_failure)
{
    static const char *const bad[] = {"", "[]", "no", "{\"output\":", "\"x\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        trace_plain(bad[i]);
        CHECK_TRUE(path.answer.bad);
    }
    trace_plain("{\"message\":\"no such operation\"}");
    CHECK_TRUE(path.stream.has_error && !path.answer.bad);
    CHECK_STR(str_from(path.stream.error_message), "no such operation");
}

/* ---- recordings ---- */

static struct buf text;

/* Text and calls of the body as another reader finds them, in order. */
static void
keep_block(const struct canon_block *block)
{
    if (block->kind == CANON_BLOCK_TOOL)
        buf_printf(&text, "<%.*s>",
                   STR_ARG(canon_collected(&path.stream, block->name)));
    buf_append_str(&text, buf_view(&block->text));
}

static bool
feed_frames(struct str body)
{
    struct sse_event event;
    enum eventstream_result result = EVENTSTREAM_DONE;
    while (body.len > 0 &&
           (result = eventstream_next(body.ptr, body.len, &event)) ==
               EVENTSTREAM_DONE) {
        dialect_bedrock.read_event(&path.stream, &event);
        body = str_skip(body, event.bytes);
    }
    return body.len == 0;
}

static void
read_converse(const struct recording *recording)
{
    canon_path_begin(&path, &dialect_bedrock, &canon_trace, ENDPOINT_CONVERSE,
                     false);
    if (recording->is_stream)
        CHECK_TRUE(feed_frames(recording->body));
    else
        dialect_bedrock.read_plain(&path.stream, recording->body);
    CHECK_TRUE(!path.answer.bad && !path.stream.has_error);
    CHECK_TRUE(path.answer.finish_seen && path.answer.done_seen);
    CHECK_TRUE(path.answer.usage_seen);
    canon_path_end(&path);
    recording_check_usage(recording, &path.stream.usage);
    buf_reset(&text);
    for (uint32_t i = 0; i < path.stream.block_count; i++)
        keep_block(&path.stream.blocks[i]);
    if (buf_len(&text) == 0)
        test_fail(__FILE__, __LINE__, "%s: nothing is said", recording->name);
    bool calls = recording_has_tag(recording, "tool-call-out") &&
                 strstr(recording->name, "web-search") == NULL;
    CHECK_EQ(path.stream.choices[0].has_tool, calls);
}

TEST(all_recorded_answers_of_converse_are_read)
{
    buf_init(&text, 0);
    unsigned count =
        recordings_visit("bedrock", "converse", 200, read_converse);
    CHECK_TRUE(count == 0 || count == 39);
    buf_fini(&text);
    canon_path_fini(&path);
}
