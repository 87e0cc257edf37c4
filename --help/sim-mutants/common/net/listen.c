/*
 * listen.c - see listen.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ACCEPT_TRIES = 16,
    UNIX_MODE = 0660,
    /* What the kernel keeps for a client that does not read: else megabytes,
     * and only a third of them taken would be told. */
    UNSENT_MAX = 128 * 1024,
};

static const uint8_t v4_mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* Decimal digits only, at most `max`; -EINVAL. */
static int
parse_number(struct str s, unsigned max, unsigned *number)
{
    unsigned value = 0;
    if (s.len == 0 || s.len > 5)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -EINVAL;
        value = value * 10 + (unsigned)(s.ptr[i] - '0');
    }
    *number = value;
    return value <= max ? 0 : -EINVAL;
}

/* inet_pton() for bytes without NUL. */
static int
parse_numeric(int family, struct str s, void *addr)
{
    char text[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof(text))
        return -EINVAL;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, addr) == 1 ? 0 : -EINVAL;
}

static void
set_v6(struct listen_address *address, const struct in6_addr *addr,
       unsigned port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)port),
                               .sin6_addr = *addr};
    char text[INET6_ADDRSTRLEN];
    memcpy(&address->addr, &in6, sizeof(in6));
    address->len = sizeof(in6);
    inet_ntop(AF_INET6, addr, text, sizeof(text));
    snprintf(address->text, sizeof(address->text), "[%s]:%u", text, port);
}

static void
set_v4(struct listen_address *address, const struct in_addr *addr,
       unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = *addr};
    char text[INET_ADDRSTRLEN];
    memcpy(&address->addr, &in, sizeof(in));
    address->len = sizeof(in);
    inet_ntop(AF_INET, addr, text, sizeof(text));
    snprintf(address->text, sizeof(address->text), "%s:%u", text, port);
}

int
listen_parse(const char *text, struct listen_address *address)
{
    *address = (struct listen_address){0};
    const char *colon = strrchr(text, ':');
    struct str host = {text, colon == NULL ? 0 : (size_t)(colon - text)};
    unsigned port;
    if (parse_number(str_from(colon == NULL ? text : colon + 1), UINT16_MAX,
                     &port) != 0)
        return -EINVAL;
    if (colon == NULL || str_equals(host, STR_LIT("*"))) {
        set_v6(address, &in6addr_any, port);
        return 0;
    }
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        struct in6_addr in6;
        if (parse_numeric(AF_INET6, str_make(host.ptr + 1, host.len - 2),
                          &in6) != 0)
            return -EINVAL;
        set_v6(address, &in6, port);
        return 0;
    }
    struct in_addr in;
    if (parse_numeric(AF_INET, host, &in) != 0)
        return -EINVAL;
    set_v4(address, &in, port);
    return 0;
}

/* 16 bytes, v4 mapped to v6, and the port; zeros for another family. */
static void
address_to_16(const struct sockaddr_storage *from, uint8_t addr16[16],
              uint16_t *port)
{
    memset(addr16, 0, 16);
    *port = 0;
    if (from->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof(in));
        memcpy(addr16, v4_mapped_prefix, sizeof(v4_mapped_prefix));
        memcpy(addr16 + 12, &in.sin_addr, 4);
        *port = ntohs(in.sin_port);
    } else if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, from, sizeof(in6));
        memcpy(addr16, &in6.sin6_addr, 16);
        *port = ntohs(in6.sin6_port);
    }
}

static bool
is_v4_mapped(const uint8_t addr16[16])
{
    return memcmp(addr16, v4_mapped_prefix, sizeof(v4_mapped_prefix)) == 0;
}

bool
listen_is_loopback(const struct listen_address *address)
{
    uint8_t addr16[16];
    uint16_t port;
    address_to_16(&address->addr, addr16, &port);
    if (is_v4_mapped(addr16))
        return addr16[12] == 127;
    return memcmp(addr16, &in6addr_loopback, 16) == 0;
}

static int
set_option(int fd, int level, int option, int value)
{
    if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
        return -errno;
    return 0;
}

