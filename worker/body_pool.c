/*
 * body_pool.c - see body_pool.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/body_pool.h"

static void
forget(struct body_pool *pool, unsigned which)
{
    pool->bytes -= pool->bufs[which].cap;
    pool->bufs[which] = pool->bufs[--pool->count];
    if (pool->count < pool->least)
        pool->least = pool->count;
}

/* Of equal ones the last that was given: the caches know it best. */
void
body_pool_take(struct body_pool *pool, struct buf *body, size_t bytes)
{
    unsigned best = pool->count;
    if (bytes < BODY_POOL_LEAST_BYTES || bytes <= body->cap)
        return;
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->bufs[i].cap >= bytes &&
            (best == pool->count || pool->bufs[i].cap <= pool->bufs[best].cap))
            best = i;
    if (best == pool->count)
        return;
    buf_fini(body);
    *body = pool->bufs[best];
    forget(pool, best);
}

void
body_pool_give(struct body_pool *pool, struct buf *body)
{
    if (body->cap < BODY_POOL_LEAST_BYTES || pool->count == BODY_POOL_BUFS ||
        body->cap > BODY_POOL_BYTES - pool->bytes) {
        buf_fini(body);
        return;
    }
    buf_reset(body);
    pool->bufs[pool->count++] = *body;
    pool->bytes += body->cap;
    buf_init(body, 0);
}

void
body_pool_trim(struct body_pool *pool)
{
    if (pool->least > 0) {
        struct buf unused = pool->bufs[0];
        forget(pool, 0);
        buf_fini(&unused);
    }
    pool->least = pool->count;
}

void
body_pool_fini(struct body_pool *pool)
{
    while (pool->count > 0)
        buf_fini(&pool->bufs[--pool->count]);
    pool->least = 0;
    pool->bytes = 0;
}
