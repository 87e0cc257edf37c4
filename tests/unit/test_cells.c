/*
 * test_cells.c - hold, grow, settle: arithmetic and refusals, one step at a
 * time. Concurrency and kills are the stress tests' and the models' matter.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/cells.h"

#include <errno.h>

#include "tests/unit/shm_fixture.h"

static struct entry_sums
sums_of(const struct fixture *f, uint32_t entry)
{
    struct entry_sums sums;
    entry_sum(&f->segment, entry, &sums);
    return sums;
}

static uint32_t
slot_state(const struct fixture *f, uint32_t column, int slot)
{
    return shm_load(&segment_slot(&f->segment, column, (uint32_t)slot)->state);
}

TEST(a_hold_is_announced_in_key_and_group_and_settles_to_the_true_use)
{
    struct fixture f;
    fixture_open(&f);
    int slot = fixture_hold(&f, 1, 100, 2000, NULL);
    CHECK_TRUE(slot >= 0);
    CHECK_EQ(slot_state(&f, 1, slot), SHM_SLOT_SENT);
    CHECK_EQ(cells_granted(&f.seat[1], (uint32_t)slot, SHM_NANO), 2000);
    for (int i = 0; i < 2; i++) {
        struct entry_sums s = sums_of(&f, i == 0 ? f.key : f.group);
        CHECK_EQ(s.reserved[SHM_TOKENS], 100);
        CHECK_EQ(s.reserved[SHM_NANO], 2000);
        CHECK_EQ(s.used[SHM_TOKENS], 0);
        CHECK_EQ(s.busy, 1);
    }
    fixture_settle(&f, 1, slot, 60, 900);
    CHECK_EQ(slot_state(&f, 1, slot), SHM_SLOT_FREE);
    for (int i = 0; i < 2; i++) {
        struct entry_sums s = sums_of(&f, i == 0 ? f.key : f.group);
        CHECK_EQ(s.reserved[SHM_TOKENS], 0);
        CHECK_EQ(s.reserved[SHM_NANO], 0);
        CHECK_EQ(s.used[SHM_TOKENS], 60);
        CHECK_EQ(s.used[SHM_NANO], 900);
        CHECK_EQ(s.busy, 0);
    }
    fixture_close(&f);
}

TEST(a_record_names_the_slots_tenant_and_the_totals_after_it)
{
    struct fixture f;
    unsigned char out[SHM_RECORD_MAX];
    const char meta[] = "gpt-x";
    fixture_open(&f);
    for (uint64_t n = 1; n <= 3; n++) {
        struct shm_record record = {
            .tokens = 10 * n, .nano = n, .model_asked_len = 5, .key_id = 999};
        int slot = fixture_hold(&f, 0, 100, 100, NULL);
        uint64_t at = ring_head(&f.segment, 0);
        cells_settle(&f.seat[0], (uint32_t)slot, &record, meta, 5);
        CHECK_EQ(ring_head(&f.segment, 0), at + 240);
        CHECK_EQ(ring_read(&f.segment, 0, at, at + 240, out), 240);
        struct shm_record back;
        memcpy(&back, out, sizeof(back));
        CHECK_EQ(back.key_id, 2);
        CHECK_EQ(back.group_id, 1);
        CHECK_EQ(back.entry[0], f.key);
        CHECK_EQ(back.entry[1], f.group);
        for (int e = 0; e < 2; e++) {
            CHECK_EQ(back.after[e][SHM_TOKENS], 10 * n * (n + 1) / 2);
            CHECK_EQ(back.after[e][SHM_NANO], n * (n + 1) / 2);
        }
        CHECK_TRUE(memcmp(out + sizeof(back), "gpt-x\0\0\0", 8) == 0);
    }
    fixture_close(&f);
}

TEST(what_fits_is_exact_in_each_entry_and_each_unit)
{
    static const struct {
        bool group;
        uint32_t unit;
        int64_t limit;
        uint64_t tokens, nano;
        bool fits;
    } cases[] = {
        {false, SHM_TOKENS, 100, 100, 0, true},
        {false, SHM_TOKENS, 100, 101, 0, false},
        {false, SHM_NANO, 100, 1000, 100, true},
        {false, SHM_NANO, 100, 1, 101, false},
        {true, SHM_TOKENS, 100, 100, 0, true},
        {true, SHM_TOKENS, 100, 101, 0, false},
        {true, SHM_NANO, 100, 1, 101, false},
        {false, SHM_TOKENS, 0, 1, 0, false},
        {false, SHM_TOKENS, -3, 0, 0, false},
        {false, SHM_TOKENS, INT64_MAX, SHM_AMOUNT_MAX, 0, true},
        {false, SHM_TOKENS, INT64_MAX, SHM_AMOUNT_MAX + 1, 0, false},
        {false, SHM_TOKENS, INT64_MAX, UINT64_MAX, UINT64_MAX, false},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct hold_refusal why = {0};
        fixture_open(&f);
        fixture_limit(&f, cases[i].group ? f.group : f.key, cases[i].unit,
                      cases[i].limit);
        int rc = fixture_hold(&f, 0, cases[i].tokens, cases[i].nano, &why);
        CHECK_TRUE(cases[i].fits ? rc >= 0 : rc == -EDQUOT);
        if (!cases[i].fits) {
            struct entry_sums s = sums_of(&f, f.group);
            CHECK_EQ(s.reserved[0] + s.reserved[1] + s.busy, 0);
            CHECK_EQ(f.seat[0].free_count, f.seat[0].slot_max);
            if (cases[i].limit != INT64_MAX) {
                CHECK_EQ(why.is_group, cases[i].group);
                CHECK_EQ(why.unit, cases[i].unit);
                CHECK_EQ(why.entry, cases[i].group ? f.group : f.key);
                CHECK_TRUE(!why.concurrency);
            }
        }
        fixture_close(&f);
    }
}

TEST(leases_of_all_workers_count_together)
{
    struct fixture f;
    fixture_open(&f);
    fixture_limit(&f, f.key, SHM_TOKENS, 100);
    int first = fixture_hold(&f, 0, 40, 0, NULL);
    CHECK_TRUE(first >= 0);
    CHECK_TRUE(fixture_hold(&f, 1, 40, 0, NULL) >= 0);
    CHECK_EQ(fixture_hold(&f, 2, 21, 0, NULL), -EDQUOT);
    CHECK_EQ(cells_room(&f.segment, &f.view, SHM_TOKENS), 20);
    CHECK_EQ(cells_room(&f.segment, &f.view, SHM_NANO), UINT64_MAX);
    fixture_settle(&f, 0, first, 10, 0);
    CHECK_EQ(cells_room(&f.segment, &f.view, SHM_TOKENS), 50);
    CHECK_TRUE(fixture_hold(&f, 2, 50, 0, NULL) >= 0);
    CHECK_EQ(cells_room(&f.segment, &f.view, SHM_TOKENS), 0);
    fixture_close(&f);
}

TEST(debt_refuses_until_the_ceiling_is_above_it)
{
    struct fixture f;
    fixture_open(&f);
    fixture_limit(&f, f.key, SHM_TOKENS, 100);
    int slot = fixture_hold(&f, 0, 100, 0, NULL);
    fixture_settle(&f, 0, slot, 150, 0);
    CHECK_EQ(fixture_hold(&f, 0, 1, 0, NULL), -EDQUOT);
    CHECK_EQ(cells_room(&f.segment, &f.view, SHM_TOKENS), 0);
    fixture_limit(&f, f.key, SHM_TOKENS, 151);
    CHECK_TRUE(fixture_hold(&f, 0, 1, 0, NULL) >= 0);
    fixture_close(&f);
}

TEST(requests_in_flight_are_limited_in_key_and_group)
{
    for (int group = 0; group < 2; group++) {
        struct fixture f;
        struct hold_refusal why;
        struct entry_policy p;
        uint64_t tag;
        fixture_open(&f);
        uint32_t entry = group ? f.group : f.key;
        CHECK_EQ(entry_read(&f.segment, entry, &p, &tag), 0);
        p.max_in_flight = 2;
        entry_update(&f.segment, entry, &p);
        int first = fixture_hold(&f, 0, 1, 1, NULL);
        CHECK_TRUE(first >= 0);
        CHECK_TRUE(fixture_hold(&f, 1, 1, 1, NULL) >= 0);
        CHECK_EQ(fixture_hold(&f, 2, 1, 1, &why), -EBUSY);
        CHECK_TRUE(why.concurrency);
        CHECK_EQ(why.is_group, group);
        CHECK_EQ(why.entry, entry);
        fixture_settle(&f, 0, first, 1, 1);
        CHECK_TRUE(fixture_hold(&f, 2, 1, 1, NULL) >= 0);
        fixture_close(&f);
    }
}

TEST(a_lease_grows_to_the_ceiling_and_not_beyond)
{
    struct fixture f;
    struct hold_refusal why;
    const uint64_t add[SHM_UNITS] = {30, 3}, one[SHM_UNITS] = {1, 0},
                   money[SHM_UNITS] = {0, 5};
    fixture_open(&f);
    fixture_limit(&f, f.key, SHM_TOKENS, 100);
    uint32_t slot = (uint32_t)fixture_hold(&f, 0, 40, 4, NULL);
    CHECK_EQ(cells_grow(&f.seat[0], slot, add, &why), 0);
    CHECK_EQ(cells_grow(&f.seat[0], slot, add, &why), 0);
    CHECK_EQ(cells_granted(&f.seat[0], slot, SHM_TOKENS), 100);
    CHECK_EQ(cells_granted(&f.seat[0], slot, SHM_NANO), 10);
    CHECK_EQ(cells_grow(&f.seat[0], slot, one, &why), -EDQUOT);
    CHECK_TRUE(!why.is_group && why.unit == SHM_TOKENS);
    CHECK_EQ(cells_granted(&f.seat[0], slot, SHM_TOKENS), 100);
    CHECK_EQ(sums_of(&f, f.group).reserved[SHM_TOKENS], 100);
    /* A unit that does not grow is not looked at, full as it is. */
    CHECK_EQ(cells_grow(&f.seat[0], slot, money, &why), 0);
    fixture_settle(&f, 0, (int)slot, 100, 10);
    CHECK_EQ(sums_of(&f, f.key).reserved[SHM_TOKENS], 0);
    CHECK_EQ(sums_of(&f, f.key).reserved[SHM_NANO], 0);
    fixture_close(&f);
}

