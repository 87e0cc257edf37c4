/*
 * zenlayer_usage.c - Zenlayer's actions on usage and cost: sums, series by time,
 * a month by day.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "accountant/admin/dialect/series.h"
#include "accountant/admin/dialect/zenlayer.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

enum { ASKS_MAX = 512, INSTANCES_MAX = 100, DAYS_MAX = 1000 };

/* What is asked: of which gateways, from when to when, and all the answers. */
struct question {
    const char *group; /* NULL: any */
    const char *ids;   /* by comma; "" any */
    int64_t from_ms, to_ms;
    const char *by, *resolution;
    int64_t span_ms; /* asked at most at once; 0: all */
    const cJSON *answers[ASKS_MAX];
    unsigned count;
};

/* One gateway's, or all of them (`id` NULL), in spans. */
static bool
ask_one(struct visit *visit, struct question *q, const char *id)
{
    int64_t from = q->from_ms;
    while (from < q->to_ms) {
        char from_text[24], to_text[24];
        int64_t to = q->to_ms;
        if (q->span_ms > 0 && to - from > q->span_ms)
            to = from + q->span_ms;
        snprintf(from_text, sizeof(from_text), "%" PRId64, from);
        snprintf(to_text, sizeof(to_text), "%" PRId64, to);
        if (q->count == ASKS_MAX) {
            zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_LENGTH",
                          "Too many instances for so long a time.");
            return false;
        }
        const cJSON *answer = visit_ask(
            visit, HTTP_GET, NULL,
            "/admin/v1/usage?from={}&to={}&resolution={}&by={}&group={}"
            "&key_id={}",
            from_text, to_text, q->resolution, q->by, q->group, id);
        if (answer == NULL)
            return false;
        q->answers[q->count++] = answer;
        from = to;
    }
    return true;
}

/* All of them. False: not all are there yet, or answered. */
static bool
ask_all(struct visit *visit, struct question *q)
{
    const char *left = q->ids;
    unsigned instances = 0;
    q->count = 0;
    if (*left == '\0')
        return ask_one(visit, q, NULL);
    for (; *left != '\0'; left += *left == ',') {
        char id[24];
        size_t len = strcspn(left, ", ");
        bool number = len > 0 && len < 20 &&
                      strspn(left, "0123456789") == len && *left != '0';
        snprintf(id, sizeof(id), "%.*s", (int)(len < 20 ? len : 0), left);
        left += len;
        left += strspn(left, " ");
        if (!number || ++instances > INSTANCES_MAX) {
            zenlayer_fail(visit, 400, "INVALID_PARAMETER_VALUE",
                          "instanceIds must be at most %d gatewayUuids by "
                          "comma.",
                          INSTANCES_MAX);
            return false;
        }
        if (!ask_one(visit, q, id))
            return false;
    }
    return true;
}

/* Range in seconds. False: not known yet, or answered. */
static bool
read_range(struct visit *visit, struct question *q)
{
    const cJSON *body =
        zenlayer_body(visit, "instanceIdss resourceGroupIds start*i end*i");
    if (body == NULL)
        return false;
    int64_t start = shape_i64(body, "start"), end = shape_i64(body, "end");
    if (start < 0 || end < 0) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_LESS_MINIMUM",
                      "start and end are seconds since 1970.");
        return false;
    }
    if (end > INT64_C(9999999999) || start > INT64_C(9999999999)) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_MAXIMUM",
                      "start and end are seconds of ten digits.");
        return false;
    }
    if (end < start) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_VALUE",
                      "end must not lie before start.");
        return false;
    }
    q->ids = shape_text(body, "instanceIds");
    q->from_ms = start * SECOND;
    q->to_ms = end * SECOND;
    return zenlayer_group(visit, body, &q->group);
}

static void
fail_memory(struct visit *visit)
{
    zenlayer_fail(visit, 503, "SERVICE_TEMPORARY_UNAVAILABLE",
                  "Out of memory.");
}

