/*
 * anthropic_answer.c - canonical events and collected answers, as a client of
 * this dialect gets them.
 *
 * Blocks of the first choice are the message's; others are not shown. The true
 * usage is known at the end only: message_start states the estimate of the
 * prompt, and message_delta, whose numbers replace those, all of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

/* stream->writer_words */
enum { WRITER_REFUSED, WRITER_SEQUENCE_OFF, WRITER_SEQUENCE_LEN };

static void
event_begin(struct json_writer *json, struct buf *out, const char *type)
{
    buf_append_str(out, STR_LIT("event: "));
    buf_append_cstr(out, type);
    buf_append_str(out, STR_LIT("\ndata: {\"type\":\""));
    buf_append_cstr(out, type);
    buf_append_char(out, '"');
    json_writer_init(json, out);
    json->comma = true;
}

static void
event_end(struct buf *out)
{
    buf_append_str(out, STR_LIT("}\n\n"));
}

/* ---- the message around its blocks ---- */

/* Its own id where it looks like one of this dialect, else one of ours. */
static void
write_id(struct json_writer *json, const struct canon_stream *stream)
{
    const char *id = stream->answer->id;
    json_key(json, "id");
    if (strncmp(id, "msg_", 4) == 0) {
        json_cstring(json, id);
        return;
    }
    const char *mark = stream->request_id;
    if (strncmp(mark, "req_", 4) == 0)
        mark += 4;
    buf_append_str(json->out, STR_LIT("\"msg_"));
    buf_append_cstr(json->out, mark);
    buf_append_char(json->out, '"');
    json->comma = true;
}

/* Members up to the content; the name is the one that was asked for. */
static void
write_message_start(struct json_writer *json, const struct canon_stream *stream)
{
    write_id(json, stream);
    json_key(json, "type");
    json_cstring(json, "message");
    json_key(json, "role");
    json_cstring(json, "assistant");
    json_key(json, "model");
    json_string(json, str_make(stream->call->model, stream->call->model_len));
}

static const char *
stop_name(uint8_t stop)
{
    switch (stop) {
    case CANON_STOP_SEQUENCE:
        return "stop_sequence";
    case CANON_STOP_LENGTH:
        return "max_tokens";
    case CANON_STOP_CONTEXT:
        return "model_context_window_exceeded";
    case CANON_STOP_TOOLS:
        return "tool_use";
    case CANON_STOP_FILTER:
        return "refusal";
    case CANON_STOP_PAUSE:
        return "pause_turn";
    default:
        return "end_turn";
    }
}

/* A refusal in words is text, and the reason says what it is. */
static uint8_t
stop_shown(const struct canon_stream *stream)
{
    uint8_t stop = stream->choices[0].stop;
    bool refused = stream->writer_words[WRITER_REFUSED] != 0;
    if (refused && (stop == CANON_STOP_END || stop == CANON_STOP_NONE))
        return CANON_STOP_FILTER;
    return stop;
}

static void
write_stop(struct json_writer *json, uint8_t stop, struct str sequence)
{
    json_key(json, "stop_reason");
    json_cstring(json, stop_name(stop));
    json_key(json, "stop_sequence");
    if (stop == CANON_STOP_SEQUENCE && sequence.len > 0)
        json_inside(json, sequence);
    else
        json_null(json);
}

/* ---- events ---- */

static void
write_start(struct canon_stream *stream)
{
    struct json_writer json;
    struct buf *out = stream->out;
    event_begin(&json, out, "message_start");
    json_key(&json, "message");
    json_object_begin(&json);
    write_message_start(&json, stream);
    json_key(&json, "content");
    json_array_begin(&json);
    json_array_end(&json);
    json_key(&json, "stop_reason");
    json_null(&json);
    json_key(&json, "stop_sequence");
    json_null(&json);
    json_key(&json, "usage");
    json_object_begin(&json);
    struct usage usage = {.prompt_missed = stream->call->prompt_estimate};
    anthropic_write_usage(&json, &usage);
    json_object_end(&json);
    json_object_end(&json);
    event_end(out);
    buf_append_str(out, STR_LIT("event: ping\ndata: {\"type\":\"ping\"}\n\n"));
}

static void
write_pair(struct json_writer *json, const char *key, struct str text)
{
    json_key(json, key);
    json_inside(json, text);
}

