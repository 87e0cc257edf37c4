/*
 * clickzetta_keys.c - ClickZetta's virtual keys, which are the keys of the
 * member's group: listed, saved, shown, switched, deleted; the models of one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/dialect/clickzetta.h"
#include "common/check.h"

enum { PAGE_SIZE = 200, PAGE_SIZE_MAX = 1000 };

static const struct {
    const char *theirs, *period;
} periods[] = {
    {"quota_pdo", "daily"},
    {"quota_pwo", "weekly"},
    {"quota_pmo", "monthly"},
    {"quota_total", "total"},
};

const char *
clickzetta_period(const cJSON *budget)
{
    if (strcmp(shape_text(budget, "unit"), "tokens") != 0)
        return NULL;
    for (unsigned i = 0; i < ARRAY_LEN(periods); i++)
        if (strcmp(shape_text(budget, "period"), periods[i].period) == 0)
            return periods[i].theirs;
    return NULL;
}

/* ---- a key shown ---- */

static void
add_quotas(cJSON *out, const cJSON *key)
{
    const cJSON *budget = NULL;
    cJSON *list = cJSON_AddArrayToObject(out, "rateLimitConfigs");
    cJSON_ArrayForEach(budget, shape_at(key, "budgets"))
    {
        const char *type = clickzetta_period(budget);
        int64_t limit = shape_i64(budget, "limit");
        int64_t used = shape_i64(budget, "used");
        if (type == NULL)
            continue;
        if (cJSON_GetArraySize(list) == 0) { /* older clients read these */
            cJSON_AddStringToObject(out, "rateLimitType", type);
            shape_add_i64(out, "rateLimitValue", limit);
            shape_add_i64(out, "usage", used);
        }
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "rateLimitType", type);
        shape_add_i64(one, "rateLimitValue", limit);
        shape_add_i64(one, "currentUsage", used);
        cJSON_AddItemToArray(list, one);
    }
}

static void
add_routing(cJSON *out, const cJSON *key)
{
    const cJSON *settings = shape_at(key, "settings");
    const char *type = shape_text(settings, "route");
    const char *sort = shape_text(settings, "sort");
    cJSON *rule = cJSON_AddObjectToObject(out, "routingRule");
    cJSON_AddStringToObject(rule, "routeType",
                            *type == '\0' ? "default" : type);
    if (shape_at(settings, "providers") != NULL)
        shape_add_copy(rule, "providerIds", shape_at(settings, "providers"));
    if (strcmp(type, "byok") == 0)
        cJSON_AddBoolToObject(rule, "privateKeyOnly",
                              !shape_true(settings, "byok_fallback"));
    if (shape_at(settings, "private_keys") != NULL)
        shape_add_copy(rule, "privateKeyAliases",
                       shape_at(settings, "private_keys"));
    if (*sort != '\0')
        cJSON_AddStringToObject(rule, "providerSort", sort);
}

/* `alias`, `masked`: what the two are called there. */
static cJSON *
shown(const cJSON *key, const char *alias, const char *masked)
{
    cJSON *out = cJSON_CreateObject();
    shape_add_i64(out, "id", shape_i64(key, "id"));
    shape_add_copy(out, alias, shape_at(key, "name"));
    clickzetta_add_mask(out, masked, key);
    cJSON_AddNumberToObject(out, "status", shape_true(key, "enabled") ? 1 : 0);
    cJSON_AddStringToObject(out, "type", "standard");
    add_quotas(out, key);
    return out;
}

/* ---- lists ---- */

static void
answer_list(struct visit *visit, cJSON *rows, int64_t count, int64_t page)
{
    cJSON *json = clickzetta_envelope(rows);
    shape_add_i64(json, "count", count);
    shape_add_i64(json, "pageIndex", page);
    visit_answer(visit, 200, json);
}

static int64_t
clamped(const cJSON *body, const char *name, int64_t absent, int64_t max)
{
    int64_t n = shape_i64(body, name);
    if (n < 1)
        return absent;
    return n > max ? max : n;
}

/* A row of a full list. */
static cJSON *
listed(const cJSON *key)
{
    cJSON *row = shown(key, "vApiKeyAlias", "vApiKeyMasked");
    add_routing(row, key);
    shape_add_time(row, "createTime", shape_ms(key, "created_at"));
    return row;
}

/* The one with this value. */
static void
list_by_value(struct visit *visit, const char *value)
{
    uint16_t status;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "ref", value);
    const cJSON *key =
        visit_try(visit, &status, HTTP_POST, body, "/admin/v1/keys/lookup");
    if (key == NULL)
        return;
    cJSON *rows = cJSON_CreateArray();
    if (status == 200)
        cJSON_AddItemToArray(rows, listed(key));
    answer_list(visit, rows, status == 200, 1);
}

