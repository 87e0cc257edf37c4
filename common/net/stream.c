/*
 * stream.c - see stream.h. TLS is in tls_session.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/stream.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/tls_session.h"

ssize_t
stream_read(struct stream *stream, void *into, size_t room)
{
    if (stream->tls != NULL)
        return tls_session_read(stream->tls, into, room);
    for (;;) {
        ssize_t got = recv(stream->fd, into, room, 0);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return -errno;
    }
}

ssize_t
stream_writev(struct stream *stream, const struct iovec *pieces, int count)
{
    if (stream->tls != NULL)
        return tls_session_writev(stream->tls, pieces, count);
    struct msghdr message = {
        /* sendmsg() only reads them. */
        .msg_iov = (struct iovec *)(uintptr_t)pieces,
        .msg_iovlen = count < IOV_MAX ? (size_t)count : IOV_MAX,
    };
    for (;;) {
        ssize_t sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
        if (sent >= 0)
            return sent;
        if (errno != EINTR)
            return -errno;
    }
}

int
stream_handshake(struct stream *stream)
{
    return stream->tls == NULL ? 0 : tls_session_handshake(stream->tls);
}

void
stream_close(struct stream *stream)
{
    if (stream->tls != NULL) {
        tls_session_shutdown(stream->tls);
        tls_session_free(&stream->tls);
    }
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}
