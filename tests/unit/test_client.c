/*
 * test_client.c - connections as a client sees them: keep-alive, pipelining,
 * bytes cut anywhere, limits and time-outs, refusals before the body.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/client.h"

#include "tests/unit/front_fixture.h"

#define HELLO                                                                  \
    "{\"model\":\"builtin/echo\",\"messages\":[{\"role\":\"user\","            \
    "\"content\":\"hello\"}]}"
#define HELLO_STREAM                                                           \
    "{\"model\":\"builtin/echo\",\"stream\":true,\"messages\":[{\"role\":"     \
    "\"user\",\"content\":\"hello\"}]}"

static const char healthz[] = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n";

/* Sends `bytes` on a new connection and reads to its end. */
static void
exchange_bytes(struct front *f, const char *bytes, struct buf *answer)
{
    int fd = front_connect(f);
    front_send(f, fd, str_from(bytes));
    CHECK_TRUE(front_read(f, fd, NULL, 0, answer));
    close(fd);
}

TEST(a_connection_is_kept_for_the_next_request)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    int fd = front_connect(&f);
    for (int i = 1; i <= 3; i++) {
        front_send(&f, fd, str_from(healthz));
        CHECK_TRUE(!front_read(&f, fd, "{\"status\":\"ok\"}", i, &answer));
    }
    CHECK_EQ(client_open_count(f.worker), 1);
    close(fd);
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (client_open_count(f.worker) > 0 && clock_mono_ms() < until)
        loop_turn(f.worker->loop, 1);
    CHECK_EQ(client_open_count(f.worker), 0);
    front_close(&f);
    buf_fini(&answer);
}

TEST(requests_sent_ahead_are_answered_in_order)
{
    struct front f;
    struct buf request, answer;
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    front_post(&request, "", HELLO);
    front_post(&request, "", HELLO_STREAM);
    buf_append_cstr(&request, healthz);
    front_post(&request, "Connection: close\r\n", HELLO);
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    close(fd);
    const char *text = buf_cstr(&answer);
    const char *plain = strstr(text, "\"object\":\"chat.completion\"");
    const char *stream = strstr(text, "data: [DONE]");
    const char *health = strstr(text, "{\"status\":\"ok\"}");
    CHECK_TRUE(plain != NULL && stream != NULL && health != NULL);
    CHECK_TRUE(plain < stream && stream < health);
    CHECK_TRUE(strstr(health, "\"chat.completion\"") != NULL);
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}

TEST(a_request_cut_at_any_byte_is_the_same_request)
{
    struct front f;
    struct buf request, answer;
    buf_init(&request, 0);
    front_open(&f);
    front_post(&request, "Connection: close\r\n", HELLO);
    for (size_t cut = 1; cut < buf_len(&request); cut += 3) {
        buf_init(&answer, 0);
        int fd = front_connect(&f);
        front_send(&f, fd, str_make(buf_ptr(&request), cut));
        loop_turn(f.worker->loop, 0);
        front_send(&f, fd, str_skip(buf_view(&request), cut));
        CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
        CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 OK"));
        CHECK_TRUE(front_has(&answer, "\"content\":\"hello\""));
        close(fd);
        buf_fini(&answer);
    }
    front_close(&f);
    buf_fini(&request);
}

