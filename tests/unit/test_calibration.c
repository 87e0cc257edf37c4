/*
 * test_calibration.c - tests of worker/calibration.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"
#include "worker/calibration.h"

static struct call
scan(uint64_t estimate, uint64_t bound)
{
    return (struct call){.prompt_estimate = estimate, .prompt_bound = bound};
}

static void
learn(struct calibration *calibration, struct call call, uint64_t tokens,
      int times)
{
    struct prompt_guess guess;
    struct usage usage = {.prompt_missed = tokens / 2,
                          .cached = tokens - tokens / 2};
    for (int i = 0; i < times; i++) {
        struct call one = call;
        calibration_apply(calibration, &one, &guess);
        CHECK_EQ(guess.estimate, call.prompt_estimate);
        calibration_learn(calibration, &guess, &usage);
    }
}

TEST(nothing_learnt_changes_nothing)
{
    struct calibration calibration = {0};
    struct prompt_guess guess;
    struct call call = scan(100, 400);
    calibration_apply(&calibration, &call, &guess);
    CHECK_EQ(call.prompt_estimate, 100);
    CHECK_EQ(call.prompt_bound, 400);
}

TEST(the_estimate_comes_near_to_what_is_settled)
{
    static const uint64_t settled[] = {50, 100, 150, 390};
    for (size_t i = 0; i < 4; i++) {
        struct calibration calibration = {0};
        struct prompt_guess guess;
        learn(&calibration, scan(100, 400), settled[i], 200);
        struct call call = scan(1000, 4000);
        calibration_apply(&calibration, &call, &guess);
        uint64_t want = settled[i] * 10;
        CHECK_TRUE(call.prompt_estimate >= want * 97 / 100 &&
                   call.prompt_estimate <= want * 103 / 100);
        CHECK_EQ(call.prompt_bound, 4000);
    }
}

TEST(one_odd_call_does_not_decide)
{
    struct calibration calibration = {0};
    struct prompt_guess guess;
    learn(&calibration, scan(100, 400), 100, 100);
    learn(&calibration, scan(100, 400), 400, 1);
    struct call call = scan(100, 400);
    calibration_apply(&calibration, &call, &guess);
    CHECK_TRUE(call.prompt_estimate < 125);
}

TEST(a_bound_that_was_passed_is_raised_at_once_and_forgotten_slowly)
{
    struct calibration calibration = {0};
    struct prompt_guess guess;
    learn(&calibration, scan(100, 400), 800, 1);
    struct call call = scan(100, 400);
    calibration_apply(&calibration, &call, &guess);
    CHECK_EQ(call.prompt_bound, 800);
    learn(&calibration, scan(100, 400), 100, 2000);
    call = scan(100, 400);
    calibration_apply(&calibration, &call, &guess);
    CHECK_EQ(call.prompt_bound, 400);
}

TEST(hostile_numbers_stay_within_bounds)
{
    struct calibration calibration = {0};
    struct prompt_guess guess;
    learn(&calibration, scan(16, 16), UINT64_MAX / 4, 1000);
    struct call call = scan(UINT64_MAX / 2, UINT64_MAX / 2);
    calibration_apply(&calibration, &call, &guess);
    CHECK_EQ(call.prompt_bound, SHM_AMOUNT_MAX);
    CHECK_EQ(call.prompt_estimate, SHM_AMOUNT_MAX);
    learn(&calibration, scan(1, 1), 1000, 10); /* too short to tell */
    call = scan(100, 100);
    calibration_apply(&calibration, &call, &guess);
    CHECK_EQ(call.prompt_bound, 800);
}
