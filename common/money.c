/*
 * money.c - see money.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/money.h"

#include <errno.h>
#include <string.h>

void
prices_clear(struct prices *prices)
{
    *prices = (struct prices){
        .input = MONEY_UNSET,
        .output = MONEY_UNSET,
        .cached = MONEY_UNSET,
        .cache_creation = MONEY_UNSET,
        .cache_creation_1h = MONEY_UNSET,
        .reasoning = MONEY_UNSET,
        .audio_in = MONEY_UNSET,
        .audio_out = MONEY_UNSET,
        .image = MONEY_UNSET,
        .request = MONEY_UNSET,
    };
}

bool
prices_are_set(const struct prices *prices)
{
    return prices->input >= 0 || prices->output >= 0 || prices->request >= 0;
}

/* *value = *value * 10 + digit. */
static bool
push_digit(int64_t *value, int digit)
{
    return !__builtin_mul_overflow(*value, 10, value) &&
           !__builtin_add_overflow(*value, digit, value);
}

int
money_parse(struct str text, int scale, int64_t *out)
{
    int64_t value = 0;
    size_t digits = 0;
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point && digits > 0 && i + 1 < text.len) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return -EINVAL;
        digits++;
        if (point && scale == 0) {
            if (c != '0')
                return -EINVAL; /* finer than the unit: not exact */
            continue;
        }
        scale -= point ? 1 : 0;
        if (!push_digit(&value, c - '0'))
            return -ERANGE;
    }
    if (digits == 0)
        return -EINVAL;
    for (; scale > 0; scale--)
        if (!push_digit(&value, 0))
            return -ERANGE;
    *out = value;
    return 0;
}

/* On the way of every answer (x-aigw-cost): no printf. */
void
money_format_nano(int64_t nano, char out[32])
{
    uint64_t size = nano < 0 ? -(uint64_t)nano : (uint64_t)nano;
    uint64_t whole = size / 1000000000;
    uint32_t rest = (uint32_t)(size % 1000000000);
    char text[32];
    size_t at = sizeof(text);
    bool nonzero = false;
    for (int i = 0; i < 9; i++, rest /= 10) {
        nonzero = nonzero || rest % 10 != 0;
        if (nonzero)
            text[--at] = (char)('0' + rest % 10);
    }
    if (nonzero)
        text[--at] = '.';
    do {
        text[--at] = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    if (nano < 0)
        text[--at] = '-';
    memcpy(out, text + at, sizeof(text) - at);
    out[sizeof(text) - at] = '\0';
}

static int64_t
price_or(int64_t price, int64_t fallback)
{
    return price >= 0 ? price : fallback;
}

/* Pico-currency; saturates far above INT64_MAX nano, far below overflow. */
static unsigned __int128
charge(int64_t price, uint64_t count)
{
    static const uint64_t count_max = UINT64_C(1) << 60;
    if (price <= 0)
        return 0;
    return (unsigned __int128)price * (count < count_max ? count : count_max);
}

void
money_effective(const struct prices *prices, struct prices *out)
{
    int64_t input = price_or(prices->input, 0);
    int64_t output = price_or(prices->output, 0);
    int64_t write = price_or(prices->cache_creation, input);
    *out = (struct prices){
        .input = input,
        .output = output,
        .cached = price_or(prices->cached, input),
        .cache_creation = write,
        .cache_creation_1h = price_or(prices->cache_creation_1h, write),
        .reasoning = price_or(prices->reasoning, output),
        .audio_in = price_or(prices->audio_in, input),
        .audio_out = price_or(prices->audio_out, output),
        .image = price_or(prices->image, 0),
        .request = price_or(prices->request, 0),
    };
}

int64_t
money_cost_nano(const struct prices *prices, const struct usage *usage)
{
    if (!prices_are_set(prices))
        return 0;
    int64_t write = price_or(prices->cache_creation, prices->input);
    uint64_t hour = usage->cache_creation_1h < usage->cache_creation
                        ? usage->cache_creation_1h
                        : usage->cache_creation;
    unsigned __int128 pico =
        charge(prices->input, usage->prompt_missed) +
        charge(price_or(prices->cached, prices->input), usage->cached) +
        charge(write, usage->cache_creation - hour) +
        charge(price_or(prices->cache_creation_1h, write), hour) +
        charge(prices->output, usage->completion) +
        charge(price_or(prices->reasoning, prices->output), usage->reasoning) +
        charge(price_or(prices->audio_in, prices->input), usage->audio_in) +
        charge(price_or(prices->audio_out, prices->output), usage->audio_out) +
        charge(prices->image, usage->images_in) +
        charge(prices->image, usage->images_out) + charge(prices->request, 1);
    unsigned __int128 nano = (pico + 500) / 1000;
    return nano > INT64_MAX ? INT64_MAX : (int64_t)nano;
}
