/*
 * ledger_verify.c - whether the books balance: totals against rows, roll-ups
 * against rows, baselines against totals and rows, positions against the epoch.
 *
 * One pass over all rows, oldest first. Baseline moves: a move made with batch
 * n says that the rows of batches <= n add up to it; each row is added at the
 * first move of its key that includes it, and the sums run up at the end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_rollup.h"
#include "accountant/ledger/ledger_sums.h"

enum { REPORT_LINES_MAX = 1000 };

struct verify_move {
    struct ledger_move move;
    uint64_t tokens, nano; /* of rows that this move is the first to include */
};

struct verify {
    struct ledger *ledger;
    struct ledger_snapshot *snapshot;
    struct buf *report;
    uint64_t differences;
    int error;
    struct ledger_sums rows, dropped;
    struct verify_move *moves; /* by kind, id, batch, row */
    size_t move_count, move_room;
    int64_t day;       /* of the rows in `buckets`; -1 none yet */
    int64_t rows_from; /* days before may have lost rows: restored, repaired */
    struct table buckets;
    int64_t *days_seen;
    size_t days_seen_count;
};

static void differ(struct verify *v, const char *format, ...) PRINTF_LIKE(2, 3);

static void
differ(struct verify *v, const char *format, ...)
{
    char line[512];
    va_list args;
    v->differences++;
    if (v->differences > REPORT_LINES_MAX)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_append_cstr(v->report, line);
    buf_append_char(v->report, '\n');
}

static const char *
kind_name(enum ledger_kind kind)
{
    return kind == LEDGER_KEY ? "key" : "group";
}

/* ---- moves ---- */

static bool
load_move(const struct ledger_move *move, void *context)
{
    struct verify *v = context;
    if (v->move_count == v->move_room) {
        size_t room = v->move_room == 0 ? 256 : v->move_room * 2;
        struct verify_move *more = realloc(v->moves, room * sizeof(*more));
        if (more == NULL) {
            v->error = -ENOMEM;
            return false;
        }
        v->moves = more;
        v->move_room = room;
    }
    v->moves[v->move_count++] = (struct verify_move){.move = *move};
    return true;
}

/* The first move of (kind, id) with batch >= batch_no, or NULL. */
static struct verify_move *
first_move(struct verify *v, enum ledger_kind kind, uint64_t id,
           uint64_t batch_no)
{
    size_t low = 0, high = v->move_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct ledger_move *m = &v->moves[middle].move;
        bool before = m->kind != kind ? m->kind < kind
                      : m->id != id   ? m->id < id
                                      : m->batch_no < batch_no;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == v->move_count || v->moves[low].move.kind != kind ||
        v->moves[low].move.id != id)
        return NULL;
    return &v->moves[low];
}

static void
add_to_moves(struct verify *v, enum ledger_kind kind, uint64_t id,
             uint64_t batch_no, uint64_t tokens, uint64_t nano)
{
    struct verify_move *move = first_move(v, kind, id, batch_no);
    if (move == NULL)
        return;
    move->tokens += tokens;
    move->nano += nano;
}

static void
check_moves(struct verify *v)
{
    uint64_t tokens = 0, nano = 0;
    for (size_t i = 0; i < v->move_count; i++) {
        const struct verify_move *at = &v->moves[i];
        const struct ledger_move *m = &at->move;
        if (i == 0 || v->moves[i - 1].move.id != m->id ||
            v->moves[i - 1].move.kind != m->kind)
            tokens = nano = 0;
        tokens += at->tokens;
        nano += at->nano;
        const struct ledger_sum *dropped =
            ledger_sums_find(&v->dropped, m->kind, m->id);
        if (dropped != NULL && m->batch_no < dropped->batch_no)
            continue; /* part of its rows is gone */
        uint64_t sum = m->unit == 0 ? tokens : nano;
        if (m->baseline < 0 || sum != (uint64_t)m->baseline)
            differ(v,
                   "%s %" PRIu64 ": baseline of batch %" PRIu64 " is %" PRId64
                   ", its rows add up to %" PRIu64,
                   kind_name(m->kind), m->id, m->batch_no, m->baseline, sum);
    }
}

