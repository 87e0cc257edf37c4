/*
 * ledger_sums.c - see ledger_sums.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/ledger/ledger_sums.h"

#include <stdlib.h>

#include "common/hash.h"

static uint64_t
sum_hash(enum ledger_kind kind, uint64_t id)
{
    return hash_mix64(id * 2 + (kind == LEDGER_GROUP));
}

static bool
sum_match(const void *item, const void *key)
{
    const struct ledger_sum *sum = item, *wanted = key;
    return sum->id == wanted->id && sum->kind == wanted->kind;
}

const struct ledger_sum *
ledger_sums_find(const struct ledger_sums *sums, enum ledger_kind kind,
                 uint64_t id)
{
    struct ledger_sum wanted = {.kind = kind, .id = id};
    return table_find(&sums->table, sum_hash(kind, id), sum_match, &wanted);
}

struct ledger_sum *
ledger_sums_get(struct ledger_sums *sums, enum ledger_kind kind, uint64_t id)
{
    struct ledger_sum wanted = {.kind = kind, .id = id};
    struct ledger_sum *sum =
        table_find(&sums->table, sum_hash(kind, id), sum_match, &wanted);
    if (sum != NULL)
        return sum;
    sum = malloc(sizeof(*sum));
    if (sum == NULL)
        return NULL;
    *sum = wanted;
    if (table_insert(&sums->table, sum_hash(kind, id), sum) < 0) {
        free(sum);
        return NULL;
    }
    return sum;
}

static bool
add(struct ledger_sums *sums, enum ledger_kind kind, uint64_t id,
    const struct ledger_row *row)
{
    struct ledger_sum *sum = ledger_sums_get(sums, kind, id);
    if (sum == NULL)
        return false;
    sum->total.tokens += row->tokens;
    sum->total.nano += row->nano;
    sum->total.requests++;
    if (row->batch_no > sum->batch_no)
        sum->batch_no = row->batch_no;
    if (row->ended_ms > sum->last_used_ms)
        sum->last_used_ms = row->ended_ms;
    return true;
}

bool
ledger_sums_add_row(struct ledger_sums *sums, const struct ledger_row *row)
{
    return add(sums, LEDGER_KEY, row->key_id, row) &&
           add(sums, LEDGER_GROUP, row->group_id, row);
}

void
ledger_sums_fini(struct ledger_sums *sums)
{
    table_fini(&sums->table, free);
}
