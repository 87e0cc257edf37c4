/*
 * test_endpoint_health.c - cool-downs, probes, limits of credentials, gates.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_health.h"

#include <errno.h>

#include "shm/model_stats.h"
#include "tests/unit/shm_fixture.h"

static const struct breaker_rules rules = {.cooldown_ms = 30000,
                                           .cooldown_max_ms = 600000,
                                           .probe_ms = 5000,
                                           .fails = 3};
static const struct breaker_ticket none;
static struct fixture f;
static struct shm_breaker *breaker;

static void
open_all(void)
{
    fixture_open(&f);
    CHECK_EQ(model_registry_model(&f.segment, "m"), 0);
    CHECK_EQ(model_registry_provider(&f.segment, "p"), 0);
    CHECK_EQ(model_registry_endpoint(&f.segment, 0, 0), 0);
    breaker = &segment_health(&f.segment, 0)->breaker;
}

static bool
fail_at(uint64_t started_ms, uint64_t now_ms)
{
    return breaker_fail(breaker, &rules, &none, started_ms, now_ms,
                        BREAKER_BY_NOTHING);
}

static enum breaker_state
look_at(uint64_t now_ms)
{
    return breaker_look(&f.segment, breaker, now_ms);
}

static void
cool(uint64_t now_ms)
{
    CHECK(!fail_at(now_ms - 1, now_ms));
    CHECK(!fail_at(now_ms - 1, now_ms));
    CHECK(fail_at(now_ms - 1, now_ms));
}

static struct breaker_ticket
claim_at(int seat, uint64_t now_ms)
{
    struct breaker_ticket ticket = {0};
    CHECK(breaker_claim(&f.seat[seat], breaker, &rules, now_ms, &ticket));
    return ticket;
}

TEST(failures_one_after_the_other_cool_it_down)
{
    open_all();
    CHECK_EQ(look_at(1000), BREAKER_HEALTHY);
    CHECK(!fail_at(999, 1000));
    CHECK_EQ(look_at(1000), BREAKER_SUSPECT);
    CHECK_EQ(look_at(2000), BREAKER_RUN);
    CHECK(!fail_at(1999, 2000));
    CHECK(fail_at(2999, 3000));
    CHECK_EQ(look_at(3000), BREAKER_COOLING);
    CHECK_EQ(look_at(32999), BREAKER_COOLING);
    CHECK_EQ(look_at(33000), BREAKER_READY);
    fixture_close(&f);
}

TEST(a_success_in_between_begins_the_count_anew)
{
    open_all();
    for (uint64_t t = 10000; t < 200000; t += 3000) {
        CHECK(!fail_at(t, t + 1));
        CHECK(!fail_at(t + 1, t + 2));
        breaker_pass(breaker, &none, t + 3, t + 4);
        CHECK_EQ(look_at(t + 5), BREAKER_HEALTHY);
    }
    fixture_close(&f);
}

TEST(late_successes_do_not_hide_that_new_calls_fail)
{
    open_all();
    CHECK(!fail_at(4999, 5000));
    for (uint64_t t = 5001; t <= 5003; t++) {
        breaker_pass(breaker, &none, 4000, t); /* began before */
        CHECK_EQ(look_at(t), BREAKER_SUSPECT);
    }
    CHECK(!fail_at(5001, 5004));
    breaker_pass(breaker, &none, 4001, 5005);
    CHECK(fail_at(5002, 5006));
    CHECK_EQ(look_at(5007), BREAKER_COOLING);
    fixture_close(&f);
}

TEST(failures_among_slow_successes_do_not_cool)
{
    open_all();
    /* One in a hundred fails at once, the others take ten seconds: none of those
     * that began after a failure has ended, and still it is not dead. */
    for (uint64_t t = 100000; t < 140000; t += 10) {
        if (t % 1000 == 0)
            CHECK(!fail_at(t - 1, t));
        else
            breaker_pass(breaker, &none, t - 10000, t);
    }
    CHECK(look_at(140000) < BREAKER_COOLING);
    fixture_close(&f);
}

TEST(what_ends_while_it_cools_changes_nothing)
{
    open_all();
    cool(1000);
    uint64_t word = breaker->run;
    breaker_pass(breaker, &none, 1001, 1500);
    CHECK(!fail_at(1001, 29000));
    CHECK_EQ(breaker->run, word);
    breaker_pass(breaker, &none, 31001, 31002); /* sent anyway: no probe */
    CHECK_EQ(breaker->run, word);
    CHECK_EQ(breaker->opened, 1);
    fixture_close(&f);
}

