/*
 * anthropic_write.c - a canonical request as the body of a Messages call. Its
 * messages: anthropic_message.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"
#include "worker/provider/provider.h"

#include <stdlib.h>

/* Where neither the call nor the model's configuration has a bound: as the
 * lease assumes it. */
enum { MAX_TOKENS_FALLBACK = 4096 };

static const struct canon_field_row fields[CANON_FIELDS_END] = {
    /* written by functions of their own */
    [CANON_FIELD_TEMPERATURE] = {CANON_SILENT, NULL},
    [CANON_FIELD_TOP_P] = {CANON_SILENT, NULL},
    [CANON_FIELD_TOP_K] = {CANON_SILENT, NULL},
    [CANON_FIELD_USER] = {CANON_SILENT, NULL},
    [CANON_FIELD_SERVICE_TIER] = {CANON_SILENT, NULL},
    [CANON_FIELD_N] = {CANON_SILENT, NULL},
    [CANON_FIELD_LOGPROBS] = {CANON_SILENT, NULL},
    [CANON_FIELD_MODALITIES] = {CANON_SILENT, NULL},
    /* of no consequence here */
    [CANON_FIELD_PROMPT_CACHE_KEY] = {CANON_SILENT, NULL},
    [CANON_FIELD_STORE] = {CANON_SILENT, NULL},
    /* what the prompt is */
    [CANON_FIELD_CACHED_CONTENT] = {CANON_REFUSE, NULL},
};

static bool
has_field(const struct canon_request *request, enum canon_field field)
{
    struct str value = request->fields[field];
    return value.len > 0 && !str_equals(value, STR_LIT("null"));
}

/* ---- what would change the answer's meaning ---- */

static bool
asks_for_audio(struct str modalities)
{
    struct json_reader reader;
    struct json_token token;
    if (!json_list_begin(&reader, modalities))
        return false;
    while (json_next(&reader, &token) == JSON_STRING)
        if (!json_string_equals(token.span, STR_LIT("text")) &&
            !json_string_equals(token.span, STR_LIT("TEXT")))
            return true;
    return false;
}

static int
check_fields(const struct canon_request *request, struct fault *fault)
{
    const struct str *f = request->fields;
    if (request->kind != CANON_CHAT)
        return anthropic_refuse(fault, "model",
                                "Anthropic's API has no embeddings: choose "
                                "another model");
    if (has_field(request, CANON_FIELD_N) &&
        !str_equals(f[CANON_FIELD_N], STR_LIT("1")))
        return anthropic_refuse(fault, "n",
                                "Anthropic's API gives one answer to a call: "
                                "leave n out, or choose another model");
    if (has_field(request, CANON_FIELD_LOGPROBS) &&
        !str_equals(f[CANON_FIELD_LOGPROBS], STR_LIT("false")))
        return anthropic_refuse(fault, "logprobs",
                                "Anthropic's API has no logprobs: leave them "
                                "out, or choose another model");
    if (has_field(request, CANON_FIELD_MODALITIES) &&
        asks_for_audio(f[CANON_FIELD_MODALITIES]))
        return anthropic_refuse(fault, "modalities",
                                "Anthropic's models answer in text only: "
                                "choose another model");
    return 0;
}

/* ---- sampling ---- */

/* A number beyond 1, which is the most that is taken. */
static bool
is_above_one(struct str number)
{
    char text[40];
    if (number.len >= sizeof(text))
        return false; /* the provider may say what it thinks of it */
    memcpy(text, number.ptr, number.len);
    text[number.len] = '\0';
    return strtod(text, NULL) > 1.0;
}

static bool
is_number(struct str value)
{
    return value.len > 0 &&
           (*value.ptr == '-' || (*value.ptr >= '0' && *value.ptr <= '9'));
}

