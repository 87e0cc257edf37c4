/*
 * test_usage_zone.c - where days begin for who looks.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/usage_zone.h"

#include "common/clock.h"
#include "tests/test.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static int64_t
at(const char *text)
{
    int64_t ms = 0;
    CHECK_TRUE(clock_parse_rfc3339(text, &ms) == 0);
    return ms;
}

TEST(a_day_begins_where_its_zone_says)
{
    static const char berlin[] =
        "+01:00,+02:00@2026-03-29T01:00:00Z,+01:00@2026-10-25T01:00:00Z";
    static const struct {
        const char *zone, *at, *start;
    } cases[] = {
        {"+00:00", "2026-11-22T10:00:00Z", "2026-11-22T00:00:00Z"},
        {"+08:00", "2026-11-22T15:59:59Z", "2026-11-21T16:00:00Z"},
        {"+08:00", "2026-11-22T16:00:00Z", "2026-11-22T16:00:00Z"},
        {"-03:30", "2026-11-22T03:29:59Z", "2026-11-21T03:30:00Z"},
        {"+05:45", "2026-11-22T18:15:00Z", "2026-11-22T18:15:00Z"},
        /* The short day of spring, the long one of autumn, and around them. */
        {berlin, "2026-03-28T23:30:00Z", "2026-03-28T23:00:00Z"},
        {berlin, "2026-03-29T21:59:59Z", "2026-03-28T23:00:00Z"},
        {berlin, "2026-03-29T22:00:00Z", "2026-03-29T22:00:00Z"},
        {berlin, "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z"},
        {berlin, "2026-10-25T23:00:00Z", "2026-10-25T23:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct usage_zone zone;
        CHECK_TRUE(usage_zone_read(&zone, cases[i].zone));
        CHECK_EQ(usage_zone_start(&zone, DAY_MS, at(cases[i].at)),
                 at(cases[i].start));
    }
}

TEST(hours_begin_with_the_minutes_of_their_zone)
{
    struct usage_zone zone;
    CHECK_TRUE(usage_zone_read(&zone, "+05:30"));
    CHECK_TRUE(!usage_zone_is_whole(&zone, HOUR_MS));
    CHECK_TRUE(usage_zone_is_whole(&zone, HOUR_MS / 2));
    CHECK_EQ(usage_zone_start(&zone, HOUR_MS, at("2026-11-22T10:29:59Z")),
             at("2026-11-22T09:30:00Z"));
    zone.count = 0; /* UTC */
    CHECK_EQ(usage_zone_start(&zone, HOUR_MS, at("2026-11-22T10:29:59Z")),
             at("2026-11-22T10:00:00Z"));
}

TEST(what_is_no_zone_is_refused)
{
    static const char *const cases[] = {
        "",
        "8",
        "+8:00",
        "+08:60",
        "+14:01",
        "08:00",
        "+08:00,",
        "+08:00@2026-01-01T00:00:00Z",
        "+08:00,+09:00",
        "+08:00,+09:00@soon",
        "+01:00,+02:00@2026-03-29T01:00:00Z,+01:00@2026-03-29T01:00:00Z",
        "+08:00x"};
    struct usage_zone zone;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_TRUE(!usage_zone_read(&zone, cases[i]));
}
