/*
 * test_dialect_anthropic_request.c - Messages requests: what they must be, what
 * is read from them for the lease, their splices, and the canonical request
 * that they are read as.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/dialect.h"

// clang-format off
#define BODY(rest) "{\"model\":\"m\",\"max_tokens\":9," rest "}"
#define USER(content) BODY("\"messages\":[{\"role\":\"user\",\"content\":" content "}]")
// clang-format on

static struct call
scanned_at(uint8_t endpoint, const char *body)
{
    struct call call = {0};
    struct fault fault = {0};
    if (dialect_anthropic.scan(str_from(body), endpoint, &call, &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: refused: %s", body, fault.message);
    return call;
}

static struct call
scanned(const char *body)
{
    return scanned_at(ENDPOINT_MESSAGES, body);
}

/* ---- the scan ---- */

TEST(what_decides_the_cost_is_read_strictly)
{
    // clang-format off
    static const struct {
        const char *body, *code, *param;
    } cases[] = {
        {"x", "invalid_json", NULL},
        {"{\"model\":\"m\",\"max_tokens\":1", "invalid_json", NULL},
        {BODY("\"messages\":[{]"), "invalid_json", NULL},
        {BODY("\"messages\":[{\"source\":{\"data\":}}]"), "invalid_json", NULL},
        {BODY("\"messages\":[{\"input\":{\"a\"}}]"), "invalid_json", NULL},
        {BODY("\"system\":[1,]"), "invalid_json", NULL},
        {"{\"max_tokens\":1}", "model_required", "model"},
        {"{\"max_tokens\":1,\"model\":null}", "model_required", "model"},
        {"{\"model\":\"m\"}", "max_tokens_required", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":null}", "invalid_type", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":0}", "invalid_value", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":1.5}", "invalid_value", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":\"9\"}", "invalid_type", "max_tokens"},
        {BODY("\"max_tokens\":99999"), "duplicate_member", "max_tokens"},
        {BODY("\"model\":\"dear\""), "duplicate_member", "model"},
        {BODY("\"stream\":true,\"stream\":false"), "duplicate_member", "stream"},
        {BODY("\"stream\":1"), "invalid_type", "stream"},
        {BODY("\"Max_Tokens\":99999"), "ambiguous_member", NULL},
        {BODY("\"max_to\\u212aens\":99999"), "ambiguous_member", NULL},
        {BODY("\"model\\u0000\":\"x\""), "ambiguous_member", NULL},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call = {0};
        struct fault fault = {0};
        if (dialect_anthropic.scan(str_from(cases[i].body), ENDPOINT_MESSAGES,
                                   &call, &fault) != -1) {
            test_fail(__FILE__, __LINE__, "admitted: %s", cases[i].body);
            continue;
        }
        CHECK_EQ(fault.status, 400);
        if (strcmp(fault.code, cases[i].code) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].body, fault.code);
        if (cases[i].param != NULL)
            CHECK_STR(str_from(fault.param), cases[i].param);
    }
}

TEST(a_count_of_tokens_needs_no_bound_of_its_output)
{
    struct call call = scanned_at(ENDPOINT_COUNT_TOKENS,
                                  "{\"model\":\"m\",\"messages\":[{\"role\":"
                                  "\"user\",\"content\":\"x\"}]}");
    CHECK_EQ(call.max_tokens, 0);
    CHECK_EQ(call.messages, 1);
    call = scanned_at(ENDPOINT_COUNT_TOKENS,
                      BODY("\"stream\":true,\"messages\":[]"));
    CHECK_EQ(call.max_tokens, 0);
    CHECK_TRUE(!call.stream);
}

TEST(a_call_says_what_it_asks_for)
{
    struct call call = scanned(BODY(
        "\"stream\":true,\"system\":[{\"type\":\"text\",\"text\":\"12345\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"1234567890\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
        "\"text\":\"123\"}]}],"
        "\"tools\":[{\"name\":\"f\"},{\"name\":\"g\"}]"));
    CHECK_STR(str_from(call.model), "m");
    CHECK_EQ(call.max_tokens, 9);
    CHECK_TRUE(call.stream);
    CHECK_EQ(call.n, 1);
    CHECK_EQ(call.messages, 3);
    CHECK_EQ(call.tools, 2);
    CHECK_TRUE(call.text_bytes >= 18);
    CHECK_TRUE(call.prompt_bound >= 18 + 1024 + 3 * 16 + 2 * 16);
}

