/*
 * test_listen.c - tests of common/net/listen.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/test.h"

TEST(addresses_are_read_and_written_canonically)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused */
        bool loopback;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true},
        {"127.9.9.9:1", "127.9.9.9:1", true},
        {"10.0.0.1:65535", "10.0.0.1:65535", false},
        {"0.0.0.0:0", "0.0.0.0:0", false},
        {"[::1]:8080", "[::1]:8080", true},
        {"[0:0:0:0:0:0:0:1]:8080", "[::1]:8080", true},
        {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", true},
        {"[::]:80", "[::]:80", false},
        {"*:8080", "[::]:8080", false},
        {"8080", "[::]:8080", false},
        {"", NULL, false},
        {":", NULL, false},
        {":80", NULL, false},
        {"*", NULL, false},
        {"*:", NULL, false},
        {"[]:80", NULL, false},
        {"::1:80", NULL, false},
        {"[::1]", NULL, false},
        {"[::1]80", NULL, false},
        {"[::1:80", NULL, false},
        {"[127.0.0.1]:80", NULL, false},
        {"127.1:80", NULL, false},
        {"localhost:80", NULL, false},
        {"127.0.0.1:65536", NULL, false},
        {"127.0.0.1:-1", NULL, false},
        {"127.0.0.1: 80", NULL, false},
        {"127.0.0.1:80x", NULL, false},
        {"99999999999", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listen_address address;
        int result = listen_parse(cases[i].text, &address);
        if ((result == 0) != (cases[i].canonical != NULL)) {
            test_fail(__FILE__, __LINE__, "\"%s\" gave %d", cases[i].text,
                      result);
            continue;
        }
        if (result != 0) {
            CHECK_EQ(result, -EINVAL);
            continue;
        }
        CHECK_STR(str_from(address.text), cases[i].canonical);
        CHECK_EQ(listen_is_loopback(&address), cases[i].loopback);
    }
}

