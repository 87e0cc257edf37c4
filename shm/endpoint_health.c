/*
 * endpoint_health.c - see endpoint_health.h. Every word is changed by one
 * compare-and-swap and means something by itself, so that a process may die
 * between any two: what the next one finds is listed in shm/README.md.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/endpoint_health.h"

#include <errno.h>

#include "shm/segment_places.h"

enum {
    /* After so many failed exchanges others have changed the word often enough
     * for this outcome not to matter. */
    CAS_TRIES = 16,
    /* A failure so long after the first of its run begins another one, as far
     * as calls that began after it are concerned. */
    RUN_MS = 10 * 1000,
    COUNT_MAX = 0xff,
    STEP_MAX = 0xf,
    LIMIT_FIRST_MS = 1000,
    LIMIT_STEPS = 8,
};

/* ---- run: time 40 | cools 1 | step 4 | reason 3 | consecutive 8 | fresh 8 ---- */

struct run {
    uint64_t time_ms; /* of the first failure, or until when it cools */
    bool cools;
    uint32_t step, reason;
    uint32_t consecutive, fresh;
};

#define RUN_TIME_MAX ((UINT64_C(1) << 40) - 1)

static uint64_t
run_pack(const struct run *run)
{
    uint64_t time = run->time_ms < RUN_TIME_MAX ? run->time_ms : RUN_TIME_MAX;
    return time << 24 | (uint64_t)run->cools << 23 |
           (uint64_t)(run->step & STEP_MAX) << 19 |
           (uint64_t)(run->reason & 7) << 16 |
           (uint64_t)(run->consecutive & COUNT_MAX) << 8 |
           (run->fresh & COUNT_MAX);
}

static struct run
run_of(uint64_t word)
{
    return (struct run){.time_ms = word >> 24,
                        .cools = (word >> 23 & 1) != 0,
                        .step = (uint32_t)(word >> 19) & STEP_MAX,
                        .reason = (uint32_t)(word >> 16) & 7,
                        .consecutive = (uint32_t)(word >> 8) & COUNT_MAX,
                        .fresh = (uint32_t)word & COUNT_MAX};
}

/* ---- claim: until 40 | column 12 | generation of the column 12 ---- */

static uint64_t
claim_of(const struct seat *seat, uint64_t until_ms)
{
    uint64_t generation = shm_load(&seat->shm->generation) & 0xfff;
    return until_ms << 24 | (uint64_t)(seat->column & 0xfff) << 12 | generation;
}

/* Whether its owner still may come back with an answer. */
static bool
claim_counts(const struct segment *segment, uint64_t claim, uint64_t now_ms)
{
    uint32_t column = (uint32_t)(claim >> 12) & 0xfff;
    if (claim == 0 || claim >> 24 < now_ms || column >= segment->column_max)
        return false;
    const struct shm_column *shm = segment_column(segment, column);
    return shm_load(&shm->state) == SHM_COLUMN_LIVE &&
           (shm_load(&shm->generation) & 0xfff) == (claim & 0xfff);
}

/* ---- looking ---- */

static enum breaker_state
state_of(const struct segment *segment, const struct shm_breaker *breaker,
         const struct run *run, uint64_t now_ms)
{
    if (!run->cools)
        return now_ms < run->time_ms + BREAKER_SUSPECT_MS ? BREAKER_SUSPECT
                                                          : BREAKER_RUN;
    if (now_ms < run->time_ms ||
        claim_counts(segment, shm_load(&breaker->claim), now_ms))
        return BREAKER_COOLING;
    return BREAKER_READY;
}

enum breaker_state
breaker_look(const struct segment *segment, const struct shm_breaker *breaker,
             uint64_t now_ms)
{
    uint64_t word = shm_load(&breaker->run);
    if (LIKELY(word == 0))
        return BREAKER_HEALTHY;
    struct run run = run_of(word);
    return state_of(segment, breaker, &run, now_ms);
}

void
breaker_view(const struct segment *segment, const struct shm_breaker *breaker,
             uint64_t now_ms, struct breaker_view *view)
{
    uint64_t word = shm_load(&breaker->run);
    struct run run = run_of(word);
    *view = (struct breaker_view){
        .state = word == 0 ? BREAKER_HEALTHY
                           : state_of(segment, breaker, &run, now_ms),
        .since_ms = run.cools ? 0 : run.time_ms,
        .until_ms = run.cools ? run.time_ms : 0,
        .closed_ms = shm_load(&breaker->closed) >> 4,
        .opened = shm_load(&breaker->opened),
        .consecutive = run.consecutive,
        .step = run.step,
        .reason = run.reason > BREAKER_BY_PROBE
                      ? BREAKER_BY_NOTHING
                      : (enum breaker_reason)run.reason,
        .is_probed = claim_counts(segment, shm_load(&breaker->claim), now_ms)};
}

