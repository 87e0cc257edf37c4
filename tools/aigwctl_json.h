/*
 * aigwctl_json.h - JSON values printed: whole numbers as such, amounts without
 * exponents, no locale. For scripts and for people.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_JSON_H
#define AIGW_TOOLS_AIGWCTL_JSON_H

#include <cjson/cJSON.h>

#include "common/buf.h"

/* One line. */
void json_print(struct buf *out, const cJSON *value);
/* Indented by two blanks a level. */
void json_print_pretty(struct buf *out, const cJSON *value, int level);
/* As text for a cell: strings bare, null "", containers as JSON. */
void json_print_cell(struct buf *out, const cJSON *value);
/* "quotas.0.limit"; NULL when it is not there. */
const cJSON *json_at_path(const cJSON *value, const char *path);

/* Members of an object, for reading: "" or 0 where absent or of another type. */
const char *json_text(const cJSON *object, const char *name);
double json_number(const cJSON *object, const char *name);
/* A copy of `from`'s member under another name; nothing when it is absent. */
void json_copy(cJSON *to, const char *to_name, const cJSON *from,
               const char *from_name);

#endif
