/*
 * aiproxy_token.c - a key as aiproxy's tokens are shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "accountant/admin/dialect/aiproxy.h"

#define DAY_MS INT64_C(86400000)

static const cJSON *
money_budget(const cJSON *key, bool total)
{
    const cJSON *budget = NULL;
    cJSON_ArrayForEach(budget, shape_at(key, "budgets"))
    {
        bool is_total = strcmp(shape_text(budget, "period"), "total") == 0;
        if (strcmp(shape_text(budget, "unit"), "currency") == 0 &&
            is_total == total)
            return budget;
    }
    return NULL;
}

/* When a period that ends then has begun. */
static int64_t
period_begin(const cJSON *budget)
{
    const char *period = shape_text(budget, "period");
    int64_t end = shape_ms(budget, "resets_at");
    if (end == 0 || strcmp(period, "daily") == 0)
        return end == 0 ? 0 : end - DAY_MS;
    if (strcmp(period, "weekly") == 0)
        return end - 7 * DAY_MS;
    /* As long as the month before `end`, which is a midnight in some zone. */
    time_t seconds = (time_t)((end + DAY_MS / 2) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    struct tm first = {
        .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = 1};
    struct tm before = {
        .tm_year = tm.tm_year, .tm_mon = tm.tm_mon - 1, .tm_mday = 1};
    return end - ((int64_t)timegm(&first) - (int64_t)timegm(&before)) * 1000;
}

static void
add_period(cJSON *out, const cJSON *key, double used)
{
    const cJSON *budget = money_budget(key, false);
    cJSON_AddNumberToObject(out, "period_quota", shape_number(budget, "limit"));
    cJSON_AddStringToObject(out, "period_type", shape_text(budget, "period"));
    shape_add_i64(out, "period_last_update_time",
                  budget == NULL ? 0 : period_begin(budget));
    cJSON_AddNumberToObject(
        out, "period_last_update_amount",
        budget == NULL ? 0 : used - shape_number(budget, "used"));
}

static void
add_list(cJSON *out, const char *name, const cJSON *list)
{
    if (cJSON_GetArraySize(list) == 0)
        cJSON_AddNullToObject(out, name);
    else
        shape_add_copy(out, name, list);
}

cJSON *
aiproxy_token(const cJSON *key, const char *plain, int64_t requests)
{
    cJSON *out = cJSON_CreateObject();
    double used = shape_number(key, "total.cost");
    bool hidden = plain == NULL || *plain == '\0';
    bool bound = shape_true(key, "ip_acl.enabled") &&
                 strcmp(shape_text(key, "ip_acl.type"), "allow") == 0;
    shape_add_i64(out, "id", shape_i64(key, "id"));
    cJSON_AddStringToObject(out, "key",
                            hidden ? shape_text(key, "masked_key") : plain);
    cJSON_AddStringToObject(out, "name", shape_text(key, "name"));
    cJSON_AddStringToObject(out, "group", shape_text(key, "group"));
    add_list(out, "subnets", bound ? shape_at(key, "ip_acl.addresses") : NULL);
    add_list(out, "models", shape_at(key, "models"));
    cJSON_AddNumberToObject(out, "status",
                            shape_true(key, "enabled") ? AIPROXY_ENABLED
                                                       : AIPROXY_DISABLED);
    cJSON_AddNumberToObject(out, "used_amount", used);
    shape_add_i64(out, "request_count", requests);
    cJSON_AddNumberToObject(out, "quota",
                            shape_number(money_budget(key, true), "limit"));
    add_period(out, key, used);
    shape_add_i64(out, "created_at", shape_ms(key, "created_at"));
    shape_add_i64(out, "accessed_at", shape_ms(key, "last_used_at"));
    return out;
}

const char *
aiproxy_reveal(struct visit *visit, const cJSON *key)
{
    char id[24];
    uint16_t status;
    snprintf(id, sizeof(id), "%" PRId64, shape_i64(key, "id"));
    const cJSON *shown = visit_try(visit, &status, HTTP_POST, NULL,
                                   "/admin/v1/keys/{}/reveal", id);
    if (shown == NULL)
        return NULL;
    return status == 200 ? shape_text(shown, "key") : "";
}

int64_t
aiproxy_requests(struct visit *visit, const cJSON *key)
{
    char id[24];
    uint16_t status;
    snprintf(id, sizeof(id), "%" PRId64, shape_i64(key, "id"));
    /* Whole days, the first and the last included. */
    const cJSON *usage = visit_try(
        visit, &status, HTTP_GET, NULL,
        "/admin/v1/usage?from={}&resolution=day&key_id={}", "2020-01-01", id);
    if (usage == NULL)
        return -1;
    return status == 200 ? shape_i64(usage, "total.requests") : 0;
}