/* ---- the probe ---- */

bool
breaker_claim(const struct seat *seat, struct shm_breaker *breaker,
              const struct breaker_rules *rules, uint64_t now_ms,
              struct breaker_ticket *ticket)
{
    uint64_t word = shm_load(&breaker->run);
    uint64_t claim = shm_load(&breaker->claim);
    struct run run = run_of(word);
    uint64_t mine = claim_of(seat, now_ms + rules->probe_ms);
    if (!run.cools || now_ms < run.time_ms ||
        claim_counts(seat->segment, claim, now_ms) ||
        !shm_cas_once(&breaker->claim, &claim, mine))
        return false;
    /* Killed here: the claim is a dead column's. */
    *ticket = (struct breaker_ticket){word, mine};
    if (shm_load(&breaker->run) == word)
        return true;
    /* Another's probe ended between the two loads. */
    breaker_release(breaker, ticket);
    *ticket = (struct breaker_ticket){0, 0};
    return false;
}

void
breaker_release(struct shm_breaker *breaker,
                const struct breaker_ticket *ticket)
{
    uint64_t mine = ticket->claim;
    if (mine != 0)
        (void)shm_cas_once(&breaker->claim, &mine, 0);
}

/* How often it has come to cool without being healthy for long in between. */
static uint32_t
next_step(const struct shm_breaker *breaker, const struct breaker_rules *rules,
          uint64_t now_ms)
{
    uint64_t closed = shm_load(&breaker->closed);
    uint32_t step = (uint32_t)closed & STEP_MAX;
    if (closed == 0 || now_ms - (closed >> 4) > rules->cooldown_max_ms)
        return 0;
    return step < STEP_MAX ? step + 1 : step;
}

static uint64_t
cooling_word(const struct breaker_rules *rules, uint32_t step, uint64_t now_ms,
             enum breaker_reason reason)
{
    uint64_t ms = rules->cooldown_ms << step;
    if (ms > rules->cooldown_max_ms)
        ms = rules->cooldown_max_ms;
    struct run run = {.time_ms = now_ms + (ms > 0 ? ms : 1),
                      .cools = true,
                      .step = step,
                      .reason = reason};
    return run_pack(&run);
}

/* ---- outcomes ---- */

static void
probe_passed(struct shm_breaker *breaker, const struct breaker_ticket *ticket,
             uint64_t now_ms)
{
    struct run run = run_of(ticket->run);
    uint64_t word = ticket->run;
    if (shm_load(&breaker->claim) != ticket->claim)
        return; /* given up, and perhaps another's */
    /* First, so that whoever finds it healthy finds the step, too. Killed
     * here: it still cools, and the claim is a dead column's. */
    shm_store(&breaker->closed, now_ms << 4 | run.step);
    (void)shm_cas_once(&breaker->run, &word, 0);
    breaker_release(breaker, ticket);
}

/* It answers, whatever was thought of it when the call was sent. */
static void
defiant_passed(struct shm_breaker *breaker, const struct breaker_ticket *ticket,
               uint64_t now_ms)
{
    uint64_t word = ticket->run;
    if (shm_load(&breaker->run) != word)
        return; /* a probe knows better, or another was first */
    shm_store(&breaker->closed, now_ms << 4 | run_of(word).step);
    (void)shm_cas_once(&breaker->run, &word, 0);
}

void
breaker_pass(struct shm_breaker *breaker, const struct breaker_ticket *ticket,
             uint64_t started_ms, uint64_t now_ms)
{
    if (UNLIKELY(ticket->run != 0)) {
        if (ticket->claim != 0)
            probe_passed(breaker, ticket, now_ms);
        else
            defiant_passed(breaker, ticket, now_ms);
        return;
    }
    uint64_t word = shm_load(&breaker->run);
    for (int tries = 0; word != 0 && tries < CAS_TRIES; tries++) {
        struct run run = run_of(word);
        uint64_t next = 0;
        if (run.cools)
            return;
        if (started_ms <= run.time_ms && now_ms < run.time_ms + RUN_MS) {
            run.consecutive = 0;
            next = run_pack(&run);
        }
        if (next == word || shm_cas(&breaker->run, &word, next))
            return;
    }
}

