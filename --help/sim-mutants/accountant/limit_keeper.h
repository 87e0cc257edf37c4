/*
 * limit_keeper.h - the accountant's care for the segment's rows of limits:
 * what is idle is freed, at once where a worker found no room.
 * Loop thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LIMIT_KEEPER_H
#define AIGW_ACCOUNTANT_LIMIT_KEEPER_H

#include <stdint.h>

struct store;

struct limit_keeper {
    uint64_t sweep_ms; /* monotonic: not before */
    uint64_t misses;   /* seen of header.limit_misses */
    uint64_t told_ms;  /* monotonic: the log said so */
    uint32_t rows;     /* in use after the last sweep */
};

void limit_keeper_tick(struct store *store, uint64_t now_ms);

#endif
