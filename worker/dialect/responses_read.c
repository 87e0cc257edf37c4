/*
 * responses_read.c - a client's body as a canonical request: its top-level
 * members. Input: responses_item.c. Tools: responses_tool.c.
 *
 * What leans on what a provider keeps (an earlier response, a conversation, a
 * prompt, an answer in the background) has no meaning for another dialect's
 * provider and is refused. The gateway keeps nothing either: `store` is told as
 * dropped where it was asked for.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- small readers ---- */

struct str
responses_text(struct str value)
{
    return canon_inside(value, NULL);
}

bool
responses_is(struct str value, struct str text)
{
    return value.len > 0 && *value.ptr == '"' &&
           json_string_equals(value, text);
}

/* ---- what is refused or dropped ---- */

void
responses_drop(struct canon_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->dropped_count; i++)
        if (strcmp(request->dropped[i], name) == 0)
            return;
    canon_drop(request, name);
}

int
responses_refuse(struct fault *fault, const char *param, const char *format,
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

/* ---- members ---- */

/* Those that are echoed come first, in the order of enum responses_echo. */
enum member {
    MEMBER_INPUT = ECHOES,
    MEMBER_INCLUDE,
    MEMBER_STORE,
    MEMBER_BACKGROUND,
    MEMBER_PREVIOUS,
    MEMBER_CONVERSATION,
    MEMBER_PROMPT,
    MEMBER_CONTEXT_MANAGEMENT,
    MEMBER_MODERATION,
    MEMBER_CACHE_OPTIONS,
    MEMBER_CACHE_RETENTION,
    /* read by the scan, or without meaning elsewhere */
    MEMBER_MODEL,
    MEMBER_STREAM,
    MEMBER_STREAM_OPTIONS,
    MEMBER_CLIENT_METADATA,
    MEMBERS
};

static const struct str names[MEMBERS] = {
    [ECHO_INSTRUCTIONS] = STR_LIT("instructions"),
    [ECHO_MAX_OUTPUT_TOKENS] = STR_LIT("max_output_tokens"),
    [ECHO_MAX_TOOL_CALLS] = STR_LIT("max_tool_calls"),
    [ECHO_METADATA] = STR_LIT("metadata"),
    [ECHO_PARALLEL_TOOL_CALLS] = STR_LIT("parallel_tool_calls"),
    [ECHO_PROMPT_CACHE_KEY] = STR_LIT("prompt_cache_key"),
    [ECHO_REASONING] = STR_LIT("reasoning"),
    [ECHO_SAFETY_IDENTIFIER] = STR_LIT("safety_identifier"),
    [ECHO_SERVICE_TIER] = STR_LIT("service_tier"),
    [ECHO_TEMPERATURE] = STR_LIT("temperature"),
    [ECHO_TEXT] = STR_LIT("text"),
    [ECHO_TOOL_CHOICE] = STR_LIT("tool_choice"),
    [ECHO_TOOLS] = STR_LIT("tools"),
    [ECHO_TOP_LOGPROBS] = STR_LIT("top_logprobs"),
    [ECHO_TOP_P] = STR_LIT("top_p"),
    [ECHO_TRUNCATION] = STR_LIT("truncation"),
    [ECHO_USER] = STR_LIT("user"),
    [MEMBER_INPUT] = STR_LIT("input"),
    [MEMBER_INCLUDE] = STR_LIT("include"),
    [MEMBER_STORE] = STR_LIT("store"),
    [MEMBER_BACKGROUND] = STR_LIT("background"),
    [MEMBER_PREVIOUS] = STR_LIT("previous_response_id"),
    [MEMBER_CONVERSATION] = STR_LIT("conversation"),
    [MEMBER_PROMPT] = STR_LIT("prompt"),
    [MEMBER_CONTEXT_MANAGEMENT] = STR_LIT("context_management"),
    [MEMBER_MODERATION] = STR_LIT("moderation"),
    [MEMBER_CACHE_OPTIONS] = STR_LIT("prompt_cache_options"),
    [MEMBER_CACHE_RETENTION] = STR_LIT("prompt_cache_retention"),
    [MEMBER_MODEL] = STR_LIT("model"),
    [MEMBER_STREAM] = STR_LIT("stream"),
    [MEMBER_STREAM_OPTIONS] = STR_LIT("stream_options"),
    [MEMBER_CLIENT_METADATA] = STR_LIT("client_metadata"),
};

const char *
responses_echo_name(enum responses_echo echo)
{
    return names[echo].ptr;
}

/* What only a provider of this dialect could do. */
static int
refuse_stored(const struct str *values, struct fault *fault)
{
    static const enum member stored[] = {
        MEMBER_PREVIOUS,
        MEMBER_CONVERSATION,
        MEMBER_PROMPT,
    };
    for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
        const char *name = names[stored[i]].ptr;
        if (values[stored[i]].len > 0)
            return responses_refuse(
                fault, name,
                "'%s' names what a provider of the Responses API keeps; this "
                "model's provider has no such API. Send the whole "
                "conversation in 'input'.",
                name);
    }
    if (str_equals(values[MEMBER_BACKGROUND], STR_LIT("true")))
        return responses_refuse(
            fault, "background",
            "'background' needs a provider of the Responses API; this model's "
            "provider has none. Leave it out.");
    return 0;
}

