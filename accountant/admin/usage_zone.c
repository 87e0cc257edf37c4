/*
 * usage_zone.c - see usage_zone.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/usage_zone.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define MINUTE_MS INT64_C(60000)

/* "+08:00"; the farthest from UTC are at 14 hours. */
static bool
read_offset(const char *text, size_t len, int64_t *offset_ms)
{
    if (len != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    for (unsigned i = 1; i < 6; i++)
        if (i != 3 && (text[i] < '0' || text[i] > '9'))
            return false;
    int hours = (text[1] - '0') * 10 + text[2] - '0';
    int minutes = (text[4] - '0') * 10 + text[5] - '0';
    int64_t ms = (hours * 60 + minutes) * MINUTE_MS;
    *offset_ms = text[0] == '-' ? -ms : ms;
    return minutes < 60 && ms <= 14 * 60 * MINUTE_MS;
}

static bool
read_one(struct usage_zone *zone, const char *text, size_t len)
{
    char when[40];
    int64_t from_ms = INT64_MIN, offset_ms;
    const char *at = memchr(text, '@', len);
    size_t head = at == NULL ? len : (size_t)(at - text);
    if (zone->count == USAGE_ZONE_OFFSETS ||
        !read_offset(text, head, &offset_ms) ||
        (at == NULL) != (zone->count == 0))
        return false;
    if (at != NULL) {
        size_t rest = len - head - 1;
        if (rest >= sizeof(when))
            return false;
        memcpy(when, at + 1, rest);
        when[rest] = '\0';
        if (clock_parse_rfc3339(when, &from_ms) != 0 ||
            from_ms <= zone->offsets[zone->count - 1].from_ms)
            return false;
    }
    zone->offsets[zone->count].from_ms = from_ms;
    zone->offsets[zone->count++].offset_ms = offset_ms;
    return true;
}

bool
usage_zone_read(struct usage_zone *zone, const char *text)
{
    zone->count = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        if (!read_one(zone, text, len))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

static int64_t
offset_at(const struct usage_zone *zone, int64_t at_ms)
{
    unsigned i = zone->count;
    while (i > 1 && zone->offsets[i - 1].from_ms > at_ms)
        i--;
    return i == 0 ? 0 : zone->offsets[i - 1].offset_ms;
}

int64_t
usage_zone_start(const struct usage_zone *zone, int64_t unit_ms, int64_t at_ms)
{
    int64_t local_ms = at_ms + offset_at(zone, at_ms);
    int64_t into_ms = (local_ms % unit_ms + unit_ms) % unit_ms;
    int64_t start_ms = at_ms - into_ms;
    /* A day that began before the clocks were changed did so by the others. An
     * hour is too short for that to tell anything. */
    if (unit_ms > 60 * MINUTE_MS)
        start_ms = local_ms - into_ms - offset_at(zone, start_ms);
    return start_ms;
}

bool
usage_zone_is_whole(const struct usage_zone *zone, int64_t unit_ms)
{
    for (unsigned i = 0; i < zone->count; i++)
        if (zone->offsets[i].offset_ms % unit_ms != 0)
            return false;
    return true;
}
