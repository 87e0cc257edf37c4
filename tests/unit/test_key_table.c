/*
 * test_key_table.c - entries come, are found, change, retire and are re-used.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_table.h"

#include <errno.h>
#include <stdlib.h>

#include "shm/key_table_index.h"
#include "tests/unit/shm_fixture.h"

TEST(a_key_is_found_by_its_digest_with_its_group)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(f.view.entry, f.key);
    CHECK_EQ(f.view.tag, f.key_tag);
    CHECK_EQ(f.view.id, 2);
    CHECK_EQ(f.view.group_entry, f.group);
    CHECK_EQ(f.view.group_tag, f.group_tag);
    CHECK_EQ(f.view.group_id, 1);
    CHECK_EQ(f.view.flags, SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS);
    CHECK_TRUE((f.view.group_flags & SHM_KEY_IS_GROUP) != 0);
    fixture_close(&f);
}

TEST(limits_are_scaled_by_the_ratio_of_their_group)
{
    struct fixture f;
    struct entry_policy group = fixture_group_policy(1);
    fixture_open(&f);
    CHECK_EQ(key_table_scaled(&f.segment, &f.view, SHM_RATIO_RPM, 7), 7);
    group.ratio[SHM_RATIO_RPM] = 300000;
    entry_update(&f.segment, f.group, &group);
    CHECK_EQ(key_table_scaled(&f.segment, &f.view, SHM_RATIO_RPM, 10), 3);
    CHECK_EQ(key_table_scaled(&f.segment, &f.view, SHM_RATIO_RPM, 1), 1);
    CHECK_EQ(key_table_scaled(&f.segment, &f.view, SHM_RATIO_RPM, 0), 0);
    CHECK_EQ(key_table_scaled(&f.segment, &f.view, SHM_RATIO_TPM, 10), 10);
    CHECK_EQ(ratio_of_limit(UINT64_MAX, 2000000), UINT64_MAX);
    struct key_view alone = f.view;
    alone.group_entry = SHM_ENTRY_NONE;
    CHECK_EQ(key_table_scaled(&f.segment, &alone, SHM_RATIO_RPM, 10), 10);
    fixture_close(&f);
}

TEST(an_unknown_digest_and_one_that_shares_its_first_half_are_not_found)
{
    struct fixture f;
    struct key_view view;
    uint8_t other[32];
    fixture_open(&f);
    memcpy(other, f.digest, sizeof(other));
    other[31] ^= 1;
    CHECK_EQ(key_table_find(&f.segment, other, &view), -ENOENT);
    memset(other, 0, sizeof(other)); /* the digest of groups */
    CHECK_EQ(key_table_find(&f.segment, other, &view), -ENOENT);
    fixture_close(&f);
}

TEST(a_full_table_refuses_one_more_and_finds_all)
{
    struct fixture f;
    uint32_t entry, count = 0;
    uint64_t tag;
    fixture_open(&f);
    struct entry_policy policy = fixture_key_policy(&f, 100);
    while (entry_insert(&f.segment, &policy, fixture_nothing, &entry, &tag) ==
           0) {
        count++;
        policy = fixture_key_policy(&f, 100 + count);
    }
    CHECK_EQ(count, f.segment.entry_max - 2);
    CHECK_EQ(entry_insert(&f.segment, &policy, fixture_nothing, &entry, &tag),
             -ENOSPC);
    for (uint32_t i = 0; i < count; i++) {
        struct key_view view;
        policy = fixture_key_policy(&f, 100 + i);
        CHECK_EQ(key_table_find(&f.segment, policy.digest, &view), 0);
        CHECK_EQ(view.id, 100 + i);
    }
    fixture_close(&f);
}

