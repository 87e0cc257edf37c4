/*
 * workers_ai_write.c - answers for clients of /ai/run, in the form that all its
 * models had first: pieces of {"response"}, whole calls, usage last; and what
 * the gateway itself has to say, in Cloudflare's envelope.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/json_write.h"
#include "worker/dialect/openai_canon.h"
#include "worker/dialect/workers_ai_part.h"

/* ---- parts ---- */

/* {"name", "arguments"}: an object where it is one. `text` is one level of
 * escapes above it. */
static void
write_call(struct canon_stream *stream, struct json_writer *json,
           const struct canon_block *block)
{
    struct str text = buf_view(&block->text);
    struct str id = canon_collected(stream, block->id);
    char *plain = malloc(text.len + 1);
    int len = plain == NULL ? -1 : json_text_decode(text, plain, text.len + 1);
    struct json_reader reader;
    struct json_token token;
    enum json_type type = JSON_BAD;
    if (plain == NULL)
        stream->failed = true;
    if (len >= 0) {
        json_reader_init(&reader, str_make(plain, (size_t)len));
        type = json_next(&reader, &token);
        bool is_object = type == JSON_OBJECT;
        while (is_object && type != JSON_END && type != JSON_BAD)
            type = json_next(&reader, &token);
        type = is_object ? type : JSON_BAD;
    }
    json_object_begin(json);
    if (id.len > 0) {
        json_key(json, "id");
        json_inside(json, id);
    }
    json_key(json, "name");
    json_inside(json, canon_collected(stream, block->name));
    json_key(json, "arguments");
    if (type == JSON_END)
        json_raw_line(json, str_make(plain, (size_t)len));
    else
        json_inside(json, text);
    json_object_end(json);
    free(plain);
}

static void
event_begin(struct json_writer *json, struct buf *out)
{
    buf_append_str(out, STR_LIT("data: "));
    json_writer_init(json, out);
    json_object_begin(json);
}

static void
event_end(struct json_writer *json, struct buf *out)
{
    json_object_end(json);
    buf_append_str(out, STR_LIT("\n\n"));
}

static void
write_piece(struct buf *out, const char *member, struct str text)
{
    struct json_writer json;
    event_begin(&json, out);
    json_key(&json, member);
    json_inside(&json, text);
    event_end(&json, out);
}

static void
write_last(struct buf *out, const struct usage *usage)
{
    struct json_writer json;
    event_begin(&json, out);
    json_key(&json, "response");
    json_cstring(&json, "");
    openai_write_usage(&json, usage);
    event_end(&json, out);
    buf_append_str(out, STR_LIT("data: [DONE]\n\n"));
}

/* ---- streams ---- */

/* The last block of the choice, which is collected by now. */
static void
write_call_event(struct canon_stream *stream)
{
    struct json_writer json;
    for (uint32_t i = stream->block_count; i-- > 0;) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice != 0)
            continue;
        event_begin(&json, stream->out);
        json_key(&json, "tool_calls");
        json_array_begin(&json);
        write_call(stream, &json, block);
        json_array_end(&json);
        event_end(&json, stream->out);
        return;
    }
}

void
workers_ai_write_event(struct canon_stream *stream,
                       const struct canon_event *event)
{
    if (event->choice > 0)
        return; /* there is one answer */
    switch (event->kind) {
    case CANON_EVENT_PIECE:
        if (event->block == CANON_BLOCK_THINKING)
            write_piece(stream->out, "reasoning_content", event->text);
        else if (event->block == CANON_BLOCK_TEXT ||
                 event->block == CANON_BLOCK_REFUSAL)
            write_piece(stream->out, "response", event->text);
        break;
    case CANON_EVENT_BLOCK_END:
        if (event->block == CANON_BLOCK_TOOL)
            write_call_event(stream);
        break;
    case CANON_EVENT_END:
        write_last(stream->out, &stream->usage);
        break;
    default:
        break;
    }
}

/* ---- whole answers ---- */

static void
collect(const struct canon_stream *stream, struct buf *text, uint8_t kind,
        uint8_t or_kind)
{
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->choice == 0 &&
            (block->kind == kind || block->kind == or_kind))
            buf_append_str(text, buf_view(&block->text));
    }
}

