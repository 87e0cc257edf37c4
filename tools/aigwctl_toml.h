/*
 * aigwctl_toml.h - one string more or less in a TOML file that other programs
 * and people write too: every byte that is not meant stays as it was, comments
 * and all. (https://toml.io/en/v1.0.0; values other than strings on one line are
 * passed over, never changed.) A path is the names of a table, {"llm", "mine"}
 * for [llm.mine]; of depth 0 it is the file's top.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_TOML_H
#define AIGW_TOOLS_AIGWCTL_TOML_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "common/buf.h"

enum { TOML_PARTS = 8, TOML_NAME_BYTES = 128 };

struct toml_path {
    unsigned depth;
    char parts[TOML_PARTS][TOML_NAME_BYTES];
};

struct toml_path toml_top(void);
struct toml_path toml_table(const char *table, const char *name);

/* The string of a key; false: there is none, or it is no string on one line. */
bool toml_get(struct str text, const struct toml_path *path, const char *key,
              struct buf *value) MUST_CHECK;
/* Sets it (value NULL: removes it), making the table if need be; `out` is the
 * new text. */
void toml_set(struct str text, const struct toml_path *path, const char *key,
              const char *value, struct buf *out);
/* Without the table and those below it. */
void toml_remove(struct str text, const struct toml_path *path,
                 struct buf *out);
/* Names of the tables [table.NAME], in the file's order; the caller's. */
cJSON *toml_names(struct str text, const char *table);
/* Whether everything of `table` stands in tables [table.NAME]: not as
 * table.NAME.key = ..., or NAME = {...}, which are not edited here. */
bool toml_is_plain(struct str text, const char *table);

#endif
