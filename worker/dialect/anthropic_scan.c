/*
 * anthropic_scan.c - one pass over a Messages request, or one that only counts
 * its tokens (which has no output and needs no bound of it); and the splices
 * that change it on its way to a provider of the same dialect.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

/* Up to MEMBER_GUARDED_END they decide what a call may cost. */
enum anthropic_member {
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_MAX_TOKENS,
    MEMBER_GUARDED_END,
    MEMBER_MESSAGES = MEMBER_GUARDED_END,
    MEMBER_SYSTEM,
    MEMBER_TOOLS,
    MEMBER_UNSEEN, /* no model ever sees its strings */
};

static const struct scan_name rows[] = {
    // clang-format off
    {STR_LIT("model"), MEMBER_MODEL},
    {STR_LIT("stream"), MEMBER_STREAM},
    {STR_LIT("max_tokens"), MEMBER_MAX_TOKENS},
    {STR_LIT("messages"), MEMBER_MESSAGES},
    {STR_LIT("system"), MEMBER_SYSTEM},
    {STR_LIT("tools"), MEMBER_TOOLS},
    {STR_LIT("metadata"), MEMBER_UNSEEN},
    {STR_LIT("stop_sequences"), MEMBER_UNSEEN},
    {STR_LIT("service_tier"), MEMBER_UNSEEN},
    {STR_LIT("cache_control"), MEMBER_UNSEEN},
    {STR_LIT("thinking"), MEMBER_UNSEEN},
    {STR_LIT("tool_choice"), MEMBER_UNSEEN},
    // clang-format on
};
static const struct scan_names names = {rows, ARRAY_LEN(rows),
                                        MEMBER_GUARDED_END};

static int
take_skipped(struct scan *scan)
{
    return prompt_skip(&scan->reader, &scan->token) == 0
               ? 0
               : scan_refuse_json(scan);
}

static int
take_guarded(struct scan *scan, unsigned member)
{
    struct call *call = scan->call;
    const char *name = scan_member_name(&names, member);
    if (member == MEMBER_MODEL)
        return scan_model(scan);
    if (call->endpoint == ENDPOINT_COUNT_TOKENS)
        return take_skipped(scan);
    if (member == MEMBER_STREAM)
        return scan_bool(scan, name, &call->stream);
    call->max_tokens_value = scan_span(scan, scan->token.span);
    return scan_count(scan, name, SCAN_MAX_TOKENS, &call->max_tokens);
}

/* The reader stands at the value of a top-level member. */
static int
take_member(struct scan *scan, unsigned member)
{
    struct json_reader *reader = &scan->reader;
    struct json_token *token = &scan->token;
    if (member < MEMBER_GUARDED_END)
        return take_guarded(scan, member);
    int rc;
    switch (member) {
    case MEMBER_MESSAGES:
        rc = anthropic_prompt_messages(reader, token, &scan->prompt);
        break;
    case MEMBER_SYSTEM: {
        uint64_t messages = scan->prompt.messages;
        rc = anthropic_prompt_messages(reader, token, &scan->prompt);
        scan->prompt.messages = messages + 1;
        break;
    }
    case MEMBER_TOOLS:
        rc = prompt_tools(reader, token, &scan->prompt);
        break;
    case MEMBER_UNSEEN:
        return take_skipped(scan);
    default:
        rc = prompt_other(reader, token, &scan->prompt);
    }
    return rc == 0 ? 0 : scan_refuse_json(scan);
}

static int
scan_finish(struct scan *scan)
{
    struct call *call = scan->call;
    if ((scan->seen >> MEMBER_MODEL & 1) == 0)
        return scan_refuse_model(scan, "The body names no model.");
    if (call->max_tokens == 0 && call->endpoint != ENDPOINT_COUNT_TOKENS)
        return scan_refuse(scan->fault, "max_tokens_required", "max_tokens",
                           "The body has no 'max_tokens'. Say how many tokens "
                           "the answer may have at most.");
    call->n = 1;
    prompt_finish(&scan->prompt, call);
    return 0;
}

int
anthropic_scan(struct str body, uint8_t endpoint, struct call *call,
               struct fault *fault)
{
    struct scan scan = {.body = body, .call = call, .fault = fault};
    *call = (struct call){.endpoint = endpoint};
    if (scan_object(&scan, &names, take_member) != 0)
        return -1;
    return scan_finish(&scan);
}

void
anthropic_rewrite(struct str body, const struct call *call,
                  const struct rewrite *rewrite, struct splices *splices)
{
    (void)body;
    splices->count = splices->text_len = 0;
    if (rewrite->model.ptr != NULL)
        splice_name(
            splices,
            splice_add(splices, call->model_value.off, call->model_value.len),
            rewrite->model);
    /* A count of tokens has none, and none is put in. */
    if (rewrite->max_tokens > 0 && call->max_tokens_value.len > 0)
        splice_number(splices,
                      splice_add(splices, call->max_tokens_value.off,
                                 call->max_tokens_value.len),
                      rewrite->max_tokens);
}
