/*
 * fuzz_upstream_answer.c - an upstream's bytes through a whole exchange, over a
 * socket pair: in one piece, then cut at places that the input chooses. Both
 * times the events add up to the same. A third time with pauses and an abort.
 * extra sources: worker/exchange*.c worker/pool*.c worker/connector*.c worker/provider/builtin*.c worker/provider/openai_error.c worker/error_reply.c worker/provider/credential.c
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/exchange_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { INPUT_MAX = 100 * 1024, TURNS_MAX = 1000 };

struct outcome {
    unsigned heads, ends;
    uint16_t status;
    enum exchange_result result;
    struct buf body;
    /* third run */
    struct exchange *exchange;
    uint32_t random; /* 0: no pauses */
    bool aborted;
};

static struct worker *worker;

static uint32_t
next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Sometimes pauses or aborts, when the run is for that. */
static void
disturb(struct outcome *outcome)
{
    if (outcome->random == 0)
        return;
    uint32_t what = next_random(&outcome->random) % 16;
    if (what < 4)
        exchange_pause(outcome->exchange);
    if (what == 15) {
        outcome->aborted = true;
        exchange_abort(outcome->exchange);
    }
}

static void
on_head(void *owner, const struct http_head *head)
{
    struct outcome *outcome = owner;
    CHECK(!outcome->aborted && outcome->heads == 0 && head->status >= 200);
    outcome->heads++;
    outcome->status = head->status;
    disturb(outcome);
}

static void
on_body(void *owner, struct str bytes)
{
    struct outcome *outcome = owner;
    CHECK(!outcome->aborted && outcome->heads == 1 && bytes.len > 0);
    buf_append_str(&outcome->body, bytes);
    disturb(outcome);
}

static void
on_flush(void *owner)
{
    struct outcome *outcome = owner;
    CHECK(!outcome->aborted && outcome->heads == 1);
    disturb(outcome);
}

static void
on_end(void *owner, enum exchange_result result, const char *text)
{
    struct outcome *outcome = owner;
    CHECK(!outcome->aborted && outcome->ends == 0 && text != NULL);
    outcome->ends++;
    outcome->result = result;
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .flush = on_flush, .end = on_end};

/* An idle connection in the pool, so that the exchange connects to nothing. */
static int
prepare_connection(void)
{
    static struct exchange nobody;
    int pair[2], error = 0;
    struct place *place =
        pool_get_place(worker->upstreams->pool, NULL, "/nonexistent");
    CHECK(place != NULL);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    nobody.state = EXCHANGE_ENDED;
    struct connection *connection = pool_adopt(place, pair[0], &nobody, &error);
    CHECK(connection != NULL);
    pool_keep(connection);
    connection->reused = false; /* nothing is sent twice */
    pool_put_place(place);
    return pair[1];
}

static void
turn(struct outcome *outcome)
{
    loop_turn(worker->loop, 0);
    if (outcome->random != 0 && !outcome->aborted && outcome->ends == 0 &&
        next_random(&outcome->random) % 2 == 0)
        exchange_resume(outcome->exchange);
}

/* `cuts` 0: as much at once as the socket takes. */
static void
run(struct outcome *outcome, const uint8_t *bytes, size_t len, uint32_t cuts,
    uint32_t disturbances)
{
    int fd = prepare_connection();
    static char request_text[] = "GET / HTTP/1.1\r\n\r\n";
    struct iovec piece = {request_text, sizeof(request_text) - 1};
    struct exchange_request request = {
        .unix_path = "/nonexistent", .pieces = &piece, .piece_count = 1};
    *outcome = (struct outcome){.random = disturbances};
    buf_init(&outcome->body, 0);
    outcome->exchange = exchange_start(worker, &request, &events, outcome);
    CHECK(outcome->exchange != NULL);
    size_t at = 0;
    unsigned idle = 0;
    while (at < len && idle < TURNS_MAX) {
        size_t n = len - at;
        if (cuts != 0 && n > 1)
            n = 1 + next_random(&cuts) % (n < 40 ? n : 40);
        ssize_t sent = send(fd, bytes + at, n, MSG_NOSIGNAL);
        idle = sent > 0 ? 0 : idle + 1;
        at += sent > 0 ? (size_t)sent : 0;
        turn(outcome);
        if (outcome->ends > 0 || outcome->aborted)
            break;
    }
    shutdown(fd, SHUT_WR);
    for (unsigned i = 0;
         i < TURNS_MAX && outcome->ends == 0 && !outcome->aborted; i++)
        turn(outcome);
    CHECK(outcome->ends == 1 || outcome->aborted);
    close(fd);
    loop_turn(worker->loop, 0); /* an idle one is closed, freed ones go */
    loop_turn(worker->loop, 0);
    CHECK(pool_idle_count(worker->upstreams->pool) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (worker == NULL) {
        signal(SIGPIPE, SIG_IGN);
        worker = calloc(1, sizeof(*worker));
        CHECK(worker != NULL);
        worker->loop = loop_create();
        worker->upstreams = upstreams_create(worker);
    }
    if (len < 2 || len > INPUT_MAX)
        return 0;
    /* The last byte chooses, so that a recorded answer is an input. */
    uint32_t seed = (uint32_t)bytes[len - 1] * 2654435761u + (uint32_t)len;
    struct outcome whole, cut, disturbed;
    run(&whole, bytes, len, 0, 0);
    run(&cut, bytes, len, seed | 1, 0);
    run(&disturbed, bytes, len, seed | 1, seed | 1);
    CHECK(whole.result == cut.result && whole.heads == cut.heads &&
          whole.status == cut.status);
    CHECK(str_equals(buf_view(&whole.body), buf_view(&cut.body)));
    if (!disturbed.aborted)
        CHECK(disturbed.result == whole.result &&
              str_equals(buf_view(&whole.body), buf_view(&disturbed.body)));
    buf_fini(&whole.body);
    buf_fini(&cut.body);
    buf_fini(&disturbed.body);
    return 0;
}
