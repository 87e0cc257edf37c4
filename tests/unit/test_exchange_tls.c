/*
 * test_exchange_tls.c - exchanges with https providers: the certificate is
 * judged, records are joined, connections are used again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/upstream_fixture.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static char folder[] = "/tmp/aigw-exchange-XXXXXX";
static char cert_file[64], key_file[64];

/* A certificate for 127.0.0.1 and localhost that vouches for itself. */
static void
make_certificate(void)
{
    CHECK_TRUE(mkdtemp(folder) != NULL);
    snprintf(cert_file, sizeof(cert_file), "%s/cert", folder);
    snprintf(key_file, sizeof(key_file), "%s/key", folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(cert), 7200);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(
        NULL, &context, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    CHECK_TRUE(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_file, "w");
    CHECK_EQ(PEM_write_X509(file, cert), 1);
    fclose(file);
    file = fopen(key_file, "w");
    CHECK_EQ(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct server {
    struct tls_server_context *context;
    struct stream stream;
};

static void
server_init(struct fixture *f, struct server *server)
{
    if (cert_file[0] == '\0')
        make_certificate();
    fixture_init(f);
    f->provider.tls = f->provider.verify = true;
    f->provider.ca_file = cert_file;
    struct buf error;
    buf_init(&error, 0);
    *server = (struct server){.stream = {.fd = -1}};
    static const struct crypto_secrets secrets;
    struct certificate certificate;
    CHECK_EQ(certificate_load(&certificate, cert_file, key_file, &error), 0);
    server->context = tls_server_create(&certificate, "1.2", &secrets, &error);
    CHECK_TRUE(server->context != NULL);
    certificate_wipe(&certificate);
    buf_fini(&error);
}

static void
server_fini(struct fixture *f, struct server *server)
{
    stream_close(&server->stream);
    tls_server_destroy(&server->context);
    fixture_fini(f);
}

static void
server_accept(struct fixture *f, struct server *server)
{
    server->stream.fd = fixture_accept(f);
    CHECK_EQ(tls_server_start(server->context, &server->stream), 0);
}

static void
server_read_request(struct fixture *f, struct server *server)
{
    char bytes[1000];
    ssize_t got = -EAGAIN;
    UNTIL(f, (got = stream_read(&server->stream, bytes, sizeof(bytes))) !=
                 -EAGAIN);
    CHECK_EQ(got, f->piece.iov_len);
}

static void
server_write(struct server *server, const char *text, size_t len)
{
    struct iovec piece = {(char *)(uintptr_t)text, len};
    CHECK_EQ(stream_writev(&server->stream, &piece, 1), len);
}

TEST(an_answer_comes_over_tls_and_the_connection_is_used_again)
{
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    for (int i = 0; i < 3; i++) {
        fixture_start(&f);
        if (i == 0) {
            server_accept(&f, &server);
            UNTIL(&f, stream_handshake(&server.stream) == 0);
        }
        server_read_request(&f, &server);
        /* In two records: more than one read of OpenSSL's. */
        const char *answer = PLAIN_OK;
        server_write(&server, answer, 20);
        server_write(&server, answer + 20, strlen(answer) - 20);
        UNTIL(&f, f.record.ends == 1);
        CHECK_EQ(f.record.result, EXCHANGE_OK);
        CHECK_STR(buf_view(&f.record.body), "ok");
        CHECK_EQ(exchange_attempts(f.record.exchange), 1);
        CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 1);
    }
    server_fini(&f, &server);
}

TEST(bytes_after_an_answer_end_the_connection_though_openssl_holds_them)
{
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    fixture_start(&f);
    server_accept(&f, &server);
    UNTIL(&f, stream_handshake(&server.stream) == 0);
    server_read_request(&f, &server);
    server_write(&server, PLAIN_OK, strlen(PLAIN_OK));
    server_write(&server, "HTTP/1.1 200 OK\r\n", 17);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_STR(buf_view(&f.record.body), "ok");
    CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 0);
    server_fini(&f, &server);
}

TEST(a_large_answer_over_tls_comes_whole)
{
    enum { TOTAL = 500000 };
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    fixture_start(&f);
    server_accept(&f, &server);
    UNTIL(&f, stream_handshake(&server.stream) == 0);
    server_read_request(&f, &server);
    char head[100];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", TOTAL);
    server_write(&server, head, (size_t)len);
    static char bytes[TOTAL];
    memset(bytes, 'z', sizeof(bytes));
    size_t sent = 0;
    while (sent < TOTAL && f.record.ends == 0) {
        struct iovec piece = {bytes + sent, TOTAL - sent};
        ssize_t n = stream_writev(&server.stream, &piece, 1);
        sent += n > 0 ? (size_t)n : 0;
        loop_turn(f.worker->loop, 1);
    }
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(buf_len(&f.record.body), TOTAL);
    CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 1);
    server_fini(&f, &server);
}

