/*
 * gemini_answer.c - canonical events as chunks of a stream of this dialect, and
 * what was collected as one answer.
 *
 * A chunk is written for each piece; its parts continue those before. Calls go
 * out whole, when their arguments are complete. Why it ended and what it used
 * stand in the last chunk, as Google has them. Thoughts are shown to clients
 * that asked for them (includeThoughts), with the signature that must come back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_vector.h"
#include "worker/dialect/gemini_part.h"

const char *
gemini_finish_reason(uint8_t stop)
{
    switch (stop) {
    case CANON_STOP_LENGTH:
    case CANON_STOP_CONTEXT:
        return "MAX_TOKENS";
    case CANON_STOP_FILTER:
        return "SAFETY";
    case CANON_STOP_PAUSE:
        return "CONTINUATION";
    case CANON_STOP_ERROR:
        return "OTHER";
    default: /* calls as well */
        return "STOP";
    }
}

static bool
shows_thoughts(const struct canon_stream *stream)
{
    return stream->request != NULL &&
           stream->request->show_thinking == CANON_YES;
}

/* ---- parts ---- */

/* The object that a text stands for; a text that is none is a call without
 * arguments, for anything else would be no JSON. */
static void
write_arguments(struct json_writer *json, struct str text)
{
    struct buf plain;
    buf_init(&plain, 0);
    if (memchr(text.ptr, '\\', text.len) != NULL &&
        buf_reserve(&plain, text.len + 1) == 0) {
        int len = json_text_decode(text, plain.data, text.len + 1);
        text = str_make(plain.data, len > 0 ? (size_t)len : 0);
    }
    json_key(json, "args");
    json_raw_line(json, json_is(text, JSON_OBJECT) ? text : STR_LIT("{}"));
    buf_fini(&plain);
}

static void
write_signature(struct json_writer *json, struct str signature)
{
    if (signature.len == 0)
        return;
    json_key(json, "thoughtSignature");
    json_inside(json, signature);
}

static void
write_text(struct json_writer *json, struct str text, bool is_thought)
{
    json_object_begin(json);
    json_key(json, "text");
    json_inside(json, text);
    if (is_thought) {
        json_key(json, "thought");
        json_bool(json, true);
    }
}

static void
write_call(struct json_writer *json, const struct canon_stream *stream,
           const struct canon_block *block)
{
    json_object_begin(json);
    json_key(json, "functionCall");
    json_object_begin(json);
    json_key(json, "id");
    json_inside(json, canon_collected(stream, block->id));
    json_key(json, "name");
    json_inside(json, canon_collected(stream, block->name));
    write_arguments(json, buf_view(&block->text));
    json_object_end(json);
    write_signature(json, buf_view(&block->signature));
    json_object_end(json);
}

static void
write_image(struct json_writer *json, struct str media_type, struct str data)
{
    json_object_begin(json);
    json_key(json, "inlineData");
    json_object_begin(json);
    json_key(json, "mimeType");
    json_inside(json, media_type);
    json_key(json, "data");
    json_inside(json, data);
    json_object_end(json);
    json_object_end(json);
}

/* ---- what stands around them ---- */

static void
candidate_begin(struct json_writer *json)
{
    json_object_begin(json);
    json_key(json, "content");
    json_object_begin(json);
    json_key(json, "parts");
    json_array_begin(json);
}

/* Behind its parts; the members behind `index` are the caller's. */
static void
candidate_parts_end(struct json_writer *json, uint32_t choice)
{
    json_array_end(json);
    json_key(json, "role");
    json_inside(json, STR_LIT("model"));
    json_object_end(json);
    json_key(json, "index");
    json_u64(json, choice);
}

static void
write_names(struct json_writer *json, const struct canon_stream *stream)
{
    const struct answer *answer = stream->answer;
    json_key(json, "modelVersion");
    if (stream->call != NULL)
        json_string(json,
                    str_make(stream->call->model, stream->call->model_len));
    else
        json_cstring(json, answer->model);
    json_key(json, "responseId");
    json_cstring(json, answer->id[0] != '\0' ? answer->id : stream->request_id);
}

