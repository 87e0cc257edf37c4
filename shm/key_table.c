/*
 * key_table.c - what readers of the key table do: look a key up, ask its
 * policy, copy an entry, sum its cells. Nothing here writes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_table.h"

#include <errno.h>
#include <string.h>

#include "shm/column.h"
#include "shm/key_table_index.h"
#include "shm/segment_places.h"

/* A writer that died in the middle leaves the sequence odd until the next
 * accountant publishes the entry again: readers must not wait for that. */
enum { READ_TRIES = 100, FIND_TRIES = 4 };

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

static bool
is_active(uint64_t tag)
{
    return (tag & 0xff) == SHM_TAG_ACTIVE;
}

/* The entry whose digest it is, with the tag it had before the comparison. */
static int
search(const struct segment *segment, const uint8_t digest[32], uint32_t *entry,
       uint64_t *tag)
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
        const struct shm_entry_hot *hot = segment_entry_hot(segment, found);
        *tag = shm_load(&hot->tag);
        if (is_active(*tag) && digest_matches(hot, digest)) {
            *entry = found;
            return 0;
        }
    }
    return -ENOENT;
}

/* The group's words that a request needs; false when its tag is not the one
 * the key names: it is being moved or retired. */
static bool
read_group(const struct segment *segment, struct key_view *view)
{
    view->group_flags = 0;
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
key_table_find(const struct segment *segment, const uint8_t digest[32],
               struct key_view *view)
{
    for (int tries = 0; tries < FIND_TRIES; tries++) {
        int rc = search(segment, digest, &view->entry, &view->tag);
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
        /* The words are one tenant's if the tag is still the same. A change
         * after this line is caught by cells_hold() (H4). */
        if (read_group(segment, view) && shm_load(&hot->tag) == view->tag)
            return 0;
    }
    return -EAGAIN;
}

/* One consistent look at cold words, through `read`. 0, -EAGAIN, -ESTALE. */
static int
under_sequence(const struct segment *segment, const struct key_view *view,
               int (*read)(const struct shm_entry_hot *hot,
                           const struct shm_entry_cold *cold, const void *arg),
               const void *arg)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, view->entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint32_t before = shm_load(&cold->seq);
        if (before % 2 != 0)
            continue;
        int answer = read(hot, cold, arg);
        uint64_t tag = shm_load(&hot->tag);
        if (shm_load(&cold->seq) == before)
            return tag == view->tag ? answer : -ESTALE;
    }
    return -EAGAIN;
}

static int
read_model(const struct shm_entry_hot *hot, const struct shm_entry_cold *cold,
           const void *arg)
{
    uint32_t model;
    memcpy(&model, arg, sizeof(model));
    if ((shm_load(&hot->flags) & SHM_KEY_ALL_MODELS) != 0)
        return 1;
    if (model >= SHM_MODELS_MAX)
        return 0;
    return (int)(shm_load(&cold->models[model / 64]) >> (model % 64) & 1);
}

int
key_table_model_allowed(const struct segment *segment,
                        const struct key_view *view, uint32_t model_idx)
{
    return under_sequence(segment, view, read_model, &model_idx);
}

static bool
in_prefix(const uint64_t net[2], const uint8_t addr[16], uint32_t prefix_len)
{
    uint8_t bytes[16];
    memcpy(bytes, net, sizeof(bytes));
    if (prefix_len > 128)
        return false;
    if (memcmp(bytes, addr, prefix_len / 8) != 0)
        return false;
    if (prefix_len % 8 == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff00u >> (prefix_len % 8));
    return ((bytes[prefix_len / 8] ^ addr[prefix_len / 8]) & mask) == 0;
}

static int
read_address(const struct shm_entry_hot *hot, const struct shm_entry_cold *cold,
             const void *arg)
{
    bool lists_who_may = (shm_load(&hot->flags) & SHM_KEY_ACL_ALLOW) != 0;
    uint32_t count = shm_load(&cold->acl_count);
    for (uint32_t i = 0; i < count && i < SHM_ACL_MAX; i++) {
        const struct shm_acl *acl = &cold->acl[i];
        uint64_t net[2] = {shm_load(&acl->addr[0]), shm_load(&acl->addr[1])};
        if (in_prefix(net, arg, shm_load(&acl->prefix_len)))
            return lists_who_may;
    }
    return !lists_who_may;
}

