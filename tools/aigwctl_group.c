/*
 * aigwctl_group.c - commands on groups.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <string.h>

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_policy.h"

static const struct output_column columns[] = {
    {"ID", "id", true},
    {"NAME", "name", false},
    {"ENABLED", "enabled", false},
    {"PREPAID", "prepaid", false},
    {"BALANCE", "balance", true},
    {"PERIOD", "quotas.0.type", false},
    {"UNIT", "quotas.0.unit", false},
    {"USED", "quotas.0.usage", true},
    {"LIMIT", "quotas.0.limit", true},
    {"TOKENS", "total.tokens", true},
    {"COST", "total.cost", true},
    {NULL, NULL, false},
};

/* "/admin/v1/groups/NAME<suffix>", the name escaped. */
static void
group_path(struct buf *path, const char *name, const char *suffix)
{
    struct buf escaped;
    buf_init(path, 0);
    buf_init(&escaped, 0);
    ctl_query(&escaped, "n", name);
    buf_printf(path, "/admin/v1/groups/%s%s", buf_cstr(&escaped) + 3, suffix);
    buf_fini(&escaped);
}

static int
refuse_usage(struct ctl *ctl, struct buf *error)
{
    output_error(&ctl->output, "USAGE_ERROR", buf_cstr(error), NULL);
    buf_fini(error);
    return CTL_USAGE;
}

/* A group with `quotas` as keys have them. */
static cJSON *
group_row(cJSON *group)
{
    cJSON_AddItemToObject(group, "quotas", quotas_of(group));
    cJSON_DeleteItemFromObjectCaseSensitive(group, "budgets");
    return group;
}

static int
call_and_show(struct ctl *ctl, const char *method, struct buf *path,
              cJSON *body)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, method, buf_cstr(path), body, &answer);
    buf_fini(path);
    return status == CTL_OK
               ? output_object(&ctl->output, group_row(answer), NULL)
               : status;
}

int
run_group_create(struct ctl *ctl)
{
    struct buf error, path;
    const struct arguments *args = &ctl->args;
    cJSON *body = cJSON_CreateObject();
    buf_init(&error, 0);
    cJSON_AddStringToObject(body, "name", args->positional[0]);
    if (argument_given(args, "prepaid"))
        cJSON_AddBoolToObject(body, "prepaid", true);
    if (!policy_add_budget(body, args, &error) ||
        !policy_add_limits(body, args, &error)) {
        cJSON_Delete(body);
        return refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/groups");
    return call_and_show(ctl, "POST", &path, body);
}

int
run_group_list(struct ctl *ctl)
{
    struct buf path;
    cJSON *answer = NULL;
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/groups");
    const char *size = argument(&ctl->args, "page-size");
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", size == NULL ? "200" : size);
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    if (status == CTL_OK) {
        cJSON *rows = cJSON_DetachItemFromObjectCaseSensitive(answer, "data");
        for (cJSON *group = rows->child; group != NULL; group = group->next)
            group_row(group);
        status = output_rows(&ctl->output, rows, columns, NULL, NULL);
    }
    cJSON_Delete(answer);
    return status;
}

int
run_group_get(struct ctl *ctl)
{
    struct buf path;
    group_path(&path, ctl->args.positional[0], "");
    return call_and_show(ctl, "GET", &path, NULL);
}

int
run_group_top_up(struct ctl *ctl)
{
    struct buf error, path;
    const struct arguments *args = &ctl->args;
    const char *amount = argument(args, "amount");
    const char *note = argument(args, "note");
    if (amount == NULL && args->positional_count > 1)
        amount = args->positional[1];
    if (amount == NULL) {
        buf_init(&error, 0);
        buf_append_cstr(&error, "'group top-up' needs an amount: aigwctl group "
                                "top-up NAME 25");
        return refuse_usage(ctl, &error);
    }
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "amount", amount);
    if (note != NULL)
        cJSON_AddStringToObject(body, "note", note);
    group_path(&path, args->positional[0], "/top-up");
    return call_and_show(ctl, "POST", &path, body);
}

int
run_group_top_ups(struct ctl *ctl)
{
    static const struct output_column top_up_columns[] = {
        {"TIME", "time", false},
        {"AMOUNT", "amount", true},
        {"TOPPED UP", "topped_up", true},
        {"NOTE", "note", false},
        {NULL, NULL, false},
    };
    struct buf path;
    group_path(&path, ctl->args.positional[0], "/top-ups");
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", argument(&ctl->args, "page-size"));
    return ctl_list(ctl, &path, top_up_columns);
}

int
run_group_set_limits(struct ctl *ctl)
{
    struct buf error, path;
    cJSON *body = cJSON_CreateObject();
    bool says = policy_has_limits(&ctl->args);
    buf_init(&error, 0);
    if (!says)
        buf_append_cstr(&error, "'group set-limits' needs one of --rpm, --tpm "
                                "and --concurrency.");
    if (!says || !policy_add_limits(body, &ctl->args, &error)) {
        cJSON_Delete(body);
        return refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    group_path(&path, ctl->args.positional[0], "");
    return call_and_show(ctl, "PATCH", &path, body);
}

int
run_group_set_quota(struct ctl *ctl)
{
    struct buf error, path;
    const struct arguments *args = &ctl->args;
    cJSON *body = cJSON_CreateObject();
    buf_init(&error, 0);
    bool says = argument_given(args, "quota") || argument_given(args, "remove");
    if (!says)
        buf_append_cstr(&error, "'group set-quota' needs --quota N (or "
                                "--remove).");
    if (!says || !policy_add_budget(body, args, &error)) {
        cJSON_Delete(body);
        return refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    group_path(&path, args->positional[0], "");
    return call_and_show(ctl, "PATCH", &path, body);
}

static const struct output_column byok_columns[] = {
    {"NAME", "name", false},       {"KEY", "api_key", false},
    {"WEIGHT", "weight", true},    {"ENABLED", "enabled", false},
    {"FROM", "managed_by", false}, {NULL, NULL, false},
};

/* A page of all credentials: the group's go into `rows`. *more: there are others
 * behind it. */
static int
take_credentials(struct ctl *ctl, unsigned page, cJSON *rows, bool *more)
{
    enum { PAGE = 500 };
    char path[80];
    cJSON *answer = NULL;
    snprintf(path, sizeof(path), "/admin/v1/credentials?page=%u&limit=%d", page,
             PAGE);
    int status = ctl_call(ctl, "GET", path, NULL, &answer);
    if (status != CTL_OK)
        return status;
    cJSON *data = cJSON_GetObjectItemCaseSensitive(answer, "data");
    *more = cJSON_GetArraySize(data) == PAGE;
    for (cJSON *one = data->child, *next; one != NULL; one = next) {
        next = one->next;
        if (strcmp(json_text(one, "group"), ctl->args.positional[0]) == 0)
            cJSON_AddItemToArray(rows, cJSON_DetachItemViaPointer(data, one));
    }
    cJSON_Delete(answer);
    return CTL_OK;
}

int
run_group_byok(struct ctl *ctl)
{
    struct buf path;
    cJSON *group = NULL, *rows = cJSON_CreateArray();
    bool more = true;
    /* An unknown group is none without credentials. */
    group_path(&path, ctl->args.positional[0], "");
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &group);
    buf_fini(&path);
    cJSON_Delete(group);
    for (unsigned page = 1; status == CTL_OK && more; page++)
        status = take_credentials(ctl, page, rows, &more);
    if (status == CTL_OK)
        return output_rows(&ctl->output, rows, byok_columns, NULL, NULL);
    cJSON_Delete(rows);
    return status;
}