TEST(a_lease_cannot_grow_beyond_the_largest_amount)
{
    struct fixture f;
    struct hold_refusal why;
    const uint64_t add[SHM_UNITS] = {SHM_AMOUNT_MAX, 0};
    fixture_open(&f);
    uint32_t slot = (uint32_t)fixture_hold(&f, 0, 1, 0, NULL);
    CHECK_EQ(cells_grow(&f.seat[0], slot, add, &why), -EDQUOT);
    CHECK_EQ(sums_of(&f, f.key).reserved[SHM_TOKENS], 1);
    fixture_close(&f);
}

TEST(a_charge_that_no_cell_can_hold_is_clipped_in_cell_and_record_alike)
{
    struct fixture f;
    unsigned char out[SHM_RECORD_MAX];
    struct shm_record back;
    fixture_open(&f);
    uint32_t slot = (uint32_t)fixture_hold(&f, 0, 1, 1, NULL);
    struct shm_record record = {.tokens = UINT64_MAX, .nano = 5};
    cells_settle(&f.seat[0], slot, &record, NULL, 0);
    CHECK_EQ(ring_read(&f.segment, 0, 0, ring_head(&f.segment, 0), out), 232);
    memcpy(&back, out, sizeof(back));
    CHECK_EQ(back.tokens, SHM_AMOUNT_MAX);
    CHECK_EQ(back.nano, 5);
    CHECK_EQ(sums_of(&f, f.key).used[SHM_TOKENS], SHM_AMOUNT_MAX);
    CHECK_EQ(sums_of(&f, f.group).used[SHM_TOKENS], SHM_AMOUNT_MAX);
    fixture_close(&f);
}

