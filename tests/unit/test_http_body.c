/*
 * test_http_body.c - tests of common/net/http_body.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

struct decoded {
    char content[4096];
    size_t len, consumed;
    enum http_parse_result result;
};

/* Feeds `step` bytes at a time; stops at HTTP_DONE or HTTP_BAD. */
static void
decode(enum http_body_kind kind, uint64_t length, struct str input, size_t step,
       struct decoded *out)
{
    static struct http_head head;
    struct http_body body;
    head.body_kind = kind;
    head.content_length = length;
    http_body_init(&body, &head);
    *out = (struct decoded){.result = HTTP_MORE};
    while (out->result == HTTP_MORE && out->consumed < input.len) {
        struct str rest = str_skip(input, out->consumed), content;
        size_t consumed = 0, give = rest.len < step ? rest.len : step;
        out->result =
            http_body_next(&body, rest.ptr, give, &consumed, &content);
        CHECK_TRUE(consumed <= give);
        CHECK_TRUE(consumed > 0 || out->result != HTTP_MORE);
        if (out->result == HTTP_BAD)
            break;
        memcpy(out->content + out->len, content.ptr, content.len);
        out->len += content.len;
        out->consumed += consumed;
    }
    CHECK_TRUE(out->result == HTTP_BAD || body.total == out->len);
    CHECK_EQ(body.done, out->result == HTTP_DONE);
    if (out->result == HTTP_BAD && kind == HTTP_BODY_CHUNKED) {
        size_t consumed;
        struct str content;
        CHECK_EQ(http_body_next(&body, "0\r\n\r\n", 5, &consumed, &content),
                 HTTP_BAD);
        CHECK_EQ(http_body_end(&body), HTTP_BAD);
    }
}

