/*
 * key_table_entry.c - what the accountant writes: entries, their policy and
 * ceilings, the index, retirement and re-use (D1..D6 of shm/README.md).
 *
 * Every change may be cut by the accountant's death anywhere. Nothing is
 * repaired in place: the next accountant publishes all entries again from the
 * ledger (entry_update also restores a missing bucket and an odd sequence) and
 * goes on with the RETIRED ones.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/column.h"
#include "shm/key_policy.h"
#include "shm/key_table_index.h"
#include "shm/segment_places.h"

/* ---- policy ---- */

static void
sequence_begin(struct shm_entry_cold *cold)
{
    /* Odd already when the last writer died in the middle. */
    shm_store(&cold->seq, shm_load_own(&cold->seq) | 1);
}

static void
sequence_end(struct shm_entry_cold *cold)
{
    shm_store(&cold->seq, shm_load_own(&cold->seq) + 1);
}

/* E2: release, loaded with the ceilings before the sums (H5). */
static void
store_escrow(struct shm_entry_hot *hot, const struct shm_entry_cold *cold,
             const uint64_t escrow[SHM_UNITS])
{
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t origin = shm_load_own(&cold->origin[unit]);
        shm_store(&hot->escrow[unit], escrow[unit] == 0
                                          ? INT64_MAX
                                          : origin + (int64_t)escrow[unit]);
    }
}

/* P3: the rows first, then the ceilings: a refusal may look at rows that are
 * newer than the ceiling that refused, never the other way round. */
static void
store_budgets(struct shm_entry_hot *hot, struct shm_entry_cold *cold,
              const struct entry_policy *policy)
{
    key_policy_store_budgets(cold, policy);
    for (uint32_t unit = 0; unit < SHM_UNITS; unit++) {
        int64_t origin = shm_load_own(&cold->origin[unit]);
        /* release: pairs with H5, which loads it before the sums */
        shm_store(&hot->ceiling[unit], entry_ceiling(policy, unit, origin));
    }
    store_escrow(hot, cold, policy->escrow);
}

void
entry_set_escrow(struct segment *segment, uint32_t entry,
                 const uint64_t escrow[SHM_UNITS])
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    store_escrow(hot, places_cold(segment, hot), escrow);
}

bool
entry_lower_escrow(struct segment *segment, uint32_t entry,
                   const uint64_t old[SHM_UNITS],
                   const uint64_t escrow[SHM_UNITS])
{
    struct entry_sums sums;
    entry_set_escrow(segment, entry, escrow);
    /* L2: either this sum sees a worker's announcement, or that worker, behind
     * its own fence (H3), sees the lower escrow. */
    shm_fence();
    entry_sum(segment, entry, &sums);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t has = (int64_t)(sums.reserved[unit] + sums.used[unit]) -
                      sums.origin[unit];
        if (has <= (int64_t)escrow[unit])
            continue;
        entry_set_escrow(segment, entry, old);
        return false;
    }
    return true;
}

void
entry_take_escrow_wanted(struct segment *segment, uint32_t entry,
                         uint64_t wanted[SHM_UNITS])
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t cells = shm_load(&hot->escrow_wanted[unit]);
        int64_t origin = shm_load_own(&cold->origin[unit]);
        wanted[unit] = cells == 0 ? 0 : cells - (uint64_t)origin;
        if (cells != 0) /* one that comes now is asked for again */
            shm_store(&hot->escrow_wanted[unit], 0);
    }
}

static void
store_hot(struct shm_entry_hot *hot, const struct entry_policy *policy)
{
    shm_store(&hot->flags, policy->flags);
    shm_store(&hot->on_exhausted, policy->on_exhausted);
    shm_store(&hot->expires_ms, policy->expires_ms);
    shm_store(&hot->max_in_flight, policy->max_in_flight);
    shm_store(&hot->group_entry, policy->group_entry);
    shm_store(&hot->group_tag, policy->group_tag);
    shm_store(&hot->rpm, policy->rpm);
    shm_store(&hot->tpm, policy->tpm);
    if ((policy->flags & SHM_KEY_IS_GROUP) != 0)
        for (int i = 0; i < SHM_RATIOS; i++)
            shm_store(&hot->digest[i], policy->ratio[i]);
}

