/*
 * op_metrics.c - GET /metrics: it tells no secret, so this host needs no token.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/metrics.h"
#include "accountant/admin/object_json.h"
#include "accountant/admin/operations.h"
#include "accountant/payloads.h"
#include "common/version.h"

void
op_metrics(struct call *call)
{
    const struct store *store = call->store;
    const char *currency = store_config(store)->server.currency;
    struct balance_summary balances;
    struct store_state state;
    store_state(store, &state);
    struct metrics_input input = {
        .segment = store_heritage(store)->segment,
        .cache = store_heritage(store)->answer_cache,
        .version = AIGW_VERSION,
        .currency = currency == NULL ? "" : currency,
        .flushes = state.flushes,
        .flush_errors = state.flush_errors,
        .records = state.records,
        .ring_bytes_waiting = state.ring_bytes_waiting,
        .oldest_record_ms = state.oldest_record_ms,
        .lag = state.lag,
        .last_flush_ms = state.last_flush_ms,
        .last_export_ms = state.last_export_ms,
        .export_failures = state.export_failures,
        .payloads = payloads_written(store_payloads(store)),
        .payloads_dropped = payloads_dropped(store_payloads(store)),
        .ledger_failed = state.ledger_failed,
        .limits = store_limits(store),
        .limit_misses =
            shm_load(&store_heritage(store)->segment->header->limit_misses),
    };
    balance_sum(store, &balances);
    input.balances = &balances;
    input.keys = store_gateway_count(store);
    /* Every key has a group, so the groups' cells count each request once. */
    size_t at = 0;
    const struct group *group = store_group_next(store, &at);
    for (; group != NULL; group = store_group_next(store, &at)) {
        struct entry_use use;
        group_use_read(store, group, &use);
        input.in_flight += use.in_flight;
        input.groups++;
    }
    metrics_write(&input, &call->reply);
    call->content_type = "text/plain; version=0.0.4; charset=utf-8";
    call_answer(call, 200);
}
