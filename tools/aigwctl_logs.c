/*
 * aigwctl_logs.c - logs, also as they come.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "tools/aigwctl_json.h"
#include "tools/aigwctl_report.h"

static const struct output_column columns[] = {
    {"TIME", "time", false},
    {"KEY", "key", false},
    {"MODEL", "model", false},
    {"STATUS", "status", true},
    {"CAUSE", "cause", false},
    {"TOKENS", "tokens", true},
    {"COST", "cost", true},
    {"MS", "duration_ms", true},
    {"FIRST", "first_byte_ms", true},
    {"REQUEST", "request_id", false},
    {NULL, NULL, false},
};

/* The filters of the command line, without time, order and place. */
static void
logs_path(struct ctl *ctl, struct buf *path)
{
    static const char *const same[] = {"group",  "model", "provider",
                                       "status", "cause", "text"};
    const struct arguments *args = &ctl->args;
    buf_reset(path);
    buf_append_cstr(path, "/admin/v1/logs");
    ctl_query(path, "key", ref_argument(args));
    ctl_query(path, "request_id", argument(args, "request-id"));
    for (unsigned i = 0; i < ARRAY_LEN(same); i++)
        ctl_query(path, same[i], argument(args, same[i]));
}

static int
first_page(struct ctl *ctl, struct buf *path, const char *limit, cJSON **rows)
{
    cJSON *answer = NULL;
    logs_path(ctl, path);
    if (!query_time_span(ctl, path))
        return CTL_USAGE;
    if (!argument_given(&ctl->args, "follow"))
        ctl_query(path, "order", argument(&ctl->args, "order"));
    ctl_query(path, "limit", limit);
    int status = ctl_call(ctl, "GET", buf_cstr(path), NULL, &answer);
    if (status == CTL_OK)
        *rows = cJSON_DetachItemFromObjectCaseSensitive(answer, "data");
    cJSON_Delete(answer);
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

/* One question a second, each from the last row that was shown. */
static int
follow(struct ctl *ctl, struct buf *path, const char *started, char *cursor,
       size_t cursor_size)
{
    const struct timespec pause = {1, 0};
    for (;;) {
        cJSON *answer = NULL;
        logs_path(ctl, path);
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

int
run_logs(struct ctl *ctl)
{
    struct buf path;
    cJSON *rows = NULL;
    char cursor[128] = "", started[32];
    const char *limit = argument(&ctl->args, "limit");
    bool follows = argument_given(&ctl->args, "follow");
    clock_format_rfc3339(clock_wall_ms(), started);
    buf_init(&path, 0);
    int status = first_page(ctl, &path,
                            limit != NULL ? limit
                            : follows     ? "10"
                                          : "50",
                            &rows);
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
