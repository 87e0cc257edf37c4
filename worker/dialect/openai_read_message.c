/*
 * openai_read_message.c - the messages of a chat request, and the inputs of a
 * request for embeddings.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"
#include "worker/dialect/scan.h"

enum message_key {
    MESSAGE_ROLE,
    MESSAGE_CONTENT,
    MESSAGE_TOOL_CALLS,
    MESSAGE_TOOL_CALL_ID,
    MESSAGE_NAME,
    MESSAGE_REFUSAL,
    MESSAGE_REASONING_CONTENT,
    MESSAGE_REASONING,
    MESSAGE_DETAILS,
    MESSAGE_FUNCTION_CALL,
    MESSAGE_CACHE,
    MESSAGE_KEYS,
};

static const struct str message_keys[MESSAGE_KEYS] = {
    [MESSAGE_ROLE] = STR_LIT("role"),
    [MESSAGE_CONTENT] = STR_LIT("content"),
    [MESSAGE_TOOL_CALLS] = STR_LIT("tool_calls"),
    [MESSAGE_TOOL_CALL_ID] = STR_LIT("tool_call_id"),
    [MESSAGE_NAME] = STR_LIT("name"),
    [MESSAGE_REFUSAL] = STR_LIT("refusal"),
    [MESSAGE_REASONING_CONTENT] = STR_LIT("reasoning_content"),
    [MESSAGE_REASONING] = STR_LIT("reasoning"),
    [MESSAGE_DETAILS] = STR_LIT("reasoning_details"),
    [MESSAGE_FUNCTION_CALL] = STR_LIT("function_call"),
    [MESSAGE_CACHE] = STR_LIT("cache_control"),
};

/* Thoughts first, as they came; they led to what follows. */
static int
read_assistant(struct openai_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str thoughts = values[MESSAGE_REASONING_CONTENT];
    canon_message_add(request, CANON_ASSISTANT);
    if (openai_text(thoughts).len == 0)
        thoughts = values[MESSAGE_REASONING];
    openai_read_thoughts(reading, thoughts, values[MESSAGE_DETAILS]);
    if (openai_read_content(reading, values[MESSAGE_CONTENT]) != 0)
        return -1;
    if (openai_text(values[MESSAGE_REFUSAL]).len > 0)
        canon_part_add(request, CANON_REFUSAL)->text =
            openai_text(values[MESSAGE_REFUSAL]);
    if (openai_read_tool_calls(reading, values[MESSAGE_TOOL_CALLS]) != 0)
        return -1;
    return values[MESSAGE_FUNCTION_CALL].len > 0
               ? openai_read_function_call(reading,
                                           values[MESSAGE_FUNCTION_CALL])
               : 0;
}

/* The id of the last call of this name: a legacy result tells only that. */
static struct str
call_id(const struct canon_request *request, struct str name)
{
    for (uint32_t i = request->part_count; i-- > 0;)
        if (request->parts[i].kind == CANON_TOOL_CALL &&
            str_equals(request->parts[i].name, name))
            return request->parts[i].id;
    return str_make(NULL, 0);
}

static int
read_result(struct openai_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str id = openai_text(values[MESSAGE_TOOL_CALL_ID]);
    struct str name = openai_text(values[MESSAGE_NAME]);
    if (id.len == 0)
        id = call_id(request, name);
    if (id.len == 0)
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "A tool message names no call in tool_call_id.");
    canon_message_add(request, CANON_USER);
    uint32_t at = request->part_count;
    struct canon_part *part = canon_part_add(request, CANON_TOOL_RESULT);
    part->id = id;
    part->name = name;
    int rc = openai_read_content(reading, values[MESSAGE_CONTENT]);
    if (!request->failed)
        request->parts[at].children = request->part_count - at - 1;
    return rc;
}

/* A cache mark of the whole message is one of its last part. */
static void
mark_cache(struct canon_request *request, uint32_t before, struct str cache)
{
    if (cache.len > 0 && !request->failed && request->part_count > before)
        request->parts[request->part_count - 1].cache_control = cache;
}

/* The reader stands behind the brace of a message. */
static int
read_message(struct openai_reading *reading, struct json_reader *reader)
{
    struct canon_request *request = reading->request;
    struct str values[MESSAGE_KEYS + 1];
    uint32_t before = request->part_count;
    int rc;
    json_members_here(reader, message_keys, MESSAGE_KEYS, values);
    struct str role = openai_text(values[MESSAGE_ROLE]);
    if (str_equals(role, STR_LIT("user"))) {
        canon_message_add(request, CANON_USER);
        rc = openai_read_content(reading, values[MESSAGE_CONTENT]);
    } else if (str_equals(role, STR_LIT("assistant"))) {
        rc = read_assistant(reading, values);
    } else if (str_equals(role, STR_LIT("tool")) ||
               str_equals(role, STR_LIT("function"))) {
        rc = read_result(reading, values);
    } else if (str_equals(role, STR_LIT("system")) ||
               str_equals(role, STR_LIT("developer"))) {
        canon_message_add(request, CANON_SYSTEM)->is_developer =
            *role.ptr == 'd';
        rc = openai_read_content(reading, values[MESSAGE_CONTENT]);
    } else {
        return scan_refuse(reading->fault, "invalid_value", "messages",
                           "The role of a message is none of system, "
                           "developer, user, assistant, tool.");
    }
    mark_cache(request, before, values[MESSAGE_CACHE]);
    return rc;
}

int
openai_read_messages(struct openai_reading *reading, struct json_reader *reader,
                     enum json_type type)
{
    struct str item;
    if (type == JSON_NULL)
        return 0;
    if (type != JSON_ARRAY)
        return scan_refuse(reading->fault, "invalid_type", "messages",
                           "'messages' is not a list.");
    while ((type = json_enter_item(reader, &item)) == JSON_OBJECT)
        if (read_message(reading, reader) != 0)
            return -1;
    if (type != JSON_ARRAY_END)
        return scan_refuse(reading->fault, "invalid_type", "messages",
                           "A message is not an object.");
    return 0;
}

/* ---- embeddings ---- */

static int
add_input(struct openai_reading *reading, struct str value)
{
    bool is_string;
    struct str text = canon_inside(value, &is_string);
    if (!is_string)
        return scan_refuse(reading->fault, "unsupported_content", "input",
                           "Input given as token numbers cannot be carried to "
                           "the provider of this model. Send text.");
    canon_part_add(reading->request, CANON_TEXT)->text = text;
    return 0;
}

int
openai_read_inputs(struct openai_reading *reading, struct str value)
{
    struct json_reader reader;
    struct str item;
    if (!json_list_begin(&reader, value))
        return add_input(reading, value);
    while (json_list_next(&reader, &item))
        if (add_input(reading, item) != 0)
            return -1;
    return 0;
}