/* uuid of the model of that name, "" where the catalogue has it no more. */
static const char *
uuid_of(const cJSON *models, const char *name)
{
    const cJSON *model = NULL;
    cJSON_ArrayForEach(model, models)
    {
        if (strcmp(shape_text(model, "id"), name) == 0)
            return shape_text(model, "uuid");
    }
    return "";
}

static void
usage_data(struct visit *visit)
{
    struct question q = {.by = "model", .resolution = "minute"};
    struct series series = {.steps = 1};
    double input = 0, output = 0;
    if (!read_range(visit, &q) || !ask_all(visit, &q))
        return;
    const cJSON *models = zenlayer_models(visit);
    if (models == NULL)
        return;
    series_make(&series, q.answers, q.count);
    if (series.failed) {
        fail_memory(visit);
        return;
    }
    cJSON *response = cJSON_CreateObject();
    cJSON *list = cJSON_CreateArray();
    for (unsigned m = 0; m < series.model_count; m++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "modelUuid",
                                uuid_of(models, series.models[m]));
        cJSON_AddStringToObject(one, "modelName", series.models[m]);
        shape_add_i64(one, "totalTokens",
                      (int64_t)series_at(&series, m, 0, SERIES_TOKENS));
        shape_add_i64(one, "totalRequests",
                      (int64_t)series_at(&series, m, 0, SERIES_REQUESTS));
        cJSON_AddItemToArray(list, one);
        input += series_input(&series, m, 0);
        output += series_output(&series, m, 0);
    }
    shape_add_i64(response, "totalInputTokens", (int64_t)input);
    shape_add_i64(response, "totalOutputTokens", (int64_t)output);
    cJSON_AddItemToObject(response, "instanceModelToken", list);
    series_fini(&series);
    zenlayer_answer(visit, response);
}

/* ---- by time ---- */

enum what { REQUESTS, ALL_TOKENS, INPUT, OUTPUT };

static double
number_of(const struct series *series, unsigned model, unsigned step,
          enum what what)
{
    switch (what) {
    case REQUESTS:
        return series_at(series, model, step, SERIES_REQUESTS);
    case ALL_TOKENS:
        return series_at(series, model, step, SERIES_TOKENS);
    case INPUT:
        return series_input(series, model, step);
    default:
        return series_output(series, model, step);
    }
}

static cJSON *
points_of(const struct series *series, enum what what)
{
    cJSON *points = cJSON_CreateArray();
    for (unsigned step = 0; step < series->steps; step++) {
        cJSON *point = cJSON_CreateObject();
        shape_add_i64(point, "time", series->from_ms + step * series->step_ms);
        cJSON *data = cJSON_AddArrayToObject(point, "data");
        for (unsigned m = 0; m < series->model_count; m++) {
            cJSON *item = cJSON_CreateObject();
            cJSON_AddStringToObject(item, "model", series->models[m]);
            shape_add_i64(item, "value",
                          (int64_t)number_of(series, m, step, what));
            cJSON_AddItemToArray(data, item);
        }
        cJSON_AddItemToArray(points, point);
    }
    return points;
}

/* The width of a step, by how long the time is; days at last. */
static void
choose_step(struct question *q, struct series *series)
{
    int64_t length = q->to_ms - q->from_ms;
    q->resolution = length <= DAY        ? "minute"
                    : length <= 31 * DAY ? "hour"
                                         : "day";
    q->by = length <= DAY        ? "minute,model"
            : length <= 31 * DAY ? "hour,model"
                                 : "day,model";
    /* No answer is too long, however many models there are. */
    q->span_ms = length <= DAY ? 6 * HOUR : 31 * DAY;
    series->step_ms = length <= 6 * HOUR   ? 60 * SECOND
                      : length <= DAY      ? 300 * SECOND
                      : length <= 31 * DAY ? HOUR
                                           : DAY;
    series->from_ms = q->from_ms - q->from_ms % series->step_ms;
    q->from_ms = series->from_ms;
    int64_t end = q->to_ms + series->step_ms - 1;
    series->steps = (unsigned)((end - q->from_ms) / series->step_ms);
}

