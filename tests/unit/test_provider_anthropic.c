/*
 * test_provider_anthropic.c - tests of worker/provider/anthropic*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/net/http_parse.h"
#include "tests/test.h"
#include "worker/provider/provider.h"

static char secret[] = "sk-ant-api03-4hT9xQbLm2ZrVw8YcN3d";
static char login[] = "sk-ant-oat01-4hT9xQbLm2ZrVw8YcN3d";

static struct catalogue_provider
make_provider(const char *host, const char *path)
{
    struct catalogue_provider provider = {
        .kind = PROVIDER_ANTHROPIC, .port = 443, .tls = true};
    provider.api_key = secret;
    snprintf(provider.host, sizeof(provider.host), "%s", host);
    snprintf(provider.path, sizeof(provider.path), "%s", path);
    return provider;
}

/* The head for a call of a client that sent these fields, read back. */
static struct http_head
sent(const struct catalogue_provider *provider, uint8_t endpoint, bool stream,
     const char *fields)
{
    static struct buf out;
    static struct http_head head;
    struct http_head client;
    char text[1000];
    size_t scanned = 0;
    snprintf(text, sizeof(text), "POST /v1/x HTTP/1.1\r\nHost: g\r\n%s\r\n",
             fields);
    CHECK_EQ(http_parse_request(text, strlen(text), &scanned, &client),
             HTTP_DONE);
    struct upstream_call call = {
        .provider = provider,
        .dialect = &dialect_anthropic,
        .endpoint = endpoint,
        .stream = stream,
        .client = &client,
        .body_len = 42,
        .request_id = "req_1",
    };
    buf_fini(&out);
    buf_init(&out, 0);
    provider_anthropic.head(&out, &call);
    scanned = 0;
    CHECK_EQ(http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &head),
             HTTP_DONE);
    CHECK_EQ(head.bytes, buf_len(&out));
    return head;
}

static struct str
field(const struct http_head *head, const char *name)
{
    return http_field_find(head, str_from(name));
}

