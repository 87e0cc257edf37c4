/*
 * aigwctl_console.c - console: an address of the web console that logs in once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include "tools/aigwctl_json.h"

int
run_console(struct ctl *ctl)
{
    cJSON *link = NULL;
    int status = ctl_call(ctl, "POST", "/admin/v1/session/link", NULL, &link);
    if (status != CTL_OK)
        return status;
    cJSON_DeleteItemFromObjectCaseSensitive(link, "code"); /* url has it */
    return output_object(&ctl->output, link, NULL);
}
