/*
 * test_dialect_openai_request.c - what a request body must be, what is read
 * from it, and what a splice makes of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/dialect/dialect.h"

static int
scan_at(uint8_t endpoint, const char *body, struct call *call,
        struct fault *fault)
{
    return dialect_openai.scan(str_from(body), endpoint, call, fault);
}

static struct call
scanned_at(uint8_t endpoint, const char *body)
{
    struct call call = {0};
    struct fault fault = {0};
    if (scan_at(endpoint, body, &call, &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: refused: %s", body, fault.message);
    return call;
}

static struct call
scanned(const char *body)
{
    return scanned_at(ENDPOINT_CHAT, body);
}

struct refusal {
    const char *body, *code, *param;
};

static void
check_refused(uint8_t endpoint, const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct call call = {0};
        struct fault fault = {0};
        if (scan_at(endpoint, cases[i].body, &call, &fault) != -1) {
            test_fail(__FILE__, __LINE__, "admitted: %s", cases[i].body);
            continue;
        }
        CHECK_EQ(fault.status, 400);
        CHECK_STR(str_from(fault.type), "invalid_request_error");
        if (strcmp(fault.code, cases[i].code) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s (%s)", cases[i].body,
                      fault.code, fault.message);
        if (cases[i].param == NULL)
            CHECK_TRUE(fault.param == NULL);
        else
            CHECK_STR(str_from(fault.param), cases[i].param);
    }
}

TEST(a_body_that_is_not_a_json_object_is_refused)
{
    static const struct refusal cases[] = {
        {"x", "invalid_json", NULL},
        {"{\"model\":\"m\",", "invalid_json", NULL},
        {"{\"model\":\"m\"} trailing", "invalid_json", NULL},
        {"{\"model\":\"m\"}{}", "invalid_json", NULL},
        {"{\"model\":\"a\001b\"}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"temperature\":NaN}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"x\":[1,,2]}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"user\":[1,]}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"tools\":[{]}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"messages\":[{\"image_url\":]}", "invalid_json",
         NULL},
        {"{\"model\":\"m\",\"prompt\":[01]}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"stream_options\":{\"a\"}}", "invalid_json", NULL},
        {"{\"model\":\"m\",\"stream_options\":{\"include_usage\":",
         "invalid_json", NULL},
    };
    check_refused(ENDPOINT_CHAT, cases, ARRAY_LEN(cases));
}

TEST(no_object_at_all_is_unprocessable_and_broken_json_is_a_bad_request)
{
    static const struct {
        const char *body;
        uint16_t status;
    } cases[] = {
        {"", 422},    {" \r\n", 422}, {"\"x\"", 422},       {"[]", 422},
        {"01", 422},  {"-1", 422},    {"null", 422},        {"x", 400},
        {"\"x", 400}, {"nul", 400},   {"{\"model\":", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call = {0};
        struct fault fault;
        CHECK_EQ(scan_at(ENDPOINT_CHAT, cases[i].body, &call, &fault), -1);
        CHECK_EQ(fault.status, cases[i].status);
        CHECK_STR(str_from(fault.code), "invalid_json");
    }
}

TEST(bad_json_is_told_with_its_byte_offset)
{
    struct call call = {0};
    struct fault fault;
    const char *body = "{\"model\":\"m\",\"n\":+1}";
    CHECK_EQ(scan_at(ENDPOINT_CHAT, body, &call, &fault), -1);
    CHECK_TRUE(strstr(fault.message, "byte 17 of 20") != NULL);
}

TEST(endless_brackets_are_refused_without_a_crash)
{
    enum { DEEP = 100000 };
    char *body = malloc(DEEP);
    struct call call = {0};
    struct fault fault;
    memset(body, '[', DEEP);
    CHECK_EQ(
        dialect_openai.scan(str_make(body, DEEP), ENDPOINT_CHAT, &call, &fault),
        -1);
    memcpy(body, "{\"a\":", 5);
    CHECK_EQ(
        dialect_openai.scan(str_make(body, DEEP), ENDPOINT_CHAT, &call, &fault),
        -1);
    CHECK_STR(str_from(fault.code), "invalid_json");
    free(body);
}

TEST(a_model_is_required_and_must_be_a_usable_name)
{
    static char long_name[400];
    snprintf(long_name, sizeof(long_name), "{\"model\":\"%0256d\"}", 7);
    const struct refusal cases[] = {
        {"{}", "model_required", "model"},
        {"{\"messages\":[]}", "model_required", "model"},
        {"{\"model\":null}", "model_required", "model"},
        {"{\"model\":7}", "model_required", "model"},
        {"{\"model\":[\"m\"]}", "model_required", "model"},
        {"{\"model\":\"\"}", "model_required", "model"},
        {"{\"model\":\"a\\u0000b\"}", "model_required", "model"},
        {"{\"model\":\"a\\nb\"}", "model_required", "model"},
        {"{\"model\":\"\xff\xfe\"}", "model_required", "model"},
        {"{\"model\":\"\xed\xa0\x80\"}", "model_required", "model"},
        {long_name, "model_required", "model"},
    };
    check_refused(ENDPOINT_CHAT, cases, ARRAY_LEN(cases));
    check_refused(ENDPOINT_EMBEDDINGS, cases, ARRAY_LEN(cases));
}

TEST(models_alone_name_the_model)
{
    struct call call = scanned("{\"models\":[\"a/b\",\"c\"],\"messages\":[]}");
    CHECK_EQ(strcmp(call.model, "a/b"), 0);
    CHECK_TRUE(call.model_in_path && call.model_value.len == 0);
    call = scanned("{\"models\":[\"a/b\"],\"model\":\"m\",\"messages\":[]}");
    CHECK_EQ(strcmp(call.model, "m"), 0);
    CHECK_TRUE(!call.model_in_path && call.model_value.len == 3);
    static const struct refusal cases[] = {
        {"{\"models\":[],\"messages\":[]}", "model_required", "model"},
        {"{\"models\":null,\"messages\":[]}", "model_required", "model"},
        {"{\"models\":[\"\"],\"messages\":[]}", "model_required", "model"},
        {"{\"models\":[7],\"messages\":[]}", "model_required", "model"},
        {"{\"models\":\"a\",\"messages\":[]}", "model_required", "model"},
    };
    check_refused(ENDPOINT_CHAT, cases, ARRAY_LEN(cases));
}

TEST(a_guarded_member_may_stand_once_however_it_is_spelt)
{
    static const struct refusal cases[] = {
        {"{\"model\":\"a\",\"model\":\"b\"}", "duplicate_member", "model"},
        {"{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", "duplicate_member",
         "model"},
        {"{\"model\":\"a\",\"stream\":true,\"stream\":false}",
         "duplicate_member", "stream"},
        {"{\"model\":\"a\",\"max_tokens\":1,\"max_tokens\":9}",
         "duplicate_member", "max_tokens"},
        {"{\"model\":\"a\",\"max_completion_tokens\":1,"
         "\"max_completion_tokens\":null}",
         "duplicate_member", "max_completion_tokens"},
        {"{\"model\":\"a\",\"n\":1,\"n\":2}", "duplicate_member", "n"},
        {"{\"model\":\"a\",\"best_of\":1,\"best_of\":2}", "duplicate_member",
         "best_of"},
        {"{\"model\":\"a\",\"stream_options\":{},\"stream_options\":{}}",
         "duplicate_member", "stream_options"},
        {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":false,"
         "\"include\\u005fusage\":true}}",
         "duplicate_member", "stream_options"},
    };
    check_refused(ENDPOINT_CHAT, cases, ARRAY_LEN(cases));
}

TEST(names_that_other_readers_take_for_guarded_ones_are_refused)
{
    static const struct refusal cases[] = {
        {"{\"model\":\"a\",\"Model\":\"b\"}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"MAX_TOKENS\":9}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"max_to\xe2\x84\xaa"
         "ens\":9}",
         "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"max_to\\u212aens\":9}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"\xc5\xbftream\":true}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"model\\u0000\":\"b\"}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"Model\\u0000x\":\"b\"}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"model\\ud800\":\"b\"}", "ambiguous_member", NULL},
        {"{\"model\":\"a\",\"mo\xff"
         "del\":\"b\"}",
         "ambiguous_member", NULL},
        {"{\"\xef\xbb\xbfmodel\":\"b\"}", "ambiguous_member", NULL},
    };
    check_refused(ENDPOINT_CHAT, cases, ARRAY_LEN(cases));
}

TEST(names_that_only_resemble_others_pass)
{
    scanned("{\"model\":\"a\",\"Messages\":[],\"models\":[\"x\"],"
            "\"\xe6\xa8\xa1n\":1,\"max_tokens_\":-5,\"\":1,\"\\u0000\":2}");
}

TEST(counts_that_are_none_are_refused)
{
    static const struct refusal cases[] = {
        {"{\"model\":\"m\",\"max_tokens\":-1000000}", "invalid_value",
         "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":0}", "invalid_value", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":18446744073709551615}",
         "invalid_value", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":18446744073709551617}",
         "invalid_value", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":2147483649}", "invalid_value",
         "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":1e308}", "invalid_value",
         "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":1.5}", "invalid_value", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":{}}", "invalid_type", "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":\"5\"}", "invalid_type",
         "max_tokens"},
        {"{\"model\":\"m\",\"max_completion_tokens\":true}", "invalid_type",
         "max_completion_tokens"},
        {"{\"model\":\"m\",\"n\":0}", "invalid_value", "n"},
        {"{\"model\":\"m\",\"n\":129}", "invalid_value", "n"},
        {"{\"model\":\"m\",\"n\":4000000000}", "invalid_value", "n"},
        {"{\"model\":\"m\",\"best_of\":1000}", "invalid_value", "best_of"},
        {"{\"model\":\"m\",\"stream\":1}", "invalid_type", "stream"},
        {"{\"model\":\"m\",\"stream\":\"true\"}", "invalid_type", "stream"},
        {"{\"model\":\"m\",\"stream_options\":true}", "invalid_type",
         "stream_options"},
        {"{\"model\":\"m\",\"stream_options\":{\"include_usage\":1}}",
         "invalid_type", "include_usage"},
        {"{\"model\":\"m\",\"max_tokens\":5,\"max_completion_tokens\":5}",
         "invalid_parameter_combination", "max_completion_tokens"},
        {"{\"model\":\"m\",\"max_completion_tokens\":5,\"max_tokens\":9}",
         "invalid_parameter_combination", "max_tokens"},
    };
    check_refused(ENDPOINT_CHAT, cases, ARRAY_LEN(cases));
    check_refused(ENDPOINT_COMPLETIONS, cases, ARRAY_LEN(cases));
}

TEST(what_a_call_asks_for_is_read)
{
    struct call call = scanned(
        "{\"model\":\"gpt\\u002d4 \xe4\xb8\xad\",\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},"
        "\"max_completion_tokens\":2147483648,\"n\":3,\"messages\":[]}");
    CHECK_STR(str_from(call.model), "gpt-4 \xe4\xb8\xad");
    CHECK_EQ(call.model_len, 9);
    CHECK_TRUE(call.stream && call.include_usage);
    CHECK_EQ(call.max_tokens, 2147483648);
    CHECK_TRUE(call.max_tokens_is_completion);
    CHECK_EQ(call.n, 3);
}

TEST(null_is_as_good_as_absent)
{
    struct call call = scanned(
        "{\"model\":\"m\",\"stream\":null,\"stream_options\":null,\"n\":null,"
        "\"max_tokens\":null,\"max_completion_tokens\":null,\"tools\":null}");
    CHECK_TRUE(!call.stream && !call.include_usage);
    CHECK_EQ(call.max_tokens, 0);
    CHECK_EQ(call.n, 1);
    CHECK_EQ(call.tools, 0);
    call = scanned("{\"model\":\"m\",\"max_tokens\":null,"
                   "\"max_completion_tokens\":7}");
    CHECK_EQ(call.max_tokens, 7);
    CHECK_TRUE(call.max_tokens_is_completion);
    call = scanned("{\"model\":\"m\",\"max_tokens\":7,"
                   "\"max_completion_tokens\":null}");
    CHECK_EQ(call.max_tokens, 7);
    CHECK_TRUE(!call.max_tokens_is_completion);
}

TEST(answers_are_multiplied_by_prompts_and_best_of)
{
    static const struct {
        const char *body;
        uint32_t n, prompts;
    } cases[] = {
        {"{\"model\":\"m\",\"prompt\":\"a\"}", 1, 1},
        {"{\"model\":\"m\",\"prompt\":[\"a\",\"b\",\"c\"],\"n\":2}", 6, 3},
        {"{\"model\":\"m\",\"prompt\":[1,2,3]}", 1, 1},
        {"{\"model\":\"m\",\"prompt\":[[1,2],[3]],\"best_of\":4}", 8, 2},
        {"{\"model\":\"m\",\"prompt\":[],\"n\":2,\"best_of\":1}", 2, 0},
        {"{\"model\":\"m\"}", 1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call = scanned_at(ENDPOINT_COMPLETIONS, cases[i].body);
        CHECK_EQ(call.n, cases[i].n);
        CHECK_EQ(call.messages, cases[i].prompts);
    }
}

TEST(too_many_answers_at_once_are_refused)
{
    enum { PROMPTS = 1000 };
    static char body[PROMPTS * 3 + 100];
    struct call call = {0};
    struct fault fault;
    int len = snprintf(body, sizeof(body),
                       "{\"model\":\"m\",\"n\":100,"
                       "\"prompt\":[\"\"");
    for (int i = 1; i < PROMPTS; i++)
        len += snprintf(body + len, sizeof(body) - len, ",\"\"");
    snprintf(body + len, sizeof(body) - len, "]}");
    CHECK_EQ(scan_at(ENDPOINT_COMPLETIONS, body, &call, &fault), -1);
    CHECK_STR(str_from(fault.code), "invalid_value");
}

TEST(text_is_counted_in_the_bytes_it_decodes_to)
{
    struct call call =
        scanned("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                "\"a\\n\\u0041\\u00e9\\u4e2d\\\\\xc3\xa9\"}]}");
    /* a LF A e-acute han backslash e-acute */
    CHECK_EQ(call.text_bytes, 1 + 1 + 1 + 2 + 3 + 1 + 2);
    CHECK_EQ(call.messages, 1);
    CHECK_EQ(call.prompt_estimate, 3);
    /* role "user", 16 a message, 256 in all */
    CHECK_EQ(call.prompt_bound, 11 + 4 + 16 + 256);
}

