/*
 * aigwctl_logs.c - logs, also as they come.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "tools/aigwctl_json.h"
#include "tools/aigwctl_report.h"

static const struct output_column columns[] = {
    {"TIME", "time", false},          {"KEY", "key", false},
    {"MODEL", "model", false},        {"STATUS", "status", true},
    {"CAUSE", "cause", false},        {"TRIES", "attempt_count", true},
    {"TOKENS", "tokens", true},       {"COST", "cost", true},
    {"MS", "duration_ms", true},      {"FIRST", "first_byte_ms", true},
    {"REQUEST", "request_id", false}, {NULL, NULL, false},
};

/* --metadata NAME=VALUE, as often as it is given, as one object; NAME alone
 * goes as it is, for it asks for any value. */
static bool
add_metadata(struct ctl *ctl, struct buf *path)
{
    const struct arguments *args = &ctl->args;
    const char *first = argument_nth(args, "metadata", 0);
    if (first == NULL || argument_nth(args, "metadata", 1) == NULL) {
        ctl_query(path, "metadata", first);
        return true;
    }
    cJSON *all = cJSON_CreateObject();
    bool good = all != NULL;
    const char *entry;
    for (unsigned i = 0;
         good && (entry = argument_nth(args, "metadata", i)) != NULL; i++) {
        const char *value = strchr(entry, '=');
        char *name =
            value == NULL ? NULL : strndup(entry, (size_t)(value - entry));
        good = name != NULL && cJSON_AddStringToObject(all, name, value + 1);
        free(name);
    }
    char *text = good ? cJSON_PrintUnformatted(all) : NULL;
    if (text != NULL)
        ctl_query(path, "metadata", text);
    else
        output_error(&ctl->output, "USAGE_ERROR",
                     "several --metadata must each be NAME=VALUE", NULL);
    cJSON_free(text);
    cJSON_Delete(all);
    return text != NULL;
}

/* The filters of the command line, without time, order and place; false: the
 * error was printed. */
static bool
logs_path(struct ctl *ctl, struct buf *path)
{
    static const char *const same[] = {"group",  "model", "provider",
                                       "status", "cause", "text"};
    const char *limit = argument(&ctl->args, "refused-by");
    const struct arguments *args = &ctl->args;
    buf_reset(path);
    buf_append_cstr(path, "/admin/v1/logs");
    ctl_query(path, "key", ref_argument(args));
    ctl_query(path, "request_id", argument(args, "request-id"));
    for (unsigned i = 0; i < ARRAY_LEN(same); i++)
        ctl_query(path, same[i], argument(args, same[i]));
    ctl_query(path, "refused_by", limit);
    if (argument_given(args, "shadow"))
        ctl_query(path, "shadow", "yes");
    return add_metadata(ctl, path);
}

enum { PAGE_ROWS = 1000, CURSOR_BYTES = 128 };

static void
keep_cursor(const cJSON *rows, char *cursor, size_t size)
{
    int count = cJSON_GetArraySize(rows);
    const char *last =
        count == 0 ? ""
                   : json_text(cJSON_GetArrayItem(rows, count - 1), "cursor");
    if (*last != '\0' && strlen(last) < size)
        memcpy(cursor, last, strlen(last) + 1);
}

/* One page of at most PAGE_ROWS, behind `cursor`; appended to `rows`. */
static int
next_page(struct ctl *ctl, struct buf *path, unsigned long limit, char *cursor,
          cJSON *rows, bool *more)
{
    cJSON *answer = NULL;
    char number[24];
    if (!logs_path(ctl, path) || !query_time_span(ctl, path))
        return CTL_USAGE;
    if (!argument_given(&ctl->args, "follow"))
        ctl_query(path, "order", argument(&ctl->args, "order"));
    snprintf(number, sizeof(number), "%lu",
             limit < PAGE_ROWS ? limit : PAGE_ROWS);
    ctl_query(path, "limit", number);
    if (*cursor != '\0')
        ctl_query(path, "cursor", cursor);
    int status = ctl_call(ctl, "GET", buf_cstr(path), NULL, &answer);
    if (status == CTL_OK) {
        cJSON *page = cJSON_GetObjectItemCaseSensitive(answer, "data");
        keep_cursor(page, cursor, CURSOR_BYTES);
        *more = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "more"));
        while (page != NULL && page->child != NULL)
            cJSON_AddItemToArray(rows,
                                 cJSON_DetachItemViaPointer(page, page->child));
    }
    cJSON_Delete(answer);
    return status;
}

/* The rows asked for, page by page; limit 0: all of them. */
static int
fetch_rows(struct ctl *ctl, struct buf *path, unsigned long limit, cJSON **rows)
{
    char cursor[CURSOR_BYTES] = "";
    bool more = true;
    int status = CTL_OK;
    unsigned long left = limit;
    *rows = cJSON_CreateArray();
    while (status == CTL_OK && more && (limit == 0 || left > 0)) {
        int before = cJSON_GetArraySize(*rows);
        status = next_page(ctl, path, limit == 0 ? PAGE_ROWS : left, cursor,
                           *rows, &more);
        unsigned long got = (unsigned long)(cJSON_GetArraySize(*rows) - before);
        left = got < left ? left - got : 0;
    }
    if (status != CTL_OK)
        cJSON_Delete(*rows);
    return status;
}