static bool
probe_failed(struct shm_breaker *breaker, const struct breaker_rules *rules,
             const struct breaker_ticket *ticket, uint64_t now_ms)
{
    struct run run = run_of(ticket->run);
    uint64_t word = ticket->run;
    uint32_t step = run.step < STEP_MAX ? run.step + 1 : run.step;
    if (shm_load(&breaker->claim) != ticket->claim)
        return false;
    bool mine =
        shm_cas_once(&breaker->run, &word,
                     cooling_word(rules, step, now_ms, BREAKER_BY_PROBE));
    /* Only now: whoever finds no claim finds the new word. */
    breaker_release(breaker, ticket);
    return mine;
}

/* The word after one more failure. */
static uint64_t
after_failure(const struct shm_breaker *breaker, struct run run,
              const struct breaker_rules *rules, uint64_t started_ms,
              uint64_t now_ms, enum breaker_reason at_once)
{
    bool fresh = run.time_ms != 0 && started_ms > run.time_ms &&
                 now_ms < run.time_ms + BREAKER_SUSPECT_MS;
    if (run.time_ms == 0 || now_ms >= run.time_ms + RUN_MS) {
        run.time_ms = now_ms;
        run.fresh = 0;
    }
    if (run.consecutive < COUNT_MAX)
        run.consecutive++;
    if (fresh && run.fresh < COUNT_MAX)
        run.fresh++;
    if (at_once == BREAKER_BY_NOTHING && run.consecutive < rules->fails &&
        run.fresh + 1 < rules->fails)
        return run_pack(&run);
    return cooling_word(rules, next_step(breaker, rules, now_ms), now_ms,
                        at_once != BREAKER_BY_NOTHING ? at_once
                                                      : BREAKER_BY_FAILURES);
}

bool
breaker_fail(struct shm_breaker *breaker, const struct breaker_rules *rules,
             const struct breaker_ticket *ticket, uint64_t started_ms,
             uint64_t now_ms, enum breaker_reason at_once)
{
    if (ticket->claim != 0) {
        /* It cooled again: not counted in `opened`. */
        return probe_failed(breaker, rules, ticket, now_ms);
    }
    if (rules->fails == 0)
        return false;
    uint64_t word = shm_load(&breaker->run);
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        struct run run = run_of(word);
        if (run.cools)
            return false;
        uint64_t next =
            after_failure(breaker, run, rules, started_ms, now_ms, at_once);
        if (!shm_cas(&breaker->run, &word, next))
            continue;
        if (!run_of(next).cools)
            return false;
        /* Killed here: one uncounted. */
        atomic_fetch_add_explicit(&breaker->opened, 1, memory_order_release);
        return true;
    }
    return false;
}

/* ---- a last resort: due 56 | misses 8 ---- */

bool
breaker_defy(const struct shm_breaker *breaker, struct breaker_ticket *ticket)
{
    uint64_t word = shm_load(&breaker->run);
    bool cools = run_of(word).cools;
    *ticket = (struct breaker_ticket){cools ? word : 0, 0};
    return cools;
}

static uint32_t
misses_of(uint64_t word, uint64_t now_ms)
{
    return now_ms < (word >> 8) + LAST_RESORT_FORGET_MS ? word & COUNT_MAX : 0;
}

bool
last_resort_take(shm_u64 *word, uint64_t now_ms)
{
    uint64_t old = shm_load(word);
    uint32_t misses = misses_of(old, now_ms);
    if (misses < LAST_RESORT_MISSES)
        return true;
    /* Killed behind it: the next one is as far away as after a failure. */
    return now_ms >= old >> 8 &&
           shm_cas_once(word, &old,
                        (now_ms + LAST_RESORT_PAUSE_MS) << 8 | misses);
}

void
last_resort_failed(shm_u64 *word, uint64_t now_ms)
{
    uint64_t old = shm_load(word);
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        uint32_t misses = misses_of(old, now_ms);
        uint64_t next = (now_ms + LAST_RESORT_PAUSE_MS) << 8 |
                        (misses < COUNT_MAX ? misses + 1 : misses);
        if (shm_cas(word, &old, next))
            return;
    }
}

void
last_resort_answered(shm_u64 *word)
{
    uint64_t old = shm_load(word);
    if (UNLIKELY(old != 0))
        (void)shm_cas_once(word, &old, 0); /* else another has missed */
}

