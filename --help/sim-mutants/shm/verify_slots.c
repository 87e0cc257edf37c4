/*
 * verify_slots.c - what the slots of a column say against its cells and ring.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "shm/ring.h"
#include "shm/segment_places.h"
#include "shm/verify_part.h"

/* What is compared of a slot. */
struct look {
    uint32_t state, entry[2], limit[2];
    uint64_t tag[2], amount[SHM_UNITS], target[2][SHM_UNITS], rec, rec_end,
        request_id[2];
};

/* What the slots of one column say of each entry. */
struct claim {
    uint64_t least[SHM_UNITS]; /* reserved must be that much */
    uint32_t named;
};

struct column_look {
    struct verify *v;
    uint32_t column;
    struct look *slots;
    struct claim *claims;
    uint8_t *limits; /* which rows slots name */
    uint32_t generation;
    uint64_t head, tail;
};

static void
look_at(const struct shm_slot *slot, struct look *look)
{
    look->state = shm_load(&slot->state);
    for (int e = 0; e < 2; e++) {
        look->entry[e] = shm_load(&slot->entry[e]);
        look->limit[e] = shm_load(&slot->limit[e]);
        look->tag[e] = shm_load(&slot->tag[e]);
        look->request_id[e] = shm_load(&slot->request_id[e]);
        for (int unit = 0; unit < SHM_UNITS; unit++)
            look->target[e][unit] = shm_load(&slot->target[e][unit]);
    }
    for (int unit = 0; unit < SHM_UNITS; unit++)
        look->amount[unit] = shm_load(&slot->amount[unit]);
    look->rec = shm_load(&slot->rec);
    look->rec_end = shm_load(&slot->rec_end);
}

static void
collect(struct column_look *c)
{
    const struct segment *s = c->v->segment;
    const struct shm_column *shm = segment_column(s, c->column);
    c->generation = shm_load(&shm->generation);
    c->tail = ring_tail(s, c->column);
    c->head = ring_head(s, c->column);
    for (uint32_t i = 0; i < s->slot_max; i++)
        look_at(segment_slot(s, c->column, i), &c->slots[i]);
}

/* Whether nothing moved since collect(). */
static bool
is_settled(const struct column_look *c)
{
    const struct segment *s = c->v->segment;
    const struct shm_column *shm = segment_column(s, c->column);
    for (uint32_t i = 0; i < s->slot_max; i++) {
        struct look now;
        memset(&now, 0, sizeof(now));
        look_at(segment_slot(s, c->column, i), &now);
        if (memcmp(&now, &c->slots[i], sizeof(now)) != 0)
            return false;
    }
    return shm_load(&shm->generation) == c->generation &&
           ring_head(s, c->column) == c->head;
}

static bool
is_unpublished(const struct column_look *c, const struct look *slot)
{
    return slot->state == SHM_SLOT_SETTLING && slot->rec == c->head;
}

static uint64_t
used_of(const struct column_look *c, uint32_t entry, int unit)
{
    return shm_load(&segment_cell(c->v->segment, entry, c->column)->used[unit]);
}

/* I9: SENT and SETTLING slots name the tenant who is still there. */
static void
check_tag(struct column_look *c, uint32_t i, int e)
{
    const struct look *slot = &c->slots[i];
    uint64_t tag =
        shm_load(&segment_entry_hot(c->v->segment, slot->entry[e])->tag);
    uint64_t retired = (slot->tag[e] & ~UINT64_C(0xff)) | SHM_TAG_RETIRED;
    if (tag != slot->tag[e] && tag != retired)
        verify_violation(c->v,
                         "I9: column %u slot %u names entry %u as %llx, which "
                         "is %llx",
                         c->column, i, slot->entry[e],
                         (unsigned long long)slot->tag[e],
                         (unsigned long long)tag);
}

/* One slot's claims; true when its settle is not complete (I4). */
static bool
claim_slot(struct column_look *c, uint32_t i)
{
    const struct look *slot = &c->slots[i];
    bool incomplete = is_unpublished(c, slot);
    for (int e = 0; e < 2; e++) {
        uint32_t entry = slot->entry[e], row = slot->limit[e];
        if (row != 0 && row <= c->v->segment->limit_max)
            c->limits[row - 1] = 1;
        else if (row != 0)
            verify_violation(c->v, "column %u slot %u names limit %u of %u",
                             c->column, i, row - 1, c->v->segment->limit_max);
        if (entry == SHM_ENTRY_NONE && e == 1)
            continue;
        if (entry >= c->v->entry_high) {
            verify_violation(c->v, "column %u slot %u names entry %u of %u",
                             c->column, i, entry, c->v->entry_high);
            continue;
        }
        c->claims[entry].named++;
        if (slot->state != SHM_SLOT_HELD)
            check_tag(c, i, e);
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            uint64_t *least = &c->claims[entry].least[unit];
            uint64_t used = used_of(c, entry, unit);
            uint64_t target = slot->target[e][unit];
            if (slot->state == SHM_SLOT_SENT)
                *least += slot->amount[unit];
            if (slot->state == SHM_SLOT_SETTLING && used < target)
                incomplete = true;
        }
    }
    return incomplete;
}