static const struct {
    const char *chunks;
    const char *content; /* NULL: refused */
    const char *rest;    /* not of this body */
} chunked[] = {
    {"0\r\n\r\n", "", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"5\r\nhello\r\n0\r\n\r\nGET ", "hello", "GET "},
    {"A\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\n", "0123456789!", ""},
    {"0005\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"2;a\r\nhi\r\n0;b=c\r\n\r\n", "hi", ""},
    {"2 ; a = \"x;\\\"y\" ;b\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""},
    {"0\r\nX-T: 1\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\r\n", "", ""},
    {"0\r\nX-T:\r\n\r\n", "", ""},
    {"+5\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"-5\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {" 5\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5 \r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5 5\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"0x5\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5g\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5,\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {";a\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;a=\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;a=\"b\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;a=\"\\\r\n\"\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;a \r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;a\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5;a\rhello\r\n0\r\n\r\n", NULL, ""},
    {"5\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5\rhello\r\n0\r\n\r\n", NULL, ""},
    {"5\r\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"5\r\nhello\n0\r\n\r\n", NULL, ""},
    {"5\r\nhello0\r\n\r\n", NULL, ""},
    {"5\r\nhello\r\n\r\n0\r\n\r\n", NULL, ""},
    {"0\n\r\n", NULL, ""},
    {"0\r\n\n", NULL, ""},
    {"0\r\n\rx", NULL, ""},
    {"0\r\nX-T : 1\r\n\r\n", NULL, ""},
    {"0\r\nX-T\r\n\r\n", NULL, ""},
    {"0\r\n X-T: 1\r\n\r\n", NULL, ""},
    {"0\r\nX-T: 1\n\r\n", NULL, ""},
    {"0\r\nX-T: \x01\r\n\r\n", NULL, ""},
    {"1000000000000001\r\nx", NULL, ""},
    {"8000000000000000\r\nx", NULL, ""},
    {"ffffffffffffffff\r\nx", NULL, ""},
    {"10000000000000005\r\nhello\r\n0\r\n\r\n", NULL, ""},
    {"00000000000000000000000000000000000000005\r\nhello", NULL, ""},
};

TEST(chunks_are_decoded_wherever_they_are_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(chunked); i++) {
        struct str input = str_from(chunked[i].chunks);
        for (size_t step = 1; step <= input.len; step++) {
            struct decoded got;
            decode(HTTP_BODY_CHUNKED, 0, input, step, &got);
            bool good = chunked[i].content != NULL;
            if (got.result != (good ? HTTP_DONE : HTTP_BAD)) {
                test_fail(__FILE__, __LINE__, "result %d by %zu: %s",
                          got.result, step, chunked[i].chunks);
                break;
            }
            if (!good)
                continue;
            CHECK_STR(str_make(got.content, got.len), chunked[i].content);
            CHECK_STR(str_skip(input, got.consumed), chunked[i].rest);
        }
    }
}

TEST(the_largest_chunk_size_is_taken)
{
    struct decoded got;
    decode(HTTP_BODY_CHUNKED, 0, STR_LIT("1000000000000000\r\nx"), 99, &got);
    CHECK_EQ(got.result, HTTP_MORE);
    CHECK_EQ(got.len, 1);
}

TEST(extensions_and_trailers_are_bounded)
{
    static const struct {
        const char *before, *after;
        size_t fill;
        enum http_parse_result result;
    } cases[] = {
        {"0;", "\r\n\r\n", 250, HTTP_DONE},
        {"0;", "\r\n\r\n", 257, HTTP_BAD},
        {"0;a=\"", "\"\r\n\r\n", 257, HTTP_BAD},
        {"0\r\nX:", "\r\n\r\n", 8000, HTTP_DONE},
        {"0\r\nX:", "\r\n\r\n", 8192, HTTP_BAD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static char text[10000];
        size_t len = strlen(cases[i].before);
        memcpy(text, cases[i].before, len);
        memset(text + len, 'a', cases[i].fill);
        len += cases[i].fill;
        memcpy(text + len, cases[i].after, strlen(cases[i].after));
        len += strlen(cases[i].after);
        struct decoded got;
        decode(HTTP_BODY_CHUNKED, 0, str_make(text, len), len, &got);
        CHECK_EQ(got.result, cases[i].result);
    }
}

/* Each line is short enough: many of them would be work for nothing. */
TEST(extensions_are_bounded_for_a_whole_body)
{
    enum { LINE = 200 };
    static char text[100 * (LINE + 20)];
    size_t len = 0;
    for (int chunks = 1; chunks < 100; chunks++) {
        len += (size_t)sprintf(text + len, "1;%0*d\r\nx\r\n", LINE, 0);
        struct decoded got;
        decode(HTTP_BODY_CHUNKED, 0, str_make(text, len), len, &got);
        bool within = chunks * LINE <= 16 * 1024;
        CHECK_EQ(got.result, within ? HTTP_MORE : HTTP_BAD);
    }
}

TEST(content_and_the_end_behind_it_come_in_one_call)
{
    struct http_head head = {.body_kind = HTTP_BODY_CHUNKED};
    struct http_body body;
    size_t consumed;
    struct str content;
    static const char text[] = "5\r\nhello\r\n0\r\n\r\nnext";
    http_body_init(&body, &head);
    CHECK_EQ(http_body_next(&body, text, sizeof(text) - 1, &consumed, &content),
             HTTP_DONE);
    CHECK_STR(content, "hello");
    CHECK_EQ(consumed, sizeof(text) - 1 - 4);
    CHECK_EQ(http_body_next(&body, "next", 4, &consumed, &content), HTTP_DONE);
    CHECK_EQ(consumed, 0);
}

TEST(a_length_takes_so_many_bytes_and_no_more)
{
    struct decoded got;
    for (size_t step = 1; step < 10; step++) {
        decode(HTTP_BODY_LENGTH, 5, STR_LIT("hellonext"), step, &got);
        CHECK_EQ(got.result, HTTP_DONE);
        CHECK_EQ(got.consumed, 5);
        CHECK_STR(str_make(got.content, got.len), "hello");
        decode(HTTP_BODY_LENGTH, 50, STR_LIT("hello"), step, &got);
        CHECK_EQ(got.result, HTTP_MORE);
        decode(HTTP_BODY_UNTIL_CLOSE, 0, STR_LIT("hello"), step, &got);
        CHECK_EQ(got.result, HTTP_MORE);
        CHECK_STR(str_make(got.content, got.len), "hello");
    }
}

TEST(the_end_of_a_connection_ends_only_a_body_without_length)
{
    static const struct {
        enum http_body_kind kind;
        uint64_t length;
        enum http_parse_result end;
    } cases[] = {
        {HTTP_BODY_NONE, 0, HTTP_DONE},        {HTTP_BODY_LENGTH, 0, HTTP_DONE},
        {HTTP_BODY_LENGTH, 1, HTTP_BAD},       {HTTP_BODY_CHUNKED, 0, HTTP_BAD},
        {HTTP_BODY_UNTIL_CLOSE, 0, HTTP_DONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head head = {.body_kind = cases[i].kind,
                                 .content_length = cases[i].length};
        struct http_body body;
        http_body_init(&body, &head);
        CHECK_EQ(http_body_end(&body), cases[i].end);
    }
}
