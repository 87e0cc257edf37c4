/*
 * stream_load.c - the two ends of many slow streams: a provider that sends an
 * event every so often on each, and clients that measure how old an event is
 * when it comes. Both on one clock, so the age is the way's delay.
 *
 * usage: stream_load origin PORT INTERVAL_MS
 *        stream_load client PORT STREAMS SECONDS KEY
 *        stream_load idle   PORT CONNECTIONS SECONDS
 *        stream_load sink   PORT FILE
 * `client` prints "EVENTS P50_US P99_US BROKEN"; `idle` holds connections that
 * say nothing, and prints how many are open at the end; `sink` reads bodies by their
 * Content-Length and answers with FILE. Both print "ready" when
 * all are connected (the client: when all have begun to stream).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    FDS_MAX = 65536,
    AGES_MAX = 8 * 1024 * 1024,
    EVENT_BYTES = 240,
    EVENTS_AT_ONCE = 512,
};

static const char stamp_name[] = "\"content\":\"";

struct stream {
    bool open, streaming;
    uint64_t due_ns; /* origin: of the next event */
    char tail[64];   /* client: what may be half a stamp */
    size_t tail_len;
    char head[4096]; /* sink: of a request, until it is complete */
    size_t head_len;
    uint64_t body_left;
};

static struct stream streams[FDS_MAX];
static uint32_t *ages; /* us */
static size_t age_count;
static int epoll_fd;

static uint64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in
address(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void
watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (fd >= FDS_MAX || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
    streams[fd] = (struct stream){.open = true};
}

static void
drop(int fd)
{
    streams[fd].open = streams[fd].streaming = false;
    close(fd);
}

/* ---- the provider ---- */

static size_t
write_event(char out[EVENT_BYTES + 64])
{
    char data[EVENT_BYTES + 1];
    int len =
        snprintf(data, sizeof(data),
                 "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\","
                 "\"created\":1,\"model\":\"m1\",\"choices\":[{\"index\":0,"
                 "\"delta\":{%s%019llu",
                 stamp_name, (unsigned long long)now_ns());
    static const char end[] = "\"},\"finish_reason\":null}]}\n\n";
    size_t end_len = sizeof(end) - 1;
    memset(data + len, ' ', EVENT_BYTES - (size_t)len - end_len);
    memcpy(data + EVENT_BYTES - end_len, end, end_len);
    int head = sprintf(out, "%x\r\n", EVENT_BYTES);
    memcpy(out + head, data, EVENT_BYTES);
    memcpy(out + head + EVENT_BYTES, "\r\n", 2);
    return (size_t)head + EVENT_BYTES + 2;
}

static void
origin_accept(int listener)
{
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        watch(fd);
    }
}

/* Any request begins a stream; its bytes are not looked at. */
static void
origin_read(int fd, uint64_t interval_ns)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: "
                               "text/event-stream\r\nTransfer-Encoding: "
                               "chunked\r\n\r\n";
    char bytes[65536];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(fd);
        return;
    }
    if (streams[fd].streaming)
        return;
    streams[fd].streaming = true;
    /* Spread, so that each event is a wake-up of its own. */
    streams[fd].due_ns = now_ns() + (uint64_t)rand() % interval_ns;
    if (write(fd, head, sizeof(head) - 1) < 0)
        drop(fd);
}

static void
origin_send_due(uint64_t interval_ns)
{
    char out[EVENT_BYTES + 64];
    uint64_t now = now_ns();
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (!streams[fd].streaming || streams[fd].due_ns > now)
            continue;
        streams[fd].due_ns += interval_ns;
        size_t len = write_event(out);
        if (write(fd, out, len) < 0 && errno != EAGAIN)
            drop(fd);
    }
}

static int
listen_on(const char *port)
{
    struct sockaddr_in at = address(port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(listener, 4096) < 0)
        die("listen");
    watch(listener);
    puts("ready");
    fflush(stdout);
    return listener;
}

_Noreturn static void
origin(const char *port, const char *interval_ms)
{
    uint64_t interval_ns = strtoull(interval_ms, NULL, 10) * 1000000u;
    int listener = listen_on(port);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int n = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, 1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                origin_accept(listener);
            else
                origin_read(fd, interval_ns);
        }
        origin_send_due(interval_ns);
    }
}

/* ---- the sink ---- */

/* The body's length once the head is complete; what has come of it is counted
 * off. */
static bool
sink_head_done(struct stream *stream)
{
    char *end = memmem(stream->head, stream->head_len, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    *end = '\0';
    const char *field = strcasestr(stream->head, "\ncontent-length:");
    uint64_t len = field == NULL ? 0 : strtoull(field + 16, NULL, 10);
    uint64_t come = (uint64_t)(stream->head + stream->head_len - end - 4);
    if (come > len) {
        fprintf(stderr, "the sink does not take pipelined requests\n");
        exit(1);
    }
    stream->body_left = len - come;
    stream->streaming = true;
    return true;
}

static void
sink_read(int fd, const char *answer, size_t answer_len)
{
    static char bytes[1024 * 1024];
    struct stream *stream = &streams[fd];
    for (;;) {
        char *into = bytes;
        size_t room = sizeof(bytes);
        if (!stream->streaming) {
            into = stream->head + stream->head_len;
            room = sizeof(stream->head) - 1 - stream->head_len;
        } else if (stream->body_left < room) {
            room = stream->body_left;
        }
        ssize_t n = room > 0 ? read(fd, into, room) : 0;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            drop(fd);
            return;
        }
        if (stream->streaming)
            stream->body_left -= (uint64_t)n;
        else
            stream->head_len += (size_t)n;
        if (!stream->streaming && !sink_head_done(stream))
            continue;
        if (stream->body_left > 0)
            continue;
        stream->streaming = false;
        stream->head_len = 0;
        if (write(fd, answer, answer_len) != (ssize_t)answer_len) {
            drop(fd);
            return;
        }
    }
}

