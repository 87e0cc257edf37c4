/*
 * test_http_parse.c - tests of common/net/http_parse*.c and http_chars.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/net/http_chars.h"
#include "tests/test.h"

#define HOST "Host: a.example\r\n"

static enum http_parse_result
parse(struct str bytes, struct http_head *head)
{
    size_t scanned = 0;
    return http_parse_request(bytes.ptr, bytes.len, &scanned, head);
}

static enum http_parse_result
parse_answer(const char *text, bool to_head, struct http_head *head)
{
    size_t scanned = 0;
    return http_parse_response(text, strlen(text), &scanned, to_head, head);
}

/* The class table against the grammars it was made from. */
TEST(byte_classes_are_those_of_the_grammars)
{
    static const char marks[] = "!#$%&'*+-.^_`|~", sub[] = "!$&'()*+,;=";
    for (int c = 0; c < 256; c++) {
        bool digit = c >= '0' && c <= '9';
        bool alnum = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool unreserved = alnum || (c != 0 && strchr("-._~", c) != NULL);
        bool path = unreserved || (c != 0 && strchr(sub, c) != NULL) ||
                    c == ':' || c == '@' || c == '/';
        bool hex = digit || ((c | 32) >= 'a' && (c | 32) <= 'f');
        int want = (alnum || (c != 0 && strchr(marks, c) != NULL)) + 2 * path +
                   4 * (path || c == '?' || c == '[' || c == ']') +
                   8 * unreserved + 16 * hex + 32 * digit;
        CHECK_EQ(http_chars[c], want);
        CHECK_TRUE(!hex || http_hex_value((char)c) ==
                               strtoul((char[]){(char)c, 0}, NULL, 16));
    }
}

TEST(a_control_byte_is_found_at_every_place)
{
    char bytes[64];
    for (int c = 0; c < 256; c++) {
        bool control = (c < 32 && c != '\t') || c == 127;
        for (size_t at = 0; at < sizeof(bytes); at++) {
            memset(bytes, 'a', sizeof(bytes));
            bytes[at] = (char)c;
            size_t want = control ? at : sizeof(bytes);
            CHECK_EQ(http_find_control(bytes, 0, sizeof(bytes)), want);
            CHECK_EQ(http_find_control(bytes, at, sizeof(bytes)), want);
        }
    }
}

/* All of a text with control bytes here and there, in texts of all lengths. */
TEST(control_bytes_are_taken_one_after_the_other)
{
    char bytes[200];
    for (unsigned step = 1; step < 70; step++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(i % step != 0 ? 'a' : i % 3 == 0 ? '\t' : '\r');
        for (size_t len = 0; len <= sizeof(bytes); len++) {
            struct http_controls controls = {.text = {bytes, len}};
            for (size_t at = 0; at < len; at++) {
                at = http_find_control(bytes, at, len);
                CHECK_EQ(http_controls_take(&controls), at);
            }
            CHECK_EQ(http_controls_take(&controls), len);
        }
    }
}

/* One of two tokens that differ in a byte's bit 5 alone may be no letter. */
TEST(names_are_known_in_any_case_and_nothing_else_is)
{
    static const char *const known[] = {"te",
                                        "via",
                                        "host",
                                        "expect",
                                        "api-key",
                                        "forwarded",
                                        "user-agent",
                                        "retry-after",
                                        "content-type",
                                        "authorization",
                                        "content-length",
                                        "accept-encoding",
                                        "x-amzn-requestid",
                                        "transfer-encoding",
                                        "openai-organization",
                                        "cf-aig-authorization"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char name[32];
        struct str token = {name, strlen(known[i])};
        memcpy(name, known[i], token.len + 1);
        enum http_name want = http_name_of(token);
        CHECK_TRUE(want != HTTP_NAME_OTHER);
        for (size_t at = 0; at < token.len; at++) {
            char was = name[at];
            for (int c = 1; c < 256; c++) {
                if (!http_char_is((char)c, HTTP_CHAR_TOKEN))
                    continue;
                name[at] = (char)c;
                bool same = strcasecmp(name, known[i]) == 0;
                CHECK_EQ(http_name_of(token) == want, same);
            }
            name[at] = was >= 'a' ? (char)(was - 'a' + 'A') : was;
        }
        CHECK_EQ(http_name_of(token), want);
        CHECK_EQ(http_name_of(str_make(name, token.len - 1)), HTTP_NAME_OTHER);
    }
    CHECK_EQ(http_name_of(STR_LIT("x-a-name-that-nobody-ever-had")),
             HTTP_NAME_OTHER);
    CHECK_EQ(http_name_of(STR_LIT("x")), HTTP_NAME_OTHER);
}

