/*
 * fuzz_sse.c - any bytes as a stream of server-sent events.
 *
 * Compared with a slow obvious reader of the same grammar, whole and in pieces.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One event as bytes: lengths first, so that no content looks like another. */
static void
describe(struct buf *out, size_t bytes, struct str name, unsigned count,
         struct str data, bool comment_only)
{
    buf_printf(out, "%zu %d %u %zu ", bytes, comment_only, count, name.len);
    buf_append_str(out, name);
    buf_printf(out, " %zu ", data.len);
    buf_append_str(out, data);
}

struct slow_event {
    struct str name;
    struct buf data; /* joined */
    unsigned count;  /* as far as they have a place of their own */
    bool comment_only;
};

static void
slow_reset(struct slow_event *event)
{
    buf_reset(&event->data);
    event->name = str_make(NULL, 0);
    event->count = 0;
    event->comment_only = true;
}

static void
slow_line(struct slow_event *event, struct str line)
{
    size_t colon = 0;
    while (colon < line.len && line.ptr[colon] != ':')
        colon++;
    if (colon == 0 && line.len > 0)
        return;
    event->comment_only = false;
    struct str value = str_skip(line, colon + 1);
    if (value.len > 0 && *value.ptr == ' ')
        value = str_skip(value, 1);
    struct str name = {line.ptr, colon};
    if (str_equals(name, STR_LIT("event")))
        event->name = value;
    if (!str_equals(name, STR_LIT("data")))
        return;
    if (event->count > 0)
        buf_append_char(&event->data, '\n');
    buf_append_str(&event->data, value);
    event->count += event->count < SSE_DATA_LINES;
}

static void
slow_read(struct str stream, struct buf *out)
{
    size_t at = 0, start = 0;
    if (str_starts_with(stream, STR_LIT("\xef\xbb\xbf")))
        at = 3;
    struct slow_event event;
    buf_init(&event.data, 0);
    slow_reset(&event);
    while (at < stream.len) {
        size_t end = at;
        while (end < stream.len && stream.ptr[end] != '\r' &&
               stream.ptr[end] != '\n')
            end++;
        struct str line = {stream.ptr + at, end - at};
        at = end < stream.len ? end + 1 : end;
        if (end + 1 < stream.len && stream.ptr[end] == '\r' &&
            stream.ptr[end + 1] == '\n')
            at++;
        if (line.len > 0)
            slow_line(&event, line);
        if (line.len > 0 && at < stream.len)
            continue;
        describe(out, at - start, event.name, event.count,
                 buf_view(&event.data), event.comment_only);
        slow_reset(&event);
        start = at;
    }
    if (start < at) /* a BOM and nothing else */
        describe(out, at - start, event.name, 0, buf_view(&event.data), true);
    buf_fini(&event.data);
}

/*
 * Gives `step` bytes more at a time. The pieces stand in memory of their own,
 * so that a look beyond them is found.
 */
static void
fast_read(struct str stream, size_t step, struct buf *out)
{
    struct sse_scan scan = {0};
    size_t start = 0, len = 0;
    while (start < stream.len) {
        len = stream.len - len < step ? stream.len : len + step;
        bool at_end = len == stream.len;
        char *piece = malloc(len - start + 1);
        CHECK(piece != NULL);
        memcpy(piece, stream.ptr + start, len - start);
        piece = realloc(piece, len - start == 0 ? 1 : len - start);
        struct sse_event event;
        size_t used = 0, left = len - start;
        while (sse_next(&scan, piece + used, left - used, at_end, &event)) {
            CHECK(event.bytes > 0 && event.bytes <= left - used);
            struct buf joined;
            buf_init(&joined, 0);
            sse_join_data(&event, &joined);
            describe(out, event.bytes, event.event, event.data_count,
                     buf_view(&joined), event.comment_only);
            buf_fini(&joined);
            used += event.bytes;
        }
        CHECK(scan.scanned <= left - used);
        CHECK(!at_end || used == left);
        start += used;
        free(piece);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str stream = {(const char *)data, size};
    struct buf slow, fast;
    buf_init(&slow, 0);
    buf_init(&fast, 0);
    slow_read(stream, &slow);
    for (size_t step = 1; step < size + 64; step = step * 2 + 1) {
        if (size / step > 2000)
            continue;
        buf_reset(&fast);
        fast_read(stream, step, &fast);
        CHECK(str_equals(buf_view(&slow), buf_view(&fast)));
    }
    buf_fini(&slow);
    buf_fini(&fast);
    return 0;
}
