/*
 * canon_part.h - what the files of canon_stream.h share.
 *
 *   canon_stream.c   what readers say; blocks in order; ends
 *   canon_tool.c     tool calls: which is open, which wait
 *   canon_collect.c  what is kept for an answer in one piece
 *   canon_pass.c     plain answers that pass through in pieces
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_CANON_PART_H
#define AIGW_WORKER_DIALECT_CANON_PART_H

#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"

/* canon_choice.lex: where the open call's arguments stand. */
enum {
    CANON_LEX_SEEN = 1,   /* something has come */
    CANON_LEX_STRING = 2, /* inside a string of the JSON text */
    CANON_LEX_ESCAPE = 4, /* behind a backslash of it */
};

/*
 * The one door for what a model makes: all of it is counted, and a client gets
 * it where the budget covers it and there is memory for it. `word`: an id, a
 * type ... that goes with it, of which only what is longer than any such word
 * counts. Whether it goes to a client.
 */
bool canon_take(struct canon_stream *stream, enum answer_content kind,
                struct str content, struct str word);
/* To the writer and the collection; START before the first. */
void canon_emit(struct canon_stream *stream, struct canon_event *event);
/* NULL beyond those that are kept apart. */
struct canon_choice *canon_choice_of(struct canon_stream *stream,
                                     uint32_t choice);
/* A block begins (event->block ...), goes on, ends. */
void canon_open(struct canon_stream *stream, uint32_t choice,
                struct canon_event *event);
void canon_piece(struct canon_stream *stream, uint32_t choice, struct str text);
void canon_close(struct canon_stream *stream, uint32_t choice);

/* Whether a block that comes now must wait for a call that is not complete. */
bool canon_must_wait(struct canon_stream *stream, uint32_t choice);
/* What came of such a block (event->block, data, media_type, text): `goes_on`,
 * where it may be more of the last one that waits. */
void canon_wait(struct canon_stream *stream, uint32_t choice,
                const struct canon_event *event, bool goes_on);
/* What signs the last one that waits; false: none does. */
bool canon_wait_signature(struct canon_stream *stream, uint32_t choice,
                          struct str text);
/* Of the open block. */
void canon_sign(struct canon_stream *stream, uint32_t choice, struct str text);
/* The next call that waits becomes the open one; while such a one is complete,
 * the one after it. */
void canon_tools_next(struct canon_stream *stream, uint32_t choice);
/* All that wait are given, complete or not. */
void canon_tools_flush(struct canon_stream *stream, uint32_t choice);

/* A text into a buf that is kept, and its memory back. */
void canon_kept_add(struct canon_stream *stream, struct buf *buf,
                    struct str text);
void canon_kept_free(struct canon_stream *stream, struct buf *buf);
void canon_collect(struct canon_stream *stream,
                   const struct canon_event *event);

#endif
