/*
 * relay_parts.h - what the files of relay_*.c share.
 *
 *   relay.c         sends upstream, chooses the kind of answer, failures
 *   relay_stream.c  event streams: the hot path of tokens
 *   relay_plain.c   answers with one body: collected, or passed on when long;
 *                   provider errors
 *   relay_array.c   streams as a JSON array
 *
 * A request is done (request_done) when its client has all it will get; the
 * exchange may still give events after that in the same turn: they are ignored.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_RELAY_PARTS_H
#define AIGW_WORKER_RELAY_PARTS_H

#include "worker/guard.h"
#include "worker/payload.h"
#include "worker/request.h"

enum {
    RELAY_EVENT_MAX = 64 * 1024,  /* a longer event passes as it comes */
    RELAY_PLAIN_MAX = 256 * 1024, /* a longer answer passes as it comes */
    RELAY_LOOKED_AT_MAX = 64 * 1024 * 1024, /* of a plain answer */
    RELAY_GUARDED_MAX = 8 * 1024 * 1024,    /* of an event that is looked at */
    RELAY_TAIL_BYTES = 64, /* of a long answer: sent when settled */
    /* All that an answer in another dialect takes at a time. */
    RELAY_TRANSLATE_MAX = 64 * 1024 * 1024,
};

enum relay_kind { RELAY_NONE, RELAY_STREAM, RELAY_PLAIN, RELAY_ERROR };

/* A stream as a JSON array (relay_array.c); zeros at its start. */
struct relay_array {
    uint8_t state, matched;
    bool after_cr;
    bool in_event, begun, ended;
    bool is_over; /* nothing but what is being sent comes */
};

struct relay {
    enum relay_kind kind;
    uint16_t status; /* the provider's */
    int64_t length;  /* its Content-Length, -1: none */
    bool too_long;   /* an error body beyond what is kept */
    bool is_passing; /* a long plain answer, its head is out */
    bool is_coded;   /* the answer is compressed: not to be read */
    bool is_counted; /* a plain answer is looked at piece by piece */
    struct sse_scan scan;
    bool has_frames; /* events come as common/net/eventstream.h has them */
    bool bad_frames; /* and one of them could not be read */
    size_t partial;  /* of held: where the unfinished event begins */
    bool in_long_event;
    uint8_t long_state;
    uint64_t covered_tokens; /* of output, in events that may pass */
    struct relay_array array;
    struct health_limit_fields limits; /* of the provider's head */
    bool has_limits;
    unsigned piece_count; /* of worker->relay_pieces */
    size_t piece_bytes;
    /* Of the upstream's head, for ours. Empty: absent. */
    char content_type[128], upstream_id[96], processing_ms[24], retry_after[32];
    struct buf array_text; /* what goes out, where it is an array */
};

/* ---- relay.c ---- */
/* request->relay, empty. False: out of memory. */
bool relay_prepare(struct request *request);
/* Our head for the upstream's answer, into worker->reply. */
void relay_head(struct request *request, uint16_t status,
                int64_t content_length);
/* Sends pieces as they are and keeps the pace: pauses the upstream when the
 * client does not take them. False: the client is gone. */
bool relay_send(struct request *request, struct iovec *pieces, int count);
/* Broken off in the middle of an answer. */
COLD void relay_break(struct request *request, const struct fault *fault);
/* Ends with a whole error, or by relay_break(). Sets the cause. */
COLD void relay_fail(struct request *request, uint8_t cause,
                     const struct fault *fault);

/* It is the provider's fault and not the call's: another one is asked where there
 * is one and the client knows nothing yet, else it fails so. */
COLD void relay_fail_upstream(struct request *request, uint8_t cause,
                              const struct fault *fault);

/* The events of an exchange that a request started. */
const struct exchange_events *relay_events(void);

/* ---- relay_health.c ---- */
/* A field that may say something of the credential's limits. */
void relay_limit_field(struct request *request, struct str name,
                       struct str value);
/* The head has been read. */
void relay_health_head(struct request *request);

/* ---- relay_up.c ---- */
/* To the provider chosen, or, where it cannot take the call, the next one. 0;
 * -1 with *fault: there is none. */
int relay_send_upstream(struct request *request,
                        struct fault *fault) MUST_CHECK;

/* ---- relay_guard.c: answers that are looked at, and kept ---- */
/* Whether the profile's guardrails look at this call's answer. */
static inline bool
relay_guards(const struct request *request)
{
    return UNLIKELY(request->guard != NULL) && guard_has_answer(request->guard);
}
/* Behind answer_begin: guardrails and payload hear the text of a stream. */
void relay_listen(struct request *request);
/* An event of a stream of the same dialect, which waits until it may pass. */
void relay_guard_hold(struct request *request, const char *ptr, size_t len);
/* What of the waiting bytes may go out now; `last`: no text follows. They are to
 * be sent, and forgotten by relay_guard_sent(). False: something blocks, the
 * request has ended with an error. */
bool relay_guard_release(struct request *request, bool last, struct str *out);
void relay_guard_sent(struct request *request, struct str bytes);
/* The same between dialects: the bytes stand in `out`, of which *ready may go. */
bool relay_guard_translated(struct request *request, bool last,
                            const struct buf *out, size_t *ready);
/* All of a plain answer; false: blocked, the request has ended. */
bool relay_guard_body(struct request *request, struct str body);

/* ---- relay_translate.c: request->translation is not NULL ---- */
/* Makes it, from request->dialect to request->answer.dialect. 0, -1, *fault. */
int relay_translate_request(struct request *request, uint32_t quirks,
                            struct fault *fault) MUST_CHECK;
struct str relay_translated_body(const struct request *request);
const struct call *relay_translated_call(struct request *request);
/* x-aigw-dropped, where something was. */
void relay_dropped_field(const struct request *request, struct buf *out);
/* The provider's head has come, and it is no error. */
void relay_translate_head(struct request *request);
void relay_translate_body(struct request *request, struct str bytes);
void relay_translate_flush(struct request *request);
void relay_translate_end(struct request *request);
/* Whether what has come of the answer can be held; false: the call has failed. */
bool relay_translate_fits(struct request *request);
/* All of a plain answer is in request->held. */
void relay_translate_plain(struct request *request);

/* ---- relay_array.c ---- */
/* Bytes of events as bytes of the array; its end, once. */
void relay_array_add(struct relay_array *array, struct buf *out,
                     struct str bytes);
void relay_array_end(struct relay_array *array, struct buf *out);
/* All pieces and `tail`, which are then done with, as what goes out; lives until
 * the next call. */
struct str relay_array_batch(struct request *request, struct str tail,
                             bool last);

/* ---- relay_stream.c ---- */
/* Whether the client is given a stream. */
bool relay_gives_stream(const struct request *request);
/* Head where it is due, the pieces, `tail` (ours) as one chunk, and the end of
 * the answer where `last`. One send. */
void relay_send_batch(struct request *request, struct str tail, bool last);
/* What the next send gives away, told to the slot or the record before it. */
void relay_note_delivery(struct request *request);
void relay_stream_body(struct request *request, struct str bytes);
void relay_stream_flush(struct request *request);
/* Whether the lease covers, or can be grown to cover, the output counted so
 * far. */
bool relay_is_covered(struct request *request);
/* The upstream's answer is complete. */
void relay_stream_end(struct request *request);
/* The last words of a broken stream. */
void relay_stream_break(struct request *request, const struct fault *fault);

/* ---- relay_plain.c ---- */
void relay_plain_body(struct request *request, struct str bytes);
void relay_plain_flush(struct request *request);
void relay_plain_end(struct request *request);

#endif