static void
usage_detail(struct visit *visit)
{
    struct question q = {0};
    struct series series = {0};
    if (!read_range(visit, &q))
        return;
    if (q.to_ms - q.from_ms > DAYS_MAX * DAY) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_EXCEED_MAXIMUM",
                      "At most %d days are shown at once.", DAYS_MAX);
        return;
    }
    choose_step(&q, &series);
    if (!ask_all(visit, &q))
        return;
    series_make(&series, q.answers, q.count);
    if (series.failed) {
        fail_memory(visit);
        return;
    }
    cJSON *response = cJSON_CreateObject();
    cJSON_AddItemToObject(response, "request", points_of(&series, REQUESTS));
    cJSON_AddItemToObject(response, "token", points_of(&series, ALL_TOKENS));
    cJSON_AddItemToObject(response, "inputToken", points_of(&series, INPUT));
    cJSON_AddItemToObject(response, "outToken", points_of(&series, OUTPUT));
    series_fini(&series);
    zenlayer_answer(visit, response);
}

/* ---- a month ---- */

static int64_t
month_begin_ms(int year, int month)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 1};
    return (int64_t)timegm(&tm) * SECOND;
}

/* "2026-2" or "2026-02", and the range until its end or today's. */
static bool
read_month(struct visit *visit, struct question *q)
{
    int year = 0, month = 0, end = 0;
    const cJSON *body =
        zenlayer_body(visit, "instanceIdss resourceGroupIds month*s");
    if (body == NULL)
        return false;
    const char *text = shape_text(body, "month");
    if (sscanf(text, "%4d-%2d%n", &year, &month, &end) != 2 ||
        text[end] != '\0' || year < 1970 || month < 1 || month > 12) {
        zenlayer_fail(visit, 400, "INVALID_PARAMETER_DATE_FORMAT_ERROR",
                      "month must be as 2026-02.");
        return false;
    }
    int64_t tomorrow = visit->now_ms - visit->now_ms % DAY + DAY;
    q->ids = shape_text(body, "instanceIds");
    q->from_ms = month_begin_ms(year, month);
    q->to_ms = month_begin_ms(year + month / 12, month % 12 + 1);
    if (q->to_ms > tomorrow)
        q->to_ms = tomorrow > q->from_ms ? tomorrow : q->from_ms;
    q->resolution = "day";
    q->by = "day,model";
    return zenlayer_group(visit, body, &q->group);
}

/* The month's table, all answers there. False: answered, or not yet. */
static bool
month_series(struct visit *visit, struct question *q, struct series *series)
{
    if (!read_month(visit, q) || !ask_all(visit, q))
        return false;
    series->from_ms = q->from_ms;
    series->step_ms = DAY;
    series->steps = (unsigned)((q->to_ms - q->from_ms) / DAY);
    series_make(series, q->answers, q->count);
    if (series->failed)
        fail_memory(visit);
    return !series->failed;
}

static void
monthly_cost(struct visit *visit)
{
    struct question q = {0};
    double cost = 0;
    if (!read_month(visit, &q) || !ask_all(visit, &q))
        return;
    for (unsigned i = 0; i < q.count; i++)
        cost += shape_number(q.answers[i], "total.cost");
    cJSON *response = cJSON_CreateObject();
    cJSON_AddNumberToObject(response, "totalCost", cost);
    zenlayer_answer(visit, response);
}

/* "2026-02-01" of a step. */
static cJSON *
date_of(const struct series *series, unsigned step)
{
    char text[16];
    time_t seconds =
        (time_t)((series->from_ms + step * series->step_ms) / SECOND);
    struct tm tm;
    strftime(text, sizeof(text), "%Y-%m-%d", gmtime_r(&seconds, &tm));
    return cJSON_CreateString(text);
}

