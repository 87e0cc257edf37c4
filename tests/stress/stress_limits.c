/*
 * stress_limits.c - rows of limits under claims, holds, deaths and sweeps.
 *
 *   stress_limits SECONDS [calm|dying|processes [SEED]]
 *
 * Workers claim rows of more names than there are places for, hold requests in
 * two of them at once, take of their windows, settle, and die anywhere; the
 * accountant reaps, drains and sweeps all the time. calm: what is in flight by
 * a name never passes its limit. In each mode, afterwards: nothing is in flight
 * in any row, and a sweep frees them all.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/limit.h"
#include "shm/window.h"
#include "tests/stress/stress_stage.h"

enum { SLOTS = 8, COLUMNS = 32, NAMES = 24, MAX_IN_FLIGHT = 3 };
enum { OPERATIONS_PER_DEATH = 1500 };

struct world {
    _Atomic int stop;
    enum mode mode;
    uint32_t key, group;
    uint64_t key_tag;
    uint8_t digest[32];
    /* Calm: requests between their hold and their settle. */
    _Atomic int32_t in_flight[NAMES];
    _Atomic uint64_t holds, busy, gone, full, swept, windows, passed_over;
    struct audit audit;
};

struct request {
    bool active;
    uint32_t slot, names[2];
};

struct worker {
    struct segment segment;
    struct world *world;
    uint32_t column;
    struct seat seat;
    struct request requests[SLOTS];
};

static struct worker workers[STAGE_WORKERS];
static struct segment accountant_segment;
static struct world *the_world;

static uint64_t
name_of(const struct world *world, uint32_t n)
{
    return limit_name(world->key, world->key_tag, n);
}

static void
fly(struct worker *w, const struct request *r, int32_t n)
{
    if (w->world->mode != CALM_THREADS)
        return;
    for (int i = 0; i < 2; i++) {
        int32_t now = atomic_fetch_add(&w->world->in_flight[r->names[i]], n);
        if (n > 0 && now + n > MAX_IN_FLIGHT)
            w->world->passed_over++;
    }
}

/* A window of a row that others free and claim: only its word is at stake. */
static void
take_window(struct worker *w, uint32_t row)
{
    static const struct window_rule rule = {50, 10, WINDOW_SLIDING};
    struct shm_limit *limit = segment_limit(&w->segment, row);
    if (window_take(&limit->window, &rule, clock_wall_ms(), NULL) == 0)
        w->world->windows++;
    shm_store(&limit->idle_ns, clock_mono_ns() + 20000000);
}

static void
begin_request(struct worker *w, struct request *r)
{
    struct world *world = w->world;
    struct key_view view;
    struct hold_refusal why;
    struct hold_limits limits = {.count = 2};
    if (key_table_find(&w->segment, world->digest, &view) < 0)
        abort();
    r->names[0] = (uint32_t)random_below(NAMES);
    r->names[1] = (r->names[0] + 1 + (uint32_t)random_below(NAMES - 1)) % NAMES;
    for (int i = 0; i < 2; i++) {
        limits.rows[i].name = name_of(world, r->names[i]);
        limits.rows[i].row = limit_claim(&w->segment, limits.rows[i].name);
        limits.rows[i].max = MAX_IN_FLIGHT;
        if (limits.rows[i].row == SHM_LIMIT_NONE) {
            world->full++;
            return;
        }
    }
    if (random_below(64) == 0)
        take_window(w, limits.rows[random_below(2)].row);
    int slot = seat_take_slot(&w->seat);
    if (slot < 0)
        return;
    struct hold hold = {.key = &view, .amount = {1, 1}, .limits = &limits};
    int rc = cells_hold(&w->seat, (uint32_t)slot, &hold, &why);
    if (rc < 0) {
        seat_give_slot(&w->seat, (uint32_t)slot);
        world->busy += rc == -EBUSY;
        world->gone += rc == -EIDRM;
        if (rc != -EBUSY && rc != -EIDRM)
            abort();
        return;
    }
    world->holds++;
    r->slot = (uint32_t)slot;
    r->active = true;
    fly(w, r, 1);
}

static void
settle_request(struct worker *w, struct request *r)
{
    struct shm_record record = {.tokens = 1, .nano = 1};
    fly(w, r, -1);
    cells_settle(&w->seat, r->slot, &record, NULL, 0);
    r->active = false;
}

