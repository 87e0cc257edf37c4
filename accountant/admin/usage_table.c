/*
 * usage_table.c - see usage_table.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/usage_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

void
usage_table_init(struct usage_table *table, unsigned by)
{
    *table = (struct usage_table){.by = by};
}

void
usage_table_fini(struct usage_table *table)
{
    free(table->rows);
    free(table->index);
    *table = (struct usage_table){0};
}

static uint64_t
text_hash(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash;
}

static uint32_t
row_hash(const struct ledger_usage *row)
{
    uint64_t hash = hash_mix64((uint64_t)row->start_ms);
    hash = hash_mix64(hash ^ row->group_id);
    hash = hash_mix64(hash ^ row->key_id);
    hash = hash_mix64(hash ^ text_hash(row->model));
    return (uint32_t)hash_mix64(hash ^ text_hash(row->provider));
}

static bool
row_is_same(const struct ledger_usage *a, const struct ledger_usage *b)
{
    return a->start_ms == b->start_ms && a->group_id == b->group_id &&
           a->key_id == b->key_id && strcmp(a->model, b->model) == 0 &&
           strcmp(a->provider, b->provider) == 0;
}

static void
row_add(struct ledger_usage *sum, const struct ledger_usage *bucket)
{
    struct usage *to = &sum->classes;
    const struct usage *from = &bucket->classes;
    sum->requests += bucket->requests;
    sum->errors += bucket->errors;
    sum->tokens += bucket->tokens;
    sum->nano += bucket->nano;
    sum->duration_ms += bucket->duration_ms;
    sum->first_byte_ms += bucket->first_byte_ms;
    sum->cached_answers += bucket->cached_answers;
    ledger_spans_merge(&sum->duration_spans, &bucket->duration_spans);
    ledger_spans_merge(&sum->first_token_spans, &bucket->first_token_spans);
    to->prompt_missed += from->prompt_missed;
    to->cached += from->cached;
    to->cache_creation += from->cache_creation;
    to->completion += from->completion;
    to->reasoning += from->reasoning;
    to->audio_in += from->audio_in;
    to->audio_out += from->audio_out;
    to->cache_creation_1h += from->cache_creation_1h;
    to->images_in += from->images_in;
    to->images_out += from->images_out;
}

/* The place of `row` in the index: where it is, or where it would be. */
static uint32_t
index_place(const struct usage_table *table, const struct ledger_usage *row)
{
    uint32_t mask = table->index_size - 1;
    uint32_t at = row_hash(row) & mask;
    while (table->index[at] != 0 &&
           !row_is_same(&table->rows[table->index[at] - 1], row))
        at = (at + 1) & mask;
    return at;
}

/* Room for one more row, the index at most half full. */
static bool
table_grow(struct usage_table *table)
{
    if (table->row_count < table->row_cap)
        return true;
    uint32_t cap = table->row_cap == 0 ? 64 : table->row_cap * 2;
    struct ledger_usage *rows =
        reallocarray(table->rows, cap, sizeof(*table->rows));
    if (rows == NULL)
        return false;
    table->rows = rows;
    uint32_t *index = calloc(2 * (size_t)cap, sizeof(*index));
    if (index == NULL)
        return false;
    free(table->index);
    table->index = index;
    table->index_size = 2 * cap;
    table->row_cap = cap;
    for (uint32_t i = 0; i < table->row_count; i++)
        index[index_place(table, &rows[i])] = i + 1;
    return true;
}

bool
usage_table_add(struct usage_table *table, const struct ledger_usage *bucket)
{
    struct ledger_usage row = {.resolution = bucket->resolution};
    row_add(&table->total, bucket);
    if (table->by == 0)
        return true;
    if ((table->by & USAGE_BY_TIME) != 0)
        row.start_ms = table->unit_ms == 0
                           ? bucket->start_ms
                           : usage_zone_start(&table->zone, table->unit_ms,
                                              bucket->start_ms);
    if ((table->by & USAGE_BY_GROUP) != 0)
        row.group_id = bucket->group_id;
    if ((table->by & USAGE_BY_KEY) != 0)
        row.key_id = bucket->key_id;
    if ((table->by & USAGE_BY_MODEL) != 0)
        memcpy(row.model, bucket->model, sizeof(row.model));
    if ((table->by & USAGE_BY_PROVIDER) != 0)
        memcpy(row.provider, bucket->provider, sizeof(row.provider));
    if (!table_grow(table)) {
        table->no_memory = true;
        return false;
    }
    uint32_t place = index_place(table, &row);
    if (table->index[place] == 0) {
        if (table->row_count == USAGE_ROWS_MAX) {
            table->too_many = true;
            return false;
        }
        table->rows[table->row_count++] = row;
        table->index[place] = table->row_count;
    }
    row_add(&table->rows[table->index[place] - 1], bucket);
    return true;
}

static int
row_order(const void *left, const void *right)
{
    const struct ledger_usage *a = left, *b = right;
    if (a->start_ms != b->start_ms)
        return a->start_ms < b->start_ms ? -1 : 1;
    if (a->tokens != b->tokens)
        return a->tokens > b->tokens ? -1 : 1;
    int order = strcmp(a->model, b->model);
    if (order == 0)
        order = strcmp(a->provider, b->provider);
    if (order == 0)
        order = a->key_id < b->key_id ? -1 : a->key_id > b->key_id;
    return order;
}

void
usage_table_sort(struct usage_table *table)
{
    if (table->row_count > 1)
        qsort(table->rows, table->row_count, sizeof(*table->rows), row_order);
}