TEST(text_parts_tool_calls_and_names_are_text)
{
    struct call call = scanned(
        "{\"model\":\"m\",\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"1234\"},"
        "{\"type\":\"text\",\"text\":\"data:5678\"}]},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
        "\"x\","
        "\"type\":\"function\",\"function\":{\"name\":\"find\","
        "\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"ok\"}]}");
    CHECK_EQ(call.messages, 3);
    CHECK_EQ(call.text_bytes, 4 + 9 + 4 + 2 + 2);
}

TEST(media_count_as_constants_and_their_data_is_no_text)
{
    struct call call = scanned(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}},"
        "{\"type\":\"image_url\",\"image_url\":\"https://x/y.png\"},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"format\":\"wav\"}},"
        "{\"type\":\"file\",\"file\":{\"file_data\":"
        "\"data:application/pdf;base64,AAAAAAAAAAAA\"}},"
        "{\"type\":\"image_url\",\"image_url\":null}]}]}");
    CHECK_EQ(call.images, 2);
    CHECK_EQ(call.audios, 1);
    CHECK_EQ(call.files, 1);
    CHECK_EQ(call.text_bytes, 0);
    CHECK_EQ(call.prompt_estimate, 2 * 85);
    CHECK_TRUE(call.prompt_bound > 2 * 6000 + 256 + 6000);
    CHECK_TRUE(call.prompt_bound < 2 * 6000 + 256 + 6000 + 1000);
}

