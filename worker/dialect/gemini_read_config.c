/*
 * gemini_read_config.c - generationConfig, tools and toolConfig of a body.
 * Functions are tools everywhere; Google's own tools (search, code execution
 * ...) nowhere else, and what they bring would be missed: 400.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

#include <ctype.h>
#include <stdlib.h>

static struct str
inside(struct str value)
{
    return canon_inside(value, NULL);
}

static bool
is_stated(struct str value)
{
    return value.len > 0 && !str_equals(value, STR_LIT("null"));
}

bool
gemini_integer(struct str value, int64_t *out)
{
    char digits[24];
    struct str text =
        value.len > 0 && *value.ptr == '"' ? inside(value) : value;
    if (text.len == 0 || text.len >= sizeof(digits))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    char *end;
    long long number = strtoll(digits, &end, 10);
    *out = number;
    return end != digits && (*end == '\0' || *end == '.');
}

/* A name of an enum in any case. */
static bool
is_name(struct str value, const char *name)
{
    return str_equals_nocase(inside(value), str_from(name));
}

/* ---- tools ---- */

enum function_key {
    FUNCTION_NAME,
    FUNCTION_DESCRIPTION,
    FUNCTION_PARAMETERS,
    FUNCTION_SCHEMA,
    FUNCTION_OTHER,
};
static const struct str function_keys[FUNCTION_OTHER * 2] = {
    // clang-format off
    STR_LIT("name"), STR_LIT("name"),
    STR_LIT("description"), STR_LIT("description"),
    STR_LIT("parameters"), STR_LIT("parameters"),
    STR_LIT("parametersJsonSchema"), STR_LIT("parameters_json_schema"),
    // clang-format on
};

/* The reader stands behind its opening brace. */
static int
read_function(struct gemini_reading *reading, struct json_reader *reader)
{
    struct str values[FUNCTION_OTHER + 1];
    if (!json_members_spelt_here(reader, function_keys, FUNCTION_OTHER, 2,
                                 values) ||
        inside(values[FUNCTION_NAME]).len == 0)
        return scan_refuse(reading->fault, "invalid_value", "tools",
                           "An element of 'functionDeclarations' has no name.");
    struct canon_tool *tool = canon_tool_add(reading->request);
    tool->name = inside(values[FUNCTION_NAME]);
    tool->description = inside(values[FUNCTION_DESCRIPTION]);
    tool->schema =
        is_stated(values[FUNCTION_SCHEMA])
            ? values[FUNCTION_SCHEMA]
            : gemini_schema(reading->request, values[FUNCTION_PARAMETERS]);
    return 0;
}

static int
refuse_element(struct gemini_reading *reading)
{
    return scan_refuse(reading->fault, "invalid_type", "tools",
                       "An element of 'tools' is not an object.");
}

static int
read_functions(struct gemini_reading *reading, struct str value)
{
    struct gemini_list list;
    struct str first;
    enum json_type type;
    gemini_list_begin(&list, value);
    while ((type = gemini_list_enter(&list, &first)) != JSON_END)
        if (type != JSON_OBJECT)
            return refuse_element(reading);
        else if (read_function(reading, &list.reader) != 0)
            return -1;
    return 0;
}