TEST(cidr_blocks_are_read)
{
    static const struct {
        const char *text, *first; /* NULL: refused */
        unsigned bits;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", 104},
        {"10.1.2.3/8", "10.0.0.0", 104},
        {"10.1.2.3", "10.1.2.3", 128},
        {"0.0.0.0/0", "0.0.0.0", 96},
        {"::1", "::1", 128},
        {"2001:db8::ff/33", "2001:db8::", 33},
        {"::/0", "::", 0},
        {"10.0.0.0/33", NULL, 0},
        {"::/129", NULL, 0},
        {"::/", NULL, 0},
        {"/8", NULL, 0},
        {"10.0.0/8", NULL, 0},
        {"10.0.0.0/8/8", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t addr16[16];
        uint32_t bits = 0;
        char text[46];
        int result = listen_parse_cidr(cases[i].text, addr16, &bits);
        if ((result == 0) != (cases[i].first != NULL))
            test_fail(__FILE__, __LINE__, "\"%s\" gave %d", cases[i].text,
                      result);
        if (result != 0 || cases[i].first == NULL)
            continue;
        listen_format_addr16(addr16, text);
        CHECK_STR(str_from(text), cases[i].first);
        CHECK_EQ(bits, cases[i].bits);
    }
}

/* Connects to the listener, with v4 when the port is on "[::]". -1 on error. */
static int
connect_to(int listen_fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    if (getsockname(listen_fd, (struct sockaddr *)&addr, &len) != 0)
        return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6;
    memcpy(&in6, &addr, sizeof(in6));
    in.sin_port = in6.sin6_port; /* the same place in both */
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int
flag_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);
    return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

TEST(a_listener_accepts_and_tells_the_peer)
{
    static const char *const texts[] = {"127.0.0.1:0", "0"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct listen_address address;
        CHECK_EQ(listen_parse(texts[i], &address), 0);
        int listener = listen_open(&address, 16);
        CHECK_TRUE(listener >= 0);
        CHECK_TRUE((fcntl(listener, F_GETFD) & FD_CLOEXEC) != 0);
        uint8_t addr16[16];
        uint16_t port = 0;
        CHECK_EQ(listen_tune(listener, 5000), 0);
        CHECK_EQ(listen_accept(listener, addr16, &port), -EAGAIN);
        int client = connect_to(listener);
        CHECK_TRUE(client >= 0);
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        CHECK_EQ(poll(&ready, 1, 5000), 1);
        int fd = listen_accept(listener, addr16, &port);
        CHECK_TRUE(fd >= 0);
        CHECK_TRUE(flag_of(fd, IPPROTO_TCP, TCP_NODELAY) > 0);
        CHECK_EQ(flag_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 * 1024);
        CHECK_EQ(flag_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 5000);
        CHECK_TRUE((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        CHECK_TRUE((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        char text[46];
        listen_format_addr16(addr16, text);
        CHECK_STR(str_from(text), "127.0.0.1");
        CHECK_TRUE(port != 0);
        close(fd);
        close(client);
        close(listener);
    }
}

TEST(a_socket_tells_its_address)
{
    struct listen_address address;
    char text[80], want[80];
    static const char *const texts[] = {"127.0.0.1:0", "[::1]:0"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CHECK_EQ(listen_parse(texts[i], &address), 0);
        int fd = listen_open(&address, 16);
        if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
            continue; /* a host without IPv6 */
        socklen_t len = sizeof(address.addr);
        CHECK_EQ(getsockname(fd, (struct sockaddr *)&address.addr, &len), 0);
        CHECK_EQ(listen_describe(fd, text), 0);
        struct sockaddr_in6 in6;
        memcpy(&in6, &address.addr, sizeof(in6)); /* the port: same place */
        snprintf(want, sizeof(want), "%.*s:%u", i == 0 ? 9 : 5, texts[i],
                 ntohs(in6.sin6_port));
        CHECK_TRUE(strcmp(text, want) == 0);
        CHECK_EQ(listen_parse(text, &address), 0); /* and back */
        CHECK_TRUE(strcmp(address.text, text) == 0);
        close(fd);
    }
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(listen_describe(pair[0], text), -EINVAL);
    close(pair[0]);
    close(pair[1]);
    CHECK_EQ(listen_describe(-1, text), -EBADF);
}

TEST(a_port_in_use_is_an_error)
{
    struct listen_address address;
    CHECK_EQ(listen_parse("127.0.0.1:0", &address), 0);
    int first = listen_open(&address, 16);
    socklen_t len = sizeof(address.addr);
    CHECK_EQ(getsockname(first, (struct sockaddr *)&address.addr, &len), 0);
    CHECK_EQ(listen_open(&address, 16), -EADDRINUSE);
    close(first);
}

TEST(a_unix_listener_replaces_an_old_socket_but_no_file)
{
    char folder[] = "/tmp/aigw-test-XXXXXX", path[64], long_path[200];
    CHECK_TRUE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/s.sock", folder);
    mode_t old_mask = umask(077);
    int first = listen_open_unix(path);
    CHECK_TRUE(first >= 0);
    close(first); /* the file stays, as after a crash */
    int second = listen_open_unix(path);
    CHECK_TRUE(second >= 0);
    umask(old_mask);
    struct stat st;
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0660);

    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect(client, (struct sockaddr *)&addr, sizeof(addr)), 0);
    uint8_t addr16[16], zeros[16] = {0};
    uint16_t port = 1;
    int fd = listen_accept(second, addr16, &port);
    CHECK_TRUE(fd >= 0);
    CHECK_EQ(memcmp(addr16, zeros, 16), 0);
    CHECK_EQ(port, 0);
    close(fd);
    close(client);
    close(second);
    unlink(path);

    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    CHECK_EQ(listen_open_unix(path), -EEXIST);
    unlink(path);
    rmdir(folder);
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    CHECK_EQ(listen_open_unix(long_path), -ENAMETOOLONG);
    CHECK_EQ(listen_open_unix(""), -EINVAL);
}
