/*
 * column.c - see column.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/column.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/proc.h"
#include "shm/ring.h"

static uint64_t
claim_word(uint32_t generation, uint32_t owner)
{
    return (uint64_t)generation << 32 | owner;
}

/* From nobody's to `owner`'s; one caller wins. The generation is in the word, so
 * that a child that slept through another life of the column cannot win. */
static bool
decide_claim(struct shm_column *shm, uint32_t generation, uint32_t owner)
{
    uint64_t expected = claim_word(generation, 0);
    return shm_cas_once(&shm->claim, &expected, claim_word(generation, owner));
}

/*
 * A TAKEN column that another master left: its child has not come yet, and will
 * be told so when it does; or it came and died before it was LIVE. Left alone
 * when it is on its way.
 */
static void
take_back(struct shm_column *shm)
{
    if (shm_load(&shm->pid) == (uint64_t)getpid() &&
        shm_load(&shm->start_time) == proc_start_time(getpid()))
        return; /* mine */
    uint64_t claim = shm_load(&shm->claim);
    uint32_t owner = (uint32_t)claim;
    bool gone =
        owner == 0
            ? decide_claim(shm, (uint32_t)(claim >> 32), SHM_GIVEN_UP)
            : owner == SHM_GIVEN_UP || proc_start_time((pid_t)owner) == 0;
    if (gone)
        shm_store(&shm->state, SHM_COLUMN_DYING);
}

static void
take(struct segment *segment, uint32_t column, struct shm_column *shm)
{
    struct shm_header *header = segment->header;
    uint32_t generation = shm_load_own(&shm->generation) + 1;
    segment->taken_generation[column] = generation;
    shm_store(&shm->generation, generation);
    shm_store(&shm->claim, claim_word(generation, 0));
    shm_store(&shm->pid, (uint64_t)getpid());
    shm_store(&shm->start_time, proc_start_time(getpid()));
    shm_store(&shm->started_ms, clock_mono_ms());
    shm_store(&shm->heartbeat_ms, clock_mono_ms());
    shm_store(&shm->connections, 0);
    shm_store(&shm->requests, 0);
    shm_store(&shm->draining, 0);
    shm_store(&shm->config_generation, 0); /* not the one before it */
    shm_store(&shm->last_request, 0);
    shm_store(&shm->last_key, 0);
    shm_store(&shm->slots_used, 0);
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
        if (state == SHM_COLUMN_TAKEN)
            take_back(shm);
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
    uint32_t generation = segment->taken_generation[column];
    if (generation == 0 || !decide_claim(shm, generation, (uint32_t)pid))
        return -ESTALE;
    shm_store(&shm->pid, (uint64_t)pid);
    shm_store(&shm->start_time, proc_start_time(pid));
    shm_store(&shm->config_generation, config_generation);
    shm_store(&shm->started_ms, clock_mono_ms());
    shm_store(&shm->heartbeat_ms, clock_mono_ms());
    shm_store(&shm->state, SHM_COLUMN_LIVE);
    return 0;
}

void
column_mark_dying(struct segment *segment, uint32_t column)
{
    struct shm_column *shm = segment_column(segment, column);
    uint32_t state = shm_load(&shm->state);
    uint64_t claim = shm_load(&shm->claim);
    /* A child that never came must not come later. */
    if (state == SHM_COLUMN_TAKEN && (uint32_t)claim == 0 &&
        !decide_claim(shm, (uint32_t)(claim >> 32), SHM_GIVEN_UP))
        return; /* it came just now: nobody is gone */
    if (state == SHM_COLUMN_TAKEN || state == SHM_COLUMN_LIVE)
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

/* H0: room for the records of all slots in use and of one more. */
bool
seat_ring_has_room(const struct seat *seat)
{
    uint64_t in_use = seat->slot_max - seat->free_count + 1;
    uint64_t waiting = seat->ring_head - shm_load(&seat->shm->ring_tail);
    return waiting + SHM_RECORD_MAX * in_use <= seat->segment->ring_bytes;
}

/* How much of the ring is promised: when the accountant had better drain it. */
static void
tell_slots_used(const struct seat *seat)
{
    shm_store(&seat->shm->slots_used, seat->slot_max - seat->free_count);
}

int
seat_take_slot(struct seat *seat)
{
    if (seat->free_count == 0 || !seat_ring_has_room(seat))
        return -EAGAIN;
    uint32_t slot = seat->free_slots[--seat->free_count];
    tell_slots_used(seat);
    return (int)slot;
}

void
seat_give_slot(struct seat *seat, uint32_t slot)
{
    CHECK(slot < seat->slot_max && seat->free_count < seat->slot_max);
    seat->free_slots[seat->free_count++] = slot;
    tell_slots_used(seat);
}

/* ---- names: "EPOCH-COLUMN-GENERATION" ---- */

void
seat_name(const struct seat *seat, char out[SEAT_NAME_BYTES])
{
    snprintf(out, SEAT_NAME_BYTES, "%" PRIx64 "-%" PRIu32 "-%" PRIu32,
             (uint64_t)seat->segment->header->epoch, seat->column,
             shm_load(&seat->shm->generation));
}

bool
column_is_named(const struct segment *segment, const char *name)
{
    uint64_t epoch;
    uint32_t column, generation;
    int end = 0;
    if (sscanf(name, "%" SCNx64 "-%" SCNu32 "-%" SCNu32 "%n", &epoch, &column,
               &generation, &end) != 3 ||
        name[end] != '\0' || epoch != segment->header->epoch ||
        column >= segment->column_max)
        return false;
    const struct shm_column *seat = segment_column(segment, column);
    return shm_load(&seat->state) == SHM_COLUMN_LIVE &&
           shm_load(&seat->generation) == generation;
}
