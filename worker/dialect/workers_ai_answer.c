/*
 * workers_ai_answer.c - what /ai/run answers: {"response": ...} pieces and an
 * envelope around {"response", "tool_calls", "usage"}. Newer models put OpenAI's
 * chunks and objects there, with usage that grows in each: those are the OpenAI
 * dialect's to read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"
#include "worker/dialect/workers_ai_part.h"

enum key {
    KEY_RESPONSE,
    KEY_CALLS,
    KEY_USAGE,
    KEY_CHOICES,
    KEY_ERRORS,
    KEY_THOUGHTS,
    KEY_DATA,
    KEYS,
};

static const struct str names[KEYS] = {
    [KEY_RESPONSE] = STR_LIT("response"),
    [KEY_CALLS] = STR_LIT("tool_calls"),
    [KEY_USAGE] = STR_LIT("usage"),
    [KEY_CHOICES] = STR_LIT("choices"),
    [KEY_ERRORS] = STR_LIT("errors"),
    [KEY_THOUGHTS] = STR_LIT("reasoning_content"),
    [KEY_DATA] = STR_LIT("data"),
};

static const struct str no_text;

bool
workers_ai_read_usage(struct answer *answer, struct str object)
{
    struct str usage;
    return object.len > 0 && *object.ptr == '{' &&
           json_find(object, "usage", &usage) &&
           openai_usage_read(answer, usage);
}

/* A text; a number, or in JSON mode an object, as its JSON. */
static void
read_response(struct canon_stream *stream, struct str value)
{
    if (value.len == 0)
        return;
    if (*value.ptr == '"') {
        canon_text(stream, 0, openai_text(value));
        return;
    }
    struct buf text;
    buf_init(&text, 0);
    json_escape(&text, value);
    if (!buf_ok(&text))
        stream->failed = true;
    canon_text(stream, 0, buf_view(&text));
    buf_fini(&text);
}

/* {name, arguments: object or string}; the end of all calls may be one that is
 * all null. */
static void
read_call(struct canon_stream *stream, struct str item)
{
    static const struct str of_call[] = {STR_LIT("id"), STR_LIT("name"),
                                         STR_LIT("arguments")};
    struct str values[ARRAY_LEN(of_call) + 1];
    json_members(item, of_call, ARRAY_LEN(of_call), values);
    struct str name = openai_text(values[1]), arguments = values[2];
    if (name.len == 0)
        return;
    if (arguments.len == 0 || *arguments.ptr != '"') {
        canon_tool_whole(stream, 0, openai_text(values[0]), name,
                         arguments.len > 0 ? arguments : STR_LIT("{}"),
                         no_text);
        return;
    }
    uint32_t key = UINT32_MAX / 2 + stream->call_count;
    canon_tool(stream, 0, key, openai_text(values[0]), name);
    canon_tool_piece(stream, 0, key, openai_text(arguments));
}

static void
read_calls(struct canon_stream *stream, struct str list)
{
    struct json_reader reader;
    struct str item, function;
    bool is_openai = false;
    if (!json_list_begin(&reader, list))
        return;
    while (!is_openai && json_list_next(&reader, &item))
        is_openai = *item.ptr == '{' && json_find(item, "function", &function);
    if (is_openai) {
        openai_read_tools(stream, 0, list);
        return;
    }
    json_list_begin(&reader, list);
    while (json_list_next(&reader, &item))
        read_call(stream, item);
}

/* The first of [{code, message}]. True: there was one. */
static bool
read_errors(struct canon_stream *stream, struct str list)
{
    struct json_reader reader;
    struct str item, message = no_text;
    if (!json_list_begin(&reader, list) || !json_list_next(&reader, &item))
        return false;
    if (*item.ptr == '{' && json_find(item, "message", &message))
        message = openai_text(message);
    canon_error(stream, no_text, message);
    return true;
}

static void
read_own(struct canon_stream *stream, const struct sse_event *event,
         const struct str *values)
{
    canon_thinking(stream, 0, openai_text(values[KEY_THOUGHTS]));
    read_response(stream, values[KEY_RESPONSE]);
    read_calls(stream, values[KEY_CALLS]);
    if (values[KEY_USAGE].len > 0)
        openai_usage_read(stream->answer, values[KEY_USAGE]);
    else if (values[KEY_RESPONSE].len == 0 && values[KEY_CALLS].len == 0)
        openai_read_event(stream, event); /* an error in another shape */
}

void
workers_ai_read_event(struct canon_stream *stream,
                      const struct sse_event *event)
{
    struct str values[KEYS + 1];
    if (stream->answer->done_seen)
        return;
    struct buf joined;
    buf_init(&joined, 0); /* takes memory for data of several lines only */
    if (!json_members(canon_event_data(event, &joined), names, KEYS, values) ||
        values[KEY_CHOICES].len > 0)
        openai_read_event(stream, event); /* [DONE], too */
    else if (!read_errors(stream, values[KEY_ERRORS]))
        read_own(stream, event, values);
    buf_fini(&joined);
}

/* {shape, data: [[...], ...]} */
static void
read_vectors(struct canon_stream *stream, struct str list)
{
    struct json_reader reader;
    struct str item;
    uint32_t number = 0;
    if (!json_list_begin(&reader, list))
        return;
    while (json_list_next(&reader, &item))
        if (*item.ptr == '[')
            canon_vector(stream, number++, item);
}

void
workers_ai_read_plain(struct canon_stream *stream, struct str body)
{
    static const struct str of_body[] = {STR_LIT("result"), STR_LIT("success"),
                                         STR_LIT("errors")};
    struct str outer[ARRAY_LEN(of_body) + 1], values[KEYS + 1];
    struct str result = body;
    if (!json_members(body, of_body, ARRAY_LEN(of_body), outer)) {
        stream->answer->bad = true;
        return;
    }
    if (str_equals(outer[1], STR_LIT("false")) && read_errors(stream, outer[2]))
        return;
    if (outer[0].len > 0)
        result = outer[0];
    /* Other tasks answer with lists: of them nothing is to be learnt. */
    json_members(result, names, KEYS, values);
    if (values[KEY_CHOICES].len > 0) {
        openai_read_plain(stream, result);
        return;
    }
    canon_start(stream, no_text, no_text);
    if (values[KEY_THOUGHTS].len + values[KEY_RESPONSE].len +
            values[KEY_CALLS].len + values[KEY_DATA].len +
            values[KEY_USAGE].len ==
        0)
        return; /* none that could be told */
    canon_thinking(stream, 0, openai_text(values[KEY_THOUGHTS]));
    read_response(stream, values[KEY_RESPONSE]);
    read_calls(stream, values[KEY_CALLS]);
    read_vectors(stream, values[KEY_DATA]);
    if (values[KEY_USAGE].len > 0)
        openai_usage_read(stream->answer, values[KEY_USAGE]);
    canon_finish(stream, 0, CANON_STOP_END, no_text);
    canon_done(stream);
}