TEST(one_call_of_all_probes_and_its_success_heals)
{
    open_all();
    cool(1000);
    struct breaker_ticket ticket = {0}, other = {0};
    CHECK(!breaker_claim(&f.seat[0], breaker, &rules, 30999, &ticket));
    ticket = claim_at(0, 31000);
    CHECK_EQ(look_at(31000), BREAKER_COOLING);
    CHECK(!breaker_claim(&f.seat[1], breaker, &rules, 31000, &other));
    CHECK(!breaker_claim(&f.seat[0], breaker, &rules, 31000, &other));
    CHECK_EQ(other.claim, 0);
    breaker_pass(breaker, &ticket, 31000, 31200);
    CHECK_EQ(look_at(31200), BREAKER_HEALTHY);
    CHECK_EQ(breaker->claim, 0);
    fixture_close(&f);
}

TEST(an_answer_to_a_last_resort_ends_the_cool_down_that_it_was_sent_against)
{
    open_all();
    struct breaker_ticket defied;
    CHECK(!breaker_defy(breaker, &defied));
    CHECK_EQ(defied.run, 0);
    cool(1000);
    CHECK(breaker_defy(breaker, &defied));
    CHECK_EQ(defied.claim, 0);
    /* A failure changes nothing: the cool-down is not longer for it. */
    uint64_t word = breaker->run;
    CHECK(!breaker_fail(breaker, &rules, &defied, 2000, 2001,
                        BREAKER_BY_NOTHING));
    CHECK_EQ(breaker->run, word);
    breaker_pass(breaker, &defied, 2000, 2002);
    CHECK_EQ(look_at(2002), BREAKER_HEALTHY);
    /* Of a cool-down that is over it says nothing of the next one. */
    cool(3000);
    word = breaker->run;
    breaker_pass(breaker, &defied, 2000, 3100);
    CHECK_EQ(breaker->run, word);
    /* Nor does it take part in somebody's probe. */
    CHECK(breaker_defy(breaker, &defied));
    uint64_t until = word >> 24;
    struct breaker_ticket probe = claim_at(0, until);
    CHECK(breaker_fail(breaker, &rules, &probe, until, until,
                       BREAKER_BY_NOTHING));
    word = breaker->run;
    breaker_pass(breaker, &defied, until, until + 1);
    CHECK_EQ(breaker->run, word);
    fixture_close(&f);
}

TEST(a_last_resort_is_free_until_five_came_to_nothing_and_then_one_at_a_time)
{
    shm_u64 word = 0;
    uint64_t now = 100000;
    for (int i = 0; i < LAST_RESORT_MISSES; i++) {
        CHECK(last_resort_take(&word, now));
        CHECK(last_resort_take(&word, now)); /* of another worker */
        last_resort_failed(&word, now);
    }
    CHECK(!last_resort_take(&word, now + LAST_RESORT_PAUSE_MS - 1));
    now += LAST_RESORT_PAUSE_MS;
    CHECK(last_resort_take(&word, now));
    CHECK(!last_resort_take(&word, now));
    /* It has not ended: the next one all the same. */
    CHECK(!last_resort_take(&word, now + LAST_RESORT_PAUSE_MS - 1));
    CHECK(last_resort_take(&word, now + LAST_RESORT_PAUSE_MS));
    last_resort_answered(&word);
    for (int i = 0; i < 100; i++)
        CHECK(last_resort_take(&word, now));
    /* One that fails now and then is never kept from being asked. */
    for (int i = 0; i < 1000; i++) {
        last_resort_failed(&word, now + (uint64_t)i);
        if (i % LAST_RESORT_MISSES == 3)
            last_resort_answered(&word);
        CHECK(last_resort_take(&word, now + (uint64_t)i));
    }
}

TEST(who_calls_seldom_is_always_sent)
{
    shm_u64 word = 0;
    for (uint64_t now = 1000; now < 1000 * 1000;
         now += LAST_RESORT_FORGET_MS + LAST_RESORT_PAUSE_MS) {
        for (int i = 0; i < 2; i++) {
            CHECK(last_resort_take(&word, now));
            last_resort_failed(&word, now);
        }
    }
    for (int i = 0; i < 1000; i++) /* the count has an end */
        last_resort_failed(&word, 5000000);
    CHECK(!last_resort_take(&word, 5000000));
    CHECK_EQ(word & 0xff, 0xff);
}

