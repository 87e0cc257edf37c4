/*
 * shape.c - see shape.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { NAME_MAX_BYTES = 64 };

const cJSON *
shape_at(const cJSON *object, const char *path)
{
    char name[NAME_MAX_BYTES];
    for (bool more = true; more && object != NULL;) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof(name))
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        object = cJSON_GetObjectItemCaseSensitive(object, name);
        more = path[len] == '.';
        path += len + more;
    }
    return cJSON_IsNull(object) ? NULL : object;
}

const char *
shape_text(const cJSON *object, const char *path)
{
    const cJSON *value = shape_at(object, path);
    return cJSON_IsString(value) ? value->valuestring : "";
}

double
shape_number(const cJSON *object, const char *path)
{
    const cJSON *value = shape_at(object, path);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

int64_t
shape_i64(const cJSON *object, const char *path)
{
    double n = shape_number(object, path);
    if (n >= 9.2e18)
        return INT64_MAX;
    return n <= -9.2e18 ? INT64_MIN : (int64_t)n;
}

bool
shape_true(const cJSON *object, const char *path)
{
    return cJSON_IsTrue(shape_at(object, path));
}

int64_t
shape_ms(const cJSON *object, const char *path)
{
    int64_t ms = 0;
    const char *text = shape_text(object, path);
    return *text != '\0' && clock_parse_rfc3339(text, &ms) == 0 ? ms : 0;
}

cJSON *
shape_of_i64(int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, n);
    return cJSON_CreateRaw(text);
}

void
shape_add_i64(cJSON *object, const char *name, int64_t n)
{
    cJSON_AddItemToObject(object, name, shape_of_i64(n));
}

void
shape_add_id(cJSON *object, const char *name, int64_t id)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, id);
    cJSON_AddStringToObject(object, name, text);
}

void
shape_add_copy(cJSON *object, const char *name, const cJSON *value)
{
    cJSON_AddItemToObject(object, name,
                          value == NULL ? cJSON_CreateNull()
                                        : cJSON_Duplicate(value, true));
}

/* A text of a row, and the row's place. */
struct placed {
    const char *text;
    int at;
};

static int
compare_placed(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : a->at - b->at;
}

/* Sorted, because there may be as many as keys are: of each text the first place
 * counts. */
static void
mark_first(const cJSON *rows, const char *name, struct placed *texts,
           bool *is_first)
{
    const cJSON *row = NULL;
    int count = 0;
    cJSON_ArrayForEach(row, rows)
    {
        texts[count] = (struct placed){shape_text(row, name), count};
        count++;
    }
    if (count > 1)
        qsort(texts, (size_t)count, sizeof(*texts), compare_placed);
    for (int i = 0; i < count; i++)
        is_first[texts[i].at] =
            texts[i].text[0] != '\0' &&
            (i == 0 || strcmp(texts[i].text, texts[i - 1].text) != 0);
}

cJSON *
shape_distinct(const cJSON *rows, const char *name,
               cJSON *(*show)(const char *text))
{
    const cJSON *row = NULL;
    int at = 0;
    size_t room = (size_t)cJSON_GetArraySize(rows) + 1;
    cJSON *list = cJSON_CreateArray();
    struct placed *texts = calloc(room, sizeof(*texts));
    bool *is_first = calloc(room, sizeof(*is_first));
    if (texts != NULL && is_first != NULL) {
        mark_first(rows, name, texts, is_first);
        cJSON_ArrayForEach(row, rows)
        {
            if (is_first[at++])
                cJSON_AddItemToArray(list, show(shape_text(row, name)));
        }
    }
    free(texts);
    free(is_first);
    return list;
}

void
shape_add_time_ms(cJSON *object, const char *name, int64_t ms)
{
    char text[32];
    if (ms <= 0) {
        cJSON_AddNullToObject(object, name);
        return;
    }
    clock_format_rfc3339(ms, text);
    cJSON_AddStringToObject(object, name, text);
}

void
shape_add_time(cJSON *object, const char *name, int64_t ms)
{
    char text[32];
    if (ms <= 0) {
        cJSON_AddNullToObject(object, name);
        return;
    }
    clock_format_rfc3339(ms, text);
    char *dot = strchr(text, '.');
    if (dot != NULL)
        memcpy(dot, "Z", 2);
    cJSON_AddStringToObject(object, name, text);
}