static void
chunk_begin(struct json_writer *json, struct canon_stream *stream)
{
    buf_append_str(stream->out, STR_LIT("data: "));
    json_writer_init(json, stream->out);
    json_object_begin(json);
    json_key(json, "candidates");
    json_array_begin(json);
}

static void
chunk_end(struct json_writer *json, struct canon_stream *stream)
{
    write_names(json, stream);
    json_object_end(json);
    buf_append_str(stream->out, STR_LIT("\r\n\r\n"));
}

/* ---- events ---- */

static const struct canon_block *
last_block(const struct canon_stream *stream, uint32_t choice)
{
    for (uint32_t i = stream->block_count; i-- > 0;)
        if (stream->blocks[i].choice == choice)
            return &stream->blocks[i];
    return NULL;
}

/* Any other chunk: with one part, or with log probabilities and none. */
static void
write_chunk(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    const struct canon_block *block;
    chunk_begin(&json, stream);
    candidate_begin(&json);
    switch (event->kind) {
    case CANON_EVENT_SIGNATURE:
        write_text(&json, str_make("", 0), true);
        write_signature(&json, event->text);
        json_object_end(&json);
        break;
    case CANON_EVENT_BLOCK_START:
        write_image(&json, event->media_type, event->data);
        break;
    case CANON_EVENT_BLOCK_END:
        block = last_block(stream, event->choice);
        if (block != NULL)
            write_call(&json, stream, block);
        break;
    default:
        break;
    }
    candidate_parts_end(&json, event->choice);
    if (event->kind == CANON_EVENT_LOGPROBS)
        gemini_logprobs_write(&json, event->value);
    json_object_end(&json);
    json_array_end(&json);
    chunk_end(&json, stream);
}

/* The chunk of most events, written at one go. */
static void
write_piece(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    struct buf *out = stream->out;
    buf_append_str(out, STR_LIT("data: {\"candidates\":[{\"content\":{"
                                "\"parts\":[{\"text\":\""));
    buf_append_str(out, event->text);
    if (event->block == CANON_BLOCK_THINKING)
        buf_append_str(out, STR_LIT("\",\"thought\":true}],\"role\":"
                                    "\"model\"},\"index\":"));
    else
        buf_append_str(out, STR_LIT("\"}],\"role\":\"model\"},"
                                    "\"index\":"));
    buf_append_u64(out, event->choice);
    buf_append_str(out, STR_LIT("}]"));
    json_writer_init(&json, out);
    json.comma = true;
    chunk_end(&json, stream);
}

/* Why each candidate ended, and what all of it used. */
static void
write_end(struct canon_stream *stream)
{
    struct json_writer json;
    chunk_begin(&json, stream);
    for (uint32_t i = 0; i < CANON_CHOICES_MAX; i++) {
        if (!stream->choices[i].finished)
            continue;
        candidate_begin(&json);
        json_raw(&json, STR_LIT("{\"text\":\"\"}"));
        candidate_parts_end(&json, i);
        json_key(&json, "finishReason");
        json_cstring(&json, gemini_finish_reason(stream->choices[i].stop));
        json_object_end(&json);
    }
    json_array_end(&json);
    gemini_write_usage(&json, &stream->usage);
    chunk_end(&json, stream);
}

/* Whether an event is a chunk of its own. */
static bool
is_told(const struct canon_stream *stream, const struct canon_event *event)
{
    bool is_hidden =
        event->block == CANON_BLOCK_THINKING && !shows_thoughts(stream);
    switch (event->kind) {
    case CANON_EVENT_PIECE:
        return event->block != CANON_BLOCK_TOOL && !is_hidden;
    case CANON_EVENT_SIGNATURE: /* that of a call goes out with it */
        return event->block == CANON_BLOCK_THINKING && !is_hidden;
    case CANON_EVENT_BLOCK_START:
        return event->block == CANON_BLOCK_IMAGE;
    case CANON_EVENT_BLOCK_END:
        return event->block == CANON_BLOCK_TOOL;
    default:
        return event->kind == CANON_EVENT_LOGPROBS;
    }
}

