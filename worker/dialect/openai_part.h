/*
 * openai_part.h - what the files of the OpenAI dialect share with each other,
 * beside what all scans share (scan.h).
 *
 *   openai_scan.c     the top-level members of a request body
 *   openai_member.c   their names
 *   openai_media.c    pictures, speech and the like, sent as forms, too
 *   openai_prompt.c   how much text and media its messages and inputs hold
 *   openai_rewrite.c  the splices that change them
 *   openai_event.c    events of a stream, plain answers
 *   openai_delta.c    the text in an event's choices
 *   openai_usage.c    stated usage
 *   openai_error.c    errors, and ends that we write ourselves
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_OPENAI_PART_H
#define AIGW_WORKER_DIALECT_OPENAI_PART_H

#include "worker/dialect/multipart.h"
#include "worker/dialect/scan.h"

/* ---- request ---- */

/*
 * Top-level members of a request. Up to MEMBER_GUARDED_END they decide what a
 * call may cost: each may come once, under exactly this name.
 */
enum openai_member {
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_STREAM_OPTIONS,
    MEMBER_MAX_TOKENS,
    MEMBER_MAX_COMPLETION_TOKENS,
    MEMBER_N,
    MEMBER_BEST_OF,
    MEMBER_GUARDED_END,
    MEMBER_MESSAGES = MEMBER_GUARDED_END,
    MEMBER_PROMPT,
    MEMBER_INPUT,
    MEMBER_TOOLS,
    MEMBER_FUNCTIONS,
    MEMBER_MODELS,   /* the chain of fallbacks, and */
    MEMBER_PROVIDER, /* wishes, as OpenRouter has them */
    MEMBER_SESSION,  /* what calls of one session have in common */
    MEMBER_UNSEEN,   /* no model ever sees its strings */
};

extern const struct scan_names openai_names;

/*
 * Each reads one value whose first token is *token and adds what it holds.
 * 0, or -1 when the text is not JSON.
 */
int openai_prompt_messages(struct json_reader *reader, struct json_token *token,
                           struct prompt *prompt);
int openai_prompt_inputs(struct json_reader *reader, struct json_token *token,
                         struct prompt *prompt);

/* ENDPOINT_IMAGES and above: output that no max_tokens bounds. */
void openai_media_finish(const struct prompt *prompt, struct call *call);
/* Whether a guarded member means something at the endpoint. */
bool openai_media_counts(uint8_t endpoint, unsigned member);
/* The body is a form, by call->boundary. */
int openai_form_scan(struct scan *scan, uint8_t endpoint);
/* All members were read: what they come to. */
int openai_scan_finish(struct scan *scan);
int openai_scan(struct str body, uint8_t endpoint, struct call *call,
                struct fault *fault);
void openai_rewrite(struct str body, const struct call *call,
                    const struct rewrite *rewrite, struct splices *splices);

/* ---- answer ---- */

void openai_answer_begin(struct answer *answer);
enum event_verdict openai_answer_event(struct answer *answer,
                                       const struct sse_event *event);
void openai_answer_piece(struct answer *answer, struct str piece);
void openai_answer_whole(struct answer *answer, struct str body);

/* What one event's choices hold besides their text. */
struct openai_choices {
    bool is_empty_list;
    struct str usage; /* Moonshot puts it into choices[0] */
};
/* The list under "choices" was entered: counts its text, notes finished choices,
 * up to its end. */
void openai_choices_read(struct answer *answer, struct json_reader *reader,
                         struct openai_choices *found);

/* Takes a stated usage object over into answer->stated; later calls win. False
 * when it states nothing ({} or null). */
bool openai_usage_read(struct answer *answer, struct str object);
/* The same in the spelling of the Responses API. */
bool openai_usage_read_responses(struct answer *answer, struct str object);

/* ---- errors and ends ---- */

struct json_writer;
/* "usage": {...}: the six classes back into OpenAI's overlapping counts. */
void openai_write_usage(struct json_writer *json, const struct usage *usage);
void openai_error_body(struct buf *out, const struct fault *fault,
                       const char *request_id);
void openai_stream_error(struct buf *out, const struct answer *answer,
                         const struct fault *fault);
void openai_stream_cut(struct buf *out, const struct answer *answer,
                       const struct usage *usage, bool include_usage);

#endif
