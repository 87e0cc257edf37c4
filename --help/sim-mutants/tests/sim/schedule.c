/*
 * schedule.c - one schedule: a world is made, its processes run slice by slice,
 * things happen to it, it comes to rest, and the books are looked at.
 * SPDX-License-Identifier: Apache-2.0
 */
#undef SHM_SIMULATED /* god looks straight at the memory */
#include <string.h>

#include "tests/sim/model.h"

/* Of the schedule that runs. */
static struct {
    struct world_counts *counts;
    unsigned keys_to_make, happenings_left, spacing;
    uint64_t next_happening, next_verify, verify_every;
    bool audit_due, final;
} now;

enum { OPEN_POINTS = 200000, REST_POINTS = 3000000 };

/* ---- what happens ---- */

static void
jump(void)
{
    switch (sim_below(4)) {
    case 0:
        sim_clock.mono_ns += UINT64_C(3000000000);
        break;
    case 1:
        sim_clock.mono_ns += (uint64_t)SIM_DAY_MS * 1000000;
        break;
    case 2:
        sim_clock.wall_ahead_ms += 20 * 60000;
        break;
    default:
        sim_clock.wall_ahead_ms -= (sim_one_in(2) ? 2 : 13) * 3600000;
    }
}

static void
let_happen(enum happening what)
{
    static const char *const names[HAPPENINGS] = {
        "kill running", "kill accountant", "kill worker", "kill master",
        "kill all",     "segment lost",    "power cut",   "disk fails",
        "period ends",  "clock jumps",     "management"};
    sim_trace("AT %llu: %s", (unsigned long long)sim_points, names[what]);
    now.counts->happened[what]++;
    switch (what) {
    case KILL_RUNNING:
        if (strands_last() != NULL)
            world_kill(strands_last());
        break;
    case KILL_ACCOUNTANT:
        world_kill(&world.accountant);
        break;
    case KILL_WORKER:
        world_kill(&world.workers[sim_below(SIM_WORKERS)]);
        break;
    case KILL_MASTER:
        world_kill(&world.master);
        break;
    case KILL_ALL:
        world_kill_all();
        break;
    case SEGMENT_LOST:
        world_lose_segment();
        break;
    case POWER_CUT:
        world_lose_segment();
        disk_power_cut();
        break;
    case DISK_FAILS:
        disk_fail(1 + (unsigned)sim_below(3));
        break;
    case PERIOD_ENDS:
        sim_clock.period_ahead_ms += SIM_DAY_MS;
        break;
    case CLOCK_JUMPS:
        jump();
        break;
    case MANAGEMENT:
        world_manage();
        break;
    case HAPPENINGS:
        break;
    }
}

static enum happening
any_happening(void)
{
    static const uint8_t weights[HAPPENINGS] = {30, 12, 8,  5, 5, 2,
                                                5,  12, 12, 4, 18};
    unsigned sum = 0;
    for (int i = 0; i < HAPPENINGS; i++)
        sum += weights[i];
    unsigned dice = (unsigned)sim_below(sum);
    int what = 0;
    while (dice >= weights[what])
        dice -= weights[what++];
    return (enum happening)what;
}

/* ---- a schedule ---- */

static void
begin(enum kind kind, uint64_t seed)
{
    struct sim_pace pace;
    struct segment segment = world.segment;
    struct process master = world.master, accountant = world.accountant;
    strands_begin(seed, &(struct sim_pace){.slice = 1});
    static const unsigned slices[] = {1, 4, 12, 40, 120, 300};
    pace.slice = slices[sim_below(6)];
    pace.load_points = sim_one_in(3);
    pace.store_buffer = sim_one_in(3);
    strands_begin(seed + 1, &pace);
    sim_clock = (struct sim_clock){.mono_ns = UINT64_C(1000000000000)};
    uint64_t epoch = 1;
    for (unsigned i = 0; i < SIM_WORKERS; i++) {
        unsigned char *memory = world.workers[i].memory;
        world.workers[i] = (struct process){
            .role = ROLE_WORKER, .number = i, .memory = memory};
    }
    struct process workers[SIM_WORKERS];
    memcpy(workers, world.workers, sizeof(workers));
    world = (struct world){.kind = kind, .seed = seed, .segment = segment};
    memcpy(world.workers, workers, sizeof(workers));
    world.master =
        (struct process){.role = ROLE_MASTER, .memory = master.memory};
    world.accountant =
        (struct process){.role = ROLE_ACCOUNTANT, .memory = accountant.memory};
    world.epoch = epoch;
    world.workers_wanted = 1 + (unsigned)sim_below(3);
    world.requests_left = 3 + (unsigned)sim_below(REQUESTS - 3);
    world_reset_segment();
    disk_begin();
    keeper_reset();
    model_begin();
    now.keys_to_make = 2 + (unsigned)sim_below(2);
    now.happenings_left = (unsigned)sim_below(9);
    now.spacing = kind == KIND_FULL ? 100 + (unsigned)sim_below(1500)
                                    : 30 + (unsigned)sim_below(600);
    if (pace.load_points)
        now.spacing *= 3;
    now.next_happening = 1 + sim_below(2 * now.spacing);
    now.verify_every = 1000 + sim_below(8000);
    now.next_verify = now.verify_every;
    now.audit_due = now.final = false;
    sim_trace("%s schedule %llu: slices of %u points%s%s, %u workers, %u "
              "requests, %u happenings",
              kind == KIND_FULL ? "full" : "table", (unsigned long long)seed,
              pace.slice, pace.load_points ? ", loads too" : "",
              pace.store_buffer ? ", store buffers" : "", world.workers_wanted,
              world.requests_left, now.happenings_left);
}

