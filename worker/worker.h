/*
 * worker.h - the data plane process: one event loop, no disk, no LevelDB.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_WORKER_H
#define AIGW_WORKER_WORKER_H

#include "common/heritage.h"
#include "common/net/loop.h"
#include "shm/catalogue.h"
#include "shm/column.h"

enum { WORKER_READ_BYTES = 64 * 1024 };

struct upstreams; /* exchange.c */

/* One per process; everything else hangs on it. */
struct worker {
    const struct heritage *heritage;
    const struct config *config;
    struct loop *loop;
    struct seat seat;
    struct catalogue *catalogue; /* the newest; requests hold references */
    struct upstreams *upstreams;
    bool draining;
    uint64_t body_bytes_held, body_bytes_max; /* this worker's share */
    uint32_t connection_count;
    uint64_t request_id_base[2]; /* random; the counter is added */
    uint64_t request_count;
    /* Shared by all reads of this process; content is valid until the callback
     * that was given it returns. */
    char read_buffer[WORKER_READ_BYTES];
};

/* worker_main - the role's entry: init in order, loop, drain. Exit status. */
int worker_main(const struct heritage *heritage);

/* The newest catalogue with a reference for the caller (loads a new generation
 * when the header's number changed: one acquire load otherwise). */
struct catalogue *worker_catalogue(struct worker *worker);

#endif
