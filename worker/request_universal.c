/*
 * request_universal.c - Cloudflare's universal endpoint: a body with several
 * calls, of which the first that succeeds is the answer.
 *
 * Each call is a request of its own, with its own id, lease and record: when it
 * has failed, it ends and hands client, head and body over to the next one. The
 * `query` of a call is its body where it stands. Of its `headers` the provider
 * sees what it would see of the client's (never a credential), and
 * `requestTimeout` of its `config` is kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/request_universal.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/error_reply.h"
#include "worker/request_call.h"
#include "worker/request_body.h"
#include "worker/universal_step.h"

struct universal {
    uint32_t count, at;
    size_t body_start;     /* of the whole body in its buf */
    struct http_head head; /* of the step, for its provider */
    struct buf texts;      /* what that points into, beside the client's */
    struct universal_step steps[UNIVERSAL_STEPS_MAX];
};

void
universal_free(struct universal **universal)
{
    if (*universal != NULL)
        buf_fini(&(*universal)->texts);
    free(*universal);
    *universal = NULL;
}

uint32_t
universal_step_index(const struct universal *universal)
{
    return universal->at;
}

const struct http_head *
universal_head(const struct universal *universal)
{
    return &universal->head;
}

const struct attempt_policy *
universal_policy(const struct universal *universal)
{
    return &universal->steps[universal->at].policy;
}

/* ---- one step after the other ---- */

/* The request becomes the call of its step. 0, or -1 with *fault. */
static int
begin_step(struct request *request, struct fault *fault)
{
    struct universal *universal = request->universal;
    struct universal_step *step = &universal->steps[universal->at];
    UNINITIALIZED char scratch[PATH_BYTES];
    struct path_match match;
    struct str path = str_from(step->path);
    const char *mark = memchr(path.ptr, '?', path.len);
    request->head->query = (struct str){path.ptr + path.len, 0};
    if (mark != NULL) {
        size_t len = (size_t)(mark - path.ptr);
        request->head->query = str_skip(path, len + 1);
        path = str_make(path.ptr, len);
    }
    path_find(path, HTTP_POST, false, scratch, &match);
    if (match.row == NULL || match.row->endpoint == 0) {
        fault_set_http(fault, 404,
                       "the step's endpoint is none of a model call");
        return -1;
    }
    struct str headers = {request->body.data + universal->body_start +
                              step->headers.off,
                          step->headers.len};
    if (universal_step_head(headers, request->head, &universal->head,
                            &universal->texts, fault) < 0)
        return -1;
    request->dialect = request_dialect(&match, request->head);
    request->body.start = universal->body_start + step->query.off;
    request->body.end = request->body.start + step->query.len;
    return request_call_begin(request, request->head, &match, fault);
}

void
universal_begin(struct request *request)
{
    UNINITIALIZED struct fault fault;
    struct str body = buf_view(&request->body);
    request->universal = calloc(1, sizeof(*request->universal));
    if (request->universal == NULL) {
        fault_set_overloaded(&fault, "out of memory");
    } else {
        request->universal->body_start = request->body.start;
        buf_init(&request->universal->texts, 0);
        int count =
            universal_read_steps(body, request->universal->steps, &fault);
        if (count > 0) {
            request->universal->count = (uint32_t)count;
            if (begin_step(request, &fault) == 0) {
                request_call(request);
                return;
            }
        } else {
            universal_free(&request->universal); /* there is no next step */
        }
    }
    request_fail(request, &fault);
}

static void
swap_bufs(struct buf *a, struct buf *b)
{
    struct buf kept = *a;
    *a = *b;
    *b = kept;
}

/* All that the next step needs of the one before, the client last. */
static void
hand_over(struct request *from, struct request *to)
{
    to->plane = from->plane;
    to->gateway_hash = from->gateway_hash;
    to->account_gateway_hash = from->account_gateway_hash;
    to->path = from->path;
    to->head_only = from->head_only;
    to->key = from->key;
    to->has_key = from->has_key;
    memcpy(to->key_digest, from->key_digest, sizeof(to->key_digest));
    to->head = from->head;
    swap_bufs(&to->head_copy, &from->head_copy);
    swap_bufs(&to->body, &from->body);
    to->body_booked = from->body_booked;
    from->body_booked = 0;
    to->body_huge = from->body_huge;
    from->body_huge = 0;
    to->universal = from->universal;
    from->universal = NULL;
    client_hand_over(from->client, to);
    from->client = NULL;
}

bool
universal_next(struct request *request, uint16_t status)
{
    UNINITIALIZED struct fault fault;
    struct universal *universal = request->universal;
    if (request->client == NULL || request->answer_started ||
        universal->at + 1 >= universal->count)
        return false;
    struct request *next = request_create(request->client);
    if (next == NULL)
        return false;
    log_info("request=%s while at step %u: status %u, going on as request=%s",
             request->id, universal->at, status, next->id);
    hand_over(request, next);
    universal->at++;
    request->status = status;
    if (request->admitted && !request->settled)
        usage_settle(request);
    request_done(request);
    request_enter(next, REQUEST_BODY);
    if (begin_step(next, &fault) == 0)
        request_call(next);
    else
        request_fail(next, &fault);
    return true;
}
