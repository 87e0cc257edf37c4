/*
 * health_limits.c - what a provider's head says of its credential's limits:
 * x-ratelimit-remaining-requests and the like (OpenAI and most others),
 * anthropic-ratelimit-requests-remaining and the like, Retry-After (RFC 9110
 * 10.2.3), retry-after-ms. All of it is hostile: what cannot be read is nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "worker/health.h"

enum {
    VALUE_BYTES = 64,
    DAY_MS = 24 * 3600 * 1000,
};

#define EPOCH_S  UINT64_C(1000000000)    /* a larger number is a date */
#define EPOCH_MS UINT64_C(1000000000000) /* in milliseconds */

static bool
starts_nocase(struct str *text, struct str prefix)
{
    if (text->len < prefix.len ||
        strncasecmp(text->ptr, prefix.ptr, prefix.len) != 0)
        return false;
    *text = str_skip(*text, prefix.len);
    return true;
}

/* Digits, and a fraction that is cut off at milli. False: none. */
static bool
take_number(struct str *text, uint64_t *milli)
{
    uint64_t n = 0, unit = 100;
    size_t i = 0;
    for (; i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9'; i++) {
        if (i == 15)
            return false;
        n = n * 10 + (uint64_t)(text->ptr[i] - '0');
    }
    if (i == 0)
        return false;
    n *= 1000;
    if (i < text->len && text->ptr[i] == '.')
        for (i++; i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9';
             i++) {
            n += (uint64_t)(text->ptr[i] - '0') * unit;
            unit /= 10;
        }
    *milli = n;
    *text = str_skip(*text, i);
    return true;
}

static uint64_t
from_now(int64_t then_ms, int64_t wall_ms)
{
    if (then_ms <= wall_ms)
        return 0;
    uint64_t ms = (uint64_t)(then_ms - wall_ms);
    return ms < DAY_MS ? ms : DAY_MS;
}

/* A date as RFC 3339 or RFC 9110 5.6.7 write it. */
static bool
read_date(struct str value, int64_t wall_ms, uint64_t *ms)
{
    char text[VALUE_BYTES], month[4];
    struct tm tm = {0};
    int64_t then_ms;
    if (value.len >= sizeof(text))
        return false;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    if (clock_parse_rfc3339(text, &then_ms) == 0) {
        *ms = from_now(then_ms, wall_ms);
        return true;
    }
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT",
               &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6)
        return false;
    const char *found = strstr(months, month);
    if (found == NULL || (found - months) % 3 != 0 || tm.tm_year < 1970)
        return false;
    tm.tm_mon = (int)(found - months) / 3;
    tm.tm_year -= 1900;
    *ms = from_now((int64_t)timegm(&tm) * 1000, wall_ms);
    return true;
}

/* "1s", "6m0s", "120ms", "1h2m3.5s", seconds, or a date in any of three forms:
 * how long from now. */
static bool
read_time(struct str value, int64_t wall_ms, uint64_t *ms)
{
    uint64_t sum = 0, milli;
    struct str left = value;
    if (read_date(value, wall_ms, ms))
        return true;
    while (left.len > 0) {
        if (!take_number(&left, &milli))
            return false;
        if (left.len == 0 && sum == 0) {
            if (milli >= EPOCH_MS * 1000)
                *ms = from_now((int64_t)(milli / 1000), wall_ms);
            else if (milli >= EPOCH_S * 1000)
                *ms = from_now((int64_t)milli, wall_ms);
            else
                *ms = milli < DAY_MS ? milli : DAY_MS;
            return true;
        }
        if (milli > (uint64_t)DAY_MS * 1000)
            milli = (uint64_t)DAY_MS * 1000;
        if (starts_nocase(&left, STR_LIT("ms")))
            sum += milli / 1000;
        else if (starts_nocase(&left, STR_LIT("s")))
            sum += milli;
        else if (starts_nocase(&left, STR_LIT("m")))
            sum += milli * 60;
        else if (starts_nocase(&left, STR_LIT("h")))
            sum += milli * 3600;
        else if (starts_nocase(&left, STR_LIT("d")))
            sum += milli * 24 * 3600;
        else
            return false;
        if (sum > DAY_MS)
            sum = DAY_MS;
    }
    *ms = sum;
    return value.len > 0;
}

