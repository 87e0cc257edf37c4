/*
 * provider_path.c - where the many that speak as OpenAI does take a call, and
 * which of their calls one of another dialect becomes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/provider.h"

struct str
provider_openai_path(uint8_t endpoint)
{
    static const struct str paths[] = {
        [ENDPOINT_CHAT] = STR_LIT("/chat/completions"),
        [ENDPOINT_COMPLETIONS] = STR_LIT("/completions"),
        [ENDPOINT_EMBEDDINGS] = STR_LIT("/embeddings"),
        [ENDPOINT_RESPONSES] = STR_LIT("/responses"),
        [ENDPOINT_MESSAGES] = STR_LIT("/messages"),
        [ENDPOINT_COUNT_TOKENS] = STR_LIT("/responses/input_tokens"),
        [ENDPOINT_IMAGES] = STR_LIT("/images/generations"),
        [ENDPOINT_IMAGE_EDITS] = STR_LIT("/images/edits"),
        [ENDPOINT_IMAGE_VARIATIONS] = STR_LIT("/images/variations"),
        [ENDPOINT_SPEECH] = STR_LIT("/audio/speech"),
        [ENDPOINT_TRANSCRIPTIONS] = STR_LIT("/audio/transcriptions"),
        [ENDPOINT_TRANSLATIONS] = STR_LIT("/audio/translations"),
        [ENDPOINT_RERANK] = STR_LIT("/rerank"),
        [ENDPOINT_MODERATIONS] = STR_LIT("/moderations"),
    };
    struct str path = {NULL, 0};
    if (endpoint < ARRAY_LEN(paths))
        path = paths[endpoint];
    return path.len > 0 ? path : paths[ENDPOINT_CHAT];
}

const struct dialect *
provider_speaks_openai(const struct dialect *client, uint8_t *endpoint)
{
    if (client == &dialect_openai)
        return client;
    switch (*endpoint) {
    case ENDPOINT_RESPONSES:
    case ENDPOINT_MESSAGES:
    case ENDPOINT_GENERATE:
    case ENDPOINT_RUN:
        *endpoint = ENDPOINT_CHAT;
        return &dialect_openai;
    case ENDPOINT_EMBED:
    case ENDPOINT_BATCH_EMBED:
        *endpoint = ENDPOINT_EMBEDDINGS;
        return &dialect_openai;
    default:
        return NULL; /* tokens are not counted without the dialect's model */
    }
}
