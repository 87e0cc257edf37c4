/*
 * test_health_limits.c - what heads say of a credential's limits.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"
#include "worker/health.h"

#define NOW INT64_C(1784721600000) /* 2026-07-22T12:00:00Z */

struct row {
    const char *name, *value;
};

static struct health_limits
read_rows(const struct row *rows, size_t count)
{
    struct health_limit_fields fields = {0};
    struct health_limits limits;
    for (size_t i = 0; i < count; i++)
        health_limit_field(&fields, str_from(rows[i].name),
                           str_from(rows[i].value), NOW);
    health_limits_end(&fields, &limits);
    return limits;
}

TEST(retry_after_is_read_in_each_form)
{
    static const struct {
        struct row row;
        uint64_t ms;
    } cases[] = {
        {{"retry-after", "20"}, 20000},
        {{"Retry-After", "0.5"}, 500},
        {{"retry-after", "Wed, 22 Jul 2026 12:00:30 GMT"}, 30000},
        {{"retry-after", "Wed, 22 Jul 2026 11:59:30 GMT"}, 0},
        {{"retry-after", "Wed, 22 Foo 2026 12:00:30 GMT"}, 0},
        {{"retry-after-ms", "1234"}, 1234},
        {{"retry-after", "-5"}, 0},
        {{"retry-after", "soon"}, 0},
        {{"retry-after", ""}, 0},
        {{"retry-after", "99999999999999999999999"}, 0},
        {{"retry-after", "86401000"}, 24 * 3600 * 1000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_EQ(read_rows(&cases[i].row, 1).retry_after_ms, cases[i].ms);
}

TEST(a_reset_is_read_in_each_form)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"1s", 1000},
        {"6m0s", 360000},
        {"120ms", 120},
        {"1h2m3.5s", 3723500},
        {"7.66s", 7660},
        {"2", 2000},
        {"0s", 0},
        {"1d", 24 * 3600 * 1000},
        {"99d", 24 * 3600 * 1000},
        {"1784721660", 60000},
        {"1784721660000", 60000},
        {"2026-07-22T12:01:00Z", 60000},
        {"2026-07-22T11:00:00Z", 0},
        {"1x", 0},
        {"s", 0},
        {"1s1", 0},
        {"999999999999999999999s", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct row rows[] = {
            {"x-ratelimit-remaining-requests", "0"},
            {"x-ratelimit-reset-requests", cases[i].text}};
        CHECK_EQ(read_rows(rows, 2).reset_ms, cases[i].ms);
    }
}

TEST(only_what_is_used_up_and_has_a_reset_counts)
{
    static const struct row left[] = {{"x-ratelimit-remaining-requests", "3"},
                                      {"x-ratelimit-reset-requests", "1s"},
                                      {"x-ratelimit-remaining-tokens", "0"}};
    static const struct row used[] = {{"x-ratelimit-limit-requests", "60"},
                                      {"x-ratelimit-remaining-requests", "0"},
                                      {"x-ratelimit-reset-requests", "1s"},
                                      {"x-ratelimit-reset-tokens", "9s"},
                                      {"x-ratelimit-remaining-tokens", "0"},
                                      {"x-ratelimit-remaining-unicorns", "0"}};
    static const struct row anthropic[] = {
        {"anthropic-ratelimit-requests-limit", "50"},
        {"anthropic-ratelimit-requests-remaining", "49"},
        {"anthropic-ratelimit-requests-reset", "2026-07-22T12:05:00Z"},
        {"Anthropic-RateLimit-Input-Tokens-Remaining", "0"},
        {"anthropic-ratelimit-input-tokens-reset", "2026-07-22T12:00:07Z"}};
    static const struct row openrouter[] = {
        {"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1784721605000"}};
    CHECK(!read_rows(left, ARRAY_LEN(left)).is_used_up);
    CHECK(read_rows(used, ARRAY_LEN(used)).is_used_up);
    CHECK_EQ(read_rows(used, ARRAY_LEN(used)).reset_ms, 9000);
    CHECK(read_rows(anthropic, ARRAY_LEN(anthropic)).is_used_up);
    CHECK_EQ(read_rows(anthropic, ARRAY_LEN(anthropic)).reset_ms, 7000);
    CHECK_EQ(read_rows(openrouter, 2).reset_ms, 5000);
}

TEST(nonsense_is_nothing)
{
    static const char *const names[] = {"x-ratelimit-",
                                        "x-ratelimit-remaining-",
                                        "x-ratelimit-reset",
                                        "anthropic-ratelimit-",
                                        "anthropic-ratelimit--remaining",
                                        "anthropic-ratelimit-remaining",
                                        "x-request-id",
                                        "retry-after-m"};
    char value[200];
    for (size_t n = 0; n < ARRAY_LEN(names); n++)
        for (size_t len = 0; len < sizeof(value); len++) {
            memset(value, "09.sm-:T"[len % 8], len);
            struct health_limit_fields fields = {0};
            health_limit_field(&fields, str_from(names[n]),
                               str_make(value, len), NOW);
            struct health_limits limits;
            health_limits_end(&fields, &limits);
            CHECK(!limits.is_used_up);
        }
}
