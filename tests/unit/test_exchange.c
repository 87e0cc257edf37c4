/*
 * test_exchange.c - answers in every shape and cut, retries, time-outs,
 * backpressure, aborts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/upstream_fixture.h"

TEST(a_plain_answer_comes_as_head_body_flush_end)
{
    struct fixture f;
    fixture_init(&f);
    fixture_start(&f);
    CHECK_EQ(f.record.heads + f.record.ends, 0);
    int fd = fixture_accept(&f);
    fixture_read_request(&f, fd);
    server_send(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    "Content-Length: 5\r\n\r\nhello");
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(f.record.heads, 1);
    CHECK_EQ(f.record.status, 200);
    CHECK_EQ(f.record.flushes, 1);
    CHECK_TRUE(f.record.complete_at_flush);
    CHECK_STR(buf_view(&f.record.body), "hello");
    CHECK_STR(str_from(f.record.content_type), "application/json");
    close(fd);
    fixture_fini(&f);
}

// clang-format off
static const struct {
    const char *name, *answer;
    bool then_close;
    enum exchange_result result;
    unsigned status;
    const char *body;
} shapes[] = {
    {"by length", PLAIN_OK, false, EXCHANGE_OK, 200, "ok"},
    {"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false,
     EXCHANGE_OK, 200, ""},
    {"chunked with trailers", "HTTP/1.1 200 OK\r\n"
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n"
     "T: v\r\n\r\n", false, EXCHANGE_OK, 200, "abcde"},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", false, EXCHANGE_OK, 204, ""},
    {"error status", "HTTP/1.1 429 Slow\r\nContent-Length: 1\r\n\r\nx", false,
     EXCHANGE_OK, 429, "x"},
    {"until close", "HTTP/1.1 200 OK\r\n\r\nto the end", true, EXCHANGE_OK,
     200, "to the end"},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     EXCHANGE_OK, 200, "ok"},
    {"interim answers", "HTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" PLAIN_OK, false,
     EXCHANGE_OK, 200, "ok"},
    {"nine interim answers",
     "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
     "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
     "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
     PLAIN_OK, false, EXCHANGE_BAD_ANSWER, 0, ""},
    {"101", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n"
     "\r\n", false, EXCHANGE_BAD_ANSWER, 0, ""},
    {"not HTTP", "220 smtp ready\r\n", false, EXCHANGE_BAD_ANSWER, 0, ""},
    {"binary", "\x16\x03\x01\x02", false, EXCHANGE_BAD_ANSWER, 0, ""},
    {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
     "Content-Length: 2\r\n\r\nab", false, EXCHANGE_BAD_ANSWER, 0, ""},
    {"broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nabcX", false, EXCHANGE_BAD_ANSWER, 200, "abc"},
    {"cut by length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true,
     EXCHANGE_CUT, 200, "abc"},
    {"cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "9\r\nabc", true, EXCHANGE_CUT, 200, "abc"},
    {"cut before the last chunk", "HTTP/1.1 200 OK\r\n"
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, EXCHANGE_CUT, 200,
     "abc"},
    {"cut in the head", "HTTP/1.1 200 OK\r\nConte", true, EXCHANGE_CUT, 0, ""},
    {"closed at once", "", true, EXCHANGE_CUT, 0, ""},
};
// clang-format on

static void
check_shape(size_t i, bool byte_by_byte)
{
    struct fixture f;
    fixture_init(&f);
    fixture_start(&f);
    int fd = fixture_accept(&f);
    fixture_read_request(&f, fd);
    const char *at = shapes[i].answer;
    if (!byte_by_byte) {
        send(fd, at, strlen(at), MSG_NOSIGNAL);
    } else {
        for (; *at != '\0'; at++) {
            send(fd, at, 1, MSG_NOSIGNAL);
            loop_turn(f.worker->loop, 0);
        }
    }
    if (shapes[i].then_close)
        shutdown(fd, SHUT_WR);
    UNTIL(&f, f.record.ends == 1);
    if (f.record.result != shapes[i].result)
        test_fail(__FILE__, __LINE__, "%s: result %d (%s)", shapes[i].name,
                  f.record.result, f.record.text);
    CHECK_EQ(f.record.status, shapes[i].status);
    CHECK_STR(buf_view(&f.record.body), shapes[i].body);
    CHECK_TRUE((f.record.result == EXCHANGE_OK) == (*f.record.text == '\0'));
    close(fd);
    fixture_fini(&f);
}

TEST(every_shape_of_answer_is_told_for_what_it_is)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        check_shape(i, false);
}

TEST(an_answer_that_comes_byte_by_byte_is_the_same)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        check_shape(i, true);
}

TEST(a_head_larger_than_allowed_is_a_bad_answer)
{
    struct fixture f;
    fixture_init(&f);
    fixture_start(&f);
    int fd = fixture_accept(&f);
    server_send(fd, "HTTP/1.1 200 OK\r\nX: ");
    char filler[1000];
    memset(filler, 'a', sizeof(filler));
    for (int i = 0; i < 40 && f.record.ends == 0; i++) {
        send(fd, filler, sizeof(filler), MSG_NOSIGNAL);
        loop_turn(f.worker->loop, 1);
    }
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_BAD_ANSWER);
    CHECK_EQ(f.record.heads, 0);
    close(fd);
    fixture_fini(&f);
}

TEST(a_finished_connection_is_used_again)
{
    struct fixture f;
    fixture_init(&f);
    int fd = fixture_exchange(&f, -1, PLAIN_OK);
    CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 1);
    fixture_exchange(&f, fd, PLAIN_OK);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 1);
    close(fd);
    UNTIL(&f, pool_idle_count(f.worker->upstreams->pool) == 0);
    fixture_fini(&f);
}

/* As while its endpoint fails now and then: 256 idle ones were left otherwise. */
TEST(a_connection_that_must_be_new_takes_the_place_of_an_idle_one)
{
    struct fixture f;
    int fds[4];
    fixture_init(&f);
    fds[0] = fixture_exchange(&f, -1, PLAIN_OK);
    f.fresh = true;
    for (int i = 1; i < 4; i++) {
        fds[i] = fixture_exchange(&f, -1, PLAIN_OK);
        CHECK_EQ(f.record.result, EXCHANGE_OK);
        CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 1);
        UNTIL(&f, is_closed(fds[i - 1]));
    }
    f.fresh = false;
    fixture_exchange(&f, fds[3], PLAIN_OK);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    fixture_fini(&f);
}

