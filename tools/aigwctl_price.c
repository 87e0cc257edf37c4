/*
 * aigwctl_price.c - prices of models: shown, set, their versions, and lists of
 * prices that others publish.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/aigwctl_json.h"

enum { LIST_MAX_BYTES = 8 << 20 };

/* As flags and in JSON, where "-" is "_". */
static const char *const classes[] = {
    "input",     "output",   "cached",    "cache-creation", "cache-creation-1h",
    "reasoning", "audio-in", "audio-out", "image",          "request",
    "tiers"};

static const struct output_column list_columns[] = {
    {"MODEL", "model", false},
    {"INPUT", "prices.input", true},
    {"OUTPUT", "prices.output", true},
    {"CACHED", "prices.cached", true},
    {"REQUEST", "prices.request", true},
    {"VERSION", "version", true},
    {NULL, NULL, false},
};
static const struct output_column history_columns[] = {
    {"MODEL", "model", false},
    {"PROVIDER", "provider", false},
    {"VERSION", "version", true},
    {"SINCE", "since", false},
    {"INPUT", "prices.input", true},
    {"OUTPUT", "prices.output", true},
    {"CACHED", "prices.cached", true},
    {"REQUEST", "prices.request", true},
    {NULL, NULL, false},
};
static const struct output_column import_columns[] = {
    {"VERDICT", "verdict", false},         {"NAME", "name", false},
    {"INPUT WAS", "before.input", true},   {"INPUT", "after.input", true},
    {"OUTPUT WAS", "before.output", true}, {"OUTPUT", "after.output", true},
    {"REASON", "reason", false},           {NULL, NULL, false},
};

int
run_price_list(struct ctl *ctl)
{
    cJSON *answer = NULL;
    int status = ctl_call(ctl, "GET", "/admin/v1/models", NULL, &answer);
    if (status != CTL_OK)
        return status;
    cJSON *rows = cJSON_CreateArray();
    const cJSON *model;
    cJSON_ArrayForEach(model, cJSON_GetObjectItemCaseSensitive(answer, "data"))
    {
        cJSON *row = cJSON_CreateObject();
        json_copy(row, "model", model, "id");
        json_copy(row, "prices", model, "prices");
        json_copy(row, "version", model, "price_version");
        cJSON_AddItemToArray(rows, row);
    }
    cJSON_Delete(answer);
    return output_rows(&ctl->output, rows, list_columns, NULL, NULL);
}

int
run_price_history(struct ctl *ctl)
{
    struct buf path;
    const char *size = argument(&ctl->args, "page-size");
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/prices");
    if (ctl->args.positional_count > 0)
        ctl_query(&path, "model", ctl->args.positional[0]);
    ctl_query(&path, "provider", argument(&ctl->args, "provider"));
    ctl_query(&path, "page", argument(&ctl->args, "page"));
    ctl_query(&path, "limit", size == NULL ? "200" : size);
    return ctl_list(ctl, &path, history_columns);
}

/* ---- set ---- */

/* "none" takes a price away. */
static cJSON *
prices_of(const struct arguments *args)
{
    cJSON *body = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        char member[40];
        const char *value = argument(args, classes[i]);
        if (value == NULL)
            continue;
        snprintf(member, sizeof(member), "price_%s", classes[i]);
        for (char *p = member; *p != '\0'; p++)
            *p = *p == '-' ? '_' : *p;
        if (strcmp(value, "none") == 0)
            cJSON_AddNullToObject(body, member);
        else
            cJSON_AddStringToObject(body, member, value);
    }
    return body;
}

/* Whether the part is there already: then it is changed. */
static int
find_part(struct ctl *ctl, const char *collection, const char *name,
          bool *is_there)
{
    struct buf error, reply, path;
    long code = 0;
    buf_init(&error, 0);
    buf_init(&reply, 0);
    ctl_config_path(&path, collection, name);
    int rc = connect_request(&ctl->connect, "GET", buf_cstr(&path),
                             (struct str){NULL, 0}, &code, &reply, &error);
    if (rc != 0)
        output_error(&ctl->output, "CONNECTION_FAILED", buf_cstr(&error), NULL);
    *is_there = code != 404;
    buf_fini(&error);
    buf_fini(&reply);
    buf_fini(&path);
    return rc == 0 ? CTL_OK : CTL_FAILED;
}

