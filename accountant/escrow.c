/*
 * escrow.c - see escrow.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/escrow.h"

#include <stdlib.h>
#include <string.h>

#include "accountant/ledger/crash_point.h"
#include "accountant/store_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "shm/column.h"

enum {
    RATE_MS = 500,        /* of use, measured over at least this */
    RATE_AHEAD_MS = 2000, /* and so much of it is ahead */
    NANO_UNPRICED = 1000000000,
};

bool
escrow_is_strict(const struct config *config)
{
    return config->server.durability == DURABILITY_STRICT;
}

static uint64_t
dearest_price(const struct prices *p)
{
    const int64_t all[] = {p->input,          p->output,           p->cached,
                           p->cache_creation, p->reasoning,        p->audio_in,
                           p->audio_out,      p->cache_creation_1h};
    int64_t most = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] > most)
            most = all[i];
    return (uint64_t)most;
}

void
escrow_steps(const struct config *config, uint64_t step[SHM_UNITS])
{
    uint64_t pico = 0;
    for (unsigned i = 0; i < config->model_count; i++) {
        uint64_t price = dearest_price(&config->models[i].prices);
        if (price > pico)
            pico = price;
    }
    step[SHM_TOKENS] = config->server.escrow_tokens;
    unsigned __int128 nano = (unsigned __int128)step[SHM_TOKENS] * pico / 1000;
    step[SHM_NANO] = nano == 0               ? NANO_UNPRICED
                     : nano > SHM_AMOUNT_MAX ? SHM_AMOUNT_MAX
                                             : (uint64_t)nano;
}

void
escrow_configure(struct store *store)
{
    struct shm_header *header = store->segment->header;
    escrow_steps(store->config, store->escrows.step);
    for (int unit = 0; unit < SHM_UNITS; unit++)
        shm_store(&header->escrow_slack[unit], store->escrows.step[unit] / 2);
}

void
escrow_fini(struct escrows *escrows)
{
    free(escrows->due);
    escrows->due = NULL;
}

void
escrow_of_object(const struct store *store, const struct object *object,
                 struct entry_policy *policy)
{
    if (escrow_is_strict(store->config) && object->kind == LEDGER_KEY)
        memcpy(policy->escrow, object->escrow, sizeof(policy->escrow));
}

/* ---- what a key should have ---- */

static void
add_due(struct store *store, struct object *object,
        const uint64_t next[SHM_UNITS])
{
    struct escrows *e = &store->escrows;
    memcpy(object->escrow_next, next, sizeof(object->escrow_next));
    if (object->escrow_due)
        return;
    if (e->due_count == e->due_room) {
        size_t room = e->due_room * 2 + 64;
        struct object **more = realloc(e->due, room * sizeof(*more));
        if (more == NULL)
            fatal("out of memory");
        e->due = more;
        e->due_room = room;
    }
    e->due[e->due_count++] = object;
    object->escrow_due = true;
}

/* The steady part of a key's use, in RATE_AHEAD_MS. */
static void
measure(struct object *object, const uint64_t used[SHM_UNITS], uint64_t now_ms)
{
    uint64_t past_ms = now_ms - object->rate_ms;
    if (object->rate_ms != 0 && past_ms < RATE_MS)
        return;
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t grown = used[unit] - object->rate_used[unit];
        object->rate[unit] =
            object->rate_ms == 0 ? 0 : grown / past_ms * RATE_AHEAD_MS;
        object->rate_used[unit] = used[unit];
    }
    object->rate_ms = now_ms;
}

/* L1, L2. What is shown is the object's from here on, so that no publishing
 * shows more again while the ledger follows. */
static void
lower_to(struct store *store, struct object *object, uint32_t entry,
         const uint64_t next[SHM_UNITS])
{
    if (!entry_lower_escrow(store->segment, entry, object->escrow, next))
        return;
    memcpy(object->escrow, next, sizeof(object->escrow));
    add_due(store, object, next);
}

/* `wanted`: what somebody was refused for; zeros for nothing. */
static void
consider(struct store *store, struct object *object,
         const uint64_t wanted[SHM_UNITS], uint64_t now_ms)
{
    if (object->gateway == NULL || object->gateway->entry == SHM_ENTRY_NONE)
        return;
    uint32_t entry = object->gateway->entry;
    struct entry_sums sums;
    uint64_t next[SHM_UNITS], used[SHM_UNITS];
    bool raise = false, lower = false;
    entry_sum(store->segment, entry, &sums);
    for (int unit = 0; unit < SHM_UNITS; unit++)
        used[unit] = sums.used[unit] - (uint64_t)sums.origin[unit];
    measure(object, used, now_ms);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t has = used[unit] + sums.reserved[unit];
        uint64_t lead = store->escrows.step[unit];
        if (object->rate[unit] > lead)
            lead = object->rate[unit];
        uint64_t most = has > wanted[unit] ? has : wanted[unit];
        next[unit] = most + lead;
        raise |= object->escrow[unit] < most + lead - lead / 4;
        lower |= object->escrow[unit] > most + 3 * lead;
    }
    /* One unit's fall must not undo the other's rise. */
    for (int unit = 0; unit < SHM_UNITS && raise; unit++)
        if (next[unit] < object->escrow[unit])
            next[unit] = object->escrow[unit];
    for (int unit = 0; unit < SHM_UNITS && !raise; unit++)
        if (next[unit] > object->escrow[unit])
            next[unit] = object->escrow[unit];
    if (!raise && lower && !object->escrow_due)
        lower_to(store, object, entry, next);
    else if (raise)
        add_due(store, object, next);
}

