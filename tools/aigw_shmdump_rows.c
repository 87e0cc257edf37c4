/*
 * aigw_shmdump_rows.c - rows as a table of aligned columns or as JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/aigw_shmdump.h"

void
dump_init(struct dump *dump, bool json)
{
    memset(dump, 0, sizeof(*dump));
    dump->json = json;
    buf_init(&dump->out, 0);
    buf_init(&dump->cells, 0);
    json_writer_init(&dump->writer, &dump->out);
    if (json)
        json_object_begin(&dump->writer);
}

void
dump_fini(struct dump *dump)
{
    buf_fini(&dump->out);
    buf_fini(&dump->cells);
}

void
dump_section(struct dump *dump, const char *name)
{
    dump->columns = dump->rows = dump->at = 0;
    buf_reset(&dump->cells);
    if (!dump->json)
        return;
    json_key(&dump->writer, name);
    json_array_begin(&dump->writer);
}

void
dump_row(struct dump *dump)
{
    if (dump->json && dump->rows > 0)
        json_object_end(&dump->writer);
    dump->rows++;
    dump->at = 0;
    if (dump->json)
        json_object_begin(&dump->writer);
}

/* Text of the segment is bytes that nobody has checked. */
static void
add_cell(struct dump *dump, const char *name, const char *text)
{
    unsigned at = dump->at++;
    CHECK(at < ARRAY_LEN(dump->names));
    if (dump->rows == 1) {
        dump->names[at] = name;
        dump->widths[at] = (unsigned)strlen(name);
        dump->columns = dump->at;
    }
    unsigned width = 0;
    for (; *text != '\0' && width < DUMP_CELL_BYTES; text++, width++) {
        unsigned char c = (unsigned char)*text;
        buf_append_char(&dump->cells, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
    buf_append_char(&dump->cells, '\0');
    if (width > dump->widths[at])
        dump->widths[at] = width;
}

void
dump_u64(struct dump *dump, const char *name, uint64_t value)
{
    char text[24];
    if (dump->json) {
        json_key(&dump->writer, name);
        json_u64(&dump->writer, value);
        return;
    }
    snprintf(text, sizeof(text), "%" PRIu64, value);
    add_cell(dump, name, text);
}

void
dump_i64(struct dump *dump, const char *name, int64_t value)
{
    char text[24];
    if (dump->json) {
        json_key(&dump->writer, name);
        json_i64(&dump->writer, value);
        return;
    }
    snprintf(text, sizeof(text), "%" PRId64, value);
    add_cell(dump, name, text);
}

void
dump_text(struct dump *dump, const char *name, const char *text)
{
    if (dump->json) {
        json_key(&dump->writer, name);
        json_cstring(&dump->writer, text);
        return;
    }
    add_cell(dump, name, text);
}

void
dump_limit(struct dump *dump, const char *name, int64_t value)
{
    if (value != INT64_MAX) {
        dump_i64(dump, name, value);
    } else if (dump->json) {
        json_key(&dump->writer, name);
        json_null(&dump->writer);
    } else {
        add_cell(dump, name, "-");
    }
}

static void
print_cell(struct dump *dump, unsigned at, const char *text)
{
    if (at + 1 == dump->columns)
        buf_printf(&dump->out, "%s\n", text);
    else
        buf_printf(&dump->out, "%-*s  ", (int)dump->widths[at], text);
}

static void
print_table(struct dump *dump)
{
    const char *cell = buf_ptr(&dump->cells);
    for (unsigned i = 0; i < dump->columns; i++)
        print_cell(dump, i, dump->names[i]);
    for (unsigned row = 0; row < dump->rows; row++)
        for (unsigned i = 0; i < dump->columns; i++) {
            print_cell(dump, i, cell);
            cell += strlen(cell) + 1;
        }
}

void
dump_section_end(struct dump *dump)
{
    if (dump->json) {
        if (dump->rows > 0)
            json_object_end(&dump->writer);
        json_array_end(&dump->writer);
    } else if (dump->rows > 0) {
        print_table(dump);
    } else {
        buf_append_cstr(&dump->out, "(none)\n");
    }
}

int
dump_flush(struct dump *dump)
{
    if (dump->json) {
        json_object_end(&dump->writer);
        buf_append_char(&dump->out, '\n');
    }
    if (!buf_ok(&dump->out) || !buf_ok(&dump->cells))
        return -ENOMEM;
    size_t n = fwrite(buf_ptr(&dump->out), 1, buf_len(&dump->out), stdout);
    return n == buf_len(&dump->out) && fflush(stdout) == 0 ? 0 : -EIO;
}
