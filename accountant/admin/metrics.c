/*
 * metrics.c - see metrics.h. Two tables, one of plain numbers and one of
 * counters per model and provider, and two histograms.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/metrics_part.h"

#include "accountant/store.h"
#include "common/money.h"
#include "shm/model_stats.h"

#define STAT(member) (offsetof(struct shm_stats, member) / sizeof(uint64_t))

void
metrics_family(struct buf *out, const char *name, const char *type,
               const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Label values: backslash, quote and newline are escaped. */
void
metrics_label(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            buf_append_char(out, '\\');
        if (*text == '\n')
            buf_append_cstr(out, "\\n");
        else
            buf_append_char(out, *text);
    }
}

struct endpoint_names {
    char model[SHM_NAME_BYTES], provider[SHM_NAME_BYTES];
};

static bool
endpoint_read(const struct segment *segment, uint32_t idx,
              struct endpoint_names *names, struct model_stats_sum *sum)
{
    uint32_t model = 0, provider = 0;
    if (model_registry_endpoint_pair(segment, idx, &model, &provider) != 0)
        return false;
    model_registry_model_name(segment, model, names->model);
    model_registry_provider_name(segment, provider, names->provider);
    model_stats_read(segment, idx, sum);
    return true;
}

static uint32_t
endpoint_count(const struct segment *segment)
{
    uint32_t high = shm_load(&segment->header->endpoint_high);
    return high < segment->endpoint_max ? high : segment->endpoint_max;
}

struct endpoint_counter {
    const char *label;
    size_t stat;
};

static const struct endpoint_counter outcomes[] = {
    {"ok", STAT(ok)},
    {"client_error", STAT(client_errors)},
    {"provider_error", STAT(provider_errors)},
    {"timeout", STAT(timeouts)},
    {"rate_limited", STAT(rate_limited)},
    {"cut", STAT(cut)},
    {"client_gone", STAT(client_gone)},
    {"lost", STAT(lost)},
};
static const struct endpoint_counter token_types[] = {
    {"prompt_missed", STAT(prompt_missed)},   {"cached", STAT(cached)},
    {"cache_creation", STAT(cache_creation)}, {"completion", STAT(completion)},
    {"reasoning", STAT(reasoning)},           {"audio_in", STAT(audio_in)},
    {"audio_out", STAT(audio_out)},
};

/* NAME{provider,model,LABEL}: rows that stayed 0 are left out. */
static void
counters(const struct segment *segment, struct buf *out, const char *name,
         const char *label, const struct endpoint_counter *rows, size_t count)
{
    struct endpoint_names names;
    struct model_stats_sum sum;
    for (uint32_t i = 0; i < endpoint_count(segment); i++) {
        if (!endpoint_read(segment, i, &names, &sum))
            continue;
        for (size_t r = 0; r < count; r++) {
            if (sum.v[rows[r].stat] == 0)
                continue;
            buf_printf(out, "%s{provider=\"", name);
            metrics_label(out, names.provider);
            buf_append_cstr(out, "\",model=\"");
            metrics_label(out, names.model);
            buf_printf(out, "\",%s=\"%s\"} %llu\n", label, rows[r].label,
                       (unsigned long long)sum.v[rows[r].stat]);
        }
    }
}

static void
costs(const struct metrics_input *input, struct buf *out)
{
    struct endpoint_names names;
    struct model_stats_sum sum;
    char amount[32];
    metrics_family(out, "aigw_cost_total", "counter",
                   "Cost of all requests, in the currency named.");
    for (uint32_t i = 0; i < endpoint_count(input->segment); i++) {
        if (!endpoint_read(input->segment, i, &names, &sum) ||
            sum.v[STAT(cost_nano)] == 0)
            continue;
        money_format_nano((int64_t)sum.v[STAT(cost_nano)], amount);
        buf_append_cstr(out, "aigw_cost_total{provider=\"");
        metrics_label(out, names.provider);
        buf_append_cstr(out, "\",model=\"");
        metrics_label(out, names.model);
        buf_append_cstr(out, "\",currency=\"");
        metrics_label(out, input->currency);
        buf_printf(out, "\"} %s\n", amount);
    }
}

static void
histogram_sample(struct buf *out, const char *name, const char *suffix,
                 const struct endpoint_names *names, const char *le)
{
    buf_printf(out, "%s_%s{gen_ai_provider_name=\"", name, suffix);
    metrics_label(out, names->provider);
    buf_append_cstr(out, "\",gen_ai_request_model=\"");
    metrics_label(out, names->model);
    if (le != NULL)
        buf_printf(out, "\",le=\"%s", le);
    buf_append_cstr(out, "\"} ");
}

