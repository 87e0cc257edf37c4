/*
 * aigw_ledger_ask.c - one HTTP request over the accountant's unix socket.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/net/http_parse.h"
#include "tools/aigw_ledger.h"

enum { ANSWER_SECONDS = 600 }; /* verify of a large ledger takes its time */

static int
open_socket(const char *path, struct buf *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {ANSWER_SECONDS, 0};
    if (strlen(path) >= sizeof(address.sun_path)) {
        buf_printf(error, "%s: too long for a socket", path);
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    buf_printf(error, "%s: %s", path, strerror(-rc));
    return rc == -ENOENT || rc == -EAGAIN ? -ECONNREFUSED : rc;
}

static int
send_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes = str_skip(bytes, (size_t)n);
    }
    return 0;
}

/* Until the other side closes. */
static int
read_all(int fd, struct buf *in)
{
    char piece[16384];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n == 0)
            return buf_ok(in) ? 0 : -ENOMEM;
        buf_append(in, piece, (size_t)n);
    }
}

/* Head and body of a whole answer; the status, or -EBADMSG. */
static int
take_body(struct str in, struct buf *json)
{
    struct http_head head;
    struct http_body body;
    size_t scanned = 0;
    if (http_parse_response(in.ptr, in.len, &scanned, false, &head) !=
        HTTP_DONE)
        return -EBADMSG;
    in = str_skip(in, head.bytes);
    http_body_init(&body, &head);
    enum http_parse_result result = HTTP_MORE;
    while (result == HTTP_MORE && in.len > 0) {
        size_t consumed = 0;
        struct str content = {NULL, 0};
        result = http_body_next(&body, in.ptr, in.len, &consumed, &content);
        buf_append_str(json, content);
        in = str_skip(in, consumed);
    }
    if (result == HTTP_MORE)
        result = http_body_end(&body);
    return result == HTTP_DONE && buf_ok(json) ? head.status : -EBADMSG;
}

int
ledger_ask(const char *socket_path, const char *method, const char *report,
           struct buf *json, struct buf *error)
{
    struct buf bytes;
    int fd = open_socket(socket_path, error);
    if (fd < 0)
        return fd;
    buf_init(&bytes, 0);
    buf_printf(&bytes,
               "%s /admin/v1/ledger/%s HTTP/1.1\r\nHost: aigw\r\n"
               "Content-Length: 0\r\nConnection: close\r\n\r\n",
               method, report);
    int rc = send_all(fd, buf_view(&bytes));
    buf_reset(&bytes);
    if (rc == 0)
        rc = read_all(fd, &bytes);
    close(fd);
    /* It went away under the request: its successor is asked. */
    if (rc == -ECONNRESET || rc == -EPIPE || (rc == 0 && buf_len(&bytes) == 0))
        rc = -ECONNREFUSED;
    int status = rc == 0 ? take_body(buf_view(&bytes), json) : rc;
    buf_fini(&bytes);
    if (status == 200)
        return 0;
    if (status < 0) {
        buf_printf(error, "%s: %s", socket_path, strerror(-status));
        return status;
    }
    buf_printf(error, "%s: status %d: %s", socket_path, status, buf_cstr(json));
    buf_reset(json);
    return -EPROTO;
}
