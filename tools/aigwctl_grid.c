/*
 * aigwctl_grid.c - see aigwctl_grid.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_grid.h"

#include <stdlib.h>
#include <wchar.h>

enum { COLUMN_MIN = 6, GAP = 2 };

void
grid_init(struct grid *grid, unsigned columns)
{
    *grid = (struct grid){.columns = columns};
    CHECK(columns > 0 && columns <= GRID_COLUMNS_MAX);
}

void
grid_fini(struct grid *grid)
{
    for (unsigned i = 0; i < grid->cell_count; i++)
        free(grid->cells[i]);
    free(grid->cells);
    *grid = (struct grid){0};
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
grid_add(struct grid *grid, struct str text)
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
    if (grid->cell_count == grid->cell_cap) {
        unsigned cap = grid->cell_cap == 0 ? 64 : grid->cell_cap * 2;
        char **cells = reallocarray(grid->cells, cap, sizeof(*cells));
        CHECK(cells != NULL);
        grid->cells = cells;
        grid->cell_cap = cap;
    }
    char *cell = strdup(buf_cstr(&clean));
    CHECK(cell != NULL);
    grid->cells[grid->cell_count++] = cell;
    buf_fini(&clean);
}

static void
measure(const struct grid *grid, unsigned width, bool header,
        unsigned widths[GRID_COLUMNS_MAX])
{
    unsigned total = GAP * (grid->columns - 1);
    for (unsigned c = 0; c < grid->columns; c++)
        widths[c] = grid->kept == NULL ? 0 : grid->kept[c];
    for (unsigned i = header ? 0 : grid->columns; i < grid->cell_count; i++) {
        unsigned columns = text_width(grid->cells[i]);
        if (columns > widths[i % grid->columns])
            widths[i % grid->columns] = columns;
    }
    for (unsigned c = 0; c < grid->columns; c++) {
        total += widths[c];
        if (grid->kept != NULL)
            grid->kept[c] = widths[c];
    }
    while (width != 0 && total > width) {
        unsigned widest = 0;
        for (unsigned c = 1; c < grid->columns; c++)
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
grid_print(const struct grid *grid, unsigned width, bool header, bool bold,
           struct buf *out)
{
    unsigned widths[GRID_COLUMNS_MAX];
    measure(grid, width, header, widths);
    unsigned first = header ? 0 : grid->columns;
    for (unsigned i = first; i + grid->columns <= grid->cell_count;
         i += grid->columns) {
        bool is_bold = bold && i == 0;
        if (is_bold)
            buf_append_cstr(out, "\033[1m");
        for (unsigned c = 0; c < grid->columns; c++) {
            if (c > 0)
                buf_printf(out, "%*s", GAP, "");
            print_cell(out, grid->cells[i + c], widths[c], grid->right[c],
                       c + 1 == grid->columns);
        }
        buf_append_cstr(out, is_bold ? "\033[0m\n" : "\n");
    }
}