TEST(a_key_without_a_group_works_alone)
{
    struct fixture f;
    uint32_t entry;
    uint64_t tag;
    fixture_open(&f);
    struct entry_policy p = fixture_key_policy(&f, 7);
    p.group_entry = SHM_ENTRY_NONE;
    p.group_tag = 0;
    fixture_budget(&p, 0, SHM_TOKENS, 10);
    CHECK_EQ(entry_insert(&f.segment, &p, fixture_nothing, &entry, &tag), 0);
    CHECK_EQ(key_table_find(&f.segment, p.digest, &f.view), 0);
    CHECK_EQ(fixture_hold(&f, 0, 11, 0, NULL), -EDQUOT);
    int slot = fixture_hold(&f, 0, 10, 0, NULL);
    CHECK_TRUE(slot >= 0);
    fixture_settle(&f, 0, slot, 10, 0);
    CHECK_EQ(sums_of(&f, entry).used[SHM_TOKENS], 10);
    CHECK_EQ(sums_of(&f, f.group).used[SHM_TOKENS], 0);
    fixture_close(&f);
}

TEST(the_slot_says_what_the_reaper_and_the_dump_need)
{
    struct fixture f;
    struct hold_refusal why;
    fixture_open(&f);
    f.view.flags |= SHM_KEY_CRASH_RESERVED;
    struct hold hold = {.key = &f.view,
                        .amount = {5, 6},
                        .overrun = true,
                        .model_idx = 11,
                        .provider_idx = 12,
                        .price_version = 13,
                        .request_id = {14, 15},
                        .started_wall_ms = 16,
                        .dialect = 17,
                        .stream = 1,
                        .prompt_estimate = 18,
                        .client_ip = {19}};
    const uint64_t progress[SHM_UNITS] = {3, 4};
    uint32_t slot_idx = (uint32_t)seat_take_slot(&f.seat[0]);
    CHECK_EQ(cells_hold(&f.seat[0], slot_idx, &hold, &why), 0);
    cells_progress(&f.seat[0], slot_idx, progress);
    cells_route(&f.seat[0], slot_idx, 20, 21, 22, 2);
    const struct shm_slot *slot = segment_slot(&f.segment, 0, slot_idx);
    CHECK_EQ(slot->entry[0], f.key);
    CHECK_EQ(slot->tag[1], f.group_tag);
    CHECK_EQ(slot->key_id, 2);
    CHECK_EQ(slot->group_id, 1);
    CHECK_EQ(slot->crash_reserved, 1);
    CHECK_EQ(slot->overrun, 1);
    CHECK_EQ(slot->model_idx, 20);
    CHECK_EQ(slot->provider_idx, 21);
    CHECK_EQ(slot->price_version, 22);
    CHECK_EQ(slot->attempts, 2);
    CHECK_EQ(slot->request_id[1], 15);
    CHECK_EQ(slot->started_wall_ms, 16);
    CHECK_EQ(slot->dialect, 17);
    CHECK_EQ(slot->prompt_estimate, 18);
    CHECK_EQ(slot->progress[SHM_NANO], 4);
    CHECK_EQ(slot->client_ip[0] & 0xff, 19);
    fixture_close(&f);
}

