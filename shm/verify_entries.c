/*
 * verify_entries.c - entries, the index over them, the registry of names.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <time.h>

#include "shm/key_table.h"
#include "shm/key_table_index.h"
#include "shm/model_stats.h"
#include "shm/segment_places.h"
#include "shm/verify_part.h"

static bool
is_active(uint64_t tag)
{
    return (tag & 0xff) == SHM_TAG_ACTIVE;
}

/* Ceilings against the rows they come from, under one sequence. */
static void
check_ceilings(struct verify *v, uint32_t entry,
               const struct entry_policy *policy)
{
    struct shm_entry_hot *hot = segment_entry_hot(v->segment, entry);
    const struct shm_entry_cold *cold = places_cold(v->segment, hot);
    for (uint32_t unit = 0; unit < SHM_UNITS; unit++) {
        uint32_t before = shm_load(&cold->seq);
        int64_t origin = shm_load(&cold->origin[unit]);
        int64_t ceiling = shm_load(&hot->ceiling[unit]);
        struct entry_policy again;
        uint64_t tag;
        if (ceiling == entry_ceiling(policy, unit, origin))
            continue;
        if (entry_read(v->segment, entry, &again, &tag) < 0 ||
            shm_load(&cold->seq) != before ||
            ceiling == entry_ceiling(&again, unit, origin))
            continue; /* it was being published */
        verify_violation(v,
                         "entry %u unit %u: ceiling %lld, its budgets say "
                         "%lld",
                         entry, unit, (long long)ceiling,
                         (long long)entry_ceiling(&again, unit, origin));
    }
}

static void
check_group(struct verify *v, uint32_t entry, const struct entry_policy *policy)
{
    if (policy->group_entry == SHM_ENTRY_NONE)
        return;
    if (policy->group_entry >= v->entry_high) {
        verify_violation(v, "entry %u: its group is entry %u of %u", entry,
                         policy->group_entry, v->entry_high);
        return;
    }
    const struct shm_entry_hot *group =
        segment_entry_hot(v->segment, policy->group_entry);
    if (shm_load(&group->tag) != policy->group_tag ||
        (shm_load(&group->flags) & SHM_KEY_IS_GROUP) == 0)
        verify_violation(v, "entry %u: entry %u is not its group", entry,
                         policy->group_entry);
}

/* The copy that counts, as it stands: its readers bound what they read. */
static void
check_lists(struct verify *v, uint32_t entry)
{
    struct shm_entry_hot *hot = segment_entry_hot(v->segment, entry);
    const struct shm_entry_cold *cold = places_cold(v->segment, hot);
    uint32_t seq = shm_load(&cold->seq);
    uint32_t copy = shm_load(&cold->policy_version) % 2;
    uint32_t count = shm_load(&cold->acl_count[copy]), long_ones = 0;
    for (uint32_t i = 0; i < count && i < SHM_ACL_MAX; i++)
        long_ones += shm_load(&cold->policy[copy].acl[i].prefix_len) > 128;
    const struct shm_policy *policy = &cold->policy[copy];
    bool is_same =
        shm_load(&cold->flags[copy]) == shm_load(&hot->flags) &&
        shm_load(&policy->group_entry) == shm_load(&hot->group_entry) &&
        shm_load(&policy->group_tag) == shm_load(&hot->group_tag);
    if (seq % 2 != 0 || shm_load(&cold->seq) != seq)
        return; /* it was being published */
    if (count > SHM_ACL_MAX)
        verify_violation(v, "entry %u: %u addresses of at most %u", entry,
                         count, SHM_ACL_MAX);
    if (long_ones > 0)
        verify_violation(v, "entry %u: %u addresses with a prefix beyond 128",
                         entry, long_ones);
    if (!is_same)
        verify_violation(v, "entry %u: flags or group are not its policy's",
                         entry);
}

