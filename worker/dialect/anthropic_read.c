/*
 * anthropic_read.c - a Messages request as the canonical one: its top-level
 * members. Its messages: anthropic_block.c.
 *
 * What runs at Anthropic (server tools, MCP servers, containers) cannot be had
 * elsewhere and changes what the answer is: 400. What only tunes is dropped and
 * told. The body has passed anthropic_scan(), so it is JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

#include <stdarg.h>
#include <stdio.h>

int
anthropic_refuse(struct fault *fault, const char *param, const char *format,
                 ...)
{
    va_list args;
    *fault = (struct fault){
        .status = 400,
        .type = "invalid_request_error",
        .code = "unsupported_parameter",
        .param = param,
        .no_retry = true,
    };
    va_start(args, format);
    vsnprintf(fault->message, sizeof(fault->message), format, args);
    va_end(args);
    return -1;
}

enum read_key {
    KEY_MODEL,
    KEY_STREAM,
    KEY_MAX_TOKENS,
    KEY_MESSAGES,
    KEY_SYSTEM,
    KEY_TOOLS,
    KEY_TOOL_CHOICE,
    KEY_THINKING,
    KEY_OUTPUT_CONFIG,
    KEY_OUTPUT_FORMAT,
    KEY_TEMPERATURE,
    KEY_TOP_P,
    KEY_TOP_K,
    KEY_STOP_SEQUENCES,
    KEY_METADATA,
    KEY_SERVICE_TIER,
    KEY_MCP_SERVERS, /* refused, unless null or empty */
    KEY_CONTAINER,
    KEY_CONTEXT_MANAGEMENT, /* dropped and told */
    KEY_CACHE_CONTROL,
    KEY_INFERENCE_GEO,
    KEY_OTHER,
};

static const struct str top_names[KEY_OTHER] = {
    [KEY_MODEL] = STR_LIT("model"),
    [KEY_STREAM] = STR_LIT("stream"),
    [KEY_MAX_TOKENS] = STR_LIT("max_tokens"),
    [KEY_MESSAGES] = STR_LIT("messages"),
    [KEY_SYSTEM] = STR_LIT("system"),
    [KEY_TOOLS] = STR_LIT("tools"),
    [KEY_TOOL_CHOICE] = STR_LIT("tool_choice"),
    [KEY_THINKING] = STR_LIT("thinking"),
    [KEY_OUTPUT_CONFIG] = STR_LIT("output_config"),
    [KEY_OUTPUT_FORMAT] = STR_LIT("output_format"),
    [KEY_TEMPERATURE] = STR_LIT("temperature"),
    [KEY_TOP_P] = STR_LIT("top_p"),
    [KEY_TOP_K] = STR_LIT("top_k"),
    [KEY_STOP_SEQUENCES] = STR_LIT("stop_sequences"),
    [KEY_METADATA] = STR_LIT("metadata"),
    [KEY_SERVICE_TIER] = STR_LIT("service_tier"),
    [KEY_MCP_SERVERS] = STR_LIT("mcp_servers"),
    [KEY_CONTAINER] = STR_LIT("container"),
    [KEY_CONTEXT_MANAGEMENT] = STR_LIT("context_management"),
    [KEY_CACHE_CONTROL] = STR_LIT("cache_control"),
    [KEY_INFERENCE_GEO] = STR_LIT("inference_geo"),
};

static bool
is_null(struct str value)
{
    return value.len == 0 || str_equals(value, STR_LIT("null"));
}

static bool
is_word(struct str value, const char *word)
{
    return value.len > 0 && json_string_equals(value, str_from(word));
}

/* ---- tools ---- */

static int
read_tool(struct anthropic_reading *reading, struct str object)
{
    enum { TYPE, NAME, DESCRIPTION, SCHEMA, STRICT, CACHE, END };
    static const struct str names[END] = {
        STR_LIT("type"),         STR_LIT("name"),   STR_LIT("description"),
        STR_LIT("input_schema"), STR_LIT("strict"), STR_LIT("cache_control"),
    };
    struct str values[END + 1];
    if (!json_members(object, names, END, values))
        return 0;
    if (!is_null(values[TYPE]) && !is_word(values[TYPE], "custom"))
        return anthropic_refuse(
            reading->fault, "tools",
            "the tool %.*s runs at Anthropic, which does not serve this model: "
            "leave it out, or choose another model",
            values[TYPE].len < 80 ? (int)values[TYPE].len : 80,
            values[TYPE].ptr);
    struct canon_tool *tool = canon_tool_add(reading->request);
    tool->name = canon_inside(values[NAME], NULL);
    tool->description = canon_inside(values[DESCRIPTION], NULL);
    if (values[SCHEMA].len > 0 && *values[SCHEMA].ptr == '{')
        tool->schema = values[SCHEMA];
    if (!is_null(values[STRICT]))
        tool->strict = values[STRICT];
    if (!is_null(values[CACHE]))
        tool->cache_control = values[CACHE];
    return 0;
}

