/*
 * sessions.h - logins of people: a cookie in a token's place, with a second
 * secret that changes must repeat in a header, so that another page cannot
 * make them. Memory only: when the accountant begins anew, people log in anew.
 *
 * A session is worth what its token is worth now; it ends with it. One that was
 * begun by a login link is of the host: whoever may use the socket made the link.
 * Owner: struct admin; loop thread only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_SESSIONS_H
#define AIGW_ACCOUNTANT_ADMIN_SESSIONS_H

#include "accountant/admin/access.h"
#include "accountant/admin/member.h"
#include "common/crypto.h"
#include "common/str.h"

enum {
    SESSIONS_MAX = 1024,        /* then the one that is idle longest goes */
    SESSIONS_OF_TOKEN_MAX = 64, /* so, too: nobody logs all others out */
    SESSION_IDLE_MS = 12 * 3600 * 1000,
    SESSION_SECRET_CHARS = 43,
    LOGIN_LINKS = 16, /* then the oldest goes */
    LOGIN_LINK_MS = 10 * 60 * 1000,
};
#define SESSION_LIFE_MS (INT64_C(7) * 24 * 3600 * 1000)
#define SESSION_COOKIE  "aigw_session"
#define SESSION_OF_HOST UINT64_MAX /* as token_id: of no token */

struct session {
    uint64_t id; /* 0: free */
    uint64_t token_id;
    /* Of the token, so that a replaced token of [admin] ends its sessions. */
    uint8_t token_digest[CRYPTO_DIGEST_BYTES];
    uint8_t digest[CRYPTO_DIGEST_BYTES]; /* of the cookie's value */
    char csrf[SESSION_SECRET_CHARS + 1];
    char name[MEMBER_NAME_BYTES], from[ACCESS_FROM_BYTES];
    int64_t created_ms, used_ms; /* wall */
};

/* What begins a session once. */
struct login_link {
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    int64_t ends_ms; /* wall; 0: free */
};

struct sessions {
    struct session rows[SESSIONS_MAX];
    uint64_t last_id;
    struct login_link links[LOGIN_LINKS];
};

/* A new link; `code` gets its secret. Returns when it ends. */
int64_t login_link_make(struct sessions *sessions, int64_t now_ms,
                        char code[SESSION_SECRET_CHARS + 1]);
/* True: it was one, and is none from now on. */
bool login_link_take(struct sessions *sessions, struct str code,
                     int64_t now_ms) MUST_CHECK;

/* A new one; `cookie` gets its secret. */
struct session *sessions_open(struct sessions *sessions, uint64_t token_id,
                              const uint8_t token_digest[CRYPTO_DIGEST_BYTES],
                              const char *name, const char *from,
                              int64_t now_ms,
                              char cookie[SESSION_SECRET_CHARS + 1]);
/* The one with this cookie that has not ended. NULL: none. */
struct session *sessions_find(struct sessions *sessions, struct str cookie,
                              int64_t now_ms);
struct session *sessions_by_id(struct sessions *sessions, uint64_t id,
                               int64_t now_ms);
void sessions_close(struct session *session);
int64_t session_ends_ms(const struct session *session);
/* Our cookie of a `Cookie` field's value; empty: none, or more than one. */
struct str session_cookie_of(struct str field);

#endif
