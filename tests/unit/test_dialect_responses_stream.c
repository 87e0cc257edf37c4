/*
 * test_dialect_responses_stream.c - canonical answers as clients of the
 * Responses dialect get them: each event of a stream, and the response object.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "worker/dialect/responses_part.h"

static struct canon_path path;
static struct canon_request *request;

/* A client's call, as the relay prepares it: its tools are known. */
static void
begin(const char *members, bool stream)
{
    char body[1024];
    struct call call = {0};
    struct fault fault = {0};
    if (request == NULL)
        request = canon_request_create();
    canon_request_reset(request);
    static char kept[1024]; /* the request points into it */
    snprintf(body, sizeof(body), "{\"model\":\"as\\u006bed\"%s%s}",
             members[0] != '\0' ? "," : "", members);
    memcpy(kept, body, sizeof(kept));
    if (dialect_responses.scan(str_from(kept), ENDPOINT_RESPONSES, &call,
                               &fault) != 0 ||
        dialect_responses.read_request(str_from(kept), &call, request,
                                       &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", kept, fault.message);
    canon_path_begin(&path, &dialect_openai, &dialect_responses,
                     ENDPOINT_RESPONSES, stream);
    path.stream.collect = true;
    path.stream.request = request;
}

/*
 * The events, one a line: type without "response.", and all members but the
 * type, the number and the response, of which status and output are shown.
 * Checks that names, types and numbers are right.
 */
static struct str
shown(void)
{
    static struct buf lines;
    struct sse_scan scan = {0};
    struct sse_event event;
    struct str out = canon_path_end(&path);
    int sequence = 0;
    buf_reset(&lines);
    while (sse_next(&scan, out.ptr, out.len, false, &event)) {
        cJSON *json =
            cJSON_ParseWithLength(event.data[0].ptr, event.data[0].len);
        const char *type =
            cJSON_GetStringValue(cJSON_GetObjectItem(json, "type"));
        CHECK_TRUE(json != NULL && event.data_count == 1);
        CHECK_STR(event.event, type);
        CHECK_EQ(
            cJSON_GetNumberValue(cJSON_GetObjectItem(json, "sequence_number")),
            sequence++);
        buf_printf(&lines, "%s ", type + strlen("response."));
        cJSON *response = cJSON_DetachItemFromObject(json, "response");
        if (response != NULL) {
            char *output =
                cJSON_PrintUnformatted(cJSON_GetObjectItem(response, "output"));
            buf_printf(
                &lines, "%s %s\n",
                cJSON_GetStringValue(cJSON_GetObjectItem(response, "status")),
                output);
            free(output);
            cJSON_Delete(response);
        } else {
            cJSON_DeleteItemFromObject(json, "type");
            cJSON_DeleteItemFromObject(json, "sequence_number");
            char *rest = cJSON_PrintUnformatted(json);
            buf_printf(&lines, "%s\n", rest);
            free(rest);
        }
        cJSON_Delete(json);
        out = str_skip(out, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
    CHECK_EQ(out.len, 0);
    CHECK_EQ(path.answer.sequence, sequence);
    return buf_view(&lines);
}

#define S(text) STR_LIT(text)
#define BEGUN   "created in_progress []\nin_progress in_progress []\n"

// clang-format off
#define MSG(status, text) "{\"id\":\"msg_req_7_0\",\"type\":\"message\",\"status\":\"" status "\",\"content\":" \
    "[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"" text "\"}],\"role\":\"assistant\"}"
#define AT0 "{\"item_id\":\"msg_req_7_0\",\"output_index\":0,\"content_index\":0,"
#define TEXT_LINES(status) \
    "output_item.added {\"output_index\":0,\"item\":{\"id\":\"msg_req_7_0\",\"type\":\"message\",\"status\":\"in_progress\",\"content\":[],\"role\":\"assistant\"}}\n" \
    "content_part.added " AT0 "\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}}\n" \
    "output_text.delta " AT0 "\"delta\":\"a\\n\",\"logprobs\":[]}\n" \
    "output_text.delta " AT0 "\"delta\":\"b\",\"logprobs\":[]}\n" \
    "output_text.done " AT0 "\"text\":\"a\\nb\",\"logprobs\":[]}\n" \
    "content_part.done " AT0 "\"part\":{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"a\\nb\"}}\n" \
    "output_item.done {\"output_index\":0,\"item\":" MSG(status, "a\\nb") "}\n"
// clang-format on

TEST(a_text_is_a_message_of_one_part)
{
    begin("", true);
    canon_start(&path.stream, S("chatcmpl-1"), S("m"));
    canon_text(&path.stream, 0, S("a\\n"));
    canon_text(&path.stream, 0, S("b"));
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    CHECK_STR(shown(),
              BEGUN TEXT_LINES("completed") "completed completed [" MSG(
                  "completed", "a\\nb") "]\n");
}

TEST(a_text_that_reached_its_length_is_incomplete)
{
    begin("", true);
    canon_text(&path.stream, 0, S("a\\n"));
    canon_text(&path.stream, 0, S("b"));
    canon_finish(&path.stream, 0, CANON_STOP_LENGTH, S(""));
    CHECK_STR(shown(),
              BEGUN TEXT_LINES("incomplete") "incomplete incomplete [" MSG(
                  "incomplete", "a\\nb") "]\n");
}

TEST(an_answer_that_is_cut_ends_as_one_that_reached_its_length)
{
    begin("", true);
    canon_text(&path.stream, 0, S("a\\n"));
    canon_text(&path.stream, 0, S("b"));
    path.stream.is_cut = true;
    CHECK_STR(shown(),
              BEGUN TEXT_LINES("incomplete") "incomplete incomplete [" MSG(
                  "incomplete", "a\\nb") "]\n");
}

/* The item was told as whole before the provider said why it stopped. */
TEST(the_last_event_says_of_items_what_was_said_before)
{
    begin("", true);
    canon_text(&path.stream, 0, S("a\\n"));
    canon_text(&path.stream, 0, S("b"));
    canon_block_end(&path.stream, 0);
    canon_finish(&path.stream, 0, CANON_STOP_LENGTH, S(""));
    CHECK_STR(shown(),
              BEGUN TEXT_LINES("completed") "incomplete incomplete [" MSG(
                  "completed", "a\\nb") "]\n");
}

TEST(an_answer_without_output_is_whole)
{
    begin("", true);
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    CHECK_STR(shown(), BEGUN "completed completed []\n");
}

TEST(a_malformed_answer_has_failed)
{
    begin("", true);
    canon_finish(&path.stream, 0, CANON_STOP_ERROR, S(""));
    CHECK_STR(shown(), BEGUN "failed failed []\n");
}

// clang-format off
#define RS(summary, secret) "{\"id\":\"rs_req_7_0\",\"type\":\"reasoning\",\"summary\":[" summary "]" secret "}"
#define RS_AT "{\"item_id\":\"rs_req_7_0\",\"output_index\":0,\"summary_index\":0,"
#define PART(text) "{\"type\":\"summary_text\",\"text\":\"" text "\"}"
#define SECRET(text) ",\"encrypted_content\":\"" text "\""
// clang-format on

TEST(thinking_is_a_summary_and_its_signature_its_encrypted_content)
{
    begin("", true);
    canon_thinking(&path.stream, 0, S("t"));
    canon_thinking(&path.stream, 0, S("h"));
    canon_signature(&path.stream, 0, S("EqSIG"));
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    // clang-format off
    CHECK_STR(shown(), BEGUN
        "output_item.added {\"output_index\":0,\"item\":" RS("", "") "}\n"
        "reasoning_summary_part.added " RS_AT "\"part\":" PART("") "}\n"
        "reasoning_summary_text.delta " RS_AT "\"delta\":\"t\"}\n"
        "reasoning_summary_text.delta " RS_AT "\"delta\":\"h\"}\n"
        "reasoning_summary_text.done " RS_AT "\"text\":\"th\"}\n"
        "reasoning_summary_part.done " RS_AT "\"part\":" PART("th") "}\n"
        "output_item.done {\"output_index\":0,\"item\":" RS(PART("th"), SECRET("EqSIG")) "}\n"
        "completed completed [" RS(PART("th"), SECRET("EqSIG")) "]\n");
    // clang-format on
}

// clang-format off
static const char blind_told[] =
    BEGUN
    "output_item.added {\"output_index\":0,\"item\":" RS("", "") "}\n"
    "output_item.done {\"output_index\":0,\"item\":" RS("", SECRET("blind")) "}\n"
    "completed completed [" RS("", SECRET("blind")) "]\n";
// clang-format on

TEST(blind_thinking_is_reasoning_without_a_summary)
{
    begin("", true);
    canon_redacted(&path.stream, 0, S("blind"));
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    CHECK_STR(shown(), blind_told);
}

// clang-format off
#define FC(status, arguments) "{\"id\":\"fc_req_7_0\",\"type\":\"function_call\",\"status\":\"" status "\",\"arguments\":\"" arguments "\",\"call_id\":\"c1\",\"name\":\"f\"}"
#define FC_AT "{\"item_id\":\"fc_req_7_0\",\"output_index\":0,"
#define MARK "{\"id\":\"rs_req_7_1\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"aigw-call:c1:G==\"}"
#define FC_LINES \
    "output_item.added {\"output_index\":0,\"item\":" FC("in_progress", "") "}\n" \
    "function_call_arguments.delta " FC_AT "\"delta\":\"{\\\"a\"}\n" \
    "function_call_arguments.delta " FC_AT "\"delta\":\"\\\":1}\"}\n" \
    "function_call_arguments.done " FC_AT "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}\n" \
    "output_item.done {\"output_index\":0,\"item\":" FC("completed", "{\\\"a\\\":1}") "}\n"
// clang-format on

static void
call_f(void)
{
    canon_tool(&path.stream, 0, 0, S("c1"), S("f"));
    canon_tool_piece(&path.stream, 0, 0, S("{\\\"a"));
    canon_tool_piece(&path.stream, 0, 0, S("\\\":1}"));
}

TEST(a_tool_call_is_a_function_call)
{
    begin("\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]", true);
    call_f();
    canon_finish(&path.stream, 0, CANON_STOP_TOOLS, S(""));
    CHECK_STR(shown(), BEGUN FC_LINES
              "completed completed [" FC("completed", "{\\\"a\\\":1}") "]\n");
}

TEST(what_signs_a_call_follows_it_as_an_item_of_its_own)
{
    begin("", true);
    call_f();
    canon_signature(&path.stream, 0, S("G=="));
    canon_text(&path.stream, 0, S("x"));
    canon_finish(&path.stream, 0, CANON_STOP_TOOLS, S(""));
    struct str lines = shown();
    const char *begins = BEGUN FC_LINES
        "output_item.added {\"output_index\":1,\"item\":" MARK "}\n"
        "output_item.done {\"output_index\":1,\"item\":" MARK "}\n"
        "output_item.added "
        "{\"output_index\":2,\"item\":{\"id\":\"msg_req_7_2\"";
    CHECK_TRUE(str_starts_with(lines, str_from(begins)));
    CHECK_TRUE(
        memmem(
            lines.ptr, lines.len,
            FC("completed", "{\\\"a\\\":1}") "," MARK ",{\"id\":\"msg_req_7_2",
            strlen(FC("completed", "{\\\"a\\\":1}") "," MARK ",{\"id\":\"msg_"
                                                    "req_7_2")) != NULL);
}

#define CUSTOM "\"tools\":[{\"type\":\"custom\",\"name\":\"p\"}]"
// clang-format off
#define CTC(status, input) "{\"id\":\"ctc_req_7_0\",\"type\":\"custom_tool_call\",\"status\":\"" status "\",\"input\":\"" input "\",\"call_id\":\"c1\",\"name\":\"p\"}"
#define CTC_AT "{\"item_id\":\"ctc_req_7_0\",\"output_index\":0,"
#define CTC_LINES(input) BEGUN \
    "output_item.added {\"output_index\":0,\"item\":" CTC("in_progress", "") "}\n" \
    "custom_tool_call_input.delta " CTC_AT "\"delta\":\"" input "\"}\n" \
    "custom_tool_call_input.done " CTC_AT "\"input\":\"" input "\"}\n" \
    "output_item.done {\"output_index\":0,\"item\":" CTC("completed", input) "}\n" \
    "completed completed [" CTC("completed", input) "]\n"
// clang-format on

TEST(a_custom_tools_text_is_taken_out_of_its_arguments)
{
    static const struct {
        const char *first, *second, *lines;
    } cases[] = {
        {"{\\\"in", "put\\\":\\\"*** \\\\\\\"x\\\\\\\"\\\\n\\\"}",
         CTC_LINES("*** \\\"x\\\"\\n")},
        /* a model that would not: what it wrote, whole */
        {"pl", "ain", CTC_LINES("plain")},
        {"{\\\"other\\\":", "1}", CTC_LINES("{\\\"other\\\":1}")},
        {"{\\\"input\\\":", "7}", CTC_LINES("{\\\"input\\\":7}")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(CUSTOM, true);
        canon_tool(&path.stream, 0, 0, S("c1"), S("p"));
        canon_tool_piece(&path.stream, 0, 0, str_from(cases[i].first));
        canon_tool_piece(&path.stream, 0, 0, str_from(cases[i].second));
        canon_finish(&path.stream, 0, CANON_STOP_TOOLS, S(""));
        CHECK_STR(shown(), cases[i].lines);
    }
}

TEST(a_tool_of_a_namespace_is_called_by_both_its_names)
{
    begin("\"tools\":[{\"type\":\"namespace\",\"name\":\"mcp__a__\",\"tools\":"
          "[{\"type\":\"function\",\"name\":\"f\"}]}]",
          false);
    CHECK_STR(request->tools[0].name, "mcp__a__f");
    canon_tool_whole(&path.stream, 0, S("c1"), S("mcp__a__f"), S("{}"), S(""));
    canon_finish(&path.stream, 0, CANON_STOP_TOOLS, S(""));
    struct str out = canon_path_end(&path);
    const char *item = "\"arguments\":\"{}\",\"call_id\":\"c1\",\"name\":\"f\","
                       "\"namespace\":\"mcp__a__\"}";
    CHECK_TRUE(memmem(out.ptr, out.len, item, strlen(item)) != NULL);
}

// clang-format off
#define NO(status, content) "{\"id\":\"msg_req_7_0\",\"type\":\"message\",\"status\":\"" status "\",\"content\":[" content "],\"role\":\"assistant\"}"
#define IG(status, result) "{\"id\":\"ig_req_7_1\",\"type\":\"image_generation_call\",\"status\":\"" status "\",\"result\":" result "}"
#define RF "{\"type\":\"refusal\",\"refusal\":\"no\"}"
// clang-format on

TEST(a_refusal_and_a_picture_have_their_own_items)
{
    begin("", true);
    canon_refusal(&path.stream, 0, S("no"));
    canon_image(&path.stream, 0, S("image/png"), S("QUE="));
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    // clang-format off
    CHECK_STR(shown(), BEGUN
        "output_item.added {\"output_index\":0,\"item\":" NO("in_progress", "") "}\n"
        "content_part.added " AT0 "\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}\n"
        "refusal.delta " AT0 "\"delta\":\"no\"}\n"
        "refusal.done " AT0 "\"refusal\":\"no\"}\n"
        "content_part.done " AT0 "\"part\":" RF "}\n"
        "output_item.done {\"output_index\":0,\"item\":" NO("completed", RF) "}\n"
        "output_item.added {\"output_index\":1,\"item\":" IG("in_progress", "null") "}\n"
        "image_generation_call.completed {\"item_id\":\"ig_req_7_1\",\"output_index\":1}\n"
        "output_item.done {\"output_index\":1,\"item\":" IG("completed", "\"QUE=\"") "}\n"
        "completed completed [" NO("completed", RF) "," IG("completed", "\"QUE=\"") "]\n");
    // clang-format on
}

TEST(logprobs_stand_with_the_text_that_is_whole)
{
    begin("", true);
    canon_text(&path.stream, 0, S("a"));
    canon_logprobs(&path.stream, 0, S("[{\"token\":\"a\"}]"));
    canon_text(&path.stream, 0, S("b"));
    canon_logprobs(&path.stream, 0, S("[{\"token\":\"b\"}]"));
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    struct str lines = shown();
    const char *done = "output_text.done " AT0 "\"text\":\"ab\",\"logprobs\":[{"
                       "\"token\":\"a\"},{\"token\":\"b\"}]}\n";
    CHECK_TRUE(memmem(lines.ptr, lines.len, done, strlen(done)) != NULL);
}

TEST(other_choices_are_not_told)
{
    begin("", true);
    canon_text(&path.stream, 1, S("other"));
    canon_text(&path.stream, 0, S("a\\n"));
    canon_text(&path.stream, 1, S("other"));
    canon_text(&path.stream, 0, S("b"));
    canon_finish(&path.stream, 0, CANON_STOP_END, S(""));
    CHECK_STR(shown(),
              BEGUN TEXT_LINES("completed") "completed completed [" MSG(
                  "completed", "a\\nb") "]\n");
}

/* ---- the response object ---- */

TEST(the_object_repeats_the_request_as_it_stood)
{
    begin("\"instructions\":\"b\\u0065\",\"max_output_tokens\":50,"
          "\"temperature\":0.10,\"tools\":[{\"type\":\"web_search\"},{\"type\":"
          "\"function\",\"name\":\"f\"}],\"tool_choice\":\"auto\",\"store\":"
          "true,\"metadata\":{\"k\":\"v\"},\"parallel_tool_calls\":false,"
          "\"reasoning\":{\"effort\":\"low\"},\"text\":{\"verbosity\":\"low\"}",
          false);
    canon_text(&path.stream, 0, S("a"));
    canon_finish(&path.stream, 0, CANON_STOP_FILTER, S(""));
    CHECK_STR(
        canon_path_end(&path),
        "{\"id\":\"resp_req_7\",\"object\":\"response\",\"created_at\":"
        "1700000000,\"status\":\"incomplete\",\"background\":false,\"error\":"
        "null,\"incomplete_details\":{\"reason\":\"content_filter\"},"
        "\"model\":\"asked\",\"output\":[" MSG(
            "incomplete",
            "a") "],"
                 "\"previous_response_id\":null,\"store\":false,"
                 "\"instructions\":"
                 "\"b\\u0065\",\"max_output_tokens\":50,\"max_tool_calls\":"
                 "null,"
                 "\"metadata\":{\"k\":\"v\"},\"parallel_tool_calls\":false,"
                 "\"prompt_cache_key\":null,\"reasoning\":{\"effort\":\"low\"},"
                 "\"safety_identifier\":null,\"service_tier\":null,"
                 "\"temperature\":0.10,"
                 "\"text\":{\"verbosity\":\"low\"},\"tool_choice\":\"auto\","
                 "\"tools\":[{"
                 "\"type\":\"web_search\"},{\"type\":\"function\",\"name\":"
                 "\"f\"}],"
                 "\"top_logprobs\":0,\"top_p\":null,\"truncation\":"
                 "\"disabled\","
                 "\"user\":null,\"usage\":{\"input_tokens\":11,\"input_tokens_"
                 "details\":"
                 "{\"cached_tokens\":0,\"cache_write_tokens\":0},\"output_"
                 "tokens\":1,"
                 "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_"
                 "tokens\":"
                 "12}}");
}

TEST(an_object_of_nothing_said_has_the_usual_words)
{
    begin("", false);
    canon_start(&path.stream, S("resp_theirs"), S("m"));
    canon_finish(&path.stream, 0, CANON_STOP_LENGTH, S(""));
    struct str out = canon_path_end(&path);
    static const char *const wanted[] = {
        "\"id\":\"resp_theirs\"",
        "\"instructions\":null",
        "\"metadata\":{}",
        "\"parallel_tool_calls\":true",
        "\"reasoning\":{\"effort\":null,\"summary\":null}",
        "\"text\":{\"format\":{\"type\":\"text\"}}",
        "\"tool_choice\":\"auto\"",
        "\"tools\":[]",
        "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (memmem(out.ptr, out.len, wanted[i], strlen(wanted[i])) == NULL)
            test_fail(__FILE__, __LINE__, "no %s in %.*s", wanted[i],
                      STR_ARG(out));
}

TEST(errors_look_as_openais)
{
    struct buf out;
    const struct fault fault = {
        .type = "t", .code = "c", .param = "p", .message = "m"};
    buf_init(&out, 0);
    dialect_responses.error_body(&out, &fault, "req_7");
    CHECK_STR(buf_view(&out),
              "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":\"p\","
              "\"code\":\"c\"},\"request_id\":\"req_7\"}");
    buf_fini(&out);
    canon_path_fini(&path);
    canon_request_destroy(&request);
}
