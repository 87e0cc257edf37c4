/*
 * health_part.h - what the files of health*.c share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_HEALTH_PART_H
#define AIGW_WORKER_HEALTH_PART_H

#include "worker/health.h"

enum {
    HEALTH_SUSPECT_CALLS = 3, /* of this worker, in a run's first second */
    HEALTH_FIGURES_MS = 500,  /* so old a figure may be */
    HEALTH_PROBE_SLACK_MS = 1000,
};

/* What this worker keeps of an endpoint. */
struct health_row {
    struct health_figures figures;
    uint64_t figures_ms;    /* of when they are; 0: there are none */
    uint64_t suspect_since; /* the run that `suspect_sent` is of */
    uint32_t suspect_sent;
    /* Since when connections of the pool end without an answer, which may mean
     * nothing: 0, or what was sent since, in a second and without an answer. */
    uint32_t doubt_sent;
    uint64_t doubt_ms;
};

struct health_check;

struct health {
    struct worker *worker;
    uint32_t row_count;
    struct health_row *rows;     /* by endpoint */
    struct health_check *checks; /* under way; health_check.c */
};

/* The shared words of one endpoint and credential. */
struct health_words {
    struct shm_breaker *endpoint, *credential;
    shm_u64 *limited, *last_resort;
    bool is_checked; /* the credential, by health checks */
};

struct health_words health_words_of(const struct worker *worker,
                                    const struct catalogue_provider *provider,
                                    uint32_t endpoint_idx, unsigned credential);

struct breaker_rules health_rules(const struct catalogue_provider *provider);
/* To the log: it cools from now on; its probe has succeeded. */
void health_tell_cooling(struct worker *worker,
                         const struct health_attempt *attempt,
                         const struct shm_breaker *breaker, bool is_credential);
void health_tell_back(struct worker *worker,
                      const struct health_attempt *attempt, bool is_endpoint);
/* Whether the endpoint or the provider's credential waits for a probe. */
bool health_is_ready(const struct worker *worker,
                     const struct catalogue_provider *provider,
                     uint32_t endpoint_idx);
/* The probe of a health check. False: another has it, nothing is owed. */
bool health_claim_check(struct worker *worker,
                        const struct catalogue_provider *provider,
                        uint32_t endpoint_idx, struct health_attempt *attempt);

#endif
