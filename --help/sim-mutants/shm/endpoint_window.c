/*
 * endpoint_window.c - see endpoint_window.h.
 *
 * Buckets are halves of powers of two: 2k from 2^k on, 2k + 1 from 1.5 * 2^k on.
 * Slices lie in rings by their number; a slice of another number is empty.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_window.h"

#include <string.h>

enum {
    FINE_MS = 30 * 1000,
    COARSE_MS = 6 * 60 * 1000,
    RECENT_MS = 2 * 1000,
};

static unsigned
bucket_of(uint32_t value, unsigned count)
{
    if (value < 2)
        return 0; /* the halves of 1 are the same */
    unsigned power = 31 - (unsigned)__builtin_clz(value);
    unsigned bucket = 2 * power + (value >> (power - 1) & 1);
    return bucket < count ? bucket : count - 1;
}

/* The lowest value of a bucket. */
static double
bucket_from(unsigned bucket)
{
    double power = (double)(UINT64_C(1) << bucket / 2);
    return bucket % 2 == 0 ? power : 1.5 * power;
}

/* The words' only writer is the column's process. */
static void
add(shm_u32 *word)
{
    shm_store(word, shm_load_own(word) + 1);
}

/* ---- writing ---- */

/* 1 and up: 0 says that a slice is empty. */
static uint32_t
number_of(uint64_t now_ms, uint64_t length_ms)
{
    return (uint32_t)(now_ms / length_ms) + 1;
}

/* Empties a slice that is of another time. Killed in the middle: it counts as
 * empty, and the column's next process begins anew. */
static void
turn_over(shm_u32 *words, size_t count, uint32_t number)
{
    if (LIKELY(shm_load_own(&words[0]) == number))
        return;
    for (size_t i = 0; i < count; i++)
        shm_store(&words[i], 0);
    shm_store(&words[0], number);
}

static void
add_to_slice(struct shm_window_slice *slice, uint32_t number,
             const struct window_sample *sample)
{
    turn_over(&slice->number, sizeof(*slice) / sizeof(shm_u32), number);
    add(&slice->requests);
    if (UNLIKELY(sample->failed))
        add(&slice->errors);
    if (UNLIKELY(sample->limited))
        add(&slice->limited);
    if (sample->has_ttft)
        add(&slice->ttft[bucket_of(sample->ttft_ms, HEALTH_TTFT_BUCKETS)]);
    if (sample->has_speed)
        add(&slice->speed[bucket_of(sample->speed_x2, HEALTH_SPEED_BUCKETS)]);
}

void
window_add(const struct seat *seat, uint32_t endpoint_idx,
           const struct window_sample *sample, uint64_t now_ms)
{
    struct shm_window *window =
        segment_window(seat->segment, endpoint_idx, seat->column);
    uint32_t fine = number_of(now_ms, FINE_MS);
    uint32_t coarse = number_of(now_ms, COARSE_MS);
    uint32_t recent = number_of(now_ms, RECENT_MS);
    struct shm_window_recent *now = &window->recent[recent % HEALTH_RECENT];
    add_to_slice(&window->fine[fine % HEALTH_FINE], fine, sample);
    add_to_slice(&window->coarse[coarse % HEALTH_COARSE], coarse, sample);
    turn_over(&now->number, sizeof(*now) / sizeof(shm_u32), recent);
    add(&now->requests);
    if (UNLIKELY(sample->failed))
        add(&now->errors);
    if (UNLIKELY(sample->limited))
        add(&now->limited);
}

/* ---- reading ---- */

static bool
counts(const shm_u32 *number, uint32_t now, uint32_t slices)
{
    return now - shm_load(number) < slices; /* 0 is long ago */
}

static void
sum_slice(const struct shm_window_slice *slice, struct window_sum *sum)
{
    sum->requests += shm_load(&slice->requests);
    sum->errors += shm_load(&slice->errors);
    sum->limited += shm_load(&slice->limited);
    for (unsigned i = 0; i < HEALTH_TTFT_BUCKETS; i++)
        sum->ttft[i] += shm_load(&slice->ttft[i]);
    for (unsigned i = 0; i < HEALTH_SPEED_BUCKETS; i++)
        sum->speed[i] += shm_load(&slice->speed[i]);
}

/* Columns that may have written; none where the endpoint has no pages. */
static uint32_t
columns_of(const struct segment *segment, uint32_t endpoint_idx)
{
    if (endpoint_idx >= segment->endpoint_max ||
        endpoint_idx >= shm_load(&segment->header->endpoint_high))
        return 0;
    uint32_t high = column_high(segment);
    return high < segment->column_max ? high : segment->column_max;
}

void
window_read(const struct segment *segment, uint32_t endpoint_idx,
            enum window_span span, uint64_t now_ms, struct window_sum *sum)
{
    uint32_t high = columns_of(segment, endpoint_idx);
    uint32_t now =
        number_of(now_ms, span == WINDOW_5_MIN ? FINE_MS : COARSE_MS);
    uint32_t slices = span == WINDOW_5_MIN ? HEALTH_FINE : HEALTH_COARSE;
    memset(sum, 0, sizeof(*sum));
    for (uint32_t column = 0; column < high; column++) {
        const struct shm_window *window =
            segment_window(segment, endpoint_idx, column);
        const struct shm_window_slice *slice =
            span == WINDOW_5_MIN ? window->fine : window->coarse;
        for (uint32_t i = 0; i < slices; i++)
            if (counts(&slice[i].number, now, slices))
                sum_slice(&slice[i], sum);
    }
}

void
window_recent(const struct segment *segment, uint32_t endpoint_idx,
              uint64_t now_ms, struct window_sum *sum)
{
    uint32_t high = columns_of(segment, endpoint_idx);
    uint32_t now = number_of(now_ms, RECENT_MS);
    memset(sum, 0, sizeof(*sum));
    for (uint32_t column = 0; column < high; column++) {
        const struct shm_window_recent *recent =
            segment_window(segment, endpoint_idx, column)->recent;
        for (uint32_t i = 0; i < HEALTH_RECENT; i++) {
            if (!counts(&recent[i].number, now, HEALTH_RECENT))
                continue;
            sum->requests += shm_load(&recent[i].requests);
            sum->errors += shm_load(&recent[i].errors);
            sum->limited += shm_load(&recent[i].limited);
        }
    }
}

bool
window_percentile(const uint64_t *buckets, unsigned count, unsigned permille,
                  double *value)
{
    uint64_t all = 0, below = 0;
    for (unsigned i = 0; i < count; i++)
        all += buckets[i];
    if (all == 0)
        return false;
    double rank = (double)all * permille / 1000;
    for (unsigned i = 0; i < count; i++) {
        if (buckets[i] > 0 && (double)(below + buckets[i]) >= rank) {
            double from = bucket_from(i), to = bucket_from(i + 1);
            *value = from +
                     (to - from) * (rank - (double)below) / (double)buckets[i];
            return true;
        }
        below += buckets[i];
    }
    *value = bucket_from(count);
    return true;
}
