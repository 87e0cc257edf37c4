/*
 * shm_fixture.h - a small private segment with a group, a key and seats, for
 * the unit tests of shm/. Everything is static: each test program has its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_SHM_FIXTURE_H
#define AIGW_TESTS_UNIT_SHM_FIXTURE_H

#include <unistd.h>

#include "common/hash.h"
#include "shm/cells.h"
#include "shm/reap.h"
#include "shm/ring.h"
#include "tests/test.h"

struct fixture {
    struct segment segment;
    struct seat seat[3]; /* of columns 0, 1, 2 */
    uint32_t group, key;
    uint64_t group_tag, key_tag;
    struct key_view view;
    uint8_t digest[32];
};

static const uint64_t fixture_nothing[SHM_UNITS] __attribute__((unused));

__attribute__((unused)) static struct segment_sizes
fixture_sizes(void)
{
    struct segment_sizes sizes = {.instance = "unit",
                                  .workers = 1,
                                  .max_keys = 100,
                                  .max_models = 20,
                                  .max_requests = 8,
                                  .ring_mib = 1,
                                  .instance_id = 77};
    return sizes;
}

__attribute__((unused)) static struct entry_policy
fixture_group_policy(uint64_t id)
{
    struct entry_policy policy = {.id = id,
                                  .group_id = id,
                                  .flags = SHM_KEY_IS_GROUP | SHM_KEY_ENABLED,
                                  .group_entry = SHM_ENTRY_NONE,
                                  .name = "a group"};
    return policy;
}

__attribute__((unused)) static struct entry_policy
fixture_key_policy(const struct fixture *f, uint64_t id)
{
    struct entry_policy policy = {.id = id,
                                  .group_id = 1,
                                  .flags = SHM_KEY_ENABLED | SHM_KEY_ALL_MODELS,
                                  .group_entry = f->group,
                                  .group_tag = f->group_tag,
                                  .name = "a key"};
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t word = hash_mix64(id * 4 + i); /* as uniform as an HMAC */
        memcpy(policy.digest + 8 * i, &word, sizeof(word));
    }
    return policy;
}

__attribute__((unused)) static void
fixture_budget(struct entry_policy *policy, int row, uint32_t unit,
               int64_t limit)
{
    policy->budgets[row] = (struct entry_budget){
        .unit = unit, .period = SHM_PERIOD_TOTAL, .limit = limit};
}

/* A group (id 1) and a key (id 2), both without limits, and three workers. */
__attribute__((unused)) static void
fixture_open(struct fixture *f)
{
    struct segment_sizes sizes = fixture_sizes();
    memset(f, 0, sizeof(*f));
    CHECK_EQ(segment_create_private(&f->segment, &sizes), 0);
    struct entry_policy group = fixture_group_policy(1);
    CHECK_EQ(entry_insert(&f->segment, &group, fixture_nothing, &f->group,
                          &f->group_tag),
             0);
    struct entry_policy key = fixture_key_policy(f, 2);
    memcpy(f->digest, key.digest, sizeof(f->digest));
    CHECK_EQ(
        entry_insert(&f->segment, &key, fixture_nothing, &f->key, &f->key_tag),
        0);
    CHECK_EQ(key_table_find(&f->segment, f->digest, &f->view), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(column_find_free(&f->segment), i);
        CHECK_EQ(column_claim(&f->segment, (uint32_t)i, getpid(), 1), 0);
        CHECK_EQ(seat_open(&f->seat[i], &f->segment, (uint32_t)i), 0);
    }
}

__attribute__((unused)) static void
fixture_close(struct fixture *f)
{
    for (int i = 0; i < 3; i++)
        seat_close(&f->seat[i]);
    segment_detach(&f->segment);
}

/* A ceiling of the key's or the group's in one unit. */
__attribute__((unused)) static void
fixture_limit(struct fixture *f, uint32_t entry, uint32_t unit, int64_t limit)
{
    struct entry_policy policy;
    uint64_t tag;
    CHECK_EQ(entry_read(&f->segment, entry, &policy, &tag), 0);
    fixture_budget(&policy, (int)unit, unit, limit);
    entry_publish_budgets(&f->segment, entry, &policy);
}

/* cells_hold() through a fresh slot; the slot's number or the error. */
__attribute__((unused)) static int
fixture_hold(struct fixture *f, int seat, uint64_t tokens, uint64_t nano,
             struct hold_refusal *why)
{
    struct hold_refusal unused;
    struct hold hold = {.key = &f->view, .amount = {tokens, nano}};
    int slot = seat_take_slot(&f->seat[seat]);
    if (slot < 0)
        return slot;
    int rc = cells_hold(&f->seat[seat], (uint32_t)slot, &hold,
                        why == NULL ? &unused : why);
    if (rc == 0)
        return slot;
    seat_give_slot(&f->seat[seat], (uint32_t)slot);
    return rc;
}

__attribute__((unused)) static void
fixture_settle(struct fixture *f, int seat, int slot, uint64_t tokens,
               uint64_t nano)
{
    struct shm_record record = {.tokens = tokens, .nano = nano};
    cells_settle(&f->seat[seat], (uint32_t)slot, &record, NULL, 0);
}

__attribute__((unused)) static void
fixture_kill(struct fixture *f, uint32_t column)
{
    column_mark_dying(&f->segment, column);
}

#endif