TEST(a_connection_is_not_kept_after_an_answer_that_leaves_doubt)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        PLAIN_OK "x",
        PLAIN_OK PLAIN_OK,
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n"
        "\r\nok",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct fixture f;
        fixture_init(&f);
        int fd = fixture_exchange(&f, -1, answers[i]);
        CHECK_EQ(f.record.result, EXCHANGE_OK);
        CHECK_STR(buf_view(&f.record.body), "ok");
        UNTIL(&f, is_closed(fd));
        CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 0);
        close(fd);
        fixture_fini(&f);
    }
}

TEST(a_stale_connection_is_replaced_once_and_the_request_sent_again)
{
    struct fixture f;
    fixture_init(&f);
    int fd = fixture_exchange(&f, -1, PLAIN_OK);
    fixture_start(&f);
    close(fd); /* with the request unread: a reset */
    fd = fixture_accept(&f);
    fixture_read_request(&f, fd);
    CHECK_EQ(exchange_attempts(f.record.exchange), 2);
    server_send(fd, PLAIN_OK);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(f.record.heads, 1);
    close(fd);
    fixture_fini(&f);
}

TEST(a_second_failure_is_not_tried_again)
{
    struct fixture f;
    fixture_init(&f);
    int fd = fixture_exchange(&f, -1, PLAIN_OK);
    fixture_start(&f);
    close(fd);
    fd = fixture_accept(&f);
    close(fd);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_CUT);
    fixture_fini(&f);
}

TEST(after_an_answer_byte_nothing_is_sent_again)
{
    struct fixture f;
    fixture_init(&f);
    int fd = fixture_exchange(&f, -1, PLAIN_OK);
    fixture_start(&f);
    fixture_read_request(&f, fd);
    server_send(fd, "H");
    close(fd);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_CUT);
    CHECK_EQ(accept(f.listener, NULL, NULL), -1);
    fixture_fini(&f);
}

TEST(refused_connections_are_told_as_such)
{
    struct fixture f;
    fixture_init(&f);
    int unused = loopback_listener(&f.provider.port);
    close(unused);
    fixture_start(&f);
    CHECK_EQ(f.record.ends, 0);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_CONNECT);
    CHECK_STR(str_from(f.record.text), "Connection refused");
    fixture_fini(&f);
}

