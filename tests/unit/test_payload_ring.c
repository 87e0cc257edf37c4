/*
 * test_payload_ring.c - tests of shm/payload_ring.c: records come out as they
 * went in, what does not fit is dropped and counted, damage moves nobody.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shm/payload_ring.h"
#include "tests/unit/shm_fixture.h"

enum { RING_BYTES = 4096 };

static struct str
text_of(char *room, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        room[i] = (char)(seed + i * 7);
    return str_make(room, len);
}

TEST(records_of_all_lengths_come_out_as_they_went_in)
{
    struct fixture f;
    char a[2048], b[2048];
    fixture_open(&f);
    struct payload_rings *rings =
        payload_rings_create_shared(&f.segment, RING_BYTES);
    for (unsigned i = 0; i < 2000; i++) {
        struct payload_record record = {.request_id = {i, ~(uint64_t)i},
                                        .ended_ms = 7 + i,
                                        .request_size = 1000000};
        struct buf taken;
        size_t at = 0;
        buf_init(&taken, 0);
        CHECK_TRUE(payload_put(rings, i % 3, &record, text_of(a, i % 1500, i),
                               text_of(b, i * 13 % 1500, ~i)));
        CHECK_TRUE(payload_take(rings, i % 3, 1 << 20, &taken));
        const struct payload_record *got = payload_next(&taken, &at);
        CHECK_TRUE(got != NULL && got->request_id[0] == i &&
                   got->ended_ms == 7 + i && got->request_size == 1000000);
        CHECK_TRUE(str_equals(payload_request(got), str_make(a, i % 1500)));
        CHECK_TRUE(str_equals(payload_answer(got), str_make(b, i * 13 % 1500)));
        CHECK_TRUE(payload_next(&taken, &at) == NULL);
        CHECK_TRUE(!payload_take(rings, i % 3, 1 << 20, &taken));
        buf_fini(&taken);
    }
    CHECK_EQ(payload_dropped(rings), 0);
    payload_rings_close(&rings);
    fixture_close(&f);
}

TEST(what_finds_no_room_is_dropped_and_counted)
{
    struct fixture f;
    char a[1000], large[RING_BYTES];
    struct buf taken;
    size_t at = 0;
    unsigned put = 0, got = 0;
    fixture_open(&f);
    buf_init(&taken, 0);
    struct payload_rings *rings =
        payload_rings_create_shared(&f.segment, RING_BYTES);
    for (unsigned i = 0; i < 10; i++) {
        struct payload_record record = {.ended_ms = i};
        put += payload_put(rings, 0, &record, text_of(a, sizeof(a), i),
                           STR_LIT(""));
    }
    struct payload_record record = {0};
    CHECK_TRUE(!payload_put(rings, 1, &record, text_of(large, sizeof(large), 1),
                            STR_LIT("")));
    CHECK_EQ(put, 3);
    CHECK_EQ(payload_dropped(rings), 8);
    CHECK_TRUE(payload_take(rings, 0, 1, &taken)); /* one, as little as asked */
    CHECK_TRUE(payload_take(rings, 0, 1 << 20, &taken));
    while (payload_next(&taken, &at) != NULL)
        got++;
    CHECK_EQ(got, 3);
    CHECK_TRUE(payload_put(rings, 0, &record, STR_LIT("x"), STR_LIT("y")));
    buf_fini(&taken);
    payload_rings_close(&rings);
    fixture_close(&f);
}

TEST(a_file_of_another_segment_is_replaced_and_its_own_attached)
{
    struct fixture f;
    char path[160], folder[] = "/tmp/aigw-payload-XXXXXX";
    struct payload_rings *rings, *again;
    struct payload_record record = {.ended_ms = 9};
    struct buf taken;
    fixture_open(&f);
    buf_init(&taken, 0);
    CHECK_TRUE(mkdtemp(folder) != NULL);
    snprintf(f.segment.path, sizeof(f.segment.path), "%s/s", folder);
    CHECK_EQ(payload_rings_open(&rings, &f.segment, 1, (uid_t)-1), 0);
    /* Without pages of its own a column drops. */
    CHECK_TRUE(!payload_put(rings, 0, &record, STR_LIT("a"), STR_LIT("b")));
    CHECK_EQ(payload_rings_allocate(rings, 0), 0);
    CHECK_TRUE(payload_put(rings, 0, &record, STR_LIT("a"), STR_LIT("b")));
    CHECK_EQ(payload_rings_open(&again, &f.segment, 64, (uid_t)-1), 0);
    CHECK_TRUE(payload_take(again, 0, 1 << 20, &taken));
    payload_rings_close(&again);
    payload_rings_close(&rings);
    f.segment.header->epoch++;
    CHECK_EQ(payload_rings_open(&again, &f.segment, 1, (uid_t)-1), 0);
    CHECK_EQ(payload_dropped(again), 0);
    payload_rings_close(&again);
    payload_rings_path(&f.segment, path);
    payload_rings_unlink(&f.segment);
    CHECK_TRUE(access(path, F_OK) != 0);
    rmdir(folder);
    buf_fini(&taken);
    fixture_close(&f);
}

/* The consumer of a damaged ring takes what it can believe, and no more. */
TEST(damage_is_passed_over)
{
    struct fixture f;
    srand(1);
    fixture_open(&f);
    for (int round = 0; round < 300; round++) {
        struct payload_rings *rings =
            payload_rings_create_shared(&f.segment, RING_BYTES);
        unsigned char *bytes;
        struct buf taken;
        size_t at = 0;
        char a[600];
        buf_init(&taken, 0);
        for (unsigned i = 0; i < 5; i++) {
            struct payload_record record = {0};
            CHECK_TRUE(payload_put(rings, 0, &record, text_of(a, sizeof(a), i),
                                   STR_LIT("q")));
        }
        bytes = payload_ring_bytes(rings, 0);
        for (int i = 0; i < 8; i++)
            bytes[rand() % 3200 & ~3] = (unsigned char)rand();
        (void)payload_take(rings, 0, 1 << 20, &taken);
        size_t seen = 0;
        const struct payload_record *record;
        while ((record = payload_next(&taken, &at)) != NULL) {
            struct str answer = payload_answer(record);
            seen += (size_t)(answer.ptr + answer.len - (const char *)record);
            CHECK_TRUE(at <= buf_len(&taken));
        }
        CHECK_TRUE(seen <= buf_len(&taken));
        struct payload_record record_after = {0};
        CHECK_TRUE(payload_put(rings, 0, &record_after, STR_LIT("a"),
                               STR_LIT("b"))); /* it goes on behind it */
        buf_fini(&taken);
        payload_rings_close(&rings);
    }
    fixture_close(&f);
}
