/*
 * retry.h - what follows a call to a provider that came to nothing: the next
 * candidate of the plan, the same ones once more after a pause, or the end.
 *
 *   what happened                          what follows
 *   not reached, cut, nonsense, timeout    the next one
 *   408, 409, 429, 500 and above           the next one
 *   401, 402, 403, 404, and 429            the same one with the next credential,
 *                                          where its provider has several
 *   401, 402, 403, 404                     the next one: it is the credential's
 *                                          or this provider's fault, not the call's
 *   400, 413, 422, 451, other 4xx          the answer
 *   a byte of the answer went out          the end
 *
 * max_attempts bounds all calls of a request; without it each candidate is asked
 * once. The same ones again: after retry_delay, growing by retry_backoff, with
 * jitter, or as long as the provider said (Retry-After), and only while retries
 * are few among the calls that the endpoint gets (a budget of this worker).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_RETRY_H
#define AIGW_WORKER_RETRY_H

#include "worker/request.h"

/* Budgets of all endpoints. NULL: out of memory. */
struct retries *retries_create(const struct segment *segment) MUST_CHECK;
void retries_destroy(struct retries **retries);

/* Whether a provider's status is one that another one may do better. */
bool retry_is_worth(uint16_t status);
/* A call is sent to the candidate: counts for its budget. */
void retry_note_call(struct request *request);
/*
 * retry_go_on - the attempt is over by `cause` (record_cause; its exchange, if it
 * is there, is given up) and nothing was told to the client: sends to the next
 * candidate, or arranges for it. False: there is nothing more to try, nothing has
 * changed, and the caller tells what it has.
 */
bool retry_go_on(struct request *request, uint8_t cause);
/* Whether a failure would lead to a candidate that was not asked yet. */
bool retry_has_next(const struct request *request);
/* The request ends while it waits for its next attempt. */
void retry_cancel(struct request *request);

#endif
