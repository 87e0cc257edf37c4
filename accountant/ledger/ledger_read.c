/*
 * ledger_read.c - see ledger_read.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_value.h"

int
ledger_read_meta(struct ledger *ledger, struct ledger_snapshot *snapshot,
                 const char *name, uint64_t *value, struct buf *error)
{
    struct ledger_key key;
    struct buf bytes;
    struct codec_reader reader;
    ledger_key_meta(&key, name);
    buf_init(&bytes, 0);
    int rc = ledger_get(ledger, snapshot, &key, &bytes, error);
    if (rc == 1) {
        codec_reader_init(&reader, buf_view(&bytes));
        *value = codec_get_u64(&reader);
        if (!codec_reader_done(&reader))
            rc = -EBADMSG;
    }
    buf_fini(&bytes);
    return rc;
}

int
ledger_read_total(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  enum ledger_kind kind, uint64_t id,
                  struct ledger_total *total)
{
    struct ledger_key key;
    struct buf bytes;
    int64_t last_used_ms;
    *total = (struct ledger_total){0};
    if (snapshot == NULL)
        return -EIO;
    ledger_key_object(&key, 'T', kind, id);
    buf_init(&bytes, 0);
    int rc = ledger_get(ledger, snapshot, &key, &bytes, NULL);
    if (rc == 1)
        rc = ledger_total_decode(buf_view(&bytes), total, &last_used_ms);
    else if (rc == 0)
        rc = -ENOENT;
    buf_fini(&bytes);
    return rc;
}

int
ledger_read_dropped_sum(struct ledger *ledger, struct ledger_snapshot *snapshot,
                        enum ledger_kind kind, uint64_t id,
                        struct ledger_dropped *dropped, struct buf *error)
{
    struct ledger_key key;
    struct buf bytes;
    *dropped = (struct ledger_dropped){0};
    ledger_key_object(&key, 'D', kind, id);
    buf_init(&bytes, 0);
    int rc = ledger_get(ledger, snapshot, &key, &bytes, error);
    if (rc == 1 && ledger_dropped_decode(buf_view(&bytes), dropped) < 0)
        rc = -EBADMSG;
    buf_fini(&bytes);
    return rc;
}

/* ---- what a snapshot keeps ---- */

static bool
snapshot_position(uint64_t epoch, uint32_t column, uint64_t position,
                  void *context)
{
    struct ledger_snapshot *snapshot = context;
    if (epoch != snapshot->epoch || column > UINT16_MAX)
        return true;
    if (column >= snapshot->position_count) {
        uint64_t *more =
            realloc(snapshot->positions, (column + 1) * sizeof(*more));
        if (more == NULL) {
            snapshot->error = -ENOMEM;
            return false;
        }
        for (uint32_t i = snapshot->position_count; i <= column; i++)
            more[i] = 0;
        snapshot->positions = more;
        snapshot->position_count = column + 1;
    }
    snapshot->positions[column] = position;
    return true;
}

int
ledger_read_booked(struct ledger *ledger, struct ledger_snapshot *snapshot)
{
    int rc =
        ledger_read_meta(ledger, snapshot, "epoch", &snapshot->epoch, NULL);
    if (rc >= 0)
        rc = ledger_scan_positions(ledger, snapshot, snapshot_position,
                                   snapshot, NULL);
    if (rc >= 0 && snapshot->error != 0)
        rc = snapshot->error;
    if (rc < 0)
        return rc;
    int64_t *dropped = NULL;
    size_t count = 0;
    rc = ledger_read_dropped(ledger, snapshot, &dropped, &count, NULL);
    /* The snapshot is in the list already: retention looks at its days. */
    pthread_mutex_lock(&ledger->lock);
    snapshot->dropped = dropped;
    snapshot->dropped_count = count;
    pthread_mutex_unlock(&ledger->lock);
    return rc;
}

struct day_list {
    int64_t *days;
    size_t count;
    int error;
};

