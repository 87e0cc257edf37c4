/*
 * openai_scan.c - one pass over a request body: what the gateway must know to
 * route it, to hold a lease for it, and to change it where it stands.
 *
 * Strict, because the provider reads the same bytes after us: what two readers
 * may understand differently is refused here (members twice, names that look
 * alike, numbers that are no counts). All else is the provider's to judge.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

/*
 * max_tokens and max_completion_tokens: one of them. Providers disagree which
 * of two counts, so no lease could be sure; OpenAI refuses both as well.
 */
static int
take_max_tokens(struct scan *scan, unsigned member)
{
    struct call *call = scan->call;
    if (scan->token.type == JSON_NULL) {
        if (call->max_tokens == 0)
            call->max_tokens_value = scan_span(scan, scan->token.span);
        return 0;
    }
    if (call->max_tokens != 0)
        return scan_refuse(
            scan->fault, "invalid_parameter_combination",
            scan_member_name(&openai_names, member),
            "'max_tokens' and 'max_completion_tokens' are both set. "
            "Send one of them.");
    call->max_tokens_value = scan_span(scan, scan->token.span);
    call->max_tokens_is_completion = member == MEMBER_MAX_COMPLETION_TOKENS;
    return scan_count(scan, scan_member_name(&openai_names, member),
                      SCAN_MAX_TOKENS, &call->max_tokens);
}

static int
take_stream_option(struct scan *scan)
{
    struct call *call = scan->call;
    bool wanted =
        json_string_equals(scan->token.span, STR_LIT("include_usage"));
    json_next(&scan->reader, &scan->token);
    if (!wanted)
        return prompt_skip(&scan->reader, &scan->token) == 0
                   ? 0
                   : scan_refuse_json(scan);
    if (scan->token.type == JSON_BAD)
        return scan_refuse_json(scan);
    if (call->include_usage_value.len > 0)
        return scan_refuse(scan->fault, "duplicate_member", "stream_options",
                           "'include_usage' stands twice in 'stream_options'. "
                           "Send it once.");
    call->include_usage_value = scan_span(scan, scan->token.span);
    return scan_bool(scan, "include_usage", &call->include_usage);
}

static int
take_stream_options(struct scan *scan)
{
    struct call *call = scan->call;
    const char *start = scan->token.span.ptr;
    if (scan->token.type == JSON_NULL) {
        call->stream_options_value = scan_span(scan, scan->token.span);
        return 0;
    }
    if (scan->token.type != JSON_OBJECT)
        return scan_refuse(scan->fault, "invalid_type", "stream_options",
                           "'stream_options' must be an object.");
    while (json_next(&scan->reader, &scan->token) == JSON_KEY)
        if (take_stream_option(scan) != 0)
            return -1;
    if (scan->token.type != JSON_OBJECT_END)
        return scan_refuse_json(scan);
    const char *end = scan->token.span.ptr + 1;
    call->stream_options_value =
        scan_span(scan, str_make(start, (size_t)(end - start)));
    return 0;
}

/* Passes a value and keeps where it stands. */
static int
keep_value(struct scan *scan, struct span32 *span)
{
    const char *start = scan->token.span.ptr;
    if (prompt_skip(&scan->reader, &scan->token) != 0)
        return -1;
    const char *end = scan->token.span.ptr + scan->token.span.len;
    *span = scan_span(scan, str_make(start, (size_t)(end - start)));
    return 0;
}

static int
skip_model(struct scan *scan)
{
    return keep_value(scan, &scan->call->model_value) == 0
               ? 0
               : scan_refuse_json(scan);
}

/* Embeddings and their like know no output: of their members only the model
 * counts. */
static int
take_guarded(struct scan *scan, unsigned member)
{
    if (member == MEMBER_MODEL && !scan->call->model_in_path)
        return scan_model(scan);
    if (member == MEMBER_MODEL) /* replaced by the path's */
        return skip_model(scan);
    if (!openai_media_counts(scan->call->endpoint, member))
        return prompt_other(&scan->reader, &scan->token, &scan->prompt) == 0
                   ? 0
                   : scan_refuse_json(scan);
    bool is_null = scan->token.type == JSON_NULL;
    switch (member) {
    case MEMBER_STREAM:
        return scan_bool(scan, "stream", &scan->call->stream);
    case MEMBER_STREAM_OPTIONS:
        return take_stream_options(scan);
    case MEMBER_N:
        return is_null
                   ? 0
                   : scan_count(scan, scan_member_name(&openai_names, member),
                                CALL_CHOICES_MAX, &scan->n);
    case MEMBER_BEST_OF:
        return is_null
                   ? 0
                   : scan_count(scan, scan_member_name(&openai_names, member),
                                CALL_CHOICES_MAX, &scan->best_of);
    default:
        return take_max_tokens(scan, member);
    }
}

