/*
 * responses_tool.c - a client's tools as canonical ones, and back.
 *
 *   function      as it is; of a namespace: under a name made of both
 *   custom        a function whose only argument, `input`, is the free text; its
 *                 grammar stands in the description
 *   namespace     each of its tools
 *   web_search, image_generation, tool_search
 *                 dropped and told: those who offer them work without as well
 *   all others    refused: a client that sends them leans on them
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"

enum tool_member {
    TOOL_TYPE,
    TOOL_NAME,
    TOOL_NAMESPACE,
    TOOL_DESCRIPTION,
    TOOL_PARAMETERS,
    TOOL_STRICT,
    TOOL_FORMAT,
    TOOL_TOOLS,
    TOOL_MODE,
    TOOL_MEMBERS
};
static const struct str tool_names[TOOL_MEMBERS] = {
    STR_LIT("type"),        STR_LIT("name"),       STR_LIT("namespace"),
    STR_LIT("description"), STR_LIT("parameters"), STR_LIT("strict"),
    STR_LIT("format"),      STR_LIT("tools"),      STR_LIT("mode"),
};

/* Each call of the answer is looked for among them. */
enum { ALIASES_MAX = 4096 };

/* A custom tool's text as a function's argument. */
static const struct str custom_schema =
    STR_LIT("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":"
            "\"string\"}},\"required\":[\"input\"],"
            "\"additionalProperties\":false}");

/* Texts one after the other, in the arena. */
static struct str
join(struct canon_request *request, const struct str *texts, unsigned count)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++)
        len += texts[i].len;
    char *out = canon_alloc(request, len + 1);
    if (out == NULL)
        return str_make(NULL, 0);
    char *at = out;
    for (unsigned i = 0; i < count; i++)
        at = str_copy(at, texts[i]);
    return str_make(out, len);
}

/* ---- names ---- */

struct str
responses_flat_name(struct responses_reading *reading, struct str space,
                    struct str name)
{
    if (space.len == 0)
        return name;
    bool ends_low = space.ptr[space.len - 1] == '_';
    const struct str texts[] = {
        space, ends_low ? str_make("", 0) : STR_LIT("__"), name};
    return join(reading->request, texts, ARRAY_LEN(texts));
}

static void
alias_add(struct responses_reading *reading,
          const struct responses_alias *alias)
{
    struct responses_own *own = reading->own;
    if (own->alias_count == own->alias_room) {
        uint32_t room = own->alias_room == 0 ? 8 : own->alias_room * 2;
        struct responses_alias *grown =
            canon_alloc(reading->request, room * sizeof(*grown));
        if (grown == NULL)
            return;
        if (own->alias_count > 0)
            memcpy(grown, own->aliases, own->alias_count * sizeof(*grown));
        own->aliases = grown;
        own->alias_room = room;
    }
    own->aliases[own->alias_count++] = *alias;
}

const struct responses_alias *
responses_alias_of(const struct canon_request *request, struct str flat)
{
    const struct responses_own *own = request->own;
    for (uint32_t i = 0; i < own->alias_count; i++)
        if (str_equals(own->aliases[i].flat, flat))
            return &own->aliases[i];
    return NULL;
}

struct str
responses_custom_input(struct str arguments, struct buf *room)
{
    struct str value;
    buf_reset(room);
    if (buf_reserve(room, arguments.len + 1) != 0)
        return arguments;
    int len =
        json_text_decode(arguments, room->data + room->end, arguments.len + 1);
    if (len < 0)
        return arguments;
    struct str object = {room->data + room->end, (size_t)len};
    if (!json_find(object, "input", &value) || *value.ptr != '"')
        return arguments;
    return responses_text(value);
}

/* ---- tools ---- */

/* What a custom tool is told by: its description and its grammar. */
static struct str
custom_description(struct responses_reading *reading, const struct str *values)
{
    static const struct str members[] = {STR_LIT("syntax"),
                                         STR_LIT("definition")};
    struct str format[ARRAY_LEN(members) + 1];
    struct str description = responses_text(values[TOOL_DESCRIPTION]);
    json_members(values[TOOL_FORMAT], members, ARRAY_LEN(members), format);
    struct str definition = responses_text(format[1]);
    if (definition.len == 0)
        return description;
    const struct str texts[] = {
        description,
        description.len > 0 ? STR_LIT("\\n\\n") : str_make("", 0),
        STR_LIT("The input is one text of this grammar ("),
        responses_text(format[0]),
        STR_LIT("):\\n"),
        definition,
    };
    return join(reading->request, texts, ARRAY_LEN(texts));
}

static int
take_callable(struct responses_reading *reading, const struct str *values,
              struct str space)
{
    struct str name = responses_text(values[TOOL_NAME]);
    struct responses_alias alias = {
        .name = name,
        .space = space,
        .is_custom = responses_is(values[TOOL_TYPE], STR_LIT("custom")),
    };
    if (name.len == 0)
        return responses_refuse(reading->fault, "tools",
                                "A tool in 'tools' has no 'name'.");
    alias.flat = responses_flat_name(reading, space, name);
    if (reading->own->alias_count == ALIASES_MAX)
        return responses_refuse(reading->fault, "tools",
                                "'tools' has more than %d custom tools and "
                                "tools of namespaces.",
                                ALIASES_MAX);
    if (alias.is_custom || space.len > 0)
        alias_add(reading, &alias);
    struct canon_tool *tool = canon_tool_add(reading->request);
    tool->name = alias.flat;
    if (alias.is_custom) {
        tool->description = custom_description(reading, values);
        tool->schema = custom_schema;
        return 0;
    }
    struct str schema = values[TOOL_PARAMETERS];
    tool->description = responses_text(values[TOOL_DESCRIPTION]);
    tool->strict = values[TOOL_STRICT];
    if (schema.len > 0 && *schema.ptr == '{')
        tool->schema = schema;
    return 0;
}

