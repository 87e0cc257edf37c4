/*
 * audit.h - one row of the audit log: who did what to which object, from where,
 * and what came of it. Names of changed members, never their values.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_AUDIT_H
#define AIGW_ACCOUNTANT_ADMIN_AUDIT_H

#include "accountant/admin/access.h"
#include "accountant/admin/call.h"
#include "common/buf.h"

enum {
    AUDIT_NAME_BYTES = 8 + 4, /* of a note: ms, serial */
    AUDIT_OBJECT_BYTES = 160,
    AUDIT_FIELDS_BYTES = 400,
};

struct audit_row {
    int64_t at_ms;
    uint32_t serial; /* of rows of one millisecond */
    uint64_t member_id;
    char member[MEMBER_NAME_BYTES];
    char from[ACCESS_FROM_BYTES];
    char operation[40];
    char outcome[40]; /* "ok" or the error's code */
    uint64_t object_id, group_id;
    char object[AUDIT_OBJECT_BYTES];
    char fields[AUDIT_FIELDS_BYTES]; /* names, blanks between */
};

/* From a call that is about to run: all but time, serial and outcome. */
void audit_row_of(const struct call *call, const struct operation *operation,
                  struct audit_row *row);
void audit_row_encode(const struct audit_row *row, struct buf *out);
void audit_row_name(const struct audit_row *row, char out[AUDIT_NAME_BYTES]);
/* 0 or -EBADMSG. */
int audit_row_decode(struct str name, struct str value,
                     struct audit_row *row) MUST_CHECK;

#endif