TEST(a_text_file_is_bounded_by_its_bytes)
{
    enum { BYTES = 100000 };
    static char body[BYTES + 200];
    int len = snprintf(body, sizeof(body),
                       "{\"model\":\"m\",\"messages\":[{\"content\":[{\"file\":"
                       "{\"file_data\":\"data:text/plain;base64,");
    memset(body + len, 'A', BYTES);
    snprintf(body + len + BYTES, 40, "\"}}]}]}");
    struct call call = scanned(body);
    CHECK_TRUE(call.prompt_bound > BYTES);
}

TEST(tools_count_as_compact_json)
{
    struct call plain = scanned("{\"model\":\"m\",\"tools\":[{\"a\":1},{}]}");
    struct call wide =
        scanned("{\"model\":\"m\",\"tools\":[ {\"a\" :\n1} , { } ]}");
    CHECK_EQ(plain.tools, 2);
    CHECK_EQ(plain.prompt_bound, wide.prompt_bound);
    CHECK_TRUE(plain.prompt_bound >= 1024 + 2 * 16 + 12);
    struct call legacy = scanned("{\"model\":\"m\",\"functions\":[{}]}");
    CHECK_EQ(legacy.tools, 1);
}

TEST(token_numbers_are_counted_as_tokens)
{
    struct call call = scanned_at(
        ENDPOINT_EMBEDDINGS, "{\"model\":\"m\",\"input\":[[1,2,3],[4,5]]}");
    CHECK_EQ(call.prompt_estimate, 5);
    CHECK_EQ(call.messages, 2);
    CHECK_EQ(call.prompt_bound, 5 + 2 * 16);
    call = scanned_at(ENDPOINT_EMBEDDINGS,
                      "{\"model\":\"m\",\"input\":[\"abcde\",\"fghijk\"]}");
    CHECK_EQ(call.prompt_estimate, 3);
    call = scanned_at(ENDPOINT_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"\"}");
    CHECK_EQ(call.prompt_estimate, 1);
}

