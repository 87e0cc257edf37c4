/*
 * test_alert_event.c - an event of an alert: when it is tried again, when it is
 * given up, and its bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "accountant/alerts.h"
#include "tests/test.h"

enum { SECOND = 1000 };
#define DAY (INT64_C(86400) * SECOND)
static const int64_t born = INT64_C(1700000000000);

TEST(a_webhook_that_fails_is_asked_again_later_and_later)
{
    struct alert_event event;
    int64_t now = born;
    alert_event_init(&event, "ops", born, 7, 3);
    CHECK_EQ(event.next_ms, born);
    for (int i = 0; i < 40; i++) {
        int64_t wait = i < 9 ? (int64_t)SECOND << i : 300 * SECOND;
        now += 10;
        alert_event_note(&event, i % 2 == 0 ? 0 : 503, false, now);
        CHECK_EQ(event.state, ALERT_PENDING);
        CHECK_EQ(event.attempts, i + 1);
        CHECK_EQ(event.status, i % 2 == 0 ? 0 : 503);
        CHECK_EQ(event.next_ms - now, wait);
        CHECK_EQ(event.ended_ms, 0);
    }
}

TEST(an_event_ends_by_2xx_or_after_three_days_or_with_its_alert)
{
    static const struct {
        uint16_t status;
        bool is_gone;
        int64_t after;
        enum alert_state state;
    } cases[] = {
        {199, false, SECOND, ALERT_PENDING},
        {200, false, SECOND, ALERT_DELIVERED},
        {299, false, SECOND, ALERT_DELIVERED},
        {300, false, SECOND, ALERT_PENDING},
        {410, false, SECOND, ALERT_PENDING},
        {500, false, 3 * DAY, ALERT_PENDING},
        {500, false, 3 * DAY + 1, ALERT_FAILED},
        {204, false, 4 * DAY, ALERT_DELIVERED},
        {0, true, SECOND, ALERT_FAILED},
        {200, true, SECOND, ALERT_DELIVERED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct alert_event event;
        alert_event_init(&event, "ops", born, 7, 3);
        alert_event_note(&event, cases[i].status, cases[i].is_gone,
                         born + cases[i].after);
        CHECK_EQ(event.state, cases[i].state);
        CHECK_EQ(event.ended_ms,
                 event.state == ALERT_PENDING ? 0 : born + cases[i].after);
    }
}

TEST(events_of_one_batch_have_names_of_their_own_in_the_order_of_time)
{
    struct alert_event a, b, c, d;
    alert_event_init(&a, "ops", born, 7, 255);
    alert_event_init(&b, "ops", born, 7, 256);
    alert_event_init(&c, "ops", born, 8, 0);
    alert_event_init(&d, "ops", born + 1, 1, 0);
    CHECK_TRUE(memcmp(a.id, b.id, sizeof(a.id)) < 0);
    CHECK_TRUE(memcmp(b.id, c.id, sizeof(b.id)) < 0);
    CHECK_TRUE(memcmp(c.id, d.id, sizeof(c.id)) < 0);
}

TEST(the_bytes_of_an_event_are_read_back_and_cut_ones_are_not)
{
    struct alert_event event, again;
    struct buf bytes;
    alert_event_init(&event, "ops", born, 7, 3);
    alert_event_note(&event, 503, false, born + 5);
    event.body = STR_LIT("{\"type\": \"test\"}");
    buf_init(&bytes, 0);
    alert_event_encode(&event, &bytes);
    struct str name = str_make(event.id, sizeof(event.id));
    CHECK_EQ(alert_event_decode(name, buf_view(&bytes), &again), 0);
    CHECK_TRUE(memcmp(again.id, event.id, sizeof(event.id)) == 0);
    CHECK_STR(str_from(again.alert), "ops");
    CHECK_STR(again.body, "{\"type\": \"test\"}");
    CHECK_EQ(again.attempts, 1);
    CHECK_EQ(again.status, 503);
    CHECK_EQ(again.next_ms, event.next_ms);
    CHECK_EQ(again.created_ms, born);
    for (size_t len = 0; len < buf_len(&bytes); len++)
        CHECK_EQ(
            alert_event_decode(name, str_make(buf_ptr(&bytes), len), &again),
            -EBADMSG);
    CHECK_EQ(alert_event_decode(str_skip(name, 1), buf_view(&bytes), &again),
             -EBADMSG);
    buf_fini(&bytes);
}

/* RFC 4231 says what HMAC-SHA-256 is; this is of "1700000000.{}". */
TEST(a_signature_is_of_the_second_and_the_body)
{
    struct alert_event event;
    char hex[2 * CRYPTO_DIGEST_BYTES + 1], later[sizeof(hex)];
    alert_event_init(&event, "ops", born, 7, 3);
    event.body = STR_LIT("{}");
    alert_event_sign(&event, "secret", born + 999, hex);
    CHECK_STR(
        str_from(hex),
        "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
    alert_event_sign(&event, "secret", born + 1000, later);
    CHECK_TRUE(strcmp(hex, later) != 0);
    alert_event_sign(&event, "secre", born, later);
    CHECK_TRUE(strcmp(hex, later) != 0);
}
