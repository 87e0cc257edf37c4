/*
 * test_dialect_bedrock_request.c - canonical requests as bodies of Converse.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "tests/test.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/dialect.h"

static struct canon_request *request;
static struct canon_target target;
static struct fault fault;
static struct buf out;

#define CLAUDE "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

static void
begin(const char *model)
{
    if (request == NULL)
        request = canon_request_create();
    canon_request_reset(request);
    buf_reset(&out);
    fault = (struct fault){0};
    target = (struct canon_target){.model = str_from(model),
                                   .endpoint = ENDPOINT_CONVERSE,
                                   .max_tokens = 100};
}

static struct canon_part *
say(enum canon_role role, const char *text)
{
    canon_message_add(request, role);
    struct canon_part *part = canon_part_add(request, CANON_TEXT);
    part->text = str_from(text);
    return part;
}

static void
call_tool(const char *id, const char *name, const char *arguments)
{
    struct canon_part *part = canon_part_add(request, CANON_TOOL_CALL);
    part->id = str_from(id);
    part->name = str_from(name);
    part->arguments = str_from(arguments);
}

static struct canon_part *
add_result(const char *id, uint32_t children)
{
    struct canon_part *part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = str_from(id);
    part->children = children;
    return part;
}

static struct canon_tool *
offer(const char *name)
{
    struct canon_tool *tool = canon_tool_add(request);
    tool->name = str_from(name);
    return tool;
}

static struct canon_part *
media(enum canon_part_kind kind, const char *type, const char *data)
{
    struct canon_part *part = canon_part_add(request, kind);
    part->media_type = str_from(type);
    part->data = str_from(data);
    return part;
}

static void
set(enum canon_field field, const char *value)
{
    request->fields[field] = str_from(value);
}

static void
check_json(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    while (json_next(&reader, &token) != JSON_END)
        if (token.type == JSON_BAD) {
            test_fail(__FILE__, __LINE__, "no JSON at %zu: %.*s", reader.pos,
                      STR_ARG(text));
            return;
        }
}

static struct str
body(void)
{
    int rc = dialect_bedrock.write_request(request, &target, &out, &fault);
    if (rc != 0)
        test_fail(__FILE__, __LINE__, "refused: %s", fault.message);
    CHECK_TRUE(buf_ok(&out) && !request->failed);
    check_json(buf_view(&out));
    return buf_view(&out);
}

static void
check_refused(const char *words)
{
    CHECK_EQ(dialect_bedrock.write_request(request, &target, &out, &fault), -1);
    CHECK_EQ(fault.status, 400);
    if (strstr(fault.message, words) == NULL)
        test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", fault.message,
                  words);
}

static void
check_has(const char *part)
{
    struct str text = buf_len(&out) > 0 ? buf_view(&out) : body();
    if (memmem(text.ptr, text.len, part, strlen(part)) == NULL)
        test_fail(__FILE__, __LINE__, "%.*s lacks %s", STR_ARG(text), part);
}

static void
check_lacks(const char *part)
{
    struct str text = buf_len(&out) > 0 ? buf_view(&out) : body();
    if (memmem(text.ptr, text.len, part, strlen(part)) != NULL)
        test_fail(__FILE__, __LINE__, "%.*s has %s", STR_ARG(text), part);
}

static bool
is_told(const char *name)
{
    for (uint32_t i = 0; i < request->dropped_count; i++)
        if (strcmp(request->dropped[i], name) == 0)
            return true;
    return false;
}

TEST(a_short_call_has_its_members)
{
    begin("amazon.nova-lite-v1:0");
    say(CANON_SYSTEM, "be \\\"brief\\\"");
    say(CANON_USER, "hi\\u00e4");
    set(CANON_FIELD_TEMPERATURE, "0.5");
    set(CANON_FIELD_TOP_P, "1");
    request->stops[0] = STR_LIT("END");
    request->stops[1] = STR_LIT(" \\n");
    request->stop_count = 2;
    CHECK_STR(body(),
              "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
              "\"hi\\u00e4\"}]}],\"system\":[{\"text\":\"be \\\"brief\\\"\"}],"
              "\"inferenceConfig\":{\"maxTokens\":100,\"temperature\":0.5,"
              "\"topP\":1,\"stopSequences\":[\"END\"]}}");
    CHECK_EQ(request->dropped_count, 0);
}

TEST(roles_take_turns_and_the_user_begins)
{
    begin(CLAUDE);
    say(CANON_ASSISTANT, "first");
    say(CANON_SYSTEM, "s");
    say(CANON_ASSISTANT, "second");
    say(CANON_USER, "a");
    say(CANON_USER, "  \\n\\t ");
    canon_message_add(request, CANON_ASSISTANT);
    say(CANON_USER, "b");
    check_has("\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\".\"}]}"
              ",{\"role\":\"assistant\",\"content\":[{\"text\":\"first\"},"
              "{\"text\":\"second\"}]},{\"role\":\"user\",\"content\":["
              "{\"text\":\"a\"},{\"text\":\"b\"}]}]");
    begin(CLAUDE);
    say(CANON_SYSTEM, "s");
    say(CANON_USER, " ");
    check_refused("send at least one");
}

TEST(calls_and_their_results_are_blocks)
{
    begin("amazon.nova-lite-v1:0");
    say(CANON_USER, "q");
    canon_message_add(request, CANON_ASSISTANT);
    call_tool("call_1", "f", "{\"a\":1}");
    call_tool("call.2/x", "g", "");
    canon_message_add(request, CANON_USER);
    add_result("call_1", 1);
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("r1");
    canon_message_add(request, CANON_USER);
    struct canon_part *second = add_result("call.2/x", 2);
    second->is_error = true;
    canon_part_add(request, CANON_TEXT)->text = STR_LIT(" ");
    media(CANON_IMAGE, "image/png", "QUJD");
    add_result("call_3", 0)->arguments = STR_LIT("{\"b\":2}");
    say(CANON_USER, "go on");
    offer("f");
    body();
    check_has("{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\""
              ":\"call_1\",\"name\":\"f\",\"input\":{\"a\":1}}},{\"toolUse\":{"
              "\"toolUseId\":\"call_");
    check_has("\",\"name\":\"g\",\"input\":{}}}]},{\"role\":\"user\","
              "\"content\":[{\"toolResult\":{\"toolUseId\":\"call_1\","
              "\"content\":[{\"text\":\"r1\"}]}},");
    check_has("\"content\":[{\"image\":{\"format\":\"png\",\"source\":{"
              "\"bytes\":\"QUJD\"}}}],\"status\":\"error\"}},{\"toolResult\":{"
              "\"toolUseId\":\"call_3\",\"content\":[{\"json\":{\"b\":2}}]}},"
              "{\"text\":\"go on\"}]}]");
    /* The same id each time, in letters that Bedrock takes. */
    const char *first = memmem(buf_ptr(&out), buf_len(&out), "\"call_", 6);
    CHECK_TRUE(first != NULL);
    first = memmem(first + 8, 200, "\"call_", 6);
    struct str made = str_make(first, 39);
    CHECK_EQ(made.ptr[38], '"');
    CHECK_TRUE(memmem(first + 39,
                      buf_len(&out) - (size_t)(first + 39 - buf_ptr(&out)),
                      made.ptr, made.len) != NULL);
    check_lacks("call.2");
}

