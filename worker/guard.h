/*
 * guard.h - what a gateway profile looks for in a call: patterns in the texts of
 * the request and of the answer, and a webhook that is asked before the call.
 *
 *   guard_before() -> the request's texts, over several turns where there are many
 *                  -> the webhook's answer -> request_admit(), or a refusal
 *   answer         -> guard_text() piece by piece, guard_ready() says up to where
 *                     it may pass: text that may be the beginning of a match waits,
 *                     PATTERN_SPAN bytes of it at most; plain ones as a whole
 *
 * A search that takes too long counts as a match: hostile texts gain nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_GUARD_H
#define AIGW_WORKER_GUARD_H

#include "worker/pattern_set.h"
#include "worker/request.h"

struct guard;

/* Whether this call's profile has anything to do before it, or with its answer. */
bool guard_is_wanted(const struct request *request);
/* The call is routed. Goes on with request_admit() or refuses it, now or later. */
void guard_before(struct request *request);
/* The request ends: nothing of it comes any more. */
void guard_free(struct guard **guard);

/* ---- the answer ---- */

/* Whether answers are looked at. */
bool guard_has_answer(const struct guard *guard);
/* A new provider's answer begins. */
void guard_begin_answer(struct guard *guard);
/* A piece of a stream's text: the inside of a JSON string. */
void guard_text(struct guard *guard, struct str inside);
/* What has been said so far is in the first `out_end` bytes that go out. */
void guard_mark(struct guard *guard, uint64_t out_end);
/* Looks at what is new; `last`: no text follows. How many of the bytes that go
 * out may pass in all. */
uint64_t guard_ready(struct guard *guard, bool last);
/* Something was found that blocks; by guard_ready() or guard_body(). */
bool guard_blocks(const struct guard *guard);
/* All strings of a plain answer, or its text. */
void guard_body(struct guard *guard, struct str body, bool is_json);
/* Why, in the words of the client's plane; RECORD_BLOCKED is set. */
void guard_fault(struct request *request, bool of_prompt, struct fault *fault);
/* Bytes of a stream that wait, where the dialects are the same. */
struct buf *guard_held(struct guard *guard);
/* Of them, how many were given away before. */
uint64_t *guard_passed(struct guard *guard);

#endif
