/*
 * queue.c - see queue.h.
 *
 *   enter   nobody waits, here or in another worker, and the gates let it in
 *           -> PASS; else behind those of its key
 *   pump    after a call of ours has ended, and every TICK_MS while somebody
 *           waits (calls of other workers end, too): the key served longest ago
 *           has its turn, as long as the gates let somebody in
 *   yield   another worker's key was served longer ago: the place is left to it,
 *           for YIELD_MS at most (it may be dead, or hang)
 *
 * A full queue is shared as well: who has most waiting loses the newest when a
 * key with fewer comes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/queue.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/error_reply.h"
#include "worker/request.h"

enum { TICK_MS = 4, YIELD_MS = 20 };

static const char queue_full[] =
    "the provider of this model has as many calls as it may, and as many wait";

/* A virtual key with calls that wait; freed when none is left. */
struct queue_key {
    struct queue *queue;
    struct queue_key *next;
    uint64_t id;
    uint64_t turn_ms; /* when it was served last, or came */
    struct request *first, *last;
    uint32_t count;
};

/* Of a gate. Made when somebody has to wait for the first time, and kept. */
struct queue {
    struct queues *queues;
    uint32_t gate;
    uint32_t count;
    struct queue_key *keys;
    uint64_t timeout_ms; /* the provider's, of who came last */
    uint64_t yield_ms;   /* since when a free place is left to others; 0 */
    struct loop_timer tick;
    struct loop_deferred later;
};

struct queues {
    struct worker *worker;
    uint32_t count;
    struct queue **of_gate;
};

struct queues *
queues_create(struct worker *worker)
{
    const struct segment *segment = worker->heritage->segment;
    struct queues *queues = calloc(1, sizeof(*queues));
    if (queues == NULL)
        return NULL;
    queues->worker = worker;
    queues->count = segment->endpoint_max + segment->provider_max;
    queues->of_gate = calloc(queues->count, sizeof(struct queue *));
    if (queues->of_gate != NULL)
        return queues;
    free(queues);
    return NULL;
}

void
queues_destroy(struct queues **queues)
{
    if (*queues == NULL)
        return;
    for (uint32_t i = 0; i < (*queues)->count; i++) {
        struct queue *queue = (*queues)->of_gate[i];
        if (queue == NULL)
            continue;
        CHECK(queue->count == 0);
        free(queue);
    }
    free((*queues)->of_gate);
    free(*queues);
    *queues = NULL;
}

/* ---- places ---- */

/* A gate that the call has to pass, and how many may. */
struct passage {
    uint32_t gate, most;
};

/* Those of an endpoint and its provider that have a limit; returns how many. */
static int
passages_of(const struct worker *worker,
            const struct catalogue_endpoint *endpoint,
            const struct catalogue_provider *provider, struct passage out[2])
{
    const struct segment *segment = worker->heritage->segment;
    int count = 0;
    if (endpoint->max_concurrency != 0)
        out[count++] = (struct passage){
            segment_gate_of_endpoint(segment, endpoint->endpoint_idx),
            endpoint->max_concurrency};
    if (provider->max_concurrency != 0)
        out[count++] = (struct passage){
            segment_gate_of_provider(segment, provider->provider_idx),
            provider->max_concurrency};
    return count;
}

static void
give_places(struct request *request)
{
    struct queue_place *place = &request->queue;
    while (place->count > 0)
        gate_leave(&request->worker->seat, place->gates[--place->count]);
}

/* All places or none; *full: the gate that is full. */
static bool
take_places(struct request *request, uint32_t *full)
{
    struct queue_place *place = &request->queue;
    struct passage passages[2];
    int count = passages_of(request->worker, request->served, request->provider,
                            passages);
    for (int i = 0; i < count; i++) {
        *full = passages[i].gate;
        if (gate_enter(&request->worker->seat, *full, passages[i].most) < 0) {
            give_places(request);
            return false;
        }
        place->gates[place->count++] = *full;
    }
    return true;
}

/* ---- keys and their calls ---- */

static struct queue_key *
find_key(struct queue *queue, uint64_t id)
{
    for (struct queue_key *key = queue->keys; key != NULL; key = key->next)
        if (key->id == id)
            return key;
    return NULL;
}

static struct queue_key *
make_key(struct queue *queue, uint64_t id, uint64_t now_ms)
{
    struct queue_key *key = calloc(1, sizeof(*key));
    if (key == NULL)
        return NULL;
    *key = (struct queue_key){
        .queue = queue, .next = queue->keys, .id = id, .turn_ms = now_ms};
    queue->keys = key;
    return key;
}

