/*
 * aiproxy_groups.c - aiproxy's groups, and who used most.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "common/check.h"

#define DAY_MS INT64_C(86400000)
enum { GROUPS_MAX = 1000 };

static cJSON *
shown(const cJSON *group)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "id", shape_text(group, "name"));
    const cJSON *alert = shape_at(group, "balance_alert");
    bool has_alert = cJSON_IsNumber(alert);
    cJSON_AddNumberToObject(out, "status",
                            shape_true(group, "enabled") ? AIPROXY_ENABLED
                                                         : AIPROXY_DISABLED);
    shape_add_copy(out, "rpm_ratio", shape_at(group, "rpm_ratio"));
    shape_add_copy(out, "tpm_ratio", shape_at(group, "tpm_ratio"));
    cJSON_AddNumberToObject(out, "used_amount",
                            shape_number(group, "total.cost"));
    cJSON_AddItemToObject(out, "available_sets", cJSON_CreateArray());
    cJSON_AddBoolToObject(out, "balance_alert_enabled", has_alert);
    cJSON_AddNumberToObject(out, "balance_alert_threshold",
                            has_alert ? alert->valuedouble : 0);
    shape_add_i64(out, "created_at", shape_ms(group, "created_at"));
    shape_add_i64(out, "accessed_at", shape_ms(group, "updated_at"));
    return out;
}

/* With the number of its calls. */
static void
answer_group(struct visit *visit, const cJSON *group)
{
    const cJSON *usage =
        visit_ask(visit, HTTP_GET, NULL,
                  "/admin/v1/usage?from={}&resolution=day&group={}",
                  "2020-01-01", shape_text(group, "name"));
    if (usage == NULL)
        return;
    cJSON *out = shown(group);
    shape_add_i64(out, "request_count", shape_i64(usage, "total.requests"));
    aiproxy_answer(visit, out);
}

static void
get(struct visit *visit)
{
    const cJSON *group = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                                   visit->params[0]);
    if (group != NULL)
        answer_group(visit, group);
}

/* ---- changes ---- */

/* 0 is no ratio, as aiproxy has it. */
static void
put_ratios(const cJSON *body, cJSON *native)
{
    static const char *const ratios[] = {"rpm_ratio", "tpm_ratio"};
    for (unsigned i = 0; i < ARRAY_LEN(ratios); i++) {
        const cJSON *ratio = shape_at(body, ratios[i]);
        if (ratio == NULL)
            continue;
        if (cJSON_IsNumber(ratio) && ratio->valuedouble <= 0)
            cJSON_AddNumberToObject(native, ratios[i], 1);
        else
            shape_add_copy(native, ratios[i], ratio);
    }
}

/* A threshold alone changes that of an alert that is on. False: answered. */
static bool
put_alert(struct visit *visit, const cJSON *body, cJSON *native)
{
    const cJSON *enabled = shape_at(body, "balance_alert_enabled");
    const cJSON *threshold = shape_at(body, "balance_alert_threshold");
    bool is_on = shape_true(body, "balance_alert_enabled");
    if (enabled == NULL && threshold == NULL)
        return true;
    if (enabled == NULL && visit->route->method == HTTP_PUT) {
        const cJSON *group = visit_ask(visit, HTTP_GET, NULL,
                                       "/admin/v1/groups/{}", visit->params[0]);
        if (group == NULL)
            return false;
        is_on = cJSON_IsNumber(shape_at(group, "balance_alert"));
    }
    if (!is_on && enabled != NULL)
        cJSON_AddNullToObject(native, "balance_alert");
    if (is_on && threshold != NULL)
        shape_add_copy(native, "balance_alert", threshold);
    if (is_on && threshold == NULL) {
        visit_fail(visit, 400, "invalid_field",
                   "balance_alert_threshold: say below which balance");
        return false;
    }
    return true;
}

bool
aiproxy_put_status(struct visit *visit, const cJSON *body, cJSON *native)
{
    int64_t status = shape_i64(body, "status");
    const char *enabled;
    if (!aiproxy_status_word(visit, status, &enabled))
        return false;
    cJSON_AddBoolToObject(native, "enabled", status == AIPROXY_ENABLED);
    return true;
}

/* NULL: answered. */
static cJSON *
native_of(struct visit *visit, const cJSON *body)
{
    cJSON *native = cJSON_CreateObject();
    put_ratios(body, native);
    if ((shape_at(body, "status") != NULL &&
         !aiproxy_put_status(visit, body, native)) ||
        !put_alert(visit, body, native)) {
        cJSON_Delete(native);
        return NULL;
    }
    return native;
}

