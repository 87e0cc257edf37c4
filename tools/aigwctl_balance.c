/*
 * aigwctl_balance.c - commands on balances that another service keeps.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdlib.h>

#include "tools/aigwctl_json.h"

static const struct output_column columns[] = {
    {"GROUP", "name", false},
    {"STATE", "service.state", false},
    {"BALANCE", "balance", true},
    {"TOLD", "service.told", true},
    {"TOLD AT", "service.told_at", false},
    {"SPENT", "service.spent", true},
    {"CHARGED", "service.charged", true},
    {"PENDING", "service.pending", true},
    {"UNKNOWN", "service.unknown", true},
    {"ERROR", "service.error", false},
    {NULL, NULL, false},
};

static void
balance_path(struct buf *path, const char *group, const char *suffix)
{
    struct buf escaped;
    buf_init(path, 0);
    buf_init(&escaped, 0);
    ctl_query(&escaped, "n", group);
    buf_printf(path, "/admin/v1/balances/%s%s", buf_cstr(&escaped) + 3, suffix);
    buf_fini(&escaped);
}

int
run_balance_list(struct ctl *ctl)
{
    struct buf path;
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/balances");
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", argument(&ctl->args, "page-size"));
    return ctl_list(ctl, &path, columns);
}

/* Charges of all rows of groups, each with its group's name. */
static cJSON *
charges_of(cJSON *groups)
{
    cJSON *rows = cJSON_CreateArray();
    for (cJSON *group = groups->child; group != NULL; group = group->next) {
        cJSON *service = cJSON_GetObjectItemCaseSensitive(group, "service");
        cJSON *charges = cJSON_GetObjectItemCaseSensitive(service, "charges");
        while (charges != NULL && charges->child != NULL) {
            cJSON *charge = cJSON_DetachItemFromArray(charges, 0);
            cJSON_AddStringToObject(charge, "group", json_text(group, "name"));
            cJSON_AddItemToArray(rows, charge);
        }
    }
    return rows;
}

int
run_balance_charges(struct ctl *ctl)
{
    static const struct output_column charge_columns[] = {
        {"GROUP", "group", false},     {"ID", "id", true},
        {"STATE", "state", false},     {"AMOUNT", "amount", true},
        {"SENT AT", "sent_at", false}, {"TOLD BEFORE", "told_before", true},
        {"REASON", "reason", false},   {NULL, NULL, false},
    };
    struct buf path;
    cJSON *answer = NULL;
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/balances?unknown=yes");
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", argument(&ctl->args, "page-size"));
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    if (status == CTL_OK)
        status = output_rows(
            &ctl->output,
            charges_of(cJSON_GetObjectItemCaseSensitive(answer, "data")),
            charge_columns, NULL, NULL);
    cJSON_Delete(answer);
    return status;
}

static int
change(struct ctl *ctl, const char *suffix, cJSON *body)
{
    struct buf path;
    cJSON *answer = NULL;
    balance_path(&path, ctl->args.positional[0], suffix);
    int status = ctl_call(ctl, "POST", buf_cstr(&path), body, &answer);
    buf_fini(&path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

int
run_balance_ask(struct ctl *ctl)
{
    return change(ctl, "/ask", NULL);
}

int
run_balance_settle(struct ctl *ctl)
{
    const struct arguments *args = &ctl->args;
    char *end;
    bool was_taken = argument_given(args, "taken");
    double serial = strtod(args->positional[1], &end);
    if (was_taken == argument_given(args, "not-taken") || *end != '\0' ||
        end == args->positional[1]) {
        output_error(&ctl->output, "USAGE_ERROR",
                     "'balance settle' needs a group, the id of a charge, and "
                     "--taken or --not-taken.",
                     NULL);
        return CTL_USAGE;
    }
    cJSON *body = cJSON_CreateObject();
    cJSON_AddNumberToObject(body, "charge", serial);
    cJSON_AddBoolToObject(body, "taken", was_taken);
    return change(ctl, "/settle", body);
}
