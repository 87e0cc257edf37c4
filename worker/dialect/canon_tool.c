/*
 * canon_tool.c - tool calls of an answer, one after the other.
 *
 * A call begins when the one before it is complete: the provider ended it, or
 * its arguments are a whole JSON text. Until then what comes of it waits, and so
 * does any other block: were the open call ended, the rest of its arguments would
 * be lost.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/json_write.h"
#include "worker/dialect/canon_part.h"

/* Calls whose pieces are still known by their key, and those that may wait. */
enum { REMEMBERED = 256 };

/* ---- whether arguments are complete ---- */

static void
lex_char(struct canon_choice *c, char ch)
{
    if (c->lex & CANON_LEX_ESCAPE) {
        c->lex &= (uint8_t)~CANON_LEX_ESCAPE;
    } else if (c->lex & CANON_LEX_STRING) {
        if (ch == '\\')
            c->lex |= CANON_LEX_ESCAPE;
        else if (ch == '"')
            c->lex &= (uint8_t)~CANON_LEX_STRING;
    } else if (ch == '"') {
        c->lex |= CANON_LEX_STRING;
    } else if (ch == '{' || ch == '[') {
        c->lex_depth++;
    } else if ((ch == '}' || ch == ']') && c->lex_depth > 0) {
        c->lex_depth--;
    }
}

/* The character that an escape stands for, as far as it matters here. */
static char
unicode_char(const char *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned digit = (unsigned char)digits[i];
        digit = digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
        value = value << 4 | (digit & 15);
    }
    return value < 0x80 ? (char)value : 'x';
}

/* A text is one level of escapes above the JSON that it is a piece of. */
static void
lex_text(struct canon_choice *c, struct str text)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    c->lex |= CANON_LEX_SEEN;
    for (; p < end; p++) {
        if (*p != '\\') {
            lex_char(c, *p);
        } else if (end - p >= 6 && p[1] == 'u') {
            lex_char(c, unicode_char(p + 2));
            p += 5;
        } else if (end - p >= 2) {
            p++;
            lex_char(c, *p == '"' || *p == '\\' ? *p : ' ');
        }
    }
}

static bool
is_complete(const struct canon_choice *c)
{
    return (c->lex & CANON_LEX_SEEN) != 0 && (c->lex & CANON_LEX_STRING) == 0 &&
           c->lex_depth == 0;
}

/* ---- calls ---- */

static struct canon_call *
call_find(const struct canon_stream *stream, uint32_t choice, uint32_t key)
{
    uint32_t end = stream->call_count;
    uint32_t least = end > REMEMBERED ? end - REMEMBERED : 0;
    for (uint32_t i = end; i-- > least;)
        if (stream->calls[i].choice == choice && stream->calls[i].key == key &&
            stream->calls[i].block == CANON_BLOCK_TOOL)
            return &stream->calls[i];
    return NULL;
}

static struct canon_call *
call_add(struct canon_stream *stream, uint32_t choice, uint32_t key,
         uint8_t block)
{
    if (stream->call_count == stream->call_room) {
        uint32_t room = stream->call_room == 0 ? 8 : stream->call_room * 2;
        struct canon_call *calls =
            realloc(stream->calls, room * sizeof(*calls));
        if (calls == NULL) {
            stream->failed = true;
            return NULL;
        }
        stream->calls = calls;
        stream->call_room = room;
    }
    struct canon_call *call = &stream->calls[stream->call_count++];
    stream->collected += sizeof(*call);
    *call = (struct canon_call){.choice = choice, .key = key, .block = block};
    buf_init(&call->bytes, 0);
    buf_init(&call->signature, 0);
    return call;
}

/* An id for a call that came without one: the same each time it is asked for in
 * this answer, and in no other. */
