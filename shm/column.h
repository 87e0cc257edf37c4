/*
 * column.h - worker seats. Master: FREE -> LIVE -> DYING. Reaper: -> FREE.
 * Identity of a process is pid and start time together.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_COLUMN_H
#define AIGW_SHM_COLUMN_H

#include <sys/types.h>

#include "shm/segment.h"

/* A worker's process-local handle on its own column. */
struct seat {
    struct segment *segment;
    uint32_t column;
    struct shm_column *shm;
    uint32_t slot_max;
    uint32_t *free_slots; /* stack of slot numbers, process-local */
    uint32_t free_count;
    uint64_t ring_head;  /* own copy */
    uint32_t look_first; /* cells.c: requests that look before announcing */
};

/* ---- Master only. ---- */
/*
 * column_find_free - FREE -> TAKEN: pages allocated, column_high published
 * before any worker of the column can start. -EAGAIN when all are taken,
 * -ENOSPC. A fork that fails is answered with column_mark_dying(). Columns that
 * a dead master took and whose child did not come are marked DYING on the way;
 * that child, should it come, is refused by column_claim().
 */
int column_find_free(struct segment *segment) MUST_CHECK;
/*
 * column_claim - TAKEN -> LIVE, in the child before the role starts (the pid is
 * known only after the fork; the memory that column_find_free() wrote is
 * inherited). 0, or -ESTALE: the column was taken away meanwhile (the master
 * died and another one is at work); the child must exit.
 */
int column_claim(struct segment *segment, uint32_t column, pid_t pid,
                 uint64_t config_generation);
/* LIVE or TAKEN -> DYING, after waitpid or a pidfd said that the process is
 * gone, or after a fork that failed. */
void column_mark_dying(struct segment *segment, uint32_t column);

/* ---- Worker. ---- */
/* All slots must be FREE (the reaper saw to it). 0 or -errno. */
int seat_open(struct seat *seat, struct segment *segment,
              uint32_t column) MUST_CHECK;
void seat_close(struct seat *seat);
void seat_heartbeat(struct seat *seat, uint64_t now_ms);
/* The name of this life of the worker, for who must know whether it goes on. */
enum { SEAT_NAME_BYTES = 48 };
void seat_name(const struct seat *seat, char out[SEAT_NAME_BYTES]);
/* Whether the ring would take the records of all slots in use and one more:
 * false while the accountant does not drain it. */
bool seat_ring_has_room(const struct seat *seat);
/* A free slot number, or -EAGAIN (none, or no ring room for one more record:
 * step H0). Give it back with seat_give_slot() when cells_hold() refused;
 * cells_settle() gives it back itself. */
int seat_take_slot(struct seat *seat) MUST_CHECK;
void seat_give_slot(struct seat *seat, uint32_t slot);

/* ---- Any process. ---- */
/* Whether the worker that calls itself so (seat_name(), or anything at all) is
 * there still: the column is its own. */
bool column_is_named(const struct segment *segment, const char *name);
static inline uint32_t
column_high(const struct segment *segment)
{
    uint32_t high = shm_load(&segment->header->column_high);
    return high < segment->column_max ? high : segment->column_max;
}

#endif
