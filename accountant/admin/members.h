/*
 * members.h - the admin tokens: in memory for every request, in the ledger as
 * notes of space 'm'. Only a token's digest is looked up; the token itself is
 * kept sealed, for systems that sign with it and for a repeated creation, and
 * shown by no operation but its creation.
 *
 * Owner: struct admin; a change under way holds it too. Loop thread only, but
 * for the reading of members_load().
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_MEMBERS_H
#define AIGW_ACCOUNTANT_ADMIN_MEMBERS_H

#include "accountant/admin/member.h"
#include "accountant/store.h"
#include "common/crypto.h"

enum {
    MEMBERS_MAX = 4096,
    MEMBER_USED_MS = 60000, /* how exactly the last use is kept */
};

struct token {
    struct member member; /* scopes: closed */
    uint32_t scopes;      /* as given; 0: all that its role and groups have */
    bool enabled;
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    uint8_t sealed[CRYPTO_KEY_CHARS + CRYPTO_SEAL_OVERHEAD];
    char masked[24];
    char created_by[MEMBER_NAME_BYTES];
    int64_t expires_ms, created_ms, updated_ms; /* 0: never */
    int64_t used_ms, used_saved_ms;             /* last use, and as durable */
};

struct members {
    struct store *store;
    struct token **tokens; /* by id, ascending */
    size_t count, room;
    unsigned references;
};

struct members *members_create(struct store *store); /* NULL: no memory */
void members_release(struct members **members);
/* Reads all of the ledger, then calls `loaded`: 0, or -errno when it cannot be
 * read now. What was read before is forgotten. */
void members_load(struct members *members,
                  void (*loaded)(void *context, int error), void *context);

const struct token *members_by_id(const struct members *members, uint64_t id);
const struct token *members_by_name(const struct members *members,
                                    const char *name);
/* The token with this value; NULL: none. It may be disabled or expired. */
const struct token *members_by_value(const struct members *members,
                                     struct str value);
/* In order of id; start with 0. */
const struct token *members_next(const struct members *members,
                                 uint64_t after_id);
/* 0, or -EBADMSG: sealed under another master secret. */
int members_reveal(const struct members *members, const struct token *token,
                   char out[CRYPTO_KEY_CHARS + 1]) MUST_CHECK;
/* Used now: soon durable. */
void members_touch(struct members *members, uint64_t id);

/*
 * members_put - `token` is copied. member.id 0: creates, with a new value. The
 * id is told to `done`; ledger first, then memory, then done.
 */
void members_put(struct members *members, const struct token *token,
                 store_done done, void *context);
void members_delete(struct members *members, uint64_t id, store_done done,
                    void *context);

/* The scopes that a token has without a list: all; one that is bound to groups
 * does not set what they may use, unless its list says so. */
uint32_t token_scopes(const struct token *token);
enum token_status { TOKEN_ACTIVE, TOKEN_DISABLED, TOKEN_EXPIRED };
enum token_status token_status(const struct token *token, int64_t now_ms);

/* The ledger's form; id from the note's name. 0 or -EBADMSG. */
void token_encode(const struct token *token, struct buf *out);
int token_decode(uint64_t id, struct str bytes, struct token *token) MUST_CHECK;

#endif
