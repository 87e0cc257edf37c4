/*
 * test_request_path.c - which row of the table a path leads to, and what the
 * path says of model, provider and errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_path.h"

#include "tests/test.h"
#include "worker/request_call.h"

static bool
find(const char *path, enum http_method method, char scratch[PATH_BYTES],
     struct path_match *match)
{
    return path_find(str_from(path), method, false, scratch, match);
}

TEST(paths_are_found_through_what_clients_do_to_base_urls)
{
    // clang-format off
    static const struct {
        const char *path; bool admin; const char *row, *rest;
    } rows[] = {
        {"/v1/chat/completions", false, "/v1/chat/completions", ""},
        {"/v1/chat/completions/", false, "/v1/chat/completions", ""},
        {"//v1//chat/completions", false, "/v1/chat/completions", ""},
        {"/v1/v1/embeddings", false, "/v1/embeddings", ""},
        {"/v1/v1/v1/embeddings", false, "/v1/embeddings", ""},
        {"/gateway/v1/completions", false, "/v1/completions", ""},
        {"/gateway//v1/v1/completions/", false, "/v1/completions", ""},
        {"/api/v1/models", false, "/v1/models", ""},
        {"/openai/v1/chat/completions", false, "/v1/chat/completions", ""},
        {"/v1beta/openai/chat/completions", false, "/v1/chat/completions", ""},
        {"/chat/completions", false, "/v1/chat/completions", ""},
        {"/audio/speech", false, "/v1/audio/speech", ""},
        {"/models", false, "/v1/models", ""},
        {"/models/a", false, "/v1/models/*", "a"},
        {"/v1/models/", false, "/v1/models", ""},
        {"/v1/models/qwen/qwen3", false, "/v1/models/*", "qwen/qwen3"},
        {"/v1/models/a%2Fb", false, "/v1/models/*", "a%2Fb"},
        {"/v1/images/generations", false, "/v1/images/generations", ""},
        {"/v1/rerank", false, "/v1/rerank", ""},
        {"/v1beta/models", false, "/v1beta/models", ""},
        {"/v1beta/models/a/b", false, "/v1beta/models/*", "a/b"},
        {"/v1alpha/models/a", false, "/v1beta/models/*", "a"},
        {"/v1/responses/resp_1", false, "/v1/responses/?", ""},
        {"/v1/responses/resp_1/input_items", false, "/v1/responses/?/input_items", ""},
        {"/anthropic/v1/messages", false, "/v1/messages", ""},
        {"/admin/v1/keys", true, "/admin/v1/*", "keys"},
        {"/metrics", true, "/metrics", ""},
        {"/console/app.js", true, "/console/*", "app.js"},
        {"/admin/v1/keys", false, NULL, ""},
        {"/metrics", false, NULL, ""},
        {"/v1", false, NULL, ""},
        {"/v1/", false, NULL, ""},
        {"/v1/v1/", false, NULL, ""},
        {"/v1/chat", false, NULL, ""},
        {"/v1/chat/completionsx", false, NULL, ""},
        {"/usagex", false, NULL, ""},
        {"/v1/healthz", false, NULL, ""},
        {"/", false, NULL, ""},
        {"//", false, NULL, ""},
        {"", false, NULL, ""},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char scratch[PATH_BYTES];
        struct path_match match;
        bool found = path_find(str_from(rows[i].path), HTTP_GET, rows[i].admin,
                               scratch, &match);
        CHECK_EQ(found, match.row != NULL);
        if (found != (rows[i].row != NULL) ||
            (found && strcmp(match.row->path, rows[i].row) != 0))
            test_fail(__FILE__, __LINE__, "%s is %s", rows[i].path,
                      found ? match.row->path : "nothing");
        if (found)
            CHECK_STR(match.rest, rows[i].rest);
    }
}

TEST(every_row_is_reached_by_a_path_of_its_own_pattern)
{
    for (unsigned i = 0; i < path_row_count; i++) {
        const struct path_row *row = &path_rows[i];
        char path[256], scratch[PATH_BYTES];
        struct path_match match;
        size_t len = 0;
        for (const char *p = row->path; *p != '\0'; p++)
            path[len++] = *p == '?' || *p == '*' ? 'x' : *p;
        if (row->rest == REST_PATH)
            continue;
        enum http_method method = HTTP_GET;
        while ((row->methods >> method & 1) == 0)
            method++;
        CHECK_TRUE(path_find(str_make(path, len), method, row->admin, scratch,
                             &match));
        if (match.row != row)
            test_fail(__FILE__, __LINE__, "%s leads to %s", row->path,
                      match.row->path);
        CHECK_TRUE(row->allow != NULL && *row->allow != '\0');
        /* Someone answers: the accountant, we, or a provider. */
        CHECK_TRUE(row->admin || row->answer != NULL || row->endpoint > 0 ||
                   row->has_steps);
        CHECK_EQ(row->endpoint > 0, row->dialect != NULL);
        CHECK_TRUE(row->endpoint == 0 || row->needs_key);
    }
}

