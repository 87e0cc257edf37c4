/*
 * codec.c - see codec.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/codec.h"

#include <string.h>

/* The way through growth, limits and failure: room for n bytes at the end, or
 * NULL. */
char *
codec_room_slowly(struct buf *out, size_t n)
{
    if (out->failed)
        return NULL;
    if (buf_reserve(out, n) < 0) {
        out->failed = true;
        return NULL;
    }
    return out->data + out->end;
}

void
codec_put_long(struct buf *out, uint64_t value)
{
    char *at = codec_room(out, 10);
    size_t len = 0;
    if (at == NULL)
        return;
    while (value >= 0x80) {
        at[len++] = (char)(value | 0x80);
        value >>= 7;
    }
    at[len++] = (char)value;
    out->end += len;
}

void
codec_put_i64(struct buf *out, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    codec_put_u64(out, ((uint64_t)value << 1) ^ sign);
}

void
codec_put_bytes(struct buf *out, const void *bytes, size_t len)
{
    codec_put_u64(out, len);
    char *at = codec_room(out, len);
    if (at == NULL || len == 0)
        return;
    memcpy(at, bytes, len);
    out->end += len;
}

void
codec_put_cstr(struct buf *out, const char *text)
{
    codec_put_bytes(out, text, strlen(text));
}

void
codec_reader_init(struct codec_reader *reader, struct str bytes)
{
    *reader =
        (struct codec_reader){(const uint8_t *)bytes.ptr, bytes.len, false};
}

uint8_t
codec_get_u8(struct codec_reader *reader)
{
    if (reader->bad || reader->left == 0) {
        reader->bad = true;
        return 0;
    }
    reader->left--;
    return *reader->at++;
}

uint64_t
codec_get_u64(struct codec_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = codec_get_u8(reader);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return reader->bad ? 0 : value;
    }
    reader->bad = true;
    return 0;
}

uint64_t
codec_get_max(struct codec_reader *reader, uint64_t max)
{
    uint64_t value = codec_get_u64(reader);
    if (value <= max)
        return value;
    reader->bad = true;
    return 0;
}

int64_t
codec_get_i64(struct codec_reader *reader)
{
    uint64_t value = codec_get_u64(reader);
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

struct str
codec_get_bytes(struct codec_reader *reader)
{
    uint64_t len = codec_get_u64(reader);
    if (reader->bad || len > reader->left) {
        reader->bad = true;
        return STR_LIT("");
    }
    struct str bytes = {(const char *)reader->at, len};
    reader->at += len;
    reader->left -= len;
    return bytes;
}

void
codec_get_cstr(struct codec_reader *reader, char *out, size_t out_size)
{
    struct str bytes = codec_get_bytes(reader);
    out[0] = '\0';
    if (bytes.len >= out_size || memchr(bytes.ptr, 0, bytes.len) != NULL) {
        reader->bad = true;
        return;
    }
    memcpy(out, bytes.ptr, bytes.len);
    out[bytes.len] = '\0';
}

void
codec_get_exact(struct codec_reader *reader, void *out, size_t len)
{
    struct str bytes = codec_get_bytes(reader);
    memset(out, 0, len);
    if (bytes.len != len) {
        reader->bad = true;
        return;
    }
    memcpy(out, bytes.ptr, len);
}

bool
codec_reader_done(const struct codec_reader *reader)
{
    return !reader->bad && reader->left == 0;
}

void
codec_put_usage(struct buf *out, const struct usage *usage)
{
    const uint64_t values[] = {usage->prompt_missed,  usage->cached,
                               usage->cache_creation, usage->completion,
                               usage->reasoning,      usage->audio_in,
                               usage->audio_out,      usage->cache_creation_1h,
                               usage->images_in,      usage->images_out};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        codec_put_u64(out, values[i]);
}

void
codec_get_usage(struct codec_reader *reader, struct usage *usage)
{
    uint64_t *const values[] = {
        &usage->prompt_missed,  &usage->cached,
        &usage->cache_creation, &usage->completion,
        &usage->reasoning,      &usage->audio_in,
        &usage->audio_out,      &usage->cache_creation_1h,
        &usage->images_in,      &usage->images_out};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        *values[i] = codec_get_u64(reader);
}

void
codec_put_prices(struct buf *out, const struct prices *prices)
{
    const int64_t values[] = {prices->input,
                              prices->output,
                              prices->cached,
                              prices->cache_creation,
                              prices->cache_creation_1h,
                              prices->reasoning,
                              prices->audio_in,
                              prices->audio_out,
                              prices->image,
                              prices->request};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        codec_put_i64(out, values[i]);
}

void
codec_get_prices(struct codec_reader *reader, struct prices *prices)
{
    int64_t *const values[] = {&prices->input,
                               &prices->output,
                               &prices->cached,
                               &prices->cache_creation,
                               &prices->cache_creation_1h,
                               &prices->reasoning,
                               &prices->audio_in,
                               &prices->audio_out,
                               &prices->image,
                               &prices->request};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        *values[i] = codec_get_i64(reader);
}

void
codec_put_tiers(struct buf *out, const struct price_tiers *tiers)
{
    codec_put_u64(out, tiers->count);
    for (unsigned i = 0; i < tiers->count; i++) {
        const struct price_tier *tier = &tiers->items[i];
        codec_put_u64(out, tier->prompt_from);
        codec_put_u64(out, tier->prompt_to);
        codec_put_u64(out, tier->output_from);
        codec_put_u64(out, tier->output_to);
        codec_put_i64(out, tier->from_ms);
        codec_put_i64(out, tier->until_ms);
        codec_put_u64(out, tier->minute_from);
        codec_put_u64(out, tier->minute_to);
        codec_put_u64(out, tier->services);
        codec_put_prices(out, &tier->prices);
    }
}

void
codec_get_tiers(struct codec_reader *reader, struct price_tiers *tiers)
{
    *tiers = (struct price_tiers){0};
    tiers->count = codec_get_max(reader, PRICE_TIERS_MAX);
    for (unsigned i = 0; i < tiers->count && !reader->bad; i++) {
        struct price_tier *tier = &tiers->items[i];
        tier->prompt_from = codec_get_u64(reader);
        tier->prompt_to = codec_get_u64(reader);
        tier->output_from = codec_get_u64(reader);
        tier->output_to = codec_get_u64(reader);
        tier->from_ms = codec_get_i64(reader);
        tier->until_ms = codec_get_i64(reader);
        tier->minute_from = (uint32_t)codec_get_max(reader, UINT32_MAX);
        tier->minute_to = (uint32_t)codec_get_max(reader, UINT32_MAX);
        tier->services = (uint32_t)codec_get_max(reader, UINT32_MAX);
        codec_get_prices(reader, &tier->prices);
    }
}