TEST(unknown_members_count_for_the_bound_but_not_for_the_estimate)
{
    struct call bare = scanned("{\"model\":\"m\"}");
    struct call more =
        scanned("{\"model\":\"m\",\"documents\":[{\"t\":\"0123456789\"}],"
                "\"suffix\":\"0123456789\"}");
    struct call unseen = scanned(
        "{\"model\":\"m\",\"user\":\"0123456789\",\"metadata\":{\"a\":\"b\"},"
        "\"stop\":[\"0123456789\"]}");
    CHECK_TRUE(more.prompt_bound >= bare.prompt_bound + 20);
    CHECK_EQ(more.prompt_estimate, bare.prompt_estimate);
    CHECK_EQ(unseen.prompt_bound, bare.prompt_bound);
}

TEST(embeddings_read_nothing_but_the_model_and_the_input)
{
    struct call call = scanned_at(
        ENDPOINT_EMBEDDINGS,
        "{\"model\":\"m\",\"stream\":true,\"max_tokens\":-1,\"n\":9}");
    CHECK_TRUE(!call.stream);
    CHECK_EQ(call.max_tokens, 0);
    CHECK_EQ(call.n, 1);
}

/* ---- splices ---- */

static const char *
spliced(const char *body, const struct rewrite *rewrite)
{
    static char out[4096];
    struct call call = scanned(body);
    struct splices splices;
    size_t from = 0, len = 0;
    dialect_openai.rewrite(str_from(body), &call, rewrite, &splices);
    for (uint32_t i = 0; i < splices.count; i++) {
        const struct splice *s = &splices.items[i];
        if (s->off < from) {
            test_fail(__FILE__, __LINE__, "splices overlap: %s", body);
            return "";
        }
        memcpy(out + len, body + from, s->off - from);
        len += s->off - from;
        memcpy(out + len, splices.text + s->text_off, s->text_len);
        len += s->text_len;
        from = s->off + s->len;
    }
    snprintf(out + len, sizeof(out) - len, "%s", body + from);
    return out;
}