TEST(a_row_that_takes_the_method_comes_first_and_a_wrong_method_is_told)
{
    char scratch[PATH_BYTES];
    struct path_match match;
    CHECK_TRUE(find("/v1/chat/completions", HTTP_GET, scratch, &match));
    CHECK_EQ(match.row->methods & (1u << HTTP_GET), 0);
    CHECK_TRUE(find("/v1/models/a/b/c", HTTP_POST, scratch, &match));
    CHECK_STR(str_from(match.row->path), "/v1/models/*");
    CHECK_EQ(match.row->methods & (1u << HTTP_POST), 0);
}

TEST(a_model_in_the_path_may_have_slashes_and_colons)
{
    // clang-format off
    static const struct {
        const char *path, *row, *model;
    } rows[] = {
        {"/v1beta/models/g:generateContent", "/v1beta/models/*:generateContent", "g"},
        {"/v1/models/a/b:free:generateContent", "/v1/models/*:generateContent", "a/b:free"},
        {"/v1beta/models/a%2Fb:countTokens", "/v1beta/models/*:countTokens", "a%2Fb"},
        {"/v1beta/models/models/a:embedContent", "/v1beta/models/*:embedContent", "models/a"},
        {"/v1/acct/gw/google-ai-studio/v1beta/models/g:streamGenerateContent", "/v1beta/models/*:streamGenerateContent", "g"},
        {"/v1/acct/gw/google-ai-studio/v1/models/g:streamGenerateContent", "/v1/models/*:streamGenerateContent", "g"},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char scratch[PATH_BYTES];
        struct path_match match;
        CHECK_TRUE(find(rows[i].path, HTTP_POST, scratch, &match));
        CHECK_STR(str_from(match.row->path), rows[i].row);
        CHECK_STR(match.model, rows[i].model);
        CHECK_EQ(match.row->stream, strstr(rows[i].row, "stream") != NULL);
    }
}

TEST(paths_of_cloudflares_gateway_name_the_provider_and_hold_its_path)
{
    // clang-format off
    static const struct {
        const char *path, *row, *provider;
    } rows[] = {
        {"/v1/acct/gw/openai/chat/completions", "/v1/chat/completions", "openai"},
        {"/v1/acct/gw/openai/v1/chat/completions", "/v1/chat/completions", "openai"},
        {"/v1/acct/gw/groq/openai/v1/chat/completions", "/v1/chat/completions", "groq"},
        {"/v1/acct/gw/openrouter/api/v1/chat/completions", "/v1/chat/completions", "openrouter"},
        {"/v1/acct/gw/deepseek/chat/completions", "/v1/chat/completions", "deepseek"},
        {"/v1/acct/gw/openai/models", "/v1/models", "openai"},
        {"/v1/acct/gw/compat/chat/completions", "/v1/chat/completions", ""},
        {"//v1/acct/gw//workers-ai/v1/embeddings/", "/v1/embeddings", "workers-ai"},
        {"/v1/acct/gw/azure-openai/res/dep/chat/completions", "/v1/chat/completions", "azure-openai"},
        {"/v1/acct/gw/anthropic/v1/messages", "/v1/messages", "anthropic"},
        {"/v1/acct/gw/openai/responses", "/v1/responses", "openai"},
        {"/v1/acct/gw", "/v1/?/?", ""},
        {"/v1/acct/gw/", "/v1/?/?", ""},
        {"/v1/acct/gw/openai/healthz", NULL, ""},
        {"/v1/acct/gw/openai/metrics", NULL, ""},
        {"/v1/acct/gw/openai/nothing", NULL, ""},
        {"/v1/acct/gw/openai/v1/a/b/c/d", NULL, ""},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char scratch[PATH_BYTES];
        struct path_match match;
        bool found = find(rows[i].path, HTTP_POST, scratch, &match);
        if (found != (rows[i].row != NULL) ||
            (found && strcmp(match.row->path, rows[i].row) != 0))
            test_fail(__FILE__, __LINE__, "%s is %s", rows[i].path,
                      found ? match.row->path : "nothing");
        CHECK_EQ(match.plane, PLANE_CF_GATEWAY);
        if (found)
            CHECK_STR(match.provider, rows[i].provider);
    }
}