/* ---- roll-ups of a day ---- */

struct verify_bucket {
    struct ledger_usage usage;
    bool met; /* by a bucket of the ledger */
};

static bool
bucket_match(const void *item, const void *key)
{
    return ledger_usage_same_bucket(item, key);
}

static bool
add_to_bucket(struct verify *v, const struct ledger_row *row)
{
    struct ledger_usage wanted;
    ledger_usage_of_row(row, LEDGER_DAY, &wanted);
    uint64_t hash = ledger_usage_hash(&wanted);
    struct verify_bucket *bucket =
        table_find(&v->buckets, hash, bucket_match, &wanted);
    if (bucket == NULL) {
        bucket = malloc(sizeof(*bucket));
        if (bucket == NULL)
            return false;
        *bucket = (struct verify_bucket){wanted, false};
        if (table_insert(&v->buckets, hash, bucket) < 0) {
            free(bucket);
            return false;
        }
    }
    ledger_usage_add_row(&bucket->usage, row);
    return true;
}

/* What the first version of buckets did not have may be less than the rows have:
 * those of before are not in it. */
static bool
same_sums(const struct ledger_usage *rows, const struct ledger_usage *rollup)
{
    size_t from = offsetof(struct ledger_usage, requests);
    size_t to = offsetof(struct ledger_usage, cached_answers);
    return memcmp((const char *)rows + from, (const char *)rollup + from,
                  to - from) == 0 &&
           rollup->cached_answers <= rows->cached_answers &&
           ledger_spans_within(&rollup->duration_spans,
                               &rows->duration_spans) &&
           ledger_spans_within(&rollup->first_token_spans,
                               &rows->first_token_spans);
}

/* Of a day that has lost rows: a roll-up has at least what its rows have. */
static bool
is_covered(const struct ledger_usage *rows, const struct ledger_usage *rollup)
{
    return rows->requests <= rollup->requests &&
           rows->tokens <= rollup->tokens && rows->nano <= rollup->nano;
}

static bool
check_bucket(const struct ledger_usage *usage, void *context)
{
    struct verify *v = context;
    struct verify_bucket *bucket =
        table_find(&v->buckets, ledger_usage_hash(usage), bucket_match, usage);
    if (bucket != NULL)
        bucket->met = true;
    if (v->day < v->rows_from &&
        (bucket == NULL || is_covered(&bucket->usage, usage)))
        return true;
    if (bucket == NULL || !same_sums(&bucket->usage, usage))
        differ(v,
               "day %" PRId64 ", key %" PRIu64 ", group %" PRIu64
               ", model %s at %s: roll-up says %" PRIu64 " requests, %" PRIu64
               " tokens, %" PRIu64 " nano; rows %" PRIu64 ", %" PRIu64
               ", %" PRIu64,
               v->day, usage->key_id, usage->group_id, usage->model,
               usage->provider, usage->requests, usage->tokens, usage->nano,
               bucket == NULL ? 0 : bucket->usage.requests,
               bucket == NULL ? 0 : bucket->usage.tokens,
               bucket == NULL ? 0 : bucket->usage.nano);
    return true;
}

static int
finish_day(struct verify *v)
{
    const int64_t day_ms = INT64_C(86400000);
    if (v->day < 0)
        return 0;
    int rc = ledger_scan_usage(v->ledger, v->snapshot, LEDGER_DAY,
                               v->day * day_ms, (v->day + 1) * day_ms, 0, 0,
                               check_bucket, v, v->report);
    size_t at = 0;
    const struct verify_bucket *bucket = table_next(&v->buckets, &at);
    for (; bucket != NULL; bucket = table_next(&v->buckets, &at))
        if (!bucket->met)
            differ(v,
                   "day %" PRId64 ", key %" PRIu64 ", model %s at %s: no "
                   "roll-up of %" PRIu64 " rows",
                   v->day, bucket->usage.key_id, bucket->usage.model,
                   bucket->usage.provider, bucket->usage.requests);
    table_fini(&v->buckets, free);
    if (rc == 0)
        rc = ledger_day_add_dropped(&v->days_seen, &v->days_seen_count, v->day);
    return rc;
}

