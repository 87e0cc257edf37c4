/*
 * test_loop.c - tests of common/net/loop.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/loop.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/test.h"

static struct loop *loop;
static struct loop_source *last_ready;

/* A pair of sockets; `mine` is in the loop. */
struct peer {
    struct loop_source source;
    struct loop_deferred end;
    int mine, other;
    unsigned calls;
    uint32_t events;
    struct peer *victim; /* removed when this one is ready */
    bool free_victim;
};

static void
peer_free(struct loop_deferred *deferred)
{
    struct peer *peer =
        (struct peer *)(void *)((char *)deferred - offsetof(struct peer, end));
    close(peer->mine);
    close(peer->other);
    free(peer);
}

static void
peer_ready(struct loop_source *source, uint32_t events)
{
    struct peer *peer =
        (struct peer *)(void *)((char *)source - offsetof(struct peer, source));
    peer->calls++;
    peer->events = events;
    last_ready = source;
    if (peer->victim == NULL)
        return;
    loop_remove(loop, &peer->victim->source);
    if (peer->free_victim)
        loop_defer(loop, &peer->victim->end);
    peer->victim = NULL;
}

static struct peer *
peer_create(uint32_t events)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    int fds[2] = {-1, -1};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer->mine = fds[0];
    peer->other = fds[1];
    peer->source = (struct loop_source){.fd = fds[0], .ready = peer_ready};
    peer->end.run = peer_free;
    CHECK_EQ(loop_add(loop, &peer->source, events), 0);
    return peer;
}

static void
peer_destroy(struct peer *peer)
{
    loop_remove(loop, &peer->source);
    peer_free(&peer->end);
}

static void
peer_poke(struct peer *peer)
{
    CHECK_EQ(write(peer->other, "x", 1), 1);
}

TEST(a_readable_descriptor_is_reported_once_when_edge_triggered)
{
    loop = loop_create();
    struct peer *peer = peer_create(EPOLLIN | EPOLLET);
    loop_turn(loop, 0);
    CHECK_EQ(peer->calls, 0);
    peer_poke(peer);
    loop_turn(loop, 1000);
    loop_turn(loop, 0);
    CHECK_EQ(peer->calls, 1);
    CHECK_TRUE((peer->events & EPOLLIN) != 0);
    peer_destroy(peer);
    loop_destroy(&loop);
    CHECK_TRUE(loop == NULL);
}

TEST(modify_changes_what_is_waited_for)
{
    loop = loop_create();
    struct peer *peer = peer_create(EPOLLIN);
    CHECK_EQ(loop_modify(loop, &peer->source, EPOLLOUT), 0);
    loop_turn(loop, 1000);
    CHECK_EQ(peer->events, EPOLLOUT);
    peer_destroy(peer);
    loop_destroy(&loop);
}

TEST(a_source_removed_in_a_turn_gets_no_late_event_and_may_be_freed)
{
    loop = loop_create();
    struct peer *a = peer_create(EPOLLIN), *b = peer_create(EPOLLIN);
    a->victim = b;
    b->victim = a;
    a->free_victim = b->free_victim = true;
    peer_poke(a);
    peer_poke(b);
    loop_turn(loop, 1000);
    /* Whichever came first removed the other, which lives no longer. */
    struct peer *left = last_ready == &a->source ? a : b;
    CHECK_EQ(left->calls, 1);
    peer_destroy(left);
    loop_destroy(&loop);
}

TEST(add_of_a_bad_descriptor_says_so)
{
    loop = loop_create();
    struct loop_source source = {.fd = 1 << 20, .ready = peer_ready};
    CHECK_TRUE(loop_add(loop, &source, EPOLLIN) < 0);
    CHECK_EQ(source.fd, -1);
    loop_remove(loop, &source);
    loop_destroy(&loop);
}

TEST(more_events_than_fit_one_wait_all_arrive)
{
    enum { PEERS = 300 };
    static struct peer *peers[PEERS];
    loop = loop_create();
    for (int i = 0; i < PEERS; i++) {
        peers[i] = peer_create(EPOLLIN | EPOLLET);
        peer_poke(peers[i]);
    }
    loop_turn(loop, 1000);
    loop_turn(loop, 1000);
    for (int i = 0; i < PEERS; i++) {
        CHECK_EQ(peers[i]->calls, 1);
        peer_destroy(peers[i]);
    }
    loop_destroy(&loop);
}

struct alarm {
    struct loop_timer timer;
    unsigned calls;
    uint64_t again_ms; /* arms itself for this time, once */
};

static uint64_t last_due_ms;

static void
alarm_expired(struct loop_timer *timer)
{
    struct alarm *alarm = (struct alarm *)(void *)timer;
    alarm->calls++;
    CHECK_EQ(timer->due_ms, 0);
    if (alarm->again_ms != 0)
        loop_timer_set(loop, timer, alarm->again_ms);
}

TEST(a_timer_expires_once_at_its_time)
{
    loop = loop_create();
    struct alarm alarm = {.timer.expired = alarm_expired};
    uint64_t due = loop_now_ms(loop) + 5;
    loop_timer_set(loop, &alarm.timer, due);
    while (alarm.calls == 0)
        loop_turn(loop, -1);
    CHECK_TRUE(loop_now_ms(loop) >= due);
    CHECK_EQ(loop_now_ns(loop) / 1000000, loop_now_ms(loop));
    loop_turn(loop, 0);
    CHECK_EQ(alarm.calls, 1);
    loop_destroy(&loop);
}

