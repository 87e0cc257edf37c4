/*
 * usage.h - what one model call used: six disjoint classes of tokens and what
 * prices need besides. The sum of the six is every token of the exchange.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_USAGE_H
#define AIGW_COMMON_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t prompt_missed;  /* input at the full rate */
    uint64_t cached;         /* input read from a prompt cache */
    uint64_t cache_creation; /* input written to one (5 min and 1 h) */
    uint64_t completion;     /* visible output */
    uint64_t reasoning;      /* hidden output */
    uint64_t audio_in;       /* audio class = audio_in + audio_out */
    uint64_t audio_out;
    uint64_t cache_creation_1h; /* part of cache_creation, priced apart */
    uint64_t images_in, images_out;
};

static inline uint64_t
usage_audio(const struct usage *u)
{
    return u->audio_in + u->audio_out;
}

static inline uint64_t
usage_total(const struct usage *u)
{
    return u->prompt_missed + u->cached + u->cache_creation + u->completion +
           u->reasoning + u->audio_in + u->audio_out;
}

/*
 * Numbers as an OpenAI-style provider states them, and the split into the six
 * classes by spec: `total` is the judge of what lies outside of what.
 * `negative or absent = 0`; `has_total` false when the answer states none.
 */
struct usage_stated {
    uint64_t prompt, completion, total;
    uint64_t cached, cache_write, audio_in, reasoning, audio_out;
    bool has_total;
};

/* usage_from_stated - see ARCHITECTURE.md "usage". *ambiguous is set when the
 * provider's own numbers contradict each other (details are clamped to fit). */
void usage_from_stated(const struct usage_stated *stated, struct usage *usage,
                       bool *ambiguous);

#endif