TEST(tools_are_configured_where_they_are_offered_or_spoken_of)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    struct canon_tool *tool = offer("f");
    tool->description = STR_LIT("d");
    tool->schema = STR_LIT("{\"type\":\"object\"}");
    tool->strict = STR_LIT("true");
    offer("g");
    request->tool_choice = CANON_CHOICE_REQUIRED;
    check_has("\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
              "\"description\":\"d\",\"inputSchema\":{\"json\":{\"type\":"
              "\"object\"}},\"strict\":true}},{\"toolSpec\":{\"name\":\"g\","
              "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":"
              "{}}}}}],\"toolChoice\":{\"any\":{}}}");
    buf_reset(&out);
    request->tool_choice = CANON_CHOICE_NAMED;
    request->tool_choice_names[0] = STR_LIT("g");
    request->tool_choice_name_count = 1;
    check_has("\"name\":\"f\"");
    check_has("\"toolChoice\":{\"tool\":{\"name\":\"g\"}}");
    buf_reset(&out);
    request->tool_choice = CANON_CHOICE_AUTO;
    check_has("\"toolChoice\":{\"auto\":{}}");
    check_lacks("\"name\":\"f\"");
    buf_reset(&out);
    request->tool_choice = CANON_CHOICE_NONE;
    check_lacks("toolConfig");
    CHECK_TRUE(!is_told("tool_choice"));
}

