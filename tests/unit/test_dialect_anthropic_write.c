/*
 * test_dialect_anthropic_write.c - canonical requests as bodies for providers
 * that speak Anthropic's dialect: one case for each row of what others' members
 * become.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>

#include "common/buf.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/dialect.h"
#include "worker/provider/provider.h"

static struct canon_request *request;
static struct canon_target target;
static struct buf out;
static struct fault fault;

static void
begin(void)
{
    if (request == NULL)
        request = canon_request_create();
    canon_request_reset(request);
    target = (struct canon_target){
        .model = STR_LIT("m"),
        .max_tokens = 100,
        .endpoint = ENDPOINT_MESSAGES,
    };
    request->max_tokens = 100;
}

static struct canon_part *
say(enum canon_role role, const char *text)
{
    canon_message_add(request, role);
    struct canon_part *part = canon_part_add(request, CANON_TEXT);
    part->text = str_from(text);
    return part;
}

static int
try_write(void)
{
    buf_reset(&out);
    fault = (struct fault){0};
    return dialect_anthropic.write_request(request, &target, &out, &fault);
}

/* The body, which is JSON; what stands in it from `from` on. */
static const char *
written(const char *from)
{
    if (try_write() != 0)
        test_fail(__FILE__, __LINE__, "refused: %s", fault.message);
    struct str value;
    if (!json_find(buf_view(&out), "model", &value))
        test_fail(__FILE__, __LINE__, "no JSON: %s", buf_cstr(&out));
    const char *found = strstr(buf_cstr(&out), from);
    return found != NULL ? found : "absent";
}

static bool
holds(const char *text)
{
    return strcmp(written(text), "absent") != 0;
}

static bool
was_dropped(const char *name)
{
    for (uint32_t i = 0; i < request->dropped_count; i++)
        if (strcmp(request->dropped[i], name) == 0)
            return true;
    return false;
}

static void
must_refuse(const char *param)
{
    if (try_write() != -1)
        test_fail(__FILE__, __LINE__, "taken: %s", buf_cstr(&out));
    else
        CHECK_STR(str_from(fault.param), param);
    CHECK_EQ(fault.status, 400);
    CHECK_STR(str_from(fault.code), "unsupported_parameter");
}

/* ---- messages ---- */

TEST(a_simple_request_is_a_simple_body)
{
    begin();
    say(CANON_SYSTEM, "be\\n");
    say(CANON_USER, "hi");
    CHECK_STR(str_from(written("{")),
              "{\"model\":\"m\",\"max_tokens\":100,\"system\":[{\"type\":"
              "\"text\",\"text\":\"be\\n\"}],\"messages\":[{\"role\":\"user\","
              "\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}");
    target.stream = true;
    CHECK_TRUE(holds(",\"stream\":true}"));
}

