/*
 * aigwctl_token.c - commands on admin tokens, and the audit log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_policy.h"
#include "tools/aigwctl_report.h"

static const struct output_column token_columns[] = {
    {"ID", "id", true},
    {"NAME", "name", false},
    {"ROLE", "role", false},
    {"SCOPES", "scopes", false},
    {"GROUPS", "groups", false},
    {"STATUS", "status", false},
    {"TOKEN", "masked_token", false},
    {"EXPIRES", "expires_at", false},
    {"LAST USED", "last_used_at", false},
    {NULL, NULL, false},
};

static const struct output_column audit_columns[] = {
    {"TIME", "time", false},       {"WHO", "member", false},
    {"FROM", "from", false},       {"OPERATION", "operation", false},
    {"OBJECT", "object", false},   {"GROUP", "group", false},
    {"OUTCOME", "outcome", false}, {"CHANGED", "fields", false},
    {NULL, NULL, false},
};

/* "all" is null: no list. */
static void
add_list(cJSON *body, const char *member, const char *text)
{
    if (text == NULL)
        return;
    cJSON_AddItemToObject(body, member,
                          strcmp(text, "all") == 0 ? cJSON_CreateNull()
                                                   : list_of(text));
}

/* --role, --scopes, --groups, --expires. */
static bool
add_flags(cJSON *body, const struct arguments *args, struct buf *error)
{
    const char *role = argument(args, "role");
    const char *expires = argument(args, "expires");
    if (role != NULL)
        cJSON_AddStringToObject(body, "role", role);
    add_list(body, "scopes", argument(args, "scopes"));
    add_list(body, "groups", argument(args, "groups"));
    return expires == NULL || policy_add_expiry(body, expires, error);
}

int
run_token_create(struct ctl *ctl)
{
    struct buf error;
    cJSON *answer = NULL, *body = cJSON_CreateObject();
    buf_init(&error, 0);
    cJSON_AddStringToObject(body, "name", ctl->args.positional[0]);
    if (!add_flags(body, &ctl->args, &error)) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    int status = ctl_call(ctl, "POST", "/admin/v1/tokens", body, &answer);
    return status != CTL_OK
               ? status
               : output_object(&ctl->output, answer,
                               "Keep the token: it is not shown again.");
}

int
run_token_list(struct ctl *ctl)
{
    struct buf path;
    const char *size = argument(&ctl->args, "page-size");
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/tokens");
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", size == NULL ? "200" : size);
    return ctl_list(ctl, &path, token_columns);
}

/* The token that the first word names, by name or id; the caller's. */
static int
find_token(struct ctl *ctl, cJSON **token)
{
    struct buf path;
    cJSON *answer = NULL;
    char message[160];
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/tokens");
    ctl_query(&path, "ref", ctl->args.positional[0]);
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    *token = NULL;
    if (status == CTL_OK) {
        cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "data");
        *token = cJSON_DetachItemFromArray(rows, 0);
    }
    cJSON_Delete(answer);
    if (status != CTL_OK || *token != NULL)
        return status;
    snprintf(message, sizeof(message), "No admin token is named '%.80s'.",
             ctl->args.positional[0]);
    output_error(&ctl->output, "NOT_FOUND", message, NULL);
    return CTL_FAILED;
}

int
run_token_get(struct ctl *ctl)
{
    cJSON *token = NULL;
    int status = find_token(ctl, &token);
    return status == CTL_OK ? output_object(&ctl->output, token, NULL) : status;
}

/* `body` is taken. */
static int
patch_token(struct ctl *ctl, cJSON *body)
{
    cJSON *token = NULL, *answer = NULL;
    char path[64];
    int status = find_token(ctl, &token);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    snprintf(path, sizeof(path), "/admin/v1/tokens/%.0f",
             json_number(token, "id"));
    cJSON_Delete(token);
    status = ctl_call(ctl, "PATCH", path, body, &answer);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

int
run_token_set(struct ctl *ctl)
{
    struct buf error;
    cJSON *body = cJSON_CreateObject();
    buf_init(&error, 0);
    bool good = add_flags(body, &ctl->args, &error);
    if (good && body->child == NULL) {
        buf_append_cstr(&error, "'token set' needs one of --role, --scopes, "
                                "--groups and --expires.");
        good = false;
    }
    if (!good) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    return patch_token(ctl, body);
}

static int
set_enabled(struct ctl *ctl, bool enabled)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddBoolToObject(body, "enabled", enabled);
    return patch_token(ctl, body);
}

int
run_token_enable(struct ctl *ctl)
{
    return set_enabled(ctl, true);
}

int
run_token_disable(struct ctl *ctl)
{
    return set_enabled(ctl, false);
}

/* -y, or a yes typed at a terminal. */
static int
confirm(struct ctl *ctl, const char *name)
{
    char line[16], message[200];
    if (argument_given(&ctl->args, "yes"))
        return CTL_OK;
    if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "Revoke admin token '%s'? [y/N] ", name);
        if (fgets(line, sizeof(line), stdin) != NULL &&
            (line[0] == 'y' || line[0] == 'Y'))
            return CTL_OK;
        fprintf(stderr, "Nothing was revoked.\n");
        return CTL_FAILED;
    }
    snprintf(message, sizeof(message),
             "Refusing to revoke admin token '%s' without confirmation. Pass "
             "-y to confirm.",
             name);
    output_error(&ctl->output, "USAGE_ERROR", message, NULL);
    return CTL_USAGE;
}

int
run_token_revoke(struct ctl *ctl)
{
    cJSON *token = NULL, *answer = NULL;
    char path[64];
    int status = find_token(ctl, &token);
    if (status == CTL_OK)
        status = confirm(ctl, json_text(token, "name"));
    if (status == CTL_OK) {
        snprintf(path, sizeof(path), "/admin/v1/tokens/%.0f",
                 json_number(token, "id"));
        status = ctl_call(ctl, "DELETE", path, NULL, &answer);
    }
    cJSON_Delete(token);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

int
run_audit(struct ctl *ctl)
{
    static const char *const same[] = {"member", "operation", "object",
                                       "group",  "outcome",   "order"};
    struct buf path;
    const char *limit = argument(&ctl->args, "limit");
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/audit");
    for (unsigned i = 0; i < ARRAY_LEN(same); i++)
        ctl_query(&path, same[i], argument(&ctl->args, same[i]));
    ctl_query(&path, "limit", limit == NULL ? "50" : limit);
    if (query_time_span(ctl, &path))
        return ctl_list(ctl, &path, audit_columns);
    buf_fini(&path);
    return CTL_USAGE;
}
