/*
 * responses_stream.c - canonical events as events of a client's stream.
 *
 *   START        response.created, response.in_progress
 *   BLOCK_START  output_item.added, [content_part.added]
 *   PIECE        *.delta
 *   BLOCK_END    *.done with the whole text, output_item.done
 *   END          response.completed, .incomplete or .failed with all of it
 *
 * One block is one item; its id is made of the request's and its number, so
 * that all its events have the same. The text of a custom tool comes at once:
 * it must be taken out of the arguments around it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

/* ---- frames ---- */

/* Written by hand: a stream is made of these. `type` needs no escapes. */
static void
event_begin(struct json_writer *json, struct canon_stream *stream,
            const char *type)
{
    struct buf *out = stream->out;
    struct str name = str_from(type);
    buf_append_str(out, STR_LIT("event: "));
    buf_append_str(out, name);
    buf_append_str(out, STR_LIT("\ndata: {\"type\":\""));
    buf_append_str(out, name);
    buf_append_str(out, STR_LIT("\",\"sequence_number\":"));
    buf_append_u64(out, stream->answer->sequence++);
    json_writer_init(json, out);
    json->comma = true;
}

static void
event_end(struct json_writer *json)
{
    json_object_end(json);
    buf_append_str(json->out, STR_LIT("\n\n"));
}

static void
response_event(struct canon_stream *stream, const char *type,
               enum responses_status status)
{
    struct json_writer json;
    event_begin(&json, stream, type);
    json_key(&json, "response");
    responses_write_object(&json, stream, status);
    event_end(&json);
}

/* ---- items ---- */

/* The open block of the only choice, which is the last; NULL without memory. */
static const struct canon_block *
open_block(const struct canon_stream *stream)
{
    for (uint32_t i = stream->block_count; i-- > 0;)
        if (stream->blocks[i].choice == 0)
            return &stream->blocks[i];
    return NULL;
}

static uint64_t
open_number(const struct canon_stream *stream)
{
    return stream->writer_words[RESPONSES_NEXT_ITEM] - 1;
}

static void
item_event(struct canon_stream *stream, const char *type,
           const struct canon_block *block, enum responses_status status)
{
    struct json_writer json;
    event_begin(&json, stream, type);
    json_key(&json, "output_index");
    json_u64(&json, open_number(stream));
    json_key(&json, "item");
    responses_write_item(&json, stream, block, open_number(stream), status);
    event_end(&json);
}

/* An event of the open item, up to what is its own. `index`: the name of the
 * number of its part, or NULL. */
static void
part_begin(struct json_writer *json, struct canon_stream *stream,
           const struct canon_block *block, const char *type, const char *index)
{
    struct buf *out = stream->out;
    event_begin(json, stream, type);
    buf_append_str(out, STR_LIT(",\"item_id\":\""));
    responses_append_item_id(out, stream, block, open_number(stream));
    buf_append_str(out, STR_LIT("\",\"output_index\":"));
    buf_append_u64(out, open_number(stream));
    if (index != NULL) {
        buf_append_str(out, STR_LIT(",\""));
        buf_append_cstr(out, index);
        buf_append_str(out, STR_LIT("\":0"));
    }
}

/* One that has a text, and nothing else. */
static void
text_event(struct canon_stream *stream, const struct canon_block *block,
           const char *type, const char *index, const char *name,
           struct str text)
{
    struct json_writer json;
    part_begin(&json, stream, block, type, index);
    json_key(&json, name);
    json_inside(&json, text);
    event_end(&json);
}

/* ---- messages ---- */

static void
content_event(struct canon_stream *stream, const struct canon_block *block,
              const char *type, struct str text)
{
    struct json_writer json;
    part_begin(&json, stream, block, type, "content_index");
    json_key(&json, "part");
    responses_write_content(&json, stream, block, text);
    event_end(&json);
}

