/*
 * segment_layout.c - the fingerprint of the layout, and the places in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/segment.h"

#include "shm/segment_places.h"

#define FIELD(type, field)                                                     \
    {                                                                          \
        (uint32_t) offsetof(struct type, field),                               \
            (uint32_t)sizeof(((struct type *)0)->field)                        \
    }
#define SIZE(type)                                                             \
    {                                                                          \
        (uint32_t)sizeof(struct type), (uint32_t) _Alignof(struct type)        \
    }

/* Offsets that other code (the dump of a copied file, a debugger's script)
 * relies on; the layout hash covers every field. */
_Static_assert(sizeof(struct shm_record) == 232, "a record without meta");
_Static_assert(sizeof(struct shm_record) <=
                   SHM_RECORD_MAX - SHM_RECORD_META_MAX,
               "record fits its room");
_Static_assert(offsetof(struct shm_record, after) == 80, "record layout");
_Static_assert(offsetof(struct shm_slot, amount) == 32, "slot layout");
_Static_assert(offsetof(struct shm_slot, target) == SHM_LINE, "slot layout");
_Static_assert(offsetof(struct shm_slot, key_id) == 2 * SHM_LINE,
               "slot layout");
_Static_assert(sizeof(struct shm_slot) == 4 * SHM_LINE, "slots are lines");
_Static_assert(offsetof(struct shm_entry_hot, tpm) == SHM_LINE,
               "the first line has what every admission reads");
_Static_assert(offsetof(struct shm_entry_hot, rpm_tat_ns) == 2 * SHM_LINE,
               "rate words have a line of their own");
_Static_assert(sizeof(struct shm_entry_hot) == 3 * SHM_LINE, "hot part");
_Static_assert(sizeof(struct shm_entry_cold) % SHM_LINE == 0, "cold part");
_Static_assert(offsetof(struct shm_entry_cold, policy) <= SHM_LINE,
               "what every admission reads of the cold part is one line");
_Static_assert(sizeof(struct shm_column) == 4 * SHM_LINE, "a column");
_Static_assert(offsetof(struct shm_column, ring_head) == 2 * SHM_LINE,
               "head and tail: one line each, one writer each");
_Static_assert(sizeof(struct shm_stats) == 7 * SHM_LINE, "one writer a line");
_Static_assert(offsetof(struct shm_stats, lost) == 8 * sizeof(shm_u64),
               "counters lie densely: they are summed by number");
_Static_assert(offsetof(struct shm_header, master_pid) == 320,
               "header: constants, master, accountant on lines apart");
_Static_assert(offsetof(struct shm_header, accountant_pid) == 384,
               "header layout");
_Static_assert(sizeof(struct shm_limit) == 2 * SHM_LINE &&
                   offsetof(struct shm_limit, rpm_tat_ns) == SHM_LINE,
               "a limit: what the accountant writes, what everybody writes");

/* Every field of every struct of layout.h: a build that moves one of them gets
 * another hash and refuses the segment of this one. */
