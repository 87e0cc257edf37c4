/*
 * test_http_reply.c - tests of common/net/http_reply.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_reply.h"

#include <stdio.h>
#include <time.h>

#include "common/net/http_parse.h"
#include "tests/test.h"

static struct buf out;

static void
begin(unsigned status)
{
    buf_init(&out, 0);
    http_reply_begin(&out, status);
}

TEST(an_answer_that_was_written_can_be_read)
{
    begin(429);
    http_field_cstr(&out, "Content-Type", "application/json");
    http_field_u64(&out, "Content-Length", 18446744073709551615u);
    http_field(&out, STR_LIT("X-Text"), STR_LIT("a\tb \xc3\xa9"));
    http_reply_end(&out, 1, false);
    CHECK_TRUE(buf_ok(&out));
    struct http_head head;
    size_t scanned = 0;
    CHECK_EQ(http_parse_response(buf_ptr(&out), buf_len(&out), &scanned, false,
                                 &head),
             HTTP_DONE);
    CHECK_EQ(head.status, 429);
    CHECK_STR(head.reason, "Too Many Requests");
    CHECK_EQ(head.bytes, buf_len(&out));
    CHECK_TRUE(!head.keep_alive);
    CHECK_TRUE(head.content_length == UINT64_MAX);
    CHECK_STR(http_field_find(&head, STR_LIT("Server")), "aigw");
    CHECK_STR(http_field_find(&head, STR_LIT("X-Text")), "a\tb \xc3\xa9");
    struct str date = http_field_find(&head, STR_LIT("Date"));
    char text[64];
    struct tm tm = {0};
    snprintf(text, sizeof(text), "%.*s", STR_ARG(date));
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    CHECK_TRUE(end != NULL && *end == '\0' && date.len == 29);
    time_t age = time(NULL) - timegm(&tm);
    CHECK_TRUE(age >= 0 && age < 60);
    buf_fini(&out);
}

TEST(an_end_is_announced_and_old_clients_are_told_when_there_is_none)
{
    static const struct {
        uint8_t minor;
        bool keep;
        const char *end;
    } cases[] = {
        {1, true, "\r\n"},
        {1, false, "Connection: close\r\n\r\n"},
        {0, true, "Connection: keep-alive\r\n\r\n"},
        {0, false, "Connection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_init(&out, 0);
        http_reply_end(&out, cases[i].minor, cases[i].keep);
        CHECK_STR(buf_view(&out), cases[i].end);
        buf_fini(&out);
    }
}

TEST(a_field_with_control_bytes_is_left_out)
{
    static const struct {
        struct str name, value;
    } cases[] = {
        {STR_LIT("X"), STR_LIT("a\r\nSet-Cookie: b")},
        {STR_LIT("X"), STR_LIT("a\nb")},
        {STR_LIT("X"), STR_LIT("a\rb")},
        {STR_LIT("X"), STR_LIT("a\0b")},
        {STR_LIT("X"), STR_LIT("0123456789012345678901234567890123456789\n")},
        {STR_LIT("X"), STR_LIT("\x7f")},
        {STR_LIT("X: y\r\nZ"), STR_LIT("a")},
        {STR_LIT(""), STR_LIT("a")},
        {STR_LIT("X Y"), STR_LIT("a")},
    };
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        http_field(&out, cases[i].name, cases[i].value);
    CHECK_EQ(buf_len(&out), 0);
    http_field(&out, STR_LIT("X"), STR_LIT(""));
    CHECK_STR(buf_view(&out), "X: \r\n");
    buf_fini(&out);
}

TEST(chunk_heads_are_hexadecimal)
{
    static const struct {
        uint64_t len;
        const char *text;
    } cases[] = {
        {0, "0\r\n"},
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {500, "1f4\r\n"},
        {0xabcdef0123456789, "abcdef0123456789\r\n"},
        {1u << 31, "80000000\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[20];
        unsigned len = http_chunk_head(text, cases[i].len);
        CHECK_STR(str_make(text, len), cases[i].text);
    }
}

TEST(every_status_has_a_reason)
{
    CHECK_STR(str_from(http_reason(200)), "OK");
    CHECK_STR(str_from(http_reason(431)), "Request Header Fields Too Large");
    CHECK_STR(str_from(http_reason(299)), "Unknown");
}
