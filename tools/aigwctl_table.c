/*
 * aigwctl_table.c - see aigwctl_table.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_table.h"

#include <stdlib.h>
#include <wchar.h>

enum { COLUMN_MIN = 6, GAP = 2 };

void
table_init(struct table *table, unsigned columns)
{
    *table = (struct table){.columns = columns};
    CHECK(columns > 0 && columns <= TABLE_COLUMNS_MAX);
}

void
table_fini(struct table *table)
{
    for (unsigned i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

/* Bytes of the next character, its width in *width. What is no character, or
 * moves the cursor, is one byte shown as '?'. */
static size_t
next_character(const char *text, size_t len, unsigned *width, bool *harmless)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t n = mbrtowc(&wide, text, len, &state);
    *harmless = false;
    *width = 1;
    if (n == 0 || n > len)
        return 1;
    int columns = wcwidth(wide);
    if (columns < 0)
        return n;
    *harmless = true;
    *width = (unsigned)columns;
    return n;
}

unsigned
text_width(const char *text)
{
    unsigned total = 0;
    for (size_t len = strlen(text); len > 0;) {
        unsigned width;
        bool harmless;
        size_t n = next_character(text, len, &width, &harmless);
        total += width;
        text += n;
        len -= n;
    }
    return total;
}

void
table_add(struct table *table, struct str text)
{
    struct buf clean;
    buf_init(&clean, 0);
    while (text.len > 0) {
        unsigned width;
        bool harmless;
        size_t n = next_character(text.ptr, text.len, &width, &harmless);
        buf_append_str(&clean, harmless ? str_make(text.ptr, n) : STR_LIT("?"));
        text = str_skip(text, n);
    }
    if (table->cell_count == table->cell_cap) {
        unsigned cap = table->cell_cap == 0 ? 64 : table->cell_cap * 2;
        char **cells = reallocarray(table->cells, cap, sizeof(*cells));
        CHECK(cells != NULL);
        table->cells = cells;
        table->cell_cap = cap;
    }
    char *cell = strdup(buf_cstr(&clean));
    CHECK(cell != NULL);
    table->cells[table->cell_count++] = cell;
    buf_fini(&clean);
}

static void
measure(const struct table *table, unsigned width, bool header,
        unsigned widths[TABLE_COLUMNS_MAX])
{
    unsigned total = GAP * (table->columns - 1);
    for (unsigned c = 0; c < table->columns; c++)
        widths[c] = 0;
    for (unsigned i = header ? 0 : table->columns; i < table->cell_count; i++) {
        unsigned columns = text_width(table->cells[i]);
        if (columns > widths[i % table->columns])
            widths[i % table->columns] = columns;
    }
    for (unsigned c = 0; c < table->columns; c++)
        total += widths[c];
    while (width != 0 && total > width) {
        unsigned widest = 0;
        for (unsigned c = 1; c < table->columns; c++)
            if (widths[c] > widths[widest])
                widest = c;
        if (widths[widest] <= COLUMN_MIN)
            return;
        widths[widest]--;
        total--;
    }
}

/* The cell in exactly `width` columns (the last one: without blanks behind). */
static void
print_cell(struct buf *out, const char *text, unsigned width, bool right,
           bool last)
{
    unsigned have = text_width(text), used = 0;
    if (right && have < width)
        buf_printf(out, "%*s", (int)(width - have), "");
    if (have <= width) {
        buf_append_cstr(out, text);
        if (!right && !last)
            buf_printf(out, "%*s", (int)(width - have), "");
        return;
    }
    size_t len = strlen(text);
    for (;;) {
        unsigned columns;
        bool harmless;
        size_t n = next_character(text, len, &columns, &harmless);
        if (used + columns > width - 1)
            break;
        buf_append(out, text, n);
        used += columns;
        text += n;
        len -= n;
    }
    buf_append_char(out, '~');
    if (!last)
        buf_printf(out, "%*s", (int)(width - 1 - used), "");
}

void
table_print(const struct table *table, unsigned width, bool header, bool bold,
            struct buf *out)
{
    unsigned widths[TABLE_COLUMNS_MAX];
    measure(table, width, header, widths);
    unsigned first = header ? 0 : table->columns;
    for (unsigned i = first; i + table->columns <= table->cell_count;
         i += table->columns) {
        bool is_bold = bold && i == 0;
        if (is_bold)
            buf_append_cstr(out, "\033[1m");
        for (unsigned c = 0; c < table->columns; c++) {
            if (c > 0)
                buf_printf(out, "%*s", GAP, "");
            print_cell(out, table->cells[i + c], widths[c], table->right[c],
                       c + 1 == table->columns);
        }
        buf_append_cstr(out, is_bold ? "\033[0m\n" : "\n");
    }
}
