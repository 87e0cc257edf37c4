/*
 * test_reap.c - every state a dead worker can leave. A reaper that dies itself
 * is the matter of tests/stress/stress_cells.c and of the models.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/reap.h"

#include "shm/model_stats.h"
#include "tests/unit/shm_fixture.h"

enum { NOW_MS = 5000 };

static struct entry_sums
sums_of(const struct fixture *f, uint32_t entry)
{
    struct entry_sums sums;
    entry_sum(&f->segment, entry, &sums);
    return sums;
}

static struct shm_slot *
slot_of(const struct fixture *f, int slot)
{
    return segment_slot(&f->segment, 0, (uint32_t)slot);
}

/* The n-th record of column 0; zeroes when there is none. */
static struct shm_record
record_at(const struct fixture *f, unsigned n)
{
    unsigned char out[SHM_RECORD_MAX];
    struct shm_record record = {0};
    uint64_t pos = 0, head = ring_head(&f->segment, 0);
    for (unsigned i = 0; i <= n && pos < head; i++) {
        int len = ring_read(&f->segment, 0, pos, head, out);
        CHECK_TRUE(len > 0);
        if (len <= 0)
            break;
        pos += (uint64_t)len;
        if (i == n)
            memcpy(&record, out, sizeof(record));
    }
    return record;
}

static void
expect_clean(const struct fixture *f)
{
    uint32_t entries[2] = {f->key, f->group};
    for (int i = 0; i < 2; i++) {
        struct entry_sums s = sums_of(f, entries[i]);
        CHECK_EQ(s.reserved[0] + s.reserved[1] + s.busy, 0);
    }
    for (uint32_t i = 0; i < f->segment.slot_max; i++)
        CHECK_EQ(shm_load(&segment_slot(&f->segment, 0, i)->state),
                 SHM_SLOT_FREE);
    CHECK_EQ(shm_load(&segment_column(&f->segment, 0)->state), SHM_COLUMN_FREE);
}

static struct reap_result
kill_and_reap(struct fixture *f)
{
    struct reap_result result = {0};
    fixture_kill(f, 0);
    CHECK_EQ(reap_all(&f->segment, NOW_MS, &result), 1);
    expect_clean(f);
    return result;
}

TEST(a_held_slot_is_undone_without_a_charge)
{
    struct fixture f;
    fixture_open(&f);
    int slot = fixture_hold(&f, 0, 10, 20, NULL);
    shm_store(&slot_of(&f, slot)->state, SHM_SLOT_HELD);
    struct reap_result result = kill_and_reap(&f);
    CHECK_EQ(result.undone, 1);
    CHECK_EQ(ring_head(&f.segment, 0), 0);
    CHECK_EQ(sums_of(&f, f.key).used[0], 0);
    fixture_close(&f);
}

TEST(a_sent_slot_is_charged_by_policy_progress_and_overrun)
{
    static const struct {
        bool reserved, overrun;
        uint64_t progress, charged;
    } cases[] = {
        {false, false, 0, 0},  {false, false, 4, 4}, {false, false, 15, 10},
        {false, true, 15, 15}, {true, false, 0, 10}, {true, false, 15, 10},
        {true, true, 15, 15},  {true, true, 4, 10},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        fixture_open(&f);
        int slot = fixture_hold(&f, 0, 10, 10, NULL);
        const uint64_t progress[SHM_UNITS] = {cases[i].progress,
                                              cases[i].progress};
        cells_progress(&f.seat[0], (uint32_t)slot, progress);
        shm_store(&slot_of(&f, slot)->crash_reserved, cases[i].reserved);
        shm_store(&slot_of(&f, slot)->overrun, cases[i].overrun);
        struct reap_result result = kill_and_reap(&f);
        CHECK_EQ(result.lost, 1);
        struct shm_record record = record_at(&f, 0);
        CHECK_EQ(record.tokens, cases[i].charged);
        CHECK_EQ(record.nano, cases[i].charged);
        CHECK_EQ(record.after[0][SHM_TOKENS], cases[i].charged);
        CHECK_EQ(record.after[1][SHM_NANO], cases[i].charged);
        CHECK_EQ(sums_of(&f, f.key).used[SHM_TOKENS], cases[i].charged);
        CHECK_EQ(sums_of(&f, f.group).used[SHM_NANO], cases[i].charged);
        fixture_close(&f);
    }
}