/* In JSON mode the answer is not its text but what that says. */
static bool
write_object(const struct canon_stream *stream, struct json_writer *json,
             struct str text)
{
    struct str object;
    bool is_object = false;
    if (stream->request == NULL || stream->request->format == CANON_FORMAT_TEXT)
        return false;
    struct canon_request *memory = canon_request_create();
    if (memory == NULL)
        return false;
    if (canon_arguments(memory, text, &object) && text.len > 0) {
        json_raw(json, object);
        is_object = true;
    }
    canon_request_destroy(&memory);
    return is_object;
}

static void
write_result(struct canon_stream *stream, struct json_writer *json)
{
    struct buf text, thoughts;
    bool has_call = false;
    buf_init(&text, 0);
    buf_init(&thoughts, 0);
    collect(stream, &text, CANON_BLOCK_TEXT, CANON_BLOCK_REFUSAL);
    collect(stream, &thoughts, CANON_BLOCK_THINKING, CANON_BLOCK_THINKING);
    json_key(json, "response");
    if (!write_object(stream, json, buf_view(&text)))
        json_inside(json, buf_view(&text));
    if (buf_len(&thoughts) > 0) {
        json_key(json, "reasoning_content");
        json_inside(json, buf_view(&thoughts));
    }
    for (uint32_t i = 0; i < stream->block_count; i++) {
        const struct canon_block *block = &stream->blocks[i];
        if (block->kind != CANON_BLOCK_TOOL || block->choice != 0)
            continue;
        if (!has_call) {
            json_key(json, "tool_calls");
            json_array_begin(json);
            has_call = true;
        }
        write_call(stream, json, block);
    }
    if (has_call)
        json_array_end(json);
    openai_write_usage(json, &stream->usage);
    stream->failed = stream->failed || !buf_ok(&text) || !buf_ok(&thoughts);
    buf_fini(&text);
    buf_fini(&thoughts);
}

static void
write_empty_list(struct json_writer *json, const char *name)
{
    json_key(json, name);
    json_array_begin(json);
    json_array_end(json);
}

void
workers_ai_write_plain(struct canon_stream *stream)
{
    struct json_writer json;
    json_writer_init(&json, stream->out);
    json_object_begin(&json);
    json_key(&json, "result");
    json_object_begin(&json);
    write_result(stream, &json);
    json_object_end(&json);
    json_key(&json, "success");
    json_bool(&json, true);
    write_empty_list(&json, "errors");
    write_empty_list(&json, "messages");
    json_object_end(&json);
}

/* ---- errors, ends ---- */

/* Our codes by Cloudflare's numbers; 7003 says "model execution failed". */
static uint64_t
number_of(const struct fault *fault)
{
    static const struct {
        const char *code;
        uint64_t number;
    } numbers[] = {
        {"invalid_json", 5006},      {"model_not_found", 5007},
        {"request_too_large", 3006}, {"upstream_timeout", 3007},
        {"request_timeout", 3008},   {"insufficient_quota", 3036},
        {"overloaded", 3040},        {"rate_limit_exceeded", 3040},
        {"permission_denied", 5018}, {"invalid_api_key", 10000},
        {"key_disabled", 10000},     {"key_expired", 10000},
        {"ip_not_allowed", 10000},   {"group_disabled", 10000},
    };
    for (size_t i = 0; fault->code != NULL && i < ARRAY_LEN(numbers); i++)
        if (strcmp(numbers[i].code, fault->code) == 0)
            return numbers[i].number;
    return fault->status == 400 || fault->status == 422 ? 5006 : 7003;
}

void
workers_ai_error_body(struct buf *out, const struct fault *fault,
                      const char *request_id)
{
    struct json_writer json;
    (void)request_id; /* in the head */
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "result");
    json_null(&json);
    json_key(&json, "success");
    json_bool(&json, false);
    json_key(&json, "errors");
    json_array_begin(&json);
    json_object_begin(&json);
    json_key(&json, "code");
    json_u64(&json, number_of(fault));
    json_key(&json, "message");
    json_cstring(&json, fault->message);
    json_object_end(&json);
    json_array_end(&json);
    write_empty_list(&json, "messages");
    json_object_end(&json);
}

void
workers_ai_stream_error(struct buf *out, const struct answer *answer,
                        const struct fault *fault)
{
    (void)answer;
    buf_append_str(out, STR_LIT("data: "));
    workers_ai_error_body(out, fault, NULL);
    buf_append_str(out, STR_LIT("\n\n"));
}

void
workers_ai_stream_cut(struct buf *out, const struct answer *answer,
                      const struct usage *usage, bool include_usage)
{
    (void)answer;
    (void)include_usage; /* it comes always */
    write_last(out, usage);
}
