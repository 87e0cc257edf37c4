/*
 * test_dialect_workers_ai.c - tests of worker/dialect/workers_ai*.c: requests,
 * answers of providers, answers for clients, errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"

#include <stdio.h>

static struct canon_path path;

/* ---- requests ---- */

static struct call call;
static struct fault fault;

static int
scan(const char *body, bool in_path)
{
    call = (struct call){.model_in_path = in_path};
    if (in_path) {
        memcpy(call.model, "@cf/a/b", 8);
        call.model_len = 7;
    }
    fault = (struct fault){0};
    return dialect_workers_ai.scan(str_from(body), ENDPOINT_RUN, &call, &fault);
}

TEST(a_scan_finds_what_a_call_may_cost)
{
    CHECK_EQ(scan("{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],"
                  "\"max_tokens\":9,\"stream\":true,\"model\":7}",
                  true),
             0);
    CHECK_EQ(call.max_tokens, 9);
    CHECK_TRUE(call.stream && call.include_usage);
    CHECK_EQ(call.n, 1);
    CHECK_EQ(call.text_bytes, 5);
    CHECK_EQ(call.messages, 1);
    CHECK_STR(str_from(call.model), "@cf/a/b");
    CHECK_TRUE(call.prompt_bound > 256);
    CHECK_EQ(scan("{\"prompt\":\"hello\",\"max_tokens\":null}", true), 0);
    CHECK_EQ(call.max_tokens, 0);
    CHECK_EQ(call.text_bytes, 5);
    CHECK_EQ(scan("{\"text\":[\"ab\",\"cd\"]}", true), 0);
    CHECK_EQ(call.text_bytes, 4);
    CHECK_EQ(scan("{\"model\":\"@cf/x\",\"prompt\":\"a\"}", false), 0);
    CHECK_STR(str_from(call.model), "@cf/x");
}

