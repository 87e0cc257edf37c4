/*
 * crypto_secrets.c - the file of the master secret, and the keys that are
 * derived from it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

void
crypto_derive(const uint8_t secret[CRYPTO_SECRET_BYTES], const char *label,
              uint8_t *out, size_t out_len)
{
    uint8_t key[CRYPTO_SECRET_BYTES];
    char info[64], digest[] = "SHA256";
    int n = snprintf(info, sizeof(info), "%s", label);
    CHECK(n > 0 && (size_t)n < sizeof(info));
    memcpy(key, secret, sizeof(key));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)n),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    if (context == NULL || EVP_KDF_derive(context, out, out_len, params) != 1)
        panic("HKDF failed");
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    crypto_wipe(key, sizeof(key));
}

static void
derive_all(struct crypto_secrets *secrets)
{
    const uint8_t *master = secrets->master;
    crypto_derive(master, "aigw key digest", secrets->key_digest,
                  sizeof(secrets->key_digest));
    crypto_derive(master, "aigw seal", secrets->seal, sizeof(secrets->seal));
    crypto_derive(master, "aigw hash seed", secrets->hash_seed,
                  sizeof(secrets->hash_seed));
    crypto_derive(master, "aigw tls tickets", secrets->tickets,
                  sizeof(secrets->tickets));
    crypto_derive(master, "aigw logins", secrets->logins,
                  sizeof(secrets->logins));
}

static bool
is_random(const uint8_t bytes[CRYPTO_SECRET_BYTES])
{
    uint8_t differ = 0;
    for (size_t i = 1; i < CRYPTO_SECRET_BYTES; i++)
        differ |= bytes[i] ^ bytes[0];
    return differ != 0;
}

/* 0, -ENOENT, -EPERM (a bit of `forbidden` is in its mode), -EINVAL or another
 * -errno. */
static int
read_secret(const char *path, mode_t forbidden,
            uint8_t out[CRYPTO_SECRET_BYTES])
{
    struct stat st;
    uint8_t bytes[CRYPTO_SECRET_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int rc = 0;
    ssize_t n = 0;
    if (fstat(fd, &st) != 0)
        rc = -errno;
    else if (!S_ISREG(st.st_mode))
        rc = -EINVAL;
    else if ((st.st_mode & forbidden) != 0)
        rc = -EPERM;
    if (rc == 0) {
        n = read(fd, bytes, sizeof(bytes));
        if (n < 0)
            rc = -errno;
        else if (n != CRYPTO_SECRET_BYTES || !is_random(bytes))
            rc = -EINVAL; /* one byte over and over: what a crash leaves */
    }
    if (rc == 0)
        memcpy(out, bytes, CRYPTO_SECRET_BYTES);
    crypto_wipe(bytes, sizeof(bytes));
    close(fd);
    return rc;
}

static int
sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) != 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int
write_secret(int fd, const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    ssize_t n = write(fd, secret, CRYPTO_SECRET_BYTES);
    if (n < 0)
        return -errno;
    if (n != CRYPTO_SECRET_BYTES)
        return -EIO;
    return fsync(fd) != 0 ? -errno : 0;
}

/*
 * The file appears whole and durable or not at all, and never in place of one
 * that another process made meanwhile (link(2) does not replace): what was
 * sealed under a lost secret could not be opened again.
 */
static int
create_secret(const char *path)
{
    char temporary[PATH_MAX];
    uint8_t secret[CRYPTO_SECRET_BYTES];
    int n =
        snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return -ENAMETOOLONG;
    unlink(temporary); /* of a process with this pid that was killed */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    crypto_random(secret, sizeof(secret));
    int rc = write_secret(fd, secret);
    crypto_wipe(secret, sizeof(secret));
    close(fd);
    if (rc == 0 && link(temporary, path) != 0)
        rc = errno == EEXIST ? 0 : -errno;
    unlink(temporary);
    return rc == 0 ? sync_directory_of(path) : rc;
}

int
crypto_secrets_load(struct crypto_secrets *secrets, const char *path,
                    bool create)
{
    int rc = read_secret(path, 077, secrets->master);
    if (rc == -ENOENT && create) {
        rc = create_secret(path);
        if (rc == 0)
            rc = read_secret(path, 077, secrets->master);
    }
    if (rc == 0)
        derive_all(secrets);
    return rc;
}

void
crypto_secrets_set(struct crypto_secrets *secrets,
                   const uint8_t master[CRYPTO_SECRET_BYTES])
{
    memcpy(secrets->master, master, CRYPTO_SECRET_BYTES);
    derive_all(secrets);
}

int
crypto_secrets_load_credential(struct crypto_secrets *secrets, const char *path)
{
    int rc = read_secret(path, 007, secrets->master);
    if (rc == 0)
        derive_all(secrets);
    return rc;
}

void
crypto_secrets_wipe(struct crypto_secrets *secrets)
{
    crypto_wipe(secrets, sizeof(*secrets));
}
