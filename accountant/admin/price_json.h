/*
 * price_json.h - prices as management shows and reads them: decimal numbers per
 * million tokens, of images and requests per unit.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_PRICE_JSON_H
#define AIGW_ACCOUNTANT_ADMIN_PRICE_JSON_H

#include "common/json_write.h"
#include "common/price_tier.h"

/* LiteLLM's names of the classes, per token or unit. */
extern const char *const price_public_names[PRICE_CLASSES];

/* An object, or null where nothing is priced; `tiers` in it where there are any
 * (NULL: none), which are complete. */
void prices_to_json(struct json_writer *json, const struct prices *prices,
                    const struct price_tiers *tiers);

#endif