TEST(a_body_that_needs_nothing_is_not_spliced)
{
    static const char body[] =
        "{ \"model\":\"m\", \"seed\":123456789012345678901234567890, "
        "\"x\":\"\\ud800\\u0000\" }";
    CHECK_STR(str_from(spliced(body, &(struct rewrite){0})), body);
}

TEST(the_model_is_replaced_where_it_stands)
{
    const struct rewrite rewrite = {.model = STR_LIT("up/\"s\\\"")};
    CHECK_STR(str_from(spliced("{\"a\":1, \"model\" : \"m\\u0041\" , \"b\":2}",
                               &rewrite)),
              "{\"a\":1, \"model\" : \"up/\\\"s\\\\\\\"\" , \"b\":2}");
}

TEST(the_longest_model_name_fits_whatever_it_is_made_of)
{
    char quotes[CALL_MODEL_BYTES], controls[CALL_MODEL_BYTES];
    memset(quotes, '"', sizeof(quotes));
    memset(controls, '\001', sizeof(controls));
    struct rewrite rewrite = {.model = str_make(quotes, sizeof(quotes) - 1)};
    CHECK_EQ(strlen(spliced("{\"model\":\"m\"}", &rewrite)),
             strlen("{\"model\":\"\"}") + 2 * (sizeof(quotes) - 1));
    rewrite.model = str_make(controls, sizeof(controls) - 1);
    struct call call =
        scanned(spliced("{\"model\":\"m\"}", &(struct rewrite){0}));
    (void)call;
    CHECK_TRUE(strstr(spliced("{\"model\":\"m\"}", &rewrite), "\\u0001\"}") !=
               NULL);
}

