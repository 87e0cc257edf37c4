/*
 * dialect.h - what a client dialect knows: how its requests are read and
 * spliced, what its answers and events say, how its errors look.
 *
 * One file per dialect, one row in dialect_table. A dialect sees bytes and
 * fills structs; it knows no socket, no key, no provider. Same dialect in and
 * out: bytes pass untouched but for splices.
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
#include "worker/fault.h"

enum dialect_number { DIALECT_OPENAI = 1 };
enum endpoint_number { /* of the record */
                       ENDPOINT_CHAT = 1,
                       ENDPOINT_COMPLETIONS,
                       ENDPOINT_EMBEDDINGS
};

enum { CALL_MODEL_BYTES = 256, SPLICES_MAX = 8, CALL_CHOICES_MAX = 128 };
/* Room for a model name whose every byte needs a backslash, and quotes; and for
 * all that is spliced into one body. */
enum { SPLICE_NAME_BYTES = 2 * CALL_MODEL_BYTES + 16 };
enum { SPLICES_BYTES = SPLICE_NAME_BYTES + 240 };

/* A range of the body, as offsets; len 0 and off 0: not there. */
struct span32 {
    uint32_t off, len;
};

/* What one scan of a request body found. Plain data, no pointers. */
struct call {
    uint8_t endpoint;
    bool stream, include_usage;   /* as the client asked */
    char model[CALL_MODEL_BYTES]; /* decoded, NUL-terminated */
    uint16_t model_len;
    uint64_t max_tokens;           /* 0: not stated */
    bool max_tokens_is_completion; /* spelt max_completion_tokens */
    /* Answers to be made, >= 1: the larger of n and best_of, times the number
     * of prompts (completions). max_tokens bounds each of them. */
    uint32_t n;
    /* Where things stand, for splices. */
    struct span32 model_value, max_tokens_value, stream_options_value,
        include_usage_value;
    uint32_t first_member; /* offset behind the opening brace */
    bool empty_object;
    /* For the lease. */
    uint64_t text_bytes; /* of visible strings, data URLs left out */
    /* messages: of a chat, or inputs (prompts) of the other endpoints */
    uint32_t messages, tools, images, audios, files;
    uint64_t prompt_bound;    /* tokens, sound for ordinary calls */
    uint64_t prompt_estimate; /* tokens, typical; >= 1 */
};

/* What must change on the way to the provider. */
struct rewrite {
    struct str model;              /* {NULL,0}: stays */
    uint64_t max_tokens;           /* 0: stays */
    bool max_tokens_as_completion; /* how to spell it where absent */
    bool want_usage;               /* stream_options.include_usage = true */
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

enum event_verdict { EVENT_PASS, EVENT_WITHHOLD };

/* Where a count of string content stands, so that text may come in pieces cut
 * anywhere, escapes and UTF-8 included. All zero: outside of any escape. */
struct text_count {
    uint8_t escape_left; /* 0; 5: behind a backslash; 4..1: digits to come */
    uint16_t escape_value;
};

enum { ANSWER_KEY_BYTES = 24, ANSWER_TAPPED = 5 };

/* Where the count of a plain answer's text stands (answer_plain.c). */
struct plain_count {
    uint8_t state;
    uint8_t key_len;
    bool counting;              /* the string under way is output text */
    char key[ANSWER_KEY_BYTES]; /* the last string, until it proves a key */
    struct text_count text;
};

/* What is captured of a plain answer: 10 KiB, which hardly any answer needs. */
struct answer_tap {
    struct json_tap tap;
    struct json_tap_value values[ANSWER_TAPPED];
};

/*
 * An answer while it passes. The owner sets `tap` to NULL once, then for each
 * answer dialect, endpoint, stream and withhold_usage, and calls answer_begin,
 * which clears the rest; answer_release() at last.
 */
struct answer {
    const struct dialect *dialect;
    uint8_t endpoint;
    bool stream, withhold_usage; /* we asked for usage, the client did not */
    /* learnt */
    struct usage_stated stated;
    bool usage_seen, finish_seen, done_seen, error_seen;
    bool usage_odd; /* a stated number was no count at all (beyond 2^53) */
    uint64_t content_events, ascii_bytes, other_chars;
    uint8_t choice_top;           /* highest choice index seen */
    uint64_t choices_finished[2]; /* a bit per choice index */
    char id[96], model[CALL_MODEL_BYTES];
    uint64_t created;
    bool bad; /* plain answer that is not JSON */
    struct plain_count plain;
    struct answer_tap *tap; /* NULL until a plain answer comes in pieces */
};

struct dialect {
    uint8_t number;
    const char *name;
    /*
     * scan - reads the body once. 0, or -1 with *fault (400 invalid_json with
     * the byte offset; model_required; duplicate top-level model; max_tokens or
     * n that is no sane number ...). body < 4 GiB.
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
    void (*stream_error)(struct buf *out, const struct fault *fault);
    /* A clean end after a cut: finish reason length, usage where it was asked
     * for, end of stream. */
    void (*stream_cut)(struct buf *out, const struct answer *answer,
                       const struct usage *usage, bool include_usage);
};

extern const struct dialect dialect_openai;

/* Output so far: max(events, ascii / 4 rounded up + other characters). */
uint64_t answer_output_estimate(const struct answer *answer);
/* Whether it stated a usage that a call can have. */
bool answer_states_usage(const struct answer *answer, const struct call *call);
/* Gives back what a plain answer in pieces made necessary. */
void answer_release(struct answer *answer);
/* The six classes when the provider stated usage; else the estimate (prompt
 * estimate + output so far) and *estimated. */
void answer_usage(const struct answer *answer, const struct call *call,
                  struct usage *usage, bool *estimated, bool *ambiguous);
/* Counts a decoded-length estimate of a JSON string span (with its quotes)
 * without decoding: adds to ascii bytes and other characters. */
void answer_count_text(struct answer *answer, struct str json_string);
/* The same for a part of a string's inside, cut anywhere. */
void answer_count_part(struct answer *answer, struct text_count *state,
                       struct str part);
/* Counts the output text in a piece of a plain answer: the strings under
 * "content", "text", "arguments" and the names of hidden text. Any split gives
 * the same. */
void answer_count_plain(struct answer *answer, struct str piece);

#endif
