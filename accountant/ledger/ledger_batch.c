/*
 * ledger_batch.c - filling a batch. Operations stand in one buffer,
 *
 *   op1 ('p' put, 'd' delete) | key length | key | value length | value
 *
 * and become LevelDB's batch when it is written; rows, which only the writer
 * thread adds, are gathered by day and become pages then.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_batch.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_batch_part.h"
#include "accountant/ledger/ledger_value.h"

struct ledger_batch *
ledger_batch_create(void)
{
    struct ledger_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return NULL;
    buf_init(&batch->main, 0);
    buf_init(&batch->value, 0);
    batch->oldest_ms = INT64_MAX;
    batch->unbooked_from_ms = -1;
    return batch;
}

void
ledger_batch_rows_follow(struct ledger_batch *batch)
{
    batch->follows = true;
}

void
ledger_batch_forget_rows(struct ledger_batch *batch)
{
    for (size_t i = 0; i < batch->day_count; i++)
        ledger_pendings_fini(&batch->days[i].rows);
    free(batch->days);
    free(batch->rings);
    batch->days = NULL;
    batch->rings = NULL;
    batch->day_count = batch->ring_count = 0;
    batch->oldest_ms = INT64_MAX;
    ledger_sums_fini(&batch->dropped);
}

void
ledger_batch_destroy(struct ledger_batch **pointer)
{
    struct ledger_batch *batch = *pointer;
    if (batch == NULL)
        return;
    ledger_batch_forget_rows(batch);
    buf_fini(&batch->main);
    buf_fini(&batch->value);
    free(batch);
    *pointer = NULL;
}

bool
ledger_batch_ok(const struct ledger_batch *batch)
{
    return !batch->failed && buf_ok(&batch->main) && buf_ok(&batch->value);
}

bool
ledger_batch_is_empty(const struct ledger_batch *batch)
{
    return buf_len(&batch->main) == 0 && batch->day_count == 0;
}

void
ledger_batch_put(struct buf *ops, const struct ledger_key *key,
                 const struct buf *value)
{
    codec_put_u8(ops, 'p');
    codec_put_bytes(ops, key->bytes, key->len);
    codec_put_bytes(ops, buf_ptr(value), buf_len(value));
}

static void
delete_key(struct ledger_batch *batch, const struct ledger_key *key)
{
    codec_put_u8(&batch->main, 'd');
    codec_put_bytes(&batch->main, key->bytes, key->len);
}

/* The value was encoded into batch->value. */
static void
put_value(struct ledger_batch *batch, const struct ledger_key *key)
{
    ledger_batch_put(&batch->main, key, &batch->value);
}

static struct buf *
new_value(struct ledger_batch *batch)
{
    if (!buf_ok(&batch->value))
        batch->failed = true;
    buf_reset(&batch->value);
    return &batch->value;
}

void
ledger_batch_pair(struct ledger_batch *batch, const struct ledger_key *key,
                  struct str value)
{
    buf_append_str(new_value(batch), value);
    put_value(batch, key);
}

void
ledger_batch_delete_pair(struct ledger_batch *batch,
                         const struct ledger_key *key)
{
    delete_key(batch, key);
}

void
ledger_batch_meta(struct ledger_batch *batch, const char *name, uint64_t value)
{
    struct ledger_key key;
    ledger_key_meta(&key, name);
    codec_put_u64(new_value(batch), value);
    put_value(batch, &key);
}

void
ledger_batch_unbooked_from(struct ledger_batch *batch, int64_t ms)
{
    batch->unbooked_from_ms = ledger_clamp_ms(ms);
    ledger_batch_meta(batch, LEDGER_META_UNBOOKED,
                      (uint64_t)batch->unbooked_from_ms);
}

