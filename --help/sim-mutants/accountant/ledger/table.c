/*
 * table.c - see table.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/table.h"

#include <errno.h>
#include <stdlib.h>

void *
table_find(const struct table *table, uint64_t hash, table_match match,
           const void *key)
{
    if (table->count == 0)
        return NULL;
    size_t mask = table->size - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        const struct table_slot *slot = &table->slots[i];
        if (slot->item == NULL)
            return NULL;
        if (slot->hash == hash && match(slot->item, key))
            return slot->item;
    }
}

static void
place(struct table_slot *slots, size_t size, uint64_t hash, void *item)
{
    size_t mask = size - 1, i = hash & mask;
    while (slots[i].item != NULL)
        i = (i + 1) & mask;
    slots[i] = (struct table_slot){hash, item};
}

static int
grow(struct table *table)
{
    size_t size = table->size == 0 ? 16 : table->size * 2;
    struct table_slot *slots = calloc(size, sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i].item != NULL)
            place(slots, size, table->slots[i].hash, table->slots[i].item);
    free(table->slots);
    table->slots = slots;
    table->size = size;
    return 0;
}

int
table_insert(struct table *table, uint64_t hash, void *item)
{
    CHECK(item != NULL);
    if ((table->count + 1) * 4 > table->size * 3) {
        int rc = grow(table);
        if (rc < 0)
            return rc;
    }
    place(table->slots, table->size, hash, item);
    table->count++;
    return 0;
}

void
table_remove(struct table *table, uint64_t hash, const void *item)
{
    if (table->count == 0)
        return;
    size_t mask = table->size - 1, i = hash & mask;
    while (table->slots[i].item != item) {
        if (table->slots[i].item == NULL)
            return;
        i = (i + 1) & mask;
    }
    /* Whatever may not reach its place over the gap moves into it. */
    for (size_t j = (i + 1) & mask; table->slots[j].item != NULL;
         j = (j + 1) & mask) {
        size_t home = table->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            table->slots[i] = table->slots[j];
            i = j;
        }
    }
    table->slots[i].item = NULL;
    table->count--;
}

void *
table_next(const struct table *table, size_t *at)
{
    while (*at < table->size) {
        void *item = table->slots[(*at)++].item;
        if (item != NULL)
            return item;
    }
    return NULL;
}

void
table_fini(struct table *table, void (*free_item)(void *item))
{
    if (free_item != NULL)
        for (size_t i = 0; i < table->size; i++)
            if (table->slots[i].item != NULL)
                free_item(table->slots[i].item);
    free(table->slots);
    *table = (struct table){0};
}
