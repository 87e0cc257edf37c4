/*
 * responses_item.c - a client's input items as canonical messages.
 *
 *   message                       a message
 *   reasoning                     thinking of the assistant
 *   function_call, custom_tool_call, local_shell_call ...
 *                                 a tool call of the assistant
 *   ..._output                    its result, in a message of the user
 *   web_search_call ...           what a hosted tool did: dropped and told, for
 *                                 the text that came of it follows
 *   item_reference, compaction    what their provider alone can read: refused
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon_index.h"
#include "worker/dialect/responses_part.h"

enum item_member {
    ITEM_TYPE,
    ITEM_ROLE,
    ITEM_CONTENT,
    ITEM_ID,
    ITEM_CALL_ID,
    ITEM_NAME,
    ITEM_NAMESPACE,
    ITEM_ARGUMENTS,
    ITEM_INPUT,
    ITEM_OUTPUT,
    ITEM_ACTION,
    ITEM_OPERATION,
    ITEM_SUMMARY,
    ITEM_ENCRYPTED,
    ITEM_TOOLS,
    ITEM_MEMBERS
};
static const struct str item_names[ITEM_MEMBERS] = {
    STR_LIT("type"),      STR_LIT("role"),
    STR_LIT("content"),   STR_LIT("id"),
    STR_LIT("call_id"),   STR_LIT("name"),
    STR_LIT("namespace"), STR_LIT("arguments"),
    STR_LIT("input"),     STR_LIT("output"),
    STR_LIT("action"),    STR_LIT("operation"),
    STR_LIT("summary"),   STR_LIT("encrypted_content"),
    STR_LIT("tools"),
};

/* ---- items ---- */

static int
take_message(struct responses_reading *reading, const struct str *values)
{
    static const struct {
        struct str name;
        enum canon_role role;
    } roles[] = {
        {STR_LIT("user"), CANON_USER},
        {STR_LIT("assistant"), CANON_ASSISTANT},
        {STR_LIT("system"), CANON_SYSTEM},
        {STR_LIT("developer"), CANON_SYSTEM},
    };
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!responses_is(values[ITEM_ROLE], roles[i].name))
            continue;
        struct canon_message *message =
            canon_message_add(reading->request, roles[i].role);
        message->is_developer = i == 3;
        return responses_read_content(reading, values[ITEM_CONTENT]);
    }
    return responses_refuse(reading->fault, "input",
                            "The 'role' of a message is none of user, "
                            "assistant, system and developer.");
}

/* Parts of one turn of the assistant stand in one message, results that follow
 * each other as well. */
static void
continue_message(struct canon_request *request, enum canon_role role)
{
    uint32_t count = request->message_count;
    bool goes_on = count > 0 && request->messages[count - 1].role == role;
    if (goes_on && role == CANON_USER) {
        const struct canon_message *last = &request->messages[count - 1];
        goes_on = last->part_count > 0 &&
                  request->parts[last->first_part].kind == CANON_TOOL_RESULT;
    }
    if (!goes_on)
        canon_message_add(request, role);
}

/* `secret` is a mark, the id of a call that came before, a colon, and what signs
 * it. There may be colons in both. */
static void
sign_call(struct canon_request *request, struct str secret)
{
    enum { COLONS_MAX = 8 };
    struct str rest = str_skip(secret, sizeof(RESPONSES_CALL_MARK) - 1);
    struct str id = {rest.ptr, 0};
    for (int i = 0; i < COLONS_MAX; i++) {
        const char *from = rest.ptr + id.len + (i > 0);
        const char *end = rest.ptr + rest.len;
        const char *colon = memchr(from, ':', (size_t)(end - from));
        if (colon == NULL)
            return;
        id.len = (size_t)(colon - rest.ptr);
        uint32_t call = canon_call_find(request, request->part_count, id);
        if (id.len > 0 && call != UINT32_MAX) {
            request->parts[call].signature = str_skip(rest, id.len + 1);
            return;
        }
    }
}

/*
 * Thinking as this dialect's writer gave it (responses_output.c): a summary and
 * what signs it; or bytes alone; or a tool call's signature, with its id. What
 * OpenAI encrypted ("gAAAA...", Fernet) no other provider can read.
 */