/* A body with 3,000 bytes in the place of %s. */
static struct call
with_bytes(const char *format)
{
    static char body[8000];
    const char *place = strstr(format, "%s");
    size_t before = (size_t)(place - format);
    memcpy(body, format, before);
    memset(body + before, 'A', 3000);
    strcpy(body + before + 3000, place + 2);
    return scanned(body);
}

TEST(bytes_of_media_are_no_text)
{
    static const struct {
        const char *body;
        uint32_t images, files;
        bool is_text;
        uint64_t bound; /* at least */
    } cases[] = {
        // clang-format off
        {USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"%s\"}}]"), 1, 0, false, 6000},
        {USER("[{\"source\":{\"data\":\"%s\",\"media_type\":\"image/png\",\"type\":\"base64\"},\"type\":\"image\"}]"), 1, 0, false, 6000},
        {USER("[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"%s\"}}]"), 0, 1, false, 6750},
        {USER("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"%s\"}}]}]"), 1, 0, false, 6000},
        /* what is no image may be text, and each byte of it a token */
        {USER("[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"text/csv\",\"data\":\"%s\"}}]"), 0, 1, false, 9000},
        {USER("[{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"%s\"}}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"text\",\"text\":\"%s\"}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"text\",\"text\":\"data:image/png;base64,%s\"}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"document\",\"title\":\"%s\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]"), 0, 1, true, 53000},
        /* text that is dressed as media */
        {USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"type\":\"text\",\"media_type\":\"image/png\",\"data\":\"%s\"}}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"media_type\":\"text/plain\",\"data\":\"%s\"}}]"), 0, 1, false, 9000},
        {USER("[{\"type\":\"tool_use\",\"input\":{\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"%s\"}}}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"tool_use\",\"input\":{\"%s\":1}}]"), 0, 0, true, 3000},
        {USER("[{\"type\":\"search_result\",\"source\":\"%s\"}]"), 0, 0, true, 3000},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call = with_bytes(cases[i].body);
        if (call.images != cases[i].images || call.files != cases[i].files ||
            (call.text_bytes >= 3000) != cases[i].is_text ||
            call.prompt_bound < cases[i].bound)
            test_fail(__FILE__, __LINE__,
                      "%zu: %u images, %u files, %llu bytes, bound %llu", i,
                      call.images, call.files,
                      (unsigned long long)call.text_bytes,
                      (unsigned long long)call.prompt_bound);
    }
}

TEST(a_link_is_an_image_only_where_nothing_contradicts_it)
{
    // clang-format off
    static const struct {
        const char *block;
        uint32_t images, files;
    } cases[] = {
        {"{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}", 1, 0},
        {"{\"source\":{\"url\":\"u\",\"type\":\"url\"},\"type\":\"image\"}", 1, 0},
        {"{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}", 1, 0},
        {"{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}", 0, 1},
        {"{\"type\":\"image\",\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}", 0, 1},
        {"{\"source\":{\"type\":\"url\",\"url\":\"u\"}}", 0, 1},
        {"{\"type\":\"image\",\"source\":{\"url\":\"u\"},\"source\":{\"url\":\"v\"}}", 2, 0},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[400];
        snprintf(body, sizeof(body), USER("[%s]"), cases[i].block);
        struct call call = scanned(body);
        if (call.images != cases[i].images || call.files != cases[i].files)
            test_fail(__FILE__, __LINE__, "%zu: %u images, %u files", i,
                      call.images, call.files);
    }
}

TEST(deep_content_is_walked_without_a_crash)
{
    char body[2000] = "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[";
    for (int i = 0; i < 60; i++)
        strcat(body, "{\"source\":{\"a\":");
    strcat(body, "1");
    for (int i = 0; i < 60; i++)
        strcat(body, "}}");
    strcat(body, "]}");
    scanned(body);
}

/* ---- splices ---- */

static const char *
spliced(const char *body, const struct rewrite *rewrite)
{
    static char out[2000];
    static struct splices splices;
    struct call call = scanned(body);
    size_t from = 0, len = 0;
    dialect_anthropic.rewrite(str_from(body), &call, rewrite, &splices);
    for (uint32_t i = 0; i < splices.count; i++) {
        const struct splice *s = &splices.items[i];
        memcpy(out + len, body + from, s->off - from);
        len += s->off - from;
        memcpy(out + len, splices.text + s->text_off, s->text_len);
        len += s->text_len;
        from = s->off + s->len;
    }
    snprintf(out + len, sizeof(out) - len, "%s", body + from);
    return out;
}

