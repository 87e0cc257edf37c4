/*
 * tls.c - what both kinds of TLS context share, and the server's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "common/net/tls_session.h"
#include "common/net/tls_tickets.h"

struct tls_server_context {
    SSL_CTX *ssl_context;
    int min_version;
    struct tls_tickets tickets; /* of this SSL_CTX and those before it */
};

void
tls_explain(struct buf *error, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    buf_printf(error, "%s: %s", what, reason == NULL ? "failed" : reason);
    ERR_clear_error();
}

/* Not called for data. */
static void
on_step(const SSL *ssl, int where, int value)
{
    (void)value;
    struct tls_session *session = SSL_get_app_data(ssl);
    if ((where & SSL_CB_LOOP) != 0 && session != NULL)
        session->steps++;
}

SSL_CTX *
tls_context_create(const SSL_METHOD *method, struct buf *error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL ||
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        tls_explain(error, "cannot set up TLS");
        SSL_CTX_free(context);
        return NULL;
    }
    /* Which of these ciphers is best a client knows better (without AES in
     * hardware it is ChaCha20): its order counts. */
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    /* One recv() a record, not one for its header and one for the rest. */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_info_callback(context, on_step);
    return context;
}

/* RFC 7301: a client that offers protocols, but not ours, is turned away. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                const unsigned char *offered, unsigned int offered_len,
                void *user)
{
    (void)ssl, (void)user;
    static const char ours[] = "http/1.1";
    enum { OURS_LEN = sizeof(ours) - 1 };
    unsigned int at = 0;
    while (at < offered_len && offered[at] < offered_len - at) {
        unsigned char len = offered[at];
        if (len == OURS_LEN && memcmp(offered + at + 1, ours, OURS_LEN) == 0) {
            *out = offered + at + 1;
            *out_len = OURS_LEN;
            return SSL_TLSEXT_ERR_OK;
        }
        at += 1u + len;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *
server_context_create(struct tls_server_context *context,
                      const struct certificate *certificate, struct buf *error)
{
    static const unsigned char id[] = "aigw";
    SSL_CTX *ssl_context = tls_context_create(TLS_server_method(), error);
    if (ssl_context == NULL)
        return NULL;
    if (certificate_use(certificate, ssl_context, error) != 0) {
        SSL_CTX_free(ssl_context);
        return NULL;
    }
    if (SSL_CTX_set_min_proto_version(ssl_context, context->min_version) != 1 ||
        SSL_CTX_set1_groups_list(ssl_context, "X25519:P-256:P-384") != 1 ||
        SSL_CTX_set_session_id_context(ssl_context, id, sizeof(id) - 1) != 1 ||
        SSL_CTX_set_max_early_data(ssl_context, 0) != 1 ||
        !tls_tickets_attach(&context->tickets, ssl_context)) {
        tls_explain(error, "cannot set up TLS");
        SSL_CTX_free(ssl_context);
        return NULL;
    }
    /* Tickets only: no memory here per session of a client. */
    SSL_CTX_set_session_cache_mode(ssl_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ssl_context, choose_protocol, NULL);
    return ssl_context;
}

struct tls_server_context *
tls_server_create(const struct certificate *certificate,
                  const char *min_version, const struct crypto_secrets *secrets,
                  struct buf *error)
{
    int version = TLS1_2_VERSION;
    if (min_version != NULL && strcmp(min_version, "1.3") == 0) {
        version = TLS1_3_VERSION;
    } else if (min_version != NULL && strcmp(min_version, "1.2") != 0) {
        buf_printf(error, "unknown TLS version %s: use 1.2 or 1.3",
                   min_version);
        return NULL;
    }
    struct tls_server_context *context = calloc(1, sizeof(*context));
    if (context == NULL) {
        buf_append_cstr(error, "out of memory");
        return NULL;
    }
    context->min_version = version;
    tls_tickets_init(&context->tickets, secrets);
    context->ssl_context = server_context_create(context, certificate, error);
    if (context->ssl_context == NULL)
        tls_server_destroy(&context);
    return context;
}

int
tls_server_replace(struct tls_server_context *context,
                   const struct certificate *certificate, struct buf *error)
{
    SSL_CTX *next = server_context_create(context, certificate, error);
    if (next == NULL)
        return -EINVAL;
    SSL_CTX_free(context->ssl_context); /* its connections hold it */
    context->ssl_context = next;
    return 0;
}

void
tls_server_destroy(struct tls_server_context **context)
{
    if (*context == NULL)
        return;
    SSL_CTX_free((*context)->ssl_context);
    tls_tickets_wipe(&(*context)->tickets);
    free(*context);
    *context = NULL;
}

int
tls_server_start(struct tls_server_context *context, struct stream *stream)
{
    int result = tls_session_create(context->ssl_context, stream);
    if (result == 0)
        SSL_set_accept_state(stream->tls->ssl);
    return result;
}
