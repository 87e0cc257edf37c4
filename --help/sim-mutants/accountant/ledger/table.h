/*
 * table.h - a hash table of pointers: open addressing, linear probing,
 * deletion by shifting back, so no tombstones gather. The owner gives the hash
 * and says what equal means. Items are not owned. One thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_LEDGER_TABLE_H
#define AIGW_ACCOUNTANT_LEDGER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

struct table_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};

/* All zero is an empty table. */
struct table {
    struct table_slot *slots;
    size_t size, count; /* size: a power of two, at most 3/4 full */
};

typedef bool (*table_match)(const void *item, const void *key);

void *table_find(const struct table *table, uint64_t hash, table_match match,
                 const void *key);
/* The caller knows that no equal item is there. 0 or -ENOMEM. */
int table_insert(struct table *table, uint64_t hash, void *item) MUST_CHECK;
/* By identity. No-op when it is not there. */
void table_remove(struct table *table, uint64_t hash, const void *item);
/* Start with *at = 0; NULL at the end. The table must not change meanwhile. */
void *table_next(const struct table *table, size_t *at);
/* Frees the items too when free_item is given. The table is empty after. */
void table_fini(struct table *table, void (*free_item)(void *item));

#endif
