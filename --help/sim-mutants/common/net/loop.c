/*
 * loop.c - epoll, the timer heap and the end-of-turn queue.
 *
 * Timers: a binary heap of {key, timer}. The key is the time at which the heap
 * looks at the timer, never later than timer->due_ms. Moving a timer later
 * writes due_ms only; when the key is reached the entry gets its new key. So a
 * time-out that is pushed on by each byte of a stream costs one store.
 *
 * Late events: loop_remove() nulls the source's entries in the part of the
 * event array not yet dispatched. The kernel gives no event for a removed
 * descriptor in a later turn, so the owner may be freed by loop_defer().
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

enum { LOOP_EVENTS = 256, LOOP_HEAP_START = 64 };

struct heap_entry {
    uint64_t key_ms; /* <= timer->due_ms */
    struct loop_timer *timer;
};

struct loop {
    struct loop_time time; /* first: loop_now_ms() */
    int epoll_fd;
    bool stopped;
    struct heap_entry *heap;
    uint32_t heap_len, heap_cap;
    struct loop_deferred *deferred, **deferred_end;
    int event_count, event_next; /* of this turn; next = not yet dispatched */
    struct epoll_event events[LOOP_EVENTS];
};

static void
set_now(struct loop *loop)
{
    loop->time.now_ns = clock_mono_ns();
    loop->time.now_ms = loop->time.now_ns / 1000000;
}

struct loop *
loop_create(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return NULL;
    loop->heap = calloc(LOOP_HEAP_START, sizeof(*loop->heap));
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->heap == NULL || loop->epoll_fd < 0) {
        if (loop->epoll_fd >= 0)
            close(loop->epoll_fd);
        free(loop->heap);
        free(loop);
        return NULL;
    }
    loop->heap_cap = LOOP_HEAP_START;
    loop->deferred_end = &loop->deferred;
    set_now(loop);
    return loop;
}

int
loop_reserve_timers(struct loop *loop, uint32_t count)
{
    if (count <= loop->heap_cap)
        return 0;
    struct heap_entry *heap =
        reallocarray(loop->heap, count, sizeof(*loop->heap));
    if (heap == NULL)
        return -ENOMEM;
    loop->heap = heap;
    loop->heap_cap = count;
    return 0;
}

/* Takes the queue and runs it; what is deferred meanwhile is a new queue. */
static void
run_deferred(struct loop *loop)
{
    struct loop_deferred *next = loop->deferred;
    loop->deferred = NULL;
    loop->deferred_end = &loop->deferred;
    while (next != NULL) {
        struct loop_deferred *deferred = next;
        next = deferred->next; /* run() may free it */
        deferred->next = NULL;
        deferred->queued = false;
        deferred->run(deferred);
    }
}

void
loop_destroy(struct loop **loop_ptr)
{
    struct loop *loop = *loop_ptr;
    if (loop == NULL)
        return;
    /* Mostly objects waiting for their end. */
    while (loop->deferred != NULL)
        run_deferred(loop);
    close(loop->epoll_fd);
    free(loop->heap);
    free(loop);
    *loop_ptr = NULL;
}

static int
control(struct loop *loop, int op, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, op, source->fd, &event) == 0 ? 0 : -errno;
}

int
loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
    CHECK(source->ready != NULL);
    int result = control(loop, EPOLL_CTL_ADD, source, events);
    if (result == 0)
        source->dead = false;
    else
        source->fd = -1;
    return result;
}

int
loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
    return control(loop, EPOLL_CTL_MOD, source, events);
}

void
loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    /* A descriptor closed too early is gone from epoll already. */
    int result = control(loop, EPOLL_CTL_DEL, source, 0);
    if (result != 0)
        log_warn("epoll: removing fd %d failed, error %d", source->fd, -result);
    source->fd = -1;
    source->dead = true;
    for (int i = loop->event_next; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == source)
            loop->events[i].data.ptr = NULL;
}

static void
heap_put(struct loop *loop, uint32_t idx, struct heap_entry entry)
{
    loop->heap[idx] = entry;
    entry.timer->heap_idx = idx;
}

static void
heap_up(struct loop *loop, uint32_t idx, struct heap_entry entry)
{
    while (idx > 0) {
        uint32_t parent = (idx - 1) / 2;
        if (loop->heap[parent].key_ms <= entry.key_ms)
            break;
        heap_put(loop, idx, loop->heap[parent]);
        idx = parent;
    }
    heap_put(loop, idx, entry);
}

