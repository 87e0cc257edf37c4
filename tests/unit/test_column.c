/*
 * test_column.c - seats: how a column is given, claimed, lost, given again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/column.h"

#include <errno.h>

#include "tests/unit/shm_fixture.h"

static uint32_t
state_of(const struct fixture *f, uint32_t column)
{
    return shm_load(&segment_column(&f->segment, column)->state);
}

TEST(columns_are_given_from_the_bottom_and_raise_the_high_mark_first)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(column_high(&f.segment), 3);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(column_high(&f.segment), 4);
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_TAKEN);
    CHECK_EQ(column_find_free(&f.segment), 4);
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 9), 0);
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_LIVE);
    const struct shm_column *shm = segment_column(&f.segment, 3);
    CHECK_EQ(shm_load(&shm->pid), getpid());
    CHECK_TRUE(shm_load(&shm->start_time) != 0);
    CHECK_EQ(shm_load(&shm->config_generation), 9);
    fixture_close(&f);
}

TEST(a_column_that_is_given_again_has_no_configuration_yet)
{
    struct fixture f;
    struct reap_result result = {0};
    fixture_open(&f);
    const struct shm_column *shm = segment_column(&f.segment, 3);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 9), 0);
    column_mark_dying(&f.segment, 3);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 1);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(shm_load(&shm->config_generation), 0);
    fixture_close(&f);
}

TEST(each_column_is_given_once_until_all_are_taken)
{
    struct fixture f;
    fixture_open(&f);
    for (uint32_t i = 3; i < f.segment.column_max; i++)
        CHECK_EQ(column_find_free(&f.segment), i);
    CHECK_EQ(column_find_free(&f.segment), -EAGAIN);
    fixture_close(&f);
}

TEST(a_column_is_claimed_once)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(column_claim(&f.segment, 0, getpid(), 1), -ESTALE);
    CHECK_EQ(column_claim(&f.segment, 20, getpid(), 1), -ESTALE);
    fixture_close(&f);
}

TEST(a_child_whose_column_was_taken_away_must_not_claim_it)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(column_find_free(&f.segment), 3);
    column_mark_dying(&f.segment, 3); /* the fork failed, or a new master */
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_DYING);
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 1), -ESTALE);
    fixture_close(&f);
}

TEST(a_dying_column_is_not_given_and_comes_back_with_a_new_generation)
{
    struct fixture f;
    struct reap_result result = {0};
    fixture_open(&f);
    uint32_t before = shm_load(&segment_column(&f.segment, 1)->generation);
    column_mark_dying(&f.segment, 1);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 1);
    CHECK_EQ(state_of(&f, 1), SHM_COLUMN_FREE);
    CHECK_EQ(column_find_free(&f.segment), 1);
    CHECK_EQ(shm_load(&segment_column(&f.segment, 1)->generation), before + 1);
    fixture_close(&f);
}

TEST(marking_a_free_column_changes_nothing)
{
    struct fixture f;
    fixture_open(&f);
    column_mark_dying(&f.segment, 9);
    CHECK_EQ(state_of(&f, 9), SHM_COLUMN_FREE);
    fixture_close(&f);
}

TEST(a_column_whose_child_never_came_is_taken_back_by_the_next_master)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(column_find_free(&f.segment), 4); /* its own: left alone */
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_TAKEN);
    shm_store(&segment_column(&f.segment, 3)->start_time, 1);
    CHECK_EQ(column_find_free(&f.segment), 5);
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_DYING);
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 1), -ESTALE);
    fixture_close(&f);
}

TEST(a_child_that_slept_through_a_life_of_its_column_does_not_get_it)
{
    struct fixture f;
    struct reap_result result = {0};
    fixture_open(&f);
    CHECK_EQ(column_find_free(&f.segment), 3);
    uint32_t slept = f.segment.taken_generation[3];
    shm_store(&segment_column(&f.segment, 3)->start_time, 1);
    CHECK_EQ(column_find_free(&f.segment), 4);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 1);
    CHECK_EQ(column_find_free(&f.segment), 3); /* for another child */
    uint32_t current = f.segment.taken_generation[3];
    f.segment.taken_generation[3] = slept; /* as the sleeper remembers it */
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 1), -ESTALE);
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_TAKEN);
    f.segment.taken_generation[3] = current;
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 1), 0);
    fixture_close(&f);
}

