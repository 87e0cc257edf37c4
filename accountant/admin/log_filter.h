/*
 * log_filter.h - which rows of the log a query means: from, to, key, key_id,
 * group, model, provider, status, cause, refused_by, shadow, request_id, text,
 * metadata, order, cursor.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_LOG_FILTER_H
#define AIGW_ACCOUNTANT_ADMIN_LOG_FILTER_H

#include "accountant/admin/call.h"

#define LOG_FILTER_QUERY                                                       \
    "from to key key_id group model provider status cause request_id text "    \
    "metadata refused_by shadow order cursor"

/* All zero: nothing to free. Texts are of the call's query, or these. */
struct log_filter {
    struct ledger_row_filter filter;
    cJSON *metadata;
    char *tag_text;
};

/* False: call->error is set. */
bool log_filter_read(struct call *call, struct log_filter *filter) MUST_CHECK;
void log_filter_fini(struct log_filter *filter);

#endif
