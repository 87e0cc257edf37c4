/*
 * request_front.c - what a connection tells of its request: the head, the body,
 * its end. Leads the request through the checks, cheap ones first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/hash.h"
#include "common/net/http_decode.h"
#include "worker/auth.h"
#include "worker/clickzetta.h"
#include "worker/error_reply.h"
#include "worker/guard.h"
#include "worker/management.h"
#include "worker/payload.h"
#include "worker/request.h"
#include "worker/request_body.h"
#include "worker/request_call.h"
#include "worker/request_universal.h"

enum {
    /* Room made before a byte has come; pages that none comes for are never
     * had, and what was announced is booked. */
    BODY_FIRST_BYTES = 32 * 1024 * 1024,
    HALF_CLOSE_GRACE_MS = 500,
    MARK_WORDS = 16,
};

/* ---- the head ---- */

/* What can be said of the body before it is read. */
static int
check_body_head(struct request *request, const struct http_head *head,
                struct fault *fault)
{
    uint64_t max = request->worker->config->server.body_max_bytes;
    if (request->path->admin)
        max = management_body_max(head->path);
    request->coding = (uint8_t)http_coding_of(head);
    if (request->coding == HTTP_CODING_OTHER ||
        (request->path->admin && request->coding != HTTP_CODING_IDENTITY)) {
        fault_set_http(fault, 415,
                       request->path->admin
                           ? "send the body as it is"
                           : "send the body as it is, or "
                             "compressed once by gzip or zstd");
        return -1;
    }
    if (head->body_kind == HTTP_BODY_LENGTH && head->content_length > max) {
        fault_set_http(fault, 413, "the body is larger than body_max allows");
        return -1;
    }
    if (head->body_kind == HTTP_BODY_LENGTH &&
        !request_book(request, head->content_length)) {
        fault_set_overloaded(fault, "the bodies of running requests fill the "
                                    "memory meant for them");
        return -1;
    }
    return 0;
}

/* 0: the request goes on and needs its body; 1: answered or under way. */
static int
begin(struct request *request, const struct http_head *head,
      const struct path_match *match, struct auth_claim *claim,
      struct fault *fault)
{
    const struct path_row *row = match->row;
    if (row->answer == NULL && request_keep_head(request, head) < 0) {
        fault_set_overloaded(fault, "out of memory");
        return -1;
    }
    if (row->needs_key) {
        request_enter(request, REQUEST_AUTH);
        if (auth_check(request, claim, fault) < 0)
            return -1;
    }
    if (row->answer != NULL) {
        request_enter(request, REQUEST_LOCAL);
        row->answer(request, head, match->rest);
        return 1;
    }
    if (check_body_head(request, head, fault) < 0)
        return -1;
    if (!row->has_steps && request_call_begin(request, head, match, fault) < 0)
        return -1;
    request_enter(request, REQUEST_BODY);
    if (head->body_kind == HTTP_BODY_LENGTH) {
        uint64_t first = head->content_length < BODY_FIRST_BYTES
                             ? head->content_length
                             : BODY_FIRST_BYTES;
        request->body_huge = body_pool_take(
            &request->worker->body_pool, &request->body, head->content_length);
        if (buf_reserve(&request->body, first) < 0) {
            fault_set_overloaded(fault, "out of memory");
            return -1;
        }
    }
    return 0;
}

enum client_verdict
request_on_head(struct client *client, const struct http_head *head,
                struct request **out, uint64_t *body_max)
{
    *out = NULL;
    /* Well before it is used: in between, memory does what it must. */
    UNINITIALIZED struct auth_claim claim;
    auth_claim_read(client_worker(client), head, &claim);
    struct request *request = request_create(client);
    if (request == NULL) {
        client_abort(client);
        return CLIENT_ANSWERED;
    }
    UNINITIALIZED char scratch[PATH_BYTES];
    UNINITIALIZED struct path_match match;
    UNINITIALIZED struct fault fault;
    request->head_only = head->method == HTTP_HEAD;
    path_find(head->path, head->method, client_is_admin_listener(client),
              scratch, &match);
    auth_claim_find(request->worker, &claim);
    request->path = match.row;
    request->plane = match.plane;
    if (match.gateway.len > 0) {
        request->gateway_hash = settings_name_hash(match.gateway);
        request->account_gateway_hash =
            settings_name_hash(match.account_gateway);
    }
    if (UNLIKELY(match.plane == PLANE_CLICKZETTA))
        clickzetta_keep_path(request, head->path);
    request->dialect = request_dialect(&match, head);
    int r = -1;
    if (request->path == NULL)
        fault_set_http(&fault, 404,
                       "there is nothing at this path; model calls go to "
                       "/v1/chat/completions");
    else if ((request->path->methods & (1u << head->method)) == 0)
        fault_set(&fault, 405, "invalid_request_error", "method_not_allowed",
                  NULL, "this path answers to %s only", request->path->allow);
    else
        r = begin(request, head, &match, &claim, &fault);
    if (r < 0)
        request_fail(request, &fault);
    if (r != 0) {
        *out = request->step == REQUEST_DONE ? NULL : request;
        return CLIENT_ANSWERED;
    }
    *body_max = request->path->admin
                    ? management_body_max(head->path)
                    : request->worker->config->server.body_max_bytes;
    *out = request;
    return CLIENT_READ_BODY;
}

/* ---- the body ---- */

