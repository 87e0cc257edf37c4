/*
 * key_policy.c - an entry's policy and budget rows: two latches that the
 * accountant writes and anybody reads without waiting for it.
 *
 * A reader tries again only when the writer has completed a change meanwhile.
 * It has one tenant's copy: a new tenant's copy and version are stored before
 * its tag, so who looked it up sees them; who has the former tenant's tag finds
 * another one behind the copy.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_policy.h"

#include <errno.h>
#include <string.h>

#include "shm/segment_places.h"

/* So many whole changes of one entry during so many reads of it in turn: no
 * living system does that. A moment of all (entry_read) is not had while the
 * writer is at work, and it may have died there. */
enum { LATCH_TRIES = 10000, MOMENT_TRIES = 100 };

/* ---- the writer ---- */

static void
store_acl(struct shm_acl *row, const uint8_t addr[16], uint32_t prefix_len)
{
    uint64_t words[2];
    memcpy(words, addr, sizeof(words));
    shm_store(&row->addr[0], words[0]);
    shm_store(&row->addr[1], words[1]);
    shm_store(&row->prefix_len, prefix_len);
}

static void
store_settings(struct shm_policy *copy, const struct settings *settings)
{
    uint64_t words[SETTINGS_WORDS];
    memcpy(words, settings, sizeof(words));
    for (int i = 0; i < SETTINGS_WORDS; i++)
        shm_store(&copy->settings[i], words[i]);
}

void
key_policy_store(struct shm_entry_cold *cold, const struct entry_policy *policy)
{
    uint32_t version = shm_load_own(&cold->policy_version) + 1;
    struct shm_policy *copy = &cold->policy[version % 2];
    uint32_t count =
        policy->acl_count < SHM_ACL_MAX ? policy->acl_count : SHM_ACL_MAX;
    uint64_t name[8] = {0};
    memcpy(name, policy->name, strnlen(policy->name, sizeof(name) - 1));
    shm_store(&cold->flags[version % 2], policy->flags);
    shm_store(&cold->acl_count[version % 2], count);
    shm_store(&copy->group_id, policy->group_id);
    shm_store(&copy->group_tag, policy->group_tag);
    shm_store(&copy->group_entry, policy->group_entry);
    for (int i = 0; i < SHM_MODELS_MAX / 64; i++)
        shm_store(&copy->models[i], policy->models[i]);
    for (uint32_t i = 0; i < count; i++)
        store_acl(&copy->acl[i], policy->acl[i].addr,
                  policy->acl[i].prefix_len);
    for (int i = 0; i < 8; i++)
        shm_store(&copy->name[i], name[i]);
    store_settings(copy, &policy->settings);
    /* release: who sees the version sees its copy */
    shm_store(&cold->policy_version, version);
}

void
key_policy_store_budgets(struct shm_entry_cold *cold,
                         const struct entry_policy *policy)
{
    uint32_t version = shm_load_own(&cold->budget_version) + 1;
    for (int i = 0; i < SHM_BUDGETS; i++) {
        const struct entry_budget *b = &policy->budgets[i];
        struct shm_budget *row = &cold->budgets[version % 2][i];
        shm_store(&row->unit, b->unit);
        shm_store(&row->period, b->period);
        shm_store(&row->limit, b->limit);
        shm_store(&row->baseline, b->baseline);
        shm_store(&row->period_no, b->period_no);
        shm_store(&row->resets_ms, b->resets_ms);
    }
    shm_store(&cold->budget_version, version);
}

/* ---- one question of the policy ---- */

static struct shm_entry_cold *
cold_of(const struct segment *segment, uint32_t entry)
{
    return places_cold(segment, segment_entry_hot(segment, entry));
}

/* What was read is the view's tenant's. */
static int
of_tenant(const struct segment *segment, const struct key_view *view,
          int answer)
{
    const struct shm_entry_hot *hot = segment_entry_hot(segment, view->entry);
    return shm_load(&hot->tag) == view->tag ? answer : -ESTALE;
}

static int
has_model(const struct shm_entry_cold *cold, uint32_t copy, uint32_t model)
{
    if ((shm_load(&cold->flags[copy]) & SHM_KEY_ALL_MODELS) != 0)
        return 1;
    if (model >= SHM_MODELS_MAX)
        return 0;
    const shm_u64 *word = &cold->policy[copy].models[model / 64];
    return (int)(shm_load(word) >> (model % 64) & 1);
}

