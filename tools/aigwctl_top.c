/*
 * aigwctl_top.c - top: what the server does now, drawn again every other second
 * on a terminal until q is pressed; elsewhere one look at it.
 *
 * Numbers come from the status (now), the roll-ups (the last minutes, which are
 * as old as the last flush), and the metrics (providers that cool down).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/clock.h"
#include "tools/aigwctl_grid.h"
#include "tools/aigwctl_json.h"

enum {
    INTERVAL_MS = 2000,
    SPAN_MS = 5 * 60 * 1000, /* of the sums by model and key */
    CTRL_C = 3,
    HEAD_LINES = 6,
};

struct look {
    double requests; /* of all workers, since they started */
    uint64_t at_ms;
};

static volatile sig_atomic_t asked_to_end;

static void
note_signal(int number)
{
    asked_to_end = number;
}

static double
sum_of(const cJSON *list, const char *member)
{
    double sum = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
    {
        sum += json_number(item, member);
    }
    return sum;
}

/* Rows with most requests first; at most `most`. */
static cJSON *
busiest(cJSON *rows, int most)
{
    cJSON *sorted = cJSON_CreateArray();
    while (rows != NULL && rows->child != NULL && most-- > 0) {
        cJSON *best = rows->child;
        for (cJSON *row = rows->child; row != NULL; row = row->next)
            if (json_number(row, "requests") > json_number(best, "requests"))
                best = row;
        cJSON_AddItemToArray(sorted, cJSON_DetachItemViaPointer(rows, best));
    }
    return sorted;
}

static int
add_usage(struct ctl *ctl, cJSON *data, const char *by, const char *name)
{
    struct buf path;
    char from[32];
    cJSON *answer = NULL;
    enum { ROWS_MAX = 50 };
    clock_format_rfc3339(clock_wall_ms() - SPAN_MS, from);
    buf_init(&path, 0);
    buf_append_cstr(&path, "/admin/v1/usage");
    ctl_query(&path, "by", by);
    ctl_query(&path, "resolution", "minute");
    ctl_query(&path, "from", from);
    int status = ctl_call(ctl, "GET", buf_cstr(&path), NULL, &answer);
    buf_fini(&path);
    if (status == CTL_OK)
        cJSON_AddItemToObject(
            data, name,
            busiest(cJSON_GetObjectItemCaseSensitive(answer, "data"),
                    ROWS_MAX));
    cJSON_Delete(answer);
    return status;
}

/* `aigw_endpoint_cooling{provider="p",model="m"} 1` of the metrics. */
static int
add_cooling(struct ctl *ctl, cJSON *data)
{
    static const char name[] = "aigw_endpoint_cooling{";
    struct buf text, error;
    long status = 0;
    int result = CTL_FAILED;
    cJSON *list = cJSON_AddArrayToObject(data, "cooling");
    buf_init(&text, 0);
    buf_init(&error, 0);
    if (connect_request(&ctl->connect, "GET", "/metrics", (struct str){NULL, 0},
                        &status, &text, &error) != 0 ||
        status != 200) {
        output_error(&ctl->output, "GATEWAY_ERROR",
                     status == 0 ? buf_cstr(&error)
                                 : "The server does not show its metrics.",
                     NULL);
    } else {
        const char *at = buf_cstr(&text);
        while ((at = strstr(at, name)) != NULL) {
            const char *labels = at + sizeof(name) - 1;
            at += strcspn(at, "\n");
            if (at[-1] == '1' && at[-2] == ' ')
                cJSON_AddItemToArray(
                    list, cJSON_CreateString(
                              strndupa(labels, (size_t)(at - labels) - 3)));
        }
        result = CTL_OK;
    }
    buf_fini(&text);
    buf_fini(&error);
    return result;
}

/* One look; `last` is the one before, and becomes this one. */
static int
look(struct ctl *ctl, struct look *last, cJSON **out)
{
    static const char *const same[] = {"time",   "version",   "instance",
                                       "state",  "uptime_ms", "keys",
                                       "groups", "in_flight"};
    cJSON *status = NULL, *data = cJSON_CreateObject();
    int result = ctl_call(ctl, "GET", "/admin/v1/status", NULL, &status);
    if (result == CTL_OK) {
        const cJSON *workers = json_at_path(status, "workers");
        struct look now = {sum_of(workers, "requests"), clock_mono_ms()};
        for (unsigned i = 0; i < ARRAY_LEN(same); i++)
            json_copy(data, same[i], status, same[i]);
        cJSON_AddNumberToObject(data, "workers", cJSON_GetArraySize(workers));
        cJSON_AddNumberToObject(data, "connections",
                                sum_of(workers, "connections"));
        cJSON_AddNumberToObject(data, "requests", now.requests);
        /* Fewer than before: workers were replaced. */
        if (last->at_ms != 0 && now.at_ms > last->at_ms &&
            now.requests >= last->requests)
            cJSON_AddNumberToObject(data, "requests_per_second",
                                    (now.requests - last->requests) * 1000 /
                                        (double)(now.at_ms - last->at_ms));
        else
            cJSON_AddNullToObject(data, "requests_per_second");
        json_copy(data, "ledger", json_at_path(status, "accountant"), "ledger");
        json_copy(data, "ring_bytes_waiting",
                  json_at_path(status, "accountant"), "ring_bytes_waiting");
        *last = now;
        result = add_usage(ctl, data, "model", "models");
    }
    if (result == CTL_OK)
        result = add_usage(ctl, data, "key", "top_keys");
    if (result == CTL_OK)
        result = add_cooling(ctl, data);
    cJSON_Delete(status);
    if (result != CTL_OK) {
        cJSON_Delete(data);
        data = NULL;
    }
    *out = data;
    return result;
}

