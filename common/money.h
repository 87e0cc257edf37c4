/*
 * money.h - prices and costs in integers.
 *
 * A price is pico-currency per token (int64; 3.00 per million tokens =
 * 3,000,000). A cost is nano-currency, rounded half up once per request.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_MONEY_H
#define AIGW_COMMON_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/str.h"
#include "common/usage.h"

enum { MONEY_UNSET = -1 };

/* Pico per token; the last two pico per unit. MONEY_UNSET = not stated. */
struct prices {
    int64_t input, output, cached, cache_creation, cache_creation_1h, reasoning,
        audio_in, audio_out, image, request;
};

/* Nobody stated input or output or request: the model is unpriced. */
bool prices_are_set(const struct prices *prices);
void prices_clear(struct prices *prices);

/* money_parse - decimal text ("2.5") times 10^scale, exact or -EINVAL /
 * -ERANGE. Per-million prices in pico per token: scale 6. Nano: scale 9. */
int money_parse(struct str text, int scale, int64_t *out) MUST_CHECK;
/* Shortest decimal of nano-currency: 1500000000 -> "1.5". */
void money_format_nano(int64_t nano, char out[32]);

/* What each class is charged by: what is absent as below, 0 where nothing is
 * said at all. */
void money_effective(const struct prices *prices, struct prices *out);
/*
 * money_cost_nano - 0 for unpriced. What is absent falls back: cached,
 * cache_creation and audio_in to input, 1h to cache_creation, reasoning and
 * audio_out to output. Saturates at INT64_MAX.
 */
int64_t money_cost_nano(const struct prices *prices, const struct usage *usage);

#endif
