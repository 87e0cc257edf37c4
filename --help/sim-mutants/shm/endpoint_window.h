/*
 * endpoint_window.h - how an endpoint has been of late: time to first token and
 * tokens a second as histograms, requests, errors, 429s, in slices of time. One
 * page per column, one writer each; readers add up. Statistics, no books: a
 * slice that is read while it is emptied may be short by what was in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_ENDPOINT_WINDOW_H
#define AIGW_SHM_ENDPOINT_WINDOW_H

#include "shm/column.h"

struct window_sample {
    bool failed, limited; /* limited: a 429 */
    bool has_ttft, has_speed;
    uint32_t ttft_ms;
    uint32_t speed_x2; /* halves of a token a second */
};

/* The column's process: one attempt has ended. */
void window_add(const struct seat *seat, uint32_t endpoint_idx,
                const struct window_sample *sample, uint64_t now_ms);

enum window_span { WINDOW_5_MIN, WINDOW_30_MIN };
struct window_sum {
    uint64_t requests, errors, limited;
    uint64_t ttft[HEALTH_TTFT_BUCKETS], speed[HEALTH_SPEED_BUCKETS];
};
/* Any process: over all columns. */
void window_read(const struct segment *segment, uint32_t endpoint_idx,
                 enum window_span span, uint64_t now_ms,
                 struct window_sum *sum);
/* The last 30 s; the histograms stay empty. */
void window_recent(const struct segment *segment, uint32_t endpoint_idx,
                   uint64_t now_ms, struct window_sum *sum);

/* The value below which `permille` of the samples are, interpolated within its
 * bucket. False: there is none. */
bool window_percentile(const uint64_t *buckets, unsigned count,
                       unsigned permille, double *value);

#endif
