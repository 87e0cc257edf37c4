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

TEST(lists_of_a_provider_keep_fields_back)
{
    static const struct {
        const char *pass, *drop, *kept, *missing;
    } cases[] = {
        {NULL, NULL, "x-team: a\r\nX-Team-Id: b\r\nx-other: c\r\n", "k-1"},
        {"x-team", NULL, "x-team: a\r\n", "X-Team-Id"},
        {"x-none X-TEAM*", NULL, "x-team: a\r\nX-Team-Id: b\r\n", "x-other"},
        {"*", NULL, "x-other: c\r\n", "k-1"},
        {"authorization *", NULL, "x-other: c\r\n", "k-1"},
        {"x-team", NULL, "User-Agent: aigw\r\n", "me/1"},
        {"user-agent", NULL, "User-Agent: me/1\r\n", "x-team"},
        {NULL, "x-team-* user-agent", "x-team: a\r\nx-other: c\r\n", "me/1"},
        {NULL, "x-team-*", "x-team: a\r\n", "X-Team-Id"},
        {"x-*", "x-team", "X-Team-Id: b\r\nx-other: c\r\n", "x-team: a"},
        {NULL, "*", "User-Agent: aigw\r\n", "x-other"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider = make_provider("h", 80, false, "");
        char pass[64], drop[64];
        struct buf out;
        buf_init(&out, 0);
        if (cases[i].pass != NULL)
            provider.pass_headers = strcpy(pass, cases[i].pass);
        if (cases[i].drop != NULL)
            provider.drop_headers = strcpy(drop, cases[i].drop);
        make_head(&out, &provider, ENDPOINT_CHAT, false,
                  "POST / HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer k-1\r\n"
                  "x-team: a\r\nX-Team-Id: b\r\nUser-Agent: me/1\r\n"
                  "x-other: c\r\nContent-Length: 0\r\n\r\n");
        if (strstr(buf_cstr(&out), cases[i].kept) == NULL ||
            strstr(buf_cstr(&out), cases[i].missing) != NULL)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, buf_cstr(&out));
        buf_fini(&out);
    }
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
        "X-Auth-Key: bad\r\nX-Auth-Email: bad\r\n"
        "X-Auth-User-Service-Key: bad\r\nOcp-Apim-Subscription-Key: bad\r\n"
        "CF-Connecting-IP: bad\r\ncf-aig-authorization: bad\r\n"
        "True-Client-IP: bad\r\nX-Client-IP: bad\r\nXI-API-Key: bad\r\n"
        "X-HTTP-Method-Override: bad\r\nX-HTTP-Method: bad\r\n"
        "X-Method-Override: bad\r\nX-Amz-Security-Token: bad\r\n"
        "x-goog-user-project: bad\r\nX_Api_Version: bad\r\n"
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

/* Of every family: whatever stands where the room ends. */
TEST(long_messages_are_decoded_and_cut_between_characters)
{
    static const struct {
        const struct provider_family *family;
        const char *before, *behind;
    } cases[] = {
        {&provider_openai, "{\"error\":{\"message\":\"", "\"}}"},
        {&provider_gemini, "{\"error\":{\"code\":400,\"message\":\"", "\"}}"},
        {&provider_anthropic, "{\"type\":\"error\",\"error\":{\"message\":\"",
         "\"}}"},
        {&provider_workers_ai, "{\"errors\":[{\"code\":1,\"message\":\"",
         "\"}]}"},
        {&provider_bedrock, "{\"message\":\"", "\"}"},
    };
    static const struct str words = STR_LIT(
        "a \\\"b\\\" \xc3\xa9 \\u20ac \xf0\x9f\x98\x80 \\ud83d\\ude00 ");
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    struct buf body;
    buf_init(&body, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t shift = 0; shift < words.len; shift++) {
            struct fault fault;
            buf_reset(&body);
            buf_append_cstr(&body, cases[i].before);
            for (size_t k = 0; k < shift; k++)
                buf_append_char(&body, 'x');
            for (int k = 0; k < 40; k++)
                buf_append_str(&body, words);
            buf_append_cstr(&body, cases[i].behind);
            CHECK_TRUE(cases[i].family->map_error(
                &provider, 400, buf_view(&body), true, &fault));
            struct str told = str_from(fault.message);
            CHECK_TRUE(
                str_starts_with(told, STR_LIT("the provider answered 400: ")));
            CHECK_TRUE(told.len > sizeof(fault.message) - 6);
            CHECK_EQ(str_whole(told), told.len);
            CHECK_TRUE(strchr(fault.message, '\\') == NULL);
            CHECK_TRUE(strstr(fault.message, "a \"b\" \xc3\xa9 \xe2\x82\xac "
                                             "\xf0\x9f\x98\x80 ") != NULL);
        }
    buf_fini(&body);
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

/* ---- the crowd ---- */

static const struct dialect of_responses = {.number = DIALECT_RESPONSES},
                            of_anthropic = {.number = DIALECT_ANTHROPIC},
                            of_gemini = {.number = DIALECT_GEMINI};

TEST(each_of_the_crowd_has_its_row)
{
    static const struct {
        const char *host;
        uint16_t port;
        uint32_t speaks, has, has_not;
    } cases[] = {
        // clang-format off
        {"api.openai.com", 443, SPEAKS_RESPONSES, QUIRK_OPENAI_FIELDS, QUIRK_NO_DEVELOPER},
        {"r.services.ai.azure.com", 443, SPEAKS_RESPONSES, QUIRK_COMPLETION_TOKENS, 0},
        {"services.ai.azure.com", 443, 0, QUIRK_NO_DEVELOPER, QUIRK_COMPLETION_TOKENS},
        {"openrouter.ai", 443, SPEAKS_RESPONSES | SPEAKS_MESSAGES, QUIRK_REASONING_OBJECT | QUIRK_CACHE_CONTROL, 0},
        {"xopenrouter.ai", 443, 0, QUIRK_NO_DEVELOPER, QUIRK_REASONING_OBJECT},
        {"API.DeepSeek.com", 443, SPEAKS_RESPONSES | SPEAKS_MESSAGES, QUIRK_THINKING_TYPE | QUIRK_REASONING_BACK | QUIRK_NO_SCHEMA, 0},
        {"dashscope-intl.aliyuncs.com", 443, 0, QUIRK_ENABLE_THINKING | QUIRK_THINKING_UNBOUND, 0},
        {"ark.cn-beijing.volces.com", 443, SPEAKS_RESPONSES, QUIRK_THINKING_TYPE | QUIRK_COMPLETION_TOKENS, 0},
        {"ark.ap-southeast.bytepluses.com", 443, SPEAKS_RESPONSES, QUIRK_THINKING_TYPE, 0},
        {"api.minimaxi.com", 443, SPEAKS_MESSAGES, QUIRK_NO_SCHEMA | QUIRK_NO_REASONING, 0},
        {"qianfan.baidubce.com", 443, 0, QUIRK_NO_REASONING, 0},
        {"api.hunyuan.cloud.tencent.com", 443, 0, QUIRK_ENABLE_THINKING, 0},
        {"api.moonshot.cn", 443, SPEAKS_MESSAGES, QUIRK_REASONING_BACK, 0},
        {"open.bigmodel.cn", 443, SPEAKS_MESSAGES, QUIRK_THINKING_TYPE, 0},
        {"api.mistral.ai", 443, 0, QUIRK_TOOL_ID_9 | QUIRK_NO_STREAM_OPTIONS | QUIRK_PREFIX, QUIRK_EFFORT_3},
        {"api.groq.com", 443, SPEAKS_RESPONSES, QUIRK_NO_LOGPROBS, 0},
        {"api.x.ai", 443, SPEAKS_RESPONSES, QUIRK_THINKING_UNBOUND, 0},
        {"api.together.xyz", 443, 0, QUIRK_TOP_K, 0},
        {"api.cerebras.ai", 443, 0, QUIRK_EFFORT_3, QUIRK_TOP_K},
        {"generativelanguage.googleapis.com", 443, 0, QUIRK_GOOGLE_SIGNATURE, 0},
        {"bedrock-mantle.us-east-1.api.aws", 443, SPEAKS_RESPONSES, QUIRK_COMPLETION_TOKENS, 0},
        {"gpu-7.internal", 8000, 0, QUIRK_TOP_K, 0},
        {"127.0.0.1", 11434, 0, QUIRK_EFFORT_3, QUIRK_TOP_K},
        {"llm.example.org", 443, 0, QUIRK_NO_DEVELOPER | QUIRK_EFFORT_3, QUIRK_TOP_K | QUIRK_COMPLETION_TOKENS},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].host, cases[i].port, true, "/v1");
        uint32_t quirks = provider_openai.quirks(&provider);
        uint8_t endpoint = ENDPOINT_RESPONSES;
        if ((quirks & cases[i].has) != cases[i].has ||
            (quirks & cases[i].has_not) != 0)
            test_fail(__FILE__, __LINE__, "%s: quirks %x", cases[i].host,
                      quirks);
        const struct dialect *dialect =
            provider_openai.speaks(&provider, &of_responses, &endpoint);
        bool native = (cases[i].speaks & SPEAKS_RESPONSES) != 0;
        CHECK_TRUE(dialect == (native ? &of_responses : &dialect_openai));
        CHECK_EQ(endpoint, native ? ENDPOINT_RESPONSES : ENDPOINT_CHAT);
        endpoint = ENDPOINT_MESSAGES;
        dialect = provider_openai.speaks(&provider, &of_anthropic, &endpoint);
        native = (cases[i].speaks & SPEAKS_MESSAGES) != 0;
        CHECK_TRUE(dialect == (native ? &of_anthropic : &dialect_openai));
        CHECK_EQ(endpoint, native ? ENDPOINT_MESSAGES : ENDPOINT_CHAT);
    }
}