TEST(a_request_is_taken_apart)
{
    static const char text[] =
        "\r\n\r\nPOST /v1/chat/completions?a=b&c=%20d HTTP/1.1\r\n"
        "Host: a.example:8080\r\n"
        "X-Empty:\r\n"
        "content-length: \t 12 \t\r\n"
        "Expect: 100-Continue\r\n"
        "X-Text:  two words, \xc3\xa9 \r\n"
        "Connection: Keep-Alive, X-Empty\r\n\r\nbody";
    struct http_head head;
    CHECK_EQ(parse(STR_LIT(text), &head), HTTP_DONE);
    CHECK_EQ(head.method, HTTP_POST);
    CHECK_STR(head.method_text, "POST");
    CHECK_STR(head.target, "/v1/chat/completions?a=b&c=%20d");
    CHECK_STR(head.path, "/v1/chat/completions");
    CHECK_STR(head.query, "a=b&c=%20d");
    CHECK_STR(head.host, "a.example:8080");
    CHECK_EQ(head.version_minor, 1);
    CHECK_TRUE(head.keep_alive && head.expect_continue && !head.upgrade);
    CHECK_EQ(head.body_kind, HTTP_BODY_LENGTH);
    CHECK_EQ(head.content_length, 12);
    CHECK_EQ(head.field_count, 6);
    CHECK_STR(head.fields[0].name, "Host");
    CHECK_STR(head.fields[1].value, "");
    CHECK_STR(head.fields[4].value, "two words, \xc3\xa9");
    CHECK_TRUE(head.names_fields);
    CHECK_EQ(head.bytes, sizeof(text) - 1 - strlen("body"));
    CHECK_STR(http_field_find(&head, STR_LIT("x-text")), "two words, \xc3\xa9");
    CHECK_TRUE(http_field_find(&head, STR_LIT("x-none")).ptr == NULL);
    CHECK_EQ(http_field_count(&head, STR_LIT("HOST")), 1);
    CHECK_TRUE(http_field_is_hop_by_hop(&head, STR_LIT("x-empty")));
    CHECK_TRUE(http_field_is_hop_by_hop(&head, STR_LIT("te")));
    CHECK_TRUE(!http_field_is_hop_by_hop(&head, STR_LIT("X-Text")));
}

