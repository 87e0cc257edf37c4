/*
 * test_health.c - worker/health.c: what may be sent, and what outcomes mean.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/health.h"

#include "tests/unit/front_fixture.h"

static struct front f;
static struct catalogue_provider provider;
static struct health_attempt attempt;

static void
open_all(void)
{
    front_open(&f);
    provider = f.catalogue->providers[0];
    provider.fails = 3;
    provider.cooldown_ms = 60000;
    provider.cooldown_max_ms = 600000;
    memset(&attempt, 0, sizeof(attempt));
}

static enum health_verdict
send_call(void)
{
    return health_may_send(f.worker, &provider, 0, 0, &attempt);
}

static void
note(enum health_event event, uint64_t retry_after_ms)
{
    const struct health_outcome outcome = {.event = event,
                                           .retry_after_ms = retry_after_ms};
    health_note(f.worker, &attempt, &outcome);
    CHECK_TRUE(attempt.provider == NULL);
}

static void
fail_once(void)
{
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_FAILED, 0);
}

TEST(after_the_first_failure_three_calls_are_sent_until_it_is_known)
{
    open_all();
    fail_once();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_GOOD);
        CHECK_EQ(send_call(), HEALTH_GOOD);
    }
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    CHECK_EQ(send_call(), HEALTH_COOLING);
    CHECK_TRUE(attempt.provider == NULL);
    front_close(&f);
}

TEST(failures_on_end_cool_for_as_long_as_was_said)
{
    open_all();
    for (int i = 0; i < 3; i++)
        fail_once();
    CHECK_EQ(send_call(), HEALTH_COOLING);
    struct breaker_view view;
    uint64_t now_ms = loop_now_ms(f.worker->loop);
    breaker_view(f.worker->heritage->segment,
                 &segment_health(f.worker->heritage->segment, 0)->breaker,
                 now_ms, &view);
    CHECK_TRUE(view.until_ms > now_ms + 50000 &&
               view.until_ms <= now_ms + 60000);
    CHECK_EQ(health_look(f.worker, &provider, 1, 0), HEALTH_GOOD);
    CHECK_TRUE(health_figures(f.worker, 0)->outage);
    CHECK_EQ(health_figures(f.worker, 0)->requests, 3);
    CHECK_EQ(health_figures(f.worker, 0)->error_permille, 1000);
    CHECK_TRUE(!health_figures(f.worker, 1)->outage);
    front_close(&f);
}

TEST(a_429_keeps_its_credential_from_its_endpoint_only)
{
    open_all();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_LIMITED, 30000);
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    CHECK_EQ(health_look(f.worker, &provider, 0, 1), HEALTH_GOOD);
    CHECK_EQ(health_look(f.worker, &provider, 1, 0), HEALTH_GOOD);
    uint64_t now_ms = loop_now_ms(f.worker->loop);
    uint64_t until_ms = limit_until(
        &segment_health(f.worker->heritage->segment, 0)->limited[0]);
    CHECK_TRUE(until_ms > now_ms + 25000 && until_ms <= now_ms + 30000);
    front_close(&f);
}

TEST(a_refused_credential_is_used_nowhere_and_the_others_are)
{
    open_all();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_REFUSED, 0);
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    CHECK_EQ(health_look(f.worker, &provider, 1, 0), HEALTH_COOLING);
    CHECK_EQ(health_look(f.worker, &provider, 0, 1), HEALTH_GOOD);
    front_close(&f);
}

TEST(one_403_is_nobodys_fault_and_three_are_the_credentials)
{
    open_all();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(send_call(), HEALTH_GOOD);
        note(HEALTH_FORBIDDEN, 0);
    }
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    CHECK_EQ(health_look(f.worker, &provider, 0, 1), HEALTH_GOOD);
    front_close(&f);
}

TEST(what_is_used_up_is_left_alone_until_its_reset)
{
    const struct health_limits limits = {.is_used_up = true, .reset_ms = 20000};
    const struct health_limits without_reset = {.is_used_up = true};
    open_all();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    health_learn(f.worker, &attempt, &without_reset);
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_GOOD);
    health_learn(f.worker, &attempt, &limits);
    note(HEALTH_ANSWERED, 0);
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    front_close(&f);
}

TEST(without_fails_nothing_cools)
{
    open_all();
    provider.fails = 0;
    for (int i = 0; i < 50; i++)
        fail_once();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    front_close(&f);
}

TEST(statuses_mean_what_the_table_says)
{
    static const struct {
        uint16_t status;
        enum health_event event;
    } cases[] = {
        {200, HEALTH_ANSWERED},  {400, HEALTH_ANSWERED}, {404, HEALTH_ANSWERED},
        {413, HEALTH_ANSWERED},  {401, HEALTH_REFUSED},  {402, HEALTH_REFUSED},
        {403, HEALTH_FORBIDDEN}, {408, HEALTH_FAILED},   {429, HEALTH_LIMITED},
        {500, HEALTH_FAILED},    {529, HEALTH_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_EQ(health_event_of(cases[i].status), cases[i].event);
}
