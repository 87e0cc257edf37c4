/*
 * rate.c - see rate.h.
 *
 * GCRA: the word is the instant at which all that was taken will have been
 * earned back. One unit costs a minute / limit; a minute's worth may be taken
 * at once. In 128 bits where it must be: no limit and no request overflows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/rate.h"

#include <errno.h>

#define MINUTE_NS UINT64_C(60000000000)

/*
 * Each failed exchange is another request's success, so after this many the
 * word is in a storm of admissions. The answer is then "refused": passing would
 * break the limit exactly when it is needed, and going on would be unbounded.
 */
enum { CAS_TRIES = 64 };

/* Debt of corrections is forgiven beyond one more minute: a limit per minute
 * must not lock a key out for hours after one huge answer. */
#define DEBT_MAX_NS (2 * MINUTE_NS)

/* a * b / divisor, or UINT64_MAX. A division of 64 bits, where that holds the
 * product, is a third of the work. */
static uint64_t
scale(uint64_t a, uint64_t b, uint64_t divisor)
{
    uint64_t product;
    if (!__builtin_mul_overflow(a, b, &product))
        return product / divisor;
    unsigned __int128 wide = (unsigned __int128)a * b / divisor;
    return wide < UINT64_MAX ? (uint64_t)wide : UINT64_MAX;
}

static uint64_t
cost_ns(uint64_t per_minute, uint64_t n)
{
    uint64_t cost = scale(n, MINUTE_NS, per_minute);
    return cost < UINT64_C(1) << 60 ? cost : UINT64_C(1) << 60;
}

/* The word, as it counts now: idle below, healed where it cannot be. */
static uint64_t
debt_ns(uint64_t word, uint64_t now_ns)
{
    if (word <= now_ns)
        return 0;
    return word - now_ns < DEBT_MAX_NS ? word - now_ns : DEBT_MAX_NS;
}

static void
fill(struct rate_answer *answer, uint64_t per_minute, uint64_t debt,
     uint64_t retry_ns)
{
    uint64_t free_ns = debt < MINUTE_NS ? MINUTE_NS - debt : 0;
    answer->limit = per_minute;
    answer->remaining = scale(free_ns, per_minute, MINUTE_NS);
    answer->reset_ns = debt;
    answer->retry_ns = retry_ns;
}

int
rate_take(shm_u64 *tat_ns, uint64_t per_minute, uint64_t n, uint64_t now_ns,
          struct rate_answer *answer)
{
    if (per_minute == 0) {
        *answer = (struct rate_answer){0};
        return 0;
    }
    uint64_t cost = cost_ns(per_minute, n);
    if (cost > MINUTE_NS)
        cost = MINUTE_NS; /* larger than the limit: the whole minute, alone */
    uint64_t word = shm_load(tat_ns);
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        uint64_t debt = debt_ns(word, now_ns);
        if (debt + cost > MINUTE_NS) {
            fill(answer, per_minute, debt, debt + cost - MINUTE_NS);
            return -EAGAIN;
        }
        if (shm_cas(tat_ns, &word, now_ns + debt + cost)) {
            fill(answer, per_minute, debt + cost, 0);
            return 0;
        }
    }
    fill(answer, per_minute, MINUTE_NS, cost);
    return -EAGAIN;
}

void
rate_correct(shm_u64 *tat_ns, uint64_t per_minute, int64_t delta,
             uint64_t now_ns)
{
    if (per_minute == 0 || delta == 0)
        return;
    uint64_t n = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    uint64_t cost = cost_ns(per_minute, n);
    uint64_t word = shm_load(tat_ns);
    /* Given up after the same number of tries: the word heals by itself. */
    for (int tries = 0; tries < CAS_TRIES; tries++) {
        uint64_t debt = debt_ns(word, now_ns);
        if (delta < 0)
            debt = debt > cost ? debt - cost : 0;
        else
            debt = cost < DEBT_MAX_NS - debt ? debt + cost : DEBT_MAX_NS;
        if (shm_cas(tat_ns, &word, now_ns + debt))
            return;
    }
}
