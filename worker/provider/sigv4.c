/*
 * sigv4.c - see sigv4.h. The steps are those of "Signature Version 4 for API
 * requests" in the AWS IAM guide.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/provider/sigv4.h"

#include <stdio.h>
#include <time.h>

#include "common/crypto.h"

enum { DATE_CHARS = 8, STAMP_CHARS = 16, HEX_CHARS = 2 * CRYPTO_DIGEST_BYTES };

/* What more than one step needs. */
struct signing {
    const struct sigv4_request *request;
    const struct sigv4_credential *credential;
    char stamp[STAMP_CHARS + 1];   /* 20260102T030405Z */
    char body_hash[HEX_CHARS + 1]; /* hex SHA-256 */
    struct str date, signed_names;
};

bool
sigv4_credential_read(struct str text, struct sigv4_credential *credential)
{
    *credential = (struct sigv4_credential){0};
    const char *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    if (colon == NULL || colon == text.ptr)
        return false;
    credential->id = str_make(text.ptr, (size_t)(colon - text.ptr));
    credential->secret = str_skip(text, credential->id.len + 1);
    struct str rest = credential->secret;
    colon = rest.len > 0 ? memchr(rest.ptr, ':', rest.len) : NULL;
    if (colon != NULL) {
        credential->secret.len = (size_t)(colon - rest.ptr);
        credential->token = str_skip(rest, credential->secret.len + 1);
    }
    return credential->secret.len > 0;
}

static void
hash_hex(struct str text, char out[HEX_CHARS + 1])
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    const struct iovec piece = {(void *)(uintptr_t)text.ptr, text.len};
    crypto_sha256(&piece, 1, digest);
    crypto_hex(digest, sizeof(digest), out);
}

/* The path once more encoded, but for its slashes. */
static void
write_path(struct buf *out, struct str path)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                     c == '_' || c == '~' || c == '/';
        const char coded[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (plain)
            buf_append_char(out, (char)c);
        else
            buf_append(out, coded, sizeof(coded));
    }
}

static void
write_field(struct buf *out, const char *name, struct str value)
{
    buf_append_cstr(out, name);
    buf_append_str(out, value);
    buf_append_char(out, '\n');
}

/* Steps 3 to 6: what is hashed is what the other side makes of the request. */
static void
write_canonical(struct buf *out, const struct signing *signing)
{
    const struct sigv4_request *request = signing->request;
    struct str body_hash = {signing->body_hash, HEX_CHARS};
    buf_append_str(out, STR_LIT("POST\n"));
    write_path(out, request->path);
    buf_append_char(out, '\n');
    write_field(out, "", request->query);
    write_field(out, "content-type:", request->content_type);
    write_field(out, "host:", request->host);
    write_field(out, "x-amz-content-sha256:", body_hash);
    write_field(out, "x-amz-date:", str_make(signing->stamp, STAMP_CHARS));
    if (signing->credential->token.len > 0)
        write_field(out, "x-amz-security-token:", signing->credential->token);
    buf_append_char(out, '\n');
    write_field(out, "", signing->signed_names);
    buf_append_str(out, body_hash);
}

static void
write_scope(struct buf *out, const struct signing *signing)
{
    buf_append_str(out, signing->date);
    buf_append_char(out, '/');
    buf_append_str(out, signing->request->region);
    buf_append_char(out, '/');
    buf_append_str(out, signing->request->service);
    buf_append_str(out, STR_LIT("/aws4_request"));
}

/* Step 8: the secret, narrowed to day, region and service. */
static void
make_key(const struct signing *signing, struct buf *scratch,
         uint8_t key[CRYPTO_DIGEST_BYTES])
{
    const struct str words[] = {signing->request->region,
                                signing->request->service,
                                STR_LIT("aws4_request")};
    buf_append_str(scratch, STR_LIT("AWS4"));
    buf_append_str(scratch, signing->credential->secret);
    crypto_hmac_key(buf_view(scratch), signing->date, key);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        uint8_t narrower[CRYPTO_DIGEST_BYTES];
        crypto_hmac(key, words[i], narrower);
        memcpy(key, narrower, sizeof(narrower));
        crypto_wipe(narrower, sizeof(narrower));
    }
}

/* Step 7, and the signature; into `out`, as hex. False: out of memory. */
static bool
sign(const struct signing *signing, char out[HEX_CHARS + 1])
{
    uint8_t key[CRYPTO_DIGEST_BYTES], digest[CRYPTO_DIGEST_BYTES];
    char hash[HEX_CHARS + 1];
    struct buf text, secret;
    buf_init(&text, 0);
    buf_init_secret(&secret, 0);
    write_canonical(&text, signing);
    hash_hex(buf_view(&text), hash);
    buf_reset(&text);
    buf_append_str(&text, STR_LIT("AWS4-HMAC-SHA256\n"));
    write_field(&text, "", str_make(signing->stamp, STAMP_CHARS));
    write_scope(&text, signing);
    buf_append_char(&text, '\n');
    buf_append(&text, hash, HEX_CHARS);
    make_key(signing, &secret, key);
    crypto_hmac(key, buf_view(&text), digest);
    crypto_hex(digest, sizeof(digest), out);
    crypto_wipe(key, sizeof(key));
    bool ok = buf_ok(&text) && buf_ok(&secret);
    buf_fini(&text);
    buf_fini(&secret);
    return ok;
}

static void
write_stamp(int64_t wall_ms, char out[STAMP_CHARS + 1])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(out, STAMP_CHARS + 1, "%Y%m%dT%H%M%SZ", &utc) != STAMP_CHARS)
        memcpy(out, "19700101T000000Z", STAMP_CHARS + 1);
}

void
sigv4_write(struct buf *out, const struct sigv4_request *request,
            const struct sigv4_credential *credential)
{
    struct signing signing = {.request = request, .credential = credential};
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char signature[HEX_CHARS + 1];
    write_stamp(request->wall_ms, signing.stamp);
    signing.date = str_make(signing.stamp, DATE_CHARS);
    signing.signed_names =
        credential->token.len > 0
            ? STR_LIT("content-type;host;x-amz-content-sha256;x-amz-date;"
                      "x-amz-security-token")
            : STR_LIT("content-type;host;x-amz-content-sha256;x-amz-date");
    crypto_sha256(request->body, request->body_pieces, digest);
    crypto_hex(digest, sizeof(digest), signing.body_hash);
    if (!sign(&signing, signature)) {
        out->failed = true;
        return;
    }
    buf_append_str(out, STR_LIT("X-Amz-Date: "));
    buf_append(out, signing.stamp, STAMP_CHARS);
    buf_append_str(out, STR_LIT("\r\nX-Amz-Content-Sha256: "));
    buf_append(out, signing.body_hash, HEX_CHARS);
    if (credential->token.len > 0) {
        buf_append_str(out, STR_LIT("\r\nX-Amz-Security-Token: "));
        buf_append_str(out, credential->token);
    }
    buf_append_str(out,
                   STR_LIT("\r\nAuthorization: AWS4-HMAC-SHA256 Credential="));
    buf_append_str(out, credential->id);
    buf_append_char(out, '/');
    write_scope(out, &signing);
    buf_append_str(out, STR_LIT(", SignedHeaders="));
    buf_append_str(out, signing.signed_names);
    buf_append_str(out, STR_LIT(", Signature="));
    buf_append(out, signature, HEX_CHARS);
    buf_append_str(out, STR_LIT("\r\n"));
}
