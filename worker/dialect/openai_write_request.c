/*
 * openai_write_request.c - the canonical request as a body for a provider that
 * speaks as OpenAI does, each as its quirks say (worker/provider/openai_crowd.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_write.h"
#include "worker/dialect/scan.h"

/* OpenAI takes no more; and no user longer than this. */
enum { STOPS_MOST = 4, USER_BYTES = 64 };

static const char api_name[] = "the chat API";

/* ---- fields ---- */

static const struct canon_field_row known_rows[CANON_FIELDS_END] = {
    [CANON_FIELD_TEMPERATURE] = {CANON_CARRY, "temperature"},
    [CANON_FIELD_TOP_P] = {CANON_CARRY, "top_p"},
    [CANON_FIELD_SEED] = {CANON_CARRY, "seed"},
    [CANON_FIELD_PRESENCE_PENALTY] = {CANON_CARRY, "presence_penalty"},
    [CANON_FIELD_FREQUENCY_PENALTY] = {CANON_CARRY, "frequency_penalty"},
    [CANON_FIELD_LOGIT_BIAS] = {CANON_CARRY, "logit_bias"},
    [CANON_FIELD_LOGPROBS] = {CANON_CARRY, "logprobs"},
    [CANON_FIELD_TOP_LOGPROBS] = {CANON_CARRY, "top_logprobs"},
    [CANON_FIELD_N] = {CANON_CARRY, "n"},
    [CANON_FIELD_USER] = {CANON_CARRY, "user"},
    [CANON_FIELD_MODALITIES] = {CANON_REFUSE, NULL},
    [CANON_FIELD_AUDIO] = {CANON_REFUSE, NULL},
    [CANON_FIELD_WEB_SEARCH] = {CANON_REFUSE, NULL},
    [CANON_FIELD_CACHED_CONTENT] = {CANON_REFUSE, NULL},
    [CANON_FIELD_DIMENSIONS] = {CANON_CARRY, "dimensions"},
    [CANON_FIELD_ENCODING] = {CANON_CARRY, "encoding_format"},
};

struct quirk_row {
    uint32_t quirk;
    uint8_t field, fate;
    const char *name;
};

/* What a quirk changes of that. */
static const struct quirk_row quirk_rows[] = {
    // clang-format off
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_SERVICE_TIER, CANON_CARRY, "service_tier"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_METADATA, CANON_CARRY, "metadata"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_STORE, CANON_CARRY, "store"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_VERBOSITY, CANON_CARRY, "verbosity"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_PREDICTION, CANON_CARRY, "prediction"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_MODALITIES, CANON_CARRY, "modalities"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_AUDIO, CANON_CARRY, "audio"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_WEB_SEARCH, CANON_CARRY, "web_search_options"},
    {QUIRK_OPENAI_FIELDS, CANON_FIELD_PROMPT_CACHE_KEY, CANON_CARRY, "prompt_cache_key"},
    {QUIRK_REASONING_OBJECT, CANON_FIELD_MODALITIES, CANON_CARRY, "modalities"},
    {QUIRK_TOP_K, CANON_FIELD_TOP_K, CANON_CARRY, "top_k"},
    {QUIRK_TOP_K, CANON_FIELD_REPETITION_PENALTY, CANON_CARRY, "repetition_penalty"},
    {QUIRK_SEED_RANDOM, CANON_FIELD_SEED, CANON_CARRY, "random_seed"},
    {QUIRK_SEED_RANDOM, CANON_FIELD_DIMENSIONS, CANON_CARRY, "output_dimension"},
    {QUIRK_STRICT_FIELDS, CANON_FIELD_LOGPROBS, CANON_REFUSE, NULL},
    {QUIRK_STRICT_FIELDS, CANON_FIELD_TOP_LOGPROBS, CANON_DROP, NULL},
    {QUIRK_STRICT_FIELDS, CANON_FIELD_LOGIT_BIAS, CANON_DROP, NULL},
    {QUIRK_STRICT_FIELDS, CANON_FIELD_USER, CANON_DROP, NULL},
    {QUIRK_NO_LOGPROBS, CANON_FIELD_LOGPROBS, CANON_REFUSE, NULL},
    {QUIRK_NO_LOGPROBS, CANON_FIELD_TOP_LOGPROBS, CANON_DROP, NULL},
    {QUIRK_NO_LOGPROBS, CANON_FIELD_LOGIT_BIAS, CANON_DROP, NULL},
    {QUIRK_NO_LOGPROBS, CANON_FIELD_N, CANON_REFUSE, NULL},
    // clang-format on
};