static void
create(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    cJSON *native = body == NULL ? NULL : native_of(visit, body);
    if (native == NULL)
        return;
    cJSON_AddStringToObject(native, "name", visit->params[0]);
    const cJSON *group =
        visit_ask(visit, HTTP_POST, native, "/admin/v1/groups");
    if (group != NULL)
        answer_group(visit, group);
}

static void
update(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    cJSON *native = body == NULL ? NULL : native_of(visit, body);
    if (native == NULL)
        return;
    const cJSON *group = visit_ask(visit, HTTP_PATCH, native,
                                   "/admin/v1/groups/{}", visit->params[0]);
    if (group != NULL)
        answer_group(visit, group);
}

/* /group/{}/status and the like: the member that the path ends with. */
static void
update_one(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const char *name = strrchr(visit->route->path, '/') + 1;
    if (body == NULL)
        return;
    if (shape_at(body, name) == NULL)
        visit_fail(visit, 400, "invalid_field", "%s is missing", name);
    else
        update(visit);
}

static void delete (struct visit *visit)
{
    if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/groups/{}?all=yes",
                  visit->params[0]) != NULL)
        aiproxy_answer(visit, NULL);
}

/* ---- lists ---- */

static void
list_named(struct visit *visit, const char *part)
{
    struct aiproxy_page page;
    const cJSON *group = NULL;
    uint64_t total = 0;
    aiproxy_read_page(visit, &page);
    const cJSON *groups =
        visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups?limit=1000");
    if (groups == NULL)
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON *rows = cJSON_AddArrayToObject(data, "groups");
    cJSON_ArrayForEach(group, shape_at(groups, "data"))
    {
        if (part != NULL && strcasestr(shape_text(group, "name"), part) == NULL)
            continue;
        if (total >= (page.page - 1) * page.per_page &&
            total < page.page * page.per_page)
            cJSON_AddItemToArray(rows, shown(group));
        total++;
    }
    shape_add_i64(data, "total", (int64_t)total);
    aiproxy_answer(visit, data);
}

static void
list(struct visit *visit)
{
    list_named(visit, NULL);
}

static void
search(struct visit *visit)
{
    list_named(visit, visit_query(visit, "keyword"));
}

/* ---- ranking ---- */

struct rank {
    const char *name;
    double amount, requests, tokens, input, output;
};

struct ranking {
    struct rank *ranks;
    unsigned count;
    int key;  /* 0 amount, 1 requests, 2 tokens, 3 name */
    int sign; /* -1: most first */
};

static int
by_number(double a, double b)
{
    return (a > b) - (a < b);
}

/* As asked for, then most requests, then by name. */
static int
compare(const void *a, const void *b, void *context)
{
    const struct rank *x = a, *y = b;
    const struct ranking *ranking = context;
    const double left[] = {x->amount, x->requests, x->tokens};
    const double right[] = {y->amount, y->requests, y->tokens};
    int order = ranking->key == 3
                    ? strcmp(x->name, y->name)
                    : by_number(left[ranking->key], right[ranking->key]);
    order *= ranking->sign;
    if (order == 0)
        order = -by_number(x->requests, y->requests);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* "request_count_desc"; false: answered. */
static bool
read_order(struct visit *visit, const char *dimension, struct ranking *ranking)
{
    const char *names[] = {"used_amount", "request_count", "total_tokens",
                           dimension};
    const char *text = visit_query(visit, "order");
    ranking->key = 0;
    ranking->sign = -1;
    if (text == NULL)
        return true;
    for (int i = 0; i < 4; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(text, names[i], len) != 0)
            continue;
        if (strcmp(text + len, "_asc") == 0 ||
            strcmp(text + len, "_desc") == 0) {
            ranking->key = i;
            ranking->sign = text[len + 1] == 'a' ? 1 : -1;
            return true;
        }
    }
    visit_fail(visit, 400, "invalid_field", "order is not known");
    return false;
}

static void
add_rank(struct ranking *ranking, const cJSON *row, const char *by)
{
    struct rank *rank = &ranking->ranks[ranking->count++];
    rank->name = shape_text(row, by);
    rank->amount = shape_number(row, "cost");
    rank->requests = shape_number(row, "requests");
    rank->tokens = shape_number(row, "tokens");
    rank->output =
        shape_number(row, "completion") + shape_number(row, "reasoning");
    rank->input = rank->tokens - rank->output;
}

