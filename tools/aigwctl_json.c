/*
 * aigwctl_json.c - see aigwctl_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_write.h"

static void
print_string(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    json_escape(out, str_from(text));
    buf_append_char(out, '"');
}

/* Shortest form that reads back as the same double, exponents avoided: amounts
 * have at most nine decimals. */
static void
print_number(struct buf *out, double number)
{
    char text[64];
    if (number == floor(number) && fabs(number) < 9007199254740992.0) {
        buf_printf(out, "%.0f", number);
        return;
    }
    snprintf(text, sizeof(text), "%.9f", number);
    if (fabs(number) >= 1e15 || strtod(text, NULL) != number) {
        snprintf(text, sizeof(text), "%.15g", number);
        if (strtod(text, NULL) != number)
            snprintf(text, sizeof(text), "%.17g", number);
    } else {
        size_t len = strlen(text);
        while (text[len - 1] == '0')
            text[--len] = '\0';
    }
    buf_append_cstr(out, text);
}

static bool
print_scalar(struct buf *out, const cJSON *value)
{
    if (cJSON_IsString(value))
        print_string(out, value->valuestring);
    else if (cJSON_IsNumber(value))
        print_number(out, value->valuedouble);
    else if (cJSON_IsTrue(value))
        buf_append_cstr(out, "true");
    else if (cJSON_IsFalse(value))
        buf_append_cstr(out, "false");
    else if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
        buf_append_cstr(out, "null");
    else
        return false;
    return true;
}

void
json_print(struct buf *out, const cJSON *value)
{
    if (print_scalar(out, value))
        return;
    bool is_object = cJSON_IsObject(value);
    buf_append_char(out, is_object ? '{' : '[');
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        if (item != value->child)
            buf_append_char(out, ',');
        if (is_object) {
            print_string(out, item->string);
            buf_append_char(out, ':');
        }
        json_print(out, item);
    }
    buf_append_char(out, is_object ? '}' : ']');
}

void
json_print_pretty(struct buf *out, const cJSON *value, int level)
{
    if (print_scalar(out, value))
        return;
    bool is_object = cJSON_IsObject(value);
    buf_append_char(out, is_object ? '{' : '[');
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        buf_printf(out, "%s\n%*s", item == value->child ? "" : ",",
                   2 * (level + 1), "");
        if (is_object) {
            print_string(out, item->string);
            buf_append_cstr(out, ": ");
        }
        json_print_pretty(out, item, level + 1);
    }
    if (value->child != NULL)
        buf_printf(out, "\n%*s", 2 * level, "");
    buf_append_char(out, is_object ? '}' : ']');
}

void
json_print_cell(struct buf *out, const cJSON *value)
{
    if (value == NULL || cJSON_IsNull(value))
        return;
    if (cJSON_IsString(value))
        buf_append_cstr(out, value->valuestring);
    else
        json_print(out, value);
}

const cJSON *
json_at_path(const cJSON *value, const char *path)
{
    char part[64];
    while (value != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        if (len >= sizeof(part))
            return NULL;
        memcpy(part, path, len);
        part[len] = '\0';
        path += len + (path[len] == '.');
        if (cJSON_IsArray(value))
            value = part[strspn(part, "0123456789")] == '\0'
                        ? cJSON_GetArrayItem(value, atoi(part))
                        : NULL;
        else
            value = cJSON_GetObjectItemCaseSensitive(value, part);
    }
    return value;
}

const char *
json_text(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

double
json_number(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

void
json_copy(cJSON *to, const char *to_name, const cJSON *from,
          const char *from_name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(from, from_name);
    if (value != NULL)
        cJSON_AddItemToObject(to, to_name, cJSON_Duplicate(value, true));
}
