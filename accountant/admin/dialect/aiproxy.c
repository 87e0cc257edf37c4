/*
 * aiproxy.c - the management API of labring/aiproxy: who may, the envelope, what
 * all its routes read alike.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/aiproxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/call.h"

enum { PER_PAGE = 10 };

/* ---- the envelope ---- */

void
aiproxy_answer(struct visit *visit, cJSON *data)
{
    cJSON *json = cJSON_CreateObject();
    if (data != NULL)
        cJSON_AddItemToObject(json, "data", data);
    cJSON_AddTrueToObject(json, "success");
    visit_answer(visit, 200, json);
}

/* Bad input is 400, who may not gets 401 or 403, all else, what is not found
 * included, 500. */
static void
fail(struct visit *visit)
{
    const struct admin_error *error = &visit->error;
    uint16_t status = error->status;
    const char *message = error->message;
    bool no_route = visit->route == NULL && (status == 404 || status == 405);
    if (status == 401)
        message = "unauthorized, no access token provided";
    else if (strcmp(error->code, "management_disabled") == 0)
        message = "unauthorized, admin key is not set", status = 401;
    else if (strcmp(error->code, "key_exists") == 0)
        message = "token name already exists in this group", status = 500;
    else if (strcmp(error->code, "key_not_found") == 0 ||
             strcmp(error->code, "invalid_path") == 0)
        message = "token record not found", status = 500;
    else if (strcmp(error->code, "group_not_found") == 0)
        message = "group record not found", status = 500;
    else if (status != 400 && status != 403 && status != 429 && status < 500 &&
             !no_route)
        status = 500;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "message", message);
    cJSON_AddFalseToObject(json, "success");
    visit_answer(visit, status, json);
}

/* ---- who ---- */

/* The key bare, behind "Bearer ", or as `key` of the query; clients put "sk-" in
 * front of it. */
static bool
authenticate(struct visit *visit)
{
    struct str token = visit_bearer(visit);
    const char *query = visit_query(visit, "key");
    if (token.len == 0 && query != NULL)
        token = str_from(query);
    if (str_starts_with(token, STR_LIT("sk-")))
        token = str_skip(token, 3);
    if (visit->is_local && token.len == 0)
        return visit_by_bearer(visit);
    return visit_token(visit, token);
}

/* ---- what is read alike ---- */

void
aiproxy_read_page(const struct visit *visit, struct aiproxy_page *page)
{
    const char *name = visit_query(visit, "page") != NULL ? "page" : "p";
    const char *size = visit_query(visit, "per_page");
    page->page = visit_query_u64(visit, name, 1, 1, 1000000);
    page->per_page =
        visit_query_u64(visit, "per_page", PER_PAGE, 1, AIPROXY_PER_PAGE_MAX);
    if (size != NULL && strtoll(size, NULL, 10) <= 0)
        page->per_page = PER_PAGE;
    snprintf(page->page_text, sizeof(page->page_text), "%" PRIu64, page->page);
    snprintf(page->per_page_text, sizeof(page->per_page_text), "%" PRIu64,
             page->per_page);
}

int64_t
aiproxy_time(const struct visit *visit, const char *name, int64_t absent)
{
    const char *text = visit_query(visit, name);
    size_t len = text == NULL ? 0 : strlen(text);
    if (len == 0 || len > 19 || strspn(text, "0123456789") != len)
        return absent;
    int64_t n = strtoll(text, NULL, 10);
    if (n == 0)
        return absent;
    if (len <= 10)
        return n * 1000;
    if (len <= 13)
        return n;
    return len <= 16 ? n / 1000 : n / 1000000;
}

bool
aiproxy_status_word(struct visit *visit, int64_t status, const char **enabled)
{
    *enabled = status == AIPROXY_ENABLED ? "1" : "0";
    if (status == AIPROXY_ENABLED || status == AIPROXY_DISABLED)
        return true;
    visit_fail(visit, 400, "invalid_field",
               "status must be 1 (enabled) or 2 (disabled)");
    return false;
}

static void
status(struct visit *visit)
{
    cJSON *data = cJSON_CreateObject();
    shape_add_i64(data, "startTime", visit->now_ms);
    aiproxy_answer(visit, data);
}

static const struct dialect_route own[] = {
    {HTTP_GET, "/status", status, DIALECT_OPEN},
    {HTTP_GET, NULL, NULL, 0},
};

static const char *const prefixes[] = {"/api", NULL};
/* Whole paths come before those with a part that may be any. */
static const struct dialect_route *const tables[] = {own,
                                                     aiproxy_rest,
                                                     aiproxy_tests,
                                                     aiproxy_batch,
                                                     aiproxy_monitor,
                                                     aiproxy_tokens,
                                                     aiproxy_groups,
                                                     aiproxy_models,
                                                     aiproxy_logs,
                                                     aiproxy_dashboards,
                                                     aiproxy_channels,
                                                     NULL};

const struct dialect dialect_aiproxy = {
    .name = "aiproxy",
    .prefixes = prefixes,
    .tables = tables,
    .authenticate = authenticate,
    .fail = fail,
};