static cJSON *
rank_shown(const struct rank *rank, unsigned place, const char *dimension)
{
    cJSON *one = cJSON_CreateObject();
    cJSON_AddNumberToObject(one, "rank", place);
    if (strcmp(dimension, "channel_id") == 0)
        shape_add_i64(one, dimension, aiproxy_channel_id(rank->name));
    else
        cJSON_AddStringToObject(one, dimension, rank->name);
    shape_add_i64(one, "request_count", (int64_t)rank->requests);
    cJSON_AddNumberToObject(one, "used_amount", rank->amount);
    shape_add_i64(one, "input_tokens", (int64_t)rank->input);
    shape_add_i64(one, "output_tokens", (int64_t)rank->output);
    shape_add_i64(one, "total_tokens", (int64_t)rank->tokens);
    return one;
}

static void
answer_ranking(struct visit *visit, struct ranking *ranking, const char *type,
               const char *dimension)
{
    struct aiproxy_page page;
    const char *zone = visit_query(visit, "timezone");
    aiproxy_read_page(visit, &page);
    cJSON *data = cJSON_CreateObject();
    cJSON *items = cJSON_AddArrayToObject(data, "items");
    qsort_r(ranking->ranks, ranking->count, sizeof(*ranking->ranks), compare,
            ranking);
    for (unsigned i = 0; i < ranking->count; i++)
        if (i >= (page.page - 1) * page.per_page &&
            i < page.page * page.per_page)
            cJSON_AddItemToArray(
                items, rank_shown(&ranking->ranks[i], i + 1, dimension));
    cJSON_AddNumberToObject(data, "total", ranking->count);
    cJSON_AddStringToObject(data, "type", type);
    cJSON_AddStringToObject(data, "timezone", zone == NULL ? "UTC" : zone);
    aiproxy_answer(visit, data);
}

static void
rank_all(struct visit *visit)
{
    static const struct {
        const char *type, *by, *dimension;
    } types[] = {{"group", "group", "group_id"},
                 {"channel", "provider", "channel_id"},
                 {"model", "model", "model"}};
    const char *type = visit_query(visit, "type");
    char from[24], to[24];
    unsigned i = 0;
    struct ranking ranking = {0};
    const cJSON *row = NULL;
    while (i < ARRAY_LEN(types) - 1 && type != NULL &&
           strcmp(types[i].type, type) != 0)
        i++;
    if (type != NULL && strcmp(types[i].type, type) != 0) {
        visit_fail(visit, 400, "invalid_field",
                   "type must be group, channel or model");
        return;
    }
    if (!read_order(visit, types[i].dimension, &ranking))
        return;
    snprintf(
        from, sizeof(from), "%" PRId64,
        aiproxy_time(visit, "start_timestamp", visit->now_ms - 7 * DAY_MS));
    snprintf(to, sizeof(to), "%" PRId64,
             aiproxy_time(visit, "end_timestamp", visit->now_ms));
    const cJSON *usage =
        visit_ask(visit, HTTP_GET, NULL,
                  "/admin/v1/usage?from={}&to={}&resolution=minute&by={}", from,
                  to, types[i].by);
    if (usage == NULL)
        return;
    int count = cJSON_GetArraySize(shape_at(usage, "data"));
    ranking.ranks = calloc((size_t)count + 1, sizeof(*ranking.ranks));
    if (ranking.ranks == NULL) {
        visit_fail(visit, 503, "overloaded", "out of memory");
        return;
    }
    cJSON_ArrayForEach(row, shape_at(usage, "data"))
    {
        add_rank(&ranking, row, types[i].by);
    }
    answer_ranking(visit, &ranking, types[i].type, types[i].dimension);
    free(ranking.ranks);
}

const struct dialect_route aiproxy_groups[] = {
    {HTTP_GET, "/groups/", list, 0},
    {HTTP_GET, "/groups/search", search, 0},
    {HTTP_GET, "/groups/consumption_ranking", rank_all, 0},
    {HTTP_GET, "/groups/ranking", rank_all, 0},
    {HTTP_GET, "/group/{}", get, 0},
    {HTTP_POST, "/group/{}", create, 0},
    {HTTP_PUT, "/group/{}", update, 0},
    {HTTP_DELETE, "/group/{}", delete, 0},
    {HTTP_POST, "/group/{}/status", update_one, 0},
    {HTTP_POST, "/group/{}/rpm_ratio", update_one, 0},
    {HTTP_POST, "/group/{}/tpm_ratio", update_one, 0},
    {HTTP_GET, NULL, NULL, 0},
};