TEST(a_body_is_changed_where_it_must_be_and_nowhere_else)
{
    const char *body = "{ \"max_tokens\" : 100,\"x\":\"\\ud83d\", \"model\":"
                       "\"a\",\"stream\":true}";
    struct rewrite none = {.want_usage = true};
    CHECK_STR(str_from(spliced(body, &none)), body);
    struct rewrite all = {.model = STR_LIT("b\"c"),
                          .max_tokens = 7,
                          .max_tokens_as_completion = true,
                          .want_usage = true};
    CHECK_STR(str_from(spliced(body, &all)),
              "{ \"max_tokens\" : 7,\"x\":\"\\ud83d\", \"model\":\"b\\\"c\","
              "\"stream\":true}");
}

/* ---- the canonical request ---- */

static struct canon_request *request;
static struct buf out;

static void
note_part(const struct canon_part *part)
{
    static const char *const kinds[] = {"text",    "image",    "audio",
                                        "file",    "thinking", "redacted",
                                        "refusal", "call",     "result"};
    static const char *const sources[] = {"base64", "url", "id", "plain"};
    buf_printf(&out, " %s(", kinds[part->kind]);
    if (part->kind == CANON_IMAGE || part->kind == CANON_FILE)
        buf_printf(&out, "%s %.*s ", sources[part->source],
                   STR_ARG(part->media_type));
    if (part->is_error)
        buf_printf(&out, "error ");
    if (part->children > 0)
        buf_printf(&out, "%u: ", part->children);
    buf_printf(&out, "%.*s%.*s", STR_ARG(part->id), STR_ARG(part->text));
    buf_printf(&out, "%.*s", STR_ARG(part->data));
    if (part->name.len > 0)
        buf_printf(&out, " %.*s", STR_ARG(part->name));
    if (part->arguments.len > 0)
        buf_printf(&out, " %.*s", STR_ARG(part->arguments));
    if (part->signature.len > 0)
        buf_printf(&out, " <%.*s>", STR_ARG(part->signature));
    if (part->cache_control.len > 0)
        buf_printf(&out, " cached");
    buf_printf(&out, ")");
}

static const char *
messages_read(void)
{
    buf_reset(&out);
    for (uint32_t m = 0; m < request->message_count; m++) {
        const struct canon_message *message = &request->messages[m];
        buf_printf(&out, "%s%c", m > 0 ? " " : "", "SUA"[message->role]);
        for (uint32_t i = 0; i < message->part_count; i++)
            note_part(&request->parts[message->first_part + i]);
    }
    return buf_cstr(&out);
}

static int
read_body(const char *body, struct fault *fault)
{
    struct call call = scanned(body);
    if (request == NULL)
        request = canon_request_create();
    canon_request_reset(request);
    return dialect_anthropic.read_request(str_from(body), &call, request,
                                          fault);
}

static void
must_read(const char *body)
{
    struct fault fault = {0};
    if (read_body(body, &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", body, fault.message);
}

TEST(messages_and_blocks_become_messages_and_parts)
{
    // clang-format off
    static const struct {
        const char *body, *want;
    } cases[] = {
        {USER("\"a\\u00e9\""), "U text(a\\u00e9)"},
        {USER("[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"},\"citations\":[]},{\"text\":\"b\",\"type\":\"text\",\"cache_control\":null}]"),
         "U text(a cached) text(b)"},
        {BODY("\"messages\":[{\"content\":\"u\",\"role\":\"user\"},{\"role\":\"assistant\",\"content\":\"a\"}],\"system\":\"s\""),
         "S text(s) U text(u) A text(a)"},
        {BODY("\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},{\"type\":\"text\",\"text\":\"t\"}],\"messages\":[]"),
         "S text(s cached) text(t)"},
        {BODY("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":\"s\"}]"), "U text(u) S text(s)"},
        {USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AA\"}},"
              "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}},{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f1\"}}]"),
         "U image(base64 image/png AA) image(url  https://x) image(id  f1)"},
        {USER("[{\"type\":\"document\",\"title\":\"T\",\"context\":\"C\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"AA\"}},"
              "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"words\"}},"
              "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}},"
              "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":\"y\"}}]"),
         "U text(C) file(base64 application/pdf AA T) file(plain text/plain words) text(x) text(y)"},
        {BODY("\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"S\"},{\"type\":\"redacted_thinking\",\"data\":\"D\"},"
              "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":1}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\"}]}]"),
         "A thinking(h <S>) redacted(D) call(t1 f {\"a\":1}) call(t2 g {})"},
        {USER("[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"r\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"is_error\":true,"
              "\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AA\"}}]},"
              "{\"type\":\"tool_result\",\"tool_use_id\":\"t3\"},{\"type\":\"text\",\"text\":\"and\"}]"),
         "U result(1: t1) text(r) result(error 2: t2) text(x) image(base64 image/png AA) result(t3) text(and)"},
        {USER("[{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"T\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]"), "U text(T) text(x)"},
        /* a result holds no calls; unknown blocks and nonsense are left out */
        {USER("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"tool_use\",\"id\":\"x\"}]},{\"type\":\"new\"},{\"type\":7},{}]"), "U result(t)"},
        {USER("[]"), "U"},
        {USER("null"), "U"},
        {BODY("\"messages\":[]"), ""},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        must_read(cases[i].body);
        CHECK_STR(str_from(messages_read()), cases[i].want);
    }
}

