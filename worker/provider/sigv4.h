/*
 * sigv4.h - AWS Signature Version 4, as far as a POST with a body needs it.
 *
 * What is signed: host, content-type, x-amz-content-sha256, x-amz-date and,
 * where the credential has one, x-amz-security-token. A path is encoded a
 * second time for the signature, as every service but S3 does it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PROVIDER_SIGV4_H
#define AIGW_WORKER_PROVIDER_SIGV4_H

#include <sys/uio.h>

#include "common/buf.h"

/* Views of "ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]". */
struct sigv4_credential {
    struct str id, secret, token;
};

/* False: it is not of that form (a bearer token). */
bool sigv4_credential_read(struct str text,
                           struct sigv4_credential *credential);

struct sigv4_request {
    struct str region, service;
    struct str host;  /* as the Host field says it, with its port */
    struct str path;  /* as on the wire, encoded */
    struct str query; /* "a=b&c=d", encoded and in order; len 0: none */
    struct str content_type;
    const struct iovec *body;
    int body_pieces;
    int64_t wall_ms;
};

/*
 * sigv4_write - the fields X-Amz-Date, X-Amz-Content-Sha256,
 * X-Amz-Security-Token and Authorization, to stand beside Host and
 * Content-Type. Good for five minutes from wall_ms. Without memory `out` fails.
 */
void sigv4_write(struct buf *out, const struct sigv4_request *request,
                 const struct sigv4_credential *credential);

#endif
