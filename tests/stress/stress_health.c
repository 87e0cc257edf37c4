/*
 * stress_health.c - many workers send to few endpoints that fail and come back,
 * and die at each store: there is never a second probe beside one that lives, no
 * claim of the dead keeps an endpoint from healing, gates never let in more than
 * they may, and no place of the dead is left.
 *
 *   stress_health SECONDS [calm|dying|processes [SEED]]
 *
 * Beside the segment stands who probes and who is inside, by worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_health.h"
#include "shm/endpoint_window.h"
#include "shm/model_stats.h"
#include "tests/stress/stress_stage.h"

enum { ENDPOINTS = 3, AT_ONCE = 5, WORKER_DIES_EVERY = 3000 };

/* version: odd while a word of it changes. */
struct book {
    _Atomic uint64_t who; /* generation << 32 | column + 1 */
    _Atomic uint64_t version;
    _Atomic uint32_t probes[ENDPOINTS], inside[ENDPOINTS];
};

struct world {
    _Atomic int stop;
    struct audit audit;
    struct book books[STAGE_WORKERS];
    _Atomic uint64_t now_ms;
    _Atomic uint64_t probed, cooled, entered, full, looked, broken;
};

static struct world *world;
static struct segment segment;
static struct seat seats[STAGE_WORKERS];
static const struct breaker_rules rules = {.cooldown_ms = 20,
                                           .cooldown_max_ms = 80,
                                           .probe_ms = UINT32_MAX,
                                           .fails = 3};

static void
set(struct book *book, _Atomic uint32_t *word, uint32_t value)
{
    book->version++;
    *word = value;
    book->version++;
}

/* Of those that live. Each is seen to live after its word was read, so that its
 * cells count still. */
static uint32_t
sum_living(bool probing, uint32_t e)
{
    uint32_t sum = 0;
    for (int i = 0; i < STAGE_WORKERS; i++) {
        const struct book *book = &world->books[i];
        uint64_t who = book->who;
        uint32_t n = probing ? book->probes[e] : book->inside[e];
        if (who == 0 || n == 0)
            continue;
        const struct shm_column *column =
            segment_column(&segment, (uint32_t)who - 1);
        if (shm_load(&column->state) == SHM_COLUMN_LIVE &&
            shm_load(&column->generation) == who >> 32 && book->who == who)
            sum += n;
    }
    return sum;
}

/* Too many at one instant: no book has changed while they were added up. */
static bool
are_too_many(bool probing, uint32_t e, uint32_t most)
{
    uint64_t versions[STAGE_WORKERS];
    for (int i = 0; i < STAGE_WORKERS; i++)
        versions[i] = world->books[i].version;
    bool over = sum_living(probing, e) > most;
    for (int i = 0; i < STAGE_WORKERS; i++)
        if ((versions[i] & 1) != 0 || versions[i] != world->books[i].version)
            return false;
    world->looked++;
    return over;
}

static void
send_call(struct seat *seat, struct book *book, uint32_t e)
{
    struct shm_breaker *breaker = &segment_health(&segment, e)->breaker;
    struct breaker_ticket ticket = {0};
    uint64_t started = world->now_ms;
    enum breaker_state state = breaker_look(&segment, breaker, started);
    if (state == BREAKER_COOLING)
        return;
    if (state == BREAKER_READY) {
        if (!breaker_claim(seat, breaker, &rules, started, &ticket))
            return;
        set(book, &book->probes[e], 1);
        world->probed++;
        world->broken += are_too_many(true, e, 1);
    }
    if (random_below(3) == 0)
        sched_yield();
    uint64_t now = world->now_ms, dice = random_below(8);
    set(book, &book->probes[e], 0); /* before the claim can be another's */
    if (dice == 0)
        breaker_release(breaker, &ticket);
    else if (dice <= 4)
        world->cooled += breaker_fail(breaker, &rules, &ticket, started, now,
                                      BREAKER_BY_NOTHING);
    else
        breaker_pass(breaker, &ticket, started, now);
    struct window_sample sample = {.failed = dice <= 4,
                                   .has_ttft = true,
                                   .ttft_ms = (uint32_t)random_below(5000)};
    window_add(seat, e, &sample, now);
    limit_reached(&segment_health(&segment, e)->limited[0], 0, 1000, now);
    limit_passed(&segment_health(&segment, e)->limited[0], now + 2000, 0);
}

