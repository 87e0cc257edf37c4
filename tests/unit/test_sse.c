/*
 * test_sse.c - tests of common/net/sse.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/sse.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "tests/test.h"

/* Writes what an event says as text: "event|data|data;" or "#;" or "-;". */
static void
describe(const struct sse_event *event, char *text, size_t room)
{
    size_t len = strlen(text);
    if (event->comment_only) {
        snprintf(text + len, room - len, "#;");
        return;
    }
    len +=
        (size_t)snprintf(text + len, room - len, "%.*s", STR_ARG(event->event));
    for (unsigned i = 0; i < event->data_count; i++)
        len += (size_t)snprintf(text + len, room - len, "|%.*s",
                                STR_ARG(event->data[i]));
    if (event->more.len > 0) {
        struct buf joined;
        buf_init(&joined, 0);
        sse_join_data(event, &joined);
        len += (size_t)snprintf(text + len, room - len, "=%.*s",
                                STR_ARG(buf_view(&joined)));
        buf_fini(&joined);
    }
    snprintf(text + len, room - len, ";");
}

/* Reads a whole stream that comes `step` bytes at a time. */
static void
read_stream(struct str stream, size_t step, char *text, size_t room)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    size_t start = 0, len = 0;
    *text = '\0';
    while (len < stream.len) {
        len = len + step < stream.len ? len + step : stream.len;
        while (
            sse_next(&scan, stream.ptr + start, len - start, false, &event)) {
            CHECK_TRUE(event.bytes > 0 && event.bytes <= len - start);
            describe(&event, text, room);
            start += event.bytes;
        }
        CHECK_TRUE(scan.scanned <= len - start);
    }
    while (sse_next(&scan, stream.ptr + start, len - start, true, &event)) {
        CHECK_TRUE(event.bytes > 0 && event.bytes <= len - start);
        describe(&event, text, room);
        start += event.bytes;
    }
    CHECK_EQ(start, stream.len);
}

static const struct {
    const char *stream, *events;
} streams[] = {
    {"data: a\n\n", "|a;"},
    {"data:a\n\ndata: b\n\n", "|a;|b;"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;"},
    {"data: a\r\rdata: b\r\r", "|a;|b;"},
    {"data: a\r\n\ndata: b\n\r\n", "|a;|b;"},
    {"data: a\r\ndata: b\r\r\n", "|a|b;"},
    {"data: a\n\r", "|a;"},
    {"event: x\ndata: {\"a\":1}\n\n", "x|{\"a\":1};"},
    {"data: a\nevent: x\nevent: y\n\n", "y|a;"},
    {"data:  two\n\n", "| two;"},
    {"data\n\n", "|;"},
    {"data:\ndata\ndata: x\n\n", "|||x;"},
    {": ping\n\n", "#;"},
    {":\n:\ndata: a\n\n", "|a;"},
    {"\n\n\ndata: a\n\n", "#;#;#;|a;"},
    {"id: 7\n\n", ";"},
    {"unknown\n\n", ";"},
    {"datax: a\nDATA: b\n\n", ";"},
    {"\xef\xbb\xbf"
     "data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "|a;;"},
    {"\xef\xbb\xbf\n", "#;"},
    {"\xef\xbb\xbf", "#;"},
    {"\xef\xbb", ";"},
    {"data: a\n\ndata: b", "|a;|b;"},
    {"data: a\n\ndata: b\n", "|a;|b;"},
    {"data: a\n\ndata: b\r", "|a;|b;"},
    {"data: a: b\n\n", "|a: b;"},
    {"data: 0123456789012345678901234567890123456789\n\n",
     "|0123456789012345678901234567890123456789;"},
    {"", ""},
    {"data: 1\ndata: 2\ndata: 3\ndata: 4\ndata: 5\ndata: 6\ndata: 7\ndata: 8\n"
     "data: 9\ndata: 10\ndata: 11\ndata: 12\ndata: 13\ndata: 14\ndata: 15\n"
     "data: 16\ndata: 17\nevent: e\n\ndata: a\n\n",
     "e|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16="
     "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17;|a;"},
    {"data\rdata\rdata\rdata\rdata\rdata\rdata\rdata\rdata\rdata\rdata\rdata\r"
     "data\rdata\rdata\rdata\r\ndata: x\r\n: no\r\ndata\nid\ndata: y\r\r",
     "||||||||||||||||=\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nx\n\ny;"},
};

TEST(events_are_found_wherever_the_bytes_are_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct str stream = str_from(streams[i].stream);
        for (size_t step = 1; step <= stream.len + 1; step++) {
            char text[512];
            read_stream(stream, step, text, sizeof(text));
            if (strcmp(text, streams[i].events) == 0)
                continue;
            test_fail(__FILE__, __LINE__, "by %zu: \"%s\", not \"%s\"", step,
                      text, streams[i].events);
            break;
        }
    }
}

TEST(nothing_left_at_the_end_is_no_event)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    CHECK_TRUE(!sse_next(&scan, "", 0, true, &event));
    CHECK_TRUE(!sse_next(&scan, NULL, 0, false, &event));
}

TEST(a_carriage_return_at_the_end_waits_for_its_line_feed)
{
    struct sse_scan scan = {0};
    struct sse_event event;
    static const char text[] = "data: a\r\n\r\ndata: b";
    CHECK_TRUE(!sse_next(&scan, text, 10, false, &event));
    CHECK_TRUE(sse_next(&scan, text, 11, false, &event));
    CHECK_EQ(event.bytes, 11);
    CHECK_EQ(scan.scanned, 0);
}

/* The cost of a long event in small pieces must not grow with its square. */
TEST(bytes_looked_at_once_are_not_looked_at_again)
{
    enum { LEN = 1 << 20 };
    char *text = malloc(LEN);
    CHECK_TRUE(text != NULL);
    memset(text, 'a', LEN);
    memcpy(text, "data: ", 6);
    struct sse_scan scan = {0};
    struct sse_event event;
    for (size_t len = 1000; len < LEN; len += 1000) {
        CHECK_TRUE(!sse_next(&scan, text, len, false, &event));
        CHECK_EQ(scan.scanned, len);
    }
    memcpy(text + LEN - 2, "\n\n", 2);
    CHECK_TRUE(sse_next(&scan, text, LEN, false, &event));
    CHECK_EQ(event.bytes, LEN);
    CHECK_EQ(event.data[0].len, LEN - 8);
    free(text);
}
