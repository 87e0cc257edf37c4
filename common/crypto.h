/*
 * crypto.h - what the program needs of OpenSSL besides TLS: keyed digests of
 * virtual keys, sealing of secrets at rest, random names. Any process, after
 * the fork (nothing of OpenSSL may live across one, so no state is kept here).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CRYPTO_H
#define AIGW_COMMON_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/check.h"
#include "common/str.h"

enum {
    CRYPTO_SECRET_BYTES = 32,
    CRYPTO_DIGEST_BYTES = 32,
    CRYPTO_SEAL_OVERHEAD = 12 + 16, /* nonce in front, GCM tag behind */
    CRYPTO_KEY_CHARS = 8 + 43,      /* "sk-aigw-" + base62 */
};

/*
 * The master secret and what is derived from it (HKDF-SHA256 by label).
 * Read by the master before rights are dropped; children inherit the struct.
 */
struct crypto_secrets {
    uint8_t master[CRYPTO_SECRET_BYTES];
    uint8_t key_digest[CRYPTO_SECRET_BYTES]; /* HMAC key of virtual keys */
    uint8_t seal[CRYPTO_SECRET_BYTES];       /* AES-256-GCM */
    uint8_t hash_seed[16];                   /* SipHash */
    uint8_t tickets[CRYPTO_SECRET_BYTES];    /* TLS session tickets' keys */
    uint8_t logins[CRYPTO_SECRET_BYTES];     /* signs logins of management */
};

/*
 * crypto_secrets_load - reads `path` (mode 0600 or 0400, 32 random bytes); makes
 * it when it does not exist (`create`). 0, -errno, -EPERM when others may read
 * it, -EINVAL wrong size.
 */
int crypto_secrets_load(struct crypto_secrets *secrets, const char *path,
                        bool create) MUST_CHECK;
/* From the master secret's 32 bytes, as another process of ours read them. */
void crypto_secrets_set(struct crypto_secrets *secrets,
                        const uint8_t master[CRYPTO_SECRET_BYTES]);
/* From systemd's folder of credentials: the same, but for the bits of the group
 * in its mode, which is how an ACL for the service's user shows. */
int crypto_secrets_load_credential(struct crypto_secrets *secrets,
                                   const char *path) MUST_CHECK;
void crypto_secrets_wipe(struct crypto_secrets *secrets);
/* HKDF-SHA256 (RFC 5869) without salt; `label`, at most 63 characters, keeps
 * the purposes apart. Panics when OpenSSL has none. */
void crypto_derive(const uint8_t secret[CRYPTO_SECRET_BYTES], const char *label,
                   uint8_t *out, size_t out_len);

/*
 * crypto_secrets_alloc - zeroed, on pages of its own: in no core dump, with
 * nothing beside it that a read beyond an end could start from, and, where
 * RLIMIT_MEMLOCK allows it, never in swap. NULL: out of memory.
 */
struct crypto_secrets *crypto_secrets_alloc(void) MUST_CHECK;
void crypto_secrets_free(struct crypto_secrets **secrets); /* and wipes */
/* After a fork, in the child: locks are not inherited; and what a child needs
 * has been derived already. */
void crypto_secrets_lock(struct crypto_secrets *secrets);
void crypto_secrets_forget_master(struct crypto_secrets *secrets);

/*
 * crypto_key_digest - HMAC-SHA256 of a virtual key, the only form in which a
 * key is looked up. Leading repetitions of "sk-" before the last are dropped
 * first ("sk-sk-aigw-x" is "sk-aigw-x"). About 1 us.
 */
void crypto_key_digest(const struct crypto_secrets *secrets, struct str key,
                       uint8_t digest[CRYPTO_DIGEST_BYTES]);
/* HMAC-SHA256 of `text` (RFC 2104) under a key of 32 bytes. */
void crypto_hmac(const uint8_t key[CRYPTO_SECRET_BYTES], struct str text,
                 uint8_t digest[CRYPTO_DIGEST_BYTES]);
/* The same under a key of any length. */
void crypto_hmac_key(struct str key, struct str text,
                     uint8_t digest[CRYPTO_DIGEST_BYTES]);
/* SHA-256 of pieces, one behind the other. */
void crypto_sha256(const struct iovec *pieces, int count,
                   uint8_t digest[CRYPTO_DIGEST_BYTES]);
/* "sk-aigw-" + 43 base62 characters of 256 random bits; NUL-terminated. */
void crypto_key_generate(char out[CRYPTO_KEY_CHARS + 1]);
/* Shows prefix and last four: "sk-aigw-****abcd". */
void crypto_key_mask(struct str key, char out[24]);

/*
 * crypto_seal / crypto_open - AES-256-GCM, random nonce, `aad` names the
 * record and field the secret belongs to. seal: out has room for len +
 * CRYPTO_SEAL_OVERHEAD; returns bytes written. open: returns the length, or
 * -EBADMSG when key, aad or bytes do not fit.
 */
size_t crypto_seal(const struct crypto_secrets *secrets, struct str aad,
                   const void *plain, size_t len, uint8_t *out);
int crypto_open(const struct crypto_secrets *secrets, struct str aad,
                const uint8_t *sealed, size_t len, uint8_t *plain) MUST_CHECK;

/* Constant time; lengths may differ (then false). */
bool crypto_equals(struct str a, struct str b);
void crypto_random(void *out, size_t len); /* panics when the kernel has none */
void crypto_wipe(void *bytes, size_t len);
/* Lower-case hex, 2 * len + NUL. */
void crypto_hex(const void *bytes, size_t len, char *out);
int crypto_unhex(struct str hex, void *out, size_t out_len) MUST_CHECK;

#endif