static int
write_fields(struct openai_writing *writing)
{
    struct canon_field_row rows[CANON_FIELDS_END];
    memcpy(rows, known_rows, sizeof(rows));
    for (size_t i = 0; i < ARRAY_LEN(quirk_rows); i++) {
        const struct quirk_row *row = &quirk_rows[i];
        if ((writing->quirks & row->quirk) != 0)
            rows[row->field] = (struct canon_field_row){row->fate, row->name};
    }
    if (writing->request->fields[CANON_FIELD_USER].len > USER_BYTES + 2)
        rows[CANON_FIELD_USER].fate = CANON_DROP;
    return canon_fields_write(writing->request, rows, &writing->json, api_name,
                              writing->fault);
}

/* ---- tools ---- */

/* Where only some may be called, the others are not told of. */
static bool
is_allowed(const struct canon_request *request, struct str name)
{
    if (request->tool_choice == CANON_CHOICE_NAMED ||
        request->tool_choice_name_count == 0)
        return true;
    for (uint32_t i = 0; i < request->tool_choice_name_count; i++)
        if (str_equals(request->tool_choice_names[i], name))
            return true;
    return false;
}

static void
write_tool(struct openai_writing *writing, const struct canon_tool *tool)
{
    struct json_writer *json = &writing->json;
    json_object_begin(json);
    json_key(json, "type");
    json_inside(json, STR_LIT("function"));
    json_key(json, "function");
    json_object_begin(json);
    json_key(json, "name");
    json_inside(json, tool->name);
    if (tool->description.len > 0) {
        json_key(json, "description");
        json_inside(json, tool->description);
    }
    json_key(json, "parameters");
    json_raw(json, tool->schema.len > 0
                       ? tool->schema
                       : STR_LIT("{\"type\":\"object\",\"properties\":{}}"));
    if (tool->strict.len > 0) {
        json_key(json, "strict");
        json_raw(json, tool->strict);
    }
    json_object_end(json);
    if (tool->cache_control.len > 0 &&
        (writing->quirks & QUIRK_CACHE_CONTROL) != 0) {
        json_key(json, "cache_control");
        json_raw(json, tool->cache_control);
    }
    json_object_end(json);
}

static void
write_tool_choice(struct openai_writing *writing)
{
    const struct canon_request *request = writing->request;
    struct json_writer *json = &writing->json;
    static const struct str words[] = {
        [CANON_CHOICE_AUTO] = STR_LIT("auto"),
        [CANON_CHOICE_NONE] = STR_LIT("none"),
        [CANON_CHOICE_REQUIRED] = STR_LIT("required"),
    };
    if (request->tool_choice == CANON_CHOICE_DEFAULT)
        return;
    json_key(json, "tool_choice");
    if (request->tool_choice == CANON_CHOICE_NAMED) {
        json_object_begin(json);
        json_key(json, "type");
        json_inside(json, STR_LIT("function"));
        json_key(json, "function");
        json_object_begin(json);
        json_key(json, "name");
        json_inside(json, request->tool_choice_names[0]);
        json_object_end(json);
        json_object_end(json);
    } else if (request->tool_choice == CANON_CHOICE_REQUIRED &&
               (writing->quirks & QUIRK_TOOL_ANY) != 0) {
        json_inside(json, STR_LIT("any"));
    } else {
        json_inside(json, words[request->tool_choice]);
    }
}

static void
write_tools(struct openai_writing *writing)
{
    const struct canon_request *request = writing->request;
    struct json_writer *json = &writing->json;
    if (request->tool_count == 0)
        return;
    json_key(json, "tools");
    json_array_begin(json);
    for (uint32_t i = 0; i < request->tool_count; i++)
        if (is_allowed(request, request->tools[i].name))
            write_tool(writing, &request->tools[i]);
    json_array_end(json);
    write_tool_choice(writing);
    if (request->parallel_tools != CANON_UNSET) {
        json_key(json, "parallel_tool_calls");
        json_bool(json, request->parallel_tools == CANON_YES);
    }
}

