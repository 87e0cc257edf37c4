/*
 * health.c - see health.h: what the shared words say, asked and told by this
 * worker's calls.
 *
 *   outcome     endpoint            credential          limit
 *   ANSWERED    passed              passed              passed
 *   FAILED      failed              -                   Retry-After of a 503
 *   LIMITED     -, a probe passed   -, a probe passed   reached
 *   REFUSED     -, a probe passed   cools at once       -
 *   FORBIDDEN   -, a probe passed   failed              -
 *   UNKNOWN     - (a probe is given back)
 *
 * A 403 may be about what one client has sent, so a single one does not keep the
 * credential from all others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/health_part.h"

#include <stdlib.h>

#include "common/clock.h"
#include "shm/endpoint_fault.h"
#include "shm/endpoint_window.h"

enum {
    /* So many failures in half a minute, and half of all calls: a burst, though
     * none was followed by enough others. */
    BURST_ERRORS = 10,
    BURST_PERMILLE = 500,
};

struct health *
health_create(struct worker *worker)
{
    struct health *health = calloc(1, sizeof(*health));
    if (health == NULL)
        return NULL;
    health->worker = worker;
    health->row_count = worker->heritage->segment->endpoint_max;
    health->rows = calloc(health->row_count, sizeof(*health->rows));
    if (health->rows == NULL) {
        free(health);
        return NULL;
    }
    return health;
}

void
health_destroy(struct health **health)
{
    if (*health == NULL)
        return;
    free((*health)->rows);
    free(*health);
    *health = NULL;
}

enum health_event
health_event_of(uint16_t status)
{
    switch (status) {
    case 401:
    case 402:
        return HEALTH_REFUSED;
    case 403:
        return HEALTH_FORBIDDEN;
    case 408:
        return HEALTH_FAILED;
    case 429:
        return HEALTH_LIMITED;
    default:
        return status >= 500 || status < 200 ? HEALTH_FAILED : HEALTH_ANSWERED;
    }
}

struct breaker_rules
health_rules(const struct catalogue_provider *provider)
{
    return (struct breaker_rules){.cooldown_ms = provider->cooldown_ms,
                                  .cooldown_max_ms = provider->cooldown_max_ms,
                                  .probe_ms = provider->timeouts.connect_ms +
                                              provider->timeouts.first_byte_ms +
                                              HEALTH_PROBE_SLACK_MS,
                                  .fails = provider->fails};
}

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

/* The shared words of one endpoint and credential. */
struct words {
    struct shm_breaker *endpoint, *credential;
    shm_u64 *limited;
    bool is_checked; /* the credential, by health checks */
};

static struct words
words_of(const struct worker *worker, const struct catalogue_provider *provider,
         uint32_t endpoint_idx, unsigned credential)
{
    const struct segment *segment = worker->heritage->segment;
    struct shm_health *health = segment_health(segment, endpoint_idx);
    CHECK(credential < HEALTH_CREDENTIALS);
    return (struct words){&health->breaker,
                          &segment_credentials(segment, provider->provider_idx)
                               ->breaker[credential],
                          &health->limited[credential],
                          provider->health_check != NULL &&
                              provider->is_checked};
}

/* ---- asking ---- */

/* A provider that is asked by health checks is probed by calls only where those
 * do not come. */
static bool
is_left_to_checks(const struct worker *worker,
                  const struct catalogue_provider *provider,
                  const struct shm_breaker *breaker, uint64_t now_ms)
{
    struct breaker_view view;
    breaker_view(worker->heritage->segment, breaker, now_ms, &view);
    return now_ms < view.until_ms + 2 * provider->health_check_interval_ms +
                        provider->timeouts.connect_ms +
                        provider->timeouts.first_byte_ms;
}

/* Of a run that has just begun this worker sends few calls more, until it is
 * known what comes of them. `take`: one is being sent. */
