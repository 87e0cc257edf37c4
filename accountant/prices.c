/*
 * prices.c - see prices.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/prices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/log.h"

/* Compared as bytes: what is made here begins as zeros. */
struct price_set {
    struct prices prices;
    struct price_tiers tiers;
};

struct book_entry {
    char model[128];
    uint32_t version;
    struct price_set set;
    bool is_durable;
    /* The last one that is, 0: none. */
    uint32_t durable_version;
    struct price_set durable;
};

static void
set_durable(struct book_entry *entry)
{
    entry->is_durable = true;
    entry->durable_version = entry->version;
    entry->durable = entry->set;
}

static uint64_t
model_hash(const char *model)
{
    /* Names of the configuration: nobody hostile chooses them. */
    return hash_mix64(hash_crc32(0, model, strlen(model)));
}

static bool
entry_match(const void *item, const void *key)
{
    const struct book_entry *entry = item;
    return strcmp(entry->model, key) == 0;
}

static struct book_entry *
get_entry(struct prices_book *book, const char *model)
{
    uint64_t hash = model_hash(model);
    struct book_entry *entry =
        table_find(&book->table, hash, entry_match, model);
    if (entry != NULL)
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    snprintf(entry->model, sizeof(entry->model), "%s", model);
    if (table_insert(&book->table, hash, entry) < 0) {
        free(entry);
        return NULL;
    }
    return entry;
}

void
prices_fini(struct prices_book *book)
{
    table_fini(&book->table, free);
}

int
prices_load(struct prices_book *book, const struct ledger_price *price)
{
    struct book_entry *entry = get_entry(book, price->model);
    if (entry == NULL)
        return -ENOMEM;
    if (price->version > entry->version) {
        entry->version = price->version;
        entry->set.prices = price->prices;
        entry->set.tiers = price->tiers;
        set_durable(entry);
    }
    return 0;
}

uint32_t
prices_version(struct prices_book *book, const char *model,
               const struct prices *prices, const struct price_tiers *tiers)
{
    struct book_entry *entry = get_entry(book, model);
    struct price_set set = {.prices = *prices};
    if (entry == NULL)
        return 0;
    if (tiers != NULL)
        set.tiers = *tiers;
    if (entry->version != 0 && memcmp(&entry->set, &set, sizeof(set)) == 0)
        return entry->version;
    /* A version that never became durable was never charged with: its number
     * is taken again. */
    if (entry->version == 0 || entry->is_durable)
        entry->version++;
    entry->set = set;
    entry->is_durable = false;
    return entry->version;
}

struct ledger_price *
prices_pending(const struct prices_book *book, int64_t since_ms, size_t *count)
{
    size_t at = 0;
    *count = 0;
    if (book->table.count == 0)
        return NULL;
    struct ledger_price *prices = calloc(book->table.count, sizeof(*prices));
    if (prices == NULL)
        fatal("out of memory");
    const struct book_entry *entry = table_next(&book->table, &at);
    for (; entry != NULL; entry = table_next(&book->table, &at)) {
        if (entry->is_durable)
            continue;
        struct ledger_price *price = &prices[(*count)++];
        memcpy(price->model, entry->model, sizeof(price->model));
        price->version = entry->version;
        price->since_ms = since_ms;
        price->prices = entry->set.prices;
        price->tiers = entry->set.tiers;
    }
    if (*count == 0) {
        free(prices);
        return NULL;
    }
    return prices;
}

void
prices_now_durable(struct prices_book *book, const struct ledger_price *prices,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct book_entry *entry =
            table_find(&book->table, model_hash(prices[i].model), entry_match,
                       prices[i].model);
        if (entry != NULL && entry->version == prices[i].version &&
            memcmp(&entry->set.prices, &prices[i].prices,
                   sizeof(entry->set.prices)) == 0 &&
            memcmp(&entry->set.tiers, &prices[i].tiers,
                   sizeof(entry->set.tiers)) == 0)
            set_durable(entry);
    }
}

void
prices_forget_pending(struct prices_book *book)
{
    size_t at = 0;
    struct book_entry *entry = table_next(&book->table, &at);
    for (; entry != NULL; entry = table_next(&book->table, &at)) {
        if (entry->is_durable)
            continue;
        /* Version 0 is of no prices: one that asks gets 1. */
        entry->version = entry->durable_version;
        entry->set = entry->durable;
        entry->is_durable = true;
    }
}
