/*
 * aigwctl_group_life.c - commands on a group as a whole: switched off and on,
 * renamed, deleted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* `body`: taken. */
static int
patch(struct ctl *ctl, cJSON *body)
{
    struct buf path;
    cJSON *answer = NULL;
    ctl_config_path(&path, "groups", ctl->args.positional[0]);
    int status = ctl_call(ctl, "PATCH", buf_cstr(&path), body, &answer);
    buf_fini(&path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

static int
set_enabled(struct ctl *ctl, bool enabled)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddBoolToObject(body, "enabled", enabled);
    return patch(ctl, body);
}

int
run_group_enable(struct ctl *ctl)
{
    return set_enabled(ctl, true);
}

int
run_group_disable(struct ctl *ctl)
{
    return set_enabled(ctl, false);
}

int
run_group_rename(struct ctl *ctl)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "name", ctl->args.positional[1]);
    return patch(ctl, body);
}

int
run_group_update(struct ctl *ctl)
{
    static const char *const names[][2] = {{"rpm-ratio", "rpm_ratio"},
                                           {"tpm-ratio", "tpm_ratio"},
                                           {"balance-alert", "balance_alert"}};
    cJSON *body = cJSON_CreateObject();
    struct buf error;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = argument(&ctl->args, names[i][0]);
        if (value != NULL && strcmp(value, "none") == 0)
            cJSON_AddNullToObject(body, names[i][1]);
        else if (value != NULL)
            cJSON_AddStringToObject(body, names[i][1], value);
    }
    if (argument_given(&ctl->args, "prepaid"))
        cJSON_AddBoolToObject(body, "prepaid", true);
    if (body->child != NULL)
        return patch(ctl, body);
    cJSON_Delete(body);
    buf_init(&error, 0);
    buf_append_cstr(&error, "'group update' needs one of --rpm-ratio, "
                            "--tpm-ratio, --balance-alert and --prepaid.");
    return ctl_refuse_usage(ctl, &error);
}

/* -y, or the group's name typed at a terminal: CTL_OK. */
static int
confirm(struct ctl *ctl, const char *name)
{
    char line[128];
    struct buf error;
    if (argument_given(&ctl->args, "yes"))
        return CTL_OK;
    if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "Delete group '%s'%s for good? Type its name: ", name,
                argument_given(&ctl->args, "all")
                    ? " with all its keys and parts"
                    : "");
        if (fgets(line, sizeof(line), stdin) != NULL) {
            line[strcspn(line, "\n")] = '\0';
            if (strcmp(line, name) == 0)
                return CTL_OK;
        }
        fprintf(stderr, "Nothing was deleted.\n");
        return CTL_FAILED;
    }
    buf_init(&error, 0);
    buf_printf(&error,
               "Refusing to delete group '%.64s' without confirmation. Pass "
               "-y to confirm deletion.",
               name);
    return ctl_refuse_usage(ctl, &error);
}

int
run_group_delete(struct ctl *ctl)
{
    struct buf path;
    cJSON *answer = NULL;
    int status = confirm(ctl, ctl->args.positional[0]);
    if (status != CTL_OK)
        return status;
    ctl_config_path(&path, "groups", ctl->args.positional[0]);
    if (argument_given(&ctl->args, "all"))
        ctl_query(&path, "all", "yes");
    status = ctl_call(ctl, "DELETE", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}
