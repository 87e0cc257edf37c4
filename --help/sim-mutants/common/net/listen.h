/*
 * listen.h - listening sockets: addresses parsed, bound, taken over, accepted.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_NET_LISTEN_H
#define AIGW_COMMON_NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/buf.h"

struct listen_address {
    struct sockaddr_storage addr;
    socklen_t len;
    char text[80]; /* canonical: "127.0.0.1:8080", "[::1]:8080" */
};

/* "127.0.0.1:8080", "[::1]:8080", "*:8080", "8080" (all v4 and v6: "[::]").
 * 0 or -EINVAL. Numeric only. */
int listen_parse(const char *text, struct listen_address *address) MUST_CHECK;
bool listen_is_loopback(const struct listen_address *address);
/* Bound, listening, CLOEXEC, NONBLOCK, SO_REUSEADDR. fd or -errno. */
int listen_open(const struct listen_address *address, int backlog) MUST_CHECK;
/* The canonical text of the address that a TCP socket is bound to. 0; -EINVAL
 * for another family. */
int listen_describe(int fd, char text[80]) MUST_CHECK;
/* A unix stream socket at `path`, mode 0660, old socket file replaced. */
int listen_open_unix(const char *path) MUST_CHECK;
/*
 * listen_tune - what accepted connections begin with, as copies of a listening
 * TCP socket, whoever opened it: TCP_NODELAY; at most 128 KiB unsent in the
 * kernel; and given up when sent bytes are not taken for so long, also those
 * that are still there when we are done. 0 or -errno.
 */
int listen_tune(int listen_fd, uint64_t send_timeout_ms) MUST_CHECK;
/* accept4 NONBLOCK|CLOEXEC. fd, -EAGAIN, or another -errno (-EMFILE: stop
 * accepting for a while). `addr16`: the peer, v4 mapped to v6, network order;
 * zeros for unix. */
int listen_accept(int listen_fd, uint8_t addr16[16], uint16_t *port) MUST_CHECK;
/* "127.0.0.1" or "::1" of a 16-byte address. */
void listen_format_addr16(const uint8_t addr16[16], char out[46]);
/* "10.0.0.0/8", "::1" ... -> 16 bytes and prefix length in 128 bits. */
int listen_parse_cidr(const char *text, uint8_t addr16[16],
                      uint32_t *prefix_len) MUST_CHECK;

#endif
