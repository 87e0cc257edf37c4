/*
 * request.h - one request from its head to its record, as a list of steps.
 *
 * Steps stand in request_steps.h; request_enter() is the only door between
 * them: it checks the edge and logs "old -> new" at debug. Settled exactly
 * once, by usage_settle(), whatever happens.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_H
#define AIGW_WORKER_REQUEST_H

#include "common/buf.h"
#include "shm/cells.h"
#include "shm/rate.h"
#include "worker/client.h"
#include "worker/dialect/dialect.h"
#include "worker/exchange.h"
#include "worker/fault.h"

enum request_step {
#define STEP(name, text) REQUEST_##name,
#include "worker/request_steps.h"
#undef STEP
    REQUEST_STEPS
};

struct request {
    struct worker *worker;
    struct client *client; /* NULL once it is gone */
    enum request_step step;
    char id[40]; /* "req_" + 32 hex, NUL */
    uint64_t id_words[2];
    uint64_t started_ms; /* monotonic */
    int64_t started_wall_ms;

    /* the client's head, copied (spans point into head_copy) */
    struct buf head_copy;
    struct http_head head;
    struct buf body; /* owned; counted in worker->body_bytes_held */

    /* what it asks for */
    const struct dialect *dialect;
    uint8_t endpoint;
    struct call call;

    /* who asks */
    struct key_view key;
    struct rate_answer rpm, tpm;
    uint64_t tpm_taken;

    /* where it goes */
    struct catalogue *catalogue; /* a reference */
    const struct catalogue_model *model;
    const struct catalogue_provider *provider;
    uint32_t endpoint_idx; /* stats row */
    uint32_t route_tried;  /* endpoints tried so far */
    struct str upstream_model;
    char upstream_model_text[CALL_MODEL_BYTES];

    /* the lease */
    bool has_slot, admitted, settled;
    uint32_t slot;
    uint32_t on_exhausted;  /* resolved: SHM_ON_REJECT ... FINISH */
    bool budgeted;          /* key or group has a ceiling in some unit */
    bool clamped;
    uint64_t output_bound;  /* tokens the lease now covers */

    /* the answer */
    struct exchange *exchange;
    struct answer answer;
    struct buf upstream_head; /* request head sent upstream */
    struct iovec upstream_pieces[2 + 2 * SPLICES_MAX];
    struct splices splices;
    struct buf held; /* relay: partial event, or a plain answer on its way */
    uint16_t status; /* told to the client; 0: nothing yet */
    bool answer_started, chunked, paused, cut;
    uint8_t cause; /* record_cause */
    uint32_t first_byte_ms;
    uint64_t delivered_tokens;
    char error_text[128];
    struct relay *relay; /* relay.c's own state, NULL before */
    struct loop_deferred free_later;
};

void request_enter(struct request *request, enum request_step step);

/* Writes a whole error answer and finishes (settles with 0 where admitted). */
void request_fail(struct request *request, const struct fault *fault);
/* The head of an answer: status, request id, x-aigw-*, rate limit fields,
 * content type, framing (content_length < 0: chunked, or until close for 1.0).
 * Sets answer_started, status. */
void request_reply_head(struct request *request, struct buf *out,
                        uint16_t status, struct str content_type,
                        int64_t content_length);
/* relay: the answer has been given in full; the request ends. */
void request_done(struct request *request);

/* ---- steps in files of their own ---- */
/* auth.c: 0 and request->key, or -1 with *fault. Cheap refusals first. */
int auth_check(struct request *request, struct fault *fault) MUST_CHECK;
/* route.c: model -> provider endpoint, 0 or -1 with *fault (404). Next endpoint
 * after a failure: route_next, false when there is none. */
int route_find(struct request *request, struct fault *fault) MUST_CHECK;
bool route_next(struct request *request);
/* admission.c: rates, concurrency, lease (holds, clamps). 0 or -1 with *fault.
 * admission_grow: the stream needs `output_tokens` in all; false: it cannot. */
int admission_check(struct request *request, struct fault *fault) MUST_CHECK;
bool admission_grow(struct request *request, uint64_t output_tokens);
/* usage.c: the one place that settles, counts and logs; exactly once. */
void usage_settle(struct request *request);

/* relay.c: sends the request upstream and its answer back. */
void relay_start(struct request *request);
void relay_drained(struct request *request); /* the client took its bytes */
void relay_client_gone(struct request *request);
/* drain_timeout or TERM: an error event, then the end. */
void relay_cut(struct request *request);

#endif
