/*
 * tls_session.c - reading, writing and shaking hands over one SSL.
 *
 * Pieces of a write are put together in a buffer of the thread, not of the
 * connection: ten thousand idle connections would hold 160 MB of them. So on a
 * retry the bytes are gathered again from what the caller offers then.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls_session.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

enum { RECORD_MAX = SSL3_RT_MAX_PLAIN_LENGTH };

int
tls_session_create(SSL_CTX *context, struct stream *stream)
{
    struct tls_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return -ENOMEM;
    session->fd = stream->fd;
    session->ssl = SSL_new(context);
    if (session->ssl == NULL || tls_session_set_bio(session) != 0) {
        tls_session_free(&session);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_app_data(session->ssl, session);
    stream->tls = session;
    return 0;
}

void
tls_session_free(struct tls_session **session_ptr)
{
    struct tls_session *session = *session_ptr;
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    free(session);
    *session_ptr = NULL;
}

static void
remember_reason(struct tls_session *session)
{
    long verdict = SSL_get_verify_result(session->ssl);
    unsigned long code = ERR_peek_last_error();
    bool verified = SSL_get_verify_mode(session->ssl) != SSL_VERIFY_NONE;
    if (verified && verdict != X509_V_OK)
        session->error = X509_verify_cert_error_string(verdict);
    else if (code != 0)
        session->error = ERR_reason_error_string(code);
    if (session->error == NULL)
        session->error = "TLS failed";
}

/* close_notify has come, not an alert of another kind. */
static bool
is_closed_by_peer(const SSL *ssl)
{
    unsigned long code = ERR_peek_last_error();
    bool is_alert = ERR_GET_LIB(code) == ERR_LIB_SSL &&
                    ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
    return (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0 && !is_alert;
}

/*
 * What a call that gave `result` means: -EAGAIN, 0 for close_notify, -errno.
 * As SSL_get_error(), but what others have left in OpenSSL's queue of errors
 * is not taken for ours: so it need not be cleared before each call.
 */
static int
session_error(struct tls_session *session, int result)
{
    const SSL *ssl = session->ssl;
    BIO *bio = SSL_get_rbio(ssl);
    if ((SSL_want_read(ssl) && BIO_should_read(bio)) ||
        (SSL_want_write(ssl) && BIO_should_write(bio)))
        return -EAGAIN;
    if (is_closed_by_peer(ssl))
        return 0;
    session->broken = true;
    if (session->steps > TLS_STEPS_MAX) {
        session->error = "too many key updates";
        ERR_clear_error();
        return -EPROTO;
    }
    if (SSL_get_error(ssl, result) == SSL_ERROR_SYSCALL) {
        session->error = "connection broken";
        return session->io_error != 0 ? -session->io_error : -ECONNRESET;
    }
    remember_reason(session);
    ERR_clear_error();
    return -EPROTO;
}

int
tls_session_handshake(struct tls_session *session)
{
    if (session->broken)
        return -EPROTO;
    int result = SSL_do_handshake(session->ssl);
    if (result == 1)
        return 0;
    int error = session_error(session, result);
    return error == 0 ? -ECONNRESET : error;
}

ssize_t
tls_session_read(struct tls_session *session, void *into, size_t room)
{
    if (session->broken)
        return -EPROTO;
    size_t got = 0;
    int result = SSL_read_ex(session->ssl, into, room, &got);
    if (result != 1)
        return session_error(session, result);
    session->steps = 0;
    return (ssize_t)got;
}

bool
tls_session_is_drained(const struct tls_session *session)
{
    return session->drained && !SSL_has_pending(session->ssl);
}

/*
 * The next bytes to write, at most a record, after `skip` bytes of the pieces:
 * where they lie when one piece has enough, else copied together.
 */
static struct str
gather(const struct iovec *pieces, int count, size_t skip)
{
    static _Thread_local char scratch[RECORD_MAX];
    size_t len = 0;
    for (int i = 0; i < count && len < sizeof(scratch); i++) {
        if (skip >= pieces[i].iov_len) {
            skip -= pieces[i].iov_len;
            continue;
        }
        const char *from = (const char *)pieces[i].iov_base + skip;
        size_t n = pieces[i].iov_len - skip;
        skip = 0;
        if (len == 0 && (n >= sizeof(scratch) || i == count - 1))
            return str_make(from, n < sizeof(scratch) ? n : sizeof(scratch));
        if (n > sizeof(scratch) - len)
            n = sizeof(scratch) - len;
        memcpy(scratch + len, from, n);
        len += n;
    }
    return str_make(scratch, len);
}

ssize_t
tls_session_writev(struct tls_session *session, const struct iovec *pieces,
                   int count)
{
    if (session->broken)
        return -EPROTO;
    size_t total = 0;
    for (;;) {
        struct str next = gather(pieces, count, total);
        if (next.len == 0)
            return (ssize_t)total;
        if (session->pending_bytes > 0) {
            /* Fewer would leave the peer with bytes nobody accounts for. */
            if (next.len < session->pending_bytes) {
                session->broken = true;
                session->error = "write retried with fewer bytes";
                return -EPROTO;
            }
            next.len = session->pending_bytes;
        }
        size_t sent = 0;
        int result = SSL_write_ex(session->ssl, next.ptr, next.len, &sent);
        if (result == 1) {
            session->pending_bytes = 0;
            total += sent;
            continue;
        }
        int error = session_error(session, result);
        if (error == -EAGAIN)
            session->pending_bytes = next.len;
        if (total > 0 && error == -EAGAIN)
            return (ssize_t)total;
        return error == 0 ? -EPIPE : error;
    }
}

int
tls_session_shutdown(struct tls_session *session)
{
    /* In the middle of a record nothing else can be sent. */
    if (session->shut || session->broken || session->pending_bytes > 0 ||
        !SSL_is_init_finished(session->ssl))
        return 0;
    int result = SSL_shutdown(session->ssl);
    if (result < 0 && session_error(session, result) == -EAGAIN)
        return -EAGAIN;
    session->shut = true;
    return 0;
}

const char *
tls_error_text(const struct stream *stream)
{
    if (stream->tls == NULL || stream->tls->error == NULL)
        return "";
    return stream->tls->error;
}
