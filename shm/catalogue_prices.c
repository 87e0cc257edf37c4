/*
 * catalogue_prices.c - price tiers of models and endpoints: made from their
 * texts, whole (what a tier does not state is the base's), and given back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "shm/catalogue_part.h"

struct price_tiers *
catalogue_make_tiers(const struct config_list *texts, const struct prices *base,
                     bool *bad, struct buf *error)
{
    *bad = false;
    if (texts->count == 0)
        return NULL;
    struct price_tiers *tiers = calloc(1, sizeof(*tiers));
    *bad = true;
    if (tiers == NULL) {
        buf_append_cstr(error, "out of memory");
        return NULL;
    }
    if (texts->count > PRICE_TIERS_MAX || !prices_are_set(base)) {
        buf_append_cstr(error, "price_tiers need prices beside them, and are "
                               "at most 8");
        free(tiers);
        return NULL;
    }
    for (unsigned i = 0; i < texts->count; i++) {
        struct price_tier *tier = &tiers->items[tiers->count++];
        if (price_tier_parse(str_from(texts->items[i]), tier, error) < 0) {
            free(tiers);
            return NULL;
        }
        price_tier_complete(tier, base);
    }
    *bad = false;
    return tiers;
}

void
catalogue_free_tiers(struct catalogue_model *model)
{
    for (uint32_t i = 0; i < model->endpoint_count; i++)
        if (model->endpoints[i].tiers != model->tiers)
            free(model->endpoints[i].tiers);
    free(model->tiers);
    model->tiers = NULL;
}
