/*
 * gemini_write_config.c - generationConfig, tools and toolConfig of a canonical
 * request.
 *
 * Which of Google's two ways to say how much a model may think a model knows, is
 * told by its name: "gemini-2.5-..." and before by a budget, "gemini-3..." and
 * later, and names without a number ("gemini-flash-latest"), by a level; what
 * is no Gemini at all (Gemma) by a budget, too, and only if it was asked for.
 * "-pro" models cannot be told not to think.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

enum { STOPS_MAX = 5 };

static const char where[] = "Gemini's API";

static const struct canon_field_row config_fields[CANON_FIELDS_END] = {
    // clang-format off
    [CANON_FIELD_TEMPERATURE] = {CANON_CARRY, "temperature"},
    [CANON_FIELD_TOP_P] = {CANON_CARRY, "topP"},
    [CANON_FIELD_TOP_K] = {CANON_CARRY, "topK"},
    [CANON_FIELD_SEED] = {CANON_CARRY, "seed"},
    [CANON_FIELD_PRESENCE_PENALTY] = {CANON_CARRY, "presencePenalty"},
    [CANON_FIELD_FREQUENCY_PENALTY] = {CANON_CARRY, "frequencyPenalty"},
    [CANON_FIELD_LOGPROBS] = {CANON_CARRY, "responseLogprobs"},
    [CANON_FIELD_TOP_LOGPROBS] = {CANON_CARRY, "logprobs"},
    [CANON_FIELD_N] = {CANON_CARRY, "candidateCount"},
    [CANON_FIELD_AUDIO] = {CANON_REFUSE, NULL},
    [CANON_FIELD_MODALITIES] = {CANON_SILENT, NULL}, /* looked at apart */
    [CANON_FIELD_SAFETY] = {CANON_SILENT, NULL},     /* stands elsewhere */
    [CANON_FIELD_CACHED_CONTENT] = {CANON_SILENT, NULL},
    // clang-format on
};

/* ---- thinking ---- */

static const char *
find(struct str name, const char *part)
{
    return memmem(name.ptr, name.len, part, strlen(part));
}

bool
gemini_is_third(struct str model)
{
    const char *name = find(model, "gemini-");
    if (name == NULL)
        return false;
    struct str rest = str_skip(model, (size_t)(name - model.ptr) + 7);
    return rest.len == 0 || *rest.ptr < '0' || *rest.ptr > '2' ||
           (rest.len > 1 && rest.ptr[1] >= '0' && rest.ptr[1] <= '9');
}

/* What the client asked for, as an effort; UNSET: as the model likes. */
static enum canon_effort
asked_effort(const struct canon_request *request)
{
    if (request->thinking == CANON_NO)
        return CANON_EFFORT_NONE;
    if (request->effort != CANON_EFFORT_UNSET)
        return request->effort;
    return request->thinking_budget > 0
               ? canon_budget_effort(request->thinking_budget)
               : CANON_EFFORT_UNSET;
}

static const char *
level_of(enum canon_effort effort, bool is_pro)
{
    switch (effort) {
    case CANON_EFFORT_NONE:
    case CANON_EFFORT_MINIMAL:
        return is_pro ? "LOW" : "MINIMAL";
    case CANON_EFFORT_LOW:
        return "LOW";
    case CANON_EFFORT_MEDIUM:
        return "MEDIUM";
    case CANON_EFFORT_HIGH:
    case CANON_EFFORT_XHIGH:
        return "HIGH";
    default:
        return NULL;
    }
}

/* -1: as the model likes. */
static int64_t
budget_of(const struct canon_request *request, bool is_pro)
{
    enum { PRO_LEAST = 128, PRO_MOST = 32768, MOST = 24576 };
    static const int64_t budgets[] = {
        [CANON_EFFORT_UNSET] = -1,    [CANON_EFFORT_NONE] = 0,
        [CANON_EFFORT_MINIMAL] = 512, [CANON_EFFORT_LOW] = 1024,
        [CANON_EFFORT_MEDIUM] = 8192, [CANON_EFFORT_HIGH] = MOST,
        [CANON_EFFORT_XHIGH] = MOST,
    };
    int64_t most = is_pro ? PRO_MOST : MOST, budget;
    if (request->thinking != CANON_NO && request->thinking_budget != 0)
        budget = request->thinking_budget;
    else if (request->thinking == CANON_NO)
        budget = 0;
    else
        budget = budgets[request->effort];
    if (budget > most)
        budget = most;
    return is_pro && budget >= 0 && budget < PRO_LEAST ? PRO_LEAST : budget;
}

static bool
asks_for_thinking(const struct canon_request *request)
{
    return request->thinking != CANON_UNSET ||
           request->effort != CANON_EFFORT_UNSET ||
           request->show_thinking != CANON_UNSET;
}

