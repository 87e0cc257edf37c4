/*
 * aigwctl_alert.c - what webhooks were told, and an event to try one with.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

static const struct output_column columns[] = {
    {"CREATED", "created_at", false}, {"ALERT", "alert", false},
    {"TYPE", "event.type", false},    {"GROUP", "event.group", false},
    {"KEY", "event.key", false},      {"STATE", "state", false},
    {"ATTEMPTS", "attempts", true},   {"STATUS", "status", true},
    {"NEXT", "next_at", false},       {NULL, NULL, false},
};

int
run_alert_deliveries(struct ctl *ctl)
{
    struct buf path;
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/deliveries");
    if (ctl->args.positional_count > 0)
        ctl_query(&path, "alert", ctl->args.positional[0]);
    ctl_query(&path, "state", argument(&ctl->args, "state"));
    ctl_query(&path, "limit", argument(&ctl->args, "limit"));
    return ctl_list(ctl, &path, columns);
}

int
run_alert_test(struct ctl *ctl)
{
    struct buf path;
    cJSON *answer = NULL;
    ctl_config_path(&path, "alerts", ctl->args.positional[0]);
    buf_append_cstr(&path, "/test");
    int status = ctl_call(ctl, "POST", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}
