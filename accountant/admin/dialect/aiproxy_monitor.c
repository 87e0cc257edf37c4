/*
 * aiproxy_monitor.c - how channels and models are: error rates since the server
 * began (by the counters of the segment), who cools down, and what each group,
 * token and model does in a minute.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accountant/admin/dialect/aiproxy.h"
#include "accountant/admin/dialect/aiproxy_minute.h"
#include "common/check.h"

#define MINUTE_MS INT64_C(60000)

/* ---- error rates ---- */

struct rate {
    double all, bad;
    bool cooling;
};

static struct rate
rate_of(const cJSON *provider)
{
    return (struct rate){
        .all = shape_number(provider, "stats.requests"),
        .bad = shape_number(provider, "stats.provider_errors") +
               shape_number(provider, "stats.timeouts"),
        .cooling = shape_true(provider, "cooling"),
    };
}

static double
share_of(const struct rate *rate)
{
    return rate->all > 0 ? rate->bad / rate->all : 0;
}

static const cJSON *
ask_models(struct visit *visit)
{
    const cJSON *all = visit_ask(visit, HTTP_GET, NULL, "/admin/v1/models");
    return all == NULL ? NULL : shape_at(all, "data");
}

static void
channel_text(const cJSON *provider, char out[24])
{
    snprintf(out, 24, "%" PRId64,
             aiproxy_channel_id(shape_text(provider, "provider")));
}

static cJSON *
member_object(cJSON *object, const char *name)
{
    cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return member != NULL ? member : cJSON_AddObjectToObject(object, name);
}

/* {channel: {model: rate}} of what was called; `only` one channel, or NULL. */
static cJSON *
rates_by_channel(const cJSON *models, const char *only)
{
    const cJSON *model = NULL, *provider = NULL;
    cJSON *data = cJSON_CreateObject();
    cJSON_ArrayForEach(model, models)
    {
        cJSON_ArrayForEach(provider, shape_at(model, "providers"))
        {
            char id[24];
            struct rate rate = rate_of(provider);
            channel_text(provider, id);
            if (rate.all > 0 && (only == NULL || strcmp(only, id) == 0))
                cJSON_AddNumberToObject(member_object(data, id),
                                        shape_text(model, "id"),
                                        share_of(&rate));
        }
    }
    return data;
}

static void
monitor(struct visit *visit)
{
    const cJSON *models = ask_models(visit);
    if (models != NULL)
        aiproxy_answer(visit, rates_by_channel(models, NULL));
}

static void
monitor_channel(struct visit *visit)
{
    const char *name = aiproxy_channel_name(visit, visit->params[0]);
    const cJSON *models = name == NULL ? NULL : ask_models(visit);
    if (models == NULL)
        return;
    if (*name == '\0') {
        visit_fail(visit, 404, "not_found", "channel record not found");
        return;
    }
    cJSON *rates = rates_by_channel(models, visit->params[0]);
    cJSON *one =
        cJSON_DetachItemFromObjectCaseSensitive(rates, visit->params[0]);
    cJSON_Delete(rates);
    aiproxy_answer(visit, one != NULL ? one : cJSON_CreateObject());
}

/* {model: rate} over all channels. */
static void
monitor_models(struct visit *visit)
{
    const cJSON *model = NULL, *provider = NULL;
    const cJSON *models = ask_models(visit);
    if (models == NULL)
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON_ArrayForEach(model, models)
    {
        struct rate sum = {0};
        cJSON_ArrayForEach(provider, shape_at(model, "providers"))
        {
            struct rate rate = rate_of(provider);
            sum.all += rate.all;
            sum.bad += rate.bad;
        }
        if (sum.all > 0)
            cJSON_AddNumberToObject(data, shape_text(model, "id"),
                                    share_of(&sum));
    }
    aiproxy_answer(visit, data);
}

/* {model: [channels]} that cool down. */
static void
banned(struct visit *visit)
{
    const cJSON *model = NULL, *provider = NULL;
    const cJSON *models = ask_models(visit);
    if (models == NULL)
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON_ArrayForEach(model, models)
    {
        const char *name = shape_text(model, "id");
        cJSON_ArrayForEach(provider, shape_at(model, "providers"))
        {
            if (!rate_of(provider).cooling)
                continue;
            cJSON *list = cJSON_GetObjectItemCaseSensitive(data, name);
            if (list == NULL)
                list = cJSON_AddArrayToObject(data, name);
            cJSON_AddItemToArray(
                list, aiproxy_channel_shown(shape_text(provider, "provider")));
        }
    }
    aiproxy_answer(visit, data);
}

/* ---- what a minute does ---- */

/* Rows of the last whole minute; of an unknown group none. NULL: not there yet, or
 * answered. */
static const cJSON *
ask_minute(struct visit *visit, const char *by, const char *group)
{
    char from[24], to[24];
    uint16_t status;
    int64_t end = visit->now_ms - visit->now_ms % MINUTE_MS;
    snprintf(from, sizeof(from), "%" PRId64, end - MINUTE_MS);
    snprintf(to, sizeof(to), "%" PRId64, end);
    const cJSON *usage = visit_try(
        visit, &status, HTTP_GET, NULL,
        "/admin/v1/usage?from={}&to={}&resolution=minute&by={}&group={}", from,
        to, by, group);
    if (usage == NULL || status < 400 || status == 404)
        return usage;
    visit_fail(visit, status, shape_text(usage, "error.code"), "%s",
               shape_text(usage, "error.message"));
    return NULL;
}

