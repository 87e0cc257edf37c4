/*
 * test_dialect_responses_request.c - request bodies of the Responses dialect:
 * what the scan finds and refuses, what a splice makes of them, what they are as
 * canonical requests, and how a canonical request goes to such a provider.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/dialect/responses_part.h"
#include "worker/provider/provider.h"

/* ---- the scan ---- */

static struct call
scanned(const char *body)
{
    struct call call = {0};
    struct fault fault = {0};
    if (dialect_responses.scan(str_from(body), ENDPOINT_RESPONSES, &call,
                               &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: refused: %s", body, fault.message);
    return call;
}

TEST(a_scan_finds_what_decides_and_what_is_spliced)
{
    const char *body = "{\"model\":\"m\\u00e9\",\"stream\":true,"
                       "\"max_output_tokens\":77,\"input\":\"hi\"}";
    struct call call = scanned(body);
    CHECK_STR(str_make(call.model, call.model_len), "m\xc3\xa9");
    CHECK_TRUE(call.stream && call.n == 1);
    CHECK_EQ(call.max_tokens, 77);
    CHECK_STR(
        str_make(body + call.max_tokens_value.off, call.max_tokens_value.len),
        "77");
    CHECK_EQ(call.messages, 1);
    CHECK_EQ(call.endpoint, ENDPOINT_RESPONSES);
    CHECK_EQ(scanned("{\"model\":\"m\",\"max_output_tokens\":null}").max_tokens,
             0);
}

TEST(a_scan_refuses_what_two_readers_may_understand_differently)
{
    static const struct {
        const char *body, *code;
        uint16_t status;
    } cases[] = {
        {"", "invalid_json", 422},
        {"[]", "invalid_json", 422},
        {"{\"model\":\"m\"", "invalid_json", 400},
        {"{\"input\":\"x\"}", "model_required", 400},
        {"{\"model\":7}", "model_required", 400},
        {"{\"model\":\"a\",\"model\":\"b\"}", "duplicate_member", 400},
        {"{\"model\":\"a\",\"Max_output_tokens\":5}", "ambiguous_member", 400},
        {"{\"model\":\"a\",\"max_output_tokens\":0}", "invalid_value", 400},
        {"{\"model\":\"a\",\"max_output_tokens\":1e3}", "invalid_value", 400},
        {"{\"model\":\"a\",\"max_output_tokens\":\"9\"}", "invalid_type", 400},
        {"{\"model\":\"a\",\"stream\":\"yes\"}", "invalid_type", 400},
        {"{\"model\":\"a\",\"background\":true}", "unsupported_parameter", 400},
        {"{\"model\":\"a\",\"background\":false,\"background\":true}",
         "duplicate_member", 400},
        {"{\"model\":\"a\",\"input\":[{\"content\":[{]}", "invalid_json", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call = {0};
        struct fault fault = {0};
        int rc = dialect_responses.scan(str_from(cases[i].body),
                                        ENDPOINT_RESPONSES, &call, &fault);
        if (rc != -1 || strcmp(fault.code, cases[i].code) != 0 ||
            fault.status != cases[i].status)
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].body, rc,
                      rc == 0 ? "" : fault.code);
    }
    scanned("{\"model\":\"a\",\"background\":true,\"stream\":true}");
    scanned("{\"model\":\"a\",\"background\":null,\"stream\":null}");
}

/* Bounds of what is in `input` alone. */
TEST(input_is_bounded_by_its_bytes_and_media_by_what_they_cost)
{
    static const struct {
        const char *members;
        uint64_t text, least, most; /* visible bytes; bound */
        uint32_t messages, images, audios, files;
    } cases[] = {
        {"\"input\":\"12345678\"", 8, 8, 400, 1, 0, 0, 0},
        {"\"instructions\":\"1234\",\"input\":\"1234\"", 8, 8, 400, 2, 0, 0, 0},
        {"\"input\":[{\"role\":\"user\",\"content\":\"12345678\"}]", 8, 8, 400,
         1, 0, 0, 0},
        {"\"input\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"user\","
         "\"status\":\"completed\",\"content\":[{\"type\":\"output_text\","
         "\"annotations\":[{\"file_id\":\"f\"}],\"text\":\"12345678\"}]}]",
         8, 8, 500, 1, 0, 0, 0},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
         "\"image_url\":\"data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAA\"}"
         "]}]",
         0, 6000, 6500, 1, 1, 0, 0},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
         "\"file_id\":\"f-1\"}]}]",
         0, 6000, 6500, 1, 1, 0, 0},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"file_id\":\"f-1\","
         "\"type\":\"input_image\"}]}]",
         0, 50000, 50500, 1, 0, 0, 1},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\","
         "\"file_id\":\"f-1\"}]}]",
         0, 50000, 50500, 1, 0, 0, 1},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\","
         "\"filename\":\"a\",\"file_data\":\"data:application/pdf;base64,A\"}]}"
         "]",
         1, 6000, 6500, 1, 0, 0, 1},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
         "\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}}]}]",
         0, 256, 800, 1, 0, 1, 0},
        {"\"input\":[{\"type\":\"image_generation_call\",\"id\":\"ig\","
         "\"result\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]",
         0, 6000, 6500, 1, 1, 0, 0},
        {"\"input\":[{\"type\":\"reasoning\",\"summary\":[],"
         "\"encrypted_content\":\"12345678\"}]",
         0, 8, 400, 1, 0, 0, 0},
        {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\","
         "\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":"
         "\"function_call_output\",\"call_id\":\"c\",\"output\":\"12345\"}]",
         8, 8, 500, 2, 0, 0, 0},
        {"\"previous_response_id\":\"resp_1\"", 0, 100000, 101000, 0, 0, 0, 0},
        {"\"previous_response_id\":null", 0, 1, 400, 0, 0, 0, 0},
        {"\"conversation\":{\"id\":\"c\"},\"prompt\":{\"id\":\"p\"}", 0, 200000,
         201000, 0, 0, 0, 0},
        {"\"user\":\"1234567890\",\"metadata\":{\"a\":\"1234567890\"}", 0, 1,
         260, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[1024];
        snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", cases[i].members);
        struct call call = scanned(body);
        if (call.text_bytes != cases[i].text ||
            call.prompt_bound < cases[i].least ||
            call.prompt_bound > cases[i].most ||
            call.messages != cases[i].messages ||
            call.images != cases[i].images || call.audios != cases[i].audios ||
            call.files != cases[i].files)
            test_fail(__FILE__, __LINE__,
                      "%s: text %llu bound %llu, %u %u %u %u", body,
                      (unsigned long long)call.text_bytes,
                      (unsigned long long)call.prompt_bound, call.messages,
                      call.images, call.audios, call.files);
    }
}