TEST(everything_of_a_policy_is_read_back)
{
    struct fixture f;
    struct entry_policy back;
    uint64_t tag;
    fixture_open(&f);
    struct entry_policy p = fixture_key_policy(&f, 2);
    p.on_exhausted = SHM_ON_CUT;
    p.expires_ms = 1234567;
    p.max_in_flight = 9;
    p.rpm = 60;
    p.tpm = 1000;
    p.models[3] = 0x55;
    p.acl_count = 2;
    p.acl[1].addr[15] = 7;
    p.acl[1].prefix_len = 128;
    memset(p.name, 'n', sizeof(p.name) - 1);
    p.budgets[7] =
        (struct entry_budget){SHM_NANO, SHM_PERIOD_MONTHLY, 500, 20, 77, 99};
    entry_update(&f.segment, f.key, &p);
    CHECK_EQ(entry_read(&f.segment, f.key, &back, &tag), 0);
    CHECK_EQ(tag, f.key_tag);
    p.name[63] = '\0';
    CHECK_EQ(back.id, 2);
    CHECK_EQ(back.group_id, 1);
    CHECK_TRUE(memcmp(back.digest, p.digest, 32) == 0);
    CHECK_EQ(back.on_exhausted, SHM_ON_CUT);
    CHECK_EQ(back.expires_ms, 1234567);
    CHECK_EQ(back.max_in_flight, 9);
    CHECK_EQ(back.rpm, 60);
    CHECK_EQ(back.tpm, 1000);
    CHECK_EQ(back.models[3], 0x55);
    CHECK_EQ(back.acl_count, 2);
    CHECK_EQ(back.acl[1].addr[15], 7);
    CHECK_TRUE(strcmp(back.name, p.name) == 0);
    CHECK_EQ(back.budgets[7].unit, SHM_NANO);
    CHECK_EQ(back.budgets[7].limit, 500);
    CHECK_EQ(back.budgets[7].baseline, 20);
    CHECK_EQ(back.budgets[7].period_no, 77);
    CHECK_EQ(back.budgets[7].resets_ms, 99);
    fixture_close(&f);
}

TEST(a_ceiling_is_the_lowest_of_all_budgets_of_its_unit)
{
    static const struct {
        struct entry_budget rows[3];
        int64_t tokens, nano;
    } cases[] = {
        {{{0}}, INT64_MAX, INT64_MAX},
        {{{SHM_TOKENS, SHM_PERIOD_DAILY, 100, 50, 0, 0}}, 150, INT64_MAX},
        {{{SHM_TOKENS, SHM_PERIOD_DAILY, 100, 50, 0, 0},
          {SHM_TOKENS, SHM_PERIOD_MONTHLY, 120, 0, 0, 0}},
         120,
         INT64_MAX},
        {{{SHM_NANO, SHM_PERIOD_TOTAL, 7, 1, 0, 0}}, INT64_MAX, 8},
        {{{SHM_TOKENS, SHM_PERIOD_TOTAL, INT64_MAX, 5, 0, 0}},
         INT64_MAX,
         INT64_MAX},
        {{{SHM_TOKENS, SHM_PERIOD_TOTAL, 0, 0, 0, 0}}, 0, INT64_MAX},
        {{{SHM_TOKENS, SHM_PERIOD_BALANCE, -5, 0, 0, 0}}, -5, INT64_MAX},
    };
    struct fixture f;
    fixture_open(&f);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct entry_policy p = fixture_key_policy(&f, 2);
        struct entry_sums sums;
        memcpy(p.budgets, cases[i].rows, sizeof(cases[i].rows));
        entry_publish_budgets(&f.segment, f.key, &p);
        entry_sum(&f.segment, f.key, &sums);
        CHECK_EQ(sums.ceiling[SHM_TOKENS], cases[i].tokens);
        CHECK_EQ(sums.ceiling[SHM_NANO], cases[i].nano);
    }
    fixture_close(&f);
}

TEST(ceilings_count_from_the_origin_of_the_tenant)
{
    struct fixture f;
    struct entry_sums sums;
    uint32_t entry;
    uint64_t tag;
    const uint64_t total[SHM_UNITS] = {1000, 50};
    fixture_open(&f);
    struct entry_policy p = fixture_key_policy(&f, 3);
    fixture_budget(&p, 0, SHM_TOKENS, 1200);
    CHECK_EQ(entry_insert(&f.segment, &p, total, &entry, &tag), 0);
    entry_sum(&f.segment, entry, &sums);
    CHECK_EQ(sums.origin[SHM_TOKENS], -1000);
    CHECK_EQ(sums.origin[SHM_NANO], -50);
    CHECK_EQ(sums.ceiling[SHM_TOKENS], 200);
    fixture_close(&f);
}

