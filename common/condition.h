/*
 * condition.h - conditions on what is known of a call, as JSON:
 *
 *   {"metadata.plan": "paid", "metadata.seats": {"$gte": 10, "$lt": 100}}
 *   {"$or": [{"headers.x-team": {"$in": ["a", "b"]}}, {"body.stream": true}]}
 *
 * All members must hold. Fields: metadata.NAME, headers.NAME, body.PATH (members,
 * with dots between). Tests: a value, or $eq $ne $gt $gte $lt $lte $in $nin
 * $exists. A number is compared as one with what looks like one; a field that is
 * not there is equal to null, and nothing else. $and, $or, $nor take lists, $not
 * an object. Source: wire.md 2.7 (elements of Cloudflare's dynamic routes).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CONDITION_H
#define AIGW_COMMON_CONDITION_H

#include <stdbool.h>

#include "common/buf.h"

enum {
    CONDITION_BYTES = 1024, /* of its text, with a NUL */
    CONDITION_VALUE_BYTES = 512,
    CONDITION_DEPTH = 4, /* of $and and the like in one another */
};

/* The value of a field, decoded, into `out`; its length, or -1: there is none, or
 * it is longer than that. */
typedef int (*condition_find)(void *context, struct str field,
                              char out[CONDITION_VALUE_BYTES]);

/* Whether it is one; else with a reason. */
bool condition_check(struct str text, struct buf *reason) MUST_CHECK;
/* Of a text that was checked. */
bool condition_holds(struct str text, condition_find find, void *context);
/* Whether it names a field that a call may have. */
bool condition_is_field(struct str name);

#endif
