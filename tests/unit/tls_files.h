/*
 * tls_files.h - an authority, a key and certificates, made for the run; for
 * the tests of TLS. Included once by each.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_TLS_FILES_H
#define AIGW_TESTS_UNIT_TLS_FILES_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "tests/test.h"

static char folder[] = "/tmp/aigw-tls-XXXXXX";
static char ca_file[64], key_file[64], cert_file[64], old_file[64],
    locked_file[64];
static EVP_PKEY *ca_key, *leaf_key;
static X509 *ca;

static X509 *
make_cert(EVP_PKEY *key, const char *name, const char *alternatives,
          long ends_in_s)
{
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1 + (long)random());
    X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(cert), ends_in_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(cert, key);
    X509_set_issuer_name(cert, X509_get_subject_name(ca == NULL ? cert : ca));
    X509V3_CTX context;
    X509V3_set_ctx(&context, ca == NULL ? cert : ca, cert, NULL, NULL, 0);
    X509_EXTENSION *extension =
        alternatives == NULL
            ? X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints,
                                  "critical,CA:TRUE")
            : X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name,
                                  alternatives);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    CHECK_TRUE(X509_sign(cert, ca_key, EVP_sha256()) > 0);
    return cert;
}

static void
write_pem(char path[64], const char *name, X509 *cert, EVP_PKEY *key,
          const char *passphrase)
{
    snprintf(path, 64, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK_TRUE(file != NULL);
    if (cert != NULL)
        CHECK_EQ(PEM_write_X509(file, cert), 1);
    if (key != NULL)
        CHECK_EQ(PEM_write_PrivateKey(
                     file, key, passphrase == NULL ? NULL : EVP_aes_128_cbc(),
                     NULL, 0, NULL, (void *)(uintptr_t)passphrase),
                 1);
    fclose(file);
}

static void
remove_files(void)
{
    const char *const paths[] = {ca_file, key_file, cert_file, old_file,
                                 locked_file};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        unlink(paths[i]);
    rmdir(folder);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(leaf_key);
}

static void
make_files(void)
{
    if (ca != NULL)
        return;
    CHECK_TRUE(mkdtemp(folder) != NULL);
    ca_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    ca = make_cert(ca_key, "test authority", NULL, 86400);
    const char *names = "DNS:good.example,DNS:*.wild.example,IP:127.0.0.1";
    X509 *leaf = make_cert(leaf_key, "leaf", names, 86400);
    X509 *old = make_cert(leaf_key, "leaf", names, -3600);
    write_pem(ca_file, "ca.pem", ca, NULL, NULL);
    write_pem(key_file, "key.pem", NULL, leaf_key, NULL);
    write_pem(locked_file, "locked.pem", NULL, leaf_key, "secret");
    write_pem(cert_file, "cert.pem", leaf, NULL, NULL);
    write_pem(old_file, "old.pem", old, NULL, NULL);
    X509_free(leaf);
    X509_free(old);
    atexit(remove_files);
}

#endif
