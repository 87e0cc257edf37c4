/*
 * openai_read_request.c - a client's chat or embeddings request, as the
 * canonical one: a row per member that means something to other dialects.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"
#include "worker/dialect/scan.h"

/* A member's meaning; what it says wrong is refused, what is of another type
 * than it should be is passed over. */
typedef int (*read_member)(struct openai_reading *reading, struct str value);

static bool
is_true(struct str value)
{
    return str_equals(value, STR_LIT("true"));
}

static bool
is_false(struct str value)
{
    return str_equals(value, STR_LIT("false"));
}

static uint8_t
flag_of(struct str value)
{
    return is_true(value)    ? CANON_YES
           : is_false(value) ? CANON_NO
                             : CANON_UNSET;
}

/* A member by its path, without the null. */
static struct str
find(struct str object, const char *path)
{
    struct str value;
    if (*object.ptr != '{' || !json_find(object, path, &value) ||
        str_equals(value, STR_LIT("null")))
        return str_make(NULL, 0);
    return value;
}

/* ---- tools ---- */

static int
add_tool(struct openai_reading *reading, struct str function,
         struct str cache_control)
{
    enum { NAME, DESCRIPTION, PARAMETERS, STRICT, TOOL_KEYS };
    static const struct str names[TOOL_KEYS] = {
        [NAME] = STR_LIT("name"),
        [DESCRIPTION] = STR_LIT("description"),
        [PARAMETERS] = STR_LIT("parameters"),
        [STRICT] = STR_LIT("strict"),
    };
    struct str values[TOOL_KEYS + 1];
    json_members(function, names, TOOL_KEYS, values);
    struct str name = openai_text(values[NAME]);
    if (name.len == 0)
        return scan_refuse(reading->fault, "invalid_value", "tools",
                           "A tool's function has no name.");
    struct canon_tool *tool = canon_tool_add(reading->request);
    tool->name = name;
    tool->description = openai_text(values[DESCRIPTION]);
    if (values[PARAMETERS].len > 0 && *values[PARAMETERS].ptr == '{')
        tool->schema = values[PARAMETERS];
    tool->strict = values[STRICT];
    tool->cache_control = cache_control;
    return 0;
}

/* The list was entered. */
static int
read_tools(struct openai_reading *reading, struct json_reader *reader)
{
    enum { TYPE, FUNCTION, CACHE, LIST_KEYS };
    static const struct str names[LIST_KEYS] = {
        [TYPE] = STR_LIT("type"),
        [FUNCTION] = STR_LIT("function"),
        [CACHE] = STR_LIT("cache_control"),
    };
    struct str values[LIST_KEYS + 1];
    while (json_list_object(reader)) {
        json_members_here(reader, names, LIST_KEYS, values);
        struct str type = openai_text(values[TYPE]);
        if (values[FUNCTION].len == 0)
            return scan_refuse(reading->fault, "unsupported_tool", "tools",
                               "A tool of type \"%.*s\" cannot be carried to "
                               "the provider of this model: only functions "
                               "can.",
                               (int)(type.len < 64 ? type.len : 64), type.ptr);
        if (add_tool(reading, values[FUNCTION], values[CACHE]) != 0)
            return -1;
    }
    return 0;
}

static int
read_functions(struct openai_reading *reading, struct str list)
{
    struct json_reader reader;
    struct str item;
    if (!json_list_begin(&reader, list))
        return 0;
    while (json_list_next(&reader, &item))
        if (add_tool(reading, item, str_make(NULL, 0)) != 0)
            return -1;
    return 0;
}

static void
add_choice_name(struct canon_request *request, struct str name)
{
    if (name.len > 0 && request->tool_choice_name_count < CANON_NAMES_MAX)
        request->tool_choice_names[request->tool_choice_name_count++] = name;
}

static uint8_t
choice_mode(struct str word)
{
    if (str_equals(word, STR_LIT("auto")))
        return CANON_CHOICE_AUTO;
    if (str_equals(word, STR_LIT("none")))
        return CANON_CHOICE_NONE;
    if (str_equals(word, STR_LIT("required")) ||
        str_equals(word, STR_LIT("any")))
        return CANON_CHOICE_REQUIRED;
    return CANON_CHOICE_DEFAULT;
}