static void
write_sampling(struct canon_request *request, struct json_writer *json,
               bool thinks)
{
    struct str temperature = request->fields[CANON_FIELD_TEMPERATURE];
    struct str top_p = request->fields[CANON_FIELD_TOP_P];
    struct str top_k = request->fields[CANON_FIELD_TOP_K];
    if (is_number(temperature) && thinks) {
        canon_drop(request, "temperature");
    } else if (is_number(temperature)) {
        json_key(json, "temperature");
        json_raw(json, is_above_one(temperature) ? STR_LIT("1") : temperature);
    }
    /* One that means nothing; newer models refuse both at once. */
    if (is_number(top_p) && !str_equals(top_p, STR_LIT("1")) &&
        !str_equals(top_p, STR_LIT("1.0"))) {
        if (thinks || is_number(temperature)) {
            canon_drop(request, "top_p");
        } else {
            json_key(json, "top_p");
            json_raw(json, top_p);
        }
    }
    if (is_number(top_k) && thinks) {
        canon_drop(request, "top_k");
    } else if (is_number(top_k)) {
        json_key(json, "top_k");
        json_raw(json, top_k);
    }
}

/* Those of nothing but white space are refused there. */
static bool
is_blank(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ')
            continue;
        if (text.ptr[i] != '\\' || i + 1 == text.len ||
            strchr("nrt", text.ptr[i + 1]) == NULL)
            return false;
        i++;
    }
    return true;
}

static void
write_stops(struct canon_request *request, struct json_writer *json)
{
    bool open = false;
    for (uint32_t i = 0; i < request->stop_count; i++) {
        if (is_blank(request->stops[i])) {
            canon_drop(request, "stop");
            continue;
        }
        if (!open) {
            json_key(json, "stop_sequences");
            json_array_begin(json);
        }
        open = true;
        json_inside(json, request->stops[i]);
    }
    if (open)
        json_array_end(json);
}

/* ---- tools ---- */

/* With a choice among some of them only these are shown at all. */
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

static void
write_tool(struct json_writer *json, const struct canon_tool *tool)
{
    json_object_begin(json);
    json_key(json, "name");
    json_inside(json, tool->name);
    if (tool->description.len > 0) {
        json_key(json, "description");
        json_inside(json, tool->description);
    }
    json_key(json, "input_schema");
    json_raw(json, tool->schema.len > 0
                       ? tool->schema
                       : STR_LIT("{\"type\":\"object\",\"properties\":{}}"));
    if (str_equals(tool->strict, STR_LIT("true"))) {
        json_key(json, "strict");
        json_bool(json, true);
    }
    if (tool->cache_control.len > 0) {
        json_key(json, "cache_control");
        json_raw(json, tool->cache_control);
    }
    json_object_end(json);
}

static const char *
choice_type(const struct canon_request *request)
{
    switch (request->tool_choice) {
    case CANON_CHOICE_NONE:
        return "none";
    case CANON_CHOICE_REQUIRED:
        return "any";
    case CANON_CHOICE_NAMED:
        return "tool";
    case CANON_CHOICE_AUTO:
        return "auto";
    default:
        return request->parallel_tools == CANON_NO ? "auto" : NULL;
    }
}

static void
write_tools(const struct canon_request *request, struct json_writer *json)
{
    if (request->tool_count == 0)
        return;
    json_key(json, "tools");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tool_count; i++)
        if (is_allowed(request, request->tools[i].name))
            write_tool(json, &request->tools[i]);
    json_array_end(json);
    const char *type = choice_type(request);
    if (type == NULL)
        return;
    json_key(json, "tool_choice");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, type);
    if (request->tool_choice == CANON_CHOICE_NAMED) {
        json_key(json, "name");
        json_inside(json, request->tool_choice_names[0]);
    }
    if (request->parallel_tools == CANON_NO &&
        request->tool_choice != CANON_CHOICE_NONE) {
        json_key(json, "disable_parallel_tool_use");
        json_bool(json, true);
    }
    json_object_end(json);
}

/* ---- how it shall answer ---- */

