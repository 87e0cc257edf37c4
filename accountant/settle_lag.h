/*
 * settle_lag.h - how long records wait until they are durable: of each flush the
 * oldest one, from its call's end until the ledger had it, in buckets.
 *
 * It is at most flush_interval and what the flush itself takes, while the disk
 * and the accountant keep up. Wall clock: a step of it is seen once. Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_SETTLE_LAG_H
#define AIGW_ACCOUNTANT_SETTLE_LAG_H

#include <stdint.h>

enum { SETTLE_LAG_BUCKETS = 14 };

struct settle_lag {
    /* Flushes by their oldest record; the last bucket takes the rest. */
    uint64_t buckets[SETTLE_LAG_BUCKETS];
    uint64_t sum_ms, last_ms;
};

/* Where a bucket ends, in ms; of the last one UINT32_MAX. */
uint32_t settle_lag_end_ms(unsigned bucket);
/* A flush is durable whose oldest record is of `ended_ms` (wall). */
void settle_lag_add(struct settle_lag *lag, int64_t ended_ms, int64_t now_ms);

#endif