static void
output_text_event(struct canon_stream *stream, const struct canon_block *block,
                  const char *type, const char *name, struct str text,
                  bool done)
{
    struct json_writer json;
    part_begin(&json, stream, block, type, "content_index");
    json_key(&json, name);
    json_inside(&json, text);
    responses_write_logprobs(&json, stream, block,
                             done ? text : str_make(NULL, 0));
    event_end(&json);
}

static void
end_message(struct canon_stream *stream, const struct canon_block *block)
{
    struct str text = buf_view(&block->text);
    if (block->kind == CANON_BLOCK_REFUSAL)
        text_event(stream, block, "response.refusal.done", "content_index",
                   "refusal", text);
    else
        output_text_event(stream, block, "response.output_text.done", "text",
                          text, true);
    content_event(stream, block, "response.content_part.done", text);
}

/* ---- thinking ---- */

static void
summary_event(struct canon_stream *stream, const struct canon_block *block,
              const char *type, struct str text)
{
    struct json_writer json;
    part_begin(&json, stream, block, type, "summary_index");
    json_key(&json, "part");
    json_object_begin(&json);
    json_key(&json, "type");
    json_cstring(&json, "summary_text");
    json_key(&json, "text");
    json_inside(&json, text);
    json_object_end(&json);
    event_end(&json);
}

static void
piece_of_thinking(struct canon_stream *stream, const struct canon_block *block,
                  struct str text)
{
    if (stream->writer_words[RESPONSES_HAS_PART] == 0) {
        stream->writer_words[RESPONSES_HAS_PART] = 1;
        summary_event(stream, block, "response.reasoning_summary_part.added",
                      str_make(NULL, 0));
    }
    text_event(stream, block, "response.reasoning_summary_text.delta",
               "summary_index", "delta", text);
}

static void
end_thinking(struct canon_stream *stream, const struct canon_block *block)
{
    struct str text = buf_view(&block->text);
    if (stream->writer_words[RESPONSES_HAS_PART] == 0)
        return;
    stream->writer_words[RESPONSES_HAS_PART] = 0;
    text_event(stream, block, "response.reasoning_summary_text.done",
               "summary_index", "text", text);
    summary_event(stream, block, "response.reasoning_summary_part.done", text);
}

/* ---- tool calls ---- */

static bool
is_custom(struct canon_stream *stream, const struct canon_block *block)
{
    const struct responses_alias *alias = responses_block_alias(stream, block);
    return alias != NULL && alias->is_custom;
}

static void
end_custom(struct canon_stream *stream, const struct canon_block *block)
{
    struct buf room;
    buf_init(&room, 0);
    struct str input = responses_custom_input(buf_view(&block->text), &room);
    if (input.len > 0)
        text_event(stream, block, "response.custom_tool_call_input.delta", NULL,
                   "delta", input);
    text_event(stream, block, "response.custom_tool_call_input.done", NULL,
               "input", input);
    buf_fini(&room);
}

static void
end_call(struct canon_stream *stream, const struct canon_block *block)
{
    struct json_writer json;
    if (is_custom(stream, block)) {
        end_custom(stream, block);
        return;
    }
    const struct responses_alias *alias = responses_block_alias(stream, block);
    part_begin(&json, stream, block, "response.function_call_arguments.done",
               NULL);
    json_key(&json, "name");
    json_inside(&json, alias != NULL ? alias->name
                                     : canon_collected(stream, block->name));
    json_key(&json, "arguments");
    json_inside(&json, buf_view(&block->text));
    event_end(&json);
}

/* What signs a call, as an item of its own. */
static void
add_call_mark(struct canon_stream *stream, const struct canon_block *block)
{
    static const char *const types[] = {"response.output_item.added",
                                        "response.output_item.done"};
    stream->writer_words[RESPONSES_NEXT_ITEM]++;
    for (int i = 0; i < 2; i++) {
        struct json_writer json;
        event_begin(&json, stream, types[i]);
        json_key(&json, "output_index");
        json_u64(&json, open_number(stream));
        json_key(&json, "item");
        responses_write_call_mark(&json, stream, block, open_number(stream));
        event_end(&json);
    }
}

