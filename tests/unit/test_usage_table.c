/*
 * test_usage_table.c - roll-up buckets summed by dimension.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/usage_table.h"

#include <stdio.h>

#include "tests/test.h"

static struct ledger_usage
bucket_of(int64_t start_ms, uint64_t key_id, const char *model, uint64_t tokens)
{
    struct ledger_usage bucket = {.start_ms = start_ms,
                                  .key_id = key_id,
                                  .group_id = 1,
                                  .requests = 1,
                                  .tokens = tokens};
    bucket.classes.completion = tokens;
    snprintf(bucket.model, sizeof(bucket.model), "%s", model);
    return bucket;
}

TEST(rows_are_summed_by_what_was_asked_for)
{
    struct usage_table table;
    const struct ledger_usage buckets[] = {
        bucket_of(2, 7, "a", 1),
        bucket_of(1, 7, "b", 10),
        bucket_of(1, 8, "a", 100),
        bucket_of(2, 8, "a", 1000),
    };
    usage_table_init(&table, USAGE_BY_MODEL);
    for (size_t i = 0; i < ARRAY_LEN(buckets); i++)
        CHECK_TRUE(usage_table_add(&table, &buckets[i]));
    usage_table_sort(&table);
    CHECK_EQ(table.row_count, 2);
    CHECK_STR(str_from(table.rows[0].model), "a");
    CHECK_EQ(table.rows[0].tokens, 1101);
    CHECK_EQ(table.rows[0].classes.completion, 1101);
    CHECK_EQ(table.rows[0].key_id, 0);
    CHECK_EQ(table.rows[1].requests, 1);
    CHECK_EQ(table.total.tokens, 1111);
    usage_table_fini(&table);
}

TEST(times_come_in_order)
{
    struct usage_table table;
    const struct ledger_usage buckets[] = {
        bucket_of(3, 7, "a", 1), bucket_of(1, 7, "a", 2),
        bucket_of(2, 8, "a", 3), bucket_of(2, 7, "a", 4)};
    usage_table_init(&table, USAGE_BY_TIME | USAGE_BY_KEY);
    for (size_t i = 0; i < ARRAY_LEN(buckets); i++)
        CHECK_TRUE(usage_table_add(&table, &buckets[i]));
    usage_table_sort(&table);
    CHECK_EQ(table.row_count, 4);
    CHECK_EQ(table.rows[0].start_ms, 1);
    CHECK_EQ(table.rows[1].key_id, 7);
    CHECK_EQ(table.rows[2].key_id, 8);
    CHECK_EQ(table.rows[3].start_ms, 3);
    usage_table_fini(&table);
}

TEST(the_number_of_rows_is_bounded)
{
    struct usage_table table;
    bool more = true;
    uint64_t added = 0;
    usage_table_init(&table, USAGE_BY_KEY);
    while (more && added <= USAGE_ROWS_MAX + 1) {
        struct ledger_usage bucket = bucket_of(1, ++added, "a", 1);
        more = usage_table_add(&table, &bucket);
    }
    CHECK_TRUE(table.too_many);
    CHECK_EQ(added, USAGE_ROWS_MAX + 1);
    CHECK_EQ(table.row_count, USAGE_ROWS_MAX);
    struct ledger_usage again = bucket_of(1, 5, "a", 1);
    CHECK_TRUE(usage_table_add(&table, &again));
    usage_table_fini(&table);
}

TEST(hours_are_put_together_to_days_of_a_zone)
{
    struct usage_table table;
    const int64_t hour_ms = 3600000;
    usage_table_init(&table, USAGE_BY_TIME);
    table.unit_ms = 24 * hour_ms;
    CHECK_TRUE(usage_zone_read(&table.zone, "+08:00"));
    for (int64_t hour = 0; hour < 24; hour++) {
        struct ledger_usage bucket = bucket_of(hour * hour_ms, 7, "a", 1);
        ledger_spans_add(&bucket.duration_spans, 100);
        CHECK_TRUE(usage_table_add(&table, &bucket));
    }
    usage_table_sort(&table);
    CHECK_EQ(table.row_count, 2);
    CHECK_EQ(table.rows[0].start_ms, -8 * hour_ms);
    CHECK_EQ(table.rows[0].requests, 16);
    CHECK_EQ(table.rows[1].start_ms, 16 * hour_ms);
    CHECK_EQ(ledger_spans_count(&table.rows[1].duration_spans), 8);
    CHECK_EQ(ledger_spans_count(&table.total.duration_spans), 24);
    usage_table_fini(&table);
}