/* The reader stands behind its opening brace. */
static int
read_tool(struct gemini_reading *reading, struct json_reader *reader)
{
    static const struct str names[] = {STR_LIT("functionDeclarations"),
                                       STR_LIT("function_declarations")};
    struct str key, member;
    enum json_type type;
    while ((type = json_member(reader, &key, &member)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        if (type == JSON_NULL)
            continue;
        if (json_key_find(key, names, ARRAY_LEN(names)) == ARRAY_LEN(names))
            return scan_refuse(reading->fault, "unsupported_parameter", "tools",
                               "The tool %.*s is Google's own: the provider "
                               "that serves this model has only functions.",
                               (int)(key.len < 64 ? key.len : 64), key.ptr);
        if (read_functions(reading, member) != 0)
            return -1;
    }
    return 0;
}

int
gemini_read_tools(struct gemini_reading *reading, struct str value)
{
    struct gemini_list list;
    struct str first;
    enum json_type type;
    gemini_list_begin(&list, value);
    while ((type = gemini_list_enter(&list, &first)) != JSON_END)
        if (type != JSON_OBJECT)
            return refuse_element(reading);
        else if (read_tool(reading, &list.reader) != 0)
            return -1;
    return 0;
}

static int
read_allowed(struct gemini_reading *reading, struct str names)
{
    struct canon_request *request = reading->request;
    struct gemini_list list;
    struct str element;
    gemini_list_begin(&list, names);
    while (gemini_list_next(&list, &element)) {
        if (request->tool_choice_name_count == CANON_NAMES_MAX)
            return scan_refuse(reading->fault, "invalid_value", "toolConfig",
                               "'allowedFunctionNames' has more than %d names.",
                               CANON_NAMES_MAX);
        request->tool_choice_names[request->tool_choice_name_count++] =
            inside(element);
    }
    return 0;
}

int
gemini_read_tool_config(struct gemini_reading *reading, struct str value)
{
    static const struct str config_names[] = {
        STR_LIT("functionCallingConfig"), STR_LIT("function_calling_config")};
    static const struct str names[] = {STR_LIT("mode"), STR_LIT("mode"),
                                       STR_LIT("allowedFunctionNames"),
                                       STR_LIT("allowed_function_names")};
    struct canon_request *request = reading->request;
    struct str config[2], values[3];
    if (!json_members_spelt(value, config_names, 1, 2, config) ||
        !json_members_spelt(config[0], names, 2, 2, values))
        return 0;
    struct str mode = values[0];
    if (read_allowed(reading, values[1]) != 0)
        return -1;
    if (is_name(mode, "ANY") || str_equals(mode, STR_LIT("2")))
        request->tool_choice = request->tool_choice_name_count == 1
                                   ? CANON_CHOICE_NAMED
                                   : CANON_CHOICE_REQUIRED;
    else if (is_name(mode, "NONE") || str_equals(mode, STR_LIT("3")))
        request->tool_choice = CANON_CHOICE_NONE;
    else if (is_stated(mode)) /* AUTO, VALIDATED */
        request->tool_choice = CANON_CHOICE_AUTO;
    return 0;
}

/* ---- generationConfig ---- */

enum config_key {
    CONFIG_STOPS,
    CONFIG_MIME,
    CONFIG_SCHEMA,
    CONFIG_JSON_SCHEMA,
    CONFIG_MODALITIES,
    CONFIG_THINKING,
    CONFIG_MAX_TOKENS, /* the scan's */
    CONFIG_PLAIN,      /* and those behind it, as in plain_fields */
};
enum { CONFIG_PLAIN_COUNT = 9, CONFIG_END = CONFIG_PLAIN + CONFIG_PLAIN_COUNT };
static const uint8_t plain_fields[CONFIG_PLAIN_COUNT] = {
    CANON_FIELD_TEMPERATURE,
    CANON_FIELD_TOP_P,
    CANON_FIELD_TOP_K,
    CANON_FIELD_N,
    CANON_FIELD_SEED,
    CANON_FIELD_PRESENCE_PENALTY,
    CANON_FIELD_FREQUENCY_PENALTY,
    CANON_FIELD_LOGPROBS,
    CANON_FIELD_TOP_LOGPROBS,
};
static const struct str config_keys[CONFIG_END * 2] = {
    // clang-format off
    STR_LIT("stopSequences"), STR_LIT("stop_sequences"),
    STR_LIT("responseMimeType"), STR_LIT("response_mime_type"),
    STR_LIT("responseSchema"), STR_LIT("response_schema"),
    STR_LIT("responseJsonSchema"), STR_LIT("response_json_schema"),
    STR_LIT("responseModalities"), STR_LIT("response_modalities"),
    STR_LIT("thinkingConfig"), STR_LIT("thinking_config"),
    STR_LIT("maxOutputTokens"), STR_LIT("max_output_tokens"),
    STR_LIT("temperature"), STR_LIT("temperature"),
    STR_LIT("topP"), STR_LIT("top_p"),
    STR_LIT("topK"), STR_LIT("top_k"),
    STR_LIT("candidateCount"), STR_LIT("candidate_count"),
    STR_LIT("seed"), STR_LIT("seed"),
    STR_LIT("presencePenalty"), STR_LIT("presence_penalty"),
    STR_LIT("frequencyPenalty"), STR_LIT("frequency_penalty"),
    STR_LIT("responseLogprobs"), STR_LIT("response_logprobs"),
    STR_LIT("logprobs"), STR_LIT("logprobs"),
    // clang-format on
};

static int
read_stops(struct gemini_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct gemini_list list;
    struct str element;
    gemini_list_begin(&list, value);
    while (gemini_list_next(&list, &element)) {
        if (request->stop_count == CANON_STOPS_MAX)
            return scan_refuse(reading->fault, "invalid_value", "stopSequences",
                               "'stopSequences' has more than %d elements.",
                               CANON_STOPS_MAX);
        if (inside(element).len > 0)
            request->stops[request->stop_count++] = inside(element);
    }
    return 0;
}

static int
read_format(struct gemini_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str mime = inside(values[CONFIG_MIME]);
    if (is_stated(values[CONFIG_JSON_SCHEMA]))
        request->schema = values[CONFIG_JSON_SCHEMA];
    else if (is_stated(values[CONFIG_SCHEMA]))
        request->schema = gemini_schema(request, values[CONFIG_SCHEMA]);
    if (str_equals(mime, STR_LIT("application/json"))) {
        request->format =
            request->schema.len > 0 ? CANON_FORMAT_SCHEMA : CANON_FORMAT_JSON;
        return 0;
    }
    if (mime.len == 0 || str_equals(mime, STR_LIT("text/plain")))
        return 0;
    return scan_refuse(reading->fault, "unsupported_parameter",
                       "responseMimeType",
                       "The provider that serves this model answers in "
                       "text/plain or application/json only.");
}

static int
check_modalities(struct gemini_reading *reading, struct str value)
{
    struct gemini_list list;
    struct str element;
    gemini_list_begin(&list, value);
    while (gemini_list_next(&list, &element))
        if (!is_name(element, "TEXT") && !str_equals(element, STR_LIT("1")))
            return scan_refuse(reading->fault, "unsupported_parameter",
                               "responseModalities",
                               "The provider that serves this model answers "
                               "with text only.");
    return 0;
}

static void
read_thinking(struct canon_request *request, struct str value)
{
    static const struct str names[] = {
        STR_LIT("thinkingBudget"),  STR_LIT("thinking_budget"),
        STR_LIT("thinkingLevel"),   STR_LIT("thinking_level"),
        STR_LIT("includeThoughts"), STR_LIT("include_thoughts")};
    struct str values[4];
    int64_t budget;
    char level[16];
    if (!json_members_spelt(value, names, 3, 2, values))
        return;
    if (gemini_integer(values[0], &budget)) {
        request->thinking = budget == 0 ? CANON_NO : CANON_YES;
        request->thinking_budget = budget;
        if (budget == 0)
            request->effort = CANON_EFFORT_NONE;
    }
    struct str name = inside(values[1]);
    if (name.len > 0 && name.len < sizeof(level)) {
        for (size_t i = 0; i < name.len; i++)
            level[i] = (char)tolower((unsigned char)name.ptr[i]);
        request->effort = canon_effort_find(str_make(level, name.len));
        if (request->effort != CANON_EFFORT_UNSET)
            request->thinking = CANON_YES;
    }
    if (values[2].len > 0)
        request->show_thinking =
            str_equals(values[2], STR_LIT("true")) ? CANON_YES : CANON_NO;
}

/* Members that no other dialect has: told once each, if they are known. */
static void
drop_others(struct canon_request *request, struct str value)
{
    static const struct str names[] = {
        STR_LIT("mediaResolution"), STR_LIT("media_resolution"),
        STR_LIT("speechConfig"),    STR_LIT("speech_config"),
        STR_LIT("imageConfig"),     STR_LIT("image_config"),
        STR_LIT("audioTimestamp"),  STR_LIT("audio_timestamp"),
    };
    enum { COUNT = ARRAY_LEN(names) / 2 };
    struct str values[COUNT + 1];
    json_members_spelt(value, names, COUNT, 2, values);
    for (size_t i = 0; i < COUNT; i++)
        if (is_stated(values[i]))
            canon_drop(request, names[i * 2].ptr);
}

int
gemini_read_config(struct gemini_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct str values[CONFIG_END + 1];
    if (!json_members_spelt(value, config_keys, CONFIG_END, 2, values))
        return 0;
    for (unsigned i = 0; i < CONFIG_PLAIN_COUNT; i++)
        if (is_stated(values[CONFIG_PLAIN + i]))
            request->fields[plain_fields[i]] = values[CONFIG_PLAIN + i];
    if (is_stated(values[CONFIG_THINKING]))
        read_thinking(request, values[CONFIG_THINKING]);
    drop_others(request, value);
    if (read_stops(reading, values[CONFIG_STOPS]) != 0 ||
        check_modalities(reading, values[CONFIG_MODALITIES]) != 0)
        return -1;
    return read_format(reading, values);
}
