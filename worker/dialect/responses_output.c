/*
 * responses_output.c - collected blocks as output items.
 *
 *   text, refusal   a message of one part
 *   thinking        a reasoning item; what signs it is its encrypted_content, so
 *                   that a client which sends its items back keeps it
 *   redacted        a reasoning item without a summary
 *   tool call       function_call, or custom_tool_call where the tool was one;
 *                   what signs it goes in a reasoning item behind it
 *   image           image_generation_call
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

const char *
responses_status_name(enum responses_status status)
{
    static const char *const words[] = {"in_progress", "completed",
                                        "incomplete", "failed"};
    return words[status];
}

const struct responses_alias *
responses_block_alias(struct canon_stream *stream,
                      const struct canon_block *block)
{
    uint64_t *words = stream->writer_words;
    uint64_t number = (uint64_t)(block - stream->blocks) + 1;
    if (stream->request == NULL || stream->request->own == NULL)
        return NULL;
    const struct responses_own *own = stream->request->own;
    if (words[RESPONSES_ALIAS_BLOCK] != number) {
        const struct responses_alias *alias = responses_alias_of(
            stream->request, canon_collected(stream, block->name));
        words[RESPONSES_ALIAS_BLOCK] = number;
        words[RESPONSES_ALIAS] =
            alias == NULL ? 0 : (uint64_t)(alias - own->aliases) + 1;
    }
    return words[RESPONSES_ALIAS] == 0
               ? NULL
               : &own->aliases[words[RESPONSES_ALIAS] - 1];
}

static const char *
id_prefix(struct canon_stream *stream, const struct canon_block *block)
{
    const struct responses_alias *alias;
    switch (block->kind) {
    case CANON_BLOCK_TOOL:
        alias = responses_block_alias(stream, block);
        return alias != NULL && alias->is_custom ? "ctc" : "fc";
    case CANON_BLOCK_IMAGE:
        return "ig";
    case CANON_BLOCK_THINKING:
    case CANON_BLOCK_REDACTED:
        return "rs";
    default:
        return "msg";
    }
}

void
responses_append_item_id(struct buf *out, struct canon_stream *stream,
                         const struct canon_block *block, uint64_t number)
{
    enum { REQUEST_ID_MOST = 64 };
    struct str ours = str_from(stream->request_id);
    if (ours.len > REQUEST_ID_MOST)
        ours.len = REQUEST_ID_MOST;
    buf_append_cstr(out, block == NULL ? "rs" : id_prefix(stream, block));
    buf_append_char(out, '_');
    buf_append_str(out, ours);
    buf_append_char(out, '_');
    buf_append_u64(out, number);
}

/* As the first member of an object. */
static void
write_id(struct json_writer *json, struct canon_stream *stream,
         const struct canon_block *block, uint64_t number)
{
    buf_append_str(json->out, STR_LIT("\"id\":\""));
    responses_append_item_id(json->out, stream, block, number);
    buf_append_char(json->out, '"');
    json->comma = true;
}

static void
write_text(struct json_writer *json, const char *name, struct str text)
{
    json_key(json, name);
    json_inside(json, text);
}

static void
write_word(struct json_writer *json, const char *name, const char *word)
{
    json_key(json, name);
    json_cstring(json, word);
}

/* ---- messages ---- */

static bool
is_first_text(const struct canon_stream *stream,
              const struct canon_block *block)
{
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *other = &stream->blocks[i];
        if (other->choice == 0 && other->kind == CANON_BLOCK_TEXT)
            return other == block;
    }
    return false;
}

void
responses_write_logprobs(struct json_writer *json,
                         const struct canon_stream *stream,
                         const struct canon_block *block, struct str text)
{
    json_key(json, "logprobs");
    json_array_begin(json);
    const struct buf *told = &stream->choices[0].logprobs;
    if (text.len > 0 && buf_len(told) > 0 && is_first_text(stream, block))
        json_raw(json, buf_view(told));
    json_array_end(json);
}

void
responses_write_content(struct json_writer *json,
                        const struct canon_stream *stream,
                        const struct canon_block *block, struct str text)
{
    json_object_begin(json);
    if (block->kind == CANON_BLOCK_REFUSAL) {
        write_word(json, "type", "refusal");
        write_text(json, "refusal", text);
    } else {
        write_word(json, "type", "output_text");
        json_key(json, "annotations");
        json_raw(json, STR_LIT("[]"));
        responses_write_logprobs(json, stream, block, text);
        write_text(json, "text", text);
    }
    json_object_end(json);
}

