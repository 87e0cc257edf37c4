/*
 * ledger_row_value.c - a log row to bytes and back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

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
    {"revoked", false},
};

/* By number of enum record_limit. */
static const char *const limits[LEDGER_LIMITS] = {
    NULL,
    "budget",
    "balance",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
    "model_requests_per_minute",
    "model_tokens_per_minute",
    "model_concurrency",
    "rate_limit",
    "spend",
};

const char *
ledger_limit_name(uint8_t limit)
{
    return limit < ARRAY_LEN(limits) ? limits[limit] : "unknown";
}

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

/* A log of many rows is written by this: room is asked for once a row. */
static inline char *
put_number(char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    return at;
}

static inline char *
put_text(char *at, const char *text)
{
    size_t len = strlen(text);
    at = put_number(at, len);
    memcpy(at, text, len);
    return at + len;
}

enum { NUMBERS_MAX = 32, NUMBER_BYTES = 10, TEXTS = 8, ATTEMPT_NUMBERS = 6 };

/* Where its time went, and which tier of prices it was: what rows had no place for
 * at first. */
static bool
has_late(const struct ledger_row *row)
{
    return (row->queue_ms | row->sent_ms | row->connect_ms |
            row->first_token_ms | row->price_tier | row->service_tier) != 0;
}

/* Than the rows of earlier versions had. */
static bool
has_more(const struct ledger_row *row)
{
    return row->credential[0] != '\0' || row->tried_count != 0 ||
           row->gateway != 0 || has_late(row);
}

static char *
put_attempts(char *at, const struct ledger_row *row)
{
    if (!has_more(row))
        return at;
    at = put_text(at, row->credential);
    *at++ = (char)row->tried_count;
    for (unsigned i = 0; i < row->tried_count; i++) {
        const struct ledger_attempt *attempt = &row->tried[i];
        at = put_text(at, attempt->model);
        at = put_text(at, attempt->provider);
        at = put_number(at, attempt->status);
        *at++ = (char)attempt->cause;
        at = put_text(at, attempt->credential);
        at = put_number(at, attempt->duration_ms);
        at = put_number(at, attempt->tokens);
        at = put_number(at, attempt->nano);
    }
    bool late = has_late(row);
    if (row->gateway != 0 || late)
        at = put_number(at, row->gateway);
    if (late) {
        at = put_number(at, row->queue_ms);
        at = put_number(at, row->sent_ms);
        at = put_number(at, row->connect_ms);
        at = put_number(at, row->first_token_ms);
    }
    if ((row->price_tier | row->service_tier) != 0) {
        *at++ = (char)row->price_tier;
        *at++ = (char)row->service_tier;
    }
    return at;
}

static bool
get_attempts(struct codec_reader *reader, struct ledger_row *row)
{
    row->credential[0] = '\0';
    row->tried_count = 0;
    row->gateway = 0;
    row->queue_ms = row->sent_ms = row->connect_ms = row->first_token_ms = 0;
    row->price_tier = row->service_tier = 0;
    if (reader->left == 0)
        return true;
    codec_get_cstr(reader, row->credential, sizeof(row->credential));
    row->tried_count = codec_get_u8(reader);
    if (row->tried_count > LEDGER_ATTEMPTS_MAX)
        return false;
    for (unsigned i = 0; i < row->tried_count; i++) {
        struct ledger_attempt *attempt = &row->tried[i];
        codec_get_cstr(reader, attempt->model, sizeof(attempt->model));
        codec_get_cstr(reader, attempt->provider, sizeof(attempt->provider));
        attempt->status = (uint16_t)codec_get_max(reader, UINT16_MAX);
        attempt->cause = codec_get_u8(reader);
        codec_get_cstr(reader, attempt->credential,
                       sizeof(attempt->credential));
        attempt->duration_ms = (uint32_t)codec_get_max(reader, UINT32_MAX);
        attempt->tokens = codec_get_u64(reader);
        attempt->nano = codec_get_u64(reader);
    }
    if (reader->left > 0)
        row->gateway = (uint32_t)codec_get_max(reader, UINT32_MAX);
    if (reader->left > 0) {
        row->queue_ms = (uint32_t)codec_get_max(reader, UINT32_MAX);
        row->sent_ms = (uint32_t)codec_get_max(reader, UINT32_MAX);
        row->connect_ms = (uint32_t)codec_get_max(reader, UINT32_MAX);
        row->first_token_ms = (uint32_t)codec_get_max(reader, UINT32_MAX);
    }
    if (reader->left > 0) {
        row->price_tier = codec_get_u8(reader);
        row->service_tier = codec_get_u8(reader);
    }
    return true;
}

