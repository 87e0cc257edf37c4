/*
 * openai_write_plain.c - what was collected of an answer as one chat completion,
 * or as a list of embeddings.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_vector.h"
#include "worker/dialect/openai_canon.h"

static const struct str none = {NULL, 0};

static const struct canon_block *
next_block(const struct canon_stream *stream, uint32_t choice, uint8_t kind,
           uint32_t *at)
{
    while (*at < stream->block_count) {
        const struct canon_block *block = &stream->blocks[(*at)++];
        if (block->choice == choice && block->kind == kind)
            return block;
    }
    return NULL;
}

static bool
has_block(const struct canon_stream *stream, uint32_t choice, uint8_t kind)
{
    uint32_t at = 0;
    return next_block(stream, choice, kind, &at) != NULL;
}

/* The texts of all blocks of a kind as one string. */
static void
write_texts(struct json_writer *json, const struct canon_stream *stream,
            uint32_t choice, uint8_t kind)
{
    const struct canon_block *block;
    uint32_t at = 0;
    json_raw(json, STR_LIT("\""));
    while ((block = next_block(stream, choice, kind, &at)) != NULL)
        buf_append_str(json->out, buf_view(&block->text));
    buf_append_char(json->out, '"');
}

static void
write_texts_or_null(struct json_writer *json, const char *name,
                    const struct canon_stream *stream, uint32_t choice,
                    uint8_t kind)
{
    json_key(json, name);
    if (has_block(stream, choice, kind))
        write_texts(json, stream, choice, kind);
    else
        json_null(json);
}

/* Whether thoughts have what a client must send back unchanged. */
static bool
has_details(const struct canon_stream *stream, uint32_t choice)
{
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice == choice && (block->kind == CANON_BLOCK_REDACTED ||
                                        (block->kind == CANON_BLOCK_THINKING &&
                                         buf_len(&block->signature) > 0)))
            return true;
    }
    return false;
}

static void
write_thinking(struct json_writer *json, const struct canon_stream *stream,
               uint32_t choice)
{
    if (has_block(stream, choice, CANON_BLOCK_THINKING)) {
        json_key(json, "reasoning_content");
        write_texts(json, stream, choice, CANON_BLOCK_THINKING);
    }
    if (!has_details(stream, choice))
        return;
    json_key(json, "reasoning_details");
    json_array_begin(json);
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice != choice)
            continue;
        if (block->kind == CANON_BLOCK_THINKING)
            openai_write_detail(json, buf_view(&block->text),
                                buf_view(&block->signature), none);
        else if (block->kind == CANON_BLOCK_REDACTED)
            openai_write_detail(json, none, none,
                                canon_collected(stream, block->data));
    }
    json_array_end(json);
}

static void
write_tools(struct json_writer *json, const struct canon_stream *stream,
            uint32_t choice)
{
    const struct canon_block *block;
    uint32_t at = 0;
    if (!has_block(stream, choice, CANON_BLOCK_TOOL))
        return;
    json_key(json, "tool_calls");
    json_array_begin(json);
    while ((block = next_block(stream, choice, CANON_BLOCK_TOOL, &at)) !=
           NULL) {
        json_object_begin(json);
        openai_write_tool_begin(json, canon_collected(stream, block->id),
                                canon_collected(stream, block->name));
        json_inside(json, buf_view(&block->text));
        json_object_end(json);
        if (buf_len(&block->signature) > 0)
            openai_write_tool_signature(json, buf_view(&block->signature));
        json_object_end(json);
    }
    json_array_end(json);
}

static void
write_images(struct json_writer *json, const struct canon_stream *stream,
             uint32_t choice)
{
    const struct canon_block *block;
    uint32_t at = 0;
    if (!has_block(stream, choice, CANON_BLOCK_IMAGE))
        return;
    json_key(json, "images");
    json_array_begin(json);
    while ((block = next_block(stream, choice, CANON_BLOCK_IMAGE, &at)) != NULL)
        openai_write_image(json, canon_collected(stream, block->media_type),
                           canon_collected(stream, block->data));
    json_array_end(json);
}

