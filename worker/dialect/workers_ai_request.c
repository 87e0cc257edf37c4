/*
 * workers_ai_request.c - a client's call to /ai/run as the canonical request.
 * Messages are OpenAI's; tools may be flat, a schema stands bare.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"
#include "worker/dialect/scan.h"
#include "worker/dialect/workers_ai_part.h"

enum key {
    KEY_MESSAGES,
    KEY_PROMPT,
    KEY_TOOLS,
    KEY_FORMAT,
    KEY_STOP,
    KEY_TEXT,
    KEY_LORA,
    KEY_RAW,
    KEY_FIELDS, /* from here on: as they stand */
    KEY_TEMPERATURE = KEY_FIELDS,
    KEY_TOP_P,
    KEY_TOP_K,
    KEY_SEED,
    KEY_REPETITION,
    KEY_FREQUENCY,
    KEY_PRESENCE,
    KEYS,
};

static const struct str names[KEYS] = {
    [KEY_MESSAGES] = STR_LIT("messages"),
    [KEY_PROMPT] = STR_LIT("prompt"),
    [KEY_TOOLS] = STR_LIT("tools"),
    [KEY_FORMAT] = STR_LIT("response_format"),
    [KEY_STOP] = STR_LIT("stop"),
    [KEY_TEXT] = STR_LIT("text"),
    [KEY_LORA] = STR_LIT("lora"),
    [KEY_RAW] = STR_LIT("raw"),
    [KEY_TEMPERATURE] = STR_LIT("temperature"),
    [KEY_TOP_P] = STR_LIT("top_p"),
    [KEY_TOP_K] = STR_LIT("top_k"),
    [KEY_SEED] = STR_LIT("seed"),
    [KEY_REPETITION] = STR_LIT("repetition_penalty"),
    [KEY_FREQUENCY] = STR_LIT("frequency_penalty"),
    [KEY_PRESENCE] = STR_LIT("presence_penalty"),
};

static const uint8_t fields[KEYS] = {
    [KEY_TEMPERATURE] = CANON_FIELD_TEMPERATURE,
    [KEY_TOP_P] = CANON_FIELD_TOP_P,
    [KEY_TOP_K] = CANON_FIELD_TOP_K,
    [KEY_SEED] = CANON_FIELD_SEED,
    [KEY_REPETITION] = CANON_FIELD_REPETITION_PENALTY,
    [KEY_FREQUENCY] = CANON_FIELD_FREQUENCY_PENALTY,
    [KEY_PRESENCE] = CANON_FIELD_PRESENCE_PENALTY,
};

/* {name, description, parameters}, or the same as "function". */
static int
read_tool(struct openai_reading *reading, struct str item)
{
    static const struct str of_tool[] = {
        STR_LIT("name"), STR_LIT("description"), STR_LIT("parameters")};
    struct str values[ARRAY_LEN(of_tool) + 1], function;
    if (item.len > 0 && *item.ptr == '{' &&
        json_find(item, "function", &function) && *function.ptr == '{')
        item = function;
    json_members(item, of_tool, ARRAY_LEN(of_tool), values);
    struct str name = openai_text(values[0]);
    if (name.len == 0)
        return scan_refuse(reading->fault, "invalid_value", "tools",
                           "A tool has no name.");
    struct canon_tool *tool = canon_tool_add(reading->request);
    tool->name = name;
    tool->description = openai_text(values[1]);
    if (values[2].len > 0 && *values[2].ptr == '{')
        tool->schema = values[2];
    return 0;
}

static int
read_tools(struct openai_reading *reading, struct str list)
{
    struct json_reader reader;
    struct str item;
    if (!json_list_begin(&reader, list))
        return 0;
    while (json_list_next(&reader, &item))
        if (read_tool(reading, item) != 0)
            return -1;
    return 0;
}

/* {"type": "json_schema", "json_schema": the schema itself} */
static void
read_format(struct canon_request *request, struct str value)
{
    static const struct str of_format[] = {STR_LIT("type"),
                                           STR_LIT("json_schema")};
    struct str values[ARRAY_LEN(of_format) + 1], inner;
    json_members(value, of_format, ARRAY_LEN(of_format), values);
    struct str type = openai_text(values[0]), schema = values[1];
    bool is_schema = str_equals(type, STR_LIT("json_schema"));
    if (!is_schema && !str_equals(type, STR_LIT("json_object")))
        return;
    request->format = CANON_FORMAT_JSON;
    if (!is_schema || schema.len == 0 || *schema.ptr != '{')
        return;
    request->format = CANON_FORMAT_SCHEMA;
    if (json_find(schema, "schema", &inner) && *inner.ptr == '{')
        schema = inner; /* as OpenAI wraps it */
    request->schema = schema;
    request->schema_name = STR_LIT("answer"); /* others want one */
}

static void
read_stops(struct canon_request *request, struct str value)
{
    struct json_reader reader;
    struct str item = value;
    bool is_list = json_list_begin(&reader, value);
    while (!is_list || json_list_next(&reader, &item)) {
        struct str text = openai_text(item);
        if (text.len > 0 && request->stop_count < CANON_STOPS_MAX)
            request->stops[request->stop_count++] = text;
        if (!is_list)
            return;
    }
}

static int
read_prompt(struct openai_reading *reading, const struct str *values)
{
    struct str prompt = openai_text(values[KEY_PROMPT]);
    if (values[KEY_MESSAGES].len > 0) {
        struct json_reader reader;
        struct json_token token;
        json_reader_init(&reader, values[KEY_MESSAGES]);
        return openai_read_messages(reading, &reader,
                                    json_next(&reader, &token));
    }
    if (prompt.len == 0)
        return scan_refuse(
            reading->fault, "unsupported_endpoint", "messages",
            "The provider of this model takes messages or a prompt by this "
            "path; other tasks are served by Workers AI alone.");
    canon_message_add(reading->request, CANON_USER);
    canon_part_add(reading->request, CANON_TEXT)->text = prompt;
    return 0;
}

int
workers_ai_read_request(struct str body, const struct call *call,
                        struct canon_request *request, struct fault *fault)
{
    struct openai_reading reading = {.request = request, .fault = fault};
    struct str values[KEYS + 1];
    if (!json_members(body, names, KEYS, values))
        return scan_refuse(fault, "invalid_json", NULL,
                           "The request body is not a JSON object.");
    request->kind = CANON_CHAT;
    request->max_tokens = call->max_tokens;
    request->stream = call->stream;
    if (read_prompt(&reading, values) != 0 ||
        read_tools(&reading, values[KEY_TOOLS]) != 0)
        return -1;
    if (values[KEY_FORMAT].len > 0)
        read_format(request, values[KEY_FORMAT]);
    if (values[KEY_STOP].len > 0)
        read_stops(request, values[KEY_STOP]);
    for (unsigned i = KEY_FIELDS; i < KEYS; i++)
        request->fields[fields[i]] = values[i];
    if (values[KEY_LORA].len > 0)
        canon_drop(request, "lora");
    if (str_equals(values[KEY_RAW], STR_LIT("true")))
        canon_drop(request, "raw");
    return 0;
}