// clang-format off
static const struct { uint32_t off, size; } fingerprint[] = {
    {SHM_LAYOUT_VERSION, SHM_UNITS}, {SHM_BUDGETS, SHM_MODELS_MAX},
    {SHM_ACL_MAX, SHM_NAME_BYTES}, {SHM_RECORD_META_MAX, SHM_RECORD_MAX},
    {SHM_LATENCY_BUCKETS, RECORD_CAUSES},
    {HEALTH_CREDENTIALS, HEALTH_FINE}, {HEALTH_COARSE, HEALTH_RECENT},
    {SHM_LIMIT_WAYS, SHM_SPENDS}, {RECORD_LIMITS, 0},
    SIZE(shm_header),
    FIELD(shm_header, layout_version), FIELD(shm_header, layout_hash),
    FIELD(shm_header, total_bytes), FIELD(shm_header, instance_id),
    FIELD(shm_header, epoch), FIELD(shm_header, boot_id),
    FIELD(shm_header, instance), FIELD(shm_header, column_max),
    FIELD(shm_header, entry_max), FIELD(shm_header, bucket_count),
    FIELD(shm_header, model_max), FIELD(shm_header, provider_max),
    FIELD(shm_header, endpoint_max), FIELD(shm_header, slot_max),
    FIELD(shm_header, entry_stride), FIELD(shm_header, ring_bytes),
    FIELD(shm_header, columns_off), FIELD(shm_header, buckets_off),
    FIELD(shm_header, entries_off), FIELD(shm_header, models_off),
    FIELD(shm_header, providers_off), FIELD(shm_header, endpoints_off),
    FIELD(shm_header, stats_off), FIELD(shm_header, slots_off),
    FIELD(shm_header, rings_off), FIELD(shm_header, health_off),
    FIELD(shm_header, credentials_off), FIELD(shm_header, gates_off),
    FIELD(shm_header, windows_off), FIELD(shm_header, created_ms),
    FIELD(shm_header, limit_max), FIELD(shm_header, limit_stride),
    FIELD(shm_header, limit_names_off), FIELD(shm_header, limits_off),
    FIELD(shm_header, limit_misses), FIELD(shm_header, revocations),
    FIELD(shm_header, spend_names_off), FIELD(shm_header, spends_off),
    FIELD(shm_header, master_pid), FIELD(shm_header, master_start),
    FIELD(shm_header, config_generation), FIELD(shm_header, column_high),
    FIELD(shm_header, draining), FIELD(shm_header, reload_failed),
    FIELD(shm_header, accountant_restarts), FIELD(shm_header, worker_restarts),
    FIELD(shm_header, repeated_crashes),
    FIELD(shm_header, accountant_pid), FIELD(shm_header, accountant_start),
    FIELD(shm_header, accountant_ready), FIELD(shm_header, entry_high),
    FIELD(shm_header, model_high), FIELD(shm_header, provider_high),
    FIELD(shm_header, endpoint_high), FIELD(shm_header, catalogue_generation),
    FIELD(shm_header, accountant_heartbeat_ms), FIELD(shm_header, flushed_ms),
    FIELD(shm_header, flush_errors), FIELD(shm_header, ledger_batch),
    FIELD(shm_header, escrow_slack), FIELD(shm_header, escrow_wants),
    SIZE(shm_column),
    FIELD(shm_column, state), FIELD(shm_column, generation),
    FIELD(shm_column, pid), FIELD(shm_column, start_time),
    FIELD(shm_column, config_generation), FIELD(shm_column, started_ms),
    FIELD(shm_column, claim),
    FIELD(shm_column, heartbeat_ms), FIELD(shm_column, connections),
    FIELD(shm_column, requests), FIELD(shm_column, draining),
    FIELD(shm_column, last_request), FIELD(shm_column, last_key),
    FIELD(shm_column, ring_head), FIELD(shm_column, slots_used),
    FIELD(shm_column, ring_tail),
    SIZE(shm_budget),
    FIELD(shm_budget, unit), FIELD(shm_budget, period),
    FIELD(shm_budget, limit), FIELD(shm_budget, baseline),
    FIELD(shm_budget, period_no), FIELD(shm_budget, resets_ms),
    SIZE(shm_entry_hot),
    FIELD(shm_entry_hot, tag), FIELD(shm_entry_hot, flags),
    FIELD(shm_entry_hot, on_exhausted), FIELD(shm_entry_hot, ceiling),
    FIELD(shm_entry_hot, expires_ms), FIELD(shm_entry_hot, max_in_flight),
    FIELD(shm_entry_hot, group_entry), FIELD(shm_entry_hot, group_tag),
    FIELD(shm_entry_hot, rpm), FIELD(shm_entry_hot, tpm),
    FIELD(shm_entry_hot, id), FIELD(shm_entry_hot, digest),
    FIELD(shm_entry_hot, rpm_tat_ns), FIELD(shm_entry_hot, tpm_tat_ns),
    FIELD(shm_entry_hot, escrow), FIELD(shm_entry_hot, escrow_wanted),
    SIZE(shm_cell),
    FIELD(shm_cell, reserved), FIELD(shm_cell, used), FIELD(shm_cell, busy),
    SIZE(shm_acl),
    FIELD(shm_acl, addr), FIELD(shm_acl, prefix_len),
    SIZE(shm_policy),
    FIELD(shm_policy, group_id), FIELD(shm_policy, group_tag),
    FIELD(shm_policy, group_entry), FIELD(shm_policy, models),
    FIELD(shm_policy, acl), FIELD(shm_policy, name),
    FIELD(shm_policy, settings),
    SIZE(shm_entry_cold),
    FIELD(shm_entry_cold, seq), FIELD(shm_entry_cold, policy_version),
    FIELD(shm_entry_cold, budget_version), FIELD(shm_entry_cold, flags),
    FIELD(shm_entry_cold, acl_count), FIELD(shm_entry_cold, origin),
    FIELD(shm_entry_cold, former_until), FIELD(shm_entry_cold, former),
    FIELD(shm_entry_cold, policy), FIELD(shm_entry_cold, budgets),
    SIZE(shm_limit),
    FIELD(shm_limit, rpm), FIELD(shm_limit, tpm),
    FIELD(shm_limit, max_in_flight), FIELD(shm_limit, is_set),
    FIELD(shm_limit, rpm_tat_ns), FIELD(shm_limit, tpm_tat_ns),
    FIELD(shm_limit, window), FIELD(shm_limit, idle_ns),
    SIZE(shm_spend), FIELD(shm_spend, version), FIELD(shm_spend, copies),
    SIZE(shm_name), FIELD(shm_name, state), FIELD(shm_name, name),
    SIZE(shm_endpoint), FIELD(shm_endpoint, state),
    FIELD(shm_endpoint, model_idx), FIELD(shm_endpoint, provider_idx),
    SIZE(shm_slot),
    FIELD(shm_slot, state), FIELD(shm_slot, crash_reserved),
    FIELD(shm_slot, entry), FIELD(shm_slot, tag), FIELD(shm_slot, amount),
    FIELD(shm_slot, progress), FIELD(shm_slot, target), FIELD(shm_slot, rec),
    FIELD(shm_slot, rec_end), FIELD(shm_slot, overrun),
    FIELD(shm_slot, model_idx), FIELD(shm_slot, provider_idx),
    FIELD(shm_slot, price_version), FIELD(shm_slot, key_id),
    FIELD(shm_slot, group_id), FIELD(shm_slot, request_id),
    FIELD(shm_slot, started_wall_ms),
    FIELD(shm_slot, dialect), FIELD(shm_slot, stream),
    FIELD(shm_slot, attempts), FIELD(shm_slot, prompt_estimate),
    FIELD(shm_slot, client_ip), FIELD(shm_slot, limit),
    SIZE(shm_stats),
    FIELD(shm_stats, requests), FIELD(shm_stats, prompt_missed),
    FIELD(shm_stats, duration_ms_sum), FIELD(shm_stats, duration),
    FIELD(shm_stats, first_byte),
    SIZE(shm_breaker),
    FIELD(shm_breaker, run), FIELD(shm_breaker, claim),
    FIELD(shm_breaker, closed), FIELD(shm_breaker, opened),
    SIZE(shm_health), FIELD(shm_health, breaker), FIELD(shm_health, limited),
    SIZE(shm_credentials), FIELD(shm_credentials, check_ms),
    FIELD(shm_credentials, checks), FIELD(shm_credentials, checks_failed), FIELD(shm_credentials, used),
    FIELD(shm_credentials, breaker), FIELD(shm_credentials, name),
    SIZE(shm_window_slice), FIELD(shm_window_slice, ttft),
    FIELD(shm_window_slice, speed), SIZE(shm_window_recent),
    SIZE(shm_window), FIELD(shm_window, coarse), FIELD(shm_window, recent),
    SIZE(shm_record),
    FIELD(shm_record, len), FIELD(shm_record, version),
    FIELD(shm_record, flags), FIELD(shm_record, key_id),
    FIELD(shm_record, group_id), FIELD(shm_record, request_id),
    FIELD(shm_record, started_ms), FIELD(shm_record, ended_ms),
    FIELD(shm_record, entry), FIELD(shm_record, tokens),
    FIELD(shm_record, nano), FIELD(shm_record, after),
    FIELD(shm_record, prompt_missed), FIELD(shm_record, cached),
    FIELD(shm_record, cache_creation), FIELD(shm_record, completion),
    FIELD(shm_record, reasoning), FIELD(shm_record, audio_in),
    FIELD(shm_record, audio_out), FIELD(shm_record, cache_creation_1h),
    FIELD(shm_record, delivered_tokens), FIELD(shm_record, generated_tokens),
    FIELD(shm_record, duration_ms), FIELD(shm_record, first_byte_ms),
    FIELD(shm_record, model_idx), FIELD(shm_record, provider_idx),
    FIELD(shm_record, price_version), FIELD(shm_record, status),
    FIELD(shm_record, attempts), FIELD(shm_record, cause),
    FIELD(shm_record, dialect), FIELD(shm_record, endpoint),
    FIELD(shm_record, limit), FIELD(shm_record, gateway),
    FIELD(shm_record, credential),
    FIELD(shm_record, client_ip), FIELD(shm_record, model_asked_len),
    FIELD(shm_record, error_len), FIELD(shm_record, tags_len),
    FIELD(shm_record, attempts_len), FIELD(shm_record, queue_ms),
    FIELD(shm_record, sent_ms), FIELD(shm_record, connect_ms),
    FIELD(shm_record, first_token_ms),
    SIZE(shm_attempt),
    FIELD(shm_attempt, provider_idx), FIELD(shm_attempt, duration_ms),
    FIELD(shm_attempt, status), FIELD(shm_attempt, cause),
    FIELD(shm_attempt, credential), FIELD(shm_attempt, tokens),
    FIELD(shm_attempt, nano),
};
// clang-format on

