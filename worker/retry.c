/*
 * retry.c - see retry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/retry.h"

#include <stdlib.h>

#include "common/hash.h"
#include "common/log.h"
#include "worker/attempts.h"
#include "worker/error_reply.h"
#include "worker/relay_parts.h"
#include "worker/settings.h"

enum {
    WINDOW_MS = 10 * 1000,
    RETRIES_FREE = 10, /* of a window, for endpoints with few calls */
    RETRY_SHARE = 5,   /* one of so many calls may be a retry */
    PAUSE_MAX_MS = 30 * 1000,
    JITTER_SHARE = 4, /* a pause is up to a quarter longer */
};

/* Calls and retries in the window that began at `since_ms`. */
struct retry_budget {
    uint64_t since_ms;
    uint32_t calls, retries;
};

struct retries {
    uint32_t count;
    struct retry_budget budgets[];
};

struct retries *
retries_create(const struct segment *segment)
{
    uint32_t count = segment->header->endpoint_max;
    struct retries *retries =
        calloc(1, sizeof(*retries) + count * sizeof(retries->budgets[0]));
    if (retries != NULL)
        retries->count = count;
    return retries;
}

void
retries_destroy(struct retries **retries)
{
    free(*retries);
    *retries = NULL;
}

bool
retry_is_worth(uint16_t status)
{
    switch (status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 408:
    case 409:
    case 429:
        return true;
    default:
        return status >= 500;
    }
}

/* ---- the budget of an endpoint ---- */

static struct retry_budget *
budget_of(struct request *request, const struct catalogue_endpoint *endpoint)
{
    struct retries *retries = request->worker->retries;
    uint64_t now_ms = loop_now_ms(request->worker->loop);
    struct retry_budget *budget =
        &retries->budgets[endpoint->endpoint_idx % retries->count];
    if (now_ms - budget->since_ms >= WINDOW_MS)
        *budget = (struct retry_budget){.since_ms = now_ms};
    return budget;
}

void
retry_note_call(struct request *request)
{
    struct retry_budget *budget = budget_of(request, request->served);
    budget->calls++;
    if (request->attempts > 1)
        budget->retries++;
}

/* Of the first candidate, which is asked again. */
static bool
is_within_budget(struct request *request)
{
    const struct route_candidate *first = &request->plan.items[0];
    const struct catalogue_model *model =
        request->plan.models[first->model].model;
    const struct retry_budget *budget =
        budget_of(request, &model->endpoints[first->endpoint]);
    return budget->retries < RETRIES_FREE ||
           budget->retries < budget->calls / RETRY_SHARE;
}

/* ---- pauses ---- */

/* Before attempt `attempts` + 1, which is the `round`th time all are asked. */
static uint64_t
pause_ms(const struct request *request, uint64_t retry_after_ms)
{
    uint64_t base = setting_of(request, SETTING_RETRY_DELAY);
    uint32_t round = request->retry_round;
    uint64_t pause = base;
    switch ((enum setting_backoff)setting_of(request, SETTING_RETRY_BACKOFF)) {
    case BACKOFF_CONSTANT:
        break;
    case BACKOFF_LINEAR:
        pause = base * round;
        break;
    case BACKOFF_EXPONENTIAL:
        pause = base << (round - 1 < 8 ? round - 1 : 8);
        break;
    }
    uint64_t jitter = hash_mix64(request->id_words[1] + request->attempts) %
                      (pause / JITTER_SHARE + 1);
    pause += jitter;
    if (pause < retry_after_ms)
        pause = retry_after_ms;
    return pause;
}

static void
send_now(struct request *request)
{
    UNINITIALIZED struct fault fault;
    if (request_counts_here(request)) {
        request_count(request);
        return;
    }
    if (!relay_prepare(request))
        fault_set_overloaded(&fault, "out of memory");
    else if (relay_send_upstream(request, &fault) == 0)
        return;
    request->cause = RECORD_REFUSED;
    request_fail(request, &fault);
}

static void
on_pause_over(struct loop_timer *timer)
{
    send_now(OWNER_OF(timer, struct request, retry_timer));
}

void
retry_cancel(struct request *request)
{
    loop_timer_clear(request->worker->loop, &request->retry_timer);
}

/* ---- going on ---- */

static bool
has_attempts_left(const struct request *request)
{
    uint32_t most = setting_of(request, SETTING_MAX_ATTEMPTS);
    return most == 0 || request->attempts < most;
}

bool
retry_has_next(const struct request *request)
{
    return route_has_next(request) && has_attempts_left(request) &&
           !request->answer_started && request->client != NULL &&
           !request->worker->stopping;
}

/* What the attempt left behind goes; what was asked stays. */
static void
forget_attempt(struct request *request, uint8_t cause)
{
    relay_attempt_end(request, cause);
    if (request->exchange != NULL)
        exchange_abort(request->exchange);
    request->exchange = NULL;
    buf_reset(&request->held);
    request->upstream_answered = request->upstream_refused = false;
    request->answer.usage_seen = false; /* of the attempt that is over */
    request->paused = false;
    request->first_byte_ms = request->connect_ms = request->token_at_ms = 0;
    request->delivered_tokens = 0;
    request->error_text[0] = '\0';
    if (request->step == REQUEST_RELAY)
        request_enter(request, REQUEST_UPSTREAM);
}

/* Another credential may do better at the same endpoint. */
static bool
is_of_credential(const struct request *request, uint8_t cause)
{
    const struct relay *relay = request->relay;
    if (cause != RECORD_PROVIDER_ERROR || relay == NULL ||
        relay->kind != RELAY_ERROR)
        return false;
    switch (relay->status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 429:
        return true;
    default:
        return false;
    }
}

bool
retry_go_on(struct request *request, uint8_t cause)
{
    uint64_t pause = 0;
    if (request->answer_started || request->client == NULL ||
        request->worker->stopping || !has_attempts_left(request))
        return false;
    const struct catalogue_provider *failed = request->provider;
    struct shm_attempt tried;
    attempts_describe(request, cause, &tried);
    /* What it has cost is charged; the lease is to cover the next one too. */
    uint64_t cost[SHM_UNITS] = {tried.tokens, tried.nano};
    if (!admission_grow_by(request, cost))
        return false;
    bool goes_on = (request->provider->credential != NULL &&
                    is_of_credential(request, cause) &&
                    route_next_credential(request, false)) ||
                   route_next(request);
    if (!goes_on) {
        /* Refused before the plan moves: who failed last is still told. */
        if (setting_of(request, SETTING_MAX_ATTEMPTS) == 0 ||
            !is_within_budget(request))
            return false;
        request->retry_round++;
        pause = pause_ms(request, request->relay->limits.retry_after_ms);
        if (pause > PAUSE_MAX_MS)
            return false;
        route_again(request);
        if (!route_next(request))
            return false;
    }
    const struct catalogue_credential *next = request->provider->credential;
    log_info("request=%s while at provider %s: attempt %u came to nothing; "
             "going on at provider %s%s%s in %llu ms",
             request->id, failed->name, request->attempts,
             request->provider->name, next != NULL ? ", credential " : "",
             next != NULL ? next->name : "", (unsigned long long)pause);
    attempts_add_failed(request, &tried);
    forget_attempt(request, cause);
    if (pause == 0) {
        send_now(request);
    } else {
        request->retry_timer.expired = on_pause_over;
        loop_timer_set(request->worker->loop, &request->retry_timer,
                       loop_now_ms(request->worker->loop) + pause);
    }
    return true;
}