static struct object *
object_of_entry(struct store *store, uint32_t entry)
{
    if (entry >= store->segment->entry_max)
        return NULL;
    const struct shm_entry_hot *hot = segment_entry_hot(store->segment, entry);
    struct object *object =
        objects_find(&store->objects, LEDGER_KEY, shm_load(&hot->id));
    return object != NULL && object->gateway != NULL &&
                   object->gateway->entry == entry
               ? object
               : NULL;
}

/* Keys with a request under way: their streams may grow. */
static void
look_at_slots(struct store *store, uint64_t now_ms)
{
    static const uint64_t nothing[SHM_UNITS];
    const struct segment *segment = store->segment;
    uint32_t columns = column_high(segment);
    for (uint32_t c = 0; c < columns; c++) {
        if (shm_load(&segment_column(segment, c)->state) == SHM_COLUMN_FREE)
            continue;
        const struct shm_slot *slots = segment_slot(segment, c, 0);
        for (uint32_t i = 0; i < segment->slot_max; i++) {
            if (shm_load(&slots[i].state) == SHM_SLOT_FREE)
                continue;
            struct object *object =
                object_of_entry(store, shm_load(&slots[i].entry[0]));
            if (object != NULL && !object->escrow_due)
                consider(store, object, nothing, now_ms);
        }
    }
}

static void
look_at_wants(struct store *store, uint64_t now_ms)
{
    struct shm_header *header = store->segment->header;
    uint64_t wants = shm_load(&header->escrow_wants), wanted[SHM_UNITS];
    if (wants == store->escrows.wants_seen)
        return;
    store->escrows.wants_seen = wants;
    uint32_t high = shm_load(&header->entry_high);
    for (uint32_t i = 0; i < high && i < store->segment->entry_max; i++) {
        entry_take_escrow_wanted(store->segment, i, wanted);
        struct object *object =
            wanted[0] != 0 || wanted[1] != 0 ? object_of_entry(store, i) : NULL;
        if (object != NULL)
            consider(store, object, wanted, now_ms);
    }
}

void
escrow_tick(struct store *store)
{
    if (!escrow_is_strict(store->config) || store->flush != NULL)
        return;
    uint64_t now_ms = clock_mono_ms();
    look_at_wants(store, now_ms);
    look_at_slots(store, now_ms);
    if (store->escrows.due_count > 0)
        store_kick(store);
}

/* ---- with a flush ---- */

/* Nothing is charged after an orderly stop: workers are gone, all is booked. */
static void
delete_all(struct flush *flush)
{
    size_t at = 0;
    struct object *object =
        objects_next(&flush->store->objects, LEDGER_KEY, &at);
    for (; object != NULL;
         object = objects_next(&flush->store->objects, LEDGER_KEY, &at))
        if (object->escrow[0] != 0)
            ledger_batch_delete_escrow(flush->batch, object->id);
}

void
escrow_stage(struct flush *flush)
{
    struct store *store = flush->store;
    struct escrows *e = &store->escrows;
    if (!escrow_is_strict(store->config))
        return;
    if (store->stopping && flush->drained.is_complete) {
        delete_all(flush);
        return;
    }
    size_t kept = 0;
    flush->escrows = calloc(e->due_count + 1, sizeof(*flush->escrows));
    if (flush->escrows == NULL)
        fatal("out of memory");
    for (size_t i = 0; i < e->due_count; i++) {
        struct object *object = e->due[i];
        if (object->staged) { /* its change writes the row */
            e->due[kept++] = object;
            continue;
        }
        object->escrow_due = false;
        if (object->gateway == NULL)
            continue;
        struct ledger_escrow value = {object->escrow_next[SHM_TOKENS],
                                      object->escrow_next[SHM_NANO],
                                      object->gateway->group_id};
        ledger_batch_escrow(flush->batch, object->id, &value);
        flush->escrows[flush->escrow_count++] = object;
    }
    e->due_count = kept;
}

void
escrow_apply(struct flush *flush)
{
    struct store *store = flush->store;
    static const uint64_t nothing[SHM_UNITS];
    for (size_t i = 0; i < flush->escrow_count; i++) {
        struct object *object = flush->escrows[i];
        memcpy(object->escrow, object->escrow_next, sizeof(object->escrow));
        if (object->gateway == NULL || object->gateway->entry == SHM_ENTRY_NONE)
            continue;
        crash_point("E2");
        entry_set_escrow(store->segment, object->gateway->entry,
                         object->escrow);
    }
    if (!escrow_is_strict(store->config) || store->stopping)
        return;
    /* Who was used in passing, between two ticks. */
    for (size_t i = 0; i < flush->touched_count; i++)
        if (flush->touched[i]->kind == LEDGER_KEY)
            consider(store, flush->touched[i], nothing, clock_mono_ms());
}
