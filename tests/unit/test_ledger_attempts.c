/*
 * test_ledger_attempts.c - what became of each attempt of a call, in a row: kept,
 * read, shown, and absent where nothing failed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include "accountant/ledger/ledger_internal.h"
#include "accountant/ledger/ledger_report.h"
#include "common/json_scan.h"
#include "tests/unit/ledger_fixture.h"

static bool
keep(const struct ledger_row *row, void *context)
{
    *(struct ledger_row *)context = *row;
    return true;
}

/* The row as it comes back from the ledger. */
static void
book_and_read(struct ledger_row *row, struct ledger_row *out)
{
    struct fixture f;
    struct buf error;
    fixture_init(&f);
    buf_init(&error, 0);
    CHECK_EQ(fixture_book(&f, row, 1, true), 0);
    struct ledger_snapshot *snapshot = ledger_snapshot_take(f.ledger);
    struct ledger_row_filter filter = {.cause = -1};
    memset(out, 0xff, sizeof(*out));
    CHECK_EQ(ledger_scan_rows(f.ledger, snapshot, &filter, keep, out, &error),
             0);
    ledger_snapshot_release(f.ledger, &snapshot);
    buf_fini(&error);
    fixture_fini(&f);
}

static struct ledger_row
row_of_attempts(unsigned count)
{
    struct ledger_row row = fixture_row(2, 256, 100, FIXTURE_NOON);
    row.attempts = (uint16_t)count;
    row.tried_count = (uint8_t)count;
    snprintf(row.credential, sizeof(row.credential), "third");
    for (unsigned i = 0; i < count; i++) {
        struct ledger_attempt *attempt = &row.tried[i];
        snprintf(attempt->model, sizeof(attempt->model), "m\"%u", i);
        snprintf(attempt->provider, sizeof(attempt->provider), "p%u", i);
        attempt->status = i == 0 ? 0 : (uint16_t)(500 + i);
        attempt->cause = i == 0 ? 3 : 1;
        snprintf(attempt->credential, sizeof(attempt->credential), "c%u", i);
        attempt->duration_ms = 70000 * i;
        attempt->tokens = i;
        attempt->nano = UINT64_C(5000000000) * i;
    }
    return row;
}

static void
check_attempt(const struct ledger_attempt *got,
              const struct ledger_attempt *wanted)
{
    CHECK_STR(str_from(got->model), wanted->model);
    CHECK_STR(str_from(got->provider), wanted->provider);
    CHECK_STR(str_from(got->credential), wanted->credential);
    CHECK_EQ(got->status, wanted->status);
    CHECK_EQ(got->cause, wanted->cause);
    CHECK_EQ(got->duration_ms, wanted->duration_ms);
    CHECK_EQ(got->tokens, wanted->tokens);
    CHECK_EQ(got->nano, wanted->nano);
}

TEST(attempts_come_back_as_they_were)
{
    for (unsigned count = 0; count <= LEDGER_ATTEMPTS_MAX; count++) {
        struct ledger_row row = row_of_attempts(count), got;
        book_and_read(&row, &got);
        CHECK_STR(str_from(got.credential), "third");
        CHECK_EQ(got.limit, 0);
        CHECK_EQ(got.tried_count, count);
        for (unsigned i = 0; i < count; i++)
            check_attempt(&got.tried[i], &row.tried[i]);
    }
}

TEST(a_row_without_attempts_is_as_short_as_ever)
{
    struct buf with, without;
    struct ledger_row row = row_of_attempts(1), plain = row_of_attempts(0);
    buf_init(&with, 0);
    buf_init(&without, 0);
    plain.credential[0] = '\0';
    ledger_row_encode(&row, &with);
    ledger_row_encode(&plain, &without);
    CHECK_TRUE(buf_len(&without) + 10 < buf_len(&with));
    struct ledger_row limited = plain;
    limited.limit = 1;
    buf_reset(&with);
    ledger_row_encode(&limited, &with);
    CHECK_EQ(buf_len(&with), buf_len(&without) + 1);
    buf_fini(&with);
    buf_fini(&without);
}

