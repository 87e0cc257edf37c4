/*
 * aigwctl_output.h - what is printed: data in six forms on standard output,
 * errors on standard error (as JSON on standard output where JSON is wanted).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_OUTPUT_H
#define AIGW_TOOLS_AIGWCTL_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "common/buf.h"
#include "tools/aigwctl_grid.h"

enum output_format {
    OUTPUT_TABLE,
    OUTPUT_JSON,
    OUTPUT_JSONL,
    OUTPUT_CSV,
    OUTPUT_PRETTY,
    OUTPUT_TEXT,
};

struct output {
    enum output_format format;
    bool format_asked; /* by flag or environment, not by what stdout is */
    bool no_header, tty, color;
    unsigned width;    /* of the terminal; 0 unknown or none */
    const char *field; /* --field, or NULL */
    uint64_t started_ms;
    /* Rows that come in several parts: logs --follow. */
    bool header_printed;
    unsigned widths[GRID_COLUMNS_MAX];
};

/* A column of the table form; other forms show all members. */
struct output_column {
    const char *header, *path; /* header NULL ends the list */
    bool right;
};

/* 0, or -EINVAL: no such format (the sentence is in `error`). */
int output_init(struct output *output, const char *format, const char *field,
                bool no_header, struct buf *error) MUST_CHECK;

/*
 * Both take `data` and return an exit status: 1 when --field names nothing.
 * message: for people ("ai_message" of the envelope), or NULL. total: one more
 * member of the envelope, or NULL; taken.
 */
int output_rows(struct output *output, cJSON *data,
                const struct output_column *columns, const char *message,
                cJSON *total) MUST_CHECK;
int output_object(struct output *output, cJSON *data,
                  const char *message) MUST_CHECK;
/* One more part of rows that have no end: no envelope, JSON by lines. */
int output_part(struct output *output, const cJSON *rows,
                const struct output_column *columns) MUST_CHECK;

void output_error(const struct output *output, const char *code,
                  const char *message, const char *did_you_mean);

#endif
