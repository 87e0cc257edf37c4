/*
 * client.h - one client connection: reads heads and bodies, writes answers,
 * keeps the other side's pace. Knows HTTP, no business.
 *
 * Owner: the worker's list. One request at a time; what a client pipelines
 * waits in the connection's buffer. An idle connection holds no buffer.
 * Phases and their deadlines: see the table in client_parts.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_CLIENT_H
#define AIGW_WORKER_CLIENT_H

#include <sys/uio.h>

#include "common/buf.h"
#include "common/net/http_parse.h"
#include "worker/worker.h"

struct client;
struct request;

enum {
    /* Above: the relay stops reading from the upstream; below the low mark it
     * goes on. A connection never holds more than the high mark and one read. */
    CLIENT_WAITING_HIGH_BYTES = 256 * 1024,
    CLIENT_WAITING_LOW_BYTES = 64 * 1024,
    CLIENT_DRAIN_IDLE_MS = 15 * 1000,
    /* Of a body nobody wants, read and dropped so that the answer is seen. */
    CLIENT_DROP_MAX_BYTES = 1024 * 1024,
};

/* client_listen - registers the worker's listeners (EPOLLEXCLUSIVE). 0 or
 * -errno; -EINVAL when the certificate cannot be used (logged). */
int client_listen(struct worker *worker) MUST_CHECK;
/* CONTROL_CERTIFICATE: new connections have it, open ones go on. A bad one is
 * logged and the old one stays. Does not close the descriptor. */
void client_take_certificate(struct worker *worker, int fd);
/* Lame duck: no accept; a kept-alive connection answers its next request with
 * Connection: close; idle ones stay until they speak or have been silent for
 * CLIENT_DRAIN_IDLE_MS, by which a client that is at work has spoken. */
void client_drain(struct worker *worker);
/* Idle connections go now (the whole server stops). */
void client_drain_idle(struct worker *worker);
/* Closes all that is left without a word; before the worker ends. */
void client_close_all(struct worker *worker);
/* After loop_destroy(): gives back what client_listen() made. */
void client_fini(struct worker *worker);
uint32_t client_open_count(const struct worker *worker);

/* ---- for the request in progress ---- */
struct worker *client_worker(struct client *client);
const uint8_t *client_addr16(const struct client *client);
bool client_is_admin_listener(const struct client *client);
bool client_is_tls(const struct client *client);
uint8_t client_http_minor(const struct client *client);
/* Whether the answer must say Connection: close (draining, HTTP/1.0, asked for,
 * body not read to its end). */
bool client_must_close(const struct client *client);
void client_set_close(struct client *client);

/*
 * client_write - one send for all pieces; what the socket does not take is
 * copied. Returns the bytes now waiting (0: all gone), or -EPIPE when the
 * client is gone (request_on_gone follows at the end of the turn).
 */
ssize_t client_write(struct client *client, const struct iovec *pieces,
                     int count) MUST_CHECK;
/* As if a write had failed: request_on_gone follows at the end of the turn. */
void client_give_up(struct client *client);
size_t client_waiting(const struct client *client);
/* The answer is complete: on to the next request, or close after the last
 * byte. The request is detached. */
void client_answer_done(struct client *client);
/* Another request goes on with the answer; the one before is detached. */
void client_hand_over(struct client *client, struct request *request);
/* Broken off: close after the last waiting byte without a clean end (the
 * framing tells the client). The request is detached. */
void client_abort(struct client *client);

/* ---- what client.c calls; request.c implements ---- */
/* The head is complete. Returns how to go on. */
enum client_verdict {
    CLIENT_READ_BODY, /* admit the body, up to `*body_max` bytes */
    CLIENT_ANSWERED,  /* the answer was written or is under way; the body is
                         read and dropped (up to 1 MiB), then close or go on */
};
/* *request: the one that runs now, NULL when it was answered already. */
enum client_verdict request_on_head(struct client *client,
                                    const struct http_head *head,
                                    struct request **request,
                                    uint64_t *body_max);
/* A piece of the (decoded) body. 0, or -ENOMEM: over this worker's share of
 * body_memory; the request has been answered with 503. */
int request_on_body_piece(struct request *request, struct str piece) MUST_CHECK;
/* Room for the bytes still expected, so that they are read in place: where to
 * put up to *room bytes (request_on_body_taken says how many came), or NULL. */
char *request_body_room(struct request *request, uint64_t expected,
                        size_t *room);
void request_on_body_taken(struct request *request, size_t bytes);
/* The whole body is there. */
void request_on_body(struct request *request);
/* It never will be: too large (413), late (408), badly framed (400). The
 * request answers and ends. */
void request_on_body_fault(struct request *request, uint16_t status,
                           const char *reason);
/* The client's waiting bytes fell below the low mark. */
void request_on_drained(struct request *request);
/* The connection is gone. The request is detached. */
void request_on_gone(struct request *request);
/*
 * The client ended its side (FIN) while its request is under way: it may have
 * left, or have only half-closed. Returns how long to wait (ms) before it
 * counts as gone, unless a write succeeds until then; 0: until a write fails.
 */
uint64_t request_on_half_close(struct request *request);
/* A malformed or late request before there is a request: writes an error. */
void request_reply_fault(struct client *client, uint16_t status,
                         const char *reason);

#endif