TEST(children_are_counted_when_parts_have_moved)
{
    static char body[20000];
    strcpy(body, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":"
                 "\"user\",\"content\":[{\"type\":\"tool_result\","
                 "\"tool_use_id\":\"t\",\"content\":[");
    for (int i = 0; i < 300; i++)
        strcat(body, i > 0 ? ",{\"type\":\"text\",\"text\":\"x\"}"
                           : "{\"type\":\"text\",\"text\":\"x\"}");
    strcat(body, "]}]}]}");
    must_read(body);
    CHECK_EQ(request->parts[0].children, 300);
    CHECK_EQ(request->messages[0].part_count, 301);
}

TEST(tools_and_their_choice)
{
    must_read(BODY("\"tools\":[{\"name\":\"f\",\"description\":\"d\","
                   "\"input_schema\":{\"type\":\"object\"},\"strict\":true,"
                   "\"cache_control\":{\"type\":\"ephemeral\"}},"
                   "{\"type\":\"custom\",\"name\":\"g\"}]"));
    CHECK_EQ(request->tool_count, 2);
    CHECK_STR(request->tools[0].name, "f");
    CHECK_STR(request->tools[0].description, "d");
    CHECK_STR(request->tools[0].schema, "{\"type\":\"object\"}");
    CHECK_STR(request->tools[0].strict, "true");
    CHECK_TRUE(request->tools[0].cache_control.len > 0);
    CHECK_EQ(request->tools[1].schema.len, 0);
    CHECK_EQ(request->tool_choice, CANON_CHOICE_DEFAULT);
    static const struct {
        const char *choice;
        uint8_t kind, parallel;
    } cases[] = {
        {"{\"type\":\"auto\"}", CANON_CHOICE_AUTO, CANON_UNSET},
        {"{\"type\":\"any\",\"disable_parallel_tool_use\":true}",
         CANON_CHOICE_REQUIRED, CANON_NO},
        {"{\"type\":\"none\"}", CANON_CHOICE_NONE, CANON_UNSET},
        {"{\"type\":\"tool\",\"name\":\"f\","
         "\"disable_parallel_tool_use\":false}",
         CANON_CHOICE_NAMED, CANON_YES},
        {"{\"type\":\"new\"}", CANON_CHOICE_DEFAULT, CANON_UNSET},
        {"null", CANON_CHOICE_DEFAULT, CANON_UNSET},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[300];
        snprintf(body, sizeof(body), BODY("\"tool_choice\":%s"),
                 cases[i].choice);
        must_read(body);
        CHECK_EQ(request->tool_choice, cases[i].kind);
        CHECK_EQ(request->parallel_tools, cases[i].parallel);
        if (cases[i].kind == CANON_CHOICE_NAMED)
            CHECK_STR(request->tool_choice_names[0], "f");
    }
}

TEST(thinking_and_effort)
{
    // clang-format off
    static const struct {
        const char *members;
        uint8_t thinking, effort, show;
        int64_t budget;
    } cases[] = {
        {"\"x\":1", CANON_UNSET, CANON_EFFORT_UNSET, CANON_UNSET, 0},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}", CANON_YES, CANON_EFFORT_UNSET, CANON_UNSET, 2048},
        {"\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}", CANON_YES, CANON_EFFORT_UNSET, CANON_NO, -1},
        {"\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{\"effort\":\"max\"}", CANON_YES, CANON_EFFORT_XHIGH, CANON_YES, -1},
        {"\"thinking\":{\"type\":\"disabled\"}", CANON_NO, CANON_EFFORT_UNSET, CANON_UNSET, 0},
        {"\"output_config\":{\"effort\":\"low\"}", CANON_UNSET, CANON_EFFORT_LOW, CANON_UNSET, 0},
        {"\"thinking\":null,\"output_config\":null", CANON_UNSET, CANON_EFFORT_UNSET, CANON_UNSET, 0},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":-5}", CANON_YES, CANON_EFFORT_UNSET, CANON_UNSET, -1},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[300];
        snprintf(body, sizeof(body), BODY("%s"), cases[i].members);
        must_read(body);
        CHECK_EQ(request->thinking, cases[i].thinking);
        CHECK_EQ(request->effort, cases[i].effort);
        CHECK_EQ(request->show_thinking, cases[i].show);
        CHECK_EQ(request->thinking_budget, cases[i].budget);
    }
}

