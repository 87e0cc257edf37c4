/*
 * test_guard.c - guesses of the management token.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/guard.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static struct guard guard;
static uint64_t now_ms = 1000000;

/* The status of a request, as identify.c asks; 0: allowed. */
static int
ask(const char *via, const char *client, const char *authorization)
{
    struct admin_error error = {0};
    struct http_head head = {.method = HTTP_GET};
    head.fields[head.field_count++] = (struct http_field){
        .name = STR_LIT("x-aigw-via"), .value = str_from(via)};
    head.fields[head.field_count++] = (struct http_field){
        .name = STR_LIT("x-aigw-client"), .value = str_from(client)};
    if (guard_makes_wait(&guard, &head, now_ms, &error))
        return error.status;
    if (authorization == NULL)
        return 401;
    if (strcmp(authorization, "Bearer secret") == 0)
        return 0;
    guard_failed(&guard, &head, now_ms);
    return 401;
}

TEST(ten_wrong_tokens_make_an_address_wait_and_no_other)
{
    guard_init(&guard);
    for (int i = 0; i < GUARD_FAILURES; i++)
        CHECK_EQ(ask("tcp", "a", "Bearer wrong"), 401);
    CHECK_EQ(ask("tcp", "a", "Bearer wrong"), 429);
    CHECK_EQ(ask("tcp", "a", "Bearer secret"), 429);
    CHECK_EQ(ask("tcp", "b", "Bearer secret"), 0);
    CHECK_EQ(ask("tcp", "b", "Bearer wrong"), 401);
}

TEST(a_failure_is_forgotten_each_six_seconds)
{
    now_ms += GUARD_FORGET_MS - 1;
    CHECK_EQ(ask("tcp", "a", "Bearer secret"), 429);
    now_ms += 1;
    CHECK_EQ(ask("tcp", "a", "Bearer wrong"), 401); /* one guess */
    CHECK_EQ(ask("tcp", "a", "Bearer secret"), 429);
    now_ms += GUARD_FORGET_MS;
    CHECK_EQ(ask("tcp", "a", "Bearer secret"), 0);
    now_ms += GUARD_FAILURES * GUARD_FORGET_MS;
    for (int i = 0; i < GUARD_FAILURES; i++)
        CHECK_EQ(ask("tcp", "a", "Bearer wrong"), 401);
    CHECK_EQ(ask("tcp", "a", "Bearer wrong"), 429);
}

TEST(loopback_and_requests_without_a_token_are_not_counted)
{
    guard_init(&guard);
    for (int i = 0; i < 3 * GUARD_FAILURES; i++) {
        CHECK_EQ(ask("tcp-loopback", "c", "Bearer wrong"), 401);
        CHECK_EQ(ask("tcp", "d", NULL), 401);
    }
    CHECK_EQ(ask("tcp-loopback", "c", "Bearer secret"), 0);
    CHECK_EQ(ask("tcp", "d", "Bearer secret"), 0);
}

TEST(many_addresses_do_not_free_one_that_waits_longer)
{
    char name[16];
    guard_init(&guard);
    for (int i = 0; i < GUARD_FAILURES; i++)
        CHECK_EQ(ask("tcp", "a", "Bearer wrong"), 401);
    for (int i = 0; i < 100 * GUARD_ROWS; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        CHECK_EQ(ask("tcp", name, "Bearer wrong"), 401);
    }
    CHECK_EQ(ask("tcp", "a", "Bearer secret"), 429);
}
