/*
 * test_drain.c - records are taken once, in pieces, and damage is left out.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdlib.h>

#include "accountant/drain.h"
#include "accountant/settle_lag.h"
#include "common/log.h"
#include "shm/column.h"
#include "shm/ring.h"

static struct segment segment;
static struct drain drain;
static uint64_t used[2];
static int64_t ended_ms; /* of what is produced */

static void
begin(void)
{
    struct segment_sizes sizes = {.instance = "drain",
                                  .workers = 2,
                                  .max_keys = 16,
                                  .max_models = 8,
                                  .max_requests = 8,
                                  .ring_mib = 1};
    log_set_level(LOG_FATAL);
    used[0] = used[1] = 0;
    if (segment_create_private(&segment, &sizes) != 0)
        abort();
    CHECK_EQ(column_find_free(&segment), 0);
    CHECK_EQ(column_find_free(&segment), 1);
    CHECK_EQ(drain_init(&drain, &segment), 0);
}

static void
end(void)
{
    drain_fini(&drain);
    segment_detach(&segment);
}

/* A record of `tokens` of key entry 3 in group entry 4. */
static void
produce(uint32_t column, uint64_t tokens, int64_t after_error)
{
    struct shm_record record = {.len = (sizeof(record) + 7) / 8 * 8,
                                .version = SHM_LAYOUT_VERSION,
                                .key_id = 3,
                                .group_id = 4,
                                .entry = {3, 4},
                                .ended_ms = ended_ms,
                                .tokens = tokens};
    unsigned char bytes[SHM_RECORD_MAX] = {0};
    used[column] += tokens;
    record.after[0][0] = record.after[1][0] =
        used[column] + (uint64_t)after_error;
    memcpy(bytes, &record, sizeof(record));
    uint64_t head = ring_head(&segment, column);
    ring_write(&segment, column, head, bytes, record.len);
    ring_publish(&segment, column, head + record.len);
}

static uint64_t
sum_of(const struct drained *drained)
{
    size_t at = 0;
    uint64_t sum = 0;
    const struct drained_record *taken = drained_next(drained, &at);
    for (; taken != NULL; taken = drained_next(drained, &at))
        sum += drained_record_of(taken)->tokens;
    return sum;
}

static uint64_t
take(size_t max_bytes, bool *is_complete)
{
    struct drained drained;
    CHECK_EQ(drain_take(&drain, max_bytes, &drained), 0);
    uint64_t sum = sum_of(&drained);
    *is_complete = drained.is_complete;
    drain_release(&drain, &drained);
    drained_fini(&drained);
    return sum;
}

TEST(records_are_taken_once_and_tails_follow_only_when_released)
{
    struct drained drained;
    bool is_complete;
    begin();
    produce(0, 5, 0);
    produce(1, 7, 0);
    produce(0, 11, 0);
    CHECK_EQ(drain_take(&drain, 1 << 20, &drained), 0);
    CHECK_EQ(drained.count, 3);
    CHECK_EQ(sum_of(&drained), 23);
    CHECK_EQ(ring_tail(&segment, 0), 0);
    drain_release(&drain, &drained);
    CHECK_EQ(ring_tail(&segment, 0), ring_head(&segment, 0));
    drained_fini(&drained);
    CHECK_EQ(take(1 << 20, &is_complete), 0);
    produce(1, 2, 0);
    CHECK_EQ(take(1 << 20, &is_complete), 2);
    CHECK_EQ(drain.broken_chains, 0);
    end();
}

TEST(the_oldest_record_is_told_until_it_is_released)
{
    struct drained drained;
    begin();
    CHECK_EQ(drain_oldest_ms(&drain), 0);
    ended_ms = 900;
    produce(0, 5, 0);
    ended_ms = 800;
    produce(1, 5, 0);
    ended_ms = 1000;
    produce(1, 5, 0);
    CHECK_EQ(drain_oldest_ms(&drain), 800);
    CHECK_EQ(drain_take(&drain, 1 << 20, &drained), 0);
    ended_ms = 1100;
    produce(0, 5, 0);
    CHECK_EQ(drain_oldest_ms(&drain), 800); /* taken, and not durable */
    drain_release(&drain, &drained);
    drained_fini(&drained);
    CHECK_EQ(drain_oldest_ms(&drain), 1100);
    end();
}

TEST(a_lag_is_counted_where_it_ends)
{
    struct settle_lag lag = {.sum_ms = 0};
    settle_lag_add(&lag, 1000, 1005);
    settle_lag_add(&lag, 1000, 1006);
    settle_lag_add(&lag, 1000, 900); /* the clock was put back */
    settle_lag_add(&lag, 1000, 1000 + 3600000);
    CHECK_EQ(settle_lag_end_ms(0), 5);
    CHECK_EQ(lag.buckets[0], 2);
    CHECK_EQ(lag.buckets[1], 1);
    CHECK_EQ(lag.buckets[SETTLE_LAG_BUCKETS - 1], 1);
    CHECK_EQ(lag.sum_ms, 3600011);
    CHECK_EQ(lag.last_ms, 3600000);
}

