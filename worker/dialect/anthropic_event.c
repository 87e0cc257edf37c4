/*
 * anthropic_event.c - events and plain answers of providers of this dialect.
 *
 * Blocks of tools that run at the provider's, and their results, mean nothing
 * to clients of another dialect: what the model wrote for them is counted and
 * not passed on. Unknown events and deltas are passed over.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

static struct str
inside(struct str value)
{
    return canon_inside(value, NULL);
}

static bool
is_null(struct str value)
{
    return value.len == 0 || str_equals(value, STR_LIT("null"));
}

/* ---- what all answers have ---- */

static enum canon_stop
stop_of(struct str reason)
{
    static const struct str names[] = {
        STR_LIT("end_turn"),
        STR_LIT("tool_use"),
        STR_LIT("max_tokens"),
        STR_LIT("stop_sequence"),
        STR_LIT("refusal"),
        STR_LIT("pause_turn"),
        STR_LIT("model_context_window_exceeded"),
    };
    static const enum canon_stop stops[] = {
        CANON_STOP_END,      CANON_STOP_TOOLS,  CANON_STOP_LENGTH,
        CANON_STOP_SEQUENCE, CANON_STOP_FILTER, CANON_STOP_PAUSE,
        CANON_STOP_CONTEXT,  CANON_STOP_END,
    };
    return stops[json_key_find(reason, names, ARRAY_LEN(names))];
}

static void
finish(struct canon_stream *stream, struct str reason, struct str sequence)
{
    if (reason.len > 2 && *reason.ptr == '"')
        canon_finish(stream, 0, stop_of(reason), inside(sequence));
}

static void
tell_error(struct canon_stream *stream, struct str error)
{
    enum { TYPE, MESSAGE, END };
    static const struct str names[END] = {STR_LIT("type"), STR_LIT("message")};
    struct str values[END + 1];
    if (json_members(error, names, END, values))
        canon_error(stream, inside(values[TYPE]), inside(values[MESSAGE]));
    else
        canon_error(stream, str_make(NULL, 0), inside(error));
}

/* MiniMax tells failures under status 200: base_resp.status_code != 0. */
static bool
tell_base_resp(struct canon_stream *stream, struct str base_resp)
{
    enum { CODE, MESSAGE, END };
    static const struct str names[END] = {STR_LIT("status_code"),
                                          STR_LIT("status_msg")};
    struct str values[END + 1];
    if (base_resp.len == 0 || !json_members(base_resp, names, END, values) ||
        values[CODE].len == 0 || str_equals(values[CODE], STR_LIT("0")))
        return false;
    canon_error(stream, STR_LIT("api_error"), inside(values[MESSAGE]));
    return true;
}

/* ---- blocks ---- */

enum block_key {
    BLOCK_TYPE,
    BLOCK_TEXT,
    BLOCK_THINKING,
    BLOCK_SIGNATURE,
    BLOCK_DATA,
    BLOCK_ID,
    BLOCK_NAME,
    BLOCK_INPUT,
    BLOCK_END,
};

static bool
block_read(struct str object, struct str values[BLOCK_END + 1])
{
    static const struct str names[BLOCK_END] = {
        [BLOCK_TYPE] = STR_LIT("type"),
        [BLOCK_TEXT] = STR_LIT("text"),
        [BLOCK_THINKING] = STR_LIT("thinking"),
        [BLOCK_SIGNATURE] = STR_LIT("signature"),
        [BLOCK_DATA] = STR_LIT("data"),
        [BLOCK_ID] = STR_LIT("id"),
        [BLOCK_NAME] = STR_LIT("name"),
        [BLOCK_INPUT] = STR_LIT("input"),
    };
    return json_members(object, names, BLOCK_END, values) &&
           values[BLOCK_TYPE].len > 0;
}

static bool
is_type(const struct str *block, const char *type)
{
    return json_string_equals(block[BLOCK_TYPE], str_from(type));
}

