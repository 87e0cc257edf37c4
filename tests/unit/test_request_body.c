/*
 * test_request_body.c - tests of worker/request_body.c: bodies are weighed when
 * they are announced, and the memory comes back however the request ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/front_fixture.h"
#include "worker/request_body.h"

static const char head_40k[] =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
    "x-api-key: " FRONT_KEY "\r\nContent-Length: 40000\r\n\r\n";

static void
turn_until_held(struct front *f, uint64_t bytes)
{
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (f->worker->body_bytes_held != bytes && clock_mono_ms() < until)
        loop_turn(f->worker->loop, 1);
    CHECK_EQ(f->worker->body_bytes_held, bytes);
}

TEST(an_announced_body_is_weighed_before_its_first_byte)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    f.config->server.body_timeout_ms = 60000;
    f.worker->body_bytes_max = 100000;
    int fds[3];
    for (int i = 0; i < 2; i++) {
        fds[i] = front_connect(&f);
        front_send(&f, fds[i], str_from(head_40k));
        turn_until_held(&f, 40000u * (unsigned)(i + 1));
    }
    fds[2] = front_connect(&f);
    front_send(&f, fds[2], str_from(head_40k));
    CHECK_TRUE(!front_read(&f, fds[2], "\"code\":\"overloaded\"", 1, &answer));
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 503 "));
    CHECK_EQ(f.worker->body_bytes_held, 80000);
    close(fds[0]); /* what it had announced is free again */
    turn_until_held(&f, 40000);
    close(fds[1]);
    close(fds[2]);
    turn_until_held(&f, 0);
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_chunked_body_is_weighed_as_it_comes)
{
    struct front f;
    struct buf answer;
    char piece[5000 + 10] = "1388\r\n";
    buf_init(&answer, 0);
    front_open(&f);
    f.worker->body_bytes_max = 22000;
    memset(piece + 6, 'a', 5000);
    memcpy(piece + 5006, "\r\n", 2);
    int fd = front_connect(&f);
    front_send(&f, fd,
               STR_LIT("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                       "x-api-key: " FRONT_KEY "\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n"));
    for (unsigned i = 1; i <= 4; i++) {
        front_send(&f, fd, str_make(piece, 5008));
        turn_until_held(&f, 5000 * i);
    }
    front_send(&f, fd, str_make(piece, 5008));
    CHECK_TRUE(!front_read(&f, fd, "\"code\":\"overloaded\"", 1, &answer));
    close(fd);
    turn_until_held(&f, 0);
    front_close(&f);
    buf_fini(&answer);
}

TEST(translation_has_memory_of_its_own)
{
    struct worker worker = {.body_bytes_max = 100,
                            .body_bytes_held = 100,
                            .canon_bytes_max = 50,
                            .canon_bytes_held = 20};
    struct request request = {.worker = &worker, .body_booked = 50};
    CHECK_TRUE(request_book_canon(&request, 30));
    CHECK_TRUE(!request_book_canon(&request, 31));
    CHECK_EQ(worker.canon_bytes_held, 50);
    CHECK_EQ(worker.body_bytes_held, 100);
    CHECK_TRUE(request_book_canon(&request, 0));
    CHECK_EQ(worker.canon_bytes_held, 20);
    CHECK_EQ(request.body_booked, 50);
}

TEST(what_cannot_be_booked_leaves_what_was)
{
    struct worker worker = {.body_bytes_max = 100, .body_bytes_held = 60};
    struct request request = {.worker = &worker, .body_booked = 50};
    CHECK_TRUE(!request_book(&request, 91));
    CHECK_TRUE(!request_book(&request, UINT64_MAX));
    CHECK_EQ(worker.body_bytes_held, 60);
    CHECK_TRUE(request_book(&request, 90));
    CHECK_EQ(worker.body_bytes_held, 100);
    CHECK_TRUE(request_book(&request, 10));
    CHECK_EQ(worker.body_bytes_held, 20);
    /* A smaller share after a reload: what is there may shrink, not grow. */
    worker.body_bytes_max = 5;
    CHECK_TRUE(request_book(&request, 9));
    CHECK_TRUE(!request_book(&request, 10));
    CHECK_EQ(request.body_booked, 9);
}
