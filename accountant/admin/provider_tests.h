/*
 * provider_tests.h - tests of providers under way. The accountant has no
 * network, so a worker makes the call; the client's connection waits meanwhile.
 *
 *   WAITING --a worker asks--> TAKEN --it tells--> answered
 *      |                         |
 *      '-- TAKE_MS, client left  '-- its worker died, LAST_MS: answered, 503
 *
 * header.tests says how many wait, so that workers ask only where there is
 * something to take. Nothing of a test outlives the accountant: who waits loses
 * the connection, and what a worker tells later is of no test.
 *
 * Owner of a test: its call, as call->work. Loop thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_PROVIDER_TESTS_H
#define AIGW_ACCOUNTANT_ADMIN_PROVIDER_TESTS_H

#include "common/check.h"
#include "common/net/loop.h"
#include "shm/column.h"
#include "shm/layout.h"

struct admin;
struct call;

enum {
    PROVIDER_TESTS_MAX = 4, /* under way */
    PROVIDER_TEST_PROMPT_MAX = 1000,
    PROVIDER_TEST_MODEL_MAX = 255,
};

struct provider_test {
    struct admin *admin;
    struct call *call;
    struct provider_test *next; /* in order of arrival */
    bool is_listed;
    uint64_t
        id; /* random: what an earlier accountant's worker tells fits none */
    char worker[SEAT_NAME_BYTES]; /* "": waiting */
    uint64_t due_ms;              /* given up then */
    int64_t taken_wall_ms;
    char provider[SHM_NAME_BYTES], model[PROVIDER_TEST_MODEL_MAX + 1];
    char prompt[PROVIDER_TEST_PROMPT_MAX + 1];
};

struct provider_tests {
    struct provider_test *first;
    struct loop_timer timer;
};

void provider_tests_init(struct provider_tests *tests);
/* Begins to wait, with provider, model and prompt set; `test` is the call's
 * work. False: there are enough. */
bool provider_tests_add(struct admin *admin,
                        struct provider_test *test) MUST_CHECK;
/* The next one for a worker of that seat_name(); NULL: none waits. */
struct provider_test *provider_tests_take(struct admin *admin,
                                          const char *worker);
/* The one of that id which that worker has, no longer listed: its call is to be
 * answered. NULL: there is none. */
struct provider_test *provider_tests_end(struct admin *admin, uint64_t id,
                                         const char *worker);
/* call->work_free */
void provider_test_free(void *test);
/* The accountant leaves: all are answered. */
void provider_tests_give_up(struct admin *admin);

#endif
