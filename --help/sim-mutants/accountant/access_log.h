/*
 * access_log.h - [log] access: one JSON line per request, from the records, so
 * that a line is there for every request that was booked.
 *
 * The ledger thread writes, after the flush is durable; opening again and a new
 * path are asked for from the loop thread and happen before the next line.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ACCESS_LOG_H
#define AIGW_ACCOUNTANT_ACCESS_LOG_H

#include <pthread.h>

#include "accountant/ledger/ledger.h"

struct access_log {
    int fd; /* -1: off */
    struct buf lines;
    pthread_mutex_t lock; /* the two below */
    char path[512];       /* "": off */
    bool open_again;
};

void access_log_init(struct access_log *log);
void access_log_fini(struct access_log *log);

/* Loop thread. NULL, "" or "off": none. */
void access_log_configure(struct access_log *log, const char *path);
void access_log_reopen(struct access_log *log);

/*
 * Ledger thread. begin: forgets lines that were not written; false: it is off.
 * add: while the rows are made. write: after they are durable.
 */
bool access_log_begin(struct access_log *log);
void access_log_add(struct access_log *log, const struct ledger_row *row);
void access_log_write(struct access_log *log);

#endif