static void
write_thinking(const struct canon_request *request, struct str model,
               struct json_writer *json)
{
    bool is_pro = find(model, "-pro") != NULL;
    bool shows = request->show_thinking == CANON_YES ||
                 (request->show_thinking == CANON_UNSET &&
                  request->thinking == CANON_YES);
    if (!asks_for_thinking(request))
        return;
    json_key(json, "thinkingConfig");
    json_object_begin(json);
    if (gemini_is_third(model)) {
        const char *level = level_of(asked_effort(request), is_pro);
        if (level != NULL) {
            json_key(json, "thinkingLevel");
            json_cstring(json, level);
        }
    } else if (request->thinking != CANON_UNSET ||
               request->effort != CANON_EFFORT_UNSET) {
        json_key(json, "thinkingBudget");
        json_i64(json, budget_of(request, is_pro));
    }
    if (shows) {
        json_key(json, "includeThoughts");
        json_bool(json, true);
    }
    json_object_end(json);
}

/* ---- generationConfig ---- */

static void
write_stops(struct canon_request *request, struct json_writer *json)
{
    if (request->stop_count == 0)
        return;
    json_key(json, "stopSequences");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->stop_count && i < STOPS_MAX; i++)
        json_inside(json, request->stops[i]);
    json_array_end(json);
    if (request->stop_count > STOPS_MAX)
        canon_drop(request, "stop");
}

static void
write_format(const struct canon_request *request, struct json_writer *json)
{
    if (request->format == CANON_FORMAT_TEXT)
        return;
    json_key(json, "responseMimeType");
    json_cstring(json, "application/json");
    if (request->format == CANON_FORMAT_SCHEMA && request->schema.len > 0) {
        json_key(json, "responseJsonSchema");
        json_raw(json, request->schema);
    }
}

/* Text is what it answers with anyway. */
static int
check_modalities(const struct canon_request *request, struct fault *fault)
{
    struct gemini_list list;
    struct str element;
    gemini_list_begin(&list, request->fields[CANON_FIELD_MODALITIES]);
    while (gemini_list_next(&list, &element))
        if (!str_equals(element, STR_LIT("\"text\"")))
            return scan_refuse(fault, "unsupported_parameter", "modalities",
                               "The provider that serves this model answers "
                               "with text only here.");
    return 0;
}

int
gemini_write_config(struct canon_request *request,
                    const struct canon_target *target, struct json_writer *json,
                    struct fault *fault)
{
    if (check_modalities(request, fault) != 0)
        return -1;
    json_key(json, "generationConfig");
    json_object_begin(json);
    if (target->max_tokens > 0) {
        json_key(json, "maxOutputTokens");
        json_u64(json, target->max_tokens);
    }
    if (canon_fields_write(request, config_fields, json, where, fault) != 0)
        return -1;
    write_stops(request, json);
    write_format(request, json);
    write_thinking(request, target->model, json);
    json_object_end(json);
    if (request->parallel_tools == CANON_NO)
        canon_drop(request, "parallel_tool_calls");
    return 0;
}

/* ---- tools ---- */

static void
write_function(struct json_writer *json, const struct canon_tool *tool)
{
    json_object_begin(json);
    json_key(json, "name");
    json_inside(json, tool->name);
    if (tool->description.len > 0) {
        json_key(json, "description");
        json_inside(json, tool->description);
    }
    if (tool->schema.len > 0 && *tool->schema.ptr == '{') {
        json_key(json, "parametersJsonSchema");
        json_raw(json, tool->schema);
    }
    json_object_end(json);
}

/* A choice among some tools without having to choose is VALIDATED there. */
static const char *
mode_of(const struct canon_request *request)
{
    switch (request->tool_choice) {
    case CANON_CHOICE_AUTO:
        return request->tool_choice_name_count > 0 ? "VALIDATED" : "AUTO";
    case CANON_CHOICE_NONE:
        return "NONE";
    case CANON_CHOICE_REQUIRED:
    case CANON_CHOICE_NAMED:
        return "ANY";
    default:
        return NULL;
    }
}

static void
write_choice(const struct canon_request *request, struct json_writer *json)
{
    const char *mode = mode_of(request);
    if (mode == NULL)
        return;
    json_key(json, "toolConfig");
    json_object_begin(json);
    json_key(json, "functionCallingConfig");
    json_object_begin(json);
    json_key(json, "mode");
    json_cstring(json, mode);
    uint32_t names = request->tool_choice == CANON_CHOICE_NONE
                         ? 0
                         : request->tool_choice_name_count;
    if (names > 0) {
        json_key(json, "allowedFunctionNames");
        json_array_begin(json);
        for (uint32_t i = 0; i < names; i++)
            json_inside(json, request->tool_choice_names[i]);
        json_array_end(json);
    }
    json_object_end(json);
    json_object_end(json);
}

void
gemini_write_tools(struct canon_request *request, struct json_writer *json)
{
    json_key(json, "tools");
    json_array_begin(json);
    json_object_begin(json);
    json_key(json, "functionDeclarations");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tool_count; i++)
        write_function(json, &request->tools[i]);
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
    write_choice(request, json);
}
