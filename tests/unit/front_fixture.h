/*
 * front_fixture.h - a worker's front in the test's own process and thread: a
 * private segment with a key, a catalogue, one listener on loopback, provider
 * `builtin`. The test is the client; the loop turns while it waits, so nothing
 * sleeps.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_TESTS_UNIT_FRONT_FIXTURE_H
#define AIGW_TESTS_UNIT_FRONT_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/net/listen.h"
#include "tests/unit/shm_fixture.h"
#include "worker/auth_cache.h"
#include "worker/client.h"
#include "worker/exchange.h"
#include "worker/pattern_set.h"
#include "worker/request.h"
#include "worker/retry.h"

enum { FRONT_DEADLINE_MS = 60000 }; /* on a machine that is busy */

struct front {
    struct fixture shm; /* its seat 0 is the worker's */
    struct worker *worker;
    struct heritage heritage;
    struct crypto_secrets secrets;
    struct config *config;
    struct catalogue *catalogue;
    uint16_t port;
    uint32_t key;      /* entry of sk-aigw-test */
    uint64_t ring_pos; /* read so far */
};

#define FRONT_KEY "sk-aigw-test"

static const char front_config[] =
    "[server]\n"
    "workers = 1\n"
    "listen = 127.0.0.1:8080\n"
    "header_timeout = 200ms\n"
    "body_timeout = 300ms\n"
    "keepalive_timeout = 1s\n"
    "send_timeout = 1s\n"
    "body_max = 100k\n"
    "body_memory = 1m\n"
    "stream_slice = 100\n"
    "[provider.builtin]\n"
    "kind = builtin\n"
    "models = builtin/echo, builtin/free, builtin/bound, builtin/tiers\n"
    "names = builtin/bound=bound-2026-01-01, gone/first=here\n"
    "[provider.gone]\n"
    "kind = openai\n"
    "base_url = http://127.0.0.1:1/v1\n"
    "connect_timeout = 300ms\n"
    "models = gone/only, gone/first\n"
    "names = gone/first=there\n"
    "[model.builtin/echo]\n"
    "alias = echo\n"
    "price_input = 1\n"
    "price_output = 2\n"
    "[model.builtin/bound]\n"
    "max_output = 500\n"
    "price_input = 1\n"
    "price_output = 2\n"
    "[model.gone/first]\n"
    "providers = gone, builtin\n"
    "[model.builtin/tiers]\n"
    "price_input = 1\n"
    "price_output = 2\n"
    "price_tiers = service_tier=flex input=0, prompt_from=101 output=9, "
    "prompt_from=15 input=3 output=5, from=2999-01-01T00:00:00Z input=8\n";

__attribute__((unused)) static uint32_t
front_price_version(const char *model, const struct prices *prices,
                    const struct price_tiers *tiers, void *context)
{
    (void)model;
    (void)tiers;
    (void)prices;
    (void)context;
    return 7;
}

__attribute__((unused)) static void
front_add_key(struct front *f)
{
    struct entry_policy policy = fixture_key_policy(&f->shm, 10);
    uint64_t tag;
    crypto_key_digest(&f->secrets, STR_LIT(FRONT_KEY), policy.digest);
    CHECK_EQ(
        entry_insert(&f->shm.segment, &policy, fixture_nothing, &f->key, &tag),
        0);
}

__attribute__((unused)) static void
front_listen(struct front *f)
{
    struct listen_address address;
    CHECK_EQ(listen_parse("127.0.0.1:0", &address), 0);
    int fd = listen_open(&address, 64);
    CHECK_TRUE(fd >= 0);
    struct sockaddr_in bound;
    socklen_t len = sizeof(bound);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    f->port = ntohs(bound.sin_port);
    f->heritage.listeners[0] = (struct heritage_listener){.fd = fd};
    f->heritage.listener_count = 1;
}

/* With a certificate, which it takes over, the listener is one of HTTPS. */
__attribute__((unused)) static void
front_open_with(struct front *f, struct certificate *certificate)
{
    struct buf error;
    buf_init(&error, 0);
    memset(f, 0, sizeof(*f));
    log_set_level(LOG_WARN);
    fixture_open(&f->shm);
    front_add_key(f);
    f->config = config_parse_text(str_from(front_config), &error);
    if (f->config == NULL)
        test_fail(__FILE__, __LINE__, "%s", buf_cstr(&error));
    f->catalogue = catalogue_build(&f->shm.segment, f->config,
                                   front_price_version, NULL, &error);
    CHECK_TRUE(f->catalogue != NULL);
    f->catalogue->generation = 0; /* as the header says: none was published */
    shm_store(&f->shm.segment.header->accountant_ready, 1);
    f->heritage.config = f->config;
    f->heritage.segment = &f->shm.segment;
    f->heritage.secrets = &f->secrets;
    f->heritage.accountant_wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    front_listen(f);
    f->heritage.certificate = certificate;
    f->heritage.listeners[0].tls = certificate != NULL;
    struct worker *worker = calloc(1, sizeof(*worker));
    f->worker = worker;
    worker->heritage = &f->heritage;
    worker->config = f->config;
    worker->catalogue = f->catalogue;
    worker->seat = f->shm.seat[0];
    worker->body_bytes_max = f->config->server.body_memory_bytes;
    worker->canon_bytes_max = f->config->server.body_memory_bytes;
    worker->loop = loop_create();
    worker->requests = requests_create();
    worker->auth_cache = auth_cache_create();
    worker->retries = retries_create(worker->heritage->segment);
    CHECK_TRUE(worker->retries != NULL);
    worker->health = health_create(worker);
    worker->queues = queues_create(worker);
    worker->upstreams = upstreams_create(worker);
    buf_init(&worker->reply, 0);
    CHECK_EQ(client_listen(worker), 0);
    buf_fini(&error);
}

