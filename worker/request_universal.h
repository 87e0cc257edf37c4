/*
 * request_universal.h - a body with several calls (Cloudflare's universal
 * endpoint), of which the first that succeeds is the answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_UNIVERSAL_H
#define AIGW_WORKER_REQUEST_UNIVERSAL_H

#include "worker/attempt_policy.h"
#include "worker/request.h"

/* The body is there: the first call of those in it. */
void universal_begin(struct request *request);
/*
 * The request has failed with `status`, and nothing was told to the client: it
 * ends, and the next call goes on as a request of its own. False: there is none,
 * the client is to be told.
 */
bool universal_next(struct request *request, uint16_t status);
uint32_t universal_step_index(const struct universal *universal);
/* Of the step under way: the fields that its provider may see, in place of the
 * client's; how it is to be tried. */
const struct http_head *universal_head(const struct universal *universal);
const struct attempt_policy *
universal_policy(const struct universal *universal);
void universal_free(struct universal **universal);

#endif