TEST(a_bounded_take_leaves_the_rest_and_says_so)
{
    bool is_complete = true;
    uint64_t sum = 0;
    unsigned takes = 0;
    begin();
    for (unsigned i = 0; i < 100; i++)
        produce(i % 2, 1, 0);
    do {
        sum += take(2000, &is_complete);
        takes++;
    } while (!is_complete && takes < 1000);
    CHECK_EQ(sum, 100);
    CHECK_TRUE(takes > 5 && takes < 1000);
    CHECK_EQ(drain.records, 100);
    end();
}

TEST(a_lost_or_doubled_record_breaks_the_statement)
{
    bool is_complete;
    begin();
    produce(0, 5, 0);
    produce(0, 5, 1);
    CHECK_EQ(take(1 << 20, &is_complete), 10);
    /* in key and group */
    CHECK_EQ(drain.broken_chains, 2);
    end();
}

TEST(what_is_no_record_is_left_out_and_the_column_goes_on)
{
    bool is_complete;
    begin();
    produce(0, 5, 0);
    uint64_t head = ring_head(&segment, 0);
    unsigned char garbage[64];
    memset(garbage, 0xee, sizeof(garbage));
    ring_write(&segment, 0, head, garbage, sizeof(garbage));
    ring_publish(&segment, 0, head + sizeof(garbage));
    produce(1, 3, 0);
    CHECK_TRUE(drain_waiting(&drain) > 0);
    CHECK_EQ(take(1 << 20, &is_complete), 8);
    CHECK_EQ(drain.quarantined_records, 1);
    CHECK_EQ(drain.quarantined_bytes, sizeof(garbage));
    CHECK_EQ(drain_waiting(&drain), 0);
    produce(0, 2, 0);
    CHECK_EQ(take(1 << 20, &is_complete), 2);
    CHECK_EQ(drain.broken_chains, 0);
    end();
}

TEST(a_charge_or_an_entry_that_cannot_be_is_damage)
{
    bool is_complete;
    begin();
    produce(0, UINT64_C(1) << 61, 0);
    CHECK_EQ(take(1 << 20, &is_complete), 0);
    CHECK_EQ(drain.quarantined_records, 1);
    end();
}

TEST(positions_of_the_ledger_set_the_tails)
{
    bool is_complete;
    begin();
    produce(0, 5, 0);
    uint64_t second = ring_head(&segment, 0);
    produce(0, 7, 0);
    /* F4 was durable, F5 was not: the first is booked */
    drain_set_position(&drain, 0, second);
    CHECK_EQ(ring_tail(&segment, 0), second);
    CHECK_EQ(take(1 << 20, &is_complete), 7);
    /* damage: beyond the head, before the tail */
    drain_set_position(&drain, 0, second * 100);
    CHECK_EQ(drain.positions[0], ring_head(&segment, 0));
    drain_set_position(&drain, 0, 0);
    CHECK_EQ(drain.positions[0], ring_head(&segment, 0));
    end();
}

/* Records of the second column until `bytes` of its ring are taken. */
static void
fill_to(uint64_t bytes)
{
    while (ring_head(&segment, 1) < bytes)
        produce(1, 1, 0);
}

TEST(a_ring_is_drained_early_as_far_as_its_calls_need_the_rest)
{
    bool is_complete;
    begin();
    const uint64_t ring = segment.ring_bytes, most = SHM_RECORD_MAX;
    fill_to(ring / 8 * 3 - most);
    CHECK_TRUE(!drain_is_pressed(&drain));
    fill_to(ring / 8 * 3);
    CHECK_TRUE(drain_is_pressed(&drain));
    take(ring, &is_complete);
    CHECK_TRUE(!drain_is_pressed(&drain));
    end();

    begin();
    struct shm_column *column = segment_column(&segment, 1);
    shm_store(&column->slots_used, ring / 2 / most); /* a half is promised */
    fill_to(ring / 4 - most);
    CHECK_TRUE(!drain_is_pressed(&drain));
    fill_to(ring / 4 + most);
    CHECK_TRUE(drain_is_pressed(&drain));
    shm_store(&column->slots_used, 0);
    CHECK_TRUE(!drain_is_pressed(&drain));
    /* a column of nonsense: early, not never */
    shm_store(&column->slots_used, UINT64_MAX);
    CHECK_TRUE(drain_is_pressed(&drain));
    end();
}
