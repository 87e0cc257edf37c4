/*
 * threads.c - ledger_thread.h over strands: one that writes, one that answers
 * queries; and the epoll that the accountant's real loop waits with. A
 * finished job is an event of one descriptor, as it is with real threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "accountant/ledger_thread.h"
#include "common/clock.h"
#include "tests/sim/sim.h"
#include "tests/sim/world.h"

struct job_queue {
    struct ledger_job *first, **end;
};

struct ledger_threads {
    struct loop *loop;
    struct loop_source source;
    struct process *process;
    struct job_queue writes, reads, finished;
    bool give_up;
    struct ledger_health health;
};

enum { EPOLL_FD = 901, EVENT_FD = 902, WAKE_FD = 903 };

/* One accountant lives at a time. */
static struct epoll_event registered;
static bool event_waits;

/* ---- epoll ---- */

int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int fd, int op, int target, struct epoll_event *event);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int wait_ms);
int __real_close(int fd);
int __wrap_close(int fd);

int
__wrap_epoll_create1(int flags)
{
    (void)flags;
    event_waits = false;
    return EPOLL_FD;
}

int
__wrap_epoll_ctl(int fd, int op, int target, struct epoll_event *event)
{
    (void)fd;
    (void)target;
    if (op == EPOLL_CTL_ADD)
        registered = *event;
    return 0;
}

int
__wrap_epoll_wait(int fd, struct epoll_event *events, int max, int wait_ms)
{
    (void)fd;
    (void)max;
    if (!event_waits && wait_ms != 0)
        sim_wait_until(wait_ms < 0
                           ? SIM_FOREVER
                           : sim_clock.mono_ns + (uint64_t)wait_ms * 1000000);
    else
        sim_point();
    if (!event_waits)
        return 0;
    event_waits = false;
    events[0] = registered;
    return 1;
}

int
__wrap_close(int fd)
{
    return fd > 900 ? 0 : __real_close(fd);
}

static void
wake_loop(struct ledger_threads *threads)
{
    event_waits = true;
    process_signal(threads->process);
}

/* ---- queues ---- */

static void
queue_put(struct job_queue *queue, struct ledger_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct ledger_job *
queue_take(struct job_queue *queue)
{
    struct ledger_job *job = queue->first;
    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->end = &queue->first;
    return job;
}

static void
serve(struct ledger_threads *threads, struct job_queue *queue)
{
    for (;;) {
        struct ledger_job *job = queue_take(queue);
        if (job == NULL) {
            sim_wait_until(SIM_FOREVER);
            continue;
        }
        sim_point();
        job->run(job);
        sim_point();
        queue_put(&threads->finished, job);
        wake_loop(threads);
    }
}

static void
writer_main(void *context)
{
    struct ledger_threads *threads = context;
    serve(threads, &threads->writes);
}

static void
query_main(void *context)
{
    struct ledger_threads *threads = context;
    serve(threads, &threads->reads);
}

static void
on_event(struct loop_source *source, uint32_t events)
{
    struct ledger_threads *threads =
        (struct ledger_threads *)((char *)source -
                                  offsetof(struct ledger_threads, source));
    (void)events;
    struct ledger_job *job = queue_take(&threads->finished);
    for (; job != NULL; job = queue_take(&threads->finished))
        job->done(job);
}

struct ledger_threads *
ledger_threads_create(struct loop *loop)
{
    struct ledger_threads *threads = calloc(1, sizeof(*threads));
    threads->loop = loop;
    threads->process = sim_self;
    threads->writes.end = &threads->writes.first;
    threads->reads.end = &threads->reads.first;
    threads->finished.end = &threads->finished.first;
    threads->source = (struct loop_source){.fd = EVENT_FD, .ready = on_event};
    if (loop_add(loop, &threads->source, EPOLLIN) < 0)
        return NULL;
    process_add_strand(sim_self, writer_main, threads);
    process_add_strand(sim_self, query_main, threads);
    return threads;
}

void
ledger_threads_write(struct ledger_threads *threads, struct ledger_job *job)
{
    queue_put(&threads->writes, job);
    process_signal(threads->process);
}

void
ledger_threads_query(struct ledger_threads *threads, struct ledger_job *job)
{
    queue_put(&threads->reads, job);
    process_signal(threads->process);
}

void
ledger_threads_query_long(struct ledger_threads *threads,
                          struct ledger_job *job)
{
    ledger_threads_query(threads, job);
}

void
ledger_threads_give_up(struct ledger_threads *threads)
{
    threads->give_up = true;
    process_signal(threads->process);
}

/* A simulated accountant leaves without taking its house down. */
void
ledger_threads_destroy(struct ledger_threads **pointer)
{
    *pointer = NULL;
}

void
ledger_threads_health(struct ledger_threads *threads,
                      struct ledger_health *health)
{
    *health = threads->health;
}

bool
ledger_threads_pause(struct ledger_threads *threads, unsigned ms)
{
    uint64_t until_ns = sim_clock.mono_ns + (uint64_t)ms * 1000000;
    while (!threads->give_up && sim_clock.mono_ns < until_ns)
        sim_wait_until(until_ns);
    return !threads->give_up;
}

void
ledger_threads_report(struct ledger_threads *threads, const char *error)
{
    struct ledger_health *health = &threads->health;
    if (error == NULL) {
        health->failed = false;
        health->text[0] = '\0';
    } else {
        if (!health->failed)
            health->since_ms = clock_mono_ms();
        health->failed = true;
        health->errors++;
        snprintf(health->text, sizeof(health->text), "%s", error);
    }
    wake_loop(threads);
}
