/*
 * test_price_tier.c - prices under conditions: read, written, chosen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/price_tier.h"

#include <errno.h>

#include "accountant/ledger/ledger_value.h"
#include "common/clock.h"
#include "tests/test.h"

static struct buf reason;

static int
parse(const char *text, struct price_tier *tier)
{
    buf_init(&reason, 0);
    int rc = price_tier_parse(str_from(text), tier, &reason);
    CHECK_EQ(rc == 0, buf_len(&reason) == 0);
    buf_fini(&reason);
    return rc;
}

static int64_t
at(const char *time)
{
    int64_t wall_ms = 0;
    CHECK_EQ(clock_parse_rfc3339(time, &wall_ms), 0);
    return wall_ms;
}

TEST(what_is_printed_is_read_as_the_same)
{
    static const char *const texts[] = {
        "prompt_from=200001 input=2.5 output=15 cached=0.25",
        "prompt_to=1000 output_from=1 output_to=1000000000 image=0.01",
        "from=2026-01-01T00:00:00.000Z until=2026-02-01T00:00:00.000Z "
        "hours=16:30-00:30 service_tier=flex|batch input=0.000001 request=1",
        "hours=00:00-24:00 input=1 cache_creation=1 cache_creation_1h=2 "
        "reasoning=3 audio_in=4 audio_out=5",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct price_tier tier, again;
        struct buf text;
        buf_init(&text, 0);
        CHECK_EQ(parse(texts[i], &tier), 0);
        price_tier_print(&tier, &text);
        CHECK_EQ(parse(buf_cstr(&text), &again), 0);
        CHECK_EQ(memcmp(&tier, &again, sizeof(tier)), 0);
        if (i < 3)
            CHECK_EQ(tier.prices.reasoning, MONEY_UNSET);
        buf_fini(&text);
    }
}

TEST(what_makes_no_sense_is_refused)
{
    static const char *const texts[] = {
        "",
        "input=1",
        "prompt_from=5",
        "prompt_from=5 input",
        "prompt_from=5 inputs=1",
        "prompt_from=-5 input=1",
        "prompt_from=5x input=1",
        "prompt_from=1000000001 input=1",
        "prompt_from=99999999999999999999999 input=1",
        "prompt_to=0 input=1",
        "prompt_from=6 prompt_to=5 input=1",
        "output_from=6 output_to=5 input=1",
        "prompt_from=5 input=-1",
        "prompt_from=5 input=0.0000001",
        "hours=25:00-01:00 input=1",
        "hours=01:00-24:01 input=1",
        "hours=24:00-01:00 input=1",
        "hours=01:60-02:00 input=1",
        "hours=01:00-01:00 input=1",
        "hours=1:00-2:00 input=1",
        "from=tomorrow input=1",
        "from=2026-01-02 until=2026-01-01 input=1",
        "service_tier= input=1",
        "service_tier=flex| input=1",
        "service_tier=auto input=1",
    };
    struct price_tier tier;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (parse(texts[i], &tier) != -EINVAL)
            test_fail(__FILE__, __LINE__, "was taken: %s", texts[i]);
}

static unsigned
choose(const struct price_tiers *tiers, uint64_t prompt, uint64_t output,
       const char *time, unsigned service)
{
    /* Of all classes: the cached ones and what was written count, too. */
    struct usage usage = {.prompt_missed = prompt - prompt / 2 - prompt / 4,
                          .cached = prompt / 2,
                          .cache_creation = prompt / 4,
                          .completion = output - output / 2,
                          .reasoning = output / 2};
    const struct price_case what = {at(time), &usage, service};
    return price_tiers_choose(tiers, &what);
}

