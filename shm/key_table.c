/*
 * key_table.c - how a key is looked up, and the sums of an entry's cells.
 * Nothing here writes. What else is read of an entry: key_policy.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_table.h"

#include <errno.h>
#include <string.h>

#include "shm/column.h"
#include "shm/key_policy.h"
#include "shm/key_table_index.h"
#include "shm/segment_places.h"

enum { FIND_TRIES = 4 };

static bool
digest_matches(const struct shm_entry_hot *hot, const uint8_t digest[32])
{
    uint64_t want[4];
    memcpy(want, digest, sizeof(want));
    return shm_load(&hot->digest[0]) == want[0] &&
           shm_load(&hot->digest[1]) == want[1] &&
           shm_load(&hot->digest[2]) == want[2] &&
           shm_load(&hot->digest[3]) == want[3];
}

/* V of shm/README.md: the time before the digest, so that it is not the time of
 * a value that is written over this one meanwhile. */
static bool
former_matches(const struct segment *segment, struct shm_entry_hot *hot,
               const uint8_t digest[32], int64_t *until)
{
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    uint64_t want[4];
    *until = shm_load(&cold->former_until);
    if (*until == SHM_VALUE_NONE || *until == SHM_VALUE_ENDED)
        return false;
    memcpy(want, digest, sizeof(want));
    return shm_load(&cold->former[0]) == want[0] &&
           shm_load(&cold->former[1]) == want[1] &&
           shm_load(&cold->former[2]) == want[2] &&
           shm_load(&cold->former[3]) == want[3];
}

static bool
is_active(uint64_t tag)
{
    return (tag & 0xff) == SHM_TAG_ACTIVE;
}

/* With the tag it had before the comparison. */
static void
look_at(const struct shm_entry_hot *hot, uint32_t entry, struct key_view *view)
{
    view->tag = shm_load(&hot->tag);
    view->entry = entry;
    view->value_until_ms = 0;
}

/* The entry whose value it is or was. Its own digest is looked at first: V3
 * comes before V4. */
static int
search(const struct segment *segment, const uint8_t digest[32],
       struct key_view *view)
{
    struct index_hash hash = index_hash(segment, digest);
    uint32_t mask = segment->bucket_count - 1;
    const shm_u64 *buckets = segment_bucket(segment, 0);
    for (uint32_t n = 0; n <= mask; n++) {
        uint64_t word = shm_load(&buckets[(hash.start + n) & mask]);
        if (word == INDEX_EMPTY)
            return -ENOENT;
        if (word == INDEX_TOMBSTONE ||
            (word & UINT64_C(0xffffffff00000000)) != hash.high)
            continue;
        uint32_t found = (uint32_t)word - 1;
        if (found >= segment->entry_max)
            continue; /* damage: not a bucket of ours */
        struct shm_entry_hot *hot = segment_entry_hot(segment, found);
        places_prefetch(segment, hot);
        look_at(hot, found, view);
        if (is_active(view->tag) &&
            (digest_matches(hot, digest) ||
             former_matches(segment, hot, digest, &view->value_until_ms)))
            return 0;
    }
    return -ENOENT;
}

/* Whether the digest is that entry's own. Of a key under change it is the
 * answer from before the change, as it is of a search that came earlier: of V1
 * to V5 and of D1 and the tag behind it, the last is what counts here. */
static bool
is_still_at(const struct segment *segment, const uint8_t digest[32],
            uint32_t entry, struct key_view *view)
{
    if (entry >= segment->entry_max)
        return false;
    const struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    look_at(hot, entry, view);
    return is_active(view->tag) && digest_matches(hot, digest);
}

/* The group's words that a request needs; false when its tag is not the one
 * the key names: it is being moved or retired. */
static bool
read_group(const struct segment *segment, struct key_view *view)
{
    view->group_flags = SHM_KEY_ENABLED;
    view->group_id = 0;
    if (view->group_entry == SHM_ENTRY_NONE)
        return true;
    if (view->group_entry >= segment->entry_max)
        return false;
    const struct shm_entry_hot *group =
        segment_entry_hot(segment, view->group_entry);
    if (!is_active(view->group_tag) || shm_load(&group->tag) != view->group_tag)
        return false;
    view->group_flags = shm_load(&group->flags);
    view->group_id = shm_load(&group->id);
    return true;
}