TEST(a_name_on_a_second_connection_line_is_not_missed)
{
    static const struct {
        const char *lines;
        bool names;
    } cases[] = {
        {"", false},
        {"Connection: close\r\n", false},
        {"Connection: Keep-Alive,, \r\nConnection: CLOSE\r\n", false},
        {"Connection: keep-alive\r\nX-A: b\r\nConnection: x-a\r\n", true},
        {"Connection: keep-alive, x-a\r\n", true},
        {"Connection: Upgrade\r\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head head;
        char text[200];
        int len = snprintf(text, sizeof(text),
                           "GET / HTTP/1.1\r\n" HOST "%s\r\n", cases[i].lines);
        CHECK_EQ(parse(str_make(text, (size_t)len), &head), HTTP_DONE);
        CHECK_EQ(head.names_fields, cases[i].names);
    }
}

TEST(names_in_connection_take_away_fields_but_not_the_frame)
{
    struct http_head head;
    CHECK_EQ(parse(STR_LIT("GET / HTTP/1.1\r\n" HOST
                           "Connection: ,host ,, content-length\r\n"
                           "Connection: x-a\r\n\r\n"),
                   &head),
             HTTP_DONE);
    CHECK_TRUE(http_field_is_hop_by_hop(&head, STR_LIT("X-A")));
    CHECK_TRUE(!http_field_is_hop_by_hop(&head, STR_LIT("Host")));
    CHECK_TRUE(!http_field_is_hop_by_hop(&head, STR_LIT("Content-Length")));
    CHECK_TRUE(!http_field_is_hop_by_hop(&head, STR_LIT("X")));
}

/* 0: accepted; else the status of the refusal. */
static const struct {
    struct str bytes;
    unsigned status;
} requests[] = {
#define CASE(status, text)                                                     \
    {                                                                          \
        STR_LIT(text), status                                                  \
    }
    /* request line */
    CASE(0, "GET / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(0, "GET / HTTP/1.0\r\n\r\n"),
    CASE(0, "GET / HTTP/1.2\r\n" HOST "\r\n"),
    CASE(0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
    CASE(0, "get / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(0, "TRACE / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(0, "GET /a//b;c=d/@:!$&'()*+,;=~-._%7e?/?include[]=x HTTP/1.1\r\n" HOST
            "\r\n"),
    CASE(0, "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "\rGET / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /  HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1.1 x\r\n" HOST "\r\n"),
    CASE(400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /\tHTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1.1\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1.1\r\r\n" HOST "\r\n"),
    CASE(400, "GET /\r\n\r\n"),
    CASE(400, "GET HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "G(T / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "HTTP/1.1 200 OK\r\n\r\n"),
    CASE(501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    CASE(505, "PRI * HTTP/2.0\r\n\r\n"),
    CASE(505, "GET / HTTP/0.9\r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1.10\r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1\r\n" HOST "\r\n"),
    CASE(400, "GET / http/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1,1\r\n" HOST "\r\n"),
    CASE(400, "GET /#x HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /%0 HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /%zz HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /%00 HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /\" HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /[] HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET ?a HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET a.example:80 HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "CONNECT a.example:80 HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "CONNECT / HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET http:///x HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET http://u@a/x HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET http://a:b/x HTTP/1.1\r\n" HOST "\r\n"),
    CASE(400, "GET http://a/x HTTP/1.1\r\n\r\n"),
    /* Host */
    CASE(400, "GET / HTTP/1.1\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"),
    CASE(400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: []\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: \xff\r\n\r\n"),
    CASE(0, "GET / HTTP/1.1\r\nhOsT: [::1]:80\r\n\r\n"),
    CASE(0, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    /* field lines */
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X : b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST " \r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\0\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\x1b[31m\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X\xc3\xa9: a\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n\n"),
    CASE(0, "GET / HTTP/1.1\r\n" HOST "X:\ta\tb\t\r\n\r\n"),
    /* framing */
    CASE(0, "POST / HTTP/1.1\r\n" HOST "Content-Length: 010\r\n\r\n"),
    CASE(0, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"),
    CASE(0, "POST / HTTP/1.1\r\n" HOST "Content_Length: x\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST
              "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
    CASE(413, "POST / HTTP/1.1\r\n" HOST
              "Content-Length: 18446744073709551616\r\n\r\n"),
    CASE(0, "POST / HTTP/1.1\r\n" HOST
            "Content-Length: 18446744073709551615\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST
              "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    CASE(400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
              "Transfer-Encoding: chunked\r\n\r\n"),
    CASE(400, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
    CASE(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n"),
    CASE(501, "POST / HTTP/1.1\r\n" HOST
              "Transfer-Encoding: chunked, chunked\r\n\r\n"),
    CASE(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked,\r\n\r\n"),
    CASE(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\n" HOST "Connection: a b\r\n\r\n"),
    CASE(417, "GET / HTTP/1.1\r\n" HOST "Expect: the-moon\r\n\r\n"),
    CASE(417,
         "GET / HTTP/1.1\r\n" HOST "Expect: x\r\nExpect: 100-continue\r\n\r\n"),
    CASE(0, "GET / HTTP/1.0\r\n" HOST "Expect: the-moon\r\n\r\n"),
#undef CASE
};

TEST(requests_are_accepted_or_refused_with_the_right_status)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct http_head head;
        enum http_parse_result result = parse(requests[i].bytes, &head);
        unsigned status = result == HTTP_BAD ? head.error_status : 0;
        if (result == HTTP_MORE || status != requests[i].status)
            test_fail(__FILE__, __LINE__, "%u, not %u: %.*s", status,
                      requests[i].status, STR_ARG(requests[i].bytes));
        CHECK_EQ(result == HTTP_BAD, head.error_reason != NULL);
    }
}

TEST(the_result_does_not_depend_on_where_the_bytes_are_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct str bytes = requests[i].bytes;
        struct http_head whole, cut;
        enum http_parse_result want = parse(bytes, &whole);
        for (size_t step = 1; step < 5; step++) {
            size_t scanned = 0, len = 0;
            enum http_parse_result got = HTTP_MORE;
            while (got == HTTP_MORE && len < bytes.len) {
                len = len + step < bytes.len ? len + step : bytes.len;
                got = http_parse_request(bytes.ptr, len, &scanned, &cut);
                CHECK_TRUE(scanned <= len);
            }
            CHECK_EQ(got, want);
            CHECK_EQ(cut.error_status, whole.error_status);
            if (want != HTTP_DONE)
                continue;
            CHECK_EQ(cut.field_count, whole.field_count);
            CHECK_EQ(cut.bytes, whole.bytes);
            CHECK_TRUE(str_equals(cut.host, whole.host));
        }
    }
}

TEST(what_cannot_become_a_request_is_refused_before_its_end)
{
    static const char *const texts[] = {
        "\x16\x03\x01\x02", "GET / HTTP/1.1\r\nHost: a\n", " ", "SSH-2.0-x\r\n",
        "GET /x\n",         "POST / HTTP/3.0\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct http_head head;
        CHECK_EQ(parse(str_from(texts[i]), &head), HTTP_BAD);
    }
}

TEST(an_absolute_target_beats_host)
{
    static const struct {
        const char *line, *host, *path, *query;
    } cases[] = {
        {"GET http://B.example:80/x?y HTTP/1.1", "B.example:80", "/x", "y"},
        {"GET HTTPS://b HTTP/1.1", "b", "/", ""},
        {"GET http://b?q HTTP/1.1", "b", "/", "q"},
        {"OPTIONS http://[::1]:80 HTTP/1.1", "[::1]:80", "*", ""},
        {"GET /x HTTP/1.1", "a.example", "/x", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[200];
        struct http_head head;
        int len =
            snprintf(text, sizeof(text), "%s\r\n" HOST "\r\n", cases[i].line);
        CHECK_EQ(parse(str_make(text, (size_t)len), &head), HTTP_DONE);
        CHECK_STR(head.host, cases[i].host);
        CHECK_STR(head.path, cases[i].path);
        CHECK_STR(head.query, cases[i].query);
    }
}

TEST(connections_are_kept_as_version_and_connection_say)
{
    static const struct {
        const char *version, *fields;
        bool keep, upgrade;
    } cases[] = {
        {"1.1", "", true, false},
        {"1.0", "", false, false},
        {"1.1", "Connection: foo, Close\r\n", false, false},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false,
         false},
        {"1.0", "Connection: Keep-Alive\r\n", true, false},
        {"1.0", "Connection: keep-alive, close\r\n", false, false},
        {"1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n", true, true},
        {"1.1", "Upgrade: h2c\r\n", true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[200];
        struct http_head head;
        int len =
            snprintf(text, sizeof(text), "GET / HTTP/%s\r\n" HOST "%s\r\n",
                     cases[i].version, cases[i].fields);
        CHECK_EQ(parse(str_make(text, (size_t)len), &head), HTTP_DONE);
        CHECK_EQ(head.keep_alive, cases[i].keep);
        CHECK_EQ(head.upgrade, cases[i].upgrade);
        CHECK_TRUE(!head.expect_continue);
    }
}

TEST(a_hundred_fields_are_served_and_one_more_is_not)
{
    static char text[8192];
    for (int fields = 99; fields <= 100; fields++) {
        int len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
        for (int i = 0; i < fields; i++)
            len += snprintf(text + len, sizeof(text) - (size_t)len, "X: y\r\n");
        len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
        struct http_head head;
        enum http_parse_result result =
            parse(str_make(text, (size_t)len), &head);
        CHECK_EQ(result, fields == 99 ? HTTP_DONE : HTTP_BAD);
        CHECK_EQ(head.error_status, fields == 99 ? 0 : 431);
    }
}

TEST(an_answer_is_taken_apart)
{
    struct http_head head;
    CHECK_EQ(parse_answer("HTTP/1.1 404 Not \xc3\xa9 Found\r\n"
                          "Content-Length: 5\r\n\r\nhello",
                          false, &head),
             HTTP_DONE);
    CHECK_EQ(head.status, 404);
    CHECK_STR(head.reason, "Not \xc3\xa9 Found");
    CHECK_EQ(head.body_kind, HTTP_BODY_LENGTH);
    CHECK_EQ(head.content_length, 5);
    CHECK_TRUE(head.keep_alive);
}

TEST(answers_are_framed_as_the_rfc_says)
{
    enum {
        NONE = HTTP_BODY_NONE,
        LENGTH = HTTP_BODY_LENGTH,
        CHUNKED = HTTP_BODY_CHUNKED,
        CLOSE = HTTP_BODY_UNTIL_CLOSE,
        BAD = -1
    };
    static const struct {
        const char *text;
        bool to_head;
        int kind;
        bool keep;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", false, CLOSE, false},
        {"HTTP/1.1 200\r\n\r\n", false, CLOSE, false},
        {"HTTP/1.1 200 \r\n\r\n", false, CLOSE, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, LENGTH, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, LENGTH, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false,
         CHUNKED, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, NONE,
         true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, NONE, true},
        {"HTTP/1.1 204 No\r\n\r\n", false, NONE, true},
        {"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", false, NONE, false},
        {"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", false, NONE, true},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, NONE, true},
        {"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false,
         NONE, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, BAD, 0},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, BAD,
         0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
         false, BAD, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
         "Transfer-Encoding: chunked\r\n\r\n",
         false, BAD, 0},
        {"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n", false, BAD, 0},
        {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", false, BAD, 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", false, BAD, 0},
        {"HTTP/1.1 20 OK\r\n\r\n", false, BAD, 0},
        {"HTTP/1.1 099 OK\r\n\r\n", false, BAD, 0},
        {"HTTP/1.1 600 OK\r\n\r\n", false, BAD, 0},
        {"HTTP/2 200 OK\r\n\r\n", false, BAD, 0},
        {"HTTP/2.0 200 OK\r\n\r\n", false, BAD, 0},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", false, BAD, 0},
        {"GET / HTTP/1.1\r\n\r\n", false, BAD, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head head;
        enum http_parse_result result =
            parse_answer(cases[i].text, cases[i].to_head, &head);
        int kind = result == HTTP_DONE ? (int)head.body_kind : BAD;
        if (result == HTTP_MORE || kind != cases[i].kind)
            test_fail(__FILE__, __LINE__, "kind %d, not %d: %s", kind,
                      cases[i].kind, cases[i].text);
        if (result == HTTP_DONE)
            CHECK_EQ(head.keep_alive, cases[i].keep);
        else
            CHECK_EQ(head.error_status, 502);
    }
}
