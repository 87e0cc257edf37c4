/*
 * guard.c - see guard.h: the request's side.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/guard_part.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/admission.h"
#include "worker/error_reply.h"
#include "worker/request_path.h"
#include "worker/request_body.h"

enum {
    WINDOW_BYTES = 64 * 1024,
    TURN_BYTES = 1024 * 1024, /* times patterns, looked at in one turn */
};

bool
guard_is_wanted(const struct request *request)
{
    const struct catalogue_gateway *gateway = request->gateway;
    return gateway->guard_prompt != NULL || gateway->guard_answer != NULL ||
           gateway->webhook != NULL;
}

void
guard_note(struct guard *guard, const struct pattern_rule *rule, unsigned i)
{
    struct request *request = guard->request;
    guard->found |= UINT64_C(1) << i;
    guard->blocks = guard->blocks || rule->blocks;
    request->guard_flags |= RECORD_FLAGGED;
    /* The first one that blocks, else the first. */
    if (request->guard_name[0] == '\0' || rule->blocks)
        snprintf(request->guard_name, sizeof(request->guard_name), "%s",
                 rule->name);
}

bool
guard_search(struct guard *guard, const struct pattern_set *set,
             struct str text)
{
    for (unsigned i = 0; i < set->count && !guard->blocks; i++) {
        size_t start, end;
        if ((guard->found >> i & 1) == 0 &&
            pattern_search(set->rules[i].pattern, text, 0, false, &start,
                           &end) != PATTERN_NONE)
            guard_note(guard, &set->rules[i], i);
    }
    return guard->blocks;
}

void
guard_fault(struct request *request, bool of_prompt, struct fault *fault)
{
    request->guard_flags |= RECORD_FLAGGED | RECORD_BLOCKED;
    if (request->plane >= PLANE_CF_GATEWAY)
        fault_set(fault, 424, "invalid_request_error",
                  of_prompt ? "prompt_blocked" : "answer_blocked", NULL,
                  "%s blocked due to security configurations",
                  of_prompt ? "Prompt" : "Response");
    else
        fault_set(fault, 400, "invalid_request_error", "content_blocked", NULL,
                  "The %s was blocked by the guardrail `%s` of this gateway.",
                  of_prompt ? "prompt" : "answer", request->guard_name);
    fault->no_retry = true;
}

/* ---- the request's texts ---- */

/* The next one into guard->text; false: there is none. */
static bool
next_text(struct guard *guard)
{
    guard->text_at = 0;
    if (guard->reading && guard_texts_next(&guard->texts, &guard->text))
        return true;
    guard->failed = guard->failed || guard->texts.failed;
    return false;
}

/* As much as a turn may take. True: all is looked at, or something blocks. */
static bool
search_some(struct guard *guard)
{
    const struct pattern_set *set = guard->prompt;
    size_t looked = 0;
    while (looked < TURN_BYTES) {
        if (guard->text_at >= guard->text.len && !next_text(guard))
            return true;
        struct str window = str_skip(guard->text, guard->text_at);
        bool last = window.len <= WINDOW_BYTES;
        if (!last)
            window.len = WINDOW_BYTES;
        if (guard_search(guard, set, window))
            return true;
        /* A match across the end of a window begins in the next one. */
        guard->text_at += last ? window.len : WINDOW_BYTES - PATTERN_SPAN;
        looked += (window.len + 64) * set->count;
    }
    return false;
}

static void
refuse(struct guard *guard, bool blocked)
{
    struct request *request = guard->request;
    struct fault fault;
    if (blocked) {
        guard_fault(request, true, &fault);
        admission_count_refused(request);
    } else {
        fault_set_overloaded(&fault, "out of memory");
    }
    request_fail(request, &fault);
}

static void
go_on(struct guard *guard)
{
    if (guard->prompt != NULL && !search_some(guard)) {
        loop_defer(guard->request->worker->loop, &guard->later);
        return;
    }
    if (guard->blocks || guard->failed)
        refuse(guard, guard->blocks);
    else if (guard->request->gateway->webhook != NULL)
        webhook_ask(guard);
    else
        request_admit(guard->request);
}

/* The request may have ended since: it is freed behind this. */
static void
on_later(struct loop_deferred *deferred)
{
    struct guard *guard = OWNER_OF(deferred, struct guard, later);
    if (guard->request->step != REQUEST_DONE)
        go_on(guard);
}

static bool
take_sets(struct guard *guard, const struct catalogue_gateway *gateway)
{
    struct pattern_set **sets = &guard->request->worker->pattern_sets;
    if (gateway->guard_prompt != NULL)
        guard->prompt = pattern_set_get(sets, gateway->guard_prompt, true);
    if (gateway->guard_answer != NULL)
        guard->answer = pattern_set_get(sets, gateway->guard_answer, true);
    return (guard->prompt != NULL) == (gateway->guard_prompt != NULL) &&
           (guard->answer != NULL) == (gateway->guard_answer != NULL);
}

static int
begin(struct request *request, struct fault *fault)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    request->guard = guard;
    if (guard == NULL) {
        fault_set_overloaded(fault, "out of memory");
        return -1;
    }
    guard->request = request;
    guard->later.run = on_later;
    struct buf *const bufs[] = {&guard->head, &guard->body, &guard->reply,
                                &guard->said, &guard->held};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_init(bufs[i], 0);
    guard_texts_init(&guard->texts, buf_view(&request->body));
    if (!take_sets(guard, request->gateway)) {
        fault_set_overloaded(fault, "the guardrails cannot be read");
        return -1;
    }
    if (guard->answer != NULL && request->call.stream && request->call.n > 1) {
        fault_set(fault, 400, "invalid_request_error", "unsupported_value", "n",
                  "This gateway looks at answers as they come: ask for one at "
                  "a time, or not for a stream.");
        fault->no_retry = true;
        return -1;
    }
    guard->reading = request->call.boundary.len == 0;
    if (!guard->reading)
        guard->text = buf_view(&request->body);
    return 0;
}

void
guard_before(struct request *request)
{
    struct fault fault;
    request_enter(request, REQUEST_GUARD);
    /* What is refused for its limits costs no search and no question. */
    if (admission_look(request, cache_may_have(request), &fault) < 0 ||
        begin(request, &fault) < 0)
        request_fail(request, &fault);
    else
        go_on(request->guard);
}

void
guard_free(struct guard **pointer)
{
    struct guard *guard = *pointer;
    if (guard == NULL)
        return;
    if (guard->exchange != NULL)
        exchange_abort(guard->exchange);
    pattern_set_put(guard->prompt);
    pattern_set_put(guard->answer);
    struct buf *const bufs[] = {&guard->head, &guard->body, &guard->reply,
                                &guard->said, &guard->held};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_fini(bufs[i]);
    guard_texts_fini(&guard->texts);
    free(guard->marks);
    free(guard);
    *pointer = NULL;
}