/* Of members that chat does not know, some hold what the model reads. */
static int
take_other(struct scan *scan)
{
    struct json_reader *reader = &scan->reader;
    struct json_token *token = &scan->token;
    bool holds = token->type == JSON_ARRAY || token->type == JSON_OBJECT;
    if (scan->call->endpoint == ENDPOINT_RERANK)
        return openai_prompt_inputs(reader, token, &scan->prompt);
    if (scan->call->endpoint == ENDPOINT_IMAGE_EDITS && holds)
        return openai_prompt_messages(reader, token, &scan->prompt);
    return prompt_other(reader, token, &scan->prompt);
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
        rc = openai_prompt_messages(reader, token, &scan->prompt);
        break;
    case MEMBER_PROMPT:
    case MEMBER_INPUT:
        rc = openai_prompt_inputs(reader, token, &scan->prompt);
        break;
    case MEMBER_TOOLS:
    case MEMBER_FUNCTIONS:
        rc = prompt_tools(reader, token, &scan->prompt);
        break;
    case MEMBER_MODELS:
        rc = keep_value(scan, &scan->call->models_value);
        break;
    case MEMBER_PROVIDER:
        rc = keep_value(scan, &scan->call->provider_value);
        break;
    case MEMBER_SESSION:
        rc = keep_value(scan, &scan->call->session_value);
        break;
    case MEMBER_UNSEEN:
        rc = prompt_skip(reader, token);
        break;
    default:
        rc = take_other(scan);
    }
    return rc == 0 ? 0 : scan_refuse_json(scan);
}

/* The path named the model: then it stands in no body, or is replaced there. */
static bool
has_model(const struct scan *scan)
{
    return scan->call->model_in_path || (scan->seen >> MEMBER_MODEL & 1) != 0;
}

/* OpenRouter's clients may name `models` alone: the first of them is the model,
 * and is spliced in as one that a path named. */
static int
take_first_of_models(struct scan *scan)
{
    struct call *call = scan->call;
    struct json_reader reader;
    json_reader_init(&reader, str_make(scan->body.ptr + call->models_value.off,
                                       call->models_value.len));
    if (call->models_value.len == 0 ||
        json_next(&reader, &scan->token) != JSON_ARRAY ||
        json_next(&reader, &scan->token) == JSON_ARRAY_END)
        return scan_refuse_model(scan, "The body names no model.");
    if (scan_model(scan) != 0)
        return -1;
    call->model_value.len = 0;
    call->model_in_path = true;
    return 0;
}

int
openai_scan_finish(struct scan *scan)
{
    struct call *call = scan->call;
    if (!has_model(scan) && take_first_of_models(scan) != 0)
        return -1;
    uint64_t answers = scan->best_of > scan->n ? scan->best_of : scan->n;
    if (call->endpoint == ENDPOINT_COMPLETIONS && scan->prompt.prompts > 1)
        answers *= scan->prompt.prompts;
    if (answers > SCAN_ANSWERS_MAX)
        return scan_refuse(
            scan->fault, "invalid_value", "prompt",
            "The body asks for %llu answers; %d is the most. Send "
            "fewer prompts at once.",
            (unsigned long long)answers, SCAN_ANSWERS_MAX);
    call->n = (uint32_t)answers;
    prompt_finish(&scan->prompt, call);
    if (call->endpoint >= ENDPOINT_IMAGES)
        openai_media_finish(&scan->prompt, call);
    return 0;
}

int
openai_scan(struct str body, uint8_t endpoint, struct call *call,
            struct fault *fault)
{
    struct scan scan = {
        .body = body, .call = call, .fault = fault, .n = 1, .best_of = 1};
    if (call->boundary.len > 0)
        return openai_form_scan(&scan, endpoint);
    scan_begin(call, endpoint);
    if (scan_object(&scan, &openai_names, take_member) != 0)
        return -1;
    return openai_scan_finish(&scan);
}
