/*
 * test_dialect_anthropic_answer.c - answers of providers that speak Anthropic's
 * dialect: what is learnt while they pass, what they are read as, canonical
 * answers as clients get them; then the recorded ones of many providers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"
#include "tests/unit/recording.h"

static struct canon_path path;

static void
begin(const struct dialect *client, bool stream)
{
    canon_path_begin(&path, &dialect_anthropic, client, ENDPOINT_MESSAGES,
                     stream);
}

/* Data lines, NULL-terminated, as events. */
static void
feed(const char *const *events)
{
    for (; *events != NULL; events++) {
        struct sse_event event = {.data_count = 1};
        event.data[0] = str_from(*events);
        dialect_anthropic.read_event(&path.stream, &event);
    }
}

// clang-format off
#define START "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}"
#define OPEN(n, block) "{\"type\":\"content_block_start\",\"index\":" #n ",\"content_block\":{" block "}}"
#define OPEN_TEXT(n) OPEN(n, "\"type\":\"text\",\"text\":\"\"")
#define OPEN_CALL(n, id, name) OPEN(n, "\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{}")
#define DELTA(n, delta) "{\"type\":\"content_block_delta\",\"index\":" #n ",\"delta\":{" delta "}}"
#define TEXT(n, text) DELTA(n, "\"type\":\"text_delta\",\"text\":\"" text "\"")
#define JSON_(n, text) DELTA(n, "\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"")
#define CLOSE(n) "{\"type\":\"content_block_stop\",\"index\":" #n "}"
#define STOP(why) "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" why "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}"
#define END "{\"type\":\"message_stop\"}"
#define PING "{\"type\": \"ping\"}"

/* ---- read ---- */

static const struct {
    const char *events[12];
    const char *trace;
} streams[] = {
    {{START, PING, OPEN_TEXT(0), PING, TEXT(0, "a\\u00e9"), TEXT(0, "b"), CLOSE(0), STOP("end_turn"), END, "[DONE]"},
     "start [0t +\"a\\u00e9\" +\"b\" ] (fin 0 1) end"},
    {{START, STOP("max_tokens"), END}, "start (fin 0 3) end"},
    {{START, STOP("tool_use"), END}, "start (fin 0 5) end"},
    {{START, STOP("refusal"), END}, "start (fin 0 6) end"},
    {{START, STOP("pause_turn"), END}, "start (fin 0 7) end"},
    {{START, STOP("model_context_window_exceeded"), END}, "start (fin 0 4) end"},
    {{START, STOP("anything new"), END}, "start (fin 0 1) end"},
    {{START, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"EN\\\"D\"}}", END},
     "start (fin 0 2 EN\\\"D) end"},
    {{START, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null}}", END}, "start (fin 0 0) end"},
    /* calls: pieces cut anywhere, none at all, whole at the start */
    {{START, OPEN_CALL(0, "toolu_1", "f"), JSON_(0, ""), JSON_(0, "{\\\"a\\\":\\\"\\\\ud83d"), JSON_(0, "\\\\ude00\\\"}"), CLOSE(0), STOP("tool_use"), END},
     "start [0T toolu_1 f +\"{\\\"a\\\":\\\"\\\\ud83d\" +\"\\\\ude00\\\"}\" ] (fin 0 5) end"},
    {{START, OPEN_CALL(0, "t1", "f"), CLOSE(0), OPEN_CALL(1, "t2", "g"), JSON_(1, ""), CLOSE(1), STOP("end_turn"), END},
     "start [0T t1 f +\"{}\" ] [0T t2 g +\"{}\" ] (fin 0 5) end"},
    {{START, OPEN(0, "\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\": 1}"), JSON_(0, "{}"), CLOSE(0), STOP("tool_use"), END},
     "start [0T t1 f +\"{\\\"a\\\": 1}\" ] (fin 0 5) end"},
    /* thoughts; only their signature; thoughts that nobody may read */
    {{START, OPEN(0, "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""), DELTA(0, "\"type\":\"thinking_delta\",\"thinking\":\"h\""),
      DELTA(0, "\"type\":\"signature_delta\",\"signature\":\"S\""), CLOSE(0), OPEN_TEXT(1), TEXT(1, "x"), CLOSE(1), STOP("end_turn"), END},
     "start [0h +\"h\" ~\"S\" ] [0t +\"x\" ] (fin 0 1) end"},
    {{START, OPEN(0, "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\""), DELTA(0, "\"type\":\"signature_delta\",\"signature\":\"S\""), CLOSE(0), STOP("end_turn"), END},
     "start [0h ~\"S\" ] (fin 0 1) end"},
    {{START, OPEN(0, "\"type\":\"redacted_thinking\",\"data\":\"AAA\""), CLOSE(0), STOP("end_turn"), END},
     "start [0x :AAA ] (fin 0 1) end"},
    /* what ran at the provider's: counted, not shown; citations */
    {{START, OPEN(0, "\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}"), JSON_(0, "{\\\"q\\\":1}"), CLOSE(0),
      OPEN(1, "\"type\":\"web_search_tool_result\",\"content\":[{\"text\":\"no\"}]"), CLOSE(1), OPEN_TEXT(2),
      DELTA(2, "\"type\":\"citations_delta\",\"citation\":{\"cited_text\":\"c\"}"), TEXT(2, "x"), CLOSE(2), END},
     "start [0t +\"x\" ] (fin 0 0) end"},
    /* text in its start (others' servers); what comes behind the end */
    {{START, OPEN(0, "\"type\":\"text\",\"text\":\"a\""), TEXT(0, "b"), CLOSE(0), STOP("end_turn"), END, TEXT(0, "late")},
     "start [0t +\"a\" +\"b\" ] (fin 0 1) end"},
    /* no block at all is no error; nonsense is passed over */
    {{"{\"type\":7}", "[]", "x", "{\"type\":\"content_block_delta\"}", "{\"type\":\"content_block_start\",\"index\":0}",
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":7}}", "{\"type\":\"message_start\"}", START, STOP("end_turn"), END},
     "start (fin 0 1) end"},
};
// clang-format on

