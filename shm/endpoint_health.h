/*
 * endpoint_health.h - cool-downs and half-open probes of endpoints and
 * credentials, shared by all workers without locks; limits that a credential has
 * reached; calls in progress (gates). Statistics: endpoint_window.h.
 *
 * A breaker is healthy (run = 0), has a run of failures, or cools:
 *
 *   healthy --failure--> run --enough of them--> cooling --until passed--> probe
 *      ^                  |                         ^                        |
 *      +----a success-----+                         +---------failure--------+
 *      +-------------------------------------------------------success-------+
 *
 *   run      consecutive failures, in the order in which calls end: any success
 *            begins the count anew. Beside it, those of calls that began after
 *            the first failure was known: they count without regard to the late
 *            successes of calls that began before.
 *   suspect  the first second of a run: each worker sends it few calls only.
 *   cooling  nothing is sent; what ends meanwhile changes nothing.
 *   probe    one call of all workers, by claim. Its owner alone leads out.
 *
 * Invariant: run changes from cooling only by who holds the claim that was made
 * on that very word, so a probe that is late changes nothing; or, to healthy, by
 * the success of a call that was sent as a last resort while it said that word.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_SHM_ENDPOINT_HEALTH_H
#define AIGW_SHM_ENDPOINT_HEALTH_H

#include "shm/column.h"

enum { BREAKER_SUSPECT_MS = 1000 };

struct breaker_rules {
    uint64_t cooldown_ms, cooldown_max_ms; /* the first; it doubles up to max */
    uint64_t probe_ms; /* a probe that takes longer is given up */
    uint32_t fails;    /* of a run; 0: it never cools */
};

/* What the owner of a call has to show when it has ended; zero: no probe. run
 * without claim: a last resort, which found it cooling. */
struct breaker_ticket {
    uint64_t run, claim;
};

enum breaker_state {
    BREAKER_HEALTHY,
    BREAKER_SUSPECT,
    BREAKER_RUN,     /* failures, but not just now */
    BREAKER_COOLING, /* or somebody probes */
    BREAKER_READY,   /* for a probe */
};

/* Why it cools, for dump and log. */
enum breaker_reason {
    BREAKER_BY_NOTHING,
    BREAKER_BY_FAILURES,
    BREAKER_BY_BURST,
    BREAKER_BY_STATUS, /* a credential that was refused */
    BREAKER_BY_PROBE,
};

/* What a breaker's words say; any process. */
struct breaker_view {
    enum breaker_state state;
    uint64_t since_ms; /* of the run, or 0 */
    uint64_t until_ms; /* of the cool-down, or 0 */
    uint64_t closed_ms, opened;
    uint32_t consecutive, step;
    enum breaker_reason reason;
    bool is_probed;
};
void breaker_view(const struct segment *segment,
                  const struct shm_breaker *breaker, uint64_t now_ms,
                  struct breaker_view *view);

/* One load where it is healthy. */
enum breaker_state breaker_look(const struct segment *segment,
                                const struct shm_breaker *breaker,
                                uint64_t now_ms);
/* Takes the probe of a breaker that is READY. False: another was quicker. */
bool breaker_claim(const struct seat *seat, struct shm_breaker *breaker,
                   const struct breaker_rules *rules, uint64_t now_ms,
                   struct breaker_ticket *ticket) MUST_CHECK;
/* Nothing was learnt: another may probe. */
void breaker_release(struct shm_breaker *breaker,
                     const struct breaker_ticket *ticket);
/* A call that began at started_ms has succeeded. One load where it is healthy. */
void breaker_pass(struct shm_breaker *breaker,
                  const struct breaker_ticket *ticket, uint64_t started_ms,
                  uint64_t now_ms);
/*
 * A call has failed. `at_once`: it cools whatever the run is (reason says why).
 * True: it cools from now on, by this failure.
 */
bool breaker_fail(struct shm_breaker *breaker,
                  const struct breaker_rules *rules,
                  const struct breaker_ticket *ticket, uint64_t started_ms,
                  uint64_t now_ms, enum breaker_reason at_once);

/* True: it cools, and *ticket shows that a call is sent all the same. */
bool breaker_defy(const struct shm_breaker *breaker,
                  struct breaker_ticket *ticket);

/*
 * ---- calls that nobody else can take: one word, due | misses ----
 *
 * An endpoint that cools is asked all the same where the alternative is to refuse
 * the client, until LAST_RESORT_MISSES on end came to nothing; from then on one
 * call of all workers every LAST_RESORT_PAUSE_MS. Any answer begins anew, and so
 * does LAST_RESORT_FORGET_MS without a call.
 */
enum {
    LAST_RESORT_MISSES = 5,
    LAST_RESORT_PAUSE_MS = 200,
    LAST_RESORT_FORGET_MS = 10 * 1000,
};
/* Whether one may be sent now; what comes of it is to be told. */
bool last_resort_take(shm_u64 *word, uint64_t now_ms) MUST_CHECK;
void last_resort_failed(shm_u64 *word, uint64_t now_ms);
/* One load where there is nothing to forget. */
void last_resort_answered(shm_u64 *word);

/* ---- a credential's limit at an endpoint: one word, until | step ---- */

uint64_t limit_until(const shm_u64 *limited);
/* Until `until_ms`, or, where that is 0, for a second, twice as long each time
 * it happens again, up to `most_ms`. Never shortened. */
void limit_reached(shm_u64 *limited, uint64_t until_ms, uint64_t most_ms,
                   uint64_t now_ms);
/* A call that began at started_ms was not refused for it, or, as a last resort,
 * not for the word `defied` (else 0). */
void limit_passed(shm_u64 *limited, uint64_t started_ms, uint64_t defied);

/* ---- gates: calls in progress at an endpoint or a provider ---- */

/* gate: segment_gate_of_endpoint() or segment_gate_of_provider(). One more call,
 * unless all workers together have `most`; two at the margin may both be
 * refused. -EBUSY: nothing taken. */
int gate_enter(const struct seat *seat, uint32_t gate,
               uint32_t most) MUST_CHECK;
void gate_leave(const struct seat *seat, uint32_t gate);
uint64_t gate_busy(const struct segment *segment, uint32_t gate);
/*
 * Whose turn it is: the worker's waiting call whose key was served longest ago
 * says since when (ms, 0: nobody waits). gate_first_turn: the earliest of the
 * other columns, 0: none.
 */
void gate_set_turn(const struct seat *seat, uint32_t gate, uint64_t turn_ms);
uint64_t gate_first_turn(const struct seat *seat, uint32_t gate);
/* Reaper: a dead column's share of all gates. */
void gates_reap(const struct segment *segment, uint32_t column);

#endif