TEST(messages_of_one_side_become_one)
{
    begin();
    say(CANON_USER, "a");
    say(CANON_SYSTEM, "s");
    say(CANON_USER, "b");
    say(CANON_ASSISTANT, "c");
    say(CANON_ASSISTANT, "");
    say(CANON_USER, "");
    say(CANON_ASSISTANT, "d");
    CHECK_STR(str_from(written("\"system\"")),
              "\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":["
              "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
              "\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
              "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
              "\"text\":\"c\"},{\"type\":\"text\",\"text\":\"d\"}]}]}");
}

TEST(results_stand_first_in_the_message_behind_the_calls)
{
    begin();
    say(CANON_USER, "q");
    canon_message_add(request, CANON_ASSISTANT);
    struct canon_part *call = canon_part_add(request, CANON_TOOL_CALL);
    call->id = STR_LIT("call_1");
    call->name = STR_LIT("f");
    call->arguments = STR_LIT("{\"a\":1}");
    say(CANON_USER, "meanwhile");
    canon_message_add(request, CANON_USER);
    struct canon_part *result = canon_part_add(request, CANON_TOOL_RESULT);
    result->id = STR_LIT("call_1");
    result->children = 2;
    result->is_error = true;
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("r");
    struct canon_part *image = canon_part_add(request, CANON_IMAGE);
    image->media_type = STR_LIT("image/png");
    image->data = STR_LIT("AA");
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("after");
    canon_message_add(request, CANON_USER);
    result = canon_part_add(request, CANON_TOOL_RESULT);
    result->id = STR_LIT("call_2");
    result->arguments = STR_LIT("{\"b\":\"\\u00e9\"}");
    // clang-format off
    CHECK_STR(str_from(written("{\"role\":\"assistant\"")),
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"f\",\"input\":{\"a\":1}}]},"
        "{\"role\":\"user\",\"content\":["
        "{\"type\":\"tool_result\",\"tool_use_id\":\"call_1\",\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AA\"}}],\"is_error\":true},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"call_2\",\"content\":[{\"type\":\"text\",\"text\":\"{\\\"b\\\":\\\"\\\\u00e9\\\"}\"}]},"
        "{\"type\":\"text\",\"text\":\"meanwhile\"},{\"type\":\"text\",\"text\":\"after\"}]}]}");
    // clang-format on
}

TEST(an_answer_at_the_beginning_gets_a_user_before_it)
{
    begin();
    say(CANON_SYSTEM, "s");
    say(CANON_ASSISTANT, "a");
    say(CANON_USER, "b");
    CHECK_TRUE(
        holds("\"messages\":[{\"role\":\"user\",\"content\":[{"
              "\"type\":\"text\",\"text\":\".\"}]},{\"role\":\"assistant\""));
}

TEST(ids_that_are_none_here_are_made_alike_each_time)
{
    static const char *const ids[] = {
        "call|1", "", "\\u00e9",
        "0123456789012345678901234567890123456789012345678901234567890123x"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        char first[200];
        begin();
        say(CANON_USER, "q");
        canon_message_add(request, CANON_ASSISTANT);
        canon_part_add(request, CANON_TOOL_CALL)->id = str_from(ids[i]);
        canon_message_add(request, CANON_USER);
        canon_part_add(request, CANON_TOOL_RESULT)->id = str_from(ids[i]);
        snprintf(first, sizeof(first), "%.39s", written("\"toolu_") + 1);
        CHECK_EQ(strcspn(first, "\""), 38);
        char again[100];
        snprintf(again, sizeof(again), "\"tool_use_id\":\"%.38s\"", first);
        CHECK_TRUE(holds(again));
    }
}

TEST(media_go_by_their_kind)
{
    // clang-format off
    static const struct {
        uint8_t kind, source;
        const char *media_type, *data, *name, *want; /* NULL: refused */
    } cases[] = {
        {CANON_IMAGE, CANON_URL, "", "https://x", "", "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}"},
        {CANON_FILE, CANON_BASE64, "application/pdf", "AA", "n.pdf",
         "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"AA\"},\"title\":\"n.pdf\"}"},
        {CANON_FILE, CANON_PLAIN_TEXT, "text/markdown", "w\\n", "",
         "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"w\\n\"}}"},
        {CANON_FILE, CANON_URL, "", "https://x/a.pdf", "", "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x/a.pdf\"}}"},
        {CANON_FILE, CANON_BASE64, "text/csv", "AA", "", NULL},
        {CANON_FILE, CANON_FILE_ID, "", "file-1", "", NULL},
        {CANON_IMAGE, CANON_FILE_ID, "", "file-1", "", NULL},
        {CANON_AUDIO, CANON_BASE64, "audio/wav", "AA", "", NULL},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        say(CANON_USER, "q");
        struct canon_part *part =
            canon_part_add(request, (enum canon_part_kind)cases[i].kind);
        part->source = cases[i].source;
        part->media_type = str_from(cases[i].media_type);
        part->data = str_from(cases[i].data);
        part->name = str_from(cases[i].name);
        if (cases[i].want == NULL)
            must_refuse("messages");
        else if (!holds(cases[i].want))
            test_fail(__FILE__, __LINE__, "%zu: %s", i, buf_cstr(&out));
    }
    begin();
    canon_message_add(request, CANON_SYSTEM);
    canon_part_add(request, CANON_IMAGE);
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("s");
    must_refuse("messages");
}

TEST(thoughts_go_back_with_their_signature_only)
{
    begin();
    say(CANON_USER, "q");
    canon_message_add(request, CANON_ASSISTANT);
    struct canon_part *part = canon_part_add(request, CANON_THINKING);
    part->text = STR_LIT("h");
    part->signature = STR_LIT("S");
    canon_part_add(request, CANON_REDACTED)->data = STR_LIT("D");
    canon_part_add(request, CANON_THINKING)->text = STR_LIT("lost");
    canon_part_add(request, CANON_REFUSAL)->text = STR_LIT("no");
    CHECK_TRUE(holds("[{\"type\":\"thinking\",\"thinking\":\"h\","
                     "\"signature\":\"S\"},{\"type\":\"redacted_thinking\","
                     "\"data\":\"D\"},{\"type\":\"text\",\"text\":\"no\"}]"));
    CHECK_TRUE(was_dropped("reasoning_content"));
    CHECK_EQ(request->dropped_count, 1);
}

TEST(cache_marks_are_carried)
{
    begin();
    say(CANON_SYSTEM, "s")->cache_control = STR_LIT("{\"type\":\"x\"}");
    say(CANON_USER, "u")->cache_control = STR_LIT("{\"type\":\"y\"}");
    canon_tool_add(request)->cache_control = STR_LIT("{\"type\":\"z\"}");
    CHECK_TRUE(holds("\"text\":\"s\",\"cache_control\":{\"type\":\"x\"}}"));
    CHECK_TRUE(holds("\"text\":\"u\",\"cache_control\":{\"type\":\"y\"}}"));
    CHECK_TRUE(holds("\"cache_control\":{\"type\":\"z\"}}]"));
}

/* ---- tools ---- */

static void
add_tool(const char *name)
{
    struct canon_tool *tool = canon_tool_add(request);
    tool->name = str_from(name);
}

TEST(tools_and_their_choice)
{
    // clang-format off
    static const struct {
        uint8_t choice, parallel;
        const char *names[2];
        const char *want;
    } cases[] = {
        {CANON_CHOICE_DEFAULT, CANON_UNSET, {NULL}, "}}]}"},
        {CANON_CHOICE_DEFAULT, CANON_YES, {NULL}, "}}]}"},
        {CANON_CHOICE_DEFAULT, CANON_NO, {NULL}, "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}"},
        {CANON_CHOICE_AUTO, CANON_UNSET, {NULL}, "\"tool_choice\":{\"type\":\"auto\"}}"},
        {CANON_CHOICE_REQUIRED, CANON_NO, {NULL}, "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}}"},
        {CANON_CHOICE_NONE, CANON_NO, {NULL}, "\"tool_choice\":{\"type\":\"none\"}}"},
        {CANON_CHOICE_NAMED, CANON_UNSET, {"g"}, "{\"name\":\"g\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\"}}"},
        {CANON_CHOICE_REQUIRED, CANON_UNSET, {"g"}, "\"tools\":[{\"name\":\"g\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],\"tool_choice\":{\"type\":\"any\"}}"},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        say(CANON_USER, "q");
        add_tool("f");
        add_tool("g");
        request->tool_choice = cases[i].choice;
        request->parallel_tools = cases[i].parallel;
        if (cases[i].names[0] != NULL) {
            request->tool_choice_names[0] = str_from(cases[i].names[0]);
            request->tool_choice_name_count = 1;
        }
        if (!holds(cases[i].want))
            test_fail(__FILE__, __LINE__, "%zu: %s", i, buf_cstr(&out));
    }
    begin();
    say(CANON_USER, "q");
    request->tool_choice = CANON_CHOICE_REQUIRED; /* of none */
    CHECK_TRUE(!holds("tool_choice"));
    begin();
    struct canon_tool *tool = canon_tool_add(request);
    tool->name = STR_LIT("f");
    tool->description = STR_LIT("d\\n");
    tool->schema = STR_LIT("{\"type\":\"object\"}");
    tool->strict = STR_LIT("true");
    CHECK_TRUE(holds("[{\"name\":\"f\",\"description\":\"d\\n\","
                     "\"input_schema\":{\"type\":\"object\"},"
                     "\"strict\":true}]"));
}

/* ---- how it shall answer ---- */

TEST(a_bound_is_always_stated)
{
    begin();
    target.max_tokens = 7;
    CHECK_TRUE(holds("\"max_tokens\":7,"));
    target.max_tokens = 0;
    CHECK_TRUE(holds("\"max_tokens\":100,"));
    request->max_tokens = 0;
    target.max_output = 555;
    CHECK_TRUE(holds("\"max_tokens\":555,"));
    target.max_output = 0;
    CHECK_TRUE(holds("\"max_tokens\":4096,"));
}

TEST(sampling)
{
    // clang-format off
    static const struct {
        const char *temperature, *top_p, *top_k, *want, *absent, *dropped;
    } cases[] = {
        {"0.7", "", "", "\"temperature\":0.7", "top_p", NULL},
        {"1.5", "", "", "\"temperature\":1}", "top_p", NULL},
        {"1e-1", "1", "", "\"temperature\":1e-1}", "top_p", NULL},
        {"", "0.5", "", "\"top_p\":0.5}", "temperature", NULL},
        {"0.7", "0.5", "", "\"temperature\":0.7}", "top_p", "top_p"},
        {"", "", "40", "\"top_k\":40}", "temperature", NULL},
        {"null", "\"x\"", "null", "}", "top_", NULL},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        say(CANON_USER, "q");
        request->fields[CANON_FIELD_TEMPERATURE] =
            str_from(cases[i].temperature);
        request->fields[CANON_FIELD_TOP_P] = str_from(cases[i].top_p);
        request->fields[CANON_FIELD_TOP_K] = str_from(cases[i].top_k);
        if (!holds(cases[i].want) || holds(cases[i].absent))
            test_fail(__FILE__, __LINE__, "%zu: %s", i, buf_cstr(&out));
        CHECK_EQ(request->dropped_count > 0, cases[i].dropped != NULL);
    }
}

TEST(stops_of_white_space_are_left_out)
{
    begin();
    request->stops[0] = STR_LIT("\\n");
    request->stops[1] = STR_LIT("END");
    request->stops[2] = STR_LIT(" \\t");
    request->stop_count = 3;
    CHECK_TRUE(holds("\"stop_sequences\":[\"END\"]"));
    CHECK_TRUE(was_dropped("stop"));
}

TEST(formats)
{
    begin();
    request->format = CANON_FORMAT_SCHEMA;
    request->schema = STR_LIT("{\"type\":\"object\"}");
    CHECK_TRUE(holds("\"output_config\":{\"format\":{\"type\":\"json_schema\","
                     "\"schema\":{\"type\":\"object\"}}}}"));
    target.quirks = QUIRK_NO_SCHEMA;
    CHECK_TRUE(!holds("output_config"));
    CHECK_TRUE(holds("JSON Schema: {\\\"type\\\":\\\"object\\\"}\"}]"));
    begin();
    say(CANON_SYSTEM, "s");
    request->format = CANON_FORMAT_JSON;
    CHECK_TRUE(holds("\"text\":\"s\"},{\"type\":\"text\",\"text\":\"Answer "
                     "with one JSON object"));
}

static void
set_field(enum canon_field field, const char *value)
{
    begin();
    say(CANON_USER, "q");
    request->fields[field] = str_from(value);
}

TEST(fields_that_are_carried_dropped_and_refused)
{
    static const struct {
        enum canon_field field;
        const char *value, *want;
    } carried[] = {
        {CANON_FIELD_USER, "\"u\"", "\"metadata\":{\"user_id\":\"u\"}"},
        {CANON_FIELD_SERVICE_TIER, "\"auto\"", "\"service_tier\":\"auto\""},
        {CANON_FIELD_SERVICE_TIER, "\"default\"",
         "\"service_tier\":\"standard_only\""},
        {CANON_FIELD_N, "1", "}]}]}"},
        {CANON_FIELD_LOGPROBS, "false", "}]}]}"},
        {CANON_FIELD_MODALITIES, "[\"text\"]", "}]}]}"},
        {CANON_FIELD_PROMPT_CACHE_KEY, "\"k\"", "}]}]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(carried); i++) {
        set_field(carried[i].field, carried[i].value);
        CHECK_TRUE(holds(carried[i].want));
        CHECK_EQ(request->dropped_count, 0);
    }
    static const struct {
        enum canon_field field;
        const char *name;
    } dropped[] = {
        {CANON_FIELD_SEED, "seed"},
        {CANON_FIELD_PRESENCE_PENALTY, "presence_penalty"},
        {CANON_FIELD_FREQUENCY_PENALTY, "frequency_penalty"},
        {CANON_FIELD_REPETITION_PENALTY, "repetition_penalty"},
        {CANON_FIELD_LOGIT_BIAS, "logit_bias"},
        {CANON_FIELD_METADATA, "metadata"},
        {CANON_FIELD_VERBOSITY, "verbosity"},
        {CANON_FIELD_PREDICTION, "prediction"},
        {CANON_FIELD_AUDIO, "audio"},
        {CANON_FIELD_WEB_SEARCH, "web_search_options"},
        {CANON_FIELD_SAFETY, "safetySettings"},
        {CANON_FIELD_SERVICE_TIER, "service_tier"},
    };
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
        set_field(dropped[i].field, "\"flex\"");
        CHECK_TRUE(holds("}]}]}"));
        CHECK_TRUE(was_dropped(dropped[i].name));
    }
    static const struct {
        enum canon_field field;
        const char *value, *param;
    } refused[] = {
        {CANON_FIELD_N, "2", "n"},
        {CANON_FIELD_LOGPROBS, "true", "logprobs"},
        {CANON_FIELD_MODALITIES, "[\"text\",\"audio\"]", "modalities"},
        {CANON_FIELD_CACHED_CONTENT, "\"c\"", "cachedContent"},
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        set_field(refused[i].field, refused[i].value);
        must_refuse(refused[i].param);
    }
    begin();
    request->kind = CANON_EMBED;
    must_refuse("model");
}

/* ---- thinking ---- */

static void
think(const char *model, enum canon_effort effort, uint64_t max_tokens)
{
    begin();
    say(CANON_USER, "q");
    target.model = str_from(model);
    target.max_tokens = max_tokens;
    request->effort = (uint8_t)effort;
}

TEST(newer_models_think_by_effort_older_ones_by_budget)
{
    static const struct {
        const char *model;
        bool by_budget;
    } cases[] = {
        {"claude-opus-4-8", false},
        {"claude-sonnet-4-6", false},
        {"claude-fable-5", false},
        {"claude-haiku-4-10-20270101", false},
        {"anything", false},
        {"claude-latest", false},
        {"claude-haiku-4-5-20251001", true},
        {"claude-opus-4-1", true},
        {"claude-sonnet-4-20250514", true},
        {"claude-3-7-sonnet-20250219", true},
        {"claude-3.5-haiku", true},
        {"anthropic/claude-opus-4.5", true},
        {"us.anthropic.claude-sonnet-4-20250514-v1:0", true},
        {"claude-haiku-4-5@20251001", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        think(cases[i].model, CANON_EFFORT_MEDIUM, 64000);
        const char *want =
            cases[i].by_budget
                ? "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}}"
                : "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{"
                  "\"effort\":\"medium\"}}";
        if (!holds(want))
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].model,
                      buf_cstr(&out));
    }
    think("m", CANON_EFFORT_MEDIUM, 64000);
    target.quirks = QUIRK_BUDGET_THINKING;
    CHECK_TRUE(holds("\"budget_tokens\":8192"));
}