static void
drop_key(struct queue_key *key)
{
    struct queue_key **at = &key->queue->keys;
    while (*at != key)
        at = &(*at)->next;
    *at = key->next;
    free(key);
}

/* The key that was served longest ago. */
static struct queue_key *
next_key(const struct queue *queue)
{
    struct queue_key *first = queue->keys;
    for (struct queue_key *key = first; key != NULL; key = key->next)
        if (key->turn_ms < first->turn_ms)
            first = key;
    return first;
}

static struct queue_key *
longest_key(const struct queue *queue)
{
    struct queue_key *longest = queue->keys;
    for (struct queue_key *key = longest; key != NULL; key = key->next)
        if (key->count > longest->count)
            longest = key;
    return longest;
}

/* Tells the other workers, and keeps the tick going. */
static void
tell_turn(struct queue *queue)
{
    struct worker *worker = queue->queues->worker;
    const struct queue_key *key = next_key(queue);
    gate_set_turn(&worker->seat, queue->gate, key == NULL ? 0 : key->turn_ms);
    if (key == NULL)
        loop_timer_clear(worker->loop, &queue->tick);
    else if (queue->tick.due_ms == 0)
        loop_timer_set(worker->loop, &queue->tick,
                       loop_now_ms(worker->loop) + TICK_MS);
}

/* By its time: one that comes from another queue may be older than others. */
static void
insert(struct queue_key *key, struct request *request)
{
    struct request *before = key->last;
    if (before != NULL && before->queue.since_ms > request->queue.since_ms) {
        before = NULL;
        for (struct request *r = key->first;
             r->queue.since_ms <= request->queue.since_ms; r = r->queue.next)
            before = r;
    }
    struct request **at = before == NULL ? &key->first : &before->queue.next;
    request->queue.key = key;
    request->queue.next = *at;
    *at = request;
    if (key->last == before)
        key->last = request;
    key->count++;
    key->queue->count++;
}

/* What it waited is told before it leaves for good. */
static void
note_wait(struct request *request)
{
    uint64_t now_ms = loop_now_ms(request->worker->loop);
    request->queued_ms += (uint32_t)(now_ms - request->queue.since_ms);
}

/* Out of its queue, wherever it stands in it. */
static void
take_out(struct request *request)
{
    struct queue_key *key = request->queue.key;
    struct queue *queue = key->queue;
    struct request *before = NULL;
    for (struct request *r = key->first; r != request; r = r->queue.next)
        before = r;
    if (before == NULL)
        key->first = request->queue.next;
    else
        before->queue.next = request->queue.next;
    if (key->last == request)
        key->last = before;
    request->queue.key = NULL;
    request->queue.next = NULL;
    key->count--;
    queue->count--;
    if (key->count == 0)
        drop_key(key);
}

static void
refuse(struct request *request, const char *reason)
{
    struct fault fault;
    note_wait(request);
    take_out(request);
    fault_set_overloaded(&fault, reason);
    relay_turn_failed(request, &fault);
}

/* ---- turns ---- */

static void on_tick(struct loop_timer *timer);
static void on_later(struct loop_deferred *deferred);

static struct queue *
queue_of(struct queues *queues, uint32_t gate)
{
    struct queue *queue = queues->of_gate[gate];
    if (queue != NULL)
        return queue;
    queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return NULL;
    queue->queues = queues;
    queue->gate = gate;
    queue->tick.expired = on_tick;
    queue->later.run = on_later;
    queues->of_gate[gate] = queue;
    return queue;
}

/* Whether a place that is free now is somebody's in another worker. */
static bool
yields(struct queue *queue, const struct queue_key *key, uint64_t now_ms)
{
    uint64_t other = gate_first_turn(&queue->queues->worker->seat, queue->gate);
    if (other == 0 || other >= key->turn_ms) {
        queue->yield_ms = 0;
        return false;
    }
    if (queue->yield_ms == 0)
        queue->yield_ms = now_ms;
    if (now_ms < queue->yield_ms + YIELD_MS)
        return true;
    queue->yield_ms = 0;
    return false;
}

/* A key whose oldest call has waited too long. */
static struct queue_key *
overdue_key(const struct queue *queue, uint64_t now_ms)
{
    for (struct queue_key *key = queue->keys; key != NULL; key = key->next)
        if (now_ms >= key->first->queue.since_ms + queue->timeout_ms)
            return key;
    return NULL;
}