static void
audit_books(bool whole)
{
    model_audit_begin();
    if (world.kind == KIND_FULL)
        accountant_audit();
    else
        keeper_audit();
    model_audit_rows(whole);
}

/* Between two slices. */
static void
look(void)
{
    struct process *last = strands_last();
    model_watch();
    if (last != NULL && !last->alive && last->pid != 0) {
        last->pid = 0;
        world_died(last);
    }
    /* Whoever looks at an accountant in the middle looks again. */
    if (sim_points >= now.next_verify && world.ready &&
        process_waits(&world.accountant)) {
        now.next_verify = sim_points + now.verify_every;
        model_verify(false);
    }
    if (now.audit_due && world.ready &&
        (world.kind == KIND_TABLE || accountant_is_idle())) {
        now.audit_due = false;
        audit_books(false);
    }
}

static void
happen(void)
{
    if (now.happenings_left == 0 || sim_points < now.next_happening)
        return;
    now.happenings_left--;
    now.next_happening = sim_points + 1 + sim_below(2 * now.spacing);
    let_happen(any_happening());
    now.audit_due = true;
}

static void
step(void)
{
    if (!world.master.alive && sim_one_in(10))
        master_begin();
    if (world.command.kind == COMMAND_NONE &&
        world.tenant_count < 1 + now.keys_to_make)
        world_create_tenant();
    uint64_t left =
        now.happenings_left > 0 ? now.next_happening - sim_points : UINT32_MAX;
    if (!strands_run_one(left)) {
        uint64_t wake = strands_next_wake();
        if (wake > sim_clock.mono_ns)
            sim_clock.mono_ns = wake;
        else if (world.master.alive)
            sim_broken("nobody can run, nobody waits for the clock");
        return;
    }
    if (sim_one_in(16))
        sim_clock.mono_ns += sim_below(5000000);
    look();
    happen();
}

static bool
is_quiet(void)
{
    if (!world.master.alive || !world.accountant.alive || !world.ready ||
        world.command.kind != COMMAND_NONE)
        return false;
    for (unsigned i = 0; i < SIM_WORKERS; i++)
        if (world.workers[i].alive)
            return false;
    /* TAKEN by a dead master: the next one that needs a column decides. */
    for (uint32_t i = 0; i < column_high(&world.segment); i++) {
        uint32_t state = shm_load(&segment_column(&world.segment, i)->state);
        if (state != SHM_COLUMN_FREE && state != SHM_COLUMN_TAKEN)
            return false;
    }
    return true;
}

/* No request begins any more; everything ends that is under way. */
static void
come_to_rest(void)
{
    uint64_t until = sim_points + REST_POINTS, flush_ns = 0;
    world.closing = true;
    world.flushed = false;
    for (;;) {
        for (unsigned i = 0; i < SIM_WORKERS; i++)
            if (world.workers[i].alive) {
                worker_drain(&world.workers[i]);
                process_signal(&world.workers[i]);
            }
        step();
        if (sim_points > until)
            sim_broken("it does not come to rest");
        if (!is_quiet())
            continue;
        if (world.flushed && process_waits(&world.accountant) &&
            (world.kind == KIND_TABLE || accountant_is_idle()))
            return;
        if (world.flushed || sim_clock.mono_ns < flush_ns)
            continue;
        flush_ns = sim_clock.mono_ns + UINT64_C(100000000);
        world_ask(FLUSH, TEAM);
        world.command.last = true;
    }
}

static void
audit_all(void)
{
    strands_settle();
    model_watch();
    audit_books(true);
    model_audit_quiet();
    model_verify(true);
}

void
world_run(enum kind kind, uint64_t seed, struct world_counts *counts)
{
    now.counts = counts;
    begin(kind, seed);
    unsigned requests = world.requests_left;
    while ((world.requests_left > 0 ||
            world.tenant_count < 1 + now.keys_to_make) &&
           sim_points < OPEN_POINTS)
        step();
    come_to_rest();
    sim_trace("at rest: the books are looked at");
    audit_all();
    /* What was flushed stays, whatever comes. */
    if (sim_one_in(3)) {
        now.happenings_left = 0;
        let_happen(sim_one_in(2) ? POWER_CUT : KILL_ALL);
        come_to_rest();
        audit_all();
    }
    counts->schedules[kind]++;
    counts->requests += requests - world.requests_left;
    counts->points += sim_points;
}
