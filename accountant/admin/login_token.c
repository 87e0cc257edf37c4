/*
 * login_token.c - see login_token.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/login_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accountant/admin/members.h"

/* {"alg":"HS256","typ":"JWT"}: the only head that is made, and taken. */
#define HEAD "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."

enum { SIGNATURE_CHARS = 43 };

/* ---- base64url without padding (RFC 4648 5, RFC 7515 2) ---- */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode(struct buf *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        if (n > 1)
            bits |= (uint32_t)bytes[i + 1] << 8;
        if (n > 2)
            bits |= bytes[i + 2];
        for (size_t c = 0; c <= n; c++)
            buf_append_char(out, alphabet[bits >> (18 - 6 * c) & 63]);
    }
}

/* The length; 0: it is none. `out` has room for text.len bytes. */
static size_t
decode(struct str text, char *out)
{
    uint32_t bits = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = memchr(alphabet, text.ptr[i], sizeof(alphabet) - 1);
        if (at == NULL)
            return 0;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if (i % 4 != 0)
            out[len++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return text.len % 4 == 1 ? 0 : len;
}

/* ---- the signature ---- */

static void
sign(const struct admin *admin, const uint8_t token_digest[CRYPTO_DIGEST_BYTES],
     struct str text, struct buf *out)
{
    uint8_t key[CRYPTO_DIGEST_BYTES], digest[CRYPTO_DIGEST_BYTES];
    struct str token = {(const char *)token_digest, CRYPTO_DIGEST_BYTES};
    crypto_hmac(store_heritage(admin->store)->secrets->logins, token, key);
    crypto_hmac(key, text, digest);
    encode(out, digest, sizeof(digest));
    crypto_wipe(key, sizeof(key));
    crypto_wipe(digest, sizeof(digest));
}

static void
append_claims(struct buf *out, cJSON *claims)
{
    char *text = cJSON_PrintUnformatted(claims);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    encode(out, (const uint8_t *)text, strlen(text));
    cJSON_free(text);
}

bool
login_token_make(struct admin *admin, uint64_t token_id, cJSON *claims,
                 int64_t now_ms, int64_t life_ms, struct buf *out)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char id[24];
    if (!identify_digest(admin, token_id, digest))
        return false;
    snprintf(id, sizeof(id), "%" PRIu64, token_id);
    cJSON_AddStringToObject(claims, "sub", id);
    cJSON_AddNumberToObject(claims, "iat", (double)(now_ms / 1000));
    cJSON_AddNumberToObject(claims, "exp", (double)((now_ms + life_ms) / 1000));
    struct buf text;
    buf_init(&text, 0);
    buf_append_cstr(&text, HEAD);
    append_claims(&text, claims);
    if (buf_ok(&text)) {
        buf_append_str(out, buf_view(&text));
        buf_append_char(out, '.');
        sign(admin, digest, buf_view(&text), out);
    }
    bool ok = buf_ok(&text) && buf_ok(out);
    buf_fini(&text);
    crypto_wipe(digest, sizeof(digest));
    return ok;
}

/* ---- one that came ---- */

/* Who it says it is of, and until when. False: it is none of ours. */
static bool
read_claims(struct str payload, uint64_t *token_id, int64_t *ends_ms)
{
    char text[LOGIN_TOKEN_MAX], *end = NULL;
    size_t len = decode(payload, text);
    cJSON *claims = len == 0 ? NULL : cJSON_ParseWithLength(text, len);
    const cJSON *sub = cJSON_GetObjectItemCaseSensitive(claims, "sub");
    const cJSON *exp = cJSON_GetObjectItemCaseSensitive(claims, "exp");
    bool ok = cJSON_IsString(sub) && sub->valuestring[0] >= '0' &&
              sub->valuestring[0] <= '9' && cJSON_IsNumber(exp) &&
              exp->valuedouble > 0 && exp->valuedouble < 1e12;
    if (ok) {
        *token_id = strtoull(sub->valuestring, &end, 10);
        *ends_ms = (int64_t)exp->valuedouble * 1000;
        ok = *end == '\0';
    }
    cJSON_Delete(claims);
    return ok;
}

/* Of a disabled or expired one, too: its holder is told so. */
static bool
digest_of(const struct admin *admin, uint64_t token_id,
          uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    if (token_id == 0)
        return identify_digest(admin, 0, digest);
    const struct token *token = members_by_id(admin->members, token_id);
    if (token == NULL)
        return false;
    memcpy(digest, token->digest, CRYPTO_DIGEST_BYTES);
    return true;
}

/* `text`: head and payload; `signature`: what came with them. */
static bool
is_signed(const struct admin *admin, uint64_t token_id, struct str text,
          struct str signature)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    struct buf wanted;
    if (!digest_of(admin, token_id, digest))
        return false;
    buf_init(&wanted, 0);
    sign(admin, digest, text, &wanted);
    bool fits = buf_ok(&wanted) && crypto_equals(signature, buf_view(&wanted));
    buf_fini(&wanted);
    crypto_wipe(digest, sizeof(digest));
    return fits;
}

enum login_token_result
login_token_check(struct admin *admin, struct guard_address address,
                  struct str token, int64_t now_ms, struct member *member,
                  struct admin_error *error)
{
    uint64_t token_id;
    int64_t ends_ms;
    struct str head = STR_LIT(HEAD);
    if (token.len > LOGIN_TOKEN_MAX || !str_starts_with(token, head) ||
        token.len < head.len + 1 + 1 + SIGNATURE_CHARS)
        return LOGIN_TOKEN_NONE;
    if (guard_waits(&admin->guard, address, loop_now_ms(admin->loop), error))
        return LOGIN_TOKEN_REFUSED;
    size_t dot = token.len - SIGNATURE_CHARS - 1;
    if (token.ptr[dot] != '.' ||
        !read_claims(str_make(token.ptr + head.len, dot - head.len), &token_id,
                     &ends_ms) ||
        !is_signed(admin, token_id, str_make(token.ptr, dot),
                   str_skip(token, dot + 1)))
        return LOGIN_TOKEN_NONE;
    if (ends_ms <= now_ms) {
        admin_error_set(error, 401, "session_ended",
                        "This login has ended: log in again.");
        return LOGIN_TOKEN_REFUSED;
    }
    return identify_by_id(admin, token_id, member, error) ? LOGIN_TOKEN_GOOD
                                                          : LOGIN_TOKEN_REFUSED;
}
