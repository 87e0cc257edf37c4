/*
 * openai_member.c - names of a request's top-level members.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

/* The guarded ones first, in the order of their numbers. */
static const struct scan_name rows[] = {
    // clang-format off
    {STR_LIT("model"), MEMBER_MODEL},
    {STR_LIT("stream"), MEMBER_STREAM},
    {STR_LIT("stream_options"), MEMBER_STREAM_OPTIONS},
    {STR_LIT("max_tokens"), MEMBER_MAX_TOKENS},
    {STR_LIT("max_completion_tokens"), MEMBER_MAX_COMPLETION_TOKENS},
    {STR_LIT("n"), MEMBER_N},
    {STR_LIT("best_of"), MEMBER_BEST_OF},
    {STR_LIT("messages"), MEMBER_MESSAGES},
    {STR_LIT("prompt"), MEMBER_PROMPT},
    {STR_LIT("input"), MEMBER_INPUT},
    {STR_LIT("tools"), MEMBER_TOOLS},
    {STR_LIT("functions"), MEMBER_FUNCTIONS},
    {STR_LIT("models"), MEMBER_MODELS},
    {STR_LIT("provider"), MEMBER_PROVIDER},
    {STR_LIT("user"), MEMBER_SESSION},
    {STR_LIT("session_id"), MEMBER_SESSION},
    {STR_LIT("metadata"), MEMBER_UNSEEN},
    {STR_LIT("logit_bias"), MEMBER_UNSEEN},
    {STR_LIT("stop"), MEMBER_UNSEEN},
    {STR_LIT("service_tier"), MEMBER_UNSEEN},
    {STR_LIT("safety_identifier"), MEMBER_UNSEEN},
    {STR_LIT("prompt_cache_key"), MEMBER_SESSION},
    // clang-format on
};

const struct scan_names openai_names = {rows, ARRAY_LEN(rows),
                                        MEMBER_GUARDED_END};
