/*
 * test_key_value.c - a key gets a new value: which one is found, for how long,
 * and what an accountant finds that comes after a death at any store of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/key_table.h"

#include <errno.h>
#include <stdlib.h>

#include "shm/key_table_index.h"
#include "shm/segment_places.h"
#include "shm/verify.h"
#include "tests/unit/shm_fixture.h"

/* Of number `n`, as uniform as an HMAC. */
static void
value_of(uint64_t n, uint8_t digest[32])
{
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t word = hash_mix64((1000 + n) * 4 + i);
        memcpy(digest + 8 * i, &word, sizeof(word));
    }
}

static struct entry_policy
policy_with(const struct fixture *f, uint64_t own, uint64_t former,
            int64_t until)
{
    struct entry_policy policy = fixture_key_policy(f, 2);
    value_of(own, policy.digest);
    policy.former_until = until;
    if (until != SHM_VALUE_NONE)
        value_of(former, policy.former);
    return policy;
}

/* -ENOENT, or until when the value is good: 0 for ever. */
static int64_t
look(const struct fixture *f, uint64_t value)
{
    struct key_view view;
    uint8_t digest[32];
    value_of(value, digest);
    int rc = key_table_find(&f->segment, digest, &view);
    if (rc == 0 && (view.entry != f->key || view.id != 2))
        return -EINVAL;
    return rc < 0 ? rc : view.value_until_ms;
}

static unsigned
buckets_of(const struct fixture *f, uint32_t entry)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < f->segment.bucket_count; i++) {
        uint64_t word = shm_load(segment_bucket(&f->segment, i));
        count += word != INDEX_EMPTY && word != INDEX_TOMBSTONE &&
                 (uint32_t)word - 1 == entry;
    }
    return count;
}

static void
update(struct fixture *f, uint64_t own, uint64_t former, int64_t until)
{
    struct entry_policy policy = policy_with(f, own, former, until);
    entry_update(&f->segment, f->key, &policy);
}

static void
open_with(struct fixture *f, uint64_t own)
{
    fixture_open(f);
    update(f, own, 0, SHM_VALUE_NONE);
}

TEST(the_former_value_is_found_with_its_end)
{
    struct fixture f;
    open_with(&f, 1);
    CHECK_EQ(look(&f, 1), 0);
    update(&f, 2, 1, 5000);
    CHECK_EQ(look(&f, 2), 0);
    CHECK_EQ(look(&f, 1), 5000);
    CHECK_EQ(buckets_of(&f, f.key), 2);
    update(&f, 2, 1, SHM_VALUE_ENDED);
    CHECK_EQ(look(&f, 2), 0);
    CHECK_EQ(look(&f, 1), -ENOENT);
    CHECK_EQ(buckets_of(&f, f.key), 1);
    fixture_close(&f);
}

TEST(a_rotation_without_grace_ends_both_values_before_it)
{
    struct fixture f;
    open_with(&f, 1);
    update(&f, 2, 1, 5000);
    update(&f, 3, 2, SHM_VALUE_ENDED);
    CHECK_EQ(look(&f, 3), 0);
    CHECK_EQ(look(&f, 2), -ENOENT);
    CHECK_EQ(look(&f, 1), -ENOENT);
    CHECK_EQ(buckets_of(&f, f.key), 1);
    fixture_close(&f);
}

TEST(the_second_former_value_takes_the_place_of_the_first)
{
    struct fixture f;
    open_with(&f, 1);
    update(&f, 2, 1, 5000);
    update(&f, 3, 2, 9000);
    CHECK_EQ(look(&f, 3), 0);
    CHECK_EQ(look(&f, 2), 9000);
    CHECK_EQ(look(&f, 1), -ENOENT);
    CHECK_EQ(buckets_of(&f, f.key), 2);
    fixture_close(&f);
}

TEST(a_retired_key_is_found_by_neither_value)
{
    struct fixture f;
    open_with(&f, 1);
    update(&f, 2, 1, 5000);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(look(&f, 2), -ENOENT);
    CHECK_EQ(look(&f, 1), -ENOENT);
    CHECK_EQ(buckets_of(&f, f.key), 0);
    fixture_close(&f);
}

