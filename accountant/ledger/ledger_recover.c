/*
 * ledger_recover.c - see ledger_recover.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_recover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/crash_point.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_page.h"
#include "accountant/ledger/ledger_rollup.h"
#include "accountant/ledger/ledger_sums.h"
#include "accountant/ledger/ledger_value.h"
#include "common/clock.h"

struct recover {
    struct ledger *ledger;
    struct ledger_snapshot *snapshot;
    struct ledger_batch *batch;
    struct ledger_rollup rollup;
    struct ledger_sums sums;
    uint64_t batch_no;
    uint64_t rows, escrow_tokens;
    int escrow_error;
    struct buf *error;
};

static int
book_row(struct recover *r, struct ledger_row *row)
{
    row->batch_no = r->batch_no;
    int rc = ledger_batch_row(r->batch, r->ledger, row, r->error);
    if (rc == 0)
        rc = ledger_rollup_add(&r->rollup, r->ledger, row, r->error);
    if (rc == 0 && !ledger_sums_add_row(&r->sums, row))
        rc = -ENOMEM;
    r->rows++;
    return rc;
}

static int
book_unbooked(struct ledger_row *row, void *context)
{
    struct recover *r = context;
    return ledger_row_is_booked(r->snapshot, row) ? 0 : book_row(r, row);
}

/* Those that are not booked, of the time in which they may be. */
static int
book_day(struct recover *r, leveldb_t *db)
{
    leveldb_iterator_t *it = leveldb_create_iterator(db, r->snapshot->read_day);
    struct ledger_key from;
    int rc = 0;
    ledger_key_begin(&from, 'r');
    ledger_key_u64(&from,
                   (uint64_t)ledger_page_second(r->ledger->unbooked_from_ms));
    leveldb_iter_seek(it, (const char *)from.bytes, from.len);
    for (; leveldb_iter_valid(it) && rc == 0; leveldb_iter_next(it)) {
        struct str key, value;
        key.ptr = leveldb_iter_key(it, &key.len);
        value.ptr = leveldb_iter_value(it, &value.len);
        rc = ledger_page_rows(key, value, book_unbooked, r);
    }
    char *text = NULL;
    leveldb_iter_get_error(it, &text);
    leveldb_iter_destroy(it);
    if (text != NULL)
        return ledger_take_error(text, "while reading log rows", r->error);
    return rc;
}

static int
book_days(struct recover *r)
{
    int64_t *days;
    size_t count;
    int rc = ledger_day_list(r->ledger, &days, &count);
    int64_t first = ledger_row_day(r->ledger->unbooked_from_ms);
    for (size_t i = 0; i < count && rc >= 0; i++) {
        struct ledger_day *day;
        if (days[i] < first ||
            ledger_day_is_dropped(r->snapshot->dropped,
                                  r->snapshot->dropped_count, days[i]))
            continue;
        rc = ledger_day_get(r->ledger, days[i], false, &day, r->error);
        if (rc == -ENOENT) { /* its creation was cut */
            rc = 0;
            continue;
        }
        if (rc < 0)
            break;
        rc = book_day(r, day->db);
        ledger_day_put(r->ledger, day);
    }
    free(days);
    return rc;
}

/* T + what the rows add, absolute. */
static int
put_totals(struct recover *r)
{
    size_t at = 0;
    const struct ledger_sum *sum = table_next(&r->sums.table, &at);
    for (; sum != NULL; sum = table_next(&r->sums.table, &at)) {
        struct ledger_key key;
        struct buf value;
        struct ledger_total total = {0};
        int64_t last_used_ms = 0;
        ledger_key_object(&key, 'T', sum->kind, sum->id);
        buf_init(&value, 0);
        int rc = ledger_get(r->ledger, NULL, &key, &value, r->error);
        if (rc == 1)
            rc = ledger_total_decode(buf_view(&value), &total, &last_used_ms);
        buf_fini(&value);
        if (rc < 0)
            return rc;
        total.tokens += sum->total.tokens;
        total.nano += sum->total.nano;
        total.requests += sum->total.requests;
        if (sum->last_used_ms > last_used_ms)
            last_used_ms = sum->last_used_ms;
        ledger_batch_total(r->batch, sum->kind, sum->id, &total, last_used_ms);
    }
    return 0;
}

/* ---- strict: what may have been used and was not written ---- */

/* T of a key as this batch will make it. */
static int
total_after(struct recover *r, uint64_t key_id, struct ledger_total *total)
{
    struct ledger_key key;
    struct buf value;
    int64_t last_used_ms;
    *total = (struct ledger_total){0};
    ledger_key_object(&key, 'T', LEDGER_KEY, key_id);
    buf_init(&value, 0);
    int rc = ledger_get(r->ledger, NULL, &key, &value, r->error);
    if (rc == 1)
        rc = ledger_total_decode(buf_view(&value), total, &last_used_ms);
    buf_fini(&value);
    const struct ledger_sum *sum =
        ledger_sums_find(&r->sums, LEDGER_KEY, key_id);
    if (sum != NULL) {
        total->tokens += sum->total.tokens;
        total->nano += sum->total.nano;
    }
    return rc < 0 ? rc : 0;
}

