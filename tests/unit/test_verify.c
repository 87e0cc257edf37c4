/*
 * test_verify.c - a sound segment is found sound, and each kind of damage is
 * found and named.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/verify.h"

#include "shm/key_table_index.h"
#include "shm/model_stats.h"
#include "shm/segment_places.h"
#include "tests/unit/shm_fixture.h"

static struct buf report;

/* Some life: settled, granted, grown; names; a record in the ring. */
static void
open_lively(struct fixture *f)
{
    struct hold_refusal why;
    const uint64_t add[SHM_UNITS] = {5, 6};
    fixture_open(f);
    buf_init(&report, 0);
    fixture_limit(f, f->key, SHM_TOKENS, 1000);
    fixture_limit(f, f->group, SHM_NANO, 100000);
    CHECK_EQ(model_registry_model(&f->segment, "m"), 0);
    CHECK_EQ(model_registry_provider(&f->segment, "p"), 0);
    CHECK_EQ(model_registry_endpoint(&f->segment, 0, 0), 0);
    fixture_settle(f, 0, fixture_hold(f, 0, 10, 20, NULL), 7, 8);
    fixture_settle(f, 0, fixture_hold(f, 0, 10, 20, NULL), 9, 1);
    int slot = fixture_hold(f, 1, 30, 40, NULL);
    CHECK_EQ(cells_grow(&f->seat[1], (uint32_t)slot, add, &why), 0);
}

static void
close_lively(struct fixture *f)
{
    buf_fini(&report);
    fixture_close(f);
}

TEST(a_segment_at_work_is_sound)
{
    struct fixture f;
    open_lively(&f);
    CHECK_EQ(segment_verify(&f.segment, false, &report), 0);
    CHECK_EQ(buf_len(&report), 0);
    close_lively(&f);
}

TEST(a_quiet_segment_has_no_leases)
{
    struct fixture f;
    struct reap_result result = {0};
    open_lively(&f);
    CHECK_TRUE(segment_verify(&f.segment, true, &report) > 0);
    CHECK_TRUE(strstr(buf_cstr(&report), "slots in use in a quiet") != NULL);
    for (uint32_t i = 0; i < 3; i++)
        fixture_kill(&f, i);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 3);
    buf_reset(&report);
    CHECK_EQ(segment_verify(&f.segment, true, &report), 0);
    /* A seat that was just given away, or that a dead master left so. */
    CHECK_EQ(column_find_free(&f.segment), 0);
    CHECK_EQ(segment_verify(&f.segment, true, &report), 0);
    shm_store(&segment_cell(&f.segment, f.key, 0)->used[0], 17);
    CHECK_TRUE(segment_verify(&f.segment, true, &report) > 0);
    CHECK_TRUE(strstr(buf_cstr(&report), "I5: column 0") != NULL);
    close_lively(&f);
}

/* ---- one damage each ---- */

static struct shm_policy *
policy_now(const struct fixture *f)
{
    struct shm_entry_cold *cold = segment_entry_cold(&f->segment, f->key);
    return &cold->policy[shm_load(&cold->policy_version) % 2];
}

static void
damage_reserved_leak(struct fixture *f)
{
    shm_store(&segment_cell(&f->segment, f->key, 2)->reserved[0], 5);
}

static void
damage_busy_leak(struct fixture *f)
{
    shm_store(&segment_cell(&f->segment, f->group, 2)->busy, 1);
}

static void
damage_grant_not_covered(struct fixture *f)
{
    shm_store(&segment_cell(&f->segment, f->group, 1)->reserved[1], 45);
}

static void
damage_slot_entry(struct fixture *f)
{
    shm_store(&segment_slot(&f->segment, 1, 0)->entry[0], 5000);
}

static void
damage_slot_state(struct fixture *f)
{
    shm_store(&segment_slot(&f->segment, 1, 7)->state, 9);
}

static void
damage_slot_tag(struct fixture *f)
{
    shm_store(&segment_slot(&f->segment, 1, 0)->tag[0], 0x901);
}