int
key_table_address_allowed(const struct segment *segment,
                          const struct key_view *view, const uint8_t addr[16])
{
    return under_sequence(segment, view, read_address, addr);
}

static void
copy_hot(const struct shm_entry_hot *hot, struct entry_policy *policy)
{
    uint64_t digest[4];
    for (int i = 0; i < 4; i++)
        digest[i] = shm_load(&hot->digest[i]);
    memcpy(policy->digest, digest, sizeof(policy->digest));
    policy->id = shm_load(&hot->id);
    policy->flags = shm_load(&hot->flags);
    policy->on_exhausted = shm_load(&hot->on_exhausted);
    policy->expires_ms = shm_load(&hot->expires_ms);
    policy->max_in_flight = shm_load(&hot->max_in_flight);
    policy->group_entry = shm_load(&hot->group_entry);
    policy->group_tag = shm_load(&hot->group_tag);
    policy->rpm = shm_load(&hot->rpm);
    policy->tpm = shm_load(&hot->tpm);
}

static void
copy_cold(const struct shm_entry_cold *cold, struct entry_policy *policy)
{
    policy->group_id = shm_load(&cold->group_id);
    for (int i = 0; i < SHM_MODELS_MAX / 64; i++)
        policy->models[i] = shm_load(&cold->models[i]);
    uint32_t count = shm_load(&cold->acl_count);
    policy->acl_count = count < SHM_ACL_MAX ? count : SHM_ACL_MAX;
    for (uint32_t i = 0; i < SHM_ACL_MAX; i++) {
        uint64_t addr[2] = {shm_load(&cold->acl[i].addr[0]),
                            shm_load(&cold->acl[i].addr[1])};
        memcpy(policy->acl[i].addr, addr, sizeof(addr));
        policy->acl[i].prefix_len = shm_load(&cold->acl[i].prefix_len);
    }
    uint64_t name[8];
    for (int i = 0; i < 8; i++)
        name[i] = shm_load(&cold->name[i]);
    memcpy(policy->name, name, sizeof(policy->name));
    policy->name[sizeof(policy->name) - 1] = '\0';
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct shm_budget *row = &cold->budgets[i];
        policy->budgets[i] = (struct entry_budget){
            .unit = shm_load(&row->unit),
            .period = shm_load(&row->period),
            .limit = shm_load(&row->limit),
            .baseline = shm_load(&row->baseline),
            .period_no = shm_load(&row->period_no),
            .resets_ms = shm_load(&row->resets_ms),
        };
    }
}

static void
copy_escrow(const struct shm_entry_hot *hot, const struct shm_entry_cold *cold,
            struct entry_policy *policy)
{
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        int64_t escrow = shm_load(&hot->escrow[unit]);
        policy->escrow[unit] =
            escrow == INT64_MAX
                ? 0
                : (uint64_t)(escrow - shm_load(&cold->origin[unit]));
    }
}

int
entry_read(const struct segment *segment, uint32_t entry,
           struct entry_policy *policy, uint64_t *tag)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint32_t before = shm_load(&cold->seq);
        if (before % 2 != 0)
            continue;
        *tag = shm_load(&hot->tag);
        copy_hot(hot, policy);
        copy_cold(cold, policy);
        copy_escrow(hot, cold, policy);
        if (shm_load(&hot->tag) == *tag && shm_load(&cold->seq) == before)
            return 0;
    }
    return -EAGAIN;
}

void
entry_sum(const struct segment *segment, uint32_t entry,
          struct entry_sums *sums)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    uint32_t high = column_high(segment);
    const shm_u32 *busy = places_busy(segment, hot);
    memset(sums, 0, sizeof(*sums));
    for (int unit = 0; unit < SHM_UNITS; unit++) {
        const shm_u64 *reserved = places_reserved(segment, hot, unit);
        const shm_u64 *used = places_used(segment, hot, unit);
        sums->ceiling[unit] = shm_load(&hot->ceiling[unit]);
        sums->origin[unit] = shm_load(&cold->origin[unit]);
        for (uint32_t i = 0; i < high; i++) {
            sums->reserved[unit] += shm_load(&reserved[i]);
            sums->used[unit] += shm_load(&used[i]);
        }
    }
    for (uint32_t i = 0; i < high; i++)
        sums->busy += shm_load(&busy[i]);
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
