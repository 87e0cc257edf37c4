/*
 * canon_collect.c - what is kept of an answer, for clients that get it in one
 * piece and for dialects whose last events repeat it all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "worker/dialect/canon_part.h"

enum {
    VECTORS_MAX = 65536, /* of one answer; more are not kept */
    REPEATS = 3, /* of a text, in the events that end a stream's block */
};

struct span32
canon_keep(struct canon_stream *stream, struct str text)
{
    size_t off = buf_len(&stream->bytes);
    if (text.len > UINT32_MAX - off) {
        stream->failed = true;
        return (struct span32){0, 0};
    }
    /* It may lie in there itself: readers keep names there, too. */
    const char *base = stream->bytes.data;
    bool is_inside = base != NULL && text.len > 0 &&
                     (uintptr_t)text.ptr >= (uintptr_t)base &&
                     (uintptr_t)text.ptr < (uintptr_t)base + stream->bytes.cap;
    size_t at = is_inside ? (size_t)(text.ptr - base) : 0;
    size_t cap = stream->bytes.cap;
    if (is_inside && buf_reserve(&stream->bytes, text.len) == 0)
        text.ptr = stream->bytes.data + at;
    buf_append_str(&stream->bytes, text);
    stream->collected += stream->bytes.cap - cap;
    stream->failed = stream->failed || !buf_ok(&stream->bytes);
    return (struct span32){(uint32_t)off, (uint32_t)text.len};
}

struct str
canon_collected(const struct canon_stream *stream, struct span32 span)
{
    return str_make(buf_ptr(&stream->bytes) + span.off, span.len);
}

static void *
grow(struct canon_stream *stream, void *array, uint32_t count, uint32_t *room,
     size_t size)
{
    uint32_t more = *room == 0 ? 8 : *room;
    while (more <= count)
        more *= 2;
    void *grown = realloc(array, more * size);
    if (grown == NULL) {
        stream->failed = true;
        return NULL;
    }
    memset((char *)grown + *room * size, 0, (more - *room) * size);
    *room = more;
    return grown;
}

static void
add_block(struct canon_stream *stream, const struct canon_event *event)
{
    if (stream->block_count == stream->block_room) {
        void *grown = grow(stream, stream->blocks, stream->block_count,
                           &stream->block_room, sizeof(*stream->blocks));
        if (grown == NULL)
            return;
        stream->blocks = grown;
    }
    struct canon_block *block = &stream->blocks[stream->block_count++];
    stream->choices[event->choice].last_block = stream->block_count;
    stream->collected += sizeof(*block);
    *block = (struct canon_block){
        .kind = event->block,
        .choice = event->choice,
        .id = canon_keep(stream, event->id),
        .name = canon_keep(stream, event->name),
        .data = canon_keep(stream, event->data),
        .media_type = canon_keep(stream, event->media_type),
    };
    buf_init(&block->text, 0);
    buf_init(&block->signature, 0);
}

/* The last block of a choice is its open one. */
static struct canon_block *
last_block(struct canon_stream *stream, uint32_t choice)
{
    uint32_t number = stream->choices[choice].last_block;
    return number > 0 ? &stream->blocks[number - 1] : NULL;
}

void
canon_kept_add(struct canon_stream *stream, struct buf *buf, struct str text)
{
    size_t cap = buf->cap;
    buf_append_str(buf, text);
    stream->collected += buf->cap - cap;
    stream->failed = stream->failed || !buf_ok(buf);
}

void
canon_kept_free(struct canon_stream *stream, struct buf *buf)
{
    stream->collected -= buf->cap;
    buf_fini(buf);
}

/* Of a stream that is collected, too, with what its last events will take. */
static void
add_text(struct canon_stream *stream, struct buf *buf, struct str text)
{
    if (!stream->plain)
        stream->collected += (REPEATS - 1) * text.len;
    canon_kept_add(stream, buf, text);
}

static void
add_logprobs(struct canon_stream *stream, const struct canon_event *event)
{
    struct buf *buf = &stream->choices[event->choice].logprobs;
    struct str inside = str_make(event->value.ptr + 1, event->value.len - 2);
    while (inside.len > 0 && strchr(" \t\r\n", *inside.ptr) != NULL)
        inside = str_skip(inside, 1);
    if (inside.len == 0)
        return;
    if (buf_len(buf) > 0)
        add_text(stream, buf, STR_LIT(","));
    add_text(stream, buf, inside);
}

static void
add_vector(struct canon_stream *stream, const struct canon_event *event)
{
    if (event->number >= VECTORS_MAX)
        return;
    if (event->number >= stream->vector_room) {
        void *grown = grow(stream, stream->vectors, event->number,
                           &stream->vector_room, sizeof(*stream->vectors));
        if (grown == NULL)
            return;
        stream->vectors = grown;
    }
    stream->vectors[event->number] = canon_keep(stream, event->value);
    if (event->number >= stream->vector_count)
        stream->vector_count = event->number + 1;
}

void
canon_collect(struct canon_stream *stream, const struct canon_event *event)
{
    struct canon_block *block;
    switch (event->kind) {
    case CANON_EVENT_BLOCK_START:
        add_block(stream, event);
        break;
    case CANON_EVENT_PIECE:
        block = last_block(stream, event->choice);
        if (block != NULL)
            add_text(stream, &block->text, event->text);
        break;
    case CANON_EVENT_SIGNATURE:
        block = last_block(stream, event->choice);
        if (block != NULL)
            add_text(stream, &block->signature, event->text);
        break;
    case CANON_EVENT_LOGPROBS:
        add_logprobs(stream, event);
        break;
    case CANON_EVENT_VECTOR:
        add_vector(stream, event);
        break;
    default:
        break;
    }
}

/* ---- memory ---- */

static void
drop_small(struct canon_stream *stream)
{
    for (uint32_t i = 0; i < stream->block_count; i++) {
        buf_fini(&stream->blocks[i].text);
        buf_fini(&stream->blocks[i].signature);
    }
    for (uint32_t i = 0; i < stream->call_count; i++) {
        buf_fini(&stream->calls[i].bytes);
        buf_fini(&stream->calls[i].signature);
    }
    for (uint32_t i = 0; i < CANON_CHOICES_MAX; i++)
        buf_fini(&stream->choices[i].logprobs);
}

void
canon_stream_reset(struct canon_stream *stream)
{
    enum { KEPT_BYTES = 64 * 1024 };
    drop_small(stream);
    struct canon_stream kept = *stream;
    memset(stream, 0, sizeof(*stream));
    stream->blocks = kept.blocks;
    stream->block_room = kept.block_room;
    stream->calls = kept.calls;
    stream->call_room = kept.call_room;
    free(kept.vectors);
    stream->bytes = kept.bytes;
    if (stream->bytes.cap > KEPT_BYTES)
        buf_fini(&stream->bytes);
    else
        buf_reset(&stream->bytes);
}

void
canon_stream_fini(struct canon_stream *stream)
{
    drop_small(stream);
    free(stream->blocks);
    free(stream->calls);
    free(stream->vectors);
    buf_fini(&stream->bytes);
    memset(stream, 0, sizeof(*stream));
}
