/*
 * login_token.h - a login that its client carries itself: a JSON Web Token (RFC
 * 7519) signed with HS256 (RFC 7515, 7518 3.2), for clients that read who they are
 * out of it. Nothing is kept here, so it outlives the accountant.
 *
 * It is signed with a key of its own for each admin token, made of that token's
 * digest: a token that is deleted, or a token of [admin] that is replaced, takes
 * its logins with it; one that is disabled or expired does when it is used.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_LOGIN_TOKEN_H
#define AIGW_ACCOUNTANT_ADMIN_LOGIN_TOKEN_H

#include <cjson/cJSON.h>

#include "accountant/admin/identify.h"

enum { LOGIN_TOKEN_MAX = 2048 }; /* bytes */

/*
 * login_token_make - appends one of the member `token_id` (0: the owner by the
 * token of [admin]) that ends `life_ms` from now. `claims`: an object, to which
 * iat, exp and sub are added. False: that token is gone, disabled or expired, or
 * out of memory.
 */
bool login_token_make(struct admin *admin, uint64_t token_id, cJSON *claims,
                      int64_t now_ms, int64_t life_ms,
                      struct buf *out) MUST_CHECK;

enum login_token_result {
    LOGIN_TOKEN_NONE,    /* no login token of ours: perhaps something else */
    LOGIN_TOKEN_GOOD,    /* *member is who it is */
    LOGIN_TOKEN_REFUSED, /* it was one, or the address has to wait: *error */
};
/* Compares in constant time. A wrong one is not counted against the address. */
enum login_token_result login_token_check(struct admin *admin,
                                          struct guard_address address,
                                          struct str token, int64_t now_ms,
                                          struct member *member,
                                          struct admin_error *error) MUST_CHECK;

#endif