/* "{}" with or without space. */
static bool
has_input(struct str input)
{
    if (input.len <= 2 || *input.ptr != '{')
        return false;
    for (size_t i = 1; i + 1 < input.len; i++)
        if (memchr(" \t\r\n", input.ptr[i], 4) == NULL)
            return true;
    return false;
}

static void
call_whole(struct canon_stream *stream, const struct str *block)
{
    struct str input = block[BLOCK_INPUT];
    canon_tool_whole(
        stream, 0, inside(block[BLOCK_ID]), inside(block[BLOCK_NAME]),
        has_input(input) ? input : STR_LIT("{}"), str_make(NULL, 0));
}

/* Text and thoughts, of a block's start or of a whole block. */
static void
take_text(struct canon_stream *stream, const struct str *block)
{
    if (is_type(block, "text")) {
        canon_text(stream, 0, inside(block[BLOCK_TEXT]));
    } else if (is_type(block, "thinking")) {
        canon_thinking(stream, 0, inside(block[BLOCK_THINKING]));
        canon_signature(stream, 0, inside(block[BLOCK_SIGNATURE]));
    } else if (is_type(block, "redacted_thinking")) {
        canon_redacted(stream, 0, inside(block[BLOCK_DATA]));
    } else if (is_type(block, "server_tool_use") ||
               is_type(block, "mcp_tool_use")) {
        canon_count(stream, ANSWER_WORDS, inside(block[BLOCK_NAME]));
    }
}

static void
block_start(struct canon_stream *stream, uint64_t index, struct str object)
{
    struct str block[BLOCK_END + 1];
    struct answer_reader *reader = &stream->answer->reader;
    if (!block_read(object, block))
        return;
    reader->flags = 0;
    if (!is_type(block, "tool_use")) {
        take_text(stream, block);
    } else if (has_input(block[BLOCK_INPUT])) {
        reader->flags = FLAG_CALL_WHOLE;
        call_whole(stream, block);
    } else {
        reader->flags = FLAG_CALL;
        canon_tool(stream, 0, (uint32_t)index, inside(block[BLOCK_ID]),
                   inside(block[BLOCK_NAME]));
    }
    reader->words[WORD_OPEN] = index + 1;
    reader->words[WORD_OPEN_EVENTS] = stream->answer->content_events;
}

enum delta_key {
    DELTA_TYPE,
    DELTA_TEXT,
    DELTA_JSON,
    DELTA_THINKING,
    DELTA_SIGNATURE,
    DELTA_END,
};

static void
block_delta(struct canon_stream *stream, uint64_t index, struct str object)
{
    static const struct str names[DELTA_END] = {
        [DELTA_TYPE] = STR_LIT("type"),
        [DELTA_TEXT] = STR_LIT("text"),
        [DELTA_JSON] = STR_LIT("partial_json"),
        [DELTA_THINKING] = STR_LIT("thinking"),
        [DELTA_SIGNATURE] = STR_LIT("signature"),
    };
    struct str delta[DELTA_END + 1];
    uint32_t flags = stream->answer->reader.flags;
    if (!json_members(object, names, DELTA_END, delta))
        return;
    if (delta[DELTA_TEXT].len > 0)
        canon_text(stream, 0, inside(delta[DELTA_TEXT]));
    else if (delta[DELTA_THINKING].len > 0)
        canon_thinking(stream, 0, inside(delta[DELTA_THINKING]));
    else if (delta[DELTA_SIGNATURE].len > 0)
        canon_signature(stream, 0, inside(delta[DELTA_SIGNATURE]));
    else if (delta[DELTA_JSON].len > 0 && (flags & FLAG_CALL) != 0)
        canon_tool_piece(stream, 0, (uint32_t)index, inside(delta[DELTA_JSON]));
    else if (delta[DELTA_JSON].len > 0 && (flags & FLAG_CALL_WHOLE) == 0)
        canon_count(stream, ANSWER_WORDS, inside(delta[DELTA_JSON]));
}

