/*
 * health.h - whether an endpoint (a model at a provider) and a credential may be
 * sent a call now, and how they have been lately. The words are shared by all
 * workers (shm/endpoint_health.h); what is read often is kept here.
 *
 *   route    health_look()      for each candidate; takes nothing, nothing owed
 *   send     health_may_send()  for the one that is to have the call
 *            health_last_resort(), where nobody may be sent it
 *            health_may_resend(), when a connection of the pool was a dead one
 *   head     health_head()      the provider has answered
 *   end      health_note()      what came of it; once, by the relay
 *
 * Between health_may_send() that did not say COOLING and health_note() stands
 * one attempt. A PROBE is the only call that the endpoint gets until its outcome
 * is noted; when its worker dies, or after the provider's time-outs, another one
 * may.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_HEALTH_H
#define AIGW_WORKER_HEALTH_H

#include "shm/endpoint_health.h"
#include "worker/worker.h"

/* One call at one endpoint with one credential; a member of struct request. */
struct health_attempt {
    const struct catalogue_provider *provider; /* NULL: none is under way */
    uint32_t endpoint_idx;
    uint8_t credential; /* of the provider's, < HEALTH_CREDENTIALS */
    bool has_head;
    bool is_check; /* health_check.c's: counted nowhere */
    bool is_last_resort;
    bool doubted; /* the endpoint failed last, as far as is known */
    uint64_t started_ms;
    struct breaker_ticket endpoint_ticket, credential_ticket;
    uint64_t defied; /* of a last resort: the limit that stood against it */
};

enum health_event {
    HEALTH_ANSWERED,  /* an answer in full, or refused for its content (4xx) */
    HEALTH_FAILED,    /* not reached, silent, cut, nonsense, 5xx, 408 */
    HEALTH_LIMITED,   /* 429: this credential, at this endpoint */
    HEALTH_REFUSED,   /* 401, 402: this credential, anywhere */
    HEALTH_FORBIDDEN, /* 403: so, when it happens several times on end */
    HEALTH_UNKNOWN,   /* ended from our side before it had answered */
};

struct health_outcome {
    enum health_event event;
    uint64_t retry_after_ms; /* stated with a 429 or 503; 0: not */
    uint32_t first_token_ms; /* of a stream, from the start; 0: none */
    uint64_t output_tokens;  /* of an answer in full; 0: not known */
    /* Of what is no ANSWERED or UNKNOWN, for people. */
    uint16_t status; /* the provider's; 0: it did not answer */
    uint8_t cause;   /* enum record_cause */
};

/* What a status means (>= 300: a provider's error). */
enum health_event health_event_of(uint16_t status);

enum health_verdict {
    HEALTH_GOOD,
    HEALTH_PROBE,   /* its cool-down has passed: one call finds out */
    HEALTH_COOLING, /* nothing may be sent now */
};

/* Lives with the worker. NULL: out of memory. */
struct health *health_create(struct worker *worker) MUST_CHECK;
void health_destroy(struct health **health);

/* Without taking anything: PROBE may be another's a moment later. */
enum health_verdict health_look(struct worker *worker,
                                const struct catalogue_provider *provider,
                                uint32_t endpoint_idx, unsigned credential);
/*
 * health_may_send - right before a call is sent. GOOD, PROBE: *attempt has
 * begun, and health_note() is owed. COOLING: it has not.
 */
enum health_verdict health_may_send(struct worker *worker,
                                    const struct catalogue_provider *provider,
                                    uint32_t endpoint_idx, unsigned credential,
                                    struct health_attempt *attempt);
/* It is COOLING, and nobody else can take the call. True: *attempt has begun all
 * the same; false: lately that was of no use, and not yet again. Without `fails`
 * it is never refused. */
bool health_last_resort(struct worker *worker,
                        const struct catalogue_provider *provider,
                        uint32_t endpoint_idx, unsigned credential,
                        struct health_attempt *attempt);
/* The pool's connection ended before an answer: whether the attempt may use
 * another one. It counts among the calls behind a first failure. */
bool health_may_resend(struct worker *worker,
                       const struct health_attempt *attempt);
/* For how long the provider said that the credential has no calls left; 0. */
uint64_t health_limited_ms(const struct worker *worker,
                           const struct catalogue_provider *provider,
                           uint32_t endpoint_idx, unsigned credential);

/* The head of an answer that is none of an error: a probe has found out. */
void health_head(struct worker *worker, struct health_attempt *attempt);
/* Ends the attempt; nothing to do where none is under way. */
void health_note(struct worker *worker, struct health_attempt *attempt,
                 const struct health_outcome *outcome);

/* Medians over the last 5 minutes of all workers, over 30 where those have no
 * sample; at most half a second old. */
struct health_figures {
    bool has_ttft, has_speed;
    uint32_t ttft_p50_ms;          /* of streams */
    uint32_t tokens_per_s_p50_x10; /* answer's tokens by the attempt's time */
    uint32_t requests;             /* of these 5 minutes */
    uint32_t error_permille;       /* 429 among them */
    bool outage; /* a burst of failures, or a cool-down, in the last 30 s */
};
/* Valid until the next call for that endpoint. */
const struct health_figures *health_figures(struct worker *worker,
                                            uint32_t endpoint_idx);

/* ---- health_limits.c: what heads say of a credential's limits ---- */

/* The lowest of what a head says; all zero: nothing. */
struct health_limits {
    bool is_used_up;   /* requests or tokens: none left */
    uint64_t reset_ms; /* then: until there are some again */
    uint64_t retry_after_ms;
};
/*
 * A field of a provider's head whose name is x-ratelimit-..., anthropic-
 * ratelimit-..., retry-after or retry-after-ms; others change nothing.
 * wall_ms: now, for those that state a date. Remaining and reset may come in any
 * order: `pending` keeps them; health_limits_end() says what came of it.
 */
struct health_limit_fields {
    struct {
        bool has_remaining, has_reset;
        uint64_t remaining, reset_ms;
    } of[4]; /* requests, tokens, input tokens, output tokens */
    uint64_t retry_after_ms;
};
void health_limit_field(struct health_limit_fields *fields, struct str name,
                        struct str value, int64_t wall_ms);
void health_limits_end(const struct health_limit_fields *fields,
                       struct health_limits *out);
/* The attempt's credential has none left at its endpoint until the reset. */
void health_learn(struct worker *worker, const struct health_attempt *attempt,
                  const struct health_limits *limits);

#endif
