/*
 * test_probe_call.c - tests of worker/probe_call.c: a test's call as each kind of
 * provider gets it, and what is told of the answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "common/net/http_parse.h"
#include "tests/test.h"
#include "worker/probe_part.h"
#include "worker/provider/provider.h"

static char secret[] = "sk-upstream-4hT9xQbLm2ZrVw8YcN3d";
static struct catalogue_provider provider;
static struct probe_call call;
static struct probe_outcome outcome;
static struct buf head, body;

static void
begin(enum provider_kind kind, const char *host)
{
    provider = (struct catalogue_provider){
        .kind = kind, .port = 443, .tls = true, .api_key = secret};
    snprintf(provider.host, sizeof(provider.host), "%s", host);
    call = (struct probe_call){
        .model = "m", .prompt = "Say \"ok\".", .provider = &provider};
    call.upstream = STR_LIT("m-2026");
    outcome = (struct probe_outcome){0};
    buf_fini(&head);
    buf_fini(&body);
    buf_init(&head, 0);
    buf_init(&body, 0);
}

static bool
write_call(void)
{
    return probe_call_write(&call, "test_1", 1700000000000, &head, &body,
                            &outcome);
}

static void
answered(uint16_t status, const char *text)
{
    memset(&outcome, 0, sizeof(outcome));
    outcome.status = status;
    probe_call_read(&call, str_from(text), &outcome);
}

TEST(each_kind_is_asked_in_its_own_dialect_for_a_few_tokens)
{
    static const struct {
        enum provider_kind kind;
        const char *host, *target, *field, *tokens;
    } cases[] = {
        {PROVIDER_OPENAI, "h", "/chat/completions", "authorization",
         "max_tokens"},
        {PROVIDER_OPENAI, "api.openai.com", "/chat/completions",
         "authorization", "max_completion_tokens"},
        {PROVIDER_ANTHROPIC, "h", "/v1/messages", "x-api-key", "max_tokens"},
        {PROVIDER_GEMINI, "h", "/v1beta/models/m-2026:generateContent",
         "x-goog-api-key", "generationConfig.maxOutputTokens"},
        {PROVIDER_BEDROCK, "h", "/model/m-2026/converse", "authorization",
         "inferenceConfig.maxTokens"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head sent;
        struct str value;
        size_t scanned = 0;
        begin(cases[i].kind, cases[i].host);
        CHECK_TRUE(write_call());
        CHECK_EQ(
            http_parse_request(buf_ptr(&head), buf_len(&head), &scanned, &sent),
            HTTP_DONE);
        CHECK_STR(sent.target, cases[i].target);
        CHECK_EQ(sent.content_length, buf_len(&body));
        CHECK_TRUE(http_field_find(&sent, str_from(cases[i].field)).len > 0);
        CHECK_TRUE(json_find(buf_view(&body), cases[i].tokens, &value));
        CHECK_STR(value, "16");
        CHECK_TRUE(strstr(buf_cstr(&body), "\"Say \\\"ok\\\".\"") != NULL);
    }
}

TEST(the_text_is_that_of_the_first_choice_in_one_line_and_cut)
{
    char long_text[2000], text[sizeof(long_text) + 200];
    begin(PROVIDER_OPENAI, "h");
    CHECK_TRUE(write_call());
    answered(200, "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
                  "\"message\":{\"role\":\"assistant\",\"content\":"
                  "\"a\\n\\u0000b\\u00e9\"}}]}");
    CHECK_STR(str_from(outcome.code), "");
    CHECK_STR(str_from(outcome.text), "a  b\xc3\xa9");
    memset(long_text, 0, sizeof(long_text));
    for (size_t i = 0; i + 2 < sizeof(long_text); i += 2)
        memcpy(long_text + i, "\xc3\xa9", 2);
    snprintf(text, sizeof(text),
             "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
             "\"message\":{\"content\":\"x%s\"}}]}",
             long_text);
    answered(200, text);
    CHECK_EQ(strlen(outcome.text), PROBE_TEXT_BYTES - 2); /* no half of one */
    answered(200, "{\"choices\":[{\"index\":0,\"finish_reason\":\"length\","
                  "\"message\":{\"content\":\"\"}}]}");
    CHECK_STR(str_from(outcome.code), "");
    CHECK_STR(str_from(outcome.text), "");
}

TEST(what_is_no_answer_of_a_chat_is_not_well)
{
    static const char *const bodies[] = {
        "", "<html></html>", "{}", "[]", "{\"ok\":true}", "{\"choices\":[",
    };
    begin(PROVIDER_OPENAI, "h");
    CHECK_TRUE(write_call());
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        answered(200, bodies[i]);
        CHECK_STR(str_from(outcome.code), "upstream_error");
        CHECK_TRUE(strlen(outcome.message) > 0);
    }
    begin(PROVIDER_ANTHROPIC, "h");
    CHECK_TRUE(write_call());
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        answered(200, bodies[i]);
        CHECK_STR(str_from(outcome.code), "upstream_error");
    }
}

TEST(the_credential_shows_in_nothing_that_is_told)
{
    static const enum provider_kind kinds[] = {
        PROVIDER_OPENAI,  PROVIDER_ANTHROPIC, PROVIDER_GEMINI,
        PROVIDER_BEDROCK, PROVIDER_AZURE,     PROVIDER_WORKERS_AI,
    };
    static const uint16_t statuses[] = {302, 400, 401, 429, 500};
    char text[300];
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        begin(kinds[k], "h");
        (void)write_call(); /* of some this key is none: the dialect is known */
        snprintf(text, sizeof(text),
                 "{\"error\":{\"message\":\"bad key %s\",\"status\":\"x\"},"
                 "\"message\":\"%s\",\"errors\":[{\"message\":\"%s\"}]}",
                 secret, secret, secret);
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
            answered(statuses[i], text);
            CHECK_TRUE(outcome.code[0] != '\0');
            CHECK_TRUE(strstr(outcome.message, "4hT9xQbLm2") == NULL);
        }
    }
    begin(PROVIDER_OPENAI, "h");
    CHECK_TRUE(write_call());
    snprintf(text, sizeof(text),
             "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
             "\"message\":{\"content\":\"it is %s!\"}}]}",
             secret);
    answered(200, text);
    CHECK_TRUE(strstr(outcome.text, "it is ***") != NULL);
    CHECK_TRUE(strstr(outcome.text, "4hT9xQbLm2") == NULL);
    snprintf(text, sizeof(text), "{\"error\":{\"message\":\"%s\"}}", secret);
    answered(200, text);
    CHECK_TRUE(outcome.code[0] != '\0');
    CHECK_TRUE(strstr(outcome.message, "4hT9xQbLm2") == NULL);
}