_Static_assert(sizeof(struct shm_breaker) == 32, "two breakers a line");
_Static_assert(sizeof(struct shm_health) == 9 * SHM_LINE, "an endpoint's");
_Static_assert(sizeof(struct shm_credentials) == 97 * SHM_LINE, "a provider's");
_Static_assert(sizeof(struct shm_window) == 4096, "a page for each column");

uint64_t
segment_layout_hash(void)
{
    uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a, a word at a time */
    for (size_t i = 0; i < ARRAY_LEN(fingerprint); i++) {
        hash = (hash ^ fingerprint[i].off) * 0x100000001b3ull;
        hash = (hash ^ fingerprint[i].size) * 0x100000001b3ull;
    }
    return hash;
}

shm_u64 *
segment_bucket(const struct segment *s, uint32_t bucket)
{
    CHECK(bucket < s->bucket_count);
    return (shm_u64 *)(void *)(s->base + s->buckets_off) + bucket;
}

struct shm_entry_cold *
segment_entry_cold(const struct segment *s, uint32_t entry)
{
    return places_cold(s, segment_entry_hot(s, entry));
}

struct shm_cell *
segment_cell(const struct segment *s, uint32_t entry, uint32_t column)
{
    CHECK(column < s->column_max);
    return places_cells(segment_entry_hot(s, entry)) + column;
}

