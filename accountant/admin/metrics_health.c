/*
 * metrics_health.c - of /metrics what tells how endpoints are: cool-downs, calls
 * at once, medians of five minutes, health checks.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/metrics_part.h"
#include "common/clock.h"
#include "shm/credential_slots.h"
#include "shm/endpoint_health.h"
#include "shm/endpoint_window.h"
#include "shm/model_stats.h"

/* Called for each endpoint; writes the value of one, or nothing. */
typedef bool (*endpoint_value)(const struct segment *segment, uint32_t idx,
                               uint64_t now_ms, double *value);

static bool
is_cooling(const struct segment *segment, uint32_t idx, uint64_t now_ms,
           double *value)
{
    *value = breaker_look(segment, &segment_health(segment, idx)->breaker,
                          now_ms) >= BREAKER_COOLING;
    return true;
}

static bool
times_cooled(const struct segment *segment, uint32_t idx, uint64_t now_ms,
             double *value)
{
    (void)now_ms;
    *value = (double)shm_load(&segment_health(segment, idx)->breaker.opened);
    return true;
}

static bool
calls_now(const struct segment *segment, uint32_t idx, uint64_t now_ms,
          double *value)
{
    (void)now_ms;
    *value = (double)gate_busy(segment, segment_gate_of_endpoint(segment, idx));
    return *value > 0; /* none where no limit is set */
}

static bool
ttft(const struct segment *segment, uint32_t idx, uint64_t now_ms,
     double *value)
{
    struct window_sum sum;
    window_read(segment, idx, WINDOW_5_MIN, now_ms, &sum);
    if (!window_percentile(sum.ttft, HEALTH_TTFT_BUCKETS, 500, value))
        return false;
    *value /= 1000;
    return true;
}

static bool
speed(const struct segment *segment, uint32_t idx, uint64_t now_ms,
      double *value)
{
    struct window_sum sum;
    window_read(segment, idx, WINDOW_5_MIN, now_ms, &sum);
    if (!window_percentile(sum.speed, HEALTH_SPEED_BUCKETS, 500, value))
        return false;
    *value /= 2;
    return true;
}

static const struct {
    const char *name, *type, *help;
    endpoint_value value;
} families[] = {
    {"aigw_endpoint_cooling", "gauge",
     "1 while a model at a provider is sent nothing because it fails.",
     is_cooling},
    {"aigw_endpoint_cooled_total", "counter", "How often it began to cool.",
     times_cooled},
    {"aigw_endpoint_calls", "gauge",
     "Calls under way, where max_concurrency of the model is set.", calls_now},
    {"aigw_endpoint_ttft_median_seconds", "gauge",
     "Time to first token of streams, median of five minutes.", ttft},
    {"aigw_endpoint_tokens_per_second_median", "gauge",
     "Tokens of the answer by the attempt's time, median of five minutes.",
     speed},
};

static void
provider_rows(const struct segment *segment, struct buf *out, const char *name,
              const char *type, const char *help, bool is_gate)
{
    char provider[SHM_NAME_BYTES];
    uint32_t high = shm_load(&segment->header->provider_high);
    metrics_family(out, name, type, help);
    for (uint32_t i = 0; i < high && i < segment->provider_max; i++) {
        uint64_t value =
            is_gate ? gate_busy(segment, segment_gate_of_provider(segment, i))
                    : shm_load(&segment_credentials(segment, i)->checks_failed);
        if (value == 0)
            continue;
        model_registry_provider_name(segment, i, provider);
        buf_printf(out, "%s{provider=\"", name);
        metrics_label(out, provider);
        buf_printf(out, "\"} %llu\n", (unsigned long long)value);
    }
}

/* Of providers that have several. */
static void
credential_rows(const struct segment *segment, struct buf *out,
                const char *name, const char *type, const char *help,
                bool is_state)
{
    char provider[SHM_NAME_BYTES], credential[CREDENTIAL_NAME_BYTES];
    uint64_t now_ms = clock_mono_ms();
    uint32_t high = shm_load(&segment->header->provider_high);
    metrics_family(out, name, type, help);
    for (uint32_t i = 0; i < high && i < segment->provider_max; i++) {
        const struct shm_credentials *row = segment_credentials(segment, i);
        for (uint64_t left = credential_slots_used(segment, i); left != 0;
             left &= left - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(left);
            const struct shm_breaker *breaker = &row->breaker[slot];
            uint64_t value = is_state ? breaker_look(segment, breaker,
                                                     now_ms) >= BREAKER_COOLING
                                      : shm_load(&breaker->opened);
            model_registry_provider_name(segment, i, provider);
            credential_slot_name(segment, i, slot, credential);
            buf_printf(out, "%s{provider=\"", name);
            metrics_label(out, provider);
            buf_append_cstr(out, "\",credential=\"");
            metrics_label(out, credential);
            buf_printf(out, "\"} %llu\n", (unsigned long long)value);
        }
    }
}

void
metrics_health(const struct segment *segment, struct buf *out)
{
    char model[SHM_NAME_BYTES], provider[SHM_NAME_BYTES];
    uint64_t now_ms = clock_mono_ms();
    uint32_t high = shm_load(&segment->header->endpoint_high);
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        metrics_family(out, families[f].name, families[f].type,
                       families[f].help);
        for (uint32_t i = 0; i < high && i < segment->endpoint_max; i++) {
            uint32_t model_idx, provider_idx;
            double value;
            if (model_registry_endpoint_pair(segment, i, &model_idx,
                                             &provider_idx) < 0 ||
                !families[f].value(segment, i, now_ms, &value))
                continue;
            model_registry_model_name(segment, model_idx, model);
            model_registry_provider_name(segment, provider_idx, provider);
            buf_printf(out, "%s{provider=\"", families[f].name);
            metrics_label(out, provider);
            buf_append_cstr(out, "\",model=\"");
            metrics_label(out, model);
            buf_printf(out, "\"} %.10g\n", value);
        }
    }
    provider_rows(segment, out, "aigw_provider_calls", "gauge",
                  "Calls under way, where max_concurrency of the provider is "
                  "set.",
                  true);
    provider_rows(segment, out, "aigw_health_checks_failed_total", "counter",
                  "Health checks of a provider that failed.", false);
    credential_rows(segment, out, "aigw_credential_cooling", "gauge",
                    "1 while a provider's credential is not used because it is "
                    "refused; of providers with several.",
                    true);
    credential_rows(segment, out, "aigw_credential_cooled_total", "counter",
                    "How often it began to cool.", false);
}
