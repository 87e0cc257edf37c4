/*
 * test_dialect_gemini_request.c - what the scan finds in a body of the Gemini
 * dialect, what a splice makes of it, what it means, and how it is written.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/dialect.h"

/* As the path told it. */
static struct call
path_call(void)
{
    return (struct call){.model = "gem",
                         .model_len = 3,
                         .model_in_path = true,
                         .stream_in_path = true,
                         .stream = true};
}

static struct call
scanned_at(uint8_t endpoint, const char *body)
{
    struct call call = path_call();
    struct fault fault = {0};
    if (dialect_gemini.scan(str_from(body), endpoint, &call, &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s: refused: %s", body, fault.message);
    return call;
}

static struct call
scanned(const char *body)
{
    return scanned_at(ENDPOINT_GENERATE, body);
}

struct refusal {
    uint8_t endpoint;
    const char *body, *code, *param;
};

TEST(bodies_that_two_readers_may_take_differently_are_refused)
{
    static const struct refusal cases[] = {
        {ENDPOINT_GENERATE, "x", "invalid_json", NULL},
        {ENDPOINT_GENERATE, "{\"contents\":[}", "invalid_json", NULL},
        {ENDPOINT_GENERATE, "{\"generationConfig\":{\"a\"}}", "invalid_json",
         NULL},
        {ENDPOINT_GENERATE, "{} x", "invalid_json", NULL},
        {ENDPOINT_GENERATE, "{\"generationConfig\":{},\"generationConfig\":{}}",
         "duplicate_member", "generationConfig"},
        {ENDPOINT_GENERATE,
         "{\"generationConfig\":{},\"generation_config\":{}}",
         "duplicate_member", "generationConfig"},
        {ENDPOINT_GENERATE,
         "{\"generationConfig\":{\"maxOutputTokens\":1,\"max_output_tokens\":"
         "2}}",
         "duplicate_member", "maxOutputTokens"},
        {ENDPOINT_GENERATE,
         "{\"generationConfig\":{\"maxOutputTokens\":1,\"maxOutput\\u0054okens"
         "\":2}}",
         "duplicate_member", "maxOutputTokens"},
        {ENDPOINT_GENERATE,
         "{\"generationConfig\":{\"candidateCount\":1,\"candidate_count\":2}}",
         "duplicate_member", "candidateCount"},
        {ENDPOINT_GENERATE, "{\"GenerationConfig\":{}}", "ambiguous_member",
         NULL},
        {ENDPOINT_GENERATE, "{\"generationConfig\":{\"maxoutputtokens\":1}}",
         "ambiguous_member", NULL},
        {ENDPOINT_GENERATE, "{\"generationConfig\":[]}", "invalid_type",
         "generationConfig"},
        {ENDPOINT_GENERATE,
         "{\"generationConfig\":{\"maxOutputTokens\":\"5\"}}", "invalid_type",
         "maxOutputTokens"},
        {ENDPOINT_GENERATE, "{\"generationConfig\":{\"maxOutputTokens\":0}}",
         "invalid_value", "maxOutputTokens"},
        {ENDPOINT_GENERATE, "{\"generationConfig\":{\"maxOutputTokens\":1.5}}",
         "invalid_value", "maxOutputTokens"},
        {ENDPOINT_GENERATE, "{\"generationConfig\":{\"candidateCount\":9}}",
         "invalid_value", "candidateCount"},
        {ENDPOINT_GENERATE, "{\"model\":\"a\",\"model\":\"b\"}",
         "duplicate_member", "model"},
        {ENDPOINT_BATCH_EMBED,
         "{\"requests\":[{\"model\":\"models/other\",\"content\":{}}]}",
         "model_mismatch", "model"},
        {ENDPOINT_BATCH_EMBED, "{\"requests\":[7]}", "invalid_type",
         "requests"},
        {ENDPOINT_COUNT_TOKENS,
         "{\"generateContentRequest\":{\"model\":\"models/x\"}}",
         "model_mismatch", "model"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call = path_call();
        struct fault fault = {0};
        if (dialect_gemini.scan(str_from(cases[i].body), cases[i].endpoint,
                                &call, &fault) != -1) {
            test_fail(__FILE__, __LINE__, "admitted: %s", cases[i].body);
            continue;
        }
        CHECK_EQ(fault.status, 400);
        if (strcmp(fault.code, cases[i].code) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s (%s)", cases[i].body,
                      fault.code, fault.message);
        if (cases[i].param == NULL)
            CHECK_TRUE(fault.param == NULL);
        else
            CHECK_STR(str_from(fault.param), cases[i].param);
    }
}

TEST(what_the_path_told_stays)
{
    struct call call = scanned("{\"model\":\"models/else\",\"stream\":false}");
    CHECK_STR(str_from(call.model), "gem");
    CHECK_EQ(call.model_len, 3);
    CHECK_TRUE(call.stream && call.stream_in_path && call.model_in_path);
    CHECK_TRUE(call.include_usage && !call.as_array);
    CHECK_EQ(call.model_value.len, 0);
    CHECK_EQ(call.models_inside, 1);
    struct call none = {0};
    struct fault fault = {0};
    CHECK_EQ(dialect_gemini.scan(STR_LIT("{\"model\":\"m\"}"),
                                 ENDPOINT_GENERATE, &none, &fault),
             -1);
    CHECK_STR(str_from(fault.code), "model_required");
}

TEST(bounds_are_found_in_both_spellings)
{
    struct call call = scanned(
        "{\"generationConfig\":{\"maxOutputTokens\":77,\"candidateCount\":3}}");
    CHECK_EQ(call.max_tokens, 77);
    CHECK_EQ(call.n, 3);
    call = scanned("{\"generation_config\":{\"max_output_tokens\":78,"
                   "\"candidate_count\":2}}");
    CHECK_EQ(call.max_tokens, 78);
    CHECK_EQ(call.n, 2);
    call = scanned("{\"generationConfig\":null}");
    CHECK_EQ(call.max_tokens, 0);
    CHECK_EQ(call.n, 1);
    /* of a count nothing is bounded */
    call = scanned_at(ENDPOINT_COUNT_TOKENS,
                      "{\"generateContentRequest\":{\"model\":\"models/gem\","
                      "\"generationConfig\":{\"maxOutputTokens\":5},"
                      "\"contents\":[{\"parts\":[{\"text\":\"abc\"}]}]}}");
    CHECK_EQ(call.max_tokens, 0);
    CHECK_EQ(call.text_bytes, 3);
}

TEST(texts_media_tools_and_calls_are_counted)
{
    struct call call = scanned(
        "{\"systemInstruction\":{\"parts\":[{\"text\":\"abcde\"}]},"
        "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"0123456789\"},"
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAAAAAAAAAA\"}"
        "},{\"inline_data\":{\"data\":\"AAAA\",\"mime_type\":\"audio/wav\"}},"
        "{\"fileData\":{\"fileUri\":\"https://x/y\"}}]},{\"role\":\"model\","
        "\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":\"bc\"}},"
        "\"thoughtSignature\":\"xxxxxxxxxxxxxxxx\"}]}],\"tools\":[{"
        "\"functionDeclarations\":[{\"name\":\"f\"}]}]}");
    CHECK_EQ(call.messages, 3);
    CHECK_EQ(call.images, 1);
    CHECK_EQ(call.audios, 1);
    CHECK_EQ(call.files, 1); /* a link without a type may be a video */
    CHECK_EQ(call.tools, 1);
    /* 5 + 10 + the name + the argument, and the tool */
    uint64_t tool = call.text_bytes - 18;
    CHECK_TRUE(tool > 20 && tool < 60);
    CHECK_TRUE(call.prompt_bound > 100000 + 6000 + 18);
    CHECK_TRUE(call.prompt_estimate < 200);
    /* the picture's bytes are no text, wherever its type stands */
    struct call bare = scanned("{\"contents\":[{\"parts\":[]}]}");
    CHECK_EQ(bare.text_bytes, 0);
    CHECK_EQ(bare.messages, 1);
    /* what Google keeps counts though nobody sees it here */
    struct call cached = scanned("{\"cachedContent\":\"cachedContents/1\"}");
    CHECK_TRUE(cached.prompt_bound >= 100000);
}

TEST(the_bound_holds_for_every_string_that_a_model_may_see)
{
    enum { TEXT = 5000 };
    static const char *const shapes[][2] = {
        {"{\"contents\":[{\"parts\":[{\"text\":\"", "\"}]}]}"},
        {"{\"contents\":{\"parts\":{\"text\":\"", "\"}}}"},
        {"{\"system_instruction\":{\"parts\":{\"text\":\"", "\"}}}"},
        {"{\"contents\":[{\"parts\":[{\"functionCall\":{\"args\":{\"",
         "\":1}}}]}]}"},
        {"{\"contents\":[{\"parts\":[{\"functionResponse\":{\"response\":{"
         "\"a\":[\"",
         "\"]}}}]}]}"},
        {"{\"contents\":[{\"parts\":[{\"thoughtSignature\":\"", "\"}]}]}"},
        {"{\"generationConfig\":{\"responseSchema\":{\"description\":\"",
         "\"}}}"},
        {"{\"tools\":[{\"functionDeclarations\":[{\"description\":\"",
         "\"}]}]}"},
        {"{\"somethingNew\":{\"a\":\"", "\"}}"},
    };
    char text[TEXT + 1], body[TEXT + 256];
    memset(text, 'x', TEXT);
    text[TEXT] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        snprintf(body, sizeof(body), "%s%s%s", shapes[i][0], text,
                 shapes[i][1]);
        struct call call = scanned(body);
        if (call.prompt_bound < TEXT)
            test_fail(__FILE__, __LINE__, "%s", shapes[i][0]);
    }
}

/* What a call is given and gives back is text, media names in it or not. */
TEST(names_of_media_in_arguments_and_results_are_text)
{
    enum { TEXT = 100000 };
#define DATA "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\""
    static const char *const shapes[][2] = {
        {"[{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":" DATA,
         "\"}}}}]}]"},
        {"[{\"parts\":[{\"functionCall\":" DATA, "\"}}}]}]"},
        {"[{\"parts\":[{\"functionCall\":{\"parts\":[" DATA, "\"}}]}}]}]"},
        {"[{\"parts\":{\"functionCall\":{\"args\":" DATA, "\"}}}}}]"},
        {"{\"parts\":{\"function_call\":{\"args\":{\"a\":[{\"a\":" DATA,
         "\"}}}]}}}}"},
        {"[{\"parts\":[{\"functionResponse\":{\"response\":" DATA, "\"}}}}]}]"},
        {"[{\"parts\":[{\"functionResponse\":{\"response\":{\"parts\":[" DATA,
         "\"}}]}}}]}]"},
        {"[{\"parts\":[{\"executableCode\":" DATA, "\"}}}]}]"},
        {"[" DATA, "\"}}]"},
        {"[{\"parts\":[[" DATA, "\"}}]]}]"},
    };
    char *body = malloc(TEXT + 1024);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        int len = sprintf(body, "{\"contents\":%s", shapes[i][0]);
        memset(body + len, 'a', TEXT);
        sprintf(body + len + TEXT, "%s}", shapes[i][1]);
        struct call call = scanned(body);
        if (call.prompt_bound < TEXT || call.prompt_estimate < TEXT / 5 ||
            call.images != 0)
            test_fail(__FILE__, __LINE__, "%s: bound %llu", shapes[i][0],
                      (unsigned long long)call.prompt_bound);
    }
#undef DATA
    free(body);
}

/* ... and media are media in each form that Google takes. */
TEST(media_count_where_parts_stand)
{
#define LINK "{\"fileData\":{\"fileUri\":\"https://x/y\"}}"
    static const char *const contents[] = {
        "[{\"parts\":[" LINK "]}]",
        "[{\"parts\":" LINK "}]",
        "{\"parts\":[" LINK "]}",
        "{\"parts\":" LINK "}",
        "[{\"parts\":[{\"functionResponse\":{\"parts\":[" LINK "]}}]}]",
        "{\"parts\":{\"function_response\":{\"parts\":" LINK "}}}",
    };
#undef LINK
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"contents\":%s}", contents[i]);
        struct call call = scanned(body);
        CHECK_EQ(call.files, 1);
        CHECK_EQ(call.messages, 1);
        CHECK_TRUE(call.prompt_bound > 100000);
    }
}

