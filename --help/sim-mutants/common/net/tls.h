/*
 * tls.h - TLS by OpenSSL on sockets that somebody else connected or accepted.
 *
 * Contexts are made after the fork, one per process and setting. Client side:
 * TLS 1.2 or newer, chain and host name verified, SNI, sessions kept and
 * resumed per context and host. Server side: TLS 1.2 or newer by tls_min,
 * ECDHE and AEAD only, no renegotiation, no early data, ALPN http/1.1, sessions
 * resumed by tickets that every worker can open (tls_tickets.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_TLS_H
#define AIGW_COMMON_NET_TLS_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/certificate.h"
#include "common/crypto.h"
#include "common/net/stream.h"

struct tls_client_context;
struct tls_server_context;

/*
 * ca_file NULL: the system's store. NULL with a reason in `error`. A context
 * outlives the streams started on it. min_version: "1.2", "1.3"; NULL is 1.2.
 * The certificate's bytes and the secrets are copied.
 */
struct tls_client_context *tls_client_create(const char *ca_file, bool verify,
                                             struct buf *error) MUST_CHECK;
void tls_client_destroy(struct tls_client_context **context);
struct tls_server_context *
tls_server_create(const struct certificate *certificate,
                  const char *min_version, const struct crypto_secrets *secrets,
                  struct buf *error) MUST_CHECK;
/* For connections from now on. 0, or -EINVAL and the old one stays. */
int tls_server_replace(struct tls_server_context *context,
                       const struct certificate *certificate,
                       struct buf *error) MUST_CHECK;
void tls_server_destroy(struct tls_server_context **context);

/* Puts TLS onto stream->fd; then stream_handshake() until 0. 0 or -errno.
 * `host`: a name, or an address (with or without brackets). */
int tls_client_start(struct tls_client_context *context, struct stream *stream,
                     const char *host) MUST_CHECK;
int tls_server_start(struct tls_server_context *context,
                     struct stream *stream) MUST_CHECK;
/* Why the last handshake or read failed, for logs ("certificate has expired"). */
const char *tls_error_text(const struct stream *stream);
void tls_session_free(struct tls_session **session);

#endif
