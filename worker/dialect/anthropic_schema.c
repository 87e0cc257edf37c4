/*
 * anthropic_schema.c - whether a JSON Schema is one that OpenAI takes as
 * strict: every object in it has "additionalProperties": false, and "required"
 * names all of its properties. One that is not is sent as not strict, for
 * strict ones that do not keep to this are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"

static bool is_strict(struct str schema, unsigned depth);

/* Members of `object`; elements of a list under `key`. */
static uint32_t
count_in(struct str value)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, element;
    enum json_type type;
    uint32_t count = 0;
    json_reader_init(&reader, value);
    type = json_next(&reader, &token);
    if (type == JSON_OBJECT)
        while ((type = json_member(&reader, &key, &element)) > JSON_BAD &&
               type != JSON_OBJECT_END)
            count++;
    else if (type == JSON_ARRAY)
        while (json_item(&reader, &element) == JSON_STRING)
            count++;
    return count;
}

/* Each member of an object of schemas ("properties", "$defs"). */
static bool
all_members(struct str object, unsigned depth)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, value;
    enum json_type type;
    json_reader_init(&reader, object);
    if (json_next(&reader, &token) != JSON_OBJECT)
        return true;
    while ((type = json_member(&reader, &key, &value)) > JSON_BAD &&
           type != JSON_OBJECT_END)
        if (!is_strict(value, depth + 1))
            return false;
    return true;
}

/* A schema, or a list of them ("items", "anyOf"). */
static bool
all_elements(struct str value, unsigned depth)
{
    struct json_reader reader;
    struct str element;
    if (!json_list_begin(&reader, value))
        return is_strict(value, depth + 1);
    while (json_item(&reader, &element) == JSON_OBJECT)
        if (!is_strict(element, depth + 1))
            return false;
    return true;
}

static bool
is_strict(struct str schema, unsigned depth)
{
    enum {
        TYPE,
        PROPERTIES,
        REQUIRED,
        ADDITIONAL,
        ITEMS,
        ANY_OF,
        DEFS,
        DEFINITIONS,
        END
    };
    enum { DEPTH_MAX = 10 }; /* more levels are refused as strict */
    static const struct str names[END] = {
        STR_LIT("type"),     STR_LIT("properties"),
        STR_LIT("required"), STR_LIT("additionalProperties"),
        STR_LIT("items"),    STR_LIT("anyOf"),
        STR_LIT("$defs"),    STR_LIT("definitions"),
    };
    struct str values[END + 1];
    if (schema.len == 0 || *schema.ptr != '{')
        return true;
    if (depth > DEPTH_MAX)
        return false;
    json_members(schema, names, END, values);
    bool is_object = values[PROPERTIES].len > 0 ||
                     (values[TYPE].len > 0 &&
                      json_string_equals(values[TYPE], STR_LIT("object")));
    if (is_object &&
        (!str_equals(values[ADDITIONAL], STR_LIT("false")) ||
         count_in(values[REQUIRED]) < count_in(values[PROPERTIES])))
        return false;
    return all_members(values[PROPERTIES], depth) &&
           all_members(values[DEFS], depth) &&
           all_members(values[DEFINITIONS], depth) &&
           all_elements(values[ITEMS], depth) &&
           all_elements(values[ANY_OF], depth);
}

bool
anthropic_schema_is_strict(struct str schema)
{
    return is_strict(schema, 0);
}