TEST(a_child_that_died_between_claim_and_live_is_found)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_EQ(column_find_free(&f.segment), 3);
    struct shm_column *shm = segment_column(&f.segment, 3);
    shm_store(&shm->start_time, 1); /* another master took it */
    shm_store(&shm->claim, shm_load(&shm->claim) | (uint32_t)getpid());
    CHECK_EQ(column_find_free(&f.segment), 4); /* that child lives */
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_TAKEN);
    shm_store(&shm->claim, (shm_load(&shm->claim) >> 32 << 32) | 0x7ffffff0);
    CHECK_EQ(column_find_free(&f.segment), 5); /* no such process */
    CHECK_EQ(state_of(&f, 3), SHM_COLUMN_DYING);
    fixture_close(&f);
}

TEST(a_seat_has_each_slot_once_and_gets_them_back)
{
    struct fixture f;
    bool seen[8] = {false};
    fixture_open(&f);
    for (int i = 0; i < 8; i++) {
        int slot = seat_take_slot(&f.seat[0]);
        CHECK_TRUE(slot >= 0 && slot < 8 && !seen[slot]);
        seen[slot] = true;
    }
    CHECK_EQ(seat_take_slot(&f.seat[0]), -EAGAIN);
    seat_give_slot(&f.seat[0], 5);
    CHECK_EQ(seat_take_slot(&f.seat[0]), 5);
    fixture_close(&f);
}

TEST(a_slot_is_given_only_with_room_for_one_more_largest_record)
{
    struct fixture f;
    fixture_open(&f);
    /* The ring holds all but room for three records. */
    uint64_t tail = 1000;
    ring_release(&f.segment, 0, tail);
    ring_publish(&f.segment, 0,
                 tail + f.segment.ring_bytes - 3 * SHM_RECORD_MAX);
    seat_close(&f.seat[0]);
    CHECK_EQ(seat_open(&f.seat[0], &f.segment, 0), 0);
    CHECK_TRUE(seat_ring_has_room(&f.seat[0]));
    CHECK_TRUE(seat_take_slot(&f.seat[0]) >= 0);
    CHECK_TRUE(seat_take_slot(&f.seat[0]) >= 0);
    int third = seat_take_slot(&f.seat[0]);
    CHECK_TRUE(third >= 0);
    CHECK_TRUE(!seat_ring_has_room(&f.seat[0]));
    CHECK_EQ(seat_take_slot(&f.seat[0]), -EAGAIN);
    seat_give_slot(&f.seat[0], (uint32_t)third);
    CHECK_TRUE(seat_take_slot(&f.seat[0]) >= 0);
    ring_release(&f.segment, 0, tail + SHM_RECORD_MAX);
    CHECK_TRUE(seat_take_slot(&f.seat[0]) >= 0);
    fixture_close(&f);
}

TEST(a_seat_does_not_open_on_slots_in_use)
{
    struct fixture f;
    struct seat again;
    fixture_open(&f);
    CHECK_TRUE(fixture_hold(&f, 0, 1, 1, NULL) >= 0);
    CHECK_EQ(seat_open(&again, &f.segment, 0), -EBUSY);
    fixture_close(&f);
}

TEST(a_worker_is_known_by_its_name_as_long_as_it_lives)
{
    struct fixture f;
    struct seat seat;
    struct reap_result result = {0};
    char name[SEAT_NAME_BYTES], next[SEAT_NAME_BYTES];
    fixture_open(&f);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 1), 0);
    CHECK_EQ(seat_open(&seat, &f.segment, 3), 0);
    seat_name(&seat, name);
    CHECK_TRUE(column_is_named(&f.segment, name));
    column_mark_dying(&f.segment, 3);
    CHECK_TRUE(!column_is_named(&f.segment, name));
    seat_close(&seat);
    CHECK_EQ(reap_all(&f.segment, 1, &result), 1);
    CHECK_EQ(column_find_free(&f.segment), 3);
    CHECK_EQ(column_claim(&f.segment, 3, getpid(), 1), 0);
    CHECK_EQ(seat_open(&seat, &f.segment, 3), 0);
    seat_name(&seat, next);
    CHECK_TRUE(strcmp(name, next) != 0);
    CHECK_TRUE(!column_is_named(&f.segment, name));
    CHECK_TRUE(column_is_named(&f.segment, next));
    seat_close(&seat);
    static const char *const none[] = {
        "", "x", "1-2", "0-0-0", "0-4294967295-1", "0-99999999999-1", "1-2-3-4",
    };
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        CHECK_TRUE(!column_is_named(&f.segment, none[i]));
    fixture_close(&f);
}