/* Each call is compared with the names that are told, of which there are few:
 * not with all calls before it. */
TEST(of_many_called_tools_the_first_are_told)
{
    enum { CALLS = 60000, TOLD = 64 };
    static char names[CALLS][8];
    begin("meta.llama3");
    say(CANON_USER, "q");
    canon_message_add(request, CANON_ASSISTANT);
    for (int i = 0; i < CALLS; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        call_tool("c", names[i], "{}");
    }
    struct str text = body();
    unsigned specs = 0;
    for (const char *at = text.ptr;
         (at = memmem(at, (size_t)(text.ptr + text.len - at), "\"toolSpec\"",
                      10)) != NULL;
         at++)
        specs++;
    CHECK_EQ(specs, TOLD);
    check_has("\"name\":\"f63\",\"inputSchema\"");
}

TEST(a_conversation_with_calls_keeps_its_tools)
{
    begin("meta.llama3");
    say(CANON_USER, "q");
    canon_message_add(request, CANON_ASSISTANT);
    call_tool("c1", "f", "{}");
    call_tool("c2", "f", "{}");
    canon_message_add(request, CANON_USER);
    add_result("c1", 0);
    check_has("\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
              "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":"
              "{}}}}}]}");
    buf_reset(&out);
    offer("h");
    request->tool_choice = CANON_CHOICE_NONE;
    check_has("\"tools\":[{\"toolSpec\":{\"name\":\"h\"");
    check_lacks("toolChoice");
    CHECK_TRUE(is_told("tool_choice"));
}

TEST(one_call_at_a_time_is_asked_of_claude_only)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    offer("f");
    request->parallel_tools = CANON_NO;
    request->tool_choice = CANON_CHOICE_REQUIRED;
    check_has("\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":"
              "\"any\",\"disable_parallel_tool_use\":true}}");
    check_lacks("toolChoice");
    begin("amazon.nova-pro-v1:0");
    say(CANON_USER, "q");
    offer("f");
    request->parallel_tools = CANON_NO;
    check_lacks("additional");
    CHECK_TRUE(is_told("parallel_tool_calls"));
}

TEST(media_come_with_their_bytes)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    media(CANON_IMAGE, "image\\/jpeg", "QQ==");
    media(CANON_FILE, "application/pdf", "Qg==")->name =
        STR_LIT("My  report_v2 (final).pdf");
    media(CANON_FILE, "", "Qw==")->name = STR_LIT("notes.md");
    struct canon_part *plain = media(CANON_FILE, "", "some text");
    plain->source = CANON_PLAIN_TEXT;
    media(CANON_FILE, "image/png", "RA==");
    media(CANON_AUDIO, "audio/wav", "RQ==");
    struct canon_part *s3 = media(CANON_IMAGE, "", "s3:\\/\\/b/k.jpg");
    s3->source = CANON_URL;
    body();
    check_has("{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"QQ==\"}}"
              "},{\"document\":{\"format\":\"pdf\",\"name\":\"My report-v2 "
              "(final)\",\"source\":{\"bytes\":\"Qg==\"}}},{\"document\":{"
              "\"format\":\"md\",\"name\":\"notes "
              "1\",\"source\":{\"bytes\":\"Qw==\"}}},{\"document\":{\"format\":"
              "\"txt\",\"name\":\"document 2\",\"source\":{\"text\":\"some "
              "text\"}}},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":"
              "\"RA==\"}}},{\"audio\":{\"format\":\"wav\",\"source\":{"
              "\"bytes\":\"RQ==\"}}},{\"image\":{\"format\":\"jpeg\","
              "\"source\":{\"s3Location\":{\"uri\":\"s3:\\/\\/b/k.jpg\"}}}}");
}

