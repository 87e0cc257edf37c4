/*
 * certificate.c - see certificate.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"

/* What stands in front of the bytes in a memfd. */
struct sent_lengths {
    uint32_t chain_len, key_len;
};

static void
explain(struct buf *error, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    buf_printf(error, "%s: %s", what, reason == NULL ? "failed" : reason);
    ERR_clear_error();
}

/* A key file with a passphrase is refused, not asked for on the terminal. */
static int
no_passphrase(char *into, int size, int writing, void *user)
{
    (void)into, (void)size, (void)writing, (void)user;
    return 0;
}

/* ---- into and out of files ---- */

static int
read_exactly(int fd, char *into, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pread(fd, into, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG; /* it shrinks while we read */
        into += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
write_exactly(int fd, const void *bytes, size_t len)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = write(fd, from, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        from += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
read_file(const char *path, char **out, uint32_t *out_len)
{
    struct stat st;
    /* O_NONBLOCK: a FIFO in its place must not hold the master. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = 0;
    if (fstat(fd, &st) != 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode))
        r = -EINVAL;
    else if (st.st_size > CERTIFICATE_FILE_MAX)
        r = -EFBIG;
    char *bytes = r == 0 ? malloc((size_t)st.st_size + 1) : NULL;
    if (r == 0 && bytes == NULL)
        r = -ENOMEM;
    if (r == 0)
        r = read_exactly(fd, bytes, (size_t)st.st_size, 0);
    close(fd);
    if (r == 0) {
        *out = bytes;
        *out_len = (uint32_t)st.st_size;
    } else if (bytes != NULL) {
        crypto_wipe(bytes, (size_t)st.st_size);
        free(bytes);
    }
    return r;
}

static int
read_named(const char *path, const char *option, char **out, uint32_t *out_len,
           struct buf *error)
{
    int r = path == NULL ? -EINVAL : read_file(path, out, out_len);
    if (path == NULL)
        buf_printf(error, "%s is not set", option);
    else if (r < 0)
        buf_printf(error, "%s %s: %s", option, path, strerror(-r));
    return r;
}

/* ---- what the bytes say ---- */

static X509 *
read_leaf(const struct certificate *certificate)
{
    BIO *bio = BIO_new_mem_buf(certificate->chain, (int)certificate->chain_len);
    X509 *leaf = bio == NULL
                     ? NULL
                     : PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    return leaf;
}

/* All certificates behind the first. False: one of them is broken. */
static bool
add_intermediates(BIO *bio, SSL_CTX *ssl_context)
{
    X509 *next;
    while ((next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
        if (SSL_CTX_add0_chain_cert(ssl_context, next) != 1) {
            X509_free(next);
            return false;
        }
    /* The end of the file is told as an error too. */
    unsigned long code = ERR_peek_last_error();
    bool ended = ERR_GET_LIB(code) == ERR_LIB_PEM &&
                 ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (ended)
        ERR_clear_error();
    return ended;
}

static bool
use_chain(const struct certificate *certificate, SSL_CTX *ssl_context)
{
    BIO *bio = BIO_new_mem_buf(certificate->chain, (int)certificate->chain_len);
    X509 *leaf = bio == NULL
                     ? NULL
                     : PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
    bool good = leaf != NULL &&
                SSL_CTX_use_certificate(ssl_context, leaf) == 1 &&
                SSL_CTX_clear_chain_certs(ssl_context) == 1 &&
                add_intermediates(bio, ssl_context);
    X509_free(leaf);
    BIO_free(bio);
    return good;
}

static bool
use_key(const struct certificate *certificate, SSL_CTX *ssl_context)
{
    BIO *bio = BIO_new_mem_buf(certificate->key, (int)certificate->key_len);
    EVP_PKEY *key =
        bio == NULL ? NULL
                    : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    bool good = key != NULL && SSL_CTX_use_PrivateKey(ssl_context, key) == 1 &&
                SSL_CTX_check_private_key(ssl_context) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return good;
}

int
certificate_use(const struct certificate *certificate,
                struct ssl_ctx_st *ssl_context, struct buf *error)
{
    ERR_clear_error();
    if (!use_chain(certificate, ssl_context)) {
        explain(error, "the certificate chain cannot be used");
        return -EINVAL;
    }
    if (!use_key(certificate, ssl_context)) {
        explain(error, "the private key cannot be used");
        return -EINVAL;
    }
    return 0;
}

static int
check_fit(const struct certificate *certificate, const char *chain_file,
          const char *key_file, struct buf *error)
{
    struct buf reason;
    buf_init(&reason, 0);
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    int r = -ENOMEM;
    if (trial == NULL)
        explain(&reason, "cannot set up TLS");
    else
        r = certificate_use(certificate, trial, &reason);
    SSL_CTX_free(trial);
    if (r < 0)
        buf_printf(error, "tls_cert %s with tls_key %s: %s", chain_file,
                   key_file, buf_cstr(&reason));
    buf_fini(&reason);
    return r;
}

int
certificate_load(struct certificate *out, const char *chain_file,
                 const char *key_file, struct buf *error)
{
    struct certificate loaded = {0};
    int r = read_named(chain_file, "tls_cert", &loaded.chain, &loaded.chain_len,
                       error);
    if (r == 0)
        r = read_named(key_file, "tls_key", &loaded.key, &loaded.key_len,
                       error);
    if (r == 0)
        r = check_fit(&loaded, chain_file, key_file, error);
    if (r < 0)
        certificate_wipe(&loaded);
    *out = loaded;
    return r;
}

static void
append_time(struct buf *out, const ASN1_TIME *time)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        buf_append_cstr(out, "an unreadable date");
    else
        buf_printf(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

int
certificate_check_dates(const struct certificate *certificate,
                        struct buf *error)
{
    int r = 0;
    X509 *leaf = read_leaf(certificate);
    if (leaf == NULL) {
        explain(error, "the certificate cannot be read");
        return -EINVAL;
    }
    const ASN1_TIME *from = X509_get0_notBefore(leaf);
    const ASN1_TIME *until = X509_get0_notAfter(leaf);
    if (X509_cmp_current_time(until) <= 0) { /* 0: it cannot be read */
        r = -EKEYEXPIRED;
        buf_append_cstr(error, "the certificate expired on ");
        append_time(error, until);
    } else if (X509_cmp_current_time(from) >= 0) {
        r = -EKEYREJECTED;
        buf_append_cstr(error, "the certificate is not valid before ");
        append_time(error, from);
    }
    X509_free(leaf);
    return r;
}

int64_t
certificate_until(const struct certificate *certificate)
{
    struct tm tm;
    X509 *leaf = certificate->chain == NULL ? NULL : read_leaf(certificate);
    int64_t until_s = 0;
    if (leaf != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1)
        until_s = (int64_t)timegm(&tm);
    X509_free(leaf);
    return until_s;
}

/* ---- from process to process ---- */

bool
certificate_equals(const struct certificate *a, const struct certificate *b)
{
    return crypto_equals(str_make(a->chain, a->chain_len),
                         str_make(b->chain, b->chain_len)) &&
           crypto_equals(str_make(a->key, a->key_len),
                         str_make(b->key, b->key_len));
}

int
certificate_send(const struct certificate *certificate)
{
    struct sent_lengths lengths = {certificate->chain_len,
                                   certificate->key_len};
    int fd = memfd_create("aigw-certificate", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_exactly(fd, &lengths, sizeof(lengths));
    if (r == 0)
        r = write_exactly(fd, certificate->chain, certificate->chain_len);
    if (r == 0)
        r = write_exactly(fd, certificate->key, certificate->key_len);
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int
certificate_receive(struct certificate *out, int fd)
{
    struct sent_lengths lengths;
    struct certificate got = {0};
    *out = got;
    int r = read_exactly(fd, (char *)&lengths, sizeof(lengths), 0);
    if (r < 0)
        return r;
    if (lengths.chain_len > CERTIFICATE_FILE_MAX ||
        lengths.key_len > CERTIFICATE_FILE_MAX)
        return -EBADMSG;
    got.chain_len = lengths.chain_len;
    got.key_len = lengths.key_len;
    got.chain = malloc(got.chain_len + 1);
    got.key = malloc(got.key_len + 1);
    r = got.chain == NULL || got.key == NULL ? -ENOMEM : 0;
    if (r == 0)
        r = read_exactly(fd, got.chain, got.chain_len, sizeof(lengths));
    if (r == 0)
        r = read_exactly(fd, got.key, got.key_len,
                         (off_t)(sizeof(lengths) + got.chain_len));
    if (r < 0)
        certificate_wipe(&got);
    else
        *out = got;
    return r;
}

void
certificate_wipe(struct certificate *certificate)
{
    if (certificate->key != NULL)
        crypto_wipe(certificate->key, certificate->key_len);
    free(certificate->key);
    free(certificate->chain);
    *certificate = (struct certificate){0};
}