static int
read_tools(struct anthropic_reading *reading, struct str list)
{
    struct json_reader reader;
    struct str tool;
    if (!json_list_begin(&reader, list))
        return 0;
    while (json_item(&reader, &tool) == JSON_OBJECT)
        if (read_tool(reading, tool) != 0)
            return -1;
    return 0;
}

static void
read_tool_choice(struct canon_request *request, struct str object)
{
    enum { TYPE, NAME, ALONE, END };
    static const struct str names[END] = {STR_LIT("type"), STR_LIT("name"),
                                          STR_LIT("disable_parallel_tool_use")};
    struct str values[END + 1];
    if (!json_members(object, names, END, values))
        return;
    if (is_word(values[TYPE], "auto")) {
        request->tool_choice = CANON_CHOICE_AUTO;
    } else if (is_word(values[TYPE], "any")) {
        request->tool_choice = CANON_CHOICE_REQUIRED;
    } else if (is_word(values[TYPE], "none")) {
        request->tool_choice = CANON_CHOICE_NONE;
    } else if (is_word(values[TYPE], "tool")) {
        request->tool_choice = CANON_CHOICE_NAMED;
        request->tool_choice_names[0] = canon_inside(values[NAME], NULL);
        request->tool_choice_name_count = 1;
    }
    if (str_equals(values[ALONE], STR_LIT("true")))
        request->parallel_tools = CANON_NO;
    else if (str_equals(values[ALONE], STR_LIT("false")))
        request->parallel_tools = CANON_YES;
}

/* ---- how it shall answer ---- */

static void
read_thinking(struct canon_request *request, struct str object)
{
    enum { TYPE, BUDGET, DISPLAY, END };
    static const struct str names[END] = {
        STR_LIT("type"), STR_LIT("budget_tokens"), STR_LIT("display")};
    struct str values[END + 1];
    uint64_t budget = 0;
    if (!json_members(object, names, END, values))
        return;
    if (is_word(values[TYPE], "disabled")) {
        request->thinking = CANON_NO;
        return;
    }
    if (is_null(values[TYPE]))
        return;
    request->thinking = CANON_YES;
    request->thinking_budget = -1;
    if (is_word(values[TYPE], "enabled") && values[BUDGET].len > 0 &&
        json_number_u64(values[BUDGET], &budget) == 0 && budget > 0)
        request->thinking_budget = (int64_t)budget;
    if (!is_null(values[DISPLAY]))
        request->show_thinking =
            is_word(values[DISPLAY], "omitted") ? CANON_NO : CANON_YES;
}

static void
read_format(struct canon_request *request, struct str object)
{
    enum { TYPE, SCHEMA, END };
    static const struct str names[END] = {STR_LIT("type"), STR_LIT("schema")};
    struct str values[END + 1];
    if (!json_members(object, names, END, values) ||
        !is_word(values[TYPE], "json_schema") || is_null(values[SCHEMA]))
        return;
    request->format = CANON_FORMAT_SCHEMA;
    request->schema = values[SCHEMA];
    request->schema_name = STR_LIT("response");
    request->schema_strict = anthropic_schema_is_strict(values[SCHEMA])
                                 ? STR_LIT("true")
                                 : STR_LIT("false");
}

static void
read_output_config(struct canon_request *request, struct str object)
{
    enum { EFFORT, FORMAT, END };
    static const struct str names[END] = {STR_LIT("effort"), STR_LIT("format")};
    struct str values[END + 1];
    if (!json_members(object, names, END, values))
        return;
    request->effort =
        (uint8_t)canon_effort_find(canon_inside(values[EFFORT], NULL));
    if (!is_null(values[FORMAT]))
        read_format(request, values[FORMAT]);
}

static void
read_stops(struct canon_request *request, struct str list)
{
    struct json_reader reader;
    struct str value;
    if (!json_list_begin(&reader, list))
        return;
    while (json_item(&reader, &value) == JSON_STRING) {
        struct str stop = canon_inside(value, NULL);
        if (stop.len == 0)
            continue;
        if (request->stop_count == CANON_STOPS_MAX) {
            canon_drop(request, "stop_sequences");
            return;
        }
        request->stops[request->stop_count++] = stop;
    }
}