static void
write_image(struct json_writer *json, struct str media_type, struct str data)
{
    json_key(json, "source");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, "base64");
    write_pair(json, "media_type", media_type);
    write_pair(json, "data", data);
    json_object_end(json);
}

static void
write_block_start(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    static const char *const types[] = {
        [CANON_BLOCK_TEXT] = "text",
        [CANON_BLOCK_THINKING] = "thinking",
        [CANON_BLOCK_REDACTED] = "redacted_thinking",
        [CANON_BLOCK_REFUSAL] = "text",
        [CANON_BLOCK_TOOL] = "tool_use",
        [CANON_BLOCK_IMAGE] = "image",
    };
    event_begin(&json, stream->out, "content_block_start");
    json_key(&json, "index");
    json_u64(&json, event->number);
    json_key(&json, "content_block");
    json_object_begin(&json);
    json_key(&json, "type");
    json_cstring(&json, types[event->block]);
    switch (event->block) {
    case CANON_BLOCK_THINKING:
        write_pair(&json, "thinking", STR_LIT(""));
        write_pair(&json, "signature", STR_LIT(""));
        break;
    case CANON_BLOCK_REDACTED:
        write_pair(&json, "data", event->data);
        break;
    case CANON_BLOCK_TOOL:
        write_pair(&json, "id", event->id);
        write_pair(&json, "name", event->name);
        json_key(&json, "input");
        json_raw(&json, STR_LIT("{}"));
        break;
    case CANON_BLOCK_IMAGE:
        write_image(&json, event->media_type, event->data);
        break;
    default:
        write_pair(&json, "text", STR_LIT(""));
    }
    json_object_end(&json);
    event_end(stream->out);
}

/* The way of each token: pieces of constant text. */
static void
write_delta(struct canon_stream *stream, const struct canon_event *event,
            struct str type, struct str member)
{
    struct buf *out = stream->out;
    buf_append_str(out, STR_LIT("event: content_block_delta\ndata: {\"type\":"
                                "\"content_block_delta\",\"index\":"));
    buf_append_u64(out, event->number);
    buf_append_str(out, STR_LIT(",\"delta\":{\"type\":\""));
    buf_append_str(out, type);
    buf_append_str(out, STR_LIT("\",\""));
    buf_append_str(out, member);
    buf_append_str(out, STR_LIT("\":\""));
    buf_append_str(out, event->text);
    buf_append_str(out, STR_LIT("\"}}\n\n"));
}

static void
write_piece(struct canon_stream *stream, const struct canon_event *event)
{
    switch (event->block) {
    case CANON_BLOCK_THINKING:
        write_delta(stream, event, STR_LIT("thinking_delta"),
                    STR_LIT("thinking"));
        break;
    case CANON_BLOCK_TOOL:
        write_delta(stream, event, STR_LIT("input_json_delta"),
                    STR_LIT("partial_json"));
        break;
    default:
        write_delta(stream, event, STR_LIT("text_delta"), STR_LIT("text"));
    }
}

static void
write_block_end(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    event_begin(&json, stream->out, "content_block_stop");
    json_key(&json, "index");
    json_u64(&json, event->number);
    event_end(stream->out);
}

/* What the stop sequence was: kept until the end, short as those are. */
static void
note_finish(struct canon_stream *stream, struct str sequence)
{
    if (sequence.len == 0 || sequence.len > UINT16_MAX)
        return;
    struct span32 kept = canon_keep(stream, sequence);
    stream->writer_words[WRITER_SEQUENCE_OFF] = kept.off;
    stream->writer_words[WRITER_SEQUENCE_LEN] = kept.len;
}

static struct str
noted_sequence(const struct canon_stream *stream)
{
    struct span32 span = {
        (uint32_t)stream->writer_words[WRITER_SEQUENCE_OFF],
        (uint32_t)stream->writer_words[WRITER_SEQUENCE_LEN],
    };
    return span.len > 0 && !stream->failed ? canon_collected(stream, span)
                                           : str_make(NULL, 0);
}