TEST(links_ids_and_unknown_types_are_refused)
{
    static const struct {
        uint8_t kind, source;
        const char *type, *words;
    } cases[] = {
        {CANON_IMAGE, CANON_URL, "image/png", "send the image as base64"},
        {CANON_IMAGE, CANON_URL, "", "send the image as base64"},
        {CANON_IMAGE, CANON_FILE_ID, "image/png", "send the image as base64"},
        {CANON_FILE, CANON_URL, "application/pdf", "send the file as base64"},
        {CANON_IMAGE, CANON_BASE64, "image/tiff", "\"image/tiff\""},
        {CANON_FILE, CANON_BASE64, "application/zip", "no file of the type"},
        {CANON_AUDIO, CANON_BASE64, "", "no audio of the type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(CLAUDE);
        say(CANON_USER, "q");
        media(cases[i].kind, cases[i].type, "https://x/y")->source =
            cases[i].source;
        check_refused(cases[i].words);
        CHECK_STR(str_from(fault.param), "messages");
    }
}

TEST(thoughts_go_back_when_they_are_signed)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    canon_message_add(request, CANON_ASSISTANT);
    struct canon_part *part = canon_part_add(request, CANON_THINKING);
    part->text = STR_LIT("unsigned");
    part = canon_part_add(request, CANON_THINKING);
    part->text = STR_LIT("h");
    part->signature = STR_LIT("sig");
    canon_part_add(request, CANON_REDACTED)->data = STR_LIT("AA=");
    canon_part_add(request, CANON_REFUSAL)->text = STR_LIT("no");
    say(CANON_USER, "r");
    check_has("\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":"
              "\"h\",\"signature\":\"sig\"}}},{\"reasoningContent\":{"
              "\"redactedContent\":\"AA=\"}},{\"text\":\"no\"}]");
    check_lacks("unsigned");
}

