/*
 * revoke.h - running requests of keys that are disabled or deleted, where the
 * setting cut_on_revoke asks for it: they end within 100 ms, streams with an
 * error event. Nobody else pays for it: only while such a request runs does a
 * timer look at one word, and at requests only when that has changed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REVOKE_H
#define AIGW_WORKER_REVOKE_H

#include "worker/worker.h"

struct request;

/* One more such request runs; worker->revocable counts it until it ends. */
void revoke_watch(struct worker *worker);

/* ---- request.c, relay.c ---- */
/* Ends those whose key may not be used any more; one of them. */
void requests_cut_revoked(struct worker *worker);
void relay_revoke(struct request *request);

#endif
