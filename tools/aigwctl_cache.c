/*
 * aigwctl_cache.c - what the cache of answers has, and its purges.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

int
run_cache_stats(struct ctl *ctl)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, "GET", "/admin/v1/cache", NULL, &answer);
    if (status != CTL_OK)
        return status;
    return output_object(&ctl->output, answer, NULL);
}

int
run_cache_purge(struct ctl *ctl)
{
    static const char *const scopes[] = {"group", "gateway"};
    cJSON *answer = NULL, *body = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        const char *name = argument(&ctl->args, scopes[i]);
        if (name != NULL)
            cJSON_AddStringToObject(body, scopes[i], name);
    }
    int status = ctl_call(ctl, "POST", "/admin/v1/cache/purge", body, &answer);
    if (status != CTL_OK)
        return status;
    return output_object(&ctl->output, answer, NULL);
}