/* {"type": "allowed_tools", "allowed_tools": {"mode", "tools": [...]}} */
static void
read_allowed_tools(struct canon_request *request, struct str allowed)
{
    struct json_reader reader;
    struct str item;
    request->tool_choice = choice_mode(openai_text(find(allowed, "mode")));
    if (!json_list_begin(&reader, find(allowed, "tools")))
        return;
    while (json_list_next(&reader, &item))
        if (*item.ptr == '{')
            add_choice_name(request, openai_text(find(item, "function.name")));
}

static int
read_tool_choice(struct openai_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct str allowed = find(value, "allowed_tools");
    struct str name = find(value, "function.name");
    if (name.len == 0) /* the legacy function_call */
        name = find(value, "name");
    if (*value.ptr == '"') {
        request->tool_choice = choice_mode(openai_text(value));
    } else if (allowed.len > 0) {
        read_allowed_tools(request, allowed);
    } else if (openai_text(name).len > 0) {
        request->tool_choice = CANON_CHOICE_NAMED;
        add_choice_name(request, openai_text(name));
    } else {
        return scan_refuse(reading->fault, "unsupported_tool", "tool_choice",
                           "This form of tool_choice cannot be carried to the "
                           "provider of this model.");
    }
    return 0;
}

static int
read_parallel(struct openai_reading *reading, struct str value)
{
    reading->request->parallel_tools = flag_of(value);
    return 0;
}

/* ---- format, ends ---- */

static int
read_format(struct openai_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct str type = openai_text(find(value, "type"));
    if (str_equals(type, STR_LIT("json_object"))) {
        request->format = CANON_FORMAT_JSON;
    } else if (str_equals(type, STR_LIT("json_schema"))) {
        struct str schema = find(value, "json_schema.schema");
        request->format = schema.len > 0 && *schema.ptr == '{'
                              ? CANON_FORMAT_SCHEMA
                              : CANON_FORMAT_JSON;
        request->schema = schema;
        request->schema_strict = find(value, "json_schema.strict");
        request->schema_name = openai_text(find(value, "json_schema.name"));
        request->schema_description =
            openai_text(find(value, "json_schema.description"));
    } else if (!str_equals(type, STR_LIT("text"))) {
        return scan_refuse(reading->fault, "unsupported_parameter",
                           "response_format",
                           "This type of response_format cannot be carried to "
                           "the provider of this model.");
    }
    return 0;
}

static void
add_stop(struct canon_request *request, struct str text)
{
    if (text.len > 0 && request->stop_count < CANON_STOPS_MAX)
        request->stops[request->stop_count++] = text;
}

static int
read_stop(struct openai_reading *reading, struct str value)
{
    struct json_reader reader;
    struct str item;
    if (!json_list_begin(&reader, value)) {
        add_stop(reading->request, openai_text(value));
        return 0;
    }
    while (json_list_next(&reader, &item))
        add_stop(reading->request, openai_text(item));
    return 0;
}

/* ---- thinking, in the many ways to ask for it ---- */

static int
read_effort(struct openai_reading *reading, struct str value)
{
    uint8_t effort = (uint8_t)canon_effort_find(openai_text(value));
    if (effort == CANON_EFFORT_UNSET)
        canon_drop(reading->request, "reasoning_effort");
    else
        reading->request->effort = effort;
    return 0;
}

static void
read_budget(struct canon_request *request, struct str value)
{
    uint64_t budget = 0;
    if (value.len == 0 || json_number_u64(value, &budget) != 0)
        return;
    request->thinking_budget = (int64_t)budget;
    if (request->thinking == CANON_UNSET)
        request->thinking = budget > 0 ? CANON_YES : CANON_NO;
}

/* OpenRouter: {"effort" | "max_tokens", "exclude", "enabled"}. */
static int
read_reasoning(struct openai_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct str effort = find(value, "effort");
    struct str exclude = find(value, "exclude");
    request->thinking = flag_of(find(value, "enabled"));
    read_budget(request, find(value, "max_tokens"));
    if (exclude.len > 0)
        request->show_thinking = is_true(exclude) ? CANON_NO : CANON_YES;
    return effort.len > 0 ? read_effort(reading, effort) : 0;
}

/* DeepSeek, Z.ai, Doubao ...: {"type": "enabled" | "disabled" | "auto"}. */
static int
read_thinking(struct openai_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct str type = openai_text(find(value, "type"));
    if (str_equals(type, STR_LIT("disabled")))
        request->thinking = CANON_NO;
    else if (type.len > 0 && !str_equals(type, STR_LIT("auto")))
        request->thinking = CANON_YES;
    read_budget(request, find(value, "budget_tokens"));
    return 0;
}