/* Where an item or a part has no media, names of media are text like any. */
TEST(names_of_media_elsewhere_are_text)
{
    enum { TEXT = 100000 };
    static const struct {
        const char *before, *behind;
        uint32_t images;
    } cases[] = {
        {"{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
         "{\"result\":\"",
         "\"}}", 0},
        {"{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
         "{\"type\":\"computer_screenshot\",\"image_url\":\"data:",
         "\"}}", 0},
        {"{\"output\":{\"image_url\":\"data:",
         "\"},\"call_id\":\"c\","
         "\"type\":\"function_call_output\"}",
         0},
        /* the last type counts for one reader, the first for another */
        {"{\"type\":\"computer_call_output\",\"output\":{\"image_url\":"
         "\"data:",
         "\"},\"type\":\"function_call_output\"}", 1},
        {"{\"type\":\"computer_call_output\",\"output\":{\"image_url\":"
         "\"data:",
         "\"},\"output\":null,\"type\":\"x\"}", 1},
        {"{\"type\":\"local_shell_call\",\"call_id\":\"c\",\"action\":"
         "{\"image_url\":\"data:",
         "\"}}", 0},
        {"{\"type\":\"local_shell_call\",\"call_id\":\"c\",\"action\":"
         "{\"id\":\"",
         "\"}}", 0},
        {"{\"type\":\"local_shell_call\",\"call_id\":\"c\",\"action\":{\"",
         "\":1}}", 0},
        {"{\"type\":\"apply_patch_call\",\"call_id\":\"c\",\"operation\":"
         "{\"content\":[{\"type\":\"input_image\",\"image_url\":\"data:",
         "\"}]}}", 0},
        {"{\"type\":\"shell_call_output\",\"call_id\":\"c\",\"output\":"
         "[{\"image_url\":\"data:",
         "\"}]}", 0},
        {"{\"type\":\"additional_tools\",\"tools\":[{\"image_url\":\"data:",
         "\"}]}", 0},
        {"{\"type\":\"message\",\"role\":\"user\",\"result\":\"", "\"}", 0},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
         "{\"image_url\":\"data:",
         "\"}}]}", 0},
        {"{\"role\":\"user\",\"content\":[{\"result\":\"", "\"}]}", 0},
    };
    char *body = malloc(TEXT + 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int len =
            sprintf(body, "{\"model\":\"m\",\"input\":[%s", cases[i].before);
        memset(body + len, 'a', TEXT);
        sprintf(body + len + TEXT, "%s]}", cases[i].behind);
        struct call call = scanned(body);
        if (call.prompt_bound < TEXT || call.prompt_estimate < TEXT / 5 ||
            call.prompt_bound > TEXT + 8000 || call.images != cases[i].images)
            test_fail(__FILE__, __LINE__, "%s: bound %llu estimate %llu, %u",
                      cases[i].before, (unsigned long long)call.prompt_bound,
                      (unsigned long long)call.prompt_estimate, call.images);
    }
    free(body);
}

