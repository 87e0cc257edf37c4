/*
 * test_provider_gemini.c - tests of worker/provider/gemini*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/net/http_parse.h"
#include "tests/test.h"
#include "worker/provider/provider.h"

static char secret[] = "AIzaSyD4hT9xQbLm2ZrVw8YcN3dKpWqXeRtYuIo";

static struct catalogue_provider
make_provider(const char *path)
{
    struct catalogue_provider provider = {
        .kind = PROVIDER_GEMINI, .port = 443, .tls = true, .api_key = secret};
    snprintf(provider.host, sizeof(provider.host), "g.example");
    snprintf(provider.path, sizeof(provider.path), "%s", path);
    return provider;
}

static void
make_head(struct buf *out, const struct catalogue_provider *provider,
          const char *model, uint8_t endpoint, bool stream)
{
    static const char client_text[] =
        "POST /x?key=client HTTP/1.1\r\nHost: gateway\r\n"
        "x-goog-api-key: client\r\nx-goog-user-project: bad\r\n"
        "x-goog-api-client: sdk/1\r\nAuthorization: Bearer client\r\n\r\n";
    struct http_head client;
    size_t scanned = 0;
    CHECK_EQ(
        http_parse_request(client_text, strlen(client_text), &scanned, &client),
        HTTP_DONE);
    struct upstream_call call = {
        .provider = provider,
        .dialect = &dialect_gemini,
        .endpoint = endpoint,
        .model = str_from(model),
        .stream = stream,
        .client = &client,
        .body_len = 42,
    };
    buf_reset(out);
    provider_gemini.head(out, &call);
}

TEST(the_path_names_the_model_and_what_to_do)
{
    static const struct {
        const char *base, *model;
        uint8_t endpoint;
        bool stream;
        const char *target;
    } cases[] = {
        {"", "gemini-2.5-flash", ENDPOINT_GENERATE, false,
         "/v1beta/models/gemini-2.5-flash:generateContent"},
        {"", "m", ENDPOINT_GENERATE, true,
         "/v1beta/models/m:streamGenerateContent?alt=sse"},
        {"/proxy", "models/m", ENDPOINT_COUNT_TOKENS, false,
         "/proxy/v1beta/models/m:countTokens"},
        {"/v1beta", "m", ENDPOINT_EMBED, false,
         "/v1beta/models/m:embedContent"},
        {"/a/v1", "m", ENDPOINT_BATCH_EMBED, false,
         "/a/v1/models/m:batchEmbedContents"},
        {"", "tunedModels/t-1", ENDPOINT_GENERATE, false,
         "/v1beta/tunedModels/t-1:generateContent"},
        /* nothing in a name gets out of its segment */
        {"", "../a?b#c/d e:x", ENDPOINT_GENERATE, false,
         "/v1beta/models/..%2Fa%3Fb%23c%2Fd%20e%3Ax:generateContent"},
    };
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider = make_provider(cases[i].base);
        make_head(&out, &provider, cases[i].model, cases[i].endpoint,
                  cases[i].stream);
        struct http_head head;
        size_t scanned = 0;
        CHECK_EQ(
            http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &head),
            HTTP_DONE);
        CHECK_EQ(head.method, HTTP_POST);
        CHECK_EQ(head.content_length, 42);
        CHECK_STR(head.target, cases[i].target);
        CHECK_STR(http_field_find(&head, STR_LIT("x-goog-api-key")), secret);
        CHECK_STR(http_field_find(&head, STR_LIT("x-goog-api-client")),
                  "sdk/1");
        CHECK_EQ(http_field_find(&head, STR_LIT("authorization")).len, 0);
        CHECK_EQ(http_field_find(&head, STR_LIT("x-goog-user-project")).len, 0);
        /* the key stands once, and not where proxies log it */
        const char *key =
            memmem(buf_ptr(&out), buf_len(&out), secret, strlen(secret));
        CHECK_TRUE(key != NULL &&
                   memmem(head.target.ptr, head.target.len, "key=", 4) == NULL);
    }
    buf_fini(&out);
}