int
key_table_model_allowed(const struct segment *segment,
                        const struct key_view *view, uint32_t model_idx)
{
    const struct shm_entry_cold *cold = cold_of(segment, view->entry);
    for (int tries = 0; tries < LATCH_TRIES; tries++) {
        uint32_t version = shm_load(&cold->policy_version);
        int answer = has_model(cold, version % 2, model_idx);
        if (shm_load(&cold->policy_version) == version)
            return of_tenant(segment, view, answer);
    }
    return -EAGAIN;
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
has_address(const struct shm_entry_cold *cold, uint32_t copy,
            const uint8_t addr[16])
{
    bool lists_who_may =
        (shm_load(&cold->flags[copy]) & SHM_KEY_ACL_ALLOW) != 0;
    uint32_t count = shm_load(&cold->acl_count[copy]);
    for (uint32_t i = 0; i < count && i < SHM_ACL_MAX; i++) {
        const struct shm_acl *acl = &cold->policy[copy].acl[i];
        uint64_t net[2] = {shm_load(&acl->addr[0]), shm_load(&acl->addr[1])};
        if (in_prefix(net, addr, shm_load(&acl->prefix_len)))
            return lists_who_may;
    }
    return !lists_who_may;
}

int
key_table_address_allowed(const struct segment *segment,
                          const struct key_view *view, const uint8_t addr[16])
{
    const struct shm_entry_cold *cold = cold_of(segment, view->entry);
    for (int tries = 0; tries < LATCH_TRIES; tries++) {
        uint32_t version = shm_load(&cold->policy_version);
        int answer = has_address(cold, version % 2, addr);
        if (shm_load(&cold->policy_version) == version)
            return of_tenant(segment, view, answer);
    }
    return -EAGAIN;
}

int
key_policy_group(const struct segment *segment, struct key_view *view)
{
    const struct shm_entry_cold *cold = cold_of(segment, view->entry);
    for (int tries = 0; tries < LATCH_TRIES; tries++) {
        uint32_t version = shm_load(&cold->policy_version);
        const struct shm_policy *copy = &cold->policy[version % 2];
        view->group_entry = shm_load(&copy->group_entry);
        view->group_tag = shm_load(&copy->group_tag);
        if (shm_load(&cold->policy_version) == version)
            return 0;
    }
    return -EAGAIN;
}

/* Damage shows nobody a list longer than it is. */
static void
load_settings(const struct shm_policy *copy, struct settings *settings)
{
    uint64_t words[SETTINGS_WORDS];
    for (int i = 0; i < SETTINGS_WORDS; i++)
        words[i] = shm_load(&copy->settings[i]);
    /* cppcheck-suppress uninitvar */
    memcpy(settings, words, sizeof(words));
    for (int i = 0; i < SETTINGS_LISTS; i++)
        if (settings->lists[i].count > SETTINGS_LIST_MAX)
            settings->lists[i].count = SETTINGS_LIST_MAX;
    if (settings->private_keys.count > SETTINGS_LIST_MAX)
        settings->private_keys.count = SETTINGS_LIST_MAX;
}

int
key_table_settings(const struct segment *segment, const struct key_view *view,
                   bool of_group, struct settings *settings)
{
    uint32_t entry = of_group ? view->group_entry : view->entry;
    uint64_t tag = of_group ? view->group_tag : view->tag;
    const struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = cold_of(segment, entry);
    for (int tries = 0; tries < LATCH_TRIES; tries++) {
        uint32_t version = shm_load(&cold->policy_version);
        load_settings(&cold->policy[version % 2], settings);
        if (shm_load(&cold->policy_version) == version)
            return shm_load(&hot->tag) == tag ? 0 : -ESTALE;
    }
    return -EAGAIN;
}

int
key_table_group_name(const struct segment *segment, const struct key_view *view,
                     char out[64])
{
    if (view->group_entry == SHM_ENTRY_NONE)
        return -ESTALE;
    const struct shm_entry_hot *hot =
        segment_entry_hot(segment, view->group_entry);
    const struct shm_entry_cold *cold = cold_of(segment, view->group_entry);
    for (int tries = 0; tries < LATCH_TRIES; tries++) {
        uint32_t version = shm_load(&cold->policy_version);
        const struct shm_policy *copy = &cold->policy[version % 2];
        uint64_t name[8];
        for (int i = 0; i < 8; i++)
            name[i] = shm_load(&copy->name[i]);
        if (shm_load(&cold->policy_version) != version)
            continue;
        memcpy(out, name, sizeof(name));
        out[sizeof(name) - 1] = '\0';
        return shm_load(&hot->tag) == view->group_tag ? 0 : -ESTALE;
    }
    return -EAGAIN;
}

/* ---- all of it ---- */

static void
copy_hot(const struct shm_entry_hot *hot, struct entry_policy *policy)
{
    uint64_t digest[4];
    for (int i = 0; i < 4; i++)
        digest[i] = shm_load(&hot->digest[i]);
    memcpy(policy->digest, digest, sizeof(policy->digest));
    policy->id = shm_load(&hot->id);
    policy->on_exhausted = shm_load(&hot->on_exhausted);
    policy->expires_ms = shm_load(&hot->expires_ms);
    policy->max_in_flight = shm_load(&hot->max_in_flight);
    policy->rpm = shm_load(&hot->rpm);
    policy->tpm = shm_load(&hot->tpm);
}

static void
copy_former(const struct shm_entry_cold *cold, struct entry_policy *policy)
{
    uint64_t former[4];
    policy->former_until = shm_load(&cold->former_until);
    for (int i = 0; i < 4; i++)
        former[i] = shm_load(&cold->former[i]);
    memcpy(policy->former, former, sizeof(policy->former));
}

static void
copy_policy(const struct shm_entry_cold *cold, uint32_t from,
            struct entry_policy *policy)
{
    const struct shm_policy *copy = &cold->policy[from];
    uint32_t count = shm_load(&cold->acl_count[from]);
    uint64_t name[8];
    policy->flags = shm_load(&cold->flags[from]);
    policy->acl_count = count < SHM_ACL_MAX ? count : SHM_ACL_MAX;
    policy->group_id = shm_load(&copy->group_id);
    policy->group_tag = shm_load(&copy->group_tag);
    policy->group_entry = shm_load(&copy->group_entry);
    for (int i = 0; i < SHM_MODELS_MAX / 64; i++)
        policy->models[i] = shm_load(&copy->models[i]);
    for (uint32_t i = 0; i < policy->acl_count; i++) {
        uint64_t addr[2] = {shm_load(&copy->acl[i].addr[0]),
                            shm_load(&copy->acl[i].addr[1])};
        memcpy(policy->acl[i].addr, addr, sizeof(addr));
        policy->acl[i].prefix_len = shm_load(&copy->acl[i].prefix_len);
    }
    for (int i = 0; i < 8; i++)
        name[i] = shm_load(&copy->name[i]);
    load_settings(copy, &policy->settings);
    memcpy(policy->name, name, sizeof(policy->name));
    policy->name[sizeof(policy->name) - 1] = '\0';
}

static void
copy_budgets(const struct shm_budget rows[SHM_BUDGETS],
             struct entry_policy *policy)
{
    for (int i = 0; i < SHM_BUDGETS; i++)
        policy->budgets[i] = (struct entry_budget){
            .unit = shm_load(&rows[i].unit),
            .period = shm_load(&rows[i].period),
            .limit = shm_load(&rows[i].limit),
            .baseline = shm_load(&rows[i].baseline),
            .period_no = shm_load(&rows[i].period_no),
            .resets_ms = shm_load(&rows[i].resets_ms),
        };
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
                : (uint64_t)escrow - (uint64_t)shm_load(&cold->origin[unit]);
    }
}

