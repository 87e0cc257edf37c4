/*
 * price_json.c - see price_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/price_json.h"

const char *const price_public_names[PRICE_CLASSES] = {
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
    "output_cost_per_reasoning_token",
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
    "output_cost_per_image",
    "input_cost_per_request",
};

static void
classes_to_json(struct json_writer *json, const struct prices *prices)
{
    for (int i = 0; i < PRICE_CLASSES; i++) {
        char text[48];
        int64_t price = price_get(prices, &price_classes[i]);
        json_key(json, price_classes[i].name);
        if (price < 0) {
            json_null(json);
            continue;
        }
        price_format(price, price_classes[i].scale, text);
        json_raw(json, str_from(text));
    }
}

static void
key_tokens(struct json_writer *json, const char *name, uint64_t tokens)
{
    if (tokens == 0)
        return;
    json_key(json, name);
    json_u64(json, tokens);
}

static void
key_time(struct json_writer *json, const char *name, int64_t wall_ms)
{
    if (wall_ms == 0)
        return;
    json_key(json, name);
    json_time(json, wall_ms);
}

static void
tier_to_json(struct json_writer *json, const struct price_tier *tier)
{
    char hours[16];
    json_object_begin(json);
    key_tokens(json, "prompt_from", tier->prompt_from);
    key_tokens(json, "prompt_to", tier->prompt_to);
    key_tokens(json, "output_from", tier->output_from);
    key_tokens(json, "output_to", tier->output_to);
    key_time(json, "from", tier->from_ms);
    key_time(json, "until", tier->until_ms);
    if (price_tier_hours(tier, hours)) {
        json_key(json, "hours");
        json_cstring(json, hours);
    }
    if (tier->services != 0) {
        json_key(json, "service_tiers");
        json_array_begin(json);
        for (unsigned i = 1; i < SERVICE_TIERS; i++)
            if ((tier->services & UINT32_C(1) << i) != 0)
                json_cstring(json, service_tier_name(i));
        json_array_end(json);
    }
    json_key(json, "prices");
    json_object_begin(json);
    classes_to_json(json, &tier->prices);
    json_object_end(json);
    json_object_end(json);
}

void
prices_to_json(struct json_writer *json, const struct prices *prices,
               const struct price_tiers *tiers)
{
    if (!prices_are_set(prices)) {
        json_null(json);
        return;
    }
    json_object_begin(json);
    classes_to_json(json, prices);
    if (tiers != NULL && tiers->count > 0) {
        json_key(json, "tiers");
        json_array_begin(json);
        for (unsigned i = 0; i < tiers->count; i++)
            tier_to_json(json, &tiers->items[i]);
        json_array_end(json);
    }
    json_object_end(json);
}