/* ---- blocks ---- */

static void
block_start(struct canon_stream *stream, const struct canon_block *block)
{
    stream->writer_words[RESPONSES_NEXT_ITEM]++;
    item_event(stream, "response.output_item.added", block,
               RESPONSES_IN_PROGRESS);
    if (block->kind == CANON_BLOCK_TEXT || block->kind == CANON_BLOCK_REFUSAL)
        content_event(stream, block, "response.content_part.added",
                      str_make(NULL, 0));
}

static void
block_piece(struct canon_stream *stream, const struct canon_block *block,
            struct str text)
{
    switch (block->kind) {
    case CANON_BLOCK_TEXT:
        output_text_event(stream, block, "response.output_text.delta", "delta",
                          text, false);
        break;
    case CANON_BLOCK_REFUSAL:
        text_event(stream, block, "response.refusal.delta", "content_index",
                   "delta", text);
        break;
    case CANON_BLOCK_THINKING:
        piece_of_thinking(stream, block, text);
        break;
    case CANON_BLOCK_TOOL:
        if (!is_custom(stream, block))
            text_event(stream, block, "response.function_call_arguments.delta",
                       NULL, "delta", text);
        break;
    default:
        break;
    }
}

static void
block_end(struct canon_stream *stream, const struct canon_block *block)
{
    struct json_writer json;
    enum responses_status status = responses_ended(stream);
    switch (block->kind) {
    case CANON_BLOCK_TEXT:
    case CANON_BLOCK_REFUSAL:
        end_message(stream, block);
        break;
    case CANON_BLOCK_THINKING:
        end_thinking(stream, block);
        break;
    case CANON_BLOCK_TOOL:
        end_call(stream, block);
        break;
    case CANON_BLOCK_IMAGE:
        part_begin(&json, stream, block,
                   "response.image_generation_call.completed", NULL);
        event_end(&json);
        break;
    default:
        break;
    }
    if (status != RESPONSES_COMPLETED) {
        status = RESPONSES_INCOMPLETE;
        stream->writer_words[RESPONSES_CUT_ITEM] = 1;
    }
    item_event(stream, "response.output_item.done", block, status);
    if (block->kind == CANON_BLOCK_TOOL && buf_len(&block->signature) > 0)
        add_call_mark(stream, block);
}

static void
end_response(struct canon_stream *stream)
{
    static const char *const types[] = {
        [RESPONSES_COMPLETED] = "response.completed",
        [RESPONSES_INCOMPLETE] = "response.incomplete",
        [RESPONSES_FAILED] = "response.failed",
    };
    enum responses_status status = responses_ended(stream);
    response_event(stream, types[status], status);
}

void
responses_write_event(struct canon_stream *stream,
                      const struct canon_event *event)
{
    const struct canon_block *block;
    if (event->choice != 0)
        return; /* only one was asked for */
    switch (event->kind) {
    case CANON_EVENT_START:
        response_event(stream, "response.created", RESPONSES_IN_PROGRESS);
        response_event(stream, "response.in_progress", RESPONSES_IN_PROGRESS);
        break;
    case CANON_EVENT_BLOCK_START:
    case CANON_EVENT_PIECE:
    case CANON_EVENT_BLOCK_END:
        block = open_block(stream);
        if (block == NULL || stream->failed)
            break; /* the owner ends it */
        if (event->kind == CANON_EVENT_BLOCK_START)
            block_start(stream, block);
        else if (event->kind == CANON_EVENT_PIECE)
            block_piece(stream, block, event->text);
        else
            block_end(stream, block);
        break;
    case CANON_EVENT_END:
        end_response(stream);
        break;
    default:
        break;
    }
}
