/*
 * test_money.c - prices and costs in integers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/money.h"

#include <errno.h>

#include "tests/test.h"

TEST(decimal_text_is_read_exactly)
{
    static const struct {
        const char *text;
        int scale, rc;
        int64_t value;
    } cases[] = {
        {"2.5", 6, 0, 2500000},
        {"3", 6, 0, 3000000},
        {"0", 6, 0, 0},
        {"0.000001", 6, 0, 1},
        {"0.1000000", 6, 0, 100000},
        {"007", 0, 0, 7},
        {"1.0", 0, 0, 1},
        {"9223372036854775807", 0, 0, INT64_MAX},
        {"9223372036.854775807", 9, 0, INT64_MAX},
        {"9223372036.854775808", 9, -ERANGE, 0},
        {"99999999999999999999", 0, -ERANGE, 0},
        {"9223372036855", 6, -ERANGE, 0},
        {"0.0000001", 6, -EINVAL, 0},
        {"1.5", 0, -EINVAL, 0},
        {"", 6, -EINVAL, 0},
        {".", 6, -EINVAL, 0},
        {".5", 6, -EINVAL, 0},
        {"5.", 6, -EINVAL, 0},
        {"1.2.3", 6, -EINVAL, 0},
        {"-1", 6, -EINVAL, 0},
        {"+1", 6, -EINVAL, 0},
        {"1e3", 6, -EINVAL, 0},
        {" 1", 6, -EINVAL, 0},
        {"1,5", 6, -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 0;
        CHECK_EQ(money_parse(str_from(cases[i].text), cases[i].scale, &value),
                 cases[i].rc);
        CHECK_EQ(value, cases[i].value);
    }
}

TEST(amounts_are_written_without_needless_zeros)
{
    static const struct {
        int64_t nano;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "0.000000001"},
        {1500000000, "1.5"},
        {10000000000, "10"},
        {-1, "-0.000000001"},
        {-2000000000, "-2"},
        {INT64_MAX, "9223372036.854775807"},
        {INT64_MIN, "-9223372036.854775808"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[32];
        money_format_nano(cases[i].nano, text);
        CHECK_STR(str_from(text), cases[i].text);
    }
}

TEST(an_unpriced_model_costs_nothing)
{
    struct prices prices;
    struct usage usage = {.prompt_missed = 1000000, .cached = 5};
    prices_clear(&prices);
    prices.cached = 5000000; /* nobody stated input, output or request */
    CHECK_TRUE(!prices_are_set(&prices));
    CHECK_EQ(money_cost_nano(&prices, &usage), 0);
    prices.input = 0;
    CHECK_TRUE(prices_are_set(&prices));
    CHECK_EQ(money_cost_nano(&prices, &usage), 25000);
}

TEST(each_class_has_its_price_or_falls_back)
{
    struct usage usage = {.prompt_missed = 1,
                          .cached = 10,
                          .cache_creation = 300,
                          .cache_creation_1h = 100,
                          .completion = 1000,
                          .reasoning = 10000,
                          .audio_in = 100000,
                          .audio_out = 1000000,
                          .images_in = 1,
                          .images_out = 2};
    struct prices prices;
    prices_clear(&prices);
    prices.input = 1000;
    prices.output = 2000;
    /* 1 + 10 + 300 + 100000 at 1; 1000 + 10000 + 1000000 at 2. */
    CHECK_EQ(money_cost_nano(&prices, &usage), 100311 + 2 * 1011000);
    prices.cache_creation = 3000; /* for both kinds */
    CHECK_EQ(money_cost_nano(&prices, &usage), 100311 + 600 + 2 * 1011000);
    prices.cache_creation_1h = 4000;
    CHECK_EQ(money_cost_nano(&prices, &usage), 100311 + 700 + 2 * 1011000);
    prices.cached = 0;
    prices.reasoning = 5000;
    prices.audio_in = 0;
    prices.audio_out = 0;
    prices.image = 7000;
    prices.request = 11000;
    CHECK_EQ(money_cost_nano(&prices, &usage),
             1 + 600 + 400 + 2000 + 50000 + 21 + 11);
    usage.cache_creation_1h = 999; /* more than the whole: clamped */
    CHECK_EQ(money_cost_nano(&prices, &usage),
             1 + 1200 + 2000 + 50000 + 21 + 11);
}

TEST(a_cost_is_rounded_half_up_once)
{
    struct prices prices;
    prices_clear(&prices);
    prices.input = 1;
    prices.output = 1;
    struct usage usage = {.prompt_missed = 499};
    CHECK_EQ(money_cost_nano(&prices, &usage), 0);
    usage.completion = 1;
    CHECK_EQ(money_cost_nano(&prices, &usage), 1);
    usage.completion = 1000;
    CHECK_EQ(money_cost_nano(&prices, &usage), 1);
    usage.completion = 1001;
    CHECK_EQ(money_cost_nano(&prices, &usage), 2);
}

TEST(a_cost_beyond_all_money_saturates)
{
    struct prices prices;
    struct usage usage;
    memset(&usage, 0xff, sizeof(usage));
    prices_clear(&prices);
    prices.input = prices.output = prices.image = prices.request = INT64_MAX;
    CHECK_EQ(money_cost_nano(&prices, &usage), INT64_MAX);
}
