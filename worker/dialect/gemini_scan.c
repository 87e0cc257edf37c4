/*
 * gemini_scan.c - one pass over a request body of this dialect. The path has
 * named the model, and whether the answer is a stream.
 *
 * What bounds the cost stands in generationConfig, which has two spellings, as
 * have its members: one of them may come, once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

/* What an explicit cache may put before the prompt, in tokens: it is not here
 * to be seen. */
enum { CACHED_CONTENT_TOKENS = 100000, CANDIDATES_MAX = 8 };

enum member {
    MEMBER_CONFIG,
    MEMBER_CONFIG_SNAKE,
    MEMBER_MODEL,
    MEMBER_GUARDED_END,
    MEMBER_CONTENTS = MEMBER_GUARDED_END,
    MEMBER_TOOLS,
    MEMBER_CACHED,
    MEMBER_REQUESTS, /* of a batch */
    MEMBER_REQUEST,  /* of a count */
    MEMBER_TITLE,
    MEMBER_UNSEEN, /* no model ever sees its strings */
};

static const struct scan_name body_rows[] = {
    // clang-format off
    {STR_LIT("generationConfig"), MEMBER_CONFIG},
    {STR_LIT("generation_config"), MEMBER_CONFIG_SNAKE},
    {STR_LIT("model"), MEMBER_MODEL},
    {STR_LIT("contents"), MEMBER_CONTENTS},
    {STR_LIT("content"), MEMBER_CONTENTS},
    {STR_LIT("systemInstruction"), MEMBER_CONTENTS},
    {STR_LIT("system_instruction"), MEMBER_CONTENTS},
    {STR_LIT("tools"), MEMBER_TOOLS},
    {STR_LIT("cachedContent"), MEMBER_CACHED},
    {STR_LIT("cached_content"), MEMBER_CACHED},
    {STR_LIT("requests"), MEMBER_REQUESTS},
    {STR_LIT("generateContentRequest"), MEMBER_REQUEST},
    {STR_LIT("generate_content_request"), MEMBER_REQUEST},
    {STR_LIT("title"), MEMBER_TITLE},
    {STR_LIT("toolConfig"), MEMBER_UNSEEN},
    {STR_LIT("tool_config"), MEMBER_UNSEEN},
    {STR_LIT("safetySettings"), MEMBER_UNSEEN},
    {STR_LIT("safety_settings"), MEMBER_UNSEEN},
    {STR_LIT("labels"), MEMBER_UNSEEN},
    {STR_LIT("taskType"), MEMBER_UNSEEN},
    {STR_LIT("task_type"), MEMBER_UNSEEN},
    {STR_LIT("outputDimensionality"), MEMBER_UNSEEN},
    {STR_LIT("output_dimensionality"), MEMBER_UNSEEN},
    // clang-format on
};
static const struct scan_names body_names = {body_rows, ARRAY_LEN(body_rows),
                                             MEMBER_GUARDED_END};

enum config_member {
    CONFIG_MAX_TOKENS,
    CONFIG_MAX_TOKENS_SNAKE,
    CONFIG_CANDIDATES,
    CONFIG_CANDIDATES_SNAKE,
    CONFIG_GUARDED_END,
};
static const struct scan_name config_rows[] = {
    {STR_LIT("maxOutputTokens"), CONFIG_MAX_TOKENS},
    {STR_LIT("max_output_tokens"), CONFIG_MAX_TOKENS_SNAKE},
    {STR_LIT("candidateCount"), CONFIG_CANDIDATES},
    {STR_LIT("candidate_count"), CONFIG_CANDIDATES_SNAKE},
};
static const struct scan_names config_names = {
    config_rows, ARRAY_LEN(config_rows), CONFIG_GUARDED_END};

static int
refuse_twice(struct scan *scan, const char *name)
{
    return scan_refuse(scan->fault, "duplicate_member", name,
                       "The member '%s' stands twice in the body, in one "
                       "spelling or two. Send it once.",
                       name);
}

/* Members of which one may come, in one spelling. */
static bool
both_seen(const struct scan *scan, unsigned a, unsigned b)
{
    return (scan->seen >> a & scan->seen >> b & 1) != 0;
}

static int
take_candidates(struct scan *scan)
{
    if (both_seen(scan, CONFIG_CANDIDATES, CONFIG_CANDIDATES_SNAKE))
        return refuse_twice(scan, "candidateCount");
    return scan->token.type == JSON_NULL
               ? 0
               : scan_count(scan, "candidateCount", CANDIDATES_MAX, &scan->n);
}

static int
take_config_member(struct scan *scan, unsigned member)
{
    struct call *call = scan->call;
    switch (member) {
    case CONFIG_MAX_TOKENS:
    case CONFIG_MAX_TOKENS_SNAKE:
        if (both_seen(scan, CONFIG_MAX_TOKENS, CONFIG_MAX_TOKENS_SNAKE))
            return refuse_twice(scan, "maxOutputTokens");
        call->max_tokens_value = scan_span(scan, scan->token.span);
        return scan->token.type == JSON_NULL
                   ? 0
                   : scan_count(scan, "maxOutputTokens", SCAN_MAX_TOKENS,
                                &call->max_tokens);
    case CONFIG_CANDIDATES:
    case CONFIG_CANDIDATES_SNAKE:
        return take_candidates(scan);
    default: /* a schema is shown to the model */
        return prompt_other(&scan->reader, &scan->token, &scan->prompt) == 0
                   ? 0
                   : scan_refuse_json(scan);
    }
}