static void
check_rows(struct verify *v, uint32_t entry, const struct entry_policy *policy)
{
    if (policy->on_exhausted > SHM_ON_FINISH)
        verify_violation(v, "entry %u: on_exhausted is %u", entry,
                         policy->on_exhausted);
    if (!verify_name_is_printable(policy->name))
        verify_violation(v, "entry %u: its name is not printable", entry);
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *row = &policy->budgets[i];
        if (row->period > SHM_PERIOD_BALANCE || row->unit >= SHM_UNITS)
            verify_violation(v, "entry %u: budget %d is of unit %u, period %u",
                             entry, i, row->unit, row->period);
        /* I7 has the ledger's half: a baseline is never above the total. */
        if (row->period != SHM_PERIOD_NONE && row->baseline < 0)
            verify_violation(v, "entry %u: budget %d has baseline %lld", entry,
                             i, (long long)row->baseline);
    }
}

/* All of an entry. In a quiet segment an accountant that is off the CPU in the
 * middle of it gets half a second to go on. */
static int
read_entry(struct verify *v, uint32_t entry, struct entry_policy *policy,
           uint64_t *tag)
{
    static const struct timespec pause = {0, 5000000};
    int rc = entry_read(v->segment, entry, policy, tag);
    for (int tries = 0; rc < 0 && v->quiet && tries < 100; tries++) {
        nanosleep(&pause, NULL);
        rc = entry_read(v->segment, entry, policy, tag);
    }
    return rc;
}

static void
check_entry(struct verify *v, uint32_t entry)
{
    struct entry_policy policy;
    uint64_t tag = shm_load(&segment_entry_hot(v->segment, entry)->tag);
    if (read_entry(v, entry, &policy, &tag) < 0) {
        /* An accountant died there; its successor publishes all again. An entry
         * that is nobody's stays as it is, until it is given away. */
        if (v->quiet && is_active(tag))
            verify_violation(v, "entry %u: its writer stopped in the middle",
                             entry);
        return;
    }
    if ((tag & 0xff) > SHM_TAG_RETIRED)
        verify_violation(v, "entry %u: tag %llx", entry,
                         (unsigned long long)tag);
    if (!is_active(tag))
        return;
    check_lists(v, entry);
    check_rows(v, entry, &policy);
    check_ceilings(v, entry, &policy);
    if ((policy.flags & SHM_KEY_IS_GROUP) == 0)
        check_group(v, entry, &policy);
}

/* ---- the index ---- */

/* Whether these digest bits are of a value of the entry's tenant. While `seq` is
 * odd they may be of one that is on its way in or out. */
static bool
is_of_a_value(const struct segment *s, uint32_t entry, uint64_t bits)
{
    struct shm_entry_hot *hot = segment_entry_hot(s, entry);
    const struct shm_entry_cold *cold = places_cold(s, hot);
    uint32_t seq = shm_load(&cold->seq);
    return !is_active(shm_load(&hot->tag)) ||
           shm_load(&hot->digest[1]) >> 32 == bits ||
           shm_load(&cold->former[1]) >> 32 == bits || seq % 2 != 0 ||
           shm_load(&cold->seq) != seq;
}

/* Each bucket names a living key whose digest leads to it. `names` counts
 * buckets per entry. */
static void
check_buckets(struct verify *v, uint8_t *names)
{
    const struct segment *s = v->segment;
    for (uint32_t i = 0; i < s->bucket_count; i++) {
        uint64_t word = shm_load(segment_bucket(s, i));
        if (word == INDEX_EMPTY || word == INDEX_TOMBSTONE)
            continue;
        uint32_t entry = (uint32_t)word - 1;
        if (entry >= v->entry_high) {
            verify_violation(v, "bucket %u names entry %u of %u", i, entry,
                             v->entry_high);
            continue;
        }
        if (names[entry] < UINT8_MAX)
            names[entry]++;
        if (!is_of_a_value(s, entry, word >> 32))
            verify_violation(v, "bucket %u: entry %u has another digest", i,
                             entry);
    }
}

/* A living key is found by its values. While `seq` is odd it may have no bucket
 * yet, or none any more. */
static bool
leads_to(const struct segment *s, const shm_u64 words[4], uint32_t entry)
{
    uint64_t plain[4];
    uint8_t digest[32];
    struct key_view view;
    for (int i = 0; i < 4; i++)
        plain[i] = shm_load(&words[i]);
    memcpy(digest, plain, sizeof(digest));
    return key_table_find(s, digest, &view) == 0 && view.entry == entry;
}