int
key_table_find_likely(const struct segment *segment, const uint8_t digest[32],
                      uint32_t likely, struct key_view *view)
{
    for (int tries = 0; tries < FIND_TRIES; tries++) {
        int rc = is_still_at(segment, digest, likely, view)
                     ? 0
                     : search(segment, digest, view);
        if (rc < 0)
            return rc;
        const struct shm_entry_hot *hot =
            segment_entry_hot(segment, view->entry);
        view->flags = shm_load(&hot->flags);
        view->on_exhausted = shm_load(&hot->on_exhausted);
        view->expires_ms = shm_load(&hot->expires_ms);
        view->group_entry = shm_load(&hot->group_entry);
        view->group_tag = shm_load(&hot->group_tag);
        view->rpm = shm_load(&hot->rpm);
        view->tpm = shm_load(&hot->tpm);
        view->id = shm_load(&hot->id);
        /* A key on its way from group to group: its two words are torn, for
         * as long as its writer sleeps between them. */
        if (!read_group(segment, view) &&
            (key_policy_group(segment, view) < 0 || !read_group(segment, view)))
            continue;
        /* The words are one tenant's if the tag is still the same. A change
         * after this line is caught by cells_hold() (H4). */
        if (shm_load(&hot->tag) == view->tag)
            return 0;
    }
    return -EAGAIN;
}

int
key_table_find(const struct segment *segment, const uint8_t digest[32],
               struct key_view *view)
{
    return key_table_find_likely(segment, digest, SHM_ENTRY_NONE, view);
}

void
key_table_prefetch(const struct segment *segment, uint32_t entry)
{
    if (entry < segment->entry_max)
        places_prefetch(segment, segment_entry_hot(segment, entry));
}

bool
key_table_is_current(const struct segment *segment, const struct key_view *view)
{
    if (shm_load(&segment_entry_hot(segment, view->entry)->tag) != view->tag)
        return false;
    return view->group_entry == SHM_ENTRY_NONE ||
           shm_load(&segment_entry_hot(segment, view->group_entry)->tag) ==
               view->group_tag;
}

uint64_t
ratio_of_limit(uint64_t limit, uint64_t ratio)
{
    if (limit == 0 || ratio == 0)
        return limit;
    unsigned __int128 product = (unsigned __int128)limit * ratio;
    uint64_t scaled = product / 1000000 > UINT64_MAX
                          ? UINT64_MAX
                          : (uint64_t)(product / 1000000);
    return scaled > 0 ? scaled : 1;
}

uint64_t
key_table_scaled(const struct segment *segment, const struct key_view *view,
                 enum shm_ratio which, uint64_t limit)
{
    if (view->group_entry == SHM_ENTRY_NONE)
        return limit;
    const struct shm_entry_hot *group =
        segment_entry_hot(segment, view->group_entry);
    return ratio_of_limit(limit, shm_load(&group->digest[which]));
}

void
entry_sum(const struct segment *segment, uint32_t entry,
          struct entry_sums *sums)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    uint32_t high = column_high(segment);
    const struct shm_cell *cells = places_cells(hot);
    memset(sums, 0, sizeof(*sums));
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        sums->ceiling[unit] = shm_load(&hot->ceiling[unit]);
        sums->origin[unit] = shm_load(&cold->origin[unit]);
        for (uint32_t i = 0; i < high; i++) {
            sums->reserved[unit] += shm_load(&cells[i].reserved[unit]);
            sums->used[unit] += shm_load(&cells[i].used[unit]);
        }
    }
    for (uint32_t i = 0; i < high; i++)
        sums->busy += shm_load(&cells[i].busy);
}

/* What is used only grows between two ceilings, which the caller alone changes. */
bool
entry_is_spent(const struct segment *segment, uint32_t entry)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    uint32_t high = column_high(segment);
    const struct shm_cell *cells = places_cells(hot);
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t ceiling = shm_load(&hot->ceiling[unit]);
        uint64_t used = 0;
        if (ceiling == INT64_MAX)
            continue;
        for (uint32_t i = 0; i < high; i++)
            used += shm_load(&cells[i].used[unit]);
        if (ceiling < 0 || used >= (uint64_t)ceiling)
            return true;
    }
    return false;
}

void
entry_is_spent_soon(const struct segment *segment, uint32_t entry)
{
    const struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const unsigned char *cells = (const unsigned char *)(hot + 1);
    size_t bytes = column_high(segment) * sizeof(struct shm_cell);
    __builtin_prefetch(hot);
    for (size_t at = 0; at < bytes; at += SHM_LINE)
        __builtin_prefetch(cells + at);
}

static int64_t
add_saturated(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return a > 0 ? INT64_MAX : INT64_MIN;
}

/* One word instead of eight {limit, baseline} pairs: all budgets of a unit are
 * checked against the same sum, so only the lowest counts. */
int64_t
entry_ceiling(const struct entry_policy *policy, uint32_t unit, int64_t origin)
{
    int64_t ceiling = INT64_MAX;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *b = &policy->budgets[i];
        if (b->period == SHM_PERIOD_NONE || b->unit != unit)
            continue;
        int64_t end =
            add_saturated(add_saturated(b->baseline, b->limit), origin);
        if (end < ceiling)
            ceiling = end;
    }
    return ceiling;
}
