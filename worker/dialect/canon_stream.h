/*
 * canon_stream.h - an answer on its way from one dialect to another, or only
 * looked at.
 *
 * A dialect's reader says what the provider's bytes mean, by the functions
 * below and in the provider's order. The stream learns the facts from that
 * (struct answer: text counted, usage, ends), asks before each piece of text
 * whether the budget covers it, puts blocks into an order that every client
 * understands, and hands canonical events to the client dialect's writer, or
 * collects them for an answer in one piece.
 *
 *   reader -> canon_text(), canon_tool() ... -> facts -> order -> write_event()
 *                                                             \-> collected
 *
 * With `client` NULL it learns the facts only: that is how the answers of a
 * dialect pass through unchanged (canon_answer_event, canon_answer_whole).
 *
 * Blocks of one choice come strictly one after the other, each
 * BLOCK_START, PIECE*, [SIGNATURE], BLOCK_END. What comes of other blocks in the
 * midst of a tool call's arguments waits until those are complete.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_CANON_STREAM_H
#define AIGW_WORKER_DIALECT_CANON_STREAM_H

#include "common/buf.h"
#include "common/usage.h"
#include "worker/dialect/dialect.h"

enum canon_stop {
    CANON_STOP_NONE,     /* the provider said nothing */
    CANON_STOP_END,      /* as it pleased */
    CANON_STOP_SEQUENCE, /* `stop_text` where it was told */
    CANON_STOP_LENGTH,
    CANON_STOP_CONTEXT, /* the model's context is full */
    CANON_STOP_TOOLS,
    CANON_STOP_FILTER,
    CANON_STOP_PAUSE, /* Anthropic's pause_turn */
    CANON_STOP_ERROR,
};

enum canon_block_kind {
    CANON_BLOCK_TEXT,
    CANON_BLOCK_THINKING,
    CANON_BLOCK_REDACTED,
    CANON_BLOCK_REFUSAL,
    CANON_BLOCK_TOOL,
    CANON_BLOCK_IMAGE,
};

enum canon_event_kind {
    CANON_EVENT_START,       /* first of all; stream->answer->id, model */
    CANON_EVENT_BLOCK_START, /* block, id, name (TOOL), data, media_type */
    CANON_EVENT_PIECE,       /* text; of a TOOL: of its arguments */
    CANON_EVENT_SIGNATURE,   /* text: of the open block */
    CANON_EVENT_LOGPROBS,    /* value: OpenAI's array of tokens */
    CANON_EVENT_BLOCK_END,
    CANON_EVENT_FINISH, /* of a choice: stop, text = the stop sequence */
    CANON_EVENT_VECTOR, /* value: an embedding's array or base64 string */
    CANON_EVENT_END,    /* last of all: usage is known (stream->usage) */
};

/* Texts and values as in canon.h; they live during the call only. */
struct canon_event {
    uint8_t kind, block, stop;
    uint32_t choice;
    uint32_t number; /* of the block in its choice, from 0; of the vector */
    uint32_t tool;   /* of the tool call in its choice, from 0 */
    struct str text, value;
    struct str id, name;         /* text */
    struct str data, media_type; /* text; REDACTED, IMAGE */
};

/* One block of a collected answer. Spans: see canon_collected(). */
struct canon_block {
    uint8_t kind;
    uint32_t choice;
    struct span32 id, name, data, media_type; /* texts */
    struct buf text, signature;               /* texts */
};

/* A tool call that was begun, or another block that came behind one whose
 * arguments were not complete (canon_tool.c). */
struct canon_call {
    uint32_t choice, key; /* key: of tool calls */
    uint8_t block;
    bool waiting; /* not given to the writer yet: what came of it */
    uint32_t id_len, name_len;
    struct buf bytes; /* id, name (or data, media type), pieces */
    struct buf signature;
};

enum { CANON_CHOICES_MAX = 8, CANON_NUMBERED_MAX = 16 };

/* A tool call as its reader knows it, where providers number them badly or not
 * at all (openai_read_tool.c). */
struct canon_numbered {
    uint32_t id_mark; /* a hash; 0: none came so far */
    uint16_t index;   /* the provider's; UINT16_MAX: none */
    uint8_t choice;
    bool begun;       /* canon_tool() was called */
    struct span32 id; /* in stream->bytes, until it is begun */
};

struct canon_choice {
    bool is_used, is_open, finished, has_tool;
    uint8_t block, stop;    /* of the open block; canon_stop */
    uint32_t blocks, tools; /* begun so far */
    uint32_t key;           /* of the open tool call, the provider's */
    uint32_t last_block;    /* collected: its number, from 1; 0: none */
    /* How far the open call's arguments have come (canon_tool.c). */
    uint8_t lex;
    uint32_t lex_depth;
    struct span32 stop_text; /* collected: a text */
    struct buf logprobs;     /* collected: the elements, commas between */
};

struct canon_stream {
    struct answer *answer; /* facts */
    /* NULL: facts only, and nothing below is used. */
    const struct dialect *client;
    /* Whether the budget covers what the answer has counted now; NULL: it
     * does. False: the piece is taken back and the stream is cut. */
    bool (*is_covered)(void *owner);
    /* Asked where what is kept and written would pass `room` (bytes): raises
     * it, or false, which cuts the stream: the owner knows why. NULL: none. */
    bool (*hold)(void *owner, uint64_t bytes);
    uint64_t room;
    void *owner;

