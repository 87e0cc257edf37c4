/*
 * request.h - one request from its head to its record, as a list of steps.
 *
 * Steps stand in request_steps.h; request_enter() is the only door between
 * them: it checks the edge and logs "old -> new" at debug. Settled exactly
 * once, by usage_settle(), whatever happens.
 *
 * Owner: the worker's list, from request_create() to the end of the turn in
 * which request_done() was called. Spare ones keep their small buffers, so a
 * request of the usual size allocates nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_H
#define AIGW_WORKER_REQUEST_H

#include "common/buf.h"
#include "common/crypto.h"
#include "shm/cells.h"
#include "shm/rate.h"
#include "worker/client.h"
#include "worker/dialect/dialect.h"
#include "worker/dialect/multipart.h"
#include "worker/exchange.h"
#include "worker/fault.h"
#include "worker/health.h"
#include "worker/queue.h"
#include "worker/limits.h"
#include "worker/route_plan.h"
#include "worker/request_tags.h"

enum request_step {
#define STEP(name, text) REQUEST_##name,
#include "worker/request_steps.h"
#undef STEP
    REQUEST_STEPS
};

struct relay;
struct translation;
struct path_row;
struct universal;
struct guard;
struct payload;

enum { REQUEST_ID_LEN = 36, CLICKZETTA_PATH_BYTES = 128 };
struct request {
    struct worker *worker;
    struct client *client; /* NULL once it is gone */
    struct request *next, *prev;
    enum request_step step;
    char id[40]; /* "req_" and the words in hex, high first, NUL */
    uint64_t id_words[2];
    uint64_t started_ms; /* monotonic */
    int64_t started_wall_ms;
    const struct path_row *path;
    uint8_t plane;             /* enum path_plane */
    uint8_t path_provider_len; /* of path_provider; 0: the path names none */
    bool head_only;            /* HEAD: the answer's body is not sent */
    struct str content_type;   /* of the body for providers; len 0: JSON */
    struct str event_id;       /* the caller's own name of the call; len 0 */
    bool has_tags;             /* the client's metadata: request_tag() */

    /* who asks */
    uint8_t client_ip[16];
    struct key_view key;
    bool has_key, is_anonymous; /* anonymous: it came with no credential */
    uint8_t key_digest[CRYPTO_DIGEST_BYTES];
    struct rate_answer rpm, tpm;
    uint64_t tpm_taken[2]; /* of key and group, to be corrected */
    struct call_limits limits;

    /* how: settings.h */
    uint32_t gateway_hash, account_gateway_hash; /* of the path's; 0: none */
    const struct settings *settings;             /* NULL: not routed yet */
    const struct catalogue_gateway *gateway;     /* its profile, or NULL */

    /* where it goes */
    const struct dialect *dialect;
    uint8_t endpoint;
    struct catalogue *catalogue; /* a reference */
    const struct catalogue_model *model;
    const struct catalogue_provider *provider;
    const struct catalogue_endpoint *served; /* of model and provider */
    uint32_t attempts;                       /* exchanges started */
    uint32_t retry_round;              /* times that the plan began anew */
    uint32_t tried_count;              /* of `tried`: attempts.h */
    uint64_t tried_tokens, tried_nano; /* charged before the last attempt */
    uint32_t alias, alias_len; /* of the one credential to be used; 0: any */
    struct loop_timer retry_timer;
    bool routed_by_body; /* `models` or `provider` of it were obeyed */
    struct str upstream_model;
    struct health_attempt health; /* the exchange that runs */
    struct queue_place queue;     /* and its place among others */

    /* the lease */
    bool admitted, settled; /* has a slot; has given it back */
    uint32_t slot;
    uint32_t on_exhausted;  /* resolved: SHM_ON_REJECT ... FINISH */
    bool budgeted, clamped; /* budgeted: key or group has a ceiling */
    uint64_t prompt_hold;   /* tokens of the lease that are for the prompt */
    uint64_t output_bound;  /* tokens of output the lease now covers */
    uint64_t max_tokens;    /* to be written into the body; 0: as it is */

    struct universal *universal; /* its calls, one of which is this; NULL */

    /* its body */
    uint8_t coding;                     /* http_coding, until it is decoded */
    uint64_t body_booked, canon_booked; /* of worker->..._bytes_held */
    size_t body_huge;                   /* see body_pool_take() */
    struct body_decode *decode;         /* under way; NULL: none */

    struct guard *guard;     /* guard.h; NULL: its profile has none */
    struct payload *payload; /* payload.h; NULL: not to be kept */
    uint16_t guard_flags;    /* record_flags */

    /* the answer */
    struct exchange *exchange;
    struct translation *translation; /* NULL: its bytes pass */
    uint16_t status;                 /* told to the client; 0: nothing yet */
    bool upstream_answered;          /* the head of an answer has come */
    bool upstream_refused;           /* and its status was no 2xx */
    bool answer_started, chunked, paused, cut;
    uint8_t cause;           /* record_cause */
    uint32_t first_token_ms; /* of a stream; 0: none yet */
    uint32_t queued_ms, sent_at_ms, connect_ms, first_byte_ms, token_at_ms;
    uint64_t delivered_tokens;
    struct prompt_guess guess; /* the scan's, before calibration */
    struct usage usage;        /* after usage_settle() */
    int64_t cost_nano;
    int64_t ended_wall_ms; /* as the record has it */
    char guard_name[64];   /* of the guardrail that found something */
    char error_text[128];
    struct loop_deferred free_later;
    struct cache_call cache;
    bool has_repeat_entry; /* repeat.c: it has begun by its Idempotency-Key */
    uint32_t repeat_entry;

    /* ---- what stands below is not cleared for a new request ---- */
    struct call call;
    struct request_tags tags; /* where has_tags */
    struct settings own_settings;
    struct route_plan plan;
    struct shm_attempt tried[SHM_ATTEMPTS_MAX];
    char path_provider[SHM_NAME_BYTES];    /* a provider's name, not ended */
    char told_path[CLICKZETTA_PATH_BYTES]; /* of PLANE_CLICKZETTA: as sent */
    char content_type_text[MULTIPART_TYPE_BYTES];
    struct splices splices;
    struct iovec upstream_pieces[2 + 2 * SPLICES_MAX];
    int upstream_piece_count;
    struct answer answer;
    struct relay *relay;    /* relay.c's own state; kept by spare ones */
    struct http_head *head; /* the client's, in head_copy */
    struct buf head_copy, body, upstream_head;
    struct buf held; /* relay: partial event, or a plain answer on its way */
    struct buf kept; /* cache_keep.c: what the client was sent so far */
};

