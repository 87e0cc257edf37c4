/*
 * ini.h - reads aigw.ini: sections, options, includes, secrets.
 *
 * Grammar: `[section]` or `[type.name]` (the type ends at the first dot, the
 * name at the last `]`), `name = value`, comments `;` and `#` at line start,
 * `include = GLOB` relative to the file. In a value `${ENV}` is replaced, and a
 * value that begins with `file:PATH` or `cred:NAME` is the content of that
 * file (without the last newline; cred: below $CREDENTIALS_DIRECTORY).
 * Every error names file and line. Lines up to 64 KiB.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_INI_H
#define AIGW_COMMON_INI_H

#include <stdbool.h>

#include "common/buf.h"

struct ini_entry {
    const char *file; /* for messages */
    int line;
    const char *section; /* "server", "provider" */
    const char *name;    /* part after the first dot, "" without one */
    const char *option;  /* NULL: the section header itself */
    const char *value;   /* expanded */
    bool secret_source;  /* value came from file:, cred: or ${} */
};

/* Returns 0 to go on; anything else stops the reading with that code. The
 * callback has written "file:line: reason" into `error` itself. */
typedef int (*ini_callback)(const struct ini_entry *entry, void *context,
                            struct buf *error);

/* ini_read_file - 0, or -errno with a full "file:line: reason" in `error`. */
int ini_read_file(const char *path, ini_callback callback, void *context,
                  struct buf *error) MUST_CHECK;
/* ini_read_text - same for a text in memory; no expansion, no includes: what
 * config_serialize() wrote. */
int ini_read_text(struct str text, const char *name, ini_callback callback,
                  void *context, struct buf *error) MUST_CHECK;

#endif
