/*
 * teller.h - talks with the service that keeps balances ([balance]). The
 * accountant has no network: each worker asks it for the next question or
 * charge, does that, and says what came of it when it asks again.
 *
 *   POST /admin/v1/balances/work {"courier", "done"} -> task
 *   GET  URL/admin/v1alpha1/account-with-workspace?namespace=GROUP
 *   GET  URL/admin/v1alpha1/real-name-info?userUID=USER
 *   POST URL/admin/v1alpha1/charge-billing
 *
 * A task is had until the accountant was told of it, however often it dies
 * meanwhile; a charge is sent once, on a connection of its own. Nothing of this
 * touches calls.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_TELLER_H
#define AIGW_WORKER_TELLER_H

#include <stdbool.h>

struct worker;

/* With each heartbeat. */
void teller_tick(struct worker *worker);
/* It has a task that it has not told of: a worker that drains waits for it. */
bool teller_is_busy(const struct worker *worker);
/* Gives up what is under way: whether a charge was taken, nobody knows then. */
void teller_stop(struct worker *worker);

#endif
