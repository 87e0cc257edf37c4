/*
 * attempt_policy.h - how long one try of a call may take and how often it is
 * tried, as the caller states it: Cloudflare's names and limits.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ATTEMPT_POLICY_H
#define AIGW_WORKER_ATTEMPT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "worker/fault.h"

enum attempt_backoff {
    ATTEMPT_BACKOFF_UNSET,
    ATTEMPT_BACKOFF_CONSTANT,
    ATTEMPT_BACKOFF_LINEAR,
    ATTEMPT_BACKOFF_EXPONENTIAL,
};

enum {
    ATTEMPT_TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000,
    ATTEMPT_DELAY_MAX_MS = 5000,
    ATTEMPT_TRIES_MAX = 5,
};

/* All zeros: nothing is stated. */
struct attempt_policy {
    uint32_t request_timeout_ms; /* until the first byte of the answer */
    uint8_t max_attempts;        /* 1 to 5 */
    uint8_t backoff;             /* attempt_backoff */
    bool has_retry_delay;
    uint16_t retry_delay_ms; /* 0 to 5,000 */
};

/*
 * attempt_policy_read - of an object {"requestTimeout", "maxAttempts",
 * "retryDelay", "backoff"}; others are passed over, null is not stated, of
 * duplicates the last counts. 0, or -1 with *fault (400), the member named.
 */
int attempt_policy_read(struct str object, struct attempt_policy *policy,
                        struct fault *fault);

#endif
