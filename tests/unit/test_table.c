/*
 * test_table.c - the hash table finds all, whatever collides and is removed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/test.h"

#include <stdlib.h>

#include "accountant/ledger/codec.h"
#include "accountant/ledger/table.h"
#include "common/hash.h"

enum { ITEMS = 2000 };

static bool
number_match(const void *item, const void *key)
{
    return *(const uint64_t *)item == *(const uint64_t *)key;
}

/* Few different hashes, so that runs are long and wrap around. */
static uint64_t
bad_hash(uint64_t n)
{
    return n % 7 * 0x1000000001u - 3;
}

static void
churn(uint64_t (*hash)(uint64_t), uint64_t count)
{
    static uint64_t numbers[ITEMS];
    static bool in[ITEMS];
    struct table table = {0};
    uint64_t random = 1, inside = 0;
    memset(in, 0, sizeof(in));
    for (uint64_t i = 0; i < count; i++)
        numbers[i] = i;
    for (int step = 0; step < 20000; step++) {
        random = hash_mix64(random);
        uint64_t n = random % count;
        const uint64_t *found = table_find(&table, hash(n), number_match, &n);
        if ((found != NULL) != in[n] || (found != NULL && *found != n)) {
            test_fail(__FILE__, __LINE__, "number %llu", (unsigned long long)n);
            break;
        }
        if (in[n])
            table_remove(&table, hash(n), found);
        else
            CHECK_EQ(table_insert(&table, hash(n), &numbers[n]), 0);
        inside += in[n] ? UINT64_MAX : 1;
        in[n] = !in[n];
    }
    size_t at = 0;
    uint64_t seen = 0;
    while (table_next(&table, &at) != NULL)
        seen++;
    CHECK_EQ(seen, inside);
    for (uint64_t n = 0; n < count; n++)
        CHECK_EQ(table_find(&table, hash(n), number_match, &n) != NULL, in[n]);
    table_fini(&table, NULL);
    CHECK_EQ(table.count, 0);
}

TEST(items_are_found_after_any_insertions_and_removals)
{
    churn(hash_mix64, ITEMS);
    churn(bad_hash, 100);
}

TEST(removing_what_is_not_there_does_nothing)
{
    struct table table = {0};
    uint64_t one = 1;
    table_remove(&table, 5, &one);
    CHECK_EQ(table_insert(&table, 5, &one), 0);
    table_remove(&table, 6, &table);
    CHECK_EQ(table.count, 1);
    table_fini(&table, NULL);
}

static const uint64_t numbers[] = {
    0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};

TEST(numbers_of_the_codec_come_back)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct buf bytes;
        struct codec_reader reader;
        buf_init(&bytes, 0);
        codec_put_u64(&bytes, numbers[i]);
        codec_put_i64(&bytes, (int64_t)numbers[i]);
        codec_put_cstr(&bytes, "text");
        codec_reader_init(&reader, buf_view(&bytes));
        CHECK_EQ(codec_get_u64(&reader), numbers[i]);
        CHECK_EQ(codec_get_i64(&reader), (int64_t)numbers[i]);
        CHECK_STR(codec_get_bytes(&reader), "text");
        CHECK_TRUE(codec_reader_done(&reader));
        codec_get_u8(&reader);
        CHECK_TRUE(reader.bad);
        buf_fini(&bytes);
    }
}

static const struct {
    const char *bytes;
    size_t len;
} bad_numbers[] = {
    {"", 0},
    {"\x80", 1},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
};

TEST(what_is_no_number_is_bad_and_reads_as_zero)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_numbers); i++) {
        struct codec_reader reader;
        codec_reader_init(&reader,
                          str_make(bad_numbers[i].bytes, bad_numbers[i].len));
        CHECK_EQ(codec_get_u64(&reader), 0);
        CHECK_TRUE(reader.bad);
    }
    char text[4];
    struct codec_reader reader;
    codec_reader_init(&reader, STR_LIT("\x04long"));
    codec_get_cstr(&reader, text, sizeof(text));
    CHECK_TRUE(reader.bad);
    codec_reader_init(&reader, STR_LIT("\x7f"
                                       "x"));
    CHECK_EQ(codec_get_bytes(&reader).len, 0);
    CHECK_TRUE(reader.bad);
}