/* ... and where they have some, they are not. */
TEST(media_of_outputs_are_media)
{
    enum { DATA = 100000 };
    static const struct {
        const char *before, *behind;
    } cases[] = {
        {"{\"type\":\"computer_call_output\",\"output\":{\"type\":"
         "\"computer_screenshot\",\"image_url\":\"data:",
         "\"}}"},
        {"{\"output\":{\"image_url\":\"data:",
         "\"},\"type\":\"computer_call_output\"}"},
        {"{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
         "[{\"type\":\"input_image\",\"image_url\":\"data:",
         "\"}]}"},
        {"{\"result\":\"", "\",\"type\":\"image_generation_call\"}"},
    };
    char *body = malloc(DATA + 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int len =
            sprintf(body, "{\"model\":\"m\",\"input\":[%s", cases[i].before);
        memset(body + len, 'a', DATA);
        sprintf(body + len + DATA, "%s]}", cases[i].behind);
        struct call call = scanned(body);
        CHECK_EQ(call.images, 1);
        CHECK_TRUE(call.prompt_bound < 8000);
    }
    free(body);
}

TEST(tools_are_counted_and_hosted_ones_may_add_what_they_find)
{
    struct call plain =
        scanned("{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"name\":"
                "\"f\",\"parameters\":{\"properties\":{\"type\":{}}}}]}");
    struct call hosted =
        scanned("{\"model\":\"m\",\"tools\":[{\"type\":\"web_search\"},7,"
                "{\"name\":\"x\",\"type\":\"code_interpreter\"}]}");
    CHECK_EQ(plain.tools, 1);
    CHECK_TRUE(plain.prompt_bound < 1300);
    CHECK_EQ(hosted.tools, 2);
    CHECK_TRUE(hosted.prompt_bound > 40000);
}

static void
check_spliced(const char *body, const struct rewrite *rewrite, const char *want)
{
    struct call call = scanned(body);
    struct splices splices;
    char out[512];
    size_t len = 0, at = 0;
    dialect_responses.rewrite(str_from(body), &call, rewrite, &splices);
    for (uint32_t i = 0; i < splices.count; i++) {
        const struct splice *splice = &splices.items[i];
        memcpy(out + len, body + at, splice->off - at);
        len += splice->off - at;
        memcpy(out + len, splices.text + splice->text_off, splice->text_len);
        len += splice->text_len;
        at = splice->off + splice->len;
    }
    memcpy(out + len, body + at, strlen(body) - at);
    CHECK_STR(str_make(out, len + strlen(body) - at), want);
}

TEST(splices_change_the_model_and_the_bound_and_nothing_else)
{
    const struct rewrite both = {
        .model = STR_LIT("up\"m"), .max_tokens = 9, .want_usage = true};
    const struct rewrite bound = {.max_tokens = 16};
    check_spliced("{\"input\":\"\\u0000\", \"model\" :\"m\"}", &both,
                  "{\"max_output_tokens\":9,\"input\":\"\\u0000\", \"model\" "
                  ":\"up\\\"m\"}");
    check_spliced("{\"max_output_tokens\": 100 ,\"model\":\"m\"}", &both,
                  "{\"max_output_tokens\": 9 ,\"model\":\"up\\\"m\"}");
    check_spliced("{\"model\":\"m\",\"max_output_tokens\":null}", &bound,
                  "{\"model\":\"m\",\"max_output_tokens\":16}");
    check_spliced("{ \"model\":\"m\"}", &(struct rewrite){0},
                  "{ \"model\":\"m\"}");
}

/* ---- there and back: read, and written for a provider of the dialect ---- */

static struct canon_request *request;
static struct buf written;

static void
start(void)
{
    if (request == NULL)
        request = canon_request_create();
    else
        canon_request_reset(request);
    buf_reset(&written);
}

static int
read_body(const char *body, struct fault *fault)
{
    struct call call = {0};
    start();
    *fault = (struct fault){0};
    if (dialect_responses.scan(str_from(body), ENDPOINT_RESPONSES, &call,
                               fault) != 0)
        test_fail(__FILE__, __LINE__, "not scanned: %s", fault->code);
    int rc =
        dialect_responses.read_request(str_from(body), &call, request, fault);
    CHECK_TRUE(!request->failed);
    return rc;
}

static int
write_body(const struct canon_target *target, struct fault *fault)
{
    int rc = dialect_responses.write_request(request, target, &written, fault);
    CHECK_TRUE(buf_ok(&written) && !request->failed);
    return rc;
}