static struct str
made_id(const struct canon_stream *stream, const struct canon_call *call,
        char text[40])
{
    static const uint8_t key[16] = {0};
    struct str request_id = str_from(stream->request_id);
    uint64_t mark = hash_siphash(key, request_id.ptr, request_id.len);
    mark = hash_mix64(mark ^ ((uint64_t)call->choice << 32 | call->key));
    int len = snprintf(text, 40, "call_%016llx", (unsigned long long)mark);
    return str_make(text, (size_t)len);
}

static void
call_begin(struct canon_stream *stream, const struct canon_call *call,
           struct str id, struct str name)
{
    char text[40];
    struct canon_choice *c = &stream->choices[call->choice];
    struct canon_event event = {
        .block = CANON_BLOCK_TOOL,
        .tool = c->tools++,
        .id = id.len > 0 ? id : made_id(stream, call, text),
        .name = name,
    };
    c->has_tool = true;
    c->key = call->key;
    canon_open(stream, call->choice, &event);
}

static void
open_piece(struct canon_stream *stream, uint32_t choice, struct str text)
{
    lex_text(&stream->choices[choice], text);
    canon_piece(stream, choice, text);
}

/* A call or another block that waited is the open one now. */
static void
call_give(struct canon_stream *stream, struct canon_call *call)
{
    struct str bytes = buf_view(&call->bytes);
    struct str id = {bytes.ptr, call->id_len};
    struct str name = {bytes.ptr + call->id_len, call->name_len};
    bytes = str_skip(bytes, call->id_len + call->name_len);
    call->waiting = false;
    if (call->block == CANON_BLOCK_TOOL) {
        call_begin(stream, call, id, name);
        if (bytes.len > 0)
            open_piece(stream, call->choice, bytes);
    } else {
        struct canon_event event = {
            .block = call->block, .data = id, .media_type = name};
        canon_open(stream, call->choice, &event);
        if (bytes.len > 0)
            canon_piece(stream, call->choice, bytes);
    }
    if (buf_len(&call->signature) > 0)
        canon_sign(stream, call->choice, buf_view(&call->signature));
    canon_kept_free(stream, &call->bytes);
    canon_kept_free(stream, &call->signature);
}

static struct canon_call *
first_waiting(struct canon_stream *stream, uint32_t choice)
{
    while (stream->call_given < stream->call_count &&
           !stream->calls[stream->call_given].waiting)
        stream->call_given++;
    for (uint32_t i = stream->call_given; i < stream->call_count; i++)
        if (stream->calls[i].waiting && stream->calls[i].choice == choice)
            return &stream->calls[i];
    return NULL;
}

void
canon_tools_next(struct canon_stream *stream, uint32_t choice)
{
    struct canon_choice *c = &stream->choices[choice];
    struct canon_call *call;
    while ((call = first_waiting(stream, choice)) != NULL) {
        if (c->is_open && c->block == CANON_BLOCK_TOOL && !is_complete(c))
            return;
        canon_close(stream, choice);
        call_give(stream, call);
    }
}

void
canon_tools_flush(struct canon_stream *stream, uint32_t choice)
{
    struct canon_call *call;
    while ((call = first_waiting(stream, choice)) != NULL) {
        canon_close(stream, choice);
        call_give(stream, call);
    }
}

/* ---- what waits ---- */

bool
canon_must_wait(struct canon_stream *stream, uint32_t choice)
{
    const struct canon_choice *c = &stream->choices[choice];
    bool waits = first_waiting(stream, choice) != NULL;
    if (!waits &&
        (!c->is_open || c->block != CANON_BLOCK_TOOL || is_complete(c)))
        return false;
    if (stream->call_count - stream->call_given < REMEMBERED)
        return true;
    /* What is open has waited long enough. */
    for (uint32_t i = 0; i < CANON_CHOICES_MAX; i++)
        canon_tools_flush(stream, i);
    return false;
}

static struct canon_call *
last_waiting(struct canon_stream *stream, uint32_t choice)
{
    for (uint32_t i = stream->call_count; i-- > stream->call_given;)
        if (stream->calls[i].waiting && stream->calls[i].choice == choice)
            return &stream->calls[i];
    return NULL;
}

