/*
 * openai_part.h - what the files of the OpenAI dialect share with each other.
 *
 *   openai_scan.c     the top-level members of a request body
 *   openai_member.c   their names, and names that only look like them
 *   openai_prompt.c   how much text, media and how many prompts they hold
 *   openai_rewrite.c  the splices that change them
 *   openai_event.c    events of a stream, plain answers
 *   openai_delta.c    the text in an event's choices
 *   openai_usage.c    stated usage
 *   openai_error.c    errors, and ends that we write ourselves
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_OPENAI_PART_H
#define AIGW_WORKER_DIALECT_OPENAI_PART_H

#include "worker/dialect/dialect.h"

/*
 * Index of the name that `key` (with its quotes) spells, or `count`. Quick for
 * keys without escapes, which is all that is ever seen.
 */
unsigned openai_key_find(struct str key, const struct str *names,
                         unsigned count);

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
    MEMBER_UNSEEN, /* no model ever sees its strings */
    MEMBER_OTHER,  /* unknown: may be text for the model */
    MEMBER_LOOKALIKE,
};

/* `key` with its quotes. MEMBER_LOOKALIKE: not a guarded name, but some JSON
 * readers would take it for one. */
enum openai_member openai_member_find(struct str key);
const char *openai_member_name(enum openai_member member);

/* Sums over the members of a body. All of them count bytes, never tokens, but
 * for those that say so. */
struct openai_prompt {
    uint64_t visible_bytes; /* text that a model surely sees */
    uint64_t tool_bytes;    /* tools as compact JSON */
    uint64_t other_bytes;   /* text that it may see */
    uint64_t token_ids;     /* prompts given as token numbers: tokens */
    uint64_t media_tokens;  /* upper bounds for images, audio, files: tokens */
    uint64_t messages, tools, prompts;
    uint32_t images, audios, files;
};

/*
 * Each reads one value whose first token is *token and adds what it holds.
 * 0, or -1 when the text is not JSON.
 */
int openai_prompt_messages(struct json_reader *reader, struct json_token *token,
                           struct openai_prompt *prompt);
int openai_prompt_inputs(struct json_reader *reader, struct json_token *token,
                         struct openai_prompt *prompt);
int openai_prompt_tools(struct json_reader *reader, struct json_token *token,
                        struct openai_prompt *prompt);
int openai_prompt_other(struct json_reader *reader, struct json_token *token,
                        struct openai_prompt *prompt);
int openai_prompt_unseen(struct json_reader *reader, struct json_token *token);
/* The sums, as the call's bounds and estimates. */
void openai_prompt_finish(const struct openai_prompt *prompt,
                          struct call *call);

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
/* The reader stands before the value of "choices": passes it, counts its text,
 * notes finished choices. False when it is not JSON. */
bool openai_choices_read(struct answer *answer, struct json_reader *reader,
                         struct openai_choices *found);

/* Takes a stated usage object over into answer->stated; later calls win. False
 * when it states nothing ({} or null). */
bool openai_usage_read(struct answer *answer, struct str object);

/* ---- errors and ends ---- */

void openai_error_body(struct buf *out, const struct fault *fault,
                       const char *request_id);
void openai_stream_error(struct buf *out, const struct fault *fault);
void openai_stream_cut(struct buf *out, const struct answer *answer,
                       const struct usage *usage, bool include_usage);

#endif