/* Bucket i ends at 2^i ms; the last one takes the rest. */
static void
histogram(const struct segment *segment, struct buf *out, const char *name,
          const char *help, size_t bucket_stat, size_t sum_stat)
{
    struct endpoint_names names;
    struct model_stats_sum sum;
    metrics_family(out, name, "histogram", help);
    for (uint32_t i = 0; i < endpoint_count(segment); i++) {
        if (!endpoint_read(segment, i, &names, &sum))
            continue;
        uint64_t count = 0;
        for (unsigned b = 0; b < SHM_LATENCY_BUCKETS; b++) {
            char le[32] = "+Inf";
            if (b + 1 < SHM_LATENCY_BUCKETS)
                money_format_nano((INT64_C(1) << b) * 1000000, le);
            count += sum.v[bucket_stat + b];
            histogram_sample(out, name, "bucket", &names, le);
            buf_printf(out, "%llu\n", (unsigned long long)count);
        }
        uint64_t ms = sum.v[sum_stat];
        histogram_sample(out, name, "sum", &names, NULL);
        buf_printf(out, "%llu.%03u\n", (unsigned long long)(ms / 1000),
                   (unsigned)(ms % 1000));
        histogram_sample(out, name, "count", &names, NULL);
        buf_printf(out, "%llu\n", (unsigned long long)count);
    }
}