static struct str
carried(const char *members)
{
    const struct canon_target target = {.model = STR_LIT("up")};
    struct fault fault;
    char body[4096];
    snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", members);
    if (read_body(body, &fault) != 0 || write_body(&target, &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", body, fault.message);
    return buf_view(&written);
}

#define INPUT(items) "{\"model\":\"up\",\"input\":[" items "],\"store\":false}"
#define USER(text)                                                             \
    "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"       \
    "\"" text "\"}]}"
#define ASSISTANT(text)                                                        \
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","          \
    "\"text\":\"" text "\"}]}"
#define CALL(id, name, arguments)                                              \
    "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name      \
    "\",\"arguments\":\"" arguments "\"}"
#define OUTPUT(id, text)                                                       \
    "{\"type\":\"function_call_output\",\"call_id\":\"" id                     \
    "\",\"output\":\"" text "\"}"

// clang-format off
static const struct {
    const char *members, *body;
} inputs[] = {
    {"\"input\":\"h\\u00e9\\n\"", INPUT(USER("h\\u00e9\\n"))},
    {"\"instructions\":\"be\",\"input\":\"x\"",
     INPUT("{\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"be\"}]}," USER("x"))},
    {"\"instructions\":null,\"input\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"system\",\"content\":\"s\"}]",
     INPUT("{\"role\":\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"d\"}]},"
           "{\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"s\"}]}")},
    {"\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"a\"},"
     "{\"type\":\"input_text\",\"text\":\"\"},{\"type\":\"input_text\",\"text\":\"b\"}]}]",
     INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"a\"},{\"type\":\"input_text\",\"text\":\"b\"}]}")},
    /* pictures, files, sound */
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA=\",\"detail\":\"low\"},"
     "{\"type\":\"input_image\",\"image_url\":{\"url\":\"https://a/b\"}},{\"type\":\"input_image\",\"file_id\":\"f1\",\"detail\":null}]}]",
     INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"detail\":\"low\",\"image_url\":\"data:image/png;base64,AA=\"},"
           "{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://a/b\"},{\"type\":\"input_image\",\"detail\":\"auto\",\"file_id\":\"f1\"}]}")},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,AA\"},"
     "{\"type\":\"input_file\",\"file_data\":\"QUFB\"},{\"type\":\"input_file\",\"file_url\":\"https://a/c\"},"
     "{\"type\":\"input_file\",\"file_id\":\"f2\"},{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"BB\",\"format\":\"mp3\"}}]}]",
     INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,AA\"},"
           "{\"type\":\"input_file\",\"filename\":\"file\",\"file_data\":\"data:application/pdf;base64,QUFB\"},"
           "{\"type\":\"input_file\",\"file_url\":\"https://a/c\"},{\"type\":\"input_file\",\"file_id\":\"f2\"},"
           "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"BB\",\"format\":\"mp3\"}}]}")},
    /* a turn with tools */
    {"\"input\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"t\",\"annotations\":[]}]},"
     "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"\\\\n\\\"}\",\"status\":\"completed\"},"
     "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r1\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\",\"text\":\"r2\"},{\"type\":\"input_image\",\"image_url\":\"https://i\"}]},"
     "{\"role\":\"user\",\"content\":\"n\"}]",
     INPUT(USER("q") "," ASSISTANT("t") "," CALL("c1", "f", "{\\\"a\\\":\\\"\\\\n\\\"}") "," CALL("c2", "g", "{}") "," OUTPUT("c1", "r1")
           ",{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\",\"text\":\"r2\"},"
           "{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://i\"}]}," USER("n"))},
    /* custom tools wrap their text; tools of a namespace carry its name */
    {"\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c1\",\"name\":\"apply_patch\",\"input\":\"*** \\\"x\\\"\\n\"},"
     "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c1\",\"output\":\"ok\"},"
     "{\"type\":\"function_call\",\"call_id\":\"c2\",\"namespace\":\"mcp__a__\",\"name\":\"f\",\"arguments\":\"{}\"},"
     "{\"type\":\"function_call\",\"call_id\":\"c3\",\"namespace\":\"b\",\"name\":\"f\",\"arguments\":\"{}\"}]",
     INPUT(CALL("c1", "apply_patch", "{\\\"input\\\":\\\"*** \\\\\\\"x\\\\\\\"\\\\n\\\"}") "," OUTPUT("c1", "ok") ","
           CALL("c2", "mcp__a__f", "{}") "," CALL("c3", "b__f", "{}"))},
    /* tools that the API names by the item's type */
    {"\"input\":[{\"type\":\"local_shell_call\",\"id\":\"ls\",\"call_id\":\"c1\",\"action\":{\"command\":[\"ls\"]},\"status\":\"completed\"},"
     "{\"type\":\"local_shell_call_output\",\"id\":\"c1\",\"output\":\"o\"},"
     "{\"type\":\"shell_call_output\",\"call_id\":\"c2\",\"output\":[{\"stdout\":\"s\"}]}]",
     INPUT(CALL("c1", "local_shell", "{\\\"command\\\":[\\\"ls\\\"]}") "," OUTPUT("c1", "o") "," OUTPUT("c2", "[{\\\"stdout\\\":\\\"s\\\"}]"))},
    /* what OpenAI encrypted would go back to it, were it not translated */
    {"\"input\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}]",
     INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}")},
    {"\"input\":[{\"type\":\"web_search_call\",\"id\":\"ws\",\"status\":\"completed\"},{\"role\":\"user\",\"content\":\"x\"}]", INPUT(USER("x"))},
    {"\"input\":[]", INPUT("")},
};
// clang-format on