TEST(each_failed_probe_doubles_the_time_up_to_the_most)
{
    static const uint64_t seconds[] = {60, 120, 240, 480, 600, 600, 600};
    open_all();
    cool(1000);
    uint64_t now = 31000;
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        struct breaker_ticket ticket = claim_at(0, now);
        CHECK(breaker_fail(breaker, &rules, &ticket, now, now,
                           BREAKER_BY_NOTHING));
        CHECK_EQ(breaker->claim, 0);
        CHECK_EQ(look_at(now + seconds[i] * 1000 - 1), BREAKER_COOLING);
        now += seconds[i] * 1000;
        CHECK_EQ(look_at(now), BREAKER_READY);
    }
    fixture_close(&f);
}

TEST(one_that_fails_soon_again_cools_for_longer_and_a_good_while_forgives)
{
    open_all();
    cool(1000);
    struct breaker_ticket ticket = claim_at(0, 31000);
    breaker_pass(breaker, &ticket, 31000, 31000);
    cool(40000);
    CHECK_EQ(look_at(99999), BREAKER_COOLING); /* 60 s */
    CHECK_EQ(look_at(100000), BREAKER_READY);
    ticket = claim_at(0, 100000);
    breaker_pass(breaker, &ticket, 100000, 100000);
    cool(700001); /* cooldown_max later */
    CHECK_EQ(look_at(730000), BREAKER_COOLING);
    CHECK_EQ(look_at(730001), BREAKER_READY);
    fixture_close(&f);
}

TEST(a_dead_owners_claim_heals_at_once)
{
    struct reap_result result = {0};
    open_all();
    cool(1000);
    struct breaker_ticket ticket = claim_at(0, 31000);
    fixture_kill(&f, 0);
    CHECK_EQ(look_at(31001), BREAKER_READY);
    struct breaker_ticket second = claim_at(1, 31001);
    CHECK(second.claim != ticket.claim);
    fixture_kill(&f, 1);
    reap_all(&f.segment, 1, &result);
    /* The column lives again, as somebody else: the claim is not his. */
    CHECK_EQ(column_find_free(&f.segment), 0);
    CHECK_EQ(column_find_free(&f.segment), 1);
    CHECK_EQ(column_claim(&f.segment, 1, getpid(), 1), 0);
    CHECK_EQ(look_at(31002), BREAKER_READY);
    fixture_close(&f);
}

TEST(a_probe_that_takes_too_long_is_given_up_and_changes_nothing_then)
{
    open_all();
    cool(1000);
    struct breaker_ticket late = claim_at(0, 31000);
    CHECK_EQ(look_at(36000), BREAKER_COOLING);
    CHECK_EQ(look_at(36001), BREAKER_READY);
    struct breaker_ticket second = claim_at(1, 36001);
    uint64_t claim = breaker->claim, run = breaker->run;
    breaker_pass(breaker, &late, 31000, 36002);
    CHECK_EQ(breaker->run, run);
    CHECK(!breaker_fail(breaker, &rules, &late, 31000, 36003,
                        BREAKER_BY_NOTHING));
    breaker_release(breaker, &late);
    CHECK_EQ(breaker->claim, claim);
    CHECK(breaker_fail(breaker, &rules, &second, 36001, 36004,
                       BREAKER_BY_NOTHING));
    run = breaker->run;
    breaker_pass(breaker, &late, 31000, 36005); /* even with nobody's claim */
    CHECK_EQ(breaker->run, run);
    fixture_close(&f);
}

TEST(a_probe_without_an_outcome_lets_another_one_try)
{
    open_all();
    cool(1000);
    struct breaker_ticket ticket = claim_at(0, 31000);
    breaker_release(breaker, &ticket);
    CHECK_EQ(look_at(31000), BREAKER_READY);
    fixture_close(&f);
}

