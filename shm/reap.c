/*
 * reap.c - see reap.h. R1..R5 of shm/README.md; each store is absolute, so the
 * next accountant may repeat any prefix.
 *
 * The words read here were written by a process that died, perhaps because its
 * memory was damaged: an index out of range makes the slot count as damaged
 * (its cells cannot be known, so it is freed without a charge), never a crash
 * of the accountant.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/reap.h"

#include <string.h>

#include "shm/endpoint_health.h"
#include "shm/model_stats.h"
#include "shm/ring.h"
#include "shm/segment_places.h"

enum { KEY, GROUP, ENTRIES };

/* One column under repair. */
struct corpse {
    struct segment *segment;
    uint32_t column;
    struct shm_column *shm;
    int64_t now_wall_ms;
    struct reap_result *result;
};

/* An entry of a slot, or NULL for none (a group may be absent) or damage. */
static struct shm_entry_hot *
named_entry(const struct corpse *c, const struct shm_slot *slot, int e)
{
    uint32_t entry = shm_load(&slot->entry[e]);
    uint32_t high = shm_load(&c->segment->header->entry_high);
    if (entry >= high || entry >= c->segment->entry_max)
        return NULL;
    return segment_entry_hot(c->segment, entry);
}

static bool
is_damaged(const struct corpse *c, const struct shm_slot *slot)
{
    uint64_t head = shm_load(&c->shm->ring_head);
    uint64_t rec = shm_load(&slot->rec);
    uint64_t len = shm_load(&slot->rec_end) - rec;
    if (shm_load(&slot->state) > SHM_SLOT_SETTLING ||
        named_entry(c, slot, KEY) == NULL ||
        (shm_load(&slot->entry[GROUP]) != SHM_ENTRY_NONE &&
         named_entry(c, slot, GROUP) == NULL))
        return true;
    return shm_load(&slot->state) == SHM_SLOT_SETTLING &&
           (rec > head || len < sizeof(struct shm_record) ||
            len > SHM_RECORD_MAX);
}

static shm_u64 *
used_word(const struct corpse *c, struct shm_entry_hot *hot, int unit)
{
    return &places_cells(hot)[c->column].used[unit];
}

/* S4 and S5 where they are still missing. `used` may already be beyond the
 * target: by a later slot of the same column. */
static void
finish(const struct corpse *c, struct shm_slot *slot)
{
    for (int e = 0; e < ENTRIES; e++) {
        struct shm_entry_hot *hot = named_entry(c, slot, e);
        if (hot == NULL)
            continue;
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            uint64_t target = shm_load(&slot->target[e][unit]);
            shm_u64 *used = used_word(c, hot, unit);
            if (shm_load(used) < target)
                shm_store(used, target);
        }
    }
    if (shm_load(&c->shm->ring_head) == shm_load(&slot->rec))
        shm_store(&c->shm->ring_head, shm_load(&slot->rec_end));
}

/* By the key's policy, within what the cells can hold. */
static uint64_t
lost_charge(const struct corpse *c, const struct shm_slot *slot, int unit)
{
    uint64_t progress = shm_load(&slot->progress[unit]);
    uint64_t amount = shm_load(&slot->amount[unit]);
    bool overrun = shm_load(&slot->overrun) != 0;
    uint64_t charge = progress < amount || overrun ? progress : amount;
    if (shm_load(&slot->crash_reserved) != 0 && charge < amount)
        charge = amount;
    for (int e = 0; e < ENTRIES; e++) {
        struct shm_entry_hot *hot = named_entry(c, slot, e);
        if (hot != NULL)
            charge = places_clip_charge(
                c->segment, shm_load(used_word(c, hot, unit)), charge);
    }
    return charge;
}

