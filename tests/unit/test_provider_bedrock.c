/*
 * test_provider_bedrock.c - tests of worker/provider/bedrock.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/net/http_parse.h"
#include "tests/test.h"
#include "worker/provider/provider.h"

static char signing[] = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static char bearer[] = "ABSKQmVkcm9ja0FQSUtleS1leGFtcGxl";
static char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
                     "\"hi\"}]}]}";

static struct catalogue_provider
make_provider(const char *host, const char *path, char *key)
{
    struct catalogue_provider provider = {
        .kind = PROVIDER_BEDROCK, .port = 443, .tls = true, .api_key = key};
    snprintf(provider.host, sizeof(provider.host), "%s", host);
    snprintf(provider.path, sizeof(provider.path), "%s", path);
    return provider;
}

/* The head as a strict parser has it; it points into `out`. */
static void
make_head(struct buf *out, struct http_head *head,
          const struct catalogue_provider *provider,
          const struct dialect *dialect, uint8_t endpoint, const char *model,
          bool stream)
{
    struct iovec pieces[] = {{body, 5}, {body + 5, strlen(body) - 5}};
    struct http_head client;
    static const char asked[] = "POST /v1/x HTTP/1.1\r\nHost: g\r\nX-Amz-Date: "
                                "bad\r\nX-Trace: t\r\n\r\n";
    size_t scanned = 0;
    CHECK_EQ(http_parse_request(asked, strlen(asked), &scanned, &client),
             HTTP_DONE);
    struct upstream_call call = {
        .provider = provider,
        .dialect = dialect,
        .endpoint = endpoint,
        .model = str_from(model),
        .stream = stream,
        .is_translated = dialect == &dialect_bedrock,
        .client = &client,
        .body = pieces,
        .body_pieces = 2,
        .body_len = strlen(body),
        .request_id = "req_1",
        .wall_ms = INT64_C(1767323045000),
    };
    buf_reset(out);
    provider_bedrock.head(out, &call);
    CHECK_TRUE(buf_ok(out));
    scanned = 0;
    CHECK_EQ(http_parse_request(buf_ptr(out), buf_len(out), &scanned, head),
             HTTP_DONE);
    CHECK_EQ(head->bytes, buf_len(out));
    CHECK_EQ(head->content_length, strlen(body));
}

TEST(a_converse_call_is_signed_for_the_region_of_its_host)
{
    struct buf out;
    struct http_head head;
    buf_init(&out, 0);
    struct catalogue_provider provider =
        make_provider("bedrock-runtime.us-east-1.amazonaws.com", "", signing);
    make_head(&out, &head, &provider, &dialect_bedrock, ENDPOINT_CONVERSE,
              "us.anthropic.claude-haiku-4-5-20251001-v1:0", false);
    CHECK_STR(head.target, "/model/us.anthropic.claude-haiku-4-5-20251001-v1"
                           "%3A0/converse");
    CHECK_STR(http_field_find(&head, STR_LIT("host")),
              "bedrock-runtime.us-east-1.amazonaws.com");
    CHECK_STR(http_field_find(&head, STR_LIT("content-type")),
              "application/json");
    CHECK_STR(http_field_find(&head, STR_LIT("x-amz-date")),
              "20260102T030405Z");
    CHECK_STR(http_field_find(&head, STR_LIT("authorization")),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/"
              "bedrock/aws4_request, SignedHeaders=content-type;host;"
              "x-amz-content-sha256;x-amz-date, Signature="
              "667b88f3f0989f132cf35026a28a717927bb93a748ed246c9f2408ec8bfaece"
              "5");
    CHECK_STR(http_field_find(&head, STR_LIT("accept")), "application/json");
    CHECK_EQ(http_field_find(&head, STR_LIT("x-trace")).len, 0);
    buf_fini(&out);
}

TEST(a_key_of_bedrock_is_a_bearer_token)
{
    struct buf out;
    struct http_head head;
    buf_init(&out, 0);
    struct catalogue_provider provider =
        make_provider("127.0.0.1", "/base", bearer);
    provider.port = 8001;
    make_head(&out, &head, &provider, &dialect_bedrock, ENDPOINT_CONVERSE,
              "arn:aws:bedrock:x:1:inference-profile/y", true);
    CHECK_STR(head.target, "/base/model/arn%3Aaws%3Abedrock%3Ax%3A1%3A"
                           "inference-profile%2Fy/converse-stream");
    CHECK_STR(http_field_find(&head, STR_LIT("authorization")),
              "Bearer ABSKQmVkcm9ja0FQSUtleS1leGFtcGxl");
    CHECK_STR(http_field_find(&head, STR_LIT("accept")),
              "application/vnd.amazon.eventstream");
    CHECK_EQ(http_field_find(&head, STR_LIT("x-amz-date")).len, 0);
    provider.api_key = NULL;
    make_head(&out, &head, &provider, &dialect_bedrock, ENDPOINT_CONVERSE, "m",
              true);
    CHECK_EQ(http_field_find(&head, STR_LIT("authorization")).len, 0);
    buf_fini(&out);
}

