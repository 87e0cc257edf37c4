/*
 * test_dialect_responses_answer.c - answers of the Responses dialect: a
 * provider's events and objects, read into the canonical form, and what is
 * learnt of those that pass; then the recorded ones.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"
#include "tests/unit/recording.h"
#include "worker/dialect/responses_part.h"

static struct canon_path path;

static struct str
trace_events(const char *const *events)
{
    canon_path_begin(&path, &dialect_responses, &canon_trace,
                     ENDPOINT_RESPONSES, true);
    for (; *events != NULL; events++) {
        struct sse_event event = {.data_count = 1};
        event.data[0] = str_from(*events);
        dialect_responses.read_event(&path.stream, &event);
    }
    return canon_path_end(&path);
}

#define EVENT(type, members) "{\"type\":\"" type "\"," members "}"
#define TEXT(index, delta)                                                     \
    EVENT("response.output_text.delta",                                        \
          "\"output_index\":" index ",\"delta\":\"" delta "\"")
#define THOUGHT(index, delta)                                                  \
    EVENT("response.reasoning_summary_text.delta",                             \
          "\"output_index\":" index ",\"delta\":\"" delta "\"")
#define ADDED(index, item)                                                     \
    EVENT("response.output_item.added",                                        \
          "\"output_index\":" index ",\"item\":{" item "}")
#define DONE(index, item)                                                      \
    EVENT("response.output_item.done",                                         \
          "\"output_index\":" index ",\"item\":{" item "}")
#define CALL(id, name, arguments)                                              \
    "\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name       \
    "\",\"arguments\":\"" arguments "\""
#define PIECE(index, delta)                                                    \
    EVENT("response.function_call_arguments.delta",                            \
          "\"output_index\":" index ",\"delta\":\"" delta "\"")
#define MESSAGE(text)                                                          \
    "\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":"    \
    "\"" text "\"}]"
#define COMPLETED                                                              \
    EVENT("response.completed", "\"response\":{\"status\":\"completed\"}")

// clang-format off
static const struct {
    const char *events[10];
    const char *trace;
} streams[] = {
    {{EVENT("response.created", "\"response\":{\"id\":\"resp_1\",\"model\":\"m\"}"),
      ADDED("0", "\"type\":\"message\",\"content\":[]"), TEXT("0", "a\\u00e9"), TEXT("0", "b"),
      EVENT("response.output_text.done", "\"output_index\":0,\"text\":\"a\\u00e9b\""), DONE("0", MESSAGE("a\\u00e9b")), COMPLETED, "[DONE]"},
     "start [0t +\"a\\u00e9\" +\"b\" ] (fin 0 1) end"},
    /* the whole at the end only */
    {{DONE("0", MESSAGE("all")), COMPLETED}, "start [0t +\"all\" ] (fin 0 1) end"},
    {{EVENT("response.completed", "\"response\":{\"status\":\"completed\",\"output\":[{" MESSAGE("all") "},{" CALL("c", "f", "{}") "}]}")},
     "start [0t +\"all\" ] [0T c f +\"{}\" ] (fin 0 5) end"},
    /* calls: by pieces, by .done, by the item */
    {{ADDED("0", CALL("c1", "f", "")), PIECE("0", "{\\\"a"), PIECE("0", "\\\":1}"),
      EVENT("response.function_call_arguments.done", "\"output_index\":0,\"arguments\":\"{\\\"a\\\":1}\""), DONE("0", CALL("c1", "f", "{\\\"a\\\":1}")), COMPLETED},
     "start [0T c1 f +\"{\\\"a\" +\"\\\":1}\" ] (fin 0 5) end"},
    {{ADDED("0", CALL("c1", "f", "")), EVENT("response.function_call_arguments.done", "\"output_index\":0,\"arguments\":\"{}\""),
      DONE("0", CALL("c1", "f", "{}")), COMPLETED},
     "start [0T c1 f +\"{}\" ] (fin 0 5) end"},
    {{DONE("0", CALL("c1", "f", "{}")), DONE("1", CALL("c2", "g", "")), COMPLETED},
     "start [0T c1 f +\"{}\" ] [0T c2 g +\"{}\" ] (fin 0 5) end"},
    {{ADDED("0", CALL("c1", "f", "")), ADDED("1", CALL("c2", "g", "")), PIECE("1", "{}"), PIECE("0", "{}"), COMPLETED},
     "start [0T c1 f +\"{}\" ] [0T c2 g +\"{}\" ] (fin 0 5) end"},
    /* thinking: summaries, raw, signed, blind */
    {{THOUGHT("0", "a"), EVENT("response.reasoning_summary_part.added", "\"output_index\":0,\"summary_index\":1"), THOUGHT("0", "b"),
      DONE("0", "\"type\":\"reasoning\",\"summary\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"encrypted_content\":\"gAAAA\""), TEXT("1", "x"), COMPLETED},
     "start [0h +\"a\" +\"\\n\\n\" +\"b\" ~\"gAAAA\" ] [0t +\"x\" ] (fin 0 1) end"},
    {{EVENT("response.reasoning_text.delta", "\"output_index\":0,\"delta\":\"r\""), TEXT("1", "x"),
      DONE("0", "\"type\":\"reasoning\",\"content\":[{\"text\":\"r\"}]"), COMPLETED},
     "start [0h +\"r\" ] [0t +\"x\" ] (fin 0 1) end"},
    {{DONE("0", "\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"text\":\"r\"},{\"text\":\"s\"}]"), COMPLETED},
     "start [0h +\"r\" +\"\\n\\n\" +\"s\" ] (fin 0 1) end"},
    {{DONE("0", "\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"gAAAA\""), TEXT("1", "x"), COMPLETED},
     "start [0x :gAAAA ] [0t +\"x\" ] (fin 0 1) end"},
    /* other content */
    {{EVENT("response.refusal.delta", "\"output_index\":0,\"delta\":\"no\""), DONE("0", "\"type\":\"message\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]"), COMPLETED},
     "start [0r +\"no\" ] (fin 0 1) end"},
    {{DONE("0", "\"type\":\"image_generation_call\",\"result\":\"QUE=\",\"output_format\":\"webp\""), COMPLETED},
     "start [0i image/webp:QUE= ] (fin 0 1) end"},
    {{EVENT("response.output_text.delta", "\"output_index\":0,\"delta\":\"a\",\"logprobs\":[{\"token\":\"a\",\"logprob\":-1}]"), COMPLETED},
     "start [0t +\"a\" logprobs[{\"token\":\"a\",\"logprob\":-1}] ] (fin 0 1) end"},
    /* hosted tools say nothing that a client could use */
    {{ADDED("0", "\"type\":\"web_search_call\""), EVENT("response.web_search_call.searching", "\"output_index\":0"), EVENT("response.custom_tool_call_input.delta", "\"output_index\":1,\"delta\":\"z\""),
      DONE("1", "\"type\":\"custom_tool_call\",\"input\":\"z\""), TEXT("2", "x"), COMPLETED},
     "start [0t +\"x\" ] (fin 0 1) end"},
    /* ends */
    {{TEXT("0", "x"), EVENT("response.incomplete", "\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}")},
     "start [0t +\"x\" ] (fin 0 3) end"},
    {{EVENT("response.incomplete", "\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"}}")}, "start (fin 0 6) end"},
    {{TEXT("0", "x"), COMPLETED, TEXT("0", "y")}, "start [0t +\"x\" ] (fin 0 1) end"},
    {{TEXT("0", "x")}, "start [0t +\"x\" ] (fin 0 0) end"},
    {{TEXT("0", "x"), "[DONE]", TEXT("0", "y")}, "start [0t +\"x\" ] (fin 0 0) end"},
    /* items beyond those that are remembered by bits */
    {{DONE("64", MESSAGE("x")), DONE("65", MESSAGE("y")), TEXT("66", "z"), DONE("66", MESSAGE("z")), DONE("67", MESSAGE("q")), DONE("67", MESSAGE("q")), COMPLETED},
     "start [0t +\"x\" +\"y\" +\"z\" +\"q\" ] (fin 0 1) end"},
    {{TEXT("64", "x"), DONE("64", MESSAGE("x")), TEXT("18446744073709551615", "y"), DONE("18446744073709551615", MESSAGE("y")), COMPLETED},
     "start [0t +\"x\" +\"y\" ] (fin 0 1) end"},
    /* no sense at all */
    {{"{}", "[]", "7", "{\"type\":7}", "{\"type\":\"response.completed\"", EVENT("response.output_text.delta", "\"delta\":7"),
      EVENT("response.output_item.done", "\"item\":[7]"), EVENT("response.created", "\"response\":null")},
     "start (fin 0 0) end"},
    /* Volcengine's last words in their own event; several data lines are below */
    {{TEXT("0", "x"), EVENT("response.completed", "\"response\":null")}, "start [0t +\"x\" ] (fin 0 1) end"},
};
// clang-format on