static uint32_t
clip_u32(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* What the dead worker can no longer say, from what its slot says. */
static void
describe_lost(const struct corpse *c, const struct shm_slot *slot,
              struct shm_record *record)
{
    uint64_t estimate = shm_load(&slot->prompt_estimate);
    uint64_t progress = shm_load(&slot->progress[SHM_TOKENS]);
    int64_t took_ms = c->now_wall_ms - shm_load(&slot->started_wall_ms);
    uint64_t ip[2] = {shm_load(&slot->client_ip[0]),
                      shm_load(&slot->client_ip[1])};
    memset(record, 0, sizeof(*record));
    record->len = (uint32_t)sizeof(*record);
    record->version = SHM_LAYOUT_VERSION;
    record->flags = RECORD_ESTIMATED;
    if (shm_load(&slot->stream) != 0)
        record->flags |= RECORD_STREAM;
    record->key_id = shm_load(&slot->key_id);
    record->group_id = shm_load(&slot->group_id);
    record->request_id[0] = shm_load(&slot->request_id[0]);
    record->request_id[1] = shm_load(&slot->request_id[1]);
    record->started_ms = shm_load(&slot->started_wall_ms);
    record->ended_ms = c->now_wall_ms;
    record->tokens = lost_charge(c, slot, SHM_TOKENS);
    record->nano = lost_charge(c, slot, SHM_NANO);
    uint64_t prompt = record->tokens < estimate ? record->tokens : estimate;
    record->prompt_missed = clip_u32(prompt);
    record->completion = clip_u32(record->tokens - prompt);
    record->delivered_tokens =
        clip_u32(progress > estimate ? progress - estimate : 0);
    record->generated_tokens = record->delivered_tokens;
    record->duration_ms = took_ms > 0 ? clip_u32((uint64_t)took_ms) : 0;
    record->model_idx = shm_load(&slot->model_idx);
    record->provider_idx = shm_load(&slot->provider_idx);
    record->price_version = shm_load(&slot->price_version);
    record->attempts = (uint16_t)shm_load(&slot->attempts);
    record->cause = RECORD_LOST;
    record->dialect = (uint8_t)shm_load(&slot->dialect);
    memcpy(record->client_ip, ip, sizeof(ip));
}

/* R2 for one SENT slot. False when the ring has no room (H0 was not kept). */
static bool
charge(const struct corpse *c, struct shm_slot *slot)
{
    struct shm_record record;
    uint64_t head = shm_load(&c->shm->ring_head);
    if (head - shm_load(&c->shm->ring_tail) + sizeof(record) >
        c->segment->ring_bytes)
        return false;
    describe_lost(c, slot, &record);
    uint64_t amount[SHM_UNITS] = {record.tokens, record.nano};
    for (int e = 0; e < ENTRIES; e++) {
        struct shm_entry_hot *hot = named_entry(c, slot, e);
        record.entry[e] =
            hot == NULL ? SHM_ENTRY_NONE : shm_load(&slot->entry[e]);
        for (int unit = 0; hot != NULL && unit < SHM_UNITS; unit++)
            record.after[e][unit] =
                shm_load(used_word(c, hot, unit)) + amount[unit];
    }
    ring_write(c->segment, c->column, head, &record, (uint32_t)sizeof(record));
    for (int e = 0; e < ENTRIES; e++)
        for (int unit = 0; unit < SHM_UNITS; unit++)
            shm_store(&slot->target[e][unit], record.after[e][unit]);
    shm_store(&slot->rec, head);
    shm_store(&slot->rec_end, head + sizeof(record));
    shm_store(&slot->state, SHM_SLOT_SETTLING);
    finish(c, slot);
    /* Once at most: a reaper that dies before this line leaves it uncounted.
     * Statistics are not books. */
    model_stats_add_lost(c->segment, c->column, &record);
    return true;
}

/* R3: the whole column of the entries that slots name; nothing of it is owed
 * any more. */
static void
zero_cells(const struct corpse *c, const struct shm_slot *slot)
{
    for (int e = 0; e < ENTRIES; e++) {
        struct shm_entry_hot *hot = named_entry(c, slot, e);
        if (hot == NULL)
            continue;
        struct shm_cell *cell = places_cells(hot) + c->column;
        for (int unit = 0; unit < SHM_UNITS; unit++)
            shm_store(&cell->reserved[unit], 0);
        shm_store(&cell->busy, 0);
    }
    for (uint32_t i = 0; i < ARRAY_LEN(slot->limit); i++) {
        uint32_t row = shm_load(&slot->limit[i]);
        if (row != 0 && row <= c->segment->limit_max)
            shm_store(segment_limit_busy(c->segment, row - 1) + c->column, 0);
    }
}

/* R1 and R2. All committed settles first, then the charges one after the
 * other: in index order a charge would lift `used` over an older target, and
 * the maximum with that target would swallow one of the two. */
static bool
settle_slots(const struct corpse *c, struct shm_slot *slots)
{
    uint32_t slot_max = c->segment->slot_max;
    for (uint32_t i = 0; i < slot_max; i++) {
        if (shm_load(&slots[i].state) != SHM_SLOT_SETTLING ||
            is_damaged(c, &slots[i]))
            continue;
        finish(c, &slots[i]);
        c->result->completed++;
    }
    for (uint32_t i = 0; i < slot_max; i++) {
        uint32_t state = shm_load(&slots[i].state);
        if (state == SHM_SLOT_FREE)
            continue;
        if (is_damaged(c, &slots[i])) {
            c->result->damaged++;
        } else if (state == SHM_SLOT_SENT) {
            if (!charge(c, &slots[i]))
                return false;
            c->result->lost++;
        } else if (state == SHM_SLOT_HELD) {
            c->result->undone++;
        }
    }
    return true;
}

void
reap_column(struct segment *segment, uint32_t column, int64_t now_wall_ms,
            struct reap_result *result)
{
    struct corpse c = {segment, column, segment_column(segment, column),
                       now_wall_ms, result};
    struct shm_slot *slots = segment_slot(segment, column, 0);
    CHECK(shm_load(&c.shm->state) == SHM_COLUMN_DYING);
    gates_reap(segment, column);  /* its calls have ended with it */
    if (!settle_slots(&c, slots)) /* R1, R2 */
        return;
    for (uint32_t i = 0; i < segment->slot_max; i++) /* R3, after all of R2 */
        if (shm_load(&slots[i].state) != SHM_SLOT_FREE)
            zero_cells(&c, &slots[i]);
    for (uint32_t i = 0; i < segment->slot_max; i++) /* R4 */
        if (shm_load(&slots[i].state) != SHM_SLOT_FREE)
            shm_store(&slots[i].state, SHM_SLOT_FREE);
    shm_store(&c.shm->state, SHM_COLUMN_FREE); /* R5, last of all */
}

uint32_t
reap_all(struct segment *segment, int64_t now_wall_ms,
         struct reap_result *result)
{
    uint32_t reaped = 0;
    for (uint32_t i = 0; i < segment->column_max; i++) {
        struct shm_column *shm = segment_column(segment, i);
        if (shm_load(&shm->state) != SHM_COLUMN_DYING)
            continue;
        reap_column(segment, i, now_wall_ms, result);
        reaped += shm_load(&shm->state) == SHM_COLUMN_FREE;
    }
    return reaped;
}
