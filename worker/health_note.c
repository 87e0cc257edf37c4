/*
 * health_note.c - see health.h: what came of a call, told to the shared words.
 *
 *   outcome     endpoint            credential          limit
 *   ANSWERED    passed              passed              passed
 *   FAILED      failed              -                   Retry-After of a 503
 *   LIMITED     -, a probe passed   -, a probe passed   reached
 *   REFUSED     -, a probe passed   cools at once       -
 *   FORBIDDEN   -, a probe passed   failed              -
 *   UNKNOWN     - (a probe is given back)
 *
 * A last resort that is ANSWERED ends the cool-downs that it was sent against; all
 * other outcomes but UNKNOWN are misses (last_resort_failed()).
 *
 * A 403 may be about what one client has sent, so a single one does not keep the
 * credential from all others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/clock.h"
#include "shm/endpoint_fault.h"
#include "shm/endpoint_window.h"
#include "worker/health_part.h"

enum {
    /* So many failures in half a minute, and half of all calls: a burst, though
     * none was followed by enough others. */
    BURST_ERRORS = 10,
    BURST_PERMILLE = 500,
};

/* After a health check it is as long until the next one, each time. */
static struct breaker_rules
rules_of(const struct health_attempt *attempt)
{
    struct breaker_rules rules = health_rules(attempt->provider);
    if (attempt->is_check)
        rules.cooldown_ms = rules.cooldown_max_ms =
            attempt->provider->health_check_interval_ms;
    return rules;
}

static void
pass(struct worker *worker, struct shm_breaker *breaker,
     const struct health_attempt *attempt, struct breaker_ticket *ticket,
     bool is_endpoint)
{
    /* Of several last resorts the first. */
    bool was_probe =
        ticket->claim != 0 ||
        (ticket->run != 0 && shm_load(&breaker->run) == ticket->run);
    breaker_pass(breaker, ticket, attempt->started_ms,
                 loop_now_ms(worker->loop));
    *ticket = (struct breaker_ticket){0};
    if (UNLIKELY(was_probe))
        health_tell_back(worker, attempt, is_endpoint);
}

/* The endpoint is there. */
static void
note_life(struct worker *worker, const struct health_words *words,
          const struct health_attempt *attempt)
{
    worker->health->rows[attempt->endpoint_idx].doubt_ms = 0;
    last_resort_answered(words->last_resort);
}

/* It has answered, whatever it said. */
static void
pass_probes(struct worker *worker, const struct health_words *words,
            struct health_attempt *attempt, bool credential_too)
{
    if (attempt->endpoint_ticket.run != 0)
        pass(worker, words->endpoint, attempt, &attempt->endpoint_ticket, true);
    if (credential_too && attempt->credential_ticket.run != 0)
        pass(worker, words->credential, attempt, &attempt->credential_ticket,
             false);
}

void
health_head(struct worker *worker, struct health_attempt *attempt)
{
    struct health_words words = health_words_of(
        worker, attempt->provider, attempt->endpoint_idx, attempt->credential);
    attempt->has_head = true;
    note_life(worker, &words, attempt);
    if (LIKELY((attempt->endpoint_ticket.run |
                attempt->credential_ticket.run) == 0))
        return;
    pass_probes(worker, &words, attempt, true);
}

static void
fail_credential(struct worker *worker, const struct health_words *words,
                struct health_attempt *attempt, enum breaker_reason at_once)
{
    struct breaker_rules rules = rules_of(attempt);
    if (breaker_fail(words->credential, &rules, &attempt->credential_ticket,
                     attempt->started_ms, loop_now_ms(worker->loop), at_once))
        health_tell_cooling(worker, attempt, words->credential, true);
}

/* Many failures among others that succeed. */
static bool
is_burst(const struct worker *worker, const struct health_attempt *attempt)
{
    struct window_sum sum;
    window_recent(worker->heritage->segment, attempt->endpoint_idx,
                  loop_now_ms(worker->loop), &sum);
    return sum.errors >= BURST_ERRORS &&
           sum.errors * 1000 >= sum.requests * BURST_PERMILLE;
}

static void
fail_endpoint(struct worker *worker, const struct health_words *words,
              struct health_attempt *attempt)
{
    struct breaker_rules rules = rules_of(attempt);
    enum breaker_reason at_once =
        is_burst(worker, attempt) ? BREAKER_BY_BURST : BREAKER_BY_NOTHING;
    if (breaker_fail(words->endpoint, &rules, &attempt->endpoint_ticket,
                     attempt->started_ms, loop_now_ms(worker->loop), at_once))
        health_tell_cooling(worker, attempt, words->endpoint, false);
}

