/*
 * courier.h - posts events of alerts to their webhooks. The accountant has no
 * network: one worker at a time asks it on its unix socket what is due, posts
 * that, and says what came of it. Whoever holds header.courier_ms is that one;
 * when he dies its time passes, and another one sends again what he had not told
 * of. Nothing of this touches calls.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_COURIER_H
#define AIGW_WORKER_COURIER_H

struct worker;

/* With each heartbeat. */
void courier_tick(struct worker *worker);
/* Gives up what is under way, which is told again by another one. */
void courier_stop(struct worker *worker);

#endif
