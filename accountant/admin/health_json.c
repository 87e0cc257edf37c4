/*
 * health_json.c - see health_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/health_json.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger.h"
#include "shm/endpoint_fault.h"
#include "shm/endpoint_window.h"
#include "shm/model_stats.h"

/* ---- calls in progress ---- */

static int
compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool
add_call(struct health_calls *calls, size_t *room, uint64_t at)
{
    if (calls->count == *room) {
        size_t more = *room == 0 ? 256 : *room * 2;
        uint64_t *grown = realloc(calls->at, more * sizeof(*grown));
        if (grown == NULL)
            return false;
        calls->at = grown;
        *room = more;
    }
    calls->at[calls->count++] = at;
    return true;
}

bool
health_calls_read(const struct segment *segment, struct health_calls *calls)
{
    uint32_t high = column_high(segment);
    size_t room = 0;
    *calls = (struct health_calls){NULL, 0};
    for (uint32_t c = 0; c < high && c < segment->column_max; c++) {
        if (shm_load(&segment_column(segment, c)->state) != SHM_COLUMN_LIVE)
            continue; /* and its slots have memory */
        for (uint32_t i = 0; i < segment->slot_max; i++) {
            const struct shm_slot *slot = segment_slot(segment, c, i);
            uint32_t state = shm_load(&slot->state);
            uint64_t at = (uint64_t)shm_load(&slot->provider_idx) << 32 |
                          shm_load(&slot->model_idx);
            if ((state == SHM_SLOT_HELD || state == SHM_SLOT_SENT) &&
                !add_call(calls, &room, at)) {
                health_calls_free(calls);
                return false;
            }
        }
    }
    if (calls->count > 0)
        qsort(calls->at, calls->count, sizeof(*calls->at), compare);
    return true;
}

void
health_calls_free(struct health_calls *calls)
{
    free(calls->at);
    *calls = (struct health_calls){NULL, 0};
}

/* How many are below `at`. */
static size_t
below(const struct health_calls *calls, uint64_t at)
{
    size_t from = 0, to = calls->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (calls->at[middle] < at)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

uint64_t
health_calls_at(const struct health_calls *calls, uint32_t model_idx,
                uint32_t provider_idx)
{
    uint64_t at = (uint64_t)provider_idx << 32 | model_idx;
    return below(calls, at + 1) - below(calls, at);
}

uint64_t
health_calls_to(const struct health_calls *calls, uint32_t provider_idx)
{
    uint64_t at = (uint64_t)provider_idx << 32;
    return below(calls, at + (UINT64_C(1) << 32)) - below(calls, at);
}

/* ---- of late ---- */

static void
key_u64(struct json_writer *json, const char *name, uint64_t value)
{
    json_key(json, name);
    json_u64(json, value);
}

static void
key_number(struct json_writer *json, const char *name, bool is_known,
           double value)
{
    json_key(json, name);
    if (is_known) {
        buf_printf(json->out, "%.10g", value);
        json->comma = true;
    } else {
        json_null(json);
    }
}

/* The median of calls' whole time, from buckets that end at powers of two. */
static bool
duration_median(const struct segment *segment, uint32_t endpoint_idx,
                double *value)
{
    enum { FIRST = offsetof(struct shm_stats, duration) / sizeof(uint64_t) };
    struct model_stats_sum sum;
    uint64_t all = 0, seen = 0;
    model_stats_read(segment, endpoint_idx, &sum);
    for (unsigned i = 0; i < SHM_LATENCY_BUCKETS; i++)
        all += sum.v[FIRST + i];
    for (unsigned i = 0; all > 0 && i < SHM_LATENCY_BUCKETS; i++) {
        uint64_t here = sum.v[FIRST + i];
        if (here > 0 && 2 * (seen + here) >= all) {
            double from = i == 0 ? 0 : (double)(1u << (i - 1));
            double to = (double)(1u << i);
            *value = from + (to - from) * ((double)all / 2 - (double)seen) /
                                (double)here;
            return true;
        }
        seen += here;
    }
    return false;
}

void
health_window_to_json(struct json_writer *json, const struct segment *segment,
                      uint32_t endpoint_idx, uint64_t now_ms)
{
    struct window_sum sum, longer;
    double value = 0;
    window_read(segment, endpoint_idx, WINDOW_5_MIN, now_ms, &sum);
    window_read(segment, endpoint_idx, WINDOW_30_MIN, now_ms, &longer);
    key_u64(json, "requests", sum.requests);
    key_u64(json, "errors", sum.errors);
    key_u64(json, "rate_limited", sum.limited);
    key_number(json, "error_rate", sum.requests > 0,
               sum.requests == 0
                   ? 0
                   : (double)(sum.errors + sum.limited) / (double)sum.requests);
    bool known =
        window_percentile(sum.ttft, HEALTH_TTFT_BUCKETS, 500, &value) ||
        window_percentile(longer.ttft, HEALTH_TTFT_BUCKETS, 500, &value);
    key_number(json, "first_token_ms", known, value);
    known = window_percentile(sum.speed, HEALTH_SPEED_BUCKETS, 500, &value) ||
            window_percentile(longer.speed, HEALTH_SPEED_BUCKETS, 500, &value);
    key_number(json, "tokens_per_second", known, value / 2);
    known = duration_median(segment, endpoint_idx, &value);
    key_number(json, "duration_ms", known, value);
}

/* ---- the last error ---- */

static const char *
credential_name(const struct catalogue_provider *provider, unsigned slot)
{
    for (uint32_t i = 0; i < provider->credential_count; i++)
        if (provider->credentials[i].slot == slot)
            return provider->credentials[i].name;
    return NULL; /* it has one only, or that one is gone */
}

void
health_fault_to_json(struct json_writer *json, const struct segment *segment,
                     const struct catalogue *catalogue,
                     const struct catalogue_endpoint *endpoint)
{
    struct endpoint_fault fault;
    json_key(json, "last_error");
    if (!endpoint_fault_read(segment, endpoint->endpoint_idx, &fault)) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    json_key(json, "time");
    json_time(json, fault.wall_s * 1000);
    json_key(json, "status");
    if (fault.status == 0)
        json_null(json);
    else
        json_u64(json, fault.status);
    json_key(json, "cause");
    json_cstring(json, ledger_cause_name(fault.cause));
    json_key(json, "credential");
    json_cstring(json,
                 credential_name(&catalogue->providers[endpoint->provider],
                                 fault.credential));
    json_key(json, "health_check");
    json_bool(json, fault.is_check);
    json_object_end(json);
}