TEST(a_refused_credential_cools_at_once_and_without_fails_nothing_does)
{
    struct breaker_rules never = rules;
    struct breaker_view view;
    never.fails = 0;
    open_all();
    CHECK(!breaker_fail(breaker, &never, &none, 1, 2, BREAKER_BY_STATUS));
    CHECK_EQ(look_at(2), BREAKER_HEALTHY);
    CHECK(breaker_fail(breaker, &rules, &none, 1, 2, BREAKER_BY_STATUS));
    breaker_view(&f.segment, breaker, 3, &view);
    CHECK_EQ(view.state, BREAKER_COOLING);
    CHECK_EQ(view.reason, BREAKER_BY_STATUS);
    CHECK_EQ(view.until_ms, 30002);
    CHECK_EQ(view.opened, 1);
    fixture_close(&f);
}

TEST(any_word_is_read_without_harm)
{
    struct breaker_view view;
    open_all();
    for (int i = 0; i < 64; i++) {
        breaker->run = UINT64_C(1) << i;
        breaker->claim = UINT64_MAX >> i;
        breaker->closed = UINT64_MAX << i;
        breaker_view(&f.segment, breaker, 1000, &view);
        CHECK(view.reason <= BREAKER_BY_PROBE);
        CHECK(view.state <= BREAKER_READY);
        breaker_pass(breaker, &none, 999, 1000);
        fail_at(999, 1000);
    }
    fixture_close(&f);
}

/* ---- limits ---- */

TEST(a_limit_lasts_as_long_as_was_stated_but_no_longer_than_is_sane)
{
    shm_u64 word = 0;
    limit_reached(&word, 5000, 60000, 1000);
    CHECK_EQ(limit_until(&word), 5000);
    limit_reached(&word, 4000, 60000, 1001);
    CHECK_EQ(limit_until(&word), 5000);
    limit_reached(&word, UINT64_MAX >> 1, 60000, 1002);
    CHECK_EQ(limit_until(&word), 61002);
}

TEST(a_limit_without_a_time_grows_each_time_and_is_forgotten)
{
    shm_u64 word = 0;
    limit_reached(&word, 0, 60000, 1000);
    limit_reached(&word, 0, 60000, 1500); /* was under way */
    CHECK_EQ(limit_until(&word), 2000);
    limit_reached(&word, 0, 60000, 2000);
    CHECK_EQ(limit_until(&word), 4000);
    limit_reached(&word, 0, 60000, 4000);
    CHECK_EQ(limit_until(&word), 8000);
    limit_passed(&word, 7999, 0); /* began before: says nothing */
    CHECK_EQ(limit_until(&word), 8000);
    limit_passed(&word, 8000, 0);
    CHECK_EQ(word, 0);
}

/* ---- gates ---- */

TEST(a_gate_lets_so_many_in_over_all_workers)
{
    open_all();
    uint32_t gate = segment_gate_of_endpoint(&f.segment, 0);
    for (int i = 0; i < 6; i++)
        CHECK_EQ(gate_enter(&f.seat[i % 3], gate, 6), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(gate_enter(&f.seat[i], gate, 6), -EBUSY);
    CHECK_EQ(gate_busy(&f.segment, gate), 6);
    gate_leave(&f.seat[1], gate);
    CHECK_EQ(gate_enter(&f.seat[2], gate, 6), 0);
    CHECK_EQ(gate_busy(&f.segment, segment_gate_of_provider(&f.segment, 0)), 0);
    fixture_close(&f);
}

TEST(a_dead_worker_keeps_no_place_and_no_turn)
{
    struct reap_result result = {0};
    open_all();
    uint32_t gates[2] = {segment_gate_of_endpoint(&f.segment, 0),
                         segment_gate_of_provider(&f.segment, 0)};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(gate_enter(&f.seat[0], gates[i], 2), 0);
        CHECK_EQ(gate_enter(&f.seat[1], gates[i], 2), 0);
        gate_set_turn(&f.seat[0], gates[i], 5);
        gate_set_turn(&f.seat[1], gates[i], 7);
        CHECK_EQ(gate_first_turn(&f.seat[2], gates[i]), 5);
        CHECK_EQ(gate_first_turn(&f.seat[0], gates[i]), 7);
    }
    fixture_kill(&f, 0);
    reap_all(&f.segment, 1, &result);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(gate_busy(&f.segment, gates[i]), 1);
        CHECK_EQ(gate_first_turn(&f.seat[2], gates[i]), 7);
    }
    fixture_close(&f);
}