int
run_price_set(struct ctl *ctl)
{
    const char *model = ctl->args.positional[0];
    const char *provider = argument(&ctl->args, "provider");
    const char *collection = provider == NULL ? "models" : "endpoints";
    char name[300];
    struct buf path;
    bool is_there = false;
    cJSON *answer = NULL, *body = prices_of(&ctl->args);
    snprintf(name, sizeof(name), "%s%s%s", provider == NULL ? "" : provider,
             provider == NULL ? "" : "/", model);
    if (body->child == NULL) {
        cJSON_Delete(body);
        output_error(&ctl->output, "USAGE_ERROR",
                     "'price set' needs a price: aigwctl price set MODEL "
                     "--input 2.5 --output 10",
                     NULL);
        return CTL_USAGE;
    }
    int status = find_part(ctl, collection, name, &is_there);
    if (status != CTL_OK) {
        cJSON_Delete(body);
        return status;
    }
    ctl_config_path(&path, collection, is_there ? name : "");
    if (!is_there) { /* without the name and its slash */
        path.end--;
        cJSON_AddStringToObject(body, "name", name);
    }
    status = ctl_call(ctl, is_there ? "PATCH" : "POST", buf_cstr(&path), body,
                      &answer);
    buf_fini(&path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

/* ---- import ---- */

static int
read_file(const char *path, struct buf *out)
{
    char piece[65536];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL)
        return -errno;
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_append(out, piece, n);
    int rc = ferror(file) ? -EIO : buf_ok(out) ? 0 : -EFBIG;
    if (file != stdin)
        fclose(file);
    return rc;
}

/* {"format", "data"} of a text that is JSON or else CSV; NULL: a NUL is in it. */
static cJSON *
import_body(struct buf *text)
{
    cJSON *body = cJSON_CreateObject();
    cJSON *data = cJSON_ParseWithLength(buf_ptr(text), buf_len(text));
    bool is_json = cJSON_IsObject(data);
    cJSON_AddStringToObject(body, "format", is_json ? "litellm" : "csv");
    if (!is_json) {
        cJSON_Delete(data);
        data = cJSON_CreateString(buf_cstr(text));
    }
    cJSON_AddItemToObject(body, "data", data);
    return body;
}

static void
add_verdicts(cJSON *rows, cJSON *answer, const char *verdict)
{
    cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, verdict))
    {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "verdict", verdict);
        json_copy(row, "name", item,
                  *json_text(item, "model") != '\0' ? "model" : "endpoint");
        json_copy(row, "before", item, "before");
        json_copy(row, "after", item, "after");
        json_copy(row, "reason", item, "reason");
        cJSON_AddItemToArray(rows, row);
    }
}

static int
show_import(struct ctl *ctl, cJSON *answer)
{
    static const char *const verdicts[] = {"added", "changed", "provisioned",
                                           "refused"};
    char message[200];
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        add_verdicts(rows, answer, verdicts[i]);
    const cJSON *same = json_at_path(answer, "unchanged");
    const cJSON *unknown = json_at_path(answer, "unknown");
    bool preview =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "preview"));
    snprintf(message, sizeof(message),
             "%s%.0f prices stay as they are; %.0f are of models that are not "
             "here.",
             preview ? "Nothing was changed. " : "", json_number(same, "count"),
             json_number(unknown, "count"));
    int status = output_rows(&ctl->output, rows, import_columns, message, NULL);
    cJSON_Delete(answer);
    return status;
}

int
run_price_import(struct ctl *ctl)
{
    struct buf text;
    cJSON *answer = NULL;
    const char *path = ctl->args.positional[0];
    buf_init(&text, LIST_MAX_BYTES);
    int rc = read_file(path, &text);
    if (rc < 0 || memchr(buf_ptr(&text), '\0', buf_len(&text)) != NULL) {
        char reason[512];
        snprintf(reason, sizeof(reason), "%.300s: %s", path,
                 rc == -EFBIG ? "it has more than 8 MiB"
                 : rc < 0     ? strerror(-rc)
                              : "it is no text");
        buf_fini(&text);
        output_error(&ctl->output, "USAGE_ERROR", reason, NULL);
        return CTL_USAGE;
    }
    cJSON *body = import_body(&text);
    buf_fini(&text);
    if (argument_given(&ctl->args, "preview"))
        cJSON_AddBoolToObject(body, "preview", true);
    int status =
        ctl_call(ctl, "POST", "/admin/v1/prices/import", body, &answer);
    return status == CTL_OK ? show_import(ctl, answer) : status;
}

/* ---- a period again ---- */

static const struct output_column reprice_columns[] = {
    {"GROUP", "group", false},
    {"REQUESTS", "requests", true},
    {"WAS", "was", true},
    {"NOW", "now", true},
    {"CREDITED BEFORE", "credited_before", true},
    {"CREDIT", "credit", true},
    {NULL, NULL, false},
};

int
run_price_reprice(struct ctl *ctl)
{
    static const char *const names[] = {"from", "to", "provider"};
    char message[300];
    cJSON *answer = NULL, *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "model", ctl->args.positional[0]);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = argument(&ctl->args, names[i]);
        if (value != NULL)
            cJSON_AddStringToObject(body, names[i], value);
    }
    bool apply = argument_given(&ctl->args, "apply");
    cJSON_AddBoolToObject(body, "apply", apply);
    int status =
        ctl_call(ctl, "POST", "/admin/v1/prices/reprice", body, &answer);
    if (status != CTL_OK)
        return status;
    snprintf(message, sizeof(message),
             "%.0f requests: %.9g was charged, by the prices in force now it "
             "is %.9g; %.0f stay as they are. %s",
             json_number(answer, "requests"), json_number(answer, "was"),
             json_number(answer, "now"), json_number(answer, "left"),
             apply ? "Kept, and credited to prepaid groups."
                   : "Nothing was changed: --apply does it.");
    cJSON *rows = cJSON_DetachItemFromObjectCaseSensitive(answer, "groups");
    status = output_rows(&ctl->output, rows, reprice_columns, message, NULL);
    cJSON_Delete(answer);
    return status;
}