TEST(after_a_refusal_the_seat_looks_before_it_announces)
{
    struct fixture f;
    fixture_open(&f);
    fixture_limit(&f, f.key, SHM_TOKENS, 10);
    CHECK_EQ(f.seat[0].look_first, 0);
    CHECK_EQ(fixture_hold(&f, 0, 11, 0, NULL), -EDQUOT);
    CHECK_TRUE(f.seat[0].look_first > 0);
    CHECK_EQ(fixture_hold(&f, 0, 11, 0, NULL), -EDQUOT);
    CHECK_TRUE(fixture_hold(&f, 0, 10, 0, NULL) >= 0);
    fixture_close(&f);
}

TEST(a_shadow_is_held_over_every_limit_and_told_what_would_have_refused_it)
{
    struct fixture f;
    struct hold_refusal why;
    struct hold hold = {.shadow = true, .amount = {200, 0}};
    fixture_open(&f);
    hold.key = &f.view;
    fixture_limit(&f, f.key, SHM_TOKENS, 300);
    for (int i = 0; i < 2; i++) {
        uint32_t slot = (uint32_t)seat_take_slot(&f.seat[0]);
        CHECK_EQ(cells_hold(&f.seat[0], slot, &hold, &why), 0);
        CHECK_EQ(why.shadow, i == 0 ? 0 : -EDQUOT);
        CHECK_EQ(cells_granted(&f.seat[0], slot, SHM_TOKENS), 200);
    }
    CHECK_EQ(sums_of(&f, f.key).reserved[SHM_TOKENS], 400);
    shm_store(&segment_entry_hot(&f.segment, f.group)->max_in_flight, 2);
    hold.amount[SHM_TOKENS] = 0;
    fixture_limit(&f, f.key, SHM_TOKENS, 1000);
    uint32_t slot = (uint32_t)seat_take_slot(&f.seat[0]);
    CHECK_EQ(cells_hold(&f.seat[0], slot, &hold, &why), 0);
    CHECK_EQ(why.shadow, -EBUSY);
    fixture_close(&f);
}

TEST(what_is_not_durable_in_advance_holds_a_shadow_too)
{
    struct fixture f;
    struct hold_refusal why;
    struct hold hold = {.shadow = true, .amount = {200, 0}};
    const uint64_t escrow[SHM_UNITS] = {100, 100};
    fixture_open(&f);
    hold.key = &f.view;
    fixture_limit(&f, f.key, SHM_TOKENS, 50);
    entry_set_escrow(&f.segment, f.key, escrow);
    uint32_t slot = (uint32_t)seat_take_slot(&f.seat[0]);
    CHECK_EQ(shm_load(&f.seat[0].shm->slots_used), 1);
    CHECK_EQ(cells_hold(&f.seat[0], slot, &hold, &why), -EAGAIN);
    seat_give_slot(&f.seat[0], slot);
    CHECK_EQ(shm_load(&f.seat[0].shm->slots_used), 0);
    CHECK_EQ(sums_of(&f, f.key).busy, 0);
    fixture_close(&f);
}
