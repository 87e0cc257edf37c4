/*
 * cloudflare_billing.c - /accounts/{a}/ai-gateway/billing: the group's balance
 * and its budget of money. Nobody sends invoices here.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/dialect/cloudflare.h"
#include "common/clock.h"

static const cJSON *
group_of(struct visit *visit)
{
    return visit_ask(visit, HTTP_GET, NULL, "/admin/v1/groups/{}",
                     visit->params[0]);
}

/* ---- balance ---- */

static cJSON *
no_topup(void)
{
    cJSON *config = cJSON_CreateObject();
    cJSON_AddNullToObject(config, "amount");
    cJSON_AddNullToObject(config, "threshold");
    return config;
}

static void
credit_balance(struct visit *visit)
{
    const cJSON *group = group_of(visit);
    if (group == NULL)
        return;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(out, "balance", shape_number(group, "balance"));
    cJSON_AddFalseToObject(out, "has_default_payment_method");
    cJSON_AddNullToObject(out, "payment_method");
    cJSON_AddItemToObject(out, "topup_config", no_topup());
    cJSON_AddBoolToObject(out, "first_topup_success",
                          shape_number(group, "topped_up") > 0);
    cloudflare_answer(visit, out);
}

static const struct cloudflare_field topup_fields[] = {
    {"amount", CF_NUMBER, CF_REQUIRED, 0, 1e9, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};
static const struct cloudflare_field status_fields[] = {
    {"payment_intent_id", CF_TEXT, CF_REQUIRED, 1, 128, NULL},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};

static void
topup(struct visit *visit)
{
    char id[40], intent[48], note[80];
    const cJSON *body = visit_object(visit);
    cJSON *native =
        body == NULL ? NULL : cloudflare_fields(visit, body, topup_fields);
    if (native == NULL)
        return;
    cloudflare_uuid(visit, "topup", id);
    snprintf(intent, sizeof(intent), "pi_%s", id);
    snprintf(note, sizeof(note), "Cloudflare API, %s", intent);
    cJSON_AddStringToObject(native, "note", note);
    if (visit_ask(visit, HTTP_POST, native, "/admin/v1/groups/{}/top-up",
                  visit->params[0]) == NULL)
        return;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNullToObject(out, "client_secret");
    cJSON_AddFalseToObject(out, "onboarding");
    cJSON_AddStringToObject(out, "payment_intent_id", intent);
    cloudflare_answer(visit, out);
}

/* A top-up is durable when it is answered. */
static void
topup_status(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, status_fields);
    if (fields == NULL)
        return;
    if (group_of(visit) != NULL) {
        cJSON *out = cJSON_CreateObject();
        shape_add_copy(out, "payment_intent_id",
                       shape_at(fields, "payment_intent_id"));
        cJSON_AddStringToObject(out, "status", "completed");
        cloudflare_answer(visit, out);
    }
    cJSON_Delete(fields);
}

static void
get_topup_config(struct visit *visit)
{
    if (group_of(visit) != NULL)
        cloudflare_answer(visit, no_topup());
}

static void
delete_topup_config(struct visit *visit)
{
    if (group_of(visit) != NULL)
        cloudflare_answer(visit, cJSON_CreateObject());
}

static void
set_topup_config(struct visit *visit)
{
    cloudflare_refuse(visit, 400, 7001,
                      "Balances are topped up by a call only, never by "
                      "themselves: no payment method is known here");
}

/* ---- spending limit ---- */

static const struct cloudflare_field limit_fields[] = {
    {"amount", CF_NUMBER, CF_REQUIRED, 0, 1e9, NULL},
    {"duration", CF_WORD, CF_REQUIRED, 0, 0, "daily|weekly|monthly"},
    {"strategy", CF_WORD, CF_REQUIRED, 0, 0, "fixed|sliding"},
    {NULL, CF_BOOL, 0, 0, 0, NULL},
};

static bool
is_limit(const cJSON *budget)
{
    const char *period = shape_text(budget, "period");
    return strcmp(shape_text(budget, "unit"), "currency") == 0 &&
           (strcmp(period, "daily") == 0 || strcmp(period, "weekly") == 0 ||
            strcmp(period, "monthly") == 0);
}

