/*
 * test_certificate.c - tests of common/certificate.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/certificate.h"

#include <errno.h>
#include <openssl/ssl.h>

#include "tests/unit/tls_files.h"

static struct buf error;

static int
load(struct certificate *out, const char *chain, const char *key)
{
    buf_init(&error, 0);
    return certificate_load(out, chain, key, &error);
}

static void
write_text(char path[64], const char *name, const void *text, size_t len)
{
    snprintf(path, 64, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK_TRUE(file != NULL);
    CHECK_EQ(fwrite(text, 1, len, file), len);
    fclose(file);
}

TEST(a_pair_that_fits_goes_to_another_process_and_into_a_context)
{
    make_files();
    struct certificate loaded, received;
    CHECK_EQ(load(&loaded, cert_file, key_file), 0);
    CHECK_EQ(buf_len(&error), 0);
    CHECK_EQ(certificate_check_dates(&loaded, &error), 0);
    int fd = certificate_send(&loaded);
    CHECK_TRUE(fd >= 0);
    for (int i = 0; i < 2; i++) { /* several workers read one descriptor */
        CHECK_EQ(certificate_receive(&received, fd), 0);
        CHECK_TRUE(certificate_equals(&loaded, &received));
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        CHECK_EQ(certificate_use(&received, context, &error), 0);
        SSL_CTX_free(context);
        received.key[0] ^= 1;
        CHECK_TRUE(!certificate_equals(&loaded, &received));
        certificate_wipe(&received);
        CHECK_TRUE(received.key == NULL && received.chain == NULL);
    }
    close(fd);
    certificate_wipe(&loaded);
    certificate_wipe(&loaded);
    buf_fini(&error);
}

TEST(what_cannot_be_used_is_refused_with_a_reason)
{
    make_files();
    char bad_file[64], empty_file[64], torn_file[64], text[4096];
    static char big[CERTIFICATE_FILE_MAX + 1];
    write_text(bad_file, "bad.pem", "this is no PEM\n", 15);
    write_text(empty_file, "empty.pem", "", 0);
    FILE *file = fopen(cert_file, "r");
    size_t len = fread(text, 1, sizeof(text) / 2 - 1, file);
    fclose(file);
    memcpy(text + len, text, len); /* the second one breaks off */
    write_text(torn_file, "torn.pem", text, len + len / 2);
    const struct {
        const char *chain, *key, *part;
    } cases[] = {
        {NULL, key_file, "tls_cert is not set"},
        {cert_file, NULL, "tls_key is not set"},
        {"/nonexistent/a.pem", key_file, "No such file"},
        {cert_file, "/nonexistent/b.pem", "/nonexistent/b.pem"},
        {folder, key_file, "tls_cert"},
        {cert_file, "/dev/null", "tls_key /dev/null: Invalid argument"},
        {bad_file, key_file, "the certificate chain cannot be used"},
        {empty_file, key_file, "the certificate chain cannot be used"},
        {torn_file, key_file, "the certificate chain cannot be used"},
        {key_file, key_file, "the certificate chain cannot be used"},
        {cert_file, bad_file, "the private key cannot be used"},
        {cert_file, locked_file, "the private key cannot be used"},
        {ca_file, key_file, "key values mismatch"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct certificate out;
        memset(&out, 1, sizeof(out));
        CHECK_TRUE(load(&out, cases[i].chain, cases[i].key) < 0);
        CHECK_TRUE(out.key == NULL && out.chain == NULL);
        if (strstr(buf_cstr(&error), cases[i].part) == NULL)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, buf_cstr(&error));
        buf_fini(&error);
    }
    struct certificate out;
    write_text(bad_file, "bad.pem", big, sizeof(big));
    CHECK_EQ(load(&out, bad_file, key_file), -EFBIG);
    buf_fini(&error);
    unlink(bad_file);
    unlink(empty_file);
    unlink(torn_file);
}

TEST(dates_of_the_first_certificate_count)
{
    make_files();
    struct certificate old, early;
    CHECK_EQ(load(&old, old_file, key_file), 0);
    CHECK_EQ(certificate_check_dates(&old, &error), -EKEYEXPIRED);
    CHECK_TRUE(strstr(buf_cstr(&error), "expired on 20") != NULL);
    certificate_wipe(&old);
    buf_fini(&error);

    char early_file[64];
    X509 *leaf = make_cert(leaf_key, "leaf", "DNS:x.example", 86400);
    X509_gmtime_adj(X509_getm_notBefore(leaf), 3600);
    CHECK_TRUE(X509_sign(leaf, ca_key, EVP_sha256()) > 0);
    write_pem(early_file, "early.pem", leaf, NULL, NULL);
    X509_free(leaf);
    CHECK_EQ(load(&early, early_file, key_file), 0);
    CHECK_EQ(certificate_check_dates(&early, &error), -EKEYREJECTED);
    CHECK_TRUE(strstr(buf_cstr(&error), "not valid before 20") != NULL);
    certificate_wipe(&early);
    buf_fini(&error);
    unlink(early_file);
}

TEST(bytes_that_did_not_arrive_whole_are_refused)
{
    make_files();
    struct certificate loaded, received;
    CHECK_EQ(load(&loaded, cert_file, key_file), 0);
    uint32_t all = 8 + loaded.chain_len + loaded.key_len;
    const off_t lengths[] = {0, 4, 8, 8 + loaded.chain_len, all - 1};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        int fd = certificate_send(&loaded);
        CHECK_EQ(ftruncate(fd, lengths[i]), 0);
        CHECK_EQ(certificate_receive(&received, fd), -EBADMSG);
        CHECK_TRUE(received.key == NULL && received.chain == NULL);
        close(fd);
    }
    int fd = certificate_send(&loaded);
    uint32_t huge = UINT32_MAX;
    CHECK_EQ(pwrite(fd, &huge, sizeof(huge), 0), (ssize_t)sizeof(huge));
    CHECK_EQ(certificate_receive(&received, fd), -EBADMSG);
    close(fd);
    CHECK_EQ(certificate_receive(&received, -1), -EBADF);
    certificate_wipe(&loaded);
    buf_fini(&error);
}
