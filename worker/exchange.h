/*
 * exchange.h - one HTTP/1.1 request to an upstream and its answer.
 *
 * libcurl makes connections (CURLOPT_CONNECT_ONLY in a multi handle on the
 * worker's loop: resolver, happy eyeballs, proxies) and hands the socket over;
 * TLS, HTTP/1.1 and the pool are ours. Pool key: scheme, host, port, proxy, TLS
 * settings. Rules: readable or HUP while idle = close; bytes after a complete
 * answer, a 101 or a body ended by close are never pooled; 1xx skipped (at most
 * 8); a request is sent again only if no answer byte came on a re-used
 * connection, once, and if its owner does not mind.
 *
 * The builtin provider answers through the same events without a socket.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_EXCHANGE_H
#define AIGW_WORKER_EXCHANGE_H

#include <sys/uio.h>

#include "common/net/http_parse.h"
#include "worker/worker.h"

struct exchange;

enum exchange_result {
    EXCHANGE_OK,         /* the answer is complete */
    EXCHANGE_CONNECT,    /* no connection: refused, DNS, TLS */
    EXCHANGE_TIMEOUT,    /* connect, first byte, idle or total; text says */
    EXCHANGE_BAD_ANSWER, /* not HTTP, head too large, framing broken */
    EXCHANGE_CUT,        /* ended in mid-answer */
};

struct exchange_events {
    /* The final head (status >= 200); spans die with the call. */
    void (*head)(void *owner, const struct http_head *head);
    /* Decoded content; valid until `flush` of the same turn returns. */
    void (*body)(void *owner, struct str bytes);
    /* All that one read brought has been given: send now. */
    void (*flush)(void *owner);
    /* Once, last. `text` a short reason for logs. The exchange is gone after. */
    void (*end)(void *owner, enum exchange_result result, const char *text);
    /* A connection of the pool ended before an answer: whether to send it again
     * on a new one. Nothing is to be ended in it. NULL: always. */
    bool (*again)(void *owner);
};

struct exchange_request {
    const struct catalogue_provider *provider; /* NULL: the unix socket below */
    const struct call_timeouts
        *timeouts;         /* NULL: the provider's; they live on */
    const char *unix_path; /* accountant's socket (management), else NULL */
    const struct iovec *pieces; /* head and body; alive until `end` */
    int piece_count;
    bool is_head; /* HEAD: the answer has no body */
    bool
        fresh; /* on a new connection, so it is sent once: the provider is known
                   * to fail, and what the pool has may be as dead */
    /* How long the answer's head may take, all in all, where that is less than
     * the provider's own limits; 0: as those say. */
    uint32_t first_byte_ms;
    /* For the builtin provider, which has no head: the call itself; the body is
     * that of the pieces, or `body` where there are none. */
    const struct call *call;
    struct str body;
};

/* upstreams_create - the pool, the connector, TLS contexts (made when first
 * used). NULL: out of memory. */
struct upstreams *upstreams_create(struct worker *worker);
/* Exchanges still open are aborted. Before loop_destroy(), which runs the rest
 * of it. */
void upstreams_destroy(struct upstreams **upstreams);
/* Idle connections of providers that the catalogue no longer has are closed. */
void upstreams_trim(struct upstreams *upstreams);
/* How many idle ones are kept at most: pool_set_idle_max. */
void upstreams_set_idle_max(struct upstreams *upstreams, uint32_t count);

/* Starts; events come later, never from inside this call. NULL: no memory. */
struct exchange *exchange_start(struct worker *worker,
                                const struct exchange_request *request,
                                const struct exchange_events *events,
                                void *owner) MUST_CHECK;
/* Backpressure: no reads from the upstream until resumed. What the last read
 * brought is still given, `end` included when the answer was complete in it. */
void exchange_pause(struct exchange *exchange);
void exchange_resume(struct exchange *exchange);
/* No more events; the connection is closed, but for one whose answer is
 * complete (in its last flush): that goes back to the pool. */
void exchange_abort(struct exchange *exchange);
/* Inside `body` or `flush`: the whole answer has been read, so `end`
 * with EXCHANGE_OK follows this turn's flush at once: an owner may put the last
 * bytes of its own framing into the same send. */
bool exchange_is_complete(const struct exchange *exchange);
/* Milliseconds from start to the first answer byte, at least 1; 0 = none yet. */
uint32_t exchange_first_byte_ms(const struct exchange *exchange);
/* Milliseconds from start to a new connection, at least 1; 0 = none was made. */
uint32_t exchange_connect_ms(const struct exchange *exchange);
/* Whether a byte of the request has left. */
bool exchange_has_begun(const struct exchange *exchange);
uint32_t exchange_attempts(const struct exchange *exchange);

#endif
