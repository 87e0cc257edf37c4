/*
 * test_ledger_spans.c - how long calls took: places, quantiles, bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_spans.h"

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_rollup.h"
#include "accountant/ledger/ledger_value.h"
#include "tests/test.h"

TEST(small_lengths_are_exact_and_others_within_an_eighth)
{
    static const uint32_t lengths[] = {0,     1,     3,       4,      7,
                                       8,     100,   999,     1000,   30000,
                                       59999, 65536, 1000000, 2000000};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct ledger_spans spans = {.used = {0}};
        ledger_spans_add(&spans, lengths[i]);
        int64_t said = ledger_spans_quantile(&spans, 500);
        int64_t off = said - lengths[i];
        CHECK_TRUE((off < 0 ? -off : off) * 8 <= lengths[i]);
        CHECK_TRUE(lengths[i] >= 8 || off == 0);
    }
}

TEST(quantiles_of_a_thousand_calls)
{
    struct ledger_spans spans = {.used = {0}};
    CHECK_EQ(ledger_spans_quantile(&spans, 500), -1);
    for (uint32_t ms = 1; ms <= 1000; ms++)
        ledger_spans_add(&spans, ms);
    CHECK_EQ(ledger_spans_count(&spans), 1000);
    int64_t half = ledger_spans_quantile(&spans, 500);
    int64_t most = ledger_spans_quantile(&spans, 990);
    CHECK_TRUE(half >= 495 && half <= 505);
    CHECK_TRUE(most >= 960 && most <= 1023);
    CHECK_TRUE(ledger_spans_quantile(&spans, 0) == 1);
    CHECK_TRUE(ledger_spans_quantile(&spans, 1000) <= 1024);
}

TEST(what_is_longer_than_all_places_stands_in_the_last)
{
    struct ledger_spans spans = {.used = {0}};
    ledger_spans_add(&spans, UINT32_MAX);
    ledger_spans_add(&spans, 10000000);
    CHECK_EQ(spans.counts[LEDGER_SPANS - 1], 2);
    CHECK_TRUE(ledger_spans_quantile(&spans, 500) > 1800000);
}

TEST(counts_add_up_and_stay_at_their_end)
{
    struct ledger_spans a = {.used = {0}}, b = {.used = {0}};
    ledger_spans_add(&a, 10);
    ledger_spans_add(&b, 10);
    ledger_spans_add(&b, 100000);
    CHECK_TRUE(ledger_spans_within(&a, &b));
    CHECK_TRUE(!ledger_spans_within(&b, &a));
    ledger_spans_merge(&a, &b);
    CHECK_EQ(ledger_spans_count(&a), 3);
    CHECK_TRUE(!ledger_spans_within(&a, &b));
    a.counts[9] = UINT32_MAX; /* of 10 ms */
    ledger_spans_merge(&a, &b);
    CHECK_EQ(a.counts[9], UINT32_MAX);
}

TEST(spans_are_the_same_when_they_are_read_again)
{
    struct ledger_spans spans = {.used = {0}}, again;
    struct codec_reader reader;
    struct buf bytes;
    buf_init(&bytes, 0);
    for (uint32_t ms = 0; ms < 3000000; ms = ms * 2 + 1)
        for (uint32_t n = 0; n <= ms % 300; n++)
            ledger_spans_add(&spans, ms);
    ledger_spans_encode(&spans, &bytes);
    codec_reader_init(&reader, buf_view(&bytes));
    ledger_spans_decode(&reader, &again);
    CHECK_TRUE(codec_reader_done(&reader));
    CHECK_TRUE(memcmp(&spans, &again, sizeof(spans)) == 0);
    buf_fini(&bytes);
}

TEST(nonsense_is_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\x51", 1},                 /* more than there are places */
        {"\x01\x02", 2},             /* no count */
        {"\x01\x02\x00", 3},         /* a count of nothing */
        {"\x02\x02\x01\x00\x01", 5}, /* a place twice */
        {"\x02\x4f\x01\x01\x01", 5}, /* behind the last one */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ledger_spans spans;
        struct codec_reader reader;
        codec_reader_init(&reader, str_make(cases[i].bytes, cases[i].len));
        ledger_spans_decode(&reader, &spans);
        CHECK_TRUE(!codec_reader_done(&reader));
    }
}

TEST(buckets_of_the_first_version_are_still_read)
{
    struct ledger_usage usage = {.requests = 300, .first_byte_ms = 7}, again;
    struct buf bytes;
    buf_init(&bytes, 0);
    ledger_usage_encode(&usage, &bytes);
    /* The first version: as now without the last three, which are nothing. */
    bytes.data[bytes.start] = 1;
    bytes.end -= 3;
    memset(&again, 0xff, sizeof(again));
    CHECK_EQ(ledger_usage_decode(buf_view(&bytes), &again), 0);
    CHECK_EQ(again.requests, 300);
    CHECK_EQ(again.first_byte_ms, 7);
    CHECK_EQ(again.cached_answers, 0);
    CHECK_EQ(ledger_spans_count(&again.duration_spans), 0);
    bytes.data[bytes.start] = 2;
    CHECK_TRUE(ledger_usage_decode(buf_view(&bytes), &again) < 0);
    bytes.data[bytes.start] = 3;
    CHECK_TRUE(ledger_usage_decode(buf_view(&bytes), &again) < 0);
    buf_fini(&bytes);
}

TEST(a_row_that_was_refused_or_kept_says_nothing_of_lengths)
{
    struct ledger_usage usage = {.requests = 0};
    struct ledger_row row = {.duration_ms = 20, .first_token_ms = 5};
    ledger_usage_add_row(&usage, &row);
    row.flags = LEDGER_FLAG_CACHED;
    ledger_usage_add_row(&usage, &row);
    row.flags = 0;
    row.cause = LEDGER_CAUSE_REFUSED;
    ledger_usage_add_row(&usage, &row);
    CHECK_EQ(usage.requests, 3);
    CHECK_EQ(usage.cached_answers, 1);
    CHECK_EQ(ledger_spans_count(&usage.duration_spans), 1);
    CHECK_EQ(ledger_spans_count(&usage.first_token_spans), 1);
}