static void
heap_down(struct loop *loop, uint32_t idx, struct heap_entry entry)
{
    for (;;) {
        uint32_t child = 2 * idx + 1;
        if (child >= loop->heap_len)
            break;
        if (child + 1 < loop->heap_len &&
            loop->heap[child + 1].key_ms < loop->heap[child].key_ms)
            child++;
        if (loop->heap[child].key_ms >= entry.key_ms)
            break;
        heap_put(loop, idx, loop->heap[child]);
        idx = child;
    }
    heap_put(loop, idx, entry);
}

static void
heap_take(struct loop *loop, uint32_t idx)
{
    struct heap_entry last = loop->heap[--loop->heap_len];
    if (idx == loop->heap_len)
        return;
    if (idx > 0 && loop->heap[(idx - 1) / 2].key_ms > last.key_ms)
        heap_up(loop, idx, last);
    else
        heap_down(loop, idx, last);
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t due_ms)
{
    CHECK(due_ms != 0 && timer->expired != NULL);
    bool armed = timer->due_ms != 0;
    timer->due_ms = due_ms;
    struct heap_entry entry = {due_ms, timer};
    if (armed) {
        if (due_ms < loop->heap[timer->heap_idx].key_ms)
            heap_up(loop, timer->heap_idx, entry);
        return;
    }
    if (loop->heap_len == loop->heap_cap) {
        uint32_t cap = loop->heap_cap * 2;
        if (loop_reserve_timers(loop, cap) != 0)
            fatal("out of memory for %u timers: give the host more memory or "
                  "allow fewer connections",
                  cap);
    }
    heap_up(loop, loop->heap_len++, entry);
}

void
loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
    if (timer->due_ms == 0)
        return;
    timer->due_ms = 0;
    CHECK(loop->heap[timer->heap_idx].timer == timer);
    heap_take(loop, timer->heap_idx);
}

void
loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (deferred->queued)
        return;
    deferred->queued = true;
    deferred->next = NULL;
    *loop->deferred_end = deferred;
    loop->deferred_end = &deferred->next;
}

static int
wait_ms(const struct loop *loop, int max_wait_ms)
{
    if (loop->deferred != NULL)
        return 0;
    if (loop->heap_len == 0)
        return max_wait_ms;
    uint64_t now_ms = loop_now_ms(loop), due_ms = loop->heap[0].key_ms;
    uint64_t wait = due_ms > now_ms ? due_ms - now_ms : 0;
    if (max_wait_ms >= 0 && wait > (uint64_t)max_wait_ms)
        return max_wait_ms;
    return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

/* The next event's owner, of which the source is the beginning, while this one
 * is at work. */
static void
fetch(const char *source)
{
    __builtin_prefetch(source);
    __builtin_prefetch(source + 64);
    __builtin_prefetch(source + 128);
}

static void
dispatch(struct loop *loop, int count)
{
    loop->event_count = count;
    loop->event_next = 0;
    while (loop->event_next < loop->event_count) {
        const struct epoll_event *event = &loop->events[loop->event_next++];
        struct loop_source *source = event->data.ptr;
        if (loop->event_next < loop->event_count)
            fetch(event[1].data.ptr);
        if (source != NULL && !source->dead)
            source->ready(source, event->events);
    }
    loop->event_count = loop->event_next = 0;
}

/*
 * At most as many as were armed at the start, so that a timer which arms itself
 * for the past cannot hold the turn: it comes again in the next one.
 */
static void
run_timers(struct loop *loop)
{
    uint64_t now_ms = loop_now_ms(loop);
    uint32_t budget = loop->heap_len;
    while (loop->heap_len > 0 && loop->heap[0].key_ms <= now_ms) {
        struct loop_timer *timer = loop->heap[0].timer;
        if (timer->due_ms > now_ms) {
            struct heap_entry moved = {timer->due_ms, timer};
            heap_down(loop, 0, moved);
            continue;
        }
        if (budget-- == 0)
            return;
        heap_take(loop, 0);
        timer->due_ms = 0;
        timer->expired(timer);
    }
}

void
loop_turn(struct loop *loop, int max_wait_ms)
{
    int count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS,
                           wait_ms(loop, max_wait_ms));
    /* Signals come by signalfd, but a debugger may interrupt the wait. */
    if (count < 0 && errno != EINTR)
        panic("epoll_wait failed, error %d", errno);
    set_now(loop);
    if (count > 0)
        dispatch(loop, count);
    run_timers(loop);
    run_deferred(loop);
}

void
loop_run(struct loop *loop)
{
    while (!loop->stopped)
        loop_turn(loop, -1);
    loop->stopped = false;
}

void
loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
