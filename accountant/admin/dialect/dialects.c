/*
 * dialects.c - the table of dialects, and whose a path is. One more is a row
 * here, an extern in dialect.h, and its prefixes in worker/request_path_rows.c,
 * by which workers hand its requests on.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/dialect.h"

/* Of prefixes of which one begins with another the longer comes first. */
static const struct dialect *const dialects[] = {
    &dialect_zenlayer, &dialect_clickzetta, &dialect_cloudflare,
    &dialect_sealos,   &dialect_aiproxy,
};

static bool
is_below(struct str path, struct str prefix)
{
    return str_starts_with(path, prefix) &&
           (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

const struct dialect *
dialect_of_path(struct str path)
{
    for (unsigned i = 0; i < ARRAY_LEN(dialects); i++)
        for (const char *const *p = dialects[i]->prefixes; *p != NULL; p++)
            if (is_below(path, str_from(*p)))
                return dialects[i];
    return NULL;
}

const struct dialect *
dialect_row(unsigned i)
{
    return i < ARRAY_LEN(dialects) ? dialects[i] : NULL;
}
