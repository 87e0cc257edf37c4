/*
 * test_provider_workers_ai.c - tests of worker/provider/workers_ai.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/net/http_parse.h"
#include "tests/test.h"
#include "worker/provider/provider.h"

static char secret[] = "cf-token-0123456789abcdef";

static struct catalogue_provider
make_provider(const char *path)
{
    struct catalogue_provider provider = {.kind = PROVIDER_WORKERS_AI,
                                          .port = 443,
                                          .tls = true,
                                          .api_key = secret};
    snprintf(provider.host, sizeof(provider.host), "api.cloudflare.com");
    snprintf(provider.path, sizeof(provider.path), "%s", path);
    return provider;
}

TEST(the_native_form_and_openais_have_their_paths)
{
    static const struct {
        const char *path;
        const struct dialect *dialect;
        uint8_t endpoint;
        const char *model, *target;
    } cases[] = {
        {"/client/v4/accounts/a1", &dialect_workers_ai, ENDPOINT_RUN,
         "@cf/meta/llama 3",
         "/client/v4/accounts/a1/ai/run/@cf/meta/llama%203"},
        {"/client/v4/accounts/a1", &dialect_openai, ENDPOINT_CHAT, "m",
         "/client/v4/accounts/a1/ai/v1/chat/completions"},
        {"/client/v4/accounts/a1/ai/v1", &dialect_openai, ENDPOINT_EMBEDDINGS,
         "m", "/client/v4/accounts/a1/ai/v1/embeddings"},
        {"/client/v4/accounts/a1/ai", &dialect_openai, ENDPOINT_RESPONSES, "m",
         "/client/v4/accounts/a1/ai/v1/responses"},
        {"/x/ai/v1", &dialect_workers_ai, ENDPOINT_RUN, "@hf/b",
         "/x/ai/run/@hf/b"},
        {"", &dialect_openai, ENDPOINT_CHAT, "m", "/ai/v1/chat/completions"},
    };
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider = make_provider(cases[i].path);
        struct http_head head;
        size_t scanned = 0;
        struct upstream_call call = {
            .provider = &provider,
            .dialect = cases[i].dialect,
            .endpoint = cases[i].endpoint,
            .model = str_from(cases[i].model),
            .body_len = 2,
        };
        buf_reset(&out);
        provider_workers_ai.head(&out, &call);
        CHECK_EQ(
            http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &head),
            HTTP_DONE);
        CHECK_EQ(head.bytes, buf_len(&out));
        CHECK_STR(head.target, cases[i].target);
        CHECK_STR(http_field_find(&head, STR_LIT("host")),
                  "api.cloudflare.com");
        CHECK_STR(http_field_find(&head, STR_LIT("authorization")),
                  "Bearer cf-token-0123456789abcdef");
    }
    buf_fini(&out);
}

TEST(its_own_clients_pass_and_others_come_as_openais)
{
    static const struct dialect responses = {.number = DIALECT_RESPONSES},
                                other = {.number = DIALECT_ANTHROPIC};
    static const struct {
        const struct dialect *client;
        uint8_t endpoint;
        const struct dialect *speaks;
        uint8_t becomes;
    } cases[] = {
        {&dialect_workers_ai, ENDPOINT_RUN, &dialect_workers_ai, ENDPOINT_RUN},
        {&dialect_openai, ENDPOINT_CHAT, &dialect_openai, ENDPOINT_CHAT},
        {&dialect_openai, ENDPOINT_EMBEDDINGS, &dialect_openai,
         ENDPOINT_EMBEDDINGS},
        {&dialect_openai, ENDPOINT_SPEECH, NULL, ENDPOINT_SPEECH},
        {&responses, ENDPOINT_RESPONSES, &responses, ENDPOINT_RESPONSES},
        {&other, ENDPOINT_MESSAGES, &dialect_openai, ENDPOINT_CHAT},
        {&other, ENDPOINT_COUNT_TOKENS, NULL, ENDPOINT_COUNT_TOKENS},
    };
    struct catalogue_provider provider = make_provider("");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t endpoint = cases[i].endpoint;
        CHECK_TRUE(provider_workers_ai.speaks(&provider, cases[i].client,
                                              &endpoint) == cases[i].speaks);
        CHECK_EQ(endpoint, cases[i].becomes);
    }
}

TEST(its_numbers_say_more_than_its_status)
{
    // clang-format off
    static const struct {
        uint16_t status;
        const char *body;
        uint16_t told;
        const char *code, *words;
        bool no_retry;
    } cases[] = {
        {429, "{\"success\":false,\"errors\":[{\"code\":3036,\"message\":\"daily allowance\"}],\"result\":null}", 429, "insufficient_quota", "daily allowance", true},
        {429, "{\"success\":false,\"errors\":[{\"code\":3040,\"message\":\"no capacity\"}]}", 429, "overloaded", "no capacity", false},
        {400, "{\"errors\":[{\"code\":5007,\"message\":\"No such model\"}]}", 400, "model_not_found", "No such model", true},
        {401, "{\"errors\":[{\"code\":10000,\"message\":\"Authentication error\"}]}", 401, "upstream_error", "Authentication error", false},
        {401, "{\"errors\":[{\"code\":10000,\"message\":\"bad cf-token-0123456789abcdef\"}]}", 401, "upstream_error", "refused the gateway's credential", false},
        {500, "{\"errors\":[]}", 500, "upstream_error", "500", false},
        {502, "<html>", 502, "upstream_error", "without a readable reason", false},
    };
    // clang-format on
    struct catalogue_provider provider = make_provider("");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        CHECK_TRUE(provider_workers_ai.map_error(&provider, cases[i].status,
                                                 str_from(cases[i].body), false,
                                                 &fault));
        CHECK_EQ(fault.status, cases[i].told);
        CHECK_STR(str_from(fault.code), cases[i].code);
        CHECK_EQ(fault.no_retry, cases[i].no_retry);
        if (strstr(fault.message, cases[i].words) == NULL)
            test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", fault.message,
                      cases[i].words);
        CHECK_TRUE(strstr(fault.message, "0123456789") == NULL);
    }
}
