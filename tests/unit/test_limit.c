/*
 * test_limit.c - rows of limits: found, claimed, held, set, swept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/limit.h"

#include <errno.h>

#include "common/clock.h"
#include "shm/rate.h"
#include "shm/verify.h"
#include "tests/unit/shm_fixture.h"

#define MINUTE UINT64_C(60000000000)

static uint64_t
name_of(const struct fixture *f, uint32_t what)
{
    return limit_name(f->key, f->key_tag, what);
}

/* A hold of the key with one row; the slot, or the error. */
static int
hold_with(struct fixture *f, int seat, uint32_t row, uint64_t name,
          uint32_t max, struct hold_refusal *why)
{
    struct hold_limits limits = {.count = 1, .rows = {{row, name, max}}};
    struct hold hold = {.key = &f->view, .limits = &limits};
    int slot = seat_take_slot(&f->seat[seat]);
    int rc = cells_hold(&f->seat[seat], (uint32_t)slot, &hold, why);
    if (rc == 0)
        return slot;
    seat_give_slot(&f->seat[seat], (uint32_t)slot);
    return rc;
}

TEST(a_name_is_made_once_and_found_again)
{
    struct fixture f;
    fixture_open(&f);
    uint64_t name = name_of(&f, 3);
    CHECK_EQ(limit_find(&f.segment, name), SHM_LIMIT_NONE);
    uint32_t row = limit_claim(&f.segment, name);
    CHECK_TRUE(row != SHM_LIMIT_NONE);
    CHECK_EQ(limit_claim(&f.segment, name), row);
    CHECK_EQ(limit_find(&f.segment, name), row);
    CHECK_TRUE(limit_claim(&f.segment, name_of(&f, 4)) != row);
    fixture_close(&f);
}

TEST(names_tell_tenant_and_what_apart)
{
    static const uint8_t seed[16] = {1}, other[16] = {2};
    uint32_t entry, what;
    CHECK_TRUE(limit_tenant(limit_name(77, 5 << 8 | 1, 9), &entry, &what));
    CHECK_EQ(entry, 77);
    CHECK_EQ(what, 9);
    CHECK_TRUE(limit_name(77, 5 << 8 | 1, 9) != limit_name(77, 6 << 8 | 1, 9));
    uint64_t text = limit_name_of_text(seed, STR_LIT("main"), LIMIT_WINDOW);
    CHECK_TRUE(!limit_tenant(text, &entry, &what));
    CHECK_EQ(what, LIMIT_WINDOW);
    CHECK_TRUE(text !=
               limit_name_of_text(seed, STR_LIT("main2"), LIMIT_WINDOW));
    CHECK_TRUE(text !=
               limit_name_of_text(other, STR_LIT("main"), LIMIT_WINDOW));
    CHECK_TRUE(limit_name(0, 0, 0) != 0);
}

TEST(a_full_bucket_refuses_the_name_and_counts_it)
{
    struct fixture f;
    fixture_open(&f);
    uint32_t claimed = 0, refused = 0;
    /* Four times as many names as rows. */
    for (uint64_t i = 0; i < 4ull * f.segment.limit_max; i++) {
        uint64_t name = limit_name((uint32_t)(i % 100), (i / 100) << 8, 1);
        if (limit_claim(&f.segment, name) != SHM_LIMIT_NONE)
            claimed++;
        else
            refused++;
    }
    CHECK_TRUE(claimed <= f.segment.limit_max);
    CHECK_TRUE(claimed > f.segment.limit_max * 9 / 10);
    CHECK_EQ(shm_load(&f.segment.header->limit_misses), refused);
    /* None is of a living tenant, so all of them go. */
    CHECK_EQ(limit_sweep(&f.segment, clock_mono_ns()), 0);
    CHECK_TRUE(limit_claim(&f.segment, name_of(&f, 1)) != SHM_LIMIT_NONE);
    fixture_close(&f);
}

