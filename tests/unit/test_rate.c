/*
 * test_rate.c - requests and tokens per minute.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/rate.h"

#include <errno.h>
#include <pthread.h>

#include "tests/test.h"

#define SECOND UINT64_C(1000000000)
static const uint64_t start = 1000 * SECOND;

TEST(a_minute_of_requests_passes_at_once_and_the_next_is_refused)
{
    shm_u64 word = 0;
    struct rate_answer a;
    for (uint64_t i = 0; i < 60; i++) {
        CHECK_EQ(rate_take(&word, 60, 1, start, &a), 0);
        CHECK_EQ(a.limit, 60);
        CHECK_EQ(a.remaining, 59 - i);
    }
    CHECK_EQ(a.reset_ns, 60 * SECOND);
    CHECK_EQ(rate_take(&word, 60, 1, start, &a), -EAGAIN);
    CHECK_EQ(a.retry_ns, SECOND);
    CHECK_EQ(a.remaining, 0);
}

TEST(what_was_taken_is_earned_back_evenly)
{
    shm_u64 word = 0;
    struct rate_answer a;
    CHECK_EQ(rate_take(&word, 60, 60, start, &a), 0);
    CHECK_EQ(rate_take(&word, 60, 1, start + SECOND - 1, &a), -EAGAIN);
    CHECK_EQ(rate_take(&word, 60, 1, start + SECOND, &a), 0);
    CHECK_EQ(rate_take(&word, 60, 1, start + SECOND, &a), -EAGAIN);
    CHECK_EQ(rate_take(&word, 60, 30, start + 31 * SECOND, &a), 0);
}

TEST(no_limit_is_no_limit)
{
    shm_u64 word = 0;
    struct rate_answer a;
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(rate_take(&word, 0, UINT64_MAX, start, &a), 0);
    CHECK_EQ(word, 0);
}

TEST(a_request_larger_than_the_limit_passes_alone_and_takes_the_minute)
{
    shm_u64 word = 0;
    struct rate_answer a;
    CHECK_EQ(rate_take(&word, 100, 1000000, start, &a), 0);
    CHECK_EQ(rate_take(&word, 100, 1, start, &a), -EAGAIN);
    CHECK_EQ(rate_take(&word, 100, 1000000, start + 59 * SECOND, &a), -EAGAIN);
    CHECK_EQ(a.retry_ns, SECOND);
    CHECK_EQ(rate_take(&word, 100, 1000000, start + 60 * SECOND, &a), 0);
}

TEST(corrections_go_both_ways)
{
    shm_u64 word = 0;
    struct rate_answer a;
    CHECK_EQ(rate_take(&word, 1000, 900, start, &a), 0);
    CHECK_EQ(rate_take(&word, 1000, 200, start, &a), -EAGAIN);
    rate_correct(&word, 1000, -800, start); /* it used 100 */
    CHECK_EQ(rate_take(&word, 1000, 200, start, &a), 0);
    CHECK_EQ(a.remaining, 700);
    rate_correct(&word, 1000, 600, start);
    CHECK_EQ(rate_take(&word, 1000, 101, start, &a), -EAGAIN);
    CHECK_EQ(rate_take(&word, 1000, 100, start, &a), 0);
    rate_correct(&word, 1000, INT64_MIN, start);
    CHECK_EQ(rate_take(&word, 1000, 1000, start, &a), 0);
}

TEST(debt_beyond_one_more_minute_is_forgiven)
{
    shm_u64 word = 0;
    struct rate_answer a;
    CHECK_EQ(rate_take(&word, 1000, 10, start, &a), 0);
    rate_correct(&word, 1000, INT64_MAX, start);
    CHECK_EQ(rate_take(&word, 1000, 1, start, &a), -EAGAIN);
    CHECK_TRUE(a.retry_ns <= 61 * SECOND);
    CHECK_EQ(rate_take(&word, 1000, 1, start + 61 * SECOND, &a), 0);
}

TEST(a_damaged_word_heals_within_two_minutes)
{
    shm_u64 word = UINT64_MAX;
    struct rate_answer a;
    CHECK_EQ(rate_take(&word, 60, 1, start, &a), -EAGAIN);
    CHECK_TRUE(a.retry_ns <= 61 * SECOND);
    rate_correct(&word, 60, -1, start);
    CHECK_TRUE(word <= start + 120 * SECOND);
    CHECK_EQ(rate_take(&word, 60, 1, start + 120 * SECOND, &a), 0);
}

TEST(extreme_limits_do_not_overflow)
{
    static const uint64_t values[] = {1, 2, 60, UINT32_MAX, UINT64_MAX};
    struct rate_answer a;
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned n = 0; n < 5; n++) {
            shm_u64 word = 0;
            CHECK_EQ(rate_take(&word, values[i], values[n], start, &a), 0);
            CHECK_TRUE(word <= start + 60 * SECOND);
        }
    }
}

static shm_u64 shared;
static _Atomic unsigned taken;

static void *
take_many(void *arg)
{
    struct rate_answer a;
    (void)arg;
    for (int i = 0; i < 20000; i++)
        if (rate_take(&shared, 10000, 1, start, &a) == 0)
            taken++;
    return NULL;
}

TEST(threads_together_never_take_more_than_the_limit)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, take_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(taken, 10000);
}
