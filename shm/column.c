/*
 * column.c - see column.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/column.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/proc.h"
#include "shm/ring.h"

/* How long a column stays TAKEN before another master gives its child up. */
enum { TAKEN_MS = 60000 };

uint32_t
column_high(const struct segment *segment)
{
    uint32_t high = shm_load(&segment->header->column_high);
    return high < segment->column_max ? high : segment->column_max;
}

/* TAKEN -> `to`, unless somebody else was first. */
static bool
leave_taken(struct shm_column *shm, uint32_t to)
{
    uint32_t expected = SHM_COLUMN_TAKEN;
    return atomic_compare_exchange_strong_explicit(
        &shm->state, &expected, to, memory_order_acq_rel, memory_order_acquire);
}

static bool
was_abandoned(const struct shm_column *shm)
{
    if (shm_load(&shm->pid) == (uint64_t)getpid() &&
        shm_load(&shm->start_time) == proc_start_time(getpid()))
        return false;
    return clock_mono_ms() - shm_load(&shm->started_ms) > TAKEN_MS;
}

static void
take(struct segment *segment, uint32_t column, struct shm_column *shm)
{
    struct shm_header *header = segment->header;
    shm_store(&shm->generation, shm_load_own(&shm->generation) + 1);
    shm_store(&shm->pid, (uint64_t)getpid());
    shm_store(&shm->start_time, proc_start_time(getpid()));
    shm_store(&shm->started_ms, clock_mono_ms());
    shm_store(&shm->heartbeat_ms, clock_mono_ms());
    shm_store(&shm->connections, 0);
    shm_store(&shm->requests, 0);
    shm_store(&shm->draining, 0);
    /* Before a worker of it can announce anything: whoever sums after this
     * worker's first fence must look at its cells. */
    if (shm_load_own(&header->column_high) < column + 1)
        shm_store(&header->column_high, column + 1);
    shm_store(&shm->state, SHM_COLUMN_TAKEN);
}

int
column_find_free(struct segment *segment)
{
    for (uint32_t i = 0; i < segment->column_max; i++) {
        struct shm_column *shm = segment_column(segment, i);
        uint32_t state = shm_load(&shm->state);
        if (state == SHM_COLUMN_TAKEN && was_abandoned(shm))
            leave_taken(shm, SHM_COLUMN_DYING);
        if (state != SHM_COLUMN_FREE)
            continue;
        int rc = segment_allocate_column(segment, i);
        if (rc < 0)
            return rc;
        take(segment, i, shm);
        return (int)i;
    }
    return -EAGAIN;
}

int
column_claim(struct segment *segment, uint32_t column, pid_t pid,
             uint64_t config_generation)
{
    struct shm_column *shm = segment_column(segment, column);
    if (shm_load(&shm->state) != SHM_COLUMN_TAKEN)
        return -ESTALE;
    shm_store(&shm->pid, (uint64_t)pid);
    shm_store(&shm->start_time, proc_start_time(pid));
    shm_store(&shm->config_generation, config_generation);
    shm_store(&shm->started_ms, clock_mono_ms());
    shm_store(&shm->heartbeat_ms, clock_mono_ms());
    return leave_taken(shm, SHM_COLUMN_LIVE) ? 0 : -ESTALE;
}

void
column_mark_dying(struct segment *segment, uint32_t column)
{
    struct shm_column *shm = segment_column(segment, column);
    if (leave_taken(shm, SHM_COLUMN_DYING))
        return;
    if (shm_load(&shm->state) == SHM_COLUMN_LIVE)
        /* release: pairs with the reaper's load; the dead wrote all it will */
        shm_store(&shm->state, SHM_COLUMN_DYING);
}

int
seat_open(struct seat *seat, struct segment *segment, uint32_t column)
{
    seat->segment = segment;
    seat->column = column;
    seat->shm = segment_column(segment, column);
    seat->slot_max = segment->slot_max;
    seat->free_count = 0;
    seat->ring_head = ring_head(segment, column);
    seat->look_first = 0;
    seat->free_slots = calloc(seat->slot_max, sizeof(*seat->free_slots));
    if (seat->free_slots == NULL)
        return -ENOMEM;
    /* From the top down, so that low numbers are used most and stay in cache. */
    for (uint32_t slot = seat->slot_max; slot > 0; slot--) {
        if (shm_load(&segment_slot(segment, column, slot - 1)->state) !=
            SHM_SLOT_FREE) {
            seat_close(seat);
            return -EBUSY;
        }
        seat->free_slots[seat->free_count++] = slot - 1;
    }
    return 0;
}

void
seat_close(struct seat *seat)
{
    free(seat->free_slots);
    seat->free_slots = NULL;
    seat->free_count = 0;
}

void
seat_heartbeat(struct seat *seat, uint64_t now_ms)
{
    shm_store(&seat->shm->heartbeat_ms, now_ms);
}

int
seat_take_slot(struct seat *seat)
{
    if (seat->free_count == 0)
        return -EAGAIN;
    /* H0: room for the records of all slots in use and of this one. */
    uint64_t in_use = seat->slot_max - seat->free_count + 1;
    uint64_t waiting = seat->ring_head - shm_load(&seat->shm->ring_tail);
    if (waiting + SHM_RECORD_MAX * in_use > seat->segment->ring_bytes)
        return -EAGAIN;
    return (int)seat->free_slots[--seat->free_count];
}

void
seat_give_slot(struct seat *seat, uint32_t slot)
{
    CHECK(slot < seat->slot_max && seat->free_count < seat->slot_max);
    seat->free_slots[seat->free_count++] = slot;
}