/* ---- events ---- */

enum event_key {
    EVENT_TYPE,
    EVENT_INDEX,
    EVENT_DELTA,
    EVENT_BLOCK,
    EVENT_MESSAGE,
    EVENT_USAGE,
    EVENT_ERROR,
    EVENT_BASE_RESP,
    EVENT_END,
};

static void
message_start(struct canon_stream *stream, struct str object)
{
    enum { ID, MODEL, USAGE, END };
    static const struct str names[END] = {STR_LIT("id"), STR_LIT("model"),
                                          STR_LIT("usage")};
    struct str message[END + 1];
    if (!json_members(object, names, END, message))
        return;
    canon_start(stream, inside(message[ID]), inside(message[MODEL]));
    if (!is_null(message[USAGE]))
        anthropic_read_usage(stream->answer, message[USAGE]);
}

static void
message_delta(struct canon_stream *stream, struct str delta, struct str usage)
{
    enum { REASON, SEQUENCE, END };
    static const struct str names[END] = {STR_LIT("stop_reason"),
                                          STR_LIT("stop_sequence")};
    struct str values[END + 1];
    if (!is_null(usage))
        anthropic_read_usage(stream->answer, usage);
    if (json_members(delta, names, END, values))
        finish(stream, values[REASON], values[SEQUENCE]);
}

static void
take_event(struct canon_stream *stream, const struct str *values)
{
    enum {
        BLOCK_DELTA,
        BLOCK_START,
        BLOCK_STOP,
        MESSAGE_START,
        MESSAGE_DELTA,
        MESSAGE_STOP,
        PING,
        KINDS
    };
    static const struct str kinds[KINDS] = {
        [BLOCK_DELTA] = STR_LIT("content_block_delta"),
        [BLOCK_START] = STR_LIT("content_block_start"),
        [BLOCK_STOP] = STR_LIT("content_block_stop"),
        [MESSAGE_START] = STR_LIT("message_start"),
        [MESSAGE_DELTA] = STR_LIT("message_delta"),
        [MESSAGE_STOP] = STR_LIT("message_stop"),
        [PING] = STR_LIT("ping"),
    };
    uint64_t index = 0;
    struct str type = values[EVENT_TYPE];
    if (type.len < 2 || *type.ptr != '"')
        return;
    if (json_number_u64(values[EVENT_INDEX], &index) != 0 || index > UINT32_MAX)
        index = 0;
    switch (json_key_find(type, kinds, KINDS)) {
    case BLOCK_DELTA:
        block_delta(stream, index, values[EVENT_DELTA]);
        break;
    case BLOCK_START:
        block_start(stream, index, values[EVENT_BLOCK]);
        break;
    case BLOCK_STOP:
        stream->answer->reader.words[WORD_OPEN] = 0;
        stream->answer->reader.flags = 0;
        canon_block_end(stream, 0);
        break;
    case MESSAGE_START:
        message_start(stream, values[EVENT_MESSAGE]);
        break;
    case MESSAGE_DELTA:
        message_delta(stream, values[EVENT_DELTA], values[EVENT_USAGE]);
        break;
    case MESSAGE_STOP:
        canon_done(stream);
        break;
    default:
        break;
    }
}