static void
reach_limit(struct worker *worker, shm_u64 *limited,
            const struct health_attempt *attempt, uint64_t for_ms)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    uint64_t most_ms = attempt->provider->cooldown_max_ms;
    limit_reached(limited,
                  for_ms == 0 ? 0
                              : now_ms + (for_ms < most_ms ? for_ms : most_ms),
                  most_ms, now_ms);
}

void
health_learn(struct worker *worker, const struct health_attempt *attempt,
             const struct health_limits *limits)
{
    if (attempt->provider == NULL || !limits->is_used_up ||
        limits->reset_ms == 0)
        return;
    struct health_words words = health_words_of(
        worker, attempt->provider, attempt->endpoint_idx, attempt->credential);
    reach_limit(worker, words.limited, attempt, limits->reset_ms);
}

static void
count(struct worker *worker, const struct health_attempt *attempt,
      const struct health_outcome *outcome)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    uint64_t took_ms = now_ms - attempt->started_ms;
    if (took_ms == 0)
        took_ms = 1;
    struct window_sample sample = {
        .failed = outcome->event != HEALTH_ANSWERED &&
                  outcome->event != HEALTH_LIMITED,
        .limited = outcome->event == HEALTH_LIMITED,
        .has_ttft = outcome->first_token_ms > 0,
        .ttft_ms = outcome->first_token_ms,
        .has_speed = outcome->output_tokens > 0,
    };
    if (sample.has_speed) {
        uint64_t speed = outcome->output_tokens < UINT32_MAX
                             ? outcome->output_tokens * 2000 / took_ms
                             : UINT32_MAX;
        sample.speed_x2 = speed < UINT32_MAX ? (uint32_t)speed : UINT32_MAX;
    }
    window_add(&worker->seat, attempt->endpoint_idx, &sample, now_ms);
}

static void
note_fault(struct worker *worker, const struct health_attempt *attempt,
           const struct health_outcome *outcome)
{
    struct endpoint_fault fault = {
        .wall_s = clock_wall_ms() / 1000,
        .status = outcome->status,
        .cause = outcome->cause,
        .credential = attempt->credential,
        .is_check = attempt->is_check,
    };
    endpoint_fault_note(
        segment_health(worker->heritage->segment, attempt->endpoint_idx),
        &fault);
}

void
health_note(struct worker *worker, struct health_attempt *attempt,
            const struct health_outcome *outcome)
{
    if (attempt->provider == NULL)
        return;
    struct health_words words = health_words_of(
        worker, attempt->provider, attempt->endpoint_idx, attempt->credential);
    if (outcome->event != HEALTH_UNKNOWN && !attempt->is_check)
        count(worker, attempt, outcome);
    if (UNLIKELY(outcome->event != HEALTH_ANSWERED &&
                 outcome->event != HEALTH_UNKNOWN))
        note_fault(worker, attempt, outcome);
    if (UNLIKELY(attempt->is_last_resort) &&
        outcome->event != HEALTH_ANSWERED && outcome->event != HEALTH_UNKNOWN)
        last_resort_failed(words.last_resort, loop_now_ms(worker->loop));
    switch (outcome->event) {
    case HEALTH_ANSWERED:
        note_life(worker, &words, attempt);
        pass(worker, words.endpoint, attempt, &attempt->endpoint_ticket, true);
        pass(worker, words.credential, attempt, &attempt->credential_ticket,
             false);
        limit_passed(words.limited, attempt->started_ms, attempt->defied);
        break;
    case HEALTH_FAILED:
        fail_endpoint(worker, &words, attempt);
        if (outcome->retry_after_ms > 0)
            reach_limit(worker, words.limited, attempt,
                        outcome->retry_after_ms);
        attempt->endpoint_ticket = (struct breaker_ticket){0};
        break;
    case HEALTH_LIMITED:
        pass_probes(worker, &words, attempt, true);
        reach_limit(worker, words.limited, attempt, outcome->retry_after_ms);
        break;
    case HEALTH_REFUSED:
    case HEALTH_FORBIDDEN:
        pass_probes(worker, &words, attempt, false);
        fail_credential(worker, &words, attempt,
                        outcome->event == HEALTH_REFUSED ? BREAKER_BY_STATUS
                                                         : BREAKER_BY_NOTHING);
        attempt->credential_ticket = (struct breaker_ticket){0};
        break;
    case HEALTH_UNKNOWN:
        break;
    }
    /* A probe that has not found out. */
    breaker_release(words.endpoint, &attempt->endpoint_ticket);
    breaker_release(words.credential, &attempt->credential_ticket);
    attempt->provider = NULL;
}
