/*
 * calibration.h - what a model's settled calls teach about its prompts: how many
 * tokens the typical estimate of the scan comes to, and whether the bound held.
 * Of this process alone: a worker learns anew, from the scan's own factors.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CALIBRATION_H
#define AIGW_WORKER_CALIBRATION_H

#include <stdint.h>

#include "common/usage.h"
#include "shm/layout.h"
#include "worker/dialect/call.h"

/* Factors as 1/65536; 0: nothing learnt. Zeros at the start. */
struct calibration {
    uint32_t typical; /* stated prompt tokens per estimated one, smoothed */
    uint32_t over;    /* by how much the bound was passed; fades */
};

/* What the scan said, kept for what the settled usage is compared with. */
struct prompt_guess {
    uint64_t estimate, bound;
};

/*
 * calibration_apply - the call's estimate and bound by what was learnt. The bound
 * never becomes lower than the scan's, and the estimate never higher than it.
 * *guess = the scan's own, for calibration_learn().
 */
void calibration_apply(const struct calibration *calibration, struct call *call,
                       struct prompt_guess *guess);
/* A settled call whose provider stated its usage, without contradiction. */
void calibration_learn(struct calibration *calibration,
                       const struct prompt_guess *guess,
                       const struct usage *usage);

#endif
