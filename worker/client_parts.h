/*
 * client_parts.h - the connection as the files of client_*.c share it.
 * Included by them only.
 *
 *   file             job
 *   client.c         life: start, deadlines, close
 *   client_accept.c  listeners
 *   client_tls.c     handshakes, the certificate
 *   client_read.c    input: heads, bodies, pipelining
 *   client_write.c   output: sends, waiting bytes, end of an answer
 *
 *   phase      what is read                deadline
 *   HANDSHAKE  TLS                         header_timeout from accept
 *   IDLE       nothing yet                 keepalive_timeout; fresh: header_timeout
 *   HEAD       a head, part is there       header_timeout from its first byte
 *   BODY       a body, for the request     body_timeout from the last byte, and
 *                                          from the first, longer by what came
 *   DROP       a body nobody wants         as BODY, 10 s at most
 *   WAIT       nothing: a request runs     while bytes wait: send_timeout from
 *                                          the last one taken, and from the
 *                                          first, longer by what was taken
 *   LINGER     bytes to drop, then close   2 s
 *
 * All are absolute or grow by a least rate, so that a byte now and then does
 * not keep a connection. When max_connections are open, a new one takes the
 * place of the one that has been idle or slow longest (client_evict); where all
 * are at work, it waits in the kernel.
 *   CLOSED     nothing; freed at the end of the turn
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CLIENT_PARTS_H
#define AIGW_WORKER_CLIENT_PARTS_H

#include "common/net/loop.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "worker/client.h"

enum client_phase {
    CLIENT_HANDSHAKE,
    CLIENT_IDLE,
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_DROP,
    CLIENT_WAIT,
    CLIENT_LINGER,
    CLIENT_CLOSED,
};

struct client {
    struct loop_source source;
    struct loop_timer timer;
    struct loop_deferred later; /* continue, report the loss, or free */
    struct worker *worker;
    struct client *next, *prev;               /* of the open ones */
    struct client *shake_older, *shake_newer; /* of those in HANDSHAKE */
    struct request *request;                  /* NULL: none runs */
    struct stream stream;
    uint8_t addr16[16];
    uint8_t phase; /* client_phase */
    uint8_t minor; /* HTTP/1.x of the last head */
    bool admin;
    bool shaking;      /* in the list of handshakes */
    bool shake_wanted; /* a step of it may go on */
    bool fresh;        /* no request yet */
    bool close;        /* after this answer */
    bool keep_alive;   /* as the last head said */
    bool expects_continue;
    bool answering;  /* a request runs or its answer is not complete */
    bool pumping;    /* the input loop is on the stack */
    bool readable;   /* epoll said so, not read to its end since */
    bool fin;        /* epoll said that the client has ended its side */
    bool peer_ended; /* it was read, or nothing stands before it */
    bool lost;       /* a write failed; reported at the end of the turn */
    bool abort_when_flushed;
    bool ending;          /* LINGER: the end could not be told yet */
    bool pending;         /* `in` holds bytes that nobody has looked at */
    uint64_t deadline_ms; /* 0: none */
    uint64_t phase_start_ms;
    uint64_t dropped_bytes; /* DROP, LINGER */
    uint64_t send_start_ms; /* since when bytes wait without a break */
    uint64_t taken_bytes;   /* of those, since then */
    struct http_body body;
    uint64_t body_max_bytes;
    size_t scanned; /* of the head in `in` */
    struct buf in;  /* a partial head, or what was pipelined */
    struct buf out; /* what the socket did not take */
};
_Static_assert(sizeof(struct client) < 600, "an idle connection is small");

struct client_listener {
    struct loop_source source;
    struct worker *worker;
    bool admin, tls;
};

/* Handshakes in progress, by age. */
struct client_shakes {
    struct loop *loop;
    struct loop_deferred later; /* the next few steps */
    struct client *oldest, *newest;
    uint32_t count, wanted, max;
};

struct clients {
    struct client_listener listeners[HERITAGE_LISTENERS_MAX];
    unsigned listener_count;
    struct loop_timer accept_timer; /* accepting stopped for a while */
    uint64_t told_ms;               /* when that may be logged again */
    struct tls_server_context *tls;
    struct client_shakes shakes;
    struct client *first, *last; /* open ones: first was active last */
    struct client *spare;
    unsigned spare_count;
    uint32_t max;          /* connections of this worker */
    struct http_head head; /* scratch of the one parser */
};

/* ---- client.c ---- */
/* All are full: one that is idle, else one that is slow at sending or reading,
 * is closed. False: all are at work. */
bool client_evict(struct clients *clients);
/* A new connection; fd is taken over (closed when there is no memory). */
void client_start(struct client_listener *listener, int fd,
                  const uint8_t addr16[16]);
void client_set_deadline(struct client *client, uint64_t due_ms);
void client_enter(struct client *client, enum client_phase phase);
/* Ends the connection now; memory goes at the end of the turn. The request, if
 * one runs, is told. */
void client_close(struct client *client);
/* Runs client_on_later() at the end of the turn. */
void client_defer(struct client *client);
uint64_t client_now_ms(const struct client *client);

/* ---- client_tls.c ---- */
/* 0, or -EINVAL with the reason logged. */
int client_start_tls(struct worker *worker) MUST_CHECK;
/* Of a new connection; may close the one that shakes hands the longest. */
void client_shake_begin(struct client *client);
void
client_shake(struct client *client); /* there are bytes, or there is room */
void client_shake_end(struct client *client); /* done or closed; else a no-op */

/* ---- client_read.c ---- */
/* Reads and handles what is there, until nothing is or nobody wants it. */
void client_pump(struct client *client);
/* No request can be made of what came: answers, then closes. */
COLD void client_refuse(struct client *client, uint16_t status,
                        const char *reason);
/* The deadline of BODY and DROP after bytes came. */
void client_body_deadline(struct client *client);
/* The deadline of WAIT while bytes wait. */
void client_send_deadline(struct client *client);
/* Whether bytes of the current body have not been read yet. */
bool client_body_is_open(const struct client *client);

/* ---- client_write.c ---- */
/* EPOLLOUT: sends what waits. */
void client_flush(struct client *client);
/* After an answer or a body ended: next request, linger or close. */
void client_advance(struct client *client);

#endif
