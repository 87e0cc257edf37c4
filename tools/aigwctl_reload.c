/*
 * aigwctl_reload.c - reload: asks the server to take over its configuration file,
 * and waits for what comes of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "tools/aigwctl_json.h"

enum { ANSWER_WAIT_MS = 60000, LOOK_MS = 50 };

static int
fail(struct ctl *ctl, const char *message)
{
    output_error(&ctl->output, "GATEWAY_ERROR", message, NULL);
    return CTL_FAILED;
}

/* How many there were before, and one more. */
static int
ask_for_one(struct ctl *ctl, double *before)
{
    cJSON *asked = NULL;
    int result = ctl_call(ctl, "POST", "/admin/v1/reload", NULL, &asked);
    if (result == CTL_OK)
        *before = json_number(asked, "reloads");
    cJSON_Delete(asked);
    return result;
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
    int status = ask_for_one(ctl, &before);
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
