/*
 * test_body_pool.c - large buffers go round, small and too many do not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/body_pool.h"

#include "tests/test.h"

static struct body_pool pool;

static struct buf
made(size_t bytes)
{
    struct buf buf;
    buf_init(&buf, 0);
    CHECK_EQ(buf_reserve(&buf, bytes), 0);
    return buf;
}

TEST(a_kept_buffer_serves_the_next_body_that_it_fits)
{
    struct buf small = made(20000), large = made(200000), body;
    const char *small_data = small.data, *large_data = large.data;
    body_pool_give(&pool, &large);
    body_pool_give(&pool, &small);
    CHECK_EQ(pool.count, 2);
    CHECK_EQ(large.cap, 0);
    buf_init(&body, 0);
    body_pool_take(&pool, &body, 18000);
    CHECK_TRUE(body.data == small_data); /* the smallest that fits */
    body_pool_give(&pool, &body);
    body_pool_take(&pool, &body, 100000);
    CHECK_TRUE(body.data == large_data);
    CHECK_EQ(buf_len(&body), 0);
    buf_fini(&body);
    buf_init(&body, 0);
    body_pool_take(&pool, &body, 1000000);
    CHECK_EQ(body.cap, 0); /* none fits */
    body_pool_fini(&pool);
    CHECK_EQ(pool.bytes, 0);
}

TEST(what_is_small_or_beyond_the_bound_is_freed)
{
    struct buf small = made(100);
    body_pool_give(&pool, &small);
    CHECK_EQ(pool.count, 0);
    for (int i = 0; i < 40; i++) {
        struct buf large = made(3 * 1024 * 1024);
        body_pool_give(&pool, &large);
    }
    CHECK_TRUE(pool.bytes <= BODY_POOL_BYTES);
    CHECK_TRUE(pool.count > 4 && pool.count <= BODY_POOL_BUFS);
    body_pool_fini(&pool);
}

TEST(what_was_not_needed_is_given_back)
{
    struct buf a = made(50000), b = made(60000), one, two;
    body_pool_give(&pool, &a);
    body_pool_give(&pool, &b);
    body_pool_trim(&pool); /* both came since */
    CHECK_EQ(pool.count, 2);
    buf_init(&one, 0);
    buf_init(&two, 0);
    body_pool_take(&pool, &one, 30000);
    body_pool_take(&pool, &two, 58000);
    CHECK_EQ(pool.count, 0);
    body_pool_give(&pool, &one);
    body_pool_give(&pool, &two);
    body_pool_trim(&pool); /* all were in use once */
    CHECK_EQ(pool.count, 2);
    body_pool_trim(&pool);
    body_pool_trim(&pool);
    CHECK_EQ(pool.count, 0);
    CHECK_EQ(pool.bytes, 0);
}