TEST(where_the_time_went_comes_back_and_costs_nothing_where_it_is_not_known)
{
    struct buf with, without;
    struct ledger_row row = row_of_attempts(0), got;
    buf_init(&with, 0);
    buf_init(&without, 0);
    ledger_row_encode(&row, &without);
    row.queue_ms = 300;
    row.sent_ms = 301;
    row.connect_ms = 12;
    row.first_token_ms = 900;
    ledger_row_encode(&row, &with);
    /* Behind the profile, which is told then. */
    CHECK_EQ(buf_len(&with), buf_len(&without) + 1 + 2 + 2 + 1 + 2);
    book_and_read(&row, &got);
    CHECK_EQ(got.gateway, 0);
    CHECK_EQ(got.queue_ms, 300);
    CHECK_EQ(got.sent_ms, 301);
    CHECK_EQ(got.connect_ms, 12);
    CHECK_EQ(got.first_token_ms, 900);
    CHECK_EQ(got.price_tier + got.service_tier, 0);
    row.queue_ms = row.sent_ms = row.connect_ms = row.first_token_ms = 0;
    row.price_tier = 2;
    row.service_tier = 5;
    buf_reset(&with);
    ledger_row_encode(&row, &with);
    CHECK_EQ(buf_len(&with), buf_len(&without) + 1 + 4 + 2);
    book_and_read(&row, &got);
    CHECK_EQ(got.queue_ms, 0);
    CHECK_EQ(got.price_tier, 2);
    CHECK_EQ(got.service_tier, 5);
    buf_fini(&with);
    buf_fini(&without);
}

TEST(more_attempts_than_there_may_be_are_no_row)
{
    struct buf bytes;
    struct ledger_key key;
    struct ledger_row row = row_of_attempts(1), got;
    struct ledger_row plain = row_of_attempts(0);
    buf_init(&bytes, 0);
    plain.credential[0] = '\0';
    ledger_row_encode(&plain, &bytes);
    /* behind limit and credential */
    size_t at = buf_len(&bytes) + 2 + strlen(row.credential);
    buf_reset(&bytes);
    ledger_row_encode(&row, &bytes);
    ledger_key_row(&key, &row);
    CHECK_TRUE(ledger_row_decode(str_make((const char *)key.bytes, key.len),
                                 buf_view(&bytes), &got));
    CHECK_EQ(bytes.data[bytes.start + at], 1);
    bytes.data[bytes.start + at] = LEDGER_ATTEMPTS_MAX + 1;
    CHECK_TRUE(!ledger_row_decode(str_make((const char *)key.bytes, key.len),
                                  buf_view(&bytes), &got));
    buf_fini(&bytes);
}

TEST(a_rows_json_lists_them)
{
    struct buf out;
    struct str value;
    struct ledger_row row = row_of_attempts(LEDGER_ATTEMPTS_MAX);
    buf_init(&out, 0);
    ledger_row_to_json(&row, &out);
    CHECK_TRUE(json_is(buf_view(&out), JSON_OBJECT));
    CHECK_TRUE(json_find(buf_view(&out), "attempt_count", &value));
    CHECK_TRUE(str_equals(value, STR_LIT("8")));
    CHECK_TRUE(
        strstr(buf_cstr(&out),
               "\"credential\":\"third\",\"attempt_count\":8,\"attempts\":["
               "{\"provider\":\"p0\",\"model\":\"m\\\"0\","
               "\"credential\":\"c0\",\"status\":0,"
               "\"cause\":\"upstream_timeout\",\"duration_ms\":0,"
               "\"tokens\":0,\"cost_nano\":0},"
               "{\"provider\":\"p1\"") != NULL);
    row.tried_count = 0;
    buf_reset(&out);
    ledger_row_to_json(&row, &out);
    CHECK_TRUE(strstr(buf_cstr(&out), "\"attempts\":[],") != NULL);
    buf_fini(&out);
}