static void
drop_members(struct canon_request *request, const struct str *values)
{
    static const enum member dropped[] = {
        MEMBER_CONTEXT_MANAGEMENT,
        MEMBER_MODERATION,
        MEMBER_CACHE_OPTIONS,
        MEMBER_CACHE_RETENTION,
        (enum member)ECHO_MAX_TOOL_CALLS,
    };
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        if (values[dropped[i]].len > 0)
            responses_drop(request, names[dropped[i]].ptr);
    if (str_equals(values[MEMBER_STORE], STR_LIT("true")))
        responses_drop(request, "store");
    if (responses_is(values[ECHO_TRUNCATION], STR_LIT("auto")))
        responses_drop(request, "truncation");
    if (values[MEMBERS].len > 0)
        responses_drop(request, "unknown_members");
}

static void
take_fields(struct canon_request *request, const struct str *values)
{
    static const struct {
        uint8_t echo, field;
    } fields[] = {
        {ECHO_METADATA, CANON_FIELD_METADATA},
        {ECHO_PROMPT_CACHE_KEY, CANON_FIELD_PROMPT_CACHE_KEY},
        {ECHO_SERVICE_TIER, CANON_FIELD_SERVICE_TIER},
        {ECHO_TEMPERATURE, CANON_FIELD_TEMPERATURE},
        {ECHO_TOP_P, CANON_FIELD_TOP_P},
        {ECHO_SAFETY_IDENTIFIER, CANON_FIELD_USER},
        {ECHO_USER, CANON_FIELD_USER}, /* goes before the identifier */
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (values[fields[i].echo].len > 0)
            request->fields[fields[i].field] = values[fields[i].echo];
    struct str parallel = values[ECHO_PARALLEL_TOOL_CALLS];
    if (parallel.len > 0)
        request->parallel_tools =
            str_equals(parallel, STR_LIT("false")) ? CANON_NO : CANON_YES;
}

/* What more is asked for in the answer. */
static void
take_include(struct canon_request *request, const struct str *values)
{
    struct json_reader list;
    struct str item;
    if (!json_list_begin(&list, values[MEMBER_INCLUDE]))
        return;
    while (json_list_next(&list, &item)) {
        if (responses_is(item, STR_LIT("message.output_text.logprobs"))) {
            request->fields[CANON_FIELD_LOGPROBS] = STR_LIT("true");
            request->fields[CANON_FIELD_TOP_LOGPROBS] =
                values[ECHO_TOP_LOGPROBS];
        } else if (!responses_is(item, STR_LIT("reasoning.encrypted_content")))
            responses_drop(request, "include"); /* of tools that are dropped */
    }
}

static void
take_reasoning(struct canon_request *request, struct str value)
{
    static const struct str members[] = {STR_LIT("effort"), STR_LIT("summary"),
                                         STR_LIT("generate_summary")};
    struct str values[ARRAY_LEN(members) + 1];
    json_members(value, members, ARRAY_LEN(members), values);
    request->effort = (uint8_t)canon_effort_find(responses_text(values[0]));
    if (values[0].len > 0 && request->effort == CANON_EFFORT_UNSET)
        responses_drop(request, "reasoning.effort");
    if (values[1].len > 0 || values[2].len > 0)
        request->show_thinking = CANON_YES;
}

static int
take_format(struct canon_request *request, struct str format,
            struct fault *fault)
{
    static const struct str members[] = {STR_LIT("type"), STR_LIT("schema"),
                                         STR_LIT("strict"), STR_LIT("name"),
                                         STR_LIT("description")};
    struct str values[ARRAY_LEN(members) + 1];
    json_members(format, members, ARRAY_LEN(members), values);
    if (format.len == 0 || responses_is(values[0], STR_LIT("text")))
        return 0;
    if (responses_is(values[0], STR_LIT("json_object"))) {
        request->format = CANON_FORMAT_JSON;
        return 0;
    }
    if (!responses_is(values[0], STR_LIT("json_schema")) ||
        values[1].len == 0 || *values[1].ptr != '{')
        return responses_refuse(fault, "text.format",
                                "'text.format' is none of text, json_object, "
                                "and json_schema with its 'schema'.");
    request->format = CANON_FORMAT_SCHEMA;
    request->schema = values[1];
    request->schema_strict = values[2];
    request->schema_name = responses_text(values[3]);
    request->schema_description = responses_text(values[4]);
    return 0;
}

static int
take_text(struct canon_request *request, struct str value, struct fault *fault)
{
    static const struct str members[] = {STR_LIT("format"),
                                         STR_LIT("verbosity")};
    struct str values[ARRAY_LEN(members) + 1];
    json_members(value, members, ARRAY_LEN(members), values);
    request->fields[CANON_FIELD_VERBOSITY] = values[1];
    return take_format(request, values[0], fault);
}

static int
take_instructions(struct canon_request *request, struct str value,
                  struct fault *fault)
{
    bool is_text;
    struct str text = canon_inside(value, &is_text);
    if (value.len > 0 && !is_text)
        return responses_refuse(fault, "instructions",
                                "'instructions' is not a string.");
    if (text.len == 0)
        return 0;
    canon_message_add(request, CANON_SYSTEM);
    canon_part_add(request, CANON_TEXT)->text = text;
    return 0;
}

int
responses_read_request(struct str body, const struct call *call,
                       struct canon_request *request, struct fault *fault)
{
    struct str values[MEMBERS + 1];
    struct responses_own *own = canon_alloc(request, sizeof(*own));
    struct responses_reading reading = {
        .request = request, .own = own, .fault = fault};
    if (own == NULL)
        return 0; /* request->failed tells */
    json_members(body, names, MEMBERS, values);
    memset(own, 0, sizeof(*own));
    memcpy(own->echo, values, sizeof(own->echo));
    request->own = own;
    request->stream = call->stream;
    request->max_tokens = call->max_tokens;
    if (refuse_stored(values, fault) != 0)
        return -1;
    drop_members(request, values);
    take_fields(request, values);
    take_include(request, values);
    take_reasoning(request, values[ECHO_REASONING]);
    if (take_text(request, values[ECHO_TEXT], fault) != 0 ||
        take_instructions(request, values[ECHO_INSTRUCTIONS], fault) != 0 ||
        responses_read_tools(&reading, values[ECHO_TOOLS]) != 0 ||
        responses_read_input(&reading, values[MEMBER_INPUT]) != 0)
        return -1;
    return responses_read_choice(&reading, values[ECHO_TOOL_CHOICE]);
}
