/*
 * aigw_ledger.h - the parts of the tool aigw-ledger.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGW_LEDGER_H
#define AIGW_TOOLS_AIGW_LEDGER_H

#include <stdio.h>

#include "common/buf.h"

/* GET /admin/v1/ledger/REPORT over the accountant's unix socket. 0, or -errno
 * with a sentence; -ECONNREFUSED: nobody answers there (yet). */
int ledger_ask(const char *socket_path, const char *report, struct buf *json,
               struct buf *error) MUST_CHECK;

/* The JSON of a report for people. 0, 1 when it says that something is wrong,
 * -EBADMSG when it is no such report. */
int ledger_print(const char *report, struct str json, FILE *out) MUST_CHECK;

#endif
