/*
 * tls_session.h - one TLS connection; private to stream.c and tls*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_TLS_SESSION_H
#define AIGW_COMMON_NET_TLS_SESSION_H

#include <openssl/ssl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/buf.h"
#include "common/net/tls.h"

/* A handshake has about twenty; a key update three, and costs its receiver far
 * more than its sender. OpenSSL 3.0 takes any number of them. */
enum { TLS_STEPS_MAX = 200 };

/*
 * Owner: the stream. `pending_bytes`: what the last write offered to OpenSSL
 * when the socket was full. OpenSSL may hold a record made of it, so the next
 * write has to offer as many bytes again, at any address.
 */
struct tls_session {
    SSL *ssl;
    int fd;         /* as the stream's, which closes it */
    int io_error;   /* errno of the last recv() or send() that failed */
    unsigned steps; /* of the handshake's kind since data came */
    bool drained;   /* the last recv() has left nothing */
    bool ended;     /* it told of a FIN */
    bool broken;    /* an error OpenSSL does not recover from */
    bool shut;      /* close_notify has been sent */
    size_t pending_bytes;
    const char *error;                  /* literal or OpenSSL's, NULL: none */
    struct tls_client_context *context; /* NULL: server side */
    char host[256];                     /* client: key of the session cache */
};

/* Makes the SSL on stream->fd and hands it to the stream. 0 or -ENOMEM. */
int tls_session_create(SSL_CTX *context, struct stream *stream) MUST_CHECK;
/* As stream_read, stream_writev, stream_handshake. */
ssize_t tls_session_read(struct tls_session *session, void *into, size_t room);
ssize_t tls_session_writev(struct tls_session *session,
                           const struct iovec *pieces, int count);
int tls_session_handshake(struct tls_session *session);
/* Sends close_notify, once. 0 sent, or never to be; -EAGAIN not now. */
int tls_session_shutdown(struct tls_session *session);
bool tls_session_is_drained(const struct tls_session *session);
/* tls_bio.c: lets the SSL read and write session->fd. 0 or -ENOMEM. */
int tls_session_set_bio(struct tls_session *session) MUST_CHECK;

/* Settings that client and server contexts share. NULL with a reason. */
SSL_CTX *tls_context_create(const SSL_METHOD *method,
                            struct buf *error) MUST_CHECK;
/* Appends "what: OpenSSL's reason" and clears OpenSSL's error queue. */
void tls_explain(struct buf *error, const char *what);

#endif