static void
pass_gate(struct seat *seat, struct book *book, uint32_t e)
{
    uint32_t gate = segment_gate_of_endpoint(&segment, e);
    if (gate_enter(seat, gate, AT_ONCE) < 0) {
        world->full++;
        return;
    }
    set(book, &book->inside[e], book->inside[e] + 1);
    world->entered++;
    world->broken += are_too_many(false, e, AT_ONCE);
}

static void
worker_life(unsigned number, uint32_t column)
{
    struct seat *seat = &seats[number];
    struct book *book = &world->books[number];
    book->who = 0;
    for (int e = 0; e < ENDPOINTS; e++)
        book->probes[e] = book->inside[e] = 0;
    book->version += book->version & 1; /* who died in the middle */
    require(column_claim(&segment, column, getpid(), 1), "claim");
    require(seat_open(seat, &segment, column), "seat");
    book->who = (uint64_t)shm_load(&seat->shm->generation) << 32 | (column + 1);
    while (!world->stop) {
        uint32_t e = (uint32_t)random_below(ENDPOINTS);
        world->now_ms += random_below(3) == 0;
        send_call(seat, book, e);
        if (random_below(2) == 0) {
            pass_gate(seat, book, e);
        } else if (book->inside[e] > 0) {
            set(book, &book->inside[e], book->inside[e] - 1);
            gate_leave(seat, segment_gate_of_endpoint(&segment, e));
        }
        gate_set_turn(seat, segment_gate_of_endpoint(&segment, e),
                      random_below(3));
    }
}

static void
bury(unsigned number)
{
    seat_close(&seats[number]);
}

static void
accountant_life(void)
{
    struct reap_result result = {0};
    while (!world->stop) {
        reap_all(&segment, 1, &result);
        sched_yield();
    }
}

/* All are dead and reaped: nothing is held, and every endpoint can be probed. */
static uint64_t
count_left(void)
{
    struct reap_result result = {0};
    uint64_t left = 0;
    reap_all(&segment, 1, &result);
    for (uint32_t e = 0; e < ENDPOINTS; e++) {
        uint32_t gate = segment_gate_of_endpoint(&segment, e);
        const struct shm_breaker *breaker =
            &segment_health(&segment, e)->breaker;
        left += gate_busy(&segment, gate);
        for (uint32_t c = 0; c < column_high(&segment); c++)
            left += shm_load(&segment_gate_turn(&segment, gate)[c]) != 0;
        left += breaker_look(&segment, breaker, world->now_ms + 100000) ==
                BREAKER_COOLING;
    }
    return left;
}

static bool
run(enum mode mode, double seconds, uint64_t seed)
{
    const struct segment_sizes sizes = {.instance = "stress",
                                        .workers = STAGE_WORKERS,
                                        .max_keys = 16,
                                        .max_models = 16,
                                        .max_requests = 4,
                                        .ring_kib = 16};
    world = shared_memory(sizeof(*world));
    world->now_ms = 1000000;
    stage_make_segment(&segment, mode, &sizes);
    require(model_registry_provider(&segment, "p"), "provider");
    for (uint32_t e = 0; e < ENDPOINTS; e++) {
        char name[] = {(char)('a' + e), '\0'};
        require(model_registry_model(&segment, name), "model");
        require(model_registry_endpoint(&segment, e, 0), "endpoint");
    }
    struct play play = {.mode = mode,
                        .seed = seed,
                        .segment = segment,
                        .worker_dies_every = WORKER_DIES_EVERY,
                        .stop = &world->stop,
                        .worker = worker_life,
                        .accountant = accountant_life,
                        .bury = bury};
    stage_run(&play, seconds);
    uint64_t left = count_left();
    printf("%llu probes, %llu times cooled, %llu entered, %llu full, %llu "
           "deaths, %llu looks, %llu broken, %llu left\n",
           (unsigned long long)world->probed, (unsigned long long)world->cooled,
           (unsigned long long)world->entered, (unsigned long long)world->full,
           (unsigned long long)play.deaths, (unsigned long long)world->looked,
           (unsigned long long)world->broken, (unsigned long long)left);
    audit_segment(&world->audit, &segment);
    bool good = world->audit.broken == 0 && world->broken == 0 && left == 0 &&
                play.broken == 0 && world->probed > 0 && world->full > 0 &&
                world->looked > 0;
    segment_detach(&segment);
    munmap(world, sizeof(*world));
    return good;
}

int
main(int argc, char **argv)
{
    return stage_main(argc, argv, run);
}
