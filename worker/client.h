/*
 * client.h - one client connection: reads heads and bodies, writes answers,
 * keeps the other side's pace. Knows HTTP, no business.
 *
 * Owner: the worker's list. One request at a time; what a client pipelines
 * waits in the connection's buffer. An idle connection holds no buffer.
 * States and their deadlines: see the table in client.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CLIENT_H
#define AIGW_WORKER_CLIENT_H

#include <sys/uio.h>

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "common/net/loop.h"
#include "common/net/stream.h"
#include "worker/worker.h"

struct client;

/* client_accept_start - registers the worker's listeners (EPOLLEXCLUSIVE). */
int client_listen(struct worker *worker) MUST_CHECK;
/* Lame duck: no accept; a kept-alive connection answers its next request with
 * Connection: close; idle ones stay until they speak or time out. */
void client_drain(struct worker *worker);
uint32_t client_open_count(const struct worker *worker);

/* ---- for the request in progress ---- */
struct worker *client_worker(struct client *client);
const uint8_t *client_addr16(const struct client *client);
bool client_is_admin_listener(const struct client *client);
uint8_t client_http_minor(const struct client *client);
/* Whether the answer must say Connection: close (draining, HTTP/1.0, asked for,
 * body not read to its end). */
bool client_must_close(const struct client *client);
void client_set_close(struct client *client);

/*
 * client_write - one send for all pieces; what the socket does not take is
 * copied. Returns the bytes now waiting (0: all gone), or -EPIPE when the
 * client is gone (client_gone follows or has been reported).
 */
ssize_t client_write(struct client *client, const struct iovec *pieces,
                     int count) MUST_CHECK;
size_t client_waiting(const struct client *client);
/* The answer is complete: on to the next request, or close after the last byte. */
void client_answer_done(struct client *client);
/* Broken off: close without a clean end (the framing tells the client). */
void client_abort(struct client *client);

/* What client.c calls (request.c implements). */
/* The head is complete. Returns how to go on. */
enum client_verdict {
    CLIENT_READ_BODY,  /* admit the body, up to `*body_max` bytes */
    CLIENT_ANSWERED,   /* the answer was written or is under way; the body is
                          read and dropped (up to 1 MiB), then close or go on */
};
struct request;
enum client_verdict request_on_head(struct client *client,
                                    const struct http_head *head,
                                    struct request **request,
                                    uint64_t *body_max);
/* The whole body (decoded) is there; owned by the request from now on. */
void request_on_body(struct request *request, struct buf *body);
/* The client's waiting bytes fell below the low mark. */
void request_on_drained(struct request *request);
/* The connection is gone, or must be cut (drain timeout: `cut`). */
void request_on_gone(struct request *request, bool cut);
/* A malformed or late request before there is a request: writes an error. */
void request_reply_fault(struct client *client, const struct http_head *head,
                         uint16_t status, const char *reason);

#endif
