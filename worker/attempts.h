/*
 * attempts.h - what became of each attempt of a call, for its record, and what
 * those that failed have cost.
 *
 * An attempt that came to nothing is charged what its provider stated, once, by
 * the prices of its endpoint; without a statement nothing, for nobody knows. What
 * an attempt before the last has cost is added to what the last one costs: the
 * record's tokens and nano are all of it, its classes of usage are those of the
 * last alone.
 *
 * A call whose first attempt succeeds does nothing here.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ATTEMPTS_H
#define AIGW_WORKER_ATTEMPTS_H

#include "worker/request.h"

/* The attempt that is ending by `cause`, of the endpoint that request->served
 * still is; what it stated is its charge. Changes nothing that is settled. */
void attempts_describe(struct request *request, uint8_t cause,
                       struct shm_attempt *out);
/* It is over, and another one follows: kept, its charge added up. */
void attempts_add_failed(struct request *request,
                         const struct shm_attempt *attempt);
/* usage.c: nano, by the prices of its endpoint that hold for it, as far as is known
 * of time, tokens and service tier. */
int64_t usage_cost(const struct request *request, const struct usage *usage);
/* usage_settle(), before the attempt is forgotten: the last one of the list, where
 * there is anything to list. */
void attempts_end(struct request *request);
/* The list as the record has it: at most `room` bytes. Returns its length. */
uint32_t attempts_fill(const struct request *request, void *out, size_t room);

#endif
