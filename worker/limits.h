/*
 * limits.h - what limits a call beside the budgets and the rates of its key and
 * group: rates and concurrency with its model, and windows of requests.
 *
 * Taken at admission, given back where the call does not go on, corrected when
 * it is settled. A call that none of them concerns pays a few instructions.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_LIMITS_H
#define AIGW_WORKER_LIMITS_H

#include "shm/cells.h"
#include "shm/rate.h"
#include "shm/window.h"

struct request;
struct fault;

enum { LIMITS_KEY, LIMITS_GROUP, LIMITS_HOLDERS };

/* What was taken of one row. */
struct limit_taken {
    uint64_t name, rpm, tpm;
    uint64_t tpm_taken;
    uint32_t row, max_in_flight;
};

/* Of a request. Owner: the request; zero at its start. */
struct call_limits {
    bool is_limited; /* limits_correct() has something to do */
    uint32_t count;
    struct limit_taken taken[LIMITS_HOLDERS];
};

/* limits_take - 0, or -1 with *fault; nothing is taken then. */
int limits_take(struct request *request, struct fault *fault) MUST_CHECK;
/* For cells_hold(): which rows count the call while it runs; NULL: none. */
const struct hold_limits *limits_to_hold(const struct request *request,
                                         struct hold_limits *room);
/* Rows that were freed since limits_take() are found or made again. */
int limits_look_again(struct request *request, struct fault *fault) MUST_CHECK;
/* Why cells_hold() refused by one of them. Returns -1. */
int limits_refuse_concurrency(const struct request *request,
                              const struct hold_refusal *why,
                              struct fault *fault);
/* The call does not go on. */
void limits_give_back(struct request *request);
/* It ended, with so many tokens. */
void limits_correct(struct request *request, uint64_t tokens);

#endif
