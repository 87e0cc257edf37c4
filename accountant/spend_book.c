/*
 * spend_book.c - see spend_book.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/spend_book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"
#include "shm/limit.h"
#include "shm/model_stats.h"

enum { TAG_VALUE_BYTES = 768 };

static int
make_room(struct spend_book *book)
{
    if (book->rows != NULL)
        return 0;
    book->rows = calloc(SHM_SPENDS, sizeof(*book->rows));
    book->changed = calloc(SHM_SPENDS, sizeof(*book->changed));
    if (book->rows != NULL && book->changed != NULL)
        return 0;
    spend_book_fini(book);
    return -ENOMEM;
}

void
spend_book_fini(struct spend_book *book)
{
    free(book->rows);
    free(book->changed);
    *book = (struct spend_book){0};
}

/* ---- rows ---- */

/* The name's row, a free one, or SHM_SPEND_NONE. */
static uint32_t
find(const struct spend_book *book, uint64_t name)
{
    uint32_t first = spend_places(name), vacant = SHM_SPEND_NONE;
    for (uint32_t i = first; i < first + SHM_LIMIT_WAYS; i++) {
        if (book->rows[i].name == name)
            return i;
        if (book->rows[i].name == 0 && vacant == SHM_SPEND_NONE)
            vacant = i;
    }
    return vacant;
}

/* What a row still counts for; of the window before about a half, where the rule
 * slides. */
static uint64_t
worth_of(const struct ledger_spend *row, int64_t at_ms)
{
    uint64_t now =
        row->window_ms > 0 && at_ms > 0 ? (uint64_t)at_ms / row->window_ms : 0;
    if (row->window >= now)
        return row->sum > row->last / 2 ? row->sum : row->last / 2;
    return row->window + 1 == now ? row->sum / 2 : 0;
}

/* Which of a full set leaves: what counted least, then what was used longest ago.
 * One that is used up is used no more: by its age it would be the first, and a few
 * cheap calls under other names would open it again. */
static uint32_t
least(const struct spend_book *book, uint64_t name, int64_t at_ms)
{
    uint32_t first = spend_places(name), found = first;
    for (uint32_t i = first + 1; i < first + SHM_LIMIT_WAYS; i++) {
        uint64_t worth = worth_of(&book->rows[i], at_ms);
        uint64_t most = worth_of(&book->rows[found], at_ms);
        if (worth < most || (worth == most &&
                             book->rows[i].used_ms < book->rows[found].used_ms))
            found = i;
    }
    return found;
}

static uint32_t
row_for(struct spend_book *book, const struct segment *segment, uint64_t name,
        int64_t at_ms, struct ledger_batch *batch)
{
    uint32_t row = find(book, name);
    if (row != SHM_SPEND_NONE)
        return row;
    row = least(book, name, at_ms);
    book->evicted++;
    spend_clear(segment, row);
    ledger_batch_delete_spend(batch, book->rows[row].name);
    book->rows[row] = (struct ledger_spend){0};
    book->changed[row] = false;
    return row;
}

static void
store(const struct segment *segment, uint32_t row,
      const struct ledger_spend *spend)
{
    const struct spend_sums sums = {spend->window, spend->sum, spend->last};
    spend_store(segment, row, spend->name, &sums);
}

/* A later window makes what was counted the last one's, or nothing; a record
 * that is late by one still counts there. */
static void
count(struct ledger_spend *spend, uint64_t window, uint64_t nano)
{
    if (window > spend->window) {
        spend->last = window == spend->window + 1 ? spend->sum : 0;
        spend->sum = 0;
        spend->window = window;
    }
    if (window == spend->window)
        spend->sum += nano;
    else if (window + 1 == spend->window)
        spend->last += nano;
}

/* ---- a record ---- */

struct tag_finder {
    struct str object; /* the record's metadata */
    char value[TAG_VALUE_BYTES];
};

/* As the worker finds it: decoded, numbers and words as they are spelt. */
static struct str
find_tag(void *context, struct str wanted)
{
    struct tag_finder *finder = context;
    struct str none = {NULL, 0}, key, value, found = none;
    struct json_reader reader;
    struct json_token token;
    enum json_type type, found_type = JSON_NULL;
    json_reader_init(&reader, finder->object);
    if (finder->object.len == 0 || json_next(&reader, &token) != JSON_OBJECT)
        return none;
    while ((type = json_member(&reader, &key, &value)) != JSON_OBJECT_END &&
           type != JSON_BAD && type != JSON_END) {
        if (!json_string_equals(key, wanted))
            continue;
        found = value;
        found_type = type;
    }
    if (found.ptr == NULL || found_type != JSON_STRING)
        return found;
    int len = json_string_decode(found, finder->value, sizeof(finder->value));
    return len < 0 ? none : str_make(finder->value, (size_t)len);
}