static void
damage_two_settling(struct fixture *f)
{
    for (uint32_t i = 1; i < 3; i++) {
        struct shm_slot *slot = segment_slot(&f->segment, 0, i);
        shm_store(&slot->entry[0], f->key);
        shm_store(&slot->entry[1], f->group);
        shm_store(&slot->tag[0], f->key_tag);
        shm_store(&slot->tag[1], f->group_tag);
        shm_store(&slot->rec, ring_head(&f->segment, 0));
        shm_store(&slot->rec_end, shm_load(&slot->rec) + 232);
        shm_store(&slot->state, SHM_SLOT_SETTLING);
    }
}

static void
damage_ring_promise(struct fixture *f)
{
    shm_store(&segment_column(&f->segment, 1)->ring_head,
              f->segment.ring_bytes);
}

static void
damage_ring_record(struct fixture *f)
{
    segment_ring(&f->segment, 0)[0] ^= 0x40;
}

static void
damage_chain(struct fixture *f)
{
    struct shm_record record = {0};
    memcpy(&record, segment_ring(&f->segment, 0) + 232, sizeof(record));
    record.after[1][0]++;
    memcpy(segment_ring(&f->segment, 0) + 232, &record, sizeof(record));
}

static void
damage_ring_head(struct fixture *f)
{
    shm_store(&segment_column(&f->segment, 2)->ring_tail, 8);
}

static void
damage_ceiling(struct fixture *f)
{
    shm_store(&segment_entry_hot(&f->segment, f->key)->ceiling[0], 5000);
}

static void
damage_group(struct fixture *f)
{
    shm_store(&segment_entry_hot(&f->segment, f->key)->group_entry, f->key);
}

static void
damage_group_of_policy(struct fixture *f)
{
    struct shm_policy *copy = policy_now(f);
    shm_store(&copy->group_entry, f->key);
}

static void
damage_flags(struct fixture *f)
{
    shm_store(&segment_entry_hot(&f->segment, f->key)->flags, 0);
}

static void
damage_acl_count(struct fixture *f)
{
    struct shm_entry_cold *cold = segment_entry_cold(&f->segment, f->key);
    shm_store(&cold->acl_count[shm_load(&cold->policy_version) % 2], 17);
}

static void
damage_acl_prefix(struct fixture *f)
{
    struct shm_entry_cold *cold = segment_entry_cold(&f->segment, f->key);
    shm_store(&cold->acl_count[shm_load(&cold->policy_version) % 2], 1);
    shm_store(&policy_now(f)->acl[0].prefix_len, 129);
}

static void
damage_name(struct fixture *f)
{
    shm_store(&policy_now(f)->name[0], 0x1b5b);
}

static void
damage_index_lost(struct fixture *f)
{
    struct index_hash hash = index_hash(&f->segment, f->digest);
    for (uint32_t i = 0; i < 8; i++)
        shm_store(
            segment_bucket(&f->segment,
                           (hash.start + i) & (f->segment.bucket_count - 1)),
            0);
}

static void
damage_index_twice(struct fixture *f)
{
    struct index_hash hash = index_hash(&f->segment, f->digest);
    for (uint32_t i = 0; i < 8; i++)
        shm_store(
            segment_bucket(&f->segment,
                           (hash.start + i) & (f->segment.bucket_count - 1)),
            index_word(hash, f->key));
}

static void
damage_index_entry(struct fixture *f)
{
    shm_store(segment_bucket(&f->segment, 3), 4000);
}

static void
damage_cell_bound(struct fixture *f)
{
    shm_store(&segment_cell(&f->segment, f->group, 2)->used[1], UINT64_MAX / 2);
}

static void
damage_mark(struct fixture *f)
{
    shm_store(&f->segment.header->entry_high, UINT32_MAX);
}

static void
damage_column_state(struct fixture *f)
{
    shm_store(&segment_column(&f->segment, 9)->state, 12);
}

static void
damage_model_name(struct fixture *f)
{
    shm_store(&segment_model_name(&f->segment, 0)->name[0], 7);
}

static void
damage_endpoint(struct fixture *f)
{
    shm_store(&segment_endpoint(&f->segment, 0)->model_idx, 900);
}