TEST(a_lost_record_says_what_is_known_of_the_request)
{
    struct fixture f;
    struct hold_refusal why;
    const uint64_t progress[SHM_UNITS] = {30, 300};
    fixture_open(&f);
    struct hold hold = {.key = &f.view,
                        .amount = {100, 1000},
                        .model_idx = 3,
                        .provider_idx = 4,
                        .price_version = 5,
                        .request_id = {6, 7},
                        .started_wall_ms = NOW_MS - 1234,
                        .dialect = 8,
                        .stream = 1,
                        .prompt_estimate = 20,
                        .client_ip = {[15] = 9}};
    uint32_t slot = (uint32_t)seat_take_slot(&f.seat[0]);
    CHECK_EQ(cells_hold(&f.seat[0], slot, &hold, &why), 0);
    cells_route(&f.seat[0], slot, 3, 4, 5, 2);
    cells_progress(&f.seat[0], slot, progress);
    kill_and_reap(&f);
    struct shm_record r = record_at(&f, 0);
    CHECK_EQ(r.cause, RECORD_LOST);
    CHECK_EQ(r.status, 0);
    CHECK_EQ(r.flags, RECORD_ESTIMATED | RECORD_STREAM);
    CHECK_EQ(r.key_id, 2);
    CHECK_EQ(r.group_id, 1);
    CHECK_EQ(r.request_id[0], 6);
    CHECK_EQ(r.request_id[1], 7);
    CHECK_EQ(r.ended_ms, NOW_MS);
    CHECK_EQ(r.duration_ms, 1234);
    CHECK_EQ(r.prompt_missed, 20);
    CHECK_EQ(r.completion, 10);
    CHECK_EQ(r.delivered_tokens, 10);
    CHECK_EQ(r.tokens, 30);
    CHECK_EQ(r.nano, 300);
    CHECK_EQ(r.model_idx, 3);
    CHECK_EQ(r.provider_idx, 4);
    CHECK_EQ(r.price_version, 5);
    CHECK_EQ(r.attempts, 2);
    CHECK_EQ(r.dialect, 8);
    CHECK_EQ(r.client_ip[15], 9);
    fixture_close(&f);
}

/* Puts `slot` into SETTLING as S3 leaves it, with a record of `tokens`. */
static void
settle_until_commit(struct fixture *f, int slot, uint64_t tokens)
{
    struct shm_slot *s = slot_of(f, slot);
    uint64_t head = ring_head(&f->segment, 0);
    uint32_t entries[2] = {f->key, f->group};
    struct shm_record record = {.len = sizeof(record),
                                .version = SHM_LAYOUT_VERSION,
                                .key_id = 2,
                                .group_id = 1,
                                .tokens = tokens};
    for (int e = 0; e < 2; e++) {
        uint64_t used =
            shm_load(&segment_cell(&f->segment, entries[e], 0)->used[0]);
        record.entry[e] = entries[e];
        record.after[e][0] = used + tokens;
        shm_store(&s->target[e][0], used + tokens);
        shm_store(&s->target[e][1],
                  shm_load(&segment_cell(&f->segment, entries[e], 0)->used[1]));
    }
    ring_write(&f->segment, 0, head, &record, sizeof(record));
    shm_store(&s->rec, head);
    shm_store(&s->rec_end, head + sizeof(record));
    shm_store(&s->state, SHM_SLOT_SETTLING);
}

