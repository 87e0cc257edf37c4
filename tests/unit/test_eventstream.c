/*
 * test_eventstream.c - tests of common/net/eventstream.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/eventstream.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/check.h"
#include "tests/test.h"

static void
put_u32(struct buf *out, uint32_t n)
{
    const char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8),
                           (char)n};
    buf_append(out, bytes, sizeof(bytes));
}

static void
put_header(struct buf *out, const char *name, const char *value)
{
    buf_append_char(out, (char)strlen(name));
    buf_append_cstr(out, name);
    buf_append_char(out, 7);
    buf_append_char(out, (char)(strlen(value) >> 8));
    buf_append_char(out, (char)strlen(value));
    buf_append_cstr(out, value);
}

static uint32_t
crc_of(const struct buf *buf, size_t from)
{
    return (uint32_t)crc32(0, (const unsigned char *)buf_ptr(buf) + from,
                           (uInt)(buf_len(buf) - from));
}

/* A message behind what `out` has. */
static void
put_message(struct buf *out, struct str headers, struct str payload)
{
    size_t from = buf_len(out);
    put_u32(out, (uint32_t)(16 + headers.len + payload.len));
    put_u32(out, (uint32_t)headers.len);
    put_u32(out, crc_of(out, from));
    buf_append_str(out, headers);
    buf_append_str(out, payload);
    put_u32(out, crc_of(out, from));
}

static void
put_event(struct buf *out, const char *type, const char *payload)
{
    struct buf headers;
    buf_init(&headers, 0);
    put_header(&headers, ":event-type", type);
    put_header(&headers, ":content-type", "application/json");
    put_header(&headers, ":message-type", "event");
    put_message(out, buf_view(&headers), str_from(payload));
    buf_fini(&headers);
}

TEST(messages_are_read_however_the_bytes_are_cut)
{
    struct buf stream;
    buf_init(&stream, 0);
    put_event(&stream, "messageStart", "{\"role\":\"assistant\"}");
    put_event(&stream, "ping", "");
    put_event(&stream, "messageStop", "{}");
    for (size_t step = 1; step <= buf_len(&stream); step++) {
        static const char *const names[] = {"messageStart", "ping",
                                            "messageStop"};
        static const char *const payloads[] = {"{\"role\":\"assistant\"}", "",
                                               "{}"};
        size_t from = 0, to = 0, count = 0;
        while (to < buf_len(&stream)) {
            to = to + step < buf_len(&stream) ? to + step : buf_len(&stream);
            /* A copy of its own length, so that ASan sees its end. */
            char *copy = malloc(to - from);
            size_t used = 0;
            struct sse_event event;
            memcpy(copy, buf_ptr(&stream) + from, to - from);
            while (eventstream_next(copy + used, to - from - used, &event) ==
                   EVENTSTREAM_DONE) {
                CHECK_TRUE(count < 3);
                CHECK_STR(event.event, names[count]);
                CHECK_EQ(event.data_count, 1);
                CHECK_STR(event.data[0], payloads[count]);
                CHECK_TRUE(!event.is_exception && !event.comment_only);
                used += event.bytes;
                count++;
            }
            from += used;
            free(copy);
        }
        CHECK_EQ(count, 3);
        CHECK_EQ(from, to);
    }
    buf_fini(&stream);
}

TEST(a_message_that_bedrock_sent_is_read)
{
    /* The first bytes are those of a recording; the padding is cut short. */
    static const unsigned char prelude[] = {0x00, 0x00, 0x00, 0xa0, 0x00, 0x00,
                                            0x00, 0x52, 0x90, 0x60, 0x70, 0x27};
    struct sse_event event;
    CHECK_EQ(eventstream_next((const char *)prelude, sizeof(prelude), &event),
             EVENTSTREAM_MORE);
    CHECK_EQ(
        eventstream_next((const char *)prelude, sizeof(prelude) - 1, &event),
        EVENTSTREAM_MORE);
    CHECK_EQ(eventstream_next(NULL, 0, &event), EVENTSTREAM_MORE);
}

TEST(exceptions_and_errors_are_told_apart_from_events)
{
    struct buf stream, headers;
    struct sse_event event;
    buf_init(&stream, 0);
    buf_init(&headers, 0);
    put_header(&headers, ":message-type", "exception");
    put_header(&headers, ":exception-type", "throttlingException");
    put_message(&stream, buf_view(&headers), STR_LIT("{\"message\":\"slow\"}"));
    CHECK_EQ(eventstream_next(buf_ptr(&stream), buf_len(&stream), &event),
             EVENTSTREAM_DONE);
    CHECK_TRUE(event.is_exception);
    CHECK_STR(event.event, "throttlingException");
    CHECK_STR(event.data[0], "{\"message\":\"slow\"}");
    buf_reset(&stream);
    buf_reset(&headers);
    put_header(&headers, ":message-type", "error");
    put_header(&headers, ":error-code", "InternalError");
    put_header(&headers, ":error-message", "it broke");
    put_message(&stream, buf_view(&headers), STR_LIT(""));
    CHECK_EQ(eventstream_next(buf_ptr(&stream), buf_len(&stream), &event),
             EVENTSTREAM_DONE);
    CHECK_TRUE(event.is_exception);
    CHECK_STR(event.event, "InternalError");
    CHECK_STR(event.data[0], "it broke");
    buf_fini(&stream);
    buf_fini(&headers);
}

