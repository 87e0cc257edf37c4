/*
 * test_roll.c - periods over zones, clocks that jump, and rolls that keep every
 * token in one period.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <sys/wait.h>

#include "accountant/roll.h"
#include "common/log.h"
#include "tests/unit/store_fixture.h"

static int64_t
at(const char *text)
{
    int64_t ms = 0;
    if (clock_parse_rfc3339(text, &ms) != 0)
        test_fail(__FILE__, __LINE__, "bad time %s", text);
    return ms;
}

static const struct {
    const char *zone;
    uint32_t period;
    const char *now, *end;
} ends[] = {
    {"UTC", SHM_PERIOD_DAILY, "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"},
    {"UTC", SHM_PERIOD_DAILY, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
    {"UTC", SHM_PERIOD_DAILY, "2028-02-28T12:00:00Z", "2028-02-29T00:00:00Z"},
    {"UTC", SHM_PERIOD_DAILY, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"},
    /* 2026-11-21 is a Saturday */
    {"UTC", SHM_PERIOD_WEEKLY, "2026-11-21T12:00:00Z", "2026-11-23T00:00:00Z"},
    {"UTC", SHM_PERIOD_WEEKLY, "2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"},
    {"UTC", SHM_PERIOD_WEEKLY, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
    {"UTC", SHM_PERIOD_MONTHLY, "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"},
    {"UTC", SHM_PERIOD_MONTHLY, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"},
    {"UTC", SHM_PERIOD_TOTAL, "2026-12-31T12:00:00Z", NULL},
    {"Asia/Shanghai", SHM_PERIOD_DAILY, "2026-11-21T15:59:59Z",
     "2026-11-21T16:00:00Z"},
    {"Asia/Shanghai", SHM_PERIOD_MONTHLY, "2026-11-30T16:00:00Z",
     "2026-12-31T16:00:00Z"},
    /* clocks go forward on 2026-03-29 and back on 2026-10-25 */
    {"Europe/Berlin", SHM_PERIOD_DAILY, "2026-03-29T12:00:00Z",
     "2026-03-29T22:00:00Z"},
    {"Europe/Berlin", SHM_PERIOD_DAILY, "2026-03-28T23:00:00Z",
     "2026-03-29T22:00:00Z"},
    {"Europe/Berlin", SHM_PERIOD_DAILY, "2026-10-24T22:00:00Z",
     "2026-10-25T23:00:00Z"},
    {"Europe/Berlin", SHM_PERIOD_WEEKLY, "2026-10-25T12:00:00Z",
     "2026-10-25T23:00:00Z"},
    /* midnight of 2018-11-04 did not exist in Sao Paulo */
    {"America/Sao_Paulo", SHM_PERIOD_DAILY, "2018-11-03T12:00:00Z",
     "2018-11-04T03:00:00Z"},
    {"Pacific/Kiritimati", SHM_PERIOD_DAILY, "2026-11-21T10:00:00Z",
     "2026-11-22T10:00:00Z"},
    {"America/St_Johns", SHM_PERIOD_MONTHLY, "2026-07-01T02:29:59Z",
     "2026-07-01T02:30:00Z"},
};

TEST(periods_end_at_local_midnight)
{
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        roll_set_zone(ends[i].zone);
        int64_t now_ms = at(ends[i].now);
        int64_t end_ms = roll_period_end(ends[i].period, now_ms);
        int64_t want_ms = ends[i].end == NULL ? 0 : at(ends[i].end);
        if (end_ms != want_ms)
            test_fail(__FILE__, __LINE__, "%s %s: end is %lld, not %lld",
                      ends[i].zone, ends[i].now, (long long)end_ms,
                      (long long)want_ms);
        if (end_ms == 0)
            continue;
        int64_t no = roll_period_no(ends[i].period, now_ms);
        CHECK_EQ(roll_period_no(ends[i].period, end_ms - 1), no);
        CHECK_EQ(roll_period_no(ends[i].period, end_ms), no + 1);
    }
    roll_set_zone("UTC");
}

static bool
due_at(const struct budget *budget, const char *text)
{
    struct roll_now now;
    roll_now_set(&now, at(text));
    return roll_is_due(budget, &now);
}

TEST(a_clock_that_goes_back_rolls_nothing_and_missed_days_are_one_roll)
{
    struct budget budget = {.period = SHM_PERIOD_DAILY, .limit = 10};
    struct roll_now now;
    roll_now_set(&now, at("2026-11-21T12:00:00Z"));
    roll_begin(&budget, &now, 5);
    CHECK_EQ(budget.baseline, 5);
    CHECK_EQ(budget.resets_ms, at("2026-11-22T00:00:00Z"));
    CHECK_TRUE(!due_at(&budget, "2026-11-20T12:00:00Z"));
    CHECK_TRUE(!due_at(&budget, "2026-11-21T23:59:59Z"));
    CHECK_TRUE(due_at(&budget, "2026-11-25T00:00:00Z"));
    roll_now_set(&now, at("2026-11-25T00:00:00Z"));
    roll_begin(&budget, &now, 50);
    CHECK_EQ(budget.baseline, 50);
    CHECK_TRUE(!due_at(&budget, "2026-11-25T12:00:00Z"));
    budget.period = SHM_PERIOD_TOTAL;
    CHECK_TRUE(!due_at(&budget, "2099-11-25T12:00:00Z"));
}