TEST(a_chunked_body_is_put_together)
{
    struct front f;
    struct buf answer;
    char request[1024];
    buf_init(&answer, 0);
    front_open(&f);
    int half = (int)strlen(HELLO) / 2;
    snprintf(request, sizeof(request),
             "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
             "x-api-key: " FRONT_KEY "\r\nConnection: close\r\n"
             "Transfer-Encoding: chunked\r\n\r\n"
             "%x\r\n%.*s\r\n%zx;a=b\r\n%s\r\n0\r\nTrailer: x\r\n\r\n",
             half, half, HELLO, strlen(HELLO) - (size_t)half, &HELLO[half]);
    exchange_bytes(&f, request, &answer);
    CHECK_TRUE(front_has(&answer, "\"content\":\"hello\""));
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_client_of_http_1_0_gets_a_stream_until_the_end)
{
    struct front f;
    struct buf answer;
    char request[1024];
    buf_init(&answer, 0);
    front_open(&f);
    snprintf(request, sizeof(request),
             "POST /v1/chat/completions HTTP/1.0\r\n"
             "x-api-key: " FRONT_KEY "\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(HELLO_STREAM), HELLO_STREAM);
    exchange_bytes(&f, request, &answer);
    CHECK_TRUE(!front_has(&answer, "chunked"));
    size_t len = buf_len(&answer);
    CHECK_TRUE(len > 16 && memcmp(buf_ptr(&answer) + len - 14,
                                  "data: [DONE]\n\n", 14) == 0);
    front_close(&f);
    buf_fini(&answer);
}

// clang-format off
static const struct {
    const char *name, *bytes, *status;
} refusals[] = {
    {"no HTTP", "\x16\x03\x01\x02", "400"},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
    {"half a head, late", "GET /healthz HT", "408"},
    {"half a body, late", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
     "x-api-key: " FRONT_KEY "\r\nContent-Length: 10\r\n\r\nabc", "408"},
    {"a body too large", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
     "x-api-key: " FRONT_KEY "\r\nContent-Length: 9000000\r\n\r\n", "413"},
    {"chunks too large", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
     "x-api-key: " FRONT_KEY "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
    {"a coding of the body", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
     "x-api-key: " FRONT_KEY "\r\nContent-Encoding: br\r\nConnection: close\r\n"
     "Content-Length: 2\r\n\r\n{}", "415"},
    {"no key", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
     "Connection: close\r\nContent-Length: 2\r\n\r\n{}", "401"},
    {"a wrong key, body to come", "POST /v1/chat/completions HTTP/1.1\r\n"
     "Host: a\r\napi-key: sk-x\r\nConnection: close\r\nExpect: 100-continue\r\n"
     "Content-Length: 20000\r\n\r\n", "401"},
    {"an unknown path", "GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404"},
    {"a wrong method", "PUT /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
     "Connection: close\r\n\r\n", "405"},
    {"management on a data listener", "GET /admin/v1/keys HTTP/1.1\r\nHost: a\r\n"
     "Connection: close\r\n\r\n", "404"},
};
// clang-format on

TEST(what_cannot_be_served_is_refused_in_json_with_a_request_id)
{
    struct front f;
    front_open(&f);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct buf answer;
        char start[32];
        buf_init(&answer, 0);
        exchange_bytes(&f, refusals[i].bytes, &answer);
        snprintf(start, sizeof(start), "HTTP/1.1 %s ", refusals[i].status);
        if (strncmp(buf_cstr(&answer), start, strlen(start)) != 0)
            test_fail(__FILE__, __LINE__, "%s: not %s but %.60s",
                      refusals[i].name, refusals[i].status, buf_cstr(&answer));
        CHECK_TRUE(front_has(&answer, "x-request-id: req_"));
        CHECK_TRUE(front_has(&answer, "{\"error\":{\"message\":"));
        buf_fini(&answer);
    }
    struct shm_record record = {0};
    CHECK_TRUE(!front_record(&f, &record)); /* nothing was admitted */
    front_close(&f);
}

TEST(a_head_that_never_ends_is_too_large)
{
    struct front f;
    struct buf request, answer;
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    buf_append_cstr(&request, "GET /healthz HTTP/1.1\r\nHost: a\r\n");
    while (buf_len(&request) < HTTP_HEAD_MAX + 1000)
        buf_append_cstr(&request, "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                  "\r\n");
    exchange_bytes(&f, buf_cstr(&request), &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 431 "));
    buf_reset(&request);
    buf_reset(&answer);
    buf_append_cstr(&request, "GET /");
    while (buf_len(&request) < HTTP_HEAD_MAX + 1000)
        buf_append_char(&request, 'a');
    exchange_bytes(&f, buf_cstr(&request), &answer);
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 414 "));
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}

TEST(a_refused_body_is_dropped_and_the_next_request_is_served)
{
    struct front f;
    struct buf request, answer;
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    buf_printf(&request,
               "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
               "x-api-key: sk-wrong\r\nContent-Length: 50000\r\n\r\n");
    for (int i = 0; i < 50000; i++)
        buf_append_char(&request, 'z');
    buf_append_cstr(&request, healthz);
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    CHECK_TRUE(!front_read(&f, fd, "{\"status\":\"ok\"}", 1, &answer));
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 401 "));
    close(fd);
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}

TEST(a_body_is_asked_for_after_the_cheap_checks)
{
    struct front f;
    struct buf request, answer;
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    front_post(&request, "Expect: 100-continue\r\nConnection: close\r\n",
               HELLO);
    size_t head = buf_len(&request) - strlen(HELLO);
    int fd = front_connect(&f);
    front_send(&f, fd, str_make(buf_ptr(&request), head));
    CHECK_TRUE(
        !front_read(&f, fd, "HTTP/1.1 100 Continue\r\n\r\n", 1, &answer));
    front_send(&f, fd, str_skip(buf_view(&request), head));
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 200 OK"));
    close(fd);
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}

TEST(bodies_beyond_the_memory_meant_for_them_are_refused)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    f.worker->body_bytes_max = 50000;
    int fds[2];
    char head[] = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                  "x-api-key: " FRONT_KEY "\r\nContent-Length: 40000\r\n\r\n";
    for (int i = 0; i < 2; i++) {
        fds[i] = front_connect(&f);
        front_send(&f, fds[i], str_from(head));
        loop_turn(f.worker->loop, 0);
    }
    char bytes[30000];
    memset(bytes, 'a', sizeof(bytes));
    for (int i = 0; i < 2; i++)
        front_send(&f, fds[i], str_make(bytes, sizeof(bytes)));
    CHECK_TRUE(!front_read(&f, fds[1], "\"code\":\"overloaded\"", 1, &answer));
    CHECK_TRUE(front_has(&answer, "HTTP/1.1 503 "));
    CHECK_TRUE(front_has(&answer, "retry-after: 1"));
    close(fds[0]);
    close(fds[1]);
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_draining_worker_answers_once_more_and_closes)
{
    struct front f;
    struct buf answer;
    buf_init(&answer, 0);
    front_open(&f);
    int fd = front_connect(&f);
    front_send(&f, fd, str_from(healthz));
    CHECK_TRUE(!front_read(&f, fd, "{\"status\":\"ok\"}", 1, &answer));
    client_drain(f.worker);
    front_send(&f, fd, str_from(healthz));
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    CHECK_TRUE(front_has(&answer, "Connection: close"));
    CHECK_EQ(client_open_count(f.worker), 0);
    close(fd);
    front_close(&f);
    buf_fini(&answer);
}

TEST(a_client_that_ends_its_side_still_gets_its_answer)
{
    struct front f;
    struct buf request, answer;
    buf_init(&request, 0);
    buf_init(&answer, 0);
    front_open(&f);
    front_post(&request, "", HELLO);
    int fd = front_connect(&f);
    front_send(&f, fd, buf_view(&request));
    shutdown(fd, SHUT_WR);
    CHECK_TRUE(front_read(&f, fd, NULL, 0, &answer));
    CHECK_TRUE(front_has(&answer, "\"content\":\"hello\""));
    close(fd);
    front_close(&f);
    buf_fini(&request);
    buf_fini(&answer);
}
