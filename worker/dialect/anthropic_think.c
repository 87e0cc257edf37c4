/*
 * anthropic_think.c - how much a call written for a provider of this dialect
 * shall think, and what that excludes.
 *
 * Newer models think adaptively and take an effort; those up to 4.5, and other
 * makers' of this dialect, take a budget. Of a name that does not say its
 * version the newer way is assumed. A budget never raises max_tokens, which is
 * what the call's lease was held for: it is lowered to leave a quarter of it for
 * the answer, and where less than 1,024 tokens remain the call does not think.
 * Source: spec of Messages; which versions: the models' own 400.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"
#include "worker/provider/provider.h"

enum { BUDGET_LEAST = 1024 };

/* A number of one or two digits that is a word of its own; -1: none. */
static int
version_number(const char **p, const char *end)
{
    int value = 0, digits = 0;
    const char *at = *p;
    for (; at < end && *at >= '0' && *at <= '9'; at++, digits++)
        if (digits < 2)
            value = value * 10 + (*at - '0');
    bool is_word = at == end || *at == '-' || *at == '.' || *at == '@' ||
                   *at == ':' || *at == '_';
    *p = at;
    return digits >= 1 && digits <= 2 && is_word ? value : -1;
}

/*
 * "claude-3-7-sonnet-20250219", "claude-opus-4-1", "claude-haiku-4.5@...",
 * "us.anthropic.claude-sonnet-4-20250514-v1:0": the first number behind the
 * word, and one that follows it at once.
 */
static bool
takes_budget(struct str model)
{
    static const struct str word = {"claude-", 7};
    const char *p = model.ptr, *end = model.ptr + model.len;
    p = model.len == 0 ? NULL : memmem(p, model.len, word.ptr, word.len);
    if (p == NULL)
        return false;
    for (p += word.len - 1; p < end; p++) {
        if (*p != '-' || p + 1 == end || p[1] < '0' || p[1] > '9')
            continue;
        p++;
        int major = version_number(&p, end), minor = 0;
        if (major < 0)
            return false; /* a date only */
        if (p + 1 < end && (*p == '-' || *p == '.')) {
            p++;
            minor = version_number(&p, end);
        }
        return major < 4 || (major == 4 && (minor < 0 || minor <= 5));
    }
    return false;
}

/* Thinking was asked for, in whichever way, or forbidden. */
static enum canon_flag
wants_thinking(const struct canon_request *request)
{
    if (request->thinking == CANON_NO || request->effort == CANON_EFFORT_NONE)
        return CANON_NO;
    if (request->thinking == CANON_YES || request->thinking_budget != 0 ||
        request->effort != CANON_EFFORT_UNSET)
        return CANON_YES;
    return CANON_UNSET;
}

static const char *
effort_name(const struct canon_request *request)
{
    enum canon_effort effort = (enum canon_effort)request->effort;
    if (effort == CANON_EFFORT_UNSET && request->thinking_budget > 0)
        effort = canon_budget_effort(request->thinking_budget);
    if (effort == CANON_EFFORT_MINIMAL)
        effort = CANON_EFFORT_LOW;
    return canon_effort_name(effort);
}

static uint64_t
budget_of(const struct canon_request *request, uint64_t max_tokens)
{
    enum canon_effort effort = (enum canon_effort)request->effort;
    int64_t budget = request->thinking_budget;
    if (budget <= 0)
        budget = canon_effort_budget(
            effort == CANON_EFFORT_UNSET ? CANON_EFFORT_MEDIUM : effort);
    if (budget < BUDGET_LEAST)
        budget = BUDGET_LEAST;
    uint64_t most = max_tokens - max_tokens / 4;
    return (uint64_t)budget < most ? (uint64_t)budget : most;
}

static bool
is_thought(const struct canon_part *part)
{
    return part->kind == CANON_REDACTED ||
           (part->kind == CANON_THINKING && part->signature.len > 0);
}

/*
 * In a loop of tools, a model that thinks by budget must be given its thoughts
 * back with the calls they led to. Where they are lost it goes on without.
 */
static bool
thoughts_are_lost(const struct canon_request *request)
{
    for (uint32_t m = request->message_count; m-- > 0;) {
        const struct canon_message *message = &request->messages[m];
        const struct canon_part *parts = &request->parts[message->first_part];
        bool has_call = false, has_result = false;
        for (uint32_t i = 0; i < message->part_count; i++) {
            if (is_thought(&parts[i]))
                return false;
            has_call = has_call || parts[i].kind == CANON_TOOL_CALL;
            has_result = has_result || parts[i].kind == CANON_TOOL_RESULT;
        }
        if (has_call)
            return true;
        if (message->role == CANON_USER && !has_result)
            return false; /* a turn of its own */
    }
    return false;
}

/* Whether the last message is the beginning of the answer. */
static bool
has_prefill(const struct canon_request *request)
{
    for (uint32_t m = request->message_count; m-- > 0;)
        if (request->messages[m].role != CANON_SYSTEM)
            return request->messages[m].role == CANON_ASSISTANT;
    return false;
}

static int
check_exclusions(const struct canon_request *request, struct fault *fault)
{
    if (request->tool_count > 0 &&
        (request->tool_choice == CANON_CHOICE_REQUIRED ||
         request->tool_choice == CANON_CHOICE_NAMED))
        return anthropic_refuse(fault, "tool_choice",
                                "a forced tool and thinking exclude each other "
                                "on this model: leave one of them out");
    if (has_prefill(request))
        return anthropic_refuse(fault, "messages",
                                "the last message is the assistant's, and "
                                "thinking excludes that on this model: leave "
                                "one of them out");
    return 0;
}

int
anthropic_think(struct canon_request *request,
                const struct canon_target *target, uint64_t max_tokens,
                struct anthropic_thinking *thinking, struct fault *fault)
{
    *thinking = (struct anthropic_thinking){.kind = THINKING_UNSAID};
    enum canon_flag wanted = wants_thinking(request);
    if (wanted == CANON_NO)
        thinking->kind = THINKING_OFF;
    if (wanted != CANON_YES)
        return 0;
    bool by_budget = (target->quirks & QUIRK_BUDGET_THINKING) != 0 ||
                     takes_budget(target->model);
    if (!by_budget) {
        thinking->kind = THINKING_ADAPTIVE;
        thinking->effort = effort_name(request);
        return check_exclusions(request, fault);
    }
    if (max_tokens - max_tokens / 4 < BUDGET_LEAST ||
        thoughts_are_lost(request)) {
        canon_drop(request, "reasoning_effort");
        return 0;
    }
    thinking->kind = THINKING_BUDGET;
    thinking->budget = budget_of(request, max_tokens);
    return check_exclusions(request, fault);
}
