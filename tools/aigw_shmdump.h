/*
 * aigw_shmdump.h - what the files of the dump tool share: a writer that prints
 * the same rows as a table or as JSON, and the sections.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGW_SHMDUMP_H
#define AIGW_TOOLS_AIGW_SHMDUMP_H

#include <stdbool.h>

#include "common/json_write.h"
#include "shm/segment.h"

/* ---- rows (aigw_shmdump_rows.c) ---- */

enum { DUMP_CELL_BYTES = 160 };

/* One row is fields in order; the first row of a section gives the columns. */
struct dump {
    bool json;
    struct buf out;
    struct json_writer writer;
    struct buf cells; /* text form: NUL-terminated cells of all rows */
    unsigned columns, rows, at;
    const char *names[32];
    unsigned widths[32];
};

void dump_init(struct dump *dump, bool json);
void dump_fini(struct dump *dump);
/* A section is a list of rows under a name. */
void dump_section(struct dump *dump, const char *name);
void dump_row(struct dump *dump); /* begins a row */
void dump_u64(struct dump *dump, const char *name, uint64_t value);
void dump_i64(struct dump *dump, const char *name, int64_t value);
void dump_text(struct dump *dump, const char *name, const char *text);
/* INT64_MAX is "-" (null): no limit. */
void dump_limit(struct dump *dump, const char *name, int64_t value);
void dump_section_end(struct dump *dump);
/* Everything so far to standard output. */
int dump_flush(struct dump *dump) MUST_CHECK;

/* ---- sections (aigw_shmdump_sections.c) ---- */

struct dump_part {
    const char *name, *text;
    void (*print)(struct dump *dump, const struct segment *segment);
};
/* aigw_shmdump_cache.c */
void print_cache(struct dump *dump, const struct segment *segment);
void print_blocks(struct dump *dump, const struct segment *segment);
extern const struct dump_part dump_parts[]; /* ends with a NULL name */
/* aigw_shmdump_endpoints.c */
void dump_endpoints(struct dump *dump, const struct segment *segment);

#endif