TEST(any_flipped_bit_is_found)
{
    struct buf stream;
    buf_init(&stream, 0);
    put_event(&stream, "messageStop", "{\"stopReason\":\"end_turn\"}");
    for (size_t bit = 0; bit < 8 * buf_len(&stream); bit++) {
        struct sse_event event;
        stream.data[stream.start + bit / 8] ^= (char)(1 << bit % 8);
        CHECK_EQ(eventstream_next(buf_ptr(&stream), buf_len(&stream), &event),
                 EVENTSTREAM_BAD);
        stream.data[stream.start + bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_fini(&stream);
}

TEST(lengths_that_cannot_be_are_refused_before_they_are_waited_for)
{
    static const uint32_t bad[][2] = {
        {0, 0},
        {15, 0},
        {16, 1},
        {100, 85},
        {EVENTSTREAM_MESSAGE_MAX + 1, 0},
        {0xffffffff, 0},
        {0xffffffff, 0xffffffff},
        {1 << 20, EVENTSTREAM_HEADERS_MAX + 1},
        {100, 0xfffffff0},
    };
    static const uint32_t good[][2] = {
        {100, 84},
        {EVENTSTREAM_MESSAGE_MAX, EVENTSTREAM_HEADERS_MAX},
    };
    struct buf prelude;
    struct sse_event event;
    buf_init(&prelude, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_reset(&prelude);
        put_u32(&prelude, bad[i][0]);
        put_u32(&prelude, bad[i][1]);
        put_u32(&prelude, crc_of(&prelude, 0));
        CHECK_EQ(eventstream_next(buf_ptr(&prelude), 12, &event),
                 EVENTSTREAM_BAD);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        buf_reset(&prelude);
        put_u32(&prelude, good[i][0]);
        put_u32(&prelude, good[i][1]);
        put_u32(&prelude, crc_of(&prelude, 0));
        CHECK_EQ(eventstream_next(buf_ptr(&prelude), 12, &event),
                 EVENTSTREAM_MORE);
    }
    buf_fini(&prelude);
}

TEST(headers_of_all_types_are_passed_over_and_broken_ones_refused)
{
    static const struct {
        struct str headers;
        bool good;
    } cases[] = {
        {STR_LIT(""), true},
        {STR_LIT("\1a\0"), true},
        {STR_LIT("\1a\1"), true},
        {STR_LIT("\1a\2x"), true},
        {STR_LIT("\1a\3xx"), true},
        {STR_LIT("\1a\4xxxx"), true},
        {STR_LIT("\1a\5xxxxxxxx"), true},
        {STR_LIT("\1a\6\0\2xx"), true},
        {STR_LIT("\1a\7\0\2xx"), true},
        {STR_LIT("\1a\10xxxxxxxx"), true},
        {STR_LIT("\1a\11xxxxxxxxxxxxxxxx"), true},
        {STR_LIT("\1a\12"), false},
        {STR_LIT("\1a\377"), false},
        {STR_LIT("\0"), false},
        {STR_LIT("\0\7\0\0"), false},
        {STR_LIT("\1"), false},
        {STR_LIT("\1a"), false},
        {STR_LIT("\2a\0"), false},
        {STR_LIT("\377a\0"), false},
        {STR_LIT("\1a\2"), false},
        {STR_LIT("\1a\4xxx"), false},
        {STR_LIT("\1a\7"), false},
        {STR_LIT("\1a\7\0"), false},
        {STR_LIT("\1a\7\0\3xx"), false},
        {STR_LIT("\1a\7\377\377xx"), false},
        {STR_LIT("\1a\11xxxxxxxxxxxxxxx"), false},
    };
    struct buf stream;
    buf_init(&stream, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sse_event event;
        buf_reset(&stream);
        put_message(&stream, cases[i].headers, STR_LIT("p"));
        CHECK_EQ(eventstream_next(buf_ptr(&stream), buf_len(&stream), &event),
                 cases[i].good ? EVENTSTREAM_DONE : EVENTSTREAM_BAD);
        if (cases[i].good)
            CHECK_STR(event.data[0], "p");
    }
    buf_fini(&stream);
}

TEST(only_a_string_names_an_event)
{
    struct buf stream;
    struct sse_event event;
    buf_init(&stream, 0);
    put_message(&stream, STR_LIT("\13:event-type\6\0\1x"), STR_LIT(""));
    CHECK_EQ(eventstream_next(buf_ptr(&stream), buf_len(&stream), &event),
             EVENTSTREAM_DONE);
    CHECK_EQ(event.event.len, 0);
    buf_fini(&stream);
}