TEST(input_items_are_read_and_written_again)
{
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
        CHECK_STR(carried(inputs[i].members), inputs[i].body);
}

#define REST(members)                                                          \
    "{\"model\":\"up\",\"input\":[" USER("x") "],\"store\":false," members "}"
#define PARAMETERS "\"parameters\":{\"type\":\"object\",\"properties\":{}}"
#define F_TOOL                                                                 \
    "\"tools\":[{\"type\":\"function\",\"name\":\"f\"," PARAMETERS             \
    ",\"strict\":false}]"

// clang-format off
static const struct {
    const char *members, *body, *dropped;
} members[] = {
    {"\"temperature\":0.5,\"top_p\":1e-1,\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"service_tier\":\"flex\",\"prompt_cache_key\":\"k\"",
     REST("\"temperature\":0.5,\"top_p\":1e-1,\"user\":\"u\",\"service_tier\":\"flex\",\"metadata\":{\"a\":\"b\"},\"prompt_cache_key\":\"k\""), ""},
    {"\"safety_identifier\":\"s\"", REST("\"user\":\"s\""), ""},
    {"\"user\":\"u\",\"safety_identifier\":\"s\"", REST("\"user\":\"u\""), ""},
    {"\"store\":true,\"truncation\":\"auto\",\"max_tool_calls\":3,\"moderation\":{},\"temperature\":1",
     REST("\"temperature\":1"), "moderation,max_tool_calls,store,truncation,"},
    {"\"store\":false,\"truncation\":\"disabled\",\"stream_options\":{},\"client_metadata\":{},\"new_thing\":1,\"other\":2,\"temperature\":1",
     REST("\"temperature\":1"), "unknown_members,"},
    {"\"include\":[\"reasoning.encrypted_content\",\"file_search_call.results\"],\"temperature\":1", REST("\"temperature\":1"), "include,"},
    {"\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":2",
     REST("\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":2"), ""},
    {"\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"low\"}",
     REST("\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"low\"}"), ""},
    {"\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"strict\":true,\"description\":\"d\",\"schema\":{\"type\":\"object\"}}}",
     REST("\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true}}"), ""},
    {"\"text\":{\"format\":{\"type\":\"text\"}},\"user\":\"u\"", REST("\"user\":\"u\""), ""},
    {"\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"}",
     REST("\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"]"), ""},
    {"\"reasoning\":{\"effort\":\"none\",\"summary\":null}", REST("\"reasoning\":{\"effort\":\"none\"}"), ""},
    {"\"reasoning\":{\"effort\":\"odd\"},\"user\":\"u\"", REST("\"user\":\"u\""), "reasoning.effort,"},
    {"\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"a\":1},\"strict\":true}],\"parallel_tool_calls\":false,\"tool_choice\":\"required\"",
     REST("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"a\":1},\"strict\":true}],"
          "\"tool_choice\":\"required\",\"parallel_tool_calls\":false"), ""},
    {"\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":null}],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}",
     REST(F_TOOL ",\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}"), ""},
    {"\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"web_search\"}]}",
     REST(F_TOOL ",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}"), ""},
    {"\"tools\":[{\"type\":\"web_search\"},{\"type\":\"web_search_preview\"},{\"type\":\"image_generation\"},{\"type\":\"tool_search\"}],\"tool_choice\":\"auto\",\"user\":\"u\"",
     REST("\"user\":\"u\""), "tools.web_search,tools.image_generation,tools.tool_search,"},
    {"\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"description\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}],"
     "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\",\"namespace\":\"n\"}",
     REST("\"tools\":[{\"type\":\"function\",\"name\":\"n__f\"," PARAMETERS ",\"strict\":false}],\"tool_choice\":{\"type\":\"function\",\"name\":\"n__f\"}"), ""},
    {"\"tools\":[{\"type\":\"custom\",\"name\":\"p\",\"description\":\"d\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"start: x\\n\"}}]",
     REST("\"tools\":[{\"type\":\"function\",\"name\":\"p\",\"description\":\"d\\n\\nThe input is one text of this grammar (lark):\\nstart: x\\n\","
          "\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],\"additionalProperties\":false},\"strict\":false}]"), ""},
};
// clang-format on

static struct str
dropped(void)
{
    static char names[512];
    size_t len = 0;
    for (uint32_t i = 0; i < request->dropped_count; i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s,",
                                request->dropped[i]);
    return str_make(names, len);
}

TEST(members_are_carried_or_told_as_dropped)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        char all[2048];
        snprintf(all, sizeof(all), "\"input\":\"x\",%s", members[i].members);
        CHECK_STR(carried(all), members[i].body);
        CHECK_STR(dropped(), members[i].dropped);
    }
}

