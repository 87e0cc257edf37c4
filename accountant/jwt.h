/*
 * jwt.h - JSON Web Tokens signed with HMAC-SHA256 (RFC 7519, RFC 7515 with
 * alg HS256): made, never read.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_JWT_H
#define AIGW_ACCOUNTANT_JWT_H

#include "common/buf.h"

/* Appends the three parts with dots between. `header` and `claims` are JSON,
 * taken as they stand. */
void jwt_sign(struct buf *out, struct str header, struct str claims,
              struct str key);
/* base64url without padding (RFC 7515, appendix C). */
void jwt_append_base64url(struct buf *out, const void *bytes, size_t len);

#endif