TEST(silence_ends_in_a_timeout_of_its_phase)
{
    static const struct {
        const char *answer;
        uint64_t first_ms, idle_ms, total_ms;
        uint32_t call_ms; /* as the call allows */
        const char *text;
    } cases[] = {
        {"", 30, 0, 0, 0, "no answer in time"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1", 30, 0, 0, 0,
         "no answer in time"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, 30, 0, 0,
         "silent for too long in mid-answer"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, 0, 30, 0,
         "the whole exchange took too long"},
        {"", 0, 0, 0, 30, "no answer in the time that the call allows"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1", 60000, 0, 60000, 30,
         "no answer in the time that the call allows"},
        {"", 30, 0, 0, 60000, "no answer in time"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, 30, 0, 60000,
         "silent for too long in mid-answer"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        fixture_init(&f);
        f.provider.timeouts.first_byte_ms = cases[i].first_ms;
        f.provider.timeouts.idle_ms = cases[i].idle_ms;
        f.provider.timeouts.total_ms = cases[i].total_ms;
        f.first_byte_ms = cases[i].call_ms;
        fixture_start(&f);
        int fd = fixture_accept(&f);
        server_send(fd, cases[i].answer);
        UNTIL(&f, f.record.ends == 1);
        CHECK_EQ(f.record.result, EXCHANGE_TIMEOUT);
        CHECK_STR(str_from(f.record.text), cases[i].text);
        UNTIL(&f, is_closed(fd));
        close(fd);
        fixture_fini(&f);
    }
}

TEST(a_paused_exchange_reads_nothing_and_has_no_idle_timeout)
{
    struct fixture f;
    fixture_init(&f);
    f.provider.timeouts.idle_ms = 20;
    fixture_start(&f);
    int fd = fixture_accept(&f);
    f.record.pause_in_body = true;
    server_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    UNTIL(&f, buf_len(&f.record.body) == 3);
    server_send(fd, "def");
    uint64_t until_ms = clock_mono_ms() + 60;
    while (clock_mono_ms() < until_ms)
        loop_turn(f.worker->loop, 10);
    CHECK_STR(buf_view(&f.record.body), "abc");
    CHECK_EQ(f.record.ends, 0);
    f.record.pause_in_body = false;
    exchange_resume(f.record.exchange);
    CHECK_STR(buf_view(&f.record.body), "abc"); /* not from inside */
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_STR(buf_view(&f.record.body), "abcdef");
    close(fd);
    fixture_fini(&f);
}

TEST(a_hangup_during_a_pause_is_seen_after_it)
{
    struct fixture f;
    fixture_init(&f);
    fixture_start(&f);
    int fd = fixture_accept(&f);
    fixture_read_request(&f, fd);
    f.record.pause_in_body = true;
    server_send(fd, "HTTP/1.1 200 OK\r\n\r\nabc");
    UNTIL(&f, buf_len(&f.record.body) == 3);
    server_send(fd, "def");
    close(fd);
    fixture_settle(&f);
    CHECK_EQ(f.record.ends, 0);
    f.record.pause_in_body = false;
    exchange_resume(f.record.exchange);
    UNTIL(&f, f.record.ends == 1);
    CHECK_STR(buf_view(&f.record.body), "abcdef");
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    fixture_fini(&f);
}

TEST(an_exchange_may_be_aborted_from_inside_any_callback)
{
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_start(&f);
        f.record.abort_in_head = i == 0;
        f.record.abort_in_body = i == 1;
        f.record.abort_in_flush = i == 2;
        int fd = fixture_accept(&f);
        fixture_read_request(&f, fd);
        server_send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
        if (i < 2)
            UNTIL(&f, is_closed(fd));
        else
            UNTIL(&f, f.record.flushes == 1);
        fixture_settle(&f);
        CHECK_EQ(f.record.ends, 0);
        /* In the last flush the answer is complete: nothing to break off. */
        CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), i == 2 ? 1 : 0);
        close(fd);
        fixture_fini(&f);
    }
}

TEST(an_exchange_may_be_aborted_in_each_phase)
{
    for (int phase = 0; phase < 4; phase++) {
        struct fixture f;
        fixture_init(&f);
        fixture_start(&f);
        int fd = -1;
        if (phase >= 1)
            loop_turn(f.worker->loop, 1);
        if (phase >= 2) {
            fd = fixture_accept(&f);
            fixture_read_request(&f, fd);
        }
        if (phase >= 3) {
            server_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
            UNTIL(&f, buf_len(&f.record.body) == 3);
        }
        exchange_abort(f.record.exchange);
        fixture_settle(&f);
        CHECK_EQ(f.record.ends, 0);
        if (fd >= 0) {
            CHECK_TRUE(is_closed(fd));
            close(fd);
        }
        fixture_fini(&f);
    }
}

