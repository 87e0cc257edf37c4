/*
 * body_pool.c - see body_pool.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/body_pool.h"

#include <stdlib.h>
#include <sys/mman.h>

static bool
is_huge(const struct buf *buf)
{
    return buf->cap > 0 && buf->cap % BODY_HUGE_PAGE == 0 &&
           (uintptr_t)buf->data % BODY_HUGE_PAGE == 0;
}

static void
release(struct body_pool *pool, struct buf *buf)
{
    if (is_huge(buf))
        pool->huge_bytes -= buf->cap;
    buf_fini(buf);
}

static struct buf
pull(struct body_pool *pool, unsigned which)
{
    struct buf buf = pool->bufs[which];
    pool->bytes -= buf.cap;
    pool->bufs[which] = pool->bufs[--pool->count];
    if (pool->count < pool->least)
        pool->least = pool->count;
    return buf;
}

/* Huge pages come by asking for them (MADV_HUGEPAGE); where the system has none
 * it is memory as any other. */
static void
take_huge(struct body_pool *pool, struct buf *body, size_t bytes)
{
    size_t size =
        (bytes + BODY_HUGE_PAGE - 1) / BODY_HUGE_PAGE * BODY_HUGE_PAGE;
    void *data;
    if (bytes > BODY_POOL_BYTES || size > BODY_POOL_BYTES - pool->huge_bytes ||
        posix_memalign(&data, BODY_HUGE_PAGE, size) != 0)
        return;
    madvise(data, size, MADV_HUGEPAGE);
    buf_fini(body);
    body->data = data;
    body->cap = size;
    pool->huge_bytes += size;
}

/* Of equal ones the last that was given: the caches know it best. */
size_t
body_pool_take(struct body_pool *pool, struct buf *body, size_t bytes)
{
    unsigned best = pool->count;
    bool wants_huge = bytes >= BODY_HUGE_LEAST_BYTES;
    if (bytes < BODY_POOL_LEAST_BYTES || bytes <= body->cap)
        return 0;
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->bufs[i].cap >= bytes &&
            (wants_huge || !is_huge(&pool->bufs[i])) &&
            (best == pool->count || pool->bufs[i].cap <= pool->bufs[best].cap))
            best = i;
    if (best < pool->count) {
        buf_fini(body);
        *body = pull(pool, best);
    } else if (wants_huge) {
        take_huge(pool, body, bytes);
    }
    return is_huge(body) ? body->cap : 0;
}

void
body_pool_give(struct body_pool *pool, struct buf *body, size_t taken_huge)
{
    if (taken_huge > 0 && !(is_huge(body) && body->cap == taken_huge))
        pool->huge_bytes -= taken_huge; /* outgrown, and freed by the buffer */
    if (body->cap < BODY_POOL_LEAST_BYTES || pool->count == BODY_POOL_BUFS ||
        body->cap > BODY_POOL_BYTES - pool->bytes) {
        release(pool, body);
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
        struct buf unused = pull(pool, 0);
        release(pool, &unused);
    }
    pool->least = pool->count;
}

void
body_pool_fini(struct body_pool *pool)
{
    while (pool->count > 0)
        release(pool, &pool->bufs[--pool->count]);
    pool->least = 0;
    pool->bytes = 0;
}