/* I2, I3 over all entries: named or not. */
static void
check_cells(struct column_look *c)
{
    const struct segment *s = c->v->segment;
    uint64_t most = places_cell_max(s);
    for (uint32_t entry = 0; entry < c->v->entry_high; entry++) {
        const struct claim *claim = &c->claims[entry];
        const struct shm_cell *cell = segment_cell(s, entry, c->column);
        uint32_t busy = shm_load(&cell->busy);
        if (claim->named == 0 && busy != 0)
            verify_violation(c->v,
                             "I3: column %u entry %u: %u in flight, no "
                             "slot names it",
                             c->column, entry, busy);
        for (int unit = 0; unit < SHM_UNITS; unit++) {
            uint64_t reserved = shm_load(&cell->reserved[unit]);
            uint64_t used = used_of(c, entry, unit);
            if (claim->named == 0 && reserved != 0)
                verify_violation(c->v,
                                 "I3: column %u entry %u: %llu reserved in "
                                 "unit %d, no slot names it",
                                 c->column, entry, (unsigned long long)reserved,
                                 unit);
            if (reserved < claim->least[unit])
                verify_violation(c->v,
                                 "I2: column %u entry %u unit %d: %llu "
                                 "reserved, %llu granted",
                                 c->column, entry, unit,
                                 (unsigned long long)reserved,
                                 (unsigned long long)claim->least[unit]);
            if (reserved > most || used > most)
                verify_violation(c->v,
                                 "column %u entry %u unit %d: a cell is "
                                 "above its bound",
                                 c->column, entry, unit);
        }
    }
}

/* I3 of the limits' rows. */
static void
check_limits(struct column_look *c)
{
    const struct segment *s = c->v->segment;
    for (uint32_t row = 0; row < s->limit_max; row++) {
        uint32_t busy = shm_load(&segment_limit_busy(s, row)[c->column]);
        if (busy != 0 && c->limits[row] == 0)
            verify_violation(c->v,
                             "I3: column %u limit %u: %u in flight, no slot "
                             "names it",
                             c->column, row, busy);
    }
}

static void
check_column(struct column_look *c)
{
    const struct segment *s = c->v->segment;
    uint64_t promised = 0;
    uint32_t incomplete = 0, in_use = 0;
    memset(c->claims, 0, c->v->entry_high * sizeof(*c->claims));
    memset(c->limits, 0, s->limit_max);
    for (uint32_t i = 0; i < s->slot_max; i++) {
        const struct look *slot = &c->slots[i];
        if (slot->state == SHM_SLOT_FREE)
            continue;
        in_use++;
        if (slot->state > SHM_SLOT_SETTLING) {
            verify_violation(c->v, "column %u slot %u: state %u", c->column, i,
                             slot->state);
            continue;
        }
        if (slot->state != SHM_SLOT_SETTLING || is_unpublished(c, slot))
            promised += SHM_RECORD_MAX;
        if (slot->state == SHM_SLOT_SETTLING &&
            (slot->rec > c->head ||
             slot->rec_end - slot->rec < sizeof(struct shm_record) ||
             slot->rec_end - slot->rec > SHM_RECORD_MAX))
            verify_violation(c->v, "column %u slot %u: record [%llu, %llu)",
                             c->column, i, (unsigned long long)slot->rec,
                             (unsigned long long)slot->rec_end);
        incomplete += claim_slot(c, i);
    }
    if (incomplete > 1)
        verify_violation(c->v, "I4: column %u: %u settles are incomplete",
                         c->column, incomplete);
    if (c->head - c->tail + promised > s->ring_bytes)
        verify_violation(c->v,
                         "I8: column %u: the ring cannot hold the "
                         "records of the slots in use",
                         c->column);
    if (c->v->quiet && in_use != 0)
        verify_violation(c->v, "column %u: %u slots in use in a quiet segment",
                         c->column, in_use);
    check_cells(c);
    check_limits(c);
}

static void
verify_column_slots(struct column_look *c)
{
    struct verify *v = c->v;
    size_t line = buf_len(v->report);
    uint32_t count = v->count;
    for (int tries = 0; tries < VERIFY_TRIES; tries++) {
        collect(c);
        check_column(c);
        if (v->count == count || is_settled(c))
            return;
        /* It moved meanwhile: what was found is not true of any instant. */
        v->report->end = v->report->start + line;
        v->count = count;
    }
}

void
verify_slots(struct verify *v)
{
    const struct segment *s = v->segment;
    struct column_look c = {.v = v};
    c.slots = calloc(s->slot_max, sizeof(*c.slots));
    c.claims = calloc(v->entry_high + 1u, sizeof(*c.claims));
    c.limits = calloc(s->limit_max, 1);
    bool good = c.slots != NULL && c.claims != NULL && c.limits != NULL;
    if (!good)
        verify_violation(v, "not enough memory to look at the slots");
    for (; good && c.column < v->column_high; c.column++)
        verify_column_slots(&c);
    free(c.slots);
    free(c.claims);
    free(c.limits);
}
