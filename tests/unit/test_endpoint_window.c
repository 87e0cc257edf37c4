/*
 * test_endpoint_window.c - slices of time, histograms, medians.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_window.h"

#include "shm/model_stats.h"
#include "tests/unit/shm_fixture.h"

static struct fixture f;
static struct window_sum sum;

static void
open_all(void)
{
    fixture_open(&f);
    CHECK_EQ(model_registry_model(&f.segment, "m"), 0);
    CHECK_EQ(model_registry_provider(&f.segment, "p"), 0);
    CHECK_EQ(model_registry_endpoint(&f.segment, 0, 0), 0);
}

static void
add_ttft(int seat, uint32_t ms, uint64_t now_ms)
{
    struct window_sample sample = {.has_ttft = true, .ttft_ms = ms};
    window_add(&f.seat[seat], 0, &sample, now_ms);
}

static double
median(enum window_span span, uint64_t now_ms)
{
    double value = -1;
    window_read(&f.segment, 0, span, now_ms, &sum);
    if (!window_percentile(sum.ttft, HEALTH_TTFT_BUCKETS, 500, &value))
        return -1;
    return value;
}

TEST(columns_are_added_up_and_the_median_is_near)
{
    open_all();
    const uint64_t now = 10000000;
    CHECK(median(WINDOW_5_MIN, now) < 0);
    for (uint32_t i = 0; i < 100; i++) {
        add_ttft((int)(i % 3), 100 + i, now);
        add_ttft((int)(i % 2), 400 + 2 * i, now);
        add_ttft(2, 2000, now);
    }
    CHECK_EQ(sum.requests, 0);
    double p50 = median(WINDOW_5_MIN, now);
    CHECK_EQ(sum.requests, 300);
    CHECK(p50 > 400 && p50 < 600);
    fixture_close(&f);
}

TEST(every_value_lies_in_its_bucket)
{
    open_all();
    for (uint32_t ms = 1; ms < 150000; ms += 1 + ms / 7) {
        /* A slice of its own for each. */
        uint64_t now = 10000000 + (uint64_t)ms * 3600000;
        add_ttft(0, ms, now);
        double value = median(WINDOW_5_MIN, now);
        CHECK(value >= ms * 0.66 - 1 && value <= ms * 1.5 + 1);
    }
    fixture_close(&f);
}

TEST(what_is_older_than_the_window_does_not_count)
{
    open_all();
    const uint64_t now = 50 * 60000;
    add_ttft(0, 100, now);
    CHECK(median(WINDOW_5_MIN, now + 4 * 60000) > 0);
    CHECK(median(WINDOW_5_MIN, now + 6 * 60000) < 0);
    CHECK(median(WINDOW_30_MIN, now + 6 * 60000) > 0);
    CHECK(median(WINDOW_30_MIN, now + 23 * 60000) > 0);
    CHECK(median(WINDOW_30_MIN, now + 31 * 60000) < 0);
    fixture_close(&f);
}

TEST(a_slice_that_comes_round_again_is_emptied)
{
    open_all();
    for (uint64_t t = 0; t < 4 * 3600; t += 10)
        add_ttft(0, 100, 7000000 + t * 1000);
    (void)median(WINDOW_5_MIN, 7000000 + 4 * 3600 * 1000 - 10000);
    CHECK(sum.requests >= 27 && sum.requests <= 30);
    (void)median(WINDOW_30_MIN, 7000000 + 4 * 3600 * 1000 - 10000);
    CHECK(sum.requests >= 4 * 36 && sum.requests <= 5 * 36);
    fixture_close(&f);
}

TEST(failures_and_refusals_of_the_last_half_minute_are_counted)
{
    open_all();
    const struct window_sample failed = {.failed = true},
                               limited = {.limited = true}, good = {0};
    for (uint64_t t = 0; t < 30; t++) {
        window_add(&f.seat[t % 3], 0, &failed, 9000000 + t * 1000);
        window_add(&f.seat[t % 3], 0, &limited, 9000000 + t * 1000);
        window_add(&f.seat[t % 3], 0, &good, 9000000 + t * 1000);
    }
    window_recent(&f.segment, 0, 9029000, &sum);
    CHECK_EQ(sum.requests, 90);
    CHECK_EQ(sum.errors, 30);
    CHECK_EQ(sum.limited, 30);
    window_recent(&f.segment, 0, 9045000, &sum);
    CHECK(sum.errors >= 13 && sum.errors <= 18);
    window_recent(&f.segment, 0, 9029000 + 33000, &sum);
    CHECK_EQ(sum.requests, 0);
    fixture_close(&f);
}

TEST(no_endpoint_has_no_figures)
{
    open_all();
    window_read(&f.segment, 1, WINDOW_5_MIN, 1000, &sum);
    CHECK_EQ(sum.requests, 0);
    window_recent(&f.segment, UINT32_MAX, 1000, &sum);
    CHECK_EQ(sum.requests, 0);
    fixture_close(&f);
}

TEST(percentiles_are_interpolated)
{
    double value;
    uint64_t buckets[HEALTH_TTFT_BUCKETS] = {0};
    CHECK(!window_percentile(buckets, HEALTH_TTFT_BUCKETS, 500, &value));
    buckets[12] = 100; /* 64 to 96 */
    CHECK(window_percentile(buckets, HEALTH_TTFT_BUCKETS, 250, &value));
    CHECK(value > 71.9 && value < 72.1);
    CHECK(window_percentile(buckets, HEALTH_TTFT_BUCKETS, 1000, &value));
    CHECK(value > 95.9 && value < 96.1);
}
