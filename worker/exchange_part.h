/*
 * exchange_part.h - the inside of an exchange: exchange.c (life, deadlines),
 * exchange_send.c (connection and request), exchange_receive.c (answer).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_EXCHANGE_PART_H
#define AIGW_WORKER_EXCHANGE_PART_H

#include "common/buf.h"
#include "worker/connector.h"
#include "worker/exchange.h"
#include "worker/pool.h"
#include "worker/provider/provider.h"

/*
 *            .-> BUILTIN ----------------------------------.
 *   start ---+-> OPEN (a pooled connection) ---------------+-> ENDED
 *            '-> CONNECTING -> HANDSHAKE (TLS) -> OPEN ----'
 * FAILING: could not begin; `end` comes at the end of the turn. A stale pooled
 * connection leads from OPEN back to CONNECTING, once.
 */
enum exchange_state {
    EXCHANGE_BUILTIN,
    EXCHANGE_FAILING,
    EXCHANGE_CONNECTING,
    EXCHANGE_HANDSHAKE,
    EXCHANGE_OPEN,
    EXCHANGE_ENDED,
};

/*
 * Owner: exchange_start's caller until `end` or exchange_abort. Goes to the free
 * list at the end of that turn, so callbacks may look at `state` after calling
 * out.
 */
struct exchange {
    struct worker *worker;
    struct upstreams *upstreams;
    struct exchange_request request;
    const struct exchange_events *events;
    void *owner;
    enum exchange_state state;
    enum exchange_result failure; /* FAILING */

    struct builtin_answer *builtin;
    struct place *place;           /* held; NULL: builtin */
    struct connection *connection; /* HANDSHAKE, OPEN */
    struct connect_job job;        /* CONNECTING */

    /* request */
    int piece;        /* the first one not sent whole */
    size_t piece_off; /* its bytes sent */
    bool sent, send_broken;

    /* answer */
    struct buf head_bytes; /* of a head that came in pieces */
    size_t scanned;
    unsigned interims; /* 1xx answers */
    struct http_body body;
    bool got_byte, head_given, complete, keep_alive;
    bool given; /* events since the last flush */
    bool keep;  /* the whole answer is read: the connection may be used again */
    bool readable; /* bytes or the end may be waiting in the socket */
    bool hangup;   /* the peer has closed: read to the end */
    bool paused;
    bool fresh_only; /* second attempt: no pooled connection */

    /* time, monotonic ms of the loop */
    struct loop_timer timer;
    uint64_t started_ms;
    uint64_t phase_ms; /* the last progress */
    uint32_t first_byte_ms, connect_ms, attempts;

    struct loop_deferred later;
    struct exchange *previous, *next; /* of all that live; next: free list */
    char text[CONNECT_TEXT_BYTES + 32];
};

struct upstreams {
    struct worker *worker;
    struct connector *connector;
    struct pool *pool;
    struct exchange *live, *free_list;
    struct loop_deferred end;
};

/* exchange.c. Gives `end`; the connection goes back to the pool if it may. */
void exchange_finish(struct exchange *exchange, enum exchange_result result,
                     const char *text);
/* As exchange_finish, but at the end of the turn. */
COLD void exchange_fail_later(struct exchange *exchange,
                              enum exchange_result result, const char *format,
                              ...) PRINTF_LIKE(3, 4);
/* There was progress, or the phase changed: sets the next deadline. */
void exchange_set_deadline(struct exchange *exchange);

/* exchange_send.c. Takes or makes a connection and sends. No events. */
void exchange_attempt(struct exchange *exchange);
/* Once more on a new connection. */
void exchange_attempt_again(struct exchange *exchange);
/* pool_ready: what epoll says about the connection of an exchange. */
void exchange_on_ready(struct connection *connection, uint32_t events);

/* exchange_receive.c. Reads what there is, gives events. */
void exchange_receive(struct exchange *exchange);

#endif
