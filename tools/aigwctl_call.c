/*
 * aigwctl_call.c - requests of the commands, and what their errors become.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/aigwctl_json.h"

void
ctl_query(struct buf *path, const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                "UVWXYZ0123456789-._~";
    if (value == NULL)
        return;
    struct str before = buf_view(path);
    bool first = memchr(before.ptr, '?', before.len) == NULL;
    buf_printf(path, "%c%s=", first ? '?' : '&', name);
    for (; *value != '\0'; value++) {
        if (strchr(plain, *value) != NULL)
            buf_append_char(path, *value);
        else
            buf_printf(path, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

/* A refusal of the server in the words of the command line. */
static int
print_refusal(struct ctl *ctl, long status, const cJSON *answer,
              const struct buf *raw)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
    const char *code = json_text(error, "code");
    const char *message = json_text(error, "message");
    char http_code[32], text[1100];
    if (*message == '\0') {
        snprintf(http_code, sizeof(http_code), "HTTP_%ld", status);
        snprintf(text, sizeof(text), "HTTP %ld: %.*s", status,
                 (int)(buf_len(raw) > 1000 ? 1000 : buf_len(raw)),
                 buf_len(raw) == 0 ? "" : buf_ptr(raw));
        output_error(&ctl->output, http_code, text, NULL);
        return CTL_FAILED;
    }
    if (strcmp(code, "masked_key") == 0 || strcmp(code, "invalid_field") == 0) {
        output_error(&ctl->output, "USAGE_ERROR", message, NULL);
        return CTL_USAGE;
    }
    bool is_access = status == 401 || status == 403;
    output_error(&ctl->output, is_access ? "AUTH_FAILED" : "GATEWAY_ERROR",
                 message, NULL);
    return CTL_FAILED;
}

int
ctl_call(struct ctl *ctl, const char *method, const char *path, cJSON *body,
         cJSON **answer)
{
    struct buf text, reply, error;
    long status = 0;
    int result = CTL_FAILED;
    buf_init(&text, 0);
    buf_init(&reply, 0);
    buf_init(&error, 0);
    *answer = NULL;
    if (body != NULL)
        json_print(&text, body);
    cJSON_Delete(body);
    struct str sent = {NULL, 0};
    if (body != NULL)
        sent = buf_view(&text);
    if (connect_request(&ctl->connect, method, path, sent, &status, &reply,
                        &error) != 0) {
        output_error(&ctl->output, "CONNECTION_FAILED", buf_cstr(&error), NULL);
        goto out;
    }
    *answer = cJSON_ParseWithLength(buf_len(&reply) == 0 ? "" : buf_ptr(&reply),
                                    buf_len(&reply));
    if (status < 200 || status > 299) {
        result = print_refusal(ctl, status, *answer, &reply);
        cJSON_Delete(*answer);
        *answer = NULL;
    } else if (*answer == NULL) {
        output_error(&ctl->output, "PARSE_ERROR",
                     "The answer is not JSON: is this the [admin] listener of "
                     "aigw?",
                     NULL);
    } else {
        result = CTL_OK;
    }
out:
    buf_fini(&text);
    buf_fini(&reply);
    buf_fini(&error);
    return result;
}

int
ctl_stream(struct ctl *ctl, const char *path)
{
    struct buf reply, error;
    long status = 0;
    int result = CTL_OK;
    buf_init(&reply, 0);
    buf_init(&error, 0);
    int rc =
        connect_stream(&ctl->connect, path, stdout, &status, &reply, &error);
    if (rc == 0 && fflush(stdout) != 0) {
        buf_append_cstr(&error, "The rows could not be written.");
        rc = -EIO;
    }
    if (rc != 0) {
        output_error(&ctl->output, "CONNECTION_FAILED", buf_cstr(&error), NULL);
        result = CTL_FAILED;
    } else if (status < 200 || status > 299) {
        cJSON *answer = cJSON_ParseWithLength(
            buf_len(&reply) == 0 ? "" : buf_ptr(&reply), buf_len(&reply));
        result = print_refusal(ctl, status, answer, &reply);
        cJSON_Delete(answer);
    }
    buf_fini(&reply);
    buf_fini(&error);
    return result;
}

int
ctl_list(struct ctl *ctl, struct buf *path, const struct output_column *columns)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, "GET", buf_cstr(path), NULL, &answer);
    buf_fini(path);
    if (status == CTL_OK)
        status =
            output_rows(&ctl->output,
                        cJSON_DetachItemFromObjectCaseSensitive(answer, "data"),
                        columns, NULL, NULL);
    cJSON_Delete(answer);
    return status;
}

int
ctl_find_key(struct ctl *ctl, cJSON **key)
{
    const struct arguments *args = &ctl->args;
    const char *ref = args->positional_count > 0 ? args->positional[0]
                                                 : argument(args, "key");
    const char *group = argument(args, "group");
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "ref", ref);
    if (group != NULL)
        cJSON_AddStringToObject(body, "group", group);
    return ctl_call(ctl, "POST", "/admin/v1/keys/lookup", body, key);
}

int
ctl_reveal_key(struct ctl *ctl, double id, cJSON **key)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/v1/keys/%.0f/reveal", id);
    return ctl_call(ctl, "POST", path, NULL, key);
}
