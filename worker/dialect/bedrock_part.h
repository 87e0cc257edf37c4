/*
 * bedrock_part.h - what the files of Bedrock's Converse share. A dialect of
 * providers only.
 *
 *   bedrock_request.c  the members of a body
 *   bedrock_block.c    messages: blocks of content, roles in turn
 *   bedrock_media.c    images, sound, documents
 *   bedrock_tool.c     toolConfig
 *   bedrock_think.c    what only some models take: thinking, top_k
 *   bedrock_answer.c   events, ends, usage
 *   bedrock_plain.c    whole answers
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_BEDROCK_PART_H
#define AIGW_WORKER_DIALECT_BEDROCK_PART_H

#include "common/json_write.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/dialect.h"

/* Whose model it is, by the name that Bedrock has for it: the members beside
 * those of Converse are the vendor's. */
enum bedrock_vendor {
    BEDROCK_OTHER, /* an application's profile says nothing, too */
    BEDROCK_CLAUDE,
    BEDROCK_NOVA,
    BEDROCK_GPT_OSS,
    BEDROCK_QWEN,
    BEDROCK_MISTRAL,
};

enum bedrock_thinking {
    BEDROCK_NO_THINKING,
    BEDROCK_BUDGET,   /* Claude: as many tokens */
    BEDROCK_ADAPTIVE, /* Claude from 4.6 on: as it likes, an effort beside */
    BEDROCK_EFFORT,   /* the others: a word */
};

/* One body while it is written. */
struct bedrock_writer {
    struct canon_request *request;
    const struct canon_target *target;
    struct json_writer json;
    struct fault *fault;
    enum bedrock_vendor vendor;
    unsigned version; /* of a Claude: 405 is 4.5; 0: its name has none */
    enum bedrock_thinking thinking;
    int64_t budget;
    const char *effort; /* NULL: none is told */
    /* messages */
    bool is_open;
    uint8_t role;
    unsigned documents;
};

int bedrock_write_request(struct canon_request *request,
                          const struct canon_target *target, struct buf *out,
                          struct fault *fault);

/* White space only, as a text has it: Bedrock refuses such blocks. */
bool bedrock_is_blank(struct str text);
/* {"cachePoint":...} behind what has a cache_control. */
void bedrock_cache_point(struct bedrock_writer *writer,
                         struct str cache_control);
/* An id as Bedrock takes it, the same one for the same id each time. */
void bedrock_tool_id(struct bedrock_writer *writer, struct str id);

/* Each 0, or -1 with *writer->fault. */
int bedrock_messages(struct bedrock_writer *writer);
int bedrock_media(struct bedrock_writer *writer, const struct canon_part *part);
int bedrock_think_plan(struct bedrock_writer *writer);
/* toolConfig, where tools are offered or spoken of. */
void bedrock_tools(struct bedrock_writer *writer);
/* additionalModelRequestFields, where there are any. */
void bedrock_model_fields(struct bedrock_writer *writer);
/* Whether tool_choice goes out among the model's own fields. */
bool bedrock_calls_one_tool(const struct bedrock_writer *writer);

void bedrock_read_event(struct canon_stream *stream,
                        const struct sse_event *event);
void bedrock_read_plain(struct canon_stream *stream, struct str body);
/* {"text", "signature", "redactedContent"} of a delta, or of a block. */
void bedrock_reasoning(struct canon_stream *stream, struct str object);
/* stopReason, and the model's own fields, of which we ask for the stop sequence. */
void bedrock_finish(struct canon_stream *stream, struct str reason,
                    struct str fields);
/* An exception by its name: {"message": ...}, or of a frame of type error, plain
 * text. */
void bedrock_fail(struct canon_stream *stream, struct str name,
                  struct str data);
bool bedrock_read_usage(struct answer *answer, struct str object);
/* serviceTier: {type}; empty where it is not stated. */
void bedrock_read_service(struct answer *answer, struct str object);

#endif