// clang-format off
static const struct {
    const char *members, *param;
} refusals[] = {
    {"\"previous_response_id\":\"resp_1\"", "previous_response_id"},
    {"\"conversation\":\"conv_1\"", "conversation"},
    {"\"prompt\":{\"id\":\"p\"}", "prompt"},
    {"\"background\":true,\"stream\":true", "background"},
    {"\"input\":7", "input"},
    {"\"input\":[7]", "input"},
    {"\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]", "input"},
    {"\"input\":[{\"role\":\"user\",\"content\":7}]", "input"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}]", "input"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]", "input"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\"}]}]", "input"},
    {"\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]", "input"},
    {"\"input\":[{\"type\":\"compaction\",\"encrypted_content\":\"x\"}]", "input"},
    {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{\"}]", "input"},
    {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"[]\"}]", "input"},
    {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"arguments\":\"{}\"}]", "input"},
    {"\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"f\",\"input\":7}]", "input"},
    {"\"input\":[{\"type\":\"shell_call\",\"call_id\":\"c\",\"action\":7}]", "input"},
    {"\"input\":[{\"type\":\"function_call_output\",\"output\":\"x\"}]", "input"},
    {"\"instructions\":[]", "instructions"},
    {"\"text\":{\"format\":{\"type\":\"grammar\"}}", "text.format"},
    {"\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}", "text.format"},
    {"\"tools\":{}", "tools"},
    {"\"tools\":[{\"type\":\"file_search\"}]", "tools"},
    {"\"tools\":[{\"type\":\"mcp\",\"server_url\":\"x\"}]", "tools"},
    {"\"tools\":[{\"type\":\"local_shell\"}]", "tools"},
    {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", "tools"},
    {"\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[]}]}]", "tools"},
    {"\"tool_choice\":\"required\"", "tool_choice"},
    {"\"tool_choice\":\"required\",\"tools\":[{\"type\":\"web_search\"}]", "tool_choice"},
    {"\"tool_choice\":{\"type\":\"web_search\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]", "tool_choice"},
    {"\"tool_choice\":{\"type\":\"allowed_tools\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]", "tool_choice"},
};
// clang-format on

TEST(what_no_other_provider_could_do_is_refused_with_its_name)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct fault fault;
        char body[1024];
        snprintf(body, sizeof(body), "{\"model\":\"m\",%s}",
                 refusals[i].members);
        if (read_body(body, &fault) != -1) {
            test_fail(__FILE__, __LINE__, "taken: %s", body);
            continue;
        }
        CHECK_EQ(fault.status, 400);
        CHECK_STR(str_from(fault.code), "unsupported_parameter");
        if (strcmp(fault.param, refusals[i].param) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", body, fault.param);
        CHECK_TRUE(strlen(fault.message) > 20);
    }
}

/* ---- thinking, which must come back to who signed it ---- */

static const struct canon_part *
part_of_kind(uint8_t kind)
{
    for (uint32_t i = 0; i < request->part_count; i++)
        if (request->parts[i].kind == kind)
            return &request->parts[i];
    return NULL;
}

TEST(thinking_keeps_its_signature_and_a_call_its_own)
{
    struct fault fault;
    CHECK_EQ(read_body("{\"model\":\"m\",\"input\":["
                       "{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{"
                       "\"type\":\"summary_text\",\"text\":\"th\"}],"
                       "\"encrypted_content\":\"EqSIG\"},"
                       "{\"type\":\"reasoning\",\"summary\":[],"
                       "\"encrypted_content\":\"blind\"},"
                       "{\"type\":\"function_call\",\"call_id\":\"c1\","
                       "\"name\":\"f\",\"arguments\":\"{}\"},"
                       "{\"type\":\"reasoning\",\"summary\":[],"
                       "\"encrypted_content\":\"aigw-call:c1:G:em\"}]}",
                       &fault),
             0);
    CHECK_STR(part_of_kind(CANON_THINKING)->text, "th");
    CHECK_STR(part_of_kind(CANON_THINKING)->signature, "EqSIG");
    CHECK_STR(part_of_kind(CANON_REDACTED)->data, "blind");
    CHECK_STR(part_of_kind(CANON_TOOL_CALL)->signature, "G:em");
    CHECK_EQ(request->part_count, 3);
    CHECK_EQ(request->message_count, 1);
}

TEST(what_openai_encrypted_is_nothing_to_others)
{
    struct fault fault;
    CHECK_EQ(read_body("{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\","
                       "\"summary\":[],\"encrypted_content\":\"gAAAAx\"},"
                       "{\"type\":\"reasoning\",\"summary\":[],\"content\":[{"
                       "\"type\":\"reasoning_text\",\"text\":\"r\"}],"
                       "\"encrypted_content\":\"gAAAAx\"}]}",
                       &fault),
             0);
    CHECK_EQ(request->part_count, 1);
    CHECK_STR(request->parts[0].text, "r");
    CHECK_EQ(request->parts[0].signature.len, 0);
}