TEST(a_large_request_is_sent_in_many_pieces)
{
    enum { PIECES = 70, PIECE_BYTES = 60000 };
    struct fixture f;
    fixture_init(&f);
    static char bytes[PIECE_BYTES];
    memset(bytes, 'x', sizeof(bytes));
    struct iovec pieces[PIECES];
    for (int i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){bytes, i % 7 == 3 ? 0 : sizeof(bytes)};
    size_t total = 0;
    for (int i = 0; i < PIECES; i++)
        total += pieces[i].iov_len;
    struct exchange_request request = {
        .provider = &f.provider, .pieces = pieces, .piece_count = PIECES};
    f.record.exchange =
        exchange_start(f.worker, &request, &record_events, &f.record);
    int fd = fixture_accept(&f);
    fixture_settle(&f);
    struct buf got;
    buf_init(&got, 0);
    fixture_read(&f, fd, &got, total);
    CHECK_EQ(buf_len(&got), total);
    buf_fini(&got);
    server_send(fd, PLAIN_OK);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 1);
    close(fd);
    fixture_fini(&f);
}

/* Starts a request larger than the socket's buffers. */
static int
start_large(struct fixture *f, struct iovec *piece)
{
    piece->iov_len = 16 * 1024 * 1024;
    piece->iov_base = calloc(1, piece->iov_len);
    struct exchange_request request = {
        .provider = &f->provider, .pieces = piece, .piece_count = 1};
    f->record.exchange =
        exchange_start(f->worker, &request, &record_events, &f->record);
    return fixture_accept(f);
}

TEST(an_answer_before_the_request_is_sent_counts_but_ends_the_connection)
{
    struct fixture f;
    fixture_init(&f);
    struct iovec piece;
    int fd = start_large(&f, &piece);
    server_send(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(f.record.status, 413);
    CHECK_EQ(pool_idle_count(f.worker->upstreams->pool), 0);
    close(fd);
    free(piece.iov_base);
    fixture_fini(&f);
}

TEST(an_answer_is_read_even_when_the_request_cannot_be_sent)
{
    struct fixture f;
    fixture_init(&f);
    struct iovec piece;
    int fd = start_large(&f, &piece);
    server_send(fd, "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    shutdown(fd, SHUT_RDWR);
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(f.record.status, 401);
    close(fd);
    free(piece.iov_base);
    fixture_fini(&f);
}

TEST(a_large_answer_comes_whole)
{
    enum { TOTAL = 3 * 1024 * 1024 };
    struct fixture f;
    fixture_init(&f);
    fixture_start(&f);
    int fd = fixture_accept(&f);
    fixture_read_request(&f, fd);
    char head[100];
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", TOTAL);
    server_send(fd, head);
    static char bytes[TOTAL];
    for (size_t i = 0; i < TOTAL; i++)
        bytes[i] = (char)('a' + i % 23);
    size_t sent = 0;
    while (sent < TOTAL && f.record.ends == 0) {
        ssize_t n = send(fd, bytes + sent, TOTAL - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        loop_turn(f.worker->loop, 1);
    }
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(buf_len(&f.record.body), TOTAL);
    CHECK_TRUE(memcmp(buf_ptr(&f.record.body), bytes, TOTAL) == 0);
    close(fd);
    fixture_fini(&f);
}

TEST(an_answer_to_head_has_no_body)
{
    struct fixture f;
    fixture_init(&f);
    struct exchange_request request = {.provider = &f.provider,
                                       .pieces = &f.piece,
                                       .piece_count = 1,
                                       .is_head = true};
    f.record.exchange =
        exchange_start(f.worker, &request, &record_events, &f.record);
    int fd = fixture_accept(&f);
    server_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    UNTIL(&f, f.record.ends == 1);
    CHECK_EQ(f.record.result, EXCHANGE_OK);
    CHECK_EQ(buf_len(&f.record.body), 0);
    close(fd);
    fixture_fini(&f);
}

TEST(open_exchanges_end_with_the_upstreams)
{
    struct fixture f;
    fixture_init(&f);
    fixture_start(&f);
    int fd = fixture_accept(&f);
    fixture_start(&f);
    fixture_start(&f);
    close(fd);
    fixture_fini(&f);
    CHECK_EQ(f.record.ends, 0);
}
