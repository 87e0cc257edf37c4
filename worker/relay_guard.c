/*
 * relay_guard.c - answers on their way past the guardrails (guard.h): what may go
 * out, and how a call ends that is blocked. It is charged what was used.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

static void
on_text(void *owner, struct str inside)
{
    struct request *request = owner;
    if (request->payload != NULL)
        payload_keep_text(request, inside);
    if (relay_guards(request))
        guard_text(request->guard, inside);
}

void
relay_listen(struct request *request)
{
    bool is_heard = request->payload != NULL || relay_guards(request);
    request->answer.on_text = is_heard ? on_text : NULL;
    request->answer.listener = request;
}

static void
fail_blocked(struct request *request)
{
    struct fault fault;
    guard_fault(request, false, &fault);
    relay_fail(request, RECORD_REFUSED, &fault);
}

void
relay_guard_hold(struct request *request, const char *ptr, size_t len)
{
    struct guard *guard = request->guard;
    struct buf *held = guard_held(guard);
    buf_append(held, ptr, len);
    guard_mark(guard, *guard_passed(guard) + buf_len(held));
}

bool
relay_guard_release(struct request *request, bool last, struct str *out)
{
    struct guard *guard = request->guard;
    struct buf *held = guard_held(guard);
    uint64_t *passed = guard_passed(guard);
    uint64_t ready = guard_ready(guard, last);
    *out = (struct str){NULL, 0};
    if (guard_blocks(guard) || !buf_ok(held)) {
        fail_blocked(request);
        return false;
    }
    if (last)
        ready = *passed + buf_len(held);
    out->ptr = buf_ptr(held);
    out->len = (size_t)(ready - *passed);
    *passed = ready;
    return true;
}

void
relay_guard_sent(struct request *request, struct str bytes)
{
    buf_consume(guard_held(request->guard), bytes.len);
}

bool
relay_guard_translated(struct request *request, bool last,
                       const struct buf *out, size_t *ready)
{
    struct guard *guard = request->guard;
    uint64_t *passed = guard_passed(guard);
    uint64_t upto = guard_ready(guard, last);
    if (guard_blocks(guard)) {
        fail_blocked(request);
        return false;
    }
    *ready = last ? buf_len(out) : (size_t)(upto - *passed);
    *passed += *ready;
    return true;
}

bool
relay_guard_body(struct request *request, struct str body)
{
    uint8_t kind = request->answer.body_kind;
    if (kind == ANSWER_BINARY && request->translation == NULL)
        return true; /* sound and pictures */
    guard_body(request->guard, body, kind == ANSWER_JSON);
    if (!guard_blocks(request->guard))
        return true;
    fail_blocked(request);
    return false;
}
