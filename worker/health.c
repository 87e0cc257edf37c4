/*
 * health.c - see health.h: what may be sent, as the shared words and this
 * worker's own row say.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/health_part.h"

#include <stdlib.h>

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

struct health_words
health_words_of(const struct worker *worker,
                const struct catalogue_provider *provider,
                uint32_t endpoint_idx, unsigned credential)
{
    const struct segment *segment = worker->heritage->segment;
    struct shm_health *health = segment_health(segment, endpoint_idx);
    CHECK(credential < HEALTH_CREDENTIALS);
    return (struct health_words){
        &health->breaker,
        &segment_credentials(segment, provider->provider_idx)
             ->breaker[credential],
        &health->limited[credential], &health->last_resort,
        provider->health_check != NULL && provider->is_checked};
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

/* A connection of the pool that ends instead of an answer may have been idle for
 * too long, or be the first sign of a death: until there is any answer, or for a
 * second, what is sent is counted as behind a failure. */
static bool
is_in_doubt(struct health_row *row, uint64_t now_ms, bool take)
{
    if (row->doubt_ms == 0)
        return false;
    if (now_ms >= row->doubt_ms + BREAKER_SUSPECT_MS) {
        row->doubt_ms = 0;
        return false;
    }
    if (row->doubt_sent >= HEALTH_SUSPECT_CALLS)
        return true;
    row->doubt_sent += take;
    return false;
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
        row->suspect_sent =
            is_in_doubt(row, now_ms, false) || row->doubt_ms != 0
                ? row->doubt_sent
                : 0;
        row->doubt_ms = 0;
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
     uint32_t endpoint_idx, const struct health_words *words, bool take)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    if (UNLIKELY(limit_until(words->limited) > now_ms))
        return HEALTH_COOLING;
    struct health_row *row = &worker->health->rows[endpoint_idx];
    if (LIKELY(shm_load(&words->endpoint->run) == 0 &&
               shm_load(&words->credential->run) == 0 && row->doubt_ms == 0))
        return HEALTH_GOOD;
    enum health_verdict endpoint =
        verdict_of(worker, provider, words->endpoint,
                   provider->health_check != NULL, now_ms);
    enum health_verdict credential = verdict_of(
        worker, provider, words->credential, words->is_checked, now_ms);
    enum health_verdict worse = endpoint > credential ? endpoint : credential;
    if (worse == HEALTH_GOOD &&
        (is_suspect(worker, endpoint_idx, words->endpoint, now_ms, take) ||
         is_in_doubt(row, now_ms, take)))
        return HEALTH_COOLING;
    return worse;
}

enum health_verdict
health_look(struct worker *worker, const struct catalogue_provider *provider,
            uint32_t endpoint_idx, unsigned credential)
{
    struct health_words words =
        health_words_of(worker, provider, endpoint_idx, credential);
    return look(worker, provider, endpoint_idx, &words, false);
}

/* ---- sending ---- */

static void
begin(const struct worker *worker, const struct catalogue_provider *provider,
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
      const struct health_words *words, uint64_t now_ms,
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
    struct health_words words =
        health_words_of(worker, provider, endpoint_idx, credential);
    enum health_verdict verdict =
        look(worker, provider, endpoint_idx, &words, true);
    attempt->provider = NULL;
    if (verdict == HEALTH_COOLING)
        return verdict;
    begin(worker, provider, endpoint_idx, credential, attempt);
    attempt->doubted = shm_load(&words.endpoint->run) != 0;
    if (verdict == HEALTH_PROBE &&
        !claim(worker, provider, &words, now_ms, attempt)) {
        attempt->provider = NULL;
        return HEALTH_COOLING;
    }
    return verdict;
}

bool
health_last_resort(struct worker *worker,
                   const struct catalogue_provider *provider,
                   uint32_t endpoint_idx, unsigned credential,
                   struct health_attempt *attempt)
{
    struct health_words words =
        health_words_of(worker, provider, endpoint_idx, credential);
    attempt->provider = NULL;
    if (provider->fails != 0 &&
        !last_resort_take(words.last_resort, loop_now_ms(worker->loop)))
        return false;
    begin(worker, provider, endpoint_idx, credential, attempt);
    attempt->is_last_resort = true;
    attempt->doubted = shm_load(&words.endpoint->run) != 0;
    attempt->defied = shm_load(words.limited);
    (void)breaker_defy(words.endpoint, &attempt->endpoint_ticket);
    (void)breaker_defy(words.credential, &attempt->credential_ticket);
    return true;
}

bool
health_may_resend(struct worker *worker, const struct health_attempt *attempt)
{
    if (attempt->provider == NULL || attempt->provider->fails == 0)
        return true;
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct health_words words = health_words_of(
        worker, attempt->provider, attempt->endpoint_idx, attempt->credential);
    struct health_row *row = &worker->health->rows[attempt->endpoint_idx];
    switch (breaker_look(worker->heritage->segment, words.endpoint, now_ms)) {
    case BREAKER_COOLING:
    case BREAKER_READY:
        return false;
    case BREAKER_SUSPECT:
        return !is_suspect(worker, attempt->endpoint_idx, words.endpoint,
                           now_ms, true);
    case BREAKER_HEALTHY:
    case BREAKER_RUN:
        break;
    }
    if (row->doubt_ms == 0 || now_ms >= row->doubt_ms + BREAKER_SUSPECT_MS) {
        row->doubt_ms = now_ms;
        row->doubt_sent = 0;
    }
    return !is_in_doubt(row, now_ms, true);
}

uint64_t
health_limited_ms(const struct worker *worker,
                  const struct catalogue_provider *provider,
                  uint32_t endpoint_idx, unsigned credential)
{
    uint64_t now_ms = loop_now_ms(worker->loop);
    uint64_t until_ms = limit_until(
        health_words_of(worker, provider, endpoint_idx, credential).limited);
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

bool
health_is_ready(const struct worker *worker,
                const struct catalogue_provider *provider,
                uint32_t endpoint_idx)
{
    const struct segment *segment = worker->heritage->segment;
    uint64_t now_ms = loop_now_ms(worker->loop);
    struct health_words words = health_words_of(worker, provider, endpoint_idx,
                                                provider->credential_slot);
    return breaker_look(segment, words.endpoint, now_ms) == BREAKER_READY ||
           breaker_look(segment, words.credential, now_ms) == BREAKER_READY;
}

bool
health_claim_check(struct worker *worker,
                   const struct catalogue_provider *provider,
                   uint32_t endpoint_idx, struct health_attempt *attempt)
{
    unsigned credential = provider->credential_slot;
    struct health_words words =
        health_words_of(worker, provider, endpoint_idx, credential);
    begin(worker, provider, endpoint_idx, credential, attempt);
    attempt->is_check = true;
    if (claim(worker, provider, &words, loop_now_ms(worker->loop), attempt) &&
        (attempt->endpoint_ticket.claim != 0 ||
         attempt->credential_ticket.claim != 0))
        return true;
    attempt->provider = NULL;
    return false;
}
