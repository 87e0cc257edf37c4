/*
 * cells_settle.c - S1 to S7: a request becomes a record and a charge. Step
 * names are those of shm/README.md; the order of the stores is the product.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/cells.h"

#include <string.h>

#include "shm/cells_parts.h"
#include "shm/ring.h"

/* A provider that states absurd numbers cannot wrap anybody's total. */
static void
clip_charge(const struct seat *seat, const struct target *t,
            uint64_t charge[SHM_UNITS])
{
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        for (uint32_t e = 0; e < t->count; e++) {
            struct shm_cell *mine = my_cell(seat, t->hot[e]);
            charge[unit] = places_clip_charge(
                seat->segment, shm_load_own(&mine->used[unit]), charge[unit]);
        }
    }
}

/* S1: nobody sees it before S5. Whose request it was is what the slot says:
 * record and cells must name the same. */
static void
write_record(struct seat *seat, const struct shm_slot *slot,
             const struct target *t, struct shm_record *record,
             const void *meta, uint32_t meta_len)
{
    static const uint8_t zeros[8];
    const struct segment *segment = seat->segment;
    uint32_t bytes = (uint32_t)sizeof(*record) + meta_len;
    CHECK(meta_len <= SHM_RECORD_META_MAX);
    uint64_t charge[SHM_UNITS] = {record->tokens, record->nano};
    clip_charge(seat, t, charge);
    record->tokens = charge[SHM_TOKENS];
    record->nano = charge[SHM_NANO];
    record->len = (uint32_t)places_align(bytes, 8);
    record->version = SHM_LAYOUT_VERSION;
    record->key_id = shm_load_own(&slot->key_id);
    record->group_id = shm_load_own(&slot->group_id);
    memset(record->after, 0, sizeof(record->after));
    for (uint32_t e = 0; e < ENTRIES; e++)
        record->entry[e] = e < t->count ? t->entry[e] : SHM_ENTRY_NONE;
    for (uint32_t e = 0; e < t->count; e++)
        for (int unit = 0; unit < SHM_UNITS; unit++)
            record->after[e][unit] =
                shm_load_own(&my_cell(seat, t->hot[e])->used[unit]) +
                charge[unit];
    ring_write(segment, seat->column, seat->ring_head, record,
               (uint32_t)sizeof(*record));
    if (meta_len == 0)
        return;
    ring_write(segment, seat->column, seat->ring_head + sizeof(*record), meta,
               meta_len);
    ring_write(segment, seat->column, seat->ring_head + bytes, zeros,
               record->len - bytes);
}

void
cells_settle(struct seat *seat, uint32_t slot_idx, struct shm_record *record,
             const void *meta, uint32_t meta_len)
{
    const struct segment *segment = seat->segment;
    struct shm_slot *slot = segment_slot(segment, seat->column, slot_idx);
    struct target t = target_of_slot(segment, slot);
    write_record(seat, slot, &t, record, meta, meta_len); /* S1 */
    uint64_t end = seat->ring_head + record->len;
    for (uint32_t e = 0; e < t.count; e++) /* S2 */
        for (int unit = 0; unit < SHM_UNITS; unit++)
            shm_store(&slot->target[e][unit], record->after[e][unit]);
    shm_store(&slot->rec, seat->ring_head);
    shm_store(&slot->rec_end, end);
    shm_store(&slot->state, SHM_SLOT_SETTLING); /* S3: the commit point */
    for (uint32_t e = 0; e < t.count; e++)      /* S4, before S5 and S6 */
        for (int unit = 0; unit < SHM_UNITS; unit++)
            shm_store(&my_cell(seat, t.hot[e])->used[unit],
                      record->after[e][unit]);
    ring_publish(segment, seat->column, end); /* S5 */
    uint64_t amount[SHM_UNITS];
    for (int unit = 0; unit < SHM_UNITS; unit++)
        amount[unit] = shm_load_own(&slot->amount[unit]);
    retract(seat, &t, amount, 1); /* S6 */
    count_limits(seat, slot, UINT32_MAX);
    shm_store(&slot->state, SHM_SLOT_FREE); /* S7 */
    seat->ring_head = end;
    seat_give_slot(seat, slot_idx);
}