TEST(efforts_and_budgets)
{
    // clang-format off
    static const struct {
        uint8_t effort, thinking;
        int64_t budget;
        uint64_t max_tokens;
        const char *adaptive, *by_budget; /* NULL: no thinking at all */
    } cases[] = {
        {CANON_EFFORT_NONE, 0, 0, 64000, "\"type\":\"disabled\"", "\"type\":\"disabled\""},
        {CANON_EFFORT_MINIMAL, 0, 0, 64000, "\"effort\":\"low\"", "\"budget_tokens\":1024}"},
        {CANON_EFFORT_LOW, 0, 0, 64000, "\"effort\":\"low\"", "\"budget_tokens\":2048}"},
        {CANON_EFFORT_HIGH, 0, 0, 64000, "\"effort\":\"high\"", "\"budget_tokens\":16384}"},
        {CANON_EFFORT_XHIGH, 0, 0, 64000, "\"effort\":\"xhigh\"", "\"budget_tokens\":32768}"},
        {CANON_EFFORT_UNSET, CANON_NO, 0, 64000, "\"type\":\"disabled\"", "\"type\":\"disabled\""},
        {CANON_EFFORT_UNSET, CANON_YES, -1, 64000, "{\"type\":\"adaptive\"}}", "\"budget_tokens\":8192}"},
        {CANON_EFFORT_UNSET, 0, 3000, 64000, "\"effort\":\"medium\"", "\"budget_tokens\":3000}"},
        {CANON_EFFORT_UNSET, 0, 5, 64000, "\"effort\":\"low\"", "\"budget_tokens\":1024}"},
        /* never more than leaves a quarter for the answer; never a higher bound */
        {CANON_EFFORT_HIGH, 0, 0, 4096, "\"effort\":\"high\"", "\"budget_tokens\":3072}"},
        {CANON_EFFORT_HIGH, 0, 0, 1000, "\"effort\":\"high\"", NULL},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int by_budget = 0; by_budget < 2; by_budget++) {
            think("m", (enum canon_effort)cases[i].effort, cases[i].max_tokens);
            target.quirks = by_budget ? QUIRK_BUDGET_THINKING : 0;
            request->thinking = cases[i].thinking;
            request->thinking_budget = cases[i].budget;
            const char *want =
                by_budget ? cases[i].by_budget : cases[i].adaptive;
            bool good = want != NULL ? holds(want) : !holds("thinking");
            if (!good)
                test_fail(__FILE__, __LINE__, "%zu: %s", i, buf_cstr(&out));
            if (want == NULL)
                CHECK_TRUE(was_dropped("reasoning_effort"));
            char bound[40];
            snprintf(bound, sizeof(bound), "\"max_tokens\":%llu,",
                     (unsigned long long)cases[i].max_tokens);
            CHECK_TRUE(holds(bound));
        }
    think("m", CANON_EFFORT_LOW, 64000);
    request->show_thinking = CANON_YES;
    CHECK_TRUE(holds("{\"type\":\"adaptive\",\"display\":\"summarized\"}"));
}

