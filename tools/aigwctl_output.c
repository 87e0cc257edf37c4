/*
 * aigwctl_output.c - see aigwctl_output.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json_write.h"
#include "tools/aigwctl_json.h"
#include "tools/aigwctl_grid.h"

static int
format_of(const char *text, enum output_format *format, struct buf *error)
{
    static const char *const names[] = {"table", "json",   "jsonl",
                                        "csv",   "pretty", "text"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *format = (enum output_format)i;
            return 0;
        }
    }
    buf_printf(error,
               "Format '%s' is not one of table, json, jsonl, csv, pretty, "
               "text.",
               text);
    return -EINVAL;
}

int
output_init(struct output *output, const char *format, const char *field,
            bool no_header, struct buf *error)
{
    struct winsize size;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *output = (struct output){.field = field, .no_header = no_header};
    output->started_ms = clock_mono_ms();
    output->tty = isatty(STDOUT_FILENO) == 1;
    output->format = output->tty ? OUTPUT_TABLE : OUTPUT_JSON;
    output->color = output->tty && (no_color == NULL || *no_color == '\0') &&
                    term != NULL && strcmp(term, "dumb") != 0;
    if (output->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        output->width = size.ws_col;
    if (format == NULL)
        format = getenv("AIGW_FORMAT");
    if (format == NULL || *format == '\0')
        format = getenv("CZ_FORMAT");
    if (format == NULL || *format == '\0')
        return 0;
    output->format_asked = true;
    return format_of(format, &output->format, error);
}

static void
flush(struct buf *out)
{
    if (buf_ok(out))
        fwrite(buf_ptr(out), 1, buf_len(out), stdout);
    fflush(stdout);
    buf_fini(out);
}

/* RFC 4180: quoted where it must be. */
static void
csv_cell(struct buf *out, const cJSON *value)
{
    struct buf text;
    buf_init(&text, 0);
    json_print_cell(&text, value);
    const char *plain = buf_cstr(&text);
    if (strpbrk(plain, ",\"\r\n") == NULL) {
        buf_append_cstr(out, plain);
    } else {
        buf_append_char(out, '"');
        for (; *plain != '\0'; plain++) {
            if (*plain == '"')
                buf_append_char(out, '"');
            buf_append_char(out, *plain);
        }
        buf_append_char(out, '"');
    }
    buf_fini(&text);
}

/* Columns are the members of the first row. */
static void
print_csv(struct buf *out, const cJSON *rows, bool header)
{
    const cJSON *first = rows->child, *row = NULL, *member = NULL;
    if (first == NULL)
        return;
    if (header) {
        cJSON_ArrayForEach(member, first)
        {
            cJSON name = {.type = cJSON_String, .valuestring = member->string};
            if (member != first->child)
                buf_append_char(out, ',');
            csv_cell(out, &name);
        }
        buf_append_cstr(out, "\r\n");
    }
    cJSON_ArrayForEach(row, rows)
    {
        cJSON_ArrayForEach(member, first)
        {
            if (member != first->child)
                buf_append_char(out, ',');
            csv_cell(out,
                     cJSON_GetObjectItemCaseSensitive(row, member->string));
        }
        buf_append_cstr(out, "\r\n");
    }
}

static void
add_cell(struct grid *grid, const cJSON *value, const char *none)
{
    struct buf text;
    buf_init(&text, 0);
    json_print_cell(&text, value);
    grid_add(grid, buf_len(&text) == 0 ? str_from(none) : buf_view(&text));
    buf_fini(&text);
}

static void
print_table(struct buf *out, const cJSON *rows,
            const struct output_column *columns, struct output *output,
            bool header)
{
    unsigned count = 0;
    struct grid grid;
    const cJSON *row = NULL;
    while (columns[count].header != NULL)
        count++;
    grid_init(&grid, count);
    grid.kept = output->widths;
    for (unsigned c = 0; c < count; c++) {
        grid.right[c] = columns[c].right;
        grid_add(&grid, str_from(columns[c].header));
    }
    cJSON_ArrayForEach(row, rows)
    {
        for (unsigned c = 0; c < count; c++)
            add_cell(&grid, json_at_path(row, columns[c].path), "-");
    }
    grid_print(&grid, output->width, header, output->color, out);
    grid_fini(&grid);
}