TEST(events_of_a_stream_are_told_as_blocks)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        CHECK_STR(trace_events(streams[i].events), streams[i].trace);
        CHECK_TRUE(!path.stream.failed && !path.stream.has_error);
    }
}

TEST(data_in_several_lines_is_one_event)
{
    canon_path_begin(&path, &dialect_responses, &canon_trace,
                     ENDPOINT_RESPONSES, true);
    canon_path_feed(&path,
                    STR_LIT("event: x\r\ndata:{\"type\":\r\n"
                            "data: \"response.output_text.delta\",\r\n"
                            "data:\"delta\":\"a\"}\r\n\r\ndata: [DONE]\n\n"));
    CHECK_STR(canon_path_end(&path), "start [0t +\"a\" ] (fin 0 0) end");
}

TEST(failures_in_a_stream_are_told_with_their_reason)
{
    static const struct {
        const char *event, *type, *message;
    } cases[] = {
        {EVENT("error", "\"code\":\"rate_limit_exceeded\",\"message\":\"slow\","
                        "\"param\":null,\"sequence_number\":3"),
         "rate_limit_exceeded", "slow"},
        {EVENT("error", "\"error\":{\"type\":\"server_error\",\"code\":null,"
                        "\"message\":\"b\\u00e9\"}"),
         "server_error", "b\xc3\xa9"},
        {"{\"error\":{\"code\":\"x\",\"message\":\"y\"}}", "x", "y"},
        {EVENT("response.failed",
               "\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
               "\"server_error\",\"message\":\"m\"},\"usage\":{"
               "\"input_tokens\":3,\"output_tokens\":4}}"),
         "server_error", "m"},
        {EVENT("response.failed", "\"response\":{\"status\":\"failed\"}"), "",
         ""},
        {EVENT("error", "\"code\":7"), "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const events[] = {cases[i].event, NULL};
        trace_events(events);
        CHECK_TRUE(path.stream.has_error && path.answer.error_seen);
        CHECK_STR(str_from(path.stream.error_type), cases[i].type);
        CHECK_STR(str_from(path.stream.error_message), cases[i].message);
        CHECK_EQ(path.answer.usage_seen, i == 3);
    }
}

/* ---- plain answers ---- */

static struct str
trace_plain(const char *body)
{
    canon_path_begin(&path, &dialect_responses, &canon_trace,
                     ENDPOINT_RESPONSES, true);
    dialect_responses.read_plain(&path.stream, str_from(body));
    return canon_path_end(&path);
}

TEST(a_plain_answer_is_told_as_its_items)
{
    CHECK_STR(
        trace_plain(
            "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":17,"
            "\"model\":\"m\",\"status\":\"completed\",\"error\":null,"
            "\"output\":[{\"type\":\"reasoning\",\"summary\":[{\"text\":\"h\"}]"
            ",\"encrypted_content\":\"gAAAA\"},{" MESSAGE("hi") "},{" CALL(
                "c1", "f",
                "{\\\"a\\\":1}") "},{" CALL("c2", "g",
                                            "") "}],"
                                                "\"usage\":{\"input_tokens\":9,"
                                                "\"input_tokens_details\":{"
                                                "\"cached_tokens\":2,\"cache_"
                                                "write_tokens\":3},"
                                                "\"output_tokens\":7,\"output_"
                                                "tokens_details\":{"
                                                "\"reasoning_tokens\":5},"
                                                "\"total_tokens\":16}}"),
        "start [0h +\"h\" ~\"gAAAA\" ] [0t +\"hi\" ] [0T c1 f "
        "+\"{\\\"a\\\":1}\" ] [0T c2 g +\"{}\" ] (fin 0 5) end");
    CHECK_STR(str_from(path.answer.id), "resp_1");
    CHECK_STR(str_from(path.answer.model), "m");
    CHECK_EQ(path.answer.created, 17);
    CHECK_EQ(path.stream.usage.prompt_missed, 4);
    CHECK_EQ(path.stream.usage.cached, 2);
    CHECK_EQ(path.stream.usage.cache_creation, 3);
    CHECK_EQ(path.stream.usage.completion, 2);
    CHECK_EQ(path.stream.usage.reasoning, 5);
}

/* Nothing came in pieces before: each item is what it says, the last as well. */
TEST(a_plain_answer_has_any_number_of_items)
{
    for (int stream = 0; stream < 2; stream++) {
        struct buf body;
        buf_init(&body, 0);
        buf_append_cstr(&body, stream ? "{\"type\":\"response.completed\","
                                        "\"response\":{\"output\":["
                                      : "{\"output\":[");
        for (int i = 0; i < 200; i++)
            buf_append_cstr(&body, i % 2 ? "{\"type\":\"reasoning\"},"
                                         : "{\"type\":\"web_search_call\"},");
        buf_append_cstr(&body,
                        "{" CALL("c", "f", "{\\\"a\\\":1}") "},{" MESSAGE(
                            "all") "}],\"status\":\"completed\"}");
        if (stream)
            buf_append_char(&body, '}');
        canon_path_begin(&path, &dialect_responses, &canon_trace,
                         ENDPOINT_RESPONSES, true);
        struct sse_event event = {.data_count = 1, .data = {buf_view(&body)}};
        if (stream)
            dialect_responses.read_event(&path.stream, &event);
        else
            dialect_responses.read_plain(&path.stream, buf_view(&body));
        CHECK_STR(canon_path_end(&path),
                  "start [0T c f +\"{\\\"a\\\":1}\" ] [0t +\"all\" ] (fin 0 5) "
                  "end");
        buf_fini(&body);
    }
}

TEST(a_plain_answer_may_be_a_failure_or_no_answer)
{
    trace_plain("{\"status\":\"failed\",\"error\":{\"code\":\"c\","
                "\"message\":\"m\"},\"output\":[]}");
    CHECK_TRUE(path.stream.has_error);
    trace_plain("{\"code\":\"not found\",\"error\":\"no such model\"}");
    CHECK_STR(str_from(path.stream.error_type), "not found");
    CHECK_STR(str_from(path.stream.error_message), "no such model");
    trace_plain("{\"output\":[{");
    CHECK_TRUE(path.answer.bad);
    trace_plain("7");
    CHECK_TRUE(path.answer.bad);
    CHECK_STR(trace_plain("{\"status\":\"incomplete\",\"incomplete_details\":{"
                          "\"reason\":\"max_output_tokens\"},\"output\":[]}"),
              "start (fin 0 3) end");
    /* Azure, for models of others */
    CHECK_STR(trace_plain("{\"choices\":[{\"index\":0,\"message\":{\"content\":"
                          "\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{"
                          "\"prompt_tokens\":2,\"completion_tokens\":1,"
                          "\"total_tokens\":3}}"),
              "start [0t +\"x\" ] (fin 0 1) end");
    CHECK_EQ(path.answer.stated.prompt, 2);
}

/* ---- usage ---- */

TEST(usage_is_read_in_both_spellings)
{
    static const struct {
        const char *object;
        bool stated;
        uint64_t missed, cached, created, completion, reasoning;
    } cases[] = {
        {"{\"input_tokens\":10,\"output_tokens\":4,\"total_tokens\":14}", true,
         10, 0, 0, 4, 0},
        {"{\"input_tokens\":10,\"output_tokens\":4,\"output_tokens_details\":"
         "{\"reasoning_tokens\":3},\"input_tokens_details\":{"
         "\"cached_tokens\":6,\"cache_write_tokens\":1}}",
         true, 3, 6, 1, 1, 3},
        /* a total of its own does not put thinking outside */
        {"{\"input_tokens\":10,\"output_tokens\":4,\"total_tokens\":17,"
         "\"output_tokens_details\":{\"reasoning_tokens\":3}}",
         true, 10, 0, 0, 1, 3},
        {"{\"input_tokens\":10,\"output_tokens\":4,"
         "\"input_tokens_details\":null}",
         true, 10, 0, 0, 4, 0},
        {"{\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14}",
         true, 10, 0, 0, 4, 0},
        {"{}", false, 0, 0, 0, 0, 0},
        {"{\"input_tokens\":-5}", false, 0, 0, 0, 0, 0},
        {"{\"input_tokens\":\"7\"}", false, 0, 0, 0, 0, 0},
        {"[1]", false, 0, 0, 0, 0, 0},
        {"null", false, 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct answer answer;
        struct usage usage;
        bool ambiguous;
        memset(&answer, 0, sizeof(answer));
        bool stated =
            dialect_responses.read_usage(&answer, str_from(cases[i].object));
        CHECK_EQ(stated, cases[i].stated);
        usage_from_stated(&answer.stated, &usage, &ambiguous);
        if (usage.prompt_missed != cases[i].missed ||
            usage.cached != cases[i].cached ||
            usage.cache_creation != cases[i].created ||
            usage.completion != cases[i].completion ||
            usage.reasoning != cases[i].reasoning)
            test_fail(__FILE__, __LINE__, "%s: %d %d %d %d %d", cases[i].object,
                      (int)usage.prompt_missed, (int)usage.cached,
                      (int)usage.cache_creation, (int)usage.completion,
                      (int)usage.reasoning);
    }
}

/* ---- what is learnt of those that pass ---- */

static struct answer passing;

static void
pass_begin(bool stream)
{
    answer_release(&passing);
    memset(&passing, 0xa5, sizeof(passing));
    passing.tap = NULL;
    passing.on_text = NULL;
    passing.dialect = &dialect_responses;
    passing.endpoint = ENDPOINT_RESPONSES;
    passing.stream = stream;
    passing.withhold_usage = true;
    dialect_responses.answer_begin(&passing);
}

static void
pass_event(const char *data)
{
    struct sse_event event = {.data_count = 1};
    event.data[0] = str_from(data);
    CHECK_EQ(dialect_responses.answer_event(&passing, &event), EVENT_PASS);
}

TEST(a_passing_stream_is_counted_and_can_be_ended)
{
    struct buf out;
    const struct usage usage = {
        .prompt_missed = 3, .cached = 4, .completion = 5, .reasoning = 6};
    const struct fault fault = {.code = "upstream_cut", .message = "br\"oke"};
    buf_init(&out, 0);
    pass_begin(true);
    pass_event(EVENT("response.created",
                     "\"response\":{\"id\":\"resp_9\",\"model\":\"m-1\","
                     "\"created_at\":99},\"sequence_number\":0"));
    pass_event(EVENT("response.output_text.delta",
                     "\"output_index\":0,\"delta\":\"12345\","
                     "\"sequence_number\":7"));
    pass_event(EVENT("response.code_interpreter_call_code.delta",
                     "\"output_index\":1,\"delta\":\"678\""));
    pass_event(
        DONE("1", "\"type\":\"code_interpreter_call\",\"code\":\"678\""));
    pass_event(DONE("2", CALL("c", "f", "{}")));
    CHECK_EQ(passing.content_events, 4);
    CHECK_EQ(passing.ascii_bytes, 5 + 3 + 1 + 2);
    CHECK_EQ(passing.sequence, 8);
    dialect_responses.stream_error(&out, &passing, &fault);
    CHECK_STR(buf_view(&out),
              "event: error\ndata: {\"type\":\"error\",\"code\":"
              "\"upstream_cut\",\"message\":\"br\\\"oke\",\"param\":null,"
              "\"sequence_number\":8}\n\n");
    buf_reset(&out);
    dialect_responses.stream_cut(&out, &passing, &usage, false);
    CHECK_STR(
        buf_view(&out),
        "event: response.incomplete\ndata: {\"type\":\"response.incomplete\","
        "\"response\":{\"id\":\"resp_9\",\"object\":\"response\","
        "\"created_at\":99,\"status\":\"incomplete\",\"error\":null,"
        "\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":"
        "\"m-1\",\"output\":[],\"usage\":{\"input_tokens\":7,"
        "\"input_tokens_details\":{\"cached_tokens\":4,"
        "\"cache_write_tokens\":0},\"output_tokens\":11,"
        "\"output_tokens_details\":{\"reasoning_tokens\":6},"
        "\"total_tokens\":18}},\"sequence_number\":8}\n\n");
    pass_event(COMPLETED);
    CHECK_TRUE(passing.done_seen && passing.finish_seen);
    buf_fini(&out);
}

static void
check_usage(const char *file, const struct answer *answer, const cJSON *stated)
{
    const struct call call = {.prompt_estimate = 11};
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(stated, "normalised");
    struct usage usage;
    bool estimated, ambiguous;
    answer_usage(answer, &call, &usage, &estimated, &ambiguous);
    if (!cJSON_IsObject(want)) {
        if (!estimated)
            test_fail(__FILE__, __LINE__, "%s: usage out of nothing", file);
        return;
    }
    const cJSON *flag = cJSON_GetObjectItemCaseSensitive(want, "ambiguous");
    if (estimated || ambiguous != (bool)cJSON_IsTrue(flag) ||
        usage.prompt_missed != recording_count(want, "prompt_missed") ||
        usage.cached != recording_count(want, "cached") ||
        usage.cache_creation != recording_count(want, "cache_creation") ||
        usage.completion != recording_count(want, "completion") ||
        usage.reasoning != recording_count(want, "reasoning"))
        test_fail(__FILE__, __LINE__, "%s: %d %d %d %d %d%s%s", file,
                  (int)usage.prompt_missed, (int)usage.cached,
                  (int)usage.cache_creation, (int)usage.completion,
                  (int)usage.reasoning, estimated ? " estimated" : "",
                  ambiguous ? " ambiguous" : "");
}

/* As the relay does: what is complete, however it was cut. */
static void
pass_stream(struct str body, size_t piece)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t from = 0, to = 0;
    pass_begin(true);
    while (to < body.len) {
        to = piece < body.len - to ? to + piece : body.len;
        while (sse_next(&scan, body.ptr + from, to - from, to == body.len,
                        &event)) {
            dialect_responses.answer_event(&passing, &event);
            from += event.bytes;
            scan = (struct sse_scan){.started = true};
        }
    }
}

static void
pass_plain(struct str body, size_t piece)
{
    pass_begin(false);
    while (body.len > 0) {
        size_t n = piece < body.len ? piece : body.len;
        dialect_responses.answer_piece(&passing, str_make(body.ptr, n));
        body = str_skip(body, n);
    }
}

/* All text of the response's messages, one after the other. */
static void
texts_of(const cJSON *response, char *texts, size_t size)
{
    const cJSON *item, *part;
    texts[0] = '\0';
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(response, "output"))
    {
        const char *type =
            cJSON_GetStringValue(cJSON_GetObjectItem(item, "type"));
        if (type == NULL || strcmp(type, "message") != 0)
            continue;
        cJSON_ArrayForEach(part, cJSON_GetObjectItem(item, "content"))
        {
            const char *text =
                cJSON_GetStringValue(cJSON_GetObjectItem(part, "text"));
            if (text != NULL)
                strncat(texts, text, size - strlen(texts) - 1);
        }
    }
}