static void
list(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const cJSON *key = NULL;
    const char *home;
    char page[24], limit[24];
    if (body == NULL)
        return;
    const char *value = shape_text(body, "vApiKey");
    const char *alias = shape_text(body, "vApiKeyAlias");
    if (strncmp(value, "sk-", 3) == 0 && strchr(value, '*') == NULL) {
        list_by_value(visit, value);
        return;
    }
    if (!visit_home(visit, &home))
        return;
    int64_t number = clamped(body, "pageIndex", 1, 1000000);
    snprintf(page, sizeof(page), "%" PRId64, number);
    snprintf(limit, sizeof(limit), "%" PRId64,
             clamped(body, "pageSize", PAGE_SIZE, PAGE_SIZE_MAX));
    const char *enabled = NULL;
    if (shape_at(body, "status") != NULL)
        enabled = shape_i64(body, "status") == 0 ? "0" : "1";
    const cJSON *keys =
        visit_ask(visit, HTTP_GET, NULL,
                  "/admin/v1/keys?name={}&status={}&group={}&page={}&limit={}",
                  *alias == '\0' ? NULL : alias, enabled, home, page, limit);
    if (keys == NULL)
        return;
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(key, shape_at(keys, "data"))
    {
        cJSON_AddItemToArray(rows, listed(key));
    }
    answer_list(visit, rows, shape_i64(keys, "total"), number);
}

static void
list_in_portal(struct visit *visit)
{
    const char *home;
    const cJSON *key = NULL;
    if (!visit_home(visit, &home))
        return;
    const cJSON *keys = visit_ask(visit, HTTP_GET, NULL,
                                  "/admin/v1/keys?group={}&limit=1000", home);
    if (keys == NULL)
        return;
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(key, shape_at(keys, "data"))
    {
        cJSON_AddItemToArray(rows, shown(key, "vapiKeyAlias", "vapiKeyMasked"));
    }
    clickzetta_answer(visit, rows);
}

/* ---- saved ---- */

/* Periods that are named; the others stay. False: answered. */
static bool
put_quotas(struct visit *visit, const cJSON *configs, cJSON *native)
{
    const cJSON *item = NULL;
    cJSON *list = cJSON_CreateArray();
    cJSON_ArrayForEach(item, configs)
    {
        unsigned i = 0;
        while (i < ARRAY_LEN(periods) &&
               (item->string == NULL ||
                strcmp(item->string, periods[i].theirs) != 0))
            i++;
        if (i == ARRAY_LEN(periods)) {
            cJSON_Delete(list);
            visit_fail_field(visit, "rateLimitConfigs",
                             "rateLimitConfigs is a map with quota_pdo, "
                             "quota_pwo, quota_pmo, quota_total.");
            return false;
        }
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "unit", "tokens");
        cJSON_AddStringToObject(one, "period", periods[i].period);
        shape_add_copy(one, "limit", item);
        cJSON_AddItemToArray(list, one);
    }
    if (cJSON_GetArraySize(list) > 0)
        cJSON_AddItemToObject(native, "set_budget", list);
    else
        cJSON_Delete(list);
    return true;
}

/* Ids of providers are their names here; some clients send numbers. */
static cJSON *
texts_of(const cJSON *list)
{
    const cJSON *item = NULL;
    cJSON *texts = cJSON_CreateArray();
    cJSON_ArrayForEach(item, list)
    {
        char number[32];
        snprintf(number, sizeof(number), "%.0f", item->valuedouble);
        cJSON_AddItemToArray(texts, cJSON_CreateString(cJSON_IsString(item)
                                                           ? item->valuestring
                                                           : number));
    }
    return texts;
}

static void
put_routing(const cJSON *rule, cJSON *native)
{
    if (!cJSON_IsObject(rule))
        return;
    cJSON *settings = cJSON_AddObjectToObject(native, "settings");
    shape_add_copy(settings, "route", shape_at(rule, "routeType"));
    shape_add_copy(settings, "sort", shape_at(rule, "providerSort"));
    if (shape_at(rule, "providerIds") != NULL)
        cJSON_AddItemToObject(settings, "providers",
                              texts_of(shape_at(rule, "providerIds")));
    else
        cJSON_AddNullToObject(settings, "providers");
    if (shape_at(rule, "privateKeyAliases") != NULL)
        cJSON_AddItemToObject(settings, "private_keys",
                              texts_of(shape_at(rule, "privateKeyAliases")));
    else
        cJSON_AddNullToObject(settings, "private_keys");
    if (shape_at(rule, "privateKeyOnly") != NULL)
        cJSON_AddBoolToObject(settings, "byok_fallback",
                              !shape_true(rule, "privateKeyOnly"));
}

