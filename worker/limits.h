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
struct settings;

enum { LIMITS_KEY, LIMITS_GROUP, LIMITS_HOLDERS };

/* A window that counts the call: of its key, its gateway profile, its group or
 * the server. All that say one apply. */
struct limit_window {
    uint64_t name;
    struct window_rule rule;
};
enum { LIMITS_WINDOWS = 4 };

/* What was taken of one row. */
struct limit_taken {
    uint64_t name, rpm, tpm;
    uint64_t tpm_taken;
    uint32_t row, max_in_flight;
};

/* Of a request. Owner: the request; zero at its start. */
struct call_limits {
    bool is_limited; /* limits_end() has something to do */
    bool is_shadow;  /* refusals are noted, and the call goes on */
    bool may_be_cut; /* its key's end is its end */
    bool is_watched; /* and it runs: counted in worker->revocable */
    uint8_t reason;  /* enum record_limit: the first that refused, or would */
    uint8_t window_count, windows_taken; /* taken: a bit each */
    uint32_t count;
    struct limit_window windows[LIMITS_WINDOWS];
    struct limit_taken taken[LIMITS_HOLDERS];
};

/* settings.c, for each layer that says something: windows by rate_limit. */
void limits_add_window(struct request *request, const struct settings *layer,
                       uint64_t name);
/* And when all is merged: shadow, cut_on_revoke. */
void limits_configure(struct request *request);
/* Whether the refusal in *fault is noted and no more. */
bool limits_pass_shadow(struct request *request, const struct fault *fault);
void limits_note_shadow(struct request *request, enum record_limit limit);

/* limits_take - 0, or -1 with *fault; nothing is taken then. */
int limits_take(struct request *request, struct fault *fault) MUST_CHECK;
/* The word of a window of that name; NULL: there is no room for one. Two windows
 * from now it says nothing more, and may be freed. */
shm_u64 *limits_window_word(const struct request *request, uint64_t name,
                            uint64_t interval_ms);
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
/* It is on its way. */
void limits_begin(struct request *request);
/* It ended, with so many tokens. */
void limits_end(struct request *request, uint64_t tokens);

static inline bool
limits_is_shadow_note(const struct call_limits *limits)
{
    return limits->is_shadow && limits->reason != 0;
}
/* x-aigw-shadow, where something would have been refused. */
void limits_shadow_field(const struct request *request, struct buf *out);

#endif
