/*
 * pool.h - upstream connections: those in use and those waiting for use.
 *
 * Two connections may stand for each other when they have the same place:
 * scheme, host, port, proxy, TLS settings, guard, or unix path. Idle ones are taken
 * newest first, so that after a peak the rest ages and is closed. Registered
 * in epoll once, edge-triggered, for their whole life. An idle connection that
 * speaks or hangs up is closed.
 * Called by: worker (exchange*.c). Objects come from free lists.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_POOL_H
#define AIGW_WORKER_POOL_H

#include "common/net/loop.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "shm/catalogue.h"

enum {
    POOL_IDLE_PER_PLACE = 256,
    POOL_IDLE_ALL = 1024,
    POOL_IDLE_MS = 60 * 1000, /* below what most servers allow */
};

struct pool;
struct place; /* private: a key and its idle connections */
struct exchange;

/*
 * Owner: the exchange while `exchange` is set, else the pool. Dies at the end
 * of the turn in which pool_close() was called.
 */
struct connection {
    struct loop_source source; /* first */
    struct stream stream;
    struct pool *pool;
    struct place *place;
    struct exchange *exchange;
    uint64_t idle_since_ms;
    uint32_t idle_max_ms; /* 0: not yet known, see pool_keep */
    bool reused;          /* has carried a complete exchange */
    /* idle: in the place's list and in the list of all, newest first */
    struct connection *newer, *older;
    struct connection *all_newer, *all_older;
    struct connection *next_free;
    struct loop_deferred free_later;
};

/* `ready` gets the events of connections that have an exchange. */
typedef void (*pool_ready)(struct connection *connection, uint32_t events);
struct pool *pool_create(struct loop *loop, pool_ready ready) MUST_CHECK;
void pool_close_idle(struct pool *pool);
/* At most so many idle ones, POOL_IDLE_ALL at most; as created: all of them. */
void pool_set_idle_max(struct pool *pool, uint32_t count);
/* All connections must be closed, and their turn over: to be called from a
 * deferred that was queued after the last pool_close(). */
void pool_destroy(struct pool **pool);

/* The place of a provider, or of a unix socket where provider is NULL. Held by
 * the caller until pool_put_place. NULL: out of memory. */
struct place *pool_get_place(struct pool *pool,
                             const struct catalogue_provider *provider,
                             const char *unix_path) MUST_CHECK;
void pool_put_place(struct place *place);
/* The TLS context of the place, made when first asked for; NULL with a reason. */
struct tls_client_context *pool_tls_context(struct place *place,
                                            struct buf *error) MUST_CHECK;

/* The newest idle connection for `exchange`, or NULL. */
struct connection *pool_take(struct place *place, struct exchange *exchange);
/* The oldest idle one goes, for a new one that is made though there are idle ones:
 * else each such call would leave one more. */
void pool_give_way(struct place *place);
/* A new one on a connected descriptor, which it owns now (closed on error).
 * NULL with -errno in *error. */
struct connection *pool_adopt(struct place *place, int fd,
                              struct exchange *exchange, int *error) MUST_CHECK;
/* Back into the pool: nothing of its last answer may be unread. */
void pool_keep(struct connection *connection);
void pool_close(struct connection *connection);

/* Closes idle connections of places that `catalogue` does not name (any more);
 * connections in use end with their exchange. */
void pool_trim(struct pool *pool, const struct catalogue *catalogue);
uint32_t pool_idle_count(const struct pool *pool);

#endif