/* Without an id: by alias, new or not. */
static const cJSON *
ask_save(struct visit *visit, const cJSON *body, cJSON *native)
{
    char id[24];
    const cJSON *number = shape_at(body, "id");
    const cJSON *alias = shape_at(body, "vApiKeyAlias");
    const char *home;
    if (alias != NULL)
        shape_add_copy(native, "name", alias);
    if (number != NULL) {
        snprintf(id, sizeof(id), "%" PRId64, shape_i64(body, "id"));
        return visit_ask(visit, HTTP_PATCH, native, "/admin/v1/keys/{}",
                         cJSON_IsString(number) ? number->valuestring : id);
    }
    if (!visit_home(visit, &home)) {
        cJSON_Delete(native);
        return NULL;
    }
    cJSON_AddStringToObject(native, "group", home);
    return visit_ask(visit, HTTP_POST, native, "/admin/v1/keys/upsert");
}

static void
save(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    if (body == NULL)
        return;
    cJSON *native = cJSON_CreateObject();
    if (!put_quotas(visit, shape_at(body, "rateLimitConfigs"), native)) {
        cJSON_Delete(native);
        return;
    }
    put_routing(shape_at(body, "routingRule"), native);
    const cJSON *key = ask_save(visit, body, native);
    if (key != NULL)
        clickzetta_answer(visit, shape_of_i64(shape_i64(key, "id")));
}

/* ---- one key ---- */

/* `id` of the query; "" where it is absent, which no key has. */
static const char *
id_of(const struct visit *visit)
{
    const char *id = visit_query(visit, "id");
    return id == NULL ? "0" : id;
}

static void
reveal(struct visit *visit)
{
    const cJSON *key = visit_ask(visit, HTTP_POST, NULL,
                                 "/admin/v1/keys/{}/reveal", id_of(visit));
    if (key != NULL)
        clickzetta_answer(visit, cJSON_CreateString(shape_text(key, "key")));
}

static void
update_status(struct visit *visit)
{
    const char *status = visit_query(visit, "status");
    if (status == NULL ||
        (strcmp(status, "0") != 0 && strcmp(status, "1") != 0)) {
        visit_fail_field(visit, "status", "status must be 0 or 1.");
        return;
    }
    cJSON *native = cJSON_CreateObject();
    cJSON_AddBoolToObject(native, "enabled", *status == '1');
    if (visit_ask(visit, HTTP_PATCH, native, "/admin/v1/keys/{}",
                  id_of(visit)) != NULL)
        clickzetta_answer(visit, cJSON_CreateTrue());
}

static void
delete_one(struct visit *visit)
{
    if (visit_ask(visit, HTTP_DELETE, NULL, "/admin/v1/keys/{}",
                  id_of(visit)) != NULL)
        clickzetta_answer(visit, cJSON_CreateTrue());
}

/* ---- models ---- */

static cJSON *
model_shown(const cJSON *model)
{
    cJSON *one = cJSON_CreateObject();
    shape_add_copy(one, "modelIdentifier", shape_at(model, "id"));
    shape_add_copy(one, "modelName", shape_at(model, "id"));
    cJSON_AddStringToObject(one, "modelDesc", shape_text(model, "type"));
    cJSON_AddNumberToObject(one, "modelInvokeStatus", 1);
    return one;
}

/* Of an unknown key there are none, which is no error. */
static void
models(struct visit *visit)
{
    const cJSON *body = visit_object(visit);
    const cJSON *model = NULL;
    uint16_t status;
    if (body == NULL)
        return;
    const cJSON *all =
        visit_try(visit, &status, HTTP_GET, NULL, "/admin/v1/models?key={}",
                  shape_text(body, "virtualKey"));
    if (all == NULL)
        return;
    bool known = status == 200 && *shape_text(body, "virtualKey") != '\0';
    int64_t page = clamped(body, "pageIndex", 1, 1000000);
    int64_t size = clamped(body, "pageSize", PAGE_SIZE, PAGE_SIZE_MAX);
    int64_t count = 0;
    cJSON *rows = cJSON_CreateArray();
    const cJSON *data = known ? shape_at(all, "data") : NULL;
    cJSON_ArrayForEach(model, data)
    {
        if (shape_true(model, "wildcard"))
            continue;
        if (count >= (page - 1) * size && count < page * size)
            cJSON_AddItemToArray(rows, model_shown(model));
        count++;
    }
    answer_list(visit, rows, count, page);
}

const struct dialect_route clickzetta_keys[] = {
    {HTTP_POST, "/v2/virtual-key/listWithAuth", list, 0},
    {HTTP_POST, "/v2/virtual-key/save", save, 0},
    {HTTP_POST, "/v2/virtual-key/getApiKey", reveal, 0},
    {HTTP_POST, "/v2/virtual-key/updateStatus", update_status, 0},
    {HTTP_POST, "/v2/virtual-key/delete", delete_one, 0},
    {HTTP_POST, "/v2/model/list", models, 0},
    {HTTP_GET, "/user/listApiKeys", list_in_portal, 0},
    {HTTP_GET, "/user/getApiKey", reveal, 0},
    {HTTP_GET, NULL, NULL, 0},
};