void request_enter(struct request *request, enum request_step step);

/* requests_create / destroy - the lists. */
struct requests *requests_create(void);
void requests_destroy(struct requests **requests);
uint32_t requests_running(const struct worker *worker);
/* drain_timeout or STOP: every request ends now, with an error event or 503. */
void requests_cut_all(struct worker *worker);

/* A request without a key or a step behind it; NULL: out of memory. */
struct request *request_create(struct client *client);
/* Copies what later steps need of the head into the request. */
int request_keep_head(struct request *request, const struct http_head *head);
/* Why it went wrong, for the log: the first reason stays. Never content. */
void request_note_error(struct request *request, const char *text);
/* What the client's metadata says under `key`; {NULL, 0}: nothing. */
struct str request_tag(const struct request *request, struct str key);
/* All is given, or the client gone: it ends, an open exchange with the turn. */
void request_done(struct request *request);

/* ---- request_reply.c ---- */
/* Writes a whole error answer and ends (settles with 0 where admitted). */
COLD void request_fail(struct request *request, const struct fault *fault);
/* The head of an answer up to its own fields: status, request id, x-aigw-*,
 * rate limits. More fields may follow, then request_reply_end(). */
void request_reply_begin(struct request *request, struct buf *out,
                         uint16_t status);
enum { REQUEST_NO_BODY = -2 }; /* a content_length: of a 204 */
/* Content type, framing (content_length -1: chunked, or until close for 1.0),
 * Connection, empty line. Sets answer_started, status, chunked. */