static void
number(struct buf *out, const char *name, const char *type, const char *help,
       uint64_t value)
{
    metrics_family(out, name, type, help);
    buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void
columns(const struct segment *segment, struct buf *out)
{
    uint64_t live = 0, draining = 0, dying = 0, connections = 0;
    uint32_t high = shm_load(&segment->header->column_high);
    for (uint32_t i = 0; i < high && i < segment->column_max; i++) {
        const struct shm_column *column = segment_column(segment, i);
        uint32_t state = shm_load(&column->state);
        dying += state == SHM_COLUMN_DYING;
        if (state != SHM_COLUMN_LIVE)
            continue;
        connections += shm_load(&column->connections);
        if (shm_load(&column->draining) != 0)
            draining++;
        else
            live++;
    }
    metrics_family(out, "aigw_workers", "gauge", "Worker processes by state.");
    buf_printf(out,
               "aigw_workers{state=\"live\"} %llu\n"
               "aigw_workers{state=\"draining\"} %llu\n"
               "aigw_workers{state=\"dying\"} %llu\n",
               (unsigned long long)live, (unsigned long long)draining,
               (unsigned long long)dying);
    number(out, "aigw_connections", "gauge", "Client connections open now.",
           connections);
}

static void
seconds(struct buf *out, uint64_t ms)
{
    buf_printf(out, "%llu.%03u", (unsigned long long)(ms / 1000),
               (unsigned)(ms % 1000));
}

/* Of each flush its oldest record: what a record waits at most. */
static void
settle_lags(const struct metrics_input *in, struct buf *out)
{
    static const char name[] = "aigw_settle_lag_seconds";
    uint64_t count = 0;
    metrics_family(out, name, "histogram",
                   "From a call's end until it was durable: the oldest of "
                   "each flush.");
    for (unsigned b = 0; b < SETTLE_LAG_BUCKETS; b++) {
        count += in->lag.buckets[b];
        buf_printf(out, "%s_bucket{le=\"", name);
        if (b + 1 < SETTLE_LAG_BUCKETS)
            seconds(out, settle_lag_end_ms(b));
        else
            buf_append_cstr(out, "+Inf");
        buf_printf(out, "\"} %llu\n", (unsigned long long)count);
    }
    buf_printf(out, "%s_sum ", name);
    seconds(out, in->lag.sum_ms);
    buf_printf(out, "\n%s_count %llu\n", name, (unsigned long long)count);
    metrics_family(out, "aigw_oldest_record_seconds", "gauge",
                   "Since the oldest call ended that is not durable yet; 0 "
                   "none.");
    buf_append_cstr(out, "aigw_oldest_record_seconds ");
    seconds(out, in->oldest_record_ms);
    buf_append_char(out, '\n');
}

static void
process_numbers(const struct metrics_input *in, struct buf *out)
{
    const struct shm_header *header = in->segment->header;
    int64_t last = in->last_flush_ms, exported = in->last_export_ms;
    columns(in->segment, out);
    number(out, "aigw_inflight", "gauge", "Requests admitted and not settled.",
           in->in_flight);
    number(out, "aigw_keys", "gauge", "Virtual keys.", in->keys);
    number(out, "aigw_groups", "gauge", "Groups.", in->groups);
    number(out, "aigw_ring_bytes", "gauge",
           "Bytes in the rings that are not durable yet.",
           in->ring_bytes_waiting);
    number(out, "aigw_ring_capacity_bytes", "gauge", "Size of one ring.",
           in->segment->ring_bytes);
    settle_lags(in, out);
    number(out, "aigw_records_total", "counter",
           "Records taken from the rings.", in->records);
    number(out, "aigw_flushes_total", "counter", "Flushes to the ledger.",
           in->flushes);
    number(out, "aigw_flush_errors_total", "counter",
           "Flushes that failed and were repeated.", in->flush_errors);
    number(out, "aigw_last_flush_timestamp_seconds", "gauge",
           "When the last flush was durable; 0 never.",
           last > 0 ? (uint64_t)last / 1000 : 0);
    number(out, "aigw_last_export_timestamp_seconds", "gauge",
           "Of when the newest export of the ledger is; 0 none.",
           exported > 0 ? (uint64_t)exported / 1000 : 0);
    number(out, "aigw_export_failures_total", "counter",
           "Exports of the ledger that failed.", in->export_failures);
    number(out, "aigw_payloads_total", "counter",
           "Payloads of calls that were written to the log.", in->payloads);
    number(out, "aigw_payloads_dropped_total", "counter",
           "Payloads that found no room, or no ledger.", in->payloads_dropped);
    number(out, "aigw_ledger_up", "gauge", "1 while the ledger can write.",
           !in->ledger_failed);
    number(out, "aigw_worker_restarts_total", "counter",
           "Workers that ended by themselves and were replaced.",
           shm_load(&header->worker_restarts));
    number(out, "aigw_worker_repeated_crashes_total", "counter",
           "Workers that died over a request that had killed two others.",
           shm_load(&header->repeated_crashes));
    number(out, "aigw_accountant_restarts_total", "counter",
           "Accountants that ended by themselves and were replaced.",
           shm_load(&header->accountant_restarts));
    number(out, "aigw_config_last_reload_successful", "gauge",
           "0 after a reload that was refused.",
           shm_load(&header->reload_failed) == 0);
    number(out, "aigw_config_generation", "gauge",
           "Number of the configuration that is applied.",
           shm_load(&header->config_generation));
    number(out, "aigw_catalogue_generation", "gauge",
           "Number of the catalogue that is published.",
           shm_load(&header->catalogue_generation));
}

static void
limit_counts(struct buf *out, const char *name, const char *help,
             const uint64_t counts[RECORD_LIMITS])
{
    metrics_family(out, name, "counter", help);
    for (uint8_t i = 1; i < RECORD_LIMITS; i++)
        if (counts[i] != 0)
            buf_printf(out, "%s{limit=\"%s\"} %llu\n", name,
                       ledger_limit_name(i), (unsigned long long)counts[i]);
}

static void
limits(const struct metrics_input *in, struct buf *out)
{
    if (in->limits == NULL)
        return;
    limit_counts(out, "aigw_limit_refusals_total",
                 "Rows of the log that a limit refused.", in->limits->refused);
    limit_counts(out, "aigw_would_refuse_total",
                 "Calls that a limit would have refused, were it no shadow.",
                 in->limits->would_refuse);
    number(out, "aigw_limit_table_misses_total", "counter",
           "Times that a limit found no place in its table.", in->limit_misses);
}

void
metrics_write(const struct metrics_input *input, struct buf *out)
{
    metrics_family(out, "aigw_build_info", "gauge", "Version of the program.");
    buf_append_cstr(out, "aigw_build_info{version=\"");
    metrics_label(out, input->version);
    buf_append_cstr(out, "\"} 1\n");
    process_numbers(input, out);
    if (input->cache != NULL)
        metrics_cache(input, out);
    if (input->balances != NULL)
        metrics_balance(input, out);
    limits(input, out);
    metrics_family(out, "aigw_requests_total", "counter",
                   "Requests that were admitted, by how they ended.");
    counters(input->segment, out, "aigw_requests_total", "outcome", outcomes,
             ARRAY_LEN(outcomes));
    metrics_family(out, "aigw_tokens_total", "counter",
                   "Tokens by class; the classes never overlap.");
    counters(input->segment, out, "aigw_tokens_total", "type", token_types,
             ARRAY_LEN(token_types));
    costs(input, out);
    histogram(input->segment, out, "gen_ai_server_request_duration_seconds",
              "From the request's head to its last byte.", STAT(duration),
              STAT(duration_ms_sum));
    histogram(input->segment, out, "gen_ai_server_time_to_first_token_seconds",
              "From the request's head to the answer's first byte.",
              STAT(first_byte), STAT(first_byte_ms_sum));
    metrics_health(input->segment, out);
}