static void
read_text(struct canon_stream *stream, struct str text, bool is_error)
{
    static const struct str names[EVENT_END] = {
        [EVENT_TYPE] = STR_LIT("type"),
        [EVENT_INDEX] = STR_LIT("index"),
        [EVENT_DELTA] = STR_LIT("delta"),
        [EVENT_BLOCK] = STR_LIT("content_block"),
        [EVENT_MESSAGE] = STR_LIT("message"),
        [EVENT_USAGE] = STR_LIT("usage"),
        [EVENT_ERROR] = STR_LIT("error"),
        [EVENT_BASE_RESP] = STR_LIT("base_resp"),
    };
    struct str values[EVENT_END + 1];
    if (str_equals(str_trim(text), STR_LIT("[DONE]"))) {
        canon_done(stream);
        return;
    }
    bool good = json_members(text, names, EVENT_END, values);
    is_error =
        is_error || (values[EVENT_TYPE].len > 0 &&
                     json_string_equals(values[EVENT_TYPE], STR_LIT("error")));
    if (is_error || !is_null(values[EVENT_ERROR]))
        tell_error(stream, values[EVENT_ERROR]);
    else if (good && !tell_base_resp(stream, values[EVENT_BASE_RESP]))
        take_event(stream, values);
}

void
anthropic_read_event(struct canon_stream *stream, const struct sse_event *event)
{
    bool is_error = str_equals(event->event, STR_LIT("error"));
    struct buf joined;
    if (event->data_count == 0 || stream->answer->done_seen)
        return;
    if (event->data_count == 1) {
        read_text(stream, event->data[0], is_error);
        return;
    }
    buf_init(&joined, 0);
    read_text(stream, canon_event_data(event, &joined), is_error);
    buf_fini(&joined);
}

/* ---- plain answers ---- */

enum plain_key {
    PLAIN_ID,
    PLAIN_MODEL,
    PLAIN_CONTENT,
    PLAIN_STOP_REASON,
    PLAIN_STOP_SEQUENCE,
    PLAIN_USAGE,
    PLAIN_ERROR,
    PLAIN_BASE_RESP,
    PLAIN_END,
};

static void
take_blocks(struct canon_stream *stream, struct str list)
{
    struct json_reader reader;
    struct str object;
    if (!json_list_begin(&reader, list))
        return;
    while (json_item(&reader, &object) == JSON_OBJECT) {
        struct str block[BLOCK_END + 1];
        if (!block_read(object, block))
            continue;
        if (is_type(block, "tool_use"))
            call_whole(stream, block);
        else
            take_text(stream, block);
        canon_block_end(stream, 0);
    }
}

void
anthropic_read_plain(struct canon_stream *stream, struct str body)
{
    static const struct str names[PLAIN_END] = {
        [PLAIN_ID] = STR_LIT("id"),
        [PLAIN_MODEL] = STR_LIT("model"),
        [PLAIN_CONTENT] = STR_LIT("content"),
        [PLAIN_STOP_REASON] = STR_LIT("stop_reason"),
        [PLAIN_STOP_SEQUENCE] = STR_LIT("stop_sequence"),
        [PLAIN_USAGE] = STR_LIT("usage"),
        [PLAIN_ERROR] = STR_LIT("error"),
        [PLAIN_BASE_RESP] = STR_LIT("base_resp"),
    };
    struct str values[PLAIN_END + 1];
    struct answer *answer = stream->answer;
    bool good = json_members(body, names, PLAIN_END, values);
    bool facts = stream->client == NULL;
    if (good && !is_null(values[PLAIN_USAGE]))
        anthropic_read_usage(answer, values[PLAIN_USAGE]);
    if (!good || (facts && !answer->usage_seen)) {
        canon_answer_piece(answer, body); /* counted, where it is counted */
        answer->bad = answer->bad || !good;
    }
    if (!good)
        return;
    canon_start(stream, inside(values[PLAIN_ID]), inside(values[PLAIN_MODEL]));
    if (!is_null(values[PLAIN_ERROR])) {
        tell_error(stream, values[PLAIN_ERROR]);
        return;
    }
    if (tell_base_resp(stream, values[PLAIN_BASE_RESP]) || facts)
        return;
    take_blocks(stream, values[PLAIN_CONTENT]);
    finish(stream, values[PLAIN_STOP_REASON], values[PLAIN_STOP_SEQUENCE]);
}
