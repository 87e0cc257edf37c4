/*
 * series.h - usage rows as tables of a number for each model and each step of
 * time, summed over as many answers as there were.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_SERIES_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_SERIES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* What is summed: members of a native usage row. */
enum series_number {
    SERIES_REQUESTS,
    SERIES_ERRORS,
    SERIES_TOKENS,
    SERIES_COST,
    SERIES_MISSED,
    SERIES_CACHED,
    SERIES_CREATION,
    SERIES_COMPLETION,
    SERIES_REASONING,
    SERIES_DURATION,   /* ms, of all requests together */
    SERIES_FIRST_BYTE, /* the same */
    SERIES_NUMBERS
};
enum { SERIES_MODELS_MAX = 512 };

struct series {
    int64_t from_ms, step_ms; /* step 0: one for all time */
    unsigned steps;
    unsigned model_count;
    const char *models[SERIES_MODELS_MAX]; /* of the rows */
    double *values; /* [model][step][number]; NULL: no rows, or no memory */
    bool failed;
};

/* Of rows with model and (with a step) time; beyond the last model they are
 * left out. `answers` outlive it. series_fini() in any case. */
void series_make(struct series *series, const cJSON *const *answers,
                 unsigned count);
void series_fini(struct series *series);
double series_at(const struct series *series, unsigned model, unsigned step,
                 enum series_number number);
/* Tokens sent and tokens made, of all that were used. */
double series_input(const struct series *series, unsigned model, unsigned step);
double series_output(const struct series *series, unsigned model,
                     unsigned step);

#endif