void
entry_update(struct segment *segment, uint32_t entry,
             const struct entry_policy *policy)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    struct shm_entry_cold *cold = places_cold(segment, hot);
    sequence_begin(cold);
    store_hot(hot, policy);
    key_policy_store(cold, policy);
    store_budgets(hot, cold, policy);
    /* A new value; or an insertion that was cut before its last step. */
    if ((policy->flags & SHM_KEY_IS_GROUP) == 0)
        index_store_values(segment, entry, policy);
    sequence_end(cold);
}

void
entry_publish_budgets(struct segment *segment, uint32_t entry,
                      const struct entry_policy *policy)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    struct shm_entry_cold *cold = places_cold(segment, hot);
    sequence_begin(cold);
    store_budgets(hot, cold, policy);
    sequence_end(cold);
}

/* ---- insertion ---- */

/* An entry with tag NONE, its pages allocated. */
static int
find_free(struct segment *segment, uint32_t *entry)
{
    struct shm_header *header = segment->header;
    uint32_t high = shm_load_own(&header->entry_high);
    for (uint32_t i = segment->free_hint; i < high; i++) {
        uint64_t tag = shm_load_own(&segment_entry_hot(segment, i)->tag);
        if ((tag & 0xff) == SHM_TAG_NONE) {
            segment->free_hint = i;
            *entry = i;
            return 0;
        }
    }
    segment->free_hint = high;
    if (high >= segment->entry_max)
        return -ENOSPC;
    int rc = segment_allocate_entry(segment, high);
    if (rc < 0)
        return -ENOSPC;
    /* Pages first: everybody walks [0, entry_high). */
    shm_store(&header->entry_high, high + 1);
    *entry = high;
    return 0;
}

/* D5: `used` is never zeroed (live workers own the words); what former tenants
 * used is taken off by the origin. Over all columns, not only the high ones:
 * nothing is cheaper to get right. */
static void
store_origin(const struct segment *segment, struct shm_entry_hot *hot,
             const uint64_t ledger_total[SHM_UNITS])
{
    struct shm_entry_cold *cold = places_cold(segment, hot);
    const struct shm_cell *cells = places_cells(hot);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < segment->column_max; i++)
            sum += shm_load(&cells[i].used[unit]);
        shm_store(&cold->origin[unit], (int64_t)(sum - ledger_total[unit]));
    }
}

int
entry_insert(struct segment *segment, const struct entry_policy *policy,
             const uint64_t ledger_total[SHM_UNITS], uint32_t *entry,
             uint64_t *tag)
{
    int rc = find_free(segment, entry);
    if (rc < 0)
        return rc;
    struct shm_entry_hot *hot = segment_entry_hot(segment, *entry);
    struct shm_entry_cold *cold = places_cold(segment, hot);
    bool is_key = (policy->flags & SHM_KEY_IS_GROUP) == 0;
    uint64_t values[8] = {0};
    if (is_key) {
        memcpy(values, policy->digest, sizeof(policy->digest));
        memcpy(values + 4, policy->former, sizeof(policy->former));
    }
    sequence_begin(cold);
    store_origin(segment, hot, ledger_total);
    shm_store(&hot->id, policy->id);
    /* Before the tag: by them an accountant that comes after a death here
     * knows whose entry it is. */
    for (int i = 0; i < 4; i++) {
        shm_store(&hot->digest[i], values[i]);
        shm_store(&cold->former[i], values[4 + i]);
    }
    shm_store(&cold->former_until, is_key ? policy->former_until : 0);
    shm_store(&hot->rpm_tat_ns, 0);
    shm_store(&hot->tpm_tat_ns, 0);
    for (int unit = 0; unit < SHM_UNITS; unit++)
        shm_store(&hot->escrow_wanted[unit], 0);
    store_hot(hot, policy);
    key_policy_store(cold, policy);
    store_budgets(hot, cold, policy);
    /* D6: the next generation; requests of a former tenant see another tag */
    *tag = ((shm_load_own(&hot->tag) >> 8) + 1) << 8 | SHM_TAG_ACTIVE;
    shm_store(&hot->tag, *tag);
    if (is_key)
        index_store_values(segment, *entry, policy);
    sequence_end(cold);
    return 0;
}