__attribute__((unused)) static void
front_open(struct front *f)
{
    front_open_with(f, NULL);
}

__attribute__((unused)) static void
front_close(struct front *f)
{
    struct worker *worker = f->worker;
    client_close_all(worker);
    requests_cut_all(worker);
    loop_turn(worker->loop, 0);
    loop_turn(worker->loop, 0);
    CHECK_EQ(requests_running(worker), 0);
    CHECK_EQ(worker->body_bytes_held, 0);
    CHECK_EQ(worker->canon_bytes_held, 0);
    struct entry_sums sums;
    entry_sum(&f->shm.segment, f->key, &sums);
    CHECK_EQ(sums.reserved[SHM_TOKENS], 0);
    CHECK_EQ(sums.busy, 0);
    if (!worker->draining)
        client_drain(worker);
    upstreams_destroy(&worker->upstreams);
    retries_destroy(&worker->retries);
    health_destroy(&worker->health);
    queues_destroy(&worker->queues);
    loop_destroy(&worker->loop);
    client_fini(worker);
    requests_destroy(&worker->requests);
    auth_cache_destroy(&worker->auth_cache);
    body_pool_fini(&worker->body_pool);
    buf_fini(&worker->reply);
    pattern_sets_free(&worker->pattern_sets);
    free(worker->redact_text);
    f->shm.seat[0] = worker->seat;
    free(worker);
    catalogue_put(f->catalogue);
    config_free(f->config);
    close(f->heritage.accountant_wake_fd);
    fixture_close(&f->shm);
}

/* ---- the client ---- */

__attribute__((unused)) static int
front_connect(struct front *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(f->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

__attribute__((unused)) static void
front_send(struct front *f, int fd, struct str bytes)
{
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (bytes.len > 0 && clock_mono_ms() < until) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            bytes = str_skip(bytes, (size_t)n);
        else if (errno != EAGAIN)
            return; /* closed on us: what was answered shows it */
        loop_turn(f->worker->loop, 1);
    }
}

/* Reads until `count` times `mark` has come, or the end. True: the connection
 * was closed. */
__attribute__((unused)) static bool
front_read(struct front *f, int fd, const char *mark, int count,
           struct buf *into)
{
    char bytes[65536];
    uint64_t until = clock_mono_ms() + FRONT_DEADLINE_MS;
    while (clock_mono_ms() < until) {
        loop_turn(f->worker->loop, 1);
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return true;
        if (n < 0)
            continue;
        buf_append(into, bytes, (size_t)n);
        int seen = 0;
        const char *at = buf_cstr(into);
        while (mark != NULL && (at = strstr(at, mark)) != NULL) {
            seen++;
            at += strlen(mark);
        }
        if (mark != NULL && seen >= count)
            return false;
    }
    test_fail(__FILE__, __LINE__, "nothing came in time, so far: %s",
              buf_cstr(into));
    return false;
}

/* A POST of a model call with fields `extra` ("Name: value\r\n"). */
__attribute__((unused)) static void
front_post(struct buf *out, const char *extra, const char *body)
{
    buf_printf(out,
               "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n"
               "Authorization: Bearer " FRONT_KEY "\r\n%s"
               "Content-Length: %zu\r\n\r\n%s",
               extra, strlen(body), body);
}

/* One request on a connection of its own, which it asks to be closed. */
__attribute__((unused)) static void
front_ask(struct front *f, const char *body, struct buf *answer)
{
    struct buf request;
    buf_init(&request, 0);
    front_post(&request, "Connection: close\r\n", body);
    int fd = front_connect(f);
    front_send(f, fd, buf_view(&request));
    CHECK_TRUE(front_read(f, fd, NULL, 0, answer));
    close(fd);
    buf_fini(&request);
}

/* The next record in the worker's ring; false: there is none. */
__attribute__((unused)) static bool
front_record(struct front *f, struct shm_record *record)
{
    unsigned char bytes[SHM_RECORD_MAX];
    uint64_t head = ring_head(&f->shm.segment, 0);
    if (f->ring_pos >= head)
        return false;
    int len = ring_read(&f->shm.segment, 0, f->ring_pos, head, bytes);
    CHECK_TRUE(len > 0);
    f->ring_pos += (uint64_t)len;
    memcpy(record, bytes, sizeof(*record));
    return true;
}

__attribute__((unused)) static bool
front_has(struct buf *answer, const char *text)
{
    return strstr(buf_cstr(answer), text) != NULL;
}

#endif
