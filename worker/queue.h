/*
 * queue.h - calls at once at an endpoint and at a provider (max_concurrency),
 * and who waits for them.
 *
 * Counted over all workers by gates (shm/endpoint_health.h). Each worker keeps
 * those of its calls that wait, by virtual key: keys have their turns one after
 * the other, the one that was served longest ago first, so a key with ten
 * thousand waiting calls keeps another one waiting for a single call. Between
 * workers the same: each says since when its next key waits, and who is not next
 * leaves a free place alone for a moment.
 *
 * A call waits in front of each attempt, with its lease held. Its place is the
 * attempt's: relay_attempt_end() gives it back.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_QUEUE_H
#define AIGW_WORKER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

struct fault;
struct request;
struct worker;
struct queues;
struct queue_key;

/* A request's part; zero: no place, and none is waited for. */
struct queue_place {
    uint8_t count;         /* of places that it has */
    uint32_t gates[2];     /* at these */
    struct queue_key *key; /* it waits among these; NULL: it does not */
    struct request *next;  /* of the same key, in order of arrival */
    uint64_t since_ms;
};

struct catalogue_model;
struct catalogue_provider;

enum queue_verdict {
    QUEUE_PASS, /* it has its places; where no limit is set nothing is done */
    QUEUE_WAIT, /* it waits: relay_turn() or relay_turn_failed() comes later */
    QUEUE_FULL, /* as many wait as may, or there is no memory: 503 */
};

/* For the call's provider and model as they are now. PASS again when it has its
 * places already. */
enum queue_verdict queue_enter(struct request *request);
/* Gives its places back, or its place in the queue. Nothing to do without. */
void queue_leave(struct request *request);

/* relay.c: it has its places; or it has waited for nothing. */
void relay_turn(struct request *request);
void relay_turn_failed(struct request *request, const struct fault *fault);

struct queues *queues_create(struct worker *worker) MUST_CHECK;
/* Nobody waits any more; behind loop_destroy(). */
void queues_destroy(struct queues **queues);

#endif