static int
open_bound(const struct listen_address *address, int backlog)
{
    int family = address->addr.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && family == AF_INET6)
        result = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (result == 0 &&
        bind(fd, (const struct sockaddr *)&address->addr, address->len) != 0)
        result = -errno;
    if (result == 0 && listen(fd, backlog) != 0)
        result = -errno;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

int
listen_open(const struct listen_address *address, int backlog)
{
    int fd = open_bound(address, backlog);
    if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
        return fd;
    /* "All addresses" on a host whose kernel has no IPv6. */
    uint8_t addr16[16];
    uint16_t port;
    address_to_16(&address->addr, addr16, &port);
    if (memcmp(addr16, &in6addr_any, 16) != 0)
        return fd;
    struct listen_address v4 = {0};
    struct in_addr any = {htonl(INADDR_ANY)};
    set_v4(&v4, &any, port);
    return open_bound(&v4, backlog);
}

int
listen_describe(int fd, char text[80])
{
    struct listen_address address = {0};
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return -errno;
    if (bound.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &bound, sizeof(in));
        set_v4(&address, &in.sin_addr, ntohs(in.sin_port));
    } else if (bound.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &bound, sizeof(in6));
        set_v6(&address, &in6.sin6_addr, ntohs(in6.sin6_port));
    } else {
        return -EINVAL;
    }
    memcpy(text, address.text, sizeof(address.text));
    return 0;
}

int
listen_tune(int listen_fd, uint64_t timeout_ms)
{
    int value = timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
    int result = set_option(listen_fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (result == 0)
        result =
            set_option(listen_fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX);
    if (result == 0)
        result = set_option(listen_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, value);
    return result;
}

/* Takes away a socket file that an earlier process left; nothing else. */
static int
remove_old_socket(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int
listen_open_unix(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(addr.sun_path))
        return len == 0 ? -EINVAL : -ENAMETOOLONG;
    memcpy(addr.sun_path, path, len);
    int result = remove_old_socket(path);
    if (result != 0)
        return result;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* The mode of the socket is that of its file from the first moment; a
     * umask may take bits away, chmod() gives them back. */
    if (fchmod(fd, UNIX_MODE) != 0 ||
        bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        chmod(path, UNIX_MODE) != 0 || listen(fd, SOMAXCONN) != 0) {
        result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

/* Errors of the connection that was waiting, not of the listener: accept(2). */
static bool
is_of_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

int
listen_accept(int listen_fd, uint8_t addr16[16], uint16_t *port)
{
    struct sockaddr_storage peer = {0};
    for (int i = 0; i < ACCEPT_TRIES; i++) {
        socklen_t len = sizeof(peer);
        int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_of_connection(errno))
            continue;
        if (fd < 0)
            return -errno;
        address_to_16(&peer, addr16, port);
        return fd;
    }
    return -EAGAIN;
}

void
listen_format_addr16(const uint8_t addr16[16], char out[46])
{
    if (is_v4_mapped(addr16))
        inet_ntop(AF_INET, addr16 + 12, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, addr16, out, INET6_ADDRSTRLEN);
}

int
listen_parse_cidr(const char *text, uint8_t addr16[16], uint32_t *prefix_len)
{
    const char *slash = strchr(text, '/');
    struct str host = {text,
                       slash == NULL ? strlen(text) : (size_t)(slash - text)};
    bool is_v4 = memchr(host.ptr, ':', host.len) == NULL;
    memcpy(addr16, v4_mapped_prefix, sizeof(v4_mapped_prefix));
    if (parse_numeric(is_v4 ? AF_INET : AF_INET6, host,
                      is_v4 ? addr16 + 12 : addr16) != 0)
        return -EINVAL;
    unsigned bits = is_v4 ? 32 : 128;
    if (slash != NULL && parse_number(str_from(slash + 1), bits, &bits) != 0)
        return -EINVAL;
    *prefix_len = is_v4 ? bits + 96 : bits;
    /* 10.1.2.3/8 means 10.0.0.0/8. */
    for (uint32_t bit = *prefix_len; bit < 128; bit++)
        addr16[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
    return 0;
}
