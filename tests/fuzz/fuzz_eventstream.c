/*
 * fuzz_eventstream.c - any bytes as messages of an event stream.
 *
 * The bytes come as they are, and once more with sums that are put right, for
 * no fuzzer guesses a CRC. Read whole and in pieces, the same is found.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/net/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
read_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

static void
write_sum(char *bytes, size_t len)
{
    uint32_t sum = (uint32_t)crc32(0, (const unsigned char *)bytes, (uInt)len);
    for (int i = 0; i < 4; i++)
        bytes[len + (size_t)i] = (char)(sum >> (24 - 8 * i));
}

/* Sums of messages one behind the other, as far as their lengths can be. */
static void
mend(char *bytes, size_t len)
{
    while (len >= 16) {
        size_t total = read_u32(bytes);
        write_sum(bytes, 8);
        if (total < 16 || total > len)
            return;
        write_sum(bytes, total - 4);
        bytes += total;
        len -= total;
    }
}

/* What one reader finds, as a text; each look is at memory of its own. */
static void
read_all(const char *bytes, size_t len, size_t step, struct buf *out)
{
    enum eventstream_result result = EVENTSTREAM_MORE;
    size_t from = 0, to = 0;
    while (to < len && result != EVENTSTREAM_BAD) {
        to = len - to < step ? len : to + step;
        char *copy = malloc(to - from + 1);
        struct sse_event event;
        size_t used = 0;
        CHECK(copy != NULL);
        memcpy(copy, bytes + from, to - from);
        copy = realloc(copy, to - from);
        while ((result = eventstream_next(copy + used, to - from - used,
                                          &event)) == EVENTSTREAM_DONE) {
            CHECK(event.bytes >= 16 && event.bytes <= to - from - used);
            CHECK(event.data_count == 1 && !event.comment_only);
            buf_printf(out, "%zu %d %zu %zu ", event.bytes, event.is_exception,
                       event.event.len, event.data[0].len);
            buf_append_str(out, event.event);
            buf_append_str(out, event.data[0]);
            used += event.bytes;
            if (used == to - from)
                break;
        }
        from += used;
        free(copy);
    }
    buf_printf(out, "%d", result == EVENTSTREAM_BAD);
}

static void
compare(const char *bytes, size_t len)
{
    struct buf whole, pieces;
    buf_init(&whole, 0);
    buf_init(&pieces, 0);
    read_all(bytes, len, len, &whole);
    for (size_t step = 1; step < len; step = step * 3 + 1) {
        if (len / step > 2000)
            continue;
        buf_reset(&pieces);
        read_all(bytes, len, step, &pieces);
        CHECK(str_equals(buf_view(&whole), buf_view(&pieces)));
    }
    buf_fini(&whole);
    buf_fini(&pieces);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *bytes = malloc(size);
    CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    compare(bytes, size);
    mend(bytes, size);
    compare(bytes, size);
    free(bytes);
    return 0;
}
