/*
 * spend.c - see spend.h.
 *
 * A row is read between two equal names; its sums are a latch of two copies, as
 * an entry's policy: the spare one is written whole, then the version.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/spend.h"

#include "common/hash.h"
#include "shm/limit.h"

/* So many whole changes of one row during so many reads of it in turn. */
enum { LATCH_TRIES = 1000 };

uint32_t
spend_places(uint64_t name)
{
    return (uint32_t)(hash_mix64(name) % (SHM_SPENDS / SHM_LIMIT_WAYS)) *
           SHM_LIMIT_WAYS;
}

static bool
read_row(const struct shm_spend *row, struct spend_sums *sums)
{
    for (int tries = 0; tries < LATCH_TRIES; tries++) {
        uint64_t version = shm_load(&row->version);
        sums->window = shm_load(&row->copies[version % 2].window);
        sums->sum = shm_load(&row->copies[version % 2].sum);
        sums->last = shm_load(&row->copies[version % 2].last);
        if (shm_load(&row->version) == version)
            return true;
    }
    return false;
}

void
spend_read(const struct segment *segment, uint64_t name,
           struct spend_sums *sums)
{
    uint32_t first = spend_places(name);
    const shm_u64 *names = segment_spend_name(segment, first);
    for (uint32_t i = 0; i < SHM_LIMIT_WAYS; i++)
        if (shm_load(&names[i]) == name &&
            read_row(segment_spend(segment, first + i), sums) &&
            shm_load(&names[i]) == name)
            return;
    *sums = (struct spend_sums){0};
}

uint64_t
spend_at(const struct spend_sums *sums, uint64_t window_ms, bool sliding,
         int64_t wall_ms)
{
    typedef unsigned __int128 wide;
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    uint64_t window = ms / window_ms, into_ms = ms % window_ms;
    /* A clock that was set back: what was counted counts. */
    uint64_t sum = sums->window >= window ? sums->sum : 0;
    uint64_t last = sums->window >= window       ? sums->last
                    : sums->window + 1 == window ? sums->sum
                                                 : 0;
    if (!sliding)
        return sum;
    return sum + (uint64_t)((wide)last * (window_ms - into_ms) / window_ms);
}

void
spend_store(const struct segment *segment, uint32_t row, uint64_t name,
            const struct spend_sums *sums)
{
    struct shm_spend *shm = segment_spend(segment, row);
    uint64_t version = shm_load_own(&shm->version) + 1;
    shm_store(&shm->copies[version % 2].window, sums->window);
    shm_store(&shm->copies[version % 2].sum, sums->sum);
    shm_store(&shm->copies[version % 2].last, sums->last);
    shm_store(&shm->version, version);
    /* A new tenant's sums come before its name. */
    shm_store(segment_spend_name(segment, row), name);
}

void
spend_clear(const struct segment *segment, uint32_t row)
{
    shm_store(segment_spend_name(segment, row), 0);
}
