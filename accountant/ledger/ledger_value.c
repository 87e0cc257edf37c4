/*
 * ledger_value.c - see ledger_value.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_value.h"

#include <errno.h>
#include <string.h>

#include "accountant/ledger/codec.h"

enum { VALUE_VERSION = 1, USAGE_VERSION = 2 };

static void
begin(struct codec_reader *reader, struct str bytes)
{
    codec_reader_init(reader, bytes);
    if (codec_get_u8(reader) != VALUE_VERSION)
        reader->bad = true;
}

static int
end(const struct codec_reader *reader)
{
    return codec_reader_done(reader) ? 0 : -EBADMSG;
}

static void
put_sums(struct buf *out, const struct ledger_total *total)
{
    codec_put_u64(out, total->tokens);
    codec_put_u64(out, total->nano);
    codec_put_u64(out, total->requests);
}

static void
get_sums(struct codec_reader *reader, struct ledger_total *total)
{
    total->tokens = codec_get_u64(reader);
    total->nano = codec_get_u64(reader);
    total->requests = codec_get_u64(reader);
}

void
ledger_total_encode(const struct ledger_total *total, int64_t last_used_ms,
                    struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    put_sums(out, total);
    codec_put_i64(out, last_used_ms);
}

int
ledger_total_decode(struct str bytes, struct ledger_total *total,
                    int64_t *last_used_ms)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    get_sums(&reader, total);
    *last_used_ms = codec_get_i64(&reader);
    return end(&reader);
}

void
ledger_budget_encode(const struct ledger_budget *budget, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    codec_put_u64(out, budget->unit);
    codec_put_u64(out, budget->period);
    codec_put_i64(out, budget->limit);
    codec_put_i64(out, budget->baseline);
    codec_put_i64(out, budget->period_no);
    codec_put_i64(out, budget->resets_ms);
}

int
ledger_budget_decode(struct str bytes, struct ledger_budget *budget)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    budget->unit = (uint32_t)codec_get_max(&reader, 1);
    budget->period = (uint32_t)codec_get_max(&reader, 255);
    budget->limit = codec_get_i64(&reader);
    budget->baseline = codec_get_i64(&reader);
    budget->period_no = codec_get_i64(&reader);
    budget->resets_ms = codec_get_i64(&reader);
    return end(&reader);
}

void
ledger_dropped_encode(const struct ledger_dropped *dropped, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    put_sums(out, &dropped->total);
    codec_put_u64(out, dropped->batch_no);
}

int
ledger_dropped_decode(struct str bytes, struct ledger_dropped *dropped)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    get_sums(&reader, &dropped->total);
    dropped->batch_no = codec_get_u64(&reader);
    return end(&reader);
}

void
ledger_spend_encode(const struct ledger_spend *spend, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    codec_put_u64(out, spend->window_ms);
    codec_put_u64(out, spend->window);
    codec_put_u64(out, spend->sum);
    codec_put_u64(out, spend->last);
    codec_put_i64(out, spend->used_ms);
}

int
ledger_spend_decode(struct str bytes, struct ledger_spend *spend)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    spend->window_ms = codec_get_u64(&reader);
    spend->window = codec_get_u64(&reader);
    spend->sum = codec_get_u64(&reader);
    spend->last = codec_get_u64(&reader);
    spend->used_ms = codec_get_i64(&reader);
    return end(&reader);
}

void
ledger_escrow_encode(const struct ledger_escrow *escrow, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    codec_put_u64(out, escrow->tokens);
    codec_put_u64(out, escrow->nano);
    codec_put_u64(out, escrow->group_id);
}

int
ledger_escrow_decode(struct str bytes, struct ledger_escrow *escrow)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    escrow->tokens = codec_get_u64(&reader);
    escrow->nano = codec_get_u64(&reader);
    escrow->group_id = codec_get_u64(&reader);
    return end(&reader);
}

void
ledger_price_encode(const struct ledger_price *price, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    codec_put_i64(out, price->since_ms);
    codec_put_prices(out, &price->prices);
    if (price->tiers.count > 0)
        codec_put_tiers(out, &price->tiers);
}

int
ledger_price_decode(struct str bytes, struct ledger_price *price)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    price->since_ms = codec_get_i64(&reader);
    codec_get_prices(&reader, &price->prices);
    price->tiers = (struct price_tiers){0};
    if (reader.left > 0)
        codec_get_tiers(&reader, &price->tiers);
    return end(&reader);
}

void
ledger_top_up_encode(const struct ledger_top_up *top_up, struct buf *out)
{
    codec_put_u8(out, VALUE_VERSION);
    codec_put_i64(out, top_up->at_ms);
    codec_put_i64(out, top_up->nano);
    codec_put_bytes(out, top_up->note.ptr, top_up->note.len);
}

int
ledger_top_up_decode(struct str bytes, struct ledger_top_up *top_up)
{
    struct codec_reader reader;
    begin(&reader, bytes);
    top_up->at_ms = codec_get_i64(&reader);
    top_up->nano = codec_get_i64(&reader);
    top_up->note = codec_get_bytes(&reader);
    return end(&reader);
}

void
ledger_usage_encode(const struct ledger_usage *usage, struct buf *out)
{
    codec_put_u8(out, USAGE_VERSION);
    codec_put_u64(out, usage->requests);
    codec_put_u64(out, usage->errors);
    codec_put_u64(out, usage->tokens);
    codec_put_u64(out, usage->nano);
    codec_put_usage(out, &usage->classes);
    codec_put_u64(out, usage->duration_ms);
    codec_put_u64(out, usage->first_byte_ms);
    codec_put_u64(out, usage->cached_answers);
    ledger_spans_encode(&usage->duration_spans, out);
    ledger_spans_encode(&usage->first_token_spans, out);
}

int
ledger_usage_decode(struct str bytes, struct ledger_usage *usage)
{
    struct codec_reader reader;
    codec_reader_init(&reader, bytes);
    uint8_t version = codec_get_u8(&reader);
    if (version < VALUE_VERSION || version > USAGE_VERSION)
        reader.bad = true;
    usage->requests = codec_get_u64(&reader);
    usage->errors = codec_get_u64(&reader);
    usage->tokens = codec_get_u64(&reader);
    usage->nano = codec_get_u64(&reader);
    codec_get_usage(&reader, &usage->classes);
    usage->duration_ms = codec_get_u64(&reader);
    usage->first_byte_ms = codec_get_u64(&reader);
    if (version < USAGE_VERSION) {
        usage->cached_answers = 0;
        memset(&usage->duration_spans, 0, sizeof(usage->duration_spans));
        memset(&usage->first_token_spans, 0, sizeof(usage->first_token_spans));
        return end(&reader);
    }
    usage->cached_answers = codec_get_u64(&reader);
    ledger_spans_decode(&reader, &usage->duration_spans);
    ledger_spans_decode(&reader, &usage->first_token_spans);
    return end(&reader);
}