TEST(workers_ai_names_its_models_in_paths_with_and_without_an_account)
{
    static const char *const paths[] = {
        "/client/v4/accounts/acct/ai/run/@cf/meta/llama",
        "/ai/run/@cf/meta/llama",
        "/v1/acct/gw/workers-ai/@cf/meta/llama",
        "/v1/acct/gw/workers-ai/run/@cf/meta/llama",
    };
    char scratch[PATH_BYTES];
    struct path_match match;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        CHECK_TRUE(find(paths[i], HTTP_POST, scratch, &match));
        CHECK_EQ(match.row->endpoint, ENDPOINT_RUN);
        CHECK_STR(match.model, "@cf/meta/llama");
        CHECK_EQ(match.plane, i < 2 ? PLANE_CF_REST : PLANE_CF_GATEWAY);
    }
    CHECK_TRUE(find("/ai/v1/chat/completions", HTTP_POST, scratch, &match));
    CHECK_EQ(match.row->endpoint, ENDPOINT_CHAT);
    CHECK_EQ(match.plane, PLANE_CF_REST);
}

TEST(an_azure_deployment_in_a_path_is_the_model)
{
    char scratch[PATH_BYTES];
    struct path_match match;
    CHECK_TRUE(find("/v1/a/g/azure-openai/res/my-dep/chat/completions",
                    HTTP_POST, scratch, &match));
    CHECK_STR(match.model, "my-dep");
}

TEST(names_of_our_own_paths_are_no_accounts_of_cloudflare)
{
    char scratch[PATH_BYTES];
    struct path_match match;
    CHECK_TRUE(!find("/v1/chat/gw/openai/chat/completions", HTTP_POST, scratch,
                     &match));
    CHECK_TRUE(!find("/v1/images/x/openai/chat/completions", HTTP_POST, scratch,
                     &match));
    CHECK_TRUE(find("/v1/chatty/x/openai/chat/completions", HTTP_POST, scratch,
                    &match));
}

TEST(errors_have_the_shape_of_the_path_even_where_nothing_is)
{
    char scratch[PATH_BYTES];
    struct path_match match;
    CHECK_TRUE(!find("/client/v4/nothing", HTTP_GET, scratch, &match));
    CHECK_EQ(match.plane, PLANE_CF_REST);
    CHECK_TRUE(find("/client/v4/accounts/a/ai/v1/chat/completions", HTTP_POST,
                    scratch, &match));
    CHECK_EQ(match.plane, PLANE_CF_REST);
    CHECK_STR(str_from(match.row->path), "/v1/chat/completions");
    CHECK_TRUE(
        find("/gateway/v1/chat/completions", HTTP_POST, scratch, &match));
    CHECK_EQ(match.plane, PLANE_CLICKZETTA);
    CHECK_TRUE(
        find("/v1/acct/ai/run/@cf/meta/llama", HTTP_POST, scratch, &match));
    CHECK_EQ(match.plane, PLANE_CF_GATEWAY);
    CHECK_TRUE(match.row->answer != NULL);
    CHECK_TRUE(!find("/nothing", HTTP_GET, scratch, &match));
    CHECK_EQ(match.plane, PLANE_OWN);
}

TEST(paths_too_long_are_nothing_and_the_longest_is_looked_at)
{
    char path[PATH_BYTES + 1], scratch[PATH_BYTES];
    struct path_match match;
    memset(path, 'a', sizeof(path));
    memcpy(path, "/v1/models/", 11);
    CHECK_TRUE(path_find(str_make(path, PATH_BYTES), HTTP_GET, false, scratch,
                         &match));
    CHECK_EQ(match.rest.len, PATH_BYTES - 11);
    CHECK_TRUE(!path_find(str_make(path, PATH_BYTES + 1), HTTP_GET, false,
                          scratch, &match));
    memset(path, '/', sizeof(path));
    CHECK_TRUE(!path_find(str_make(path, PATH_BYTES), HTTP_GET, false, scratch,
                          &match));
}