TEST(an_entry_is_spent_when_a_budget_is_used_up_by_all_columns)
{
    static const struct {
        int64_t tokens, nano;
        uint64_t total[SHM_UNITS];
        bool spent;
    } cases[] = {
        {0, 0, {5000, 5000}, false}, /* no budget at all */
        {13, 0, {0, 0}, false},      /* 12 tokens and 14 nano are used below */
        {12, 0, {0, 0}, true},       {13, 14, {0, 0}, true},
        {13, 15, {0, 0}, false},     {0, 15, {0, 0}, false},
        {1012, 0, {1000, 0}, true},  {1013, 0, {1000, 0}, false},
        {900, 0, {1000, 0}, true}, /* the ceiling is below zero */
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct key_view view;
        uint32_t entry;
        uint64_t tag;
        fixture_open(&f);
        struct entry_policy p = fixture_key_policy(&f, 3);
        if (cases[i].tokens != 0)
            fixture_budget(&p, 0, SHM_TOKENS, INT64_MAX);
        CHECK_EQ(entry_insert(&f.segment, &p, cases[i].total, &entry, &tag), 0);
        CHECK_EQ(key_table_find(&f.segment, p.digest, &view), 0);
        f.view = view;
        f.key = entry;
        fixture_settle(&f, 0, fixture_hold(&f, 0, 10, 10, NULL), 7, 8);
        fixture_settle(&f, 2, fixture_hold(&f, 2, 10, 10, NULL), 5, 6);
        memset(p.budgets, 0, sizeof(p.budgets));
        if (cases[i].tokens != 0)
            fixture_budget(&p, 0, SHM_TOKENS, cases[i].tokens);
        if (cases[i].nano != 0)
            fixture_budget(&p, 3, SHM_NANO, cases[i].nano);
        entry_publish_budgets(&f.segment, entry, &p);
        entry_is_spent_soon(&f.segment, entry);
        CHECK_EQ(entry_is_spent(&f.segment, entry), cases[i].spent);
        fixture_close(&f);
    }
}

TEST(a_retired_key_is_gone_at_once_and_its_entry_when_nobody_names_it)
{
    struct fixture f;
    struct key_view view;
    fixture_open(&f);
    int slot = fixture_hold(&f, 0, 10, 10, NULL);
    CHECK_TRUE(slot >= 0);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(key_table_find(&f.segment, f.digest, &view), -ENOENT);
    CHECK_EQ(entry_sweep_retired(&f.segment), 1);
    fixture_settle(&f, 0, slot, 3, 4);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    uint64_t tag = shm_load(&segment_entry_hot(&f.segment, f.key)->tag);
    CHECK_EQ(tag & 0xff, SHM_TAG_NONE);
    fixture_close(&f);
}

TEST(the_slots_of_a_dying_column_keep_an_entry_too)
{
    struct fixture f;
    struct reap_result result = {0};
    fixture_open(&f);
    CHECK_TRUE(fixture_hold(&f, 1, 10, 10, NULL) >= 0);
    fixture_kill(&f, 1);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(entry_sweep_retired(&f.segment), 1);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 1);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    fixture_close(&f);
}

TEST(the_next_tenant_inherits_the_words_but_not_the_use)
{
    struct fixture f;
    struct entry_sums sums;
    struct key_view view;
    uint32_t entry;
    uint64_t tag;
    fixture_open(&f);
    fixture_settle(&f, 0, fixture_hold(&f, 0, 10, 10, NULL), 7, 8);
    fixture_settle(&f, 1, fixture_hold(&f, 1, 10, 10, NULL), 5, 6);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    struct entry_policy p = fixture_key_policy(&f, 9);
    fixture_budget(&p, 0, SHM_TOKENS, 100);
    CHECK_EQ(entry_insert(&f.segment, &p, fixture_nothing, &entry, &tag), 0);
    CHECK_EQ(entry, f.key);
    CHECK_EQ(tag >> 8, (f.key_tag >> 8) + 1);
    entry_sum(&f.segment, entry, &sums);
    CHECK_EQ(sums.used[SHM_TOKENS], 12);
    CHECK_EQ(sums.origin[SHM_TOKENS], 12);
    CHECK_EQ(sums.ceiling[SHM_TOKENS], 112);
    CHECK_EQ(key_table_find(&f.segment, p.digest, &view), 0);
    CHECK_EQ(view.tag, tag);
    fixture_close(&f);
}