TEST(each_content_of_a_batch_is_an_input)
{
    struct call call = scanned_at(
        ENDPOINT_BATCH_EMBED,
        "{\"requests\":[{\"model\":\"models/gem\",\"content\":{\"parts\":[{"
        "\"text\":\"abc\"}]}},{\"model\":\"gem\",\"content\":{\"parts\":[{"
        "\"text\":\"de\"}]},\"taskType\":\"X\"}]}");
    CHECK_EQ(call.messages, 2);
    CHECK_EQ(call.text_bytes, 5);
    CHECK_EQ(call.models_inside, 2);
    CHECK_TRUE(call.prompt_bound < 5 + 2 * 16 + 64);
    call = scanned_at(ENDPOINT_EMBED,
                      "{\"content\":{\"parts\":[{\"text\":\"abc\"}]}}");
    CHECK_EQ(call.messages, 1);
}

/* ---- splices ---- */

static struct buf spliced;

static struct str
rewritten(uint8_t endpoint, const char *body, const char *model, uint64_t max)
{
    static struct splices splices;
    struct call call = scanned_at(endpoint, body);
    struct rewrite rewrite = {.model = str_from(model), .max_tokens = max};
    size_t from = 0;
    dialect_gemini.rewrite(str_from(body), &call, &rewrite, &splices);
    buf_reset(&spliced);
    for (uint32_t i = 0; i < splices.count; i++) {
        const struct splice *splice = &splices.items[i];
        buf_append(&spliced, body + from, splice->off - from);
        buf_append(&spliced, splices.text + splice->text_off, splice->text_len);
        from = splice->off + splice->len;
    }
    buf_append_cstr(&spliced, body + from);
    return buf_view(&spliced);
}