/* ---- retirement ---- */

static uint32_t
high_entry(const struct segment *segment)
{
    uint32_t high = shm_load_own(&segment->header->entry_high);
    return high < segment->entry_max ? high : segment->entry_max;
}

static uint32_t
count_retired(const struct segment *segment)
{
    uint32_t count = 0, high = high_entry(segment);
    for (uint32_t i = 0; i < high; i++) {
        uint64_t tag = shm_load_own(&segment_entry_hot(segment, i)->tag);
        count += (tag & 0xff) == SHM_TAG_RETIRED;
    }
    return count;
}

void
entry_retire(struct segment *segment, uint32_t entry)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    struct shm_entry_cold *cold = places_cold(segment, hot);
    uint64_t tag = shm_load_own(&hot->tag);
    if ((tag & 0xff) != SHM_TAG_ACTIVE)
        return;
    if (segment->retired_count == UINT32_MAX)
        segment->retired_count = count_retired(segment);
    sequence_begin(cold); /* for verify: a living key without its bucket */
    if ((shm_load_own(&hot->flags) & SHM_KEY_IS_GROUP) == 0)
        index_remove_values(segment, entry);
    /* D2, release; its pair is the second look at the tag (H4) */
    shm_store(&hot->tag, (tag & ~UINT64_C(0xff)) | SHM_TAG_RETIRED);
    sequence_end(cold);
    segment->retired_count++;
}

/* D4: marks every entry that a slot names, whatever its column's state: the
 * reaper of a DYING one is going to charge it. */
static void
mark_named(const struct segment *segment, uint8_t *named, uint32_t high)
{
    uint32_t columns = column_high(segment);
    for (uint32_t column = 0; column < columns; column++) {
        const struct shm_slot *slots = segment_slot(segment, column, 0);
        for (uint32_t i = 0; i < segment->slot_max; i++) {
            if (shm_load(&slots[i].state) == SHM_SLOT_FREE)
                continue;
            for (int e = 0; e < 2; e++) {
                uint32_t entry = shm_load(&slots[i].entry[e]);
                if (entry < high)
                    named[entry] = 1;
            }
        }
    }
}

uint32_t
entry_sweep_retired(struct segment *segment)
{
    if (segment->retired_count == UINT32_MAX)
        segment->retired_count = count_retired(segment);
    if (segment->retired_count == 0)
        return 0;
    uint32_t high = high_entry(segment), waiting = 0;
    uint8_t *named = calloc(high, 1);
    if (named == NULL)
        return segment->retired_count; /* later, with memory */
    /* D3: either this scan sees a worker's HELD slot, or that worker's second
     * look at the tag (H4, after its own fence) sees RETIRED. */
    shm_fence();
    mark_named(segment, named, high);
    for (uint32_t i = 0; i < high; i++) {
        struct shm_entry_hot *hot = segment_entry_hot(segment, i);
        uint64_t tag = shm_load_own(&hot->tag);
        if ((tag & 0xff) != SHM_TAG_RETIRED)
            continue;
        if (named[i]) {
            waiting++;
            continue;
        }
        shm_store(&hot->tag, (tag & ~UINT64_C(0xff)) | SHM_TAG_NONE);
        if (i < segment->free_hint)
            segment->free_hint = i;
    }
    free(named);
    segment->retired_count = waiting;
    return waiting;
}
