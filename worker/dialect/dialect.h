/*
 * dialect.h - what a client dialect knows: how its requests are read and
 * spliced, what its answers and events say, how its errors look.
 *
 * One file per dialect, one row in dialect_table. A dialect sees bytes and
 * fills structs; it knows no socket, no key, no provider. Same dialect in and
 * out: bytes pass untouched but for splices. Else both sides' dialects meet in
 * the canonical form of canon.h and canon_stream.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_DIALECT_H
#define AIGW_WORKER_DIALECT_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/json_scan.h"
#include "common/net/sse.h"
#include "common/usage.h"
#include "worker/dialect/answer.h"
#include "worker/dialect/call.h"
#include "worker/fault.h"

struct canon_request;
struct canon_target;
struct canon_stream;
struct canon_event;
struct rate_answer;

enum { SPLICES_MAX = 8 };
/* Room for a model name whose every byte needs a backslash, and quotes; and for
 * all that is spliced into one body. */
enum { SPLICE_NAME_BYTES = 2 * CALL_MODEL_BYTES + 16 };
enum { SPLICES_BYTES = SPLICE_NAME_BYTES + 240 };

/* What must change on the way to the provider. */
struct rewrite {
    struct str model;              /* {NULL,0}: stays */
    uint64_t max_tokens;           /* 0: stays */
    bool max_tokens_as_completion; /* how to spell it where absent */
    bool want_usage;               /* stream_options.include_usage = true */
    bool drop_routing; /* `models` and `provider` were for the gateway */
};
/* Replaces [off, off + len) of the body by a part of splices.text. In order, no
 * overlaps. */
struct splice {
    uint32_t off, len;
    uint16_t text_off, text_len;
};
struct splices {
    uint32_t count;
    uint16_t text_len;
    struct splice items[SPLICES_MAX];
    char text[SPLICES_BYTES];
};

struct dialect {
    uint8_t number;
    const char *name;
    /*
     * scan - reads the body once. 0, or -1 with *fault (400 invalid_json with
     * the byte offset; model_required; duplicate top-level model; max_tokens or
     * n that is no sane number ...). body < 4 GiB. What the path told stays:
     * call->model_in_path, stream_in_path, as_array and what they speak of.
     */
    int (*scan)(struct str body, uint8_t endpoint, struct call *call,
                struct fault *fault);
    void (*rewrite)(struct str body, const struct call *call,
                    const struct rewrite *rewrite, struct splices *splices);
    void (*answer_begin)(struct answer *answer);
    /* One complete event of a stream. */
    enum event_verdict (*answer_event)(struct answer *answer,
                                       const struct sse_event *event);
    /* A piece of a plain answer, in order. */
    void (*answer_piece)(struct answer *answer, struct str piece);
    /* All of a plain answer at once, instead: quick where usage is stated, for
     * then the text need not be counted (content_events .. other_chars stay). */
    void (*answer_whole)(struct answer *answer, struct str body);
    /* A whole error body. */
    void (*error_body)(struct buf *out, const struct fault *fault,
                       const char *request_id);
    /* An event that tells of a failure in mid-stream (no [DONE] follows). */
    void (*stream_error)(struct buf *out, const struct answer *answer,
                         const struct fault *fault);
    /* A clean end after a cut: finish reason length, usage where it was asked
     * for, end of stream. */
    void (*stream_cut)(struct buf *out, const struct answer *answer,
                       const struct usage *usage, bool include_usage);

    /* ---- between dialects (canon.h, canon_stream.h); NULL: it cannot ---- */
    /*
     * read_request - a client's body, scanned before, as the canonical request.
     * 0, or -1 with *fault (400) for what no other dialect could carry. Unknown
     * members are dropped and told.
     */
    int (*read_request)(struct str body, const struct call *call,
                        struct canon_request *request, struct fault *fault);
    /* write_request - the body for a provider of this dialect. 0, or -1 with
     * *fault (400) for what it cannot carry. */
    int (*write_request)(struct canon_request *request,
                         const struct canon_target *target, struct buf *out,
                         struct fault *fault);
    /* One event of a provider's stream, or its whole plain answer, told to the
     * stream by the functions of canon_stream.h. */
    void (*read_event)(struct canon_stream *stream,
                       const struct sse_event *event);
    void (*read_plain)(struct canon_stream *stream, struct str body);
    /* The usage object of a plain answer, which stands under the top-level
     * member `usage_member`. */
    const char *usage_member;
    bool (*read_usage)(struct answer *answer, struct str object);
    /* One canonical event, as bytes of the client's stream, into stream->out. */
    void (*write_event)(struct canon_stream *stream,
                        const struct canon_event *event);
    /* All that was collected, as one answer of the client's, into stream->out. */
    void (*write_plain)(struct canon_stream *stream);
    /* Its write_event needs what was collected so far. */
    bool collects;
    /* The longest event that is kept to be read as a whole; 0: as the relay
     * pleases. Responses repeats the request and the answer in its last one,
     * where its usage stands. */
    uint32_t event_bytes;
    /* Content types of the two. */
    const char *stream_type, *plain_type;
    /* The answer to a question for a number of tokens; NULL: has none. */
    void (*count_body)(struct buf *out, uint64_t tokens);
    /* The name under which its clients look for the request's id, beside
     * x-request-id; NULL: none. */
    const char *id_field;
    /* Limits of the key in the spelling of the dialect's rate-limit fields;
     * NULL: as OpenAI. */
    void (*limit_fields)(struct buf *out, const struct rate_answer *requests,
                         const struct rate_answer *tokens);
};

extern const struct dialect dialect_openai, dialect_responses,
    dialect_anthropic, dialect_gemini, dialect_bedrock, dialect_workers_ai;

#endif
