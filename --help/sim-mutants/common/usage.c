/*
 * usage.c - see usage.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/usage.h"

/* What a JSON number can say exactly; no sum below can overflow with it. */
static const uint64_t usage_stated_max = UINT64_C(1) << 53;

static uint64_t
smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Takes up to `wanted` out of *room; less than wanted is a contradiction. */
static uint64_t
take(uint64_t *room, uint64_t wanted, bool *ambiguous)
{
    uint64_t taken = smaller(wanted, *room);
    if (taken < wanted)
        *ambiguous = true;
    *room -= taken;
    return taken;
}

static struct usage_stated
bounded(const struct usage_stated *stated)
{
    struct usage_stated s = *stated;
    s.prompt = smaller(s.prompt, usage_stated_max);
    s.completion = smaller(s.completion, usage_stated_max);
    s.total = smaller(s.total, usage_stated_max);
    s.cached = smaller(s.cached, usage_stated_max);
    s.cache_write = smaller(s.cache_write, usage_stated_max);
    s.audio_in = smaller(s.audio_in, usage_stated_max);
    s.reasoning = smaller(s.reasoning, usage_stated_max);
    s.audio_out = smaller(s.audio_out, usage_stated_max);
    return s;
}

void
usage_from_stated(const struct usage_stated *stated, struct usage *usage,
                  bool *ambiguous)
{
    struct usage_stated s = bounded(stated);
    bool reasoning_outside = false, audio_outside = false;
    uint64_t sum = s.prompt + s.completion;
    uint64_t beyond = s.has_total && s.total > sum ? s.total - sum : 0;
    *ambiguous = false;
    *usage = (struct usage){0};
    if (beyond > 0) {
        if (beyond == s.reasoning) {
            reasoning_outside = true;
        } else if (beyond == s.audio_in) {
            audio_outside = true;
        } else if (beyond == s.reasoning + s.audio_in) {
            reasoning_outside = audio_outside = true;
        } else if (s.reasoning == 0) {
            /* Hidden thoughts that only the total knows of. */
            s.reasoning = beyond;
            reasoning_outside = true;
        } else {
            *ambiguous = true;
        }
    }
    uint64_t room = s.prompt;
    usage->cached = take(&room, s.cached, ambiguous);
    usage->cache_creation = take(&room, s.cache_write, ambiguous);
    usage->audio_in =
        audio_outside ? s.audio_in : take(&room, s.audio_in, ambiguous);
    usage->prompt_missed = room;

    room = s.completion;
    usage->reasoning =
        reasoning_outside ? s.reasoning : take(&room, s.reasoning, ambiguous);
    usage->audio_out = take(&room, s.audio_out, ambiguous);
    usage->completion = room;
}
