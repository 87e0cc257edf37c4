/*
 * op_metrics.c - GET /metrics, and GET /console/, whose page says what there is
 * instead: neither tells a secret, so a local browser needs no token for them.
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

void
op_console(struct call *call)
{
    buf_append_cstr(&call->reply,
                    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
                    "<title>aigw</title><h1>aigw " AIGW_VERSION "</h1>"
                    "<p>This build has no web console. <code>aigwctl</code> "
                    "on the server's host manages keys, groups and budgets and "
                    "shows usage and logs; metrics are at "
                    "<a href=\"/metrics\">/metrics</a>.</p></html>\n");
    call->content_type = "text/html; charset=utf-8";
    call_answer(call, 404);
}