static void
expire(struct queue *queue, uint64_t now_ms)
{
    /* Looked for anew each time: who is refused may go on as another call. */
    for (struct queue_key *key = overdue_key(queue, now_ms); key != NULL;
         key = overdue_key(queue, now_ms))
        refuse(key->first, "the provider of this model has had as many calls "
                           "as it may for the whole queue_timeout");
}

/* Behind the others of its key; false: there is no room. */
static bool
join(struct request *request, uint32_t gate)
{
    struct worker *worker = request->worker;
    struct queue *queue = queue_of(worker->queues, gate);
    uint64_t id = request->has_key ? request->key.id : 0;
    uint32_t most = request->provider->max_queue;
    if (queue == NULL || most == 0)
        return false;
    struct queue_key *key = find_key(queue, id);
    if (queue->count >= most) {
        struct queue_key *longest = longest_key(queue);
        if ((key == NULL ? 1 : key->count + 1) >= longest->count)
            return false;
        refuse(longest->last, "more calls of this key wait for the provider of "
                              "this model than of others, and no more may");
        key = find_key(queue, id); /* who was refused may have come again */
    }
    if (key == NULL)
        key = make_key(queue, id, loop_now_ms(worker->loop));
    if (key == NULL)
        return false;
    queue->timeout_ms = request->provider->queue_timeout_ms;
    insert(key, request);
    tell_turn(queue);
    return true;
}

/* The first of `key` has its turn. False: the queue's gate is full. */
static bool
lead_on(struct queue *queue, struct queue_key *key, uint64_t now_ms)
{
    struct request *request = key->first;
    struct fault fault;
    uint32_t full;
    if (!take_places(request, &full)) {
        if (full == queue->gate)
            return false;
        /* It is the other gate that it waits for. */
        take_out(request);
        if (!join(request, full)) {
            fault_set_overloaded(&fault, queue_full);
            relay_turn_failed(request, &fault);
        }
        return true;
    }
    key->turn_ms = now_ms;
    note_wait(request);
    take_out(request);
    tell_turn(queue); /* others see who is next while this one is sent */
    relay_turn(request);
    return true;
}

static void
pump(struct queue *queue)
{
    uint64_t now_ms = loop_now_ms(queue->queues->worker->loop);
    expire(queue, now_ms);
    for (uint32_t left = queue->count; left > 0 && queue->count > 0; left--) {
        struct queue_key *key = next_key(queue);
        if (yields(queue, key, now_ms) || !lead_on(queue, key, now_ms))
            break;
    }
    tell_turn(queue);
}

static void
on_tick(struct loop_timer *timer)
{
    pump(OWNER_OF(timer, struct queue, tick));
}

static void
on_later(struct loop_deferred *deferred)
{
    pump(OWNER_OF(deferred, struct queue, later));
}

/* ---- entering, leaving ---- */

/* A gate at which somebody waits already, here or in another worker. */
static bool
is_awaited(const struct worker *worker, uint32_t gate)
{
    const struct queue *queue = worker->queues->of_gate[gate];
    return (queue != NULL && queue->count > 0) ||
           gate_first_turn(&worker->seat, gate) != 0;
}

enum queue_verdict
queue_enter(struct request *request)
{
    uint32_t full = 0;
    struct passage passages[2];
    bool awaited = false;
    if (LIKELY(request->served->max_concurrency == 0 &&
               request->provider->max_concurrency == 0))
        return QUEUE_PASS;
    if (request->queue.count > 0)
        return QUEUE_PASS;
    int count = passages_of(request->worker, request->served, request->provider,
                            passages);
    for (int i = 0; i < count && !awaited; i++) {
        full = passages[i].gate;
        awaited = is_awaited(request->worker, full);
    }
    if (!awaited && take_places(request, &full))
        return QUEUE_PASS;
    request->queue.since_ms = loop_now_ms(request->worker->loop);
    if (!join(request, full))
        return QUEUE_FULL;
    request_enter(request, REQUEST_QUEUE);
    return QUEUE_WAIT;
}

void
queue_leave(struct request *request)
{
    struct queue_place *place = &request->queue;
    if (place->key != NULL) {
        struct queue *queue = place->key->queue;
        note_wait(request);
        take_out(request);
        tell_turn(queue);
    }
    /* At the turn's end: the others' requests are not led on from within this
     * one's end. */
    for (int i = 0; i < place->count; i++) {
        struct queue *queue = request->worker->queues->of_gate[place->gates[i]];
        if (queue != NULL && queue->count > 0)
            loop_defer(request->worker->loop, &queue->later);
    }
    give_places(request);
}