static cJSON *
dates_of(const struct series *series)
{
    cJSON *dates = cJSON_CreateArray();
    for (unsigned i = 0; i < series->steps; i++)
        cJSON_AddItemToArray(dates, date_of(series, i));
    return dates;
}

static cJSON *
cost_at(const struct series *series, unsigned model, unsigned day)
{
    return cJSON_CreateNumber(series_at(series, model, day, SERIES_COST));
}

/* "90%" of what was sent was there already. */
static cJSON *
hit_rate_at(const struct series *series, unsigned model, unsigned day)
{
    char text[16];
    double cached = series_at(series, model, day, SERIES_CACHED);
    double asked = cached + series_at(series, model, day, SERIES_MISSED);
    snprintf(text, sizeof(text), "%d%%",
             asked > 0 ? (int)(100 * cached / asked + 0.5) : 0);
    return cJSON_CreateString(text);
}

static void
daily(struct visit *visit, const char *name,
      cJSON *(*at)(const struct series *, unsigned, unsigned))
{
    struct question q = {0};
    struct series series = {0};
    if (!month_series(visit, &q, &series))
        return;
    cJSON *response = cJSON_CreateObject();
    cJSON_AddItemToObject(response, "dates", dates_of(&series));
    cJSON *list = cJSON_AddArrayToObject(response, name);
    for (unsigned m = 0; m < series.model_count; m++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "modelName", series.models[m]);
        cJSON *data = cJSON_AddArrayToObject(one, "data");
        for (unsigned day = 0; day < series.steps; day++)
            cJSON_AddItemToArray(data, at(&series, m, day));
        cJSON_AddItemToArray(list, one);
    }
    series_fini(&series);
    zenlayer_answer(visit, response);
}

static void
daily_cost(struct visit *visit)
{
    daily(visit, "series", cost_at);
}

static void
daily_hit_rate(struct visit *visit)
{
    daily(visit, "cacheHit", hit_rate_at);
}

static cJSON *
classes_at(const struct series *series, unsigned model, unsigned day)
{
    static const struct {
        const char *name;
        enum series_number number;
    } classes[] = {
        {"promptMissedTokens", SERIES_MISSED},
        {"completionTokens", SERIES_COMPLETION},
        {"cachedTokens", SERIES_CACHED},
        {"cacheCreationInputTokens", SERIES_CREATION},
        {"reasoningTokens", SERIES_REASONING},
    };
    cJSON *one = cJSON_CreateObject();
    cJSON_AddStringToObject(one, "modelName", series->models[model]);
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        shape_add_i64(
            one, classes[i].name,
            (int64_t)series_at(series, model, day, classes[i].number));
    return one;
}

static void
daily_usage(struct visit *visit)
{
    struct question q = {0};
    struct series series = {0};
    if (!month_series(visit, &q, &series))
        return;
    cJSON *response = cJSON_CreateObject();
    cJSON *metric = cJSON_AddArrayToObject(response, "metric");
    for (unsigned day = 0; day < series.steps; day++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToObject(item, "date", date_of(&series, day));
        cJSON *list = cJSON_AddArrayToObject(item, "model_usage");
        for (unsigned m = 0; m < series.model_count; m++)
            cJSON_AddItemToArray(list, classes_at(&series, m, day));
        cJSON_AddItemToArray(metric, item);
    }
    series_fini(&series);
    zenlayer_answer(visit, response);
}

const struct dialect_route zenlayer_usage[] = {
    {HTTP_POST, "DescribeAiUsageData", usage_data, 0},
    {HTTP_POST, "DescribeAiUsageDetailData", usage_detail, 0},
    {HTTP_POST, "DescribeAiMonthlyTotalCost", monthly_cost, 0},
    {HTTP_POST, "DescribeAiModelDailyCost", daily_cost, 0},
    {HTTP_POST, "DescribeAiModelDailyCacheHitRate", daily_hit_rate, 0},
    {HTTP_POST, "DescribeAiModelDailyUsage", daily_usage, 0},
    {HTTP_POST, NULL, NULL, 0},
};