TEST(the_path_is_below_the_base_with_or_without_a_version)
{
    static const struct {
        const char *path;
        uint8_t endpoint;
        const char *target;
    } cases[] = {
        {"", ENDPOINT_MESSAGES, "/v1/messages"},
        {"", ENDPOINT_COUNT_TOKENS, "/v1/messages/count_tokens"},
        {"/v1", ENDPOINT_MESSAGES, "/v1/messages"},
        {"/anthropic", ENDPOINT_MESSAGES, "/anthropic/v1/messages"},
        {"/anthropic/v1", ENDPOINT_COUNT_TOKENS,
         "/anthropic/v1/messages/count_tokens"},
        {"/v11", ENDPOINT_MESSAGES, "/v11/v1/messages"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider = make_provider("h", cases[i].path);
        struct http_head head = sent(&provider, cases[i].endpoint, i % 2, "");
        CHECK_STR(head.target, cases[i].target);
        CHECK_EQ(head.content_length, 42);
        CHECK_STR(field(&head, "accept"),
                  i % 2 ? "text/event-stream" : "application/json");
    }
}

TEST(the_credential_is_the_gateways_in_the_field_that_its_kind_needs)
{
    struct catalogue_provider provider = make_provider("h", "");
    const char *clients =
        "X-Api-Key: client\r\nAuthorization: Bearer client\r\n";
    struct http_head head = sent(&provider, ENDPOINT_MESSAGES, false, clients);
    CHECK_STR(field(&head, "x-api-key"), secret);
    CHECK_EQ(http_field_count(&head, STR_LIT("x-api-key")), 1);
    CHECK_EQ(http_field_count(&head, STR_LIT("authorization")), 0);
    provider.api_key = login;
    head = sent(&provider, ENDPOINT_MESSAGES, false, clients);
    CHECK_STR(field(&head, "authorization"),
              "Bearer sk-ant-oat01-4hT9xQbLm2ZrVw8YcN3d");
    CHECK_EQ(http_field_count(&head, STR_LIT("x-api-key")), 0);
    provider.api_key = NULL;
    head = sent(&provider, ENDPOINT_MESSAGES, false, clients);
    CHECK_EQ(http_field_count(&head, STR_LIT("authorization")), 0);
    CHECK_EQ(http_field_count(&head, STR_LIT("x-api-key")), 0);
}

TEST(the_version_is_the_clients_else_the_configured_one)
{
    struct catalogue_provider provider = make_provider("h", "");
    static char configured[] = "2024-01-01";
    struct http_head head = sent(&provider, ENDPOINT_MESSAGES, false, "");
    CHECK_STR(field(&head, "anthropic-version"), "2023-06-01");
    provider.api_version = configured;
    head = sent(&provider, ENDPOINT_MESSAGES, false, "");
    CHECK_STR(field(&head, "anthropic-version"), "2024-01-01");
    head = sent(&provider, ENDPOINT_MESSAGES, false,
                "Anthropic-Version: 2099-01-01\r\nanthropic-beta: a,b\r\n");
    CHECK_STR(field(&head, "anthropic-version"), "2099-01-01");
    CHECK_EQ(http_field_count(&head, STR_LIT("anthropic-version")), 1);
    CHECK_STR(field(&head, "anthropic-beta"), "a,b");
}

TEST(its_own_dialect_passes_and_conversations_are_translated)
{
    struct catalogue_provider provider = make_provider("h", "");
    static const struct {
        const struct dialect *client;
        uint8_t endpoint;
        uint8_t becomes; /* 0: not served */
    } cases[] = {
        {&dialect_anthropic, ENDPOINT_MESSAGES, ENDPOINT_MESSAGES},
        {&dialect_anthropic, ENDPOINT_COUNT_TOKENS, ENDPOINT_COUNT_TOKENS},
        {&dialect_openai, ENDPOINT_CHAT, ENDPOINT_MESSAGES},
        {&dialect_responses, ENDPOINT_RESPONSES, ENDPOINT_MESSAGES},
        {&dialect_gemini, ENDPOINT_GENERATE, ENDPOINT_MESSAGES},
        {&dialect_openai, ENDPOINT_EMBEDDINGS, 0},
        {&dialect_openai, ENDPOINT_COMPLETIONS, 0},
        {&dialect_gemini, ENDPOINT_COUNT_TOKENS, 0},
        {&dialect_gemini, ENDPOINT_EMBED, 0},
        {&dialect_openai, ENDPOINT_IMAGES, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t endpoint = cases[i].endpoint;
        const struct dialect *speaks =
            provider_anthropic.speaks(&provider, cases[i].client, &endpoint);
        CHECK_TRUE(speaks ==
                   (cases[i].becomes == 0 ? NULL : &dialect_anthropic));
        if (speaks != NULL)
            CHECK_EQ(endpoint, cases[i].becomes);
    }
}

TEST(other_makers_have_their_habits)
{
    struct catalogue_provider own = make_provider("api.anthropic.com", "");
    struct catalogue_provider other = make_provider("api.deepseek.com", "");
    CHECK_EQ(provider_anthropic.quirks(&own), 0);
    CHECK_EQ(provider_anthropic.quirks(&other),
             QUIRK_BUDGET_THINKING | QUIRK_NO_SCHEMA);
    CHECK_TRUE(provider_family_of(PROVIDER_ANTHROPIC) == &provider_anthropic);
}

/* ---- errors ---- */

// clang-format off
#define SHAPE(type, message) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"},\"request_id\":\"req_x\"}"

static const struct {
    uint16_t status;
    const char *body;
    uint16_t told; /* to others; to clients of its own dialect where `passes` is not */
    const char *type, *code, *words;
    bool passes;
} errors[] = {
    {400, SHAPE("invalid_request_error", "bad \\\"x\\\""), 400, "invalid_request_error", "upstream_error", "bad \"x\"", true},
    {400, SHAPE("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), 400, "invalid_request_error", "context_length_exceeded", "too long", true},
    {400, SHAPE("invalid_request_error", "Your credit balance is too low to access"), 502, "upstream_error", "upstream_error", "credit", true},
    {401, SHAPE("authentication_error", "invalid x-api-key"), 401, "upstream_error", "upstream_error", "invalid", true},
    {403, SHAPE("permission_error", "p"), 403, "upstream_error", "upstream_error", "p", true},
    {404, SHAPE("not_found_error", "model: x"), 404, "invalid_request_error", "model_not_found", "model: x", true},
    {413, SHAPE("request_too_large", "p"), 413, "invalid_request_error", "request_too_large", "p", true},
    {429, SHAPE("rate_limit_error", "p"), 429, "rate_limit_error", "rate_limit_exceeded", "p", true},
    {500, SHAPE("api_error", "p"), 500, "upstream_error", "upstream_error", "p", true},
    {529, SHAPE("overloaded_error", "Overloaded"), 503, "upstream_error", "overloaded", "Overloaded", true},
    {424, SHAPE("api_error", "p"), 502, "upstream_error", "upstream_error", "p", false},
    {400, "{\"message\":\"m\"}", 400, "invalid_request_error", "upstream_error", "m", false},
    {400, "{\"error\":\"words\"}", 400, "invalid_request_error", "upstream_error", "words", false},
    {422, "{\"detail\":\"d\"}", 422, "invalid_request_error", "upstream_error", "d", false},
    {502, "<html>", 502, "upstream_error", "upstream_error", "without a readable reason", false},
    {503, "", 502, "upstream_error", "upstream_error", "without a readable reason", false},
    {529, "", 503, "upstream_error", "overloaded", "without a readable reason", false},
    {404, "{\"error\":{\"message\":\"half", 404, "invalid_request_error", "model_not_found", "without a readable reason", false},
    {302, SHAPE("x", "y"), 502, "upstream_error", "upstream_error", "base_url", false},
    {401, SHAPE("x", "bad key sk-ant-api03-4hT9xQbLm2ZrVw8YcN3d"), 401, "upstream_error", "upstream_error", "refused the gateway's credential", false},
    {500, SHAPE("x", "key hT9xQbLm2Z failed"), 500, "upstream_error", "upstream_error", "withheld", false},
};
// clang-format on

TEST(errors_pass_to_their_own_dialect_and_are_told_to_others)
{
    struct catalogue_provider provider = make_provider("h", "");
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        for (int translated = 0; translated < 2; translated++) {
            struct fault fault = {0};
            bool mapped = provider_anthropic.map_error(
                &provider, errors[i].status, str_from(errors[i].body),
                translated, &fault);
            CHECK_EQ(mapped, translated || !errors[i].passes);
            if (!mapped)
                continue;
            CHECK_EQ(fault.status, errors[i].told);
            CHECK_STR(str_from(fault.type), errors[i].type);
            CHECK_STR(str_from(fault.code), errors[i].code);
            if (strstr(fault.message, errors[i].words) == NULL)
                test_fail(__FILE__, __LINE__, "%zu: %s", i, fault.message);
            CHECK_TRUE(strstr(fault.message, "hT9x") == NULL);
        }
}

TEST(a_long_message_is_cut_and_no_overrun)
{
    static char body[8000], words[7000];
    struct catalogue_provider provider = make_provider("h", "");
    struct fault fault;
    memset(words, 'w', sizeof(words) - 1);
    for (size_t n = 1; n < sizeof(words); n += 97) {
        snprintf(body, sizeof(body), SHAPE("x", "%.*s"), (int)n, words);
        CHECK_TRUE(provider_anthropic.map_error(&provider, 400, str_from(body),
                                                true, &fault));
        CHECK_TRUE(strlen(fault.message) < sizeof(fault.message));
    }
}
