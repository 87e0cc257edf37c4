/*
 * calibration.c - see calibration.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/calibration.h"

enum {
    ONE = 1 << 16,
    LEAST = ONE / 8, /* spaces, data URLs: few tokens for many bytes */
    MOST = 8 * ONE,  /* tools of the provider's own put in thousands */
    SMOOTHING = 16,  /* calls that it takes to be believed */
    FADING = 256,    /* calls until a passed bound is forgotten by a third */
    SHORT = 16,      /* tokens: what providers add decides, not the text */
};

static uint64_t
scaled(uint64_t tokens, uint32_t factor)
{
    unsigned __int128 product = (unsigned __int128)tokens * factor / ONE;
    return product > SHM_AMOUNT_MAX ? SHM_AMOUNT_MAX : (uint64_t)product;
}

void
calibration_apply(const struct calibration *calibration, struct call *call,
                  struct prompt_guess *guess)
{
    guess->estimate = call->prompt_estimate;
    guess->bound = call->prompt_bound;
    if (calibration->over > ONE)
        call->prompt_bound = scaled(call->prompt_bound, calibration->over);
    if (calibration->typical == 0)
        return;
    uint64_t estimate = scaled(call->prompt_estimate, calibration->typical);
    if (estimate > call->prompt_bound)
        estimate = call->prompt_bound;
    call->prompt_estimate = estimate > 0 ? estimate : 1;
}

static uint32_t
factor_of(uint64_t tokens, uint64_t guess)
{
    uint64_t factor =
        tokens > SHM_AMOUNT_MAX / ONE ? MOST : tokens * ONE / guess;
    return factor < LEAST ? LEAST : factor > MOST ? MOST : (uint32_t)factor;
}

void
calibration_learn(struct calibration *calibration,
                  const struct prompt_guess *guess, const struct usage *usage)
{
    uint64_t tokens = usage->prompt_missed + usage->cached +
                      usage->cache_creation + usage->audio_in;
    if (guess->estimate < SHORT || tokens == 0)
        return;
    uint32_t typical = factor_of(tokens, guess->estimate);
    uint32_t before = calibration->typical == 0 ? ONE : calibration->typical;
    calibration->typical = before - before / SMOOTHING + typical / SMOOTHING;
    uint32_t over = factor_of(tokens, guess->bound);
    calibration->over -= calibration->over / FADING;
    if (over > ONE && over > calibration->over)
        calibration->over = over;
}
