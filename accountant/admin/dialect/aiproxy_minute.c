/*
 * aiproxy_minute.c - see aiproxy_minute.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/aiproxy_minute.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/admin/dialect/shape.h"

struct metric {
    double requests, errors, tokens;
};

static void
metric_add(struct metric *metric, const cJSON *row)
{
    metric->requests += shape_number(row, "requests");
    metric->errors += shape_number(row, "errors");
    metric->tokens += shape_number(row, "tokens");
}

static cJSON *
metric_shown(const struct metric *metric)
{
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "rpm", (int64_t)metric->requests);
    shape_add_i64(out, "tpm", (int64_t)metric->tokens);
    cJSON_AddNumberToObject(out, "rps", metric->requests / 60);
    cJSON_AddNumberToObject(out, "tps", metric->tokens / 60);
    shape_add_i64(out, "requests", (int64_t)metric->requests);
    shape_add_i64(out, "errors", (int64_t)metric->errors);
    cJSON_AddNumberToObject(
        out, "error_rate",
        metric->requests > 0 ? metric->errors / metric->requests : 0);
    return out;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct aiproxy_minute_row *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->second, y->second);
}

bool
aiproxy_minute_read(struct aiproxy_minute *minute, const cJSON *usage,
                    const char *name, const char *second)
{
    const cJSON *row = NULL, *data = shape_at(usage, "data");
    size_t room = (size_t)cJSON_GetArraySize(data) + 1;
    minute->count = 0;
    minute->rows = calloc(room, sizeof(*minute->rows));
    if (minute->rows == NULL)
        return false;
    cJSON_ArrayForEach(row, data)
    {
        minute->rows[minute->count++] = (struct aiproxy_minute_row){
            shape_text(row, name),
            second == NULL ? "" : shape_text(row, second), row};
    }
    qsort(minute->rows, minute->count, sizeof(*minute->rows), compare_rows);
    return true;
}

void
aiproxy_minute_free(struct aiproxy_minute *minute)
{
    free(minute->rows);
    *minute = (struct aiproxy_minute){NULL, 0};
}

cJSON *
aiproxy_minute_of(const struct aiproxy_minute *minute, const char *name,
                  const char *second)
{
    const struct aiproxy_minute_row wanted = {name, second, NULL};
    struct metric metric = {0};
    size_t from = 0, to = minute->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare_rows(&minute->rows[middle], &wanted) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    for (; from < minute->count &&
           compare_rows(&minute->rows[from], &wanted) == 0;
         from++)
        metric_add(&metric, minute->rows[from].row);
    return metric_shown(&metric);
}

cJSON *
aiproxy_minute_by_name(const struct aiproxy_minute *minute)
{
    cJSON *data = cJSON_CreateObject();
    for (size_t i = 0; i < minute->count;) {
        const char *name = minute->rows[i].name;
        struct metric metric = {0};
        for (; i < minute->count && strcmp(minute->rows[i].name, name) == 0;
             i++)
            metric_add(&metric, minute->rows[i].row);
        if (*name != '\0')
            cJSON_AddItemToObject(data, name, metric_shown(&metric));
    }
    return data;
}

cJSON *
aiproxy_minute_by_both(const struct aiproxy_minute *minute)
{
    cJSON *data = cJSON_CreateObject(), *inner = NULL;
    for (size_t i = 0; i < minute->count; i++) {
        const struct aiproxy_minute_row *row = &minute->rows[i];
        if (i > 0 && compare_rows(row - 1, row) == 0)
            continue; /* a key's, of which another had the name */
        if (i == 0 || strcmp(row[-1].name, row->name) != 0)
            inner = cJSON_AddObjectToObject(data, row->name);
        cJSON_AddItemToObject(
            inner, row->second,
            aiproxy_minute_of(minute, row->name, row->second));
    }
    return data;
}
