/*
 * price_tier.h - prices under a condition, as one text:
 *
 *   prompt_from=200001 input=2.5 output=15 cached=0.25
 *   service_tier=flex|batch input=0.6 output=5
 *   hours=16:30-00:30 input=0.135 output=0.55
 *   from=2026-01-01T00:00:00Z until=2026-02-01T00:00:00Z output=0
 *
 * Conditions, all of which must hold: prompt_from, prompt_to, output_from,
 * output_to (tokens, both ends in it; of the prompt all that is sent, cached or
 * not), hours (of the UTC day, the end not in it, over midnight where the end is
 * first), from and until (the same of time), service_tier (one of those). Time is
 * when the call came; tokens and service tier are what the provider stated. The
 * first tier whose conditions hold is charged; without one the model's prices.
 * A price that a tier does not state is the model's.
 *
 * Sources: wire.md 3.7 (aiproxy's conditional prices), LiteLLM's
 * *_above_200k_tokens.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_PRICE_TIER_H
#define AIGW_COMMON_PRICE_TIER_H

#include <stddef.h>

#include "common/buf.h"
#include "common/money.h"

enum { PRICE_TIERS_MAX = 8, PRICE_TIER_BYTES = 512 };

/* One class of what is paid for. */
struct price_class {
    const char *name; /* in texts; the option is "price_" + it */
    size_t offset;    /* of the int64_t in struct prices */
    int scale;        /* of the text: money_parse() */
};
enum { PRICE_CLASSES = 10 };
extern const struct price_class price_classes[PRICE_CLASSES];

static inline int64_t *
price_of(struct prices *prices, const struct price_class *class)
{
    return (int64_t *)(void *)((char *)prices + class->offset);
}
static inline int64_t
price_get(const struct prices *prices, const struct price_class *class)
{
    return *(const int64_t *)(const void *)((const char *)prices +
                                            class->offset);
}
/* A price of 0 or more as the shortest decimal text. */
void price_format(int64_t price, int scale, char out[48]);

/* What a provider says an answer was served as; kept in log rows by number. */
enum service_tier {
    SERVICE_UNSTATED,
    SERVICE_DEFAULT,
    SERVICE_FLEX,
    SERVICE_PRIORITY,
    SERVICE_SCALE,
    SERVICE_BATCH,
    SERVICE_TIERS,
};
/* A word of the list above, Anthropic's and Gemini's "standard", Bedrock's
 * "reserved" (what is bought ahead: scale); others are unstated. */
enum service_tier service_tier_of(struct str word);
/* "" where nothing was stated. */
const char *service_tier_name(unsigned tier);

struct price_tier {
    uint64_t prompt_from, prompt_to; /* to 0: no end */
    uint64_t output_from, output_to;
    int64_t from_ms, until_ms;       /* wall; 0: none */
    uint32_t minute_from, minute_to; /* of the day; the same: any */
    uint32_t services;               /* bits of enum service_tier; 0: any */
    uint32_t pad;                    /* 0: tiers are compared as bytes */
    struct prices prices;
};

struct price_tiers {
    uint64_t count;
    struct price_tier items[PRICE_TIERS_MAX];
};

/* 0, or -EINVAL with a reason. What it does not state is MONEY_UNSET. */
int price_tier_parse(struct str text, struct price_tier *tier,
                     struct buf *reason) MUST_CHECK;
/* The text that is parsed to it. */
void price_tier_print(const struct price_tier *tier, struct buf *out);
/* "16:30-00:30"; false where it holds at any hour. */
bool price_tier_hours(const struct price_tier *tier, char out[16]);
/* What it does not state becomes the base's. */
void price_tier_complete(struct price_tier *tier, const struct prices *base);

/* What a call is to a tier. */
struct price_case {
    int64_t at_ms; /* wall, when it came */
    const struct usage *usage;
    unsigned service;
};
/* Which is charged: its number from 1; 0: none, so the base. */
unsigned price_tiers_choose(const struct price_tiers *tiers,
                            const struct price_case *what);
/* Each class becomes the highest of what a call of at most `prompt` tokens that
 * came then may be charged. */
void price_tiers_raise(struct prices *prices, const struct price_tiers *tiers,
                       uint64_t prompt, int64_t at_ms);
void prices_raise(struct prices *prices, const struct prices *other);

#endif
