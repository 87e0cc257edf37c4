/*
 * rate.h - requests and tokens per minute: one atomic word each (GCRA: the
 * theoretical arrival time in monotonic ns). Many writers, compare-and-swap;
 * a word that a dead worker charged heals as time passes.
 *   invariant: word <= now + 120 s (a minute by requests, one by corrections);
 *   a word beyond that counts as that.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_RATE_H
#define AIGW_SHM_RATE_H

#include "shm/segment.h"

struct rate_answer {
    uint64_t limit, remaining; /* of the minute, now */
    uint64_t reset_ns;         /* until all of it is free again */
    uint64_t retry_ns;         /* when refused: until this would pass */
};
/* rate_take - n units (1 request, or estimated tokens) of `per_minute`. 0, or
 * -EAGAIN over the limit (nothing taken). per_minute 0: always 0. A request
 * larger than the whole limit passes alone when the word is idle, and takes
 * the whole minute. */
int rate_take(shm_u64 *tat_ns, uint64_t per_minute, uint64_t n, uint64_t now_ns,
              struct rate_answer *answer) MUST_CHECK;
/* Tokens: what was really used instead of the estimate (may go both ways);
 * `delta` = used - estimate. */
void rate_correct(shm_u64 *tat_ns, uint64_t per_minute, int64_t delta,
                  uint64_t now_ns);

#endif
