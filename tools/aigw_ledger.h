/*
 * aigw_ledger.h - the parts of the tool aigw-ledger.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TOOLS_AIGW_LEDGER_H
#define AIGW_TOOLS_AIGW_LEDGER_H

#include <stdio.h>

#include "common/buf.h"

struct ledger;

/* The command line. */
struct ledger_options {
    const char *config_path, *data_dir, *socket_path, *command;
    const char *args[2];
    int arg_count;
    bool json, rows;
    char own_data_dir[512], own_socket_path[512];
};

/* METHOD /admin/v1/ledger/REPORT over the accountant's unix socket. 0, or
 * -errno with a sentence; -ECONNREFUSED: nobody answers there (yet). */
int ledger_ask(const char *socket_path, const char *method, const char *report,
               struct buf *json, struct buf *error) MUST_CHECK;
/*
 * ledger_reach - the ledger itself where nothing runs (*ledger, to be closed),
 * else the running accountant's answer in `json` (*ledger NULL). 0 or -errno.
 */
int ledger_reach(const struct ledger_options *options, const char *method,
                 const char *report, struct ledger **ledger, struct buf *json,
                 struct buf *error) MUST_CHECK;

/* aigw_ledger_backup.c: exit statuses. */
int ledger_run_export(const struct ledger_options *options);
int ledger_run_check(const struct ledger_options *options);
int ledger_run_restore(const struct ledger_options *options);
int ledger_run_repair(const struct ledger_options *options);

/* The JSON of a report for people. 0, 1 when it says that something is wrong,
 * -EBADMSG when it is no such report. */
int ledger_print(const char *report, struct str json, FILE *out) MUST_CHECK;

#endif
