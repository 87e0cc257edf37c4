/*
 * connector.h - makes connections with libcurl and hands the sockets over.
 *
 * libcurl brings the resolver, happy eyeballs, HTTP (CONNECT) and SOCKS
 * proxies; a handle lives only while its connection is being made. TLS to the
 * provider is not libcurl's: the caller puts it onto the socket.
 * Called by: worker (exchange_send.c). One per worker, made after the fork.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CONNECTOR_H
#define AIGW_WORKER_CONNECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/check.h"
#include "common/net/loop.h"

enum { CONNECT_TEXT_BYTES = 160 };

struct connector;
struct connect_job;

/*
 * fd >= 0: connected, non-blocking, CLOEXEC, TCP_NODELAY; the callee owns it.
 * -ETIMEDOUT or another -errno: job->text says why, without secrets. The job
 * may be started again from inside the call.
 */
typedef void (*connect_done)(struct connect_job *job, int fd);

/* Owner: who connects; embedded. Zeroed before the first use. */
struct connect_job {
    connect_done done;
    void *easy; /* CURL *; NULL: not under way */
    struct connector *connector;
    bool host_is_address; /* the operator wrote an address, not a name */
    bool guarded;         /* as the target says */
    bool address_refused; /* that it was about to connect to */
    char text[CONNECT_TEXT_BYTES];
};

struct connect_target { /* borrowed for the call */
    const char *host;   /* name or address, an IPv6 one with or without [] */
    uint16_t port;
    const char *proxy;   /* "http://[user:password@]host:port", socks5:// ...;
                          NULL: none. The environment's are never used. */
    uint64_t timeout_ms; /* 0: libcurl's own, 300 s */
    bool guarded; /* to public addresses only, and by no proxy: somebody chose
                     the host who may not choose those of this network */
};

/* NULL: out of memory. Nothing of libcurl is called before the fork. */
struct connector *connector_create(struct loop *loop) MUST_CHECK;
/* No job may be under way. */
void connector_destroy(struct connector **connector);
/* done() follows, once, never from inside this call. 0, -EINVAL (target) or
 * -ENOMEM; then job->text is set and done() does not come. */
int connector_start(struct connector *connector, struct connect_job *job,
                    const struct connect_target *target) MUST_CHECK;
/* No done() any more; nothing is left open. No-op when not under way. */
void connector_cancel(struct connect_job *job);

/* A unix stream socket, connected at once. fd or -errno (-EAGAIN: the listener's
 * queue is full). */
int connector_open_unix(const char *path) MUST_CHECK;

/*
 * connector_refuses_address - what a *name* must not lead to: this network
 * (0/8), link-local (169.254/16, fe80::/10: the cloud's metadata), multicast,
 * reserved, and the same inside v4-mapped or NAT64 addresses. Loopback and
 * private ones are allowed: that is where model servers stand. An address which
 * the operator wrote into base_url is not asked about.
 */
bool connector_refuses_address(const struct sockaddr *address);
/*
 * connector_is_public - a unicast address of the public internet: the only ones
 * that a guarded target leads to, asked of the address that is really connected
 * to, so that no name, number form or later answer of a name server matters.
 * Not loopback, private, shared (CGNAT), link-local, documentation, benchmark,
 * multicast or reserved ones (IANA's special-purpose registries), nor those
 * inside v4-mapped, NAT64 and 6to4 addresses; Teredo not at all.
 */
bool connector_is_public(const struct sockaddr *address);

#endif