    bool is_cut;        /* nothing more goes to the client */
    bool failed;        /* out of memory */
    bool plain;         /* the client gets one answer: write_plain */
    bool collect;       /* blocks are kept: plain, or dialect.collects */
    bool include_usage; /* the client asked for it in its stream */
    bool has_error;     /* canon_error() was called */
    bool started, ended;
    const struct call *call;             /* what was asked */
    const struct canon_request *request; /* likewise; alive as long */
    const char *request_id;              /* ours */
    int64_t created_s;
    struct buf *out; /* what goes to the client: written by its dialect */
    /* Set by the owner before canon_stream_end(). */
    struct usage usage;
    /* The reader's own: the last calls, by their numbers modulo the room. */
    struct canon_numbered numbered[CANON_NUMBERED_MAX];
    uint32_t numbered_count;
    /* The writer's own, zeros at the start: numbers of its events ... */
    uint64_t writer_words[6];
    char error_type[48], error_message[400]; /* plain */

    struct canon_choice choices[CANON_CHOICES_MAX];
    struct canon_block *blocks; /* collected, in the order of their starts */
    uint32_t block_count, block_room;
    struct span32 *vectors; /* collected: values, by their numbers */
    uint32_t vector_count, vector_room;
    uint64_t collected;       /* bytes of memory of what is kept */
    struct buf bytes;         /* what collected spans lie in */
    struct canon_call *calls; /* private */
    uint32_t call_count, call_room;
    uint32_t call_given; /* private: none before it waits */
};

/* ---- what a reader says (canon_reader.c, canon_stream.c) ---- */

/*
 * Texts without quotes; empty ones are passed over. Each may come at any time;
 * choices from CANON_CHOICES_MAX on are only counted. After canon_done() or a
 * cut nothing is taken. Whatever a model makes is counted by its bytes and asked
 * for before it is passed, readable or not (canon_take() in canon_stream.c).
 */
void canon_start(struct canon_stream *stream, struct str id, struct str model);
void canon_text(struct canon_stream *stream, uint32_t choice, struct str text);
void canon_thinking(struct canon_stream *stream, uint32_t choice,
                    struct str text);
/* Of the open block (a thinking block is begun where none is open). */
void canon_signature(struct canon_stream *stream, uint32_t choice,
                     struct str text);
void canon_redacted(struct canon_stream *stream, uint32_t choice,
                    struct str data);
void canon_refusal(struct canon_stream *stream, uint32_t choice,
                   struct str text);
void canon_image(struct canon_stream *stream, uint32_t choice,
                 struct str media_type, struct str data);
/* A tool call begins; `key`: the provider's number for it in this choice. An
 * empty id: one is made. A key that is known already is passed over. */
void canon_tool(struct canon_stream *stream, uint32_t choice, uint32_t key,
                struct str id, struct str name);
/* A piece of its arguments, a text. No piece at all: "{}" when it ends. */
void canon_tool_piece(struct canon_stream *stream, uint32_t choice,
                      uint32_t key, struct str text);
/* What signs a call, be it open or one that waits. */
void canon_tool_signature(struct canon_stream *stream, uint32_t choice,
                          uint32_t key, struct str text);
/* A whole call whose arguments are a JSON value. */
void canon_tool_whole(struct canon_stream *stream, uint32_t choice,
                      struct str id, struct str name, struct str value,
                      struct str signature);
/* The provider ended the block under way. */
void canon_block_end(struct canon_stream *stream, uint32_t choice);
void canon_logprobs(struct canon_stream *stream, uint32_t choice,
                    struct str value);
/* Why a choice ended; the first one counts. END with tool calls is TOOLS. */
void canon_finish(struct canon_stream *stream, uint32_t choice,
                  enum canon_stop stop, struct str stop_text);
void canon_vector(struct canon_stream *stream, uint32_t number,
                  struct str value);
/* Output that no other dialect has a place for, but that is paid for. (Usage is
 * told to stream->answer: answer_state_split(), openai_usage_read().) */
void canon_count(struct canon_stream *stream, enum answer_content kind,
                 struct str content);
/* The provider told of a failure in its stream or under status 200: the owner
 * ends the answer with it (stream_error, or an error reply). `type`, `message`:
 * texts or empty. */
void canon_error(struct canon_stream *stream, struct str type,
                 struct str message);
/* The provider's last word ([DONE], message_stop, response.completed): what
 * comes after it is not read. */
void canon_done(struct canon_stream *stream);

/* ---- what its owner does ---- */

/* Zeros at first; later on empty again, with the memory of its large parts. */
void canon_stream_reset(struct canon_stream *stream);
void canon_stream_fini(struct canon_stream *stream);
/* The provider's answer is over, or was cut by us (is_cut: as if the model had
 * reached its length): open blocks end, choices finish, END; or write_plain. */
void canon_stream_end(struct canon_stream *stream);
/* A copy of a text that lives as long as the stream. */
struct span32 canon_keep(struct canon_stream *stream, struct str text);
/* A collected span as it now lies. */
struct str canon_collected(const struct canon_stream *stream,
                           struct span32 span);

/* ---- dialects that pass through ---- */

/* dialect.answer_begin, answer_event, answer_whole and answer_piece for a
 * dialect that has read_event, read_plain and read_usage: learn the facts. */
void canon_answer_begin(struct answer *answer);
enum event_verdict canon_answer_event(struct answer *answer,
                                      const struct sse_event *event);
void canon_answer_whole(struct answer *answer, struct str body);
void canon_answer_piece(struct answer *answer, struct str piece);

/* The data of an event as one text: its only line, or the lines joined in
 * `joined` (WHATWG). */
struct str canon_event_data(const struct sse_event *event, struct buf *joined);

#endif