TEST(a_look_up_from_before_the_retirement_is_refused_as_stale)
{
    struct fixture f;
    uint32_t entry;
    uint64_t tag;
    fixture_open(&f);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(fixture_hold(&f, 0, 1, 1, NULL), -ESTALE);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    CHECK_EQ(fixture_hold(&f, 0, 1, 1, NULL), -ESTALE);
    struct entry_policy p = fixture_key_policy(&f, 9);
    CHECK_EQ(entry_insert(&f.segment, &p, fixture_nothing, &entry, &tag), 0);
    CHECK_EQ(entry, f.key);
    CHECK_EQ(fixture_hold(&f, 0, 1, 1, NULL), -ESTALE);
    static const uint8_t anywhere[16];
    CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 0), -ESTALE);
    CHECK_EQ(key_table_address_allowed(&f.segment, &f.view, anywhere), -ESTALE);
    struct settings layer;
    CHECK_EQ(key_table_settings(&f.segment, &f.view, false, &layer), -ESTALE);
    CHECK_TRUE(!key_table_is_current(&f.segment, &f.view));
    fixture_close(&f);
}

TEST(a_retired_group_makes_its_keys_unusable)
{
    struct fixture f;
    struct key_view view;
    fixture_open(&f);
    entry_retire(&f.segment, f.group);
    CHECK_EQ(fixture_hold(&f, 0, 1, 1, NULL), -ESTALE);
    CHECK_EQ(key_table_find(&f.segment, f.digest, &view), -EAGAIN);
    fixture_close(&f);
}

TEST(churn_keeps_every_other_key_findable)
{
    enum { KEYS = 60, ROUNDS = 3000 };
    struct fixture f;
    uint32_t entry[KEYS];
    uint64_t id[KEYS], tag, next = 100;
    fixture_open(&f);
    for (int i = 0; i < KEYS; i++) {
        id[i] = next++;
        struct entry_policy p = fixture_key_policy(&f, id[i]);
        CHECK_EQ(entry_insert(&f.segment, &p, fixture_nothing, &entry[i], &tag),
                 0);
    }
    srand(5);
    for (int round = 0; round < ROUNDS; round++) {
        int i = rand() % KEYS;
        struct entry_policy gone = fixture_key_policy(&f, id[i]);
        struct key_view view;
        entry_retire(&f.segment, entry[i]);
        CHECK_EQ(entry_sweep_retired(&f.segment), 0);
        id[i] = next++;
        struct entry_policy p = fixture_key_policy(&f, id[i]);
        CHECK_EQ(entry_insert(&f.segment, &p, fixture_nothing, &entry[i], &tag),
                 0);
        CHECK_EQ(key_table_find(&f.segment, gone.digest, &view), -ENOENT);
        int other = rand() % KEYS;
        p = fixture_key_policy(&f, id[other]);
        CHECK_EQ(key_table_find(&f.segment, p.digest, &view), 0);
        CHECK_EQ(view.id, id[other]);
    }
    CHECK_EQ(shm_load(&f.segment.header->entry_high), KEYS + 2);
    uint32_t tombstones = 0;
    for (uint32_t i = 0; i < f.segment.bucket_count; i++)
        tombstones +=
            shm_load(segment_bucket(&f.segment, i)) == INDEX_TOMBSTONE;
    CHECK_TRUE(tombstones <= KEYS);
    fixture_close(&f);
}

TEST(an_insertion_cut_before_its_bucket_is_completed_by_an_update)
{
    struct fixture f;
    struct key_view view;
    fixture_open(&f);
    for (uint32_t i = 0; i < f.segment.bucket_count; i++)
        shm_store(segment_bucket(&f.segment, i), 0);
    CHECK_EQ(key_table_find(&f.segment, f.digest, &view), -ENOENT);
    struct entry_policy p = fixture_key_policy(&f, 2);
    entry_update(&f.segment, f.key, &p);
    CHECK_EQ(key_table_find(&f.segment, f.digest, &view), 0);
    fixture_close(&f);
}

/* As an accountant leaves it that died, or sleeps, in the middle of an entry:
 * the sequence odd, the spare copies half written. */
static void
leave_half_written(struct fixture *f)
{
    struct shm_entry_cold *cold = segment_entry_cold(&f->segment, f->key);
    uint32_t policy = 1 - shm_load(&cold->policy_version) % 2;
    uint32_t rows = 1 - shm_load(&cold->budget_version) % 2;
    shm_store(&cold->seq, shm_load(&cold->seq) | 1);
    shm_store(&cold->flags[policy], 0);
    shm_store(&cold->acl_count[policy], SHM_ACL_MAX);
    shm_store(&cold->policy[policy].models[0], 0);
    shm_store(&cold->policy[policy].group_entry, f->key);
    shm_store(&cold->policy[policy].name[0], 0x2020202020202020);
    for (int i = 0; i < SHM_ACL_MAX; i++)
        shm_store(&cold->policy[policy].acl[i].prefix_len, 0);
    for (int i = 0; i < SETTINGS_WORDS; i++)
        shm_store(&cold->policy[policy].settings[i], UINT64_MAX);
    shm_store(&cold->budgets[rows][0].limit, 1);
}

