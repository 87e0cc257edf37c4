/*
 * test_buf.c - the growing byte buffer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/test.h"

TEST(an_empty_buf_can_be_looked_at)
{
    struct buf buf;
    buf_init(&buf, 0);
    CHECK_EQ(buf_len(&buf), 0);
    CHECK_TRUE(buf_ptr(&buf) != NULL);
    CHECK_STR(str_from(buf_cstr(&buf)), "");
    buf_append(&buf, NULL, 0);
    buf_consume(&buf, 0);
    CHECK_TRUE(buf_ok(&buf));
    buf_fini(&buf);
    buf_fini(&buf);
}

TEST(what_is_appended_is_read_back)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_append_cstr(&buf, "a");
    buf_append_char(&buf, ' ');
    buf_append_u64(&buf, UINT64_MAX);
    buf_append_char(&buf, ' ');
    buf_append_i64(&buf, INT64_MIN);
    buf_append_i64(&buf, 0);
    buf_append_str(&buf, STR_LIT(" x"));
    buf_printf(&buf, " %s-%d", "y", 7);
    CHECK_STR(buf_view(&buf),
              "a 18446744073709551615 -92233720368547758080 x y-7");
    CHECK_STR(str_from(buf_cstr(&buf)),
              "a 18446744073709551615 -92233720368547758080 x y-7");
    buf_fini(&buf);
}

/* Around all powers of ten and of two, into bufs with room and without; then
 * some of each length. */
TEST(numbers_are_written_in_all_their_digits)
{
    uint64_t any = UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < 20000; i++) {
        char want[32], got[32];
        any = any * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t n = (any ^ any >> 29) >> i % 64;
        memset(got, 'x', sizeof(got));
        buf_write_u64(got, n, buf_digits(n));
        int len = snprintf(want, sizeof(want), "%llux", (unsigned long long)n);
        CHECK_STR(str_make(got, (size_t)len), want);
    }
    for (unsigned room = 0; room < 2; room++) {
        for (int power = 0; power < 64; power++) {
            uint64_t tens = 1;
            for (int i = 0; i < power && i < 19; i++)
                tens *= 10;
            const uint64_t bases[] = {tens, UINT64_C(1) << power};
            for (int i = -1; i <= 1; i++) {
                for (size_t b = 0; b < ARRAY_LEN(bases); b++) {
                    uint64_t n = bases[b] + (uint64_t)i;
                    char want[32];
                    struct buf buf;
                    buf_init(&buf, 0);
                    CHECK_TRUE(room == 0 || buf_reserve(&buf, 20) == 0);
                    buf_append_u64(&buf, n);
                    snprintf(want, sizeof(want), "%llu", (unsigned long long)n);
                    CHECK_STR(buf_view(&buf), want);
                    buf_fini(&buf);
                }
            }
        }
    }
}

TEST(a_buf_is_extended_only_where_it_may_be)
{
    struct buf buf;
    buf_init(&buf, 4);
    char *place = buf_extend(&buf, 3);
    CHECK_TRUE(place != NULL);
    memcpy(place, "abc", 3);
    CHECK_TRUE(buf_extend(&buf, 2) == NULL);
    CHECK_TRUE(!buf_ok(&buf));
    CHECK_TRUE(buf_extend(&buf, 1) == NULL); /* until it is reset */
    CHECK_STR(buf_view(&buf), "abc");
    buf_reset(&buf);
    CHECK_TRUE(buf_extend(&buf, 4) != NULL);
    CHECK_TRUE(buf_ok(&buf));
    buf_fini(&buf);
}

TEST(bytes_come_out_in_order_while_more_go_in)
{
    struct buf buf;
    unsigned written = 0, read = 0;
    buf_init(&buf, 0);
    for (unsigned turn = 0; turn < 3000; turn++) {
        for (unsigned i = 0; i < turn % 97; i++)
            buf_append_char(&buf, (char)(written++ % 251));
        unsigned take = (unsigned)buf_len(&buf) * (turn % 7) / 6;
        for (unsigned i = 0; i < take; i++)
            CHECK_EQ((unsigned char)buf_ptr(&buf)[i], read++ % 251);
        buf_consume(&buf, take);
    }
    CHECK_EQ(written - read, buf_len(&buf));
    CHECK_TRUE(buf.cap < 4096);
    buf_fini(&buf);
}

TEST(over_its_limit_a_buf_fails_until_it_is_reset)
{
    struct buf buf;
    buf_init(&buf, 8);
    buf_append_cstr(&buf, "12345678");
    CHECK_TRUE(buf_ok(&buf));
    CHECK_STR(str_from(buf_cstr(&buf)), "12345678"); /* the NUL counts not */
    buf_append_char(&buf, '9');
    CHECK_TRUE(!buf_ok(&buf));
    CHECK_EQ(buf_len(&buf), 8);
    buf_consume(&buf, 8);
    buf_append_char(&buf, 'x');
    CHECK_EQ(buf_len(&buf), 0); /* a no-op */
    CHECK_STR(str_from(buf_cstr(&buf)), "");
    CHECK_EQ(buf_reserve(&buf, 9), -EMSGSIZE);
    CHECK_EQ(buf_reserve(&buf, SIZE_MAX), -EMSGSIZE);
    buf_reset(&buf);
    buf_printf(&buf, "%s", "abcdefgh");
    CHECK_TRUE(buf_ok(&buf));
    buf_printf(&buf, "%d", 1);
    CHECK_TRUE(!buf_ok(&buf));
    CHECK_STR(buf_view(&buf), "abcdefgh");
    buf_fini(&buf);
}

TEST(a_size_that_no_memory_has_is_refused)
{
    struct buf buf;
    buf_init(&buf, 0);
    CHECK_EQ(buf_reserve(&buf, SIZE_MAX / 2 + 1), -ENOMEM);
    CHECK_TRUE(!buf_ok(&buf));
    buf_fini(&buf);
}

static void
consume_too_much(void)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_append_char(&buf, 'x');
    buf_consume(&buf, 2);
}

TEST(consuming_what_is_not_there_is_a_bug)
{
    CHECK_DIES(consume_too_much);
}

/* Whether `address`, which may be of freed memory, holds an 'S'. */
static bool
is_left_at(const char *address)
{
    char byte = 'S';
    int fd = open("/proc/self/mem", O_RDONLY);
    CHECK_TRUE(fd >= 0);
    ssize_t n = pread(fd, &byte, 1, (off_t)(uintptr_t)address);
    close(fd);
    return n == 1 && byte == 'S';
}

TEST(a_secret_is_not_left_in_freed_memory)
{
    struct buf buf;
    char many[200];
    memset(many, 'S', sizeof(many));
    buf_init_secret(&buf, 0);
    buf_append(&buf, many, sizeof(many));
    const char *first = buf.data;
    CHECK_TRUE(is_left_at(first + 100));
    buf_append(&buf, many, sizeof(many)); /* moves */
    CHECK_TRUE(!is_left_at(first + 100));
    const char *second = buf.data;
    buf_fini(&buf);
    CHECK_TRUE(!is_left_at(second + 100));
    buf_append(&buf, many, sizeof(many)); /* still a secret one */
    second = buf.data;
    buf_fini(&buf);
    CHECK_TRUE(!is_left_at(second + 100));
}
