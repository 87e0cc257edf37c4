/*
 * series.c - see series.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/series.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/admin/dialect/shape.h"

static const char *const members[SERIES_NUMBERS] = {
    [SERIES_REQUESTS] = "requests",
    [SERIES_ERRORS] = "errors",
    [SERIES_TOKENS] = "tokens",
    [SERIES_COST] = "cost",
    [SERIES_MISSED] = "prompt_missed",
    [SERIES_CACHED] = "cached",
    [SERIES_CREATION] = "cache_creation",
    [SERIES_COMPLETION] = "completion",
    [SERIES_REASONING] = "reasoning",
    [SERIES_DURATION] = "average_duration_ms",
    [SERIES_FIRST_BYTE] = "average_first_byte_ms",
};

/* Its place, added when it is new; -1: there is no room. */
static int
model_place(struct series *series, const char *name)
{
    for (unsigned i = 0; i < series->model_count; i++)
        if (strcmp(series->models[i], name) == 0)
            return (int)i;
    if (series->model_count == SERIES_MODELS_MAX)
        return -1;
    series->models[series->model_count] = name;
    return (int)series->model_count++;
}

static void
add_row(struct series *series, const cJSON *row)
{
    int model = model_place(series, shape_text(row, "model"));
    int64_t step = 0;
    if (series->step_ms > 0)
        step = (shape_ms(row, "time") - series->from_ms) / series->step_ms;
    if (model < 0 || step < 0 || step >= (int64_t)series->steps)
        return;
    double *into =
        series->values + ((unsigned)model * series->steps + (unsigned)step) *
                             (size_t)SERIES_NUMBERS;
    for (unsigned i = 0; i < SERIES_NUMBERS; i++)
        into[i] += shape_number(row, members[i]) *
                   (i >= SERIES_DURATION ? shape_number(row, "requests") : 1);
}

void
series_make(struct series *series, const cJSON *const *answers, unsigned count)
{
    const cJSON *row = NULL;
    series->model_count = 0;
    for (unsigned i = 0; i < count; i++) {
        cJSON_ArrayForEach(row, shape_at(answers[i], "data"))
        {
            model_place(series, shape_text(row, "model"));
        }
    }
    size_t cells = (size_t)series->model_count * series->steps * SERIES_NUMBERS;
    series->values = cells == 0 ? NULL : calloc(cells, sizeof(double));
    series->failed = cells > 0 && series->values == NULL;
    for (unsigned i = 0; series->values != NULL && i < count; i++) {
        cJSON_ArrayForEach(row, shape_at(answers[i], "data"))
        {
            add_row(series, row);
        }
    }
}

void
series_fini(struct series *series)
{
    free(series->values);
    series->values = NULL;
}

double
series_at(const struct series *series, unsigned model, unsigned step,
          enum series_number number)
{
    return series
        ->values[((size_t)model * series->steps + step) * SERIES_NUMBERS +
                 number];
}

double
series_output(const struct series *series, unsigned model, unsigned step)
{
    return series_at(series, model, step, SERIES_COMPLETION) +
           series_at(series, model, step, SERIES_REASONING);
}

double
series_input(const struct series *series, unsigned model, unsigned step)
{
    return series_at(series, model, step, SERIES_TOKENS) -
           series_output(series, model, step);
}
