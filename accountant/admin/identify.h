/*
 * identify.h - who sends a management request: the socket (an owner), the
 * token of [admin] (an owner), an admin token, or a login's cookie. One place,
 * deny by default. What they may: authorise.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_IDENTIFY_H
#define AIGW_ACCOUNTANT_ADMIN_IDENTIFY_H

#include "accountant/admin/admin_state.h"
#include "accountant/admin/guard.h"
#include "accountant/admin/member.h"
#include "common/buf.h"

/*
 * identify_request - fills `member`, and `*session_id` where it was a cookie
 * (else 0).
 * `is_metrics`: from loopback allowed without. False: 401, 403 or 429 in
 * `error`.
 */
bool identify_request(struct admin *admin, const struct http_head *head,
                      bool is_metrics, struct member *member,
                      uint64_t *session_id,
                      struct admin_error *error) MUST_CHECK;
/* By a token that came in some other way (another system's field, a login).
 * Wrong ones are counted against the address. */
bool identify_token(struct admin *admin, struct guard_address address,
                    struct str token, struct member *member,
                    struct admin_error *error) MUST_CHECK;
/* By the code of a login link, which has been used then: an owner. */
bool identify_link(struct admin *admin, struct guard_address address,
                   struct str code, struct member *member,
                   struct admin_error *error) MUST_CHECK;
/* Who signs with the access key `name`, a token's name or "admin" for that of
 * [admin], and what with: the token itself is appended to `secret`. False: there
 * is no such token, or it is disabled or expired. The signature is not judged. */
bool identify_signer(struct admin *admin, struct str name,
                     struct member *member, struct buf *secret) MUST_CHECK;
/* Who a login was made for (0: by the token of [admin], which there is). False:
 * the token is disabled or expired. */
bool identify_by_id(struct admin *admin, uint64_t token_id,
                    struct member *member,
                    struct admin_error *error) MUST_CHECK;
/* Digest of a member's token as it is now, for sessions: false: it is gone,
 * disabled, expired. */
bool identify_digest(const struct admin *admin, uint64_t token_id,
                     uint8_t digest[CRYPTO_DIGEST_BYTES]) MUST_CHECK;

#endif
