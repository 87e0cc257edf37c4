/*
 * price_json.c - see price_json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/price_json.h"

#include <stdio.h>

enum { PER_MILLION = 6, PER_UNIT = 12 }; /* from pico */

#define CLASS(name, scale, public)                                             \
    {                                                                          \
#name, offsetof(struct prices, name), scale, public                    \
    }
const struct price_class price_classes[PRICE_CLASSES] = {
    CLASS(input, PER_MILLION, "input_cost_per_token"),
    CLASS(output, PER_MILLION, "output_cost_per_token"),
    CLASS(cached, PER_MILLION, "cache_read_input_token_cost"),
    CLASS(cache_creation, PER_MILLION, "cache_creation_input_token_cost"),
    CLASS(cache_creation_1h, PER_MILLION,
          "cache_creation_input_token_cost_above_1hr"),
    CLASS(reasoning, PER_MILLION, "output_cost_per_reasoning_token"),
    CLASS(audio_in, PER_MILLION, "input_cost_per_audio_token"),
    CLASS(audio_out, PER_MILLION, "output_cost_per_audio_token"),
    CLASS(image, PER_UNIT, "output_cost_per_image"),
    CLASS(request, PER_UNIT, "input_cost_per_request"),
};

/* value / 10^scale as a decimal number; MONEY_UNSET is null. */
static void
key_price(struct json_writer *json, const char *name, int64_t value, int scale)
{
    char text[48];
    json_key(json, name);
    if (value < 0) {
        json_null(json);
        return;
    }
    int64_t unit = 1;
    for (int i = 0; i < scale; i++)
        unit *= 10;
    int n =
        snprintf(text, sizeof(text), "%lld.%0*lld", (long long)(value / unit),
                 scale, (long long)(value % unit));
    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    json_raw(json, str_make(text, (size_t)n));
}

void
prices_to_json(struct json_writer *json, const struct prices *prices)
{
    if (!prices_are_set(prices)) {
        json_null(json);
        return;
    }
    struct prices copy = *prices;
    json_object_begin(json);
    for (int i = 0; i < PRICE_CLASSES; i++)
        key_price(json, price_classes[i].name,
                  *price_of(&copy, &price_classes[i]), price_classes[i].scale);
    json_object_end(json);
}
