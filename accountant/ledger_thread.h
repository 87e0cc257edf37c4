/*
 * ledger_thread.h - the threads that call LevelDB: one writes, three answer
 * queries. Jobs cross by queues under a mutex; an eventfd brings them back to
 * the loop. A job belongs to its thread from submit to done.
 *
 * Loop thread, except for the functions under "Jobs".
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_THREAD_H
#define AIGW_ACCOUNTANT_LEDGER_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/net/loop.h"

struct ledger_threads;

/* Embedded in its owner. */
struct ledger_job {
    void (*run)(struct ledger_job *job);  /* on a thread */
    void (*done)(struct ledger_job *job); /* on the loop; may free the job */
    struct ledger_job *next;
};

/* NULL: no memory, descriptors or threads. */
struct ledger_threads *ledger_threads_create(struct loop *loop);
/* In order, one at a time. */
void ledger_threads_write(struct ledger_threads *threads,
                          struct ledger_job *job);
/*
 * Beside each other, in any order. One thread takes only these, so that however
 * many long ones there are, a short one waits for short ones at most.
 */
void ledger_threads_query(struct ledger_threads *threads,
                          struct ledger_job *job);
/* That may take long, or has taken a turn already: two threads take these, and what
 * is short else. They give way to all others where the CPU is short. */
void ledger_threads_query_long(struct ledger_threads *threads,
                               struct ledger_job *job);
/* A job that waits for the disk to recover gives up (ledger_threads_pause says
 * false from now on). */
void ledger_threads_give_up(struct ledger_threads *threads);
/* Gives up, waits for the jobs that run, drops those that wait: their done()
 * is not called. */
void ledger_threads_destroy(struct ledger_threads **threads);

struct ledger_health {
    bool failed;
    uint64_t errors;   /* since the start */
    uint64_t since_ms; /* monotonic: of this failure */
    char text[256];
};
void ledger_threads_health(struct ledger_threads *threads,
                           struct ledger_health *health);

/* ---- Jobs (any thread) ---- */
/* Waits; false: give up. */
bool ledger_threads_pause(struct ledger_threads *threads, unsigned ms);
/* The ledger cannot write; wakes the loop. NULL: it can again. */
void ledger_threads_report(struct ledger_threads *threads, const char *error);

#endif
