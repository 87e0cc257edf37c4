/*
 * aiproxy_dashboards.c - aiproxy's charts: sums by step of time, of all groups or
 * one; versions 2 and 3 of them by model, too. Steps are of UTC, those without calls are
 * zero.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "accountant/admin/dialect/series.h"
#include "common/check.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

enum { STEPS_MAX = 3000 };

struct question {
    const char *group, *model, *token;
    const char *by, *resolution; /* of the native question */
    int64_t from_ms, to_ms, step_ms;
};

static void
read_step(const struct visit *visit, bool daily, struct question *q)
{
    const char *span = visit_query(visit, "timespan");
    if (span == NULL)
        span = daily ? "day" : "hour";
    if (strcmp(span, "minute") == 0) {
        q->step_ms = MINUTE_MS;
        q->resolution = "minute";
        q->by = "minute,model";
    } else if (strcmp(span, "hour") == 0) {
        q->step_ms = HOUR_MS;
        q->resolution = "hour";
        q->by = "hour,model";
    } else { /* a month is shown by its days */
        q->step_ms = DAY_MS;
        q->resolution = "day";
        q->by = "day,model";
    }
}

/* False: answered. */
static bool
read_question(struct visit *visit, const char *group, struct question *q)
{
    static const struct {
        const char *type;
        int64_t days; /* 0: the last 24 hours */
    } types[] = {{"day", 0}, {"week", 7}, {"two_week", 15}, {"month", 30}};
    const char *type = visit_query(visit, "type");
    int64_t from = visit->now_ms - 7 * DAY_MS;
    bool daily = false;
    for (unsigned i = 0; type != NULL && i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, type) != 0)
            continue;
        daily = types[i].days > 0;
        int64_t today = visit->now_ms - visit->now_ms % DAY_MS;
        from = daily ? today - (types[i].days - 1) * DAY_MS
                     : visit->now_ms - DAY_MS;
    }
    *q = (struct question){.group = group};
    q->model = visit_query(visit, "model");
    q->token = visit_query(visit, "token_name");
    read_step(visit, daily, q);
    q->from_ms = aiproxy_time(visit, "start_timestamp", from);
    q->to_ms = aiproxy_time(visit, "end_timestamp", visit->now_ms);
    q->from_ms -= q->from_ms % q->step_ms;
    if (q->to_ms <= q->from_ms)
        q->to_ms = q->from_ms + q->step_ms;
    if ((q->to_ms - q->from_ms) / q->step_ms <= STEPS_MAX)
        return true;
    visit_fail(visit, 400, "invalid_field",
               "more than %d steps: ask for a shorter time or longer steps",
               STEPS_MAX);
    return false;
}

/* Rows of a time; an unknown group or token has none. */
static const cJSON *
ask(struct visit *visit, const struct question *q, int64_t from, int64_t to,
    const char *by, const char *resolution)
{
    char from_text[24], to_text[24];
    uint16_t status;
    snprintf(from_text, sizeof(from_text), "%" PRId64, from);
    snprintf(to_text, sizeof(to_text), "%" PRId64, to);
    const cJSON *answer = visit_try(
        visit, &status, HTTP_GET, NULL,
        "/admin/v1/usage?from={}&to={}&resolution={}&by={}&group={}&key={}",
        from_text, to_text, resolution, by, q->group, q->token);
    if (answer == NULL || status < 400 || status == 404)
        return answer;
    visit_fail(visit, status, shape_text(answer, "error.code"), "%s",
               shape_text(answer, "error.message"));
    return NULL;
}

struct answers {
    const cJSON *chart, *minute, *keys;
};

/* False: not all there yet, or answered. */
static bool
ask_all(struct visit *visit, const struct question *q, struct answers *answers)
{
    int64_t minute = visit->now_ms - visit->now_ms % MINUTE_MS;
    answers->chart = ask(visit, q, q->from_ms, q->to_ms, q->by, q->resolution);
    if (answers->chart == NULL)
        return false;
    answers->minute =
        ask(visit, q, minute - MINUTE_MS, minute, "model", "minute");
    if (answers->minute == NULL)
        return false;
    answers->keys =
        ask(visit, q, q->from_ms, q->to_ms, "key,provider", q->resolution);
    return answers->keys != NULL;
}