static struct entry_policy
listed_policy(const struct fixture *f)
{
    struct entry_policy p = fixture_key_policy(f, 2);
    p.flags = SHM_KEY_ENABLED | SHM_KEY_ACL_ALLOW;
    p.models[0] = 2;
    p.acl_count = 1;
    p.acl[0].addr[0] = 10;
    p.acl[0].prefix_len = 8;
    p.settings.set = 1u << SETTING_CACHE_TTL;
    p.settings.values[SETTING_CACHE_TTL] = 60;
    fixture_budget(&p, 0, SHM_TOKENS, 500);
    return p;
}

TEST(a_writer_that_died_in_the_middle_keeps_nobody_waiting)
{
    static const uint8_t ours[16] = {10, 1}, others[16] = {11};
    struct fixture f;
    struct entry_policy p, seen;
    uint64_t tag;
    fixture_open(&f);
    p = listed_policy(&f);
    for (int round = 0; round < 4; round++) { /* each copy in turn */
        entry_update(&f.segment, f.key, &p);
        for (int again = 0; again < round % 2; again++)
            entry_publish_budgets(&f.segment, f.key, &p);
        leave_half_written(&f);
        CHECK_EQ(entry_read(&f.segment, f.key, &seen, &tag), -EAGAIN);
        CHECK_EQ(key_table_find(&f.segment, f.digest, &f.view), 0);
        CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 1), 1);
        CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 0), 0);
        CHECK_EQ(key_table_address_allowed(&f.segment, &f.view, ours), 1);
        CHECK_EQ(key_table_address_allowed(&f.segment, &f.view, others), 0);
        struct settings layer;
        CHECK_EQ(key_table_settings(&f.segment, &f.view, false, &layer), 0);
        CHECK_EQ(layer.set, p.settings.set);
        CHECK_EQ(layer.values[SETTING_CACHE_TTL], 60);
        CHECK_EQ(key_table_settings(&f.segment, &f.view, true, &layer), 0);
        CHECK_EQ(layer.set, 0); /* the group's */
        CHECK_EQ(entry_look(&f.segment, f.key, &seen, &tag), 0);
        CHECK_EQ(tag, f.key_tag);
        CHECK_EQ(seen.flags, p.flags);
        CHECK_EQ(seen.group_entry, f.group);
        CHECK_EQ(seen.budgets[0].limit, 500);
        CHECK_TRUE(strcmp(seen.name, "a key") == 0);
    }
    fixture_close(&f);
}

TEST(the_next_writer_heals_what_the_last_one_left)
{
    static const uint8_t others[16] = {11};
    struct fixture f;
    struct entry_policy p, seen;
    uint64_t tag;
    fixture_open(&f);
    p = listed_policy(&f);
    for (int round = 0; round < 2; round++) {
        leave_half_written(&f);
        entry_update(&f.segment, f.key, &p);
        CHECK_EQ(entry_read(&f.segment, f.key, &seen, &tag), 0);
        CHECK_EQ(seen.acl_count, 1);
        CHECK_EQ(seen.models[0], 2);
        CHECK_EQ(seen.budgets[0].limit, 500);
        CHECK_EQ(key_table_address_allowed(&f.segment, &f.view, others), 0);
    }
    fixture_close(&f);
}

