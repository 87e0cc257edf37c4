/*
 * crypto.c - see crypto.h. The master secret's file is in crypto_secrets.c.
 *
 * Uses OpenSSL without keeping anything of it: each call makes and frees what
 * it needs, so a fork can come at any time.
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * SHA256_Init() and friends are deprecated since 3.0 in favour of EVP, which
 * needs a context that would have to live across calls (and forks) to be fast.
 * Measured for a virtual key: 0.25 us this way, 0.3 us with a kept EVP_MAC
 * context, 2 us with one made for each call.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "common/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include "common/log.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, HMAC_BLOCK_BYTES = 64 };

void
crypto_wipe(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}

void
crypto_random(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            panic("getrandom failed: %m");
        at += n;
        len -= (size_t)n;
    }
}

bool
crypto_equals(struct str a, struct str b)
{
    return a.len == b.len &&
           (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* One half of HMAC (RFC 2104): SHA-256 over the padded key, of a block at most,
 * and `text`. */
static void
hmac_half(const void *key_bytes, size_t key_len, uint8_t pad_byte,
          const void *text, size_t len, uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    const uint8_t *key = key_bytes;
    uint8_t pad[HMAC_BLOCK_BYTES];
    SHA256_CTX sha;
    memset(pad, pad_byte, sizeof(pad));
    for (size_t i = 0; i < key_len; i++)
        pad[i] ^= key[i];
    SHA256_Init(&sha);
    SHA256_Update(&sha, pad, sizeof(pad));
    SHA256_Update(&sha, text, len);
    SHA256_Final(digest, &sha);
    crypto_wipe(pad, sizeof(pad));
    crypto_wipe(&sha, sizeof(sha));
}

void
crypto_hmac(const uint8_t key[CRYPTO_SECRET_BYTES], struct str text,
            uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    uint8_t inner[CRYPTO_DIGEST_BYTES];
    hmac_half(key, CRYPTO_SECRET_BYTES, 0x36, text.ptr, text.len, inner);
    hmac_half(key, CRYPTO_SECRET_BYTES, 0x5c, inner, sizeof(inner), digest);
}

void
crypto_sha256(const struct iovec *pieces, int count,
              uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    SHA256_CTX sha;
    SHA256_Init(&sha);
    for (int i = 0; i < count; i++)
        SHA256_Update(&sha, pieces[i].iov_base, pieces[i].iov_len);
    SHA256_Final(digest, &sha);
    crypto_wipe(&sha, sizeof(sha));
}

void
crypto_hmac_key(struct str key, struct str text,
                uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    uint8_t shorter[CRYPTO_DIGEST_BYTES], inner[CRYPTO_DIGEST_BYTES];
    if (key.len > HMAC_BLOCK_BYTES) {
        SHA256((const uint8_t *)key.ptr, key.len, shorter);
        key = str_make((const char *)shorter, sizeof(shorter));
    }
    hmac_half(key.ptr, key.len, 0x36, text.ptr, text.len, inner);
    hmac_half(key.ptr, key.len, 0x5c, inner, sizeof(inner), digest);
    crypto_wipe(shorter, sizeof(shorter));
}

void
crypto_key_digest(const struct crypto_secrets *secrets, struct str key,
                  uint8_t digest[CRYPTO_DIGEST_BYTES])
{
    static const struct str twice = {"sk-sk-", 6};
    while (str_starts_with(key, twice))
        key = str_skip(key, 3);
    crypto_hmac(secrets->key_digest, key, digest);
}

void
crypto_key_generate(char out[CRYPTO_KEY_CHARS + 1])
{
    static const char digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t number[8];
    crypto_random(number, sizeof(number));
    memcpy(out, "sk-aigw-", 8);
    /* Long division by 62, a digit at a time: 62^43 > 2^256. */
    for (int i = CRYPTO_KEY_CHARS - 1; i >= 8; i--) {
        uint64_t rest = 0;
        for (int limb = 7; limb >= 0; limb--) {
            rest = rest << 32 | number[limb];
            number[limb] = (uint32_t)(rest / 62);
            rest %= 62;
        }
        out[i] = digits[rest];
    }
    out[CRYPTO_KEY_CHARS] = '\0';
    crypto_wipe(number, sizeof(number));
}

void
crypto_key_mask(struct str key, char out[24])
{
    static const struct str prefix = {"sk-aigw-", 8};
    size_t at = 0;
    if (str_starts_with(key, prefix)) {
        memcpy(out, prefix.ptr, prefix.len);
        at = prefix.len;
    }
    memset(out + at, '*', 4);
    at += 4;
    /* Four of a short key would be too much of it. */
    if (key.len >= 20) {
        for (size_t i = key.len - 4; i < key.len; i++)
            out[at++] =
                key.ptr[i] > ' ' && key.ptr[i] < 0x7f ? key.ptr[i] : '?';
    }
    out[at] = '\0';
}

size_t
crypto_seal(const struct crypto_secrets *secrets, struct str aad,
            const void *plain, size_t len, uint8_t *out)
{
    int n = 0, tail = 0;
    CHECK(len <= INT_MAX - CRYPTO_SEAL_OVERHEAD && aad.len <= INT_MAX);
    crypto_random(out, NONCE_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL ||
        EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, secrets->seal,
                           out) != 1 ||
        EVP_EncryptUpdate(cipher, NULL, &n, (const uint8_t *)aad.ptr,
                          (int)aad.len) != 1 ||
        EVP_EncryptUpdate(cipher, out + NONCE_BYTES, &n, plain, (int)len) !=
            1 ||
        EVP_EncryptFinal_ex(cipher, out + NONCE_BYTES + n, &tail) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES,
                            out + NONCE_BYTES + len) != 1)
        panic("AES-256-GCM failed");
    EVP_CIPHER_CTX_free(cipher);
    return len + CRYPTO_SEAL_OVERHEAD;
}

int
crypto_open(const struct crypto_secrets *secrets, struct str aad,
            const uint8_t *sealed, size_t len, uint8_t *plain)
{
    uint8_t tag[TAG_BYTES], spare[16] = {0};
    int n = 0, tail = 0, result = -EBADMSG;
    if (len < CRYPTO_SEAL_OVERHEAD || len > INT_MAX || aad.len > INT_MAX)
        return -EBADMSG;
    int text_len = (int)(len - CRYPTO_SEAL_OVERHEAD);
    memcpy(tag, sealed + NONCE_BYTES + text_len, TAG_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL)
        return -ENOMEM;
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, secrets->seal,
                           sealed) == 1 &&
        EVP_DecryptUpdate(cipher, NULL, &n, (const uint8_t *)aad.ptr,
                          (int)aad.len) == 1 &&
        EVP_DecryptUpdate(cipher, text_len > 0 ? plain : spare, &n,
                          sealed + NONCE_BYTES, text_len) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) ==
            1 &&
        EVP_DecryptFinal_ex(cipher, spare, &tail) == 1)
        result = text_len;
    EVP_CIPHER_CTX_free(cipher);
    if (result < 0)
        crypto_wipe(plain, (size_t)text_len);
    return result;
}

void
crypto_hex(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[at[i] >> 4];
        out[2 * i + 1] = digits[at[i] & 15];
    }
    out[2 * len] = '\0';
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
crypto_unhex(struct str hex, void *out, size_t out_len)
{
    uint8_t *at = out;
    if (hex.len != 2 * out_len)
        return -EINVAL;
    for (size_t i = 0; i < out_len; i++) {
        int high = hex_digit(hex.ptr[2 * i]);
        int low = hex_digit(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        at[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}
