/*
 * zenlayer_fields.c - parameters of Zenlayer's actions, checked; what several
 * actions read in the same way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/zenlayer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { NAME_MIN = 2, NAME_MAX_LEN = 63, TAG_MAX = 64, LIST_MAX = 1000 };
enum { TAGS_MAX = 100 }; /* each is compared with each */

static bool
is_integer(const cJSON *value)
{
    return cJSON_IsNumber(value) && value->valuedouble <= 9007199254740992.0 &&
           value->valuedouble >= -9007199254740992.0 &&
           trunc(value->valuedouble) == value->valuedouble;
}

static bool
all_texts(const cJSON *list)
{
    const cJSON *item = NULL;
    bool good = cJSON_IsArray(list);
    cJSON_ArrayForEach(item, list)
    {
        good = good && cJSON_IsString(item);
    }
    return good;
}

/* False: answered. */
static bool
check_tag(struct visit *visit, const char *name, const cJSON *tag)
{
    const cJSON *key = shape_at(tag, "key");
    const cJSON *value = shape_at(tag, "value");
    if (cJSON_IsObject(tag) && key == NULL) {
        zenlayer_fail(visit, 400, "MISSING_PARAMETER",
                      "A tag of %s has no key.", name);
        return false;
    }
    if (!cJSON_IsString(key) || (value != NULL && !cJSON_IsString(value))) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_TYPE",
                      "%s must hold {\"key\", \"value\"} with texts.", name);
        return false;
    }
    size_t key_len = strlen(key->valuestring);
    size_t len = value == NULL ? 1 : strlen(value->valuestring);
    if (key_len > TAG_MAX || len > TAG_MAX) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_LENGTH",
                      "Keys and values of %s have at most %d characters.", name,
                      TAG_MAX);
        return false;
    }
    if (key_len == 0 || len == 0) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_LESS_LENGTH",
                      "Keys and values of %s have at least a character.", name);
        return false;
    }
    return true;
}

static bool
check_tags(struct visit *visit, const char *name, const cJSON *list)
{
    const cJSON *tag = NULL;
    if (!cJSON_IsArray(list)) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_TYPE",
                      "%s must be a list of tags.", name);
        return false;
    }
    if (cJSON_GetArraySize(list) > TAGS_MAX) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_LENGTH",
                      "%s has more than %d tags.", name, TAGS_MAX);
        return false;
    }
    cJSON_ArrayForEach(tag, list)
    {
        const cJSON *other = list->child;
        if (!check_tag(visit, name, tag))
            return false;
        while (other != tag &&
               strcmp(shape_text(other, "key"), shape_text(tag, "key")) != 0)
            other = other->next;
        if (other != tag) {
            zenlayer_fail(visit, 400, "INVALID_PARAMETER_VALUE",
                          "%s has the key %.64s twice.", name,
                          shape_text(tag, "key"));
            return false;
        }
    }
    return true;
}

/* Of one type letter. False: answered. */
static bool
check_value(struct visit *visit, const char *name, char type,
            const cJSON *value)
{
    bool good = false;
    switch (type) {
    case 's':
        good = cJSON_IsString(value);
        break;
    case 'i':
    case 'n':
        good = is_integer(value);
        break;
    case 'b':
        good = cJSON_IsBool(value);
        break;
    case 'a':
        good = all_texts(value);
        break;
    case 'g':
        return check_tags(visit, name, cJSON_GetObjectItem(value, "tags"));
    default:
        return check_tags(visit, name, value);
    }
    if (!good)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_TYPE",
                      "The parameter %s is of the wrong type.", name);
    else if (type == 'a' && cJSON_GetArraySize(value) > LIST_MAX)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_LENGTH",
                      "%s has more than %d items.", name, LIST_MAX);
    return !visit->answered;
}

const cJSON *
zenlayer_body(struct visit *visit, const char *fields)
{
    const cJSON *body = visit_object(visit);
    if (body == NULL)
        return NULL;
    while (*fields != '\0') {
        char name[48];
        size_t len = strcspn(fields, " ");
        bool required = fields[len - 2] == '*';
        char type = fields[len - 1];
        snprintf(name, sizeof(name), "%.*s", (int)(len - 1 - required), fields);
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(body, name);
        bool absent = value == NULL || (cJSON_IsNull(value) && type != 'n');
        if (absent && required) {
            zenlayer_fail(visit, 400, "MISSING_PARAMETER",
                          "The parameter %s is missing.", name);
            return NULL;
        }
        if (!absent && !cJSON_IsNull(value) &&
            !check_value(visit, name, type, value))
            return NULL;
        fields += len + (fields[len] == ' ');
    }
    return body;
}

const char *
zenlayer_word(struct visit *visit, const cJSON *body, const char *name,
              const char *words)
{
    const char *text = shape_text(body, name);
    const char *left = words;
    if (shape_at(body, name) == NULL)
        return NULL;
    for (;;) {
        size_t len = strcspn(left, "|");
        if (strlen(text) == len && memcmp(text, left, len) == 0)
            return text;
        if (left[len] == '\0')
            break;
        left += len + 1;
    }
    zenlayer_fail(visit, 400, "INVALID_PARAMETER_VALUE",
                  "%s must be one of %s.", name, words);
    return NULL;
}

static bool
is_name_end(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

bool
zenlayer_name(struct visit *visit, const char *name)
{
    size_t len = strlen(name);
    if (len < NAME_MIN || len > NAME_MAX_LEN) {
        zenlayer_fail(visit, 400,
                      len < NAME_MIN ? "INVALID_PARAMETER_LESS_LENGTH"
                                     : "INVALID_PARAMETER_EXCEED_LENGTH",
                      "gatewayName has %d to %d characters.", NAME_MIN,
                      NAME_MAX_LEN);
        return false;
    }
    bool good = is_name_end(name[0]) && is_name_end(name[len - 1]);
    for (size_t i = 0; i < len; i++)
        good =
            good && (is_name_end(name[i]) || name[i] == '-' || name[i] == '.');
    if (!good)
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_PATTERN_ERROR",
                      "gatewayName has letters, digits, '-' and '.', and "
                      "begins and ends with a letter or digit.");
    return good;
}

bool
zenlayer_group(struct visit *visit, const cJSON *body, const char **group)
{
    const char *text = shape_text(body, "resourceGroupId");
    uint64_t id = 0;
    int end = 0;
    *group = NULL;
    if (*text == '\0')
        return true;
    if (sscanf(text, "00000000-0000-4000-8000-%12" SCNx64 "%n", &id, &end) ==
            1 &&
        text[end] == '\0' && id != 0) {
        char number[24];
        snprintf(number, sizeof(number), "%" PRIu64, id);
        const cJSON *list =
            visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups?id={}", number);
        const cJSON *found = cJSON_GetArrayItem(shape_at(list, "data"), 0);
        if (list == NULL)
            return false;
        *group = shape_text(found, "name");
        if (found != NULL)
            return true;
    } else { /* its name, which is what people know here */
        const cJSON *found =
            visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}", text);
        *group = shape_text(found, "name");
        return found != NULL;
    }
    zenlayer_fail(visit, 404, "OPERATION_FAILED_RESOURCE_GROUP_NOT_FOUND",
                  "The resource group does not exist.");
    return false;
}

const cJSON *
zenlayer_models(struct visit *visit)
{
    const cJSON *list = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
    return list == NULL ? NULL : shape_at(list, "data");
}
