/*
 * test_provider_azure.c - tests of worker/provider/azure.c, and of what Azure
 * was recorded to answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "common/net/http_parse.h"
#include "tests/unit/recording.h"
#include "worker/provider/provider.h"

static char secret[] = "0123456789abcdef0123456789abcdef";
static char token[] = "eyJ0eXAiOiJKV1Qi.eyJhdWQi.c2ln";

static struct catalogue_provider
make_provider(const char *path, const char *version, char *key)
{
    static char versions[64];
    struct catalogue_provider provider = {
        .kind = PROVIDER_AZURE, .port = 443, .tls = true, .api_key = key};
    snprintf(provider.host, sizeof(provider.host), "r.openai.azure.com");
    snprintf(provider.path, sizeof(provider.path), "%s", path);
    snprintf(versions, sizeof(versions), "%s", version == NULL ? "" : version);
    provider.api_version = version == NULL ? NULL : versions;
    return provider;
}

static void
make_head(struct buf *out, struct http_head *head,
          const struct catalogue_provider *provider, uint8_t endpoint,
          const char *model)
{
    size_t scanned = 0;
    struct upstream_call call = {
        .provider = provider,
        .dialect = &dialect_openai,
        .endpoint = endpoint,
        .model = str_from(model),
        .body_len = 2,
        .request_id = "req_1",
    };
    buf_reset(out);
    provider_azure.head(out, &call);
    CHECK_EQ(http_parse_request(buf_ptr(out), buf_len(out), &scanned, head),
             HTTP_DONE);
}

TEST(the_form_of_the_base_url_chooses_the_surface)
{
    // clang-format off
    static const struct {
        const char *path, *version;
        uint8_t endpoint;
        const char *model, *target;
    } cases[] = {
        {"", NULL, ENDPOINT_CHAT, "gpt 4/x", "/openai/deployments/gpt%204%2Fx/chat/completions?api-version=2024-10-21"},
        {"/openai", "2025-01-01-preview", ENDPOINT_EMBEDDINGS, "e", "/openai/deployments/e/embeddings?api-version=2025-01-01-preview"},
        {"", NULL, ENDPOINT_COMPLETIONS, "c", "/openai/deployments/c/completions?api-version=2024-10-21"},
        {"", NULL, ENDPOINT_TRANSCRIPTIONS, "w", "/openai/deployments/w/audio/transcriptions?api-version=2024-10-21"},
        {"/openai/v1", NULL, ENDPOINT_CHAT, "d", "/openai/v1/chat/completions"},
        {"/openai/v1", "preview", ENDPOINT_RESPONSES, "d", "/openai/v1/responses?api-version=preview"},
        {"/models", NULL, ENDPOINT_CHAT, "grok", "/models/chat/completions?api-version=2024-05-01-preview"},
        {"/models", "x&y", ENDPOINT_EMBEDDINGS, "e", "/models/embeddings?api-version=x%26y"},
    };
    // clang-format on
    struct buf out;
    struct http_head head;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].path, cases[i].version, secret);
        make_head(&out, &head, &provider, cases[i].endpoint, cases[i].model);
        CHECK_STR(head.target, cases[i].target);
        CHECK_STR(http_field_find(&head, STR_LIT("api-key")), secret);
        CHECK_EQ(http_field_find(&head, STR_LIT("authorization")).len, 0);
    }
    buf_fini(&out);
}

TEST(a_token_of_entra_is_a_bearer_token)
{
    struct buf out;
    struct http_head head;
    buf_init(&out, 0);
    struct catalogue_provider provider = make_provider("", NULL, token);
    make_head(&out, &head, &provider, ENDPOINT_CHAT, "d");
    CHECK_STR(http_field_find(&head, STR_LIT("authorization")),
              "Bearer eyJ0eXAiOiJKV1Qi.eyJhdWQi.c2ln");
    CHECK_EQ(http_field_find(&head, STR_LIT("api-key")).len, 0);
    provider.api_key = NULL;
    make_head(&out, &head, &provider, ENDPOINT_CHAT, "d");
    CHECK_EQ(http_field_find(&head, STR_LIT("authorization")).len, 0);
    buf_fini(&out);
}

TEST(each_surface_serves_what_it_has)
{
    static const struct dialect responses = {.number = DIALECT_RESPONSES},
                                other = {.number = DIALECT_GEMINI};
    static const struct {
        const char *path;
        const struct dialect *client;
        uint8_t endpoint;
        const struct dialect *speaks;
        uint8_t becomes;
    } cases[] = {
        {"", &dialect_openai, ENDPOINT_CHAT, &dialect_openai, ENDPOINT_CHAT},
        {"", &dialect_openai, ENDPOINT_IMAGES, &dialect_openai,
         ENDPOINT_IMAGES},
        {"", &responses, ENDPOINT_RESPONSES, &dialect_openai, ENDPOINT_CHAT},
        {"/openai/v1", &responses, ENDPOINT_RESPONSES, &responses,
         ENDPOINT_RESPONSES},
        {"/openai/v1", &responses, ENDPOINT_COUNT_TOKENS, NULL,
         ENDPOINT_COUNT_TOKENS},
        {"/models", &responses, ENDPOINT_RESPONSES, &dialect_openai,
         ENDPOINT_CHAT},
        {"/models", &dialect_openai, ENDPOINT_EMBEDDINGS, &dialect_openai,
         ENDPOINT_EMBEDDINGS},
        {"/models", &dialect_openai, ENDPOINT_SPEECH, NULL, ENDPOINT_SPEECH},
        {"", &other, ENDPOINT_BATCH_EMBED, &dialect_openai,
         ENDPOINT_EMBEDDINGS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].path, NULL, secret);
        uint8_t endpoint = cases[i].endpoint;
        CHECK_TRUE(provider_azure.speaks(&provider, cases[i].client,
                                         &endpoint) == cases[i].speaks);
        CHECK_EQ(endpoint, cases[i].becomes);
    }
}

TEST(habits_go_by_surface_and_version)
{
    enum { OF_OPENAI = QUIRK_COMPLETION_TOKENS | QUIRK_OPENAI_FIELDS };
    static const struct {
        const char *path, *version;
        uint32_t quirks;
    } cases[] = {
        {"", NULL, OF_OPENAI},
        {"", "2024-02-01", OF_OPENAI | QUIRK_NO_STREAM_OPTIONS},
        {"", "2024-10-21", OF_OPENAI},
        {"/openai/v1", "2024-02-01", OF_OPENAI},
        {"/models", NULL, QUIRK_NO_DEVELOPER | QUIRK_EFFORT_3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalogue_provider provider =
            make_provider(cases[i].path, cases[i].version, secret);
        CHECK_EQ(provider_azure.quirks(&provider), cases[i].quirks);
    }
}

TEST(a_filtered_prompt_keeps_its_code)
{
    static const char filtered[] =
        "{\"error\":{\"code\":\"content_filter\",\"message\":\"The response "
        "was filtered\",\"param\":\"prompt\",\"status\":400,\"innererror\":{"
        "\"code\":\"ResponsibleAIPolicyViolation\"}}}";
    struct catalogue_provider provider = make_provider("", NULL, secret);
    struct fault fault;
    /* To a client of OpenAI's dialect it passes as it is. */
    CHECK_TRUE(!provider_azure.map_error(&provider, 400, str_from(filtered),
                                         false, &fault));
    CHECK_TRUE(provider_azure.map_error(&provider, 400, str_from(filtered),
                                        true, &fault));
    CHECK_EQ(fault.status, 400);
    CHECK_STR(str_from(fault.code), "content_filter");
    CHECK_STR(str_from(fault.param), "prompt");
    CHECK_TRUE(strstr(fault.message, "was filtered") != NULL);
    CHECK_TRUE(fault.no_retry);
}

