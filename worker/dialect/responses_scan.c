/*
 * responses_scan.c - one pass over a request body: what the gateway must know
 * to route it, to hold a lease for it, and to change it where it stands.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* What a stored conversation or prompt may put before the model: it is not in
 * the body, and its provider alone knows. Tokens. */
enum { HIDDEN_CONTEXT = 100000 };

enum member {
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_MAX_OUTPUT_TOKENS,
    MEMBER_BACKGROUND,
    MEMBER_GUARDED_END,
    MEMBER_INPUT = MEMBER_GUARDED_END,
    MEMBER_INSTRUCTIONS,
    MEMBER_TOOLS,
    MEMBER_STORED, /* a conversation or a prompt that the provider has */
    MEMBER_UNSEEN
};

/* The guarded ones first, in the order of their numbers. */
static const struct scan_name rows[] = {
    // clang-format off
    {STR_LIT("model"), MEMBER_MODEL},
    {STR_LIT("stream"), MEMBER_STREAM},
    {STR_LIT("max_output_tokens"), MEMBER_MAX_OUTPUT_TOKENS},
    {STR_LIT("background"), MEMBER_BACKGROUND},
    {STR_LIT("input"), MEMBER_INPUT},
    {STR_LIT("instructions"), MEMBER_INSTRUCTIONS},
    {STR_LIT("tools"), MEMBER_TOOLS},
    {STR_LIT("previous_response_id"), MEMBER_STORED},
    {STR_LIT("conversation"), MEMBER_STORED},
    {STR_LIT("prompt"), MEMBER_STORED},
    {STR_LIT("user"), MEMBER_UNSEEN},
    {STR_LIT("store"), MEMBER_UNSEEN},
    {STR_LIT("include"), MEMBER_UNSEEN},
    {STR_LIT("metadata"), MEMBER_UNSEEN},
    {STR_LIT("reasoning"), MEMBER_UNSEEN},
    {STR_LIT("truncation"), MEMBER_UNSEEN},
    {STR_LIT("service_tier"), MEMBER_UNSEEN},
    {STR_LIT("stream_options"), MEMBER_UNSEEN},
    {STR_LIT("prompt_cache_key"), MEMBER_UNSEEN},
    {STR_LIT("safety_identifier"), MEMBER_UNSEEN},
    // clang-format on
};
static const struct scan_names names = {rows, ARRAY_LEN(rows),
                                        MEMBER_GUARDED_END};

struct responses_scan {
    struct scan scan; /* first: take_member() is given this */
    bool background;
};

static int
take_guarded(struct scan *scan, unsigned member)
{
    struct call *call = scan->call;
    switch (member) {
    case MEMBER_MODEL:
        return scan_model(scan);
    case MEMBER_STREAM:
        return scan_bool(scan, "stream", &call->stream);
    case MEMBER_BACKGROUND:
        return scan_bool(scan, "background",
                         &((struct responses_scan *)scan)->background);
    default:
        call->max_tokens_value = scan_span(scan, scan->token.span);
        return scan->token.type == JSON_NULL
                   ? 0
                   : scan_count(scan, "max_output_tokens", SCAN_MAX_TOKENS,
                                &call->max_tokens);
    }
}

static int
take_stored(struct scan *scan)
{
    if (scan->token.type != JSON_NULL)
        scan->prompt.media_tokens += HIDDEN_CONTEXT;
    return prompt_other(&scan->reader, &scan->token, &scan->prompt);
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
    case MEMBER_INPUT:
    case MEMBER_INSTRUCTIONS:
        rc = responses_prompt_input(reader, token, &scan->prompt);
        break;
    case MEMBER_TOOLS:
        rc = responses_prompt_tools(reader, token, &scan->prompt);
        break;
    case MEMBER_STORED:
        rc = take_stored(scan);
        break;
    case MEMBER_UNSEEN:
        rc = prompt_skip(reader, token);
        break;
    default:
        rc = prompt_other(reader, token, &scan->prompt);
    }
    return rc == 0 ? 0 : scan_refuse_json(scan);
}

int
responses_scan(struct str body, uint8_t endpoint, struct call *call,
               struct fault *fault)
{
    struct responses_scan all = {
        .scan = {.body = body, .call = call, .fault = fault}};
    struct scan *scan = &all.scan;
    *call = (struct call){.endpoint = endpoint, .n = 1};
    if (scan_object(scan, &names, take_member) != 0)
        return -1;
    if ((scan->seen >> MEMBER_MODEL & 1) == 0)
        return scan_refuse_model(scan, "The body names no model.");
    /* Its usage is stated where the gateway does not see it, but at the end of
     * its stream. */
    if (all.background && !call->stream)
        return scan_refuse(fault, "unsupported_parameter", "background",
                           "An answer made in the background cannot be "
                           "metered. Leave 'background' out, or set 'stream' "
                           "with it.");
    prompt_finish(&scan->prompt, call);
    return 0;
}

void
responses_rewrite(struct str body, const struct call *call,
                  const struct rewrite *rewrite, struct splices *splices)
{
    (void)body;
    splices->count = splices->text_len = 0;
    bool bound = rewrite->max_tokens > 0;
    if (bound && call->max_tokens_value.len == 0) {
        struct splice *first = splice_add(splices, call->first_member, 0);
        splice_text(splices, first, STR_LIT("\"max_output_tokens\":"));
        splice_number(splices, first, rewrite->max_tokens);
        splice_text(splices, first, STR_LIT(",")); /* a model is there */
    } else if (bound) {
        splice_number(splices,
                      splice_add(splices, call->max_tokens_value.off,
                                 call->max_tokens_value.len),
                      rewrite->max_tokens);
    }
    if (rewrite->model.ptr != NULL)
        splice_name(
            splices,
            splice_add(splices, call->model_value.off, call->model_value.len),
            rewrite->model);
}
