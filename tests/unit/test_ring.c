/*
 * test_ring.c - bytes across the end, and what is no record.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shm/ring.h"

#include <errno.h>

#include "tests/unit/shm_fixture.h"

static struct shm_record
make_record(uint32_t len)
{
    struct shm_record record = {.len = len, .version = SHM_LAYOUT_VERSION};
    record.key_id = len;
    return record;
}

TEST(a_record_lies_anywhere_and_across_the_end)
{
    struct fixture f;
    unsigned char meta[SHM_RECORD_META_MAX], out[SHM_RECORD_MAX];
    fixture_open(&f);
    for (unsigned i = 0; i < sizeof(meta); i++)
        meta[i] = (unsigned char)(i * 13 + 1);
    uint32_t len = (uint32_t)(sizeof(struct shm_record) + sizeof(meta));
    for (uint64_t back = 0; back <= len; back += 8) {
        uint64_t pos = 7 * f.segment.ring_bytes - back;
        struct shm_record record = make_record(len);
        record.model_asked_len = sizeof(meta);
        ring_write(&f.segment, 1, pos, &record, sizeof(record));
        ring_write(&f.segment, 1, pos + sizeof(record), meta, sizeof(meta));
        CHECK_EQ(ring_read(&f.segment, 1, pos, pos + len, out), len);
        CHECK_TRUE(memcmp(out, &record, sizeof(record)) == 0);
        CHECK_TRUE(memcmp(out + sizeof(record), meta, sizeof(meta)) == 0);
    }
    fixture_close(&f);
}

TEST(what_stands_there_is_believed_only_when_it_is_a_record)
{
    static const struct {
        uint32_t len, ready;
        uint16_t version, text;
        uint8_t cause;
        bool good;
    } cases[] = {
        {232, 232, SHM_LAYOUT_VERSION, 0, 0, true},
        {240, 4096, SHM_LAYOUT_VERSION, 8, RECORD_LOST, true},
        {232, 224, SHM_LAYOUT_VERSION, 0, 0, false},
        {224, 4096, SHM_LAYOUT_VERSION, 0, 0, false},
        {0, 4096, SHM_LAYOUT_VERSION, 0, 0, false},
        {236, 4096, SHM_LAYOUT_VERSION, 0, 0, false},
        {240, 232, SHM_LAYOUT_VERSION, 0, 0, false},
        {232, 232, SHM_LAYOUT_VERSION + 1, 0, 0, false},
        {240, 240, SHM_LAYOUT_VERSION, 9, 0, false},
        {SHM_RECORD_MAX + 8, 8192, SHM_LAYOUT_VERSION, 0, 0, false},
        {UINT32_MAX - 7, 8192, SHM_LAYOUT_VERSION, 0, 0, false},
        {232, 232, SHM_LAYOUT_VERSION, 0, RECORD_CAUSES, false},
    };
    struct fixture f;
    unsigned char out[SHM_RECORD_MAX];
    fixture_open(&f);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shm_record record = make_record(cases[i].len);
        record.version = cases[i].version;
        record.error_len = cases[i].text;
        record.cause = cases[i].cause;
        ring_write(&f.segment, 0, 64, &record, sizeof(record));
        CHECK_EQ(ring_read(&f.segment, 0, 64, 64 + cases[i].ready, out),
                 cases[i].good ? (int)cases[i].len : -EBADMSG);
    }
    fixture_close(&f);
}

TEST(positions_that_cannot_be_are_refused)
{
    struct fixture f;
    unsigned char out[SHM_RECORD_MAX];
    fixture_open(&f);
    struct shm_record record = make_record(216);
    ring_write(&f.segment, 0, 0, &record, sizeof(record));
    CHECK_EQ(ring_read(&f.segment, 0, 0, 0, out), -EBADMSG);
    CHECK_EQ(ring_read(&f.segment, 0, 216, 0, out), -EBADMSG);
    CHECK_EQ(ring_read(&f.segment, 0, 0, f.segment.ring_bytes + 8, out),
             -EBADMSG);
    fixture_close(&f);
}

TEST(head_and_tail_are_absolute)
{
    struct fixture f;
    fixture_open(&f);
    ring_publish(&f.segment, 2, 1000);
    ring_release(&f.segment, 2, 600);
    CHECK_EQ(ring_head(&f.segment, 2), 1000);
    CHECK_EQ(ring_tail(&f.segment, 2), 600);
    CHECK_EQ(ring_head(&f.segment, 1), 0);
    fixture_close(&f);
}
