/*
 * eventstream.c - see eventstream.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/eventstream.h"

#include <stdint.h>

#include "common/check.h"
#include "common/hash.h"

enum {
    PRELUDE_BYTES = 12,
    CRC_BYTES = 4,
    FRAME_BYTES = PRELUDE_BYTES + CRC_BYTES, /* around headers and payload */
};

enum value_type { VALUE_BYTES = 6, VALUE_STRING = 7, VALUE_TYPES = 10 };

/* The headers that tell what a message is. */
struct headers {
    struct str message_type, event_type, exception_type, error_code,
        error_message;
};

static uint32_t
read_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

static bool
crc_is_good(const char *bytes, size_t len)
{
    return hash_crc32(0, bytes, len) == read_u32(bytes + len);
}

/* Bytes of a value without its length; -1: its length stands before it. */
static int
fixed_size(unsigned type)
{
    static const int8_t sizes[VALUE_TYPES] = {0, 0, 1, 2, 4, 8, -1, -1, 8, 16};
    return sizes[type];
}

/* The value at the start of *left, which then begins behind it. */
static bool
take_value(struct str *left, unsigned type, struct str *value)
{
    if (type >= VALUE_TYPES)
        return false;
    int fixed = fixed_size(type);
    size_t len = (size_t)fixed, before = 0;
    if (fixed < 0) {
        if (left->len < 2)
            return false;
        before = 2;
        len = (size_t)((unsigned char)left->ptr[0] << 8 |
                       (unsigned char)left->ptr[1]);
    }
    if (left->len - before < len)
        return false;
    *value = str_make(left->ptr + before, len);
    *left = str_skip(*left, before + len);
    return true;
}

/* Keeps what is asked for; of a header that comes twice, the last. */
static void
keep_header(struct headers *headers, struct str name, struct str value)
{
    const struct {
        struct str name;
        struct str *value;
    } known[] = {
        {STR_LIT(":message-type"), &headers->message_type},
        {STR_LIT(":event-type"), &headers->event_type},
        {STR_LIT(":exception-type"), &headers->exception_type},
        {STR_LIT(":error-code"), &headers->error_code},
        {STR_LIT(":error-message"), &headers->error_message},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_equals(known[i].name, name))
            *known[i].value = value;
}

static bool
read_headers(struct headers *headers, struct str left)
{
    while (left.len > 0) {
        size_t name_len = (unsigned char)left.ptr[0];
        struct str value;
        if (name_len == 0 || left.len < name_len + 2)
            return false;
        struct str name = {left.ptr + 1, name_len};
        unsigned type = (unsigned char)left.ptr[1 + name_len];
        left = str_skip(left, name_len + 2);
        if (!take_value(&left, type, &value))
            return false;
        if (type == VALUE_STRING)
            keep_header(headers, name, value);
    }
    return true;
}

/* An unknown :message-type is an event that nobody knows, not a fault. */
static void
make_event(struct sse_event *event, const struct headers *headers,
           struct str payload, size_t bytes)
{
    event->bytes = bytes;
    event->comment_only = false;
    event->data_count = 1;
    event->data[0] = payload;
    event->more = (struct str){NULL, 0};
    event->event = headers->event_type;
    event->is_exception = true;
    if (str_equals(headers->message_type, STR_LIT("exception"))) {
        event->event = headers->exception_type;
    } else if (str_equals(headers->message_type, STR_LIT("error"))) {
        event->event = headers->error_code;
        event->data[0] = headers->error_message;
    } else {
        event->is_exception = false;
    }
}

enum eventstream_result
eventstream_next(const char *bytes, size_t len, struct sse_event *event)
{
    if (len < PRELUDE_BYTES)
        return EVENTSTREAM_MORE;
    size_t total = read_u32(bytes), headers_len = read_u32(bytes + 4);
    if (total < FRAME_BYTES || total > EVENTSTREAM_MESSAGE_MAX ||
        headers_len > EVENTSTREAM_HEADERS_MAX ||
        headers_len > total - FRAME_BYTES || !crc_is_good(bytes, 8))
        return EVENTSTREAM_BAD;
    if (len < total)
        return EVENTSTREAM_MORE;
    struct headers headers = {0};
    if (!crc_is_good(bytes, total - CRC_BYTES) ||
        !read_headers(&headers, str_make(bytes + PRELUDE_BYTES, headers_len)))
        return EVENTSTREAM_BAD;
    struct str payload = {bytes + PRELUDE_BYTES + headers_len,
                          total - FRAME_BYTES - headers_len};
    make_event(event, &headers, payload, total);
    return EVENTSTREAM_DONE;
}
