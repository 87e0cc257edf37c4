/*
 * ledger_key.c - see ledger_key.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_key.h"

#include <string.h>

static const int64_t day_ms = INT64_C(86400000);
static const int64_t last_ms = INT64_C(4102444799999); /* 2099-12-31 */

void
ledger_key_begin(struct ledger_key *key, char type)
{
    key->len = 0;
    ledger_key_u8(key, (uint8_t)type);
}

void
ledger_key_u8(struct ledger_key *key, uint8_t value)
{
    CHECK(key->len < sizeof(key->bytes));
    key->bytes[key->len++] = value;
}

void
ledger_key_u32(struct ledger_key *key, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        ledger_key_u8(key, (uint8_t)(value >> shift));
}

void
ledger_key_u64(struct ledger_key *key, uint64_t value)
{
    ledger_key_u32(key, (uint32_t)(value >> 32));
    ledger_key_u32(key, (uint32_t)value);
}

void
ledger_key_text(struct ledger_key *key, const char *text)
{
    size_t len = strnlen(text, 127);
    CHECK(key->len + len <= sizeof(key->bytes));
    memcpy(key->bytes + key->len, text, len);
    key->len += len;
}

void
ledger_key_meta(struct ledger_key *key, const char *name)
{
    ledger_key_begin(key, 'M');
    ledger_key_text(key, name);
}

void
ledger_key_object(struct ledger_key *key, char type, enum ledger_kind kind,
                  uint64_t id)
{
    ledger_key_begin(key, type);
    ledger_key_u8(key, (uint8_t)kind);
    ledger_key_u64(key, id);
}

void
ledger_key_config(struct ledger_key *key, const char *section, const char *name)
{
    size_t len = strlen(name);
    ledger_key_begin(key, 'C');
    ledger_key_text(key, section);
    ledger_key_u8(key, 0);
    CHECK(key->len + len <= sizeof(key->bytes));
    memcpy(key->bytes + key->len, name, len);
    key->len += len;
}

void
ledger_key_position(struct ledger_key *key, uint64_t epoch, uint32_t column)
{
    ledger_key_begin(key, 'P');
    ledger_key_u64(key, epoch);
    ledger_key_u32(key, column);
}

void
ledger_key_usage(struct ledger_key *key, const struct ledger_usage *usage)
{
    ledger_key_begin(key, 'U');
    ledger_key_u8(key, (uint8_t)usage->resolution);
    ledger_key_u64(key, (uint64_t)usage->start_ms);
    ledger_key_u64(key, usage->group_id);
    ledger_key_u64(key, usage->key_id);
    ledger_key_text(key, usage->model);
    ledger_key_u8(key, 0);
    ledger_key_text(key, usage->provider);
}

void
ledger_key_row(struct ledger_key *key, const struct ledger_row *row)
{
    ledger_key_begin(key, 'r');
    ledger_key_u64(key, (uint64_t)ledger_clamp_ms(row->ended_ms));
    ledger_key_u64(key, row->epoch);
    ledger_key_u32(key, row->column);
    ledger_key_u64(key, row->position);
}

uint32_t
ledger_key_read_u32(const void *bytes)
{
    const uint8_t *b = bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

uint64_t
ledger_key_read_u64(const void *bytes)
{
    const uint8_t *b = bytes;
    return (uint64_t)ledger_key_read_u32(b) << 32 | ledger_key_read_u32(b + 4);
}

bool
ledger_key_parse_object(struct str key, enum ledger_kind *kind, uint64_t *id)
{
    if (key.len < 10 ||
        (key.ptr[1] != LEDGER_KEY && key.ptr[1] != LEDGER_GROUP))
        return false;
    *kind = (enum ledger_kind)key.ptr[1];
    *id = ledger_key_read_u64(key.ptr + 2);
    return true;
}

bool
ledger_key_parse_config(struct str key, struct str *section, struct str *name)
{
    const char *end =
        key.len < 4 ? NULL : memchr(key.ptr + 1, '\0', key.len - 1);
    if (end == NULL || key.ptr[0] != 'C')
        return false;
    *section = str_make(key.ptr + 1, (size_t)(end - key.ptr) - 1);
    *name = str_skip(key, section->len + 2);
    return section->len > 0 && name->len > 0 &&
           memchr(name->ptr, '\0', name->len) == NULL;
}

bool
ledger_key_parse_position(struct str key, uint64_t *epoch, uint32_t *column)
{
    if (key.len != 13)
        return false;
    *epoch = ledger_key_read_u64(key.ptr + 1);
    *column = ledger_key_read_u32(key.ptr + 9);
    return true;
}

bool
ledger_key_parse_usage(struct str key, struct ledger_usage *usage)
{
    if (key.len < 27 || key.ptr[0] != 'U')
        return false;
    usage->resolution = (enum ledger_resolution)key.ptr[1];
    usage->start_ms = (int64_t)ledger_key_read_u64(key.ptr + 2);
    usage->group_id = ledger_key_read_u64(key.ptr + 10);
    usage->key_id = ledger_key_read_u64(key.ptr + 18);
    const char *model = key.ptr + 26;
    size_t left = key.len - 26;
    const char *end = memchr(model, 0, left);
    if (end == NULL)
        return false;
    size_t model_len = (size_t)(end - model);
    size_t provider_len = left - model_len - 1;
    if (model_len >= sizeof(usage->model) ||
        provider_len >= sizeof(usage->provider))
        return false;
    memcpy(usage->model, model, model_len);
    usage->model[model_len] = '\0';
    memcpy(usage->provider, end + 1, provider_len);
    usage->provider[provider_len] = '\0';
    return true;
}

bool
ledger_key_parse_row(struct str key, struct ledger_row *row)
{
    if (key.len != 29 || key.ptr[0] != 'r')
        return false;
    row->ended_ms = (int64_t)ledger_key_read_u64(key.ptr + 1);
    row->epoch = ledger_key_read_u64(key.ptr + 9);
    row->column = ledger_key_read_u32(key.ptr + 17);
    row->position = ledger_key_read_u64(key.ptr + 21);
    return true;
}

int64_t
ledger_clamp_ms(int64_t ended_ms)
{
    if (ended_ms < 0)
        return 0;
    return ended_ms > last_ms ? last_ms : ended_ms;
}

int64_t
ledger_row_day(int64_t ended_ms)
{
    return ledger_clamp_ms(ended_ms) / day_ms;
}
