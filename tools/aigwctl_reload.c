/*
 * aigwctl_reload.c - reload: asks the master on this machine to take over its
 * configuration file, and waits for what comes of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/proc.h"
#include "tools/aigwctl_json.h"

enum { ANSWER_WAIT_MS = 60000, LOOK_MS = 50 };

static int
fail(struct ctl *ctl, const char *message)
{
    output_error(&ctl->output, "GATEWAY_ERROR", message, NULL);
    return CTL_FAILED;
}

static int
ask_master(struct ctl *ctl, double *before)
{
    char message[200];
    cJSON *status = NULL;
    int result = ctl_call(ctl, "GET", "/admin/v1/status", NULL, &status);
    if (result != CTL_OK)
        return result;
    pid_t pid = (pid_t)json_number(status, "master_pid");
    *before = json_number(cJSON_GetObjectItemCaseSensitive(status, "config"),
                          "reloads");
    cJSON_Delete(status);
    if (pid <= 1)
        return fail(ctl, "The server does not say which process it is.");
    int sent = proc_signal(pid, SIGHUP);
    if (sent == 0)
        return CTL_OK;
    snprintf(message, sizeof(message),
             "Cannot ask process %ld: %s. Run this as root or as the server's "
             "user.",
             (long)pid, strerror(-sent));
    return fail(ctl, message);
}

/* A reload counts when it ended, well or refused. */
static int
wait_for_end(struct ctl *ctl, double before, cJSON **config)
{
    const struct timespec pause = {0, LOOK_MS * 1000000L};
    uint64_t end_ms = clock_mono_ms() + ANSWER_WAIT_MS;
    while (clock_mono_ms() < end_ms) {
        cJSON *status = NULL;
        int result = ctl_call(ctl, "GET", "/admin/v1/status", NULL, &status);
        if (result != CTL_OK)
            return result;
        *config = cJSON_DetachItemFromObjectCaseSensitive(status, "config");
        cJSON_Delete(status);
        if (json_number(*config, "reloads") > before)
            return CTL_OK;
        cJSON_Delete(*config);
        nanosleep(&pause, NULL);
    }
    *config = NULL;
    return fail(ctl, "The server has not ended its reload within a minute: see "
                     "its error log.");
}

int
run_reload(struct ctl *ctl)
{
    cJSON *config = NULL;
    double before = 0;
    if (ctl->connect.socket[0] == '\0') {
        output_error(&ctl->output, "USAGE_ERROR",
                     "A reload is asked for on the server's own machine: by "
                     "--socket or -c, not by a URL.",
                     NULL);
        return CTL_USAGE;
    }
    int status = ask_master(ctl, &before);
    if (status == CTL_OK)
        status = wait_for_end(ctl, before, &config);
    if (status != CTL_OK)
        return status;
    if (strcmp(json_text(config, "last_reload"), "ok") != 0) {
        status = fail(ctl, json_text(config, "reason"));
        cJSON_Delete(config);
        return status;
    }
    return output_object(&ctl->output, config, NULL);
}
