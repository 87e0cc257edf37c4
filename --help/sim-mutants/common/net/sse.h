/*
 * sse.h - finds the events of a server-sent event stream (WHATWG grammar) in
 * bytes that come in pieces cut anywhere, without changing them: a BOM, CR, LF
 * and CRLF, comments, missing spaces after the colon, and a last event without
 * its empty line are all as the stream has them.
 *
 * sse_next() works on a caller's contiguous bytes that begin at an event
 * boundary: it says where the first event ends and where its data lies.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_SSE_H
#define AIGW_COMMON_NET_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/str.h"

enum { SSE_DATA_LINES = 16 };

struct sse_event {
    size_t bytes;                    /* of the input, the empty line included */
    struct str event;                /* "event:" value, empty if none */
    unsigned data_count;             /* of data[] */
    struct str data[SSE_DATA_LINES]; /* one span per data: line */
    struct str more; /* raw: from the first data: line beyond them to the end */
    bool comment_only; /* no field at all */
    bool is_exception; /* tells of a failure (eventstream.h) */
};

/* Zeros at the start of a stream; then only sse_next() writes it. */
struct sse_scan {
    size_t scanned; /* how far a partial event was looked at already */
    bool started;   /* an event was found: no BOM is skipped any more */
};

/*
 * sse_next - true when an event is complete in bytes[0, len). `at_end`: the
 * stream has ended, so what is left counts as an event (false when nothing is).
 * A "\r" at the very end is not yet a line end unless at_end. An empty line more
 * than needed is an event of its own with comment_only. On false, call again with
 * the same bytes and more behind them.
 */
bool sse_next(struct sse_scan *scan, const char *bytes, size_t len, bool at_end,
              struct sse_event *event);
/* All data lines as one text with line feeds between (WHATWG), into `out`. */
void sse_join_data(const struct sse_event *event, struct buf *out);

#endif
