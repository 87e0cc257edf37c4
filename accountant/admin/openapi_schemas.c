/*
 * openapi_schemas.c - types and schemas of the OpenAPI document.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "accountant/admin/openapi.h"
#include "common/config_part.h"

static void
pair(struct json_writer *json, const char *name, const char *value)
{
    json_key(json, name);
    json_cstring(json, value);
}

/* "type": NAME, or [NAME, "null"]. */
static void
type_is(struct json_writer *json, const char *name, bool or_null)
{
    json_key(json, "type");
    if (!or_null) {
        json_cstring(json, name);
        return;
    }
    json_array_begin(json);
    json_cstring(json, name);
    json_cstring(json, "null");
    json_array_end(json);
}

static void
words_to_json(struct json_writer *json, struct str words)
{
    json_key(json, "enum");
    json_array_begin(json);
    while (words.len > 0) {
        const char *end = memchr(words.ptr, '|', words.len);
        size_t len = end == NULL ? words.len : (size_t)(end - words.ptr);
        json_string(json, str_make(words.ptr, len));
        words = str_skip(words, len + (end != NULL));
    }
    json_array_end(json);
}

static void
reference(struct json_writer *json, struct str name, bool or_null)
{
    char path[96];
    snprintf(path, sizeof(path), "#/components/schemas/%.*s", (int)name.len,
             name.ptr);
    if (!or_null) {
        pair(json, "$ref", path);
        return;
    }
    json_key(json, "oneOf");
    json_array_begin(json);
    json_object_begin(json);
    pair(json, "$ref", path);
    json_object_end(json);
    json_object_begin(json);
    pair(json, "type", "null");
    json_object_end(json);
    json_array_end(json);
}

static void
one_type(struct json_writer *json, struct str type, bool or_null)
{
    static const char *const plain[] = {"string", "integer", "number",
                                        "boolean", "object"};
    for (unsigned i = 0; i < ARRAY_LEN(plain); i++) {
        if (str_equals(type, str_from(plain[i]))) {
            type_is(json, plain[i], or_null);
            return;
        }
    }
    if (str_equals(type, STR_LIT("any"))) {
        return;
    } else if (str_equals(type, STR_LIT("time"))) {
        type_is(json, "string", or_null);
        pair(json, "format", "date-time");
    } else if (str_equals(type, STR_LIT("map"))) {
        type_is(json, "object", or_null);
        json_key(json, "additionalProperties");
        json_object_begin(json);
        pair(json, "type", "string");
        json_object_end(json);
    } else if (str_equals(type, STR_LIT("money"))) {
        json_key(json, "type");
        json_array_begin(json);
        json_cstring(json, "number");
        json_cstring(json, "string");
        if (or_null)
            json_cstring(json, "null");
        json_array_end(json);
    } else if (memchr(type.ptr, '|', type.len) != NULL) {
        type_is(json, "string", or_null);
        words_to_json(json, type);
    } else {
        reference(json, type, or_null);
    }
}

void
openapi_type_to_json(struct json_writer *json, const char *type,
                     const char *text)
{
    struct str name = str_from(type);
    bool or_null = name.len > 0 && name.ptr[name.len - 1] == '?';
    bool is_list = str_starts_with(name, STR_LIT("[]"));
    name.len -= or_null;
    json_object_begin(json);
    if (text != NULL)
        pair(json, "description", text);
    if (is_list) {
        type_is(json, "array", or_null);
        json_key(json, "items");
        json_object_begin(json);
        one_type(json, str_skip(name, 2), false);
        json_object_end(json);
    } else {
        one_type(json, name, or_null);
    }
    json_object_end(json);
}

/* As config_fields.h takes them: all but yes and no also as aigw.ini's text. */
static const char *
type_of_option(const struct config_option *option)
{
    return option->type == CONFIG_BOOL ? "boolean" : "any";
}

static void
section_to_json(struct json_writer *json, enum config_section section)
{
    json_object_begin(json);
    pair(json, "type", "object");
    json_key(json, "properties");
    json_object_begin(json);
    json_key(json, "name");
    openapi_type_to_json(json, "string", "at creation");
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (option->section != section)
            continue;
        json_key(json, option->name);
        openapi_type_to_json(json, type_of_option(option), option->text);
    }
    if (section == CONFIG_SECTION_gateway) {
        json_key(json, "routes");
        openapi_type_to_json(json, "object",
                             "dynamic routes made in the same step: the "
                             "options of each by its NAME, or null: it goes");
    }
    json_object_end(json);
    json_key(json, "additionalProperties");
    json_bool(json, false);
    json_object_end(json);
}

const char *
openapi_section(const struct operation *operation)
{
    if (operation->handler != op_config_create &&
        operation->handler != op_config_update)
        return NULL; /* /metrics is shorter than what begins the others */
    const char *plural = operation->path + strlen("/admin/v1/");
    size_t len = strcspn(plural, "/");
    for (int s = CONFIG_SECTION_NAMED; s < CONFIG_SECTION_COUNT; s++)
        if (strlen(config_section_names[s]) + 1 == len &&
            memcmp(config_section_names[s], plural, len - 1) == 0)
            return config_section_names[s];
    return NULL;
}

/* One schema: the rows of its name that follow `first`. */
static const struct openapi_member *
schema_to_json(struct json_writer *json, const struct openapi_member *first)
{
    const struct openapi_member *row = first;
    bool is_body = strstr(first->schema, "Body") != NULL ||
                   strcmp(first->schema, "KeyLookup") == 0;
    json_key(json, first->schema);
    json_object_begin(json);
    pair(json, "type", "object");
    json_key(json, "properties");
    json_object_begin(json);
    for (; row->schema != NULL && strcmp(row->schema, first->schema) == 0;
         row++) {
        json_key(json, row->name);
        openapi_type_to_json(json, row->type, row->text);
    }
    json_object_end(json);
    if (is_body) {
        json_key(json, "additionalProperties");
        json_bool(json, false);
    }
    json_object_end(json);
    return row;
}

void
openapi_schemas_to_json(struct json_writer *json)
{
    json_object_begin(json);
    for (const struct openapi_member *row = openapi_members;
         row->schema != NULL;)
        row = schema_to_json(json, row);
    for (int s = CONFIG_SECTION_NAMED; s < CONFIG_SECTION_COUNT; s++) {
        json_key(json, config_section_names[s]);
        section_to_json(json, (enum config_section)s);
    }
    json_object_end(json);
}
