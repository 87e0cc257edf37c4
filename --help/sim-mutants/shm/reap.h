/*
 * reap.h - completes or undoes what a dead worker left: R1..R5 of the protocol,
 * in exactly that order. May die anywhere and be repeated. Accountant only; no
 * LevelDB, no waiting.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_REAP_H
#define AIGW_SHM_REAP_H

#include "shm/segment.h"

struct reap_result {
    uint32_t completed, lost, undone; /* SETTLING, SENT, HELD slots */
    uint32_t damaged; /* slots whose words cannot be: undone, never charged */
};
/*
 * reap_column - column must be DYING. now_wall_ms stands in the lost records.
 * The counters of `result` are added to. Where the ring has no room for a lost
 * record (damage: H0 was not kept) the column stays DYING; the next call after
 * a flush goes on.
 */
void reap_column(struct segment *segment, uint32_t column, int64_t now_wall_ms,
                 struct reap_result *result);
/* All DYING columns; returns how many were reaped. */
uint32_t reap_all(struct segment *segment, int64_t now_wall_ms,
                  struct reap_result *result);

#endif
