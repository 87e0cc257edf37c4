/*
 * stress_idempotency.c - many workers claim few names at a time, and die at
 * each store: no name is ever held twice, and none is lost to a claim whose
 * owner died in the middle of it.
 *
 *   stress_idempotency SECONDS [calm|dying|processes [SEED]]
 *
 * The names of one set are claimed together, so that its places are taken and
 * given back all the time. Beside the table stands how often each name is held:
 * a name whose owner died stays held for ever, because it may have been charged.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/idempotency.h"
#include "tests/stress/stress_stage.h"

enum {
    NAMES_OF_A_SET = IDEMPOTENCY_WAYS - 2, /* no set is ever full */
    NAMES = IDEMPOTENCY_SETS * NAMES_OF_A_SET,
    AT_A_TIME = 5,
    ADVANCE_EVERY = 100, /* claims */
    WORKER_DIES_EVERY = 2000,
};

struct world {
    _Atomic int stop;
    struct audit audit;
    _Atomic uint32_t first; /* names [first, first + AT_A_TIME) are claimed */
    _Atomic uint32_t held[NAMES];
    _Atomic uint64_t claims, held_twice, freed;
};

static struct world *world;
static struct segment segment;
static struct idempotency *table;
static struct seat seats[STAGE_WORKERS];

static enum idempotency_verdict
claim_name(const struct seat *seat, uint32_t name, uint32_t *entry,
           uint64_t first_id[2])
{
    const struct idempotency_claim claim = {
        .name = {hash_mix64(name), name / NAMES_OF_A_SET},
        .body = {name, name},
        .request_id = {name + 1, seat->column},
        .ttl_ms = UINT64_MAX / 2};
    return idempotency_claim(table, seat, &claim, entry, first_id);
}

static void
worker_life(unsigned number, uint32_t column)
{
    struct seat *seat = &seats[number];
    require(column_claim(&segment, column, getpid(), 1), "claim");
    require(seat_open(seat, &segment, column), "seat");
    while (!world->stop) {
        uint32_t entry, first = world->first;
        uint64_t first_id[2];
        uint32_t name = first + (uint32_t)random_below(AT_A_TIME);
        world->claims++;
        if (claim_name(seat, name, &entry, first_id) == IDEMPOTENCY_NEW) {
            if (world->held[name]++ != 0)
                world->held_twice++;
            if (random_below(3) == 0)
                sched_yield(); /* the time of the call */
            bool charged = random_below(4) == 0;
            if (!charged) {
                world->held[name]--;
                world->freed++;
            }
            idempotency_end(table, entry, charged);
        }
        if (random_below(ADVANCE_EVERY) == 0 && first + AT_A_TIME < NAMES)
            atomic_compare_exchange_strong(&world->first, &first, first + 1);
    }
}

static void
bury(unsigned number)
{
    seat_close(&seats[number]);
}

/* Columns must come back, or no worker can be born. */
static void
accountant_life(void)
{
    struct reap_result result = {0};
    while (!world->stop) {
        reap_all(&segment, 1, &result);
        sched_yield();
    }
}

/* All are dead: each name is held, or can be had, or was held by the dead. */
static uint64_t
count_lost_names(uint64_t *burnt)
{
    struct reap_result result = {0};
    struct player player;
    struct seat seat;
    uint32_t entry, end = world->first + AT_A_TIME;
    uint64_t lost = 0, first_id[2];
    player_init(&player, CALM_THREADS, 1, 0);
    reap_all(&segment, 1, &result);
    int column = column_find_free(&segment);
    require(column, "a column");
    require(column_claim(&segment, (uint32_t)column, getpid(), 1), "claim");
    require(seat_open(&seat, &segment, (uint32_t)column), "seat");
    for (uint32_t name = 0; name < end; name++) {
        enum idempotency_verdict verdict =
            claim_name(&seat, name, &entry, first_id);
        bool held = verdict == IDEMPOTENCY_CHARGED ||
                    (verdict == IDEMPOTENCY_RUNNING && first_id[0] == name + 1);
        *burnt += verdict == IDEMPOTENCY_RUNNING && held;
        if (verdict != IDEMPOTENCY_NEW && !held)
            lost++;
        if (verdict == IDEMPOTENCY_NEW && world->held[name] != 0)
            lost++;
    }
    seat_close(&seat);
    self = NULL;
    return lost;
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    const struct segment_sizes sizes = {.instance = "stress",
                                        .workers = STAGE_WORKERS,
                                        .max_keys = 16,
                                        .max_models = 4,
                                        .max_requests = 4,
                                        .ring_kib = 16};
    world = shared_memory(sizeof(*world));
    stage_make_segment(&segment, mode, &sizes);
    table = idempotency_create_shared(&segment);
    require(table == NULL ? -ENOMEM : 0, "table");
    struct play play = {.mode = mode,
                        .seed = seed,
                        .segment = segment,
                        .worker_dies_every = WORKER_DIES_EVERY,
                        .stop = &world->stop,
                        .worker = worker_life,
                        .accountant = accountant_life,
                        .bury = bury};
    stage_run(&play, seconds);
    uint64_t burnt = 0, lost = count_lost_names(&burnt);
    printf("%llu claims, %u names, %llu given back, %llu held by the dead, "
           "%llu deaths, %llu held twice, %llu lost\n",
           (unsigned long long)world->claims, world->first + AT_A_TIME,
           (unsigned long long)world->freed, (unsigned long long)burnt,
           (unsigned long long)play.deaths,
           (unsigned long long)world->held_twice, (unsigned long long)lost);
    audit_segment(&world->audit, &segment);
    bool good = world->audit.broken == 0 && world->held_twice == 0 &&
                lost == 0 && world->claims > 1000;
    idempotency_close(&table);
    segment_detach(&segment);
    munmap(world, sizeof(*world));
    return good;
}

int
main(int argc, char **argv)
{
    return stage_main(argc, argv, run);
}
