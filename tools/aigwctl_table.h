/*
 * aigwctl_table.h - rows of text as a table: columns aligned by what the
 * characters take on a screen (wcwidth), control characters made harmless.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_TABLE_H
#define AIGW_TOOLS_AIGWCTL_TABLE_H

#include "common/buf.h"

enum { TABLE_COLUMNS_MAX = 32 };

struct table {
    unsigned columns, cell_count, cell_cap;
    char **cells; /* owned texts; the first row is the header */
    bool right[TABLE_COLUMNS_MAX];
};

void table_init(struct table *table, unsigned columns);
void table_fini(struct table *table);
/* Copies `text`, control characters replaced. Row after row. */
void table_add(struct table *table, struct str text);
/* width 0: nothing is cut; else the widest columns are cut to fit. `bold`:
 * escapes around the header. */
void table_print(const struct table *table, unsigned width, bool header,
                 bool bold, struct buf *out);

/* Columns on a screen of a UTF-8 text (by the locale's character set). */
unsigned text_width(const char *text);

#endif
