/*
 * test_provider_openai.c - tests of worker/provider/openai*.c and provider.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/net/http_parse.h"
#include "tests/test.h"
#include "worker/provider/provider.h"

static char secret[] = "sk-proj-4hT9xQbLm2ZrVw8YcN3d";

static struct catalogue_provider
make_provider(const char *host, uint16_t port, bool tls, const char *path)
{
    struct catalogue_provider provider = {
        .kind = PROVIDER_OPENAI, .port = port, .tls = tls, .api_key = secret};
    snprintf(provider.host, sizeof(provider.host), "%s", host);
    snprintf(provider.path, sizeof(provider.path), "%s", path);
    return provider;
}

static void
make_head(struct buf *out, const struct catalogue_provider *provider,
          uint8_t endpoint, bool stream, const char *client_text)
{
    struct http_head client;
    size_t scanned = 0;
    CHECK_EQ(
        http_parse_request(client_text, strlen(client_text), &scanned, &client),
        HTTP_DONE);
    struct upstream_call call = {
        .provider = provider,
        .dialect = &dialect_openai,
        .endpoint = endpoint,
        .stream = stream,
        .client = &client,
        .body_len = 42,
        .request_id = "req_1",
    };
    buf_reset(out);
    provider_openai.head(out, &call);
}

TEST(the_head_is_a_request_that_a_strict_parser_takes)
{
    static const struct {
        const char *host;
        uint16_t port;
        bool tls;
        const char *path;
        uint8_t endpoint;
        const char *target, *host_field;
    } cases[] = {
        {"api.openai.com", 443, true, "/v1", ENDPOINT_CHAT,
         "/v1/chat/completions", "api.openai.com"},
        {"127.0.0.1", 8000, false, "", ENDPOINT_COMPLETIONS, "/completions",
         "127.0.0.1:8000"},
        {"h", 80, false, "/a/b", ENDPOINT_EMBEDDINGS, "/a/b/embeddings", "h"},
        {"h", 80, true, "", ENDPOINT_CHAT, "/chat/completions", "h:80"},
        {"::1", 443, true, "", ENDPOINT_CHAT, "/chat/completions", "[::1]"},
        {"[::1]", 9, true, "", ENDPOINT_CHAT, "/chat/completions", "[::1]:9"},
    };
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider = make_provider(
            cases[i].host, cases[i].port, cases[i].tls, cases[i].path);
        make_head(&out, &provider, cases[i].endpoint, i % 2 == 0,
                  "POST /v1/x HTTP/1.1\r\nHost: gateway\r\n\r\n");
        struct http_head head;
        size_t scanned = 0;
        CHECK_EQ(
            http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &head),
            HTTP_DONE);
        CHECK_EQ(head.method, HTTP_POST);
        CHECK_EQ(head.bytes, buf_len(&out));
        CHECK_EQ(head.content_length, 42);
        CHECK_STR(head.target, cases[i].target);
        CHECK_STR(http_field_find(&head, STR_LIT("host")), cases[i].host_field);
        CHECK_STR(http_field_find(&head, STR_LIT("accept")),
                  i % 2 == 0 ? "text/event-stream" : "application/json");
        CHECK_STR(http_field_find(&head, STR_LIT("accept-encoding")),
                  "identity");
        CHECK_STR(http_field_find(&head, STR_LIT("content-type")),
                  "application/json");
        CHECK_STR(http_field_find(&head, STR_LIT("x-request-id")), "req_1");
        CHECK_STR(http_field_find(&head, STR_LIT("user-agent")), "aigw");
        CHECK_STR(http_field_find(&head, STR_LIT("authorization")),
                  "Bearer sk-proj-4hT9xQbLm2ZrVw8YcN3d");
    }
    buf_fini(&out);
}

TEST(no_credential_is_sent_where_none_is_configured)
{
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    provider.api_key = NULL;
    struct buf out;
    buf_init(&out, 0);
    make_head(&out, &provider, ENDPOINT_CHAT, false,
              "POST / HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer k\r\n\r\n");
    CHECK_TRUE(memmem(buf_ptr(&out), buf_len(&out), "uthorization", 12) ==
               NULL);
    buf_fini(&out);
}

TEST(only_harmless_fields_of_the_client_pass)
{
    static const char client[] =
        "POST /v1/x HTTP/1.1\r\nHost: gateway\r\n"
        "Authorization: Bearer client\r\nX-Api-Key: bad\r\nAPI-Key: bad\r\n"
        "x-goog-api-key: bad\r\nCookie: bad\r\nAccept: bad/bad\r\n"
        "Accept-Encoding: gzip-bad\r\nContent-Type: text/bad\r\n"
        "Content-Encoding: bad\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\nX-Forwarded-For: bad\r\nForwarded: bad\r\n"
        "Via: bad\r\nX-Real-IP: bad\r\nX-AIGW-Tag: bad\r\nTE: trailers\r\n"
        "Keep-Alive: bad\r\nProxy-Authorization: bad\r\nUpgrade: bad\r\n"
        "OpenAI-Organization: bad\r\nOpenAI-Project: bad\r\n"
        "X-Request-Id: bad\r\nConnection: keep-alive, X-Hop\r\nX-Hop: bad\r\n"
        "User-Agent: sdk/1.2\r\nX-Stainless-Lang: python\r\n"
        "OpenAI-Beta: assistants=v2\r\nIdempotency-Key: 77\r\n\r\n";
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    struct buf out;
    buf_init(&out, 0);
    make_head(&out, &provider, ENDPOINT_CHAT, false, client);
    struct http_head head;
    size_t scanned = 0;
    CHECK_EQ(http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &head),
             HTTP_DONE);
    CHECK_TRUE(memmem(buf_ptr(&out), buf_len(&out), "bad", 3) == NULL);
    CHECK_TRUE(memmem(buf_ptr(&out), buf_len(&out), "trailers", 8) == NULL);
    CHECK_TRUE(memmem(buf_ptr(&out), buf_len(&out), "client", 6) == NULL);
    CHECK_STR(http_field_find(&head, STR_LIT("user-agent")), "sdk/1.2");
    CHECK_STR(http_field_find(&head, STR_LIT("x-stainless-lang")), "python");
    CHECK_STR(http_field_find(&head, STR_LIT("openai-beta")), "assistants=v2");
    CHECK_STR(http_field_find(&head, STR_LIT("idempotency-key")), "77");
    CHECK_EQ(head.field_count, 11);
    buf_fini(&out);
}

// clang-format off
static const struct {
    uint16_t status;
    const char *body;
    uint16_t told; /* 0: passes */
    const char *message;
} errors[] = {
    {400, "{\"error\":{\"message\":\"no\",\"type\":\"t\"}}", 0, NULL},
    {429, "{\"error\":{\"message\":\"slow\",\"code\":1}}", 0, NULL},
    {500, " {\"error\":{\"message\":\"oops\"}} ", 0, NULL},
    {401, "{\"error\":{\"message\":\"no such key\"}}", 0, NULL},
    {400, "{\"error\":\"Incorrect API key\",\"code\":\"x\"}", 400,
     "the provider answered 400: Incorrect API key"},
    {401, "{\"detail\":\"Invalid \\u0041PI Key\"}", 401,
     "the provider answered 401: Invalid API Key"},
    {422, "{\"detail\":[{\"loc\":1}]}", 422,
     "the provider answered 422: [{\"loc\":1}]"},
    {400, "{\"object\":\"error\",\"message\":\"too long\"}", 400,
     "the provider answered 400: too long"},
    {500, "{}", 500, "the provider answered 500"},
    {529, "{\"error\":{\"message\":\"busy\"}}", 503,
     "the provider answered 529: busy"},
    {424, "{\"message\":\"model\"}", 502, "the provider answered 424: model"},
    {502, "<html>bad gateway</html>", 502,
     "the provider answered 502 without a readable reason"},
    {503, "", 502, "the provider answered 503 without a readable reason"},
    {404, "", 404, "the provider answered 404 without a readable reason"},
    {413, "<html>", 413, "the provider answered 413 without a readable reason"},
    {404, "{\"error\":{\"message\":\"cut", 404,
     "the provider answered 404 without a readable reason"},
    {302, "", 502, "the provider answered 302, which is no answer to a call; "
     "check its base_url"},
    {999, "", 502, "the provider answered 999 without a readable reason"},
    {401, "{\"error\":{\"message\":\"Incorrect API key: "
     "sk-proj-****Nc3d\"}}", 401,
     "the provider answered 401: it refused the gateway's credential"},
    {500, "{\"error\":{\"message\":\"debug: 9xQbLm2Z\"}}", 500,
     "the provider answered 500; its message is withheld, because it shows "
     "the gateway's credential"},
    {400, "{\"error\":{\"message\":\"only 9xQbLm2\"}}", 0, NULL},
};
// clang-format on