TEST(a_mark_of_a_call_that_is_not_there_is_passed_over)
{
    struct fault fault;
    CHECK_EQ(read_body("{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\","
                       "\"encrypted_content\":\"aigw-call:c1:G\"},"
                       "{\"type\":\"reasoning\",\"encrypted_content\":"
                       "\"aigw-call:\"}]}",
                       &fault),
             0);
    CHECK_EQ(request->part_count, 0);
}

TEST(a_provider_gets_back_what_it_encrypted_and_no_other_signature)
{
    static const struct {
        uint8_t kind;
        const char *text, *secret;
        bool goes;
    } cases[] = {
        {CANON_THINKING, "t", "gAAAAx", true},
        {CANON_REDACTED, "", "gAAAAx", true},
        {CANON_REDACTED, "", "rsn_x", true},
        {CANON_THINKING, "t", "EqSIG", false},
        {CANON_THINKING, "t", "", false},
        {CANON_REDACTED, "", "Eqx", false},
    };
    const struct canon_target target = {.model = STR_LIT("up")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        start();
        canon_message_add(request, CANON_ASSISTANT);
        struct canon_part *part = canon_part_add(request, cases[i].kind);
        part->text = str_from(cases[i].text);
        *(cases[i].kind == CANON_THINKING ? &part->signature : &part->data) =
            str_from(cases[i].secret);
        canon_part_add(request, CANON_TEXT)->text = STR_LIT("a");
        CHECK_EQ(write_body(&target, &fault), 0);
        char want[512], item[256];
        snprintf(item, sizeof(item),
                 "{\"type\":\"reasoning\",\"summary\":[%s],"
                 "\"encrypted_content\":\"%s\"},",
                 cases[i].text[0] == 't'
                     ? "{\"type\":\"summary_text\",\"text\":\"t\"}"
                     : "",
                 cases[i].secret);
        snprintf(want, sizeof(want),
                 "{\"model\":\"up\",\"input\":[%s" ASSISTANT(
                     "a") "],\"store\":false%s}",
                 cases[i].goes ? item : "",
                 cases[i].goes
                     ? ",\"include\":[\"reasoning.encrypted_content\"]"
                     : "");
        CHECK_STR(buf_view(&written), want);
    }
}

/* ---- from other dialects ---- */

TEST(a_target_sets_stream_and_bound_and_its_habits)
{
    const struct canon_target target = {
        .model = STR_LIT("u\"p"),
        .max_tokens = 99,
        .stream = true,
        .quirks = QUIRK_NO_DEVELOPER | QUIRK_NO_REASONING | QUIRK_NO_SCHEMA};
    struct fault fault;
    start();
    canon_message_add(request, CANON_SYSTEM)->is_developer = true;
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("s");
    request->effort = CANON_EFFORT_LOW;
    request->format = CANON_FORMAT_SCHEMA;
    request->schema = STR_LIT("{}");
    CHECK_EQ(write_body(&target, &fault), 0);
    CHECK_STR(buf_view(&written),
              "{\"model\":\"u\\\"p\",\"input\":[{\"role\":\"system\","
              "\"content\":[{\"type\":\"input_text\",\"text\":\"s\"}]}],"
              "\"store\":false,\"stream\":true,\"max_output_tokens\":99,"
              "\"text\":{\"format\":{\"type\":\"json_object\"}}}");
    CHECK_STR(dropped(), "reasoning,");
}

TEST(thinking_by_budget_is_an_effort)
{
    static const struct {
        uint8_t thinking, show;
        int64_t budget;
        const char *members;
    } cases[] = {
        {CANON_YES, CANON_YES, 1500,
         "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},"
         "\"include\":[\"reasoning.encrypted_content\"]"},
        {CANON_YES, CANON_NO, 20000,
         "\"reasoning\":{\"effort\":\"high\"},"
         "\"include\":[\"reasoning.encrypted_content\"]"},
        {CANON_YES, CANON_UNSET, 0,
         "\"reasoning\":{\"effort\":\"medium\"},"
         "\"include\":[\"reasoning.encrypted_content\"]"},
    };
    const struct canon_target target = {.model = STR_LIT("up")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        char want[512];
        start();
        request->thinking = cases[i].thinking;
        request->show_thinking = cases[i].show;
        request->thinking_budget = cases[i].budget;
        CHECK_EQ(write_body(&target, &fault), 0);
        snprintf(want, sizeof(want),
                 "{\"model\":\"up\",\"input\":[],\"store\":false,%s}",
                 cases[i].members);
        CHECK_STR(buf_view(&written), want);
    }
}

