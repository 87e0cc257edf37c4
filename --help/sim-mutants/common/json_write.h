/*
 * json_write.h - JSON written into a buf, commas and escapes kept right.
 *
 * The writer remembers only whether a comma is due, so misuse is possible and
 * cheap; out of memory shows in the buf. Strings may hold any bytes: control
 * bytes, quotes and backslashes are escaped, bytes that are no UTF-8 become
 * U+FFFD.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_JSON_WRITE_H
#define AIGW_COMMON_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct json_writer {
    struct buf *out;
    bool comma;
};

void json_writer_init(struct json_writer *writer, struct buf *out);
void json_object_begin(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array_begin(struct json_writer *writer);
void json_array_end(struct json_writer *writer);
/* A name of ours, which needs no escapes. */
void json_key(struct json_writer *writer, const char *name);
void json_key_str(struct json_writer *writer, struct str name);
void json_string(struct json_writer *writer, struct str text);
/* NULL: null */
void json_cstring(struct json_writer *writer, const char *text);
void json_u64(struct json_writer *writer, uint64_t n);
void json_i64(struct json_writer *writer, int64_t n);
void json_bool(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
void json_raw(struct json_writer *writer, struct str json); /* as it stands */
/* The same where it must stay in one line (events): line ends, which stand only
 * between tokens, become spaces. */
void json_raw_line(struct json_writer *writer, struct str json);
/* The inside of a JSON string as it stands, between quotes. */
void json_inside(struct json_writer *writer, struct str inside);
/* Nano-currency as a decimal number: 1500000000 -> 1.5 */
void json_money(struct json_writer *writer, int64_t nano);
/* Milliseconds since 1970 as an RFC 3339 string; 0 or less: null. */
void json_time(struct json_writer *writer, int64_t wall_ms);

/* Escapes `text` without quotes into out. */
void json_escape(struct buf *out, struct str text);

#endif
