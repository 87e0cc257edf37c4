/*
 * stress_worker.h - a worker of the stress test: random requests on all its
 * slots, each held, grown, advanced and settled or lost with its worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_STRESS_WORKER_H
#define AIGW_TESTS_STRESS_WORKER_H

#include <errno.h>

#include "tests/stress/stress_ledger.h"

enum { SLOTS = 8, PRICE = 7 };
/* Beside deaths anywhere: in the middle of so many operations each. */
enum { OPERATIONS_PER_DEATH = 1500 };
enum { WORKER_DIES_EVERY = 100000, ACCOUNTANT_DIES_EVERY = 10000 };

struct request {
    bool active;
    int key;
    uint32_t slot;
    uint64_t id, progress, want;
};

struct worker {
    struct segment segment;
    struct world *world;
    uint32_t column;
    struct seat seat;
    struct request requests[SLOTS];
};

static bool
may_overrun(int key)
{
    return group_of(key) == 1;
}

/* Calm threads: adds after the grant, takes off before the settle, so that the
 * ghost is never more than what is truly granted and used. */
static void
ghost_add(struct worker *w, int key, const int64_t amount[SHM_UNITS],
          int in_flight)
{
    const int both[2] = {key, KEYS + group_of(key)};
    if (w->world->mode != CALM_THREADS)
        return;
    for (int n = 0; n < 2; n++) {
        const struct shm_entry_hot *hot =
            segment_entry_hot(&w->segment, w->world->entry[both[n]]);
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            int64_t now = atomic_fetch_add(&w->world->ghost[both[n]][unit],
                                           amount[unit]) +
                          amount[unit];
            w->world->ghost_checks++;
            if (in_flight >= 0 && !may_overrun(key) &&
                now > shm_load(&hot->ceiling[unit]))
                w->world->ghost_broken++;
        }
        int32_t flying =
            atomic_fetch_add(&w->world->in_flight[both[n]], in_flight) +
            in_flight;
        uint32_t max = shm_load(&hot->max_in_flight);
        if (max != 0 && flying > (int32_t)max)
            w->world->ghost_broken++;
    }
}

static bool
find_key(struct worker *w, int key, struct key_view *view)
{
    return key_table_find(&w->segment, w->world->policy[key].digest, view) == 0;
}

static void
begin_request(struct worker *w, struct request *r)
{
    struct world *world = w->world;
    struct key_view view;
    struct hold_refusal why;
    int key = (int)random_below(KEYS);
    uint64_t n = 1 + random_below(60);
    int slot = seat_take_slot(&w->seat);
    if (slot < 0) {
        world->full++;
        return;
    }
    if (!find_key(w, key, &view))
        abort();
    uint64_t id = world->next_id[w->column] + 1;
    struct trace *trace = &world->trace[w->column][id % TRACES];
    trace->id = id;
    trace->place = 0;
    trace->acknowledged = 0;
    world->next_id[w->column] = id; /* burnt, whatever becomes of it */
    struct hold hold = {.key = &view,
                        .amount = {n, n * PRICE},
                        .overrun = may_overrun(key),
                        .request_id = {id, w->column}};
    int rc = cells_hold(&w->seat, (uint32_t)slot, &hold, &why);
    if (rc < 0) {
        world->next_id[w->column] = id - 1;
        seat_give_slot(&w->seat, (uint32_t)slot);
        world->refusals += rc == -EDQUOT;
        world->busy += rc == -EBUSY;
        if (rc != -EDQUOT && rc != -EBUSY)
            abort();
        return;
    }
    const int64_t amount[SHM_UNITS] = {(int64_t)n, (int64_t)(n * PRICE)};
    ghost_add(w, key, amount, 1);
    world->holds++;
    *r = (struct request){.active = true,
                          .key = key,
                          .slot = (uint32_t)slot,
                          .id = id,
                          .want = random_below(4) == 0 ? random_below(150) : n};
}

static void
settle_request(struct worker *w, struct request *r)
{
    struct world *world = w->world;
    unsigned char meta[SHM_RECORD_META_MAX];
    uint32_t meta_len = (uint32_t)random_below(
        random_below(4) == 0 ? SHM_RECORD_META_MAX + 1 : 64);
    struct shm_record record = {.tokens = r->progress,
                                .nano = r->progress * PRICE,
                                .request_id = {r->id, w->column},
                                .model_asked_len = (uint16_t)meta_len};
    for (uint32_t i = 0; i < meta_len; i++)
        meta[i] = (uint8_t)(w->seat.ring_head + sizeof(record) + i);
    int64_t less[SHM_UNITS];
    uint64_t charge[SHM_UNITS] = {record.tokens, record.nano};
    for (int unit = 0; unit < SHM_UNITS; unit++)
        less[unit] = (int64_t)charge[unit] -
                     (int64_t)cells_granted(&w->seat, r->slot, unit);
    ghost_add(w, r->key, less, -1);
    struct trace *trace = &world->trace[w->column][r->id % TRACES];
    cells_settle(&w->seat, r->slot, &record, meta, meta_len);
    for (int unit = 0; unit < SHM_UNITS; unit++)
        world->acknowledged[w->column][r->key][unit] += charge[unit];
    trace->acknowledged = 1;
    r->active = false;
}

/* One more piece of a stream: grows its lease where it must. */
static void
advance_request(struct worker *w, struct request *r)
{
    struct hold_refusal why;
    uint64_t granted = cells_granted(&w->seat, r->slot, SHM_TOKENS);
    uint64_t progress = r->progress + 1 + random_below(r->want - r->progress);
    if (progress > granted) {
        uint64_t more = progress - granted + random_below(20);
        const uint64_t add[SHM_UNITS] = {more, more * PRICE};
        if (cells_grow(&w->seat, r->slot, add, &why) == 0) {
            const int64_t amount[SHM_UNITS] = {(int64_t)more,
                                               (int64_t)(more * PRICE)};
            ghost_add(w, r->key, amount, 0);
            w->world->grows++;
        } else if (!may_overrun(r->key)) {
            r->want = r->progress; /* cut */
            return;
        }
    }
    const uint64_t now[SHM_UNITS] = {progress, progress * PRICE};
    cells_progress(&w->seat, r->slot, now);
    r->progress = progress;
}

static void
worker_life(struct worker *w)
{
    require(column_claim(&w->segment, w->column, getpid(), 1), "claim");
    require(seat_open(&w->seat, &w->segment, w->column), "seat");
    memset(w->requests, 0, sizeof(w->requests));
    while (!w->world->stop) {
        struct request *r = &w->requests[random_below(SLOTS)];
        if (self->die_every != 0 && random_below(OPERATIONS_PER_DEATH) == 0)
            self->fuse = 1 + random_below(r->active ? 30 : 60);
        if (!r->active)
            begin_request(w, r);
        else if (r->progress < r->want)
            advance_request(w, r);
        else
            settle_request(w, r);
    }
    for (int i = 0; i < SLOTS; i++)
        if (w->requests[i].active && w->world->mode == CALM_THREADS)
            settle_request(w, &w->requests[i]);
}

#endif