TEST(percent_codes_become_text_and_nothing_else)
{
    char out[8];
    CHECK_EQ(path_decode(STR_LIT("a%2Fb"), out, sizeof(out)), 3);
    CHECK_STR(str_from(out), "a/b");
    CHECK_EQ(path_decode(STR_LIT("%e4%bd%a0"), out, sizeof(out)), 3);
    CHECK_EQ(path_decode(STR_LIT("abcdefg"), out, sizeof(out)), 7);
    CHECK_EQ(path_decode(STR_LIT("abcdefgh"), out, sizeof(out)), 0);
    CHECK_EQ(path_decode(STR_LIT("a%2"), out, sizeof(out)), 0);
    CHECK_EQ(path_decode(STR_LIT("a%zz"), out, sizeof(out)), 0);
    CHECK_EQ(path_decode(STR_LIT("a%00b"), out, sizeof(out)), 0);
    CHECK_EQ(path_decode(STR_LIT("a%0db"), out, sizeof(out)), 0);
    CHECK_EQ(path_decode(STR_LIT("%ff"), out, sizeof(out)), 0);
    CHECK_EQ(path_decode(STR_LIT(""), out, sizeof(out)), 0);
}

/* ---- what a head says besides (request_call.h) ---- */

TEST(a_query_gives_the_value_of_a_whole_name)
{
    struct str query = STR_LIT("xkey=0&key&key=&key=1&alt=sse");
    CHECK_STR(request_query(query, STR_LIT("key")), "");
    CHECK_STR(request_query(query, STR_LIT("alt")), "sse");
    CHECK_STR(request_query(query, STR_LIT("xkey")), "0");
    CHECK_TRUE(request_query(query, STR_LIT("k")).ptr == NULL);
    CHECK_TRUE(request_query(STR_LIT(""), STR_LIT("k")).ptr == NULL);
}

static const struct dialect *
dialect_of(const char *path, const char *field, const char *query)
{
    char scratch[PATH_BYTES];
    struct path_match match;
    struct http_head head = {.path = str_from(path), .query = str_from(query)};
    if (field != NULL) {
        head.fields[0] =
            (struct http_field){.name = str_from(field), .value = STR_LIT("x")};
        head.field_count = 1;
    }
    path_find(head.path, HTTP_GET, false, scratch, &match);
    return request_dialect(&match, &head);
}

TEST(a_client_is_answered_in_the_dialect_of_its_path_or_of_its_fields)
{
    CHECK_TRUE(dialect_of("/v1/models", NULL, "") == &dialect_openai);
    CHECK_TRUE(dialect_of("/v1/models", "Authorization", "") ==
               &dialect_openai);
    CHECK_TRUE(dialect_of("/v1/models", "Anthropic-Version", "") ==
               &dialect_anthropic);
    CHECK_TRUE(dialect_of("/v1/models", "x-api-key", "") == &dialect_anthropic);
    CHECK_TRUE(dialect_of("/v1/models", "X-Goog-Api-Key", "") ==
               &dialect_gemini);
    CHECK_TRUE(dialect_of("/v1/models", NULL, "key=1") == &dialect_gemini);
    CHECK_TRUE(dialect_of("/v1beta/models", NULL, "") == &dialect_gemini);
    CHECK_TRUE(dialect_of("/v1beta/none", "x-api-key", "") == &dialect_gemini);
    CHECK_TRUE(dialect_of("/v1/messages/x", NULL, "") == &dialect_anthropic);
    CHECK_TRUE(dialect_of("/v1/chat/completions", "x-api-key", "") ==
               &dialect_openai);
}

/* The prefixes of tests/unit/test_dialects.c. */
TEST(other_systems_management_is_handed_on_by_admin_listeners_alone)
{
    static const char *const paths[] = {
        "/api/v2/aigw",         "/api/v2/aig",
        "/clickzetta-portal/x", "/llm-gateway-admin/v2/x",
        "/client/v4/x/y",       "/api/v2alpha/tokens",
        "/api/tokens/",
    };
    char scratch[PATH_BYTES];
    struct path_match match;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct str path = str_from(paths[i]);
        bool found = path_find(path, HTTP_POST, true, scratch, &match);
        if (!found || !match.row->foreign || !match.row->admin)
            test_fail(__FILE__, __LINE__, "%s is not handed on", paths[i]);
        CHECK_TRUE(!path_find(path, HTTP_POST, false, scratch, &match));
    }
    /* Calls of models stay calls. */
    CHECK_TRUE(path_find(STR_LIT("/api/v1/chat/completions"), HTTP_POST, true,
                         scratch, &match));
    CHECK_TRUE(!match.row->admin && match.plane == PLANE_OPENROUTER);
    CHECK_TRUE(path_find(STR_LIT("/client/v4/accounts/a/ai/run/@cf/m"),
                         HTTP_POST, true, scratch, &match));
    CHECK_TRUE(!match.row->admin);
}
