/*
 * responses_part.h - what the files of the Responses dialect share.
 *
 * requests of clients
 *   responses_scan.c     top-level members, splices
 *   responses_prompt.c   how much text, media and tools the input holds
 *   responses_read.c     the body as a canonical request
 *   responses_item.c     its input items
 *   responses_content.c  the parts of their content
 *   responses_tool.c     its tools and the choice among them
 * answers to clients
 *   responses_stream.c   canonical events as events of the stream
 *   responses_output.c   output items, whole
 *   responses_object.c   the response object around them
 *   responses_error.c    errors, and ends that we write ourselves
 * providers
 *   responses_write.c    a canonical request as a body
 *   responses_turn.c     its messages as input items
 *   responses_event.c    events of a stream
 *   responses_plain.c    plain answers, usage
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_RESPONSES_PART_H
#define AIGW_WORKER_DIALECT_RESPONSES_PART_H

#include "common/json_write.h"
#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/scan.h"

/* ---- small readers (responses_read.c) ---- */

/* The inside of a string; empty for any other value. */
struct str responses_text(struct str value);
/* Whether a value is the string `text`. */
bool responses_is(struct str value, struct str text);

/* ---- requests: bytes ---- */

/* Each reads one value whose first token is *token. 0, or -1: no JSON. */
int responses_prompt_input(struct json_reader *reader, struct json_token *token,
                           struct prompt *prompt);
int responses_prompt_tools(struct json_reader *reader, struct json_token *token,
                           struct prompt *prompt);

int responses_scan(struct str body, uint8_t endpoint, struct call *call,
                   struct fault *fault);
void responses_rewrite(struct str body, const struct call *call,
                       const struct rewrite *rewrite, struct splices *splices);

/* ---- requests: canonical ---- */

/* Members of a request that its answer repeats as they stood. */
enum responses_echo {
    ECHO_INSTRUCTIONS,
    ECHO_MAX_OUTPUT_TOKENS,
    ECHO_MAX_TOOL_CALLS,
    ECHO_METADATA,
    ECHO_PARALLEL_TOOL_CALLS,
    ECHO_PROMPT_CACHE_KEY,
    ECHO_REASONING,
    ECHO_SAFETY_IDENTIFIER,
    ECHO_SERVICE_TIER,
    ECHO_TEMPERATURE,
    ECHO_TEXT,
    ECHO_TOOL_CHOICE,
    ECHO_TOOLS,
    ECHO_TOP_LOGPROBS,
    ECHO_TOP_P,
    ECHO_TRUNCATION,
    ECHO_USER,
    ECHOES
};

const char *responses_echo_name(enum responses_echo echo);

/*
 * A tool that other dialects know as a plain function of another name or shape:
 * a custom tool, whose free text is the member `input` of a function's
 * arguments, or a tool of a namespace. Texts.
 */
struct responses_alias {
    struct str flat; /* as the provider knows it */
    struct str name, space;
    bool is_custom;
};

/* canon_request.own: what the answer needs of the request. */
struct responses_own {
    struct str echo[ECHOES]; /* values; len 0: not stated */
    struct responses_alias *aliases;
    uint32_t alias_count, alias_room;
};

/* What the files of a request's reading share. */
struct responses_reading {
    struct canon_request *request;
    struct responses_own *own;
    struct fault *fault;
};

int responses_read_request(struct str body, const struct call *call,
                           struct canon_request *request, struct fault *fault);
/* Values of `input`, `tools`, `tool_choice`. 0, or -1 with *fault. */
int responses_read_input(struct responses_reading *reading, struct str value);
int responses_read_tools(struct responses_reading *reading, struct str value);
int responses_read_choice(struct responses_reading *reading, struct str value);
/* A string or a list of parts, to the last message. */
int responses_read_content(struct responses_reading *reading,
                           struct str content);
/* `what` ("An item") of a type that no other dialect knows. -1. */
int responses_refuse_type(struct responses_reading *reading, const char *what,
                          struct str type);
/* The name under which other dialects know a tool, a text. */
struct str responses_flat_name(struct responses_reading *reading,
                               struct str space, struct str name);
/*
 * A tool call's signature (Gemini's) goes to the client as a reasoning item of
 * its own, "aigw-call:" id ":" signature, and comes back so.
 */