/* The members of the object under way, whose guarded ones are its own. */
static int
take_object(struct scan *scan, const struct scan_names *names,
            int (*take)(struct scan *scan, unsigned member))
{
    uint32_t seen = scan->seen;
    scan->seen = 0;
    while (json_next(&scan->reader, &scan->token) == JSON_KEY)
        if (scan_member(scan, names, take) != 0)
            return -1;
    scan->seen = seen;
    return scan->token.type == JSON_OBJECT_END ? 0 : scan_refuse_json(scan);
}

static int
take_config(struct scan *scan)
{
    struct call *call = scan->call;
    const char *start = scan->token.span.ptr;
    if (both_seen(scan, MEMBER_CONFIG, MEMBER_CONFIG_SNAKE))
        return refuse_twice(scan, "generationConfig");
    if (scan->token.type == JSON_NULL) {
        call->config_value = scan_span(scan, scan->token.span);
        return 0;
    }
    if (scan->token.type != JSON_OBJECT)
        return scan_refuse(scan->fault, "invalid_type", "generationConfig",
                           "'generationConfig' must be an object.");
    if (take_object(scan, &config_names, take_config_member) != 0)
        return -1;
    const char *end = scan->token.span.ptr + 1;
    call->config_value =
        scan_span(scan, str_make(start, (size_t)(end - start)));
    return 0;
}

struct str
gemini_model_name(struct str name)
{
    static const struct str prefix = {"models/", 7};
    return str_starts_with(name, prefix) ? str_skip(name, prefix.len) : name;
}

/* Inside of a batch or a count it is the path's; at the top it means nothing. */
static int
take_model(struct scan *scan, bool is_top)
{
    struct call *call = scan->call;
    char name[CALL_MODEL_BYTES + 8];
    if (scan->token.type != JSON_STRING)
        return prompt_skip(&scan->reader, &scan->token) == 0
                   ? 0
                   : scan_refuse_json(scan);
    int len = json_string_decode(scan->token.span, name, sizeof(name));
    call->models_inside++;
    if (is_top)
        return 0;
    if (len < 0 || !str_equals(gemini_model_name(str_make(name, (size_t)len)),
                               str_make(call->model, call->model_len)))
        return scan_refuse(scan->fault, "model_mismatch", "model",
                           "The body asks for another model than the path: "
                           "send one request for each model.");
    return 0;
}

/* An unguarded member that any body may have. */
static int
take_plain(struct scan *scan, unsigned member)
{
    struct json_reader *reader = &scan->reader;
    struct json_token *token = &scan->token;
    int rc;
    switch (member) {
    case MEMBER_CONTENTS:
        rc = gemini_prompt_contents(reader, token, &scan->prompt);
        break;
    case MEMBER_TOOLS:
        rc = prompt_tools(reader, token, &scan->prompt);
        break;
    case MEMBER_CACHED:
        if (token->type != JSON_NULL)
            scan->prompt.media_tokens += CACHED_CONTENT_TOKENS;
        rc = prompt_skip(reader, token);
        break;
    case MEMBER_UNSEEN:
        rc = prompt_skip(reader, token);
        break;
    default:
        rc = prompt_other(reader, token, &scan->prompt);
    }
    return rc == 0 ? 0 : scan_refuse_json(scan);
}

/* Of a request of a batch, or of the one that is to be counted. */
static int
take_inner(struct scan *scan, unsigned member)
{
    if (member == MEMBER_MODEL)
        return take_model(scan, false);
    return take_plain(scan, member);
}

static int
take_request(struct scan *scan)
{
    if (scan->token.type == JSON_BAD)
        return scan_refuse_json(scan);
    if (scan->token.type != JSON_OBJECT)
        return scan_refuse(scan->fault, "invalid_type", "requests",
                           "A request in the body is not an object.");
    return take_object(scan, &body_names, take_inner);
}

static int
take_requests(struct scan *scan)
{
    if (scan->token.type != JSON_ARRAY)
        return take_request(scan);
    while (json_next(&scan->reader, &scan->token) != JSON_ARRAY_END)
        if (take_request(scan) != 0)
            return -1;
    return 0;
}

static int
take_member(struct scan *scan, unsigned member)
{
    bool generates = scan->call->endpoint == ENDPOINT_GENERATE;
    switch (member) {
    case MEMBER_CONFIG:
    case MEMBER_CONFIG_SNAKE:
        return generates ? take_config(scan) : take_plain(scan, member);
    case MEMBER_MODEL:
        return take_model(scan, true);
    case MEMBER_REQUESTS:
    case MEMBER_REQUEST:
        return generates ? take_plain(scan, member) : take_requests(scan);
    default:
        return take_plain(scan, member);
    }
}

/* Each content of an embedding is an input; of one alone, the whole. */
static void
count_inputs(struct scan *scan)
{
    struct prompt *prompt = &scan->prompt;
    if (scan->call->endpoint != ENDPOINT_EMBED &&
        scan->call->endpoint != ENDPOINT_BATCH_EMBED)
        return;
    prompt->prompts = prompt->messages;
    prompt->messages = 0;
}

int
gemini_scan(struct str body, uint8_t endpoint, struct call *call,
            struct fault *fault)
{
    struct scan scan = {
        .body = body, .call = call, .fault = fault, .n = 1, .best_of = 1};
    scan_begin(call, endpoint);
    call->include_usage = true; /* it always comes, nobody asks for it */
    if (scan_object(&scan, &body_names, take_member) != 0)
        return -1;
    if (call->model_len == 0)
        return scan_refuse_model(&scan, "The path names no model.");
    call->n = (uint32_t)scan.n;
    count_inputs(&scan);
    prompt_finish(&scan.prompt, call);
    return 0;
}