/* ---- drawn ---- */

static void
draw_rows(struct buf *out, const cJSON *rows, const char *title,
          const char *member, unsigned most, unsigned width, bool bold)
{
    static const char *const sums[] = {"requests", "errors", "tokens", "cost",
                                       "average_duration_ms"};
    static const char *const titles[] = {"CALLS", "ERRORS", "TOKENS", "COST",
                                         "AVG_MS"};
    struct grid grid;
    const cJSON *row = NULL;
    grid_init(&grid, ARRAY_LEN(sums) + 1);
    grid_add(&grid, str_from(title));
    for (unsigned i = 0; i < ARRAY_LEN(sums); i++) {
        grid.right[i + 1] = true;
        grid_add(&grid, str_from(titles[i]));
    }
    cJSON_ArrayForEach(row, rows)
    {
        if (most-- == 0)
            break;
        grid_add(&grid, str_from(json_text(row, member)));
        for (unsigned i = 0; i < ARRAY_LEN(sums); i++) {
            struct buf cell;
            buf_init(&cell, 0);
            json_print_cell(&cell,
                            cJSON_GetObjectItemCaseSensitive(row, sums[i]));
            grid_add(&grid, buf_view(&cell));
            buf_fini(&cell);
        }
    }
    grid_print(&grid, width, true, bold, out);
    grid_fini(&grid);
}

static void
draw(struct ctl *ctl, const cJSON *data, struct buf *out)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    unsigned rows = size.ws_row > 2 * HEAD_LINES ? size.ws_row : 2 * HEAD_LINES;
    unsigned part = (rows - HEAD_LINES) / 2;
    unsigned long up = (unsigned long)(json_number(data, "uptime_ms") / 1000);
    const cJSON *rate =
        cJSON_GetObjectItemCaseSensitive(data, "requests_per_second");
    const cJSON *cooling = json_at_path(data, "cooling");
    buf_printf(out, "aigw %s %s: %s, up %lud %02lu:%02lu:%02lu   (q ends)\n",
               json_text(data, "version"), json_text(data, "instance"),
               json_text(data, "state"), up / 86400, up / 3600 % 24,
               up / 60 % 60, up % 60);
    buf_printf(out,
               "%.1f requests/s, %.0f in flight, %.0f connections, %.0f "
               "workers\n",
               cJSON_IsNumber(rate) ? rate->valuedouble : 0.0,
               json_number(data, "in_flight"), json_number(data, "connections"),
               json_number(data, "workers"));
    buf_printf(out, "ledger %s, %.0f bytes waiting; %d endpoints cool down\n\n",
               json_text(data, "ledger"),
               json_number(data, "ring_bytes_waiting"),
               cJSON_GetArraySize(cooling));
    draw_rows(out, json_at_path(data, "models"), "MODEL, 5 MINUTES", "model",
              part - 1, size.ws_col, ctl->output.color);
    buf_append_char(out, '\n');
    draw_rows(out, json_at_path(data, "top_keys"), "KEY", "key", part - 1,
              size.ws_col, ctl->output.color);
}

/* Home, then each line with its rest erased, then all below: no flicker. */
static void
show_screen(struct buf *text)
{
    fputs("\033[H", stdout);
    for (const char *c = buf_cstr(text); *c != '\0'; c++) {
        if (*c == '\n')
            fputs("\033[K\r\n", stdout);
        else
            putchar(*c);
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

/* Until the next look; false: q, ^C or a signal. */
static bool
wait_key(void)
{
    uint64_t end_ms = clock_mono_ms() + INTERVAL_MS;
    for (uint64_t now = clock_mono_ms(); now < end_ms && asked_to_end == 0;
         now = clock_mono_ms()) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char c = 0;
        if (poll(&input, 1, (int)(end_ms - now)) <= 0)
            continue;
        if (read(STDIN_FILENO, &c, 1) != 1 || c == 'q' || c == CTRL_C)
            return false;
    }
    return asked_to_end == 0;
}

static int
live(struct ctl *ctl)
{
    struct termios before, raw;
    struct look last = {0};
    struct sigaction action = {.sa_handler = note_signal};
    int status = CTL_OK;
    bool goes_on = tcgetattr(STDIN_FILENO, &before) == 0;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    goes_on = goes_on && tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    if (!goes_on)
        return CTL_FAILED;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    fputs("\033[?1049h\033[?25l", stdout);
    while (goes_on) {
        cJSON *data = NULL;
        struct buf text;
        status = look(ctl, &last, &data);
        if (status != CTL_OK)
            break;
        buf_init(&text, 0);
        draw(ctl, data, &text);
        show_screen(&text);
        buf_fini(&text);
        cJSON_Delete(data);
        goes_on = wait_key();
    }
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    if (status != CTL_OK) { /* what was said of it went with the screen */
        cJSON *data = NULL;
        status = look(ctl, &last, &data);
        cJSON_Delete(data);
    }
    return status;
}

int
run_top(struct ctl *ctl)
{
    struct look last = {0};
    cJSON *data = NULL;
    if (ctl->output.format == OUTPUT_TABLE && ctl->output.tty &&
        ctl->output.field == NULL && isatty(STDIN_FILENO) == 1)
        return live(ctl);
    int status = look(ctl, &last, &data);
    if (status != CTL_OK)
        return status;
    if (ctl->output.format == OUTPUT_TABLE && ctl->output.field == NULL) {
        struct buf text;
        buf_init(&text, 0);
        draw(ctl, data, &text);
        fputs(buf_cstr(&text), stdout);
        buf_fini(&text);
        cJSON_Delete(data);
        return CTL_OK;
    }
    return output_object(&ctl->output, data, NULL);
}
