/*
 * spend.h - counters of spend rules, one for each partition that was ever seen:
 * derived rows, which the accountant alone inserts, counts and takes away; what
 * it counted is durable in the ledger. Workers read: a rule is as soft as
 * Cloudflare's, looked at before a call and never while it runs.
 *
 * A hashed table of names with SHM_LIMIT_WAYS places for each. When all of a
 * name's are taken, the row that counted least leaves (spend_book.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_SPEND_H
#define AIGW_SHM_SPEND_H

#include "shm/segment.h"

#define SHM_SPEND_NONE 0xffffffffu

/* Nano of window `window` and of the one before. */
struct spend_sums {
    uint64_t window, sum, last;
};

/* ---- Any process. ---- */
/* The first of the places that a name may have. */
uint32_t spend_places(uint64_t name);
/* What is counted under that name; zeros: nothing yet. Waits for nobody. */
void spend_read(const struct segment *segment, uint64_t name,
                struct spend_sums *sums);
/* What of it counts at an instant, in a window of window_ms. */
uint64_t spend_at(const struct spend_sums *sums, uint64_t window_ms,
                  bool sliding, int64_t wall_ms);

/* ---- Accountant only. ---- */
void spend_store(const struct segment *segment, uint32_t row, uint64_t name,
                 const struct spend_sums *sums);
void spend_clear(const struct segment *segment, uint32_t row);

#endif
