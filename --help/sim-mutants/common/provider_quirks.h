/*
 * provider_quirks.h - what providers that speak a dialect do differently, and
 * which APIs they serve: bits, each with the word by which a configuration
 * names it (options `quirks` and `speaks` of a provider). Which provider has
 * which stands in worker/provider/openai_crowd.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_PROVIDER_QUIRKS_H
#define AIGW_COMMON_PROVIDER_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

// clang-format off
/* X(bit, name, word) */
#define PROVIDER_QUIRKS(X) \
    /* max_tokens is max_completion_tokens */ \
    X(0, COMPLETION_TOKENS, "completion-tokens") \
    /* usage comes unasked, or never */ \
    X(1, NO_STREAM_OPTIONS, "no-stream-options") \
    /* role developer goes out as system */ \
    X(2, NO_DEVELOPER, "no-developer") \
    /* tool ids: 9 letters and digits (Mistral) */ \
    X(3, TOOL_ID_9, "tool-id-9") \
    /* tool_choice "any" for "required" */ \
    X(4, TOOL_ANY, "tool-any") \
    /* seed is random_seed, dimensions output_dimension (Mistral) */ \
    X(5, SEED_RANDOM, "seed-random") \
    /* top_k and repetition_penalty are taken */ \
    X(6, TOP_K, "top-k") \
    /* no json_schema: json_object at most */ \
    X(7, NO_SCHEMA, "no-schema") \
    /* thinking: {"type": "enabled"} */ \
    X(8, THINKING_TYPE, "thinking-type") \
    /* enable_thinking, thinking_budget */ \
    X(9, ENABLE_THINKING, "enable-thinking") \
    /* reasoning: {effort, max_tokens}; reasoning_details go back */ \
    X(10, REASONING_OBJECT, "reasoning-object") \
    /* wants reasoning_content sent back within a loop of tools */ \
    X(11, REASONING_BACK, "reasoning-back") \
    /* cache_control on parts is taken */ \
    X(12, CACHE_CONTROL, "cache-control") \
    /* members that are not the API's own are refused */ \
    X(13, STRICT_FIELDS, "strict-fields") \
    /* no reasoning_effort */ \
    X(14, NO_REASONING, "no-reasoning") \
    /* max_tokens leaves thinking out */ \
    X(15, THINKING_UNBOUND, "thinking-unbound") \
    /* Anthropic: thinking only by budget, no adaptive thinking or effort */ \
    X(16, BUDGET_THINKING, "budget-thinking") \
    /* reasoning_effort is low, medium or high */ \
    X(17, EFFORT_3, "effort-3") \
    /* store, verbosity, audio and OpenAI's other own members are taken */ \
    X(18, OPENAI_FIELDS, "openai-fields") \
    /* prefix: true goes on with an assistant's message */ \
    X(19, PREFIX, "prefix") \
    /* logprobs, logit_bias and n are refused */ \
    X(20, NO_LOGPROBS, "no-logprobs") \
    /* extra_content.google of tool calls goes back (Gemini) */ \
    X(21, GOOGLE_SIGNATURE, "google-signature") \
    /* `models` and `provider` of a body are obeyed by itself (OpenRouter) */ \
    X(22, ROUTES, "routes") \
    /* none of the above */ \
    X(31, NONE, "none")

/* APIs beside which chat completions always are. */
#define PROVIDER_APIS(X) \
    X(0, CHAT, "chat") \
    X(1, RESPONSES, "responses") \
    X(2, MESSAGES, "messages")
// clang-format on

enum provider_quirk {
#define X(bit, name, word) QUIRK_##name = (int)(1u << (bit)),
    PROVIDER_QUIRKS(X)
#undef X
};

enum provider_api {
#define X(bit, name, word) SPEAKS_##name = 1 << (bit),
    PROVIDER_APIS(X)
#undef X
};

/* The bit of a word; 0: there is no such one. */
uint32_t provider_quirk_find(const char *word);
uint32_t provider_api_find(const char *word);

#endif