static const cJSON *
find_limit(const cJSON *group)
{
    const cJSON *budget;
    cJSON_ArrayForEach(budget, shape_at(group, "budgets"))
    {
        if (is_limit(budget))
            return budget;
    }
    return NULL;
}

static cJSON *
shape_limit(const cJSON *budget)
{
    cJSON *out = cJSON_CreateObject(), *config = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "enabled", budget != NULL);
    shape_add_copy(config, "amount", shape_at(budget, "limit"));
    shape_add_copy(config, "duration", shape_at(budget, "period"));
    if (budget == NULL)
        cJSON_AddNullToObject(config, "strategy");
    else
        cJSON_AddStringToObject(config, "strategy", "fixed");
    cJSON_AddItemToObject(out, "config", config);
    return out;
}

static void
get_limit(struct visit *visit)
{
    const cJSON *group = group_of(visit);
    if (group != NULL)
        cloudflare_answer(visit, shape_limit(find_limit(group)));
}

/* The group's budgets without those of money in a period, and with `more`
 * (taken; NULL: none). NULL as visit_ask(). */
static const cJSON *
put_limit(struct visit *visit, cJSON *more)
{
    const cJSON *budget, *group = group_of(visit);
    if (group == NULL) {
        cJSON_Delete(more);
        return NULL;
    }
    cJSON *native = cJSON_CreateObject();
    cJSON *budgets = cJSON_AddArrayToObject(native, "budgets");
    cJSON_ArrayForEach(budget, shape_at(group, "budgets"))
    {
        static const char *const same[] = {"unit", "period", "limit"};
        if (is_limit(budget))
            continue;
        cJSON *copy = cJSON_CreateObject();
        for (size_t i = 0; i < ARRAY_LEN(same); i++)
            shape_add_copy(copy, same[i], shape_at(budget, same[i]));
        cJSON_AddItemToArray(budgets, copy);
    }
    if (more != NULL)
        cJSON_AddItemToArray(budgets, more);
    return visit_ask(visit, HTTP_PATCH, native, "/admin/v1/groups/{}",
                     visit->params[0]);
}

static void
set_limit(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    cJSON *fields =
        body == NULL ? NULL : cloudflare_fields(visit, body, limit_fields);
    if (fields == NULL)
        return;
    if (strcmp(shape_text(fields, "strategy"), "fixed") != 0) {
        cJSON *faults = cJSON_CreateArray();
        cloudflare_fault(faults, "strategy",
                         "Invalid enum value: an account's limit is of "
                         "calendar periods here, strategy fixed; gateways have "
                         "sliding ones (spend_limits)");
        cJSON_Delete(fields);
        cloudflare_refuse_faults(visit, faults);
        return;
    }
    cJSON *budget = cJSON_CreateObject();
    cJSON_AddStringToObject(budget, "unit", "currency");
    cJSON_AddStringToObject(budget, "period", shape_text(fields, "duration"));
    shape_add_copy(budget, "limit", shape_at(fields, "amount"));
    cJSON_Delete(fields);
    const cJSON *group = put_limit(visit, budget);
    if (group != NULL)
        cloudflare_answer(visit, shape_limit(find_limit(group)));
}

static void
delete_limit(struct visit *visit)
{
    if (put_limit(visit, NULL) != NULL)
        cloudflare_answer(visit, cJSON_CreateObject());
}

/* ---- history ---- */

static void
invoice_history(struct visit *visit)
{
    if (group_of(visit) == NULL)
        return;
    cJSON *out = cJSON_CreateObject(), *pages = cJSON_CreateObject();
    cJSON_AddArrayToObject(out, "invoices");
    cJSON_AddFalseToObject(pages, "has_more");
    cJSON_AddNumberToObject(pages, "page", 1);
    cJSON_AddNumberToObject(pages, "per_page", 20);
    cJSON_AddNumberToObject(pages, "total_count", 0);
    cJSON_AddItemToObject(out, "pagination", pages);
    cloudflare_answer(visit, out);
}

/* Seconds or milliseconds since 1970, as clients send both. */
static bool
time_of(struct visit *visit, const char *name, int64_t absent, char out[40])
{
    const char *text = visit_query(visit, name);
    char *end = NULL;
    double n = text == NULL ? (double)absent : strtod(text, &end);
    if (text != NULL && (end == text || *end != '\0' || n < 0 || n > 1e14)) {
        cloudflare_refuse(visit, 400, 7001,
                          "start_time and end_time are seconds since 1970");
        return false;
    }
    clock_format_rfc3339((int64_t)(n < 1e11 ? n * 1000 : n), out);
    return true;
}

