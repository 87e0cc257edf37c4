/*
 * aiproxy_minute.h - what groups, tokens and models did in a minute: rows of the
 * native usage as aiproxy's metrics.
 *
 * The rows are kept in the order of one name or two: there may be as many as keys
 * are (USAGE_ROWS_MAX), and none is looked for among all of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_AIPROXY_MINUTE_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_AIPROXY_MINUTE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/check.h"

struct aiproxy_minute {
    struct aiproxy_minute_row {
        const char *name, *second; /* of `row`; "" absent */
        const cJSON *row;
    } * rows; /* owned; what they point to is the usage's */
    size_t count;
};

/* The rows of `usage` by their members `name` and `second` (NULL: by one); without
 * "data" there are none. False: no memory. */
bool aiproxy_minute_read(struct aiproxy_minute *minute, const cJSON *usage,
                         const char *name, const char *second) MUST_CHECK;
void aiproxy_minute_free(struct aiproxy_minute *minute);

/* The metric of all rows of these names; `second` "" where they are by one. */
cJSON *aiproxy_minute_of(const struct aiproxy_minute *minute, const char *name,
                         const char *second);
/* {NAME: metric} */
cJSON *aiproxy_minute_by_name(const struct aiproxy_minute *minute);
/* {NAME: {SECOND: metric}} */
cJSON *aiproxy_minute_by_both(const struct aiproxy_minute *minute);

#endif