TEST(a_bound_is_put_where_it_stands_or_would_stand)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{}", "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
        {"{\"a\":1}", "{\"generationConfig\":{\"maxOutputTokens\":9},\"a\":1}"},
        {"{\"generationConfig\":{}}",
         "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
        {"{\"generation_config\": {\"seed\":1}}",
         "{\"generation_config\": {\"maxOutputTokens\":9,\"seed\":1}}"},
        {"{\"generationConfig\":null,\"b\":2}",
         "{\"generationConfig\":{\"maxOutputTokens\":9},\"b\":2}"},
        {"{\"generation_config\":{\"max_output_tokens\" : 5000 }}",
         "{\"generation_config\":{\"max_output_tokens\" : 9 }}"},
        {"{\"generationConfig\":{\"maxOutputTokens\":null}}",
         "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(rewritten(ENDPOINT_GENERATE, cases[i].body, NULL, 9),
                  cases[i].want);
    /* what makes no output has no such bound */
    CHECK_STR(rewritten(ENDPOINT_COUNT_TOKENS, "{\"contents\":[]}", NULL, 9),
              "{\"contents\":[]}");
}

TEST(the_model_s_name_is_changed_where_a_body_repeats_it)
{
    CHECK_STR(
        rewritten(ENDPOINT_GENERATE, "{\"model\":\"models/gem\"}", "g\"2", 0),
        "{\"model\":\"models/g\\\"2\"}");
    CHECK_STR(rewritten(ENDPOINT_COUNT_TOKENS,
                        "{\"generateContentRequest\":{\"model\":\"gem\",\"a\":1"
                        "}}",
                        "models/up", 0),
              "{\"generateContentRequest\":{\"model\":\"models/up\",\"a\":1}}");
    CHECK_STR(rewritten(ENDPOINT_BATCH_EMBED,
                        "{\"requests\":[{\"model\":\"models/gem\"},{\"content\""
                        ":{\"parts\":[{\"text\":\"model\"}]},\"model\":\"gem\"}"
                        "]}",
                        "up", 0),
              "{\"requests\":[{\"model\":\"models/up\"},{\"content\":{\"parts\""
              ":[{\"text\":\"model\"}]},\"model\":\"models/up\"}]}");
    CHECK_STR(rewritten(ENDPOINT_GENERATE, "{\"contents\":[]}", "up", 0),
              "{\"contents\":[]}");
}

/* ---- read ---- */

static struct canon_request *asked;

/* The body's meaning; false when it is refused. */
static bool
read_at(uint8_t endpoint, const char *body, struct fault *fault)
{
    struct call call = scanned_at(endpoint, body);
    if (asked == NULL)
        asked = canon_request_create();
    canon_request_reset(asked);
    *fault = (struct fault){0};
    int rc = dialect_gemini.read_request(str_from(body), &call, asked, fault);
    CHECK_TRUE(!asked->failed);
    return rc == 0;
}

static void
reading(const char *body)
{
    struct fault fault;
    if (!read_at(ENDPOINT_GENERATE, body, &fault))
        test_fail(__FILE__, __LINE__, "%s: %s", body, fault.message);
}

/* Messages and parts in one line. */
static struct str
shape(void)
{
    static struct buf out;
    buf_reset(&out);
    for (uint32_t i = 0; i < asked->message_count; i++) {
        const struct canon_message *message = &asked->messages[i];
        buf_printf(&out, "%s%c:", i > 0 ? " " : "", "sua"[message->role]);
        for (uint32_t j = 0; j < message->part_count; j++) {
            const struct canon_part *part =
                &asked->parts[message->first_part + j];
            buf_printf(&out, "%c(%.*s%.*s", "tiafhxrCR"[part->kind],
                       STR_ARG(part->text), STR_ARG(part->media_type));
            if (part->data.len > 0)
                buf_printf(&out, "%s%.*s",
                           part->source == CANON_URL ? "@" : ";",
                           STR_ARG(part->data));
            buf_printf(&out, "%.*s", STR_ARG(part->id));
            if (part->name.len > 0)
                buf_printf(&out, " %.*s", STR_ARG(part->name));
            if (part->arguments.len > 0)
                buf_printf(&out, " %.*s", STR_ARG(part->arguments));
            if (part->signature.len > 0)
                buf_printf(&out, " ~%.*s", STR_ARG(part->signature));
            buf_printf(&out, "%s%s)", part->is_error ? "!" : "",
                       part->children > 0 ? "+" : "");
        }
    }
    return buf_view(&out);
}