/* What the group's calls cost by day or hour. NULL as visit_ask(). */
static const cJSON *
ask_usage(struct visit *visit, const char *by, const char *from, const char *to)
{
    return visit_ask(visit, HTTP_GET, NULL,
                     "/admin/v1/usage?group={}&by={}&from={}&to={}",
                     visit->params[0], by, from, to);
}

static void
usage_history(struct visit *visit)
{
    char from[40], to[40];
    const char *by = visit_query(visit, "value_grouping_window");
    int64_t step = by != NULL && by[0] == 'h' ? 3600 : 86400;
    if (by == NULL || (strcmp(by, "day") != 0 && strcmp(by, "hour") != 0)) {
        cloudflare_refuse(visit, 400, 7001,
                          "Invalid enum value: value_grouping_window must be "
                          "day or hour");
        return;
    }
    int64_t now = visit->now_ms;
    if (!time_of(visit, "end_time", now, to) ||
        !time_of(visit, "start_time", now - INT64_C(30) * 86400000, from))
        return;
    const cJSON *row, *usage = ask_usage(visit, by, from, to);
    if (usage == NULL)
        return;
    cJSON *out = cJSON_CreateObject();
    cJSON *history = cJSON_AddArrayToObject(out, "history");
    cJSON_ArrayForEach(row, shape_at(usage, "data"))
    {
        cJSON *item = cJSON_CreateObject();
        int64_t start = shape_ms(row, "time") / 1000;
        cJSON_AddStringToObject(item, "id", shape_text(row, "time"));
        cJSON_AddNumberToObject(item, "aggregated_value",
                                shape_number(row, "cost"));
        shape_add_i64(item, "start_time", start);
        shape_add_i64(item, "end_time", start + step);
        cJSON_AddItemToArray(history, item);
    }
    cloudflare_answer(visit, out);
}

/* Of the month that runs, as a bill that nobody sends. */
static void
invoice_preview(struct visit *visit)
{
    char from[40], to[40], id[64];
    clock_format_rfc3339(visit->now_ms, from);
    clock_format_rfc3339(visit->now_ms, to);
    memcpy(from + 8, "01T00:00:00.000Z", 17);
    const cJSON *usage = ask_usage(visit, "day", from, to);
    if (usage == NULL)
        return;
    int64_t start = 0;
    double cost = shape_number(usage, "total.cost");
    cJSON *out = cJSON_CreateObject();
    snprintf(id, sizeof(id), "preview-%.7s", from);
    cJSON_AddStringToObject(out, "id", id);
    cJSON_AddNumberToObject(out, "amount_due", cost);
    cJSON_AddNumberToObject(out, "amount_paid", 0);
    cJSON_AddNumberToObject(out, "amount_remaining", cost);
    shape_add_copy(out, "currency", shape_at(usage, "currency"));
    cJSON_AddArrayToObject(out, "invoice_lines");
    shape_add_i64(out, "period_end", visit->now_ms / 1000);
    if (clock_parse_rfc3339(from, &start) == 0)
        shape_add_i64(out, "period_start", start / 1000);
    cJSON_AddStringToObject(out, "status", "draft");
    cloudflare_answer(visit, out);
}

// clang-format off
const struct dialect_route cloudflare_billing_routes[] = {
    {HTTP_GET, "/accounts/{}/ai-gateway/billing/credit-balance", credit_balance, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/billing/invoice-history", invoice_history, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/billing/invoice-preview", invoice_preview, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/billing/usage-history", usage_history, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/billing/topup", topup, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/billing/topup/status", topup_status, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/billing/topup/config", set_topup_config, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/billing/topup/config", get_topup_config, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/billing/topup/config", delete_topup_config, 0},
    {HTTP_POST, "/accounts/{}/ai-gateway/billing/spending-limit", set_limit, 0},
    {HTTP_GET, "/accounts/{}/ai-gateway/billing/spending-limit", get_limit, 0},
    {HTTP_DELETE, "/accounts/{}/ai-gateway/billing/spending-limit", delete_limit, 0},
    {HTTP_GET, NULL, NULL, 0},
};
// clang-format on
