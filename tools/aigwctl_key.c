/*
 * aigwctl_key.c - commands that make, change and delete virtual keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_llm.h"
#include "tools/aigwctl_policy.h"

int
ctl_refuse_usage(struct ctl *ctl, struct buf *error)
{
    output_error(&ctl->output, "USAGE_ERROR", buf_cstr(error), NULL);
    buf_fini(error);
    return CTL_USAGE;
}

/* {id, alias, vApiKey} */
static cJSON *
key_brief(const cJSON *key)
{
    cJSON *data = cJSON_CreateObject();
    json_copy(data, "id", key, "id");
    json_copy(data, "alias", key, "name");
    json_copy(data, "vApiKey", key, "key");
    return data;
}

/* A key that was made, with its value; --add-to-llm adds it. */
static int
show_made(struct ctl *ctl, const cJSON *key, const char *message)
{
    cJSON *data = key_brief(key);
    int status = llm_add_key(ctl, key, data);
    int shown = output_object(&ctl->output, data, message);
    return status == CTL_OK ? shown : status;
}

static int
put_key(struct ctl *ctl, const char *path, const char *message)
{
    struct buf error;
    cJSON *answer = NULL, *body = cJSON_CreateObject();
    const char *group = argument(&ctl->args, "group");
    buf_init(&error, 0);
    cJSON_AddStringToObject(body, "name", ctl->args.positional[0]);
    if (group != NULL)
        cJSON_AddStringToObject(body, "group", group);
    if (!policy_add_all(body, &ctl->args, &error)) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    int status = llm_check_flags(ctl);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    status = ctl_call(ctl, "POST", path, body, &answer);
    if (status == CTL_OK)
        status = show_made(ctl, answer, message);
    cJSON_Delete(answer);
    return status;
}

int
run_key_create(struct ctl *ctl)
{
    return put_key(ctl, "/admin/v1/keys",
                   "Virtual key created. Send it as 'Authorization: Bearer "
                   "<vApiKey>'.");
}

int
run_key_upsert(struct ctl *ctl)
{
    return put_key(ctl, "/admin/v1/keys/upsert", NULL);
}

/* Finds the key, sends `body` (taken) to it; *key and *answer are the caller's
 * on CTL_OK. */
static int
patch_key(struct ctl *ctl, cJSON *body, cJSON **key, cJSON **answer)
{
    char path[64];
    *answer = NULL;
    int status = ctl_find_key(ctl, key);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f",
             json_number(*key, "id"));
    status = ctl_call(ctl, "PATCH", path, body, answer);
    if (status != CTL_OK) {
        cJSON_Delete(*key);
        *key = NULL;
    }
    return status;
}

int
ctl_patch_key(struct ctl *ctl, cJSON *body, const char *const *members)
{
    cJSON *key = NULL, *answer = NULL;
    int status = patch_key(ctl, body, &key, &answer);
    if (status == CTL_OK) {
        cJSON *data = cJSON_CreateObject();
        json_copy(data, "id", answer, "id");
        for (; *members != NULL; members++)
            json_copy(data, *members, answer, *members);
        status = output_object(&ctl->output, data, NULL);
    }
    cJSON_Delete(key);
    cJSON_Delete(answer);
    return status;
}

static int
set_enabled(struct ctl *ctl, bool enabled)
{
    cJSON *key = NULL, *answer = NULL, *body = cJSON_CreateObject();
    cJSON_AddBoolToObject(body, "enabled", enabled);
    int status = patch_key(ctl, body, &key, &answer);
    if (status == CTL_OK) {
        cJSON *data = cJSON_CreateObject();
        json_copy(data, "id", answer, "id");
        cJSON_AddNumberToObject(data, "status", enabled);
        status = output_object(&ctl->output, data, NULL);
    }
    cJSON_Delete(key);
    cJSON_Delete(answer);
    return status;
}

int
run_key_enable(struct ctl *ctl)
{
    return set_enabled(ctl, true);
}

int
run_key_disable(struct ctl *ctl)
{
    return set_enabled(ctl, false);
}

int
run_key_rename(struct ctl *ctl)
{
    static const char *const members[] = {"name", NULL};
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "name", ctl->args.positional[1]);
    return ctl_patch_key(ctl, body, members);
}