#define RESPONSES_CALL_MARK "aigw-call:"
/* NULL: the name is the tool's own. */
const struct responses_alias *
responses_alias_of(const struct canon_request *request, struct str flat);
/* Arguments of a custom tool's function as what they wrap, a text: the string
 * under "input", or all of it where there is none. In `room`. */
struct str responses_custom_input(struct str arguments, struct buf *room);

/* Notes a drop once. */
void responses_drop(struct canon_request *request, const char *name);
/* A refusal: 400 unsupported_parameter, `param` one of ours. -1. */
int responses_refuse(struct fault *fault, const char *param, const char *format,
                     ...) PRINTF_LIKE(3, 4);

/* ---- answers to clients ---- */

void responses_write_event(struct canon_stream *stream,
                           const struct canon_event *event);
void responses_write_plain(struct canon_stream *stream);

enum responses_status {
    RESPONSES_IN_PROGRESS,
    RESPONSES_COMPLETED,
    RESPONSES_INCOMPLETE,
    RESPONSES_FAILED,
};
/* As it stands in objects: "in_progress" ... */
const char *responses_status_name(enum responses_status status);
/* How the only choice ended, or will. */
enum responses_status responses_ended(const struct canon_stream *stream);

/* canon_stream.writer_words */
enum {
    RESPONSES_NEXT_ITEM, /* output_index of the next item */
    RESPONSES_CUT_ITEM,  /* the last item was told as incomplete */
    RESPONSES_HAS_PART,  /* the open thinking has begun its summary */
    /* The block whose alias was looked for last, and what was found; + 1 */
    RESPONSES_ALIAS_BLOCK,
    RESPONSES_ALIAS
};
/* The id of an item: by its kind and its number in the output. `block` NULL:
 * what signs the one before. */
void responses_append_item_id(struct buf *out, struct canon_stream *stream,
                              const struct canon_block *block, uint64_t number);
/* The custom tool or the namespace behind a tool call; NULL: a plain one. */
const struct responses_alias *
responses_block_alias(struct canon_stream *stream,
                      const struct canon_block *block);
/* A collected block as an output item: empty where it is in progress. */
void responses_write_item(struct json_writer *json, struct canon_stream *stream,
                          const struct canon_block *block, uint64_t number,
                          enum responses_status status);
/* The item of a tool call's signature, which goes behind it. */
void responses_write_call_mark(struct json_writer *json,
                               struct canon_stream *stream,
                               const struct canon_block *block,
                               uint64_t number);
/* A content part, of a text or a refusal. `text`: what is in it. */
void responses_write_content(struct json_writer *json,
                             const struct canon_stream *stream,
                             const struct canon_block *block, struct str text);
/* The logprobs of a text: all of the choice stand with its first one. */
void responses_write_logprobs(struct json_writer *json,
                              const struct canon_stream *stream,
                              const struct canon_block *block, struct str text);
/* The whole response as it now stands. */
void responses_write_object(struct json_writer *json,
                            struct canon_stream *stream,
                            enum responses_status status);
/* A usage object. */
void responses_write_usage(struct json_writer *json, const struct usage *usage);

void responses_error_body(struct buf *out, const struct fault *fault,
                          const char *request_id);
void responses_stream_error(struct buf *out, const struct answer *answer,
                            const struct fault *fault);
void responses_stream_cut(struct buf *out, const struct answer *answer,
                          const struct usage *usage, bool include_usage);

/* ---- providers ---- */

int responses_write_request(struct canon_request *request,
                            const struct canon_target *target, struct buf *out,
                            struct fault *fault);
/* The member `input`. */
int responses_write_input(struct json_writer *json,
                          struct canon_request *request, uint32_t quirks,
                          struct fault *fault);
/* Whether thinking is such as a provider of this dialect encrypted. */
bool responses_is_ours(const struct canon_part *part);

void responses_read_event(struct canon_stream *stream,
                          const struct sse_event *event);
void responses_read_plain(struct canon_stream *stream, struct str body);
bool responses_read_usage(struct answer *answer, struct str object);
/* A response object as it begins; and as it ends: status, error, usage. */
void responses_read_begin(struct canon_stream *stream, struct str response);
void responses_read_end(struct canon_stream *stream, struct str response);
/* The value of `output`: items that are whole. */
void responses_read_output(struct canon_stream *stream, struct str list);

#endif