/* ---- sums ---- */

struct sums {
    double n[SERIES_NUMBERS];
};

static void
sums_add(struct sums *sums, const struct series *series, unsigned model,
         unsigned step)
{
    for (int i = 0; i < SERIES_NUMBERS; i++)
        sums->n[i] += series_at(series, model, step, (enum series_number)i);
}

static void
sums_show(cJSON *out, const struct sums *sums)
{
    double output = sums->n[SERIES_COMPLETION] + sums->n[SERIES_REASONING];
    const struct {
        const char *name;
        double n;
    } numbers[] = {
        {"request_count", sums->n[SERIES_REQUESTS]},
        {"exception_count", sums->n[SERIES_ERRORS]},
        {"input_tokens", sums->n[SERIES_TOKENS] - output},
        {"output_tokens", output},
        {"cached_tokens", sums->n[SERIES_CACHED]},
        {"cache_creation_tokens", sums->n[SERIES_CREATION]},
        {"reasoning_tokens", sums->n[SERIES_REASONING]},
        {"total_tokens", sums->n[SERIES_TOKENS]},
        {"total_time_milliseconds", sums->n[SERIES_DURATION]},
        {"total_ttfb_milliseconds", sums->n[SERIES_FIRST_BYTE]},
    };
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        shape_add_i64(out, numbers[i].name, (int64_t)numbers[i].n);
    cJSON_AddNumberToObject(out, "used_amount", sums->n[SERIES_COST]);
}

static bool
is_wanted(const struct question *q, const struct series *series, unsigned model)
{
    return q->model == NULL || strcmp(q->model, series->models[model]) == 0;
}

/* The last whole minute, and the busiest step as a minute of it. */
static void
add_rates(cJSON *data, const struct question *q, const cJSON *minute,
          double requests_max, double tokens_max)
{
    const cJSON *row = NULL;
    double rpm = 0, tpm = 0;
    double minutes = (double)q->step_ms / MINUTE_MS;
    cJSON_ArrayForEach(row, shape_at(minute, "data"))
    {
        if (q->model != NULL && strcmp(q->model, shape_text(row, "model")) != 0)
            continue;
        rpm += shape_number(row, "requests");
        tpm += shape_number(row, "tokens");
    }
    requests_max /= minutes;
    tokens_max /= minutes;
    shape_add_i64(data, "rpm", (int64_t)rpm);
    shape_add_i64(data, "tpm", (int64_t)tpm);
    shape_add_i64(data, "max_rpm",
                  (int64_t)(requests_max > rpm ? requests_max + 0.5 : rpm));
    shape_add_i64(data, "max_tpm",
                  (int64_t)(tokens_max > tpm ? tokens_max + 0.5 : tpm));
}

static void
add_names(cJSON *data, const struct question *q, const struct series *series,
          const cJSON *keys)
{
    const cJSON *rows = shape_at(keys, "data");
    cJSON *models = cJSON_AddArrayToObject(data, "models");
    for (unsigned m = 0; m < series->model_count; m++)
        cJSON_AddItemToArray(models, cJSON_CreateString(series->models[m]));
    if (q->group != NULL)
        cJSON_AddItemToObject(data, "token_names",
                              shape_distinct(rows, "key", cJSON_CreateString));
    else
        cJSON_AddItemToObject(
            data, "channels",
            shape_distinct(rows, "provider", aiproxy_channel_shown));
}

/* ---- charts ---- */

