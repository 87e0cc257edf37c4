/*
 * test_window.c - requests in fixed and sliding windows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/window.h"

#include <errno.h>
#include <pthread.h>

#include "tests/test.h"

enum { SECOND = 1000 };
/* A whole number of windows of every length used here. */
static const int64_t start = INT64_C(1700000000000) / 60000 * 60000;

static const struct window_rule fixed = {3, 10 * SECOND, WINDOW_FIXED};
static const struct window_rule sliding = {10, 10 * SECOND, WINDOW_SLIDING};

static int
take_many(shm_u64 *word, const struct window_rule *rule, int64_t now_ms, int n)
{
    int taken = 0;
    for (int i = 0; i < n; i++)
        taken += window_take(word, rule, now_ms, NULL) == 0;
    return taken;
}

TEST(a_fixed_window_admits_its_limit_and_says_when_the_next_begins)
{
    shm_u64 word = 0;
    uint64_t retry = 0;
    CHECK_EQ(take_many(&word, &fixed, start + 4 * SECOND, 3), 3);
    CHECK_EQ(window_take(&word, &fixed, start + 4 * SECOND, &retry), -EAGAIN);
    CHECK_EQ(retry, 6 * SECOND);
    CHECK_EQ(take_many(&word, &fixed, start + 10 * SECOND - 1, 1), 0);
    CHECK_EQ(take_many(&word, &fixed, start + 10 * SECOND, 9), 3);
    CHECK_EQ(take_many(&word, &fixed, start + 100 * SECOND, 9), 3);
}

TEST(windows_begin_where_the_clock_says_not_with_the_first_request)
{
    shm_u64 word = 0;
    CHECK_EQ(take_many(&word, &fixed, start + 9999, 3), 3);
    CHECK_EQ(take_many(&word, &fixed, start + 10000, 9), 3);
}

TEST(a_sliding_window_counts_the_last_one_by_what_it_still_covers)
{
    static const struct {
        int64_t into_ms;
        int room; /* of 10, with 10 in the last window */
    } cases[] = {{0, 0},    {999, 0},  {1000, 1}, {1999, 1}, {2000, 2},
                 {5000, 5}, {5001, 5}, {9000, 9}, {9999, 9}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        shm_u64 word = 0;
        CHECK_EQ(take_many(&word, &sliding, start, 20), 10);
        CHECK_EQ(take_many(&word, &sliding,
                           start + 10 * SECOND + cases[i].into_ms, 20),
                 cases[i].room);
    }
}

TEST(two_windows_later_nothing_of_the_first_counts)
{
    shm_u64 word = 0;
    CHECK_EQ(take_many(&word, &sliding, start + 9999, 20), 10);
    CHECK_EQ(take_many(&word, &sliding, start + 20000, 20), 10);
}

TEST(the_wait_that_is_told_is_exact)
{
    static const struct window_rule rules[] = {
        {3, 10 * SECOND, WINDOW_FIXED},  {10, 10 * SECOND, WINDOW_SLIDING},
        {7, 3 * SECOND, WINDOW_SLIDING}, {1, 60 * SECOND, WINDOW_SLIDING},
        {1000, 7, WINDOW_SLIDING},
    };
    for (unsigned r = 0; r < sizeof(rules) / sizeof(rules[0]); r++) {
        const struct window_rule *rule = &rules[r];
        for (uint64_t step = 0; step < 200; step++) {
            shm_u64 word = 0;
            int64_t now_ms = start + (int64_t)(step * 997);
            uint64_t retry = 0;
            take_many(&word, rule, now_ms, (int)(step % 12));
            now_ms += (int64_t)(step * 13 % rule->interval_ms);
            while (window_take(&word, rule, now_ms, &retry) == 0)
                ;
            CHECK_TRUE(retry >= 1);
            shm_u64 copy = shm_load(&word);
            CHECK_EQ(
                window_take(&copy, rule, now_ms + (int64_t)retry - 1, NULL),
                -EAGAIN);
            CHECK_EQ(window_take(&copy, rule, now_ms + (int64_t)retry, NULL),
                     0);
        }
    }
}

TEST(a_clock_that_goes_back_by_a_window_gives_nothing_away)
{
    shm_u64 word = 0;
    CHECK_EQ(take_many(&word, &fixed, start + 10 * SECOND, 3), 3);
    CHECK_EQ(take_many(&word, &fixed, start + 9 * SECOND, 3), 0);
    CHECK_EQ(take_many(&word, &fixed, start + 10 * SECOND, 3), 0);
    /* An hour back: it would be closed for an hour. */
    CHECK_EQ(take_many(&word, &fixed, start - 3600 * SECOND, 9), 3);
}

TEST(what_is_given_back_may_be_taken_again_in_its_window_only)
{
    shm_u64 word = 0;
    CHECK_EQ(take_many(&word, &fixed, start, 3), 3);
    window_give_back(&word, &fixed, start);
    CHECK_EQ(take_many(&word, &fixed, start, 3), 1);
    window_give_back(&word, &fixed, start + 10 * SECOND);
    CHECK_EQ(take_many(&word, &fixed, start + 10 * SECOND, 9), 3);
}

TEST(the_largest_limit_is_counted_exactly)
{
    static const struct window_rule large = {WINDOW_LIMIT_MAX, SECOND,
                                             WINDOW_SLIDING};
    shm_u64 word = 0;
    for (int i = 0; i < WINDOW_LIMIT_MAX; i++)
        if (window_take(&word, &large, start, NULL) != 0)
            CHECK_TRUE(false);
    CHECK_EQ(window_take(&word, &large, start, NULL), -EAGAIN);
    CHECK_EQ(window_take(&word, &large, start + SECOND, NULL), -EAGAIN);
    CHECK_EQ(window_take(&word, &large, start + 2 * SECOND, NULL), 0);
}

/* ---- many at once ---- */

enum { THREADS = 4, EACH = 5000, WINDOWS = 4 };
static shm_u64 shared;
static _Atomic int admitted;
static int64_t now_ms;

static void *
taker(void *unused)
{
    static const struct window_rule rule = {1000, SECOND, WINDOW_FIXED};
    (void)unused;
    for (int i = 0; i < EACH; i++)
        if (window_take(&shared, &rule, now_ms, NULL) == 0)
            admitted++;
    return NULL;
}

/* All have the same window: one that fell behind by more than one would begin
 * it anew, as a clock that was set back does. */
TEST(threads_together_never_pass_the_limit_of_a_window)
{
    for (int window = 0; window < WINDOWS; window++) {
        pthread_t threads[THREADS];
        now_ms = start + window * SECOND;
        for (int i = 0; i < THREADS; i++)
            CHECK_EQ(pthread_create(&threads[i], NULL, taker, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(admitted, (window + 1) * 1000);
    }
}
