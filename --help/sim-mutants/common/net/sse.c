/*
 * sse.c - see sse.h.
 *
 * An event that is there as a whole is read once. When its end is missing, the
 * next call looks for it in new bytes only and then reads the event from its
 * start, so that a long event in many pieces costs two passes, not one a piece.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/sse.h"

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define UTF8_BOM "\xef\xbb\xbf"

/* Offset of the first CR or LF in [from, len), or len. */
static size_t
find_line_end(const char *bytes, size_t from, size_t len)
{
    size_t at = from;
#ifdef __SSE2__
    const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    for (; len - at >= 16; at += 16) {
        __m128i b = _mm_loadu_si128((const __m128i *)(bytes + at));
        __m128i end =
            _mm_or_si128(_mm_cmpeq_epi8(b, cr), _mm_cmpeq_epi8(b, lf));
        unsigned mask = (unsigned)_mm_movemask_epi8(end);
        if (mask != 0)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    while (at < len && bytes[at] != '\r' && bytes[at] != '\n')
        at++;
    return at;
}

static void
read_line(struct sse_event *event, struct str line)
{
    if (line.ptr[0] == ':')
        return; /* comment */
    event->comment_only = false;
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t name_len = colon == NULL ? line.len : (size_t)(colon - line.ptr);
    struct str name = {line.ptr, name_len};
    struct str value = str_skip(line, name_len + 1);
    if (value.len > 0 && value.ptr[0] == ' ')
        value = str_skip(value, 1);
    if (str_equals(name, STR_LIT("data"))) {
        if (event->data_count < SSE_DATA_LINES)
            event->data[event->data_count++] = value;
        else if (event->more.ptr == NULL)
            event->more.ptr = line.ptr;
    } else if (str_equals(name, STR_LIT("event"))) {
        event->event = value;
    }
}

/* The spans of data[] beyond data_count are left as they were. */
static void
event_reset(struct sse_event *event)
{
    event->bytes = 0;
    event->event = (struct str){NULL, 0};
    event->data_count = 0;
    event->more = (struct str){NULL, 0};
    event->comment_only = true;
    event->is_exception = false;
}

/*
 * Length of the event, or 0 when its end is not there. `event` gets its fields,
 * or is NULL when the walk goes on in the middle.
 */
static size_t
walk_lines(struct sse_scan *scan, struct str input, size_t begin, bool at_end,
           struct sse_event *event)
{
    const char *bytes = input.ptr;
    size_t at = scan->scanned > begin ? scan->scanned : begin;
    size_t line = at; /* its start, or any place before `at` when older */
    if (at > begin && bytes[at - 1] != '\n' && bytes[at - 1] != '\r')
        line = at - 1;
    for (;;) {
        size_t end = find_line_end(bytes, at, input.len), after = end + 1;
        scan->scanned = end;
        if (end == input.len)
            break;
        if (bytes[end] == '\r') {
            if (after == input.len && !at_end)
                return 0; /* perhaps half of CR LF */
            after += after < input.len && bytes[after] == '\n';
        }
        if (end == line)
            return after;
        if (event != NULL)
            read_line(event, str_make(bytes + line, end - line));
        scan->scanned = at = line = after;
    }
    if (!at_end)
        return 0;
    if (event != NULL && line < input.len)
        read_line(event, str_make(bytes + line, input.len - line));
    return input.len;
}

bool
sse_next(struct sse_scan *scan, const char *bytes, size_t len, bool at_end,
         struct sse_event *event)
{
    struct str input = {bytes, len};
    event_reset(event);
    if (len == 0)
        return false;
    size_t begin = 0;
    if (!scan->started && str_starts_with(input, STR_LIT(UTF8_BOM)))
        begin = sizeof(UTF8_BOM) - 1;
    bool whole = scan->scanned <= begin;
    event->bytes = walk_lines(scan, input, begin, at_end, whole ? event : NULL);
    if (event->bytes == 0)
        return false;
    if (!whole) {
        scan->scanned = 0;
        event->bytes = walk_lines(scan, input, begin, at_end, event);
    }
    if (event->more.ptr != NULL)
        event->more.len = (size_t)(bytes + event->bytes - event->more.ptr);
    scan->scanned = 0;
    scan->started = true;
    return true;
}

void
sse_join_data(const struct sse_event *event, struct buf *out)
{
    struct str rest = event->more;
    for (unsigned i = 0; i < event->data_count; i++) {
        if (i > 0)
            buf_append_char(out, '\n');
        buf_append_str(out, event->data[i]);
    }
    while (rest.len > 0) {
        struct sse_event one;
        size_t end = find_line_end(rest.ptr, 0, rest.len);
        event_reset(&one);
        if (end > 0)
            read_line(&one, str_make(rest.ptr, end));
        if (one.data_count > 0) {
            buf_append_char(out, '\n');
            buf_append_str(out, one.data[0]);
        }
        rest = str_skip(rest, end + 1); /* of CR LF the LF is an empty line */
    }
}