/* ---- a credential's limit at an endpoint: until 56 | step 8 ---- */

uint64_t
limit_until(const shm_u64 *limited)
{
    return shm_load(limited) >> 8;
}

void
limit_reached(shm_u64 *limited, uint64_t until_ms, uint64_t most_ms,
              uint64_t now_ms)
{
    uint64_t word = shm_load(limited);
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        uint64_t step = word & 0xff, until = until_ms;
        bool again = word != 0 && now_ms >= word >> 8;
        if (until == 0) {
            /* Those that were under way are told the same: once for all. */
            if (word != 0 && !again)
                return;
            step = again && step < LIMIT_STEPS ? step + 1 : step;
            until = now_ms + ((uint64_t)LIMIT_FIRST_MS << step);
        }
        if (until > now_ms + most_ms)
            until = now_ms + most_ms;
        if (until <= word >> 8 || shm_cas(limited, &word, until << 8 | step))
            return;
    }
}

void
limit_passed(shm_u64 *limited, uint64_t started_ms, uint64_t defied)
{
    uint64_t word = shm_load(limited);
    if (UNLIKELY(word != 0) && (started_ms >= word >> 8 || word == defied))
        (void)shm_cas_once(limited, &word, 0); /* else somebody was refused */
}

/* ---- gates ---- */

static uint64_t
sum_busy(const struct segment *segment, const shm_u32 *busy)
{
    uint32_t high = column_high(segment);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < high && i < segment->column_max; i++)
        sum += shm_load(&busy[i]);
    return sum;
}

int
gate_enter(const struct seat *seat, uint32_t gate, uint32_t most)
{
    shm_u32 *busy = segment_gate_busy(seat->segment, gate);
    shm_u32 *mine = &busy[seat->column];
    /* Killed here and below: the reaper zeroes it. */
    shm_store(mine, shm_load_own(mine) + 1);
    /* Mine is seen before I look: of two who take the last place at a time one
     * at least sees the other. Pairs with the other's. */
    shm_fence();
    if (sum_busy(seat->segment, busy) <= most)
        return 0;
    shm_store(mine, shm_load_own(mine) - 1);
    return -EBUSY;
}

void
gate_leave(const struct seat *seat, uint32_t gate)
{
    shm_u32 *mine = segment_gate_busy(seat->segment, gate) + seat->column;
    uint32_t busy = shm_load_own(mine);
    CHECK(busy > 0);
    shm_store(mine, busy - 1);
}

uint64_t
gate_busy(const struct segment *segment, uint32_t gate)
{
    return sum_busy(segment, segment_gate_busy(segment, gate));
}

void
gate_set_turn(const struct seat *seat, uint32_t gate, uint64_t turn_ms)
{
    shm_u64 *mine = segment_gate_turn(seat->segment, gate) + seat->column;
    if (shm_load_own(mine) != turn_ms)
        shm_store(mine, turn_ms);
}

uint64_t
gate_first_turn(const struct seat *seat, uint32_t gate)
{
    const shm_u64 *turns = segment_gate_turn(seat->segment, gate);
    uint32_t high = column_high(seat->segment);
    uint64_t first = 0;
    for (uint32_t i = 0; i < high && i < seat->segment->column_max; i++) {
        uint64_t turn = i == seat->column ? 0 : shm_load(&turns[i]);
        if (turn != 0 && (first == 0 || turn < first))
            first = turn;
    }
    return first;
}

static void
reap_gate(const struct segment *segment, uint32_t gate, uint32_t column)
{
    shm_u32 *busy = segment_gate_busy(segment, gate) + column;
    shm_u64 *turn = segment_gate_turn(segment, gate) + column;
    if (shm_load(turn) != 0)
        shm_store(turn, 0);
    if (shm_load(busy) != 0)
        shm_store(busy, 0);
}

void
gates_reap(const struct segment *segment, uint32_t column)
{
    uint32_t endpoints = shm_load(&segment->header->endpoint_high);
    uint32_t providers = shm_load(&segment->header->provider_high);
    for (uint32_t i = 0; i < endpoints && i < segment->endpoint_max; i++)
        reap_gate(segment, segment_gate_of_endpoint(segment, i), column);
    for (uint32_t i = 0; i < providers && i < segment->provider_max; i++)
        reap_gate(segment, segment_gate_of_provider(segment, i), column);
}