TEST(cache_points_stand_behind_what_they_mark)
{
    begin(CLAUDE);
    say(CANON_SYSTEM, "s")->cache_control = STR_LIT("{\"type\":\"ephemeral\"}");
    say(CANON_USER, "q")->cache_control =
        STR_LIT("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    offer("f")->cache_control = STR_LIT("{}");
    check_has("[{\"text\":\"q\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":"
              "\"1h\"}}]");
    check_has("[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}]");
    check_has("}}}},{\"cachePoint\":{\"type\":\"default\"}}]");
}

TEST(each_vendor_thinks_in_its_own_words)
{
    // clang-format off
    static const struct {
        const char *model;
        uint8_t effort;
        int64_t budget;
        uint64_t max_tokens;
        const char *has; /* NULL: told that it was dropped */
    } cases[] = {
        {CLAUDE, CANON_EFFORT_MEDIUM, 0, 0, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}}"},
        {CLAUDE, CANON_EFFORT_UNSET, 4000, 0, "\"budget_tokens\":4000}"},
        {CLAUDE, CANON_EFFORT_UNSET, 100, 0, "\"budget_tokens\":1024}"},
        {CLAUDE, CANON_EFFORT_HIGH, 0, 4096, "\"budget_tokens\":2048}"},
        {CLAUDE, CANON_EFFORT_HIGH, 0, 1025, "\"budget_tokens\":1024}"},
        {CLAUDE, CANON_EFFORT_HIGH, 0, 1024, NULL},
        {"anthropic.claude-3-7-sonnet-20250219-v1:0", CANON_EFFORT_LOW, 0, 0, "\"budget_tokens\":2048}"},
        {"anthropic.claude-3-5-sonnet-20241022-v2:0", CANON_EFFORT_LOW, 0, 0, NULL},
        {"anthropic.claude-3-haiku-20240307-v1:0", CANON_EFFORT_LOW, 0, 0, NULL},
        {"anthropic.claude-v2:1", CANON_EFFORT_LOW, 0, 0, NULL},
        {"us.anthropic.claude-opus-4-20250514-v1:0", CANON_EFFORT_LOW, 0, 0, "\"type\":\"enabled\""},
        {"global.anthropic.claude-opus-4-6-v1", CANON_EFFORT_HIGH, 0, 100, "{\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"}}"},
        {"global.anthropic.claude-opus-4-6-v1", CANON_EFFORT_XHIGH, 0, 0, "\"effort\":\"max\""},
        {"global.anthropic.claude-sonnet-5-v1", CANON_EFFORT_UNSET, 5000, 0, "\"effort\":\"medium\""},
        {"us.amazon.nova-2-lite-v1:0", CANON_EFFORT_LOW, 0, 0, "{\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"low\"}}"},
        {"us.amazon.nova-2-lite-v1:0", CANON_EFFORT_HIGH, 0, 100, "\"maxReasoningEffort\":\"medium\""},
        {"us.amazon.nova-2-lite-v1:0", CANON_EFFORT_HIGH, 0, 0, "\"maxReasoningEffort\":\"high\""},
        {"openai.gpt-oss-120b-1:0", CANON_EFFORT_XHIGH, 0, 0, "{\"reasoning_effort\":\"high\"}"},
        {"qwen.qwen3-32b-v1:0", CANON_EFFORT_HIGH, 0, 0, "{\"reasoning_config\":\"high\"}"},
        {"meta.llama3-2-1b-instruct-v1:0", CANON_EFFORT_HIGH, 0, 0, NULL},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(cases[i].model);
        target.max_tokens = cases[i].max_tokens;
        say(CANON_USER, "q");
        request->effort = cases[i].effort;
        request->thinking_budget = cases[i].budget;
        if (cases[i].has != NULL)
            check_has(cases[i].has);
        else
            check_lacks("additionalModelRequestFields");
        CHECK_EQ(is_told("reasoning_effort"), cases[i].has == NULL);
    }
}

TEST(thinking_that_is_off_or_unasked_is_not_spoken_of)
{
    for (int i = 0; i < 3; i++) {
        begin(CLAUDE);
        say(CANON_USER, "q");
        request->thinking = i == 0 ? CANON_NO : CANON_UNSET;
        request->effort = i == 1 ? CANON_EFFORT_NONE : CANON_EFFORT_UNSET;
        check_lacks("additionalModelRequestFields");
        CHECK_EQ(request->dropped_count, 0);
    }
}

TEST(a_claude_that_thinks_takes_no_temperature_and_no_forced_tool)
{
    begin(CLAUDE);
    target.max_tokens = 4096;
    say(CANON_USER, "q");
    request->thinking = CANON_YES;
    set(CANON_FIELD_TEMPERATURE, "0.2");
    set(CANON_FIELD_TOP_P, "0.2");
    set(CANON_FIELD_TOP_K, "5");
    check_has("\"inferenceConfig\":{\"maxTokens\":4096}");
    check_has("{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}}");
    CHECK_TRUE(is_told("temperature") && is_told("top_p") && is_told("top_k"));
    buf_reset(&out);
    offer("f");
    request->tool_choice = CANON_CHOICE_NAMED;
    request->tool_choice_names[0] = STR_LIT("f");
    check_refused("cannot be made to call a tool");
    CHECK_STR(str_from(fault.param), "tool_choice");
}

TEST(where_thoughts_between_calls_are_lost_a_claude_does_not_think)
{
    for (int i = 0; i < 3; i++) {
        begin(CLAUDE);
        target.max_tokens = 0;
        request->effort = CANON_EFFORT_LOW;
        say(CANON_USER, "q");
        canon_message_add(request, CANON_ASSISTANT);
        if (i == 1) {
            struct canon_part *part = canon_part_add(request, CANON_THINKING);
            part->text = part->signature = STR_LIT("s");
        }
        call_tool("c1", "f", "{}");
        canon_message_add(request, CANON_USER);
        add_result("c1", 0);
        if (i == 2) { /* a turn that is over asks for nothing */
            say(CANON_ASSISTANT, "done");
            say(CANON_USER, "next");
        }
        if (i == 0)
            check_lacks("\"thinking\"");
        else
            check_has("\"thinking\"");
        CHECK_EQ(is_told("reasoning_effort"), i == 0);
    }
}