static bool
is_suspect(struct worker *worker, uint32_t endpoint_idx,
           const struct shm_breaker *breaker, uint64_t now_ms, bool take)
{
    struct health_row *row = &worker->health->rows[endpoint_idx];
    struct breaker_view view;
    breaker_view(worker->heritage->segment, breaker, now_ms, &view);
    if (view.state != BREAKER_SUSPECT)
        return false;
    if (row->suspect_since != view.since_ms) {
        row->suspect_since = view.since_ms;
        row->suspect_sent = 0;
    }
    if (row->suspect_sent >= HEALTH_SUSPECT_CALLS)
        return true;
    row->suspect_sent += take;
    return false;
}

static enum health_verdict
verdict_of(struct worker *worker, const struct catalogue_provider *provider,
           const struct shm_breaker *breaker, bool is_checked, uint64_t now_ms)
{
    switch (breaker_look(worker->heritage->segment, breaker, now_ms)) {
    case BREAKER_COOLING:
        return HEALTH_COOLING;
    case BREAKER_READY:
        return is_checked &&
                       is_left_to_checks(worker, provider, breaker, now_ms)
                   ? HEALTH_COOLING
                   : HEALTH_PROBE;
    case BREAKER_HEALTHY:
    case BREAKER_SUSPECT:
    case BREAKER_RUN:
        break;
    }
    return HEALTH_GOOD;
}

/* `take`: a call is about to be sent. */
static enum health_verdict
look(struct worker *worker, const struct catalogue_provider *provider,
     uint32_t endpoint_idx, const struct words *words, bool take)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (UNLIKELY(limit_until(words->limited) > now_ms))
        return HEALTH_COOLING;
    if (LIKELY(shm_load(&words->endpoint->run) == 0 &&
               shm_load(&words->credential->run) == 0))
        return HEALTH_GOOD;
    enum health_verdict endpoint =
        verdict_of(worker, provider, words->endpoint,
                   provider->health_check != NULL, now_ms);
    enum health_verdict credential = verdict_of(
        worker, provider, words->credential, words->is_checked, now_ms);
    enum health_verdict worse = endpoint > credential ? endpoint : credential;
    if (worse == HEALTH_GOOD &&
        is_suspect(worker, endpoint_idx, words->endpoint, now_ms, take))
        return HEALTH_COOLING;
    return worse;
}

enum health_verdict
health_look(struct worker *worker, const struct catalogue_provider *provider,
            uint32_t endpoint_idx, unsigned credential)
{
    struct words words = words_of(worker, provider, endpoint_idx, credential);
    return look(worker, provider, endpoint_idx, &words, false);
}

/* ---- sending ---- */

void
health_send_anyway(struct worker *worker,
                   const struct catalogue_provider *provider,
                   uint32_t endpoint_idx, unsigned credential,
                   struct health_attempt *attempt)
{
    *attempt = (struct health_attempt){.provider = provider,
                                       .endpoint_idx = endpoint_idx,
                                       .credential = (uint8_t)credential,
                                       .started_ms = loop_now_ms(worker->loop)};
}

/* Both that are READY, or none. */
static bool
claim(struct worker *worker, const struct catalogue_provider *provider,
      const struct words *words, uint64_t now_ms,
      struct health_attempt *attempt)
{
    const struct segment *segment = worker->heritage->segment;
    struct breaker_rules rules = health_rules(provider);
    if (breaker_look(segment, words->endpoint, now_ms) == BREAKER_READY &&
        !breaker_claim(&worker->seat, words->endpoint, &rules, now_ms,
                       &attempt->endpoint_ticket))
        return false;
    if (breaker_look(segment, words->credential, now_ms) != BREAKER_READY ||
        breaker_claim(&worker->seat, words->credential, &rules, now_ms,
                      &attempt->credential_ticket))
        return true;
    breaker_release(words->endpoint, &attempt->endpoint_ticket);
    return false;
}

