/*
 * cache_flight.c - of equal calls at a time one goes to the provider, the others
 * wait for its answer: within one worker, for a bounded time.
 *
 *   leader ends, answer stored      -> all look it up
 *   ends otherwise                  -> the first that waits leads, the others
 *                                      wait for it
 *   answer can never be stored      -> all go on by themselves
 *   cache_wait has passed           -> who has waited so long goes on by itself
 *
 * Their turn comes at the end of a turn of the loop, some at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/cache.h"

#include <stdlib.h>

#include "worker/error_reply.h"
#include "worker/request.h"

enum {
    TICK_MS = 50,    /* between two looks for who has waited too long */
    TURN_CALLS = 64, /* that go on in one turn */
};

/* ---- queues ---- */

static void
enqueue(struct cache_queue *queue, struct request *request)
{
    struct cache_call *call = &request->cache;
    call->queue = queue;
    call->next = NULL;
    call->prev = queue->last;
    if (queue->last != NULL)
        queue->last->cache.next = request;
    else
        queue->first = request;
    queue->last = request;
}

static void
dequeue(struct request *request)
{
    struct cache_call *call = &request->cache;
    if (call->prev != NULL)
        call->prev->cache.next = call->next;
    else
        call->queue->first = call->next;
    if (call->next != NULL)
        call->next->cache.prev = call->prev;
    else
        call->queue->last = call->prev;
    call->queue = NULL;
}

/* Its turn has come. */
static void
make_ready(struct request *request)
{
    struct cache_worker *cache = &request->worker->cache;
    dequeue(request);
    enqueue(&cache->ready, request);
    loop_defer(request->worker->loop, &cache->wake);
}

/* ---- who leads ---- */

static struct request **
leaders_of(const struct request *request)
{
    struct cache_worker *cache = &request->worker->cache;
    return &cache->leaders[request->cache.key.hash[0] % CACHE_LEADERS];
}

static void
lead(struct request *request)
{
    struct request **list = leaders_of(request);
    request->cache.leads = true;
    request->cache.next_leader = *list;
    *list = request;
}

static void
step_down(struct request *request)
{
    struct request **at = leaders_of(request);
    while (*at != request)
        at = &(*at)->cache.next_leader;
    *at = request->cache.next_leader;
    request->cache.leads = false;
}

static bool
is_equal(const struct request *a, const struct request *b)
{
    const uint64_t *one = a->cache.key.hash, *other = b->cache.key.hash;
    return one[0] == other[0] && one[1] == other[1];
}

static struct request *
find_leader(const struct request *request)
{
    struct request *leader = *leaders_of(request);
    while (leader != NULL && !is_equal(leader, request))
        leader = leader->cache.next_leader;
    return leader;
}

bool
cache_flight_join(struct request *request, bool may_wait)
{
    struct worker *worker = request->worker;
    struct cache_worker *cache = &worker->cache;
    uint64_t wait_ms = worker->config->server.cache_wait_ms;
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct request *leader = find_leader(request);
    if (leader == NULL) {
        lead(request);
        return false;
    }
    if (!may_wait || wait_ms == 0 || worker->stopping)
        return false;
    if (leader->cache.waiting == NULL) {
        leader->cache.waiting = calloc(1, sizeof(*leader->cache.waiting));
        if (leader->cache.waiting == NULL)
            return false;
    }
    if (request->cache.give_up_ms == 0) {
        request->cache.give_up_ms = now_ms + wait_ms;
        answer_cache_count(&cache->writer, ANSWER_COUNT_waited, 1);
        request_enter(request, REQUEST_WAIT);
    }
    enqueue(leader->cache.waiting, request);
    if (cache->waiting_count++ == 0)
        loop_timer_set(worker->loop, &cache->tick, now_ms + TICK_MS);
    return true;
}

static void
leave(struct request *request)
{
    dequeue(request);
    request->worker->cache.waiting_count--;
}

static void
make_alone(struct request *request)
{
    request->cache.alone = true;
    make_ready(request);
}

void
cache_flight_release(struct request *request)
{
    struct cache_queue *waiting = request->cache.waiting;
    step_down(request);
    while (waiting != NULL && waiting->first != NULL)
        make_alone(waiting->first);
    free(waiting);
    request->cache.waiting = NULL;
}

/* The others find its answer stored, or the first of them leads and has their
 * queue: where all fail in their turns each is moved once. */
static void
end_flight(struct request *request)
{
    struct cache_queue *waiting = request->cache.waiting;
    step_down(request);
    request->cache.waiting = NULL;
    if (waiting != NULL && waiting->first != NULL && !request->cache.stored) {
        struct request *next = waiting->first;
        make_ready(next);
        lead(next);
        next->cache.waiting = waiting;
        return;
    }
    while (waiting != NULL && waiting->first != NULL)
        make_ready(waiting->first);
    free(waiting);
}

void
cache_done(struct request *request)
{
    if (request->cache.queue != NULL)
        leave(request);
    if (request->cache.leads)
        end_flight(request);
}

void
cache_cut(struct request *request)
{
    UNINITIALIZED struct fault fault;
    if (request->step == REQUEST_REPLAY) {
        client_abort(request->client);
        request->client = NULL;
        request_done(request);
        return;
    }
    fault_set_overloaded(&fault, "the gateway is stopping");
    request_fail(request, &fault);
}

/* ---- going on ---- */

/* Time has passed: the key may have been taken away meanwhile. */
static void
go_on(struct request *request)
{
    UNINITIALIZED struct fault fault;
    leave(request);
    if (auth_check_again(request, &fault) < 0) {
        request_fail(request, &fault);
        return;
    }
    if (!request->cache.leads) {
        if (cache_look_up(request, UINT64_MAX) == 0)
            return;
        if (!request->cache.alone && cache_flight_join(request, true))
            return;
    }
    request_go_on(request);
}

static void
on_wake(struct loop_deferred *deferred)
{
    struct cache_worker *cache = OWNER_OF(deferred, struct cache_worker, wake);
    struct worker *worker = OWNER_OF(cache, struct worker, cache);
    for (int i = 0; i < TURN_CALLS && cache->ready.first != NULL; i++)
        go_on(cache->ready.first);
    if (cache->ready.first != NULL)
        loop_defer(worker->loop, &cache->wake);
}

static void
on_tick(struct loop_timer *timer)
{
    struct cache_worker *cache = OWNER_OF(timer, struct cache_worker, tick);
    struct worker *worker = OWNER_OF(cache, struct worker, cache);
    uint64_t now_ms = loop_now_ms(worker->loop);
    for (int i = 0; i < CACHE_LEADERS; i++)
        for (struct request *leader = cache->leaders[i]; leader != NULL;
             leader = leader->cache.next_leader) {
            const struct cache_queue *waiting = leader->cache.waiting;
            while (waiting != NULL && waiting->first != NULL &&
                   waiting->first->cache.give_up_ms <= now_ms)
                make_alone(waiting->first);
        }
    if (cache->waiting_count > 0)
        loop_timer_set(worker->loop, timer, now_ms + TICK_MS);
}

/* ---- the worker ---- */

void
cache_worker_open(struct worker *worker)
{
    struct cache_worker *cache = &worker->cache;
    answer_writer_open(&cache->writer, worker->heritage->answer_cache,
                       &worker->seat);
    buf_init(&cache->copy, 0);
    cache->tick.expired = on_tick;
    cache->wake.run = on_wake;
}

void
cache_worker_close(struct worker *worker)
{
    answer_writer_close(&worker->cache.writer);
    buf_fini(&worker->cache.copy);
}
