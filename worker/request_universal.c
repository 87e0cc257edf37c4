/*
 * request_universal.c - Cloudflare's universal endpoint: a body with several
 * calls, of which the first that succeeds is the answer.
 *
 * Each call is a request of its own, with its own id, lease and record: when it
 * has failed, it ends and hands client, head and body over to the next one. The
 * `query` of a call is its body where it stands. Not obeyed: `headers` (the
 * gateway has its own credentials) and `config`.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "worker/error_reply.h"
#include "worker/request_call.h"

enum { STEPS_MAX = 16, STEP_NAME_BYTES = 256 };

struct universal_step {
    char path[2 * STEP_NAME_BYTES]; /* /v1/a/g/PROVIDER/ENDPOINT */
    struct span32 query;
};

struct universal {
    uint32_t count, at;
    size_t body_start; /* of the whole body in its buf */
    struct universal_step steps[STEPS_MAX];
};

void
universal_free(struct universal **universal)
{
    free(*universal);
    *universal = NULL;
}

uint32_t
universal_step_index(const struct universal *universal)
{
    return universal->at;
}

/* ---- reading the body ---- */

static int
refuse_body(struct fault *fault, const char *why)
{
    fault_set(fault, 400, "invalid_request_error", "invalid_json", NULL,
              "the body must be a list of 1 to %d objects with the strings "
              "`provider` and `endpoint` and the object `query`: %s",
              STEPS_MAX, why);
    fault->no_retry = true;
    return -1;
}

/* The reader stands behind the brace of one. */
static int
read_step(struct json_reader *reader, struct str body,
          struct universal_step *step, struct fault *fault)
{
    char provider[STEP_NAME_BYTES] = "", endpoint[STEP_NAME_BYTES] = "";
    struct str key, value;
    enum json_type type;
    *step = (struct universal_step){.query = {0, 0}};
    while ((type = json_member(reader, &key, &value)) != JSON_OBJECT_END) {
        int len = 1;
        if (type == JSON_BAD)
            return refuse_body(fault, "it is no JSON");
        if (json_string_equals(key, STR_LIT("query")) && type == JSON_OBJECT)
            step->query =
                (struct span32){.off = (uint32_t)(value.ptr - body.ptr),
                                .len = (uint32_t)value.len};
        else if (json_string_equals(key, STR_LIT("provider")))
            len = type == JSON_STRING
                      ? json_string_decode(value, provider, STEP_NAME_BYTES)
                      : -1;
        else if (json_string_equals(key, STR_LIT("endpoint")))
            len = type == JSON_STRING
                      ? json_string_decode(value, endpoint, STEP_NAME_BYTES)
                      : -1;
        if (len <= 0 || len >= STEP_NAME_BYTES)
            return refuse_body(fault, "a name is no string, empty or long");
    }
    struct str name = str_from(provider), rest = str_from(endpoint);
    if (step->query.len == 0 || name.len == 0 || rest.len == 0 ||
        memchr(name.ptr, '/', name.len) != NULL)
        return refuse_body(fault, "a part is missing");
    snprintf(step->path, sizeof(step->path), "/v1/a/g/%.*s/%.*s",
             STEP_NAME_BYTES, provider, STEP_NAME_BYTES - 16, endpoint);
    return 0;
}

static int
read_steps(struct universal *universal, struct str body, struct fault *fault)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, body);
    enum json_type type = json_next(&reader, &token);
    bool is_list = type == JSON_ARRAY;
    if (is_list)
        type = json_next(&reader, &token);
    for (; type == JSON_OBJECT; type = json_next(&reader, &token)) {
        if (universal->count == STEPS_MAX)
            return refuse_body(fault, "there are more");
        if (read_step(&reader, body, &universal->steps[universal->count],
                      fault) < 0)
            return -1;
        universal->count++;
        if (!is_list)
            break;
    }
    if (is_list && type == JSON_ARRAY_END)
        type = json_next(&reader, &token);
    else if (!is_list && universal->count == 1)
        type = json_next(&reader, &token);
    if (type != JSON_END || universal->count == 0)
        return refuse_body(fault, "it is something else");
    return 0;
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
    request->head.query = (struct str){path.ptr + path.len, 0};
    if (mark != NULL) {
        size_t len = (size_t)(mark - path.ptr);
        request->head.query = str_skip(path, len + 1);
        path = str_make(path.ptr, len);
    }
    path_find(path, HTTP_POST, false, scratch, &match);
    if (match.row == NULL || match.row->endpoint == 0) {
        fault_set_http(fault, 404,
                       "the step's endpoint is none of a model call");
        return -1;
    }
    request->dialect = request_dialect(&match, &request->head);
    request->body.start = universal->body_start + step->query.off;
    request->body.end = request->body.start + step->query.len;
    return request_call_begin(request, &request->head, &match, fault);
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
        if (read_steps(request->universal, body, &fault) == 0) {
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
    to->path = from->path;
    to->head_only = from->head_only;
    to->key = from->key;
    to->has_key = from->has_key;
    memcpy(to->key_digest, from->key_digest, sizeof(to->key_digest));
    memcpy(&to->head, &from->head, sizeof(to->head));
    swap_bufs(&to->head_copy, &from->head_copy);
    swap_bufs(&to->body, &from->body);
    to->body_booked = from->body_booked;
    from->body_booked = 0;
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
