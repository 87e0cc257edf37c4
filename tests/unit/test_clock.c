/*
 * test_clock.c - clocks, and times as text.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

TEST(the_monotonic_clock_does_not_go_back)
{
    uint64_t before = clock_mono_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_ns();
        CHECK_TRUE(now >= before);
        before = now;
    }
    CHECK_TRUE(clock_mono_ms() >= before / 1000000);
    CHECK_TRUE(clock_wall_ms() > 1577836800000); /* 2020 */
}

TEST(times_are_written_and_read)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795300380123, "2026-11-21T22:33:00.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        int64_t ms = 77;
        clock_format_rfc3339(cases[i].ms, text);
        CHECK_STR(str_from(text), cases[i].text);
        CHECK_EQ(clock_parse_rfc3339(cases[i].text, &ms), 0);
        CHECK_EQ(ms, cases[i].ms);
    }
    char text[32];
    clock_format_rfc3339(INT64_MAX, text);
    CHECK_STR(str_from(text), "9999-12-31T23:59:59.999Z");
    clock_format_rfc3339(INT64_MIN, text);
    CHECK_EQ(strlen(text), 24);
}

TEST(dates_and_zones_are_understood)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-02", 86400000},
        {"1970-01-01T01:00:00Z", 3600000},
        {"1970-01-01t01:00:00z", 3600000},
        {"1970-01-01 01:00:00Z", 3600000},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01T00:00:00-00:30", 1800000},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T23:59:60Z", 86400000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 77;
        CHECK_EQ(clock_parse_rfc3339(cases[i].text, &ms), 0);
        CHECK_EQ(ms, cases[i].ms);
    }
}

TEST(what_is_no_time_is_refused)
{
    static const char *const cases[] = {
        "",
        "x",
        "1970",
        "1970-1-1",
        "1970-13-01",
        "1970-00-01",
        "1970-02-29",
        "1900-02-29",
        "1970-01-32",
        "1970-01-01T",
        "1970-01-01T00:00",
        "1970-01-01T00:00:00",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01x",
        "-970-01-01",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms;
        if (clock_parse_rfc3339(cases[i], &ms) != -EINVAL)
            test_fail(__FILE__, __LINE__, "taken: %s", cases[i]);
    }
}

/* The environment is read once, so each case has a process of its own. */
static int
period_in_child(const char *scale, const char *origin)
{
    pid_t child = fork();
    if (child == 0) {
        if (scale != NULL)
            setenv("AIGW_TEST_CLOCK_SCALE", scale, 1);
        if (origin != NULL)
            setenv("AIGW_TEST_CLOCK_ORIGIN", origin, 1);
        int64_t wall = clock_wall_ms(), period = clock_period_ms();
        int64_t ahead = period - wall;
        _exit(ahead < 0 ? 2 : ahead < 60000 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

TEST(the_period_clock_runs_faster_only_when_told_so)
{
    unsetenv("AIGW_TEST_CLOCK_SCALE");
    unsetenv("AIGW_TEST_CLOCK_ORIGIN");
    CHECK_EQ(period_in_child(NULL, NULL), 0);
    CHECK_EQ(period_in_child("x", "1"), 0);
    CHECK_EQ(period_in_child("0", "1"), 0);
    CHECK_EQ(period_in_child(NULL, "1"), 0);
    CHECK_EQ(period_in_child("2", NULL), 0); /* from now on */
    CHECK_EQ(period_in_child("2", "1"), 1);  /* since 1970: far ahead */
    CHECK_EQ(period_in_child("2", "99999999999999"), 0);
}
