/*
 * probe.h - tests of providers (POST /admin/v1/providers/NAME/test): one small
 * chat call, in the provider's own dialect and with its own credential. The
 * accountant has no network: a worker asks it for a test that waits, makes the
 * call and tells what came of it.
 *
 *   POST /admin/v1/provider-tests {"worker"}          -> {"id", "provider", ...}
 *   the call, 45 s at most
 *   POST /admin/v1/provider-tests {"worker", "done"}
 *
 * No key, budget, limit, record or health word knows of it. When the worker
 * dies the accountant sees it, and tells the client; when the accountant dies
 * nobody waits any more, and what came of it is dropped.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROBE_H
#define AIGW_WORKER_PROBE_H

struct worker;

/* With each heartbeat: where tests wait, asks for one. */
void probe_tick(struct worker *worker);
/* Gives up those under way. */
void probe_stop(struct worker *worker);

#endif
