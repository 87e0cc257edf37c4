/*
 * model.h - the truth beside the code: what each request asked, got, served and
 * was told; from it what may stand in rings, cells and books. God's memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_SIM_MODEL_H
#define AIGW_TESTS_SIM_MODEL_H

#include "tests/sim/world.h"

enum request_state {
    REQUEST_NONE,
    ASKED, /* in cells_hold() */
    REFUSED,
    SENT,
    SETTLING, /* in cells_settle() */
    ACKNOWLEDGED,
    DEAD_ASKED, /* its worker died while it was ... */
    DEAD_SENT,
    DEAD_SETTLING,
};

struct request {
    enum request_state state;
    unsigned tenant;
    const struct process *worker;
    int worker_pid;
    uint32_t column, entry[2];
    uint64_t tag[2];
    bool crash_reserved, overrun;
    /* granted, and what it may be when a grow is cut; the same of progress */
    uint64_t amount[SHM_UNITS], amount_next[SHM_UNITS];
    uint64_t progress[SHM_UNITS], progress_next[SHM_UNITS];
    uint64_t actual[SHM_UNITS];
    uint32_t meta_len;
    uint64_t acknowledged_at; /* sim_points */
    /* its record */
    bool recorded;
    uint64_t place, charge[SHM_UNITS];
    /* its place in the books */
    bool booked, durable, lost;
    bool orphan;  /* its segment is gone: the next audit decides */
    bool counted; /* in the audit that runs */
};

void model_begin(void);
/* The segment is gone: what is not durable may be. */
void model_segment_lost(void);
void model_process_died(const struct process *process);

/* ---- a worker says what it does, before and after ---- */
struct request *model_ask(unsigned tenant, const struct key_view *view,
                          uint32_t column, const uint64_t amount[SHM_UNITS]);
unsigned model_number(const struct request *request);
void model_answered(struct request *request, int rc);
void model_grow(struct request *request, const uint64_t add[SHM_UNITS]);
void model_grown(struct request *request, int rc);
void model_progress(struct request *request, uint64_t tokens);
void model_progressed(struct request *request);
void model_settle(struct request *request, uint64_t tokens, uint32_t meta_len);
void model_settled(struct request *request);

/* ---- after each slice ---- */
void model_watch(void);
/* The same invariants as `aigw-shmdump --verify`. */
void model_verify(bool quiet);

/* ---- an audit ---- */
void model_audit_begin(void);
/* One row (or its like) of the books. */
void model_booked(uint64_t number, uint64_t key_id, uint64_t group_id,
                  const uint64_t charge[SHM_UNITS]);
/* Every row was told. Nothing durable is missing; `whole`: nothing at all; of
 * an earlier segment what is missing is lost from now on. */
void model_audit_rows(bool whole);
/* A total of the books is the sum of its rows; baseline at most that. */
void model_audit_total(unsigned tenant, const uint64_t total[SHM_UNITS]);
/* Nothing runs: cells are records are nothing held. */
void model_audit_quiet(void);
/* FLUSH was answered: what was acknowledged before it is durable. */
void model_flushed(uint64_t since_point);

#endif