struct shm_name *
segment_model_name(const struct segment *s, uint32_t model)
{
    CHECK(model < s->model_max);
    return (struct shm_name *)(void *)(s->base + s->models_off) + model;
}

struct shm_name *
segment_provider_name(const struct segment *s, uint32_t i)
{
    CHECK(i < s->provider_max);
    return (struct shm_name *)(void *)(s->base + s->providers_off) + i;
}

struct shm_endpoint *
segment_endpoint(const struct segment *s, uint32_t endpoint)
{
    CHECK(endpoint < s->endpoint_max);
    return (struct shm_endpoint *)(void *)(s->base + s->endpoints_off) +
           endpoint;
}

struct shm_stats *
segment_stats(const struct segment *s, uint32_t endpoint, uint32_t column)
{
    CHECK(endpoint < s->endpoint_max && column < s->column_max);
    return (struct shm_stats *)(void *)(s->base + s->stats_off) +
           (uint64_t)endpoint * s->column_max + column;
}

shm_u64 *
segment_limit_name(const struct segment *s, uint32_t limit)
{
    CHECK(limit < s->limit_max);
    return (shm_u64 *)(void *)(s->base + s->limit_names_off) + limit;
}

struct shm_limit *
segment_limit(const struct segment *s, uint32_t limit)
{
    CHECK(limit < s->limit_max);
    return (struct shm_limit *)(void *)(s->base + s->limits_off +
                                        (uint64_t)limit * s->limit_stride);
}

shm_u32 *
segment_limit_busy(const struct segment *s, uint32_t limit)
{
    return (shm_u32 *)(void *)(segment_limit(s, limit) + 1);
}

shm_u64 *
segment_spend_name(const struct segment *s, uint32_t spend)
{
    CHECK(spend < SHM_SPENDS);
    return (shm_u64 *)(void *)(s->base + s->spend_names_off) + spend;
}

struct shm_spend *
segment_spend(const struct segment *s, uint32_t spend)
{
    CHECK(spend < SHM_SPENDS);
    return (struct shm_spend *)(void *)(s->base + s->spends_off) + spend;
}

struct shm_health *
segment_health(const struct segment *s, uint32_t endpoint)
{
    CHECK(endpoint < s->endpoint_max);
    return (struct shm_health *)(void *)(s->base + s->health_off) + endpoint;
}

struct shm_credentials *
segment_credentials(const struct segment *s, uint32_t provider)
{
    CHECK(provider < s->provider_max);
    return (struct shm_credentials *)(void *)(s->base + s->credentials_off) +
           provider;
}

uint32_t
segment_gate_of_endpoint(const struct segment *s, uint32_t endpoint)
{
    CHECK(endpoint < s->endpoint_max);
    return endpoint;
}

uint32_t
segment_gate_of_provider(const struct segment *s, uint32_t provider)
{
    CHECK(provider < s->provider_max);
    return s->endpoint_max + provider;
}

shm_u64 *
segment_gate_turn(const struct segment *s, uint32_t gate)
{
    CHECK(gate < s->endpoint_max + s->provider_max);
    return (shm_u64 *)(void *)(s->base + s->gates_off +
                               gate * places_gate_stride(s->column_max));
}

shm_u32 *
segment_gate_busy(const struct segment *s, uint32_t gate)
{
    CHECK(gate < s->endpoint_max + s->provider_max);
    return (shm_u32 *)(void *)(s->base + s->gates_off +
                               gate * places_gate_stride(s->column_max) +
                               s->column_max * sizeof(shm_u64));
}

struct shm_window *
segment_window(const struct segment *s, uint32_t endpoint, uint32_t column)
{
    CHECK(endpoint < s->endpoint_max && column < s->column_max);
    return (struct shm_window *)(void *)(s->base + s->windows_off) +
           (uint64_t)endpoint * s->column_max + column;
}
