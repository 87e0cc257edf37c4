/*
 * builtin_part.h - the inside of the builtin provider: builtin.c (events, pace),
 * builtin_read.c (what is asked), builtin_write.c (what is answered).
 *
 * Texts stay as they stand in the request: raw insides of JSON strings, escapes
 * included, so that what is echoed is the same to the last surrogate half.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_BUILTIN_PART_H
#define AIGW_WORKER_PROVIDER_BUILTIN_PART_H

#include "common/buf.h"
#include "worker/dialect/dialect.h"

enum {
    BUILTIN_CHOICES_MAX = 128,
    BUILTIN_INPUTS_MAX = 2048,
    BUILTIN_DIMENSIONS = 8, /* unless asked for */
    BUILTIN_DIMENSIONS_MAX = 1024,
    BUILTIN_ANSWER_MAX = 16 * 1024 * 1024, /* bytes of a plain answer */
};

/* What the body asks for. Owner: the answer; builtin_question_fini(). */
struct builtin_question {
    uint8_t endpoint;
    bool base64;         /* embeddings: as the Python SDK wants them */
    bool include_usage;  /* streams */
    uint32_t choices;    /* n, 1 .. BUILTIN_CHOICES_MAX */
    uint64_t max_tokens; /* 0: no bound */
    uint32_t dimensions;
    struct buf model;  /* raw */
    struct buf text;   /* raw: what is echoed, cut to max_tokens */
    struct buf inputs; /* uint64_t each: hashes of embedding inputs */
    uint64_t prompt_tokens, completion_tokens; /* of one choice */
    bool is_cut;                               /* finish_reason length */
};

/* 0, or -1 with a reason for a 400. *question must be finished either way. */
int builtin_question_read(struct builtin_question *question, struct str body,
                          const struct call *call,
                          const char **reason) MUST_CHECK;
void builtin_question_fini(struct builtin_question *question);
/* Length of the first word of a raw text with the white space around it. */
size_t builtin_word_len(struct str raw);
uint64_t builtin_word_count(struct str raw);

/* Where a stream stands. */
enum builtin_phase {
    BUILTIN_ROLE, /* one event per choice */
    BUILTIN_WORDS,
    BUILTIN_FINISH,
    BUILTIN_USAGE,
    BUILTIN_DONE, /* the event [DONE] */
    BUILTIN_OVER,
};
struct builtin_stream {
    enum builtin_phase phase;
    uint32_t choice;
    size_t text_off; /* of the word that is given */
};

struct builtin_ids {
    uint64_t number; /* for the answer's id */
    int64_t created_s;
};

/* The whole plain answer. */
void builtin_write_plain(struct buf *out,
                         const struct builtin_question *question,
                         const struct builtin_ids *ids);
void builtin_write_error(struct buf *out, const char *reason);
/* Appends the next event; afterwards stream->phase says whether it was the
 * last. */
void builtin_write_event(struct buf *out,
                         const struct builtin_question *question,
                         const struct builtin_ids *ids,
                         struct builtin_stream *stream);

#endif
