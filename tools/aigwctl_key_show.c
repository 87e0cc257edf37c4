/*
 * aigwctl_key_show.c - key list, get and reveal.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_llm.h"
#include "tools/aigwctl_policy.h"

static const struct output_column list_columns[] = {
    {"ID", "id", true},
    {"ALIAS", "alias", false},
    {"GROUP", "group", false},
    {"KEY", "vApiKey", false},
    {"STATE", "state", false},
    {"PERIOD", "quotas.0.type", false},
    {"UNIT", "quotas.0.unit", false},
    {"USED", "quotas.0.usage", true},
    {"LIMIT", "quotas.0.limit", true},
    {"EXPIRES", "expires_at", false},
    {NULL, NULL, false},
};

cJSON *
quotas_of(const cJSON *object)
{
    const cJSON *budget = NULL;
    cJSON *quotas = cJSON_CreateArray();
    cJSON_ArrayForEach(budget,
                       cJSON_GetObjectItemCaseSensitive(object, "budgets"))
    {
        cJSON *quota = cJSON_CreateObject();
        json_copy(quota, "type", budget, "period");
        json_copy(quota, "unit", budget, "unit");
        json_copy(quota, "limit", budget, "limit");
        json_copy(quota, "usage", budget, "used");
        json_copy(quota, "reserved", budget, "reserved");
        json_copy(quota, "resets_at", budget, "resets_at");
        cJSON_AddItemToArray(quotas, quota);
    }
    return quotas;
}

/* A key with the members that scripts of the reference CLI read (id, alias,
 * vApiKey, status 1 or 0), then ours. */
static cJSON *
key_row(const cJSON *key)
{
    static const char *const same[] = {
        "group",  "expires_at",   "rpm",        "tpm",         "concurrency",
        "models", "model_limits", "created_at", "last_used_at"};
    cJSON *row = cJSON_CreateObject();
    json_copy(row, "id", key, "id");
    json_copy(row, "alias", key, "name");
    json_copy(row, "vApiKey", key,
              cJSON_HasObjectItem(key, "key") ? "key" : "masked_key");
    cJSON_AddNumberToObject(
        row, "status",
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(key, "enabled")));
    json_copy(row, "state", key, "status");
    cJSON_AddItemToObject(row, "quotas", quotas_of(key));
    for (unsigned i = 0; i < ARRAY_LEN(same); i++)
        json_copy(row, same[i], key, same[i]);
    cJSON *routing = policy_routing(key);
    if (routing != NULL)
        cJSON_AddItemToObject(row, "routing", routing);
    return row;
}

/* One key by reference, as a list of one. */
static int
list_one(struct ctl *ctl, cJSON **list)
{
    cJSON *key = NULL;
    int status = ctl_find_key(ctl, &key);
    if (status != CTL_OK)
        return status;
    *list = cJSON_CreateObject();
    cJSON *data = cJSON_AddArrayToObject(*list, "data");
    cJSON_AddItemToArray(data, key);
    cJSON_AddNumberToObject(*list, "total", 1);
    cJSON_AddNumberToObject(*list, "page", 1);
    return CTL_OK;
}

static int
list_page(struct ctl *ctl, cJSON **list)
{
    struct buf path;
    const struct arguments *args = &ctl->args;
    const char *size = argument(args, "page-size");
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/keys");
    ctl_query(&path, "name", argument(args, "alias"));
    ctl_query(&path, "group", argument(args, "group"));
    ctl_query(&path, "status", argument(args, "status"));
    ctl_query(&path, "page", argument(args, "page"));
    ctl_query(&path, "limit", size == NULL ? "200" : size);
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, list);
    buf_fini(&path);
    return status;
}

static int
list_rows(struct ctl *ctl, const cJSON *list, cJSON *rows)
{
    const cJSON *key = NULL;
    bool reveal = argument_given(&ctl->args, "reveal");
    cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(list, "data"))
    {
        cJSON *revealed = NULL;
        if (reveal) {
            int status = ctl_reveal_key(ctl, json_number(key, "id"), &revealed);
            if (status != CTL_OK)
                return status;
        }
        cJSON_AddItemToArray(rows, key_row(reveal ? revealed : key));
        cJSON_Delete(revealed);
    }
    return CTL_OK;
}

int
run_key_list(struct ctl *ctl)
{
    cJSON *list = NULL, *rows = cJSON_CreateArray();
    char message[96];
    int status = argument_given(&ctl->args, "key") ? list_one(ctl, &list)
                                                   : list_page(ctl, &list);
    if (status == CTL_OK)
        status = list_rows(ctl, list, rows);
    if (status == CTL_OK) {
        snprintf(message, sizeof(message),
                 "Page %.0f, showing %d of %.0f virtual keys.",
                 json_number(list, "page"), cJSON_GetArraySize(rows),
                 json_number(list, "total"));
        status = output_rows(&ctl->output, rows, list_columns, message, NULL);
    } else {
        cJSON_Delete(rows);
    }
    cJSON_Delete(list);
    return status;
}

static const struct output_column period_columns[] = {
    {"START", "start", false},     {"PERIOD", "period", false},
    {"UNIT", "unit", false},       {"USED", "used", true},
    {"CURRENT", "current", false}, {NULL, NULL, false},
};

int
run_key_periods(struct ctl *ctl)
{
    cJSON *key = NULL;
    struct buf path;
    int status = ctl_find_key(ctl, &key);
    if (status != CTL_OK)
        return status;
    buf_init(&path, 0);
    buf_printf(&path, "/admin/v1/keys/%.0f/periods", json_number(key, "id"));
    cJSON_Delete(key);
    return ctl_list(ctl, &path, period_columns);
}

static int
find_and_reveal(struct ctl *ctl, cJSON **revealed)
{
    cJSON *key = NULL;
    int status = ctl_find_key(ctl, &key);
    if (status == CTL_OK)
        status = ctl_reveal_key(ctl, json_number(key, "id"), revealed);
    cJSON_Delete(key);
    return status;
}

int
run_key_get(struct ctl *ctl)
{
    static const char *const more[] = {
        "updated_at", "on_exhausted", "hold",      "crash_charge", "ip_acl",
        "tags",       "total",        "in_flight", "settings"};
    cJSON *key = NULL;
    int status = llm_check_flags(ctl);
    if (status == CTL_OK)
        status = find_and_reveal(ctl, &key);
    if (status == CTL_OK) {
        cJSON *row = key_row(key);
        for (unsigned i = 0; i < ARRAY_LEN(more); i++)
            json_copy(row, more[i], key, more[i]);
        status = llm_add_key(ctl, key, row);
        int shown = output_object(&ctl->output, row, NULL);
        status = status == CTL_OK ? shown : status;
    }
    cJSON_Delete(key);
    return status;
}

int
run_key_reveal(struct ctl *ctl)
{
    cJSON *key = NULL;
    int status = find_and_reveal(ctl, &key);
    if (status == CTL_OK) {
        cJSON *data = cJSON_CreateObject();
        json_copy(data, "id", key, "id");
        json_copy(data, "alias", key, "name");
        json_copy(data, "vApiKey", key, "key");
        status = output_object(&ctl->output, data, NULL);
    }
    cJSON_Delete(key);
    return status;
}