void
ledger_batch_total(struct ledger_batch *batch, enum ledger_kind kind,
                   uint64_t id, const struct ledger_total *total,
                   int64_t last_used_ms)
{
    struct ledger_key key;
    ledger_key_object(&key, 'T', kind, id);
    ledger_total_encode(total, last_used_ms, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_position(struct ledger_batch *batch, uint64_t epoch,
                      uint32_t column, uint64_t position)
{
    struct ledger_key key;
    ledger_key_position(&key, epoch, column);
    codec_put_u64(new_value(batch), position);
    put_value(batch, &key);
}

void
ledger_batch_delete_position(struct ledger_batch *batch, uint64_t epoch,
                             uint32_t column)
{
    struct ledger_key key;
    ledger_key_position(&key, epoch, column);
    delete_key(batch, &key);
}

void
ledger_batch_object(struct ledger_batch *batch, enum ledger_kind kind,
                    uint64_t id, struct str bytes)
{
    struct ledger_key key;
    ledger_key_object(&key, 'O', kind, id);
    buf_append_str(new_value(batch), bytes);
    put_value(batch, &key);
}

void
ledger_batch_delete_object(struct ledger_batch *batch, enum ledger_kind kind,
                           uint64_t id)
{
    struct ledger_key key;
    ledger_key_object(&key, 'O', kind, id);
    delete_key(batch, &key);
}

void
ledger_batch_budget(struct ledger_batch *batch, enum ledger_kind kind,
                    uint64_t id, uint8_t row,
                    const struct ledger_budget *budget)
{
    struct ledger_key key;
    ledger_key_object(&key, 'B', kind, id);
    ledger_key_u8(&key, row);
    ledger_budget_encode(budget, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_delete_budget(struct ledger_batch *batch, enum ledger_kind kind,
                           uint64_t id, uint8_t row)
{
    struct ledger_key key;
    ledger_key_object(&key, 'B', kind, id);
    ledger_key_u8(&key, row);
    delete_key(batch, &key);
}

static void
spend_key(struct ledger_key *key, uint64_t name)
{
    ledger_key_begin(key, 'S');
    ledger_key_u64(key, name);
}

void
ledger_batch_spend(struct ledger_batch *batch, const struct ledger_spend *spend)
{
    struct ledger_key key;
    spend_key(&key, spend->name);
    ledger_spend_encode(spend, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_delete_spend(struct ledger_batch *batch, uint64_t name)
{
    struct ledger_key key;
    spend_key(&key, name);
    delete_key(batch, &key);
}

void
ledger_batch_escrow(struct ledger_batch *batch, uint64_t key_id,
                    const struct ledger_escrow *escrow)
{
    struct ledger_key key;
    ledger_key_object(&key, 'E', LEDGER_KEY, key_id);
    ledger_escrow_encode(escrow, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_delete_escrow(struct ledger_batch *batch, uint64_t key_id)
{
    struct ledger_key key;
    ledger_key_object(&key, 'E', LEDGER_KEY, key_id);
    delete_key(batch, &key);
}

static void
move_key(struct ledger_key *key, const struct ledger_move *move)
{
    ledger_key_object(key, 'V', move->kind, move->id);
    ledger_key_u64(key, move->batch_no);
    ledger_key_u8(key, move->row);
}

void
ledger_batch_move(struct ledger_batch *batch, const struct ledger_move *move)
{
    struct ledger_key key;
    struct ledger_budget budget = {
        .unit = move->unit,
        .period = move->period,
        .period_no = move->period_no,
        .baseline = move->baseline,
    };
    move_key(&key, move);
    ledger_budget_encode(&budget, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_delete_move(struct ledger_batch *batch,
                         const struct ledger_move *move)
{
    struct ledger_key key;
    move_key(&key, move);
    delete_key(batch, &key);
}

void
ledger_batch_usage(struct ledger_batch *batch, const struct ledger_usage *usage)
{
    struct ledger_key key;
    ledger_key_usage(&key, usage);
    ledger_usage_encode(usage, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_delete_usage(struct ledger_batch *batch,
                          const struct ledger_usage *usage)
{
    struct ledger_key key;
    ledger_key_usage(&key, usage);
    delete_key(batch, &key);
}

void
ledger_batch_price(struct ledger_batch *batch, const struct ledger_price *price)
{
    struct ledger_key key;
    ledger_key_begin(&key, 'R');
    ledger_key_text(&key, price->model);
    ledger_key_u8(&key, 0);
    ledger_key_u32(&key, price->version);
    ledger_price_encode(price, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_config(struct ledger_batch *batch, const char *section,
                    const char *name, struct str bytes)
{
    struct ledger_key key;
    ledger_key_config(&key, section, name);
    buf_append_str(new_value(batch), bytes);
    put_value(batch, &key);
}

void
ledger_batch_delete_config(struct ledger_batch *batch, const char *section,
                           const char *name)
{
    struct ledger_key key;
    ledger_key_config(&key, section, name);
    delete_key(batch, &key);
}

void
ledger_batch_top_up(struct ledger_batch *batch,
                    const struct ledger_top_up *top_up)
{
    struct ledger_key key;
    ledger_key_begin(&key, 'Y');
    ledger_key_u64(&key, top_up->group_id);
    ledger_key_u64(&key, top_up->batch_no);
    ledger_key_u32(&key, top_up->index);
    ledger_top_up_encode(top_up, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_dropped(struct ledger_batch *batch, enum ledger_kind kind,
                     uint64_t id, const struct ledger_dropped *dropped)
{
    struct ledger_key key;
    ledger_key_object(&key, 'D', kind, id);
    ledger_dropped_encode(dropped, new_value(batch));
    put_value(batch, &key);
}

void
ledger_batch_drop_day(struct ledger_batch *batch, int64_t day)
{
    struct ledger_key key;
    ledger_key_begin(&key, 'X');
    ledger_key_u64(&key, (uint64_t)day);
    codec_put_u8(new_value(batch), 1);
    put_value(batch, &key);
}
