/*
 * test_ledger_spans.c - how long calls took: places, quantiles, bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_spans.h"

#include "accountant/ledger/codec.h"
#include "accountant/ledger/ledger_rollup.h"
#include "accountant/ledger/ledger_value.h"
#include "tests/test.h"
#include "tests/unit/ledger_fixture.h"

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

struct spans_seen {
    struct ledger_spans duration, first_token;
    unsigned buckets;
};

static bool
see_spans(const struct ledger_usage *usage, void *context)
{
    struct spans_seen *seen = context;
    ledger_spans_merge(&seen->duration, &usage->duration_spans);
    ledger_spans_merge(&seen->first_token, &usage->first_token_spans);
    seen->buckets++;
    return true;
}

/* Minutes, hours and days have the same lengths, whether they waited in the
 * minute, filled its room, or came with a later flush; and of no other key. */
TEST(lengths_reach_the_minute_the_hour_and_the_day)
{
    enum { ROWS = 3 * ROLLUP_LENGTHS + 5, FLUSHES = 2 };
    struct fixture f;
    struct buf error;
    struct ledger_spans duration = {.used = {0}}, first_token = {.used = {0}};
    fixture_init(&f);
    buf_init(&error, 0);
    for (uint64_t flush = 0; flush < FLUSHES; flush++) {
        struct ledger_row rows[ROWS + 1];
        for (uint64_t i = 0; i < ROWS; i++) {
            uint64_t at = flush * (ROWS + 1) + i;
            rows[i] = fixture_row(2, at * 256, 10, FIXTURE_NOON);
            rows[i].duration_ms = (uint32_t)(at * at);
            rows[i].first_token_ms = at % 3 == 0 ? 0 : (uint32_t)at;
            ledger_spans_add(&duration, rows[i].duration_ms);
            if (at % 3 != 0)
                ledger_spans_add(&first_token, rows[i].first_token_ms);
        }
        rows[ROWS] =
            fixture_row(3, (flush * (ROWS + 1) + ROWS) * 256, 10, FIXTURE_NOON);
        CHECK_EQ(fixture_book(&f, rows, ROWS + 1, true), 0);
    }
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    static const enum ledger_resolution all[] = {LEDGER_MINUTE, LEDGER_HOUR,
                                                 LEDGER_DAY};
    for (size_t r = 0; r < ARRAY_LEN(all); r++) {
        struct spans_seen seen = {.buckets = 0};
        CHECK_EQ(ledger_scan_usage(f.ledger, snapshot, all[r], 0, 0, 0, 2,
                                   see_spans, &seen, &error),
                 0);
        CHECK_EQ(seen.buckets, 1);
        CHECK_EQ(memcmp(&seen.duration, &duration, sizeof(duration)), 0);
        CHECK_EQ(memcmp(&seen.first_token, &first_token, sizeof(first_token)),
                 0);
    }
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    buf_fini(&error);
    fixture_fini(&f);
}

struct requests_seen {
    uint64_t requests;
    unsigned buckets;
};

static bool
see_requests(const struct ledger_usage *usage, void *context)
{
    struct requests_seen *seen = context;
    seen->requests += usage->requests;
    seen->buckets++;
    return true;
}

/* The writer does not keep what is over, and a late row does not miss it. */
TEST(buckets_that_are_over_are_forgotten_and_read_again)
{
    enum { MINUTES = 3 * 24 * 60, STEP = 7 };
    struct fixture f;
    struct buf error;
    uint64_t position = 0, rows = 0;
    fixture_init(&f);
    buf_init(&error, 0);
    for (int64_t minute = 0; minute < MINUTES; minute += STEP) {
        /* The second comes a quarter of an hour late. */
        for (int64_t late = 0; late <= 15; late += 15) {
            struct ledger_row row = fixture_row(
                2, position, 10, FIXTURE_NOON + (minute - late) * 60000);
            CHECK_EQ(fixture_book(&f, &row, 1, true), 0);
            ledger_rollup_trim(&f.rollup);
            position += 256;
            rows++;
        }
        CHECK_TRUE(f.rollup.table.count <= 8);
    }
    static const struct {
        enum ledger_resolution resolution;
        unsigned buckets;
    } all[] = {{LEDGER_MINUTE, 2 * MINUTES / STEP},
               {LEDGER_HOUR, 73},
               {LEDGER_DAY, 4}};
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct requests_seen seen = {0};
        CHECK_EQ(ledger_scan_usage(f.ledger, snapshot, all[i].resolution, 0, 0,
                                   0, 2, see_requests, &seen, &error),
                 0);
        CHECK_EQ(seen.requests, rows);
        CHECK_TRUE(seen.buckets >= all[i].buckets / 2 &&
                   seen.buckets <= all[i].buckets + 2);
    }
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    buf_fini(&error);
    fixture_fini(&f);
}

/* Models (or keys) that come and go through one day: what was used in the last
 * minutes counts, not what was used in the day. */
TEST(hours_and_days_that_no_minute_leads_to_are_forgotten)
{
    enum { MODELS = 300, PER_MINUTE = 5 };
    struct fixture f;
    uint64_t position = 0;
    fixture_init(&f);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned model = 0; model < MODELS; model++) {
            int64_t minute = (int64_t)(round * MODELS + model) / PER_MINUTE;
            struct ledger_row row =
                fixture_row(2, position, 10, FIXTURE_NOON + minute * 60000);
            snprintf(row.model, sizeof(row.model), "model-%u", model);
            CHECK_EQ(fixture_book(&f, &row, 1, true), 0);
            ledger_rollup_trim(&f.rollup);
            position += 256;
            /* Each has a minute, an hour and a day; four minutes are alive. */
            CHECK_TRUE(f.rollup.table.count <= 4 * PER_MINUTE * 3);
        }
    struct buf error;
    buf_init(&error, 0);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    struct requests_seen seen = {0};
    CHECK_EQ(ledger_scan_usage(f.ledger, snapshot, LEDGER_DAY, 0, 0, 0, 0,
                               see_requests, &seen, &error),
             0);
    CHECK_EQ(seen.requests, 2 * MODELS);
    CHECK_EQ(seen.buckets, MODELS);
    ledger_snapshot_release(f.ledger, &snapshot);
    CHECK_EQ(fixture_differences(f.ledger, &error), 0);
    buf_fini(&error);
    fixture_fini(&f);
}