static int
take_reasoning(struct responses_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str secret = responses_text(values[ITEM_ENCRYPTED]);
    struct json_reader list;
    struct str part, text;
    if (str_starts_with(secret, STR_LIT("gAAAA")))
        secret.len = 0;
    if (str_starts_with(secret, STR_LIT(RESPONSES_CALL_MARK))) {
        sign_call(request, secret);
        return 0;
    }
    uint32_t parts = request->part_count;
    for (int i = 0; i < 2; i++) {
        if (!json_list_begin(&list,
                             values[i == 0 ? ITEM_SUMMARY : ITEM_CONTENT]))
            continue;
        while (json_list_next(&list, &part)) {
            if (!json_find(part, "text", &text) ||
                (text = responses_text(text)).len == 0)
                continue;
            continue_message(request, CANON_ASSISTANT);
            canon_part_add(request, CANON_THINKING)->text = text;
        }
    }
    if (secret.len == 0)
        return 0;
    if (request->part_count > parts) {
        request->parts[request->part_count - 1].signature = secret;
        return 0;
    }
    continue_message(request, CANON_ASSISTANT);
    canon_part_add(request, CANON_REDACTED)->data = secret;
    return 0;
}

static struct str
call_id(const struct str *values)
{
    struct str id = responses_text(values[ITEM_CALL_ID]);
    return id.len > 0 ? id : responses_text(values[ITEM_ID]);
}

static int
refuse_call(struct responses_reading *reading)
{
    return responses_refuse(reading->fault, "input",
                            "A tool call in 'input' needs 'call_id', 'name' "
                            "and arguments that are a JSON object.");
}

static struct canon_part *
call_add(struct responses_reading *reading, const struct str *values,
         struct str name)
{
    continue_message(reading->request, CANON_ASSISTANT);
    struct canon_part *part = canon_part_add(reading->request, CANON_TOOL_CALL);
    part->id = call_id(values);
    part->name = responses_flat_name(
        reading, responses_text(values[ITEM_NAMESPACE]), name);
    return part;
}

static int
take_function_call(struct responses_reading *reading, const struct str *values)
{
    struct str name = responses_text(values[ITEM_NAME]);
    struct canon_part *part = call_add(reading, values, name);
    struct str arguments;
    if (name.len == 0 || part->id.len == 0 ||
        (!canon_arguments(reading->request,
                          responses_text(values[ITEM_ARGUMENTS]), &arguments) &&
         !reading->request->failed))
        return refuse_call(reading);
    part->arguments = arguments;
    return 0;
}

/* {"input": the text as it stood}. */
static int
take_custom_call(struct responses_reading *reading, const struct str *values)
{
    struct str name = responses_text(values[ITEM_NAME]);
    struct str input = values[ITEM_INPUT];
    struct canon_part *part = call_add(reading, values, name);
    if (name.len == 0 || part->id.len == 0 || input.len == 0 ||
        *input.ptr != '"')
        return refuse_call(reading);
    static const struct str head = STR_LIT("{\"input\":");
    char *out = canon_alloc(reading->request, head.len + input.len + 1);
    if (out == NULL)
        return 0;
    memcpy(out, head.ptr, head.len);
    memcpy(out + head.len, input.ptr, input.len);
    out[head.len + input.len] = '}';
    part->arguments = str_make(out, head.len + input.len + 1);
    return 0;
}

/* Of a tool that the client runs and the API names by the item's type. */
static int
take_typed_call(struct responses_reading *reading, const struct str *values)
{
    struct str type = responses_text(values[ITEM_TYPE]);
    struct str what = values[ITEM_ACTION].len > 0 ? values[ITEM_ACTION]
                                                  : values[ITEM_OPERATION];
    struct canon_part *part = call_add(
        reading, values, str_make(type.ptr, type.len - strlen("_call")));
    if (part->id.len == 0 || what.len == 0 || *what.ptr != '{')
        return refuse_call(reading);
    part->arguments = what;
    return 0;
}