/* Roll-ups of days without a row: right only for days that were dropped. */
static bool
check_lonely(const struct ledger_usage *usage, void *context)
{
    struct verify *v = context;
    int64_t day = ledger_row_day(usage->start_ms);
    if (day >= v->rows_from &&
        !ledger_day_is_dropped(v->days_seen, v->days_seen_count, day) &&
        !ledger_day_is_dropped(v->snapshot->dropped, v->snapshot->dropped_count,
                               day))
        differ(v,
               "day %" PRId64 ", key %" PRIu64 ": a roll-up of %" PRIu64
               " requests without rows",
               day, usage->key_id, usage->requests);
    return true;
}

/* ---- rows, totals, budgets, positions ---- */

static bool
visit_row(const struct ledger_row *row, void *context)
{
    struct verify *v = context;
    int64_t day = ledger_row_day(row->ended_ms);
    if (day != v->day) {
        v->error = finish_day(v);
        v->day = day;
    }
    if (v->error == 0 &&
        (!ledger_sums_add_row(&v->rows, row) || !add_to_bucket(v, row)))
        v->error = -ENOMEM;
    add_to_moves(v, LEDGER_KEY, row->key_id, row->batch_no, row->tokens,
                 row->nano);
    add_to_moves(v, LEDGER_GROUP, row->group_id, row->batch_no, row->tokens,
                 row->nano);
    return v->error == 0;
}

static bool
load_dropped(enum ledger_kind kind, uint64_t id,
             const struct ledger_dropped *dropped, void *context)
{
    struct verify *v = context;
    struct ledger_sum *sum = ledger_sums_get(&v->dropped, kind, id);
    struct ledger_sum *rows = ledger_sums_get(&v->rows, kind, id);
    if (sum == NULL || rows == NULL) {
        v->error = -ENOMEM;
        return false;
    }
    sum->total = dropped->total;
    sum->batch_no = dropped->batch_no;
    rows->total = dropped->total;
    add_to_moves(v, kind, id, dropped->batch_no, dropped->total.tokens,
                 dropped->total.nano);
    return true;
}

static bool
check_total(enum ledger_kind kind, uint64_t id,
            const struct ledger_total *total, int64_t last_used_ms,
            void *context)
{
    static const struct ledger_total none;
    struct verify *v = context;
    (void)last_used_ms;
    struct ledger_sum *sum = ledger_sums_get(&v->rows, kind, id);
    if (sum == NULL) {
        v->error = -ENOMEM;
        return false;
    }
    sum->loaded = true; /* it has a total */
    const struct ledger_total *rows = &sum->total;
    if (memcmp(total, rows, sizeof(none)) != 0)
        differ(v,
               "%s %" PRIu64 ": total is %" PRIu64 " tokens, %" PRIu64
               " nano, %" PRIu64 " requests; rows add up to %" PRIu64
               ", %" PRIu64 ", %" PRIu64,
               kind_name(kind), id, total->tokens, total->nano, total->requests,
               rows->tokens, rows->nano, rows->requests);
    /* for the baselines: the ledger's own word */
    sum->total = *total;
    return true;
}