static void
read_metadata(struct canon_request *request, struct str object)
{
    struct str user;
    if (json_find(object, "user_id", &user) && user.len > 2 && *user.ptr == '"')
        request->fields[CANON_FIELD_USER] = user;
}

/* ---- top level ---- */

static int
refuse_member(struct anthropic_reading *reading, enum read_key key,
              struct str value)
{
    if (is_null(value) || str_equals(value, STR_LIT("[]")))
        return 0;
    return anthropic_refuse(
        reading->fault, top_names[key].ptr,
        "%s needs Anthropic's own service, which does not serve this model: "
        "leave it out, or choose another model",
        top_names[key].ptr);
}

/* Names that a header may bear are told as they stand. */
static void
drop_unknown(struct canon_request *request, struct str key)
{
    struct str name = canon_inside(key, NULL);
    char *copy = NULL;
    if (name.len > 0 && name.len <= 40)
        copy = canon_alloc(request, name.len + 1);
    for (size_t i = 0; copy != NULL && i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     (c >= 'A' && c <= 'Z') || c == '_';
        copy[i] = plain ? c : '_';
    }
    if (copy != NULL)
        copy[name.len] = '\0';
    canon_drop(request, copy != NULL ? copy : "unknown");
}

static void
take_field(struct canon_request *request, enum canon_field field,
           struct str value)
{
    if (!is_null(value))
        request->fields[field] = value;
}

static int
take_member(struct anthropic_reading *reading, enum read_key key,
            struct str name, struct str value)
{
    struct canon_request *request = reading->request;
    switch (key) {
    case KEY_TOOLS:
        return read_tools(reading, value);
    case KEY_MCP_SERVERS:
    case KEY_CONTAINER:
        return refuse_member(reading, key, value);
    case KEY_TOOL_CHOICE:
        read_tool_choice(request, value);
        break;
    case KEY_THINKING:
        read_thinking(request, value);
        break;
    case KEY_OUTPUT_CONFIG:
        read_output_config(request, value);
        break;
    case KEY_OUTPUT_FORMAT:
        read_format(request, value);
        break;
    case KEY_TEMPERATURE:
        take_field(request, CANON_FIELD_TEMPERATURE, value);
        break;
    case KEY_TOP_P:
        take_field(request, CANON_FIELD_TOP_P, value);
        break;
    case KEY_TOP_K:
        take_field(request, CANON_FIELD_TOP_K, value);
        break;
    case KEY_SERVICE_TIER:
        take_field(request, CANON_FIELD_SERVICE_TIER, value);
        break;
    case KEY_STOP_SEQUENCES:
        read_stops(request, value);
        break;
    case KEY_METADATA:
        read_metadata(request, value);
        break;
    case KEY_CONTEXT_MANAGEMENT:
    case KEY_CACHE_CONTROL:
    case KEY_INFERENCE_GEO:
        if (!is_null(value))
            canon_drop(request, top_names[key].ptr);
        break;
    case KEY_OTHER:
        drop_unknown(request, name);
        break;
    default:
        break;
    }
    return 0;
}

int
anthropic_read_request(struct str body, const struct call *call,
                       struct canon_request *request, struct fault *fault)
{
    struct anthropic_reading reading = {.request = request, .fault = fault};
    struct json_reader reader;
    struct json_token token;
    struct str name, value;
    enum json_type type, messages_type = JSON_END;
    int rc = 0;
    request->kind = CANON_CHAT;
    request->stream = call->stream;
    request->max_tokens = call->max_tokens;
    json_reader_init(&reader, body);
    json_next(&reader, &token);
    /* The system's words go first, wherever they stand. */
    struct json_reader messages;
    while (rc == 0 &&
           (type = json_enter_member(&reader, &name, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        enum read_key key =
            (enum read_key)json_key_find(name, top_names, KEY_OTHER);
        if (key == KEY_MESSAGES) {
            messages = reader;
            messages_type = type;
        }
        json_pass(&reader, type, &value);
        if (key == KEY_SYSTEM)
            rc = anthropic_read_system(&reading, value);
        else
            rc = take_member(&reading, key, name, value);
    }
    if (rc == 0 && messages_type != JSON_END)
        rc = anthropic_read_messages(&reading, &messages, messages_type);
    return rc;
}
