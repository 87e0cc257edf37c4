/*
 * responses_write.c - a canonical request as a body for a provider of this
 * dialect. Its input: responses_turn.c.
 *
 * Nothing is stored there (store: false), so thinking comes back encrypted
 * (include) and goes up again with the next turn.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

#include "worker/provider/provider.h"

static const struct canon_field_row field_rows[CANON_FIELDS_END] = {
    [CANON_FIELD_TEMPERATURE] = {CANON_CARRY, "temperature"},
    [CANON_FIELD_TOP_P] = {CANON_CARRY, "top_p"},
    [CANON_FIELD_USER] = {CANON_CARRY, "user"},
    [CANON_FIELD_SERVICE_TIER] = {CANON_CARRY, "service_tier"},
    [CANON_FIELD_METADATA] = {CANON_CARRY, "metadata"},
    [CANON_FIELD_PROMPT_CACHE_KEY] = {CANON_CARRY, "prompt_cache_key"},
    [CANON_FIELD_TOP_LOGPROBS] = {CANON_CARRY, "top_logprobs"},
    [CANON_FIELD_LOGPROBS] = {CANON_SILENT, NULL},  /* include */
    [CANON_FIELD_VERBOSITY] = {CANON_SILENT, NULL}, /* text */
    [CANON_FIELD_N] = {CANON_REFUSE, NULL},
    [CANON_FIELD_AUDIO] = {CANON_REFUSE, NULL},
};

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

/* ---- tools ---- */

/* A function is strict here where nothing is said, and elsewhere is not. */
static void
write_tool(struct json_writer *json, const struct canon_tool *tool)
{
    json_object_begin(json);
    write_word(json, "type", "function");
    write_text(json, "name", tool->name);
    if (tool->description.len > 0)
        write_text(json, "description", tool->description);
    json_key(json, "parameters");
    json_raw(json, tool->schema.len > 0
                       ? tool->schema
                       : STR_LIT("{\"type\":\"object\",\"properties\":{}}"));
    json_key(json, "strict");
    json_raw(json, tool->strict.len > 0 ? tool->strict : STR_LIT("false"));
    json_object_end(json);
}

static const char *
choice_word(uint8_t choice)
{
    switch (choice) {
    case CANON_CHOICE_NONE:
        return "none";
    case CANON_CHOICE_REQUIRED:
        return "required";
    default:
        return "auto";
    }
}

static void
write_function_name(struct json_writer *json, struct str name)
{
    json_object_begin(json);
    write_word(json, "type", "function");
    write_text(json, "name", name);
    json_object_end(json);
}

static void
write_choice(struct json_writer *json, const struct canon_request *request)
{
    if (request->tool_choice == CANON_CHOICE_DEFAULT)
        return;
    json_key(json, "tool_choice");
    if (request->tool_choice == CANON_CHOICE_NAMED) {
        write_function_name(json, request->tool_choice_names[0]);
        return;
    }
    if (request->tool_choice_name_count == 0) {
        json_cstring(json, choice_word(request->tool_choice));
        return;
    }
    json_object_begin(json);
    write_word(json, "type", "allowed_tools");
    write_word(json, "mode", choice_word(request->tool_choice));
    json_key(json, "tools");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tool_choice_name_count; i++)
        write_function_name(json, request->tool_choice_names[i]);
    json_array_end(json);
    json_object_end(json);
}

static void
write_tools(struct json_writer *json, const struct canon_request *request)
{
    if (request->tool_count == 0)
        return;
    json_key(json, "tools");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tool_count; i++)
        write_tool(json, &request->tools[i]);
    json_array_end(json);
    write_choice(json, request);
    if (request->parallel_tools != CANON_UNSET) {
        json_key(json, "parallel_tool_calls");
        json_bool(json, request->parallel_tools == CANON_YES);
    }
}

/* ---- the answer's form ---- */

static void
write_format(struct json_writer *json, const struct canon_request *request,
             uint32_t quirks)
{
    bool schema = request->format == CANON_FORMAT_SCHEMA &&
                  (quirks & QUIRK_NO_SCHEMA) == 0;
    json_key(json, "format");
    json_object_begin(json);
    write_word(json, "type", schema ? "json_schema" : "json_object");
    if (schema) {
        write_text(json, "name",
                   request->schema_name.len > 0 ? request->schema_name
                                                : STR_LIT("response"));
        if (request->schema_description.len > 0)
            write_text(json, "description", request->schema_description);
        json_key(json, "schema");
        json_raw(json, request->schema);
        if (request->schema_strict.len > 0) {
            json_key(json, "strict");
            json_raw(json, request->schema_strict);
        }
    }
    json_object_end(json);
}

