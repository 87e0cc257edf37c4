/*
 * tls_client.c - TLS towards providers: who is trusted, which name is meant,
 * and the sessions kept so that the next connection to a host is cheaper.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "common/net/tls_session.h"

enum { SESSIONS_MAX = 64 };

struct kept_session {
    char host[256];
    SSL_SESSION *session; /* NULL: free place; a reference of ours */
    uint64_t age;         /* the smallest is replaced first */
};

struct tls_client_context {
    SSL_CTX *ssl_context;
    uint64_t clock; /* counts stores */
    struct kept_session kept[SESSIONS_MAX];
};

static struct kept_session *
find_kept(struct tls_client_context *context, const char *host)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (context->kept[i].session != NULL &&
            strcasecmp(context->kept[i].host, host) == 0)
            return &context->kept[i];
    return NULL;
}

static struct kept_session *
find_place(struct tls_client_context *context)
{
    struct kept_session *oldest = &context->kept[0];
    for (int i = 0; i < SESSIONS_MAX; i++) {
        if (context->kept[i].session == NULL)
            return &context->kept[i];
        if (context->kept[i].age < oldest->age)
            oldest = &context->kept[i];
    }
    return oldest;
}

/* Called by OpenSSL when a ticket has come; 1: the reference is ours now. */
static int
keep_session(SSL *ssl, SSL_SESSION *ssl_session)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    if (session == NULL || session->context == NULL)
        return 0;
    struct tls_client_context *context = session->context;
    struct kept_session *kept = find_kept(context, session->host);
    if (kept == NULL)
        kept = find_place(context);
    SSL_SESSION_free(kept->session);
    kept->session = ssl_session;
    kept->age = ++context->clock;
    memcpy(kept->host, session->host, sizeof(kept->host));
    return 1;
}

static int
set_trust(SSL_CTX *context, const char *ca_file, bool verify)
{
    if (!verify) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
        return 1;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return ca_file == NULL ? SSL_CTX_set_default_verify_paths(context)
                           : SSL_CTX_load_verify_file(context, ca_file);
}

struct tls_client_context *
tls_client_create(const char *ca_file, bool verify, struct buf *error)
{
    static const unsigned char protocols[] = "\x08http/1.1";
    SSL_CTX *ssl_context = tls_context_create(TLS_client_method(), error);
    if (ssl_context == NULL)
        return NULL;
    struct tls_client_context *context = NULL;
    if (set_trust(ssl_context, ca_file, verify) != 1) {
        tls_explain(error, ca_file == NULL ? "system's certificates" : ca_file);
        goto fail;
    }
    context = calloc(1, sizeof(*context));
    /* 0 is success in this one call. */
    if (context == NULL ||
        SSL_CTX_set_alpn_protos(ssl_context, protocols,
                                sizeof(protocols) - 1) != 0) {
        buf_append_cstr(error, "out of memory");
        goto fail;
    }
    SSL_CTX_set_session_cache_mode(ssl_context, SSL_SESS_CACHE_CLIENT |
                                                    SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl_context, keep_session);
    context->ssl_context = ssl_context;
    return context;
fail:
    free(context);
    SSL_CTX_free(ssl_context);
    return NULL;
}

void
tls_client_destroy(struct tls_client_context **context_ptr)
{
    struct tls_client_context *context = *context_ptr;
    if (context == NULL)
        return;
    for (int i = 0; i < SESSIONS_MAX; i++)
        SSL_SESSION_free(context->kept[i].session);
    SSL_CTX_free(context->ssl_context);
    free(context);
    *context_ptr = NULL;
}

/* "[::1]" without its brackets, "example.com." without its dot. */
static int
copy_host(char out[256], const char *host)
{
    struct str s = str_from(host);
    if (s.len > 1 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
        s = str_make(s.ptr + 1, s.len - 2);
    if (s.len > 1 && s.ptr[s.len - 1] == '.')
        s.len--;
    if (s.len == 0 || s.len >= 256)
        return -EINVAL;
    memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return 0;
}

/* Sets which name or address the certificate must have. 1 when it is set. */
static int
set_peer_name(SSL *ssl, char *host)
{
    struct in6_addr addr;
    if (inet_pton(AF_INET, host, &addr) == 1 ||
        inet_pton(AF_INET6, host, &addr) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

int
tls_client_start(struct tls_client_context *context, struct stream *stream,
                 const char *host)
{
    char name[256] = "";
    int result = copy_host(name, host);
    if (result == 0)
        result = tls_session_create(context->ssl_context, stream);
    if (result != 0)
        return result;
    struct tls_session *session = stream->tls;
    session->context = context;
    memcpy(session->host, name, sizeof(name));
    SSL_set_connect_state(session->ssl);
    if (set_peer_name(session->ssl, session->host) != 1) {
        ERR_clear_error();
        tls_session_free(&stream->tls);
        return -EINVAL;
    }
    /* A session that does not fit any more costs nothing but its try. */
    struct kept_session *kept = find_kept(context, session->host);
    if (kept != NULL && SSL_set_session(session->ssl, kept->session) != 1)
        ERR_clear_error();
    return 0;
}
