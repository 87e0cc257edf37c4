/*
 * ini_part.h - private to ini*.c: files read whole, values expanded.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_INI_PART_H
#define AIGW_COMMON_INI_PART_H

#include <stdbool.h>

#include "common/buf.h"

enum { INI_FILE_BYTES = 16 << 20, INI_SECRET_BYTES = 64 << 10 };

/* Appends the file at `path` to `out`. 0, -EISDIR, -EMSGSIZE, -errno. */
int ini_read_whole(const char *path, struct buf *out) MUST_CHECK;

enum { INI_REASON_BYTES = 256 };

/*
 * ini_expand_value - replaces ${NAME}, then file:PATH or cred:NAME. False and
 * the reason why not (names of variables and files, never their content)
 * otherwise. `file` is the ini file, for relative paths.
 */
bool ini_expand_value(struct str raw, const char *file, struct buf *out,
                      bool *secret_source,
                      char reason[INI_REASON_BYTES]) MUST_CHECK;

/* Adds the line "file:line: reason" to `error`; line 0: without a line. */
void ini_fault(struct buf *error, const char *file, int line,
               const char *reason);

#endif