TEST(contents_become_messages)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{\"systemInstruction\":{\"role\":\"user\",\"parts\":[{\"text\":\"s\""
         "}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\\n\"},"
         "{\"text\":\"b\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"c\"}]},"
         "{\"parts\":[{\"text\":\"d\"}]}]}",
         "s:t(s) u:t(a\\n)t(b) a:t(c) u:t(d)"},
        /* what stands alone where a list is expected; strings */
        {"{\"system_instruction\":{\"parts\":{\"text\":\"s\"}},\"contents\":{"
         "\"parts\":{\"text\":\"a\"}}}",
         "s:t(s) u:t(a)"},
        {"{\"systemInstruction\":\"s\",\"contents\":[\"a\",{\"parts\":[\"b\"]}]"
         "}",
         "s:t(s) u:t(a) u:t(b)"},
        /* media by type */
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png"
         "\",\"data\":\"aA\"}},{\"inline_data\":{\"mime_type\":\"audio/mp3\","
         "\"data\":\"bB\"}},{\"inlineData\":{\"mimeType\":\"application/pdf\","
         "\"data\":\"cC\",\"displayName\":\"x.pdf\"}},{\"fileData\":{"
         "\"fileUri\":\"https://h/p.png\",\"mimeType\":\"image/png\"}}]}]}",
         "u:i(image/png;aA)a(audio/mp3;bB)f(application/pdf;cC x.pdf)"
         "i(image/png@https://h/p.png)"},
        /* thoughts are one, with the signature that came last */
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"h\","
         "\"thought\":true},{\"text\":\"m\",\"thought\":true},{\"text\":\"\","
         "\"thought\":true,\"thoughtSignature\":\"s\"},{\"text\":\"x\"},"
         "{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}},"
         "\"thought_signature\":\"t\"}]}]}",
         "a:h(hm ~s)t(x)C(call_1 f {\"a\":1} ~t)"},
        /* ids: given; made; by name, in order */
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{"
         "\"name\":\"f\"}},{\"functionCall\":{\"name\":\"g\",\"id\":\"G\"}},"
         "{\"functionCall\":{\"name\":\"f\"}}]},{\"role\":\"user\",\"parts\":["
         "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"a\":1}}},"
         "{\"functionResponse\":{\"name\":\"g\",\"id\":\"G\",\"response\":{"
         "\"error\":\"no\"}}},{\"functionResponse\":{\"name\":\"f\"}}]}]}",
         "a:C(call_1 f {})C(G g {})C(call_3 f {}) "
         "u:R(call_1 f {\"a\":1})R(G g {\"error\":\"no\"}!)R(call_3 f {})"},
        /* pictures in a result */
        {"{\"contents\":[{\"role\":\"function\",\"parts\":[{"
         "\"functionResponse\":{\"name\":\"f\",\"id\":\"i\",\"response\":{},"
         "\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
         "\"aA\"}}]}},{\"text\":\"t\"}]}]}",
         "u:R(i f {}+)i(image/png;aA)t(t)"},
        /* what Google's tools did */
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"executableCode\":{"
         "\"code\":\"1\"}},{\"codeExecutionResult\":{}},{\"text\":\"t\"}]}]}",
         "a:t(t)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        reading(cases[i].body);
        CHECK_STR(shape(), cases[i].want);
    }
    CHECK_EQ(asked->dropped_count, 2);
    CHECK_STR(str_from(asked->dropped[0]), "executableCode");
}

TEST(the_same_conversation_has_the_same_ids)
{
    static const char body[] =
        "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{"
        "\"name\":\"f\"}}]},{\"parts\":[{\"functionResponse\":{\"name\":\"f\"}}"
        "]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]"
        "},{\"parts\":[{\"functionResponse\":{\"name\":\"f\"}}]}]}";
    for (int i = 0; i < 2; i++) {
        reading(body);
        CHECK_STR(shape(), "a:C(call_1 f {}) u:R(call_1 f {}) "
                           "a:C(call_2 f {}) u:R(call_2 f {})");
    }
}

static struct str
field(enum canon_field which)
{
    return asked->fields[which];
}

TEST(settings_are_read_in_both_spellings)
{
    reading("{\"generationConfig\":{\"temperature\":0.5,\"topP\":0.9,\"topK\":4"
            ",\"candidateCount\":2,\"seed\":7,\"presencePenalty\":1,"
            "\"frequencyPenalty\":-1,\"responseLogprobs\":true,\"logprobs\":3,"
            "\"stopSequences\":[\"a\",\"\",\"b\"],\"maxOutputTokens\":50,"
            "\"mediaResolution\":\"LOW\"},\"safetySettings\":[1],"
            "\"cachedContent\":\"c\"}");
    CHECK_STR(field(CANON_FIELD_TEMPERATURE), "0.5");
    CHECK_STR(field(CANON_FIELD_TOP_P), "0.9");
    CHECK_STR(field(CANON_FIELD_TOP_K), "4");
    CHECK_STR(field(CANON_FIELD_N), "2");
    CHECK_STR(field(CANON_FIELD_SEED), "7");
    CHECK_STR(field(CANON_FIELD_PRESENCE_PENALTY), "1");
    CHECK_STR(field(CANON_FIELD_FREQUENCY_PENALTY), "-1");
    CHECK_STR(field(CANON_FIELD_LOGPROBS), "true");
    CHECK_STR(field(CANON_FIELD_TOP_LOGPROBS), "3");
    CHECK_STR(field(CANON_FIELD_SAFETY), "[1]");
    CHECK_STR(field(CANON_FIELD_CACHED_CONTENT), "\"c\"");
    CHECK_EQ(asked->stop_count, 2);
    CHECK_STR(asked->stops[1], "b");
    CHECK_EQ(asked->max_tokens, 50);
    CHECK_TRUE(asked->stream);
    CHECK_EQ(asked->dropped_count, 1);
    CHECK_STR(str_from(asked->dropped[0]), "mediaResolution");
    reading("{\"generation_config\":{\"top_p\":0.9,\"stop_sequences\":\"x\","
            "\"response_mime_type\":\"application/json\",\"thinking_config\":{"
            "\"thinking_budget\":\"-1\",\"include_thoughts\":true}}}");
    CHECK_STR(field(CANON_FIELD_TOP_P), "0.9");
    CHECK_EQ(asked->stop_count, 1);
    CHECK_EQ(asked->format, CANON_FORMAT_JSON);
    CHECK_EQ(asked->thinking, CANON_YES);
    CHECK_EQ(asked->thinking_budget, -1);
    CHECK_EQ(asked->show_thinking, CANON_YES);
}

