/*
 * codec.h - compact binary values: numbers of 7 bits a byte (low first, the
 * high bit says that more follows), signed ones zigzag, bytes behind their
 * length. Values of the ledger begin with a version byte of their own.
 *
 * The reader trusts nothing: after the first thing that does not fit, `bad` is
 * set and everything reads as zero, so a decoder checks once at its end.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_CODEC_H
#define AIGW_ACCOUNTANT_LEDGER_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/price_tier.h"

char *codec_room_slowly(struct buf *out, size_t n);
void codec_put_long(struct buf *out, uint64_t value);

/* Rows are written one number at a time, and most numbers are small: the usual
 * case is a comparison and a byte. */
static inline char *
codec_room(struct buf *out, size_t n)
{
    if (out->failed || out->limit != 0 || out->cap - out->end < n)
        return codec_room_slowly(out, n);
    return out->data + out->end;
}

static inline void
codec_put_u8(struct buf *out, uint8_t value)
{
    char *at = codec_room(out, 1);
    if (at == NULL)
        return;
    *at = (char)value;
    out->end++;
}

static inline void
codec_put_u64(struct buf *out, uint64_t value)
{
    if (value < 0x80)
        codec_put_u8(out, (uint8_t)value);
    else
        codec_put_long(out, value);
}

void codec_put_i64(struct buf *out, int64_t value);
void codec_put_bytes(struct buf *out, const void *bytes, size_t len);
void codec_put_cstr(struct buf *out, const char *text);

struct codec_reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};
void codec_reader_init(struct codec_reader *reader, struct str bytes);
uint8_t codec_get_u8(struct codec_reader *reader);
uint64_t codec_get_u64(struct codec_reader *reader);
/* Bad when larger than max. */
uint64_t codec_get_max(struct codec_reader *reader, uint64_t max);
int64_t codec_get_i64(struct codec_reader *reader);
/* A view into the bytes that are read. */
struct str codec_get_bytes(struct codec_reader *reader);
/* NUL-terminated into out; bad when it does not fit or holds a NUL. */
void codec_get_cstr(struct codec_reader *reader, char *out, size_t out_size);
/* Exactly len bytes, or bad. */
void codec_get_exact(struct codec_reader *reader, void *out, size_t len);
/* All was read and all was good. */
bool codec_reader_done(const struct codec_reader *reader);

/* Used by several values. */
void codec_put_usage(struct buf *out, const struct usage *usage);
void codec_get_usage(struct codec_reader *reader, struct usage *usage);
void codec_put_prices(struct buf *out, const struct prices *prices);
void codec_get_prices(struct codec_reader *reader, struct prices *prices);
void codec_put_tiers(struct buf *out, const struct price_tiers *tiers);
void codec_get_tiers(struct codec_reader *reader, struct price_tiers *tiers);

#endif
