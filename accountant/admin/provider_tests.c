/*
 * provider_tests.c - see provider_tests.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/provider_tests.h"

#include <stdio.h>
#include <stdlib.h>

#include "accountant/admin/admin_state.h"
#include "accountant/admin/call.h"
#include "common/clock.h"
#include "shm/segment.h"

enum {
    LOOK_MS = 200,
    TAKE_MS = 5000,  /* workers look each second */
    LAST_MS = 50000, /* a worker gives a call 45 s, and tells of it */
};

static struct segment *
segment_of(const struct admin *admin)
{
    return store_heritage(admin->store)->segment;
}

/* release: pairs with the acquire in probe_tick(). Killed before it: the next
 * accountant says 0. */
static void
show_waiting(struct admin *admin)
{
    uint64_t waiting = 0;
    for (struct provider_test *t = admin->tests.first; t != NULL; t = t->next)
        waiting += t->worker[0] == '\0';
    shm_store(&segment_of(admin)->header->tests, waiting);
}

static void
unlist(struct provider_test *test)
{
    struct provider_tests *tests = &test->admin->tests;
    struct provider_test **at = &tests->first;
    while (*at != test)
        at = &(*at)->next;
    *at = test->next;
    test->next = NULL;
    test->is_listed = false;
    if (tests->first == NULL)
        loop_timer_clear(test->admin->loop, &tests->timer);
    show_waiting(test->admin);
}

void
provider_test_free(void *context)
{
    struct provider_test *test = context;
    if (test->is_listed)
        unlist(test);
    free(test);
}

static void
fail(struct provider_test *test, const char *code, const char *text)
{
    unlist(test);
    call_fail(test->call, 503, code, "%s", text);
}

/* A call from inside has no connection of its own. */
static bool
is_left(const struct call *call)
{
    return call->connection == NULL && call->answered == NULL;
}

/* True: it has ended, and whatever hangs on its end has been done. */
static bool
look_at(struct provider_test *test, uint64_t now_ms)
{
    bool waits = test->worker[0] == '\0';
    if (waits && is_left(test->call))
        fail(test, "incomplete", "The client went away.");
    else if (waits && now_ms >= test->due_ms)
        fail(test, "no_worker",
             "No worker took the test in time; try again shortly.");
    else if (!waits && !column_is_named(segment_of(test->admin), test->worker))
        fail(test, "worker_lost",
             "The worker ended before the provider had answered; try again.");
    else if (now_ms >= test->due_ms)
        fail(test, "worker_lost",
             "The worker said nothing of the test in time; try again.");
    else
        return false;
    return true;
}

static void
on_timer(struct loop_timer *timer)
{
    struct admin *admin =
        (struct admin *)(void *)((char *)timer -
                                 offsetof(struct admin, tests.timer));
    uint64_t now_ms = loop_now_ms(admin->loop);
    struct provider_test *test = admin->tests.first;
    /* Its end may begin another test or end more: from the start again. */
    while (test != NULL)
        test = look_at(test, now_ms) ? admin->tests.first : test->next;
    if (admin->tests.first != NULL)
        loop_timer_set(admin->loop, timer, now_ms + LOOK_MS);
}

void
provider_tests_init(struct provider_tests *tests)
{
    *tests = (struct provider_tests){.timer.expired = on_timer};
}

bool
provider_tests_add(struct admin *admin, struct provider_test *test)
{
    struct provider_test **at = &admin->tests.first;
    unsigned count = 0;
    for (; *at != NULL; at = &(*at)->next)
        count++;
    if (count >= PROVIDER_TESTS_MAX)
        return false;
    crypto_random(&test->id, sizeof(test->id));
    test->due_ms = loop_now_ms(admin->loop) + TAKE_MS;
    test->is_listed = true;
    *at = test;
    if (count == 0)
        loop_timer_set(admin->loop, &admin->tests.timer,
                       loop_now_ms(admin->loop) + LOOK_MS);
    show_waiting(admin);
    return true;
}

struct provider_test *
provider_tests_take(struct admin *admin, const char *worker)
{
    struct provider_test *test = admin->tests.first;
    if (!column_is_named(segment_of(admin), worker))
        return NULL;
    while (test != NULL && (test->worker[0] != '\0' || is_left(test->call)))
        test = test->next;
    if (test == NULL)
        return NULL;
    snprintf(test->worker, sizeof(test->worker), "%s", worker);
    test->taken_wall_ms = clock_wall_ms();
    test->due_ms = loop_now_ms(admin->loop) + LAST_MS;
    show_waiting(admin);
    return test;
}

struct provider_test *
provider_tests_end(struct admin *admin, uint64_t id, const char *worker)
{
    struct provider_test *test = admin->tests.first;
    while (test != NULL &&
           (test->id != id || strcmp(test->worker, worker) != 0 ||
            test->worker[0] == '\0'))
        test = test->next;
    if (test != NULL)
        unlist(test);
    return test;
}

void
provider_tests_give_up(struct admin *admin)
{
    while (admin->tests.first != NULL)
        fail(admin->tests.first, "overloaded",
             "The server is being stopped or replaced; try again shortly.");
}