enum health_verdict
health_may_send(struct worker *worker,
                const struct catalogue_provider *provider,
                uint32_t endpoint_idx, unsigned credential,
                struct health_attempt *attempt)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct words words = words_of(worker, provider, endpoint_idx, credential);
    enum health_verdict verdict =
        look(worker, provider, endpoint_idx, &words, true);
    attempt->provider = NULL;
    if (verdict == HEALTH_COOLING)
        return verdict;
    health_send_anyway(worker, provider, endpoint_idx, credential, attempt);
    attempt->doubted = shm_load(&words.endpoint->run) != 0;
    if (verdict == HEALTH_PROBE &&
        !claim(worker, provider, &words, now_ms, attempt)) {
        attempt->provider = NULL;
        return HEALTH_COOLING;
    }
    return verdict;
}

bool
health_is_ready(const struct worker *worker,
                const struct catalogue_provider *provider,
                uint32_t endpoint_idx)
{
    const struct segment *segment = worker->heritage->segment;
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct words words =
        words_of(worker, provider, endpoint_idx, provider->credential_slot);
    return breaker_look(segment, words.endpoint, now_ms) == BREAKER_READY ||
           breaker_look(segment, words.credential, now_ms) == BREAKER_READY;
}

bool
health_claim_check(struct worker *worker,
                   const struct catalogue_provider *provider,
                   uint32_t endpoint_idx, struct health_attempt *attempt)
{
    unsigned credential = provider->credential_slot;
    struct words words = words_of(worker, provider, endpoint_idx, credential);
    health_send_anyway(worker, provider, endpoint_idx, credential, attempt);
    attempt->is_check = true;
    if (claim(worker, provider, &words, loop_now_ms(worker->loop), attempt) &&
        (attempt->endpoint_ticket.claim != 0 ||
         attempt->credential_ticket.claim != 0))
        return true;
    attempt->provider = NULL;
    return false;
}

/* ---- what came of it ---- */

static void
pass(struct worker *worker, struct shm_breaker *breaker,
     const struct health_attempt *attempt, struct breaker_ticket *ticket,
     bool is_endpoint)
{
    bool was_probe = ticket->claim != 0;
    breaker_pass(breaker, ticket, attempt->started_ms,
                 loop_now_ms(worker->loop));
    *ticket = (struct breaker_ticket){0};
    if (UNLIKELY(was_probe))
        health_tell_back(worker, attempt, is_endpoint);
}

/* It has answered, whatever it said. */
static void
pass_probes(struct worker *worker, const struct words *words,
            struct health_attempt *attempt, bool credential_too)
{
    if (attempt->endpoint_ticket.claim != 0)
        pass(worker, words->endpoint, attempt, &attempt->endpoint_ticket, true);
    if (credential_too && attempt->credential_ticket.claim != 0)
        pass(worker, words->credential, attempt, &attempt->credential_ticket,
             false);
}

void
health_head(struct worker *worker, struct health_attempt *attempt)
{
    attempt->has_head = true;
    if (LIKELY(attempt->endpoint_ticket.claim == 0 &&
               attempt->credential_ticket.claim == 0))
        return;
    struct words words = words_of(worker, attempt->provider,
                                  attempt->endpoint_idx, attempt->credential);
    pass_probes(worker, &words, attempt, true);
}

static void
fail_credential(struct worker *worker, const struct words *words,
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
fail_endpoint(struct worker *worker, const struct words *words,
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
    struct words words = words_of(worker, attempt->provider,
                                  attempt->endpoint_idx, attempt->credential);
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
    struct words words = words_of(worker, attempt->provider,
                                  attempt->endpoint_idx, attempt->credential);
    if (outcome->event != HEALTH_UNKNOWN && !attempt->is_check)
        count(worker, attempt, outcome);
    if (UNLIKELY(outcome->event != HEALTH_ANSWERED &&
                 outcome->event != HEALTH_UNKNOWN))
        note_fault(worker, attempt, outcome);
    switch (outcome->event) {
    case HEALTH_ANSWERED:
        pass(worker, words.endpoint, attempt, &attempt->endpoint_ticket, true);
        pass(worker, words.credential, attempt, &attempt->credential_ticket,
             false);
        limit_passed(words.limited, attempt->started_ms);
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
