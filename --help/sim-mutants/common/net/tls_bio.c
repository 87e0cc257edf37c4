/*
 * tls_bio.c - OpenSSL's way to the socket.
 *
 * OpenSSL's own socket BIO writes without MSG_NOSIGNAL and does not tell
 * whether a read has emptied the socket, which costs another recv() a request.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <sys/socket.h>

#include "common/net/tls_session.h"

static int
bio_read(BIO *bio, char *into, int room)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t got;
    BIO_clear_retry_flags(bio);
    if (session->steps > TLS_STEPS_MAX)
        return -1;
    do
        got = recv(session->fd, into, (size_t)room, 0);
    while (got < 0 && errno == EINTR);
    session->drained = got < room;
    if (got < 0) {
        session->io_error = errno;
        if (errno == EAGAIN)
            BIO_set_retry_read(bio);
    }
    session->ended = got == 0;
    return (int)got;
}

static int
bio_write(BIO *bio, const char *from, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t sent;
    BIO_clear_retry_flags(bio);
    do
        sent = send(session->fd, from, (size_t)len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        session->io_error = errno;
        if (errno == EAGAIN)
            BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    const struct tls_session *session = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF: /* asked for, to tell a cut from a full stop */
        return session->ended;
    default:
        return 0;
    }
}

static int
bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* One for the process, for ever; contexts are made by one thread. */
static const BIO_METHOD *
bio_method(void)
{
    static BIO_METHOD *method;
    if (method != NULL)
        return method;
    BIO_METHOD *made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (made == NULL || BIO_meth_set_create(made, bio_create) != 1 ||
        BIO_meth_set_read(made, bio_read) != 1 ||
        BIO_meth_set_write(made, bio_write) != 1 ||
        BIO_meth_set_ctrl(made, bio_control) != 1) {
        BIO_meth_free(made);
        return NULL;
    }
    method = made;
    return method;
}

int
tls_session_set_bio(struct tls_session *session)
{
    const BIO_METHOD *method = bio_method();
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio == NULL)
        return -ENOMEM;
    BIO_set_data(bio, session);
    SSL_set_bio(session->ssl, bio, bio);
    return 0;
}