TEST(what_an_operator_says_stands_in_place_of_the_row)
{
    struct catalogue_provider provider =
        make_provider("api.mistral.ai", 443, true, "/v1");
    uint8_t endpoint = ENDPOINT_MESSAGES;
    provider.quirks = QUIRK_NONE;
    provider.speaks = SPEAKS_MESSAGES;
    CHECK_EQ(provider_openai.quirks(&provider) & ~(uint32_t)QUIRK_NONE, 0);
    CHECK_TRUE(provider_openai.speaks(&provider, &of_anthropic, &endpoint) ==
               &of_anthropic);
    provider = make_provider("api.openai.com", 443, true, "/v1");
    provider.speaks = SPEAKS_CHAT;
    endpoint = ENDPOINT_RESPONSES;
    CHECK_TRUE(provider_openai.speaks(&provider, &of_responses, &endpoint) ==
               &dialect_openai);
}

TEST(other_calls_go_where_they_can_be_served)
{
    static const struct {
        const char *host;
        const struct dialect *client, *served;
        uint8_t endpoint, at;
    } cases[] = {
        // clang-format off
        {"api.openai.com", &of_gemini, &dialect_openai, ENDPOINT_GENERATE, ENDPOINT_CHAT},
        {"api.openai.com", &of_gemini, &dialect_openai, ENDPOINT_BATCH_EMBED, ENDPOINT_EMBEDDINGS},
        {"api.openai.com", &of_gemini, &dialect_openai, ENDPOINT_EMBED, ENDPOINT_EMBEDDINGS},
        {"api.openai.com", &of_gemini, NULL, ENDPOINT_COUNT_TOKENS, ENDPOINT_COUNT_TOKENS},
        {"api.openai.com", &of_responses, &of_responses, ENDPOINT_COUNT_TOKENS, ENDPOINT_COUNT_TOKENS},
        {"api.groq.com", &of_responses, NULL, ENDPOINT_COUNT_TOKENS, ENDPOINT_COUNT_TOKENS},
        {"openrouter.ai", &of_anthropic, NULL, ENDPOINT_COUNT_TOKENS, ENDPOINT_COUNT_TOKENS},
        {"h", &dialect_openai, &dialect_openai, ENDPOINT_IMAGES, ENDPOINT_IMAGES},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].host, 443, true, "/v1");
        uint8_t endpoint = cases[i].endpoint;
        CHECK_TRUE(provider_openai.speaks(&provider, cases[i].client,
                                          &endpoint) == cases[i].served);
        CHECK_EQ(endpoint, cases[i].at);
    }
}

