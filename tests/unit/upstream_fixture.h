/*
 * upstream_fixture.h - a worker without the rest of the gateway, an upstream
 * played by the test itself on loopback, and a record of the events.
 *
 * All in one process and one thread: the test turns the loop until what it
 * waits for has come, so nothing depends on time but the time-outs themselves.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UPSTREAM_FIXTURE_H
#define AIGW_TESTS_UPSTREAM_FIXTURE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/test.h"
#include "worker/exchange.h"
#include "worker/exchange_part.h"

enum { DEADLINE_MS = 60000 };

struct record {
    struct exchange *exchange;
    unsigned heads, flushes, ends;
    uint16_t status;
    char content_type[64];
    struct buf body;
    bool complete_at_flush;
    enum exchange_result result;
    char text[256];
    /* what to do from inside a callback */
    bool pause_in_body, abort_in_head, abort_in_body, abort_in_flush;
};

struct fixture {
    struct worker *worker;
    int listener;
    uint16_t port;
    struct catalogue_provider provider;
    struct iovec piece;
    struct call call;
    uint32_t first_byte_ms; /* of the next exchange */
    bool fresh;             /* it takes no connection of the pool */
    struct record record;
    int fds_before;
};

static inline void
record_head(void *owner, const struct http_head *head)
{
    struct record *record = owner;
    record->heads++;
    record->status = head->status;
    struct str type = http_field_find(head, STR_LIT("content-type"));
    if (type.len > 0 && type.len < sizeof(record->content_type))
        memcpy(record->content_type, type.ptr, type.len);
    if (record->abort_in_head)
        exchange_abort(record->exchange);
}

static inline void
record_body(void *owner, struct str bytes)
{
    struct record *record = owner;
    buf_append_str(&record->body, bytes);
    if (record->pause_in_body)
        exchange_pause(record->exchange);
    if (record->abort_in_body)
        exchange_abort(record->exchange);
}

static inline void
record_flush(void *owner)
{
    struct record *record = owner;
    record->flushes++;
    record->complete_at_flush = exchange_is_complete(record->exchange);
    if (record->abort_in_flush)
        exchange_abort(record->exchange);
}

static inline void
record_end(void *owner, enum exchange_result result, const char *text)
{
    struct record *record = owner;
    record->ends++;
    record->result = result;
    snprintf(record->text, sizeof(record->text), "%s", text);
}

static const struct exchange_events record_events = {.head = record_head,
                                                     .body = record_body,
                                                     .flush = record_flush,
                                                     .end = record_end};

static inline int
open_fd_count(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* A listener on a free port of 127.0.0.1; its backlog connects by itself. */
static inline int
loopback_listener(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 ||
        listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        abort();
    *port = ntohs(address.sin_port);
    return fd;
}

static inline void
fixture_init(struct fixture *f)
{
    signal(SIGPIPE, SIG_IGN);
    memset(f, 0, sizeof(*f));
    f->fds_before = open_fd_count();
    f->worker = calloc(1, sizeof(*f->worker));
    f->worker->loop = loop_create();
    f->worker->upstreams = upstreams_create(f->worker);
    f->listener = loopback_listener(&f->port);
    snprintf(f->provider.name, sizeof(f->provider.name), "test");
    snprintf(f->provider.scheme, sizeof(f->provider.scheme), "http");
    snprintf(f->provider.host, sizeof(f->provider.host), "127.0.0.1");
    f->provider.kind = PROVIDER_OPENAI;
    f->provider.port = f->port;
    f->provider.timeouts.connect_ms = 5000;
    f->provider.timeouts.first_byte_ms = 5000;
    f->provider.timeouts.idle_ms = 5000;
    f->call = (struct call){.endpoint = ENDPOINT_CHAT, .n = 1};
    static char request[] = "POST /x HTTP/1.1\r\nHost: a\r\n"
                            "Content-Length: 2\r\n\r\n{}";
    f->piece = (struct iovec){request, sizeof(request) - 1};
    buf_init(&f->record.body, 0);
}

/* Nothing may be left open by what the test did. */
static inline void
fixture_fini(struct fixture *f)
{
    upstreams_destroy(&f->worker->upstreams);
    loop_destroy(&f->worker->loop);
    close(f->listener);
    CHECK_EQ(open_fd_count(), f->fds_before);
    buf_fini(&f->record.body);
    free(f->worker);
}

static inline void
fixture_start(struct fixture *f)
{
    struct exchange_request request = {
        .first_byte_ms = f->first_byte_ms,
        .fresh = f->fresh,
        .provider = &f->provider,
        .pieces = &f->piece,
        .piece_count = 1,
        .call = &f->call,
    };
    struct buf body = f->record.body;
    buf_reset(&body);
    f->record = (struct record){.body = body};
    f->record.exchange =
        exchange_start(f->worker, &request, &record_events, &f->record);
    CHECK_TRUE(f->record.exchange != NULL);
}

/* Evaluates the condition until it is true, and not once more. */
#define UNTIL(f, condition)                                                    \
    do {                                                                       \
        uint64_t until_ms_ = clock_mono_ms() + DEADLINE_MS;                    \
        bool came_ = (condition);                                              \
        while (!came_ && clock_mono_ms() < until_ms_) {                        \
            loop_turn((f)->worker->loop, 5);                                   \
            came_ = (condition);                                               \
        }                                                                      \
        if (!came_)                                                            \
            test_fail(__FILE__, __LINE__, "never: %s", #condition);            \
    } while (0)

/* Turns in which nothing more happens, for what must not come. */
static inline void
fixture_settle(struct fixture *f)
{
    for (int i = 0; i < 5; i++)
        loop_turn(f->worker->loop, 2);
}

static inline bool
try_accept(struct fixture *f, int *fd)
{
    if (*fd < 0)
        *fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return *fd >= 0;
}

static inline int
fixture_accept(struct fixture *f)
{
    int fd = -1;
    UNTIL(f, try_accept(f, &fd));
    return fd;
}

static inline bool
try_read(int fd, struct buf *into, size_t want)
{
    char bytes[65536];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got > 0)
        buf_append(into, bytes, (size_t)got);
    return buf_len(into) >= want;
}

/* Reads `want` bytes from the gateway's side. */
static inline void
fixture_read(struct fixture *f, int fd, struct buf *into, size_t want)
{
    UNTIL(f, try_read(fd, into, want));
}

/* Reads the request of fixture_start. */
static inline void
fixture_read_request(struct fixture *f, int fd)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    fixture_read(f, fd, &bytes, f->piece.iov_len);
    CHECK_EQ(buf_len(&bytes), f->piece.iov_len);
    buf_fini(&bytes);
}

static inline void
server_send(int fd, const char *text)
{
    CHECK_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The gateway has closed its end. */
static inline bool
is_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

/* One whole exchange: accepts if fd < 0, answers; the descriptor. */
static inline int
fixture_exchange(struct fixture *f, int fd, const char *answer)
{
    fixture_start(f);
    if (fd < 0)
        fd = fixture_accept(f);
    fixture_read_request(f, fd);
    server_send(fd, answer);
    UNTIL(f, f->record.ends == 1);
    return fd;
}

#define PLAIN_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#endif