TEST(events_are_read_as_what_they_mean)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        begin(&canon_trace, true);
        feed(streams[i].events);
        CHECK_STR(canon_path_end(&path), streams[i].trace);
    }
}

TEST(what_ran_at_the_provider_is_counted_as_output)
{
    static const char *const events[] = {
        START,
        OPEN(0, "\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\""),
        JSON_(0, "{\\\"q\\\":1}"), CLOSE(0), NULL};
    begin(&canon_trace, true);
    feed(events);
    CHECK_EQ(path.answer.content_events, 2);
    CHECK_EQ(path.answer.ascii_bytes, 3 + 7);
}

// clang-format off
static const struct {
    const char *body, *trace;
} plains[] = {
    {"{\"id\":\"msg_2\",\"type\":\"message\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],"
     "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}",
     "start [0t +\"a\" ] [0t +\"b\" ] (fin 0 1) end"},
    {"{\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"S\"},{\"type\":\"redacted_thinking\",\"data\":\"D\"},"
     "{\"type\":\"server_tool_use\",\"name\":\"web\",\"input\":{}},"
     "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\":\"\\u00e9\"}},{\"type\":\"tool_use\",\"id\":\"u\",\"name\":\"g\",\"input\":{}}],"
     "\"stop_reason\":\"tool_use\"}",
     "start [0h +\"h\" ~\"S\" ] [0x :D ] [0T t f +\"{\\\"a\\\":\\\"\\\\u00e9\\\"}\" ] [0T u g +\"{}\" ] (fin 0 5) end"},
    {"{\"content\":[],\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"X\"}", "start (fin 0 2 X) end"},
    {"{\"content\":null}", "start (fin 0 0) end"},
};
// clang-format on

TEST(plain_answers_are_read_as_what_they_mean)
{
    for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
        begin(&canon_trace, false);
        path.stream.plain = false; /* to see the events */
        dialect_anthropic.read_plain(&path.stream, str_from(plains[i].body));
        CHECK_TRUE(!path.answer.bad && !path.stream.has_error);
        CHECK_STR(canon_path_end(&path), plains[i].trace);
    }
}

TEST(a_plain_answer_that_is_no_object_is_bad)
{
    static const char *const bodies[] = {"", "null", "[]", "{\"content\":[",
                                         "{}x"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        begin(&canon_trace, false);
        dialect_anthropic.read_plain(&path.stream, str_from(bodies[i]));
        CHECK_TRUE(path.answer.bad);
    }
}

