/*
 * console_files.h - the console's files, as they stand in the program. The
 * source of the table is made by build.sh: of what esbuild bundled, or empty
 * when the program is built without the console.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_CONSOLE_CONSOLE_FILES_H
#define AIGW_ACCOUNTANT_CONSOLE_CONSOLE_FILES_H

#include <stddef.h>

struct console_file {
    const char *name; /* below /console/; the page itself is "" */
    const char *type;
    const char *hash;          /* of its bytes: hexadecimal, for the ETag */
    const unsigned char *gzip; /* RFC 1952 */
    size_t gzip_bytes;
    size_t bytes; /* inflated */
};

/* The page is the first one. */
extern const struct console_file console_files[];
extern const unsigned console_file_count; /* 0: built without */

#endif