TEST(a_settle_cut_between_commit_and_end_is_completed_once)
{
    /* How many of: key's used, group's used, head were stored. */
    for (int done = 0; done <= 3; done++) {
        struct fixture f;
        fixture_open(&f);
        int slot = fixture_hold(&f, 0, 10, 10, NULL);
        settle_until_commit(&f, slot, 6);
        if (done >= 1)
            shm_store(&segment_cell(&f.segment, f.key, 0)->used[0], 6);
        if (done >= 2)
            shm_store(&segment_cell(&f.segment, f.group, 0)->used[0], 6);
        if (done >= 3)
            ring_publish(&f.segment, 0, sizeof(struct shm_record));
        struct reap_result result = kill_and_reap(&f);
        CHECK_EQ(result.completed, 1);
        CHECK_EQ(result.lost, 0);
        CHECK_EQ(sums_of(&f, f.key).used[0], 6);
        CHECK_EQ(sums_of(&f, f.group).used[0], 6);
        CHECK_EQ(ring_head(&f.segment, 0), sizeof(struct shm_record));
        CHECK_EQ(record_at(&f, 0).tokens, 6);
        fixture_close(&f);
    }
}

TEST(committed_settles_are_completed_before_sent_ones_are_charged)
{
    struct fixture f;
    fixture_open(&f);
    /* The sent slot has the lower number: in index order it would be first. */
    int sent = fixture_hold(&f, 0, 10, 10, NULL);
    int settling = fixture_hold(&f, 0, 10, 10, NULL);
    CHECK_TRUE(sent < settling);
    const uint64_t progress[SHM_UNITS] = {7, 0};
    cells_progress(&f.seat[0], (uint32_t)sent, progress);
    settle_until_commit(&f, settling, 5);
    kill_and_reap(&f);
    CHECK_EQ(sums_of(&f, f.key).used[0], 12);
    CHECK_EQ(record_at(&f, 0).after[0][0], 5);
    CHECK_EQ(record_at(&f, 1).after[0][0], 12);
    fixture_close(&f);
}

/* A full house: three sent, one held, one settling. */
static void
open_full_house(struct fixture *f)
{
    fixture_open(f);
    for (uint64_t i = 0; i < 3; i++) {
        const uint64_t progress[SHM_UNITS] = {1 + i, 10 * (1 + i)};
        int slot = fixture_hold(f, 0, 20, 200, NULL);
        cells_progress(&f->seat[0], (uint32_t)slot, progress);
    }
    int held = fixture_hold(f, 0, 5, 5, NULL);
    shm_store(&slot_of(f, held)->state, SHM_SLOT_HELD);
    int settling = fixture_hold(f, 0, 9, 9, NULL);
    settle_until_commit(f, settling, 4);
}

static void
expect_full_house(const struct fixture *f)
{
    uint64_t tokens = 0, nano = 0;
    uint32_t entries[2] = {f->key, f->group};
    for (unsigned i = 0; i < 4; i++) {
        struct shm_record record = record_at(f, i);
        tokens += record.tokens;
        nano += record.nano;
        for (int e = 0; e < 2; e++) {
            CHECK_EQ(record.after[e][0], tokens);
            CHECK_EQ(record.after[e][1], nano);
        }
    }
    CHECK_EQ(ring_head(&f->segment, 0), 4 * sizeof(struct shm_record));
    CHECK_EQ(tokens, 4 + 1 + 2 + 3);
    CHECK_EQ(nano, 60);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(sums_of(f, entries[i]).used[0], tokens);
        CHECK_EQ(sums_of(f, entries[i]).used[1], nano);
    }
}

TEST(all_states_together_are_each_settled_once)
{
    struct fixture f;
    open_full_house(&f);
    struct reap_result result = kill_and_reap(&f);
    CHECK_EQ(result.completed, 1);
    CHECK_EQ(result.lost, 3);
    CHECK_EQ(result.undone, 1);
    CHECK_EQ(result.damaged, 0);
    expect_full_house(&f);
    fixture_close(&f);
}

