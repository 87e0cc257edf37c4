/*
 * log_select.h - which rows of the log a body means: the group, the profile, the
 * time, and conditions on the fields of a row.
 *
 *     {"from", "to", "group", "gateway", "text",
 *      "where": [{"field": "cost", "operator": "gt", "values": [0.5]}]}
 *
 * Several conditions: all of them; several values: any of them (with "neq":
 * none). Conditions are looked at while rows are scanned, beside LevelDB, so
 * they read nothing but the selection and the row.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_LOG_SELECT_H
#define AIGW_ACCOUNTANT_ADMIN_LOG_SELECT_H

#include "accountant/admin/call.h"

#define LOG_SELECT_MEMBERS "from to group gateway text where"

/* Where a PATCH keeps them among a row's metadata: names that begin so are
 * reserved. */
#define LOG_FEEDBACK_TAG "cf.feedback"
#define LOG_SCORE_TAG    "cf.score"

enum { LOG_CONDITIONS_MAX = 24, LOG_VALUES_MAX = 32 };

enum log_field {
    LOG_REQUEST_ID,
    LOG_TIME,
    LOG_PROVIDER,
    LOG_MODEL,
    LOG_SUCCESS,
    LOG_CACHED,
    LOG_STREAM,
    LOG_STATUS,
    LOG_COST,
    LOG_TOKENS,
    LOG_TOKENS_IN,
    LOG_TOKENS_OUT,
    LOG_DURATION,
    LOG_METADATA_KEY,
    LOG_METADATA_VALUE,
    LOG_FEEDBACK, /* of a PATCH; NAN where there is none */
    LOG_SCORE,
    LOG_FIELDS
};

struct log_condition {
    enum log_field field;
    uint32_t op; /* log_operator */
    unsigned count;
    struct {
        const char *text;
        double number;
    } values[LOG_VALUES_MAX];
};

/* Texts are of the body, which the call keeps. */
struct log_select {
    struct ledger_row_filter filter;
    unsigned count;
    struct log_condition conditions[LOG_CONDITIONS_MAX];
};

/* The members above of call->body. False: call->error is set. */
bool log_select_read(struct call *call, struct log_select *select) MUST_CHECK;
/* What the filter alone does not say. Any thread. */
bool log_select_takes(const struct log_select *select,
                      const struct ledger_row *row);

/* The words of the fields, and a field of a row to sort and count by: numbers as
 * such, yes as 1. Texts have none. */
extern const struct word log_fields[];
double log_field_number(const struct ledger_row *row, enum log_field field);
/* NULL: it is a number. */
const char *log_field_text(const struct ledger_row *row, enum log_field field);
uint64_t log_tokens_in(const struct ledger_row *row);
uint64_t log_tokens_out(const struct ledger_row *row);

#endif
