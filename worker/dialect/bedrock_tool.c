/*
 * bedrock_tool.c - toolConfig of a Converse call. There is no choice "none":
 * without toolConfig no tool is called. But where messages speak of calls it has
 * to be there, with tools in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

static void
write_spec(struct bedrock_writer *writer, const struct canon_tool *tool)
{
    struct json_writer *json = &writer->json;
    json_object_begin(json);
    json_key(json, "toolSpec");
    json_object_begin(json);
    json_key(json, "name");
    json_inside(json, tool->name);
    if (!bedrock_is_blank(tool->description)) {
        json_key(json, "description");
        json_inside(json, tool->description);
    }
    json_key(json, "inputSchema");
    json_object_begin(json);
    json_key(json, "json");
    json_raw(json, tool->schema.len > 0 && *tool->schema.ptr == '{'
                       ? tool->schema
                       : STR_LIT("{\"type\":\"object\",\"properties\":{}}"));
    json_object_end(json);
    if (str_equals(tool->strict, STR_LIT("true"))) {
        json_key(json, "strict");
        json_bool(json, true);
    }
    json_object_end(json);
    json_object_end(json);
    bedrock_cache_point(writer, tool->cache_control);
}

/* With "required" and "auto" only some may be allowed. */
static bool
is_allowed(const struct canon_request *request, struct str name)
{
    if (request->tool_choice_name_count == 0 ||
        request->tool_choice == CANON_CHOICE_NAMED)
        return true;
    for (uint32_t i = 0; i < request->tool_choice_name_count; i++)
        if (str_equals(request->tool_choice_names[i], name))
            return true;
    return false;
}

/* Of tools that nobody offers any more, only their calls are known. */
static void
write_called(struct bedrock_writer *writer)
{
    enum { CALLED_MAX = 64 };
    const struct canon_request *request = writer->request;
    struct str names[CALLED_MAX];
    unsigned count = 0;
    for (uint32_t i = 0; i < request->part_count && count < CALLED_MAX; i++) {
        const struct canon_part *part = &request->parts[i];
        unsigned known = 0;
        if (part->kind != CANON_TOOL_CALL)
            continue;
        while (known < count && !str_equals(names[known], part->name))
            known++;
        if (known < count)
            continue;
        const struct canon_tool tool = {.name = part->name};
        write_spec(writer, &tool);
        names[count++] = part->name;
    }
}

static bool
speaks_of_calls(const struct canon_request *request)
{
    for (uint32_t i = 0; i < request->part_count; i++)
        if (request->parts[i].kind == CANON_TOOL_CALL ||
            request->parts[i].kind == CANON_TOOL_RESULT)
            return true;
    return false;
}

bool
bedrock_calls_one_tool(const struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    return request->parallel_tools == CANON_NO && request->tool_count > 0 &&
           request->tool_choice != CANON_CHOICE_NONE &&
           writer->vendor == BEDROCK_CLAUDE;
}

static void
write_choice(struct bedrock_writer *writer)
{
    const struct canon_request *request = writer->request;
    struct json_writer *json = &writer->json;
    const char *word = NULL;
    if (request->tool_choice == CANON_CHOICE_AUTO)
        word = "auto";
    else if (request->tool_choice == CANON_CHOICE_REQUIRED)
        word = "any";
    else if (request->tool_choice == CANON_CHOICE_NAMED)
        word = "tool";
    if (word == NULL || bedrock_calls_one_tool(writer))
        return;
    json_key(json, "toolChoice");
    json_object_begin(json);
    json_key(json, word);
    json_object_begin(json);
    if (request->tool_choice == CANON_CHOICE_NAMED) {
        json_key(json, "name");
        json_inside(json, request->tool_choice_names[0]);
    }
    json_object_end(json);
    json_object_end(json);
}

void
bedrock_tools(struct bedrock_writer *writer)
{
    struct canon_request *request = writer->request;
    struct json_writer *json = &writer->json;
    bool speaks = speaks_of_calls(request);
    bool offers =
        request->tool_count > 0 && request->tool_choice != CANON_CHOICE_NONE;
    if (!offers && !speaks)
        return;
    if (request->tool_choice == CANON_CHOICE_NONE)
        canon_drop(request, "tool_choice");
    if (request->parallel_tools == CANON_NO && writer->vendor != BEDROCK_CLAUDE)
        canon_drop(request, "parallel_tool_calls");
    json_key(json, "toolConfig");
    json_object_begin(json);
    json_key(json, "tools");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tool_count; i++)
        if (is_allowed(request, request->tools[i].name))
            write_spec(writer, &request->tools[i]);
    if (request->tool_count == 0)
        write_called(writer);
    json_array_end(json);
    if (offers)
        write_choice(writer);
    json_object_end(json);
}