TEST(requests_in_flight_are_counted_over_all_workers)
{
    struct fixture f;
    struct hold_refusal why;
    fixture_open(&f);
    uint64_t name = name_of(&f, 3);
    uint32_t row = limit_claim(&f.segment, name);
    int first = hold_with(&f, 0, row, name, 2, &why);
    int second = hold_with(&f, 1, row, name, 2, &why);
    CHECK_TRUE(first >= 0 && second >= 0);
    CHECK_EQ(limit_busy(&f.segment, row, f.segment.column_max), 2);
    CHECK_EQ(hold_with(&f, 2, row, name, 2, &why), -EBUSY);
    CHECK_TRUE(why.by_limit && why.concurrency);
    CHECK_EQ(why.limit, 0);
    CHECK_EQ(limit_busy(&f.segment, row, f.segment.column_max), 2);
    /* Another model of the key is not in the way. */
    uint32_t other = limit_claim(&f.segment, name_of(&f, 4));
    int third = hold_with(&f, 2, other, name_of(&f, 4), 1, &why);
    CHECK_TRUE(third >= 0);
    fixture_settle(&f, 1, second, 1, 1);
    CHECK_EQ(limit_busy(&f.segment, row, f.segment.column_max), 1);
    CHECK_TRUE(hold_with(&f, 1, row, name, 2, &why) >= 0);
    fixture_settle(&f, 0, first, 1, 1);
    fixture_settle(&f, 2, third, 1, 1);
    fixture_close(&f);
}

TEST(a_dead_workers_requests_in_flight_are_zeroed_by_the_reaper)
{
    static const uint32_t states[] = {SHM_SLOT_HELD, SHM_SLOT_SENT};
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f;
        struct hold_refusal why;
        struct reap_result result = {0};
        struct buf report;
        fixture_open(&f);
        uint64_t name = name_of(&f, 3);
        uint32_t row = limit_claim(&f.segment, name);
        int slot = hold_with(&f, 0, row, name, 5, &why);
        int other = hold_with(&f, 1, row, name, 5, &why);
        struct shm_slot *shm = segment_slot(&f.segment, 0, (uint32_t)slot);
        shm_store(&shm->state, states[i]);
        fixture_kill(&f, 0);
        CHECK_EQ(reap_all(&f.segment, 1, &result), 1);
        CHECK_EQ(limit_busy(&f.segment, row, f.segment.column_max), 1);
        fixture_settle(&f, 1, other, 0, 0);
        CHECK_EQ(limit_busy(&f.segment, row, f.segment.column_max), 0);
        buf_init(&report, 4096);
        CHECK_EQ(segment_verify(&f.segment, true, &report), 0);
        shm_store(segment_limit_busy(&f.segment, row), 1);
        CHECK_TRUE(segment_verify(&f.segment, true, &report) > 0);
        buf_fini(&report);
        fixture_close(&f);
    }
}

TEST(a_row_that_was_freed_since_it_was_found_is_not_held)
{
    struct fixture f;
    struct hold_refusal why;
    fixture_open(&f);
    uint64_t name = name_of(&f, 3);
    uint32_t row = limit_claim(&f.segment, name);
    CHECK_EQ(limit_sweep(&f.segment, clock_mono_ns()), 0);
    CHECK_EQ(hold_with(&f, 0, row, name, 5, &why), -EIDRM);
    CHECK_EQ(limit_busy(&f.segment, row, f.segment.column_max), 0);
    /* Given to another: neither. */
    shm_store(segment_limit_name(&f.segment, row), name_of(&f, 4));
    CHECK_EQ(hold_with(&f, 0, row, name, 5, &why), -EIDRM);
    fixture_close(&f);
}