static void
write_end(struct canon_stream *stream)
{
    struct json_writer json;
    struct buf *out = stream->out;
    if (stream->choices[0].stop == CANON_STOP_ERROR) {
        buf_append_str(
            out, STR_LIT("event: error\ndata: {\"type\":\"error\",\"error\":{"
                         "\"type\":\"api_error\",\"message\":\"the model "
                         "failed before its answer was complete\"}}\n\n"));
        return;
    }
    event_begin(&json, out, "message_delta");
    json_key(&json, "delta");
    json_object_begin(&json);
    write_stop(&json, stop_shown(stream), noted_sequence(stream));
    json_object_end(&json);
    json_key(&json, "usage");
    json_object_begin(&json);
    anthropic_write_usage(&json, &stream->usage);
    json_object_end(&json);
    event_end(out);
    buf_append_str(out, STR_LIT("event: message_stop\n"
                                "data: {\"type\":\"message_stop\"}\n\n"));
}

void
anthropic_write_event(struct canon_stream *stream,
                      const struct canon_event *event)
{
    if (event->choice > 0)
        return;
    switch (event->kind) {
    case CANON_EVENT_START:
        write_start(stream);
        break;
    case CANON_EVENT_BLOCK_START:
        if (event->block == CANON_BLOCK_REFUSAL)
            stream->writer_words[WRITER_REFUSED] = 1;
        write_block_start(stream, event);
        break;
    case CANON_EVENT_PIECE:
        write_piece(stream, event);
        break;
    case CANON_EVENT_SIGNATURE:
        /* of thoughts; others have no place for one */
        if (event->block == CANON_BLOCK_THINKING)
            write_delta(stream, event, STR_LIT("signature_delta"),
                        STR_LIT("signature"));
        break;
    case CANON_EVENT_BLOCK_END:
        write_block_end(stream, event);
        break;
    case CANON_EVENT_FINISH:
        note_finish(stream, event->text);
        break;
    case CANON_EVENT_END:
        write_end(stream);
        break;
    default:
        break; /* logprobs, vectors: not of this dialect */
    }
}

/* ---- in one piece ---- */

static bool
is_object(struct str text)
{
    struct json_reader reader;
    struct json_token token;
    json_reader_init(&reader, text);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return false;
    while (json_next(&reader, &token) > JSON_BAD)
        ;
    return token.type == JSON_END;
}

/* Arguments as the object that their text is; {} where it is none. */
static void
write_input(struct canon_stream *stream, struct json_writer *json,
            struct str text)
{
    struct buf *out = stream->out;
    json_key(json, "input");
    int len = -1;
    if (buf_reserve(out, text.len + 1) == 0)
        len = json_text_decode(text, out->data + out->end, text.len + 1);
    if (len > 0 && is_object(str_make(out->data + out->end, (size_t)len)))
        out->end += (size_t)len;
    else
        buf_append_str(out, STR_LIT("{}"));
    json->comma = true;
}

static void
write_block(struct canon_stream *stream, struct json_writer *json,
            const struct canon_block *block)
{
    struct str text = buf_view(&block->text);
    json_object_begin(json);
    json_key(json, "type");
    switch (block->kind) {
    case CANON_BLOCK_THINKING:
        json_cstring(json, "thinking");
        write_pair(json, "thinking", text);
        write_pair(json, "signature", buf_view(&block->signature));
        break;
    case CANON_BLOCK_REDACTED:
        json_cstring(json, "redacted_thinking");
        write_pair(json, "data", canon_collected(stream, block->data));
        break;
    case CANON_BLOCK_TOOL:
        json_cstring(json, "tool_use");
        write_pair(json, "id", canon_collected(stream, block->id));
        write_pair(json, "name", canon_collected(stream, block->name));
        write_input(stream, json, text);
        break;
    case CANON_BLOCK_IMAGE:
        json_cstring(json, "image");
        write_image(json, canon_collected(stream, block->media_type),
                    canon_collected(stream, block->data));
        break;
    default:
        json_cstring(json, "text");
        write_pair(json, "text", text);
    }
    json_object_end(json);
}

void
anthropic_write_plain(struct canon_stream *stream)
{
    struct json_writer json;
    json_writer_init(&json, stream->out);
    json_object_begin(&json);
    write_message_start(&json, stream);
    json_key(&json, "content");
    json_array_begin(&json);
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice > 0)
            continue;
        if (block->kind == CANON_BLOCK_REFUSAL)
            stream->writer_words[WRITER_REFUSED] = 1;
        write_block(stream, &json, block);
    }
    json_array_end(&json);
    write_stop(&json, stop_shown(stream),
               canon_collected(stream, stream->choices[0].stop_text));
    json_key(&json, "usage");
    json_object_begin(&json);
    anthropic_write_usage(&json, &stream->usage);
    json_object_end(&json);
    json_object_end(&json);
}
