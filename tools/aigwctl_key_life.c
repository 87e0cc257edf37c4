/*
 * aigwctl_key_life.c - commands that give a key a new value, delete it and
 * bring it back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_llm.h"
#include "tools/aigwctl_policy.h"

/* -y, or a yes typed at a terminal: CTL_OK. */
static int
confirm(struct ctl *ctl, const char *alias, double id)
{
    char line[16], message[256];
    if (argument_given(&ctl->args, "yes"))
        return CTL_OK;
    if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "Delete key '%s' (id=%.0f)? [y/N] ", alias, id);
        if (fgets(line, sizeof(line), stdin) != NULL &&
            (line[0] == 'y' || line[0] == 'Y'))
            return CTL_OK;
        fprintf(stderr, "Nothing was deleted.\n");
        return CTL_FAILED;
    }
    snprintf(message, sizeof(message),
             "Refusing to delete key '%s' (id=%.0f) without confirmation. Pass "
             "-y to confirm deletion.",
             alias, id);
    output_error(&ctl->output, "USAGE_ERROR", message, NULL);
    return CTL_USAGE;
}

int
run_key_delete(struct ctl *ctl)
{
    cJSON *key = NULL, *answer = NULL, *revealed = NULL;
    char path[64];
    int status = ctl_find_key(ctl, &key);
    if (status != CTL_OK)
        return status;
    double id = json_number(key, "id");
    status = confirm(ctl, json_text(key, "name"), id);
    if (status != CTL_OK) {
        cJSON_Delete(key);
        return status;
    }
    bool forgets = argument_given(&ctl->args, "remove-from-llm");
    if (forgets)
        status = ctl_reveal_key(ctl, id, &revealed);
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f", id);
    if (status == CTL_OK)
        status = ctl_call(ctl, "DELETE", path, NULL, &answer);
    if (status == CTL_OK) {
        if (forgets)
            status = llm_remove_key(ctl, json_text(revealed, "key"), answer);
        int shown = output_object(&ctl->output, answer, NULL);
        status = status == CTL_OK ? shown : status;
    }
    cJSON_Delete(key);
    cJSON_Delete(revealed);
    return status;
}

/* ---- restoration ---- */

/* The deleted key of that id or name; of several of one name the one deleted
 * last. 0: none. */
static double
find_deleted(const cJSON *list, const char *ref)
{
    const cJSON *key = NULL;
    const char *newest = "";
    double found = 0;
    char id[32];
    cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(list, "data"))
    {
        const char *when = json_text(key, "deleted_at");
        snprintf(id, sizeof(id), "%.0f", json_number(key, "id"));
        if (strcmp(id, ref) == 0)
            return json_number(key, "id");
        if (strcmp(json_text(key, "name"), ref) == 0 &&
            strcmp(when, newest) > 0) {
            found = json_number(key, "id");
            newest = when;
        }
    }
    return found;
}

static int
list_deleted(struct ctl *ctl, unsigned page, cJSON **list)
{
    struct buf path;
    char number[16];
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/keys");
    ctl_query(&path, "status", "deleted");
    ctl_query(&path, "group", argument(&ctl->args, "group"));
    snprintf(number, sizeof(number), "%u", page);
    ctl_query(&path, "page", number);
    ctl_query(&path, "limit", "1000");
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, list);
    buf_fini(&path);
    return status;
}

/* CTL_OK: *id is set. */
static int
look_for_deleted(struct ctl *ctl, const char *ref, double *id)
{
    char message[160];
    bool more = true;
    *id = 0;
    for (unsigned page = 1; *id == 0 && more; page++) {
        cJSON *list = NULL;
        int status = list_deleted(ctl, page, &list);
        if (status != CTL_OK)
            return status;
        *id = find_deleted(list, ref);
        more = json_number(list, "total") > page * 1000.0;
        cJSON_Delete(list);
    }
    if (*id != 0)
        return CTL_OK;
    snprintf(message, sizeof(message),
             "No deleted key '%.64s' can be restored; 'key list --status "
             "deleted' shows those that can.",
             ref);
    output_error(&ctl->output, "KEY_NOT_FOUND", message, NULL);
    return CTL_FAILED;
}

int
run_key_restore(struct ctl *ctl)
{
    char path[64];
    double id;
    int status = look_for_deleted(ctl, ctl->args.positional[0], &id);
    if (status != CTL_OK)
        return status;
    cJSON *answer = NULL, *body = cJSON_CreateObject();
    if (ctl->args.positional_count > 1)
        cJSON_AddStringToObject(body, "name", ctl->args.positional[1]);
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f/restore", id);
    status = ctl_call(ctl, "POST", path, body, &answer);
    if (status == CTL_OK) {
        cJSON *data = cJSON_CreateObject();
        json_copy(data, "id", answer, "id");
        json_copy(data, "alias", answer, "name");
        json_copy(data, "status", answer, "status");
        status = output_object(&ctl->output, data, NULL);
    }
    cJSON_Delete(answer);
    return status;
}

/* ---- a new value ---- */

/* "24h", or "0" and "0s". */
static bool
add_grace(cJSON *body, const char *text, struct buf *error)
{
    int64_t ms = duration_ms(text);
    if (ms == 0 && strcmp(text, "0") != 0 && strcmp(text, "0s") != 0) {
        buf_printf(error,
                   "'%s' is no time: say how long the old value stays good, as "
                   "24h or 7d, or 0.",
                   text);
        return false;
    }
    cJSON_AddNumberToObject(body, "grace_seconds", (double)(ms / 1000));
    return true;
}

static int
show_rotated(struct ctl *ctl, const cJSON *key)
{
    cJSON *data = cJSON_CreateObject();
    json_copy(data, "id", key, "id");
    json_copy(data, "alias", key, "name");
    json_copy(data, "vApiKey", key, "key");
    json_copy(data, "former", key, "former");
    return output_object(&ctl->output, data, NULL);
}

int
run_key_rotate(struct ctl *ctl)
{
    struct buf error;
    char path[64];
    const char *grace = argument(&ctl->args, "grace");
    bool ends = argument_given(&ctl->args, "end-former");
    cJSON *key = NULL, *answer = NULL;
    cJSON *body = ends ? NULL : cJSON_CreateObject();
    buf_init(&error, 0);
    if (ends && grace != NULL)
        buf_append_cstr(&error, "Give --grace or --end-former, not both.");
    else if (grace != NULL)
        add_grace(body, grace, &error);
    if (buf_len(&error) > 0) {
        cJSON_Delete(body);
        return ctl_refuse_usage(ctl, &error);
    }
    buf_fini(&error);
    int status = ctl_find_key(ctl, &key);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f/%s",
             json_number(key, "id"), ends ? "former" : "rotate");
    status = ctl_call(ctl, ends ? "DELETE" : "POST", path, body, &answer);
    if (status == CTL_OK)
        status = show_rotated(ctl, answer);
    cJSON_Delete(key);
    cJSON_Delete(answer);
    return status;
}
