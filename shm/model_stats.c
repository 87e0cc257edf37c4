/*
 * model_stats.c - counting into and summing the rows; the registry is in
 * model_stats_registry.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/model_stats.h"

#include <string.h>

/* The row's only writer is the column's process: its worker, or the reaper. */
static void
add(shm_u64 *word, uint64_t n)
{
    shm_store(word, shm_load_own(word) + n);
}

static uint32_t
bucket_of(uint32_t ms)
{
    uint32_t bucket = 0;
    while (bucket < SHM_LATENCY_BUCKETS - 1 && ms > UINT32_C(1) << bucket)
        bucket++;
    return bucket;
}

static void
add_outcome(struct shm_stats *row, const struct shm_record *record)
{
    switch ((enum record_cause)record->cause) {
    case RECORD_OK:
        add(&row->ok, 1);
        break;
    case RECORD_PROVIDER_ERROR:
        if (record->status == 429)
            add(&row->rate_limited, 1);
        else if (record->status < 500)
            add(&row->client_errors, 1);
        else
            add(&row->provider_errors, 1);
        break;
    case RECORD_UPSTREAM_FAILED:
    case RECORD_UPSTREAM_CUT:
        add(&row->provider_errors, 1);
        break;
    case RECORD_UPSTREAM_TIMEOUT:
        add(&row->timeouts, 1);
        break;
    case RECORD_CLIENT_GONE:
        add(&row->client_gone, 1);
        break;
    case RECORD_CUT:
    case RECORD_DRAIN_CUT:
    case RECORD_REVOKED:
        add(&row->cut, 1);
        break;
    case RECORD_LOST:
        add(&row->lost, 1);
        break;
    case RECORD_REFUSED:
        add(&row->client_errors, 1);
        break;
    case RECORD_CAUSES:
        UNREACHABLE();
    }
}

static void
add_row(struct shm_stats *row, const struct shm_record *record)
{
    add(&row->requests, 1);
    add_outcome(row, record);
    add(&row->prompt_missed, record->prompt_missed);
    add(&row->cached, record->cached);
    add(&row->cache_creation, record->cache_creation);
    add(&row->completion, record->completion);
    add(&row->reasoning, record->reasoning);
    add(&row->audio_in, record->audio_in);
    add(&row->audio_out, record->audio_out);
    add(&row->cost_nano, record->nano);
    add(&row->duration_ms_sum, record->duration_ms);
    add(&row->duration[bucket_of(record->duration_ms)], 1);
    if (record->first_byte_ms != 0 || record->cause == RECORD_OK) {
        add(&row->first_byte_ms_sum, record->first_byte_ms);
        add(&row->first_byte[bucket_of(record->first_byte_ms)], 1);
    }
}

void
model_stats_add(struct seat *seat, uint32_t endpoint_idx,
                const struct shm_record *record)
{
    add_row(segment_stats(seat->segment, endpoint_idx, seat->column), record);
}

void
model_stats_add_lost(const struct segment *segment, uint32_t column,
                     const struct shm_record *record)
{
    uint32_t high = shm_load(&segment->header->endpoint_high);
    for (uint32_t i = 0; i < high && i < segment->endpoint_max; i++) {
        uint32_t model_idx, provider_idx;
        if (model_registry_endpoint_pair(segment, i, &model_idx,
                                         &provider_idx) < 0 ||
            model_idx != record->model_idx ||
            provider_idx != record->provider_idx)
            continue;
        add_row(segment_stats(segment, i, column), record);
        return;
    }
}

void
model_stats_read(const struct segment *segment, uint32_t endpoint_idx,
                 struct model_stats_sum *sum)
{
    uint32_t high = column_high(segment);
    memset(sum, 0, sizeof(*sum));
    if (endpoint_idx >= segment->endpoint_max ||
        endpoint_idx >= shm_load(&segment->header->endpoint_high))
        return;
    for (uint32_t column = 0; column < high; column++) {
        const shm_u64 *words =
            &segment_stats(segment, endpoint_idx, column)->requests;
        for (size_t i = 0; i < ARRAY_LEN(sum->v); i++)
            sum->v[i] += shm_load(&words[i]);
    }
}