static void
check_found(struct verify *v, uint32_t entry)
{
    struct shm_entry_hot *hot = segment_entry_hot(v->segment, entry);
    const struct shm_entry_cold *cold = places_cold(v->segment, hot);
    uint32_t seq = shm_load(&cold->seq);
    bool has_former = shm_load(&cold->former_until) > SHM_VALUE_ENDED;
    bool is_found = leads_to(v->segment, hot->digest, entry);
    bool former_is_found =
        !has_former || leads_to(v->segment, cold->former, entry);
    if (!is_active(shm_load(&hot->tag)) || seq % 2 != 0 ||
        shm_load(&cold->seq) != seq)
        return;
    if (!is_found)
        verify_violation(v, "entry %u: its digest does not lead to it", entry);
    if (!former_is_found)
        verify_violation(v, "entry %u: its former value is not found", entry);
}

/* More buckets than two, or one of a group: looked at once more, because it may
 * have changed hands while the index was walked. */
static void
check_names(struct verify *v, uint32_t entry)
{
    struct shm_entry_hot *hot = segment_entry_hot(v->segment, entry);
    const struct shm_entry_cold *cold = places_cold(v->segment, hot);
    uint32_t seq = shm_load(&cold->seq), names = 0;
    bool is_key = (shm_load(&hot->flags) & SHM_KEY_IS_GROUP) == 0;
    for (uint32_t i = 0; i < v->segment->bucket_count; i++) {
        uint64_t word = shm_load(segment_bucket(v->segment, i));
        names += word != INDEX_EMPTY && word != INDEX_TOMBSTONE &&
                 (uint32_t)word - 1 == entry;
    }
    if (names > (is_key ? 2 : 0) && seq % 2 == 0 && shm_load(&cold->seq) == seq)
        verify_violation(v, "entry %u: %u buckets name it", entry, names);
}

static void
check_reachable(struct verify *v, const uint8_t *names)
{
    for (uint32_t entry = 0; entry < v->entry_high; entry++) {
        const struct shm_entry_hot *hot = segment_entry_hot(v->segment, entry);
        bool is_key = (shm_load(&hot->flags) & SHM_KEY_IS_GROUP) == 0;
        if (names[entry] > 2 || (names[entry] != 0 && !is_key))
            check_names(v, entry);
        if (is_key && is_active(shm_load(&hot->tag)))
            check_found(v, entry);
    }
}

/* ---- the registry ---- */

static uint32_t
at_most(uint32_t n, uint32_t most)
{
    return n < most ? n : most;
}

static void
check_registry(struct verify *v)
{
    const struct segment *s = v->segment;
    char name[SHM_NAME_BYTES];
    uint32_t models = at_most(shm_load(&s->header->model_high), s->model_max);
    uint32_t providers =
        at_most(shm_load(&s->header->provider_high), s->provider_max);
    uint32_t endpoints =
        at_most(shm_load(&s->header->endpoint_high), s->endpoint_max);
    for (uint32_t i = 0; i < models; i++) {
        model_registry_model_name(s, i, name);
        if (name[0] == '\0' || !verify_name_is_printable(name))
            verify_violation(v, "model %u: its name is damaged", i);
    }
    for (uint32_t i = 0; i < providers; i++) {
        model_registry_provider_name(s, i, name);
        if (name[0] == '\0' || !verify_name_is_printable(name))
            verify_violation(v, "provider %u: its name is damaged", i);
    }
    for (uint32_t i = 0; i < endpoints; i++) {
        uint32_t model, provider;
        if (model_registry_endpoint_pair(s, i, &model, &provider) < 0 ||
            model >= models || provider >= providers)
            verify_violation(v, "endpoint %u: not a model at a provider", i);
    }
}

void
verify_entries(struct verify *v)
{
    for (uint32_t entry = 0; entry < v->entry_high; entry++)
        check_entry(v, entry);
    uint8_t *names = calloc(v->entry_high + 1u, 1);
    if (names == NULL) {
        verify_violation(v, "not enough memory to look at the index");
        return;
    }
    check_buckets(v, names);
    check_reachable(v, names);
    free(names);
    check_registry(v);
}