static int
class_of(struct str name)
{
    static const struct str classes[] = {STR_LIT("requests"), STR_LIT("tokens"),
                                         STR_LIT("input-tokens"),
                                         STR_LIT("output-tokens")};
    for (int i = 0; i < (int)ARRAY_LEN(classes); i++)
        if (str_equals_nocase(name, classes[i]))
            return i;
    return -1;
}

static void
take(struct health_limit_fields *fields, int class, bool is_reset,
     struct str value, int64_t wall_ms)
{
    uint64_t n;
    if (class < 0)
        return;
    if (is_reset && read_time(value, wall_ms, &n)) {
        fields->of[class].has_reset = true;
        fields->of[class].reset_ms = n;
    } else if (!is_reset && take_number(&value, &n)) {
        fields->of[class].has_remaining = true;
        fields->of[class].remaining = n / 1000;
    }
}

/* `name` behind "anthropic-ratelimit-": the class, then what it is. */
static void
take_anthropic(struct health_limit_fields *fields, struct str name,
               struct str value, int64_t wall_ms)
{
    static const struct str ends[] = {STR_LIT("-remaining"), STR_LIT("-reset")};
    for (int i = 0; i < 2; i++) {
        if (name.len <= ends[i].len)
            continue;
        size_t len = name.len - ends[i].len;
        if (str_equals_nocase(str_skip(name, len), ends[i]))
            take(fields, class_of(str_make(name.ptr, len)), i == 1, value,
                 wall_ms);
    }
}

/* Behind "x-ratelimit-": what it is, then the class; none: requests. */
static void
take_usual(struct health_limit_fields *fields, struct str name,
           struct str value, int64_t wall_ms)
{
    bool is_reset = starts_nocase(&name, STR_LIT("reset"));
    if (!is_reset && !starts_nocase(&name, STR_LIT("remaining")))
        return;
    if (name.len == 0)
        take(fields, 0, is_reset, value, wall_ms);
    else if (*name.ptr == '-')
        take(fields, class_of(str_skip(name, 1)), is_reset, value, wall_ms);
}

void
health_limit_field(struct health_limit_fields *fields, struct str name,
                   struct str value, int64_t wall_ms)
{
    uint64_t n;
    if (value.len == 0 || value.len >= VALUE_BYTES)
        return;
    if (starts_nocase(&name, STR_LIT("x-ratelimit-")))
        take_usual(fields, name, value, wall_ms);
    else if (starts_nocase(&name, STR_LIT("anthropic-ratelimit-")))
        take_anthropic(fields, name, value, wall_ms);
    else if (str_equals_nocase(name, STR_LIT("retry-after-ms"))) {
        if (take_number(&value, &n))
            fields->retry_after_ms = n / 1000;
    } else if (str_equals_nocase(name, STR_LIT("retry-after"))) {
        if (fields->retry_after_ms == 0 && read_time(value, wall_ms, &n))
            fields->retry_after_ms = n;
    }
}

void
health_limits_end(const struct health_limit_fields *fields,
                  struct health_limits *out)
{
    *out = (struct health_limits){.retry_after_ms = fields->retry_after_ms};
    for (size_t i = 0; i < ARRAY_LEN(fields->of); i++) {
        if (!fields->of[i].has_remaining || !fields->of[i].has_reset ||
            fields->of[i].remaining > 0)
            continue;
        out->is_used_up = true;
        if (fields->of[i].reset_ms > out->reset_ms)
            out->reset_ms = fields->of[i].reset_ms;
    }
}
