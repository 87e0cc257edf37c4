/*
 * test_client_tls.c - tests of worker/client_tls.c, and of how connections
 * with TLS end: the test is the client, in the same thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/front_fixture.h"
#include "tests/unit/tls_files.h"
#include "worker/client_parts.h"

static struct front front;
static struct tls_client_context *context;
static struct certificate certificate;
static struct buf error;

static void
begin(void)
{
    make_files();
    buf_init(&error, 0);
    CHECK_EQ(certificate_load(&certificate, cert_file, key_file, &error), 0);
    front_open_with(&front, &certificate);
    CHECK_TRUE(certificate.key == NULL); /* no second copy stays */
    front.config->server.header_timeout_ms = 6 * FRONT_DEADLINE_MS;
    context = tls_client_create(ca_file, true, &error);
    CHECK_TRUE(context != NULL);
}

static void
end(void)
{
    front_close(&front);
    tls_client_destroy(&context);
    buf_fini(&error);
}

static struct stream
start(void)
{
    struct stream stream = {.fd = front_connect(&front)};
    CHECK_EQ(fcntl(stream.fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(tls_client_start(context, &stream, "good.example"), 0);
    return stream;
}

static int
shake_hands(struct stream *stream)
{
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    int r = -EAGAIN;
    while (r == -EAGAIN && clock_mono_ms() < until) {
        r = stream_handshake(stream);
        loop_turn(front.worker->loop, 1);
    }
    return r;
}

static struct stream
open_stream(void)
{
    struct stream stream = start();
    CHECK_EQ(shake_hands(&stream), 0);
    return stream;
}

static void
say(struct stream *stream, const char *text)
{
    struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
    CHECK_EQ(stream_writev(stream, &piece, 1), (ssize_t)strlen(text));
}

/* Until the end, or an error, which is returned; or until `mark` has come. */
static ssize_t
listen_to(struct stream *stream, const char *mark, struct buf *into)
{
    char bytes[4096];
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (clock_mono_ms() < until) {
        loop_turn(front.worker->loop, 1);
        ssize_t got = stream_read(stream, bytes, sizeof(bytes));
        if (got > 0)
            buf_append(into, bytes, (size_t)got);
        else if (got != -EAGAIN)
            return got;
        if (mark != NULL && strstr(buf_cstr(into), mark) != NULL)
            return 1;
    }
    test_fail(__FILE__, __LINE__, "nothing came in time: %s", buf_cstr(into));
    return -ETIMEDOUT;
}

static void
turn_until_open(uint32_t count)
{
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (client_open_count(front.worker) != count && clock_mono_ms() < until)
        loop_turn(front.worker->loop, 1);
    CHECK_EQ(client_open_count(front.worker), count);
}

TEST(a_connection_is_kept_and_then_ends_as_it_is_told)
{
    struct buf answer;
    buf_init(&answer, 0);
    begin();
    struct stream stream = open_stream();
    for (int i = 0; i < 3; i++) {
        say(&stream, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_EQ(listen_to(&stream, "ok\"}", &answer), 1);
        buf_reset(&answer);
    }
    say(&stream,
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK_EQ(listen_to(&stream, NULL, &answer), 0);
    CHECK_TRUE(front_has(&answer, "Connection: close"));
    CHECK_EQ(client_open_count(front.worker), 0);
    stream_close(&stream);
    end();
    buf_fini(&answer);
}

TEST(the_end_is_told_while_what_the_client_sends_is_still_dropped)
{
    struct buf answer;
    buf_init(&answer, 0);
    begin();
    struct stream stream = open_stream();
    say(&stream, "this is no request\r\n\r\n");
    CHECK_EQ(listen_to(&stream, NULL, &answer), 0);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 400"));
    CHECK_EQ(client_open_count(front.worker), 1);
    char byte; /* and the FIN behind it */
    CHECK_EQ(recv(stream.fd, &byte, 1, MSG_DONTWAIT), 0);
    say(&stream, "more of it");
    stream_close(&stream);
    turn_until_open(0);
    end();
    buf_fini(&answer);
}

TEST(an_answer_that_never_came_does_not_end_cleanly)
{
    struct buf answer;
    buf_init(&answer, 0);
    begin();
    struct stream stream = open_stream();
    say(&stream, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                 "Authorization: Bearer " FRONT_KEY "\r\n"
                 "Content-Length: 1000\r\n\r\n{\"model\"");
    for (int i = 0; i < 5; i++)
        loop_turn(front.worker->loop, 1);
    CHECK_EQ(client_open_count(front.worker), 1);
    client_close_all(front.worker);
    CHECK_EQ(listen_to(&stream, NULL, &answer), -EPROTO);
    CHECK_EQ(buf_len(&answer), 0);
    stream_close(&stream);
    end();
    buf_fini(&answer);
}

TEST(the_oldest_of_too_many_handshakes_makes_room)
{
    begin();
    front.worker->clients->shakes.max = 3;
    log_set_level(LOG_ERROR);
    int half[5];
    for (size_t i = 0; i < ARRAY_LEN(half); i++) {
        half[i] = front_connect(&front);
        turn_until_open(i < 3 ? (uint32_t)i + 1 : 3);
    }
    char byte;
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (recv(half[1], &byte, 1, MSG_DONTWAIT) != 0 &&
           clock_mono_ms() < until)
        loop_turn(front.worker->loop, 1);
    for (size_t i = 0; i < ARRAY_LEN(half); i++)
        CHECK_EQ(recv(half[i], &byte, 1, MSG_DONTWAIT), i < 2 ? 0 : -1);
    /* Those that shake hands get through, and count no more. */
    struct stream good[5];
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        good[i] = open_stream();
    CHECK_EQ(client_open_count(front.worker), 7);
    CHECK_EQ(front.worker->clients->shakes.count, 2);
    for (size_t i = 0; i < ARRAY_LEN(half); i++)
        close(half[i]);
    turn_until_open(5);
    CHECK_EQ(front.worker->clients->shakes.count, 0);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        stream_close(&good[i]);
    turn_until_open(0);
    end();
}

TEST(handshakes_that_begin_at_once_all_end)
{
    begin();
    enum { MANY = 40 };
    struct stream streams[MANY];
    int results[MANY], left = MANY;
    for (int i = 0; i < MANY; i++) {
        streams[i] = start();
        results[i] = stream_handshake(&streams[i]);
        CHECK_EQ(results[i], -EAGAIN);
    }
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (left > 0 && clock_mono_ms() < until) {
        loop_turn(front.worker->loop, 1);
        for (int i = 0; i < MANY; i++) {
            if (results[i] == -EAGAIN)
                left -= (results[i] = stream_handshake(&streams[i])) == 0;
        }
    }
    CHECK_EQ(left, 0);
    for (int i = 0; i < MANY; i++)
        stream_close(&streams[i]);
    turn_until_open(0);
    CHECK_EQ(front.worker->clients->shakes.wanted, 0);
    end();
}

TEST(a_handshake_that_takes_too_long_is_closed)
{
    begin();
    front.config->server.header_timeout_ms = 100;
    int fd = front_connect(&front);
    turn_until_open(1);
    turn_until_open(0);
    char byte;
    CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
    end();
}

TEST(a_certificate_by_message_is_for_new_connections_and_a_bad_one_for_none)
{
    struct buf answer;
    struct certificate old;
    buf_init(&answer, 0);
    begin();
    log_set_level(LOG_FATAL);
    struct stream kept = open_stream();
    int bad = memfd_create("bad", 0);
    client_take_certificate(front.worker, bad);
    client_take_certificate(front.worker, -1);
    close(bad);
    struct stream stream = open_stream();
    stream_close(&stream);
    CHECK_EQ(certificate_load(&old, old_file, key_file, &error), 0);
    int fd = certificate_send(&old);
    client_take_certificate(front.worker, fd);
    close(fd);
    certificate_wipe(&old);
    /* With sessions of before it would not be seen. */
    struct tls_client_context *first = context;
    context = tls_client_create(ca_file, true, &error);
    stream = start();
    CHECK_EQ(shake_hands(&stream), -EPROTO);
    CHECK_STR(str_from(tls_error_text(&stream)), "certificate has expired");
    stream_close(&stream);
    say(&kept, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_EQ(listen_to(&kept, "ok\"}", &answer), 1);
    stream_close(&kept);
    tls_client_destroy(&first);
    end();
    buf_fini(&answer);
}