TEST(calls_of_other_dialects_have_their_place)
{
    static const struct {
        const struct dialect *client;
        uint8_t endpoint, want; /* 0: cannot be served */
    } cases[] = {
        {&dialect_gemini, ENDPOINT_GENERATE, ENDPOINT_GENERATE},
        {&dialect_gemini, ENDPOINT_COUNT_TOKENS, ENDPOINT_COUNT_TOKENS},
        {&dialect_gemini, ENDPOINT_EMBED, ENDPOINT_EMBED},
        {&dialect_openai, ENDPOINT_CHAT, ENDPOINT_GENERATE},
        {&dialect_openai, ENDPOINT_EMBEDDINGS, ENDPOINT_BATCH_EMBED},
        {&dialect_openai, ENDPOINT_RERANK, 0},
        {&dialect_openai, ENDPOINT_SPEECH, 0},
        {&dialect_openai, ENDPOINT_COUNT_TOKENS, 0},
    };
    struct catalogue_provider provider = make_provider("");
    CHECK_TRUE(provider_family_of(PROVIDER_GEMINI) == &provider_gemini);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t endpoint = cases[i].endpoint;
        const struct dialect *dialect =
            provider_gemini.speaks(&provider, cases[i].client, &endpoint);
        if (cases[i].want == 0) {
            CHECK_TRUE(dialect == NULL);
            continue;
        }
        CHECK_TRUE(dialect == &dialect_gemini);
        CHECK_EQ(endpoint, cases[i].want);
    }
}

static bool
map(uint16_t status, const char *body, bool translated, struct fault *fault)
{
    struct catalogue_provider provider = make_provider("");
    *fault = (struct fault){0};
    return provider_gemini.map_error(&provider, status, str_from(body),
                                     translated, fault);
}

TEST(google_s_errors_pass_to_those_who_know_them)
{
    static const char body[] =
        "{\"error\":{\"code\":404,\"message\":\"models/x is not found\","
        "\"status\":\"NOT_FOUND\"}}";
    struct fault fault;
    CHECK_TRUE(!map(404, body, false, &fault));
    CHECK_TRUE(map(404, body, true, &fault));
    CHECK_EQ(fault.status, 404);
    CHECK_TRUE(strstr(fault.message, "models/x is not found") != NULL);
}

TEST(a_refused_key_is_the_gateway_s_fault)
{
    static const struct {
        uint16_t status;
        const char *body;
    } cases[] = {
        {400, "{\"error\":{\"code\":400,\"message\":\"API key not valid.\","
              "\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":"
              "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":"
              "\"API_KEY_INVALID\"}]}}"},
        {403, "{\"error\":{\"code\":403,\"message\":\"Method doesn't allow "
              "unregistered callers\",\"status\":\"PERMISSION_DENIED\"}}"},
        {401, "[{\"error\":{\"code\":401,\"message\":\"no\"}}]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int translated = 0; translated < 2; translated++) {
            struct fault fault;
            CHECK_TRUE(
                map(cases[i].status, cases[i].body, translated == 1, &fault));
            CHECK_EQ(fault.status, 502);
            CHECK_TRUE(strstr(fault.message, "credential") != NULL);
            CHECK_TRUE(strstr(fault.message, "API key") == NULL);
        }
}

TEST(a_limit_says_when_to_come_again)
{
    static const char body[] =
        "{\"error\":{\"code\":429,\"message\":\"Please retry in 48.9s.\","
        "\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
        "\"type.googleapis.com/google.rpc.QuotaFailure\"},{\"@type\":"
        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"48s\"}]"
        "}}";
    struct fault fault;
    CHECK_TRUE(map(429, body, true, &fault));
    CHECK_EQ(fault.status, 429);
    CHECK_EQ(fault.retry_after_s, 48);
    CHECK_STR(str_from(fault.type), "rate_limit_error");
}

TEST(no_piece_of_the_key_is_passed_on)
{
    char body[256];
    struct fault fault;
    snprintf(body, sizeof(body), "{\"error\":{\"message\":\"key %.20s\"}}",
             secret + 4);
    for (int translated = 0; translated < 2; translated++) {
        CHECK_TRUE(map(500, body, translated == 1, &fault));
        CHECK_TRUE(strstr(fault.message, "QbLm2Zr") == NULL);
    }
}

TEST(what_is_no_error_of_google_s_becomes_one_of_ours)
{
    static const struct {
        uint16_t status;
        const char *body;
        uint16_t told;
    } cases[] = {
        {301, "", 502},
        {500, "<html>", 500},
        {503, "", 503},
        {529, "{\"error\":{\"message\":\"x\"}}", 503},
        {404, "{\"error\":\"x\"}", 404},
        {500, "[", 500},
        {400, "{\"error\":{\"message\":7}}", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        CHECK_TRUE(map(cases[i].status, cases[i].body, false, &fault));
        CHECK_EQ(fault.status, cases[i].told);
        CHECK_TRUE(fault.message[0] != '\0' && fault.code != NULL);
    }
}
