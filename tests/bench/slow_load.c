/*
 * slow_load.c - thousands of clients that do as little as they can, at hardly
 * any cost of their own: a third each sends a head that never ends, a body that
 * never ends, or asks for a long answer; then a byte sent or taken each PAUSE_MS.
 * Who is cut comes again at its next turn.
 *
 *   slow_load PORT KEY COUNT PAUSE_MS
 *
 * Prints "OPEN BEGUN CUT" four times a second, until it is killed; BEGUN are the
 * open ones that have sent what they begin with. For
 * bench_slow.py; tests/system/slow_clients.py is the same for tests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 256 * 1024, CALL_BYTES = ANSWER_BYTES + 1024 };
enum kind { HEAD, BODY, READ, KINDS };

struct client {
    int fd;           /* -1: to be opened */
    size_t sent, len; /* of what it begins with */
};

static struct client *clients;
static const char *openings[KINDS];
static size_t lengths[KINDS];
static struct sockaddr_in server;
static unsigned open_count, begun, cut;

static uint64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
make_openings(const char *key)
{
    static char body[1024], call[CALL_BYTES + 1024], text[CALL_BYTES];
    static const char post[] =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n";
    openings[HEAD] =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    lengths[HEAD] = strlen(openings[HEAD]);
    int len = snprintf(body, sizeof(body), post, key, (size_t)10000);
    len += snprintf(body + len, sizeof(body) - (size_t)len, "{\"model\":");
    openings[BODY] = body;
    lengths[BODY] = (size_t)len;
    int begin = snprintf(text, sizeof(text),
                         "{\"model\":\"builtin/echo\",\"messages\":[{\"role\":"
                         "\"user\",\"content\":\"");
    memset(text + begin, 'x', ANSWER_BYTES);
    strcpy(text + begin + ANSWER_BYTES, "\"}]}");
    len = snprintf(call, sizeof(call), post, key, strlen(text));
    memcpy(call + len, text, strlen(text));
    openings[READ] = call;
    lengths[READ] = (size_t)len + strlen(text);
}

static void
begin(struct client *client, enum kind kind)
{
    int small = 4096;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        die("socket");
    if (kind == READ)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0 &&
        errno != EINPROGRESS) {
        close(fd); /* comes again */
        return;
    }
    *client = (struct client){.fd = fd, .len = lengths[kind]};
    open_count++;
}

static void
end(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    begun -= client->sent == client->len;
    open_count--;
    cut++;
}

/* False: it has been cut. */
static int
step(struct client *client, enum kind kind)
{
    char bytes[4096];
    if (client->sent < client->len) {
        ssize_t n = send(client->fd, openings[kind] + client->sent,
                         client->len - client->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == ENOTCONN;
        client->sent += (size_t)n;
        begun += client->sent == client->len;
        return 1;
    }
    ssize_t n = recv(client->fd, bytes, kind == READ ? 1 : sizeof(bytes), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return 0;
    return kind == READ ||
           send(client->fd, kind == HEAD ? "a" : " ", 1, MSG_NOSIGNAL) == 1 ||
           errno == EAGAIN;
}

static void
turn(unsigned number)
{
    struct client *client = &clients[number];
    enum kind kind = (enum kind)(number % KINDS);
    if (client->fd < 0)
        begin(client, kind);
    if (client->fd >= 0 && !step(client, kind))
        end(client);
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: slow_load PORT KEY COUNT PAUSE_MS\n");
        return 2;
    }
    unsigned count = (unsigned)atoi(argv[3]);
    uint64_t pause_ms = (uint64_t)atoi(argv[4]), done = 0, told_ms = 0;
    struct rlimit files = {count + 64, count + 64};
    if (count == 0 || pause_ms == 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
        die("how many");
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    make_openings(argv[2]);
    clients = calloc(count, sizeof(*clients));
    if (clients == NULL)
        die("clients");
    for (unsigned i = 0; i < count; i++)
        clients[i].fd = -1;
    uint64_t start_ms = now_ms();
    for (;;) {
        uint64_t passed_ms = now_ms() - start_ms;
        for (; done < passed_ms * count / pause_ms; done++)
            turn((unsigned)(done % count));
        if (passed_ms - told_ms >= 250) {
            printf("%u %u %u\n", open_count, begun, cut);
            fflush(stdout);
            told_ms = passed_ms;
        }
        usleep(2000);
    }
}