/* Values of a row, by tabs. */
static void
print_text_rows(struct buf *out, const cJSON *rows,
                const struct output_column *columns)
{
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, rows)
    {
        for (unsigned c = 0; columns[c].header != NULL; c++) {
            if (c > 0)
                buf_append_char(out, '\t');
            json_print_cell(out, json_at_path(row, columns[c].path));
        }
        buf_append_char(out, '\n');
    }
}

static void
print_lines(struct buf *out, const cJSON *rows)
{
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, rows)
    {
        json_print(out, row);
        buf_append_char(out, '\n');
    }
}

/* --field: one value a line. */
static int
print_field(const struct output *output, struct buf *out, const cJSON *data)
{
    const cJSON *row = cJSON_IsArray(data) ? data->child : data;
    for (; row != NULL; row = cJSON_IsArray(data) ? row->next : NULL) {
        const cJSON *value = json_at_path(row, output->field);
        if (value == NULL) {
            char message[160];
            snprintf(message, sizeof(message),
                     "There is no field '%.60s' in the answer; --format "
                     "pretty shows what there is.",
                     output->field);
            output_error(output, "USAGE_ERROR", message, NULL);
            return 1;
        }
        json_print_cell(out, value);
        buf_append_char(out, '\n');
    }
    return 0;
}

/* {"data":..., "time_ms":n, "count":n} */
static void
print_envelope(const struct output *output, struct buf *out, cJSON *data,
               const char *message, cJSON *total)
{
    cJSON *envelope = cJSON_CreateObject();
    cJSON_AddItemReferenceToObject(envelope, "data", data);
    if (total != NULL)
        cJSON_AddItemReferenceToObject(envelope, "total", total);
    cJSON_AddNumberToObject(envelope, "time_ms",
                            (double)(clock_mono_ms() - output->started_ms));
    if (cJSON_IsArray(data))
        cJSON_AddNumberToObject(envelope, "count", cJSON_GetArraySize(data));
    if (message != NULL)
        cJSON_AddStringToObject(envelope, "ai_message", message);
    if (output->format == OUTPUT_PRETTY)
        json_print_pretty(out, envelope, 0);
    else
        json_print(out, envelope);
    buf_append_char(out, '\n');
    cJSON_Delete(envelope);
}

static bool
says_message(const struct output *output, const char *message)
{
    return message != NULL && output->format == OUTPUT_TABLE && output->tty;
}

int
output_rows(struct output *output, cJSON *data,
            const struct output_column *columns, const char *message,
            cJSON *total)
{
    struct buf out;
    int status = 0;
    bool header = !output->no_header;
    buf_init(&out, 0);
    if (output->field != NULL)
        status = print_field(output, &out, data);
    else if (output->format == OUTPUT_TABLE)
        print_table(&out, data, columns, output, header);
    else if (output->format == OUTPUT_CSV)
        print_csv(&out, data, header);
    else if (output->format == OUTPUT_TEXT)
        print_text_rows(&out, data, columns);
    else if (output->format == OUTPUT_JSONL)
        print_lines(&out, data);
    else
        print_envelope(output, &out, data, message, total);
    flush(&out);
    if (status == 0 && output->field == NULL && says_message(output, message))
        fprintf(stderr, "%s\n", message);
    cJSON_Delete(data);
    cJSON_Delete(total);
    return status;
}

/* "type=daily unit=tokens": an object in one cell. */
static void
add_pairs_cell(struct grid *grid, const cJSON *object)
{
    struct buf text;
    const cJSON *member = NULL;
    buf_init(&text, 0);
    cJSON_ArrayForEach(member, object)
    {
        buf_printf(&text, "%s%s=", member == object->child ? "" : " ",
                   member->string);
        json_print_cell(&text, member);
    }
    grid_add(grid, buf_len(&text) == 0 ? STR_LIT("-") : buf_view(&text));
    buf_fini(&text);
}

