/*
 * test_out_of_memory.c - row 14: each allocation on the way of a request fails
 * once, and all from it on. The client gets a whole answer, an error or a
 * closed connection; nothing it held stays behind; the next request is served.
 *
 * malloc() and its relatives stand here in front of the library's own. Under a
 * sanitizer, which has its own, the test is skipped.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "tests/unit/front_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

TEST(allocations_can_fail_here)
{
    fprintf(stderr, "skipped: the sanitizer has an allocator of its own\n");
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static struct {
    bool on, for_good;
    uint64_t count, fail_at; /* from 1 */
} plan;

static bool
must_fail(void)
{
    if (!plan.on)
        return false;
    plan.count++;
    return plan.for_good ? plan.count >= plan.fail_at
                         : plan.count == plan.fail_at;
}

void *
malloc(size_t size)
{
    if (!must_fail())
        return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *
calloc(size_t count, size_t size)
{
    if (!must_fail())
        return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *
realloc(void *old, size_t size)
{
    if (!must_fail())
        return __libc_realloc(old, size);
    errno = ENOMEM;
    return NULL;
}

#define CALL(members)                                                          \
    "{" members "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"

static const struct {
    const char *name, *fields, *body;
    bool gzip, chunked;
} scenarios[] = {
    {"plain", "", CALL("\"model\":\"builtin/echo\","), false, false},
    {"stream", "", CALL("\"model\":\"builtin/echo\",\"stream\":true,"), false,
     false},
    {"chunked", "", CALL("\"model\":\"builtin/echo\","), false, true},
    {"gzip", "Content-Encoding: gzip\r\n", CALL("\"model\":\"builtin/echo\","),
     true, false},
    {"unreachable", "", CALL("\"model\":\"gone/only\","), false, false},
    {"next provider", "", CALL("\"model\":\"gone/first\","), false, false},
    {"refused", "", CALL("\"model\":\"builtin/none\","), false, false},
};

static size_t
make_request(size_t scenario, char out[4096])
{
    const char *body = scenarios[scenario].body;
    unsigned char packed[512];
    size_t len = strlen(body);
    if (scenarios[scenario].gzip) {
        z_stream z = {0};
        CHECK_EQ(
            deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
            Z_OK);
        z.next_in = (Bytef *)(uintptr_t)body;
        z.avail_in = (unsigned)len;
        z.next_out = packed;
        z.avail_out = sizeof(packed);
        CHECK_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
        len = sizeof(packed) - z.avail_out;
        deflateEnd(&z);
        body = (const char *)packed;
    }
    bool chunked = scenarios[scenario].chunked;
    int at = sprintf(out,
                     "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
                     "Authorization: Bearer " FRONT_KEY "\r\n%s"
                     "Connection: close\r\n",
                     scenarios[scenario].fields);
    at += chunked ? sprintf(out + at,
                            "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len)
                  : sprintf(out + at, "Content-Length: %zu\r\n\r\n", len);
    memcpy(out + at, body, len);
    at += (int)len;
    if (chunked)
        at += sprintf(out + at, "\r\n0\r\n\r\n");
    return (size_t)at;
}

/* One request on a connection of its own; the worker's allocations fail as
 * planned. Returns how many bytes came before the end. */
static size_t
ask(struct front *f, const char *request, size_t len, char answer[65536])
{
    size_t got = 0, sent = 0;
    int fd = front_connect(f);
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (clock_mono_ms() < until) {
        ssize_t n =
            send(fd, request + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        plan.on = true;
        loop_turn(f->worker->loop, 1);
        plan.on = false;
        n = recv(fd, answer + got, 65535 - got, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    if (clock_mono_ms() >= until)
        test_fail(__FILE__, __LINE__, "nothing more came, allocation %llu",
                  (unsigned long long)plan.fail_at);
    answer[got] = '\0';
    close(fd);
    return got;
}

/* False: the plan's allocation was never reached. */
static bool
fail_once(struct front *f, size_t scenario, uint64_t at, bool for_good)
{
    static char request[4096], answer[65536];
    size_t len = make_request(scenario, request);
    plan.count = 0;
    plan.fail_at = at;
    plan.for_good = for_good;
    size_t got = ask(f, request, len, answer);
    bool reached = plan.count >= at;
    if (got > 0 && strncmp(answer, "HTTP/1.1 ", 9) != 0)
        test_fail(__FILE__, __LINE__, "%s, allocation %llu: %.60s",
                  scenarios[scenario].name, (unsigned long long)at, answer);
    if (strncmp(answer, "HTTP/1.1 500", 12) == 0)
        test_fail(__FILE__, __LINE__, "%s, allocation %llu: %.300s",
                  scenarios[scenario].name, (unsigned long long)at, answer);
    /* It was only this once. */
    plan.fail_at = UINT64_MAX;
    len = make_request(0, request);
    ask(f, request, len, answer);
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        test_fail(__FILE__, __LINE__, "%s, allocation %llu, after: %.300s",
                  scenarios[scenario].name, (unsigned long long)at, answer);
    CHECK_EQ(f->worker->body_bytes_held, 0);
    return reached;
}

static void
fail_each(bool for_good)
{
    for (size_t s = 0; s < ARRAY_LEN(scenarios); s++) {
        uint64_t at = 1;
        for (bool reached = true; reached; at++) {
            struct front f;
            front_open(&f);
            log_set_level(LOG_ERROR);
            reached = fail_once(&f, s, at, for_good);
            front_close(&f); /* checks that nothing is reserved or held */
        }
        CHECK_TRUE(at > 3);
    }
}

TEST(each_allocation_may_fail_once)
{
    fail_each(false);
}

TEST(all_allocations_may_fail_from_any_on)
{
    fail_each(true);
}

#endif
