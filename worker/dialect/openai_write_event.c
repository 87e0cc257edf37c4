/*
 * openai_write_event.c - a canonical answer as the events of a chat completion.
 *
 * Each choice begins with its role. Signatures of thinking go out as OpenRouter
 * tells them (reasoning_details), those of tool calls as Gemini does
 * (extra_content.google.thought_signature): clients that send back what they
 * got keep them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"

/* writer_words: a bit per choice that has its role; whether the provider's id
 * was there at the start, for it stays what it is at the start. */
enum { WORD_ROLES, WORD_KEEPS_ID };

const char *
openai_finish_name(uint8_t stop)
{
    switch (stop) {
    case CANON_STOP_LENGTH:
    case CANON_STOP_CONTEXT:
        return "length";
    case CANON_STOP_TOOLS:
        return "tool_calls";
    case CANON_STOP_FILTER:
        return "content_filter";
    default:
        return "stop";
    }
}

/* Whether its own id could be one of this API's. */
static bool
has_good_id(const struct canon_stream *stream)
{
    return str_starts_with(str_from(stream->answer->id), STR_LIT("chatcmpl-"));
}

static void
write_id(struct json_writer *json, const struct canon_stream *stream, bool keep)
{
    struct str id = str_from(stream->answer->id);
    if (keep) {
        json_string(json, id);
        return;
    }
    char made[96] = "chatcmpl-";
    struct str request = str_from(stream->request_id);
    size_t room = sizeof(made) - 9;
    size_t len = request.len < room ? request.len : room;
    if (len > 0)
        memcpy(made + 9, request.ptr, len);
    json_string(json, str_make(made, 9 + len));
}

/* Pieces of literals, because it is the longest part of most events. */
static void
write_frame(struct json_writer *json, const struct canon_stream *stream,
            struct str object, bool keep_id)
{
    struct buf *out = json->out;
    buf_append_str(out, STR_LIT("{\"id\":"));
    json->comma = false;
    write_id(json, stream, keep_id);
    buf_append_str(out, object);
    buf_append_i64(out, stream->created_s);
    buf_append_str(out, STR_LIT(",\"model\":"));
    json->comma = false;
    json_string(json, str_make(stream->call->model, stream->call->model_len));
    buf_append_str(out, STR_LIT(",\"choices\":["));
    json->comma = false;
}

void
openai_write_frame(struct json_writer *json, const struct canon_stream *stream)
{
    write_frame(json, stream,
                STR_LIT(",\"object\":\"chat.completion\","
                        "\"system_fingerprint\":null,\"created\":"),
                has_good_id(stream));
}

void
openai_write_tool_begin(struct json_writer *json, struct str id,
                        struct str name)
{
    json_key(json, "id");
    json_inside(json, id);
    json_key(json, "type");
    json_inside(json, STR_LIT("function"));
    json_key(json, "function");
    json_object_begin(json);
    json_key(json, "name");
    json_inside(json, name);
    json_key(json, "arguments");
}

void
openai_write_tool_signature(struct json_writer *json, struct str signature)
{
    json_key(json, "extra_content");
    json_object_begin(json);
    json_key(json, "google");
    json_object_begin(json);
    json_key(json, "thought_signature");
    json_inside(json, signature);
    json_object_end(json);
    json_object_end(json);
}

void
openai_write_detail(struct json_writer *json, struct str text,
                    struct str signature, struct str data)
{
    json_object_begin(json);
    json_key(json, "type");
    json_inside(json, data.len > 0 ? STR_LIT("reasoning.encrypted")
                                   : STR_LIT("reasoning.text"));
    if (data.len > 0) {
        json_key(json, "data");
        json_inside(json, data);
    } else if (text.len > 0) {
        json_key(json, "text");
        json_inside(json, text);
    }
    if (signature.len > 0) {
        json_key(json, "signature");
        json_inside(json, signature);
    }
    json_object_end(json);
}

void
openai_write_image(struct json_writer *json, struct str media_type,
                   struct str data)
{
    json_object_begin(json);
    json_key(json, "type");
    json_inside(json, STR_LIT("image_url"));
    json_key(json, "image_url");
    json_object_begin(json);
    json_key(json, "url");
    json_raw(json, STR_LIT("\"data:"));
    buf_append_str(json->out, media_type);
    buf_append_str(json->out, STR_LIT(";base64,"));
    buf_append_str(json->out, data);
    buf_append_char(json->out, '"');
    json_object_end(json);
    json_object_end(json);
}

/* ---- events ---- */

static void
chunk_begin(struct json_writer *json, const struct canon_stream *stream)
{
    buf_append_str(stream->out, STR_LIT("data: "));
    json_writer_init(json, stream->out);
    write_frame(json, stream,
                STR_LIT(",\"object\":\"chat.completion.chunk\",\"created\":"),
                stream->writer_words[WORD_KEEPS_ID] != 0);
}

/* Up to the members of the delta. */
static void
delta_begin(struct json_writer *json, const struct canon_stream *stream,
            uint32_t choice)
{
    chunk_begin(json, stream);
    buf_append_str(json->out, STR_LIT("{\"index\":"));
    buf_append_u64(json->out, choice);
    buf_append_str(json->out, STR_LIT(",\"delta\":{"));
}