static void
write_message(struct json_writer *json, const struct canon_stream *stream,
              const struct canon_block *block, enum responses_status status)
{
    write_word(json, "type", "message");
    write_word(json, "status", responses_status_name(status));
    json_key(json, "content");
    json_array_begin(json);
    if (status != RESPONSES_IN_PROGRESS)
        responses_write_content(json, stream, block, buf_view(&block->text));
    json_array_end(json);
    write_word(json, "role", "assistant");
}

/* ---- other items ---- */

static void
write_reasoning(struct json_writer *json, const struct canon_stream *stream,
                const struct canon_block *block, enum responses_status status)
{
    struct str text = buf_view(&block->text);
    struct str secret = block->kind == CANON_BLOCK_REDACTED
                            ? canon_collected(stream, block->data)
                            : buf_view(&block->signature);
    bool whole = status != RESPONSES_IN_PROGRESS;
    write_word(json, "type", "reasoning");
    json_key(json, "summary");
    json_array_begin(json);
    if (whole && text.len > 0) {
        json_object_begin(json);
        write_word(json, "type", "summary_text");
        write_text(json, "text", text);
        json_object_end(json);
    }
    json_array_end(json);
    if (whole && secret.len > 0)
        write_text(json, "encrypted_content", secret);
}

static void
write_call(struct json_writer *json, struct canon_stream *stream,
           const struct canon_block *block, enum responses_status status)
{
    const struct responses_alias *alias = responses_block_alias(stream, block);
    bool is_custom = alias != NULL && alias->is_custom;
    struct str text = {NULL, 0};
    struct buf room;
    buf_init(&room, 0);
    if (status != RESPONSES_IN_PROGRESS)
        text = buf_view(&block->text);
    if (is_custom)
        text = responses_custom_input(text, &room);
    write_word(json, "type", is_custom ? "custom_tool_call" : "function_call");
    write_word(json, "status", responses_status_name(status));
    write_text(json, is_custom ? "input" : "arguments", text);
    write_text(json, "call_id", canon_collected(stream, block->id));
    write_text(json, "name",
               alias != NULL ? alias->name
                             : canon_collected(stream, block->name));
    if (alias != NULL && alias->space.len > 0)
        write_text(json, "namespace", alias->space);
    buf_fini(&room);
}

static void
write_image(struct json_writer *json, const struct canon_stream *stream,
            const struct canon_block *block, enum responses_status status)
{
    write_word(json, "type", "image_generation_call");
    write_word(json, "status", responses_status_name(status));
    json_key(json, "result");
    if (status == RESPONSES_IN_PROGRESS)
        json_null(json);
    else
        json_inside(json, canon_collected(stream, block->data));
}

void
responses_write_item(struct json_writer *json, struct canon_stream *stream,
                     const struct canon_block *block, uint64_t number,
                     enum responses_status status)
{
    json_object_begin(json);
    write_id(json, stream, block, number);
    switch (block->kind) {
    case CANON_BLOCK_TOOL:
        write_call(json, stream, block, status);
        break;
    case CANON_BLOCK_IMAGE:
        write_image(json, stream, block, status);
        break;
    case CANON_BLOCK_THINKING:
    case CANON_BLOCK_REDACTED:
        write_reasoning(json, stream, block, status);
        break;
    default:
        write_message(json, stream, block, status);
    }
    json_object_end(json);
}

void
responses_write_call_mark(struct json_writer *json, struct canon_stream *stream,
                          const struct canon_block *block, uint64_t number)
{
    json_object_begin(json);
    write_id(json, stream, NULL, number);
    write_word(json, "type", "reasoning");
    json_key(json, "summary");
    json_raw(json, STR_LIT("[]"));
    json_key(json, "encrypted_content");
    struct buf *out = json->out; /* one text of three pieces */
    json_inside(json, STR_LIT(RESPONSES_CALL_MARK));
    if (buf_ok(out))
        out->end--; /* its quote, which comes behind the last */
    buf_append_str(out, canon_collected(stream, block->id));
    buf_append_char(out, ':');
    buf_append_str(out, buf_view(&block->signature));
    buf_append_char(out, '"');
    json_object_end(json);
}