static bool
collect_day(struct str key, struct str value, void *context)
{
    struct day_list *list = context;
    (void)value;
    if (key.len != 9)
        return true;
    list->error = ledger_day_add_dropped(
        &list->days, &list->count, (int64_t)ledger_key_read_u64(key.ptr + 1));
    return list->error == 0;
}

int
ledger_read_dropped(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    int64_t **days, size_t *count, struct buf *error)
{
    struct day_list list = {0};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'X');
    int rc =
        ledger_scan(ledger, snapshot, &prefix, NULL, collect_day, &list, error);
    if (rc == 0)
        rc = list.error;
    if (rc < 0) {
        free(list.days);
        return rc;
    }
    *days = list.days;
    *count = list.count;
    return 0;
}

/* ---- typed scans: one adapter of bytes to values each ---- */

struct adapter {
    void (*each)(void); /* the caller's callback, cast back by its adapter */
    void *context;
    bool bad;
};

static int
scan_type(struct ledger *ledger, struct ledger_snapshot *snapshot,
          const struct ledger_key *prefix, ledger_pair pair,
          struct adapter *adapter, struct buf *error)
{
    int rc = ledger_scan(ledger, snapshot, prefix, NULL, pair, adapter, error);
    if (rc == 0 && adapter->bad) {
        if (error != NULL)
            buf_printf(error, "a record of type %c is damaged",
                       prefix->bytes[0]);
        rc = -EBADMSG;
    }
    return rc;
}

typedef bool (*each_total)(enum ledger_kind, uint64_t,
                           const struct ledger_total *, int64_t, void *);

static bool
pair_total(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    enum ledger_kind kind;
    uint64_t id;
    struct ledger_total total;
    int64_t last_used_ms;
    if (!ledger_key_parse_object(key, &kind, &id) ||
        ledger_total_decode(value, &total, &last_used_ms) < 0) {
        adapter->bad = true;
        return false;
    }
    return ((each_total)adapter->each)(kind, id, &total, last_used_ms,
                                       adapter->context);
}

int
ledger_scan_totals(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   each_total each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'T');
    return scan_type(ledger, snapshot, &prefix, pair_total, &adapter, error);
}

typedef bool (*each_object)(enum ledger_kind, uint64_t, struct str, void *);

static bool
pair_object(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    enum ledger_kind kind;
    uint64_t id;
    if (!ledger_key_parse_object(key, &kind, &id)) {
        adapter->bad = true;
        return false;
    }
    return ((each_object)adapter->each)(kind, id, value, adapter->context);
}

int
ledger_scan_objects(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    each_object each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'O');
    return scan_type(ledger, snapshot, &prefix, pair_object, &adapter, error);
}

typedef bool (*each_budget)(enum ledger_kind, uint64_t, uint8_t,
                            const struct ledger_budget *, void *);

static bool
pair_budget(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    enum ledger_kind kind;
    uint64_t id;
    struct ledger_budget budget;
    if (key.len != 11 || !ledger_key_parse_object(key, &kind, &id) ||
        ledger_budget_decode(value, &budget) < 0) {
        adapter->bad = true;
        return false;
    }
    return ((each_budget)adapter->each)(kind, id, (uint8_t)key.ptr[10], &budget,
                                        adapter->context);
}

int
ledger_scan_budgets(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    each_budget each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'B');
    return scan_type(ledger, snapshot, &prefix, pair_budget, &adapter, error);
}

typedef bool (*each_move)(const struct ledger_move *, void *);

static bool
pair_move(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    struct ledger_move move = {0};
    struct ledger_budget budget;
    if (key.len != 19 || !ledger_key_parse_object(key, &move.kind, &move.id) ||
        ledger_budget_decode(value, &budget) < 0) {
        adapter->bad = true;
        return false;
    }
    move.batch_no = ledger_key_read_u64(key.ptr + 10);
    move.row = (uint8_t)key.ptr[18];
    move.unit = budget.unit;
    move.period = budget.period;
    move.period_no = budget.period_no;
    move.baseline = budget.baseline;
    return ((each_move)adapter->each)(&move, adapter->context);
}