// clang-format off
static const struct {
    const char *event; /* name; NULL: none */
    const char *data, *type, *message;
} errors[] = {
    {"error", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Over\\u006coaded\"}}", "overloaded_error", "Overloaded"},
    {NULL, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}", "api_error", "x"},
    {NULL, "{\"error\":{\"message\":\"m\"}}", "", "m"},
    {NULL, "{\"error\":\"words\"}", "", "words"},
    {"error", "{}", "", ""},
    {NULL, "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"balance\"}}", "api_error", "balance"},
};
// clang-format on

TEST(errors_in_a_stream_are_told)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct sse_event event = {.data_count = 1};
        event.event = str_from(errors[i].event);
        event.data[0] = str_from(errors[i].data);
        begin(&canon_trace, true);
        dialect_anthropic.read_event(&path.stream, &event);
        CHECK_TRUE(path.stream.has_error && path.answer.error_seen);
        CHECK_STR(str_from(path.stream.error_type), errors[i].type);
        CHECK_STR(str_from(path.stream.error_message), errors[i].message);
        begin(&canon_trace, false);
        dialect_anthropic.read_plain(&path.stream, str_from(errors[i].data));
        if (errors[i].event == NULL)
            CHECK_TRUE(path.stream.has_error);
    }
    begin(&canon_trace, true);
    static const char *const good[] = {
        "{\"type\":\"ping\",\"error\":null,"
        "\"base_resp\":{\"status_code\":0,\"status_msg\":\"\"}}",
        NULL};
    feed(good);
    CHECK_TRUE(!path.stream.has_error && !path.answer.error_seen);
}

/* ---- usage ---- */

static struct usage
settled(bool *estimated)
{
    struct usage usage;
    bool ambiguous;
    answer_usage(&path.answer, &path.call, &usage, estimated, &ambiguous);
    return usage;
}

// clang-format off
static const struct {
    const char *starts, *delta; /* usage objects */
    struct usage want;
} usages[] = {
    /* the last event's members replace, null ones do not */
    {"{\"input_tokens\":10,\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":3,\"output_tokens\":1}",
     "{\"output_tokens\":20}", {.prompt_missed = 10, .cache_creation = 2, .cached = 3, .completion = 20}},
    {"{\"input_tokens\":702,\"cache_read_input_tokens\":55096,\"output_tokens\":1}",
     "{\"input_tokens\":1591,\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":null,\"output_tokens\":5}",
     {.prompt_missed = 1591, .completion = 5}},
    {"{\"input_tokens\":0,\"output_tokens\":0}", "{\"input_tokens\":47,\"output_tokens\":24,\"cache_read_input_tokens\":128}",
     {.prompt_missed = 47, .cached = 128, .completion = 24}},
    /* the split of what was written repeats the sum */
    {"{\"input_tokens\":1,\"cache_creation_input_tokens\":30,\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20},\"output_tokens\":1}",
     "{\"output_tokens\":2}", {.prompt_missed = 1, .cache_creation = 30, .cache_creation_1h = 20, .completion = 2}},
    {"{\"input_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20},\"output_tokens\":1}",
     "{\"output_tokens\":2}", {.prompt_missed = 1, .cache_creation = 30, .cache_creation_1h = 20, .completion = 2}},
    /* thinking is inside, and cannot be more than all */
    {"{\"input_tokens\":1,\"output_tokens\":1}", "{\"output_tokens\":20,\"output_tokens_details\":{\"thinking_tokens\":15}}",
     {.prompt_missed = 1, .completion = 5, .reasoning = 15}},
    {"{\"input_tokens\":1,\"output_tokens\":1}", "{\"output_tokens\":20,\"output_tokens_details\":{\"thinking_tokens\":25}}",
     {.prompt_missed = 1, .reasoning = 20}},
    {"{\"input_tokens\":1,\"output_tokens\":1}", "{\"output_tokens\":20,\"output_tokens_details\":null,\"cache_creation\":null}",
     {.prompt_missed = 1, .completion = 20}},
    /* passes beside the answer are added, those of it are not */
    {"{\"input_tokens\":220,\"output_tokens\":1}",
     "{\"input_tokens\":220,\"output_tokens\":9,\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":55196,\"output_tokens\":300,\"cache_read_input_tokens\":4,"
     "\"cache_creation_input_tokens\":6,\"cache_creation\":{\"ephemeral_1h_input_tokens\":6}},{\"type\":\"message\",\"input_tokens\":220,\"output_tokens\":9}]}",
     {.prompt_missed = 220 + 55196, .cached = 4, .cache_creation = 6, .cache_creation_1h = 6, .completion = 309}},
    {"{\"input_tokens\":5,\"output_tokens\":1}",
     "{\"output_tokens\":9,\"iterations\":[{\"type\":\"advisor_message\",\"model\":\"x\",\"input_tokens\":100,\"output_tokens\":50,\"output_tokens_details\":{\"thinking_tokens\":40}},"
     "{\"type\":\"fallback_message\",\"input_tokens\":5,\"output_tokens\":9},{\"input_tokens\":1000}]}",
     {.prompt_missed = 105, .completion = 19, .reasoning = 40}},
    /* floats, nonsense, members that only look alike */
    {"{\"input_tokens\":7.9,\"output_tokens\":\"x\",\"cache_read_input_tokens\":[1],\"thinking_tokens\":3,\"ephemeral_1h_input_tokens\":4}",
     "{\"output_tokens\":2}", {.prompt_missed = 7, .completion = 2}},
};
// clang-format on