TEST(top_k_has_a_place_where_the_vendor_has_one)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    set(CANON_FIELD_TOP_K, "5");
    check_has("\"additionalModelRequestFields\":{\"top_k\":5}");
    begin("amazon.nova-lite-v1:0");
    say(CANON_USER, "q");
    set(CANON_FIELD_TOP_K, "10");
    check_has("\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":"
              "10}}");
    begin("meta.llama3");
    say(CANON_USER, "q");
    set(CANON_FIELD_TOP_K, "5");
    check_lacks("additional");
    CHECK_TRUE(is_told("top_k"));
}

TEST(forms_of_the_answer_go_out_as_converse_has_them)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    request->format = CANON_FORMAT_SCHEMA;
    request->schema = STR_LIT("{\"type\":\"object\",\"a\":\"\\n\"}");
    request->schema_name = STR_LIT("city");
    check_has("\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
              "\"structure\":{\"jsonSchema\":{\"name\":\"city\",\"schema\":"
              "\"{\\\"type\\\":\\\"object\\\",\\\"a\\\":\\\"\\\\n\\\"}\"}}}}");
    begin(CLAUDE);
    say(CANON_USER, "q");
    request->format = CANON_FORMAT_JSON;
    check_has("\"system\":[{\"text\":\"Answer with one JSON object");
}

TEST(fields_are_carried_dropped_or_refused)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    target.max_tokens = 0;
    set(CANON_FIELD_TEMPERATURE, "1.7");
    set(CANON_FIELD_SEED, "7");
    set(CANON_FIELD_N, "1");
    set(CANON_FIELD_LOGPROBS, "false");
    set(CANON_FIELD_MODALITIES, "[\"text\"]");
    set(CANON_FIELD_SERVICE_TIER, "\"flex\"");
    set(CANON_FIELD_USER, "\"u-1@x\"");
    check_has("\"inferenceConfig\":{\"temperature\":1}");
    check_has("\"serviceTier\":{\"type\":\"flex\"}");
    check_has("\"requestMetadata\":{\"user\":\"u-1@x\"}");
    CHECK_EQ(request->dropped_count, 1);
    CHECK_TRUE(is_told("seed"));
    begin(CLAUDE);
    say(CANON_USER, "q");
    set(CANON_FIELD_SERVICE_TIER, "\"scale\"");
    set(CANON_FIELD_USER, "\"u\\u00e4\"");
    check_lacks("requestMetadata");
    CHECK_TRUE(is_told("service_tier") && is_told("user"));
    static const struct {
        enum canon_field field;
        const char *value;
    } refused[] = {{CANON_FIELD_N, "2"},
                   {CANON_FIELD_LOGPROBS, "true"},
                   {CANON_FIELD_AUDIO, "{}"},
                   {CANON_FIELD_MODALITIES, "[\"text\",\"audio\"]"},
                   {CANON_FIELD_CACHED_CONTENT, "\"c\""}};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        begin(CLAUDE);
        say(CANON_USER, "q");
        set(refused[i].field, refused[i].value);
        check_refused("cannot be carried to Bedrock's Converse API");
    }
}

TEST(claude_is_asked_which_stop_sequence_it_was)
{
    begin(CLAUDE);
    say(CANON_USER, "q");
    request->stops[0] = STR_LIT("|");
    request->stop_count = 1;
    check_has("\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"]");
}

TEST(only_chats_are_answered)
{
    begin(CLAUDE);
    request->kind = CANON_EMBED;
    check_refused("answers chats only");
    canon_request_destroy(&request);
    buf_fini(&out);
}
