/*
 * usage_zone.h - where minutes, hours and days begin for who looks: roll-ups are
 * of UTC, and somebody's day is the sum of other hours.
 *
 * A zone is told by its offsets from UTC, as whoever asks knows them:
 * "+08:00", or with a change in it "+01:00,+02:00@2026-03-29T01:00:00Z". So no
 * database of zones is needed here, and the days are the ones that are shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_USAGE_ZONE_H
#define AIGW_ACCOUNTANT_ADMIN_USAGE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

enum { USAGE_ZONE_OFFSETS = 32 };

/* All zero: UTC. */
struct usage_zone {
    unsigned count;
    struct {
        int64_t from_ms, offset_ms; /* in force from then on */
    } offsets[USAGE_ZONE_OFFSETS];
};

/* False: `text` is none. Changes must come in order. */
bool usage_zone_read(struct usage_zone *zone, const char *text) MUST_CHECK;
/* The beginning of the minute, hour or day (`unit_ms`) that `at_ms` is in. */
int64_t usage_zone_start(const struct usage_zone *zone, int64_t unit_ms,
                         int64_t at_ms);
/* Whether each offset is whole in such units. */
bool usage_zone_is_whole(const struct usage_zone *zone, int64_t unit_ms);

#endif
