/*
 * clock.c - see clock.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t period_once = PTHREAD_ONCE_INIT;
static int64_t period_scale = 1, period_origin_ms;

static uint64_t
clock_read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these clocks */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
clock_mono_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static pthread_once_t wall_once = PTHREAD_ONCE_INIT;
static const char *wall_offset_path; /* tests only */

static void
wall_read_environment(void)
{
    const char *path = getenv("AIGW_TEST_CLOCK_OFFSET");
    if (path != NULL && *path != '\0')
        wall_offset_path = path;
}

/* Read at each call: a clock jumps while processes run. */
static int64_t
wall_offset_ms(void)
{
    char text[32];
    int fd = open(wall_offset_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return strtoll(text, NULL, 10);
}

int64_t
clock_wall_ms(void)
{
    int64_t now = (int64_t)(clock_read_ns(CLOCK_REALTIME) / 1000000);
    pthread_once(&wall_once, wall_read_environment);
    return wall_offset_path == NULL ? now : now + wall_offset_ms();
}

int64_t
clock_wall_coarse_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

static int64_t
environment_number(const char *name, int64_t fallback)
{
    const char *text = getenv(name);
    char *end;
    if (text == NULL || *text == '\0')
        return fallback;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return errno != 0 || *end != '\0' ? fallback : n;
}

static void
period_read_environment(void)
{
    int64_t now = clock_wall_ms();
    int64_t scale = environment_number("AIGW_TEST_CLOCK_SCALE", 1);
    period_scale = scale > 1 && scale <= 10000000 ? scale : 1;
    period_origin_ms = environment_number("AIGW_TEST_CLOCK_ORIGIN", now);
    if (period_origin_ms < 0 || period_origin_ms > now)
        period_origin_ms = now;
}

int64_t
clock_period_ms(void)
{
    pthread_once(&period_once, period_read_environment);
    int64_t now = clock_wall_ms();
    if (period_scale == 1)
        return now;
    int64_t fast_ms;
    if (__builtin_mul_overflow(now - period_origin_ms, period_scale, &fast_ms))
        return INT64_MAX / 2;
    return period_origin_ms + fast_ms;
}

void
clock_format_rfc3339(int64_t wall_ms, char out[32])
{
    int64_t seconds = wall_ms / 1000, ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&when, &tm) == NULL || tm.tm_year < -1900 ||
        tm.tm_year > 9999 - 1900) {
        memcpy(out, "9999-12-31T23:59:59.999Z", 25);
        return;
    }
    snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(tm.tm_year + 1900) % 10000u,
             (unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u,
             (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
             (unsigned)tm.tm_sec % 100u, (unsigned)ms % 1000u);
}

/* Exactly `digits` digits; moves *at past them. */
static bool
parse_digits(const char **at, int digits, int *out)
{
    *out = 0;
    for (; digits > 0; digits--, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool
parse_char(const char **at, char want)
{
    if (**at != want)
        return false;
    ++*at;
    return true;
}

static bool
parse_date(const char **at, struct tm *tm)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!parse_digits(at, 4, &year) || !parse_char(at, '-') ||
        !parse_digits(at, 2, &month) || !parse_char(at, '-') ||
        !parse_digits(at, 2, &day))
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
        (month == 2 && day == 29 && !leap))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

static bool
parse_time(const char **at, struct tm *tm, int *ms)
{
    if (!parse_digits(at, 2, &tm->tm_hour) || !parse_char(at, ':') ||
        !parse_digits(at, 2, &tm->tm_min) || !parse_char(at, ':') ||
        !parse_digits(at, 2, &tm->tm_sec))
        return false;
    /* RFC 3339 5.6 allows the second 60; it becomes the next minute. */
    if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
        return false;
    *ms = 0;
    if (!parse_char(at, '.'))
        return true;
    int weight = 100, n;
    if (**at < '0' || **at > '9')
        return false;
    while (parse_digits(at, 1, &n)) {
        *ms += n * weight;
        weight /= 10;
    }
    return true;
}

static bool
parse_zone(const char **at, int *offset_minutes)
{
    int hours, minutes, sign = **at == '-' ? -1 : 1;
    *offset_minutes = 0;
    if (parse_char(at, 'Z') || parse_char(at, 'z'))
        return true;
    if (!parse_char(at, '+') && !parse_char(at, '-'))
        return false;
    if (!parse_digits(at, 2, &hours) || !parse_char(at, ':') ||
        !parse_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

int
clock_parse_rfc3339(const char *text, int64_t *wall_ms)
{
    struct tm tm = {0};
    int ms = 0, offset = 0;
    if (!parse_date(&text, &tm))
        return -EINVAL;
    if (*text != '\0') {
        if (!parse_char(&text, 'T') && !parse_char(&text, 't') &&
            !parse_char(&text, ' '))
            return -EINVAL;
        if (!parse_time(&text, &tm, &ms) || !parse_zone(&text, &offset) ||
            *text != '\0')
            return -EINVAL;
    }
    *wall_ms = ((int64_t)timegm(&tm) - offset * 60) * 1000 + ms;
    return 0;
}
