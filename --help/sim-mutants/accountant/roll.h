/*
 * roll.h - budget periods: which one an instant is in, when it ends, and the
 * clock that decides it. Daily, weekly (from Monday) and monthly periods begin
 * at local midnight of the configured time zone.
 *
 * A period number only ever rises against the one in the ledger (a ratchet): a
 * clock that goes back rolls nothing, so a closed period never opens again.
 * Loop thread, but for roll_set_zone(): before any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ROLL_H
#define AIGW_ACCOUNTANT_ROLL_H

#include "accountant/store.h"

/* "UTC" or a name of the zone database; unknown names count as UTC (the
 * configuration was checked). */
void roll_set_zone(const char *timezone);

/* Days since 1970-01-01, weeks since Monday 1969-12-29, months since year 0; 0
 * for periods that never end. */
int64_t roll_period_no(uint32_t period, int64_t now_ms);
/* First instant of the next period; 0 when it never ends. */
int64_t roll_period_end(uint32_t period, int64_t now_ms);

/* Both for every kind of period at one instant: the calendar is asked once for
 * 100,000 budgets. */
struct roll_now {
    int64_t no[SHM_PERIOD_BALANCE + 1], end_ms[SHM_PERIOD_BALANCE + 1];
};
void roll_now_set(struct roll_now *now, int64_t now_ms);

/* A budget begins a period, its first or the one of now (missed ones count as
 * one): it counts from `total` on. */
void roll_begin(struct budget *budget, const struct roll_now *now,
                int64_t total);
bool roll_is_due(const struct budget *budget, const struct roll_now *now);

/*
 * The clock of periods. Wall time that jumps forward by more than an hour
 * against the monotonic clock is not believed until it has stood for five
 * minutes: a wrong clock would close periods for good.
 */
struct roll_clock {
    int64_t offset_ms;  /* wall - monotonic, as believed */
    int64_t doubted_ms; /* the new offset; 0 no doubt */
    uint64_t since_ms;  /* monotonic: doubted since */
    int64_t floor_ms;   /* the ledger's last time, where wall is behind it */
    bool started;
};
/*
 * At the start, `last_ms`: the clock when the ledger was last written, 0 never.
 *   behind it by up to a day   periods stand still until wall has passed it
 *   behind it by more          believed: new budgets begin then; those that
 *                              began later wait (they are a ratchet)
 *   ahead by more than a day   doubted like a jump: believed after five minutes
 */
void roll_clock_begin(struct roll_clock *clock, int64_t last_ms,
                      int64_t wall_ms, uint64_t mono_ms);
/* period_ms: clock_period_ms(); wall and mono of the same instant. */
int64_t roll_clock_read(struct roll_clock *clock, int64_t period_ms,
                        int64_t wall_ms, uint64_t mono_ms);

#endif
