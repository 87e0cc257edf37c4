/*
 * pool.c - connections: taken, kept, aged, closed.
 *
 * Ageing costs nothing per exchange: one timer for all sweeps the list of idle
 * connections from its old end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/pool_part.h"

enum {
    SWEEP_EVERY_MS = 1000,
    /* A longer rest: ask the socket before use, because the hang-up's event
     * may wait behind the one that is being handled. */
    PEEK_AFTER_MS = 1000,
};

static void
connection_recycle(struct loop_deferred *deferred)
{
    struct connection *connection =
        (struct connection *)((char *)deferred -
                              offsetof(struct connection, free_later));
    connection->next_free = connection->pool->free_list;
    connection->pool->free_list = connection;
}

static void
unlink_idle(struct connection *connection)
{
    struct place *place = connection->place;
    struct pool *pool = connection->pool;
    *(connection->newer != NULL ? &connection->newer->older : &place->newest) =
        connection->older;
    *(connection->older != NULL ? &connection->older->newer : &place->oldest) =
        connection->newer;
    *(connection->all_newer != NULL ? &connection->all_newer->all_older
                                    : &pool->newest) = connection->all_older;
    *(connection->all_older != NULL ? &connection->all_older->all_newer
                                    : &pool->oldest) = connection->all_newer;
    connection->newer = connection->older = NULL;
    connection->all_newer = connection->all_older = NULL;
    place->idle_count--;
    pool->idle_count--;
}

static void
link_idle(struct connection *connection)
{
    struct place *place = connection->place;
    struct pool *pool = connection->pool;
    connection->older = place->newest;
    *(place->newest != NULL ? &place->newest->newer : &place->oldest) =
        connection;
    place->newest = connection;
    connection->all_older = pool->newest;
    *(pool->newest != NULL ? &pool->newest->all_newer : &pool->oldest) =
        connection;
    pool->newest = connection;
    place->idle_count++;
    pool->idle_count++;
}

void
pool_close(struct connection *connection)
{
    struct place *place = connection->place;
    if (connection->exchange == NULL)
        unlink_idle(connection);
    connection->exchange = NULL;
    loop_remove(connection->pool->loop, &connection->source);
    stream_close(&connection->stream);
    place->connections--;
    loop_defer(connection->pool->loop, &connection->free_later);
    place_release(place);
}

static void
on_ready(struct loop_source *source, uint32_t events)
{
    struct connection *connection = (struct connection *)source;
    if (connection->exchange != NULL)
        connection->pool->ready(connection, events);
    else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        pool_close(connection);
}

static bool
is_over_age(const struct connection *connection, uint64_t now_ms)
{
    return now_ms - connection->idle_since_ms >= connection->idle_max_ms;
}

static void
on_sweep(struct loop_timer *timer)
{
    struct pool *pool =
        (struct pool *)((char *)timer - offsetof(struct pool, sweep));
    uint64_t now_ms = loop_now_ms(pool->loop);
    struct connection *newer;
    for (struct connection *connection = pool->oldest; connection != NULL;
         connection = newer) {
        newer = connection->all_newer;
        if (is_over_age(connection, now_ms))
            pool_close(connection);
    }
    if (pool->idle_count > 0)
        loop_timer_set(pool->loop, timer, now_ms + SWEEP_EVERY_MS);
}

static bool
is_silent(const struct connection *connection)
{
    char byte;
    ssize_t got =
        recv(connection->stream.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

struct connection *
pool_take(struct place *place, struct exchange *exchange)
{
    uint64_t now_ms = loop_now_ms(place->pool->loop);
    place->holders++; /* closing the last one must not free it */
    struct connection *connection = place->newest;
    for (; connection != NULL; connection = place->newest) {
        bool rested = now_ms - connection->idle_since_ms >= PEEK_AFTER_MS;
        if (!is_over_age(connection, now_ms) &&
            (!rested || is_silent(connection)))
            break;
        pool_close(connection);
    }
    place->holders--;
    if (connection == NULL)
        return NULL;
    unlink_idle(connection);
    connection->exchange = exchange;
    return connection;
}

void
pool_give_way(struct place *place)
{
    if (place->oldest != NULL)
        pool_close(place->oldest);
}

static struct connection *
connection_allocate(struct pool *pool)
{
    struct connection *connection = pool->free_list;
    if (connection != NULL)
        pool->free_list = connection->next_free;
    else
        connection = malloc(sizeof(*connection));
    return connection;
}

struct connection *
pool_adopt(struct place *place, int fd, struct exchange *exchange, int *error)
{
    struct pool *pool = place->pool;
    struct connection *connection = connection_allocate(pool);
    *error = -ENOMEM;
    if (connection != NULL) {
        *connection = (struct connection){
            .source = {.fd = fd, .ready = on_ready},
            .stream = {.fd = fd},
            .pool = pool,
            .place = place,
            .exchange = exchange,
            .free_later = {.run = connection_recycle},
        };
        *error = loop_add(pool->loop, &connection->source,
                          EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
    if (*error == 0) {
        place->connections++;
        return connection;
    }
    close(fd);
    if (connection != NULL)
        connection_recycle(&connection->free_later);
    return NULL;
}

void
pool_keep(struct connection *connection)
{
    struct place *place = connection->place;
    struct pool *pool = connection->pool;
    if (connection->idle_max_ms == 0)
        connection->idle_max_ms = POOL_IDLE_MS;
    if (place->retired) {
        pool_close(connection);
        return;
    }
    connection->exchange = NULL;
    connection->reused = true;
    connection->idle_since_ms = loop_now_ms(pool->loop);
    link_idle(connection);
    if (place->idle_count > POOL_IDLE_PER_PLACE)
        pool_close(place->oldest);
    else if (pool->idle_count > pool->idle_max)
        pool_close(pool->oldest);
    if (pool->sweep.due_ms == 0)
        loop_timer_set(pool->loop, &pool->sweep,
                       connection->idle_since_ms + SWEEP_EVERY_MS);
}

uint32_t
pool_idle_count(const struct pool *pool)
{
    return pool->idle_count;
}

struct pool *
pool_create(struct loop *loop, pool_ready ready)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->loop = loop;
    pool->ready = ready;
    pool->idle_max = POOL_IDLE_ALL;
    pool->sweep.expired = on_sweep;
    return pool;
}

void
pool_set_idle_max(struct pool *pool, uint32_t count)
{
    pool->idle_max = count < POOL_IDLE_ALL ? count : POOL_IDLE_ALL;
}

void
pool_close_idle(struct pool *pool)
{
    while (pool->newest != NULL)
        pool_close(pool->newest);
}

void
pool_destroy(struct pool **pool_ptr)
{
    struct pool *pool = *pool_ptr;
    if (pool == NULL)
        return;
    CHECK(pool->idle_count == 0);
    loop_timer_clear(pool->loop, &pool->sweep);
    while (pool->free_list != NULL) {
        struct connection *connection = pool->free_list;
        pool->free_list = connection->next_free;
        free(connection);
    }
    place_free_all(pool);
    free(pool);
    *pool_ptr = NULL;
}
