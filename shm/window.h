/*
 * window.h - requests in windows of a fixed length, as one atomic word: the
 * window's number, what it counts and what the one before it counted. Many
 * writers, compare-and-swap; a dead worker leaves it whole.
 *   fixed    windows are aligned to the clock; at most `limit` in each
 *   sliding  the same, and the last one's count weighted by how much of it the
 *            past `interval` still covers
 * Source: wire.md 2.6 (Cloudflare's AI Gateway).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_WINDOW_H
#define AIGW_SHM_WINDOW_H

#include "shm/segment.h"

enum { WINDOW_LIMIT_MAX = (1 << 22) - 1 }; /* what a word can count */

enum window_technique { WINDOW_FIXED, WINDOW_SLIDING };

struct window_rule {
    uint64_t limit;       /* requests; 1 to WINDOW_LIMIT_MAX */
    uint64_t interval_ms; /* 1 or more */
    enum window_technique technique;
};

/* window_take - one request more at wall time now_ms. 0, or -EAGAIN: nothing is
 * taken, *retry_ms (NULL: not asked) until one would pass if none came. */
int window_take(shm_u64 *word, const struct window_rule *rule, int64_t now_ms,
                uint64_t *retry_ms) MUST_CHECK;
/* Gives one back that was taken and did not go on; nothing in a later window. */
void window_give_back(shm_u64 *word, const struct window_rule *rule,
                      int64_t now_ms);

#endif
