/*
 * aigwctl_report.h - what usage and logs share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGWCTL_REPORT_H
#define AIGW_TOOLS_AIGWCTL_REPORT_H

#include "tools/aigwctl.h"
#include "tools/aigwctl_policy.h"

/* --since, --from and --to as parameters; false: the error was printed. */
bool query_time_span(struct ctl *ctl, struct buf *path) MUST_CHECK;
/* The key that a word or --key names, or NULL. */
const char *ref_argument(const struct arguments *args);

#endif
