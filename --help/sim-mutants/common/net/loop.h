/*
 * loop.h - one epoll, timers in a heap, and work put off to the end of a turn.
 *
 * Descriptors are registered once, edge-triggered (or level-triggered for
 * listeners); a source is embedded in its owner. A callback must not block and
 * must not free its own source: loop_defer() runs a function at the end of the
 * turn. One loop per thread; no locks.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_LOOP_H
#define AIGW_COMMON_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "common/check.h"

struct loop;
struct loop_source;
struct loop_timer;

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as epoll said. */
typedef void (*loop_ready)(struct loop_source *source, uint32_t events);
struct loop_source {
    int fd; /* -1: not registered */
    loop_ready ready;
    bool dead; /* removed in this turn: late events are dropped */
};

typedef void (*loop_expired)(struct loop_timer *timer);
struct loop_timer {
    uint64_t due_ms; /* monotonic; 0: not armed */
    uint32_t heap_idx;
    loop_expired expired;
};

/* Work for the end of this turn; run once; may defer again (next turn). */
struct loop_deferred {
    void (*run)(struct loop_deferred *deferred);
    struct loop_deferred *next;
    bool queued;
};

struct loop *loop_create(void);
/* Room for so many timers at once, so that arming one cannot fail later. 0 or
 * -ENOMEM. */
int loop_reserve_timers(struct loop *loop, uint32_t count) MUST_CHECK;
void loop_destroy(struct loop **loop);
/* events as for epoll_ctl, EPOLLET and EPOLLEXCLUSIVE included. 0 or -errno; on
 * error source->fd becomes -1 (the descriptor stays open). */
int loop_add(struct loop *loop, struct loop_source *source,
             uint32_t events) MUST_CHECK;
int loop_modify(struct loop *loop, struct loop_source *source,
                uint32_t events) MUST_CHECK;
/* Does not close the descriptor, but source->fd becomes -1: keep a copy. Must
 * come before close(). No-op when not registered. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Arms or moves (both cheap); due is absolute monotonic ms. Moving a timer later
 * is lazy: no heap work until the old time is reached. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer,
                    uint64_t due_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);
void loop_defer(struct loop *loop, struct loop_deferred *deferred);

/* What a loop begins with. */
struct loop_time {
    uint64_t now_ns, now_ms;
};

/* Time of this turn: read once after epoll_wait, asked for all the time. */
static inline uint64_t
loop_now_ms(const struct loop *loop)
{
    return ((const struct loop_time *)(const void *)loop)->now_ms;
}

static inline uint64_t
loop_now_ns(const struct loop *loop)
{
    return ((const struct loop_time *)(const void *)loop)->now_ns;
}

/* One turn: wait (at most max_wait_ms, -1 = until a timer), dispatch, timers,
 * deferred. */
void loop_turn(struct loop *loop, int max_wait_ms);
void loop_run(struct loop *loop); /* until loop_stop */
void loop_stop(struct loop *loop);

#endif
