/*
 * stream.h - a connected socket, plain or TLS, behind four calls.
 *
 * Non-blocking. Results: > 0 bytes; 0 the peer ended cleanly (read only);
 * -EAGAIN not now; other -errno broken (-EPROTO: TLS). The owner registers the
 * fd in its loop, edge-triggered for both directions; with TLS a read may need
 * writability and the other way round, which edge triggering makes invisible:
 * try again on any event.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_STREAM_H
#define AIGW_COMMON_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/check.h"

struct tls_session; /* tls.c: an SSL with its scratch; NULL = plain */

struct stream {
    int fd;
    struct tls_session *tls;
};

ssize_t stream_read(struct stream *stream, void *into, size_t room) MUST_CHECK;
/* One send for all pieces (sendmsg, MSG_NOSIGNAL); TLS: copied into records of
 * up to 16 KiB. May write less than asked. What was not written comes first in
 * the next call, at any address, with more behind it if there is more: of the
 * first 16 KiB, TLS may have made a record already. */
ssize_t stream_writev(struct stream *stream, const struct iovec *pieces,
                      int count) MUST_CHECK;
/* TLS handshake step: 0 done, -EAGAIN, -EPROTO ... Plain: 0. */
int stream_handshake(struct stream *stream) MUST_CHECK;
/* Whether a read that gave `got` bytes of `room` has left nothing behind, so
 * that epoll tells when there is more. A FIN that it has told of stays unread. */
bool stream_is_drained(const struct stream *stream, size_t got, size_t room);
/* Nothing follows: close_notify where TLS, then FIN; reading goes on. 0, also
 * where the peer cannot be told any more; -EAGAIN: again when writable. */
int stream_end(struct stream *stream) MUST_CHECK;
/* close_notify where TLS and not sent yet, then close. */
void stream_close(struct stream *stream);
/* Closes in the middle of something: where TLS, the peer can tell. */
void stream_abort(struct stream *stream);

#endif