TEST(what_thinking_excludes)
{
    think("m", CANON_EFFORT_LOW, 64000);
    request->fields[CANON_FIELD_TEMPERATURE] = STR_LIT("0.5");
    request->fields[CANON_FIELD_TOP_P] = STR_LIT("0.5");
    request->fields[CANON_FIELD_TOP_K] = STR_LIT("5");
    CHECK_TRUE(!holds("temperature") && !holds("top_"));
    CHECK_TRUE(was_dropped("temperature") && was_dropped("top_p") &&
               was_dropped("top_k"));
    think("m", CANON_EFFORT_LOW, 64000);
    add_tool("f");
    request->tool_choice = CANON_CHOICE_REQUIRED;
    must_refuse("tool_choice");
    request->tool_choice = CANON_CHOICE_AUTO;
    CHECK_TRUE(holds("adaptive"));
    say(CANON_ASSISTANT, "prefill");
    must_refuse("messages");
    request->effort = CANON_EFFORT_UNSET;
    CHECK_TRUE(holds("prefill"));
}

TEST(a_loop_of_tools_whose_thoughts_are_lost_goes_on_without)
{
    for (int kept = 0; kept < 2; kept++) {
        think("m", CANON_EFFORT_LOW, 64000);
        target.quirks = QUIRK_BUDGET_THINKING;
        canon_message_add(request, CANON_ASSISTANT);
        if (kept)
            canon_part_add(request, CANON_THINKING)->signature = STR_LIT("S");
        canon_part_add(request, CANON_TOOL_CALL)->id = STR_LIT("t");
        canon_message_add(request, CANON_USER);
        canon_part_add(request, CANON_TOOL_RESULT)->id = STR_LIT("t");
        CHECK_EQ(holds("budget_tokens"), kept);
        CHECK_EQ(was_dropped("reasoning_effort"), !kept);
    }
    /* a new turn of the user: those thoughts are of no use any more */
    say(CANON_ASSISTANT, "done");
    say(CANON_USER, "next");
    request->dropped_count = 0;
    CHECK_TRUE(holds("budget_tokens"));
}