TEST(a_path_that_is_not_found_says_what_to_look_at)
{
    struct catalogue_provider provider = make_provider("", NULL, secret);
    struct fault fault;
    CHECK_TRUE(
        provider_azure.map_error(&provider, 404, STR_LIT(""), false, &fault));
    CHECK_EQ(fault.status, 404);
    CHECK_TRUE(strstr(fault.message, "api_version") != NULL);
    CHECK_TRUE(provider_azure.map_error(
        &provider, 401,
        STR_LIT("{\"error\":{\"message\":\"0123456789abcdef\"}"
                "}"),
        true, &fault));
    CHECK_TRUE(strstr(fault.message, "0123456789") == NULL);
}

/* ---- recordings ---- */

static void
read_answer(const struct recording *recording, uint8_t endpoint)
{
    static struct answer answer;
    const struct call call = {.prompt_estimate = 1};
    struct usage usage;
    bool estimated, ambiguous;
    answer_release(&answer);
    answer.dialect = &dialect_openai;
    answer.endpoint = endpoint;
    answer.stream = recording->is_stream;
    dialect_openai.answer_begin(&answer);
    if (recording->is_stream) {
        struct sse_scan scan = {0};
        struct sse_event event;
        struct str left = recording->body;
        while (sse_next(&scan, left.ptr, left.len, true, &event)) {
            dialect_openai.answer_event(&answer, &event);
            left = str_skip(left, event.bytes);
        }
        CHECK_TRUE(answer.done_seen);
    } else {
        dialect_openai.answer_whole(&answer, recording->body);
    }
    CHECK_TRUE(!answer.error_seen && !answer.bad);
    answer_usage(&answer, &call, &usage, &estimated, &ambiguous);
    if (!estimated)
        recording_check_usage(recording, &usage);
    /* One of them was not asked for usage. */
    CHECK_EQ(estimated, strstr(recording->name, "async-streaming") != NULL ||
                            strstr(recording->name, "with-no-content") != NULL);
    answer_release(&answer);
}

static void
read_chat(const struct recording *recording)
{
    read_answer(recording, ENDPOINT_CHAT);
}

static void
read_completion(const struct recording *recording)
{
    read_answer(recording, ENDPOINT_COMPLETIONS);
}

static void
read_embedding(const struct recording *recording)
{
    read_answer(recording, ENDPOINT_EMBEDDINGS);
}

static void
read_error(const struct recording *recording)
{
    struct catalogue_provider provider = make_provider("", NULL, secret);
    struct fault fault;
    CHECK_TRUE(provider_azure.map_error(&provider, (uint16_t)recording->status,
                                        recording->body, true, &fault));
    CHECK_EQ(fault.status, recording->status);
    CHECK_TRUE(strstr(fault.message, recording->status == 401
                                         ? "Access denied due to invalid"
                                         : "does not exist") != NULL);
}

TEST(all_recorded_answers_of_azure_are_read)
{
    unsigned chats = recordings_visit("azure", "chat", 200, read_chat);
    CHECK_TRUE(chats == 0 || chats == 14);
    recordings_visit("azure", "completions", 200, read_completion);
    recordings_visit("azure", "embeddings", 200, read_embedding);
    recordings_visit("azure", "chat", 401, read_error);
    recordings_visit("azure", "chat", 404, read_error);
}
