/*
 * openai_canon.h - what the files share that stand between the OpenAI dialect
 * and the canonical form.
 *
 *   openai_read_request.c   a client's body: fields, tools, format, thinking
 *   openai_read_message.c   its messages
 *   openai_read_part.c      their parts: media, tool calls, thoughts
 *   openai_write_request.c  a provider's body, by its quirks
 *   openai_write_message.c  its messages
 *   openai_write_part.c     their parts
 *   openai_read_answer.c    a provider's events and plain answers: frames
 *   openai_read_choice.c    their choices
 *   openai_read_tool.c      tool calls, however they are numbered
 *   openai_write_event.c    a client's events
 *   openai_write_plain.c    a client's plain answer
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_OPENAI_CANON_H
#define AIGW_WORKER_DIALECT_OPENAI_CANON_H

#include "common/json_write.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/openai_part.h"

/* ---- small readers (openai_read_answer.c) ---- */

/* The inside of a string; empty for any other value. */
struct str openai_text(struct str value);

/* ---- answers of providers ---- */

void openai_read_event(struct canon_stream *stream,
                       const struct sse_event *event);
void openai_read_plain(struct canon_stream *stream, struct str body);
/* One of "choices": the reader stands behind its brace, then behind the closing
 * one. */
void openai_read_choice(struct canon_stream *stream,
                        struct json_reader *reader);
/* The value of "tool_calls"; of the legacy "function_call". */
void openai_read_tools(struct canon_stream *stream, uint32_t choice,
                       struct str list);
void openai_read_function(struct canon_stream *stream, uint32_t choice,
                          struct str object);

/* ---- answers for clients ---- */

void openai_write_event(struct canon_stream *stream,
                        const struct canon_event *event);
void openai_write_plain(struct canon_stream *stream);
/* Of a plain answer, all up to the elements of "choices". */
void openai_write_frame(struct json_writer *json,
                        const struct canon_stream *stream);
/* Members of a delta or message. */
void openai_write_tool_begin(struct json_writer *json, struct str id,
                             struct str name);
void openai_write_tool_signature(struct json_writer *json,
                                 struct str signature);
void openai_write_detail(struct json_writer *json, struct str text,
                         struct str signature, struct str data);
void openai_write_image(struct json_writer *json, struct str media_type,
                        struct str data);
const char *openai_finish_name(uint8_t stop);

/* ---- requests ---- */

/* A request under way. */
struct openai_reading {
    struct canon_request *request;
    struct fault *fault;
    uint32_t made_ids; /* calls that came without one */
};
/* Each adds what its value holds: 0, or -1 with reading->fault. Messages are
 * read where they stand, for they are most of a body: of their list, which was
 * entered, or of what else is there. */
int openai_read_messages(struct openai_reading *reading,
                         struct json_reader *reader, enum json_type type);
int openai_read_inputs(struct openai_reading *reading, struct str value);
int openai_read_content(struct openai_reading *reading, struct str content);
int openai_read_tool_calls(struct openai_reading *reading, struct str list);
int openai_read_function_call(struct openai_reading *reading,
                              struct str object);
void openai_read_thoughts(struct openai_reading *reading, struct str reasoning,
                          struct str details);

int openai_read_request(struct str body, const struct call *call,
                        struct canon_request *request, struct fault *fault);
int openai_write_request(struct canon_request *request,
                         const struct canon_target *target, struct buf *out,
                         struct fault *fault);

#endif
