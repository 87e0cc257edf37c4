/*
 * test_pool.c - tests of worker/pool*.c: which connections stand for each other,
 * how many are kept and how long; and TLS on a pooled connection.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/upstream_fixture.h"

#include <sys/un.h>

static struct pool *
pool_of(struct fixture *f)
{
    return f->worker->upstreams->pool;
}

/* A connection over a socket pair, in use; *peer is the other end. */
static struct connection *
adopt(struct fixture *f, struct place *place, int *peer)
{
    static struct exchange nobody;
    int pair[2], error = 0;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                        pair),
             0);
    *peer = pair[1];
    nobody.state = EXCHANGE_ENDED; /* events are of no interest */
    struct connection *connection = pool_adopt(place, pair[0], &nobody, &error);
    CHECK_TRUE(connection != NULL);
    loop_turn(f->worker->loop, 0);
    return connection;
}

static struct place *
place_of(struct fixture *f)
{
    return pool_get_place(pool_of(f), &f->provider, NULL);
}

TEST(places_differ_in_all_that_makes_a_connection_different)
{
    struct fixture f;
    fixture_init(&f);
    struct place *first = place_of(&f);
    struct catalogue_provider same = f.provider;
    snprintf(same.name, sizeof(same.name), "other name");
    snprintf(same.path, sizeof(same.path), "/other/path");
    char other_key[] = "key", text[] = "x", text_again[] = "x";
    same.api_key = other_key;
    struct place *place = pool_get_place(pool_of(&f), &same, NULL);
    CHECK_TRUE(place == first);
    pool_put_place(place);
    for (int i = 0; i < 6; i++) {
        struct catalogue_provider other = f.provider;
        if (i == 0)
            snprintf(other.host, sizeof(other.host), "127.0.0.2");
        other.port = i == 1 ? 1 : other.port;
        other.tls = i == 2;
        other.verify = i == 3;
        other.proxy = i == 4 ? text : NULL;
        other.ca_file = i == 5 ? text : NULL;
        place = pool_get_place(pool_of(&f), &other, NULL);
        CHECK_TRUE(place != first);
        other.proxy = i == 4 ? text_again : NULL;
        other.ca_file = i == 5 ? text_again : NULL;
        struct place *again = pool_get_place(pool_of(&f), &other, NULL);
        CHECK_TRUE(again == place);
        pool_put_place(again);
        pool_put_place(place);
    }
    place = pool_get_place(pool_of(&f), NULL, "127.0.0.1");
    CHECK_TRUE(place != first);
    pool_put_place(place);
    pool_put_place(first);
    fixture_fini(&f);
}

TEST(the_newest_connection_is_taken_first)
{
    struct fixture f;
    fixture_init(&f);
    struct place *place = place_of(&f);
    struct exchange user = {.state = EXCHANGE_ENDED};
    int peers[3];
    struct connection *connections[3];
    CHECK_TRUE(pool_take(place, &user) == NULL);
    for (int i = 0; i < 3; i++)
        connections[i] = adopt(&f, place, &peers[i]);
    for (int i = 0; i < 3; i++)
        pool_keep(connections[i]);
    CHECK_EQ(pool_idle_count(pool_of(&f)), 3);
    for (int i = 2; i >= 0; i--) {
        CHECK_TRUE(pool_take(place, &user) == connections[i]);
        CHECK_TRUE(connections[i]->reused);
    }
    CHECK_EQ(pool_idle_count(pool_of(&f)), 0);
    for (int i = 0; i < 3; i++) {
        pool_close(connections[i]);
        CHECK_TRUE(is_closed(peers[i]));
        close(peers[i]);
    }
    pool_put_place(place);
    fixture_fini(&f);
}

TEST(an_idle_connection_that_speaks_or_hangs_up_is_closed)
{
    for (int speaks = 0; speaks < 2; speaks++) {
        struct fixture f;
        fixture_init(&f);
        struct place *place = place_of(&f);
        int peer;
        pool_keep(adopt(&f, place, &peer));
        fixture_settle(&f);
        CHECK_EQ(pool_idle_count(pool_of(&f)), 1);
        if (speaks)
            server_send(peer, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        else
            shutdown(peer, SHUT_WR);
        UNTIL(&f, pool_idle_count(pool_of(&f)) == 0);
        close(peer);
        pool_put_place(place);
        fixture_fini(&f);
    }
}

TEST(the_oldest_are_closed_when_a_place_has_too_many)
{
    enum { MANY = POOL_IDLE_PER_PLACE + 3 };
    struct fixture f;
    fixture_init(&f);
    struct place *place = place_of(&f);
    static int peers[MANY];
    for (int i = 0; i < MANY; i++)
        pool_keep(adopt(&f, place, &peers[i]));
    CHECK_EQ(pool_idle_count(pool_of(&f)), POOL_IDLE_PER_PLACE);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(is_closed(peers[i]), i < MANY - POOL_IDLE_PER_PLACE);
        close(peers[i]);
    }
    pool_put_place(place);
    fixture_fini(&f);
}