/* A list of parts, or any other value as its JSON text. */
static int
take_output(struct responses_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str output = values[ITEM_OUTPUT];
    continue_message(request, CANON_USER);
    uint32_t at = request->part_count;
    struct canon_part *result = canon_part_add(request, CANON_TOOL_RESULT);
    result->id = call_id(values);
    if (result->id.len == 0)
        return responses_refuse(reading->fault, "input",
                                "An output in 'input' needs the 'call_id' of "
                                "its call.");
    bool is_shell =
        responses_is(values[ITEM_TYPE], STR_LIT("shell_call_output"));
    bool is_parts = output.len > 0 && *output.ptr == '[' && !is_shell;
    if (output.len > 0 && (is_parts || *output.ptr == '"')) {
        if (responses_read_content(reading, output) != 0)
            return -1;
    } else if (output.len > 0) {
        canon_part_add(request, CANON_TEXT)->text =
            canon_escape(request, output);
    }
    if (request->part_count > at) /* it may have moved, or there is no memory */
        request->parts[at].children = request->part_count - at - 1;
    return 0;
}

static int
take_additional_tools(struct responses_reading *reading,
                      const struct str *values)
{
    return responses_read_tools(reading, values[ITEM_TOOLS]);
}

static const struct item_kind {
    struct str type;
    int (*take)(struct responses_reading *reading, const struct str *values);
    const char *dropped; /* instead: told */
} item_kinds[] = {
    {STR_LIT("message"), take_message, NULL},
    {STR_LIT("function_call"), take_function_call, NULL},
    {STR_LIT("function_call_output"), take_output, NULL},
    {STR_LIT("reasoning"), take_reasoning, NULL},
    {STR_LIT("custom_tool_call"), take_custom_call, NULL},
    {STR_LIT("custom_tool_call_output"), take_output, NULL},
    {STR_LIT("local_shell_call"), take_typed_call, NULL},
    {STR_LIT("local_shell_call_output"), take_output, NULL},
    {STR_LIT("shell_call"), take_typed_call, NULL},
    {STR_LIT("shell_call_output"), take_output, NULL},
    {STR_LIT("apply_patch_call"), take_typed_call, NULL},
    {STR_LIT("apply_patch_call_output"), take_output, NULL},
    {STR_LIT("additional_tools"), take_additional_tools, NULL},
    {STR_LIT("web_search_call"), NULL, "input.web_search_call"},
    {STR_LIT("file_search_call"), NULL, "input.file_search_call"},
    {STR_LIT("code_interpreter_call"), NULL, "input.code_interpreter_call"},
    {STR_LIT("image_generation_call"), NULL, "input.image_generation_call"},
    {STR_LIT("tool_search_call"), NULL, "input.tool_search_call"},
    {STR_LIT("tool_search_output"), NULL, "input.tool_search_output"},
    {STR_LIT("mcp_list_tools"), NULL, "input.mcp_list_tools"},
    {STR_LIT("mcp_call"), NULL, "input.mcp_call"},
};

static int
take_item(struct responses_reading *reading, struct str item)
{
    struct str values[ITEM_MEMBERS + 1];
    json_members(item, item_names, ITEM_MEMBERS, values);
    if (values[ITEM_TYPE].len == 0 && values[ITEM_ROLE].len > 0)
        return take_message(reading, values);
    for (size_t i = 0; i < ARRAY_LEN(item_kinds); i++) {
        const struct item_kind *kind = &item_kinds[i];
        if (!responses_is(values[ITEM_TYPE], kind->type))
            continue;
        if (kind->take != NULL)
            return kind->take(reading, values);
        responses_drop(reading->request, kind->dropped);
        return 0;
    }
    return responses_refuse_type(reading, "An item", values[ITEM_TYPE]);
}

int
responses_read_input(struct responses_reading *reading, struct str value)
{
    struct json_reader list;
    struct str item;
    bool is_text;
    struct str text = canon_inside(value, &is_text);
    if (is_text) {
        canon_message_add(reading->request, CANON_USER);
        canon_part_add(reading->request, CANON_TEXT)->text = text;
        return 0;
    }
    if (value.len == 0)
        return 0;
    if (!json_list_begin(&list, value))
        return responses_refuse(reading->fault, "input",
                                "'input' is neither a string nor a list.");
    while (json_list_next(&list, &item))
        if (take_item(reading, item) != 0)
            return -1;
    return 0;
}