/* ---- thinking ---- */

/* As it was asked for, or as a budget says it. */
static enum canon_effort
effort_of(const struct canon_request *request)
{
    if (request->effort != CANON_EFFORT_UNSET)
        return request->effort;
    if (request->thinking != CANON_NO && request->thinking_budget > 0)
        return canon_budget_effort(request->thinking_budget);
    return CANON_EFFORT_UNSET;
}

static void
write_effort(struct openai_writing *writing, enum canon_effort effort)
{
    if ((writing->quirks & QUIRK_EFFORT_3) != 0) {
        if (effort == CANON_EFFORT_NONE)
            effort = CANON_EFFORT_UNSET;
        else if (effort == CANON_EFFORT_MINIMAL)
            effort = CANON_EFFORT_LOW;
        else if (effort == CANON_EFFORT_XHIGH)
            effort = CANON_EFFORT_HIGH;
    }
    if (effort == CANON_EFFORT_UNSET)
        return;
    json_key(&writing->json, "reasoning_effort");
    json_inside(&writing->json, str_from(canon_effort_name(effort)));
}

static void
write_reasoning_object(struct openai_writing *writing, enum canon_flag on)
{
    const struct canon_request *request = writing->request;
    struct json_writer *json = &writing->json;
    bool hidden = request->show_thinking == CANON_NO;
    if (on == CANON_UNSET && !hidden)
        return;
    json_key(json, "reasoning");
    json_object_begin(json);
    if (request->effort != CANON_EFFORT_UNSET) {
        json_key(json, "effort");
        json_inside(json, str_from(canon_effort_name(request->effort)));
    } else if (on == CANON_YES && request->thinking_budget > 0) {
        json_key(json, "max_tokens");
        json_i64(json, request->thinking_budget);
    } else if (on != CANON_UNSET) {
        json_key(json, "enabled");
        json_bool(json, on == CANON_YES);
    }
    if (hidden) {
        json_key(json, "exclude");
        json_bool(json, true);
    }
    json_object_end(json);
}

static void
write_enable_thinking(struct openai_writing *writing, enum canon_flag on)
{
    const struct canon_request *request = writing->request;
    struct json_writer *json = &writing->json;
    int64_t budget = request->thinking_budget;
    if (on == CANON_UNSET)
        return;
    if (budget == 0)
        budget = canon_effort_budget(request->effort);
    json_key(json, "enable_thinking");
    json_bool(json, on == CANON_YES);
    if (on == CANON_YES && budget > 0) {
        json_key(json, "thinking_budget");
        json_i64(json, budget);
    }
}

static void
write_thinking_type(struct openai_writing *writing, enum canon_flag on)
{
    struct json_writer *json = &writing->json;
    if (on == CANON_UNSET)
        return;
    json_key(json, "thinking");
    json_object_begin(json);
    json_key(json, "type");
    json_inside(json,
                on == CANON_YES ? STR_LIT("enabled") : STR_LIT("disabled"));
    json_object_end(json);
}

static void
write_thinking(struct openai_writing *writing)
{
    struct canon_request *request = writing->request;
    enum canon_effort effort = effort_of(request);
    enum canon_flag on = request->thinking;
    if (effort == CANON_EFFORT_NONE)
        on = CANON_NO;
    else if (effort != CANON_EFFORT_UNSET && on == CANON_UNSET)
        on = CANON_YES;
    if ((writing->quirks & QUIRK_REASONING_OBJECT) != 0) {
        write_reasoning_object(writing, on);
        return;
    }
    if ((writing->quirks & QUIRK_ENABLE_THINKING) != 0) {
        write_enable_thinking(writing, on);
        return;
    }
    if ((writing->quirks & QUIRK_THINKING_TYPE) != 0)
        write_thinking_type(writing, on);
    if ((writing->quirks & QUIRK_NO_REASONING) == 0)
        write_effort(writing, effort);
    else if (on == CANON_YES && (writing->quirks & QUIRK_THINKING_TYPE) == 0)
        canon_drop(request, "reasoning_effort");
}