/* The name under which a tool is told as dropped, or NULL. */
static const char *
dropped_name(struct str type)
{
    static const struct {
        struct str begins;
        const char *told;
    } dropped[] = {
        {STR_LIT("\"web_search"), "tools.web_search"},
        {STR_LIT("\"image_generation\""), "tools.image_generation"},
        {STR_LIT("\"tool_search\""), "tools.tool_search"},
    };
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        if (str_starts_with(type, dropped[i].begins))
            return dropped[i].told;
    return NULL;
}

/* In a message: no more of a client's text than fits. */
enum { SHOWN_BYTES = 64 };

static int
take_tool(struct responses_reading *reading, struct str tool, struct str space)
{
    struct str values[TOOL_MEMBERS + 1], inner;
    struct json_reader list;
    json_members(tool, tool_names, TOOL_MEMBERS, values);
    struct str type = values[TOOL_TYPE];
    if (responses_is(type, STR_LIT("function")) ||
        responses_is(type, STR_LIT("custom")))
        return take_callable(reading, values, space);
    if (space.len == 0 && responses_is(type, STR_LIT("namespace"))) {
        struct str name = responses_text(values[TOOL_NAME]);
        if (name.len == 0 || !json_list_begin(&list, values[TOOL_TOOLS]))
            return responses_refuse(reading->fault, "tools",
                                    "A namespace in 'tools' needs 'name' and "
                                    "'tools'.");
        while (json_list_next(&list, &inner))
            if (take_tool(reading, inner, name) != 0)
                return -1;
        return 0;
    }
    const char *told = dropped_name(type);
    if (told != NULL) {
        responses_drop(reading->request, told);
        return 0;
    }
    type = responses_text(type);
    return responses_refuse(
        reading->fault, "tools",
        "A tool of type '%.*s' cannot be carried to the provider of this "
        "model. Leave it out, or choose another model.",
        (int)(type.len < SHOWN_BYTES ? type.len : SHOWN_BYTES), type.ptr);
}

int
responses_read_tools(struct responses_reading *reading, struct str value)
{
    struct json_reader list;
    struct str tool;
    if (value.len == 0)
        return 0;
    if (!json_list_begin(&list, value))
        return responses_refuse(reading->fault, "tools",
                                "'tools' is not a list.");
    while (json_list_next(&list, &tool))
        if (take_tool(reading, tool, str_make(NULL, 0)) != 0)
            return -1;
    return 0;
}

/* ---- the choice among them ---- */

static bool
choice_word(struct str value, uint8_t *choice)
{
    static const struct {
        struct str word;
        uint8_t choice;
    } words[] = {
        {STR_LIT("auto"), CANON_CHOICE_AUTO},
        {STR_LIT("none"), CANON_CHOICE_NONE},
        {STR_LIT("required"), CANON_CHOICE_REQUIRED},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (responses_is(value, words[i].word)) {
            *choice = words[i].choice;
            return true;
        }
    return false;
}

static int
take_name(struct responses_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str name = responses_text(values[TOOL_NAME]);
    bool callable = responses_is(values[TOOL_TYPE], STR_LIT("function")) ||
                    responses_is(values[TOOL_TYPE], STR_LIT("custom"));
    if (!callable || name.len == 0 ||
        request->tool_choice_name_count == CANON_NAMES_MAX)
        return responses_refuse(
            reading->fault, "tool_choice",
            "'tool_choice' names a tool that cannot be carried to the provider "
            "of this model. Name functions or custom tools.");
    request->tool_choice_names[request->tool_choice_name_count++] =
        responses_flat_name(reading, responses_text(values[TOOL_NAMESPACE]),
                            name);
    return 0;
}

static int
take_allowed(struct responses_reading *reading, const struct str *values)
{
    struct canon_request *request = reading->request;
    struct str inner[TOOL_MEMBERS + 1], tool;
    struct json_reader list;
    if (!choice_word(values[TOOL_MODE], &request->tool_choice) ||
        !json_list_begin(&list, values[TOOL_TOOLS]))
        return responses_refuse(reading->fault, "tool_choice",
                                "'tool_choice' of type allowed_tools needs "
                                "'mode' and 'tools'.");
    while (json_list_next(&list, &tool)) {
        json_members(tool, tool_names, TOOL_MEMBERS, inner);
        if (dropped_name(inner[TOOL_TYPE]) == NULL &&
            take_name(reading, inner) != 0)
            return -1;
    }
    return 0;
}

int
responses_read_choice(struct responses_reading *reading, struct str value)
{
    struct canon_request *request = reading->request;
    struct str values[TOOL_MEMBERS + 1];
    if (value.len == 0)
        return 0;
    if (!choice_word(value, &request->tool_choice)) {
        json_members(value, tool_names, TOOL_MEMBERS, values);
        bool allowed =
            responses_is(values[TOOL_TYPE], STR_LIT("allowed_tools"));
        if (!allowed)
            request->tool_choice = CANON_CHOICE_NAMED;
        if ((allowed ? take_allowed : take_name)(reading, values) != 0)
            return -1;
    }
    if (request->tool_count > 0)
        return 0;
    /* Hosted ones that were dropped were all there were. */
    if (request->tool_choice >= CANON_CHOICE_REQUIRED)
        return responses_refuse(reading->fault, "tool_choice",
                                "'tool_choice' asks for a tool, and none of "
                                "'tools' can be carried to the provider of "
                                "this model.");
    request->tool_choice = CANON_CHOICE_DEFAULT;
    request->tool_choice_name_count = 0;
    return 0;
}
