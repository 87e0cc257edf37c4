/*
 * ledger_repair_books.c - totals that fit the salvaged rows.
 *
 *   total = rows + dropped    where it is more, rows are lost: dropped rises;
 *                             where it is less, the total is lost: it rises
 *   all keys = all groups     what one side has more goes to number 0 of the
 *                             other: keys or groups that are lost
 * So nothing that can still be known is charged twice, or not at all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_repair_part.h"
#include "accountant/ledger/ledger_value.h"

static uint64_t
larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void
add(struct ledger_total *to, const struct ledger_total *what)
{
    to->tokens += what->tokens;
    to->nano += what->nano;
    to->requests += what->requests;
}

static void
subtract(struct ledger_total *from, const struct ledger_total *what)
{
    from->tokens -= what->tokens;
    from->nano -= what->nano;
    from->requests -= what->requests;
}

static bool
is_zero(const struct ledger_total *total)
{
    return total->tokens == 0 && total->nano == 0 && total->requests == 0;
}

static struct ledger_total
larger_total(const struct ledger_total *a, const struct ledger_total *b)
{
    return (struct ledger_total){larger(a->tokens, b->tokens),
                                 larger(a->nano, b->nano),
                                 larger(a->requests, b->requests)};
}

static void
tell(struct repair *r, const struct ledger_sum *sum, const char *what,
     const struct ledger_total *by)
{
    r->done->corrections++;
    buf_printf(r->report,
               "%s %" PRIu64 ": %s of %" PRIu64 " requests, %" PRIu64
               " tokens, %" PRIu64 " nano\n",
               sum->kind == LEDGER_KEY ? "key" : "group", sum->id, what,
               by->requests, by->tokens, by->nano);
}

/* Of one key or group; `sums` has it. */
static int
settle(struct repair *r, enum ledger_kind kind, uint64_t id)
{
    struct ledger_sum *total = ledger_sums_get(&r->totals, kind, id);
    struct ledger_sum *dropped = ledger_sums_get(&r->dropped, kind, id);
    struct ledger_sum *rows = ledger_sums_get(&r->rows, kind, id);
    if (total == NULL || dropped == NULL || rows == NULL)
        return -ENOMEM;
    struct ledger_total known = rows->total;
    add(&known, &dropped->total);
    struct ledger_total right = larger_total(&total->total, &known);
    struct ledger_total lost = right, raised = right;
    subtract(&lost, &known);
    subtract(&raised, &total->total);
    if (!is_zero(&raised))
        tell(r, total, "the total was less than its rows: raised by those",
             &raised);
    if (!is_zero(&lost))
        tell(r, total, "log rows are lost", &lost);
    total->total = right;
    if (rows->last_used_ms > total->last_used_ms)
        total->last_used_ms = rows->last_used_ms;
    add(&dropped->total, &lost);
    if (!is_zero(&lost))
        dropped->batch_no = r->batch_no;
    return 0;
}

/* Sums may gain members while they are settled: by one list, then another. */
static int
settle_all(struct repair *r, const struct ledger_sums *list)
{
    size_t at = 0, count = 0;
    struct {
        enum ledger_kind kind;
        uint64_t id;
    } *names = calloc(list->table.count + 1, sizeof(*names));
    if (names == NULL)
        return -ENOMEM;
    const struct ledger_sum *sum = table_next(&list->table, &at);
    for (; sum != NULL; sum = table_next(&list->table, &at)) {
        names[count].kind = sum->kind;
        names[count++].id = sum->id;
    }
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = settle(r, names[i].kind, names[i].id);
    free(names);
    return rc;
}

static void
sum_side(const struct repair *r, enum ledger_kind kind,
         struct ledger_total *total)
{
    size_t at = 0;
    const struct ledger_sum *sum = table_next(&r->totals.table, &at);
    for (; sum != NULL; sum = table_next(&r->totals.table, &at))
        if (sum->kind == kind)
            add(total, &sum->total);
}