TEST(errors_pass_or_are_put_into_our_words)
{
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct fault fault = {.status = 0};
        bool mapped =
            provider_openai.map_error(&provider, errors[i].status,
                                      str_from(errors[i].body), false, &fault);
        if (mapped != (errors[i].told != 0))
            test_fail(__FILE__, __LINE__, "case %zu: mapped %d", i, mapped);
        CHECK_EQ(fault.status, errors[i].told);
        if (errors[i].message != NULL)
            CHECK_STR(str_from(fault.message), errors[i].message);
    }
}

TEST(no_piece_of_the_credential_passes_wherever_it_stands)
{
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    size_t key_len = strlen(secret);
    for (size_t from = 0; from + 8 <= key_len; from++) {
        for (size_t pad = 0; pad < 20; pad++) {
            char body[200];
            snprintf(body, sizeof(body),
                     "{\"error\":{\"message\":\"%.*s%.8s\"}}", (int)pad,
                     "....................", secret + from);
            struct fault fault;
            CHECK_TRUE(provider_openai.map_error(&provider, 400, str_from(body),
                                                 false, &fault));
            CHECK_TRUE(memmem(fault.message, strlen(fault.message),
                              secret + from, 8) == NULL);
        }
    }
}

TEST(a_message_longer_than_a_fault_is_cut)
{
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    char body[2000];
    memset(body, 'm', sizeof(body));
    memcpy(body, "{\"detail\":\"", 11);
    memcpy(body + sizeof(body) - 2, "\"}", 2);
    struct fault fault;
    CHECK_TRUE(provider_openai.map_error(
        &provider, 400, str_make(body, sizeof(body)), false, &fault));
    CHECK_TRUE(strlen(fault.message) < sizeof(fault.message));
}