static void
write_text_member(struct json_writer *json, const struct canon_request *request,
                  uint32_t quirks)
{
    struct str verbosity = request->fields[CANON_FIELD_VERBOSITY];
    if (request->format == CANON_FORMAT_TEXT && verbosity.len == 0)
        return;
    json_key(json, "text");
    json_object_begin(json);
    if (request->format != CANON_FORMAT_TEXT)
        write_format(json, request, quirks);
    if (verbosity.len > 0) {
        json_key(json, "verbosity");
        json_raw(json, verbosity);
    }
    json_object_end(json);
}

/* ---- thinking ---- */

/* Asked for as an effort, as a budget, or as "on". */
static enum canon_effort
effort_of(const struct canon_request *request)
{
    if (request->effort != CANON_EFFORT_UNSET)
        return (enum canon_effort)request->effort;
    if (request->thinking != CANON_YES)
        return CANON_EFFORT_UNSET;
    return request->thinking_budget != 0
               ? canon_budget_effort(request->thinking_budget)
               : CANON_EFFORT_MEDIUM;
}

/* Models that do not think refuse the members below: they are sent only where
 * thinking was asked for, or came before. */
static bool
thinks(const struct canon_request *request)
{
    enum canon_effort effort = effort_of(request);
    if (effort != CANON_EFFORT_UNSET)
        return effort != CANON_EFFORT_NONE;
    for (uint32_t i = 0; i < request->part_count; i++)
        if (responses_is_ours(&request->parts[i]))
            return true;
    return request->show_thinking == CANON_YES;
}

static void
write_reasoning(struct json_writer *json, struct canon_request *request,
                uint32_t quirks)
{
    enum canon_effort effort = effort_of(request);
    bool shows = request->show_thinking == CANON_YES;
    if ((quirks & QUIRK_NO_REASONING) != 0) {
        if (effort != CANON_EFFORT_UNSET)
            responses_drop(request, "reasoning");
        return;
    }
    if (request->thinking == CANON_NO && effort == CANON_EFFORT_UNSET)
        responses_drop(request, "thinking"); /* some cannot be told not to */
    if (effort == CANON_EFFORT_UNSET && !shows)
        return;
    json_key(json, "reasoning");
    json_object_begin(json);
    if (effort != CANON_EFFORT_UNSET)
        write_word(json, "effort", canon_effort_name(effort));
    if (shows)
        write_word(json, "summary", "auto");
    json_object_end(json);
}

static void
write_include(struct json_writer *json, const struct canon_request *request,
              uint32_t quirks)
{
    bool secret = (quirks & QUIRK_NO_REASONING) == 0 && thinks(request);
    bool logprobs =
        str_equals(request->fields[CANON_FIELD_LOGPROBS], STR_LIT("true"));
    if (!secret && !logprobs)
        return;
    json_key(json, "include");
    json_array_begin(json);
    if (secret)
        json_cstring(json, "reasoning.encrypted_content");
    if (logprobs)
        json_cstring(json, "message.output_text.logprobs");
    json_array_end(json);
}

/* ---- the body ---- */

static int
refuse_others(struct canon_request *request, struct fault *fault)
{
    if (request->kind != CANON_CHAT)
        return responses_refuse(fault, NULL,
                                "The Responses API, which serves this model, "
                                "makes no embeddings. Choose another model.");
    if (request->stop_count > 0)
        return responses_refuse(fault, "stop",
                                "The Responses API, which serves this model, "
                                "has no stop sequences. Leave them out, or "
                                "choose another model.");
    if (str_equals(request->fields[CANON_FIELD_N], STR_LIT("1")))
        request->fields[CANON_FIELD_N].len = 0;
    return 0;
}

int
responses_write_request(struct canon_request *request,
                        const struct canon_target *target, struct buf *out,
                        struct fault *fault)
{
    struct json_writer json;
    if (refuse_others(request, fault) != 0)
        return -1;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "model");
    json_string(&json, target->model);
    json_key(&json, "input");
    if (responses_write_input(&json, request, target->quirks, fault) != 0)
        return -1;
    json_key(&json, "store");
    json_bool(&json, false);
    if (target->stream) {
        json_key(&json, "stream");
        json_bool(&json, true);
    }
    if (target->max_tokens > 0) {
        json_key(&json, "max_output_tokens");
        json_u64(&json, target->max_tokens);
    }
    write_tools(&json, request);
    write_text_member(&json, request, target->quirks);
    write_reasoning(&json, request, target->quirks);
    write_include(&json, request, target->quirks);
    if (canon_fields_write(request, field_rows, &json, "the Responses API",
                           fault) != 0)
        return -1;
    json_object_end(&json);
    return 0;
}
