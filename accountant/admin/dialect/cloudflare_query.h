/*
 * cloudflare_query.h - the query of Cloudflare's logs as a native selection.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_QUERY_H
#define AIGW_ACCOUNTANT_ADMIN_DIALECT_CLOUDFLARE_QUERY_H

#include "accountant/admin/dialect/cloudflare.h"

/*
 * cloudflare_log_query - the body of /admin/v1/logs/search: filters dotted or as
 * JSON, the deprecated parameters, search and order. *never: a filter that no row
 * here passes. NULL: answered.
 */
cJSON *cloudflare_log_query(struct visit *visit, bool *never) MUST_CHECK;
bool cloudflare_log_wants_info(const struct visit *visit);
/* result_info with the least and the most of what is selected. */
cJSON *cloudflare_log_info(const cJSON *answer);
/* Of a native row: its endpoint's path; whether it ended well. */
const char *cloudflare_log_path(const cJSON *row);
bool cloudflare_log_is_good(const cJSON *row);

#endif
