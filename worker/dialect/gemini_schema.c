/*
 * gemini_schema.c - schemas of Google's OpenAPI subset as JSON Schema: types in
 * lower case (also given as the numbers of Google's enum), nullable as a type,
 * bounds that came as strings as numbers, names in camelCase. What both have
 * stays as it stood.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/gemini_part.h"

#include <ctype.h>

enum schema_key {
    SCHEMA_TYPE,
    SCHEMA_NULLABLE,
    SCHEMA_PROPERTIES,
    SCHEMA_ITEMS,
    SCHEMA_ANY_OF,
    SCHEMA_PREFIX_ITEMS,
    SCHEMA_DEFS,
    SCHEMA_ADDITIONAL,
    SCHEMA_ORDERING, /* no word of JSON Schema */
    SCHEMA_MIN_ITEMS,
    SCHEMA_MAX_ITEMS,
    SCHEMA_MIN_LENGTH,
    SCHEMA_MAX_LENGTH,
    SCHEMA_MIN_PROPERTIES,
    SCHEMA_MAX_PROPERTIES,
    SCHEMA_OTHER,
};
static const struct str schema_keys[SCHEMA_OTHER * 2] = {
    // clang-format off
    STR_LIT("type"), STR_LIT("type"),
    STR_LIT("nullable"), STR_LIT("nullable"),
    STR_LIT("properties"), STR_LIT("properties"),
    STR_LIT("items"), STR_LIT("items"),
    STR_LIT("anyOf"), STR_LIT("any_of"),
    STR_LIT("prefixItems"), STR_LIT("prefix_items"),
    STR_LIT("$defs"), STR_LIT("defs"),
    STR_LIT("additionalProperties"), STR_LIT("additional_properties"),
    STR_LIT("propertyOrdering"), STR_LIT("property_ordering"),
    STR_LIT("minItems"), STR_LIT("min_items"),
    STR_LIT("maxItems"), STR_LIT("max_items"),
    STR_LIT("minLength"), STR_LIT("min_length"),
    STR_LIT("maxLength"), STR_LIT("max_length"),
    STR_LIT("minProperties"), STR_LIT("min_properties"),
    STR_LIT("maxProperties"), STR_LIT("max_properties"),
    // clang-format on
};

static void write_schema(struct json_writer *json, struct str value,
                         unsigned depth);

/* The name as it stands in the key, quotes included. */
static void
write_key(struct json_writer *json, struct str key)
{
    json_raw(json, key);
    buf_append_char(json->out, ':');
    json->comma = false;
}

/* "STRING", or its number. */
static void
write_type_name(struct json_writer *json, struct str value)
{
    static const char *const numbered[] = {NULL,      "string",  "number",
                                           "integer", "boolean", "array",
                                           "object",  "null"};
    uint64_t number;
    char name[32];
    struct str text = canon_inside(value, NULL);
    if (*value.ptr != '"' && json_number_u64(value, &number) == 0 &&
        number > 0 && number < ARRAY_LEN(numbered)) {
        json_cstring(json, numbered[number]);
        return;
    }
    if (text.len == 0 || text.len >= sizeof(name)) {
        json_raw(json, value);
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        name[i] = (char)tolower((unsigned char)text.ptr[i]);
    json_inside(json, str_make(name, text.len));
}

/* One type, or a list of them, and null with them where it is allowed. */
static void
write_type(struct json_writer *json, struct str value, bool nullable)
{
    struct gemini_list list;
    struct str element;
    bool is_list = *value.ptr == '[' || nullable;
    json_key(json, "type");
    if (is_list)
        json_array_begin(json);
    gemini_list_begin(&list, value);
    while (gemini_list_next(&list, &element))
        write_type_name(json, element);
    if (nullable)
        json_cstring(json, "null");
    if (is_list)
        json_array_end(json);
}

/* {name: schema, ...} */
static void
write_map(struct json_writer *json, struct str value, unsigned depth)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, schema;
    enum json_type type;
    json_reader_init(&reader, value);
    json_next(&reader, &token);
    json_object_begin(json);
    while ((type = json_member(&reader, &key, &schema)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        write_key(json, key);
        write_schema(json, schema, depth);
    }
    json_object_end(json);
}

static void
write_list(struct json_writer *json, struct str value, unsigned depth)
{
    struct gemini_list list;
    struct str element;
    json_array_begin(json);
    gemini_list_begin(&list, value);
    while (gemini_list_next(&list, &element))
        write_schema(json, element, depth);
    json_array_end(json);
}

static void
write_member(struct json_writer *json, unsigned which, struct str key,
             struct str value, unsigned depth)
{
    struct str name = which < SCHEMA_OTHER ? schema_keys[which * 2] : key;
    int64_t number;
    switch (which) {
    case SCHEMA_PROPERTIES:
    case SCHEMA_DEFS:
        if (*value.ptr != '{')
            break;
        json_key_str(json, name);
        write_map(json, value, depth);
        return;
    case SCHEMA_ITEMS:
    case SCHEMA_ADDITIONAL:
        json_key_str(json, name);
        write_schema(json, value, depth);
        return;
    case SCHEMA_ANY_OF:
    case SCHEMA_PREFIX_ITEMS:
        json_key_str(json, name);
        write_list(json, value, depth);
        return;
    case SCHEMA_OTHER:
        break;
    default: /* a bound */
        if (!gemini_integer(value, &number))
            break;
        json_key_str(json, name);
        json_i64(json, number);
        return;
    }
    write_key(json, key);
    json_raw(json, value);
}

/* `depth`: levels of objects and lists that may still come; deeper ones stay as
 * they stand. */
static void
write_schema(struct json_writer *json, struct str value, unsigned depth)
{
    struct json_reader reader;
    struct json_token token;
    struct str key, member, type_value = {NULL, 0};
    enum json_type type;
    bool nullable = false;
    json_reader_init(&reader, value);
    if (depth == 0 || json_next(&reader, &token) != JSON_OBJECT) {
        json_raw(json, value);
        return;
    }
    json_object_begin(json);
    while ((type = json_member(&reader, &key, &member)) > JSON_BAD &&
           type != JSON_OBJECT_END) {
        unsigned which = json_key_find(key, schema_keys, SCHEMA_OTHER * 2) / 2;
        if (which == SCHEMA_TYPE)
            type_value = member;
        else if (which == SCHEMA_NULLABLE)
            nullable = type == JSON_TRUE;
        else if (which != SCHEMA_ORDERING)
            write_member(json, which, key, member, depth - 1);
    }
    if (type_value.len > 0)
        write_type(json, type_value, nullable);
    json_object_end(json);
}

struct str
gemini_schema(struct canon_request *request, struct str value)
{
    struct json_writer json;
    struct buf out;
    if (value.len == 0 || *value.ptr != '{')
        return str_make(NULL, 0);
    buf_init(&out, 0);
    json_writer_init(&json, &out);
    write_schema(&json, value, JSON_MAX_DEPTH);
    size_t len = buf_len(&out);
    char *copy = buf_ok(&out) ? canon_alloc(request, len) : NULL;
    if (copy != NULL)
        memcpy(copy, buf_ptr(&out), len);
    else
        request->failed = true;
    buf_fini(&out);
    return str_make(copy, copy != NULL ? len : 0);
}