static int
read_enable_thinking(struct openai_reading *reading, struct str value)
{
    if (flag_of(value) != CANON_UNSET)
        reading->request->thinking = flag_of(value);
    return 0;
}

static int
read_thinking_budget(struct openai_reading *reading, struct str value)
{
    read_budget(reading->request, value);
    return 0;
}

/* vLLM: {"enable_thinking": false, ...} */
static int
read_template(struct openai_reading *reading, struct str value)
{
    return read_enable_thinking(reading, find(value, "enable_thinking"));
}

static int
read_include_reasoning(struct openai_reading *reading, struct str value)
{
    reading->request->show_thinking = flag_of(value);
    return 0;
}

/* ---- fields ---- */

static int
read_nothing(struct openai_reading *reading, struct str value)
{
    (void)reading;
    (void)value;
    return 0;
}

/* What a value of it says that is said by its absence, too. */
static bool
is_default(unsigned field, struct str value)
{
    switch (field) {
    case CANON_FIELD_N:
        return str_equals(value, STR_LIT("1"));
    case CANON_FIELD_TOP_LOGPROBS:
        return str_equals(value, STR_LIT("0"));
    case CANON_FIELD_LOGPROBS:
    case CANON_FIELD_STORE:
        return is_false(value);
    case CANON_FIELD_MODALITIES:
        return memchr(value.ptr, ',', value.len) == NULL &&
               memmem(value.ptr, value.len, "\"text\"", 6) != NULL;
    case CANON_FIELD_SERVICE_TIER:
        return str_equals(value, STR_LIT("\"auto\""));
    default:
        return false;
    }
}

/* The gateway's route has taken it. */
static int
obeyed_here(struct openai_reading *reading, struct str value)
{
    (void)reading;
    (void)value;
    return 0;
}

static const struct {
    struct str name;
    read_member read; /* NULL: a field, as it stands */
    unsigned field;
} rows[] = {
    // clang-format off
    {STR_LIT("model"), read_nothing, 0},
    {STR_LIT("stream"), read_nothing, 0},
    {STR_LIT("stream_options"), read_nothing, 0},
    {STR_LIT("max_tokens"), read_nothing, 0},
    {STR_LIT("max_completion_tokens"), read_nothing, 0},
    {STR_LIT("tool_choice"), read_tool_choice, 0},
    {STR_LIT("parallel_tool_calls"), read_parallel, 0},
    {STR_LIT("functions"), read_functions, 0},
    {STR_LIT("function_call"), read_tool_choice, 0},
    {STR_LIT("response_format"), read_format, 0},
    {STR_LIT("stop"), read_stop, 0},
    {STR_LIT("reasoning_effort"), read_effort, 0},
    {STR_LIT("reasoning"), read_reasoning, 0},
    {STR_LIT("thinking"), read_thinking, 0},
    {STR_LIT("enable_thinking"), read_enable_thinking, 0},
    {STR_LIT("thinking_budget"), read_thinking_budget, 0},
    {STR_LIT("chat_template_kwargs"), read_template, 0},
    {STR_LIT("include_reasoning"), read_include_reasoning, 0},
    {STR_LIT("temperature"), NULL, CANON_FIELD_TEMPERATURE},
    {STR_LIT("top_p"), NULL, CANON_FIELD_TOP_P},
    {STR_LIT("top_k"), NULL, CANON_FIELD_TOP_K},
    {STR_LIT("seed"), NULL, CANON_FIELD_SEED},
    {STR_LIT("random_seed"), NULL, CANON_FIELD_SEED},
    {STR_LIT("presence_penalty"), NULL, CANON_FIELD_PRESENCE_PENALTY},
    {STR_LIT("frequency_penalty"), NULL, CANON_FIELD_FREQUENCY_PENALTY},
    {STR_LIT("repetition_penalty"), NULL, CANON_FIELD_REPETITION_PENALTY},
    {STR_LIT("logit_bias"), NULL, CANON_FIELD_LOGIT_BIAS},
    {STR_LIT("logprobs"), NULL, CANON_FIELD_LOGPROBS},
    {STR_LIT("top_logprobs"), NULL, CANON_FIELD_TOP_LOGPROBS},
    {STR_LIT("n"), NULL, CANON_FIELD_N},
    {STR_LIT("user"), NULL, CANON_FIELD_USER},
    {STR_LIT("safety_identifier"), NULL, CANON_FIELD_USER},
    {STR_LIT("service_tier"), NULL, CANON_FIELD_SERVICE_TIER},
    {STR_LIT("metadata"), NULL, CANON_FIELD_METADATA},
    {STR_LIT("store"), NULL, CANON_FIELD_STORE},
    {STR_LIT("verbosity"), NULL, CANON_FIELD_VERBOSITY},
    {STR_LIT("prediction"), NULL, CANON_FIELD_PREDICTION},
    {STR_LIT("modalities"), NULL, CANON_FIELD_MODALITIES},
    {STR_LIT("audio"), NULL, CANON_FIELD_AUDIO},
    {STR_LIT("web_search_options"), NULL, CANON_FIELD_WEB_SEARCH},
    {STR_LIT("prompt_cache_key"), NULL, CANON_FIELD_PROMPT_CACHE_KEY},
    {STR_LIT("input"), openai_read_inputs, 0},
    {STR_LIT("dimensions"), NULL, CANON_FIELD_DIMENSIONS},
    {STR_LIT("encoding_format"), NULL, CANON_FIELD_ENCODING},
    {STR_LIT("models"), obeyed_here, 0},
    {STR_LIT("provider"), obeyed_here, 0},
    {STR_LIT("session_id"), obeyed_here, 0},
    // clang-format on
};

