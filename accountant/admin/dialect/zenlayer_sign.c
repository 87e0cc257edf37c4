/*
 * zenlayer_sign.c - ZC2-HMAC-SHA256: one HMAC over method, "/" and no query
 * whatever the path is, the signed fields, and the digest of the body.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/dialect/zenlayer.h"

#include "common/crypto.h"

enum { NAMES_MAX = 16 };

static void
append_lower(struct buf *out, struct str text, bool lower)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        buf_append_char(out,
                        lower && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

static int
compare(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* "content-type;host", in order of their names. */
static unsigned
split_names(struct str list, struct str names[NAMES_MAX])
{
    unsigned count = 0;
    while (list.len > 0 && count < NAMES_MAX) {
        const char *end = memchr(list.ptr, ';', list.len);
        size_t len = end == NULL ? list.len : (size_t)(end - list.ptr);
        struct str name = str_make(list.ptr, len);
        unsigned at = count++;
        for (; at > 0 && compare(names[at - 1], name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = name;
        list = str_skip(list, len + 1);
    }
    return count;
}

static void
append_digest(struct buf *out, struct str text)
{
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    char hex[2 * sizeof(digest) + 1];
    struct iovec piece = {(void *)(uintptr_t)text.ptr, text.len};
    crypto_sha256(&piece, 1, digest);
    crypto_hex(digest, sizeof(digest), hex);
    buf_append_cstr(out, hex);
}

void
zenlayer_sign(const struct zenlayer_signature *request, struct str secret,
              char out[65])
{
    struct str names[NAMES_MAX];
    struct buf canonical, to_sign;
    uint8_t digest[CRYPTO_DIGEST_BYTES];
    unsigned count = split_names(request->signed_headers, names);
    buf_init(&canonical, 0);
    buf_init(&to_sign, 0);
    buf_append_cstr(&canonical, "POST\n/\n\n");
    for (unsigned i = 0; i < count; i++) {
        append_lower(&canonical, str_trim(names[i]), true);
        buf_append_char(&canonical, ':');
        append_lower(&canonical,
                     str_trim(request->value_of(request->context, names[i])),
                     request->lower);
        buf_append_char(&canonical, '\n');
    }
    buf_append_char(&canonical, '\n');
    buf_append_str(&canonical, request->signed_headers);
    buf_append_char(&canonical, '\n');
    append_digest(&canonical, request->body);

    buf_append_cstr(&to_sign, "ZC2-HMAC-SHA256\n");
    buf_append_str(&to_sign, request->timestamp);
    buf_append_char(&to_sign, '\n');
    append_digest(&to_sign, buf_view(&canonical));
    out[0] = '\0'; /* which equals no signature */
    if (buf_ok(&canonical) && buf_ok(&to_sign)) {
        crypto_hmac_key(secret, buf_view(&to_sign), digest);
        crypto_hex(digest, sizeof(digest), out);
    }
    buf_fini(&canonical);
    buf_fini(&to_sign);
}