static void
write_logprobs(struct json_writer *json, const struct canon_choice *choice)
{
    json_key(json, "logprobs");
    if (buf_len(&choice->logprobs) == 0) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_key(json, "content");
    json_array_begin(json);
    json_raw(json, buf_view(&choice->logprobs));
    json_array_end(json);
    json_key(json, "refusal");
    json_null(json);
    json_object_end(json);
}

static void
write_choice(struct json_writer *json, const struct canon_stream *stream,
             uint32_t number)
{
    const struct canon_choice *choice = &stream->choices[number];
    json_object_begin(json);
    json_key(json, "index");
    json_u64(json, number);
    json_key(json, "message");
    json_object_begin(json);
    json_key(json, "role");
    json_inside(json, STR_LIT("assistant"));
    write_texts_or_null(json, "content", stream, number, CANON_BLOCK_TEXT);
    write_texts_or_null(json, "refusal", stream, number, CANON_BLOCK_REFUSAL);
    write_thinking(json, stream, number);
    write_images(json, stream, number);
    write_tools(json, stream, number);
    json_object_end(json);
    write_logprobs(json, choice);
    json_key(json, "finish_reason");
    json_cstring(json, openai_finish_name(choice->stop));
    json_object_end(json);
}

/* ---- embeddings ---- */

static bool
wants_base64(const struct canon_stream *stream)
{
    return stream->request != NULL &&
           str_equals(stream->request->fields[CANON_FIELD_ENCODING],
                      STR_LIT("\"base64\""));
}

static void
write_vector(struct json_writer *json, const struct canon_stream *stream,
             uint32_t number)
{
    struct str value = canon_collected(stream, stream->vectors[number]);
    json_object_begin(json);
    json_key(json, "object");
    json_inside(json, STR_LIT("embedding"));
    json_key(json, "index");
    json_u64(json, number);
    json_key(json, "embedding");
    if (value.len == 0)
        json_raw(json, STR_LIT("[]"));
    else if (wants_base64(stream))
        canon_vector_base64(json->out, value);
    else
        canon_vector_list(json->out, value);
    json->comma = true;
    json_object_end(json);
}

static void
write_embeddings(struct canon_stream *stream)
{
    struct json_writer json;
    uint64_t input = stream->usage.prompt_missed + stream->usage.cached +
                     stream->usage.cache_creation + stream->usage.audio_in;
    json_writer_init(&json, stream->out);
    json_object_begin(&json);
    json_key(&json, "object");
    json_inside(&json, STR_LIT("list"));
    json_key(&json, "data");
    json_array_begin(&json);
    for (uint32_t i = 0; i < stream->vector_count; i++)
        write_vector(&json, stream, i);
    json_array_end(&json);
    json_key(&json, "model");
    json_string(&json, str_make(stream->call->model, stream->call->model_len));
    json_key(&json, "usage");
    json_object_begin(&json);
    json_key(&json, "prompt_tokens");
    json_u64(&json, input);
    json_key(&json, "total_tokens");
    json_u64(&json, input);
    json_object_end(&json);
    json_object_end(&json);
}

void
openai_write_plain(struct canon_stream *stream)
{
    struct json_writer json;
    if (stream->call->endpoint == ENDPOINT_EMBEDDINGS) {
        write_embeddings(stream);
        return;
    }
    json_writer_init(&json, stream->out);
    openai_write_frame(&json, stream);
    for (uint32_t i = 0; i < CANON_CHOICES_MAX; i++)
        if (stream->choices[i].is_used)
            write_choice(&json, stream, i);
    json_array_end(&json);
    openai_write_usage(&json, &stream->usage);
    json_object_end(&json);
}
