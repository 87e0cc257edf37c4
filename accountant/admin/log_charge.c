/*
 * log_charge.c - see log_charge.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/log_charge.h"

#include <stdio.h>
#include <string.h>

#include "common/price_tier.h"
#include "shm/catalogue.h"

enum { PICO_DIGITS = 12 };

struct wanted {
    uint32_t version;
    struct log_charge *charge;
};

static bool
take_price(const struct ledger_price *price, void *context)
{
    struct wanted *wanted = context;
    if (price->version != wanted->version)
        return true;
    wanted->charge->price = *price;
    wanted->charge->found = true;
    return false;
}

int
log_charge_read(struct ledger *ledger, struct ledger_snapshot *snapshot,
                const struct ledger_row *row, struct log_charge *charge,
                struct buf *error)
{
    char name[sizeof(row->model) + sizeof(row->provider) + 1];
    bool of_endpoint = (row->price_version & CATALOGUE_ENDPOINT_PRICE) != 0;
    struct wanted wanted = {row->price_version & ~CATALOGUE_ENDPOINT_PRICE,
                            charge};
    charge->found = false;
    if (wanted.version == 0 || row->model[0] == '\0')
        return 0;
    snprintf(name, sizeof(name), "%s%s%s", row->model, of_endpoint ? "@" : "",
             of_endpoint ? row->provider : "");
    return ledger_scan_prices(ledger, snapshot, name, take_price, &wanted,
                              error);
}

/* What the row has of each class, by the place of its price. */
static uint64_t
count_of(const struct usage *used, size_t price)
{
    uint64_t hour = used->cache_creation_1h < used->cache_creation
                        ? used->cache_creation_1h
                        : used->cache_creation;
    const struct {
        size_t price;
        uint64_t count;
    } counts[] = {
        {offsetof(struct prices, input), used->prompt_missed},
        {offsetof(struct prices, cached), used->cached},
        {offsetof(struct prices, cache_creation), used->cache_creation - hour},
        {offsetof(struct prices, cache_creation_1h), hour},
        {offsetof(struct prices, output), used->completion},
        {offsetof(struct prices, reasoning), used->reasoning},
        {offsetof(struct prices, audio_in), used->audio_in},
        {offsetof(struct prices, audio_out), used->audio_out},
        {offsetof(struct prices, image), used->images_in + used->images_out},
        {offsetof(struct prices, request), 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (counts[i].price == price)
            return counts[i].count;
    return 0;
}

/* value / 10^scale; prices that are charged are 0 or more. */
static void
key_price(struct json_writer *json, const char *name, int64_t value, int scale)
{
    char text[48];
    price_format(value, scale, text);
    json_key(json, name);
    json_raw(json, str_from(text));
}

/* The base, or its tier; NULL: it had no such tier. */
static const struct prices *
prices_of(const struct log_charge *charge, unsigned tier)
{
    const struct price_tiers *tiers = &charge->price.tiers;
    if (!charge->found || tier > tiers->count)
        return NULL;
    return tier == 0 ? &charge->price.prices : &tiers->items[tier - 1].prices;
}

/* Exact: pico of a token are more digits than money has. */
static int64_t
put_line(struct json_writer *json, const char *class, uint64_t count,
         int64_t price, int scale)
{
    unsigned __int128 pico = (unsigned __int128)(uint64_t)price * count;
    int64_t cost = pico > INT64_MAX ? INT64_MAX : (int64_t)pico;
    json_object_begin(json);
    json_key(json, "class");
    json_cstring(json, class);
    json_key(json, "count");
    json_u64(json, count);
    key_price(json, "price", price, scale);
    key_price(json, "cost", cost, PICO_DIGITS);
    json_object_end(json);
    return cost;
}

void
log_charge_to_json(struct json_writer *json, const struct ledger_row *row,
                   const struct log_charge *charge)
{
    const struct prices *stated = prices_of(charge, row->price_tier);
    struct prices prices;
    if (stated == NULL || !prices_are_set(stated)) {
        json_null(json);
        return;
    }
    money_effective(stated, &prices);
    json_object_begin(json);
    json_key(json, "model");
    json_cstring(json, charge->price.model);
    json_key(json, "version");
    json_u64(json, charge->price.version);
    json_key(json, "tier");
    json_u64(json, row->price_tier);
    json_key(json, "since");
    json_time(json, charge->price.since_ms);
    json_key(json, "lines");
    json_array_begin(json);
    int64_t sum = 0;
    for (int i = 0; i < PRICE_CLASSES; i++) {
        const struct price_class *class = &price_classes[i];
        uint64_t count = count_of(&row->classes, class->offset);
        int64_t price = *price_of(&prices, class);
        if (count == 0 || (price == 0 && class->scale == PICO_DIGITS))
            continue; /* pictures and requests are seldom paid for */
        int64_t cost = put_line(json, class->name, count, price, class->scale);
        sum = cost > INT64_MAX - sum ? INT64_MAX : sum + cost;
    }
    json_array_end(json);
    key_price(json, "sum", sum, PICO_DIGITS);
    json_key(json, "charged");
    json_money(json, (int64_t)row->nano);
    json_object_end(json);
}
