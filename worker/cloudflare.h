/*
 * cloudflare.h - what Cloudflare's paths have of their own: errors in one of two
 * envelopes, names of providers.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CLOUDFLARE_H
#define AIGW_WORKER_CLOUDFLARE_H

#include "common/buf.h"
#include "shm/catalogue.h"
#include "worker/fault.h"

struct request;

/*
 * The gateway's envelope (`error`, `result: []`, and the same once more at the
 * top) for PLANE_CF_GATEWAY; the API's (`errors`, `result: null`) else. Clients
 * tell them apart, and read the number in them, so each of our codes has one.
 */
void cloudflare_error_body(struct buf *out, uint8_t plane,
                           const struct fault *fault);
/* What Cloudflare's clients look for in every answer: the name under which it
 * stands in the log, and their own name of it. */
void cloudflare_id_fields(const struct request *request, struct buf *out);
/*
 * The provider that the catalogue has for a name of Cloudflare's: of that very
 * name, or else one that Cloudflare names differently, or "custom-" before it.
 * Its index, or -1.
 */
int cloudflare_provider(const struct catalogue *catalogue, struct str name);

#endif