TEST(each_kind_of_damage_is_found_and_named)
{
    static const struct {
        void (*damage)(struct fixture *f);
        const char *text;
    } cases[] = {
        {damage_reserved_leak, "I3: column 2 entry 1: 5 reserved"},
        {damage_busy_leak, "I3: column 2 entry 0: 1 in flight"},
        {damage_grant_not_covered, "I2: column 1 entry 0 unit 1: 45 reserved"},
        {damage_slot_entry, "names entry 5000"},
        {damage_slot_state, "slot 7: state 9"},
        {damage_slot_tag, "I9: column 1 slot 0"},
        {damage_two_settling, "I4: column 0: 2 settles"},
        {damage_ring_promise, "I8: column 1"},
        {damage_ring_record, "column 0: no record at 0"},
        {damage_chain, "I6: column 0 record at 232"},
        {damage_ring_head, "column 2: ring head 0, tail 8"},
        {damage_ceiling, "entry 1 unit 0: ceiling 5000"},
        {damage_group, "entry 1: flags or group are not its policy's"},
        {damage_group_of_policy, "entry 1: entry 1 is not its group"},
        {damage_flags, "entry 1: flags or group are not its policy's"},
        {damage_acl_count, "entry 1: 17 addresses of at most 16"},
        {damage_acl_prefix, "entry 1: 1 addresses with a prefix beyond 128"},
        {damage_name, "entry 1: its name is not printable"},
        {damage_index_lost, "entry 1: its digest does not lead to it"},
        {damage_index_twice, "entry 1: 8 buckets name it"},
        {damage_index_entry, "bucket 3 names entry 3999"},
        {damage_cell_bound, "above its bound"},
        {damage_mark, "entry_high is 4294967295"},
        {damage_column_state, "column 9: state 12"},
        {damage_model_name, "model 0: its name is damaged"},
        {damage_endpoint, "endpoint 0: not a model at a provider"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        open_lively(&f);
        cases[i].damage(&f);
        CHECK_TRUE(segment_verify(&f.segment, false, &report) > 0);
        if (strstr(buf_cstr(&report), cases[i].text) == NULL)
            test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", cases[i].text,
                      buf_cstr(&report));
        close_lively(&f);
    }
}

TEST(an_entry_whose_writer_died_counts_only_where_nobody_will_heal_it)
{
    struct fixture f;
    open_lively(&f);
    shm_store(&segment_entry_cold(&f.segment, f.key)->seq, 1001);
    CHECK_EQ(segment_verify(&f.segment, false, &report), 0);
    CHECK_TRUE(segment_verify(&f.segment, true, &report) > 0);
    CHECK_TRUE(strstr(buf_cstr(&report), "entry 1: its writer") != NULL);
    close_lively(&f);
}

TEST(an_accountant_between_a_living_key_and_its_bucket_is_no_damage)
{
    struct fixture f;
    open_lively(&f);
    damage_index_lost(&f);
    CHECK_EQ(segment_verify(&f.segment, false, &report), 1);
    shm_store(&segment_entry_cold(&f.segment, f.key)->seq, 1001);
    buf_reset(&report);
    CHECK_EQ(segment_verify(&f.segment, false, &report), 0);
    CHECK_TRUE(segment_verify(&f.segment, true, &report) > 0);
    close_lively(&f);
}

TEST(an_entry_that_was_left_before_it_was_given_away_is_sound)
{
    struct fixture f;
    struct reap_result result = {0};
    open_lively(&f);
    for (uint32_t i = 0; i < 3; i++)
        fixture_kill(&f, i);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 3);
    shm_store(&segment_entry_cold(&f.segment, 2)->seq, 1);
    shm_store(&f.segment.header->entry_high, 3);
    CHECK_EQ(segment_verify(&f.segment, true, &report), 0);
    close_lively(&f);
}

TEST(a_report_has_an_end)
{
    struct fixture f;
    open_lively(&f);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t s = 0; s < 8; s++)
            for (int n = 0; n < 2; n++) {
                struct shm_slot *slot = segment_slot(&f.segment, c, s);
                shm_store(&slot->entry[n], 70000);
                shm_store(&slot->state, SHM_SLOT_SETTLING);
                shm_store(&slot->rec, UINT64_MAX);
            }
    for (uint32_t i = 0; i < f.segment.bucket_count; i++)
        shm_store(segment_bucket(&f.segment, i), UINT32_MAX - 7);
    CHECK_TRUE(segment_verify(&f.segment, false, &report) > 500);
    CHECK_TRUE(strstr(buf_cstr(&report), "more\n") != NULL);
    CHECK_TRUE(buf_len(&report) < 30000);
    close_lively(&f);
}