TEST(the_first_whose_conditions_hold_is_charged)
{
    static const char *const texts[] = {
        "service_tier=flex|batch input=1",
        "prompt_from=1000 output_to=99 input=2",
        "prompt_from=1000 input=3",
        "hours=22:00-02:00 input=4",
        "from=2026-05-01T00:00:00Z until=2026-06-01T00:00:00Z input=5",
    };
    static const char noon[] = "2026-01-01T12:00:00Z";
    struct price_tiers tiers = {.count = ARRAY_LEN(texts)};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        CHECK_EQ(parse(texts[i], &tiers.items[i]), 0);
    CHECK_EQ(choose(&tiers, 999, 500, noon, SERVICE_UNSTATED), 0);
    CHECK_EQ(choose(&tiers, 999, 500, noon, SERVICE_DEFAULT), 0);
    CHECK_EQ(choose(&tiers, 999, 500, noon, SERVICE_FLEX), 1);
    CHECK_EQ(choose(&tiers, 5000, 5, noon, SERVICE_BATCH), 1);
    CHECK_EQ(choose(&tiers, 1000, 99, noon, SERVICE_UNSTATED), 2);
    CHECK_EQ(choose(&tiers, 1000, 100, noon, SERVICE_PRIORITY), 3);
    CHECK_EQ(choose(&tiers, 1, 1, "2026-01-01T22:00:00Z", 0), 4);
    CHECK_EQ(choose(&tiers, 1, 1, "2026-01-01T01:59:59.999Z", 0), 4);
    CHECK_EQ(choose(&tiers, 1, 1, "2026-01-01T02:00:00Z", 0), 0);
    CHECK_EQ(choose(&tiers, 1, 1, "2026-01-01T21:59:59.999Z", 0), 0);
    CHECK_EQ(choose(&tiers, 1, 1, "2026-05-01T02:00:00Z", 0), 5);
    CHECK_EQ(choose(&tiers, 1, 1, "2026-06-01T02:00:00Z", 0), 0);
}

TEST(what_a_tier_does_not_state_is_the_models)
{
    struct prices base;
    struct price_tier tier;
    prices_clear(&base);
    base.input = 1;
    base.cached = 2;
    CHECK_EQ(parse("prompt_from=5 input=4", &tier), 0);
    price_tier_complete(&tier, &base);
    CHECK_EQ(tier.prices.input, 4000000);
    CHECK_EQ(tier.prices.cached, 2);
    CHECK_EQ(tier.prices.output, MONEY_UNSET);
}

TEST(only_what_may_come_raises_a_price)
{
    static const char *const texts[] = {
        "prompt_from=1000 output=9", "prompt_to=10 input=7",
        "from=2030-01-01T00:00:00Z input=99", "service_tier=priority cached=8"};
    struct price_tiers tiers = {.count = ARRAY_LEN(texts)};
    struct prices prices;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        CHECK_EQ(parse(texts[i], &tiers.items[i]), 0);
    prices_clear(&prices);
    prices.input = 1;
    price_tiers_raise(&prices, &tiers, 999, at("2026-01-01"));
    CHECK_EQ(prices.input, 7000000); /* the prompt may be shorter than bound */
    CHECK_EQ(prices.output, MONEY_UNSET);
    CHECK_EQ(prices.cached, 8000000);
    price_tiers_raise(&prices, &tiers, 1000, at("2031-01-01"));
    CHECK_EQ(prices.output, 9000000);
    CHECK_EQ(prices.input, 99000000);
}

TEST(words_of_services_are_known)
{
    CHECK_EQ(service_tier_of(STR_LIT("standard")), SERVICE_DEFAULT);
    CHECK_EQ(service_tier_of(STR_LIT("")), SERVICE_UNSTATED);
    CHECK_EQ(service_tier_of(STR_LIT("Flex")), SERVICE_UNSTATED);
    for (unsigned i = 1; i < SERVICE_TIERS; i++)
        CHECK_EQ(service_tier_of(str_from(service_tier_name(i))), i);
    CHECK_STR(str_from(service_tier_name(200)), "");
}

/* Also values of before there were tiers. */
TEST(the_ledger_keeps_tiers)
{
    struct ledger_price price = {.since_ms = 7}, got;
    struct buf bytes;
    buf_init(&bytes, 0);
    prices_clear(&price.prices);
    price.prices.input = 5;
    ledger_price_encode(&price, &bytes);
    size_t before = buf_len(&bytes);
    memset(&got, 0xff, sizeof(got));
    CHECK_EQ(ledger_price_decode(buf_view(&bytes), &got), 0);
    CHECK_EQ(got.tiers.count, 0);
    price.tiers.count = 2;
    CHECK_EQ(parse("prompt_from=5 hours=22:00-02:00 service_tier=flex input=4",
                   &price.tiers.items[0]),
             0);
    CHECK_EQ(parse("from=2026-01-01 until=2027-01-01 output_to=4 request=1",
                   &price.tiers.items[1]),
             0);
    buf_reset(&bytes);
    ledger_price_encode(&price, &bytes);
    CHECK_TRUE(buf_len(&bytes) > before);
    CHECK_EQ(ledger_price_decode(buf_view(&bytes), &got), 0);
    CHECK_EQ(memcmp(&got.tiers, &price.tiers, sizeof(got.tiers)), 0);
    for (size_t len = before + 1; len < buf_len(&bytes); len++)
        CHECK_EQ(ledger_price_decode(str_make(buf_ptr(&bytes), len), &got),
                 -EBADMSG);
    buf_fini(&bytes);
}
