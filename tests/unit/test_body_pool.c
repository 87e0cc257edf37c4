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
    body_pool_give(&pool, &large, 0);
    body_pool_give(&pool, &small, 0);
    CHECK_EQ(pool.count, 2);
    CHECK_EQ(large.cap, 0);
    buf_init(&body, 0);
    body_pool_take(&pool, &body, 18000);
    CHECK_TRUE(body.data == small_data); /* the smallest that fits */
    body_pool_give(&pool, &body, 0);
    body_pool_take(&pool, &body, 100000);
    CHECK_TRUE(body.data == large_data);
    CHECK_EQ(buf_len(&body), 0);
    buf_fini(&body);
    buf_init(&body, 0);
    body_pool_take(&pool, &body, 250000);
    CHECK_EQ(body.cap, 0); /* none fits */
    body_pool_fini(&pool);
    CHECK_EQ(pool.bytes, 0);
}

TEST(what_is_small_or_beyond_the_bound_is_freed)
{
    struct buf small = made(100);
    body_pool_give(&pool, &small, 0);
    CHECK_EQ(pool.count, 0);
    for (int i = 0; i < 40; i++) {
        struct buf large = made(3 * 1024 * 1024);
        body_pool_give(&pool, &large, 0);
    }
    CHECK_TRUE(pool.bytes <= BODY_POOL_BYTES);
    CHECK_TRUE(pool.count > 4 && pool.count <= BODY_POOL_BUFS);
    body_pool_fini(&pool);
}

TEST(what_was_not_needed_is_given_back)
{
    struct buf a = made(50000), b = made(60000), one, two;
    body_pool_give(&pool, &a, 0);
    body_pool_give(&pool, &b, 0);
    body_pool_trim(&pool); /* both came since */
    CHECK_EQ(pool.count, 2);
    buf_init(&one, 0);
    buf_init(&two, 0);
    body_pool_take(&pool, &one, 30000);
    body_pool_take(&pool, &two, 58000);
    CHECK_EQ(pool.count, 0);
    body_pool_give(&pool, &one, 0);
    body_pool_give(&pool, &two, 0);
    body_pool_trim(&pool); /* all were in use once */
    CHECK_EQ(pool.count, 2);
    body_pool_trim(&pool);
    body_pool_trim(&pool);
    CHECK_EQ(pool.count, 0);
    CHECK_EQ(pool.bytes, 0);
}

TEST(large_bodies_have_huge_pages_while_there_are_few)
{
    struct buf bodies[24], small, grown;
    size_t taken[24], sum = 0;
    for (unsigned i = 0; i < ARRAY_LEN(bodies); i++) {
        buf_init(&bodies[i], 0);
        taken[i] = body_pool_take(&pool, &bodies[i], 520000);
        CHECK_EQ(taken[i], bodies[i].cap);
        if (taken[i] > 0) {
            CHECK_EQ((uintptr_t)bodies[i].data % BODY_HUGE_PAGE, 0);
            memset(bodies[i].data, 'x', bodies[i].cap);
        }
        sum += taken[i];
    }
    CHECK_EQ(sum, BODY_POOL_BYTES);
    CHECK_EQ(pool.huge_bytes, sum);
    for (unsigned i = 0; i < ARRAY_LEN(bodies); i++)
        body_pool_give(&pool, &bodies[i], taken[i]);
    CHECK_EQ(pool.huge_bytes, pool.bytes);

    buf_init(&small, 0); /* not for it */
    CHECK_EQ(body_pool_take(&pool, &small, 20000), 0);
    CHECK_EQ(small.cap, 0);

    buf_init(&grown, 0); /* a body that was compressed */
    size_t huge = body_pool_take(&pool, &grown, 520000);
    CHECK_EQ(huge, BODY_HUGE_PAGE);
    CHECK_EQ(buf_reserve(&grown, 2 * huge), 0);
    body_pool_give(&pool, &grown, huge);
    body_pool_fini(&pool);
    CHECK_EQ(pool.huge_bytes, 0);
    CHECK_EQ(pool.bytes, 0);
}

TEST(what_is_too_large_for_the_pool_has_no_huge_pages)
{
    struct buf body;
    buf_init(&body, 0);
    CHECK_EQ(body_pool_take(&pool, &body, BODY_POOL_BYTES + 1), 0);
    CHECK_EQ(body_pool_take(&pool, &body, SIZE_MAX), 0);
    CHECK_EQ(body.cap, 0);
}
