/*
 * sim.h - the simulator: the real code of shm/ and accountant/, one process,
 * one thread, everything that could happen decided by a seed.
 *
 * A strand is a thread of control (a coroutine). A process is one to three
 * strands, memory of its own, a pid. Each load and store of the segment, each
 * call of LevelDB or the file system and each crash point is a point: there the
 * scheduler may run somebody else, or let the process die. `god` is who runs
 * outside of all strands: the scheduler, the model, the audits.
 *
 *   strand.c   coroutines, points, store buffers, memory of processes
 *   system.c   clocks, pids, files' descriptors, locks: --wrap of libc
 *   threads.c  ledger_thread.h and epoll over strands
 *   files.c    directories; leveldb.c the databases in them
 *   master.c   worker.c keeper.c accountant.c   the players
 *   model.c    watch.c audit.c   what must be true, kept outside
 *   world.c    one world; schedule.c what happens to it; main.c many of them
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_SIM_SIM_H
#define AIGW_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/segment.h"

enum {
    SIM_WORKERS = 8, /* worker processes at a time, orphans too */
    SIM_STRANDS = 3, /* of a process */
    SIM_FOREVER = 0,
};

/* ---- chance (strand.c) ---- */
uint64_t sim_random(void);
uint64_t sim_below(uint64_t n);
static inline bool
sim_one_in(uint64_t n)
{
    return sim_below(n) == 0;
}

/* ---- strands and processes (strand.c) ---- */
struct process;
struct strand;

enum role { ROLE_MASTER, ROLE_ACCOUNTANT, ROLE_WORKER };

struct process {
    enum role role;
    unsigned number; /* of a worker */
    int pid;
    uint64_t start_time;
    bool alive;
    struct segment segment; /* process-local handle */
    uint32_t taken_generation[64];
    struct strand *strands[SIM_STRANDS];
    unsigned strand_count;
    unsigned char *memory; /* what it allocated: gone with it */
    size_t memory_used;
};

/* A new life: a pid, empty memory, its own handle on the segment. */
void process_begin(struct process *process);
/* Its next strand; runs when the scheduler says so. */
void process_add_strand(struct process *process, void (*run)(void *),
                        void *context);
/* Death at the points where its strands are. What they stored reaches memory
 * (a processor completes what it has retired). */
void process_kill(struct process *process);
/* Strand: the process ends by itself. */
void process_exit(void) __attribute__((noreturn));
/* Everybody of it who waits looks again. */
void process_signal(struct process *process);

extern struct process *sim_self; /* NULL: god */
extern uint64_t sim_points;      /* passed in this schedule */
extern int sim_fuse;             /* points left of this slice */

void sim_yield(void);
/* A place where others may run, or this process die. */
static inline void
sim_point(void)
{
    if (sim_self != NULL && --sim_fuse <= 0)
        sim_yield();
}
/* Whoever was in the kernel has no store waiting: what it then says to others
 * by a socket comes after. */
void sim_system_call(void);
/* Until process_signal() or the clock; SIM_FOREVER. May return early. */
void sim_wait_until(uint64_t mono_ns);

/* How a schedule is run. */
struct sim_pace {
    unsigned slice;    /* points until somebody else runs, on average */
    bool load_points;  /* loads are points too */
    bool store_buffer; /* stores wait, as on x86 */
};
void strands_init(void);
void strands_begin(uint64_t seed, const struct sim_pace *pace);
/* Runs one strand that can run, at most `points`. False: all wait. */
bool strands_run_one(uint64_t points);
/* The earliest instant that somebody waits for; 0 none. */
uint64_t strands_next_wake(void);
/* Nothing waits in a store buffer any more. */
void strands_settle(void);
/* All its strands wait: it is in the middle of nothing. */
bool process_waits(const struct process *process);
/* The process whose strand ran last; it may have died since. */
struct process *strands_last(void);

/* ---- clocks (system.c) ---- */
struct sim_clock {
    uint64_t mono_ns;
    int64_t wall_ahead_ms, period_ahead_ms; /* of the one before */
};
extern struct sim_clock sim_clock;
enum { SIM_DAY_MS = 86400000 };

/* ---- disk (files.c) ---- */
void disk_begin(void);
/* Handles of the dead are gone; what they wrote is there. */
void disk_process_died(void);
/* What was not synced may be gone, from some point on. */
void disk_power_cut(void);
/* The next so many calls that can fail, may. */
void disk_fail(unsigned calls);
bool disk_fails_now(void);

/* ---- findings (main.c) ---- */
/* Says what, the seed, how to see it again; ends the program. */
void sim_broken(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
extern int sim_verbose;
void sim_trace_line(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
#define sim_trace(...)                                                         \
    do {                                                                       \
        if (sim_verbose > 0)                                                   \
            sim_trace_line(__VA_ARGS__);                                       \
    } while (0)
/* The name of a word of the segment, for -vv (world.c). */
const char *sim_word_name(const volatile void *word);

#endif
