/*
 * clock.h - the clocks of the program.
 *
 * CLOCK_MONOTONIC for every timeout and for rate words (it is one clock for
 * all processes of a host); wall time for what people read; the period clock
 * for budget periods, which is wall time unless a test changes its pace.
 * Any process.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CLOCK_H
#define AIGW_COMMON_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ns(void);
uint64_t clock_mono_ms(void);
/* Milliseconds since 1970 UTC. Tests: plus the number of milliseconds in the
 * file that AIGW_TEST_CLOCK_OFFSET named at the first call. */
int64_t clock_wall_ms(void);
/* Seconds since then, up to a tick late, for a fifth of the price. */
int64_t clock_wall_coarse_s(void);
/*
 * clock_period_ms - the clock that decides which period a budget is in.
 * Wall time, unless AIGW_TEST_CLOCK_SCALE=N (> 1) stood in the environment at
 * the first call: then N times as fast, from that call on.
 * AIGW_TEST_CLOCK_ORIGIN (ms since 1970) replaces the instant at which the fast
 * clock starts, so that a restarted process goes on with the same scale. The
 * master calls it once before it forks: children then share the instant.
 */
int64_t clock_period_ms(void);
/* RFC 3339 UTC with milliseconds, "2026-11-21T22:33:00.123Z", 24 + NUL. */
void clock_format_rfc3339(int64_t wall_ms, char out[32]);
/* 0 and *wall_ms, or -EINVAL. Accepts date only and RFC 3339 with zone. */
int clock_parse_rfc3339(const char *text, int64_t *wall_ms);

#endif