enum { TEXTS_BYTES = 256 * 1024 };

/* What a client of this dialect gets, as its response object. */
static cJSON *
given_response(void)
{
    struct str out = buf_view(&path.out);
    if (!path.stream.plain) {
        static const char mark[] = "data: {\"type\":\"response.";
        const char *last = NULL;
        for (const char *p = out.ptr;
             (p = memmem(p, (size_t)(out.ptr + out.len - p), mark,
                         sizeof(mark) - 1)) != NULL;
             p++)
            last = p;
        if (last == NULL)
            return NULL;
        out = str_skip(out, (size_t)(last - out.ptr) + 6);
    }
    cJSON *whole = cJSON_ParseWithLength(out.ptr, out.len);
    if (path.stream.plain)
        return whole;
    cJSON *response = cJSON_DetachItemFromObject(whole, "response");
    cJSON_Delete(whole);
    return response;
}

/* Read by this dialect and written by it again: the same text comes out, in a
 * stream and in one piece. */
static void
check_translated(const char *file, struct str body, bool from_stream)
{
    static char texts[3][TEXTS_BYTES];
    for (int to_stream = 0; to_stream < 2; to_stream++) {
        canon_path_begin(&path, &dialect_responses, &dialect_responses,
                         ENDPOINT_RESPONSES, from_stream);
        path.stream.plain = to_stream == 0;
        path.stream.collect = true;
        canon_path_feed(&path, body);
        canon_path_end(&path);
        CHECK_TRUE(!path.stream.failed && buf_ok(&path.out));
        cJSON *given = given_response();
        if (given == NULL)
            test_fail(__FILE__, __LINE__, "%s: no JSON is given", file);
        texts_of(given, texts[to_stream], TEXTS_BYTES);
        cJSON_Delete(given);
    }
    if (strcmp(texts[0], texts[1]) != 0)
        test_fail(__FILE__, __LINE__, "%s: differs as a stream", file);
    if (from_stream || memmem(body.ptr, body.len, "\"choices\"", 9) != NULL)
        return;
    cJSON *told = cJSON_ParseWithLength(body.ptr, body.len);
    texts_of(told, texts[2], TEXTS_BYTES);
    cJSON_Delete(told);
    if (strcmp(texts[0], texts[2]) != 0)
        test_fail(__FILE__, __LINE__, "%s: \"%s\", not \"%s\"", file, texts[0],
                  texts[2]);
}

static void
replay(const struct recording *recording)
{
    static const size_t pieces[] = {1, 7, 4096, 1 << 24};
    const char *name = recording->name;
    bool stream = recording->is_stream;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        (stream ? pass_stream : pass_plain)(recording->body, pieces[i]);
        check_usage(name, &passing, recording->expected);
    }
    if (!stream) {
        pass_begin(false);
        dialect_responses.answer_whole(&passing, recording->body);
        check_usage(name, &passing, recording->expected);
    }
    check_translated(name, recording->body, stream);
}

TEST(recorded_answers_give_their_recorded_usage_and_their_texts)
{
    unsigned replayed = recordings_visit("*", "responses", 200, replay);
    CHECK_TRUE(replayed == 0 || replayed > 50);
    answer_release(&passing);
    canon_path_fini(&path);
}
