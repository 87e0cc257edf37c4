/*
 * test_tls.c - tests of common/net/tls*.c: both sides in one process, over a
 * socket pair, with certificates made for the run.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/net/tls_session.h"
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

static struct tls_client_context *client_context;
static struct tls_server_context *server_context;
static struct stream client, server;
static struct buf error;

static void
open_contexts(const char *ca_path, bool verify, const char *cert,
              const char *min_version)
{
    make_files();
    buf_init(&error, 0);
    client_context = tls_client_create(ca_path, verify, &error);
    server_context = tls_server_create(cert, key_file, min_version, &error);
    if (client_context == NULL || server_context == NULL)
        test_fail(__FILE__, __LINE__, "no context: %s", buf_cstr(&error));
}

static void
close_contexts(void)
{
    tls_client_destroy(&client_context);
    tls_server_destroy(&server_context);
    CHECK_TRUE(client_context == NULL && server_context == NULL);
    buf_fini(&error);
}

/* Both steps in turn until both are decided. *server_result as the return. */
static int
shake_hands(int *server_result)
{
    int client_result = -EAGAIN;
    *server_result = -EAGAIN;
    for (int i = 0; i < 20; i++) {
        if (client_result == -EAGAIN)
            client_result = stream_handshake(&client);
        if (*server_result == -EAGAIN)
            *server_result = stream_handshake(&server);
    }
    return client_result;
}

static int
connect_streams(const char *host, int *server_result)
{
    int fds[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client = (struct stream){.fd = fds[0]};
    server = (struct stream){.fd = fds[1]};
    CHECK_EQ(tls_client_start(client_context, &client, host), 0);
    CHECK_EQ(tls_server_start(server_context, &server), 0);
    return shake_hands(server_result);
}

static void
close_streams(void)
{
    stream_close(&client);
    stream_close(&server);
}

TEST(the_name_and_the_chain_of_the_peer_are_verified)
{
    static const struct {
        const char *host;
        bool trusted, old, good;
        const char *text; /* of the client's error */
    } cases[] = {
        {"good.example", true, false, true, ""},
        {"GOOD.example.", true, false, true, ""},
        {"a.wild.example", true, false, true, ""},
        {"127.0.0.1", true, false, true, ""},
        {"bad.example", true, false, false, "hostname mismatch"},
        {"a.b.wild.example", true, false, false, "hostname mismatch"},
        {"127.0.0.2", true, false, false, "IP address mismatch"},
        {"[::1]", true, false, false, "IP address mismatch"},
        {"good.example", true, true, false, "certificate has expired"},
        {"good.example", false, false, false,
         "unable to get local issuer certificate"},
    };
    make_files();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        /* A leaf as the only root is no authority for itself here. */
        open_contexts(cases[i].trusted ? ca_file : old_file, true,
                      cases[i].old ? old_file : cert_file, NULL);
        int server_result,
            result = connect_streams(cases[i].host, &server_result);
        CHECK_EQ(result, cases[i].good ? 0 : -EPROTO);
        CHECK_STR(str_from(tls_error_text(&client)), cases[i].text);
        if (cases[i].good) {
            CHECK_EQ(server_result, 0);
        } else {
            CHECK_EQ(server_result, -EPROTO);
            CHECK_TRUE(*tls_error_text(&server) != '\0');
            CHECK_EQ(stream_handshake(&client), -EPROTO);
        }
        close_streams();
        close_contexts();
    }
}

TEST(without_verification_any_certificate_will_do)
{
    make_files();
    open_contexts(NULL, false, old_file, NULL);
    int server_result;
    CHECK_EQ(connect_streams("other.example", &server_result), 0);
    CHECK_EQ(server_result, 0);
    close_streams();
    close_contexts();
}

TEST(bad_hosts_are_refused)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    char host[300];
    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    struct stream stream = {.fd = -1};
    CHECK_EQ(tls_client_start(client_context, &stream, host), -EINVAL);
    CHECK_EQ(tls_client_start(client_context, &stream, ""), -EINVAL);
    CHECK_TRUE(stream.tls == NULL);
    close_contexts();
}