TEST(reaping_leaves_other_columns_alone)
{
    struct fixture f;
    fixture_open(&f);
    int other = fixture_hold(&f, 1, 30, 40, NULL);
    CHECK_TRUE(fixture_hold(&f, 0, 10, 10, NULL) >= 0);
    fixture_kill(&f, 0);
    struct reap_result result = {0};
    CHECK_EQ(reap_all(&f.segment, NOW_MS, &result), 1);
    CHECK_EQ(sums_of(&f, f.key).reserved[0], 30);
    CHECK_EQ(sums_of(&f, f.group).busy, 1);
    CHECK_EQ(shm_load(&segment_slot(&f.segment, 1, (uint32_t)other)->state),
             SHM_SLOT_SENT);
    fixture_close(&f);
}

TEST(a_lost_request_is_counted_where_its_endpoint_is_known)
{
    struct fixture f;
    struct hold_refusal why;
    struct model_stats_sum sum;
    fixture_open(&f);
    int model = model_registry_model(&f.segment, "m");
    int provider = model_registry_provider(&f.segment, "p");
    int endpoint = model_registry_endpoint(&f.segment, (uint32_t)model,
                                           (uint32_t)provider);
    struct hold hold = {.key = &f.view,
                        .amount = {10, 10},
                        .model_idx = (uint32_t)model,
                        .provider_idx = (uint32_t)provider};
    CHECK_EQ(cells_hold(&f.seat[0], (uint32_t)seat_take_slot(&f.seat[0]), &hold,
                        &why),
             0);
    kill_and_reap(&f);
    model_stats_read(&f.segment, (uint32_t)endpoint, &sum);
    CHECK_EQ(sum.v[offsetof(struct shm_stats, requests) / 8], 1);
    CHECK_EQ(sum.v[offsetof(struct shm_stats, lost) / 8], 1);
    fixture_close(&f);
}

TEST(words_that_cannot_be_are_freed_without_a_charge_and_counted)
{
    for (int damage = 0; damage < 5; damage++) {
        struct fixture f;
        fixture_open(&f);
        int slot = fixture_hold(&f, 0, 10, 10, NULL);
        struct shm_slot *s = slot_of(&f, slot);
        if (damage >= 3)
            settle_until_commit(&f, slot, 3);
        if (damage == 0)
            shm_store(&s->entry[0], UINT32_MAX - 1);
        if (damage == 1)
            shm_store(&s->entry[1], f.segment.entry_max - 1);
        if (damage == 2)
            shm_store(&s->state, 77);
        if (damage == 3)
            shm_store(&s->rec_end, shm_load(&s->rec) + 100000);
        if (damage == 4)
            shm_store(&s->rec, 1000);
        fixture_kill(&f, 0);
        struct reap_result result = {0};
        CHECK_EQ(reap_all(&f.segment, NOW_MS, &result), 1);
        CHECK_EQ(result.damaged, 1);
        CHECK_EQ(result.lost + result.completed, 0);
        CHECK_EQ(shm_load(&s->state), SHM_SLOT_FREE);
        CHECK_EQ(ring_head(&f.segment, 0), 0);
        CHECK_EQ(sums_of(&f, f.key).used[0], 0);
        fixture_close(&f);
    }
}

TEST(a_ring_without_room_postpones_the_reaping_until_it_is_drained)
{
    struct fixture f;
    fixture_open(&f);
    CHECK_TRUE(fixture_hold(&f, 0, 10, 10, NULL) >= 0);
    ring_publish(&f.segment, 0, f.segment.ring_bytes - 16);
    fixture_kill(&f, 0);
    struct reap_result result = {0};
    CHECK_EQ(reap_all(&f.segment, NOW_MS, &result), 0);
    CHECK_EQ(shm_load(&segment_column(&f.segment, 0)->state), SHM_COLUMN_DYING);
    CHECK_EQ(sums_of(&f, f.key).reserved[0], 10);
    ring_release(&f.segment, 0, 4096);
    CHECK_EQ(reap_all(&f.segment, NOW_MS, &result), 1);
    CHECK_EQ(result.lost, 1);
    expect_clean(&f);
    fixture_close(&f);
}
