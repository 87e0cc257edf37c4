/*
 * config_check_prices.c - prices under conditions.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"
#include "common/price_tier.h"

static bool
check_tiers(const struct prices *prices, const struct config_list *tiers,
            enum config_section section, const struct config_origin *origin,
            const struct config_origins *origins, struct buf *error)
{
    struct price_tier tier;
    struct buf reason;
    bool good = tiers->count == 0 || prices_are_set(prices);
    buf_init(&reason, 0);
    if (!good)
        buf_append_cstr(&reason, "they need prices beside them");
    for (unsigned i = 0; good && i < tiers->count; i++)
        good = price_tier_parse(str_from(tiers->items[i]), &tier, &reason) == 0;
    if (!good)
        config_fault_at(error, origins->path, section, origin, "price_tiers",
                        buf_cstr(&reason));
    buf_fini(&reason);
    return good;
}

bool
config_check_prices(const struct config *config,
                    const struct config_origins *origins, struct buf *error)
{
    bool good = true;
    for (unsigned i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        good = check_tiers(
                   &model->prices, &model->price_tiers, CONFIG_SECTION_model,
                   &origins->named[CONFIG_SECTION_model][i], origins, error) &&
               good;
    }
    for (unsigned i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        good = check_tiers(&endpoint->prices, &endpoint->price_tiers,
                           CONFIG_SECTION_endpoint,
                           &origins->named[CONFIG_SECTION_endpoint][i], origins,
                           error) &&
               good;
    }
    return good;
}