TEST(the_latest_session_of_a_host_is_resumed)
{
    static const char *const versions[] = {"1.2", "1.3"};
    make_files();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        open_contexts(ca_file, true, cert_file, versions[i]);
        static const struct {
            const char *host;
            bool reused;
        } turns[] = {{"good.example", false},
                     {"good.example", true},
                     {"Good.Example", true},
                     {"a.wild.example", false},
                     {"good.example", true}};
        for (size_t k = 0; k < ARRAY_LEN(turns); k++) {
            int server_result;
            char byte;
            CHECK_EQ(connect_streams(turns[k].host, &server_result), 0);
            CHECK_EQ(SSL_session_reused(client.tls->ssl), turns[k].reused);
            /* TLS 1.3 sends tickets behind the handshake. */
            CHECK_EQ(stream_read(&client, &byte, 1), -EAGAIN);
            CHECK_STR(str_from(SSL_get_version(client.tls->ssl)), "TLSv1.3");
            close_streams();
        }
        close_contexts();
    }
}

TEST(more_hosts_than_places_replace_the_oldest)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    for (int i = 0; i < 70; i++) {
        char host[32], byte;
        int server_result;
        snprintf(host, sizeof(host), "h%d.wild.example", i);
        CHECK_EQ(connect_streams(host, &server_result), 0);
        CHECK_EQ(stream_read(&client, &byte, 1), -EAGAIN);
        close_streams();
    }
    int server_result;
    CHECK_EQ(connect_streams("h0.wild.example", &server_result), 0);
    CHECK_TRUE(!SSL_session_reused(client.tls->ssl));
    close_streams();
    CHECK_EQ(connect_streams("h69.wild.example", &server_result), 0);
    CHECK_TRUE(SSL_session_reused(client.tls->ssl));
    close_streams();
    close_contexts();
}

/* Writes what OpenSSL's own client settings allow, against our server. */
static int
raw_client(int max_version, const char *ciphers, const char *alpn)
{
    int fds[2], server_result;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, max_version);
    CHECK_EQ(SSL_CTX_set_cipher_list(context, ciphers), 1);
    if (alpn != NULL)
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn,
                                (unsigned)strlen(alpn));
    client = (struct stream){.fd = fds[0]};
    server = (struct stream){.fd = fds[1]};
    CHECK_EQ(tls_session_create(context, &client), 0);
    SSL_set_connect_state(client.tls->ssl);
    CHECK_EQ(tls_server_start(server_context, &server), 0);
    shake_hands(&server_result);
    close_streams();
    SSL_CTX_free(context);
    return server_result;
}