TEST(a_short_credential_is_looked_for_as_a_whole)
{
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    struct fault fault;
    struct str body = STR_LIT("{\"error\":{\"message\":\"key EMPTY bad\"}}");
    char empty[] = "EMPTY", tiny[] = "k";
    provider.api_key = empty;
    CHECK_TRUE(provider_openai.map_error(&provider, 400, body, false, &fault));
    provider.api_key = tiny;
    CHECK_TRUE(!provider_openai.map_error(&provider, 400, body, false, &fault));
    provider.api_key = NULL;
    CHECK_TRUE(!provider_openai.map_error(&provider, 400, body, false, &fault));
}

TEST(max_completion_tokens_is_spelt_so_for_openai_itself)
{
    static const struct {
        const char *host;
        bool wanted;
    } cases[] = {
        {"api.openai.com", true},     {"API.OpenAI.com", true},
        {"x.openai.azure.com", true}, {".openai.azure.com", false},
        {"openai.com.evil", false},   {"api.mistral.ai", false},
        {"xapi.openai.com", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].host, 443, true, "");
        CHECK_EQ(
            (provider_openai.quirks(&provider) & QUIRK_COMPLETION_TOKENS) != 0,
            cases[i].wanted);
    }
}

TEST(each_kind_of_provider_has_its_family)
{
    CHECK_TRUE(provider_family_of(PROVIDER_OPENAI) == &provider_openai);
    CHECK_TRUE(provider_family_of(PROVIDER_BUILTIN) == &provider_builtin);
    CHECK_TRUE(provider_family_of((enum provider_kind)99) == NULL);
}