TEST(an_entry_that_another_key_gets_has_no_value_of_the_first)
{
    struct fixture f;
    struct key_view view;
    uint64_t tag;
    uint32_t entry;
    open_with(&f, 1);
    update(&f, 2, 1, 5000);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    struct entry_policy other = fixture_key_policy(&f, 77);
    CHECK_EQ(entry_insert(&f.segment, &other, fixture_nothing, &entry, &tag),
             0);
    CHECK_EQ(entry, f.key);
    CHECK_EQ(look(&f, 2), -ENOENT);
    CHECK_EQ(look(&f, 1), -ENOENT);
    CHECK_EQ(key_table_find(&f.segment, other.digest, &view), 0);
    CHECK_EQ(view.value_until_ms, 0);
    fixture_close(&f);
}

TEST(a_key_is_inserted_with_both_values)
{
    struct fixture f;
    uint64_t tag;
    open_with(&f, 1);
    struct entry_policy policy = policy_with(&f, 2, 1, 5000);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(entry_sweep_retired(&f.segment), 0);
    CHECK_EQ(entry_insert(&f.segment, &policy, fixture_nothing, &f.key, &tag),
             0);
    CHECK_EQ(look(&f, 2), 0);
    CHECK_EQ(look(&f, 1), 5000);
    CHECK_EQ(buckets_of(&f, f.key), 2);
    fixture_close(&f);
}

TEST(both_values_of_every_key_find_room_in_a_full_table)
{
    struct fixture f;
    uint32_t entry, count = 0;
    uint64_t tag;
    open_with(&f, 1);
    for (;; count++) {
        struct entry_policy p =
            policy_with(&f, 10 + 2 * count, 11 + 2 * count, 5000);
        p.id = 100 + count;
        if (entry_insert(&f.segment, &p, fixture_nothing, &entry, &tag) < 0)
            break;
    }
    CHECK_EQ(count, f.segment.entry_max - 2);
    for (uint64_t n = 0; n < 2ull * count; n++) {
        struct key_view view;
        uint8_t digest[32];
        value_of(10 + n, digest);
        CHECK_EQ(key_table_find(&f.segment, digest, &view), 0);
        CHECK_EQ(view.id, 100 + n / 2);
    }
    fixture_close(&f);
}

/* ---- cut anywhere ---- */

/* The words that V1..V5 write, as the first `stores` of them leave it: what the
 * key's own value is before and after, and its former one. */
struct step {
    shm_u64 *word;
    uint64_t value;
};

enum { STEPS_MAX = 16 };

static unsigned
steps_of(struct fixture *f, const struct entry_policy *to,
         struct step steps[STEPS_MAX])
{
    struct shm_entry_hot *hot = segment_entry_hot(&f->segment, f->key);
    struct shm_entry_cold *cold = places_cold(&f->segment, hot);
    uint64_t own[4], former[4];
    unsigned n = 0;
    memcpy(own, to->digest, sizeof(own));
    memcpy(former, to->former, sizeof(former));
    steps[n++] = (struct step){(shm_u64 *)&cold->former_until, SHM_VALUE_ENDED};
    for (int i = 0; i < 4; i++)
        steps[n++] = (struct step){&cold->former[i], former[i]};
    steps[n++] = (struct step){(shm_u64 *)&cold->former_until,
                               (uint64_t)to->former_until};
    for (int i = 0; i < 4; i++)
        steps[n++] = (struct step){&hot->digest[i], own[i]};
    return n;
}

/* The bucket of value 0, which the rotation takes out before it writes, is left:
 * the worst of what a cut in V1 can leave. */
TEST(a_rotation_that_was_cut_is_completed_by_the_next_accountant)
{
    for (unsigned cut = 0; cut <= 10; cut++) {
        struct fixture f;
        struct step steps[STEPS_MAX];
        uint8_t gone[32];
        open_with(&f, 0);
        update(&f, 1, 0, 5000);
        struct entry_policy to = policy_with(&f, 2, 1, 9000);
        CHECK_EQ(steps_of(&f, &to, steps), 10);
        if (cut > 0) {
            value_of(0, gone);
            index_remove(&f.segment, gone, f.key); /* V1 */
        }
        for (unsigned i = 0; i < cut; i++)
            shm_store(steps[i].word, steps[i].value);
        /* Nobody has the new value yet, and the old one is good all the time. */
        int64_t until = look(&f, 1);
        CHECK_TRUE(until == 0 || until == 9000);
        entry_update(&f.segment, f.key, &to);
        CHECK_EQ(look(&f, 2), 0);
        CHECK_EQ(look(&f, 1), 9000);
        CHECK_EQ(look(&f, 0), -ENOENT);
        CHECK_EQ(buckets_of(&f, f.key), 2);
        fixture_close(&f);
    }
}