TEST(usage_of_the_end_lies_over_that_of_the_start)
{
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        char starts[800], delta[800];
        bool estimated;
        snprintf(starts, sizeof(starts),
                 "{\"type\":\"message_start\",\"message\":{\"usage\":%s}}",
                 usages[i].starts);
        snprintf(delta, sizeof(delta),
                 "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                 "\"end_turn\"},\"usage\":%s}",
                 usages[i].delta);
        const char *const events[] = {starts, delta, END, NULL};
        begin(NULL, true);
        feed(events);
        struct usage got = settled(&estimated);
        CHECK_TRUE(!estimated);
        if (memcmp(&got, &usages[i].want, sizeof(got)) != 0)
            test_fail(__FILE__, __LINE__,
                      "%zu: missed %llu cached %llu written %llu (1h %llu) "
                      "completion %llu reasoning %llu",
                      i, (unsigned long long)got.prompt_missed,
                      (unsigned long long)got.cached,
                      (unsigned long long)got.cache_creation,
                      (unsigned long long)got.cache_creation_1h,
                      (unsigned long long)got.completion,
                      (unsigned long long)got.reasoning);
    }
}

TEST(a_stream_that_breaks_off_costs_what_was_seen_of_it)
{
    static const char *const events[] = {
        START, OPEN_TEXT(0),
        TEXT(0, "forty characters of text and no end....."), NULL};
    bool estimated;
    begin(NULL, true);
    feed(events);
    struct usage usage = settled(&estimated);
    CHECK_TRUE(estimated);
    CHECK_EQ(usage.prompt_missed, 7);
    CHECK_EQ(usage.completion, 10);
}

/* message_start states an output of 1 or so: what no later event states is
 * charged by what was seen. */
TEST(output_that_was_stated_before_the_text_is_no_end)
{
    static const struct {
        const char *usage; /* of message_delta */
        uint64_t completion;
        bool estimated;
    } cases[] = {
        {"null", 10, true},
        {"{\"input_tokens\":7}", 10, true},
        {"{\"output_tokens\":0}", 0, false},
        {"{\"output_tokens\":9}", 9, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int passes = 0; passes < 2; passes++) {
            char delta[200];
            bool estimated;
            snprintf(delta, sizeof(delta),
                     "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                     "\"end_turn\"},\"usage\":%s}",
                     cases[i].usage);
            const char *const events[] = {
                START,
                OPEN_TEXT(0),
                TEXT(0, "forty characters of text and no end....."),
                delta,
                END,
                NULL};
            begin(passes ? NULL : &dialect_anthropic, true);
            feed(events);
            struct usage usage = settled(&estimated);
            CHECK_EQ(usage.prompt_missed, 7);
            CHECK_EQ(usage.completion, cases[i].completion);
            CHECK_EQ(estimated, cases[i].estimated);
        }
}

TEST(usage_that_no_call_can_have_is_odd)
{
    static const char *const events[] = {
        "{\"type\":\"message_start\",\"message\":{\"usage\":{"
        "\"input_tokens\":-3,\"output_tokens\":1}}}",
        "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{"
        "\"output_tokens\":99999999999999999999}}",
        NULL};
    bool estimated;
    begin(NULL, true);
    feed(events);
    CHECK_TRUE(!path.answer.usage_seen && path.answer.usage_odd);
    settled(&estimated);
    CHECK_TRUE(estimated);
}

/* ---- written ---- */

static void
written(const char *const *events, const char *want)
{
    begin(&dialect_anthropic, true);
    feed(events);
    CHECK_STR(canon_path_end(&path), want);
}

// clang-format off
#define W(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define W_START W("message_start", ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"asked\"," \
    "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":11,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}}") \
    W("ping", "")