TEST(each_endpoint_has_its_path)
{
    static const struct {
        const char *host, *base;
        uint8_t endpoint;
        const char *target, *version;
    } cases[] = {
        // clang-format off
        {"h", "/v1", ENDPOINT_RESPONSES, "/v1/responses", ""},
        {"h", "/v1", ENDPOINT_COUNT_TOKENS, "/v1/responses/input_tokens", ""},
        {"h", "/v1", ENDPOINT_IMAGES, "/v1/images/generations", ""},
        {"h", "/v1", ENDPOINT_IMAGE_EDITS, "/v1/images/edits", ""},
        {"h", "/v1", ENDPOINT_IMAGE_VARIATIONS, "/v1/images/variations", ""},
        {"h", "/v1", ENDPOINT_SPEECH, "/v1/audio/speech", ""},
        {"h", "/v1", ENDPOINT_TRANSCRIPTIONS, "/v1/audio/transcriptions", ""},
        {"h", "/v1", ENDPOINT_TRANSLATIONS, "/v1/audio/translations", ""},
        {"h", "/v1", ENDPOINT_RERANK, "/v1/rerank", ""},
        {"h", "/v1", ENDPOINT_MODERATIONS, "/v1/moderations", ""},
        {"h", "/v1", ENDPOINT_MESSAGES, "/v1/messages", "2023-06-01"},
        {"openrouter.ai", "/api/v1", ENDPOINT_MESSAGES, "/api/v1/messages", "2023-06-01"},
        {"api.deepseek.com", "", ENDPOINT_MESSAGES, "/anthropic/v1/messages", "2023-06-01"},
        {"api.z.ai", "/api/paas/v4", ENDPOINT_MESSAGES, "/api/anthropic/v1/messages", "2023-06-01"},
        {"api.z.ai", "/api/paas/v4", ENDPOINT_CHAT, "/api/paas/v4/chat/completions", ""},
        // clang-format on
    };
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].host, 443, true, cases[i].base);
        struct http_head head;
        size_t scanned = 0;
        make_head(&out, &provider, cases[i].endpoint, false,
                  "POST /v1/x HTTP/1.1\r\nHost: gateway\r\n\r\n");
        CHECK_EQ(
            http_parse_request(buf_ptr(&out), buf_len(&out), &scanned, &head),
            HTTP_DONE);
        CHECK_STR(head.target, cases[i].target);
        CHECK_STR(http_field_find(&head, STR_LIT("anthropic-version")),
                  cases[i].version);
    }
    /* The client's own version passes, and alone. */
    struct catalogue_provider provider = make_provider("h", 443, true, "");
    make_head(&out, &provider, ENDPOINT_MESSAGES, false,
              "POST /v1/x HTTP/1.1\r\nHost: gateway\r\n"
              "Anthropic-Version: 2099-01-01\r\n\r\n");
    CHECK_TRUE(memmem(buf_ptr(&out), buf_len(&out), "2099-01-01", 10) != NULL);
    CHECK_TRUE(memmem(buf_ptr(&out), buf_len(&out), "2023-06-01", 10) == NULL);
    buf_fini(&out);
}

TEST(a_translated_error_has_a_type_that_tells_whose_fault_it_is)
{
    static const struct {
        uint16_t status;
        const char *type;
    } cases[] = {
        {400, "invalid_request_error"}, {404, "invalid_request_error"},
        {413, "invalid_request_error"}, {422, "invalid_request_error"},
        {401, "upstream_error"},        {403, "upstream_error"},
        {429, "rate_limit_error"},      {500, "upstream_error"},
    };
    struct catalogue_provider provider = make_provider("h", 80, false, "");
    struct str body = STR_LIT("{\"error\":{\"message\":\"no\"}}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        CHECK_TRUE(provider_openai.map_error(&provider, cases[i].status, body,
                                             true, &fault));
        CHECK_STR(str_from(fault.type), cases[i].type);
        CHECK_EQ(fault.status, cases[i].status);
    }
}

TEST(each_kind_of_provider_has_its_family)
{
    CHECK_TRUE(provider_family_of(PROVIDER_OPENAI) == &provider_openai);
    CHECK_TRUE(provider_family_of(PROVIDER_BUILTIN) == &provider_builtin);
    CHECK_TRUE(provider_family_of((enum provider_kind)99) == NULL);
}