/*
 * Every answer was within the escrow that was durable before it, so charging up
 * to it is never less. As a row of the lost epoch, which says so; were this cut
 * behind F3, the next start finds it there and charges it as any other row.
 */
static bool
charge_escrow(enum ledger_kind kind, uint64_t id,
              const struct ledger_escrow *escrow, void *context)
{
    struct recover *r = context;
    struct ledger_total total;
    (void)kind;
    r->escrow_error = total_after(r, id, &total);
    ledger_batch_delete_escrow(r->batch, id);
    if (r->escrow_error < 0 ||
        (escrow->tokens <= total.tokens && escrow->nano <= total.nano))
        return r->escrow_error == 0;
    struct ledger_row row = {
        .ended_ms = clock_wall_ms(),
        .epoch = r->snapshot->epoch,
        .column = UINT32_MAX,
        .position = id,
        .key_id = id,
        .group_id = escrow->group_id,
        .cause = LEDGER_CAUSE_LOST,
        .flags = LEDGER_FLAG_ESTIMATED,
        .tokens =
            escrow->tokens > total.tokens ? escrow->tokens - total.tokens : 0,
        .nano = escrow->nano > total.nano ? escrow->nano - total.nano : 0,
        .error = "the power was cut: charged up to what was durable ahead",
    };
    row.started_ms = row.ended_ms;
    row.classes.completion = row.tokens;
    snprintf(row.request_id, sizeof(row.request_id), "escrow-%llx-%llu",
             (unsigned long long)row.epoch, (unsigned long long)id);
    r->escrow_tokens += row.tokens;
    r->escrow_error = book_row(r, &row);
    return r->escrow_error == 0;
}

static int
charge_escrows(struct recover *r)
{
    int rc = ledger_scan_escrows(r->ledger, NULL, charge_escrow, r, r->error);
    return rc < 0 ? rc : r->escrow_error;
}

static bool
delete_position(uint64_t epoch, uint32_t column, uint64_t position,
                void *context)
{
    (void)position;
    ledger_batch_delete_position(context, epoch, column);
    return true;
}

static int
fill(struct recover *r, uint64_t epoch, uint64_t instance_id)
{
    int rc = 0;
    if (r->snapshot->epoch != 0)
        rc = book_days(r);
    if (rc == 0)
        rc = charge_escrows(r);
    if (rc == 0)
        rc = put_totals(r);
    if (rc == 0)
        rc = ledger_scan_positions(r->ledger, r->snapshot, delete_position,
                                   r->batch, r->error);
    if (rc < 0)
        return rc;
    ledger_rollup_emit(&r->rollup, r->batch);
    ledger_batch_meta(r->batch, "epoch", epoch);
    ledger_batch_meta(r->batch, "instance", instance_id);
    ledger_batch_meta(r->batch, "batch", r->batch_no);
    ledger_batch_meta(r->batch, "restored", 0); /* nothing to catch up with */
    return ledger_batch_ok(r->batch) ? 0 : -ENOMEM;
}

int
ledger_recover(struct ledger *ledger, uint64_t epoch, uint64_t instance_id,
               struct ledger_recovery *recovery, struct buf *error)
{
    struct recover r = {.ledger = ledger, .error = error};
    *recovery = (struct ledger_recovery){0};
    r.snapshot = ledger_snapshot_take(ledger);
    if (r.snapshot == NULL)
        return -EIO;
    int rc = r.snapshot->error;
    if (rc < 0 || r.snapshot->epoch == epoch)
        goto out;
    recovery->new_epoch = true;
    recovery->is_new = r.snapshot->epoch == 0;
    rc = ledger_read_meta(ledger, r.snapshot, "batch", &r.batch_no, error);
    if (rc < 0)
        goto out;
    r.batch_no++;
    r.batch = ledger_batch_create();
    rc = r.batch == NULL ? -ENOMEM : fill(&r, epoch, instance_id);
    recovery->rows_booked = r.rows;
    recovery->escrow_tokens = r.escrow_tokens;
    ledger_snapshot_release(ledger, &r.snapshot);
    crash_point("A5");
    if (rc == 0)
        rc = ledger_batch_write(r.batch, ledger, error);
out:
    ledger_snapshot_release(ledger, &r.snapshot);
    ledger_batch_destroy(&r.batch);
    ledger_rollup_fini(&r.rollup);
    ledger_sums_fini(&r.sums);
    return rc;
}