/* `logprobs`: a list, or empty; `finish`: NULL while it goes on. */
static void
delta_end(struct json_writer *json, const struct canon_stream *stream,
          struct str logprobs, const char *finish)
{
    struct buf *out = json->out;
    if (logprobs.len > 0) {
        buf_append_str(out, STR_LIT("},\"logprobs\":{\"content\":"));
        buf_append_str(out, logprobs);
        buf_append_str(out, STR_LIT(",\"refusal\":null},\"finish_reason\":"));
    } else {
        buf_append_str(out, STR_LIT("},\"logprobs\":null,\"finish_reason\":"));
    }
    json->comma = false;
    json_cstring(json, finish);
    if (stream->include_usage)
        buf_append_str(out, STR_LIT("}],\"usage\":null}\n\n"));
    else
        buf_append_str(out, STR_LIT("}]}\n\n"));
}

static const struct str none = {NULL, 0};

static void
write_role(struct canon_stream *stream, uint32_t choice)
{
    struct json_writer json;
    uint64_t bit = UINT64_C(1) << (choice & 63);
    if ((stream->writer_words[WORD_ROLES] & bit) != 0)
        return;
    stream->writer_words[WORD_ROLES] |= bit;
    delta_begin(&json, stream, choice);
    json_key(&json, "role");
    json_inside(&json, STR_LIT("assistant"));
    json_key(&json, "content");
    json_inside(&json, none);
    json_key(&json, "refusal");
    json_null(&json);
    delta_end(&json, stream, none, NULL);
}

static void
tool_delta_begin(struct json_writer *json, const struct canon_event *event)
{
    buf_append_str(json->out, STR_LIT("\"tool_calls\":[{\"index\":"));
    buf_append_u64(json->out, event->tool);
    json->comma = true;
}

static void
tool_delta_end(struct json_writer *json)
{
    json_object_end(json);
    json_array_end(json);
}

/* Blocks of text have no beginning here. */
static void
write_block_start(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    if (event->block != CANON_BLOCK_TOOL &&
        event->block != CANON_BLOCK_REDACTED &&
        event->block != CANON_BLOCK_IMAGE)
        return;
    delta_begin(&json, stream, event->choice);
    if (event->block == CANON_BLOCK_TOOL) {
        tool_delta_begin(&json, event);
        openai_write_tool_begin(&json, event->id, event->name);
        json_inside(&json, none);
        json_object_end(&json);
        tool_delta_end(&json);
    } else if (event->block == CANON_BLOCK_REDACTED) {
        json_key(&json, "reasoning_details");
        json_array_begin(&json);
        openai_write_detail(&json, none, none, event->data);
        json_array_end(&json);
    } else {
        json_key(&json, "images");
        json_array_begin(&json);
        openai_write_image(&json, event->media_type, event->data);
        json_array_end(&json);
    }
    delta_end(&json, stream, none, NULL);
}

static void
write_piece(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    delta_begin(&json, stream, event->choice);
    switch (event->block) {
    case CANON_BLOCK_TOOL:
        tool_delta_begin(&json, event);
        buf_append_str(json.out, STR_LIT(",\"function\":{\"arguments\":"));
        json.comma = false;
        json_inside(&json, event->text);
        buf_append_str(json.out, STR_LIT("}}]"));
        break;
    case CANON_BLOCK_THINKING:
        json_key(&json, "reasoning_content");
        json_inside(&json, event->text);
        break;
    case CANON_BLOCK_REFUSAL:
        json_key(&json, "refusal");
        json_inside(&json, event->text);
        break;
    default:
        buf_append_str(json.out, STR_LIT("\"content\":"));
        json_inside(&json, event->text);
    }
    delta_end(&json, stream, none, NULL);
}

/* Clients that put deltas of tool calls together look for `function` in each. */
static void
write_signature(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    if (event->block != CANON_BLOCK_TOOL &&
        event->block != CANON_BLOCK_THINKING)
        return;
    delta_begin(&json, stream, event->choice);
    if (event->block == CANON_BLOCK_TOOL) {
        tool_delta_begin(&json, event);
        json_key(&json, "function");
        json_object_begin(&json);
        json_key(&json, "arguments");
        json_inside(&json, none);
        json_object_end(&json);
        openai_write_tool_signature(&json, event->text);
        tool_delta_end(&json);
    } else {
        json_key(&json, "reasoning_details");
        json_array_begin(&json);
        openai_write_detail(&json, none, event->text, none);
        json_array_end(&json);
    }
    delta_end(&json, stream, none, NULL);
}

static void
write_end(struct canon_stream *stream)
{
    struct json_writer json;
    if (stream->include_usage) {
        chunk_begin(&json, stream);
        json_array_end(&json);
        openai_write_usage(&json, &stream->usage);
        json_object_end(&json);
        buf_append_str(stream->out, STR_LIT("\n\n"));
    }
    buf_append_str(stream->out, STR_LIT("data: [DONE]\n\n"));
}

void
openai_write_event(struct canon_stream *stream, const struct canon_event *event)
{
    struct json_writer json;
    if (event->kind == CANON_EVENT_START)
        stream->writer_words[WORD_KEEPS_ID] = has_good_id(stream);
    if (event->kind != CANON_EVENT_END)
        write_role(stream, event->choice);
    switch (event->kind) {
    case CANON_EVENT_BLOCK_START:
        write_block_start(stream, event);
        break;
    case CANON_EVENT_PIECE:
        write_piece(stream, event);
        break;
    case CANON_EVENT_SIGNATURE:
        write_signature(stream, event);
        break;
    case CANON_EVENT_LOGPROBS:
        delta_begin(&json, stream, event->choice);
        delta_end(&json, stream, event->value, NULL);
        break;
    case CANON_EVENT_FINISH:
        delta_begin(&json, stream, event->choice);
        delta_end(&json, stream, none, openai_finish_name(event->stop));
        break;
    case CANON_EVENT_END:
        write_end(stream);
        break;
    default:
        break;
    }
}
