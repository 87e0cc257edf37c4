/*
 * test_client_slow.c - slow clients: deadlines that a byte now and then does
 * not move, and who makes room when all connections are taken.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/front_fixture.h"
#include "worker/client_parts.h"

static const char healthz[] = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n";
static const char half_head[] = "GET /healthz HTTP/1.1\r\nHo";
static const char half_body[] =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
    "x-api-key: " FRONT_KEY "\r\nContent-Length: 40000\r\n\r\n{";

static void
turn_until_open(struct front *f, uint32_t count)
{
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (client_open_count(f->worker) != count && clock_mono_ms() < until)
        loop_turn(f->worker->loop, 1);
    CHECK_EQ(client_open_count(f->worker), count);
}

/* Sends and waits until the newest connection is in `phase`. */
static int
open_in_phase(struct front *f, const char *bytes, enum client_phase phase)
{
    int fd = front_connect(f);
    front_send(f, fd, str_from(bytes));
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while ((f->worker->clients->first == NULL ||
            f->worker->clients->first->phase != phase) &&
           clock_mono_ms() < until)
        loop_turn(f->worker->loop, 1);
    CHECK_TRUE(f->worker->clients->first != NULL);
    CHECK_EQ(f->worker->clients->first->phase, phase);
    return fd;
}

static void
slow_open(struct front *f)
{
    front_open(f);
    f->config->server.header_timeout_ms = 60000;
    f->config->server.body_timeout_ms = 60000;
    f->config->server.keepalive_timeout_ms = 60000;
    f->config->server.send_timeout_ms = 60000;
}

static bool
is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* As if it had been in its phase for a second longer. */
static void
make_old(struct client *client)
{
    client->phase_start_ms -= 1001;
    client->send_start_ms -= 1001;
}

TEST(when_all_places_are_taken_the_oldest_idle_or_unfinished_one_goes)
{
    struct front f;
    slow_open(&f);
    f.worker->clients->max = 3;
    int body = open_in_phase(&f, half_body, CLIENT_BODY);
    int head = open_in_phase(&f, half_head, CLIENT_HEAD);
    make_old(f.worker->clients->first);
    struct buf answer;
    buf_init(&answer, 0);
    int idle = front_connect(&f);
    front_send(&f, idle, str_from(healthz));
    CHECK_TRUE(!front_read(&f, idle, "{\"status\":\"ok\"}", 1, &answer));
    turn_until_open(&f, 3);
    make_old(f.worker->clients->first);
    int first = open_in_phase(&f, half_head, CLIENT_HEAD);
    turn_until_open(&f, 3);
    CHECK_TRUE(is_closed(head) && !is_closed(idle) && !is_closed(body));
    int second = open_in_phase(&f, half_head, CLIENT_HEAD);
    turn_until_open(&f, 3);
    CHECK_TRUE(is_closed(idle) && !is_closed(first) && !is_closed(body));
    int fds[] = {body, head, idle, first, second};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    turn_until_open(&f, 0);
    buf_fini(&answer);
    front_close(&f);
}