TEST(thinking_is_read_from_budget_or_level)
{
    reading(
        "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}");
    CHECK_EQ(asked->thinking, CANON_NO);
    CHECK_EQ(asked->effort, CANON_EFFORT_NONE);
    reading("{\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":"
            "\"HIGH\",\"includeThoughts\":false}}}");
    CHECK_EQ(asked->thinking, CANON_YES);
    CHECK_EQ(asked->effort, CANON_EFFORT_HIGH);
    CHECK_EQ(asked->show_thinking, CANON_NO);
    reading("{\"generationConfig\":{}}");
    CHECK_EQ(asked->thinking, CANON_UNSET);
    CHECK_EQ(asked->effort, CANON_EFFORT_UNSET);
}

TEST(functions_are_tools_and_schemas_are_json_schema)
{
    reading("{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\","
            "\"description\":\"d\",\"parameters\":{\"type\":\"OBJECT\","
            "\"properties\":{\"type\":{\"type\":\"STRING\",\"nullable\":true,"
            "\"enum\":[\"STRING\"]},\"l\":{\"type\":\"ARRAY\",\"items\":{"
            "\"type\":3},\"minItems\":\"2\"}},\"propertyOrdering\":[\"type\"],"
            "\"required\":[\"type\"]}},{\"name\":\"g\"}]},{"
            "\"function_declarations\":{\"name\":\"h\","
            "\"parametersJsonSchema\":{\"type\":\"X\"}}}],\"toolConfig\":{"
            "\"functionCallingConfig\":{\"mode\":\"ANY\","
            "\"allowedFunctionNames\":[\"f\",\"g\"]}}}");
    CHECK_EQ(asked->tool_count, 3);
    CHECK_STR(asked->tools[0].name, "f");
    CHECK_STR(asked->tools[0].description, "d");
    CHECK_STR(asked->tools[0].schema,
              "{\"properties\":{\"type\":{\"enum\":[\"STRING\"],\"type\":["
              "\"string\",\"null\"]},\"l\":{\"items\":{\"type\":\"integer\"},"
              "\"minItems\":2,\"type\":\"array\"}},\"required\":[\"type\"],"
              "\"type\":\"object\"}");
    CHECK_EQ(asked->tools[1].schema.len, 0);
    CHECK_STR(asked->tools[2].schema, "{\"type\":\"X\"}");
    CHECK_EQ(asked->tool_choice, CANON_CHOICE_REQUIRED);
    CHECK_EQ(asked->tool_choice_name_count, 2);
    reading("{\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\","
            "\"allowedFunctionNames\":[\"f\"]}}}");
    CHECK_EQ(asked->tool_choice, CANON_CHOICE_NAMED);
    reading(
        "{\"tool_config\":{\"function_calling_config\":{\"mode\":\"none\"}}}");
    CHECK_EQ(asked->tool_choice, CANON_CHOICE_NONE);
    reading("{\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\"}}}");
    CHECK_EQ(asked->tool_choice, CANON_CHOICE_AUTO);
}

TEST(schemas_of_answers_are_read_in_both_forms)
{
    reading("{\"generationConfig\":{\"responseMimeType\":\"application/json\","
            "\"responseSchema\":{\"any_of\":[{\"type\":\"NUMBER\"},{\"type\":"
            "\"null\"}],\"maxLength\":5}}}");
    CHECK_EQ(asked->format, CANON_FORMAT_SCHEMA);
    CHECK_STR(asked->schema, "{\"anyOf\":[{\"type\":\"number\"},{\"type\":"
                             "\"null\"}],\"maxLength\":5}");
    reading("{\"generationConfig\":{\"responseMimeType\":\"application/json\","
            "\"responseJsonSchema\":{\"type\":\"object\"}}}");
    CHECK_EQ(asked->format, CANON_FORMAT_SCHEMA);
    CHECK_STR(asked->schema, "{\"type\":\"object\"}");
}

