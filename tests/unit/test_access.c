/*
 * test_access.c - who may manage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "accountant/admin/access.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/test.h"

static struct http_head
head_of(const char *via, const char *authorization)
{
    struct http_head head = {.method = HTTP_GET};
    if (via != NULL)
        head.fields[head.field_count++] = (struct http_field){
            .name = STR_LIT("X-Aigw-Via"), .value = str_from(via)};
    if (authorization != NULL)
        head.fields[head.field_count++] = (struct http_field){
            .name = STR_LIT("Authorization"), .value = str_from(authorization)};
    return head;
}

TEST(requests_from_tcp_need_the_token)
{
    static const struct {
        const char *via, *authorization, *token;
        bool is_metrics;
        int status; /* 0 allowed */
    } cases[] = {
        {NULL, NULL, NULL, false, 0},
        {NULL, "Bearer wrong", "secret", false, 0},
        {"tcp", NULL, NULL, false, 403},
        {"tcp", NULL, "", false, 403},
        {"tcp", "Bearer ", "", false, 403},
        {"tcp", "Bearer x", NULL, false, 403},
        {"tcp", NULL, "secret", false, 401},
        {"tcp", "Bearer secre", "secret", false, 401},
        {"tcp", "Bearer secrets", "secret", false, 401},
        {"tcp", "Basic secret", "secret", false, 401},
        {"tcp", "secret", "secret", false, 401},
        {"tcp", "Bearer secret", "secret", false, 0},
        {"tcp", "bearer secret", "secret", false, 0},
        {"tcp-loopback", NULL, "secret", false, 401},
        {"tcp-loopback", NULL, NULL, true, 0},
        {"tcp-loopback", NULL, "secret", true, 0},
        {"tcp", NULL, "secret", true, 401},
        {"tcp", NULL, NULL, true, 403},
        {"", NULL, "secret", true, 401},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct admin_error error = {0};
        struct http_head head = head_of(cases[i].via, cases[i].authorization);
        bool allowed = access_head_allowed(&head, cases[i].token,
                                           cases[i].is_metrics, &error);
        if (allowed != (cases[i].status == 0))
            test_fail(__FILE__, __LINE__, "case %zu", i);
        CHECK_EQ(error.status, cases[i].status);
    }
}

TEST(two_marks_or_two_tokens_are_not_believed)
{
    struct admin_error error = {0};
    struct http_head head = head_of("tcp-loopback", "Bearer secret");
    head.fields[head.field_count++] = head.fields[0];
    CHECK_TRUE(access_head_allowed(&head, "secret", true, &error));
    head.fields[head.field_count++] = head.fields[1];
    CHECK_TRUE(!access_head_allowed(&head, "secret", true, &error));
}

TEST(our_own_user_may_use_the_socket)
{
    int pair[2];
    int64_t uid = -1;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_TRUE(access_peer_allowed(pair[0], (gid_t)-1, &uid));
    CHECK_EQ(uid, geteuid());
    CHECK_TRUE(!access_peer_allowed(-1, (gid_t)-1, &uid));
    close(pair[0]);
    close(pair[1]);
}