TEST(a_jump_forward_is_believed_only_after_five_minutes)
{
    const int64_t hour_ms = 3600000, start_ms = at("2026-11-21T12:00:00Z");
    struct roll_clock clock = {0};
    log_set_level(LOG_FATAL);
    CHECK_EQ(roll_clock_read(&clock, start_ms, start_ms, 1000), start_ms);
    int64_t wall_ms = start_ms + 1000 + 20 * hour_ms;
    CHECK_EQ(roll_clock_read(&clock, wall_ms, wall_ms, 2000), start_ms + 1000);
    wall_ms += 200000;
    CHECK_EQ(roll_clock_read(&clock, wall_ms, wall_ms, 202000),
             start_ms + 201000);
    wall_ms += 100000;
    CHECK_EQ(roll_clock_read(&clock, wall_ms, wall_ms, 302000), wall_ms);
    /* back: at once, the ratchet holds the periods */
    wall_ms -= 20 * hour_ms;
    CHECK_EQ(roll_clock_read(&clock, wall_ms, wall_ms, 303000), wall_ms);
    /* a jump that is taken back was never believed */
    wall_ms += 3 * hour_ms;
    CHECK_EQ(roll_clock_read(&clock, wall_ms, wall_ms, 304000),
             wall_ms - 3 * hour_ms + 1000);
    wall_ms -= 3 * hour_ms;
    CHECK_EQ(roll_clock_read(&clock, wall_ms, wall_ms, 305000), wall_ms);
    CHECK_EQ(clock.doubted_ms, 0);
}

/* A child whose period clock runs a day in 200 ms. */
static int
fast_days(void)
{
    struct world w;
    setenv("AIGW_TEST_CLOCK_SCALE", "432000", 1);
    world_init(&w);
    world_start(&w);
    uint64_t id = world_key(&w, "alice", SHM_PERIOD_DAILY, 100);
    uint64_t end_ms = clock_mono_ms() + FIXTURE_DEADLINE_MS;
    uint64_t used = 0, refused = 0;
    int64_t first = store_gateway(w.store, id)->budgets[0].period_no;
    int64_t last = first;
    while (last < first + 6 && clock_mono_ms() < end_ms) {
        int rc = world_call(&w, id, 30);
        used += rc == 0 ? 30 : 0;
        refused += rc == -EDQUOT;
        loop_turn(w.loop, 5);
        last = store_gateway(w.store, id)->budgets[0].period_no;
    }
    if (last < first + 6)
        return 1;
    if (world_flush(&w) != 0 || world_differences(&w) != 0)
        return 2;
    const struct gateway *alice = store_gateway(w.store, id);
    if (alice->total.tokens != used || refused == 0 || used < 270)
        return 3;
    /* used in this period and all before: nothing in two, nothing in none */
    world_end(&w);
    world_start(&w);
    alice = store_gateway(w.store, id);
    if (alice->total.tokens != used || world_differences(&w) != 0)
        return 4;
    world_fini(&w);
    return 0;
}

TEST(a_wrong_clock_at_the_start_neither_closes_periods_nor_opens_them_again)
{
    const int64_t day = 86400000, last = FIXTURE_NOON;
    static const struct {
        int64_t ahead, believed; /* of last, at once */
    } cases[] = {
        {-60, 0},     {-3600, 0},     {-86399, 0}, {-86401, -86401}, {60, 60},
        {3600, 3600}, {86399, 86399}, {86401, 0},  {400 * 86400, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct roll_clock clock = {0};
        int64_t wall = last + cases[i].ahead * 1000;
        roll_clock_begin(&clock, last, wall, 1000);
        CHECK_EQ(roll_clock_read(&clock, wall, wall, 1000),
                 last + cases[i].believed * 1000);
        /* five minutes later ahead is believed, behind still is not */
        int64_t later = wall + 300000;
        int64_t want = cases[i].ahead > 0        ? later
                       : later > last            ? later
                       : cases[i].ahead < -86400 ? later
                                                 : last;
        roll_clock_read(&clock, wall + 1, wall + 1, 1001);
        CHECK_EQ(roll_clock_read(&clock, later, later, 301001), want);
    }
    /* nothing is known: believed */
    struct roll_clock fresh = {0};
    roll_clock_begin(&fresh, 0, last, 5);
    CHECK_EQ(roll_clock_read(&fresh, last, last, 5), last);
    /* a wrong clock that is set right within the five minutes closed nothing */
    struct roll_clock clock = {0};
    roll_clock_begin(&clock, last, last + 30 * day, 1000);
    CHECK_EQ(roll_clock_read(&clock, last + 30 * day, last + 30 * day, 61000),
             last + 60000);
    CHECK_EQ(roll_clock_read(&clock, last + 120000, last + 120000, 121000),
             last + 120000);
}

TEST(a_daily_budget_is_new_each_day_and_the_days_add_up)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(fast_days());
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_TRUE(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}