TEST(what_only_google_has_is_refused)
{
    static const struct {
        const char *body, *param;
    } cases[] = {
        {"{\"tools\":[{\"googleSearch\":{}}]}", "tools"},
        {"{\"tools\":[{\"functionDeclarations\":[]},{\"code_execution\":{}}]}",
         "tools"},
        {"{\"generationConfig\":{\"responseModalities\":[\"TEXT\",\"IMAGE\"]}}",
         "responseModalities"},
        {"{\"generationConfig\":{\"responseMimeType\":\"text/x.enum\"}}",
         "responseMimeType"},
        {"{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":"
         "\"https://generativelanguage.googleapis.com/v1beta/files/x\"}}]}]}",
         "fileData"},
        {"{\"contents\":[{\"role\":\"tool\",\"parts\":[]}]}", "contents"},
        {"{\"contents\":[7]}", "contents"},
        {"{\"contents\":[{\"parts\":[7]}]}", "parts"},
        {"{\"contents\":[{\"parts\":[{\"functionCall\":{}}]}]}",
         "functionCall"},
        {"{\"tools\":[{\"functionDeclarations\":[{}]}]}", "tools"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        if (read_at(ENDPOINT_GENERATE, cases[i].body, &fault)) {
            test_fail(__FILE__, __LINE__, "read: %s", cases[i].body);
            continue;
        }
        CHECK_EQ(fault.status, 400);
        CHECK_STR(str_from(fault.param), cases[i].param);
    }
}

TEST(embeddings_are_one_text_each)
{
    struct fault fault;
    CHECK_TRUE(read_at(ENDPOINT_BATCH_EMBED,
                       "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\""
                       "},{\"text\":\"b\"}]},\"outputDimensionality\":3},"
                       "{\"content\":{\"parts\":[{\"text\":\"c\"}]},"
                       "\"output_dimensionality\":3}]}",
                       &fault));
    CHECK_EQ(asked->kind, CANON_EMBED);
    CHECK_EQ(asked->part_count, 2);
    CHECK_STR(asked->parts[0].text, "ab");
    CHECK_STR(asked->parts[1].text, "c");
    CHECK_STR(field(CANON_FIELD_DIMENSIONS), "3");
    CHECK_TRUE(read_at(ENDPOINT_EMBED,
                       "{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
                       "\"taskType\":\"RETRIEVAL_QUERY\"}",
                       &fault));
    CHECK_EQ(asked->part_count, 1);
    CHECK_STR(field(CANON_FIELD_TASK_TYPE), "\"RETRIEVAL_QUERY\"");
    CHECK_TRUE(!read_at(ENDPOINT_BATCH_EMBED,
                        "{\"requests\":[{\"content\":{\"parts\":[]},\"title\":"
                        "\"x\"},{\"content\":{\"parts\":[]}}]}",
                        &fault));
    CHECK_STR(str_from(fault.param), "title");
    CHECK_TRUE(!read_at(ENDPOINT_EMBED,
                        "{\"content\":{\"parts\":[{\"inlineData\":{}}]}}",
                        &fault));
    CHECK_STR(str_from(fault.code), "unsupported_content");
    CHECK_TRUE(!read_at(ENDPOINT_EMBED,
                        "{\"content\":{\"parts\":[{\"text\":\"a\"},"
                        "{\"text\":{\"text\":\"b\"}}]}}",
                        &fault));
    CHECK_STR(str_from(fault.code), "unsupported_content");
}

/* ---- written ---- */

static struct buf body_out;

static struct str
written_for(const char *model, uint64_t max_tokens)
{
    struct fault fault = {0};
    struct canon_target target = {.model = str_from(model),
                                  .max_tokens = max_tokens,
                                  .endpoint = ENDPOINT_GENERATE};
    buf_reset(&body_out);
    if (dialect_gemini.write_request(asked, &target, &body_out, &fault) != 0)
        test_fail(__FILE__, __LINE__, "%s", fault.message);
    CHECK_TRUE(buf_ok(&body_out) && !asked->failed);
    return buf_view(&body_out);
}

/* What stands once in the client's body stands with each input here. */
TEST(members_that_are_repeated_stay_short)
{
    struct canon_target target = {.model = STR_LIT("m"),
                                  .endpoint = ENDPOINT_BATCH_EMBED};
    struct fault fault;
    struct buf long_title;
    buf_init(&long_title, 0);
    for (int i = 0; i < 1000; i++)
        buf_append_cstr(&long_title, i == 0 ? "\"aaaaaaa" : "aaaaaaaa");
    buf_append_char(&long_title, '"');
    for (unsigned inputs = 100; inputs <= 10000; inputs *= 100) {
        reading("{}");
        asked->kind = CANON_EMBED;
        for (unsigned i = 0; i < inputs; i++)
            canon_part_add(asked, CANON_TEXT)->text = STR_LIT("a");
        asked->fields[CANON_FIELD_DIMENSIONS] = STR_LIT("12");
        asked->fields[CANON_FIELD_TITLE] = buf_view(&long_title);
        buf_reset(&body_out);
        CHECK_EQ(
            dialect_gemini.write_request(asked, &target, &body_out, &fault),
            inputs == 100 ? 0 : -1);
        CHECK_TRUE(buf_len(&body_out) < 2 << 20);
        asked->fields[CANON_FIELD_TITLE] = STR_LIT("");
        asked->fields[CANON_FIELD_DIMENSIONS] = STR_LIT("[12]");
        CHECK_EQ(
            dialect_gemini.write_request(asked, &target, &body_out, &fault),
            -1);
        CHECK_STR(str_from(fault.param), "dimensions");
    }
    buf_fini(&long_title);
}

TEST(a_body_read_and_written_means_the_same)
{
    reading("{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},"
            "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},"
            "{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":"
            "\"image/png\",\"data\":\"aA\"}}]},{\"role\":\"model\",\"parts\":[{"
            "\"text\":\"h\",\"thought\":true},{\"functionCall\":{\"id\":\"i\","
            "\"name\":\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":\"t\"}]},"
            "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"i\","
            "\"name\":\"f\",\"response\":{\"r\":2}}}]}],\"tools\":[{"
            "\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{"
            "\"type\":\"OBJECT\"}}]}],\"toolConfig\":{\"functionCallingConfig\""
            ":{\"mode\":\"ANY\"}},\"safetySettings\":[],\"generationConfig\":{"
            "\"topP\":1,\"stopSequences\":[\"x\"],\"thinkingConfig\":{"
            "\"thinkingBudget\":300,\"includeThoughts\":true}}}");
    CHECK_STR(
        written_for("gemini-2.5-flash", 64),
        "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":["
        "{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},{\"inlineData\":{"
        "\"mimeType\":\"image/png\",\"data\":\"aA\"}}]},{\"role\":\"model\","
        "\"parts\":[{\"functionCall\":{\"id\":\"i\",\"name\":\"f\",\"args\":{"
        "\"a\":1}},\"thoughtSignature\":\"t\"}]},{\"role\":\"user\",\"parts\":["
        "{\"functionResponse\":{\"id\":\"i\",\"name\":\"f\",\"response\":{"
        "\"r\":2}}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\","
        "\"parametersJsonSchema\":{\"type\":\"object\"}}]}],\"toolConfig\":{"
        "\"functionCallingConfig\":{\"mode\":\"ANY\"}},\"safetySettings\":[],"
        "\"generationConfig\":{\"maxOutputTokens\":64,\"topP\":1,"
        "\"stopSequences\":[\"x\"],\"thinkingConfig\":{\"thinkingBudget\":300,"
        "\"includeThoughts\":true}}}");
}

/* A request as other dialects make it. */
static void
begin_asking(void)
{
    if (asked == NULL)
        asked = canon_request_create();
    canon_request_reset(asked);
    canon_message_add(asked, CANON_USER);
    canon_part_add(asked, CANON_TEXT)->text = STR_LIT("q");
}

#define QUESTION "{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}"

static void
check_contains(struct str text, const char *want)
{
    if (memmem(text.ptr, text.len, want, strlen(want)) == NULL)
        test_fail(__FILE__, __LINE__, "no %s in %.*s", want, STR_ARG(text));
}

static void
check_lacks(struct str text, const char *what)
{
    if (memmem(text.ptr, text.len, what, strlen(what)) != NULL)
        test_fail(__FILE__, __LINE__, "%s in %.*s", what, STR_ARG(text));
}

TEST(results_are_objects_under_the_name_of_their_call)
{
    begin_asking();
    canon_message_add(asked, CANON_ASSISTANT);
    struct canon_part *part = canon_part_add(asked, CANON_TOOL_CALL);
    part->id = STR_LIT("i");
    part->name = STR_LIT("f");
    part->arguments = STR_LIT("{}");
    canon_message_add(asked, CANON_USER);
    static const struct {
        const char *text, *want;
        bool is_error;
    } cases[] = {
        {"plain", "{\"result\":\"plain\"}", false},
        {"{\\\"a\\\": 1}", "{\"a\": 1}", false},
        {"{broken", "{\"result\":\"{broken\"}", false},
        {"bad", "{\"error\":\"bad\"}", true},
        {"", "{\"result\":\"\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        part = canon_part_add(asked, CANON_TOOL_RESULT);
        part->id = STR_LIT("i");
        part->children = 1;
        part->is_error = cases[i].is_error;
        canon_part_add(asked, CANON_TEXT)->text = str_from(cases[i].text);
    }
    struct str out = written_for("gemini-2.5-pro", 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[128];
        snprintf(want, sizeof(want),
                 "{\"functionResponse\":{\"id\":\"i\",\"name\":\"f\","
                 "\"response\":%s}}",
                 cases[i].want);
        check_contains(out, want);
    }
}

TEST(calls_without_a_signature_have_google_s_stand_in_where_it_is_checked)
{
    static const char *const third[] = {"gemini-3-pro-preview",
                                        "models/gemini-3.5-flash",
                                        "gemini-flash-latest", "gemini-10-pro"};
    static const char *const others[] = {"gemini-2.5-flash", "gemini-1.5-pro",
                                         "gemma-3-27b-it"};
    static const char stand_in[] = "\"skip_thought_signature_validator\"";
    begin_asking();
    canon_message_add(asked, CANON_ASSISTANT);
    canon_part_add(asked, CANON_TOOL_CALL)->name = STR_LIT("f");
    canon_part_add(asked, CANON_TOOL_CALL)->name = STR_LIT("g");
    for (size_t i = 0; i < ARRAY_LEN(third); i++) {
        struct str out = written_for(third[i], 0);
        const char *first =
            memmem(out.ptr, out.len, stand_in, strlen(stand_in));
        CHECK_TRUE(first != NULL);
        if (first != NULL) /* of calls at once, the first */
            check_lacks(
                str_make(first + 1, (size_t)(out.ptr + out.len - first - 1)),
                stand_in);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        check_lacks(written_for(others[i], 0), stand_in);
    asked->parts[1].signature = STR_LIT("real");
    check_lacks(written_for(third[0], 0), stand_in);
    check_contains(written_for(third[0], 0), "\"thoughtSignature\":\"real\"");
}

TEST(thinking_is_written_as_the_model_knows_it)
{
    static const struct {
        const char *model;
        uint8_t effort, thinking;
        int64_t budget;
        uint8_t show;
        const char *want; /* NULL: no thinkingConfig */
    } cases[] = {
        {"gemini-2.5-flash", 0, 0, 0, 0, NULL},
        {"gemma-3", 0, 0, 0, 0, NULL},
        {"gemini-2.5-flash", CANON_EFFORT_NONE, 0, 0, 0,
         "{\"thinkingBudget\":0}"},
        {"gemini-2.5-flash", CANON_EFFORT_MINIMAL, 0, 0, 0,
         "{\"thinkingBudget\":512}"},
        {"gemini-2.5-flash", CANON_EFFORT_LOW, 0, 0, 0,
         "{\"thinkingBudget\":1024}"},
        {"gemini-2.5-flash", CANON_EFFORT_MEDIUM, 0, 0, 0,
         "{\"thinkingBudget\":8192}"},
        {"gemini-2.5-flash", CANON_EFFORT_XHIGH, 0, 0, 0,
         "{\"thinkingBudget\":24576}"},
        {"gemini-2.5-pro", CANON_EFFORT_NONE, 0, 0, 0,
         "{\"thinkingBudget\":128}"},
        {"gemini-2.5-pro", 0, CANON_YES, 99999, 0,
         "{\"thinkingBudget\":32768,\"includeThoughts\":true}"},
        {"gemini-2.5-flash", 0, CANON_YES, -1, CANON_NO,
         "{\"thinkingBudget\":-1}"},
        {"gemini-2.5-flash", 0, CANON_NO, 0, 0, "{\"thinkingBudget\":0}"},
        {"gemini-2.5-flash", 0, 0, 0, CANON_YES, "{\"includeThoughts\":true}"},
        {"gemini-3-flash", CANON_EFFORT_NONE, 0, 0, 0,
         "{\"thinkingLevel\":\"MINIMAL\"}"},
        {"gemini-3-pro", CANON_EFFORT_MINIMAL, 0, 0, 0,
         "{\"thinkingLevel\":\"LOW\"}"},
        {"gemini-3-flash", CANON_EFFORT_MEDIUM, CANON_YES, 0, 0,
         "{\"thinkingLevel\":\"MEDIUM\",\"includeThoughts\":true}"},
        {"gemini-3-flash", CANON_EFFORT_XHIGH, 0, 0, 0,
         "{\"thinkingLevel\":\"HIGH\"}"},
        {"gemini-3-flash", 0, CANON_YES, 1024, 0,
         "{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}"},
        {"gemini-3-flash", 0, CANON_YES, -1, 0, "{\"includeThoughts\":true}"},
        {"gemini-3-flash", 0, CANON_NO, 0, 0,
         "{\"thinkingLevel\":\"MINIMAL\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[128];
        begin_asking();
        asked->effort = cases[i].effort;
        asked->thinking = cases[i].thinking;
        asked->thinking_budget = cases[i].budget;
        asked->show_thinking = cases[i].show;
        struct str out = written_for(cases[i].model, 0);
        if (cases[i].want == NULL) {
            check_lacks(out, "thinkingConfig");
            continue;
        }
        snprintf(want, sizeof(want), "\"thinkingConfig\":%s}", cases[i].want);
        check_contains(out, want);
    }
}

TEST(choices_among_tools_are_modes)
{
    static const struct {
        uint8_t choice;
        unsigned names;
        const char *want;
    } cases[] = {
        {CANON_CHOICE_AUTO, 0, "{\"mode\":\"AUTO\"}"},
        {CANON_CHOICE_NONE, 0, "{\"mode\":\"NONE\"}"},
        {CANON_CHOICE_REQUIRED, 0, "{\"mode\":\"ANY\"}"},
        {CANON_CHOICE_NAMED, 1,
         "{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}"},
        {CANON_CHOICE_AUTO, 1,
         "{\"mode\":\"VALIDATED\",\"allowedFunctionNames\":[\"f\"]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin_asking();
        canon_tool_add(asked)->name = STR_LIT("f");
        asked->tool_choice = cases[i].choice;
        asked->tool_choice_name_count = cases[i].names;
        asked->tool_choice_names[0] = STR_LIT("f");
        check_contains(written_for("m", 0), cases[i].want);
    }
    begin_asking();
    check_lacks(written_for("m", 0), "tool");
}

TEST(settings_are_written_or_told_as_dropped_or_refused)
{
    struct fault fault = {0};
    struct canon_target target = {.model = STR_LIT("m")};
    begin_asking();
    for (int i = 0; i < 7; i++)
        asked->stops[asked->stop_count++] = STR_LIT("s");
    asked->fields[CANON_FIELD_N] = STR_LIT("2");
    asked->fields[CANON_FIELD_USER] = STR_LIT("\"u\"");
    asked->fields[CANON_FIELD_MODALITIES] = STR_LIT("[\"text\"]");
    asked->parallel_tools = CANON_NO;
    asked->format = CANON_FORMAT_SCHEMA;
    asked->schema = STR_LIT("{\"a\":1}");
    struct str out = written_for("m", 0);
    check_contains(out, "\"stopSequences\":[\"s\",\"s\",\"s\",\"s\",\"s\"]");
    check_contains(out, "\"candidateCount\":2");
    check_contains(out, "\"responseMimeType\":\"application/json\","
                        "\"responseJsonSchema\":{\"a\":1}");
    check_lacks(out, "maxOutputTokens");
    CHECK_EQ(asked->dropped_count, 3);
    asked->fields[CANON_FIELD_MODALITIES] = STR_LIT("[\"text\",\"audio\"]");
    CHECK_EQ(dialect_gemini.write_request(asked, &target, &body_out, &fault),
             -1);
    CHECK_STR(str_from(fault.param), "modalities");
    begin_asking();
    struct canon_part *part = canon_part_add(asked, CANON_FILE);
    part->source = CANON_FILE_ID;
    part->data = STR_LIT("file-1");
    CHECK_EQ(dialect_gemini.write_request(asked, &target, &body_out, &fault),
             -1);
    CHECK_EQ(fault.status, 400);
}

TEST(a_conversation_begins_with_the_user_and_is_never_empty)
{
    begin_asking();
    canon_request_reset(asked);
    canon_message_add(asked, CANON_SYSTEM);
    canon_part_add(asked, CANON_TEXT)->text = STR_LIT("s");
    check_contains(written_for("m", 0),
                   "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
                   "\".\"}]}]");
    canon_message_add(asked, CANON_ASSISTANT);
    canon_part_add(asked, CANON_TEXT)->text = STR_LIT("a");
    canon_message_add(asked, CANON_USER); /* without content */
    canon_message_add(asked, CANON_ASSISTANT);
    canon_part_add(asked, CANON_TEXT)->text = STR_LIT("b");
    check_contains(written_for("m", 0),
                   "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
                   "\".\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"a\"},"
                   "{\"text\":\"b\"}]}]");
}

TEST(media_are_written_by_their_source)
{
    static const struct {
        uint8_t kind, source;
        const char *type, *data, *want;
    } cases[] = {
        {CANON_IMAGE, CANON_BASE64, "image/png", "aA",
         "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aA\"}}"},
        {CANON_IMAGE, CANON_URL, "", "https://h/p",
         "{\"fileData\":{\"fileUri\":\"https://h/p\"}}"},
        {CANON_AUDIO, CANON_BASE64, "audio/mp3", "bB",
         "{\"inlineData\":{\"mimeType\":\"audio/mp3\",\"data\":\"bB\"}}"},
        {CANON_FILE, CANON_BASE64, "", "cC",
         "{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"cC\"}}"},
        {CANON_FILE, CANON_PLAIN_TEXT, "", "text", "{\"text\":\"text\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin_asking();
        struct canon_part *part = canon_part_add(asked, cases[i].kind);
        part->source = cases[i].source;
        part->media_type = str_from(cases[i].type);
        part->data = str_from(cases[i].data);
        check_contains(written_for("m", 0), cases[i].want);
    }
}

TEST(embeddings_are_a_batch)
{
    begin_asking();
    canon_request_reset(asked);
    asked->kind = CANON_EMBED;
    canon_part_add(asked, CANON_TEXT)->text = STR_LIT("a");
    canon_part_add(asked, CANON_TEXT)->text = STR_LIT("b");
    asked->fields[CANON_FIELD_DIMENSIONS] = STR_LIT("8");
    asked->fields[CANON_FIELD_ENCODING] = STR_LIT("\"base64\"");
    CHECK_STR(written_for("emb", 0),
              "{\"requests\":[{\"model\":\"models/emb\",\"content\":{\"parts\":"
              "[{\"text\":\"a\"}]},\"outputDimensionality\":8},{\"model\":"
              "\"models/emb\",\"content\":{\"parts\":[{\"text\":\"b\"}]},"
              "\"outputDimensionality\":8}]}");
    CHECK_EQ(asked->dropped_count, 0);
}

TEST(endless_calls_are_read_in_their_time)
{
    enum { CALLS = 30000 };
    struct buf body;
    buf_init(&body, 0);
    buf_append_cstr(&body, "{\"contents\":[{\"role\":\"model\",\"parts\":[");
    for (int i = 0; i < CALLS; i++)
        buf_append_cstr(&body, "{\"functionCall\":{\"name\":\"a\"}},");
    for (int i = 0; i < CALLS; i++)
        buf_printf(&body, "%s{\"functionResponse\":{\"name\":\"b\"}}",
                   i > 0 ? "," : "");
    buf_append_cstr(&body, "]}]}");
    reading(buf_cstr(&body)); /* each result looks at a few calls only */
    CHECK_EQ(asked->part_count, 2 * CALLS);
    written_for("m", 0);
    buf_fini(&body);
    buf_fini(&body_out);
    buf_fini(&spliced);
    canon_request_destroy(&asked);
}
