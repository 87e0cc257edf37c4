/*
 * aigwctl_llm_key.c - keys that become entries of clients' profiles as they are
 * made: --add-to-llm. See aigwctl_llm.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_llm.h"

#include <stdio.h>

#include "common/crypto.h"
#include "tools/aigwctl_json.h"

int
llm_check_flags(struct ctl *ctl)
{
    struct profiles profiles;
    struct buf error;
    if (!argument_given(&ctl->args, "add-to-llm")) {
        if (!argument_given(&ctl->args, "use"))
            return CTL_OK;
        output_error(&ctl->output, "USAGE_ERROR", "--use needs --add-to-llm.",
                     NULL);
        return CTL_USAGE;
    }
    buf_init(&error, 0);
    int result = profiles_open(&profiles, true, &error);
    if (result == 0)
        profiles_close(&profiles);
    else
        result = llm_refuse(ctl, "PROFILES_ERROR", "%s", buf_cstr(&error));
    buf_fini(&error);
    return result;
}

/* Where the key's calls go: --base-url, or the server's own listener. */
static int
find_base(struct ctl *ctl, char *out, size_t size)
{
    char url[512];
    cJSON *shown = NULL;
    const char *given = argument(&ctl->args, "base-url");
    if (given != NULL) {
        if (strlen(given) >= size)
            return llm_refuse(ctl, "USAGE_ERROR", "--base-url is too long.");
        memcpy(out, given, strlen(given) + 1);
        return CTL_OK;
    }
    int status = ctl_call(ctl, "GET", "/admin/v1/status", NULL, &shown);
    if (status != CTL_OK)
        return status;
    bool found = ctl_listener_url(shown, url);
    cJSON_Delete(shown);
    int n = found ? snprintf(out, size, "%s/gateway/v1", url) : -1;
    if (n < 0 || (size_t)n >= size)
        return llm_refuse(ctl, "MISSING_BASE_URL",
                          "The server says of no listener: name the address "
                          "by --base-url.");
    return CTL_OK;
}

int
llm_add_key(struct ctl *ctl, const cJSON *key, cJSON *data)
{
    struct llm llm = {.provider = "clickzetta"};
    const char *name = argument(&ctl->args, "add-to-llm");
    bool use = argument_given(&ctl->args, "use");
    if (name == NULL)
        return CTL_OK;
    snprintf(llm.name, sizeof(llm.name), "%s",
             *name != '\0' ? name : json_text(key, "name"));
    snprintf(llm.api_key, sizeof(llm.api_key), "%s", json_text(key, "key"));
    int status = find_base(ctl, llm.base_url, sizeof(llm.base_url));
    if (status == CTL_OK)
        status = llm_save(ctl, &llm, use);
    if (status == CTL_OK) {
        cJSON *said = cJSON_AddObjectToObject(data, "llm");
        cJSON_AddStringToObject(said, "name", llm.name);
        cJSON_AddStringToObject(said, "provider", llm.provider);
        cJSON_AddStringToObject(said, "base_url", llm.base_url);
        cJSON_AddBoolToObject(said, "default", use);
    }
    crypto_wipe(&llm, sizeof(llm));
    return status;
}
