/*
 * members.c - see members.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/members_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

uint32_t
token_scopes(const struct token *token)
{
    if (token->scopes != 0)
        return member_scope_closure(token->scopes);
    return member_is_bound(&token->member) ? SCOPE_ALL & ~SCOPE_GROUPS_WRITE
                                           : SCOPE_ALL;
}

enum token_status
token_status(const struct token *token, int64_t now_ms)
{
    if (!token->enabled)
        return TOKEN_DISABLED;
    return token->expires_ms != 0 && token->expires_ms <= now_ms ? TOKEN_EXPIRED
                                                                 : TOKEN_ACTIVE;
}

/* ---- memory ---- */

struct members *
members_create(struct store *store)
{
    struct members *members = calloc(1, sizeof(*members));
    if (members == NULL)
        return NULL;
    members->store = store;
    members->references = 1;
    return members;
}

void
token_free(struct token *token)
{
    if (token != NULL)
        crypto_wipe(token, sizeof(*token));
    free(token);
}

void
members_forget_all(struct members *members)
{
    for (size_t i = 0; i < members->count; i++)
        token_free(members->tokens[i]);
    members->count = 0;
}

void
members_drop(struct members *members)
{
    if (--members->references > 0)
        return;
    members_forget_all(members);
    free(members->tokens);
    free(members);
}

void
members_release(struct members **members)
{
    if (*members != NULL)
        members_drop(*members);
    *members = NULL;
}

/* The place of `id`, or where it would stand. */
static size_t
place_of(const struct members *members, uint64_t id)
{
    size_t low = 0, high = members->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (members->tokens[middle]->member.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct token *
members_next(const struct members *members, uint64_t after_id)
{
    size_t at = place_of(members, after_id + 1);
    return at < members->count ? members->tokens[at] : NULL;
}

struct token *
members_token(struct members *members, uint64_t id)
{
    size_t at = place_of(members, id);
    bool there = at < members->count && members->tokens[at]->member.id == id;
    return there ? members->tokens[at] : NULL;
}

const struct token *
members_by_id(const struct members *members, uint64_t id)
{
    size_t at = place_of(members, id);
    bool there = at < members->count && members->tokens[at]->member.id == id;
    return there ? members->tokens[at] : NULL;
}

const struct token *
members_by_name(const struct members *members, const char *name)
{
    for (size_t i = 0; i < members->count; i++)
        if (strcmp(members->tokens[i]->member.name, name) == 0)
            return members->tokens[i];
    return NULL;
}

static void
digest_of(const struct members *members, struct str value,
          uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    crypto_hmac(store_heritage(members->store)->secrets->key_digest, value,
                digest);
}

/* Every token is compared with, whole: nothing is told by the time. */
const struct token *
members_by_value(const struct members *members, struct str value)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    const struct token *found = NULL;
    if (members->count == 0)
        return NULL;
    digest_of(members, value, digest);
    struct str wanted = str_make((const char *)digest, sizeof(digest));
    for (size_t i = 0; i < members->count; i++) {
        const struct token *token = members->tokens[i];
        if (crypto_equals(wanted, str_make((const char *)token->digest,
                                           sizeof(token->digest))))
            found = token;
    }
    return found;
}

void
members_put_in_memory(struct members *members, struct token *token)
{
    size_t at = place_of(members, token->member.id);
    if (at < members->count &&
        members->tokens[at]->member.id == token->member.id) {
        token_free(members->tokens[at]);
        members->tokens[at] = token;
        return;
    }
    if (members->count == members->room) {
        size_t room = members->room * 2 + 16;
        struct token **more =
            realloc(members->tokens, room * sizeof(struct token *));
        if (more == NULL)
            fatal("out of memory");
        members->tokens = more;
        members->room = room;
    }
    memmove(members->tokens + at + 1, members->tokens + at,
            (members->count - at) * sizeof(struct token *));
    members->tokens[at] = token;
    members->count++;
}

void
members_remove_from_memory(struct members *members, uint64_t id)
{
    size_t at = place_of(members, id);
    if (at == members->count || members->tokens[at]->member.id != id)
        return;
    token_free(members->tokens[at]);
    members->count--;
    memmove(members->tokens + at, members->tokens + at + 1,
            (members->count - at) * sizeof(struct token *));
}

/* ---- the value ---- */

static void
seal_name(uint64_t id, char out[32])
{
    snprintf(out, 32, "token:%llu", (unsigned long long)id);
}

/* As a virtual key's, with a beginning of its own. */
void
members_give_value(const struct members *members, struct token *token)
{
    char value[CRYPTO_KEY_CHARS + 1], name[32];
    crypto_key_generate(value);
    memcpy(value, "at", 2);
    struct str text = str_from(value);
    seal_name(token->member.id, name);
    digest_of(members, text, token->digest);
    crypto_seal(store_heritage(members->store)->secrets, str_from(name),
                text.ptr, text.len, token->sealed);
    snprintf(token->masked, sizeof(token->masked), "at-aigw-****%s",
             value + CRYPTO_KEY_CHARS - 4);
    crypto_wipe(value, sizeof(value));
}

int
members_reveal(const struct members *members, const struct token *token,
               char out[CRYPTO_KEY_CHARS + 1])
{
    char name[32];
    seal_name(token->member.id, name);
    int len =
        crypto_open(store_heritage(members->store)->secrets, str_from(name),
                    token->sealed, sizeof(token->sealed), (uint8_t *)out);
    out[len > 0 ? len : 0] = '\0';
    return len == CRYPTO_KEY_CHARS ? 0 : -EBADMSG;
}