/* A member on its line; a list of objects: a line for each. */
static void
add_member(struct grid *grid, const cJSON *member)
{
    char name[96];
    int i = 0;
    if (cJSON_IsArray(member) && cJSON_IsObject(member->child)) {
        for (const cJSON *item = member->child; item != NULL;
             item = item->next) {
            snprintf(name, sizeof(name), "%.80s.%d", member->string, i++);
            grid_add(grid, str_from(name));
            add_pairs_cell(grid, item);
        }
        return;
    }
    grid_add(grid, str_from(member->string));
    if (cJSON_IsObject(member))
        add_pairs_cell(grid, member);
    else if (cJSON_IsArray(member) && member->child == NULL)
        grid_add(grid, STR_LIT("-"));
    else
        add_cell(grid, member, "-");
}

/* "name  value" lines. */
static void
print_object_table(const struct output *output, struct buf *out,
                   const cJSON *data)
{
    struct grid grid;
    const cJSON *member = NULL;
    grid_init(&grid, 2);
    grid_add(&grid, STR_LIT("FIELD"));
    grid_add(&grid, STR_LIT("VALUE"));
    cJSON_ArrayForEach(member, data)
    {
        add_member(&grid, member);
    }
    grid_print(&grid, 0, false, output->color, out);
    grid_fini(&grid);
}

int
output_object(struct output *output, cJSON *data, const char *message)
{
    struct buf out;
    int status = 0;
    const cJSON *member = NULL;
    buf_init(&out, 0);
    if (output->field != NULL) {
        status = print_field(output, &out, data);
    } else if (output->format == OUTPUT_TABLE) {
        print_object_table(output, &out, data);
    } else if (output->format == OUTPUT_TEXT) {
        cJSON_ArrayForEach(member, data)
        {
            buf_printf(&out, "%s: ", member->string);
            json_print_cell(&out, member);
            buf_append_char(&out, '\n');
        }
    } else if (output->format == OUTPUT_CSV || output->format == OUTPUT_JSONL) {
        cJSON *rows = cJSON_CreateArray();
        cJSON_AddItemReferenceToArray(rows, data);
        if (output->format == OUTPUT_CSV)
            print_csv(&out, rows, !output->no_header);
        else
            print_lines(&out, rows);
        cJSON_Delete(rows);
    } else {
        print_envelope(output, &out, data, message, NULL);
    }
    flush(&out);
    if (status == 0 && output->field == NULL && says_message(output, message))
        fprintf(stderr, "%s\n", message);
    cJSON_Delete(data);
    return status;
}

int
output_part(struct output *output, const cJSON *rows,
            const struct output_column *columns)
{
    struct buf out;
    int status = 0;
    bool header = !output->no_header && !output->header_printed;
    if (rows->child == NULL)
        return 0;
    buf_init(&out, 0);
    if (output->field != NULL)
        status = print_field(output, &out, rows);
    else if (output->format == OUTPUT_TABLE)
        print_table(&out, rows, columns, output, header);
    else if (output->format == OUTPUT_CSV)
        print_csv(&out, rows, header);
    else if (output->format == OUTPUT_TEXT)
        print_text_rows(&out, rows, columns);
    else
        print_lines(&out, rows);
    output->header_printed = true;
    flush(&out);
    return status;
}

void
output_error(const struct output *output, const char *code, const char *message,
             const char *did_you_mean)
{
    bool as_json = output->format == OUTPUT_JSON ||
                   output->format == OUTPUT_PRETTY ||
                   output->format == OUTPUT_JSONL;
    if (as_json) {
        struct buf out;
        cJSON *envelope = cJSON_CreateObject();
        cJSON *error = cJSON_AddObjectToObject(envelope, "error");
        buf_init(&out, 0);
        cJSON_AddStringToObject(error, "code", code);
        cJSON_AddStringToObject(error, "message", message);
        if (did_you_mean != NULL)
            cJSON_AddStringToObject(error, "did_you_mean", did_you_mean);
        if (output->format == OUTPUT_PRETTY)
            json_print_pretty(&out, envelope, 0);
        else
            json_print(&out, envelope);
        buf_append_char(&out, '\n');
        flush(&out);
        cJSON_Delete(envelope);
    }
    if (!as_json || !output->format_asked) {
        fprintf(stderr, "ERROR %s: %s\n", code, message);
        if (did_you_mean != NULL)
            fprintf(stderr, "Did you mean '%s'?\n", did_you_mean);
    }
}
