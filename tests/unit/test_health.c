/*
 * test_health.c - worker/health.c: what may be sent, and what outcomes mean.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/health.h"
#include "worker/health_part.h"

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

static struct health_row *
row(void)
{
    return &f.worker->health->rows[0];
}

TEST(connections_that_end_instead_of_an_answer_count_as_calls_behind_a_failure)
{
    open_all();
    struct health_attempt several[6];
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(send_call(), HEALTH_GOOD);
        several[i] = attempt;
    }
    /* All their connections are cut: three may try another one. */
    for (int i = 0; i < 6; i++)
        CHECK_EQ(health_may_resend(f.worker, &several[i]), i < 3);
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    CHECK_EQ(send_call(), HEALTH_COOLING);
    /* What was sent again counts when the failure is known. */
    attempt = several[3];
    note(HEALTH_FAILED, 0);
    CHECK_EQ(health_look(f.worker, &provider, 0, 0), HEALTH_COOLING);
    CHECK_EQ(row()->suspect_sent, 3);
    CHECK_TRUE(!health_may_resend(f.worker, &several[4]));
    front_close(&f);
}

TEST(an_answer_ends_the_doubt_about_connections_that_were_idle_for_too_long)
{
    open_all();
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(send_call(), HEALTH_GOOD);
        CHECK_TRUE(health_may_resend(f.worker, &attempt));
        CHECK_EQ(send_call(), HEALTH_GOOD);
        if (i % 2 == 0)
            health_head(f.worker, &attempt);
        note(HEALTH_ANSWERED, 0);
        CHECK_EQ(row()->doubt_ms, 0);
    }
    /* Or time does. */
    for (int i = 0; i < 3; i++)
        CHECK_TRUE(health_may_resend(
            f.worker, &(struct health_attempt){.provider = &provider}));
    CHECK_EQ(send_call(), HEALTH_COOLING);
    row()->doubt_ms -= BREAKER_SUSPECT_MS;
    CHECK_EQ(send_call(), HEALTH_GOOD);
    front_close(&f);
}

TEST(where_nothing_cools_connections_are_in_no_doubt)
{
    open_all();
    provider.fails = 0;
    CHECK_EQ(send_call(), HEALTH_GOOD);
    for (int i = 0; i < 50; i++)
        CHECK_TRUE(health_may_resend(f.worker, &attempt));
    CHECK_EQ(send_call(), HEALTH_GOOD);
    for (int i = 0; i < 50; i++) {
        note(HEALTH_LIMITED, 30000);
        CHECK_EQ(send_call(), HEALTH_COOLING);
        CHECK_TRUE(health_last_resort(f.worker, &provider, 0, 0, &attempt));
    }
    front_close(&f);
}

TEST(of_one_that_cools_nothing_is_sent_again)
{
    open_all();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    struct health_attempt before = attempt;
    for (int i = 0; i < 3; i++)
        fail_once();
    CHECK_TRUE(!health_may_resend(f.worker, &before));
    CHECK_TRUE(health_may_resend(f.worker, &attempt)); /* of none */
    front_close(&f);
}

static bool
resort(void)
{
    return health_last_resort(f.worker, &provider, 0, 0, &attempt);
}

TEST(a_sole_endpoint_that_is_dead_is_asked_now_and_then_and_heals_at_once)
{
    open_all();
    for (int i = 0; i < 3; i++)
        fail_once();
    for (int i = 0; i < LAST_RESORT_MISSES; i++) {
        CHECK_EQ(send_call(), HEALTH_COOLING);
        CHECK_TRUE(resort());
        CHECK_TRUE(attempt.doubted);
        note(HEALTH_FAILED, 0);
    }
    CHECK_TRUE(!resort());
    CHECK_TRUE(attempt.provider == NULL);
    shm_u64 *word =
        &segment_health(f.worker->heritage->segment, 0)->last_resort;
    shm_store(word, shm_load(word) - (LAST_RESORT_PAUSE_MS << 8));
    CHECK_TRUE(resort());
    struct health_attempt late = attempt;
    CHECK_TRUE(!resort());
    attempt = late;
    health_head(f.worker, &attempt); /* not only its end */
    CHECK_EQ(shm_load(word), 0);
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_ANSWERED, 0);
    front_close(&f);
}

TEST(what_a_last_resort_was_told_and_what_it_ended_from_our_side)
{
    static const enum health_event misses[] = {HEALTH_LIMITED, HEALTH_REFUSED,
                                               HEALTH_FORBIDDEN, HEALTH_FAILED};
    open_all();
    for (size_t i = 0; i < 20; i++) {
        CHECK_TRUE(resort());
        note(HEALTH_UNKNOWN, 0);
    }
    for (size_t i = 0; i < LAST_RESORT_MISSES; i++) {
        CHECK_TRUE(resort());
        note(misses[i % ARRAY_LEN(misses)], 0);
    }
    CHECK_TRUE(!resort());
    front_close(&f);
}

TEST(a_limit_that_is_none_any_more_is_forgotten_and_a_newer_one_is_kept)
{
    open_all();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_LIMITED, 30000);
    CHECK_TRUE(resort());
    note(HEALTH_ANSWERED, 0);
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_LIMITED, 30000);
    CHECK_TRUE(resort());
    const struct health_limits limits = {.is_used_up = true, .reset_ms = 40000};
    health_learn(f.worker, &attempt, &limits);
    note(HEALTH_ANSWERED, 0);
    CHECK_EQ(send_call(), HEALTH_COOLING);
    CHECK_TRUE(health_limited_ms(f.worker, &provider, 0, 0) > 30000);
    front_close(&f);
}

TEST(a_credential_that_is_accepted_again_is_back_with_its_endpoint)
{
    open_all();
    CHECK_EQ(send_call(), HEALTH_GOOD);
    note(HEALTH_REFUSED, 0);
    CHECK_EQ(send_call(), HEALTH_COOLING);
    CHECK_TRUE(resort());
    note(HEALTH_ANSWERED, 0);
    CHECK_EQ(send_call(), HEALTH_GOOD);
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