#define W_OPEN(n, block) W("content_block_start", ",\"index\":" #n ",\"content_block\":{" block "}")
#define W_DELTA(n, delta) W("content_block_delta", ",\"index\":" #n ",\"delta\":{" delta "}")
#define W_CLOSE(n) W("content_block_stop", ",\"index\":" #n)
#define W_END(why, sequence) W("message_delta", ",\"delta\":{\"stop_reason\":\"" why "\",\"stop_sequence\":" sequence "}," \
    "\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":5}") W("message_stop", "")

TEST(canonical_events_become_those_of_the_dialect)
{
    static const char *const all[] = {
        START, OPEN(0, "\"type\":\"thinking\",\"thinking\":\"\""), DELTA(0, "\"type\":\"thinking_delta\",\"thinking\":\"h\""),
        DELTA(0, "\"type\":\"signature_delta\",\"signature\":\"S\""), CLOSE(0),
        OPEN(1, "\"type\":\"redacted_thinking\",\"data\":\"D\""), CLOSE(1),
        OPEN_TEXT(2), TEXT(2, "x\\n"), TEXT(2, "\\ud83d"), CLOSE(2),
        OPEN_CALL(3, "toolu_1", "f"), JSON_(3, "{\\\"a\\\":"), JSON_(3, "1}"), CLOSE(3), STOP("tool_use"), END, NULL};
    written(all,
        W_START
        W_OPEN(0, "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"")
        W_DELTA(0, "\"type\":\"thinking_delta\",\"thinking\":\"h\"")
        W_DELTA(0, "\"type\":\"signature_delta\",\"signature\":\"S\"")
        W_CLOSE(0)
        W_OPEN(1, "\"type\":\"redacted_thinking\",\"data\":\"D\"")
        W_CLOSE(1)
        W_OPEN(2, "\"type\":\"text\",\"text\":\"\"")
        W_DELTA(2, "\"type\":\"text_delta\",\"text\":\"x\\n\"")
        W_DELTA(2, "\"type\":\"text_delta\",\"text\":\"\\ud83d\"")
        W_CLOSE(2)
        W_OPEN(3, "\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}")
        W_DELTA(3, "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"")
        W_DELTA(3, "\"type\":\"input_json_delta\",\"partial_json\":\"1}\"")
        W_CLOSE(3)
        W_END("tool_use", "null"));
    static const char *const sequence[] = {
        START, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"E\\\"D\"},\"usage\":{\"output_tokens\":5}}", END, NULL};
    written(sequence, W_START W_END("stop_sequence", "\"E\\\"D\""));
    static const char *const length[] = {START, STOP("max_tokens"), NULL};
    written(length, W_START W_END("max_tokens", "null"));
}

TEST(what_only_others_say_has_a_place_too)
{
    struct canon_stream *stream = &path.stream;
    begin(&dialect_anthropic, true);
    strcpy(path.answer.id, "chatcmpl-9");
    canon_start(stream, STR_LIT("chatcmpl-9"), STR_LIT("gpt"));
    canon_text(stream, 1, STR_LIT("another answer"));
    canon_refusal(stream, 0, STR_LIT("no"));
    canon_image(stream, 0, STR_LIT("image/png"), STR_LIT("AAAA"));
    canon_tool_whole(stream, 0, STR_LIT("call_1"), STR_LIT("f"), STR_LIT("{}"), STR_LIT("gemini's"));
    canon_finish(stream, 0, CANON_STOP_LENGTH, STR_LIT(""));
    struct usage usage = {.prompt_missed = 3, .audio_in = 4, .cached = 5, .cache_creation = 6, .completion = 7, .reasoning = 8, .audio_out = 9};
    answer_state_split(stream->answer, &usage);
    answer_note_stated(stream->answer);
    struct str out = canon_path_end(&path);
    CHECK_TRUE(strstr(buf_cstr(&path.out), "\"id\":\"msg_7\"") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&path.out), "another") == NULL);
    CHECK_TRUE(strstr(buf_cstr(&path.out), "gemini") == NULL);
    const char *tail = strstr(buf_cstr(&path.out), "event: content_block_start");
    CHECK_TRUE(out.len > 0 && tail != NULL);
    CHECK_STR(str_from(tail),
        W_OPEN(0, "\"type\":\"text\",\"text\":\"\"")
        W_DELTA(0, "\"type\":\"text_delta\",\"text\":\"no\"")
        W_CLOSE(0)
        W_OPEN(1, "\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA\"}")
        W_CLOSE(1)
        W_OPEN(2, "\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"f\",\"input\":{}")
        W_DELTA(2, "\"type\":\"input_json_delta\",\"partial_json\":\"{}\"")
        W_CLOSE(2)
        W("message_delta", ",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":7,"
          "\"cache_creation_input_tokens\":6,\"cache_read_input_tokens\":5,\"output_tokens\":24,\"output_tokens_details\":{\"thinking_tokens\":8}}")
        W("message_stop", ""));
}

