/*
 * world.h - one small world: a segment, a disk, its processes, and what the
 * players and the model know of it. Made anew for each schedule.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_SIM_WORLD_H
#define AIGW_TESTS_SIM_WORLD_H

#include "shm/cells.h"
#include "tests/sim/sim.h"

enum {
    TENANTS = 8, /* the group is number 0, keys follow */
    TEAM = 0,
    REQUESTS = 12,
    SLOTS = 3,
    PRICE = 7, /* nano of a token */
    COLUMNS = 32,
    META_MAX = 700,
};

/* ---- what management does ---- */
enum command_kind { COMMAND_NONE, CREATE, SET_LIMIT, DELETE, FLUSH, ROTATE };
enum command_state { COMMAND_ASKED, COMMAND_TAKEN };

struct command {
    enum command_kind kind;
    enum command_state state;
    unsigned tenant;
    int64_t limit;
    uint64_t since_point; /* FLUSH: settled before it */
    bool last;            /* FLUSH: nothing runs any more */
};

/* A key or the group, as management was told. */
struct tenant {
    bool exists;    /* for certain, unless a command about it is under way */
    bool was_there; /* once */
    uint64_t id;
    uint8_t digest[32], former[32]; /* former: good too, where it has one */
    bool has_former;
    char name[16];
    bool crash_reserved, finish;
    uint32_t max_in_flight;
    uint32_t found_at;     /* by a search: the next one's guess */
    uint32_t unit, period; /* of its one budget */
    int64_t limit, limit_max;
    /* what its entry has shown */
    bool shown;
    int64_t period_no, baseline;
};

/* ---- the world ---- */
enum kind { KIND_TABLE, KIND_FULL };

struct world {
    enum kind kind;
    uint64_t seed;
    struct segment segment; /* god's handle; the others copy it */
    uint64_t epoch;
    struct process master, accountant, workers[SIM_WORKERS];
    unsigned workers_wanted, requests_left;
    bool workers_may_start; /* the accountant has said READY once */
    bool accountant_leaves, closing;
    struct tenant tenants[TENANTS];
    unsigned tenant_count;
    struct command command;
    enum command_kind command_was; /* the last one */
    bool flushed; /* the last FLUSH was answered with success */
    bool ready;   /* the accountant that lives has restored */
    bool wake;    /* the master's eventfd */
};
extern struct world world;

const struct process *world_process_of(int pid);
/* An empty one, of a new epoch. */
void world_reset_segment(void);
void world_kill(struct process *process);
/* What follows from a death, by a kill or by itself. */
void world_died(struct process *process);
void world_kill_all(void);
void world_lose_segment(void);
/* Management asks for something; at random. */
void world_ask(enum command_kind kind, unsigned tenant);
void world_create_tenant(void);
void world_manage(void);
/* The command's end; `id` and `digest` of what was made. */
void world_command_done(int error, uint64_t id, const uint8_t *digest);
/* After a restart: what became of it, as the ledger says. */
void world_command_found(bool exists, uint64_t id, const uint8_t *digest,
                         int64_t limit);

/* One schedule, from an empty disk to books that were looked at; what it met
 * with is added to `counts`. */
enum happening {
    KILL_RUNNING, /* whoever is at this very point */
    KILL_ACCOUNTANT,
    KILL_WORKER,
    KILL_MASTER,
    KILL_ALL,
    SEGMENT_LOST,
    POWER_CUT,
    DISK_FAILS,
    PERIOD_ENDS,
    CLOCK_JUMPS,
    MANAGEMENT,
    HAPPENINGS,
};
struct world_counts {
    uint64_t schedules[2], points, requests, happened[HAPPENINGS];
};
void world_init(void);
void world_run(enum kind kind, uint64_t seed, struct world_counts *counts);

/* ---- players ---- */
void master_begin(void);
void worker_begin(struct process *process, uint32_t column);
void worker_drain(const struct process *process);
void keeper_begin(void);
void accountant_begin(void);
/* Bytes that begin a world: once, and for each. */
void keeper_reset(void);
void accountant_init(void);
bool accountant_is_idle(void);

/* ---- books against the model, god, with nobody in the middle ---- */
/* Everything that is booked: model_booked() for each, then model_total(). */
void keeper_audit(void);
void accountant_audit(void);

#endif