TEST(a_schema_is_strict_when_openai_would_take_it)
{
    // clang-format off
    static const struct {
        const char *schema;
        const char *strict;
    } cases[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"],\"additionalProperties\":false}", "true"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[],\"additionalProperties\":false}", "false"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}", "false"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}},\"required\":[\"a\"],\"additionalProperties\":false}", "false"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"null\"},{\"properties\":{\"b\":{}}}]}},\"required\":[\"a\"],\"additionalProperties\":false}", "false"},
        {"{\"$defs\":{\"x\":{\"type\":\"object\"}},\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/x\"}}", "false"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "true"},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[600];
        snprintf(body, sizeof(body),
                 i % 2 == 0 ? BODY("\"output_config\":{\"format\":{\"type\":"
                                   "\"json_schema\",\"schema\":%s}}")
                            : BODY("\"output_format\":{\"type\":"
                                   "\"json_schema\",\"schema\":%s}"),
                 cases[i].schema);
        must_read(body);
        CHECK_EQ(request->format, CANON_FORMAT_SCHEMA);
        CHECK_STR(request->schema, cases[i].schema);
        CHECK_STR(request->schema_name, "response");
        CHECK_STR(request->schema_strict, cases[i].strict);
    }
}

TEST(the_rest_of_the_members)
{
    must_read(BODY("\"stream\":true,\"temperature\":0.70,\"top_p\":0.9,"
                   "\"top_k\":5,\"stop_sequences\":[\"a\",\"\",\"b\\n\"],"
                   "\"metadata\":{\"user_id\":\"u1\"},"
                   "\"service_tier\":\"standard_only\""));
    CHECK_TRUE(request->stream);
    CHECK_EQ(request->max_tokens, 9);
    CHECK_STR(request->fields[CANON_FIELD_TEMPERATURE], "0.70");
    CHECK_STR(request->fields[CANON_FIELD_TOP_P], "0.9");
    CHECK_STR(request->fields[CANON_FIELD_TOP_K], "5");
    CHECK_STR(request->fields[CANON_FIELD_USER], "\"u1\"");
    CHECK_STR(request->fields[CANON_FIELD_SERVICE_TIER], "\"standard_only\"");
    CHECK_EQ(request->stop_count, 2);
    CHECK_STR(request->stops[1], "b\\n");
    CHECK_EQ(request->dropped_count, 0);
}

TEST(what_is_dropped_is_told_and_can_be_a_header)
{
    must_read(BODY("\"context_management\":{},\"cache_control\":{\"type\":"
                   "\"ephemeral\"},\"inference_geo\":null,"
                   "\"new\\r\\nset-cookie\":1,"
                   "\"messages\":[{\"role\":\"assistant\",\"content\":["
                   "{\"type\":\"server_tool_use\"},"
                   "{\"type\":\"web_search_tool_result\"}]}]"));
    CHECK_EQ(request->dropped_count, 4);
    CHECK_STR(str_from(request->dropped[0]), "context_management");
    CHECK_STR(str_from(request->dropped[1]), "cache_control");
    CHECK_STR(str_from(request->dropped[2]), "new_r_nset_cookie");
    CHECK_STR(str_from(request->dropped[3]), "server_tool_use");
}

TEST(what_only_anthropic_can_do_is_refused)
{
    static const struct {
        const char *body, *param;
    } cases[] = {
        {BODY("\"tools\":[{\"type\":\"web_search_20250305\","
              "\"name\":\"web_search\"}]"),
         "tools"},
        {BODY("\"mcp_servers\":[{\"url\":\"u\"}]"), "mcp_servers"},
        {BODY("\"container\":\"c\""), "container"},
        {USER("[{\"type\":\"image\"}]"), "messages"},
        {BODY("\"messages\":{}"), "messages"},
        {BODY("\"messages\":[{\"content\":\"x\"}]"), "messages"},
        {BODY("\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]"),
         "messages"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault = {0};
        if (read_body(cases[i].body, &fault) != -1) {
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i].body);
            continue;
        }
        CHECK_EQ(fault.status, 400);
        CHECK_STR(str_from(fault.code), "unsupported_parameter");
        CHECK_STR(str_from(fault.param), cases[i].param);
    }
    must_read(BODY("\"mcp_servers\":[],\"container\":null"));
}