static cJSON *
reversed(cJSON *rows)
{
    cJSON *turned = cJSON_CreateArray();
    while (rows->child != NULL)
        cJSON_InsertItemInArray(turned, 0,
                                cJSON_DetachItemViaPointer(rows, rows->child));
    cJSON_Delete(rows);
    return turned;
}

/* One question a second, each from the last row that was shown. */
static int
follow(struct ctl *ctl, struct buf *path, const char *started, char *cursor,
       size_t cursor_size)
{
    const struct timespec pause = {1, 0};
    for (;;) {
        cJSON *answer = NULL;
        if (!logs_path(ctl, path))
            return CTL_USAGE;
        ctl_query(path, "order", "asc");
        ctl_query(path, "limit", "1000");
        if (*cursor != '\0')
            ctl_query(path, "cursor", cursor);
        else
            ctl_query(path, "from", started);
        int status = ctl_call(ctl, "GET", buf_cstr(path), NULL, &answer);
        if (status != CTL_OK)
            return status;
        cJSON *rows = cJSON_DetachItemFromObjectCaseSensitive(answer, "data");
        bool more =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "more"));
        keep_cursor(rows, cursor, cursor_size);
        status = output_part(&ctl->output, rows, columns);
        cJSON_Delete(rows);
        cJSON_Delete(answer);
        if (status != CTL_OK)
            return status;
        if (!more)
            nanosleep(&pause, NULL);
    }
}

static bool
read_limit(struct ctl *ctl, const char *text, unsigned long *limit)
{
    char *end;
    errno = 0;
    *limit = strtoul(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
        return true;
    output_error(&ctl->output, "USAGE_ERROR",
                 "--limit takes a whole number; 0: all rows", NULL);
    return false;
}

/* `logs show ID`: one call, and the bodies that were kept of it. */
static int
show(struct ctl *ctl, const char *id)
{
    cJSON *answer = NULL;
    struct buf path;
    if (strspn(id, "abcdefghijklmnopqrstuvwxyz_0123456789") != strlen(id)) {
        output_error(&ctl->output, "USAGE_ERROR",
                     "a request id is as in x-request-id: req_...", NULL);
        return CTL_USAGE;
    }
    buf_init(&path, 0);
    buf_printf(&path, "/admin/v1/logs/%s", id);
    ctl_query(&path, "payload",
              argument_given(&ctl->args, "payload") ? "yes" : NULL);
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    return status == CTL_OK ? output_object(&ctl->output, answer, NULL)
                            : status;
}

/* `logs --export csv`: all rows that are meant, as a stream. */
static int export(struct ctl *ctl, const char *format, const char *limit)
{
    static const char plain[] = "/admin/v1/logs";
    struct buf filter, path;
    int status = CTL_USAGE;
    buf_init(&filter, 0);
    buf_init(&path, 0);
    if (logs_path(ctl, &filter) && query_time_span(ctl, &filter)) {
        ctl_query(&filter, "order", argument(&ctl->args, "order"));
        ctl_query(&filter, "columns", argument(&ctl->args, "columns"));
        ctl_query(&filter, "format", format);
        if (limit != NULL && strcmp(limit, "0") != 0)
            ctl_query(&filter, "limit", limit);
        buf_append_cstr(&path, "/admin/v1/logs/export");
        buf_append_str(&path, str_skip(buf_view(&filter), sizeof(plain) - 1));
        status = ctl_stream(ctl, buf_cstr(&path));
    }
    buf_fini(&filter);
    buf_fini(&path);
    return status;
}

int
run_logs(struct ctl *ctl)
{
    struct buf path;
    cJSON *rows = NULL;
    char cursor[CURSOR_BYTES] = "", started[32];
    const char *limit = argument(&ctl->args, "limit");
    bool follows = argument_given(&ctl->args, "follow");
    unsigned long most = follows ? 10 : 50;
    if (ctl->args.positional_count == 2 &&
        strcmp(ctl->args.positional[0], "show") == 0)
        return show(ctl, ctl->args.positional[1]);
    if (ctl->args.positional_count == 2) {
        output_error(&ctl->output, "USAGE_ERROR",
                     "two words are `show` and a request id", NULL);
        return CTL_USAGE;
    }
    if (limit != NULL && !read_limit(ctl, limit, &most))
        return CTL_USAGE;
    if (argument_given(&ctl->args, "export"))
        return export(ctl, argument(&ctl->args, "export"), limit);
    clock_format_rfc3339(clock_wall_ms(), started);
    buf_init(&path, 0);
    int status = fetch_rows(ctl, &path, most, &rows);
    if (status == CTL_OK && !follows) {
        status = output_rows(&ctl->output, rows, columns, NULL, NULL);
    } else if (status == CTL_OK) {
        rows = reversed(rows);
        keep_cursor(rows, cursor, sizeof(cursor));
        status = output_part(&ctl->output, rows, columns);
        cJSON_Delete(rows);
        if (status == CTL_OK)
            status = follow(ctl, &path, started, cursor, sizeof(cursor));
    }
    buf_fini(&path);
    return status;
}