/* A member that no row knows is told by its name, where that is one that may
 * stand in a header field. */
static void
drop_unknown(struct canon_request *request, struct str key)
{
    enum { NAME_MOST = 48 };
    struct str name = str_make(key.ptr + 1, key.len - 2);
    bool is_plain = name.len > 0 && name.len <= NAME_MOST;
    for (size_t i = 0; is_plain && i < name.len; i++) {
        char c = name.ptr[i];
        is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    }
    char *copy = is_plain ? canon_alloc(request, name.len + 1) : NULL;
    if (copy == NULL)
        return;
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    canon_drop(request, copy);
}

/* `key` with its quotes; hardly ever with escapes. */
static bool
is_name(struct str key, bool is_escaped, struct str name)
{
    if (is_escaped)
        return json_string_equals(key, name);
    return key.len == name.len + 2 &&
           memcmp(key.ptr + 1, name.ptr, name.len) == 0;
}

static int
read_row(struct openai_reading *reading, struct str key, struct str value)
{
    bool is_escaped = memchr(key.ptr, '\\', key.len) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_name(key, is_escaped, rows[i].name))
            continue;
        if (rows[i].read != NULL)
            return rows[i].read(reading, value);
        if (!is_default(rows[i].field, value))
            reading->request->fields[rows[i].field] = value;
        return 0;
    }
    drop_unknown(reading->request, key);
    return 0;
}

/* What is read where it stands, for it is most of a body. */
enum { LARGE_MESSAGES, LARGE_TOOLS };
static const struct str large[] = {
    [LARGE_MESSAGES] = STR_LIT("messages"), [LARGE_TOOLS] = STR_LIT("tools")};

int
openai_read_request(struct str body, const struct call *call,
                    struct canon_request *request, struct fault *fault)
{
    struct openai_reading reading = {.request = request, .fault = fault};
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    int rc = 0;
    if (call->endpoint != ENDPOINT_CHAT &&
        call->endpoint != ENDPOINT_EMBEDDINGS)
        return scan_refuse(fault, "unsupported_endpoint", NULL,
                           "The provider of this model does not serve this "
                           "kind of call.");
    request->kind =
        call->endpoint == ENDPOINT_EMBEDDINGS ? CANON_EMBED : CANON_CHAT;
    request->max_tokens = call->max_tokens;
    request->stream = call->stream;
    json_reader_init(&reader, body);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return scan_refuse(fault, "invalid_json", NULL,
                           "The request body is not a JSON object.");
    while (rc == 0 &&
           (type = json_enter_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, large, ARRAY_LEN(large));
        if (which == LARGE_MESSAGES)
            rc = openai_read_messages(&reading, &reader, type);
        else if (which == LARGE_TOOLS && type == JSON_ARRAY)
            rc = read_tools(&reading, &reader);
        else if (json_pass(&reader, type, &value) > JSON_BAD &&
                 type != JSON_NULL && which != LARGE_TOOLS)
            rc = read_row(&reading, key, value);
    }
    return rc;
}
