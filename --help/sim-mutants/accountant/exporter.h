/*
 * exporter.h - [server] export_interval: a whole export of the ledger into
 * data_dir/export on a query thread; the newest export_keep of them stay. The
 * loop and the flushes go on meanwhile.
 *
 * Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_EXPORTER_H
#define AIGW_ACCOUNTANT_EXPORTER_H

#include "accountant/ledger/ledger_export.h"
#include "accountant/ledger_thread.h"

struct store;

struct exporter {
    struct ledger_job job;
    struct store *store;
    uint64_t due_ms; /* monotonic; 0: not decided yet */
    bool running;
    /* What status and metrics show. */
    int64_t last_ms; /* wall: newest whole export; 0 none known */
    uint64_t failures;
    /* between query thread and loop */
    unsigned keep;
    int result;
    int64_t found_ms;
    struct ledger_export_info info;
};

void exporter_init(struct exporter *exporter, struct store *store);
/* From the tick, once the store is restored. */
void exporter_tick(struct exporter *exporter, uint64_t now_ms);

#endif