TEST(a_key_on_its_way_to_another_group_is_found_in_one_of_them)
{
    struct fixture f;
    struct key_view view;
    uint32_t other;
    uint64_t other_tag;
    fixture_open(&f);
    struct entry_policy group = fixture_group_policy(8);
    CHECK_EQ(
        entry_insert(&f.segment, &group, fixture_nothing, &other, &other_tag),
        0);
    entry_retire(&f.segment, other); /* so that the two tags differ */
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    CHECK_EQ(
        entry_insert(&f.segment, &group, fixture_nothing, &other, &other_tag),
        0);
    CHECK_TRUE(other_tag != f.group_tag);
    struct shm_entry_hot *hot = segment_entry_hot(&f.segment, f.key);
    shm_store(&hot->group_entry, other); /* and there its writer sleeps */
    CHECK_EQ(key_table_find(&f.segment, f.digest, &view), 0);
    CHECK_EQ(view.group_entry, f.group);
    CHECK_EQ(view.group_tag, f.group_tag);
    CHECK_EQ(view.group_id, 1);
    shm_store(&hot->group_tag, other_tag);
    CHECK_EQ(key_table_find(&f.segment, f.digest, &view), 0);
    CHECK_EQ(view.group_entry, other);
    CHECK_EQ(view.group_id, 8);
    fixture_close(&f);
}

TEST(a_recount_finds_the_retired_of_an_accountant_that_died)
{
    struct fixture f;
    fixture_open(&f);
    entry_retire(&f.segment, f.key);
    f.segment.retired_count = UINT32_MAX; /* as after a new attach */
    f.segment.free_hint = 0;
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    uint64_t tag = shm_load(&segment_entry_hot(&f.segment, f.key)->tag);
    CHECK_EQ(tag & 0xff, SHM_TAG_NONE);
    fixture_close(&f);
}

TEST(models_are_allowed_by_bit_or_all_together)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 1023), 1);
    struct entry_policy p = fixture_key_policy(&f, 2);
    p.flags = SHM_KEY_ENABLED;
    p.models[1] = 1;
    entry_update(&f.segment, f.key, &p);
    CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 64), 1);
    CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 65), 0);
    CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 0), 0);
    CHECK_EQ(key_table_model_allowed(&f.segment, &f.view, 70000), 0);
    fixture_close(&f);
}

TEST(a_damaged_list_of_settings_is_not_longer_than_it_is)
{
    struct fixture f;
    struct settings layer;
    fixture_open(&f);
    struct entry_policy p = fixture_key_policy(&f, 2);
    memset(&p.settings, 0xff, sizeof(p.settings));
    entry_update(&f.segment, f.key, &p);
    CHECK_EQ(key_table_settings(&f.segment, &f.view, false, &layer), 0);
    for (int i = 0; i < SETTINGS_LISTS; i++)
        CHECK_EQ(layer.lists[i].count, SETTINGS_LIST_MAX);
    CHECK_EQ(layer.private_keys.count, SETTINGS_LIST_MAX);
    fixture_close(&f);
}

TEST(addresses_are_matched_by_prefix)
{
    static const struct {
        uint8_t net[16], addr[16];
        uint32_t len;
        bool match;
    } cases[] = {
        {{10}, {10, 255}, 8, true},
        {{10}, {11}, 8, false},
        {{10, 0x80}, {10, 0xff}, 9, true},
        {{10, 0x80}, {10, 0x7f}, 9, false},
        {{1}, {2}, 0, true},
        {{[15] = 1}, {[15] = 1}, 128, true},
        {{[15] = 1}, {[15] = 2}, 128, false},
        {{[15] = 1}, {[15] = 1}, 200, false},
    };
    struct fixture f;
    fixture_open(&f);
    struct entry_policy p = fixture_key_policy(&f, 2);
    CHECK_EQ(key_table_address_allowed(&f.segment, &f.view, cases[0].addr), 1);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int allow = 0; allow < 2; allow++) {
            p.flags = SHM_KEY_ENABLED | (allow ? SHM_KEY_ACL_ALLOW : 0);
            p.acl_count = 1;
            memcpy(p.acl[0].addr, cases[i].net, 16);
            p.acl[0].prefix_len = cases[i].len;
            entry_update(&f.segment, f.key, &p);
            CHECK_EQ(
                key_table_address_allowed(&f.segment, &f.view, cases[i].addr),
                cases[i].match == (allow != 0));
        }
    }
    fixture_close(&f);
}

TEST(buckets_that_name_no_entry_are_passed_over)
{
    struct fixture f;
    struct key_view view;
    uint8_t digest[32];
    fixture_open(&f);
    memset(digest, 3, sizeof(digest));
    struct index_hash hash = index_hash(&f.segment, digest);
    shm_store(segment_bucket(&f.segment, hash.start),
              hash.high | (f.segment.entry_max + 5));
    CHECK_EQ(key_table_find(&f.segment, digest, &view), -ENOENT);
    fixture_close(&f);
}