/* False: a latch or the tag has changed meanwhile. */
static bool
copy_entry(const struct segment *segment, uint32_t entry,
           struct entry_policy *policy, uint64_t *tag)
{
    struct shm_entry_hot *hot = segment_entry_hot(segment, entry);
    const struct shm_entry_cold *cold = places_cold(segment, hot);
    memset(policy, 0, sizeof(*policy));
    *tag = shm_load(&hot->tag);
    uint32_t policy_version = shm_load(&cold->policy_version);
    uint32_t budget_version = shm_load(&cold->budget_version);
    copy_hot(hot, policy);
    copy_former(cold, policy);
    copy_policy(cold, policy_version % 2, policy);
    copy_budgets(cold->budgets[budget_version % 2], policy);
    copy_escrow(hot, cold, policy);
    return shm_load(&cold->policy_version) == policy_version &&
           shm_load(&cold->budget_version) == budget_version &&
           shm_load(&hot->tag) == *tag;
}

int
entry_look(const struct segment *segment, uint32_t entry,
           struct entry_policy *policy, uint64_t *tag)
{
    for (int tries = 0; tries < LATCH_TRIES; tries++)
        if (copy_entry(segment, entry, policy, tag))
            return 0;
    return -EAGAIN;
}

int
entry_read(const struct segment *segment, uint32_t entry,
           struct entry_policy *policy, uint64_t *tag)
{
    const struct shm_entry_cold *cold = cold_of(segment, entry);
    for (int tries = 0; tries < MOMENT_TRIES; tries++) {
        uint32_t before = shm_load(&cold->seq);
        if (before % 2 == 0 && copy_entry(segment, entry, policy, tag) &&
            shm_load(&cold->seq) == before)
            return 0;
    }
    return -EAGAIN;
}