TEST(a_tls_stream_without_its_close_notify_was_cut)
{
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    fixture_start(&f);
    server_accept(&f, &server);
    UNTIL(&f, stream_handshake(&server.stream) == 0);
    server_read_request(&f, &server);
    server_write(&server, "HTTP/1.1 200 OK\r\n\r\nabc", 22);
    shutdown(server.stream.fd, SHUT_WR);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_CUT);
    server_fini(&f, &server);
}

TEST(a_certificate_that_is_not_trusted_is_refused_with_a_reason)
{
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        struct server server;
        server_init(&f, &server);
        if (i == 0)
            f.provider.ca_file = NULL; /* the system does not know it */
        else
            snprintf(f.provider.host, sizeof(f.provider.host), "127.0.0.2");
        close(f.listener);
        struct sockaddr_in any = {.sin_family = AF_INET};
        socklen_t len = sizeof(any);
        f.listener =
            socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        any.sin_addr.s_addr = inet_addr(f.provider.host);
        CHECK_EQ(bind(f.listener, (struct sockaddr *)&any, len), 0);
        CHECK_EQ(listen(f.listener, 5), 0);
        getsockname(f.listener, (struct sockaddr *)&any, &len);
        f.provider.port = ntohs(any.sin_port);
        fixture_start(&f);
        server_accept(&f, &server);
        UNTIL(&f, stream_handshake(&server.stream) != -EAGAIN ||
                      f.record.ends == 1);
        UNTIL(&f, f.record.ends == 1);
        CHECK_EQ(f.record.result, EXCHANGE_CONNECT);
        CHECK_TRUE(str_starts_with(str_from(f.record.text), STR_LIT("TLS: ")));
        CHECK_TRUE(strlen(f.record.text) > 10);
        CHECK_EQ(f.record.heads, 0);
        server_fini(&f, &server);
    }
}

TEST(verification_can_be_switched_off)
{
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    f.provider.verify = false;
    f.provider.ca_file = NULL;
    fixture_start(&f);
    server_accept(&f, &server);
    UNTIL(&f, stream_handshake(&server.stream) == 0);
    server_read_request(&f, &server);
    server_write(&server, PLAIN_OK, strlen(PLAIN_OK));
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    server_fini(&f, &server);
}

TEST(a_missing_ca_file_fails_the_exchange_and_not_the_worker)
{
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    char missing[] = "/nonexistent/ca.pem";
    f.provider.ca_file = missing;
    fixture_start(&f);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_CONNECT);
    server_fini(&f, &server);
}

TEST(a_silent_tls_server_is_a_timeout)
{
    struct fixture f;
    struct server server;
    server_init(&f, &server);
    f.provider.timeouts.connect_ms = 50;
    fixture_start(&f);
    server.stream.fd = fixture_accept(&f);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_TIMEOUT);
    server_fini(&f, &server);
}

TEST(the_files_of_these_tests_go)
{
    CHECK_EQ(unlink(cert_file) + unlink(key_file) + rmdir(folder), 0);
}
