/*
 * metrics_cache.c - what the cache of answers has, gives and saves.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "accountant/admin/metrics_part.h"
#include "common/money.h"

static void
metrics_number(struct buf *out, const char *name, const char *type,
               const char *help, uint64_t value)
{
    metrics_family(out, name, type, help);
    buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

void
metrics_cache(const struct metrics_input *in, struct buf *out)
{
    static const struct {
        enum answer_count count;
        const char *name, *help;
    } rows[] = {
#define C(name, text) {ANSWER_COUNT_##name, "aigw_cache_" #name "_total", text},
        ANSWER_CACHE_COUNTS(C)
#undef C
    };
    struct answer_cache_stats stats;
    char help[128], amount[32];
    answer_cache_stats(in->cache, &stats);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].count == ANSWER_COUNT_saved_nano)
            continue;
        snprintf(help, sizeof(help), "%c%s.", rows[i].help[0] - 'a' + 'A',
                 rows[i].help + 1);
        metrics_number(out, rows[i].name, "counter", help,
                       stats.counts[rows[i].count]);
    }
    money_format_nano((int64_t)stats.counts[ANSWER_COUNT_saved_nano], amount);
    metrics_family(
        out, "aigw_cache_saved_cost_total", "counter",
        "What the answers given would have cost, in the currency named.");
    buf_append_cstr(out, "aigw_cache_saved_cost_total{currency=\"");
    metrics_label(out, in->currency);
    buf_printf(out, "\"} %s\n", amount);
    metrics_number(out, "aigw_cache_entries", "gauge",
                   "Answers stored, expired ones too.", stats.entries);
    metrics_number(out, "aigw_cache_bytes", "gauge", "Bytes that they take.",
                   stats.used_bytes);
    metrics_number(out, "aigw_cache_size_bytes", "gauge",
                   "Bytes that they may take.", stats.size_bytes);
}
