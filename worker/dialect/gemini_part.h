/*
 * gemini_part.h - what the files of the Gemini dialect share with each other.
 *
 *   gemini_scan.c         a request body as the gateway must know it
 *   gemini_prompt.c       how much text and media its contents hold
 *   gemini_rewrite.c      the splices that change it
 *   gemini_read.c         a request's contents, as canonical messages
 *   gemini_read_part.c    their parts
 *   gemini_read_config.c  its other members
 *   gemini_schema.c       OpenAPI schemas as JSON Schema
 *   gemini_write.c        a canonical request as generateContent's
 *   gemini_write_config.c its generationConfig and tools
 *   gemini_event.c        what answers say
 *   gemini_usage.c        usageMetadata, both ways
 *   gemini_answer.c       canonical events and answers, as this dialect has them
 *   gemini_logprobs.c     log probabilities, both ways
 *   gemini_error.c        errors, and ends that we write ourselves
 *
 * Names come in camelCase and, as Google's servers take them, in snake_case.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_GEMINI_PART_H
#define AIGW_WORKER_DIALECT_GEMINI_PART_H

#include "common/json_write.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/scan.h"

/* A list's elements one after the other; a value that is no list is one of its
 * own, as Google's servers take it; null is none. */
struct gemini_list {
    struct json_reader reader;
    bool is_single, is_over;
};
void gemini_list_begin(struct gemini_list *list, struct str value);
bool gemini_list_next(struct gemini_list *list, struct str *element);
/* Only its first token, JSON_END behind the last: what is an object is the
 * caller's to read to its end, by list->reader; an array has been passed. */
enum json_type gemini_list_enter(struct gemini_list *list, struct str *first);

/* ---- a request: its bytes ---- */

int gemini_scan(struct str body, uint8_t endpoint, struct call *call,
                struct fault *fault);
void gemini_rewrite(struct str body, const struct call *call,
                    const struct rewrite *rewrite, struct splices *splices);
/* A model's name without what Google writes before it. */
struct str gemini_model_name(struct str name);

/*
 * Reads contents (or one of them), or a system instruction, whose first token is
 * *token, and adds what it holds; objects in it count as messages. 0, or -1 when
 * it is not JSON.
 */
int gemini_prompt_contents(struct json_reader *reader, struct json_token *token,
                           struct prompt *prompt);

/* ---- a request: its meaning ---- */

int gemini_read_request(struct str body, const struct call *call,
                        struct canon_request *request, struct fault *fault);
int gemini_write_request(struct canon_request *request,
                         const struct canon_target *target, struct buf *out,
                         struct fault *fault);

/* What reading one request carries along. */
enum { GEMINI_PENDING_MAX = 128 };
struct gemini_reading {
    struct canon_request *request;
    struct fault *fault;
    uint32_t calls; /* functionCalls so far, for ids */
    /* Calls that were not answered yet: the last turn's. */
    struct gemini_pending {
        struct str id, name; /* texts */
    } pending[GEMINI_PENDING_MAX];
    uint32_t pending_count;
};
/* All return 0, or -1 with *fault. `value`: of the member. */
int gemini_read_parts(struct gemini_reading *reading, struct str value);
int gemini_read_tools(struct gemini_reading *reading, struct str value);
int gemini_read_tool_config(struct gemini_reading *reading, struct str value);
int gemini_read_config(struct gemini_reading *reading, struct str value);
/* Google's numbers as strings ("5"), too; false: neither. */
bool gemini_integer(struct str value, int64_t *out);
/* An OpenAPI schema as JSON Schema, in the arena; len 0: no schema at all. */
struct str gemini_schema(struct canon_request *request, struct str value);

/* The members of generationConfig, and of tools. */
int gemini_write_config(struct canon_request *request,
                        const struct canon_target *target,
                        struct json_writer *json, struct fault *fault);
void gemini_write_tools(struct canon_request *request,
                        struct json_writer *json);
/* Whether a model thinks by levels and checks signatures: Gemini 3 and later. */
bool gemini_is_third(struct str model);

/* ---- an answer ---- */

void gemini_read_event(struct canon_stream *stream,
                       const struct sse_event *event);
void gemini_read_plain(struct canon_stream *stream, struct str body);
bool gemini_read_usage(struct answer *answer, struct str object);
/* As read_usage; the reader stands behind the opening brace. Whether it states
 * the output: noted by the caller, who knows what it belongs to. */
bool gemini_usage(struct json_reader *reader, struct answer *answer);
void gemini_write_usage(struct json_writer *json, const struct usage *usage);

void gemini_write_event(struct canon_stream *stream,
                        const struct canon_event *event);
void gemini_write_plain(struct canon_stream *stream);
const char *gemini_finish_reason(uint8_t stop);

/* logprobsResult as OpenAI's array of tokens, told to the stream; and such an
 * array as the member logprobsResult. */
void gemini_logprobs_read(struct canon_stream *stream, uint32_t choice,
                          struct str value);
void gemini_logprobs_write(struct json_writer *json, struct str list);

/* ---- errors and ends ---- */

void gemini_error_body(struct buf *out, const struct fault *fault,
                       const char *request_id);
void gemini_stream_error(struct buf *out, const struct answer *answer,
                         const struct fault *fault);
void gemini_stream_cut(struct buf *out, const struct answer *answer,
                       const struct usage *usage, bool include_usage);

#endif
