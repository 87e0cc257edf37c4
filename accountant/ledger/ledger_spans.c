/*
 * ledger_spans.c - see ledger_spans.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_spans.h"

#include "accountant/ledger/codec.h"

unsigned
ledger_spans_place(uint32_t ms)
{
    if (ms < 4)
        return ms;
    unsigned log2 = 31 - (unsigned)__builtin_clz(ms);
    unsigned place = 4 * (log2 - 1) + (ms >> (log2 - 2) & 3);
    return place < LEDGER_SPANS ? place : LEDGER_SPANS - 1;
}

/* The first length that is not in it any more is low + width. */
static void
bounds_of(unsigned place, uint32_t *low, uint32_t *width)
{
    unsigned shift = place < 4 ? 0 : place / 4 - 1;
    *low = place < 4 ? place : (4 + place % 4) << shift;
    *width = UINT32_C(1) << shift;
}

static void
add(struct ledger_spans *spans, unsigned place, uint32_t count)
{
    uint32_t *at = &spans->counts[place];
    *at = count > UINT32_MAX - *at ? UINT32_MAX : *at + count;
    spans->used[place / 64] |= UINT64_C(1) << place % 64;
}

/* The next place in use from `place` on; LEDGER_SPANS: there is none. */
static unsigned
next_used(const struct ledger_spans *spans, unsigned place)
{
    for (unsigned word = place / 64; word < 2; word++) {
        uint64_t bits = spans->used[word];
        if (word == place / 64)
            bits &= UINT64_MAX << place % 64;
        if (bits != 0)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return LEDGER_SPANS;
}

void
ledger_spans_add(struct ledger_spans *spans, uint32_t ms)
{
    add(spans, ledger_spans_place(ms), 1);
}

void
ledger_spans_add_place(struct ledger_spans *spans, unsigned place)
{
    add(spans, place, 1);
}

void
ledger_spans_merge(struct ledger_spans *to, const struct ledger_spans *from)
{
    for (unsigned i = next_used(from, 0); i < LEDGER_SPANS;
         i = next_used(from, i + 1))
        add(to, i, from->counts[i]);
}

uint64_t
ledger_spans_count(const struct ledger_spans *spans)
{
    uint64_t count = 0;
    for (unsigned i = next_used(spans, 0); i < LEDGER_SPANS;
         i = next_used(spans, i + 1))
        count += spans->counts[i];
    return count;
}

int64_t
ledger_spans_quantile(const struct ledger_spans *spans, unsigned per_mille)
{
    uint64_t count = ledger_spans_count(spans);
    if (count == 0)
        return -1;
    /* The nearest rank, from 1; inside of a place calls are spread evenly. */
    uint64_t rank = (count * per_mille + 999) / 1000, before = 0;
    rank = rank == 0 ? 1 : rank;
    for (unsigned i = next_used(spans, 0); i < LEDGER_SPANS;
         i = next_used(spans, i + 1)) {
        uint64_t here = spans->counts[i];
        uint32_t low, width;
        bounds_of(i, &low, &width);
        if (rank <= before + here)
            return low +
                   (int64_t)((2 * (rank - before) - 1) * width / (2 * here));
        before += here;
    }
    return -1;
}

bool
ledger_spans_within(const struct ledger_spans *spans,
                    const struct ledger_spans *other)
{
    for (unsigned i = next_used(spans, 0); i < LEDGER_SPANS;
         i = next_used(spans, i + 1))
        if (spans->counts[i] > other->counts[i])
            return false;
    return true;
}

void
ledger_spans_encode(const struct ledger_spans *spans, struct buf *out)
{
    unsigned places = (unsigned)(__builtin_popcountll(spans->used[0]) +
                                 __builtin_popcountll(spans->used[1]));
    unsigned last = 0;
    codec_put_u64(out, places);
    for (unsigned i = next_used(spans, 0); i < LEDGER_SPANS;
         i = next_used(spans, i + 1)) {
        codec_put_u64(out, i - last);
        codec_put_u64(out, spans->counts[i]);
        last = i;
    }
}

void
ledger_spans_decode(struct codec_reader *reader, struct ledger_spans *spans)
{
    *spans = (struct ledger_spans){.used = {0}};
    uint64_t places = codec_get_max(reader, LEDGER_SPANS), at = 0;
    for (uint64_t i = 0; i < places && !reader->bad; i++) {
        uint64_t ahead = codec_get_max(reader, LEDGER_SPANS - 1);
        uint32_t count = (uint32_t)codec_get_max(reader, UINT32_MAX);
        at += ahead;
        if ((i > 0 && ahead == 0) || count == 0 || at >= LEDGER_SPANS)
            reader->bad = true;
        else
            add(spans, (unsigned)at, count);
    }
}