TEST(a_refusal_in_words_ends_as_one)
{
    struct canon_stream *stream = &path.stream;
    for (int plain = 0; plain < 2; plain++) {
        begin(&dialect_anthropic, !plain);
        canon_refusal(stream, 0, STR_LIT("no"));
        canon_finish(stream, 0, CANON_STOP_END, STR_LIT(""));
        canon_path_end(&path);
        CHECK_TRUE(strstr(buf_cstr(&path.out), "\"stop_reason\":\"refusal\"") != NULL);
    }
}

TEST(a_model_that_failed_ends_a_stream_with_an_error)
{
    begin(&dialect_anthropic, true);
    canon_text(&path.stream, 0, STR_LIT("x"));
    canon_finish(&path.stream, 0, CANON_STOP_ERROR, STR_LIT(""));
    canon_path_end(&path);
    CHECK_TRUE(strstr(buf_cstr(&path.out), "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"") != NULL);
    CHECK_TRUE(strstr(buf_cstr(&path.out), "message_stop") == NULL);
}

TEST(collected_answers_are_written_as_one_message)
{
    begin(&dialect_anthropic, false);
    dialect_anthropic.read_plain(&path.stream, str_from(plains[1].body));
    answer_state_split(&path.answer, &(struct usage){.prompt_missed = 3, .completion = 4});
    CHECK_STR(canon_path_end(&path),
        "{\"id\":\"msg_7\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"asked\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"S\"},{\"type\":\"redacted_thinking\",\"data\":\"D\"},"
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"a\":\"\\u00e9\"}},{\"type\":\"tool_use\",\"id\":\"u\",\"name\":\"g\",\"input\":{}}],"
        "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":4}}");
}
// clang-format on

TEST(arguments_that_are_no_object_become_an_empty_one)
{
    static const char *const texts[] = {
        "", "nonsense", "[1]", "{\\\"a\\\":", "{}}", "\\\"x\\\""};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        begin(&dialect_anthropic, false);
        canon_tool(&path.stream, 0, 0, STR_LIT("t"), STR_LIT("f"));
        canon_tool_piece(&path.stream, 0, 0, str_from(texts[i]));
        canon_path_end(&path);
        CHECK_TRUE(strstr(buf_cstr(&path.out), "\"input\":{}}") != NULL);
    }
}

/* ---- ends of our own ---- */

static const char *
cut_after(const char *const *events)
{
    static struct buf out;
    buf_reset(&out);
    begin(NULL, true);
    for (; *events != NULL; events++) {
        uint64_t before = path.answer.content_events;
        const char *const one[] = {*events, NULL};
        bool last = events[1] == NULL;
        feed(one);
        if (last) /* the one that is cut off: its text is taken back */
            path.answer.content_events = before;
    }
    dialect_anthropic.stream_cut(
        &out, &path.answer,
        &(struct usage){.prompt_missed = 7, .completion = 5}, false);
    return buf_cstr(&out);
}