TEST(the_server_takes_only_good_versions_ciphers_and_protocols)
{
    make_files();
    open_contexts(ca_file, true, cert_file, "1.2");
    CHECK_EQ(raw_client(TLS1_3_VERSION, "ALL", NULL), 0);
    CHECK_EQ(raw_client(TLS1_2_VERSION, "ALL", NULL), 0);
    CHECK_EQ(raw_client(TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL), -EPROTO);
    CHECK_EQ(raw_client(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", NULL),
             -EPROTO);
    CHECK_EQ(raw_client(TLS1_3_VERSION, "ALL", "\x02h2\x08http/1.1"), 0);
    CHECK_EQ(raw_client(TLS1_3_VERSION, "ALL", "\x02h2"), -EPROTO);
    close_contexts();
    open_contexts(ca_file, true, cert_file, "1.3");
    CHECK_EQ(raw_client(TLS1_2_VERSION, "ALL", NULL), -EPROTO);
    close_contexts();
}

TEST(contexts_that_cannot_be_made_say_why)
{
    make_files();
    const struct {
        const char *cert, *key, *version, *part;
    } cases[] = {
        {"/nonexistent/a.pem", key_file, NULL, "/nonexistent/a.pem: "},
        {cert_file, "/nonexistent/b.pem", NULL, "/nonexistent/b.pem: "},
        {ca_file, key_file, NULL, "key values mismatch"},
        {cert_file, locked_file, NULL, "locked.pem: "},
        {cert_file, key_file, "1.1", "use 1.2 or 1.3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_init(&error, 0);
        struct tls_server_context *context = tls_server_create(
            cases[i].cert, cases[i].key, cases[i].version, &error);
        CHECK_TRUE(context == NULL);
        if (strstr(buf_cstr(&error), cases[i].part) == NULL)
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, buf_cstr(&error));
        buf_fini(&error);
    }
    buf_init(&error, 0);
    struct tls_client_context *context =
        tls_client_create("/nonexistent/ca.pem", true, &error);
    CHECK_TRUE(context == NULL && buf_len(&error) > 0);
    buf_fini(&error);
}

enum { BULK = 1 << 20 };
static char bulk[BULK], arrived[BULK];

/* Reads what is there at `from` into arrived[]; the number of bytes in all. */
static size_t
drain(struct stream *from, size_t have)
{
    ssize_t got;
    while ((got = stream_read(from, arrived + have, BULK - have)) > 0)
        have += (size_t)got;
    CHECK_TRUE(got == -EAGAIN || have == BULK);
    return have;
}

/* Each call offers the rest at a new address, in other pieces. */
TEST(a_write_may_be_retried_from_a_moved_buffer)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int server_result, full = 0;
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    srandom(3);
    for (size_t i = 0; i < BULK; i++)
        bulk[i] = (char)random();
    size_t sent = 0, have = 0;
    while (have < BULK) {
        size_t left = BULK - sent;
        char *copy = malloc(left + 1);
        memcpy(copy, bulk + sent, left);
        size_t first = left > 0 ? (size_t)random() % (left % 40000 + 1) : 0;
        struct iovec pieces[] = {{copy, first},
                                 {NULL, 0},
                                 {copy + first, (left - first) / 2},
                                 {copy + first + (left - first) / 2,
                                  left - first - (left - first) / 2}};
        ssize_t result = stream_writev(&server, pieces, 4);
        memset(copy, 'x', left);
        free(copy);
        CHECK_TRUE(result >= 0 || result == -EAGAIN);
        full += result == -EAGAIN || (result >= 0 && (size_t)result < left);
        if (result > 0)
            sent += (size_t)result;
        have = drain(&client, have);
        if (result < 0 && result != -EAGAIN)
            break;
    }
    CHECK_EQ(sent, BULK);
    CHECK_TRUE(full > 0);
    CHECK_TRUE(memcmp(bulk, arrived, BULK) == 0);
    close_streams();
    close_contexts();
}

TEST(a_retry_with_fewer_bytes_breaks_the_stream)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int server_result;
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    struct iovec piece = {bulk, BULK}, less = {bulk, 10};
    ssize_t result;
    do {
        result = stream_writev(&server, &piece, 1);
    } while (result > 0);
    CHECK_EQ(result, -EAGAIN);
    CHECK_EQ(stream_writev(&server, &less, 1), -EPROTO);
    close_streams();
    close_contexts();
}

TEST(a_clean_end_is_told_from_a_cut_connection)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int server_result;
    char bytes[16];
    struct iovec piece = {"bye", 3};
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    CHECK_EQ(stream_writev(&server, &piece, 1), 3);
    stream_close(&server);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 3);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 0);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 0);
    close_streams();

    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    shutdown(server.fd, SHUT_WR);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), -EPROTO);
    CHECK_TRUE(*tls_error_text(&client) != '\0');
    CHECK_EQ(stream_writev(&client, &piece, 1), -EPROTO);
    close_streams();

    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    close(client.fd);
    client.fd = -1;
    CHECK_TRUE(stream_writev(&server, &piece, 1) < 0);
    tls_session_free(&client.tls);
    close_streams();
    close_contexts();
}

TEST(bytes_that_are_no_tls_fail_the_handshake)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int fds[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server = (struct stream){.fd = fds[0]};
    client = (struct stream){.fd = fds[1]};
    CHECK_EQ(tls_server_start(server_context, &server), 0);
    CHECK_EQ(stream_handshake(&server), -EAGAIN);
    struct iovec piece = {"GET / HTTP/1.1\r\n\r\n", 18};
    CHECK_EQ(stream_writev(&client, &piece, 1), 18);
    CHECK_EQ(stream_handshake(&server), -EPROTO);
    CHECK_STR(str_from(tls_error_text(&server)), "http request");
    close_streams();
    close_contexts();
}