TEST(max_tokens_is_lowered_in_place_or_put_first)
{
    struct rewrite rewrite = {.max_tokens = 12};
    CHECK_STR(
        str_from(spliced("{\"model\":\"m\",\"max_tokens\":100}", &rewrite)),
        "{\"model\":\"m\",\"max_tokens\":12}");
    CHECK_STR(
        str_from(spliced("{\"model\":\"m\",\"max_tokens\":null}", &rewrite)),
        "{\"model\":\"m\",\"max_tokens\":12}");
    CHECK_STR(str_from(spliced(
                  "{\"max_completion_tokens\":100,\"model\":\"m\"}", &rewrite)),
              "{\"max_completion_tokens\":12,\"model\":\"m\"}");
    CHECK_STR(str_from(spliced(" {\n\"model\":\"m\"}", &rewrite)),
              " {\"max_tokens\":12,\n\"model\":\"m\"}");
    rewrite.max_tokens_as_completion = true;
    CHECK_STR(str_from(spliced("{\"model\":\"m\"}", &rewrite)),
              "{\"max_completion_tokens\":12,\"model\":\"m\"}");
}

TEST(usage_is_asked_for_in_every_spelling_of_stream_options)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{\"model\":\"m\"}",
         "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}"},
        {"{\"model\":\"m\",\"stream_options\":null}",
         "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
        {"{\"model\":\"m\",\"stream_options\":{}}",
         "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
        {"{\"model\":\"m\",\"stream_options\":{ }}",
         "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true }}"},
        {"{\"stream_options\":{\"x\":1},\"model\":\"m\"}",
         "{\"stream_options\":{\"include_usage\":true,\"x\":1},"
         "\"model\":\"m\"}"},
        {"{\"model\":\"m\",\"stream_options\":{\"include_usage\":false}}",
         "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
        {"{\"model\":\"m\",\"stream_options\":{\"include_usage\":null}}",
         "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
        {"{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}",
         "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(str_from(spliced(cases[i].body,
                                   &(struct rewrite){.want_usage = true})),
                  cases[i].want);
}

TEST(all_splices_at_once_are_in_order)
{
    const struct rewrite rewrite = {
        .model = STR_LIT("up"), .max_tokens = 5, .want_usage = true};
    CHECK_STR(str_from(spliced("{\"model\":\"m\",\"stream\":true}", &rewrite)),
              "{\"max_tokens\":5,\"stream_options\":{\"include_usage\":true},"
              "\"model\":\"up\",\"stream\":true}");
    CHECK_STR(str_from(spliced("{\"stream_options\":{\"a\":0},"
                               "\"max_tokens\":9,\"model\":\"m\"}",
                               &rewrite)),
              "{\"stream_options\":{\"include_usage\":true,\"a\":0},"
              "\"max_tokens\":5,\"model\":\"up\"}");
}
