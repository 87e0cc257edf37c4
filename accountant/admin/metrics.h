/*
 * metrics.h - the Prometheus text (format 0.0.4) of /metrics, from the segment
 * and a few numbers of the store. No key, group or tag is ever a label.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_METRICS_H
#define AIGW_ACCOUNTANT_ADMIN_METRICS_H

#include "accountant/balance.h"
#include "accountant/settle_lag.h"
#include "common/buf.h"
#include "shm/answer_cache.h"
#include "shm/segment.h"

struct metrics_input {
    const struct segment *segment;
    const struct answer_cache *cache; /* NULL: none */
    const char *version, *currency;
    uint64_t keys, groups, in_flight;
    uint64_t flushes, flush_errors, records, ring_bytes_waiting;
    uint64_t oldest_record_ms;
    struct settle_lag lag;
    int64_t last_flush_ms, last_export_ms; /* wall, 0 never */
    uint64_t export_failures, payloads, payloads_dropped;
    bool ledger_failed;
    const struct store_limits *limits; /* NULL: not shown */
    uint64_t limit_misses;
    const struct balance_summary *balances; /* NULL: not shown */
};

void metrics_write(const struct metrics_input *input, struct buf *out);

#endif