static cJSON *
step_shown(const struct question *q, const struct series *series, unsigned step,
           struct sums *total, struct sums *most)
{
    struct sums sums = {{0}};
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "timestamp",
                  (series->from_ms + step * series->step_ms) / 1000);
    for (unsigned m = 0; m < series->model_count; m++)
        if (is_wanted(q, series, m))
            sums_add(&sums, series, m, step);
    for (int i = 0; i < SERIES_NUMBERS; i++) {
        total->n[i] += sums.n[i];
        if (sums.n[i] > most->n[i])
            most->n[i] = sums.n[i];
    }
    sums_show(out, &sums);
    return out;
}

/* Version 2: a summary for each model that was called in the step. */
static cJSON *
step_by_model(const struct question *q, const struct series *series,
              unsigned step)
{
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "timestamp",
                  (series->from_ms + step * series->step_ms) / 1000);
    cJSON *list = cJSON_AddArrayToObject(out, "summary");
    for (unsigned m = 0; m < series->model_count; m++) {
        struct sums sums = {{0}};
        if (!is_wanted(q, series, m) ||
            series_at(series, m, step, SERIES_REQUESTS) == 0)
            continue;
        sums_add(&sums, series, m, step);
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "model", series->models[m]);
        if (q->group != NULL)
            cJSON_AddStringToObject(one, "group_id", q->group);
        if (q->token != NULL)
            cJSON_AddStringToObject(one, "token_name", q->token);
        sums_show(one, &sums);
        cJSON_AddItemToArray(list, one);
    }
    return out;
}

static void
answer(struct visit *visit, const struct question *q,
       const struct answers *answers, const struct series *series,
       bool by_model)
{
    struct sums total = {{0}}, most = {{0}};
    cJSON *data = cJSON_CreateObject();
    cJSON *chart =
        cJSON_AddArrayToObject(data, by_model ? "time_series" : "chart_data");
    for (unsigned step = 0; step < series->steps; step++) {
        cJSON *sums = step_shown(q, series, step, &total, &most);
        if (by_model) {
            cJSON_Delete(sums);
            sums = step_by_model(q, series, step);
        }
        cJSON_AddItemToArray(chart, sums);
    }
    add_rates(data, q, answers->minute, most.n[SERIES_REQUESTS],
              most.n[SERIES_TOKENS]);
    if (!by_model) {
        shape_add_i64(data, "total_count", (int64_t)total.n[SERIES_REQUESTS]);
        sums_show(data, &total);
    }
    add_names(data, q, series, answers->keys);
    aiproxy_answer(visit, data);
}

static void
dashboard(struct visit *visit, const char *group, bool by_model)
{
    struct question q;
    struct answers answers;
    struct series series = {0};
    if (!read_question(visit, group, &q) || !ask_all(visit, &q, &answers))
        return;
    series.from_ms = q.from_ms;
    series.step_ms = q.step_ms;
    series.steps =
        (unsigned)((q.to_ms - q.from_ms + q.step_ms - 1) / q.step_ms);
    series_make(&series, &answers.chart, 1);
    if (series.failed)
        visit_fail(visit, 503, "overloaded", "out of memory");
    else
        answer(visit, &q, &answers, &series, by_model);
    series_fini(&series);
}

static void
all(struct visit *visit)
{
    dashboard(visit, visit_query(visit, "group"), false);
}

static void
group(struct visit *visit)
{
    dashboard(visit, visit->params[0], false);
}

static void
all_by_model(struct visit *visit)
{
    dashboard(visit, visit_query(visit, "group"), true);
}

static void
group_by_model(struct visit *visit)
{
    dashboard(visit, visit->params[0], true);
}

const struct dialect_route aiproxy_dashboards[] = {
    {HTTP_GET, "/dashboard/", all, 0},
    {HTTP_GET, "/dashboard/{}", group, 0},
    {HTTP_GET, "/dashboardv2/", all_by_model, 0},
    {HTTP_GET, "/dashboardv2/{}", group_by_model, 0},
    {HTTP_GET, "/dashboardv3/", all_by_model, 0},
    {HTTP_GET, "/dashboardv3/{}", group_by_model, 0},
    {HTTP_GET, NULL, NULL, 0},
};