/* A burst beyond max_connections is served one after the other. */
TEST(new_ones_wait_while_all_are_at_work_and_young)
{
    struct front f;
    enum { CLIENTS = 20 };
    int fds[CLIENTS];
    slow_open(&f);
    f.worker->clients->max = 4;
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = front_connect(&f);
    for (int i = 0; i < CLIENTS; i++) {
        struct buf answer;
        buf_init(&answer, 0);
        CHECK_TRUE(send(fds[i], healthz, strlen(healthz), 0) > 0);
        CHECK_TRUE(!front_read(&f, fds[i], "{\"status\":\"ok\"}", 1, &answer));
        CHECK_TRUE(client_open_count(f.worker) <= 4);
        buf_fini(&answer);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    turn_until_open(&f, 0);
    front_close(&f);
}

TEST(who_is_at_work_is_not_evicted_until_it_is_slow)
{
    struct front f;
    slow_open(&f);
    f.worker->clients->max = 2;
    int old = open_in_phase(&f, half_body, CLIENT_BODY);
    struct client *client = f.worker->clients->first;
    int young = open_in_phase(&f, half_body, CLIENT_BODY);
    int waiting = front_connect(&f);
    front_send(&f, waiting, str_from(half_head));
    for (int i = 0; i < 100; i++)
        loop_turn(f.worker->loop, 1);
    CHECK_EQ(client_open_count(f.worker), 2);
    CHECK_TRUE(!is_closed(old) && !is_closed(young) && !is_closed(waiting));
    make_old(client);
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (!is_closed(old) && clock_mono_ms() < until)
        loop_turn(f.worker->loop, 1);
    CHECK_TRUE(is_closed(old) && !is_closed(young) && !is_closed(waiting));
    CHECK_EQ(client_open_count(f.worker), 2);
    CHECK_EQ(f.worker->body_bytes_held, 40000);
    close(old);
    close(young);
    close(waiting);
    turn_until_open(&f, 0);
    front_close(&f);
}

TEST(a_head_may_take_its_time_from_its_first_byte_only)
{
    struct front f;
    front_open(&f);
    struct buf answer;
    buf_init(&answer, 0);
    int fd = open_in_phase(&f, "G", CLIENT_HEAD);
    struct client *client = f.worker->clients->first;
    uint64_t deadline_ms = client->deadline_ms;
    CHECK_EQ(deadline_ms, client->phase_start_ms + 200);
    for (const char *at = half_head + 1; *at != '\0'; at++) {
        front_send(&f, fd, str_make(at, 1));
        loop_turn(f.worker->loop, 0);
        if (client->phase == CLIENT_HEAD)
            CHECK_EQ(client->deadline_ms, deadline_ms);
    }
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 408 "));
    close(fd);
    buf_fini(&answer);
    front_close(&f);
}

TEST(a_body_nobody_wants_is_dropped_for_ten_seconds_at_most)
{
    struct front f;
    slow_open(&f);
    int fd = open_in_phase(&f,
                           "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                           "Content-Length: 40000\r\n\r\n{",
                           CLIENT_DROP);
    struct client *client = f.worker->clients->first;
    CHECK_EQ(client->deadline_ms, client->phase_start_ms + 10000);
    front_send(&f, fd, STR_LIT("     "));
    loop_turn(f.worker->loop, 1);
    CHECK_EQ(client->deadline_ms, client->phase_start_ms + 10000);
    close(fd);
    turn_until_open(&f, 0);
    front_close(&f);
}

/* An answer longer than the kernel keeps for a client that does not read. */
static int
ask_long(struct front *f)
{
    enum { LONG = 8 * 1024 * 1024, KERNEL_KEEPS = 64 * 1024 };
    struct buf body, request;
    int fd = front_connect(f);
    /* Else it learns to keep most of it while a test reads. */
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){KERNEL_KEEPS},
                        sizeof(int)),
             0);
    f->config->server.body_max_bytes = 2 * LONG;
    f->worker->body_bytes_max = 4 * LONG;
    buf_init(&body, 0);
    buf_init(&request, 0);
    buf_append_cstr(&body, "{\"model\":\"builtin/echo\",\"messages\":["
                           "{\"role\":\"user\",\"content\":\"");
    for (int i = 0; i < LONG; i += 8)
        buf_append_cstr(&body, "echo it ");
    buf_append_cstr(&body, "\"}]}");
    front_post(&request, "", buf_cstr(&body));
    front_send(f, fd, buf_view(&request));
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (client_waiting(f->worker->clients->first) == 0 &&
           clock_mono_ms() < until)
        loop_turn(f->worker->loop, 1);
    CHECK_TRUE(client_waiting(f->worker->clients->first) > 0);
    buf_fini(&body);
    buf_fini(&request);
    return fd;
}

TEST(who_reads_an_answer_must_keep_a_least_rate)
{
    struct front f;
    slow_open(&f);
    int fd = ask_long(&f);
    struct client *client = f.worker->clients->first;
    CHECK_EQ(client->deadline_ms, client->send_start_ms + 60000);
    char bytes[65536];
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (client->taken_bytes < 400000 && clock_mono_ms() < until) {
        if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 0)
            break;
        loop_turn(f.worker->loop, 0);
    }
    CHECK_TRUE(client->taken_bytes >= 400000);
    uint64_t allowed_ms =
        client->send_start_ms + 60000 + client->taken_bytes / 4;
    CHECK_TRUE(client->deadline_ms <= allowed_ms);
    /* It is still slow: in the end only what it has taken counts. */
    client->send_start_ms -= 3600 * 1000;
    client_send_deadline(client);
    CHECK_EQ(client->deadline_ms, allowed_ms - 3600 * 1000);
    turn_until_open(&f, 0);
    close(fd);
    front_close(&f);
}

TEST(a_slow_reader_makes_room_when_all_others_are_at_work)
{
    struct front f;
    slow_open(&f);
    int reader = ask_long(&f);
    struct client *client = f.worker->clients->first;
    f.worker->clients->max = 1;
    int next = front_connect(&f);
    front_send(&f, next, str_from(half_head));
    for (int i = 0; i < 100; i++)
        loop_turn(f.worker->loop, 1);
    CHECK_TRUE(f.worker->clients->first == client);
    make_old(client);
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (f.worker->clients->first->phase != CLIENT_HEAD &&
           clock_mono_ms() < until)
        loop_turn(f.worker->loop, 1);
    CHECK_EQ(f.worker->clients->first->phase, CLIENT_HEAD);
    CHECK_EQ(client_open_count(f.worker), 1);
    close(reader);
    close(next);
    turn_until_open(&f, 0);
    front_close(&f);
}
