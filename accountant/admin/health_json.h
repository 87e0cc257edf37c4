/*
 * health_json.h - parts of GET /admin/v1/health: calls in progress by model and
 * provider, medians of late, the last error of an endpoint.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_HEALTH_JSON_H
#define AIGW_ACCOUNTANT_ADMIN_HEALTH_JSON_H

#include "common/json_write.h"
#include "shm/catalogue.h"
#include "shm/segment.h"

/* Which model at which provider each call in progress is at, of all workers:
 * provider << 32 | model, in order. */
struct health_calls {
    uint64_t *at;
    size_t count;
};
/* False: out of memory, nothing is owned. */
bool health_calls_read(const struct segment *segment,
                       struct health_calls *calls) MUST_CHECK;
void health_calls_free(struct health_calls *calls);
uint64_t health_calls_at(const struct health_calls *calls, uint32_t model_idx,
                         uint32_t provider_idx);
uint64_t health_calls_to(const struct health_calls *calls,
                         uint32_t provider_idx);

/* requests, errors, limited, error_rate of five minutes; medians of these, or
 * of thirty where they have none (null: neither has), and of calls' whole time
 * since the segment was made. */
void health_window_to_json(struct json_writer *json,
                           const struct segment *segment, uint32_t endpoint_idx,
                           uint64_t now_ms);

/* "last_error": null, or time, status, cause, credential, health_check. */
void health_fault_to_json(struct json_writer *json,
                          const struct segment *segment,
                          const struct catalogue *catalogue,
                          const struct catalogue_endpoint *endpoint);

#endif