TEST(the_region_is_configured_or_that_of_the_host)
{
    static const struct {
        const char *host, *region, *scope;
    } cases[] = {
        {"bedrock-runtime.eu-west-3.amazonaws.com", NULL,
         "/eu-west-3/bedrock/"},
        {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", NULL,
         "/us-gov-west-1/bedrock/"},
        {"vpce-1.bedrock-runtime.eu-north-1.vpce.amazonaws.com", NULL,
         "/eu-north-1/bedrock/"},
        {"bedrock-runtime.eu-west-3.amazonaws.com", "eu-west-1",
         "/eu-west-1/bedrock/"},
        {"proxy.internal", "ap-south-1", "/ap-south-1/bedrock/"},
        {"proxy.internal", NULL, "/us-east-1/bedrock/"},
        {"bedrock-mantle.us-west-2.api.aws", NULL,
         "/us-west-2/bedrock-mantle/"},
    };
    struct buf out;
    struct http_head head;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char region[32];
        struct catalogue_provider provider =
            make_provider(cases[i].host, "", signing);
        snprintf(region, sizeof(region), "%s",
                 cases[i].region == NULL ? "" : cases[i].region);
        provider.region = cases[i].region == NULL ? NULL : region;
        make_head(&out, &head, &provider, &dialect_openai, ENDPOINT_CHAT, "m",
                  false);
        struct str field = http_field_find(&head, STR_LIT("authorization"));
        CHECK_TRUE(memmem(field.ptr, field.len, cases[i].scope,
                          strlen(cases[i].scope)) != NULL);
    }
    buf_fini(&out);
}

TEST(mantle_speaks_as_openai_does)
{
    struct buf out;
    struct http_head head;
    uint8_t endpoint = ENDPOINT_CHAT;
    buf_init(&out, 0);
    struct catalogue_provider provider =
        make_provider("bedrock-mantle.us-east-1.api.aws", "", bearer);
    CHECK_TRUE(provider_bedrock.speaks(&provider, &dialect_openai, &endpoint) ==
               &dialect_openai);
    CHECK_EQ(endpoint, ENDPOINT_CHAT);
    make_head(&out, &head, &provider, &dialect_openai, ENDPOINT_CHAT, "m",
              true);
    CHECK_STR(head.target, "/v1/chat/completions");
    CHECK_STR(http_field_find(&head, STR_LIT("accept")), "text/event-stream");
    CHECK_STR(http_field_find(&head, STR_LIT("x-trace")), "t");
    CHECK_EQ(http_field_find(&head, STR_LIT("x-amz-date")).len, 0);
    provider =
        make_provider("bedrock-mantle.us-east-1.api.aws", "/openai/v1", bearer);
    make_head(&out, &head, &provider, &dialect_openai, ENDPOINT_RESPONSES, "m",
              true);
    CHECK_STR(head.target, "/openai/v1/responses");
    buf_fini(&out);
}

TEST(chats_become_converse_and_nothing_else_is_served)
{
    static const struct dialect client = {.number = DIALECT_ANTHROPIC};
    struct catalogue_provider provider =
        make_provider("bedrock-runtime.us-east-1.amazonaws.com", "", bearer);
    static const uint8_t chats[] = {ENDPOINT_RESPONSES, ENDPOINT_MESSAGES,
                                    ENDPOINT_GENERATE, ENDPOINT_RUN};
    static const uint8_t others[] = {ENDPOINT_EMBED, ENDPOINT_BATCH_EMBED,
                                     ENDPOINT_COUNT_TOKENS};
    static const uint8_t openai[] = {ENDPOINT_COMPLETIONS, ENDPOINT_EMBEDDINGS,
                                     ENDPOINT_IMAGES, ENDPOINT_SPEECH};
    uint8_t endpoint = ENDPOINT_CHAT;
    CHECK_TRUE(provider_bedrock.speaks(&provider, &dialect_openai, &endpoint) ==
               &dialect_bedrock);
    CHECK_EQ(endpoint, ENDPOINT_CONVERSE);
    for (size_t i = 0; i < ARRAY_LEN(chats); i++) {
        endpoint = chats[i];
        CHECK_TRUE(provider_bedrock.speaks(&provider, &client, &endpoint) ==
                   &dialect_bedrock);
        CHECK_EQ(endpoint, ENDPOINT_CONVERSE);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        endpoint = others[i];
        CHECK_TRUE(provider_bedrock.speaks(&provider, &client, &endpoint) ==
                   NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(openai); i++) {
        endpoint = openai[i];
        CHECK_TRUE(provider_bedrock.speaks(&provider, &dialect_openai,
                                           &endpoint) == NULL);
    }
}

TEST(errors_are_told_without_the_credential)
{
    // clang-format off
    static const struct {
        uint16_t status;
        const char *body;
        uint16_t told;
        const char *code, *words;
    } cases[] = {
        {400, "{\"message\":\"bad \\u00e4\"}", 400, "upstream_error", "bad \xc3\xa4"},
        {400, "{\"message\":\"Input is too long for requested model.\"}", 400, "context_length_exceeded", "too long"},
        {403, "{\"Message\":\"not allowed\"}", 403, "upstream_error", "not allowed"},
        {403, "{\"message\":\"credential AKIDEXAMPLE is unknown\"}", 403, "upstream_error", "refused the gateway's credential"},
        {424, "{\"message\":\"model\"}", 502, "upstream_error", "model"},
        {429, "{\"message\":\"Too many tokens\"}", 429, "rate_limit_exceeded", "Too many tokens"},
        {503, "", 502, "upstream_error", "without a readable reason"},
    };
    // clang-format on
    struct catalogue_provider provider = make_provider("h", "", signing);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fault fault;
        CHECK_TRUE(provider_bedrock.map_error(
            &provider, cases[i].status, str_from(cases[i].body), true, &fault));
        CHECK_EQ(fault.status, cases[i].told);
        CHECK_STR(str_from(fault.code), cases[i].code);
        if (strstr(fault.message, cases[i].words) == NULL)
            test_fail(__FILE__, __LINE__, "\"%s\" lacks \"%s\"", fault.message,
                      cases[i].words);
        CHECK_TRUE(strstr(fault.message, "AKIDEXAMPLE") == NULL);
    }
}
