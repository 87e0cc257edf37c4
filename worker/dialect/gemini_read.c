/*
 * gemini_read.c - a body of this dialect as the canonical request.
 *
 * The scan has seen it: it is JSON, no deeper than a reader goes. Members that
 * only Google knows are dropped and told.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

enum body_key {
    BODY_CONTENTS,
    BODY_SYSTEM,
    BODY_CONFIG,
    BODY_TOOLS,
    BODY_TOOL_CONFIG,
    BODY_SAFETY,
    BODY_CACHED,
    BODY_CONTENT,
    BODY_REQUESTS,
    BODY_DIMENSIONS,
    BODY_TASK,
    BODY_TITLE,
    BODY_OTHER,
};
static const struct str body_keys[BODY_OTHER * 2] = {
    // clang-format off
    STR_LIT("contents"), STR_LIT("contents"),
    STR_LIT("systemInstruction"), STR_LIT("system_instruction"),
    STR_LIT("generationConfig"), STR_LIT("generation_config"),
    STR_LIT("tools"), STR_LIT("tools"),
    STR_LIT("toolConfig"), STR_LIT("tool_config"),
    STR_LIT("safetySettings"), STR_LIT("safety_settings"),
    STR_LIT("cachedContent"), STR_LIT("cached_content"),
    STR_LIT("content"), STR_LIT("content"),
    STR_LIT("requests"), STR_LIT("requests"),
    STR_LIT("outputDimensionality"), STR_LIT("output_dimensionality"),
    STR_LIT("taskType"), STR_LIT("task_type"),
    STR_LIT("title"), STR_LIT("title"),
    // clang-format on
};

static const struct str content_keys[] = {STR_LIT("role"), STR_LIT("parts")};

/* ---- contents ---- */

static int
read_system(struct gemini_reading *reading, struct str value)
{
    struct str values[3];
    bool is_string;
    struct str text = canon_inside(value, &is_string);
    canon_message_add(reading->request, CANON_SYSTEM);
    if (is_string) {
        canon_part_add(reading->request, CANON_TEXT)->text = text;
        return 0;
    }
    if (*value.ptr == '[') /* parts without the object around them */
        return gemini_read_parts(reading, value);
    if (!json_members(value, content_keys, 2, values))
        return 0;
    return gemini_read_parts(reading, values[1]);
}

/* The reader stands behind its opening brace. */
static int
read_content(struct gemini_reading *reading, struct json_reader *reader)
{
    struct str values[3];
    enum canon_role role;
    json_members_here(reader, content_keys, 2, values);
    struct str name = canon_inside(values[0], NULL);
    if (str_equals(name, STR_LIT("model")))
        role = CANON_ASSISTANT;
    else if (name.len == 0 || str_equals(name, STR_LIT("user")) ||
             str_equals(name, STR_LIT("function")))
        role = CANON_USER;
    else
        return scan_refuse(reading->fault, "invalid_value", "contents",
                           "A role in 'contents' is neither 'user' nor "
                           "'model'.");
    if (role == CANON_ASSISTANT)
        reading->pending_count = 0;
    canon_message_add(reading->request, role);
    return gemini_read_parts(reading, values[1]);
}

static int
read_contents(struct gemini_reading *reading, struct str value)
{
    struct gemini_list list;
    struct str first;
    enum json_type type;
    gemini_list_begin(&list, value);
    while ((type = gemini_list_enter(&list, &first)) != JSON_END) {
        if (type == JSON_STRING) {
            canon_message_add(reading->request, CANON_USER);
            canon_part_add(reading->request, CANON_TEXT)->text =
                canon_inside(first, NULL);
        } else if (type != JSON_OBJECT) {
            return scan_refuse(reading->fault, "invalid_type", "contents",
                               "An element of 'contents' is not an object.");
        } else if (read_content(reading, &list.reader) != 0) {
            return -1;
        }
    }
    return 0;
}

