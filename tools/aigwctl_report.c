/*
 * aigwctl_report.c - model list, status, usage and verify.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tools/aigwctl_json.h"
#include "tools/aigwctl_report.h"

static const struct output_column model_columns[] = {
    {"MODEL", "modelIdentifier", false}, {"TYPE", "type", false},
    {"PROVIDERS", "modelDesc", false},   {"CONTEXT", "context", true},
    {"INPUT/M", "prices.input", true},   {"OUTPUT/M", "prices.output", true},
    {"REQUESTS", "requests", true},      {NULL, NULL, false},
};

static const struct output_column worker_columns[] = {
    {"COLUMN", "column", true},
    {"PID", "pid", true},
    {"STATE", "state", false},
    {"CONNECTIONS", "connections", true},
    {"REQUESTS", "requests", true},
    {"HEARTBEAT_MS", "heartbeat_age_ms", true},
    {"RING_BYTES", "ring_bytes", true},
    {NULL, NULL, false},
};

/* {modelIdentifier, modelName, modelDesc, modelInvokeStatus}, then ours. */
static cJSON *
model_row(const cJSON *model)
{
    static const char *const same[] = {"type",       "aliases", "context",
                                       "max_output", "prices",  "wildcard"};
    char names[512] = "";
    double requests = 0;
    bool usable = false;
    const cJSON *provider = NULL;
    cJSON *row = cJSON_CreateObject();
    cJSON_ArrayForEach(provider,
                       cJSON_GetObjectItemCaseSensitive(model, "providers"))
    {
        size_t at = strlen(names);
        snprintf(names + at, sizeof(names) - at, "%s%s", at == 0 ? "" : ", ",
                 json_text(provider, "provider"));
        requests += json_number(
            cJSON_GetObjectItemCaseSensitive(provider, "stats"), "requests");
        usable =
            usable ||
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(provider, "enabled"));
    }
    json_copy(row, "modelIdentifier", model, "id");
    json_copy(row, "modelName", model, "id");
    cJSON_AddStringToObject(row, "modelDesc", names);
    cJSON_AddNumberToObject(row, "modelInvokeStatus", usable);
    for (unsigned i = 0; i < ARRAY_LEN(same); i++)
        json_copy(row, same[i], model, same[i]);
    cJSON_AddNumberToObject(row, "requests", requests);
    return row;
}

static bool
number_of(struct ctl *ctl, const char *flag, unsigned long most,
          unsigned long *out, int *status)
{
    const char *text = argument(&ctl->args, flag);
    char message[96];
    if (text == NULL)
        return true;
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && n >= 1 && n <= most) {
        *out = n;
        return true;
    }
    snprintf(message, sizeof(message), "--%s must be from 1 to %lu.", flag,
             most);
    output_error(&ctl->output, "USAGE_ERROR", message, NULL);
    *status = CTL_USAGE;
    return false;
}

int
run_model_list(struct ctl *ctl)
{
    struct buf path;
    cJSON *answer = NULL;
    const cJSON *model = NULL;
    unsigned long page = 1, size = 200, limit = 1000000, i = 0;
    int status = CTL_OK;
    if (!number_of(ctl, "page", 1000000, &page, &status) ||
        !number_of(ctl, "page-size", 1000, &size, &status) ||
        !number_of(ctl, "limit", 1000000, &limit, &status))
        return status;
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/models");
    if (ctl->args.positional_count > 0)
        ctl_query(&path, "key", ctl->args.positional[0]);
    status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    if (status != CTL_OK)
        return status;
    cJSON *rows = cJSON_CreateArray();
    cJSON_ArrayForEach(model, cJSON_GetObjectItemCaseSensitive(answer, "data"))
    {
        bool shown = i >= (page - 1) * size && i < page * size &&
                     i - (page - 1) * size < limit;
        if (shown)
            cJSON_AddItemToArray(rows, model_row(model));
        i++;
    }
    cJSON_Delete(answer);
    return output_rows(&ctl->output, rows, model_columns, NULL, NULL);
}

/* For people: what matters first, then the workers. */
static int
print_status(struct ctl *ctl, cJSON *answer)
{
    const cJSON *accountant =
        cJSON_GetObjectItemCaseSensitive(answer, "accountant");
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(answer, "config");
    unsigned long up = (unsigned long)(json_number(answer, "uptime_ms") / 1000);
    printf("aigw %s, instance %s: %s\n", json_text(answer, "version"),
           json_text(answer, "instance"), json_text(answer, "state"));
    printf("up %lud %02lu:%02lu:%02lu, master pid %.0f, accountant pid %.0f\n",
           up / 86400, up / 3600 % 24, up / 60 % 60, up % 60,
           json_number(answer, "master_pid"), json_number(accountant, "pid"));
    printf("%.0f keys, %.0f groups, %.0f requests in flight\n",
           json_number(answer, "keys"), json_number(answer, "groups"),
           json_number(answer, "in_flight"));
    printf("ledger %s, %.0f records, %.0f flushes (%.0f failed), "
           "%.0f bytes waiting\n",
           json_text(accountant, "ledger"), json_number(accountant, "records"),
           json_number(accountant, "flushes"),
           json_number(accountant, "flush_errors"),
           json_number(accountant, "ring_bytes_waiting"));
    if (*json_text(accountant, "ledger_error") != '\0')
        printf("ledger error: %s\n", json_text(accountant, "ledger_error"));
    const char *reason = json_text(config, "reason");
    const char *upgrade =
        json_text(cJSON_GetObjectItemCaseSensitive(answer, "upgrade"), "last");
    printf("configuration %s, generation %.0f, last reload %s%s%s\n",
           json_text(config, "path"), json_number(config, "generation"),
           json_text(config, "last_reload"), *reason != '\0' ? ": " : "",
           reason);
    if (*upgrade != '\0')
        printf("last upgrade %s\n", upgrade);
    printf("\n");
    fflush(stdout);
    cJSON *workers = cJSON_DetachItemFromObjectCaseSensitive(answer, "workers");
    cJSON_Delete(answer);
    return output_rows(&ctl->output, workers, worker_columns, NULL, NULL);
}

