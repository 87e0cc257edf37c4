/*
 * ledger_thread.c - see ledger_thread.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

enum { QUERY_THREADS = 3, LONG_NICE = 10 };

struct job_queue {
    struct ledger_job *first, **end;
};

struct ledger_threads {
    struct loop *loop;
    struct loop_source source;
    int event_fd;
    pthread_t writer, queries[QUERY_THREADS];
    unsigned started;     /* threads that live */
    pthread_mutex_t lock; /* all below */
    pthread_cond_t wake;
    struct job_queue writes, reads, long_reads, finished;
    bool give_up, quit;
    struct ledger_health health;
};

static void
queue_init(struct job_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

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
wake_loop(struct ledger_threads *threads)
{
    uint64_t one = 1;
    /* Can fail only when the counter is full: then the loop is awake. */
    if (write(threads->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        panic("eventfd: %s", strerror(errno));
}

static void
serve(struct ledger_threads *threads, struct job_queue *queue,
      struct job_queue *other)
{
    pthread_mutex_lock(&threads->lock);
    while (!threads->quit) {
        struct ledger_job *job = queue_take(queue);
        if (job == NULL && other != NULL)
            job = queue_take(other);
        if (job == NULL) {
            pthread_cond_wait(&threads->wake, &threads->lock);
            continue;
        }
        pthread_mutex_unlock(&threads->lock);
        job->run(job);
        pthread_mutex_lock(&threads->lock);
        queue_put(&threads->finished, job);
        wake_loop(threads);
    }
    pthread_mutex_unlock(&threads->lock);
}

static void *
writer_main(void *context)
{
    struct ledger_threads *threads = context;
    serve(threads, &threads->writes, NULL);
    return NULL;
}

static void *
short_main(void *context)
{
    struct ledger_threads *threads = context;
    serve(threads, &threads->reads, NULL);
    return NULL;
}

/* Linux sets it for the thread alone. Rings that fill up and clients that wait
 * come before reports. */
static void *
long_main(void *context)
{
    struct ledger_threads *threads = context;
    if (setpriority(PRIO_PROCESS, 0, LONG_NICE) < 0)
        log_warn("long queries do not give way to others: %s", strerror(errno));
    serve(threads, &threads->long_reads, &threads->reads);
    return NULL;
}

static void
on_event(struct loop_source *source, uint32_t events)
{
    struct ledger_threads *threads =
        (struct ledger_threads *)((char *)source -
                                  offsetof(struct ledger_threads, source));
    uint64_t count;
    (void)events;
    if (read(threads->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        panic("eventfd: %s", strerror(errno));
    for (;;) {
        pthread_mutex_lock(&threads->lock);
        struct ledger_job *job = queue_take(&threads->finished);
        pthread_mutex_unlock(&threads->lock);
        if (job == NULL)
            return;
        job->done(job);
    }
}

/* The threads take no signal: those are the loop's. */
static bool
start_threads(struct ledger_threads *threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good =
        pthread_create(&threads->writer, NULL, writer_main, threads) == 0;
    threads->started = good ? 1 : 0;
    for (int i = 0; i < QUERY_THREADS && good; i++) {
        good = pthread_create(&threads->queries[i], NULL,
                              i == 0 ? short_main : long_main, threads) == 0;
        threads->started += good ? 1 : 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

struct ledger_threads *
ledger_threads_create(struct loop *loop)
{
    struct ledger_threads *threads = calloc(1, sizeof(*threads));
    pthread_condattr_t attributes;
    if (threads == NULL)
        return NULL;
    threads->loop = loop;
    pthread_mutex_init(&threads->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&threads->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    queue_init(&threads->writes);
    queue_init(&threads->reads);
    queue_init(&threads->long_reads);
    queue_init(&threads->finished);
    threads->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    threads->source =
        (struct loop_source){.fd = threads->event_fd, .ready = on_event};
    if (threads->event_fd < 0 ||
        loop_add(loop, &threads->source, EPOLLIN) < 0 ||
        !start_threads(threads))
        ledger_threads_destroy(&threads);
    return threads;
}

static void
submit(struct ledger_threads *threads, struct job_queue *queue,
       struct ledger_job *job)
{
    pthread_mutex_lock(&threads->lock);
    queue_put(queue, job);
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->lock);
}

void
ledger_threads_write(struct ledger_threads *threads, struct ledger_job *job)
{
    submit(threads, &threads->writes, job);
}

void
ledger_threads_query(struct ledger_threads *threads, struct ledger_job *job)
{
    submit(threads, &threads->reads, job);
}

void
ledger_threads_query_long(struct ledger_threads *threads,
                          struct ledger_job *job)
{
    submit(threads, &threads->long_reads, job);
}

void
ledger_threads_give_up(struct ledger_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    threads->give_up = true;
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->lock);
}

void
ledger_threads_destroy(struct ledger_threads **pointer)
{
    struct ledger_threads *threads = *pointer;
    if (threads == NULL)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->give_up = threads->quit = true;
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->lock);
    if (threads->started > 0)
        pthread_join(threads->writer, NULL);
    for (unsigned i = 1; i < threads->started; i++)
        pthread_join(threads->queries[i - 1], NULL);
    loop_remove(threads->loop, &threads->source);
    if (threads->event_fd >= 0)
        close(threads->event_fd);
    pthread_cond_destroy(&threads->wake);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
    *pointer = NULL;
}

void
ledger_threads_health(struct ledger_threads *threads,
                      struct ledger_health *health)
{
    pthread_mutex_lock(&threads->lock);
    *health = threads->health;
    pthread_mutex_unlock(&threads->lock);
}

bool
ledger_threads_pause(struct ledger_threads *threads, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    int rc = 0;
    pthread_mutex_lock(&threads->lock);
    while (!threads->give_up && rc == 0)
        rc = pthread_cond_timedwait(&threads->wake, &threads->lock, &until);
    bool go_on = !threads->give_up;
    pthread_mutex_unlock(&threads->lock);
    return go_on;
}

void
ledger_threads_report(struct ledger_threads *threads, const char *error)
{
    struct ledger_health *health = &threads->health;
    pthread_mutex_lock(&threads->lock);
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
    pthread_mutex_unlock(&threads->lock);
}
