/*
 * test_ledger_thread.c - queries that are long do not keep short ones waiting, and
 * give way to other threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "accountant/ledger_thread.h"
#include "common/clock.h"
#include "common/net/loop.h"
#include "tests/test.h"

enum { LONG_JOBS = 8, SHORT_JOBS = 100, LIMIT_MS = 30000 };

struct long_job {
    struct ledger_job job;
    int nice;
};

static struct loop *loop;
static struct ledger_threads *threads;
static _Atomic bool open_gate;
static _Atomic int waiting;
static int short_done, long_done, short_nice;
static struct long_job longs[LONG_JOBS];
static struct ledger_job shorts[SHORT_JOBS];

/* Until the test lets it, or for too long. */
static void
run_long(struct ledger_job *job)
{
    uint64_t end_ms = clock_mono_ms() + LIMIT_MS;
    ((struct long_job *)job)->nice = getpriority(PRIO_PROCESS, 0);
    atomic_fetch_add(&waiting, 1);
    while (!atomic_load(&open_gate) && clock_mono_ms() < end_ms)
        sched_yield();
}

static void
run_short(struct ledger_job *job)
{
    (void)job;
    if (getpriority(PRIO_PROCESS, 0) != 0)
        short_nice = getpriority(PRIO_PROCESS, 0);
}

static void
end_if_all(void)
{
    if (short_done == SHORT_JOBS)
        atomic_store(&open_gate, true);
    if (short_done == SHORT_JOBS && long_done == LONG_JOBS)
        loop_stop(loop);
}

static void
long_is_done(struct ledger_job *job)
{
    (void)job;
    CHECK_EQ(short_done, SHORT_JOBS); /* all that came later went before */
    long_done++;
    end_if_all();
}

static void
short_is_done(struct ledger_job *job)
{
    (void)job;
    short_done++;
    end_if_all();
}

TEST(short_queries_do_not_wait_for_long_ones)
{
    loop = loop_create();
    threads = ledger_threads_create(loop);
    CHECK_TRUE(threads != NULL);
    for (int i = 0; i < LONG_JOBS; i++) {
        longs[i].job =
            (struct ledger_job){.run = run_long, .done = long_is_done};
        ledger_threads_query_long(threads, &longs[i].job);
    }
    uint64_t end_ms = clock_mono_ms() + LIMIT_MS;
    while (atomic_load(&waiting) < 2 && clock_mono_ms() < end_ms)
        sched_yield();
    CHECK_EQ(atomic_load(&waiting), 2); /* both threads are held */
    for (int i = 0; i < SHORT_JOBS; i++) {
        shorts[i] =
            (struct ledger_job){.run = run_short, .done = short_is_done};
        ledger_threads_query(threads, &shorts[i]);
    }
    loop_run(loop);
    CHECK_EQ(long_done, LONG_JOBS);
    CHECK_EQ(short_nice, 0);
    for (int i = 0; i < LONG_JOBS; i++)
        CHECK_TRUE(longs[i].nice > getpriority(PRIO_PROCESS, 0));
    ledger_threads_destroy(&threads);
    loop_destroy(&loop);
}