int
run_status(struct ctl *ctl)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, "GET", "/admin/v1/status", NULL, &answer);
    if (status != CTL_OK)
        return status;
    if (ctl->output.format == OUTPUT_TABLE && ctl->output.field == NULL)
        return print_status(ctl, answer);
    return output_object(&ctl->output, answer, NULL);
}

bool
query_time_span(struct ctl *ctl, struct buf *path)
{
    static const char *const names[][2] = {
        {"since", "from"}, {"from", "from"}, {"to", "to"}};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = argument(&ctl->args, names[i][0]);
        char when[32], message[160];
        if (text == NULL)
            continue;
        if (i == 1 && argument_given(&ctl->args, "since")) {
            output_error(&ctl->output, "USAGE_ERROR",
                         "Give --since or --from, not both.", NULL);
            return false;
        }
        int64_t ms = duration_ms(text);
        if (ms > 0)
            ms = clock_wall_ms() - ms;
        else if (clock_parse_rfc3339(text, &ms) != 0) {
            snprintf(message, sizeof(message),
                     "--%s must be a time as 24h, 7d, 2026-11-21 or "
                     "2026-11-21T08:00:00Z.",
                     names[i][0]);
            output_error(&ctl->output, "USAGE_ERROR", message, NULL);
            return false;
        }
        clock_format_rfc3339(ms, when);
        ctl_query(path, names[i][1], when);
    }
    return true;
}

const char *
ref_argument(const struct arguments *args)
{
    return args->positional_count > 0 ? args->positional[0]
                                      : argument(args, "key");
}

/* The dimensions asked for, then the sums. */
static void
usage_columns(const char *by, struct output_column columns[13])
{
    static const struct {
        const char *name;
        struct output_column column;
    } known[] = {{"minute", {"TIME", "time", false}},
                 {"hour", {"TIME", "time", false}},
                 {"day", {"TIME", "time", false}},
                 {"group", {"GROUP", "group", false}},
                 {"key", {"KEY", "key", false}},
                 {"model", {"MODEL", "model", false}},
                 {"provider", {"PROVIDER", "provider", false}}};
    static const struct output_column sums[] = {
        {"REQUESTS", "requests", true},
        {"ERRORS", "errors", true},
        {"TOKENS", "tokens", true},
        {"CACHED", "cached", true},
        {"HIT_RATE", "cache_hit_rate", true},
        {"COST", "cost", true},
        {"AVG_MS", "average_duration_ms", true},
    };
    unsigned n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(known) && n < 5; i++) {
        const char *at = by == NULL ? NULL : strstr(by, known[i].name);
        if (at != NULL)
            columns[n++] = known[i].column;
    }
    memcpy(columns + n, sums, sizeof(sums));
    columns[n + ARRAY_LEN(sums)] = (struct output_column){NULL, NULL, false};
}

int
run_usage(struct ctl *ctl)
{
    struct buf path;
    struct output_column columns[13];
    cJSON *answer = NULL;
    const struct arguments *args = &ctl->args;
    const char *by = argument(args, "by");
    if (by == NULL && strcmp(args->command->words, "cost") == 0)
        by = "model";
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/usage");
    ctl_query(&path, "key", ref_argument(args));
    ctl_query(&path, "group", argument(args, "group"));
    ctl_query(&path, "by", by);
    ctl_query(&path, "resolution", argument(args, "resolution"));
    int status = query_time_span(ctl, &path) ? CTL_OK : CTL_USAGE;
    if (status == CTL_OK)
        status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    if (status != CTL_OK)
        return status;
    cJSON *total = cJSON_DetachItemFromObjectCaseSensitive(answer, "total");
    cJSON *rows = cJSON_DetachItemFromObjectCaseSensitive(answer, "data");
    usage_columns(by, columns);
    if (by == NULL) {
        json_copy(total, "from", answer, "from");
        json_copy(total, "to", answer, "to");
        json_copy(total, "currency", answer, "currency");
        cJSON_Delete(rows);
        status = output_object(&ctl->output, total, NULL);
    } else {
        status = output_rows(&ctl->output, rows, columns, NULL, total);
    }
    cJSON_Delete(answer);
    return status;
}

int
run_verify(struct ctl *ctl)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, "GET", "/admin/v1/ledger/verify", NULL, &answer);
    if (status != CTL_OK)
        return status;
    bool agrees = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    status = output_object(&ctl->output, answer, NULL);
    return status == CTL_OK && !agrees ? CTL_FAILED : status;
}