TEST(a_scan_refuses_what_two_readers_may_read_differently)
{
    static const struct {
        const char *body;
        bool in_path;
        const char *code;
    } cases[] = {
        {"{\"prompt\":\"a\"}", false, "model_required"},
        {"{\"max_tokens\":1,\"max_tokens\":9}", true, "duplicate_member"},
        {"{\"Max_Tokens\":9}", true, "ambiguous_member"},
        {"{\"max_tokens\":1.5}", true, "invalid_value"},
        {"{\"max_tokens\":\"1\"}", true, "invalid_type"},
        {"{\"stream\":1}", true, "invalid_type"},
        {"{\"prompt\":", true, "invalid_json"},
        {"[]", true, "invalid_json"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_EQ(scan(cases[i].body, cases[i].in_path), -1);
        CHECK_STR(str_from(fault.code), cases[i].code);
    }
}

static void
check_rewrite(const char *body, bool in_path, struct rewrite rewrite,
              const char *want)
{
    struct splices splices;
    struct buf out;
    uint32_t at = 0;
    buf_init(&out, 0);
    CHECK_EQ(scan(body, in_path), 0);
    dialect_workers_ai.rewrite(str_from(body), &call, &rewrite, &splices);
    for (uint32_t i = 0; i < splices.count; i++) {
        const struct splice *splice = &splices.items[i];
        buf_append(&out, body + at, splice->off - at);
        buf_append(&out, splices.text + splice->text_off, splice->text_len);
        at = splice->off + splice->len;
    }
    buf_append_cstr(&out, body + at);
    CHECK_STR(buf_view(&out), want);
    buf_fini(&out);
}

TEST(a_body_changes_where_it_must)
{
    check_rewrite("{\"prompt\":\"a\"}", true,
                  (struct rewrite){.max_tokens = 7, .want_usage = true},
                  "{\"max_tokens\":7,\"prompt\":\"a\"}");
    check_rewrite("{ }", true, (struct rewrite){.max_tokens = 7},
                  "{\"max_tokens\":7 }");
    check_rewrite("{\"max_tokens\":100}", true,
                  (struct rewrite){.max_tokens = 7}, "{\"max_tokens\":7}");
    check_rewrite("{\"model\":\"x\",\"prompt\":\"a\"}", true,
                  (struct rewrite){.model = STR_LIT("up")},
                  "{\"model\":\"x\",\"prompt\":\"a\"}");
    check_rewrite("{\"model\":\"x\",\"prompt\":\"a\"}", false,
                  (struct rewrite){.model = STR_LIT("up")},
                  "{\"model\":\"up\",\"prompt\":\"a\"}");
}

TEST(a_request_is_read_for_other_dialects)
{
    static const char body[] =
        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
        "\"user\",\"content\":\"q\"}],\"tools\":[{\"name\":\"f\","
        "\"description\""
        ":\"d\",\"parameters\":{\"type\":\"object\"}},{\"type\":\"function\","
        "\"function\":{\"name\":\"g\"}}],\"response_format\":{\"type\":"
        "\"json_schema\",\"json_schema\":{\"type\":\"object\"}},\"top_k\":4,"
        "\"repetition_penalty\":1.1,\"seed\":3,\"stop\":[\"a\",\"b\"],"
        "\"lora\":\"l\",\"raw\":true,\"max_tokens\":9,\"temperature\":null}";
    struct canon_request *request = canon_request_create();
    CHECK_EQ(scan(body, true), 0);
    CHECK_EQ(
        dialect_workers_ai.read_request(str_from(body), &call, request, &fault),
        0);
    CHECK_EQ(request->message_count, 2);
    CHECK_EQ(request->messages[0].role, CANON_SYSTEM);
    CHECK_STR(request->parts[1].text, "q");
    CHECK_EQ(request->tool_count, 2);
    CHECK_STR(request->tools[0].schema, "{\"type\":\"object\"}");
    CHECK_STR(request->tools[1].name, "g");
    CHECK_EQ(request->format, CANON_FORMAT_SCHEMA);
    CHECK_STR(request->schema, "{\"type\":\"object\"}");
    CHECK_STR(request->fields[CANON_FIELD_TOP_K], "4");
    CHECK_STR(request->fields[CANON_FIELD_REPETITION_PENALTY], "1.1");
    CHECK_EQ(request->fields[CANON_FIELD_TEMPERATURE].len, 0);
    CHECK_EQ(request->max_tokens, 9);
    CHECK_EQ(request->stop_count, 2);
    CHECK_EQ(request->dropped_count, 2);
    canon_request_reset(request);
    CHECK_EQ(dialect_workers_ai.read_request(
                 STR_LIT("{\"prompt\":\"p\\n\",\"stop\":\"x\"}"), &call,
                 request, &fault),
             0);
    CHECK_STR(request->parts[0].text, "p\\n");
    CHECK_STR(request->stops[0], "x");
    static const char *const bad[] = {"{\"text\":[\"a\"]}", "{}",
                                      "{\"prompt\":1}",
                                      "{\"prompt\":\"a\",\"tools\":[{}]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        canon_request_reset(request);
        CHECK_EQ(dialect_workers_ai.read_request(str_from(bad[i]), &call,
                                                 request, &fault),
                 -1);
        CHECK_EQ(fault.status, 400);
    }
    canon_request_destroy(&request);
}

/* ---- answers of providers ---- */

static bool
has(struct str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static struct str
trace(const char *body, bool plain)
{
    canon_path_begin(&path, &dialect_workers_ai, &canon_trace, ENDPOINT_RUN,
                     true);
    if (plain)
        dialect_workers_ai.read_plain(&path.stream, str_from(body));
    else
        canon_path_feed(&path, str_from(body));
    return canon_path_end(&path);
}

#define DATA(text) "data: " text "\n\n"

TEST(events_are_read_in_both_forms)
{
    // clang-format off
    static const struct { const char *body, *trace; uint64_t prompt, completion; } cases[] = {
        {DATA("{\"response\":\"a\",\"p\":\"abc\"}") DATA("{\"response\":\"b\\u00e9\"}")
         DATA("{\"response\":\"\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}") DATA("[DONE]"),
         "start [0t +\"a\" +\"b\\u00e9\" ] (fin 0 0) end", 3, 2},
        {DATA("{\"response\":12}") DATA("{\"response\":null}") DATA("{\"response\":\"x\"}") DATA("[DONE]"),
         "start [0t +\"12\" +\"x\" ] (fin 0 0) end", 11, 2},
        {DATA("{\"tool_calls\":[{\"name\":\"f\",\"arguments\":{\"a\":1}}],\"p\":\"x\"}")
         DATA("{\"tool_calls\":[{\"id\":\"c\",\"name\":\"g\",\"arguments\":\"{\\\"b\\\":2}\"},{\"id\":null,\"name\":null,\"arguments\":null}]}")
         DATA("{\"response\":\"\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}") DATA("[DONE]"),
         NULL, 1, 1},
        {DATA("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}")
         DATA("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2,\"total_tokens\":6}}") DATA("[DONE]"),
         "start [0t +\"y\" ] (fin 0 3) end", 4, 2},
        {DATA("{\"response\":\"z\"}"), "start [0t +\"z\" ] (fin 0 0) end", 11, 1},
        {DATA("7") DATA("{") DATA("{\"tool_calls\":7}") DATA("{\"errors\":[]}"), "start (fin 0 0) end", 11, 0},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = trace(cases[i].body, false);
        if (cases[i].trace != NULL)
            CHECK_STR(got, cases[i].trace);
        CHECK_EQ(path.stream.usage.prompt_missed, cases[i].prompt);
        CHECK_EQ(path.stream.usage.completion, cases[i].completion);
        if (i == 2) {
            CHECK_TRUE(has(got, "f +\"{\\\"a\\\":1}\" ]"));
            CHECK_TRUE(has(got, "[0T c g +\"{\\\"b\\\":2}\" ] (fin 0 5) end"));
        }
    }
}

TEST(envelopes_are_opened)
{
    // clang-format off
    static const struct { const char *body, *trace; uint64_t completion; } cases[] = {
        {"{\"result\":{\"response\":\"a\\n\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}},\"success\":true,\"errors\":[],\"messages\":[]}",
         "start [0t +\"a\\n\" ] (fin 0 1) end", 2},
        {"{\"result\":{\"response\":{\"n\":1},\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}},\"success\":true}",
         "start [0t +\"{\\\"n\\\":1}\" ] (fin 0 1) end", 2},
        {"{\"result\":{\"response\":null,\"tool_calls\":[{\"id\":\"i\",\"name\":\"f\",\"arguments\":{\"a\":1}}]},\"success\":true}",
         "start [0T i f +\"{\\\"a\\\":1}\" ] (fin 0 5) end", 2},
        {"{\"result\":{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"b\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":9,\"total_tokens\":12}},\"success\":true}",
         "start [0t +\"b\" ] (fin 0 1) end", 9},
        {"{\"result\":{\"shape\":[2,2],\"data\":[[1,2],[3,4]],\"pooling\":\"cls\"},\"success\":true}",
         "start vector 0 [1,2] vector 1 [3,4] (fin 0 1) end", 0},
        {"{\"result\":[{\"label\":\"x\",\"score\":1}],\"success\":true}", "start (fin 0 0) end", 0},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STR(trace(cases[i].body, true), cases[i].trace);
        CHECK_TRUE(!path.answer.bad);
        CHECK_EQ(path.stream.usage.completion, cases[i].completion);
    }
    trace("\x89PNG", true);
    CHECK_TRUE(path.answer.bad);
}

TEST(failures_under_status_200_are_told)
{
    trace("{\"result\":null,\"success\":false,\"errors\":[{\"code\":3040,"
          "\"message\":\"no capacity\"}],\"messages\":[]}",
          true);
    CHECK_TRUE(path.stream.has_error);
    CHECK_STR(str_from(path.stream.error_message), "no capacity");
    trace(DATA("{\"response\":\"a\"}")
              DATA("{\"success\":false,\"errors\":[{\"message\":\"lost\"}]}"),
          false);
    CHECK_TRUE(path.stream.has_error);
    CHECK_STR(str_from(path.stream.error_message), "lost");
    trace(DATA("{\"error\":{\"message\":\"other\"}}"), false);
    CHECK_TRUE(path.stream.has_error);
}

TEST(an_answer_that_passes_is_counted_by_its_envelope)
{
    static const char body[] =
        "{\"result\":{\"response\":\"abc\",\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":2,\"total_tokens\":5,\"prompt_tokens_details\":{"
        "\"cached_tokens\":1}}},\"success\":true,\"errors\":[],\"messages\":[]"
        "}";
    for (size_t step = 1; step < sizeof(body); step += 3) {
        struct str left = str_from(body);
        struct answer *answer = &path.answer;
        canon_path_begin(&path, &dialect_workers_ai, NULL, ENDPOINT_RUN, false);
        while (left.len > 0) {
            size_t n = left.len < step ? left.len : step;
            dialect_workers_ai.answer_piece(answer, str_make(left.ptr, n));
            left = str_skip(left, n);
        }
        CHECK_TRUE(answer->usage_seen && !answer->error_seen);
        CHECK_EQ(answer->stated.prompt, 3);
        CHECK_EQ(answer->stated.cached, 1);
    }
}

/* ---- answers for clients ---- */

/* OpenAI's events on their way to a client of /ai/run. */
static struct str
give(const char *body, bool stream)
{
    canon_path_begin(&path, &dialect_openai, &dialect_workers_ai, ENDPOINT_CHAT,
                     stream);
    path.stream.collect = true;
    canon_path_feed(&path, str_from(body));
    return canon_path_end(&path);
}

#define CHUNK(delta) DATA("{\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}")
#define USAGE_TEXT                                                             \
    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":" \
    "5"                                                                        \
    ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":"  \
    "0,"                                                                       \
    "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":" \
    "0"                                                                        \
    ",\"audio_tokens\":0}}"

TEST(a_stream_is_pieces_whole_calls_and_usage)
{
    CHECK_STR(
        give(CHUNK("\"reasoning_content\":\"h\"") CHUNK("\"content\":\"a\\n\"")
                 CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\""
                       ":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]")
                     CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{"
                           "\"arguments\":\":1}\"}}]")
                         DATA("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
                              "\"completion_tokens\":2,\"total_tokens\":5}}")
                             DATA("[DONE]"),
             true),
        DATA("{\"reasoning_content\":\"h\"}") DATA("{\"response\":\"a\\n\"}")
            DATA("{\"tool_calls\":[{\"id\":\"c1\",\"name\":\"f\",\"arguments\":"
                 "{\"a\":1}}]}") DATA("{\"response\":\"\"," USAGE_TEXT "}")
                DATA("[DONE]"));
}

TEST(arguments_that_are_no_object_stay_a_string)
{
    struct str got =
        give(CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{"
                   "\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]"),
             true);
    CHECK_TRUE(has(got, "\"arguments\":\"{\\\"a\"}"));
}

#define ANSWER(content)                                                        \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," content  \
    "},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"           \
    "\"completion_tokens\":2,\"total_tokens\":5}}"
#define ENVELOPE(inner)                                                        \
    "{\"result\":{" inner "," USAGE_TEXT                                       \
    "},\"success\":true,\"errors\":[],\"messages\":[]}"

TEST(a_whole_answer_stands_in_the_envelope)
{
    struct canon_request json_mode = {.format = CANON_FORMAT_JSON};
    CHECK_STR(give(ANSWER("\"content\":\"a\\\"b\""), false),
              ENVELOPE("\"response\":\"a\\\"b\""));
    CHECK_STR(
        give(ANSWER("\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":"
                    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
                    "\"{}\"}}]"),
             false),
        ENVELOPE("\"response\":\"\",\"tool_calls\":[{\"id\":\"c\",\"name\":"
                 "\"f\",\"arguments\":{}}]"));
    for (int i = 0; i < 2; i++) {
        canon_path_begin(&path, &dialect_openai, &dialect_workers_ai,
                         ENDPOINT_CHAT, false);
        path.stream.request = &json_mode;
        canon_path_feed(
            &path, str_from(i == 0 ? ANSWER("\"content\":\"{\\\"n\\\":1}\"")
                                   : ANSWER("\"content\":\"no\"")));
        CHECK_STR(canon_path_end(&path),
                  i == 0 ? ENVELOPE("\"response\":{\"n\":1}")
                         : ENVELOPE("\"response\":\"no\""));
    }
}

TEST(errors_have_the_shape_and_the_numbers_of_cloudflare)
{
    static const struct {
        const char *code;
        uint16_t status;
        const char *number;
    } cases[] = {
        {"invalid_api_key", 401, "10000"},
        {"insufficient_quota", 429, "3036"},
        {"overloaded", 503, "3040"},
        {"model_not_found", 404, "5007"},
        {"invalid_value", 400, "5006"},
        {"upstream_error", 502, "7003"},
        {NULL, 500, "7003"},
    };
    struct buf out;
    char want[200];
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fault told = {.status = cases[i].status,
                                   .code = cases[i].code,
                                   .message = "a \"b\""};
        buf_reset(&out);
        dialect_workers_ai.error_body(&out, &told, "req_1");
        snprintf(want, sizeof(want),
                 "{\"result\":null,\"success\":false,\"errors\":[{\"code\":%s,"
                 "\"message\":\"a \\\"b\\\"\"}],\"messages\":[]}",
                 cases[i].number);
        CHECK_STR(buf_view(&out), want);
    }
    const struct fault cut = {.status = 502, .message = "m"};
    buf_reset(&out);
    dialect_workers_ai.stream_error(&out, &path.answer, &cut);
    CHECK_TRUE(str_starts_with(buf_view(&out), STR_LIT("data: {\"result\"")));
    const struct usage usage = {.prompt_missed = 3, .completion = 2};
    buf_reset(&out);
    dialect_workers_ai.stream_cut(&out, &path.answer, &usage, false);
    CHECK_STR(buf_view(&out),
              DATA("{\"response\":\"\"," USAGE_TEXT "}") DATA("[DONE]"));
    buf_fini(&out);
    canon_path_fini(&path);
}
