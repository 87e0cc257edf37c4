/*
 * admission_parts.h - what the files of admission_*.c share.
 *
 *   admission.c         the order of checks, hold, grow
 *   admission_lease.c   how much a call needs, and how much of it fits
 *   admission_refuse.c  which limit refused it, in words
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_ADMISSION_PARTS_H
#define AIGW_WORKER_ADMISSION_PARTS_H

#include "worker/admission.h"

/* What a call wants to hold; `output` and `clamped` are the outcome. */
struct lease {
    uint64_t prompt;     /* tokens, bound */
    uint64_t answers;    /* n */
    uint64_t per_answer; /* output tokens of each, as asked or bounded by us */
    uint64_t want;       /* output tokens to hold at the start */
    bool whole;          /* want = answers x per_answer */
    bool may_shrink;     /* less than `want` will do */
    bool stated;         /* the client bounded the output itself */
    bool bound_known;    /* the model's own bound is configured */
    uint64_t output;     /* what will be held */
    uint64_t amount[SHM_UNITS];
    bool clamped;
    uint64_t max_tokens; /* to be written into the body; 0: none */
};

/* How the key's (or the default) policy treats this call. */
uint32_t lease_mode(const struct request *request);
void lease_plan(const struct request *request, struct lease *lease);
/* Fits the lease into what there is now. 0, or -EDQUOT with the unit that is
 * too small in *unit and what it had in *room. */
int lease_fit(const struct request *request, struct lease *lease,
              int *unit) MUST_CHECK;
/* The endpoint's; where several may get the call, or it has price tiers, the
 * highest of each. */
const struct prices *lease_prices(const struct request *request);
/* The lease as it was planned, whatever there is. */
void lease_take_all(const struct request *request, struct lease *lease);
/* Money for a prompt and an output at the dearest prices, rounded up. */
uint64_t lease_money(const struct request *request, uint64_t prompt,
                     uint64_t output);
/* Money for more output only. */
uint64_t lease_output_money(const struct request *request, uint64_t output);
/* Output tokens that would fit now on top of what is held. */
uint64_t lease_output_room(const struct request *request);

/* ---- admission_refuse.c: each returns -1 ---- */
COLD int refuse_budget(const struct request *request, const struct lease *lease,
                       int unit, struct fault *fault);
COLD int refuse_concurrency(const struct request *request, bool is_group,
                            struct fault *fault);
COLD int refuse_rate(const struct rate_answer *rate, const char *what,
                     enum record_limit limit, struct fault *fault);

#endif