void
gemini_write_event(struct canon_stream *stream, const struct canon_event *event)
{
    if (event->kind == CANON_EVENT_END)
        write_end(stream);
    else if (!is_told(stream, event))
        return;
    else if (event->kind == CANON_EVENT_PIECE)
        write_piece(stream, event);
    else
        write_chunk(stream, event);
}

/* ---- one answer ---- */

static void
write_block(struct json_writer *json, const struct canon_stream *stream,
            const struct canon_block *block)
{
    bool is_thought = block->kind == CANON_BLOCK_THINKING;
    switch (block->kind) {
    case CANON_BLOCK_TOOL:
        write_call(json, stream, block);
        break;
    case CANON_BLOCK_IMAGE:
        write_image(json, canon_collected(stream, block->media_type),
                    canon_collected(stream, block->data));
        break;
    case CANON_BLOCK_REDACTED: /* only its provider could read it */
        break;
    default:
        if (is_thought && !shows_thoughts(stream))
            break;
        write_text(json, buf_view(&block->text), is_thought);
        if (is_thought)
            write_signature(json, buf_view(&block->signature));
        json_object_end(json);
    }
}

static void
write_candidate(struct json_writer *json, const struct canon_stream *stream,
                uint32_t choice)
{
    const struct canon_choice *c = &stream->choices[choice];
    candidate_begin(json);
    for (uint32_t i = 0; i < stream->block_count; i++)
        if (stream->blocks[i].choice == choice)
            write_block(json, stream, &stream->blocks[i]);
    candidate_parts_end(json, choice);
    json_key(json, "finishReason");
    json_cstring(json, gemini_finish_reason(c->stop));
    if (buf_len(&c->logprobs) > 0) {
        struct buf list;
        buf_init(&list, 0);
        buf_append_char(&list, '[');
        buf_append_str(&list, buf_view(&c->logprobs));
        buf_append_char(&list, ']');
        gemini_logprobs_write(json, buf_view(&list));
        buf_fini(&list);
    }
    json_object_end(json);
}

static void
write_vector(struct json_writer *json, const struct canon_stream *stream,
             uint32_t number)
{
    struct str values = {NULL, 0};
    if (number < stream->vector_count)
        values = canon_collected(stream, stream->vectors[number]);
    json_object_begin(json);
    json_key(json, "values");
    if (values.len > 0)
        canon_vector_list(json->out, values);
    else
        json_raw(json, STR_LIT("[]"));
    json->comma = true;
    json_object_end(json);
}

static void
write_vectors(struct json_writer *json, const struct canon_stream *stream)
{
    if (stream->call->endpoint == ENDPOINT_EMBED) {
        json_key(json, "embedding");
        write_vector(json, stream, 0);
        return;
    }
    json_key(json, "embeddings");
    json_array_begin(json);
    for (uint32_t i = 0; i < stream->vector_count; i++)
        write_vector(json, stream, i);
    json_array_end(json);
}

void
gemini_write_plain(struct canon_stream *stream)
{
    struct json_writer json;
    json_writer_init(&json, stream->out);
    json_object_begin(&json);
    if (stream->call != NULL &&
        (stream->call->endpoint == ENDPOINT_EMBED ||
         stream->call->endpoint == ENDPOINT_BATCH_EMBED)) {
        write_vectors(&json, stream);
        json_object_end(&json);
        return;
    }
    json_key(&json, "candidates");
    json_array_begin(&json);
    for (uint32_t i = 0; i < CANON_CHOICES_MAX; i++)
        if (stream->choices[i].is_used)
            write_candidate(&json, stream, i);
    json_array_end(&json);
    gemini_write_usage(&json, &stream->usage);
    write_names(&json, stream);
    json_object_end(&json);
}
