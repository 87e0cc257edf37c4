/*
 * relay_health.c - what became of an attempt, told to the health of its endpoint
 * and credential, once for each (worker/health.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

void
relay_limit_field(struct request *request, struct str name, struct str value)
{
    struct relay *relay = request->relay;
    uint64_t now_ms = loop_now_ms(request->worker->loop);
    relay->has_limits = true;
    health_limit_field(&relay->limits, name, value,
                       request->started_wall_ms +
                           (int64_t)(now_ms - request->started_ms));
}

void
relay_health_head(struct request *request)
{
    struct relay *relay = request->relay;
    if (request->health.provider == NULL)
        return;
    if (relay->has_limits) {
        struct health_limits limits;
        health_limits_end(&relay->limits, &limits);
        health_learn(request->worker, &request->health, &limits);
    }
    if (relay->kind != RELAY_ERROR)
        health_head(request->worker, &request->health);
}

/* A provider's error, by its own status: ours may be another. */
static enum health_event
event_of_error(const struct relay *relay)
{
    /* An error in the middle of an answer that began well. */
    if (relay == NULL || relay->kind != RELAY_ERROR)
        return HEALTH_FAILED;
    return health_event_of(relay->status);
}

static enum health_event
event_of(const struct request *request, uint8_t cause)
{
    switch ((enum record_cause)cause) {
    case RECORD_OK:
        return request->answer.error_seen ? HEALTH_FAILED : HEALTH_ANSWERED;
    case RECORD_PROVIDER_ERROR:
        return event_of_error(request->relay);
    case RECORD_UPSTREAM_FAILED:
    case RECORD_UPSTREAM_TIMEOUT:
    case RECORD_UPSTREAM_CUT:
        return HEALTH_FAILED;
    case RECORD_CUT:
    case RECORD_CLIENT_GONE:
    case RECORD_DRAIN_CUT:
    case RECORD_REFUSED:
    case RECORD_REVOKED:
    case RECORD_LOST:
    case RECORD_CAUSES:
        break;
    }
    /* Our own end of it. */
    return request->health.has_head ? HEALTH_ANSWERED : HEALTH_UNKNOWN;
}

void
relay_attempt_end(struct request *request, uint8_t cause)
{
    struct relay *relay = request->relay;
    if (UNLIKELY(request->queue.count > 0 || request->queue.key != NULL))
        queue_leave(request);
    if (request->health.provider == NULL)
        return;
    struct health_outcome outcome = {.event = event_of(request, cause)};
    if (relay != NULL && relay->has_limits)
        outcome.retry_after_ms = relay->limits.retry_after_ms;
    if (outcome.event == HEALTH_ANSWERED) {
        outcome.first_token_ms = request->first_token_ms;
        if (cause == RECORD_OK)
            outcome.output_tokens =
                request->usage.completion + request->usage.reasoning;
    } else {
        outcome.cause = cause;
        outcome.status =
            relay != NULL && relay->kind == RELAY_ERROR ? relay->status : 0;
    }
    health_note(request->worker, &request->health, &outcome);
    request->first_token_ms = 0;
    if (relay != NULL && relay->has_limits) {
        relay->has_limits = false;
        relay->limits = (struct health_limit_fields){0};
    }
}