static void
wait_begin(struct canon_stream *stream, struct canon_call *call, struct str id,
           struct str name)
{
    call->waiting = true;
    call->id_len = (uint32_t)id.len;
    call->name_len = (uint32_t)name.len;
    canon_kept_add(stream, &call->bytes, id);
    canon_kept_add(stream, &call->bytes, name);
}

void
canon_wait(struct canon_stream *stream, uint32_t choice,
           const struct canon_event *event, bool goes_on)
{
    struct canon_call *call = last_waiting(stream, choice);
    if (!goes_on || call == NULL || call->block != event->block) {
        call = call_add(stream, choice, 0, event->block);
        if (call == NULL)
            return;
        wait_begin(stream, call, event->data, event->media_type);
    }
    canon_kept_add(stream, &call->bytes, event->text);
}

bool
canon_wait_signature(struct canon_stream *stream, uint32_t choice,
                     struct str text)
{
    struct canon_call *call = last_waiting(stream, choice);
    if (call != NULL)
        canon_kept_add(stream, &call->signature, text);
    return call != NULL;
}

/* ---- what readers say ---- */

void
canon_tool(struct canon_stream *stream, uint32_t choice, uint32_t key,
           struct str id, struct str name)
{
    /* The name is output as well; a call without arguments is not for free. */
    if (!canon_take(stream, ANSWER_WORDS, name.len > 0 ? name : STR_LIT("x"),
                    id))
        return;
    struct canon_choice *c = canon_choice_of(stream, choice);
    if (c == NULL || call_find(stream, choice, key) != NULL)
        return;
    bool must_wait = canon_must_wait(stream, choice);
    struct canon_call *call = call_add(stream, choice, key, CANON_BLOCK_TOOL);
    if (call == NULL)
        return;
    if (must_wait) {
        wait_begin(stream, call, id, name);
        return;
    }
    canon_close(stream, choice);
    call_begin(stream, call, id, name);
}

void
canon_tool_piece(struct canon_stream *stream, uint32_t choice, uint32_t key,
                 struct str text)
{
    if (!canon_take(stream, ANSWER_WORDS, text, str_make(NULL, 0)) ||
        canon_choice_of(stream, choice) == NULL)
        return;
    struct canon_choice *c = &stream->choices[choice];
    if (c->is_open && c->block == CANON_BLOCK_TOOL && c->key == key) {
        open_piece(stream, choice, text);
        canon_tools_next(stream, choice);
        return;
    }
    struct canon_call *call = call_find(stream, choice, key);
    if (call == NULL || !call->waiting)
        return; /* of a call that never began, or has ended */
    canon_kept_add(stream, &call->bytes, text);
}

void
canon_tool_signature(struct canon_stream *stream, uint32_t choice, uint32_t key,
                     struct str text)
{
    if (!canon_take(stream, ANSWER_WORDS, text, str_make(NULL, 0)) ||
        canon_choice_of(stream, choice) == NULL)
        return;
    const struct canon_choice *c = &stream->choices[choice];
    struct canon_call *call = call_find(stream, choice, key);
    if (c->is_open && c->block == CANON_BLOCK_TOOL && c->key == key)
        canon_sign(stream, choice, text);
    else if (call != NULL && call->waiting)
        canon_kept_add(stream, &call->signature, text);
}

void
canon_tool_whole(struct canon_stream *stream, uint32_t choice, struct str id,
                 struct str name, struct str value, struct str signature)
{
    /* Keys above all that a provider numbers. */
    uint32_t key = UINT32_MAX - stream->call_count;
    struct buf text;
    buf_init(&text, 0);
    json_escape(&text, value);
    if (!buf_ok(&text))
        stream->failed = true;
    canon_tool(stream, choice, key, id, name);
    canon_tool_piece(stream, choice, key, buf_view(&text));
    buf_fini(&text);
    canon_tools_flush(stream, choice);
    if (signature.len > 0)
        canon_signature(stream, choice, signature);
    canon_block_end(stream, choice);
}