int
run_key_copy(struct ctl *ctl)
{
    struct buf error;
    char path[64];
    cJSON *key = NULL, *answer = NULL, *body = cJSON_CreateObject();
    buf_init(&error, 0);
    cJSON_AddStringToObject(body, "name", ctl->args.positional[1]);
    if (!policy_add_all(body, &ctl->args, &error)) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    int status = llm_check_flags(ctl);
    if (status == CTL_OK)
        status = ctl_find_key(ctl, &key);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f/copy",
             json_number(key, "id"));
    status = ctl_call(ctl, "POST", path, body, &answer);
    if (status == CTL_OK)
        status = show_made(ctl, answer, NULL);
    cJSON_Delete(key);
    cJSON_Delete(answer);
    return status;
}

int
run_key_set_quota(struct ctl *ctl)
{
    struct buf error;
    cJSON *key = NULL, *answer = NULL, *body = cJSON_CreateObject();
    const struct arguments *args = &ctl->args;
    const char *quota = argument(args, "quota");
    const char *unit = argument(args, "unit");
    buf_init(&error, 0);
    if (quota == NULL && !argument_given(args, "remove"))
        buf_append_cstr(&error, "'key set-quota' needs --quota N (or "
                                "--remove).");
    if (buf_len(&error) > 0 || !policy_add_budget(body, args, &error)) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    int status = patch_key(ctl, body, &key, &answer);
    if (status == CTL_OK) {
        cJSON *data = cJSON_CreateObject();
        json_copy(data, "id", answer, "id");
        cJSON_AddStringToObject(data, "period", argument(args, "period"));
        cJSON_AddItemToObject(data, "quota",
                              quota == NULL
                                  ? cJSON_CreateNull()
                                  : cJSON_CreateNumber(strtod(quota, NULL)));
        if (unit != NULL)
            cJSON_AddStringToObject(data, "unit", unit);
        status = output_object(&ctl->output, data, NULL);
    }
    cJSON_Delete(key);
    cJSON_Delete(answer);
    return status;
}

int
run_key_set_expiry(struct ctl *ctl)
{
    static const char *const members[] = {"expires_at", "status", NULL};
    struct buf error;
    const struct arguments *args = &ctl->args;
    const char *when = argument(args, "expires");
    /* With --key the only word is the time. */
    unsigned place = argument_given(args, "key") ? 0 : 1;
    cJSON *body = cJSON_CreateObject();
    buf_init(&error, 0);
    if (when == NULL && args->positional_count > place)
        when = args->positional[place];
    if (when == NULL)
        buf_append_cstr(&error, "'key set-expiry' needs a time: --expires 30d, "
                                "never, or a date.");
    if (when == NULL || !policy_add_expiry(body, when, &error)) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    return ctl_patch_key(ctl, body, members);
}

int
run_key_set_limits(struct ctl *ctl)
{
    static const char *const own[] = {"rpm", "tpm", "concurrency", NULL};
    static const char *const by_model[] = {"model_limits", NULL};
    struct buf error;
    cJSON *body = cJSON_CreateObject();
    bool says = policy_has_limits(&ctl->args);
    buf_init(&error, 0);
    if (!says)
        buf_append_cstr(&error, "'key set-limits' needs one of --rpm, --tpm "
                                "and --concurrency.");
    if (!says || !policy_add_limits(body, &ctl->args, &error)) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    return ctl_patch_key(ctl, body,
                         argument_given(&ctl->args, "model") ? by_model : own);
}

int
run_key_set_models(struct ctl *ctl)
{
    static const char *const members[] = {"models", NULL};
    cJSON *body = cJSON_CreateObject();
    policy_add_models(body, argument(&ctl->args, "models"));
    return ctl_patch_key(ctl, body, members);
}

int
run_key_set_acl(struct ctl *ctl)
{
    static const char *const members[] = {"ip_acl", NULL};
    struct buf error;
    cJSON *body = cJSON_CreateObject();
    buf_init(&error, 0);
    bool good = policy_add_acl(body, &ctl->args, &error);
    if (good && body->child == NULL)
        buf_append_cstr(&error, "'key set-acl' needs --ip-allow, --ip-deny or "
                                "--off.");
    if (!good || body->child == NULL) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    return ctl_patch_key(ctl, body, members);
}
