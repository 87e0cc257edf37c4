/*
 * test_connector.c - tests of worker/connector*.c: sockets that libcurl makes
 * and we keep, proxies played by the test, addresses that are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/upstream_fixture.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

struct attempt {
    struct connect_job job; /* first */
    int calls, fd;
};

static void
on_done(struct connect_job *job, int fd)
{
    struct attempt *attempt = (struct attempt *)job;
    attempt->calls++;
    attempt->fd = fd;
}

static int
start(struct fixture *f, struct attempt *attempt, const char *host,
      uint16_t port, const char *proxy)
{
    *attempt = (struct attempt){.job = {.done = on_done}, .fd = -1};
    struct connect_target target = {
        .host = host, .port = port, .proxy = proxy, .timeout_ms = 5000};
    int result = connector_start(f->worker->upstreams->connector, &attempt->job,
                                 &target);
    CHECK_EQ(attempt->calls, 0);
    return result;
}

TEST(the_socket_is_ours_when_libcurl_has_gone)
{
    struct fixture f;
    fixture_init(&f);
    struct attempt attempt;
    CHECK_EQ(start(&f, &attempt, "127.0.0.1", f.port, NULL), 0);
    UNTIL(&f, attempt.calls == 1);
    int peer = fixture_accept(&f);
    CHECK_TRUE(attempt.fd >= 0);
    int on = 0;
    socklen_t len = sizeof(on);
    getsockopt(attempt.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
    CHECK_TRUE(on != 0);
    CHECK_TRUE((fcntl(attempt.fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_TRUE((fcntl(attempt.fd, F_GETFD) & FD_CLOEXEC) != 0);
    upstreams_destroy(&f.worker->upstreams);
    loop_turn(f.worker->loop, 1); /* libcurl ends */
    server_send(peer, "x");
    char byte = 0;
    UNTIL(&f, recv(attempt.fd, &byte, 1, 0) == 1);
    CHECK_EQ(byte, 'x');
    close(attempt.fd);
    close(peer);
    fixture_fini(&f);
}

TEST(many_connections_are_made_at_once)
{
    enum { MANY = 30 };
    struct fixture f;
    fixture_init(&f);
    struct attempt attempts[MANY];
    int peers[MANY];
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(start(&f, &attempts[i], "localhost", f.port, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        UNTIL(&f, attempts[i].calls == 1);
        CHECK_TRUE(attempts[i].fd >= 0);
        peers[i] = fixture_accept(&f);
    }
    for (int i = 0; i < MANY; i++) {
        close(attempts[i].fd);
        close(peers[i]);
    }
    fixture_fini(&f);
}

TEST(targets_that_are_no_host_are_refused)
{
    static const char *const hosts[] = {
        "", "a/b", "user@h", "h h", "h?x", "h#x", "h\r\nX", "[::1]x]", "h%41"};
    struct fixture f;
    fixture_init(&f);
    struct attempt attempt;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        CHECK_EQ(start(&f, &attempt, hosts[i], 80, NULL), -EINVAL);
        CHECK_TRUE(attempt.job.text[0] != '\0');
    }
    CHECK_EQ(start(&f, &attempt, "h", 0, NULL), -EINVAL);
    CHECK_EQ(start(&f, &attempt, "h", 80, "https://p:1"), -EINVAL);
    fixture_fini(&f);
}

TEST(a_connection_goes_through_an_http_proxy_by_connect)
{
    struct fixture f;
    fixture_init(&f);
    char proxy[80];
    snprintf(proxy, sizeof(proxy), "http://user:word@127.0.0.1:%u", f.port);
    struct attempt attempt;
    CHECK_EQ(start(&f, &attempt, "provider.invalid", 443, proxy), 0);
    int peer = fixture_accept(&f);
    struct buf request;
    buf_init(&request, 0);
    UNTIL(&f, try_read(peer, &request, 4) &&
                  memmem(buf_ptr(&request), buf_len(&request), "\r\n\r\n", 4));
    CHECK_TRUE(str_starts_with(
        buf_view(&request), STR_LIT("CONNECT provider.invalid:443 HTTP/1.1")));
    CHECK_TRUE(memmem(buf_ptr(&request), buf_len(&request),
                      "Basic dXNlcjp3b3Jk", 18) != NULL);
    /* Bytes behind the proxy's answer are the provider's: they stay. */
    server_send(peer, "HTTP/1.1 200 Connected\r\n\r\nhello");
    UNTIL(&f, attempt.calls == 1);
    char bytes[8] = "";
    UNTIL(&f, recv(attempt.fd, bytes, 5, 0) == 5);
    CHECK_STR(str_from(bytes), "hello");
    buf_fini(&request);
    close(attempt.fd);
    close(peer);
    fixture_fini(&f);
}

TEST(a_refusing_proxy_is_told_without_its_password)
{
    struct fixture f;
    fixture_init(&f);
    char proxy[80];
    snprintf(proxy, sizeof(proxy), "http://user:s3cret@127.0.0.1:%u", f.port);
    struct attempt attempt;
    CHECK_EQ(start(&f, &attempt, "provider.invalid", 443, proxy), 0);
    int peer = fixture_accept(&f);
    server_send(peer, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    UNTIL(&f, attempt.calls == 1);
    CHECK_TRUE(attempt.fd < 0);
    CHECK_TRUE(strstr(attempt.job.text, "s3cret") == NULL);
    CHECK_TRUE(strstr(attempt.job.text, "proxy") != NULL);
    close(peer);
    fixture_fini(&f);
}

TEST(a_connection_goes_through_a_socks_proxy)
{
    struct fixture f;
    fixture_init(&f);
    char proxy[80];
    snprintf(proxy, sizeof(proxy), "socks5h://127.0.0.1:%u", f.port);
    struct attempt attempt;
    CHECK_EQ(start(&f, &attempt, "provider.invalid", 443, proxy), 0);
    int peer = fixture_accept(&f);
    struct buf bytes;
    buf_init(&bytes, 0);
    fixture_read(&f, peer, &bytes, 3);
    buf_reset(&bytes);
    CHECK_EQ(send(peer, "\5\0", 2, MSG_NOSIGNAL), 2);
    fixture_read(&f, peer, &bytes, 7 + 16);
    CHECK_TRUE(memmem(buf_ptr(&bytes), buf_len(&bytes), "provider.invalid",
                      16) != NULL);
    CHECK_EQ(send(peer, "\5\0\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL), 10);
    UNTIL(&f, attempt.calls == 1);
    CHECK_TRUE(attempt.fd >= 0);
    buf_fini(&bytes);
    close(attempt.fd);
    close(peer);
    fixture_fini(&f);
}

TEST(proxies_of_the_environment_are_not_used)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct fixture f;
    fixture_init(&f);
    struct attempt attempt;
    CHECK_EQ(start(&f, &attempt, "127.0.0.1", f.port, NULL), 0);
    UNTIL(&f, attempt.calls == 1);
    CHECK_TRUE(attempt.fd >= 0);
    close(attempt.fd);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    fixture_fini(&f);
}

TEST(a_cancelled_connection_leaves_nothing)
{
    struct fixture f;
    fixture_init(&f);
    struct attempt attempt;
    char proxy[80];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", f.port);
    for (int turns = 0; turns < 4; turns++) {
        CHECK_EQ(start(&f, &attempt, "provider.invalid", 443, proxy), 0);
        for (int i = 0; i < turns; i++)
            loop_turn(f.worker->loop, 1);
        connector_cancel(&attempt.job);
        connector_cancel(&attempt.job);
        fixture_settle(&f);
        CHECK_EQ(attempt.calls, 0);
    }
    fixture_fini(&f);
}

TEST(no_connection_in_time_is_a_timeout)
{
    struct fixture f;
    fixture_init(&f);
    struct attempt attempt = {.job = {.done = on_done}, .fd = -1};
    char proxy[80];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", f.port);
    struct connect_target target = {.host = "provider.invalid",
                                    .port = 443,
                                    .proxy = proxy, /* that says nothing */
                                    .timeout_ms = 30};
    CHECK_EQ(
        connector_start(f.worker->upstreams->connector, &attempt.job, &target),
        0);
    UNTIL(&f, attempt.calls == 1);
    CHECK_EQ(attempt.fd, -ETIMEDOUT);
    CHECK_STR(str_from(attempt.job.text), "no connection in time");
    fixture_fini(&f);
}

TEST(a_unix_socket_is_connected_at_once)
{
    char path[] = "/tmp/aigw-connector-XXXXXX";
    CHECK_TRUE(mkdtemp(path) != NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
    CHECK_EQ(connector_open_unix(address.sun_path), -ENOENT);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(connector_open_unix(address.sun_path), -ECONNREFUSED);
    CHECK_EQ(listen(listener, 1), 0);
    int fd = connector_open_unix(address.sun_path);
    CHECK_TRUE(fd >= 0);
    close(fd);
    close(listener);
    unlink(address.sun_path);
    rmdir(path);
    char too_long[200];
    memset(too_long, 'a', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    CHECK_EQ(connector_open_unix(too_long), -ENAMETOOLONG);
}

static bool
asked(bool (*question)(const struct sockaddr *), const char *address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        memcpy(&storage, &in, sizeof(in));
    else if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
        memcpy(&storage, &in6, sizeof(in6));
    else
        test_fail(__FILE__, __LINE__, "%s is no address", address);
    return question((struct sockaddr *)&storage);
}

TEST(only_addresses_of_the_internet_are_public)
{
    static const char *const public[] = {
        "8.8.8.8",        "1.1.1.1",        "100.63.255.255",
        "100.128.0.0",    "172.15.255.255", "172.32.0.0",
        "198.17.0.1",     "198.20.0.1",     "223.255.255.255",
        "126.0.0.1",      "2a00:1450::1",   "2606:4700::1111",
        "2001:200::1",    "::ffff:8.8.8.8", "64:ff9b::808:808",
        "2002:808:808::1"};
    static const char *const others[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1", /* v4-compatible */
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1", /* translated, RFC 2765 */
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808", /* of a local translator */
        "100::1",
        "2001::1", /* Teredo */
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:101::1",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254", /* a cloud's metadata */
        "fe80::1",
        "fec0::1",
        "ff02::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(public); i++)
        if (!asked(connector_is_public, public[i]))
            test_fail(__FILE__, __LINE__, "refused: %s", public[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (asked(connector_is_public, others[i]))
            test_fail(__FILE__, __LINE__, "public: %s", others[i]);
    struct sockaddr local = {.sa_family = AF_UNIX};
    CHECK_TRUE(!connector_is_public(&local));
}

TEST(a_guarded_target_leads_to_no_address_of_ours_however_it_is_written)
{
    static const char *const hosts[] = {
        "127.0.0.1", "localhost",          "127.1", "2130706433",
        "0x7f.1",    "[::ffff:127.0.0.1]", "0"};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct attempt attempt = {.job = {.done = on_done}, .fd = -1};
        struct connect_target target = {.host = hosts[i],
                                        .port = f.port,
                                        .timeout_ms = 5000,
                                        .guarded = true};
        CHECK_EQ(connector_start(f.worker->upstreams->connector, &attempt.job,
                                 &target),
                 0);
        UNTIL(&f, attempt.calls == 1);
        if (attempt.fd >= 0)
            test_fail(__FILE__, __LINE__, "connected to %s", hosts[i]);
        CHECK_TRUE(strstr(attempt.job.text, "guarded") != NULL ||
                   strstr(attempt.job.text, "no address") != NULL);
    }
    struct attempt attempt = {.job = {.done = on_done}, .fd = -1};
    struct connect_target target = {.host = "8.8.8.8",
                                    .port = f.port,
                                    .proxy = "http://127.0.0.1:1",
                                    .guarded = true};
    CHECK_EQ(
        connector_start(f.worker->upstreams->connector, &attempt.job, &target),
        -EINVAL);
    CHECK_TRUE(strstr(attempt.job.text, "proxy") != NULL);
    fixture_fini(&f);
}

TEST(names_must_not_lead_to_metadata_or_nowhere)
{
    static const struct {
        const char *address;
        bool refused;
    } cases[] = {
        {"127.0.0.1", false},
        {"10.1.2.3", false},
        {"192.168.0.1", false},
        {"8.8.8.8", false},
        {"169.254.169.254", true},
        {"0.0.0.0", true},
        {"0.1.2.3", true},
        {"224.0.0.1", true},
        {"255.255.255.255", true},
        {"::1", false},
        {"::", true},
        {"fd00::1", false},
        {"2001:db8::1", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"ff02::1", true},
        {"::ffff:169.254.1.1", true},
        {"::ffff:127.0.0.1", false},
        {"64:ff9b::a9fe:a9fe", true},
        {"64:ff9b::808:808", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (asked(connector_refuses_address, cases[i].address) !=
            cases[i].refused)
            test_fail(__FILE__, __LINE__, "%s", cases[i].address);
    struct sockaddr local = {.sa_family = AF_UNIX};
    CHECK_TRUE(connector_refuses_address(&local));
}
