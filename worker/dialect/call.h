/*
 * call.h - what one scan of a request body found, and the numbers by which
 * dialects and endpoints stand in records.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_CALL_H
#define AIGW_WORKER_DIALECT_CALL_H

#include <stdbool.h>
#include <stdint.h>

/* Of the record: never renumbered. */
enum dialect_number {
    DIALECT_OPENAI = 1, /* chat completions, completions, embeddings, media */
    DIALECT_RESPONSES,
    DIALECT_ANTHROPIC,
    DIALECT_GEMINI,
    DIALECT_BEDROCK, /* Converse: of providers only */
    DIALECT_WORKERS_AI,
    DIALECT_COUNT
};
enum endpoint_number {
    ENDPOINT_CHAT = 1,
    ENDPOINT_COMPLETIONS,
    ENDPOINT_EMBEDDINGS,
    ENDPOINT_RESPONSES,
    ENDPOINT_MESSAGES,
    ENDPOINT_COUNT_TOKENS, /* Anthropic, Gemini, Responses input_tokens */
    ENDPOINT_GENERATE,     /* Gemini generateContent, streamGenerateContent */
    ENDPOINT_EMBED,        /* Gemini embedContent */
    ENDPOINT_BATCH_EMBED,  /* Gemini batchEmbedContents */
    ENDPOINT_RUN,          /* Workers AI /ai/run/MODEL */
    ENDPOINT_IMAGES,
    ENDPOINT_IMAGE_EDITS,      /* multipart/form-data */
    ENDPOINT_IMAGE_VARIATIONS, /* multipart/form-data */
    ENDPOINT_SPEECH,
    ENDPOINT_TRANSCRIPTIONS, /* multipart/form-data */
    ENDPOINT_TRANSLATIONS,   /* multipart/form-data */
    ENDPOINT_RERANK,
    ENDPOINT_MODERATIONS,
    ENDPOINT_CONVERSE, /* Bedrock, upstream only */
};

enum {
    CALL_MODEL_BYTES = 256,
    CALL_CHOICES_MAX = 128,
    CALL_MODELS_SPLICED = 4,
};

/* A range of the body, as offsets; len 0 and off 0: not there. */
struct span32 {
    uint32_t off, len;
};

/* Of a form (multipart.h); len 0: the body is JSON. */
enum { MULTIPART_BOUNDARY_MAX = 70 };
struct multipart_boundary {
    uint8_t len;
    char text[MULTIPART_BOUNDARY_MAX];
};

/* What one scan of a request body found. Plain data, no pointers. */
struct call {
    uint8_t endpoint;
    bool stream, include_usage; /* as the client asked */
    bool usage_unasked; /* include_usage: the path's clients count on it */
    char model[CALL_MODEL_BYTES]; /* decoded, NUL-terminated */
    uint16_t model_len;
    uint64_t max_tokens;           /* 0: not stated */
    bool max_tokens_is_completion; /* spelt max_completion_tokens */
    /* Answers to be made, >= 1: the larger of n and best_of, times the number
     * of prompts (completions). max_tokens bounds each of them. */
    uint32_t n;
    /* Where things stand, for splices. */
    struct span32 model_value, max_tokens_value, stream_options_value,
        include_usage_value;
    uint32_t first_member; /* offset behind the opening brace */
    bool empty_object;
    /* The path named the model (Gemini, Workers AI): `model` was there before
     * the scan, a `model` in the body is not looked at, and none is spliced. Or
     * `models` did alone. */
    bool model_in_path;
    bool stream_in_path; /* `stream` was set by the path, too */
    bool as_array;       /* Gemini's stream without alt=sse: a JSON array */
    /* For the route (OpenAI's dialect): `models`, `provider`, and what calls of
     * one session have in common. */
    struct span32 models_value, provider_value, session_value;
    struct span32 config_value; /* Gemini's generationConfig */
    /* How often a body whose path names the model names it as well. More than
     * CALL_MODELS_SPLICED: a body for another name is written anew. */
    uint32_t models_inside;
    struct multipart_boundary boundary; /* told by the head, as the path's */
    /* For the lease. */
    uint64_t text_bytes; /* of visible strings, data URLs left out */
    /* messages: of a chat, or inputs (prompts) of the other endpoints */
    uint32_t messages, tools, images, audios, files;
    uint64_t prompt_bound;    /* tokens, sound for ordinary calls */
    uint64_t prompt_estimate; /* tokens, typical; >= 1 */
    /* Of answers whose length no max_tokens bounds (pictures, speech, text of
     * speech): tokens, sound and typical; and pictures. */
    uint64_t output_bound, output_estimate;
    uint32_t images_out;
};

#endif
