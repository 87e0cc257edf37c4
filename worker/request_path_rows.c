/*
 * request_path_rows.c - the rows of the table of paths. An endpoint more is a
 * row here.
 *
 * Order: the first rows are looked at before anything else, so the most asked
 * stand there; of patterns that match the same path the more special comes first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_path.h"

#include "worker/self_service.h"

#define BIT(method) (1u << HTTP_##method)
#define POSTS       .methods = BIT(POST), .allow = "POST"
#define GETS        .methods = BIT(GET) | BIT(HEAD), .allow = "GET, HEAD"
#define ALL                                                                    \
    .methods = BIT(GET) | BIT(HEAD) | BIT(POST) | BIT(PUT) | BIT(PATCH) |      \
               BIT(DELETE) | BIT(OPTIONS),                                     \
    .allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

/* A model call; a question that is answered at once; one for the accountant. */
#define CALL(d, e)                                                             \
    POSTS, .needs_key = true, .dialect = &dialect_##d, .endpoint = ENDPOINT_##e
#define MODEL  .rest = REST_MODEL
#define ASK(a) GETS, .needs_key = true, .answer = self_service_##a
#define ADMIN  ALL, .admin = true
/* Management in another system's words: accountant/admin/dialect/dialects.c. */
#define FOREIGN ADMIN, .foreign = true
#define GEMINI(v)                                                              \
    {v "/models/*:generateContent", CALL(gemini, GENERATE), MODEL},            \
        {v "/models/*:streamGenerateContent", CALL(gemini, GENERATE), MODEL,   \
         .stream = true},                                                      \
        {v "/models/*:countTokens", CALL(gemini, COUNT_TOKENS), MODEL},        \
        {v "/models/*:embedContent", CALL(gemini, EMBED), MODEL},              \
    {                                                                          \
        v "/models/*:batchEmbedContents", CALL(gemini, BATCH_EMBED), MODEL     \
    }

const struct path_row path_rows[] = {
    // clang-format off
    {"/v1/chat/completions", CALL(openai, CHAT)},
    {"/v1/messages", CALL(anthropic, MESSAGES)},
    {"/v1/responses", CALL(responses, RESPONSES)},
    {"/v1/embeddings", CALL(openai, EMBEDDINGS)},
    {"/v1/completions", CALL(openai, COMPLETIONS)},

    {"/v1/messages/count_tokens", CALL(anthropic, COUNT_TOKENS)},
    {"/v1/responses/input_tokens", CALL(responses, COUNT_TOKENS)},
    {"/v1/responses", .methods = BIT(GET), .allow = "POST", .needs_key = true, .answer = refuse_websocket},
    {"/v1/responses/?", .methods = BIT(GET) | BIT(DELETE), .allow = "GET, DELETE", .needs_key = true, .answer = refuse_stored},
    {"/v1/responses/?/cancel", POSTS, .needs_key = true, .answer = refuse_stored},
    {"/v1/responses/?/input_items", GETS, .needs_key = true, .answer = refuse_stored},

    GEMINI("/v1beta"),
    GEMINI("/v1"),
    {"/v1beta/models", ASK(models)},
    {"/v1beta/models/*", ASK(model)},

    {"/v1/images/generations", CALL(openai, IMAGES)},
    {"/v1/images/edits", CALL(openai, IMAGE_EDITS)},
    {"/v1/images/variations", CALL(openai, IMAGE_VARIATIONS)},
    {"/v1/audio/speech", CALL(openai, SPEECH)},
    {"/v1/audio/transcriptions", CALL(openai, TRANSCRIPTIONS)},
    {"/v1/audio/translations", CALL(openai, TRANSLATIONS)},
    {"/v1/rerank", CALL(openai, RERANK)},
    {"/v1/moderations", CALL(openai, MODERATIONS)},

    {"/v1/models", ASK(models)},
    {"/v1/models/*/endpoints", ASK(endpoints)},
    {"/v1/models/*", ASK(model)},
    {"/v1/usage", ASK(usage)},
    {"/v1/key", ASK(key)},
    {"/v1/dashboard/billing/subscription", ASK(subscription)},
    {"/v1/dashboard/billing/usage", ASK(billed)},
    {"/v1/dashboard/billing/quota", ASK(quota)},
    {"/healthz", GETS, .answer = self_service_healthz},
    {"/readyz", GETS, .answer = self_service_readyz},

    {"/metrics", GETS, .admin = true},
    {"/admin/v1/*", ADMIN},
    {"/console", ADMIN},
    {"/console/*", ADMIN},

    /* Cloudflare: its API's Workers AI, then its gateway. */
    {"/client/v4/accounts/?/ai/run/*", CALL(workers_ai, RUN), MODEL, .plane = PLANE_CF_REST},
    {"/client/v4/accounts/?/ai/models/search", FOREIGN},
    {"/client/v4/accounts/?/ai/models/search", ASK(search), .plane = PLANE_CF_REST},
    {"/client/v4/accounts/?/ai/v1/*", ALL, .needs_key = true, .rest = REST_PATH, .plane = PLANE_CF_REST},
    {"/ai/run/*", CALL(workers_ai, RUN), MODEL, .plane = PLANE_CF_REST},
    {"/ai/v1/*", ALL, .needs_key = true, .rest = REST_PATH, .plane = PLANE_CF_REST},
    {"/client/v4/*", FOREIGN},
    {"/api/v2/aigw", FOREIGN},
    {"/api/v2/aig", FOREIGN},
    {"/clickzetta-portal/*", FOREIGN},
    {"/api/*", FOREIGN},
    {"/llm-gateway-admin/*", FOREIGN},
    {"/v1/?/ai/run/*", ALL, .needs_key = true, .plane = PLANE_CF_GATEWAY, .answer = refuse_gateway},
    {"/v1/?/?", POSTS, .needs_key = true, .plane = PLANE_CF_GATEWAY, .has_steps = true},
    {"/v1/?/?/?/*", ALL, .needs_key = true, .rest = REST_PATH, .plane = PLANE_CF_GATEWAY},
    // clang-format on
};

const unsigned path_row_count = ARRAY_LEN(path_rows);

const struct path_row *
path_row_of_run(void)
{
    for (unsigned i = 0; i < path_row_count; i++)
        if (path_rows[i].endpoint == ENDPOINT_RUN)
            return &path_rows[i];
    return NULL;
}