/* ---- the rest ---- */

static void
write_format(struct openai_writing *writing)
{
    const struct canon_request *request = writing->request;
    struct json_writer *json = &writing->json;
    bool has_schema = request->format == CANON_FORMAT_SCHEMA &&
                      (writing->quirks & QUIRK_NO_SCHEMA) == 0;
    if (request->format == CANON_FORMAT_TEXT)
        return;
    json_key(json, "response_format");
    json_object_begin(json);
    json_key(json, "type");
    json_inside(json,
                has_schema ? STR_LIT("json_schema") : STR_LIT("json_object"));
    if (has_schema) {
        json_key(json, "json_schema");
        json_object_begin(json);
        json_key(json, "name");
        json_inside(json, request->schema_name.len > 0 ? request->schema_name
                                                       : STR_LIT("response"));
        if (request->schema_description.len > 0) {
            json_key(json, "description");
            json_inside(json, request->schema_description);
        }
        json_key(json, "schema");
        json_raw(json, request->schema);
        if (request->schema_strict.len > 0) {
            json_key(json, "strict");
            json_raw(json, request->schema_strict);
        }
        json_object_end(json);
    }
    json_object_end(json);
}

static void
write_stops(struct openai_writing *writing)
{
    struct canon_request *request = writing->request;
    if (request->stop_count == 0)
        return;
    json_key(&writing->json, "stop");
    json_array_begin(&writing->json);
    for (uint32_t i = 0; i < request->stop_count && i < STOPS_MOST; i++)
        json_inside(&writing->json, request->stops[i]);
    json_array_end(&writing->json);
    if (request->stop_count > STOPS_MOST)
        canon_drop(request, "stop sequences beyond 4");
}

static void
write_frame(struct openai_writing *writing)
{
    const struct canon_target *target = writing->target;
    struct json_writer *json = &writing->json;
    if (target->max_tokens > 0) {
        json_key(json, (writing->quirks & QUIRK_COMPLETION_TOKENS) != 0
                           ? "max_completion_tokens"
                           : "max_tokens");
        json_u64(json, target->max_tokens);
    }
    if (!target->stream)
        return;
    json_key(json, "stream");
    json_bool(json, true);
    if ((writing->quirks & QUIRK_NO_STREAM_OPTIONS) == 0) {
        json_key(json, "stream_options");
        json_raw(json, STR_LIT("{\"include_usage\":true}"));
    }
}

static void
write_inputs(struct openai_writing *writing)
{
    const struct canon_request *request = writing->request;
    json_key(&writing->json, "input");
    if (request->part_count == 1) {
        json_inside(&writing->json, request->parts[0].text);
        return;
    }
    json_array_begin(&writing->json);
    for (uint32_t i = 0; i < request->part_count; i++)
        json_inside(&writing->json, request->parts[i].text);
    json_array_end(&writing->json);
}

static int
write_chat(struct openai_writing *writing)
{
    if (openai_write_messages(writing) != 0)
        return -1;
    write_frame(writing);
    write_tools(writing);
    write_format(writing);
    write_thinking(writing);
    write_stops(writing);
    return 0;
}

int
openai_write_request(struct canon_request *request,
                     const struct canon_target *target, struct buf *out,
                     struct fault *fault)
{
    struct openai_writing writing = {
        .request = request,
        .target = target,
        .fault = fault,
        .quirks = target->quirks,
    };
    bool is_embed = request->kind == CANON_EMBED;
    if ((target->endpoint == ENDPOINT_EMBEDDINGS) != is_embed ||
        (!is_embed && target->endpoint != ENDPOINT_CHAT))
        return scan_refuse(fault, "unsupported_endpoint", NULL,
                           "The provider of this model does not serve this "
                           "kind of call.");
    json_writer_init(&writing.json, out);
    json_object_begin(&writing.json);
    json_key(&writing.json, "model");
    json_string(&writing.json, target->model);
    if (is_embed)
        write_inputs(&writing);
    else if (write_chat(&writing) != 0)
        return -1;
    if (write_fields(&writing) != 0)
        return -1;
    json_object_end(&writing.json);
    return 0;
}