TEST(a_cut_ends_the_block_that_the_client_has_open)
{
    // clang-format off
#define C_END "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null}," \
    "\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":5}}\n\n" W("message_stop", "")
    static const char *const in_text[] = {START, OPEN_TEXT(0), TEXT(0, "a"), TEXT(0, "b"), NULL};
    CHECK_STR(str_from(cut_after(in_text)), W_CLOSE(0) C_END);
    static const char *const first_text[] = {START, OPEN_TEXT(0), TEXT(0, "a"), NULL};
    CHECK_STR(str_from(cut_after(first_text)), W_CLOSE(0) C_END);
    static const char *const second[] = {START, OPEN_TEXT(0), TEXT(0, "a"), CLOSE(0), OPEN_CALL(1, "t", "f"), JSON_(1, "{"), NULL};
    CHECK_STR(str_from(cut_after(second)), W_CLOSE(1) C_END);
    /* the start of a call is what was cut off: nothing is open */
    static const char *const at_start[] = {START, OPEN_TEXT(0), TEXT(0, "a"), CLOSE(0), OPEN_CALL(1, "t", "f"), NULL};
    CHECK_STR(str_from(cut_after(at_start)), C_END);
    static const char *const between[] = {START, OPEN_TEXT(0), CLOSE(0), PING, NULL};
    CHECK_STR(str_from(cut_after(between)), C_END);
    static const char *const finished[] = {START, STOP("end_turn"), PING, NULL};
    CHECK_STR(str_from(cut_after(finished)), W("message_stop", ""));
    // clang-format on
}

TEST(errors_have_the_type_of_their_status)
{
    static const struct {
        uint16_t status;
        const char *type;
    } cases[] = {
        {400, "invalid_request_error"},
        {401, "authentication_error"},
        {402, "billing_error"},
        {403, "permission_error"},
        {404, "not_found_error"},
        {405, "invalid_request_error"},
        {408, "timeout_error"},
        {413, "request_too_large"},
        {422, "invalid_request_error"},
        {429, "rate_limit_error"},
        {500, "api_error"},
        {502, "api_error"},
        {503, "overloaded_error"},
        {504, "timeout_error"},
        {529, "overloaded_error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault = {.status = cases[i].status,
                              .type = "x",
                              .code = "some_code",
                              .message = "say \"why\""};
        struct buf out;
        char want[300];
        buf_init(&out, 0);
        dialect_anthropic.error_body(&out, &fault, "req_1");
        snprintf(want, sizeof(want),
                 "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":"
                 "\"say \\\"why\\\"\",\"code\":\"some_code\"},"
                 "\"request_id\":\"req_1\"}",
                 cases[i].type);
        CHECK_STR(buf_view(&out), want);
        buf_reset(&out);
        fault.code = NULL;
        fault.param = "max_tokens";
        dialect_anthropic.stream_error(&out, &path.answer, &fault);
        snprintf(want, sizeof(want),
                 "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                 "\"%s\",\"message\":\"say \\\"why\\\"\",\"param\":"
                 "\"max_tokens\"}}\n\n",
                 cases[i].type);
        CHECK_STR(buf_view(&out), want);
        buf_fini(&out);
    }
}

static void
add_counts(struct usage *want, const cJSON *counts)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(counts, "detail");
    want->prompt_missed += recording_count(counts, "prompt_missed");
    want->cached += recording_count(counts, "cached");
    want->cache_creation += recording_count(counts, "cache_creation");
    want->cache_creation_1h += recording_count(detail, "cache_creation_1h");
    want->completion += recording_count(counts, "completion");
    want->reasoning += recording_count(counts, "reasoning");
}

/* Passes beside the answer are billed as well; the one that answered instead of
 * another model is in the sums already. */
static struct usage
expected(const cJSON *normalised)
{
    struct usage want = {0};
    const cJSON *pass;
    add_counts(&want, normalised);
    cJSON_ArrayForEach(
        pass, cJSON_GetObjectItemCaseSensitive(normalised, "extra_iterations"))
    {
        const char *type = cJSON_GetStringValue(
            cJSON_GetObjectItemCaseSensitive(pass, "type"));
        if (type != NULL && strcmp(type, "fallback_message") != 0)
            add_counts(&want,
                       cJSON_GetObjectItemCaseSensitive(pass, "normalised"));
    }
    return want;
}

static void
compare(const char *file, const char *how, const struct usage *want)
{
    bool estimated;
    struct usage got = settled(&estimated);
    if (memcmp(&got, want, sizeof(got)) != 0 || estimated)
        test_fail(__FILE__, __LINE__,
                  "%s, %s: missed %llu cached %llu written %llu (1h %llu) "
                  "completion %llu reasoning %llu%s",
                  file, how, (unsigned long long)got.prompt_missed,
                  (unsigned long long)got.cached,
                  (unsigned long long)got.cache_creation,
                  (unsigned long long)got.cache_creation_1h,
                  (unsigned long long)got.completion,
                  (unsigned long long)got.reasoning,
                  estimated ? " (estimated)" : "");
}

