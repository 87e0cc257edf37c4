/*
 * health_check.h - a provider that cools down is asked by a GET of its own, so
 * that no client's call has to find out whether it is back ([provider]
 * health_check). One worker of all asks, once each health_check_interval; what
 * the answer says holds for all models at the provider that wait for a probe.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_HEALTH_CHECK_H
#define AIGW_WORKER_HEALTH_CHECK_H

struct worker;

/* From the worker's heartbeat: asks whom it is time to ask. */
void health_check_tick(struct worker *worker);
/* Checks under way are given up. Before upstreams_destroy(). */
void health_check_stop(struct worker *worker);

#endif
