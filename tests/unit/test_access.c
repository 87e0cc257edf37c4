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

TEST(the_way_a_request_came_is_the_workers_word)
{
    struct http_head head = head_of(NULL, NULL);
    CHECK_EQ(access_via(&head), ACCESS_SOCKET);
    head = head_of("tcp", NULL);
    CHECK_EQ(access_via(&head), ACCESS_TCP);
    head = head_of("tcp-loopback", NULL);
    CHECK_EQ(access_via(&head), ACCESS_LOOPBACK);
    head.fields[head.field_count++] = head.fields[0]; /* two marks */
    CHECK_EQ(access_via(&head), ACCESS_TCP);
    head = head_of("", NULL);
    CHECK_EQ(access_via(&head), ACCESS_TCP);
    head = head_of("socket", NULL);
    CHECK_EQ(access_via(&head), ACCESS_TCP);
}

TEST(a_bearer_token_is_taken_from_one_field)
{
    static const struct {
        const char *value, *token;
    } cases[] = {{"Bearer secret", "secret"},
                 {"bearer  secret ", "secret"},
                 {"Basic secret", ""},
                 {"secret", ""},
                 {"Bearer ", ""},
                 {"Bearer", ""},
                 {"", ""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head head = head_of("tcp", cases[i].value);
        CHECK_STR(access_bearer(&head), cases[i].token);
    }
    struct http_head head = head_of("tcp", "Bearer secret");
    head.fields[head.field_count++] = head.fields[1];
    CHECK_STR(access_bearer(&head), "");
    head = head_of("tcp", NULL);
    CHECK_STR(access_bearer(&head), "");
}

static const char *
from_of(const char *via, const char *client)
{
    static char text[ACCESS_FROM_BYTES];
    struct http_head head = head_of(via, NULL);
    if (client != NULL)
        head.fields[head.field_count++] = (struct http_field){
            .name = STR_LIT("x-aigw-client"), .value = str_from(client)};
    access_from(&head, 1000, text);
    return text;
}

TEST(where_a_request_is_from_is_readable)
{
    CHECK_STR(str_from(from_of(NULL, NULL)), "uid=1000");
    CHECK_STR(str_from(from_of("tcp", "00000000000000000000ffffc0000207")),
              "192.0.2.7");
    CHECK_STR(str_from(from_of("tcp", "20010db800010002")),
              "2001:db8:1:2::/64");
    CHECK_STR(str_from(from_of("tcp", "nonsense")), "tcp");
    CHECK_STR(str_from(from_of("tcp", NULL)), "tcp");
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