TEST(a_sweep_leaves_what_says_something)
{
    struct fixture f;
    struct hold_refusal why;
    struct rate_answer answer;
    uint64_t now = clock_mono_ns();
    const struct limit_values values = {1, 2, 3};
    fixture_open(&f);
    uint32_t rows[6];
    for (uint32_t i = 0; i < 6; i++)
        rows[i] = limit_claim(&f.segment, name_of(&f, i));
    struct shm_limit *limit = segment_limit(&f.segment, rows[1]);
    CHECK_EQ(rate_take(&limit->rpm_tat_ns, 2, 1, now, &answer), 0);
    limit = segment_limit(&f.segment, rows[2]);
    CHECK_EQ(rate_take(&limit->tpm_tat_ns, 2, 1, now, &answer), 0);
    int slot = hold_with(&f, 0, rows[3], name_of(&f, 3), 0, &why);
    CHECK_EQ(limit_set(&f.segment, name_of(&f, 4), &values), 0);
    shm_store(&segment_limit(&f.segment, rows[5])->idle_ns, now + MINUTE);
    CHECK_EQ(limit_sweep(&f.segment, now), 5);
    CHECK_EQ(limit_find(&f.segment, name_of(&f, 0)), SHM_LIMIT_NONE);
    for (uint32_t i = 1; i < 6; i++)
        CHECK_EQ(limit_find(&f.segment, name_of(&f, i)), rows[i]);
    CHECK_EQ(limit_sweep(&f.segment, now + 2 * MINUTE), 2); /* 3 and 4 */
    fixture_settle(&f, 0, slot, 0, 0);
    limit_unset(&f.segment, rows[4]);
    CHECK_EQ(limit_sweep(&f.segment, now + 2 * MINUTE), 0);
    /* What comes into the place begins from zero. */
    for (uint32_t i = 0; i < 6; i++) {
        limit = segment_limit(&f.segment, rows[i]);
        CHECK_EQ(shm_load(&limit->rpm_tat_ns) + shm_load(&limit->tpm_tat_ns) +
                     shm_load(&limit->is_set) + shm_load(&limit->idle_ns),
                 0);
    }
    fixture_close(&f);
}

TEST(limits_of_a_tenant_that_is_gone_go_too)
{
    struct fixture f;
    const struct limit_values values = {1, 2, 3};
    fixture_open(&f);
    CHECK_EQ(limit_set(&f.segment, name_of(&f, 4), &values), 0);
    CHECK_EQ(limit_sweep(&f.segment, 0), 1);
    entry_retire(&f.segment, f.key);
    CHECK_EQ(limit_sweep(&f.segment, 0), 0);
    fixture_close(&f);
}

TEST(a_sweeper_that_died_in_the_middle_leaves_a_row_that_works)
{
    struct fixture f;
    struct hold_refusal why;
    fixture_open(&f);
    uint64_t name = name_of(&f, 3), retiring = name | UINT64_C(1) << 63;
    uint32_t row = limit_claim(&f.segment, name);
    shm_store(segment_limit_name(&f.segment, row), retiring);
    int slot = hold_with(&f, 0, row, name, 1, &why);
    CHECK_TRUE(slot >= 0);
    CHECK_EQ(shm_load(segment_limit_name(&f.segment, row)), name);
    shm_store(segment_limit_name(&f.segment, row), retiring);
    CHECK_EQ(limit_find(&f.segment, name), row);
    CHECK_EQ(shm_load(segment_limit_name(&f.segment, row)), name);
    shm_store(segment_limit_name(&f.segment, row), retiring);
    CHECK_EQ(limit_sweep(&f.segment, 0), 1); /* in flight: taken back */
    CHECK_EQ(shm_load(segment_limit_name(&f.segment, row)), name);
    fixture_settle(&f, 0, slot, 0, 0);
    shm_store(segment_limit_name(&f.segment, row), retiring);
    CHECK_EQ(limit_sweep(&f.segment, 0), 0); /* idle: ended */
    CHECK_EQ(shm_load(segment_limit_name(&f.segment, row)), 0);
    fixture_close(&f);
}
