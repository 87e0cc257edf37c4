/*
 * query.h - the query string of a management request: names and values with
 * their escapes decoded, each name once.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_QUERY_H
#define AIGW_ACCOUNTANT_ADMIN_QUERY_H

#include "accountant/admin/admin_error.h"
#include "common/str.h"

enum { QUERY_PARAMS_MAX = 24 };

struct query {
    char *text; /* owned; the names and values point into it */
    unsigned count;
    struct {
        const char *name, *value;
    } params[QUERY_PARAMS_MAX];
};

/* query_parse - true, or false with the error set; query_fini() in both cases.
 * `allowed`: names with single spaces between; others are refused by name. */
bool query_parse(struct query *query, struct str text, const char *allowed,
                 struct admin_error *error) MUST_CHECK;
void query_fini(struct query *query);

/* The value, or NULL when the parameter is absent or empty. */
const char *query_get(const struct query *query, const char *name);
/* Absent leaves *out as it is. False: not a number in [min, max]. */
bool query_u64(const struct query *query, const char *name, uint64_t min,
               uint64_t max, uint64_t *out,
               struct admin_error *error) MUST_CHECK;
/* RFC 3339, a date, or milliseconds since 1970. Absent leaves *out. */
bool query_time(const struct query *query, const char *name, int64_t *out_ms,
                struct admin_error *error) MUST_CHECK;

/* url_decode - %XX decoded in place of `out` (size bytes, NUL-terminated);
 * `plus`: "+" is a blank. The length, or -EINVAL (bad escape, NUL, room). */
int url_decode(struct str text, bool plus, char *out, size_t size) MUST_CHECK;

#endif
