/*
 * jwt.c - see jwt.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/jwt.h"

#include "common/crypto.h"

void
jwt_append_base64url(struct buf *out, const void *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                 "qrstuvwxyz0123456789-_";
    const uint8_t *at = bytes;
    for (; len > 0; at += 3) {
        size_t part = len < 3 ? len : 3;
        uint32_t word = (uint32_t)at[0] << 16 |
                        (part > 1 ? (uint32_t)at[1] << 8 : 0) |
                        (part > 2 ? at[2] : 0);
        for (size_t i = 0; i <= part; i++)
            buf_append_char(out, digits[word >> (18 - 6 * i) & 63]);
        len -= part;
    }
}

void
jwt_sign(struct buf *out, struct str header, struct str claims, struct str key)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    size_t begin = buf_len(out);
    jwt_append_base64url(out, header.ptr, header.len);
    buf_append_char(out, '.');
    jwt_append_base64url(out, claims.ptr, claims.len);
    if (!buf_ok(out))
        return;
    crypto_hmac_key(key, str_skip(buf_view(out), begin), digest);
    buf_append_char(out, '.');
    jwt_append_base64url(out, digest, sizeof(digest));
}
