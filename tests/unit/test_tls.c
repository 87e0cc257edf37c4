/*
 * test_tls.c - tests of common/net/tls*.c: both sides in one process, over a
 * socket pair, with certificates made for the run.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/tls.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/net/tls_session.h"
#include "tests/unit/tls_files.h"

static struct tls_client_context *client_context;
static struct tls_server_context *server_context;
static struct stream client, server;
static struct buf error;
static const struct crypto_secrets secrets = {.tickets = {7}};

static struct tls_server_context *
server_create(const char *cert, const char *key, const char *min_version)
{
    struct certificate certificate;
    if (certificate_load(&certificate, cert, key, &error) != 0)
        return NULL;
    struct tls_server_context *context =
        tls_server_create(&certificate, min_version, &secrets, &error);
    certificate_wipe(&certificate);
    return context;
}

static void
open_contexts(const char *ca_path, bool verify, const char *cert,
              const char *min_version)
{
    make_files();
    buf_init(&error, 0);
    client_context = tls_client_create(ca_path, verify, &error);
    server_context = server_create(cert, key_file, min_version);
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
        struct tls_server_context *context =
            server_create(cases[i].cert, cases[i].key, cases[i].version);
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

TEST(an_end_is_told_while_the_other_side_may_go_on)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int server_result;
    char bytes[16];
    struct iovec piece = {"bye", 3};
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    CHECK_EQ(stream_writev(&server, &piece, 1), 3);
    CHECK_EQ(stream_end(&server), 0);
    CHECK_EQ(stream_end(&server), 0);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 3);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 0);
    CHECK_EQ(stream_writev(&client, &piece, 1), 3);
    CHECK_EQ(stream_read(&server, bytes, sizeof(bytes)), 3);
    stream_close(&client);
    CHECK_EQ(stream_read(&server, bytes, sizeof(bytes)), 0);
    close_streams();

    /* No room for it now: said, and done when there is. */
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    while (send(server.fd, bulk, sizeof(bulk), 0) > 0)
        continue;
    CHECK_EQ(stream_end(&server), -EAGAIN);
    while (recv(client.fd, arrived, sizeof(arrived), 0) > 0)
        continue;
    CHECK_EQ(stream_end(&server), 0);
    CHECK_TRUE(recv(client.fd, arrived, sizeof(arrived), 0) > 0); /* it */
    CHECK_EQ(recv(client.fd, arrived, sizeof(arrived), 0), 0);
    close_streams();
    close_contexts();
}

TEST(what_is_aborted_does_not_look_complete)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int server_result;
    char bytes[16];
    struct iovec piece = {"half an ans", 11};
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    CHECK_EQ(stream_writev(&server, &piece, 1), 11);
    stream_abort(&server);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 11);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), -EPROTO);
    close_streams();
    close_contexts();
}

TEST(a_read_says_whether_anything_is_left)
{
    make_files();
    open_contexts(ca_file, true, cert_file, NULL);
    int server_result;
    char bytes[100];
    struct iovec piece = {bulk, 100};
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    /* Two records in one recv(): the second is left in OpenSSL. */
    CHECK_EQ(stream_writev(&client, &piece, 1), 100);
    CHECK_EQ(stream_writev(&client, &piece, 1), 100);
    CHECK_EQ(stream_read(&server, bytes, 60), 60);
    CHECK_TRUE(!stream_is_drained(&server, 60, 60));
    CHECK_EQ(stream_read(&server, bytes, 100), 40);
    CHECK_TRUE(!stream_is_drained(&server, 40, 100));
    CHECK_EQ(stream_read(&server, bytes, 100), 100);
    CHECK_TRUE(stream_is_drained(&server, 100, 100));
    CHECK_EQ(stream_read(&server, bytes, 100), -EAGAIN);
    close_streams();
    close_contexts();
    struct stream plain = {.fd = -1};
    CHECK_TRUE(stream_is_drained(&plain, 99, 100));
    CHECK_TRUE(!stream_is_drained(&plain, 100, 100));
}

/* A context of another process with the same secret, or with another. */
TEST(a_client_s_session_is_resumed_by_any_process)
{
    static const char *const versions[] = {"1.2", "1.3"};
    static const struct crypto_secrets other = {.tickets = {8}};
    make_files();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        open_contexts(ca_file, true, cert_file, versions[i]);
        for (int turn = 0; turn < 4; turn++) {
            struct certificate certificate;
            int server_result;
            char byte;
            tls_server_destroy(&server_context);
            CHECK_EQ(
                certificate_load(&certificate, cert_file, key_file, &error), 0);
            server_context =
                tls_server_create(&certificate, versions[i],
                                  turn == 2 ? &other : &secrets, &error);
            CHECK_TRUE(server_context != NULL);
            CHECK_EQ(connect_streams("good.example", &server_result), 0);
            CHECK_EQ(SSL_session_reused(client.tls->ssl), turn == 1);
            CHECK_EQ(stream_read(&client, &byte, 1), -EAGAIN);
            /* Another certificate does not end sessions. */
            CHECK_EQ(tls_server_replace(server_context, &certificate, &error),
                     0);
            close_streams();
            CHECK_EQ(connect_streams("good.example", &server_result), 0);
            CHECK_TRUE(SSL_session_reused(client.tls->ssl));
            CHECK_EQ(stream_read(&client, &byte, 1), -EAGAIN);
            close_streams();
            certificate_wipe(&certificate);
        }
        close_contexts();
    }
}

TEST(a_certificate_is_replaced_for_connections_from_then_on)
{
    make_files();
    open_contexts(ca_file, true, old_file, NULL);
    int server_result;
    struct certificate good, none = {0};
    CHECK_EQ(certificate_load(&good, cert_file, key_file, &error), 0);
    CHECK_EQ(connect_streams("good.example", &server_result), -EPROTO);
    close_streams();
    CHECK_EQ(tls_server_replace(server_context, &good, &error), 0);
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    CHECK_EQ(tls_server_replace(server_context, &none, &error), -EINVAL);
    CHECK_TRUE(buf_len(&error) > 0);
    struct iovec piece = {"on", 2};
    char bytes[4];
    CHECK_EQ(stream_writev(&server, &piece, 1), 2);
    CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 2);
    close_streams();
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    close_streams();
    certificate_wipe(&good);
    close_contexts();
}

/* Each costs the other side far more than its 27 bytes. */
TEST(key_updates_without_end_break_the_connection)
{
    make_files();
    open_contexts(ca_file, true, cert_file, "1.3");
    int server_result;
    char bytes[16];
    struct iovec piece = {"data", 4};
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    ssize_t got = -EAGAIN;
    int sent = 0;
    for (; got == -EAGAIN && sent < 2000; sent++) {
        CHECK_EQ(SSL_key_update(client.tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        CHECK_EQ(SSL_do_handshake(client.tls->ssl), 1);
        got = stream_read(&server, bytes, sizeof(bytes));
    }
    CHECK_EQ(got, -EPROTO);
    CHECK_TRUE(sent > 20 && sent < 500);
    CHECK_STR(str_from(tls_error_text(&server)), "too many key updates");
    close_streams();

    /* But between data there may be any number of them. */
    CHECK_EQ(connect_streams("good.example", &server_result), 0);
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(SSL_key_update(client.tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        CHECK_EQ(stream_writev(&client, &piece, 1), 4);
        CHECK_EQ(stream_read(&server, bytes, sizeof(bytes)), 4);
        CHECK_EQ(stream_writev(&server, &piece, 1), 4);
        CHECK_EQ(stream_read(&client, bytes, sizeof(bytes)), 4);
    }
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
