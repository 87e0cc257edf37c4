/*
 * aigwctl_grid.h - rows of text as a table: columns aligned by what the
 * characters take on a screen (wcwidth), control characters made harmless.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_GRID_H
#define AIGW_TOOLS_AIGWCTL_GRID_H

#include "common/buf.h"

enum { GRID_COLUMNS_MAX = 32 };

struct grid {
    unsigned columns, cell_count, cell_cap;
    char **cells; /* owned texts; the first row is the header */
    bool right[GRID_COLUMNS_MAX];
    unsigned *kept; /* widths of earlier parts, kept up to date; or NULL */
};

void grid_init(struct grid *grid, unsigned columns);
void grid_fini(struct grid *grid);
/* Copies `text`, control characters replaced. Row after row. */
void grid_add(struct grid *grid, struct str text);
/* width 0: nothing is cut; else the widest columns are cut to fit. `bold`:
 * escapes around the header. */
void grid_print(const struct grid *grid, unsigned width, bool header, bool bold,
                struct buf *out);

/* Columns on a screen of a UTF-8 text (by the locale's character set). */
unsigned text_width(const char *text);

#endif