static void
write_thinking(const struct canon_request *request, struct json_writer *json,
               const struct anthropic_thinking *thinking)
{
    static const char *const types[] = {
        [THINKING_OFF] = "disabled",
        [THINKING_ADAPTIVE] = "adaptive",
        [THINKING_BUDGET] = "enabled",
    };
    if (thinking->kind == THINKING_UNSAID)
        return;
    json_key(json, "thinking");
    json_object_begin(json);
    json_key(json, "type");
    json_cstring(json, types[thinking->kind]);
    if (thinking->kind == THINKING_BUDGET) {
        json_key(json, "budget_tokens");
        json_u64(json, thinking->budget);
    }
    if (thinking->kind == THINKING_ADAPTIVE &&
        request->show_thinking != CANON_UNSET) {
        json_key(json, "display");
        json_cstring(json, request->show_thinking == CANON_YES ? "summarized"
                                                               : "omitted");
    }
    json_object_end(json);
}

static void
write_output_config(const struct canon_request *request,
                    const struct canon_target *target, struct json_writer *json,
                    const struct anthropic_thinking *thinking)
{
    bool schema = request->format == CANON_FORMAT_SCHEMA &&
                  (target->quirks & QUIRK_NO_SCHEMA) == 0;
    if (thinking->effort == NULL && !schema)
        return;
    json_key(json, "output_config");
    json_object_begin(json);
    if (thinking->effort != NULL) {
        json_key(json, "effort");
        json_cstring(json, thinking->effort);
    }
    if (schema) {
        json_key(json, "format");
        json_object_begin(json);
        json_key(json, "type");
        json_cstring(json, "json_schema");
        json_key(json, "schema");
        json_raw(json, request->schema);
        json_object_end(json);
    }
    json_object_end(json);
}

/* By meaning: OpenAI's "default" is what is not dearer. */
static void
write_tier(struct canon_request *request, struct json_writer *json)
{
    struct str tier = request->fields[CANON_FIELD_SERVICE_TIER];
    const char *name = NULL;
    if (tier.len == 0 || *tier.ptr != '"')
        return;
    if (json_string_equals(tier, STR_LIT("auto")) ||
        json_string_equals(tier, STR_LIT("priority")))
        name = "auto";
    else if (json_string_equals(tier, STR_LIT("default")) ||
             json_string_equals(tier, STR_LIT("standard_only")))
        name = "standard_only";
    if (name == NULL) {
        canon_drop(request, "service_tier");
        return;
    }
    json_key(json, "service_tier");
    json_cstring(json, name);
}

static void
write_user(const struct canon_request *request, struct json_writer *json)
{
    struct str user = request->fields[CANON_FIELD_USER];
    if (user.len <= 2 || *user.ptr != '"')
        return;
    json_key(json, "metadata");
    json_object_begin(json);
    json_key(json, "user_id");
    json_raw(json, user);
    json_object_end(json);
}

static uint64_t
max_tokens_of(const struct canon_request *request,
              const struct canon_target *target)
{
    if (target->max_tokens > 0)
        return target->max_tokens;
    if (request->max_tokens > 0)
        return request->max_tokens;
    return target->max_output > 0 ? target->max_output : MAX_TOKENS_FALLBACK;
}

int
anthropic_write_request(struct canon_request *request,
                        const struct canon_target *target, struct buf *out,
                        struct fault *fault)
{
    struct json_writer json;
    struct anthropic_thinking thinking;
    uint64_t max_tokens = max_tokens_of(request, target);
    if (check_fields(request, fault) != 0 ||
        anthropic_think(request, target, max_tokens, &thinking, fault) != 0)
        return -1;
    bool thinks =
        thinking.kind == THINKING_ADAPTIVE || thinking.kind == THINKING_BUDGET;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "model");
    json_string(&json, target->model);
    json_key(&json, "max_tokens");
    json_u64(&json, max_tokens);
    if (anthropic_write_system(request, target, &json, fault) != 0 ||
        anthropic_write_messages(request, &json, fault) != 0)
        return -1;
    write_tools(request, &json);
    write_thinking(request, &json, &thinking);
    write_output_config(request, target, &json, &thinking);
    write_sampling(request, &json, thinks);
    write_stops(request, &json);
    write_tier(request, &json);
    write_user(request, &json);
    if (canon_fields_write(request, fields, &json, "Anthropic's API", fault) !=
        0)
        return -1;
    if (target->stream) {
        json_key(&json, "stream");
        json_bool(&json, true);
    }
    json_object_end(&json);
    return 0;
}
