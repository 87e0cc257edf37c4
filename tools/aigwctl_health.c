/*
 * aigwctl_health.c - health: how providers and their models are, a row for each
 * model at a provider.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"
#include "tools/aigwctl_json.h"

static const struct output_column columns[] = {
    {"PROVIDER", "provider", false},
    {"MODEL", "model", false},
    {"STATE", "state", false},
    {"IN FLIGHT", "in_flight", true},
    {"REQUESTS", "requests", true},
    {"ERROR RATE", "error_rate", true},
    {"FIRST TOKEN MS", "first_token_ms", true},
    {"TOKENS/S", "tokens_per_second", true},
    {"LAST ERROR", "last_error.time", false},
    {"STATUS", "last_error.status", true},
    {"CAUSE", "last_error.cause", false},
    {NULL, NULL, false},
};

/* A provider without models (all of them go by, or it is switched off) has a
 * row, too. */
static void
add_rows(cJSON *rows, cJSON *provider)
{
    cJSON *endpoints =
        cJSON_DetachItemFromObjectCaseSensitive(provider, "endpoints");
    if (cJSON_GetArraySize(endpoints) == 0) {
        cJSON *row = cJSON_CreateObject();
        json_copy(row, "provider", provider, "provider");
        json_copy(row, "state", provider, "state");
        json_copy(row, "in_flight", provider, "in_flight");
        cJSON_AddItemToArray(rows, row);
    }
    while (cJSON_GetArraySize(endpoints) > 0) {
        cJSON *row = cJSON_DetachItemFromArray(endpoints, 0);
        json_copy(row, "provider", provider, "provider");
        cJSON_AddItemToArray(rows, row);
    }
    cJSON_Delete(endpoints);
}

int
run_health(struct ctl *ctl)
{
    cJSON *answer = NULL, *provider;
    int status = ctl_call(ctl, "GET", "/admin/v1/health", NULL, &answer);
    if (status != CTL_OK)
        return status;
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(provider,
                       cJSON_GetObjectItemCaseSensitive(answer, "data"))
    {
        add_rows(rows, provider);
    }
    cJSON_Delete(answer);
    return output_rows(&ctl->output, rows, columns, NULL, NULL);
}