/* False: answered. */
static bool
read_minute(struct visit *visit, const cJSON *usage, const char *name,
            const char *second, struct aiproxy_minute *minute)
{
    if (aiproxy_minute_read(minute, usage, name, second))
        return true;
    visit_fail(visit, 503, "overloaded", "Out of memory.");
    return false;
}

static void
runtime(struct visit *visit)
{
    const cJSON *provider = NULL, *model = NULL;
    const cJSON *models = ask_models(visit);
    const cJSON *usage =
        models == NULL ? NULL : ask_minute(visit, "model,provider", NULL);
    struct aiproxy_minute minute;
    if (usage == NULL ||
        !read_minute(visit, usage, "model", "provider", &minute))
        return;
    cJSON *data = cJSON_CreateObject();
    cJSON *channels = cJSON_AddObjectToObject(data, "channels");
    cJSON_AddItemToObject(data, "models", aiproxy_minute_by_name(&minute));
    cJSON_ArrayForEach(model, models)
    {
        cJSON_ArrayForEach(provider, shape_at(model, "providers"))
        {
            char id[24];
            const char *name = shape_text(provider, "provider");
            channel_text(provider, id);
            cJSON *channel = member_object(channels, id);
            cJSON *list = member_object(channel, "models");
            cJSON *one =
                aiproxy_minute_of(&minute, shape_text(model, "id"), name);
            cJSON_AddBoolToObject(one, "banned", rate_of(provider).cooling);
            cJSON_AddItemToObject(list, shape_text(model, "id"), one);
        }
    }
    aiproxy_minute_free(&minute);
    aiproxy_answer(visit, data);
}

/* One of `groups` (by comma) as a text of its own. */
static const char *
next_name(const char *list, char out[128])
{
    size_t len = strcspn(list, ",");
    snprintf(out, 128, "%.*s", (int)(len < 127 ? len : 127), list);
    return list + len + (list[len] == ',');
}

static void
of_groups(struct visit *visit)
{
    char name[128];
    const char *list = visit_query(visit, "groups");
    const cJSON *usage = ask_minute(visit, "group", NULL);
    struct aiproxy_minute minute;
    if (usage == NULL || !read_minute(visit, usage, "group", NULL, &minute))
        return;
    cJSON *data = cJSON_CreateObject();
    while (list != NULL && *list != '\0') {
        list = next_name(list, name);
        if (cJSON_GetObjectItemCaseSensitive(data, name) == NULL)
            cJSON_AddItemToObject(data, name,
                                  aiproxy_minute_of(&minute, name, ""));
    }
    aiproxy_minute_free(&minute);
    aiproxy_answer(visit, data);
}

static void
of_group(struct visit *visit, const char *by)
{
    const cJSON *usage = ask_minute(visit, by, visit->params[0]);
    struct aiproxy_minute minute;
    if (usage == NULL || !read_minute(visit, usage, by, NULL, &minute))
        return;
    aiproxy_answer(visit, aiproxy_minute_by_name(&minute));
    aiproxy_minute_free(&minute);
}

static void
tokens_of_group(struct visit *visit)
{
    of_group(visit, "key");
}

static void
models_of_group(struct visit *visit)
{
    of_group(visit, "model");
}

/* {token: {model: metric}} */
static void
models_of_tokens(struct visit *visit)
{
    const cJSON *usage = ask_minute(visit, "key,model", visit->params[0]);
    struct aiproxy_minute minute;
    if (usage == NULL || !read_minute(visit, usage, "key", "model", &minute))
        return;
    aiproxy_answer(visit, aiproxy_minute_by_both(&minute));
    aiproxy_minute_free(&minute);
}

static void
batch_of_tokens(struct visit *visit)
{
    const cJSON *item = NULL, *body = visit_object(visit);
    const cJSON *usage =
        body == NULL ? NULL : ask_minute(visit, "group,key", NULL);
    if (usage == NULL)
        return;
    if (cJSON_GetArraySize(shape_at(body, "items")) > AIPROXY_BATCH_MAX) {
        visit_fail(visit, 400, "invalid_field", "items has more than %d rows",
                   AIPROXY_BATCH_MAX);
        return;
    }
    struct aiproxy_minute minute;
    if (!read_minute(visit, usage, "group", "key", &minute))
        return;
    cJSON *data = cJSON_CreateArray();
    cJSON_ArrayForEach(item, shape_at(body, "items"))
    {
        const char *group = shape_text(item, "group");
        const char *token = shape_text(item, "token_name");
        cJSON *one = aiproxy_minute_of(&minute, group, token);
        cJSON_AddStringToObject(one, "group", group);
        cJSON_AddStringToObject(one, "token_name", token);
        cJSON_AddItemToArray(data, one);
    }
    aiproxy_minute_free(&minute);
    aiproxy_answer(visit, data);
}

// clang-format off
const struct dialect_route aiproxy_monitor[] = {
    {HTTP_GET, "/monitor/", monitor, 0},
    {HTTP_GET, "/monitor/models", monitor_models, 0},
    {HTTP_GET, "/monitor/banned_channels", banned, 0},
    {HTTP_GET, "/monitor/runtime_metrics", runtime, 0},
    {HTTP_GET, "/monitor/group_summary_metrics", of_groups, 0},
    {HTTP_GET, "/monitor/group_token_metrics/{}", tokens_of_group, 0},
    {HTTP_GET, "/monitor/group_model_metrics/{}", models_of_group, 0},
    {HTTP_GET, "/monitor/group_tokenname_model_metrics/{}", models_of_tokens, 0},
    {HTTP_POST, "/monitor/batch_group_token_metrics", batch_of_tokens, 0},
    {HTTP_GET, "/monitor/{}", monitor_channel, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