TEST(a_timer_moved_later_does_not_expire_at_the_old_time)
{
    loop = loop_create();
    struct alarm alarm = {.timer.expired = alarm_expired};
    uint64_t old = loop_now_ms(loop) + 2;
    loop_timer_set(loop, &alarm.timer, old);
    loop_timer_set(loop, &alarm.timer, old + 20);
    while (loop_now_ms(loop) <= old + 5) {
        CHECK_EQ(alarm.calls, 0);
        loop_turn(loop, 3);
    }
    while (alarm.calls == 0)
        loop_turn(loop, -1);
    CHECK_TRUE(loop_now_ms(loop) >= old + 20);
    loop_destroy(&loop);
}

TEST(a_timer_moved_earlier_expires_early_and_a_cleared_one_never)
{
    loop = loop_create();
    struct alarm early = {.timer.expired = alarm_expired}, never = early;
    loop_timer_set(loop, &early.timer, loop_now_ms(loop) + 60000);
    loop_timer_set(loop, &never.timer, loop_now_ms(loop) + 1);
    loop_timer_set(loop, &early.timer, loop_now_ms(loop) + 3);
    loop_timer_clear(loop, &never.timer);
    loop_timer_clear(loop, &never.timer);
    while (early.calls == 0)
        loop_turn(loop, -1);
    CHECK_EQ(never.calls, 0);
    loop_destroy(&loop);
}

TEST(a_timer_that_arms_itself_for_the_past_does_not_hold_the_turn)
{
    loop = loop_create();
    struct alarm alarm = {.timer.expired = alarm_expired, .again_ms = 1};
    loop_timer_set(loop, &alarm.timer, 1);
    loop_turn(loop, -1);
    CHECK_EQ(alarm.calls, 1);
    loop_turn(loop, -1);
    CHECK_EQ(alarm.calls, 2);
    loop_destroy(&loop);
}

static void
ordered_expired(struct loop_timer *timer)
{
    struct alarm *alarm = (struct alarm *)(void *)timer;
    CHECK_TRUE(alarm->again_ms >= last_due_ms); /* here: its due time */
    last_due_ms = alarm->again_ms;
    alarm->calls++;
}

/* Against a heap that loses its order under moves and removals. */
TEST(timers_moved_and_cleared_at_random_expire_in_order)
{
    enum { TIMERS = 500 };
    static struct alarm alarms[TIMERS];
    loop = loop_create();
    srandom(7);
    uint64_t base = loop_now_ms(loop) + 10000;
    for (int round = 0; round < 20000; round++) {
        struct alarm *alarm = &alarms[random() % TIMERS];
        alarm->timer.expired = ordered_expired;
        if (random() % 4 == 0) {
            loop_timer_clear(loop, &alarm->timer);
            continue;
        }
        alarm->again_ms = base - 9000 + (uint64_t)(random() % 9000);
        loop_timer_set(loop, &alarm->timer, alarm->again_ms);
    }
    /* Move all to the past, keeping their order. */
    unsigned armed = 0, fired = 0;
    for (int i = 0; i < TIMERS; i++) {
        if (alarms[i].timer.due_ms == 0)
            continue;
        armed++;
        alarms[i].again_ms -= base - 9001;
        loop_timer_set(loop, &alarms[i].timer, alarms[i].again_ms);
    }
    loop_turn(loop, -1);
    for (int i = 0; i < TIMERS; i++)
        fired += alarms[i].calls;
    CHECK_TRUE(armed > 100);
    CHECK_EQ(fired, armed);
    loop_destroy(&loop);
}

struct chore {
    struct loop_deferred deferred;
    unsigned runs, again;
};

static void
chore_run(struct loop_deferred *deferred)
{
    struct chore *chore = (struct chore *)(void *)deferred;
    chore->runs++;
    if (chore->again > 0) {
        chore->again--;
        loop_defer(loop, deferred);
    }
}

TEST(deferred_work_runs_once_a_turn_and_does_not_wait)
{
    loop = loop_create();
    struct chore chore = {.deferred.run = chore_run, .again = 1};
    loop_defer(loop, &chore.deferred);
    loop_defer(loop, &chore.deferred);
    loop_turn(loop, -1);
    CHECK_EQ(chore.runs, 1);
    loop_turn(loop, -1);
    CHECK_EQ(chore.runs, 2);
    loop_turn(loop, 0);
    CHECK_EQ(chore.runs, 2);
    loop_destroy(&loop);
}

TEST(destroying_a_loop_runs_what_is_deferred)
{
    loop = loop_create();
    struct chore chore = {.deferred.run = chore_run, .again = 2};
    loop_defer(loop, &chore.deferred);
    struct loop *taken = loop;
    loop_destroy(&taken);
    loop = NULL;
    CHECK_EQ(chore.runs, 3);
}

static void
stop_expired(struct loop_timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

TEST(run_ends_after_stop)
{
    loop = loop_create();
    struct loop_timer timer = {.expired = stop_expired};
    loop_timer_set(loop, &timer, loop_now_ms(loop) + 1);
    loop_run(loop);
    loop_timer_set(loop, &timer, loop_now_ms(loop) + 1);
    loop_run(loop);
    CHECK_EQ(timer.due_ms, 0);
    loop_destroy(&loop);
}