TEST(no_more_wait_than_descriptors_are_meant_for)
{
    struct fixture f;
    fixture_init(&f);
    struct place *place = place_of(&f);
    int peers[5];
    pool_set_idle_max(pool_of(&f), 3);
    for (int i = 0; i < 5; i++)
        pool_keep(adopt(&f, place, &peers[i]));
    CHECK_EQ(pool_idle_count(pool_of(&f)), 3);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(is_closed(peers[i]), i < 2); /* the oldest */
        close(peers[i]);
    }
    pool_put_place(place);
    fixture_fini(&f);
}

TEST(a_connection_is_closed_when_its_time_is_over)
{
    struct fixture f;
    fixture_init(&f);
    struct place *place = place_of(&f);
    struct exchange user = {.state = EXCHANGE_ENDED};
    int peers[2];
    struct connection *brief = adopt(&f, place, &peers[0]);
    brief->idle_max_ms = 1;
    pool_keep(brief);
    pool_keep(adopt(&f, place, &peers[1]));
    UNTIL(&f, pool_idle_count(pool_of(&f)) == 1); /* by the sweep */
    CHECK_TRUE(is_closed(peers[0]));
    CHECK_TRUE(!is_closed(peers[1]));
    /* When the sweep has not come yet, by the one who wants it. */
    struct connection *last = pool_take(place, &user);
    last->idle_max_ms = 1;
    pool_keep(last);
    uint64_t from_ms = loop_now_ms(f.worker->loop);
    while (loop_now_ms(f.worker->loop) < from_ms + 2)
        loop_turn(f.worker->loop, 1);
    CHECK_TRUE(pool_take(place, &user) == NULL);
    close(peers[0]);
    close(peers[1]);
    pool_put_place(place);
    fixture_fini(&f);
}

TEST(places_of_providers_that_went_are_emptied)
{
    struct fixture f;
    fixture_init(&f);
    struct catalogue_provider other = f.provider;
    other.port++;
    struct place *gone = place_of(&f),
                 *stays = pool_get_place(pool_of(&f), &other, NULL),
                 *local = pool_get_place(pool_of(&f), NULL, "/run/x");
    int peers[4];
    struct connection *busy = adopt(&f, gone, &peers[0]);
    pool_keep(adopt(&f, gone, &peers[1]));
    pool_keep(adopt(&f, stays, &peers[2]));
    pool_keep(adopt(&f, local, &peers[3]));
    pool_put_place(gone);
    pool_put_place(stays);
    pool_put_place(local);
    struct catalogue catalogue = {.provider_count = 1, .providers = &other};
    f.worker->catalogue = &catalogue;
    upstreams_trim(f.worker->upstreams);
    CHECK_EQ(pool_idle_count(pool_of(&f)), 2);
    CHECK_TRUE(is_closed(peers[1]) && !is_closed(peers[2]) &&
               !is_closed(peers[3]));
    /* The one in use ends with its exchange, and the place with it. */
    pool_keep(busy);
    CHECK_EQ(pool_idle_count(pool_of(&f)), 2);
    CHECK_TRUE(is_closed(peers[0]));
    for (int i = 0; i < 4; i++)
        close(peers[i]);
    fixture_fini(&f);
}

TEST(requests_to_the_unix_socket_share_a_place)
{
    char folder[] = "/tmp/aigw-pool-XXXXXX";
    CHECK_TRUE(mkdtemp(folder) != NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    struct fixture f;
    fixture_init(&f);
    close(f.listener);
    f.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(f.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(listen(f.listener, 5), 0);
    struct exchange_request request = {
        .unix_path = address.sun_path, .pieces = &f.piece, .piece_count = 1};
    int fd = -1;
    for (int i = 0; i < 2; i++) {
        struct buf body = f.record.body;
        buf_reset(&body);
        f.record = (struct record){.body = body};
        f.record.exchange =
            exchange_start(f.worker, &request, &record_events, &f.record);
        if (fd < 0)
            fd = fixture_accept(&f);
        fixture_read_request(&f, fd);
        server_send(fd, PLAIN_OK);
        UNTIL(&f, f.record.ends == 1);
        CHECK_EQ(f.record.result, EXCHANGE_OK);
        CHECK_EQ(pool_idle_count(pool_of(&f)), 1);
    }
    close(fd);
    unlink(address.sun_path);
    f.record.ends = 0;
    f.record.exchange =
        exchange_start(f.worker, &request, &record_events, &f.record);
    CHECK_EQ(f.record.ends, 0);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_CONNECT);
    rmdir(folder);
    fixture_fini(&f);
}
