/*
 * roll.c - see roll.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/roll.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"

enum {
    HOUR_MS = 3600000,
    DAY_MS = 86400000,
    DOUBT_MS = 300000,
    BEHIND_MS = 300000, /* worth a word */
};

static const int64_t day_s = 86400;

void
roll_set_zone(const char *timezone)
{
    if (setenv("TZ", timezone, 1) != 0)
        fatal("out of memory");
    tzset();
}

static void
local_time(int64_t now_ms, struct tm *tm)
{
    time_t seconds = (time_t)(now_ms / 1000);
    if (now_ms < 0 || localtime_r(&seconds, tm) == NULL)
        memset(tm, 0, sizeof(*tm));
}

/* Days since 1970-01-01 of a calendar date. */
static int64_t
day_number(const struct tm *local)
{
    struct tm date = {.tm_year = local->tm_year,
                      .tm_mon = local->tm_mon,
                      .tm_mday = local->tm_mday};
    return (int64_t)timegm(&date) / day_s;
}

int64_t
roll_period_no(uint32_t period, int64_t now_ms)
{
    struct tm tm;
    switch (period) {
    case SHM_PERIOD_DAILY:
        local_time(now_ms, &tm);
        return day_number(&tm);
    case SHM_PERIOD_WEEKLY:
        /* 1970-01-01 was a Thursday: three days after a Monday. */
        local_time(now_ms, &tm);
        return (day_number(&tm) + 3) / 7;
    case SHM_PERIOD_MONTHLY:
        local_time(now_ms, &tm);
        return ((int64_t)tm.tm_year + 1900) * 12 + tm.tm_mon;
    default:
        return 0;
    }
}

int64_t
roll_period_end(uint32_t period, int64_t now_ms)
{
    struct tm tm;
    local_time(now_ms, &tm);
    struct tm next = {.tm_year = tm.tm_year,
                      .tm_mon = tm.tm_mon,
                      .tm_mday = tm.tm_mday,
                      .tm_isdst = -1};
    switch (period) {
    case SHM_PERIOD_DAILY:
        next.tm_mday++;
        break;
    case SHM_PERIOD_WEEKLY:
        next.tm_mday += 7 - (tm.tm_wday + 6) % 7;
        break;
    case SHM_PERIOD_MONTHLY:
        next.tm_mon++;
        next.tm_mday = 1;
        break;
    default:
        return 0;
    }
    int64_t end_ms = (int64_t)mktime(&next) * 1000;
    /* Where midnight does not exist (clocks go forward at 0:00), mktime may
     * answer an instant of the day before. */
    for (int i = 0; i < 3 && roll_period_no(period, end_ms) ==
                                 roll_period_no(period, now_ms);
         i++)
        end_ms += HOUR_MS;
    return end_ms;
}

void
roll_now_set(struct roll_now *now, int64_t now_ms)
{
    for (uint32_t period = 0; period <= SHM_PERIOD_BALANCE; period++) {
        now->no[period] = roll_period_no(period, now_ms);
        now->end_ms[period] = roll_period_end(period, now_ms);
    }
}

void
roll_begin(struct budget *budget, const struct roll_now *now, int64_t total)
{
    CHECK(budget->period <= SHM_PERIOD_BALANCE);
    budget->baseline = total;
    budget->period_no = now->no[budget->period];
    budget->resets_ms = now->end_ms[budget->period];
}

bool
roll_is_due(const struct budget *budget, const struct roll_now *now)
{
    return budget->period >= SHM_PERIOD_DAILY &&
           budget->period <= SHM_PERIOD_MONTHLY &&
           now->no[budget->period] > budget->period_no;
}

void
roll_clock_begin(struct roll_clock *clock, int64_t last_ms, int64_t wall_ms,
                 uint64_t mono_ms)
{
    int64_t ahead_ms = wall_ms - last_ms;
    if (last_ms == 0)
        return;
    if (ahead_ms < -DAY_MS) {
        log_warn("wall clock is %lld s behind the ledger's last time: set it "
                 "right; budgets that began a period later wait for it",
                 (long long)-ahead_ms / 1000);
        return;
    }
    clock->floor_ms = last_ms;
    if (ahead_ms < -BEHIND_MS)
        log_warn("wall clock is %lld s behind the ledger's last time: budget "
                 "periods stand still until it has passed it",
                 (long long)-ahead_ms / 1000);
    if (ahead_ms <= DAY_MS)
        return;
    log_warn("wall clock is %lld s ahead of the ledger's last time: budget "
             "periods wait five minutes before they believe it",
             (long long)ahead_ms / 1000);
    clock->started = true;
    clock->offset_ms = last_ms - (int64_t)mono_ms;
    clock->doubted_ms = wall_ms - (int64_t)mono_ms;
    clock->since_ms = mono_ms;
}

/* The floor is of use only until the clock has passed it. */
static int64_t
above_floor(struct roll_clock *clock, int64_t period_ms)
{
    if (period_ms >= clock->floor_ms)
        clock->floor_ms = 0;
    return period_ms > clock->floor_ms ? period_ms : clock->floor_ms;
}

int64_t
roll_clock_read(struct roll_clock *clock, int64_t period_ms, int64_t wall_ms,
                uint64_t mono_ms)
{
    int64_t offset_ms = wall_ms - (int64_t)mono_ms;
    if (!clock->started || offset_ms <= clock->offset_ms + HOUR_MS) {
        if (clock->doubted_ms != 0)
            log_info("wall clock is back where it was expected");
        clock->started = true;
        clock->offset_ms = offset_ms;
        clock->doubted_ms = 0;
        return above_floor(clock, period_ms);
    }
    if (clock->doubted_ms == 0 ||
        llabs(offset_ms - clock->doubted_ms) > HOUR_MS) {
        log_warn("wall clock jumped forward by %lld s: budget periods wait "
                 "five minutes before they believe it",
                 (long long)(offset_ms - clock->offset_ms) / 1000);
        clock->doubted_ms = offset_ms;
        clock->since_ms = mono_ms;
    }
    if (mono_ms - clock->since_ms >= DOUBT_MS) {
        log_warn("wall clock is believed after five minutes");
        clock->offset_ms = offset_ms;
        clock->doubted_ms = 0;
        return period_ms;
    }
    return period_ms - (offset_ms - clock->offset_ms);
}
