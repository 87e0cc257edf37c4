/*
 * eventstream.h - messages of application/vnd.amazon.eventstream, in place.
 *
 *   0   u32 length          of the whole message, 16 at least
 *   4   u32 headers length
 *   8   u32 CRC-32 of bytes 0..7
 *   12  headers             name length u8, name, type u8, value
 *   ..  payload
 *   -4  u32 CRC-32 of all before it
 *
 * Integers are big-endian, the CRC is zlib's. A message is given as the event
 * of a stream of server-sent events would be (sse.h), so that a dialect reads
 * both alike: `event` is :event-type, data[0] the payload.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_EVENTSTREAM_H
#define AIGW_COMMON_NET_EVENTSTREAM_H

#include "common/net/sse.h"

/* What AWS allows; more is refused before it is waited for. */
enum {
    EVENTSTREAM_MESSAGE_MAX = 24 << 20,
    EVENTSTREAM_HEADERS_MAX = 128 << 10,
};

enum eventstream_result {
    EVENTSTREAM_DONE, /* *event is the first message */
    EVENTSTREAM_MORE, /* call again with the same bytes and more behind them */
    EVENTSTREAM_BAD,  /* a length, a CRC or a header is wrong: not to be read
                         further, for where the next begins is unknown */
};

/*
 * eventstream_next - the message that begins at bytes[0]. A wrong prelude is
 * found as soon as its 12 bytes are there. Spans of *event point into bytes.
 * Of an exception `event` is :exception-type and the payload its JSON; of an
 * error :error-code and :error-message (no JSON); is_exception is set in both.
 */
enum eventstream_result eventstream_next(const char *bytes, size_t len,
                                         struct sse_event *event);

#endif