static void
worker_main(unsigned number, uint32_t column)
{
    struct worker *w = &workers[number];
    w->column = column;
    require(column_claim(&w->segment, column, getpid(), 1), "claim");
    require(seat_open(&w->seat, &w->segment, column), "seat");
    memset(w->requests, 0, sizeof(w->requests));
    while (!w->world->stop) {
        struct request *r = &w->requests[random_below(SLOTS)];
        if (self->die_every != 0 && random_below(OPERATIONS_PER_DEATH) == 0)
            self->fuse = 1 + random_below(60);
        if (!r->active)
            begin_request(w, r);
        else
            settle_request(w, r);
    }
    for (int i = 0; i < SLOTS; i++)
        if (w->requests[i].active && w->world->mode == CALM_THREADS)
            settle_request(w, &w->requests[i]);
}

static void
bury(unsigned number)
{
    seat_close(&workers[number].seat);
}

/* Reaps, drops what the rings have, sweeps: again and again. */
static void
accountant_main(void)
{
    struct segment *segment = &accountant_segment;
    while (!the_world->stop) {
        struct reap_result result = {0};
        reap_all(segment, clock_wall_ms(), &result);
        for (uint32_t i = 0; i < column_high(segment); i++)
            ring_release(segment, i, ring_head(segment, i));
        limit_sweep(segment, clock_mono_ns());
        the_world->swept++;
        sched_yield();
    }
}

static void
reckon_rows(struct audit *audit, const struct segment *segment)
{
    for (uint32_t row = 0; row < segment->limit_max; row++) {
        audit_that(audit, limit_busy(segment, row, segment->column_max) == 0,
                   "nothing is in flight", row);
    }
}

static void
reckon(struct world *world, struct segment *segment)
{
    struct player calm;
    struct reap_result result = {0};
    player_init(&calm, CALM_THREADS, 1, 0);
    reap_all(segment, clock_wall_ms(), &result);
    for (uint32_t i = 0; i < column_high(segment); i++)
        ring_release(segment, i, ring_head(segment, i));
    reckon_rows(&world->audit, segment);
    audit_that(&world->audit, result.damaged == 0, "no slot is damaged", 0);
    audit_that(&world->audit, world->passed_over == 0,
               "in flight <= the limit of each name", world->passed_over);
    audit_segment(&world->audit, segment);
    audit_that(&world->audit,
               limit_sweep(segment, clock_mono_ns() + 1000000000) == 0,
               "a sweep frees every row", 0);
    self = NULL;
}

static void
insert_key(struct world *world, struct segment *segment)
{
    const uint64_t nothing[SHM_UNITS] = {0};
    struct entry_policy policy = {.id = 1,
                                  .group_id = 2,
                                  .flags = SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS,
                                  .group_entry = SHM_ENTRY_NONE};
    for (uint64_t n = 0; n < 4; n++) {
        uint64_t word = hash_mix64(n);
        memcpy(policy.digest + 8 * n, &word, sizeof(word));
    }
    memcpy(world->digest, policy.digest, sizeof(world->digest));
    require(
        entry_insert(segment, &policy, nothing, &world->key, &world->key_tag),
        "insert");
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    struct world *world = shared_memory(sizeof(*world));
    struct play play = {.mode = mode,
                        .seed = seed,
                        .worker_dies_every = 100000,
                        .accountant_dies_every = 20000,
                        .stop = &world->stop,
                        .worker = worker_main,
                        .accountant = accountant_main,
                        .bury = bury};
    const struct segment_sizes sizes = {.instance = "stress",
                                        .workers = STAGE_WORKERS,
                                        .max_keys = 64,
                                        .max_models = 4,
                                        .max_requests = SLOTS,
                                        .ring_kib = 16,
                                        .max_limits = 16};
    stage_make_segment(&play.segment, mode, &sizes);
    world->mode = mode;
    the_world = world;
    insert_key(world, &play.segment);
    accountant_segment = play.segment;
    for (unsigned i = 0; i < STAGE_WORKERS; i++) {
        workers[i].segment = play.segment;
        workers[i].world = world;
    }
    stage_run(&play, seconds);
    reckon(world, &play.segment);
    printf("%llu holds, %llu busy, %llu rows gone, %llu table full, %llu "
           "windows, %llu sweeps, %llu deaths, %llu verified, %llu checks, "
           "%llu broken\n",
           (unsigned long long)world->holds, (unsigned long long)world->busy,
           (unsigned long long)world->gone, (unsigned long long)world->full,
           (unsigned long long)world->windows, (unsigned long long)world->swept,
           (unsigned long long)play.deaths, (unsigned long long)play.verified,
           (unsigned long long)world->audit.checks,
           (unsigned long long)(world->audit.broken + play.broken));
    bool good = world->audit.broken == 0 && play.broken == 0 &&
                world->holds > 0 && world->full > 0;
    segment_detach(&play.segment);
    munmap(world, sizeof(*world));
    return good;
}

int
main(int argc, char **argv)
{
    return stage_main(argc, argv, run);
}