void request_reply_end(struct request *request, struct buf *out,
                       struct str content_type, int64_t content_length);
/* The framing around `bytes` of body that are sent now: one piece before them,
 * one behind; `last`: nothing follows. Each returns how many pieces it made. */
int request_frame_head(const struct request *request, size_t bytes,
                       char chunk_head[20], struct iovec *piece);
int request_frame_tail(const struct request *request, size_t bytes, bool last,
                       struct iovec *piece);
/* The same with more fields; head and body in one send; the request ends. */
void request_reply_with(struct request *request, uint16_t status,
                        struct str content_type, struct str fields,
                        struct str body);
/* Head and body in one send; the request ends. */
void request_reply(struct request *request, uint16_t status,
                   struct str content_type, struct str body);

/* ---- steps in files of their own ---- */
/* auth.c: the key once more: its entry was given away while the request waited.
 * 0 and request->key, or -1 with *fault. */
int auth_check_again(struct request *request, struct fault *fault) MUST_CHECK;
/* 1 the key may use the model, 0 not, -1 with *fault: it was deleted. */
int auth_model_allowed(struct request *request, uint32_t model_idx,
                       struct fault *fault) MUST_CHECK;
/* route.c: the plan and its first endpoint, 0 or -1 with *fault (404). After a
 * failure route_next: the next one, false when there is none; route_again: from
 * the first one on once more. */
int route_find(struct request *request, struct fault *fault) MUST_CHECK;
bool route_next(struct request *request);
void route_again(struct request *request);
bool route_has_next(const struct request *request);
/* admission.c: rates, concurrency, lease (holds, clamps). 0 or -1 with *fault.
 * admission_grow: the stream needs `output_tokens` in all; false: it cannot. */
int admission_check(struct request *request, struct fault *fault) MUST_CHECK;
bool admission_grow(struct request *request, uint64_t output_tokens);
/* The lease covers so much more, which is charged whatever follows; false: the
 * budget does not. */
bool admission_grow_by(struct request *request,
                       const uint64_t amount[SHM_UNITS]);
/* What was really used in place of what was taken: who 0 the key, 1 its group;
 * requests -1 gives the request itself back. */
void admission_correct_rates(struct request *request, int who, int64_t requests,
                             int64_t tokens);
/* repeat.c: 0, or -1 with *fault (409, 422) for a call that repeats another.
 * Only where heritage->idempotency is not NULL. repeat_end: the call is over. */
int repeat_check(struct request *request, struct fault *fault) MUST_CHECK;
void repeat_end(struct request *request);
/* request_count.c: whether it asks for a number of tokens that no provider is
 * asked for; the answer, of an admitted request. */
bool request_counts_here(const struct request *request);
void request_count(struct request *request);
/* usage.c: the one place that settles, counts and logs; exactly once. */
void usage_settle(struct request *request);
/* Before bytes go to the client: what has been used so far (an estimate). */
void usage_progress(struct request *request);

/* relay.c: sends the request upstream and its answer back. */
void relay_start(struct request *request);
void relay_client_gone(struct request *request);
/* What is kept of a plain answer and was not looked at yet is counted now:
 * before it passes, and before a charge for part of it. */
void relay_plain_count(struct request *request);
/* drain_timeout or TERM: an error event, then the end. */
void relay_cut(struct request *request);
/* What a call between dialects needed; NULL: nothing. */
void relay_translation_end(struct request *request);
void relay_destroy(struct relay **relay);
/* relay_health.c: the attempt that runs, if one does, has ended so (enum
 * record_cause): before the next one, and when the request is settled. */
void relay_attempt_end(struct request *request, uint8_t cause);

#endif