static void
check_totals_exist(struct verify *v)
{
    struct ledger_total keys = {0}, groups = {0};
    size_t at = 0;
    const struct ledger_sum *sum = table_next(&v->rows.table, &at);
    for (; sum != NULL; sum = table_next(&v->rows.table, &at)) {
        struct ledger_total *side = sum->kind == LEDGER_KEY ? &keys : &groups;
        side->tokens += sum->total.tokens;
        side->nano += sum->total.nano;
        side->requests += sum->total.requests;
        if (!sum->loaded && sum->total.requests > 0)
            differ(v, "%s %" PRIu64 ": %" PRIu64 " rows, but no total",
                   kind_name(sum->kind), sum->id, sum->total.requests);
    }
    if (memcmp(&keys, &groups, sizeof(keys)) != 0)
        differ(v,
               "all keys: %" PRIu64 " tokens, %" PRIu64 " nano; all groups: "
               "%" PRIu64 ", %" PRIu64,
               keys.tokens, keys.nano, groups.tokens, groups.nano);
}

static bool
check_budget(enum ledger_kind kind, uint64_t id, uint8_t row,
             const struct ledger_budget *budget, void *context)
{
    struct verify *v = context;
    const struct ledger_sum *sum = ledger_sums_find(&v->rows, kind, id);
    uint64_t total = 0;
    if (sum != NULL)
        total = budget->unit == 0 ? sum->total.tokens : sum->total.nano;
    if (budget->baseline < 0 || (uint64_t)budget->baseline > total)
        differ(v,
               "%s %" PRIu64 ": baseline %" PRId64 " of budget %u is above "
               "the total %" PRIu64,
               kind_name(kind), id, budget->baseline, row, total);
    return true;
}

static bool
check_position(uint64_t epoch, uint32_t column, uint64_t position,
               void *context)
{
    struct verify *v = context;
    if (epoch != v->snapshot->epoch)
        differ(v,
               "position %" PRIu64 " of column %" PRIu32
               " belongs to another epoch",
               position, column);
    return true;
}

static int
run(struct verify *v)
{
    struct ledger_row_filter all = {.cause = -1, .oldest_first = true};
    struct buf *error = v->report;
    uint64_t rows_from = 0;
    int rc = ledger_read_meta(v->ledger, v->snapshot, "rows_from", &rows_from,
                              error);
    v->rows_from = (int64_t)rows_from;
    if (rc >= 0)
        rc = ledger_scan_moves(v->ledger, v->snapshot, load_move, v, error);
    if (rc == 0)
        rc =
            ledger_scan_dropped(v->ledger, v->snapshot, load_dropped, v, error);
    if (rc == 0 && v->error == 0)
        rc =
            ledger_scan_rows(v->ledger, v->snapshot, &all, visit_row, v, error);
    if (rc == 0 && v->error == 0)
        rc = finish_day(v);
    if (rc == 0 && v->error == 0)
        rc = ledger_scan_usage(v->ledger, v->snapshot, LEDGER_DAY, 0, 0, 0, 0,
                               check_lonely, v, error);
    if (rc == 0 && v->error == 0)
        rc = ledger_scan_totals(v->ledger, v->snapshot, check_total, v, error);
    if (rc == 0 && v->error == 0)
        rc =
            ledger_scan_budgets(v->ledger, v->snapshot, check_budget, v, error);
    if (rc == 0 && v->error == 0)
        rc = ledger_scan_positions(v->ledger, v->snapshot, check_position, v,
                                   error);
    if (rc < 0 || v->error < 0)
        return rc < 0 ? rc : v->error;
    check_totals_exist(v);
    check_moves(v);
    return 0;
}

int
ledger_verify(struct ledger *ledger, struct ledger_snapshot *snapshot,
              struct buf *report, uint64_t *differences)
{
    struct verify v = {
        .ledger = ledger, .snapshot = snapshot, .report = report, .day = -1};
    *differences = 0;
    if (snapshot == NULL || snapshot->error != 0)
        return -EIO;
    int rc = run(&v);
    if (v.differences > REPORT_LINES_MAX)
        buf_printf(report, "... and %" PRIu64 " more\n",
                   v.differences - REPORT_LINES_MAX);
    *differences = v.differences;
    table_fini(&v.buckets, free);
    ledger_sums_fini(&v.rows);
    ledger_sums_fini(&v.dropped);
    free(v.moves);
    free(v.days_seen);
    return rc;
}