_Noreturn static void
sink(const char *port, const char *path)
{
    static char body[65536], answer[65536 + 256];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die(path);
    size_t len = fread(body, 1, sizeof(body), file);
    int head = sprintf(answer,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       len);
    memcpy(answer + head, body, len);
    int listener = listen_on(port);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int n = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                origin_accept(listener);
            else
                sink_read(fd, answer, (size_t)head + len);
        }
    }
}

/* ---- the clients ---- */

static int
connect_to(const char *port)
{
    struct sockaddr_in at = address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        die("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    watch(fd);
    return fd;
}

static void
take_stamps(struct stream *stream, const char *bytes, size_t len)
{
    static char text[65536 + sizeof(stream->tail) + 1];
    size_t name_len = sizeof(stamp_name) - 1;
    memcpy(text, stream->tail, stream->tail_len);
    memcpy(text + stream->tail_len, bytes, len);
    size_t total = stream->tail_len + len, at = 0;
    text[total] = '\0';
    uint64_t now = now_ns();
    for (;;) {
        char *found = memmem(text + at, total - at, stamp_name, name_len);
        if (found == NULL || (size_t)(text + total - found) < name_len + 19)
            break;
        uint64_t sent = strtoull(found + name_len, NULL, 10);
        if (age_count < AGES_MAX)
            ages[age_count++] = (uint32_t)((now - sent) / 1000);
        stream->streaming = true;
        at = (size_t)(found - text) + name_len + 19;
    }
    size_t keep = total - at < sizeof(stream->tail) - 1
                      ? total - at
                      : sizeof(stream->tail) - 1;
    memcpy(stream->tail, text + total - keep, keep);
    stream->tail_len = keep;
}

static int
compare_ages(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Reads until the time; the streams that ended before. */
static unsigned
read_until(uint64_t end_ns, unsigned want_streaming)
{
    char bytes[65536];
    unsigned broken = 0, streaming = 0;
    while (now_ns() < end_ns) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int n = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, 10);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            ssize_t got = read(fd, bytes, sizeof(bytes));
            if (got < 0 && errno == EAGAIN)
                continue;
            if (got <= 0) {
                drop(fd);
                broken++;
                continue;
            }
            bool before = streams[fd].streaming;
            take_stamps(&streams[fd], bytes, (size_t)got);
            streaming += !before && streams[fd].streaming;
        }
        if (want_streaming > 0 && streaming >= want_streaming)
            break;
    }
    return broken;
}

static int
client(const char *port, unsigned count, unsigned seconds, const char *key)
{
    static const char body[] =
        "{\"model\":\"m1\",\"stream\":true,\"max_tokens\":"
        "100000,\"messages\":[{\"role\":\"user\","
        "\"content\":\"go\"}]}";
    char request[1024];
    int len = snprintf(request, sizeof(request),
                       "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                       "Authorization: Bearer %s\r\nContent-Type: "
                       "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       key, sizeof(body) - 1, body);
    for (unsigned i = 0; i < count; i++) {
        int fd = connect_to(port);
        if (write(fd, request, (size_t)len) != len)
            die("write");
    }
    unsigned broken = read_until(now_ns() + 60000000000u, count);
    age_count = 0;
    puts("ready");
    fflush(stdout);
    broken += read_until(now_ns() + seconds * UINT64_C(1000000000), 0);
    if (age_count == 0) {
        fprintf(stderr, "no event came\n");
        return 1;
    }
    qsort(ages, age_count, sizeof(ages[0]), compare_ages);
    printf("%zu %u %u %u\n", age_count, ages[age_count / 2],
           ages[age_count * 99 / 100], broken);
    return 0;
}

static int
idle(const char *port, unsigned count, unsigned seconds)
{
    unsigned open_count = 0;
    for (unsigned i = 0; i < count; i++)
        connect_to(port);
    puts("ready");
    fflush(stdout);
    read_until(now_ns() + seconds * UINT64_C(1000000000), 0);
    for (int fd = 0; fd < FDS_MAX; fd++)
        open_count += streams[fd].open;
    printf("%u\n", open_count);
    return 0;
}

int
main(int argc, char **argv)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll_fd = epoll_create1(0);
    ages = malloc(AGES_MAX * sizeof(ages[0]));
    if (epoll_fd < 0 || ages == NULL)
        die("start");
    if (argc == 4 && strcmp(argv[1], "origin") == 0)
        origin(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "sink") == 0)
        sink(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "client") == 0)
        return client(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]),
                      argv[5]);
    if (argc == 5 && strcmp(argv[1], "idle") == 0)
        return idle(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    fprintf(stderr, "usage: stream_load origin|client|idle|sink PORT ...\n");
    return 2;
}