static void
replay_stream(const char *file, struct str body, const struct usage *want)
{
    static const size_t pieces[] = {1, 17, 4096, 1 << 24};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct sse_scan scan = {0};
        struct sse_event event;
        size_t from = 0, to = 0;
        begin(NULL, true);
        while (to < body.len) {
            to = pieces[i] < body.len - to ? to + pieces[i] : body.len;
            while (sse_next(&scan, body.ptr + from, to - from, to == body.len,
                            &event)) {
                dialect_anthropic.answer_event(&path.answer, &event);
                from += event.bytes;
                scan.scanned = 0;
            }
        }
        compare(file, "stream", want);
        CHECK_TRUE(path.answer.done_seen && path.answer.finish_seen);
        CHECK_TRUE(path.answer.reader.words[0] == 0); /* nothing is open */
    }
}

static void
replay_plain(const char *file, struct str body, const struct usage *want)
{
    static const size_t pieces[] = {1, 17, 4096};
    begin(NULL, false);
    dialect_anthropic.answer_whole(&path.answer, body);
    compare(file, "whole", want);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        begin(NULL, false);
        for (struct str rest = body; rest.len > 0;) {
            size_t n = pieces[i] < rest.len ? pieces[i] : rest.len;
            dialect_anthropic.answer_piece(&path.answer, str_make(rest.ptr, n));
            rest = str_skip(rest, n);
        }
        compare(file, "pieces", want);
    }
}

/* The text of an answer in order, read again from what a client was given. */
static void
trace_text(struct canon_stream *stream, const struct canon_event *event)
{
    if (event->kind == CANON_EVENT_PIECE)
        buf_append_str(stream->out, event->text);
    else if (event->kind == CANON_EVENT_SIGNATURE)
        buf_printf(stream->out, "<%.*s>", STR_ARG(event->text));
    else if (event->kind == CANON_EVENT_BLOCK_START)
        buf_printf(stream->out, "[%u %.*s ", event->block,
                   STR_ARG(event->name));
    else if (event->kind == CANON_EVENT_FINISH)
        buf_printf(stream->out, "(%u)", event->stop);
}

/* Written for a client of this dialect and read again, it says the same. */
static void
check_round_trip(const char *file, struct str body, bool stream)
{
    static const struct dialect reader = {.write_event = trace_text,
                                          .write_plain = canon_trace_plain};
    struct buf written, first;
    buf_init(&written, 0);
    buf_init(&first, 0);
    begin(&reader, stream);
    path.stream.plain = path.stream.collect = false;
    canon_path_feed(&path, body);
    buf_append_str(&first, canon_path_end(&path));
    begin(&dialect_anthropic, stream);
    canon_path_feed(&path, body);
    buf_append_str(&written, canon_path_end(&path));
    begin(&reader, stream);
    path.stream.plain = path.stream.collect = false;
    canon_path_feed(&path, buf_view(&written));
    struct str second = canon_path_end(&path);
    if (!str_equals(second, buf_view(&first)))
        test_fail(__FILE__, __LINE__, "%s: read \"%.*s\", then \"%.*s\"", file,
                  STR_ARG(buf_view(&first)), STR_ARG(second));
    buf_fini(&written);
    buf_fini(&first);
}

static void
replay(const struct recording *recording)
{
    struct str body = recording->body;
    if (!cJSON_IsObject(recording->expected))
        return;
    struct usage want = expected(
        cJSON_GetObjectItemCaseSensitive(recording->expected, "normalised"));
    /* One recording is of several messages; its usage is the last one's. */
    const char *next = body.ptr;
    while (recording->is_stream &&
           (next = strstr(next + 1, "event: message_start")) != NULL)
        body = str_from(next);
    if (recording->is_stream)
        replay_stream(recording->name, body, &want);
    else
        replay_plain(recording->name, body, &want);
    check_round_trip(recording->name, body, recording->is_stream);
}

TEST(recorded_answers_give_their_recorded_usage_and_say_the_same_again)
{
    recordings_visit("*", "messages", 200, replay);
}