TEST(results_of_other_dialects_become_outputs)
{
    const struct canon_target target = {.model = STR_LIT("up")};
    struct fault fault;
    start();
    canon_message_add(request, CANON_USER);
    struct canon_part *part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = STR_LIT("a");
    part->arguments = STR_LIT("{\"k\":\"v\"}");
    part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = STR_LIT("b");
    part->is_error = true;
    part->children = 1;
    canon_part_add(request, CANON_TEXT)->text = STR_LIT("bad\\n");
    part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = STR_LIT("c");
    part = canon_part_add(request, CANON_FILE);
    part->source = CANON_PLAIN_TEXT;
    part->data = STR_LIT("words");
    CHECK_EQ(write_body(&target, &fault), 0);
    CHECK_STR(buf_view(&written),
              INPUT(OUTPUT("a", "{\\\"k\\\":\\\"v\\\"}") "," OUTPUT(
                  "b", "Error: bad\\n") "," OUTPUT("c", "") "," USER("words")));
}

TEST(what_the_api_has_no_member_for_is_refused_or_told)
{
    const struct canon_target target = {.model = STR_LIT("up")};
    struct fault fault;
    start();
    request->stops[request->stop_count++] = STR_LIT("END");
    CHECK_EQ(write_body(&target, &fault), -1);
    CHECK_STR(str_from(fault.param), "stop");
    start();
    request->kind = CANON_EMBED;
    CHECK_EQ(write_body(&target, &fault), -1);
    start();
    request->fields[CANON_FIELD_N] = STR_LIT("2");
    CHECK_EQ(write_body(&target, &fault), -1);
    CHECK_STR(str_from(fault.param), "n");
    start();
    request->fields[CANON_FIELD_N] = STR_LIT("1");
    request->fields[CANON_FIELD_SEED] = STR_LIT("7");
    request->fields[CANON_FIELD_TOP_K] = STR_LIT("7");
    CHECK_EQ(write_body(&target, &fault), 0);
    CHECK_STR(dropped(), "top_k,seed,");
    start();
    canon_message_add(request, CANON_USER);
    canon_part_add(request, CANON_IMAGE);
    CHECK_EQ(write_body(&target, &fault), -1);
}

/* None of them is compared with all others. */
TEST(many_items_are_read_and_too_many_tools_refused)
{
    static const char mark[] = "{\"type\":\"reasoning\",\"encrypted_content\":"
                               "\"aigw-call:x:y\"},";
    static const char call_item[] =
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"},";
    static const char tool[] = "{\"type\":\"custom\",\"name\":\"t\"},";
    struct fault fault;
    struct buf body;
    buf_init(&body, 0);
    buf_append_cstr(&body, "{\"model\":\"m\",\"input\":[");
    for (int i = 0; i < 30000; i++) {
        buf_append_cstr(&body, call_item);
        buf_append_cstr(&body, mark);
    }
    buf_append_cstr(&body, "{\"role\":\"user\",\"content\":\"x\"}]}");
    CHECK_EQ(read_body(buf_cstr(&body), &fault), 0);
    CHECK_EQ(request->part_count, 30001);
    /* a mark finds its call however far behind it is; ids may have colons */
    buf_reset(&body);
    buf_append_cstr(&body, "{\"model\":\"m\",\"input\":[{\"type\":"
                           "\"function_call\",\"call_id\":\"functions.f:0\","
                           "\"name\":\"f\"},");
    for (int i = 0; i < 5000; i++)
        buf_append_cstr(&body, call_item);
    buf_append_cstr(&body, "{\"type\":\"reasoning\",\"encrypted_content\":"
                           "\"aigw-call:functions.f:0:Si:g\"}]}");
    CHECK_EQ(read_body(buf_cstr(&body), &fault), 0);
    CHECK_STR(request->parts[0].signature, "Si:g");
    CHECK_EQ(request->parts[5000].signature.len, 0);
    buf_reset(&body);
    buf_append_cstr(&body, "{\"model\":\"m\",\"tools\":[");
    for (int i = 0; i < 5000; i++)
        buf_append_cstr(&body, tool);
    buf_append_cstr(&body, "{\"type\":\"web_search\"}]}");
    CHECK_EQ(read_body(buf_cstr(&body), &fault), -1);
    CHECK_STR(str_from(fault.param), "tools");
    buf_fini(&body);
}

/* A value of the wrong kind anywhere is passed over or refused, never read. */
TEST(values_of_other_kinds_do_no_harm)
{
    static const char *const kinds[] = {"7",   "\"s\"", "[]",     "{}",
                                        "[7]", "null",  "[[{}]]", "{\"a\":[]}"};
    static const char *const names[] = {
        "input",     "instructions", "tools",    "tool_choice", "text",
        "reasoning", "include",      "metadata", "store",       "truncation"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            const struct canon_target target = {.model = STR_LIT("up")};
            struct fault fault;
            char body[256];
            snprintf(body, sizeof(body), "{\"model\":\"m\",\"%s\":%s}",
                     names[i], kinds[k]);
            if (read_body(body, &fault) == 0)
                CHECK_EQ(write_body(&target, &fault), 0);
            else
                CHECK_EQ(fault.status, 400);
        }
    canon_request_destroy(&request);
    buf_fini(&written);
}
