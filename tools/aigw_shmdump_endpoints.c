/*
 * aigw_shmdump_endpoints.c - how models at providers are: whether they are sent
 * calls, how many they have and who waits, how quick they were; then providers
 * and their credentials.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/clock.h"
#include "shm/credential_slots.h"
#include "shm/endpoint_health.h"
#include "shm/endpoint_window.h"
#include "shm/model_stats.h"
#include "tools/aigw_shmdump.h"

static const char *
state_name(enum breaker_state state)
{
    static const char *const names[] = {"healthy", "suspect", "failing",
                                        "cooling", "ready"};
    return (size_t)state < ARRAY_LEN(names) ? names[state] : "?";
}

static const char *
reason_name(enum breaker_reason reason)
{
    static const char *const names[] = {"", "failures", "burst", "status",
                                        "probe"};
    return (size_t)reason < ARRAY_LEN(names) ? names[reason] : "?";
}

static void
dump_breaker(struct dump *dump, const struct segment *segment,
             const struct shm_breaker *breaker, uint64_t now_ms)
{
    struct breaker_view view;
    breaker_view(segment, breaker, now_ms, &view);
    dump_text(dump, "state", state_name(view.state));
    dump_text(dump, "reason", reason_name(view.reason));
    dump_u64(dump, "failures", view.consecutive);
    dump_u64(dump, "ready_in_ms",
             view.until_ms > now_ms ? view.until_ms - now_ms : 0);
    dump_u64(dump, "cooled", view.opened);
}

/* Workers with calls that wait. */
static uint64_t
waiting_workers(const struct segment *segment, uint32_t gate)
{
    const shm_u64 *turns = segment_gate_turn(segment, gate);
    uint32_t high = column_high(segment);
    uint64_t count = 0;
    for (uint32_t i = 0; i < high && i < segment->column_max; i++)
        count += shm_load(&turns[i]) != 0;
    return count;
}

static void
dump_gate(struct dump *dump, const struct segment *segment, uint32_t gate)
{
    dump_u64(dump, "busy", gate_busy(segment, gate));
    dump_u64(dump, "waiting", waiting_workers(segment, gate));
}

static void
dump_median(struct dump *dump, const char *name, const uint64_t *buckets,
            unsigned count, unsigned divisor)
{
    double value;
    bool has = window_percentile(buckets, count, 500, &value);
    dump_limit(dump, name, has ? (int64_t)(value / divisor + 0.5) : INT64_MAX);
}

static void
dump_window(struct dump *dump, const struct segment *segment, uint32_t endpoint,
            uint64_t now_ms)
{
    struct window_sum sum;
    window_read(segment, endpoint, WINDOW_5_MIN, now_ms, &sum);
    dump_u64(dump, "requests", sum.requests);
    dump_u64(dump, "errors", sum.errors);
    dump_u64(dump, "limited", sum.limited);
    dump_median(dump, "ttft_ms", sum.ttft, HEALTH_TTFT_BUCKETS, 1);
    dump_median(dump, "tokens_per_s", sum.speed, HEALTH_SPEED_BUCKETS, 2);
}

static void
begin_row(struct dump *dump, const char *kind, uint32_t number,
          const char *model, const char *provider, const char *credential)
{
    dump_row(dump);
    dump_text(dump, "kind", kind);
    dump_u64(dump, "number", number);
    dump_text(dump, "model", model);
    dump_text(dump, "provider", provider);
    dump_text(dump, "credential", credential);
}

static void
endpoint_row(struct dump *dump, const struct segment *segment, uint32_t i,
             uint64_t now_ms)
{
    uint32_t model_idx, provider_idx;
    char model[SHM_NAME_BYTES], provider[SHM_NAME_BYTES];
    if (model_registry_endpoint_pair(segment, i, &model_idx, &provider_idx) < 0)
        return;
    const struct shm_health *health = segment_health(segment, i);
    model_registry_model_name(segment, model_idx, model);
    model_registry_provider_name(segment, provider_idx, provider);
    begin_row(dump, "endpoint", i, model, provider, "");
    dump_breaker(dump, segment, &health->breaker, now_ms);
    uint64_t until = 0;
    for (int c = 0; c < HEALTH_CREDENTIALS; c++)
        if (limit_until(&health->limited[c]) > until)
            until = limit_until(&health->limited[c]);
    dump_u64(dump, "limited_for_ms", until > now_ms ? until - now_ms : 0);
    dump_u64(dump, "last_resort_misses", shm_load(&health->last_resort) & 0xff);
    dump_gate(dump, segment, segment_gate_of_endpoint(segment, i));
    dump_window(dump, segment, i, now_ms);
}

/* Until when one of its models has no calls left for it, at the longest. */
static uint64_t
limited_until(const struct segment *segment, uint32_t provider_idx,
              unsigned credential)
{
    uint32_t endpoints = shm_load(&segment->header->endpoint_high);
    uint64_t until = 0;
    for (uint32_t i = 0; i < endpoints && i < segment->endpoint_max; i++) {
        uint64_t own =
            limit_until(&segment_health(segment, i)->limited[credential]);
        if (shm_load(&segment_endpoint(segment, i)->provider_idx) ==
                provider_idx &&
            own > until)
            until = own;
    }
    return until;
}

/* The same cells as an endpoint's, empty where a provider has none. */
static void
provider_row(struct dump *dump, const struct segment *segment, uint32_t i,
             unsigned credential, uint64_t now_ms)
{
    char name[CREDENTIAL_NAME_BYTES];
    uint64_t until = limited_until(segment, i, credential);
    static const struct window_sum nothing;
    char provider[SHM_NAME_BYTES];
    model_registry_provider_name(segment, i, provider);
    credential_slot_name(segment, i, credential, name);
    begin_row(dump, credential == 0 ? "provider" : "credential",
              credential == 0 ? i : credential, "", provider, name);
    dump_breaker(dump, segment,
                 &segment_credentials(segment, i)->breaker[credential], now_ms);
    dump_u64(dump, "limited_for_ms", until > now_ms ? until - now_ms : 0);
    dump_gate(dump, segment, segment_gate_of_provider(segment, i));
    dump_u64(dump, "requests", 0);
    dump_u64(dump, "errors", 0);
    dump_u64(dump, "limited", 0);
    dump_median(dump, "ttft_ms", nothing.ttft, HEALTH_TTFT_BUCKETS, 1);
    dump_median(dump, "tokens_per_s", nothing.speed, HEALTH_SPEED_BUCKETS, 1);
}

void
dump_endpoints(struct dump *dump, const struct segment *segment)
{
    uint64_t now_ms = clock_mono_ms();
    uint32_t endpoints = shm_load(&segment->header->endpoint_high);
    uint32_t providers = shm_load(&segment->header->provider_high);
    for (uint32_t i = 0; i < endpoints && i < segment->endpoint_max; i++)
        endpoint_row(dump, segment, i, now_ms);
    for (uint32_t i = 0; i < providers && i < segment->provider_max; i++) {
        uint64_t used = credential_slots_used(segment, i);
        provider_row(dump, segment, i, 0, now_ms);
        for (unsigned c = 1; c < HEALTH_CREDENTIALS; c++)
            if ((used >> c & 1) != 0)
                provider_row(dump, segment, i, c, now_ms);
    }
}
