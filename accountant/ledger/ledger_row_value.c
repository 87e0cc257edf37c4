/*
 * ledger_row_value.c - a log row to bytes and back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_internal.h"

enum { ROW_VERSION = 1 };

/* By number of enum record_cause of the segment; the accountant asserts that
 * the two agree. */
static const struct {
    const char *name;
    bool is_error;
} causes[LEDGER_CAUSES] = {
    {"ok", false},
    {"provider_error", true},
    {"upstream_failed", true},
    {"upstream_timeout", true},
    {"upstream_cut", true},
    {"client_gone", false},
    {"cut", false},
    {"lost", true},
    {"drain_cut", true},
    {"refused", true},
};

const char *
ledger_cause_name(uint8_t cause)
{
    return cause < ARRAY_LEN(causes) ? causes[cause].name : "unknown";
}

bool
ledger_row_is_error(const struct ledger_row *row)
{
    return row->status >= 400 || row->cause >= ARRAY_LEN(causes) ||
           causes[row->cause].is_error;
}

void
ledger_row_encode(const struct ledger_row *row, struct buf *out)
{
    codec_put_u8(out, ROW_VERSION);
    codec_put_u64(out, row->batch_no);
    codec_put_i64(out, row->started_ms);
    codec_put_u64(out, row->key_id);
    codec_put_u64(out, row->group_id);
    codec_put_cstr(out, row->request_id);
    codec_put_u64(out, row->status);
    codec_put_u64(out, row->attempts);
    codec_put_u64(out, row->flags);
    codec_put_u8(out, row->cause);
    codec_put_u8(out, row->dialect);
    codec_put_u8(out, row->endpoint);
    codec_put_u64(out, row->duration_ms);
    codec_put_u64(out, row->first_byte_ms);
    codec_put_u64(out, row->delivered_tokens);
    codec_put_u64(out, row->generated_tokens);
    codec_put_u64(out, row->price_version);
    codec_put_u64(out, row->tokens);
    codec_put_u64(out, row->nano);
    codec_put_usage(out, &row->classes);
    codec_put_cstr(out, row->client_ip);
    codec_put_cstr(out, row->model);
    codec_put_cstr(out, row->provider);
    codec_put_cstr(out, row->model_asked);
    codec_put_cstr(out, row->error);
    codec_put_cstr(out, row->tags);
}

bool
ledger_row_decode(struct str key, struct str value, struct ledger_row *row)
{
    struct codec_reader reader;
    codec_reader_init(&reader, value);
    if (!ledger_key_parse_row(key, row) || codec_get_u8(&reader) != ROW_VERSION)
        return false;
    row->batch_no = codec_get_u64(&reader);
    row->started_ms = codec_get_i64(&reader);
    row->key_id = codec_get_u64(&reader);
    row->group_id = codec_get_u64(&reader);
    codec_get_cstr(&reader, row->request_id, sizeof(row->request_id));
    row->status = (uint16_t)codec_get_max(&reader, UINT16_MAX);
    row->attempts = (uint16_t)codec_get_max(&reader, UINT16_MAX);
    row->flags = (uint16_t)codec_get_max(&reader, UINT16_MAX);
    row->cause = codec_get_u8(&reader);
    row->dialect = codec_get_u8(&reader);
    row->endpoint = codec_get_u8(&reader);
    row->duration_ms = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    row->first_byte_ms = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    row->delivered_tokens = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    row->generated_tokens = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    row->price_version = (uint32_t)codec_get_max(&reader, UINT32_MAX);
    row->tokens = codec_get_u64(&reader);
    row->nano = codec_get_u64(&reader);
    codec_get_usage(&reader, &row->classes);
    codec_get_cstr(&reader, row->client_ip, sizeof(row->client_ip));
    codec_get_cstr(&reader, row->model, sizeof(row->model));
    codec_get_cstr(&reader, row->provider, sizeof(row->provider));
    codec_get_cstr(&reader, row->model_asked, sizeof(row->model_asked));
    codec_get_cstr(&reader, row->error, sizeof(row->error));
    codec_get_cstr(&reader, row->tags, sizeof(row->tags));
    return codec_reader_done(&reader);
}

bool
ledger_row_is_booked(const struct ledger_snapshot *snapshot,
                     const struct ledger_row *row)
{
    if (row->epoch != snapshot->epoch)
        return true;
    return row->column < snapshot->position_count &&
           row->position < snapshot->positions[row->column];
}
