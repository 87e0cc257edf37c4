/*
 * anthropic_part.h - what the files of the Anthropic dialect share.
 *
 *   anthropic_scan.c     the top-level members of a request; its splices
 *   anthropic_prompt.c   how much text and media its messages hold
 *   anthropic_read.c     a client's request, as the canonical one
 *   anthropic_block.c    its messages and their blocks
 *   anthropic_schema.c   whether a JSON Schema is strict in OpenAI's sense
 *   anthropic_write.c    a canonical request, as a provider's body
 *   anthropic_message.c  its messages and their blocks
 *   anthropic_think.c    how much such a call shall think, and what that forbids
 *   anthropic_event.c    a provider's events and plain answers
 *   anthropic_usage.c    stated usage, read and written
 *   anthropic_answer.c   canonical events and answers, as a client's
 *   anthropic_error.c    errors, and ends that we write ourselves
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_ANTHROPIC_PART_H
#define AIGW_WORKER_DIALECT_ANTHROPIC_PART_H

#include "common/json_write.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/scan.h"

/* ---- request ---- */

int anthropic_scan(struct str body, uint8_t endpoint, struct call *call,
                   struct fault *fault);
void anthropic_rewrite(struct str body, const struct call *call,
                       const struct rewrite *rewrite, struct splices *splices);
/* "messages" and "system": reads one value whose first token is *token and adds
 * what it holds. 0, or -1 when the text is not JSON. */
int anthropic_prompt_messages(struct json_reader *reader,
                              struct json_token *token, struct prompt *prompt);

int anthropic_read_request(struct str body, const struct call *call,
                           struct canon_request *request, struct fault *fault);
/* A request being read. */
struct anthropic_reading {
    struct canon_request *request;
    struct fault *fault;
    /* Of what is dropped again and again, each is told once. */
    bool told_blocks, told_citations;
};
/* 0, or -1 with *fault. Messages stand in their list, which was entered, unless
 * its type tells that it is none. */
int anthropic_read_messages(struct anthropic_reading *reading,
                            struct json_reader *reader, enum json_type type);
int anthropic_read_system(struct anthropic_reading *reading, struct str value);
/* Whether OpenAI would take `schema` (a value) as a strict one: each object in
 * it allows no other members and requires all of its own. */
bool anthropic_schema_is_strict(struct str schema);

int anthropic_write_request(struct canon_request *request,
                            const struct canon_target *target, struct buf *out,
                            struct fault *fault);
/* What a request thinks with, decided before anything is written. */
struct anthropic_thinking {
    enum {
        THINKING_UNSAID,
        THINKING_OFF,
        THINKING_ADAPTIVE,
        THINKING_BUDGET,
    } kind;
    uint64_t budget;    /* THINKING_BUDGET: tokens, below max_tokens */
    const char *effort; /* NULL: none is sent */
};
/* 0, or -1 with *fault where thinking and what else is asked for exclude each
 * other. */
int anthropic_think(struct canon_request *request,
                    const struct canon_target *target, uint64_t max_tokens,
                    struct anthropic_thinking *thinking, struct fault *fault);
/* Members "system" and "messages". 0, or -1 with *fault. */
int anthropic_write_system(struct canon_request *request,
                           const struct canon_target *target,
                           struct json_writer *json, struct fault *fault);
int anthropic_write_messages(struct canon_request *request,
                             struct json_writer *json, struct fault *fault);
/* 400 unsupported_parameter. -1. */
int anthropic_refuse(struct fault *fault, const char *param, const char *format,
                     ...) PRINTF_LIKE(3, 4);

/* ---- answer ---- */

/* What answer.reader.words mean here. */
enum anthropic_word {
    WORD_OPEN,        /* number of the open block + 1; 0: none */
    WORD_OPEN_EVENTS, /* content_events when it was begun */
    WORD_EXTRA_INPUT, /* passes that the top-level numbers leave out */
    WORD_EXTRA_CACHED,
    WORD_EXTRA_WRITTEN,
    WORD_EXTRA_WRITTEN_1H,
    WORD_EXTRA_OUTPUT,
    WORD_EXTRA_THINKING,
    WORDS_END,
};
/* answer.reader.flags, of the open block: its pieces are arguments of a call;
 * they came whole at its start. */
enum { FLAG_CALL = 1, FLAG_CALL_WHOLE = 2 };

void anthropic_read_event(struct canon_stream *stream,
                          const struct sse_event *event);
void anthropic_read_plain(struct canon_stream *stream, struct str body);
/*
 * Lays a usage object over what earlier events stated: members that are there
 * and not null replace (providers.md 1.5). Then answer->split is the whole.
 * False: it states nothing of use.
 */
bool anthropic_read_usage(struct answer *answer, struct str object);
/* The six classes back into Anthropic's counts, as members of the object under
 * way. */
void anthropic_write_usage(struct json_writer *json, const struct usage *usage);

void anthropic_write_event(struct canon_stream *stream,
                           const struct canon_event *event);
void anthropic_write_plain(struct canon_stream *stream);

/* ---- errors and ends ---- */

void anthropic_error_body(struct buf *out, const struct fault *fault,
                          const char *request_id);
void anthropic_stream_error(struct buf *out, const struct answer *answer,
                            const struct fault *fault);
void anthropic_stream_cut(struct buf *out, const struct answer *answer,
                          const struct usage *usage, bool include_usage);
void anthropic_limit_fields(struct buf *out, const struct rate_answer *requests,
                            const struct rate_answer *tokens);

#endif
