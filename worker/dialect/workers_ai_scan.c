/*
 * workers_ai_scan.c - the body of a call to /ai/run: what it may cost, and the
 * splices that change it. The model stands in the path, or in the body of a call
 * to /ai/run alone. Usage comes unasked.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"
#include "worker/dialect/workers_ai_part.h"

enum member {
    RUN_MODEL,
    RUN_STREAM,
    RUN_MAX_TOKENS,
    RUN_GUARDED_END,
    RUN_MESSAGES = RUN_GUARDED_END,
    RUN_PROMPT,
    RUN_TOOLS,
    RUN_UNSEEN,
};

static const struct scan_name rows[] = {
    {STR_LIT("model"), RUN_MODEL},
    {STR_LIT("stream"), RUN_STREAM},
    {STR_LIT("max_tokens"), RUN_MAX_TOKENS},
    {STR_LIT("messages"), RUN_MESSAGES},
    {STR_LIT("prompt"), RUN_PROMPT},
    {STR_LIT("text"), RUN_PROMPT},
    {STR_LIT("input"), RUN_PROMPT},
    {STR_LIT("tools"), RUN_TOOLS},
    {STR_LIT("stop"), RUN_UNSEEN},
    {STR_LIT("lora"), RUN_UNSEEN},
};
static const struct scan_names names = {rows, ARRAY_LEN(rows), RUN_GUARDED_END};

static int
take_guarded(struct scan *scan, unsigned member)
{
    struct call *call = scan->call;
    switch (member) {
    case RUN_MODEL:
        if (!call->model_in_path)
            return scan_model(scan);
        return prompt_skip(&scan->reader, &scan->token) == 0
                   ? 0
                   : scan_refuse_json(scan);
    case RUN_STREAM:
        return scan_bool(scan, "stream", &call->stream);
    default:
        call->max_tokens_value = scan_span(scan, scan->token.span);
        return scan->token.type == JSON_NULL
                   ? 0
                   : scan_count(scan, "max_tokens", SCAN_MAX_TOKENS,
                                &call->max_tokens);
    }
}

static int
take_member(struct scan *scan, unsigned member)
{
    int rc;
    switch (member) {
    case RUN_MODEL:
    case RUN_STREAM:
    case RUN_MAX_TOKENS:
        return take_guarded(scan, member);
    case RUN_MESSAGES:
        rc = openai_prompt_messages(&scan->reader, &scan->token, &scan->prompt);
        break;
    case RUN_PROMPT:
        rc = openai_prompt_inputs(&scan->reader, &scan->token, &scan->prompt);
        break;
    case RUN_TOOLS:
        rc = prompt_tools(&scan->reader, &scan->token, &scan->prompt);
        break;
    case RUN_UNSEEN:
        rc = prompt_skip(&scan->reader, &scan->token);
        break;
    default:
        rc = prompt_other(&scan->reader, &scan->token, &scan->prompt);
    }
    return rc == 0 ? 0 : scan_refuse_json(scan);
}

int
workers_ai_scan(struct str body, uint8_t endpoint, struct call *call,
                struct fault *fault)
{
    struct scan scan = {.body = body, .call = call, .fault = fault};
    scan_begin(call, endpoint);
    if (scan_object(&scan, &names, take_member) != 0)
        return -1;
    if (!call->model_in_path && (scan.seen >> RUN_MODEL & 1) == 0)
        return scan_refuse_model(&scan, "Neither path nor body names a model.");
    call->n = 1;
    call->include_usage = true;
    prompt_finish(&scan.prompt, call);
    return 0;
}

void
workers_ai_rewrite(struct str body, const struct call *call,
                   const struct rewrite *rewrite, struct splices *splices)
{
    (void)body;
    splices->count = splices->text_len = 0;
    if (rewrite->model.ptr != NULL && call->model_value.len > 0)
        splice_name(
            splices,
            splice_add(splices, call->model_value.off, call->model_value.len),
            rewrite->model);
    if (rewrite->max_tokens == 0)
        return;
    if (call->max_tokens_value.len > 0) {
        splice_number(splices,
                      splice_add(splices, call->max_tokens_value.off,
                                 call->max_tokens_value.len),
                      rewrite->max_tokens);
        return;
    }
    struct splice *first = splice_add(splices, call->first_member, 0);
    splice_text(splices, first, STR_LIT("\"max_tokens\":"));
    splice_number(splices, first, rewrite->max_tokens);
    if (!call->empty_object)
        splice_text(splices, first, STR_LIT(","));
}
