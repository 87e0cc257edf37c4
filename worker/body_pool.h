/*
 * body_pool.h - large buffers kept for the next large bodies: memory that comes
 * from the kernel anew costs a fault for each 4 KiB, a third of all that a body
 * of some MiB costs. Bodies from BODY_HUGE_LEAST_BYTES on get huge pages, as long
 * as there are few: a look-up of an address less for each 4 KiB, each of the
 * three times that a body passes through the processor.
 *
 * Owner: the worker. Holds at most BODY_POOL_BYTES, and gives back what was not
 * needed for a while; no more than that is in huge pages, those of running
 * requests with them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_BODY_POOL_H
#define AIGW_WORKER_BODY_POOL_H

#include "common/buf.h"

enum {
    BODY_POOL_BUFS = 16,
    BODY_POOL_BYTES = 32 * 1024 * 1024,
    BODY_POOL_LEAST_BYTES = 16 * 1024, /* smaller ones stay with a request */
    BODY_HUGE_LEAST_BYTES = 256 * 1024,
    BODY_HUGE_PAGE = 2 * 1024 * 1024,
};

struct body_pool {
    struct buf bufs[BODY_POOL_BUFS];
    unsigned count;
    unsigned least; /* count was never lower since the last trim */
    size_t bytes;
    size_t huge_bytes; /* of huge pages, kept here or with requests */
};

/* Gives `body`, which is empty, a kept buffer of at least `bytes`, if there is
 * one; the smallest that fits. Returns its size where it is of huge pages, for
 * body_pool_give(), else 0. */
size_t body_pool_take(struct body_pool *pool, struct buf *body, size_t bytes);
/* Keeps a large buffer, or frees it; `body` is empty then. taken_huge: what
 * body_pool_take() returned; the body may have outgrown it. */
void body_pool_give(struct body_pool *pool, struct buf *body,
                    size_t taken_huge);
/* Frees a buffer that has not been in use since the last call. */
void body_pool_trim(struct body_pool *pool);
void body_pool_fini(struct body_pool *pool);

#endif
