/*
 * sessions.c - see sessions.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/sessions.h"

#include <stdio.h>
#include <string.h>

static void
digest_of(struct str secret, uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    struct iovec piece = {(void *)(uintptr_t)secret.ptr, secret.len};
    crypto_sha256(&piece, 1, digest);
}

/* 256 random bits, as a key has behind its beginning. */
static void
make_secret(char out[SESSION_SECRET_CHARS + 1])
{
    char key[CRYPTO_KEY_CHARS + 1];
    crypto_key_generate(key);
    memcpy(out, key + CRYPTO_KEY_CHARS - SESSION_SECRET_CHARS,
           SESSION_SECRET_CHARS + 1);
    crypto_wipe(key, sizeof(key));
}

int64_t
session_ends_ms(const struct session *session)
{
    int64_t idle_ms = session->used_ms + SESSION_IDLE_MS;
    int64_t life_ms = session->created_ms + SESSION_LIFE_MS;
    return idle_ms < life_ms ? idle_ms : life_ms;
}

static bool
is_alive(const struct session *session, int64_t now_ms)
{
    return session->id != 0 && now_ms < session_ends_ms(session);
}

/* The idler of two; NULL: none. */
static struct session *
idler(struct session *a, struct session *b)
{
    return a == NULL || b->used_ms < a->used_ms ? b : a;
}

/* A free row, or the one that has to go. */
static struct session *
place_for(struct sessions *sessions, uint64_t token_id, int64_t now_ms)
{
    struct session *vacant = NULL, *own = NULL, *any = NULL;
    unsigned count = 0;
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *row = &sessions->rows[i];
        if (!is_alive(row, now_ms)) {
            vacant = row;
            continue;
        }
        any = idler(any, row);
        if (row->token_id == token_id) {
            own = idler(own, row);
            count++;
        }
    }
    if (count >= SESSIONS_OF_TOKEN_MAX)
        return own;
    return vacant != NULL ? vacant : any;
}

struct session *
sessions_open(struct sessions *sessions, uint64_t token_id,
              const uint8_t token_digest[CRYPTO_DIGEST_BYTES], const char *name,
              const char *from, int64_t now_ms,
              char cookie[SESSION_SECRET_CHARS + 1])
{
    struct session *place = place_for(sessions, token_id, now_ms);
    make_secret(cookie);
    *place = (struct session){.id = ++sessions->last_id,
                              .token_id = token_id,
                              .created_ms = now_ms,
                              .used_ms = now_ms};
    memcpy(place->token_digest, token_digest, CRYPTO_DIGEST_BYTES);
    digest_of(str_from(cookie), place->digest);
    make_secret(place->csrf);
    snprintf(place->name, sizeof(place->name), "%s", name);
    snprintf(place->from, sizeof(place->from), "%s", from);
    return place;
}

struct session *
sessions_find(struct sessions *sessions, struct str cookie, int64_t now_ms)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    struct session *found = NULL;
    if (cookie.len != SESSION_SECRET_CHARS)
        return NULL;
    digest_of(cookie, digest);
    struct str wanted = str_make((const char *)digest, sizeof(digest));
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *row = &sessions->rows[i];
        if (is_alive(row, now_ms) &&
            crypto_equals(wanted, str_make((const char *)row->digest,
                                           sizeof(row->digest))))
            found = row;
    }
    return found;
}

struct session *
sessions_by_id(struct sessions *sessions, uint64_t id, int64_t now_ms)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        if (sessions->rows[i].id == id && is_alive(&sessions->rows[i], now_ms))
            return &sessions->rows[i];
    return NULL;
}

int64_t
login_link_make(struct sessions *sessions, int64_t now_ms,
                char code[SESSION_SECRET_CHARS + 1])
{
    struct login_link *place = &sessions->links[0];
    for (unsigned i = 1; i < LOGIN_LINKS; i++)
        if (sessions->links[i].ends_ms < place->ends_ms)
            place = &sessions->links[i];
    make_secret(code);
    digest_of(str_from(code), place->digest);
    place->ends_ms = now_ms + LOGIN_LINK_MS;
    return place->ends_ms;
}

bool
login_link_take(struct sessions *sessions, struct str code, int64_t now_ms)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    struct login_link *found = NULL;
    digest_of(code, digest);
    struct str wanted = str_make((const char *)digest, sizeof(digest));
    for (unsigned i = 0; i < LOGIN_LINKS; i++) {
        struct login_link *link = &sessions->links[i];
        if (now_ms < link->ends_ms &&
            crypto_equals(wanted, str_make((const char *)link->digest,
                                           sizeof(link->digest))))
            found = link;
    }
    if (found != NULL)
        crypto_wipe(found, sizeof(*found));
    return found != NULL;
}

void
sessions_close(struct session *session)
{
    crypto_wipe(session, sizeof(*session));
}

struct str
session_cookie_of(struct str field)
{
    struct str found = {"", 0};
    struct str wanted = STR_LIT(SESSION_COOKIE "=");
    while (field.len > 0) {
        const char *end = memchr(field.ptr, ';', field.len);
        size_t len = end == NULL ? field.len : (size_t)(end - field.ptr);
        struct str one = str_trim(str_make(field.ptr, len));
        field = str_skip(field, len + (end != NULL));
        if (!str_starts_with(one, wanted))
            continue;
        if (found.len > 0)
            return str_make("", 0);
        found = str_skip(one, wanted.len);
    }
    return found;
}