static void
count_in(struct spend_book *book, const struct segment *segment,
         const struct shm_charge *charge, uint64_t window,
         const struct shm_record *record, struct ledger_batch *batch)
{
    uint32_t row =
        row_for(book, segment, charge->name, record->ended_ms, batch);
    struct ledger_spend *spend = &book->rows[row];
    /* Of a rule that was given another window. */
    if (spend->window_ms != charge->window_ms)
        *spend = (struct ledger_spend){.window_ms = charge->window_ms};
    spend->name = charge->name;
    if (record->ended_ms > spend->used_ms)
        spend->used_ms = record->ended_ms;
    count(spend, window, record->nano);
    book->changed[row] = true;
    store(segment, row, spend);
}

static void
count_rule(struct spend_book *book, const struct segment *segment,
           const struct spend_rule *rule, const struct spend_call *call,
           const struct shm_record *record, struct ledger_batch *batch)
{
    const struct shm_charge charge = {spend_rule_counter(rule, call),
                                      rule->window_ms};
    if (charge.name != 0)
        count_in(book, segment, &charge,
                 spend_rule_window(rule, record->ended_ms), record, batch);
}

/* Limits of cost of dynamic routes, which the worker names. */
static void
count_charges(struct spend_book *book, const struct segment *segment,
              const struct shm_record *record, struct ledger_batch *batch)
{
    const char *at = (const char *)(record + 1) + record->model_asked_len +
                     record->error_len + record->tags_len +
                     record->attempts_len;
    for (unsigned i = 0; i < record->charges; i++) {
        struct shm_charge charge;
        memcpy(&charge, at + i * sizeof(charge), sizeof(charge));
        if (charge.name == 0 || charge.window_ms == 0 || record->ended_ms < 0)
            continue;
        count_in(book, segment, &charge,
                 (uint64_t)record->ended_ms / charge.window_ms, record, batch);
    }
}

int
spend_book_add(struct spend_book *book, const struct segment *segment,
               const struct catalogue *catalogue,
               const struct shm_record *record, struct ledger_batch *batch)
{
    char model[SHM_NAME_BYTES], provider[SHM_NAME_BYTES];
    if (record->gateway == 0 || record->nano == 0 || catalogue == NULL)
        return 0;
    const struct catalogue_gateway *gateway =
        catalogue_find_gateway(catalogue, record->gateway);
    bool has_rules = gateway != NULL && gateway->spend_rule_count > 0;
    if (!has_rules && record->charges == 0)
        return 0;
    if (make_room(book) < 0)
        return -ENOMEM;
    count_charges(book, segment, record, batch);
    if (!has_rules)
        return 0;
    struct tag_finder finder;
    /* ring_read() saw that the lengths fit. */
    finder.object = str_make((const char *)(record + 1) +
                                 record->model_asked_len + record->error_len,
                             record->tags_len);
    model_registry_model_name(segment, record->model_idx, model);
    model_registry_provider_name(segment, record->provider_idx, provider);
    const struct spend_call call = {gateway->name, model, provider, find_tag,
                                    &finder};
    for (uint32_t i = 0; i < gateway->spend_rule_count; i++)
        count_rule(book, segment, &gateway->spend_rules[i], &call, record,
                   batch);
    return 0;
}

void
spend_book_stage(struct spend_book *book, struct ledger_batch *batch)
{
    for (uint32_t i = 0; book->rows != NULL && i < SHM_SPENDS; i++) {
        if (!book->changed[i])
            continue;
        ledger_batch_spend(batch, &book->rows[i]);
        book->changed[i] = false;
    }
}

/* ---- at a start ---- */

int
spend_book_load(struct spend_book *book, const struct ledger_spend *spend)
{
    if (make_room(book) < 0)
        return -ENOMEM;
    uint32_t row = find(book, spend->name);
    if (row == SHM_SPEND_NONE) /* of a program with more room: the older goes */
        row = least(book, spend->name, spend->used_ms);
    if (book->rows[row].used_ms <= spend->used_ms)
        book->rows[row] = *spend;
    return 0;
}

void
spend_book_publish(const struct spend_book *book, const struct segment *segment)
{
    for (uint32_t i = 0; i < SHM_SPENDS; i++) {
        uint64_t name = book->rows == NULL ? 0 : book->rows[i].name;
        if (name != 0)
            store(segment, i, &book->rows[i]);
        else if (shm_load_own(segment_spend_name(segment, i)) != 0)
            spend_clear(segment, i);
    }
}
