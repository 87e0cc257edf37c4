/*
 * settle_lag.c - see settle_lag.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/settle_lag.h"

static const uint32_t ends_ms[SETTLE_LAG_BUCKETS] = {
    5,    10,   25,   50,   100,   250,   500,
    1000, 1250, 2500, 5000, 15000, 60000, UINT32_MAX};

uint32_t
settle_lag_end_ms(unsigned bucket)
{
    return ends_ms[bucket];
}

void
settle_lag_add(struct settle_lag *lag, int64_t ended_ms, int64_t now_ms)
{
    uint64_t ms = now_ms > ended_ms ? (uint64_t)(now_ms - ended_ms) : 0;
    unsigned bucket = 0;
    while (bucket + 1 < SETTLE_LAG_BUCKETS && ms > ends_ms[bucket])
        bucket++;
    lag->buckets[bucket]++;
    lag->sum_ms += ms;
    lag->last_ms = ms;
}