void
ledger_row_encode(const struct ledger_row *row, struct buf *out)
{
    const struct usage *classes = &row->classes;
    uint64_t sign = row->started_ms < 0 ? UINT64_MAX : 0;
    const uint64_t numbers[] = {
        row->batch_no,
        (uint64_t)row->started_ms << 1 ^ sign, /* as codec_put_i64() */
        row->key_id,
        row->group_id,
    };
    const uint64_t more[] = {
        row->duration_ms,
        row->first_byte_ms,
        row->delivered_tokens,
        row->generated_tokens,
        row->price_version,
        row->tokens,
        row->nano,
        /* as codec_put_usage() */
        classes->prompt_missed,
        classes->cached,
        classes->cache_creation,
        classes->completion,
        classes->reasoning,
        classes->audio_in,
        classes->audio_out,
        classes->cache_creation_1h,
        classes->images_in,
        classes->images_out,
    };
    _Static_assert(ARRAY_LEN(numbers) + ARRAY_LEN(more) + 8 <= NUMBERS_MAX,
                   "room for them all");
    char *at =
        codec_room(out, sizeof(*row) + (NUMBERS_MAX + TEXTS +
                                        LEDGER_ATTEMPTS_MAX * ATTEMPT_NUMBERS) *
                                           NUMBER_BYTES);
    if (at == NULL)
        return;
    *at++ = ROW_VERSION;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        at = put_number(at, numbers[i]);
    at = put_text(at, row->request_id);
    at = put_number(at, row->status);
    at = put_number(at, row->attempts);
    at = put_number(at, row->flags);
    *at++ = (char)row->cause;
    *at++ = (char)row->dialect;
    *at++ = (char)row->endpoint;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        at = put_number(at, more[i]);
    const char *const texts[] = {row->client_ip,   row->model, row->provider,
                                 row->model_asked, row->error, row->tags};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        at = put_text(at, texts[i]);
    if (row->limit != 0 || has_more(row))
        *at++ = (char)row->limit; /* as rows were before there was one */
    at = put_attempts(at, row);
    out->end = (size_t)(at - out->data);
}

bool
ledger_row_decode(struct str key, struct str value, struct ledger_row *row)
{
    return ledger_key_parse_row(key, row) && ledger_row_decode_body(value, row);
}

bool
ledger_row_owners(struct str body, uint64_t *key_id, uint64_t *group_id)
{
    struct codec_reader reader;
    codec_reader_init(&reader, body);
    bool known = codec_get_u8(&reader) == ROW_VERSION;
    codec_get_u64(&reader); /* batch */
    codec_get_i64(&reader); /* when it began */
    *key_id = codec_get_u64(&reader);
    *group_id = codec_get_u64(&reader);
    return known && !reader.bad;
}

bool
ledger_row_decode_body(struct str body, struct ledger_row *row)
{
    struct codec_reader reader;
    codec_reader_init(&reader, body);
    if (codec_get_u8(&reader) != ROW_VERSION)
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
    row->limit = reader.left > 0 ? codec_get_u8(&reader) : 0;
    return get_attempts(&reader, row) && codec_reader_done(&reader);
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