int
ledger_scan_moves(struct ledger *ledger, struct ledger_snapshot *snapshot,
                  each_move each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'V');
    return scan_type(ledger, snapshot, &prefix, pair_move, &adapter, error);
}

typedef bool (*each_dropped)(enum ledger_kind, uint64_t,
                             const struct ledger_dropped *, void *);

static bool
pair_dropped(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    enum ledger_kind kind;
    uint64_t id;
    struct ledger_dropped dropped;
    if (!ledger_key_parse_object(key, &kind, &id) ||
        ledger_dropped_decode(value, &dropped) < 0) {
        adapter->bad = true;
        return false;
    }
    return ((each_dropped)adapter->each)(kind, id, &dropped, adapter->context);
}

int
ledger_scan_dropped(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    each_dropped each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'D');
    return scan_type(ledger, snapshot, &prefix, pair_dropped, &adapter, error);
}

typedef bool (*each_spend)(const struct ledger_spend *, void *);

static bool
pair_spend(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    struct ledger_spend spend;
    if (key.len != 9 || ledger_spend_decode(value, &spend) < 0) {
        adapter->bad = true;
        return false;
    }
    spend.name = ledger_key_read_u64(key.ptr + 1);
    return ((each_spend)adapter->each)(&spend, adapter->context);
}

int
ledger_scan_spends(struct ledger *ledger, struct ledger_snapshot *snapshot,
                   each_spend each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'S');
    return scan_type(ledger, snapshot, &prefix, pair_spend, &adapter, error);
}

typedef bool (*each_escrow)(enum ledger_kind, uint64_t,
                            const struct ledger_escrow *, void *);

static bool
pair_escrow(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    enum ledger_kind kind;
    uint64_t id;
    struct ledger_escrow escrow;
    if (!ledger_key_parse_object(key, &kind, &id) ||
        ledger_escrow_decode(value, &escrow) < 0) {
        adapter->bad = true;
        return false;
    }
    return ((each_escrow)adapter->each)(kind, id, &escrow, adapter->context);
}

int
ledger_scan_escrows(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    each_escrow each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'E');
    return scan_type(ledger, snapshot, &prefix, pair_escrow, &adapter, error);
}

typedef bool (*each_position)(uint64_t, uint32_t, uint64_t, void *);

static bool
pair_position(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    uint64_t epoch, position;
    uint32_t column;
    struct codec_reader reader;
    codec_reader_init(&reader, value);
    position = codec_get_u64(&reader);
    if (!ledger_key_parse_position(key, &epoch, &column) ||
        !codec_reader_done(&reader)) {
        adapter->bad = true;
        return false;
    }
    return ((each_position)adapter->each)(epoch, column, position,
                                          adapter->context);
}

int
ledger_scan_positions(struct ledger *ledger, struct ledger_snapshot *snapshot,
                      each_position each, void *context, struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'P');
    return scan_type(ledger, snapshot, &prefix, pair_position, &adapter, error);
}

typedef bool (*each_top_up)(const struct ledger_top_up *, void *);

static bool
pair_top_up(struct str key, struct str value, void *context)
{
    struct adapter *adapter = context;
    struct ledger_top_up top_up = {0};
    if (key.len != 21 || ledger_top_up_decode(value, &top_up) < 0) {
        adapter->bad = true;
        return false;
    }
    top_up.group_id = ledger_key_read_u64(key.ptr + 1);
    top_up.batch_no = ledger_key_read_u64(key.ptr + 9);
    top_up.index = ledger_key_read_u32(key.ptr + 17);
    return ((each_top_up)adapter->each)(&top_up, adapter->context);
}

int
ledger_scan_top_ups(struct ledger *ledger, struct ledger_snapshot *snapshot,
                    uint64_t group_id, each_top_up each, void *context,
                    struct buf *error)
{
    struct adapter adapter = {(void (*)(void))each, context, false};
    struct ledger_key prefix;
    ledger_key_begin(&prefix, 'Y');
    ledger_key_u64(&prefix, group_id);
    return scan_type(ledger, snapshot, &prefix, pair_top_up, &adapter, error);
}