static int
settle_side(struct repair *r, enum ledger_kind kind,
            const struct ledger_total *has, const struct ledger_total *wanted)
{
    struct ledger_total missing = larger_total(has, wanted);
    subtract(&missing, has);
    if (is_zero(&missing))
        return 0;
    struct ledger_sum *total = ledger_sums_get(&r->totals, kind, 0);
    struct ledger_sum *dropped = ledger_sums_get(&r->dropped, kind, 0);
    if (total == NULL || dropped == NULL)
        return -ENOMEM;
    add(&total->total, &missing);
    add(&dropped->total, &missing);
    dropped->batch_no = r->batch_no;
    tell(r, total, "stands for lost ones, with the use", &missing);
    return 0;
}

static int
settle_sides(struct repair *r)
{
    struct ledger_total keys = {0}, groups = {0};
    sum_side(r, LEDGER_KEY, &keys);
    sum_side(r, LEDGER_GROUP, &groups);
    int rc = settle_side(r, LEDGER_KEY, &keys, &groups);
    return rc == 0 ? settle_side(r, LEDGER_GROUP, &groups, &keys) : rc;
}

/* ---- writing ---- */

static int
put_sums(struct repair *r, char type)
{
    size_t at = 0;
    const struct ledger_sums *sums = type == 'T' ? &r->totals : &r->dropped;
    const struct ledger_sum *sum = table_next(&sums->table, &at);
    int rc = 0;
    struct buf value;
    buf_init(&value, 0);
    for (; sum != NULL && rc == 0; sum = table_next(&sums->table, &at)) {
        struct ledger_key key;
        struct ledger_dropped dropped = {sum->total, sum->batch_no};
        if (type == 'D' && is_zero(&sum->total))
            continue;
        ledger_key_object(&key, type, sum->kind, sum->id);
        buf_reset(&value);
        if (type == 'T')
            ledger_total_encode(&sum->total, sum->last_used_ms, &value);
        else
            ledger_dropped_encode(&dropped, &value);
        rc = builder_put_key(&r->builder, &key, &value);
    }
    buf_fini(&value);
    return rc;
}

/* Of the last epoch only. A lost position is behind all of its rows: they were
 * counted. */
static int
put_positions(struct repair *r)
{
    struct buf value;
    int rc = 0;
    buf_init(&value, 0);
    for (size_t i = 0; i < r->position_count && rc == 0; i++) {
        const struct repair_position *position = &r->positions[i];
        struct ledger_key key;
        if (position->epoch != r->epoch)
            continue;
        ledger_key_position(&key, position->epoch, position->column);
        buf_reset(&value);
        codec_put_u64(&value, position->is_known ? position->booked
                                                 : position->last_row + 1);
        rc = builder_put_key(&r->builder, &key, &value);
    }
    buf_fini(&value);
    return rc;
}

int
repair_books(struct repair *r)
{
    r->batch_no = larger(r->batch_no, r->top_batch) + 1;
    int rc = settle_all(r, &r->totals);
    if (rc == 0)
        rc = settle_all(r, &r->rows);
    if (rc == 0)
        rc = settle_all(r, &r->dropped);
    if (rc == 0)
        rc = settle_sides(r);
    if (rc == 0)
        rc = put_sums(r, 'T');
    if (rc == 0)
        rc = put_sums(r, 'D');
    if (rc == 0)
        rc = put_positions(r);
    if (rc == 0)
        rc = builder_put_meta(&r->builder, "batch", r->batch_no);
    if (rc == 0)
        rc = builder_put_meta(&r->builder, "next_id", r->next_id);
    if (rc == 0 && r->epoch != 0)
        rc = builder_put_meta(&r->builder, "epoch", r->epoch);
    if (rc == 0)
        rc = builder_put_meta(&r->builder, "restored", r->batch_no);
    if (rc == 0)
        rc = builder_put_meta(&r->builder, "rows_from",
                              (uint64_t)r->last_day + 1);
    return rc;
}
