/*
 * universal_step.h - the calls in a body of Cloudflare's universal endpoint
 * (request_universal.c), and the fields that one of them has of its own.
 *
 *   [{"provider": "openai", "endpoint": "chat/completions", "query": {...},
 *     "headers": {"name": "value"}, "config": {"requestTimeout": 500}}, ...]
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_UNIVERSAL_STEP_H
#define AIGW_WORKER_UNIVERSAL_STEP_H

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "worker/attempt_policy.h"
#include "worker/dialect/call.h"

enum {
    UNIVERSAL_STEPS_MAX = 16,
    UNIVERSAL_NAME_BYTES = 256,
    UNIVERSAL_FIELDS_MAX = 32,
    UNIVERSAL_FIELDS_BYTES = 8192, /* as they stand in the body */
};

struct universal_step {
    char path[2 * UNIVERSAL_NAME_BYTES]; /* /v1/a/g/PROVIDER/ENDPOINT */
    struct span32 query, headers;        /* of the body */
    struct attempt_policy policy;
};

/*
 * universal_read_steps - all calls of a body, each of them checked. Returns
 * their number, or -1 with *fault (400).
 */
int universal_read_steps(struct str body,
                         struct universal_step steps[UNIVERSAL_STEPS_MAX],
                         struct fault *fault);
/*
 * universal_step_head - what of a client's head a step's provider may see: the
 * step's own fields, before those of the client's that it does not name. Those
 * of a connection's own (hop-by-hop) are left out; which others pass is up to
 * provider_client_fields(). `texts` holds the step's names and values as long as
 * `out` is used. 0, or -1 with *fault (400, 503).
 */
int universal_step_head(struct str headers, const struct http_head *client,
                        struct http_head *out, struct buf *texts,
                        struct fault *fault);

#endif