static int
read_generate(struct gemini_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    request->kind = CANON_CHAT;
    if (values[BODY_SYSTEM].len > 0 &&
        read_system(reading, values[BODY_SYSTEM]) != 0)
        return -1;
    if (read_contents(reading, values[BODY_CONTENTS]) != 0 ||
        gemini_read_config(reading, values[BODY_CONFIG]) != 0 ||
        gemini_read_tools(reading, values[BODY_TOOLS]) != 0)
        return -1;
    request->fields[CANON_FIELD_SAFETY] = values[BODY_SAFETY];
    request->fields[CANON_FIELD_CACHED_CONTENT] = values[BODY_CACHED];
    return gemini_read_tool_config(reading, values[BODY_TOOL_CONFIG]);
}

/* ---- embeddings ---- */

/* A content's texts as one: it has one vector. */
static int
read_input(struct gemini_reading *reading, struct str content)
{
    struct canon_request *request = reading->request;
    struct gemini_list list;
    struct str values[3], element, text;
    size_t len = 0;
    if (!json_members(content, content_keys, 2, values))
        return scan_refuse(reading->fault, "invalid_type", "content",
                           "'content' is not an object.");
    gemini_list_begin(&list, values[1]);
    while (gemini_list_next(&list, &element)) {
        bool is_text = json_find(element, "text", &text);
        if (is_text)
            text = canon_inside(text, &is_text);
        if (!is_text)
            return scan_refuse(reading->fault, "unsupported_content", "content",
                               "Only texts can be embedded by the provider "
                               "that serves this model.");
        len += text.len;
    }
    char *all = canon_alloc(request, len + 1);
    if (all == NULL)
        return 0; /* told as failed by the request */
    char *end = all;
    gemini_list_begin(&list, values[1]);
    while (gemini_list_next(&list, &element) &&
           json_find(element, "text", &text))
        end = str_copy(end, canon_inside(text, NULL));
    canon_part_add(request, CANON_TEXT)->text = str_make(all, len);
    return 0;
}

/* What stands beside a content must be the same for all of a batch. */
static int
take_option(struct gemini_reading *reading, enum canon_field field,
            const char *name, struct str value, bool is_first)
{
    struct str *known = &reading->request->fields[field];
    if (is_first)
        *known = value;
    else if (!str_equals(*known, value))
        return scan_refuse(reading->fault, "unsupported_parameter", name,
                           "'%s' differs between the requests of a batch, "
                           "which the provider of this model cannot take.",
                           name);
    return 0;
}

static int
read_embedding(struct gemini_reading *reading, const struct str *values)
{
    bool is_first = reading->request->part_count == 0;
    if (take_option(reading, CANON_FIELD_DIMENSIONS, "outputDimensionality",
                    values[BODY_DIMENSIONS], is_first) != 0 ||
        take_option(reading, CANON_FIELD_TASK_TYPE, "taskType",
                    values[BODY_TASK], is_first) != 0 ||
        take_option(reading, CANON_FIELD_TITLE, "title", values[BODY_TITLE],
                    is_first) != 0)
        return -1;
    return read_input(reading, values[BODY_CONTENT]);
}

static int
read_batch(struct gemini_reading *reading, struct str value)
{
    struct str values[BODY_OTHER + 1], element;
    struct gemini_list list;
    gemini_list_begin(&list, value);
    while (gemini_list_next(&list, &element))
        if (!json_members_spelt(element, body_keys, BODY_OTHER, 2, values) ||
            read_embedding(reading, values) != 0)
            return -1;
    return 0;
}

int
gemini_read_request(struct str body, const struct call *call,
                    struct canon_request *request, struct fault *fault)
{
    struct gemini_reading reading = {.request = request, .fault = fault};
    struct str values[BODY_OTHER + 1];
    if (!json_members_spelt(body, body_keys, BODY_OTHER, 2, values))
        return scan_refuse(fault, "invalid_json", NULL,
                           "The request body is not a JSON object.");
    request->stream = call->stream;
    request->max_tokens = call->max_tokens;
    switch (call->endpoint) {
    case ENDPOINT_GENERATE:
        return read_generate(&reading, values);
    case ENDPOINT_EMBED:
        request->kind = CANON_EMBED;
        return read_embedding(&reading, values);
    case ENDPOINT_BATCH_EMBED:
        request->kind = CANON_EMBED;
        return read_batch(&reading, values[BODY_REQUESTS]);
    default:
        return scan_refuse(fault, "unsupported_endpoint", NULL,
                           "The provider of this model does not serve this "
                           "API.");
    }
}