void
request_on_body_fault(struct request *request, uint16_t status,
                      const char *reason)
{
    struct fault fault;
    fault_set_http(&fault, status, reason);
    request_fail(request, &fault);
}

void
request_on_body(struct request *request)
{
    if (request->coding == HTTP_CODING_IDENTITY)
        request_begin_call(request);
    else
        request_decode(request);
}

/* Of the key, the body's length and words spread over it: a request that is sent
 * again has the same mark. All of a long body would cost more than it tells. */
static uint64_t
mark_of(const struct request *request)
{
    struct str body = buf_view(&request->body);
    uint64_t mark = body.len ^ (request->key.id << 32), word;
    for (size_t i = 0; i < MARK_WORDS && body.len >= sizeof(word); i++) {
        size_t at = (body.len - sizeof(word)) * i / (MARK_WORDS - 1);
        memcpy(&word, body.ptr + at, sizeof(word));
        /* Each by itself: in a chain they would wait for each other. */
        mark += (word ^ word >> 32) * (UINT64_C(0x9e3779b97f4a7c15) + 2 * i);
    }
    return hash_mix64(mark);
}

/* For the case that this request is our last (master/crashes.c). */
static void
leave_mark(const struct request *request)
{
    struct shm_column *column = request->worker->seat.shm;
    shm_store(&column->last_request, mark_of(request));
    shm_store(&column->last_key, request->key.id);
}

void
request_begin_call(struct request *request)
{
    leave_mark(request);
    if (request->path->admin) {
        request_enter(request, REQUEST_LOCAL);
        management_start(request);
        return;
    }
    if (request->path->has_steps)
        universal_begin(request);
    else
        request_call(request);
}

/* By what was learnt of the models that may get the call: the most of each. */
static void
calibrate(struct request *request)
{
    const struct route_plan *plan = &request->plan;
    struct call *call = &request->call;
    uint64_t bound = 0, estimate = 0;
    for (unsigned i = 0; i < plan->model_count; i++) {
        if (i > 0) {
            call->prompt_bound = request->guess.bound;
            call->prompt_estimate = request->guess.estimate;
        }
        calibration_apply(
            &request->worker->calibrations[plan->models[i].model->model_idx],
            call, &request->guess);
        bound = call->prompt_bound > bound ? call->prompt_bound : bound;
        estimate =
            call->prompt_estimate > estimate ? call->prompt_estimate : estimate;
    }
    call->prompt_bound = bound;
    call->prompt_estimate = estimate;
}

/* OpenRouter ends each stream with its usage, whatever was asked. */
static void
tell_usage(struct call *call)
{
    if (!call->stream || call->include_usage)
        return;
    call->include_usage = call->usage_unasked = true;
}

void
request_call(struct request *request)
{
    UNINITIALIZED struct fault fault;
    request_enter(request, REQUEST_SCAN);
    if (request->dialect->scan(buf_view(&request->body), request->endpoint,
                               &request->call, &fault) < 0)
        goto refuse;
    if (request->plane == PLANE_OPENROUTER)
        tell_usage(&request->call);
    request_enter(request, REQUEST_ROUTE);
    if (route_find(request, &fault) < 0)
        goto refuse;
    calibrate(request);
    payload_begin(request);
    if (UNLIKELY(request->gateway != NULL) && guard_is_wanted(request))
        guard_before(request);
    else
        request_admit(request);
    return;
refuse:
    request_fail(request, &fault);
}

void
request_admit(struct request *request)
{
    if (request->worker->cache.writer.cache == NULL || !cache_take(request))
        request_go_on(request);
}

void
request_go_on(struct request *request)
{
    UNINITIALIZED struct fault fault;
    request_enter(request, REQUEST_ADMIT);
    if (request->worker->heritage->idempotency != NULL &&
        repeat_check(request, &fault) < 0)
        goto refuse;
    if (admission_check(request, &fault) < 0)
        goto refuse;
    if (request_counts_here(request)) {
        request_count(request);
        return;
    }
    request_enter(request, REQUEST_UPSTREAM);
    relay_start(request);
    return;
refuse:
    request_fail(request, &fault);
}

/* ---- the connection ---- */

void
request_on_drained(struct request *request)
{
    if (!request->paused)
        return;
    request->paused = false;
    if (request->step == REQUEST_REPLAY) {
        cache_give_more(request);
        return;
    }
    if (request->exchange != NULL)
        exchange_resume(request->exchange);
}

void
request_on_gone(struct request *request)
{
    request->client = NULL;
    if (request->step == REQUEST_QUEUE || request->step == REQUEST_UPSTREAM ||
        request->step == REQUEST_RELAY)
        relay_client_gone(request);
    else
        request_done(request);
}

/*
 * A client that closes and one that only shuts down its sending side look the
 * same until something is sent to it. Policy: before the answer has begun it
 * has half a second, enough for tools that half-close and ask something quick;
 * then it counts as gone, as with nginx. So it does in a stream whose provider
 * is silent; else the next event finds out, by a write that fails or does not.
 */
uint64_t
request_on_half_close(struct request *request)
{
    (void)request;
    return HALF_CLOSE_GRACE_MS;
}

void
request_reply_fault(struct client *client, uint16_t status, const char *reason)
{
    struct request *request = request_create(client);
    if (request == NULL) {
        client_abort(client);
        return;
    }
    struct fault fault;
    fault_set_http(&fault, status, reason);
    request_fail(request, &fault);
}
