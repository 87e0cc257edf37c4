/*
 * request_body.c - takes the pieces of a body together, within the memory that
 * this worker has for bodies.
 *
 * An announced body is weighed before its first byte: uploads that cannot all
 * be held are refused at their heads, not each one in its middle.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "worker/error_reply.h"
#include "worker/request.h"
#include "worker/request_body.h"

static bool
book(uint64_t *held, uint64_t max, uint64_t *booked, uint64_t bytes)
{
    uint64_t others = *held - *booked;
    if (bytes > *booked && (others > max || bytes > max - others))
        return false;
    *held = others + bytes;
    *booked = bytes;
    return true;
}

bool
request_book(struct request *request, uint64_t bytes)
{
    struct worker *worker = request->worker;
    return book(&worker->body_bytes_held, worker->body_bytes_max,
                &request->body_booked, bytes);
}

bool
request_book_canon(struct request *request, uint64_t bytes)
{
    struct worker *worker = request->worker;
    return book(&worker->canon_bytes_held, worker->canon_bytes_max,
                &request->canon_booked, bytes);
}

static void
body_is_too_much(struct request *request, const char *reason)
{
    struct fault fault;
    client_set_close(request->client);
    fault_set_overloaded(&fault, reason);
    request_fail(request, &fault);
}

int
request_on_body_piece(struct request *request, struct str piece)
{
    uint64_t len = buf_len(&request->body) + piece.len;
    if (len > request->body_booked && !request_book(request, len)) {
        body_is_too_much(request, "the bodies of running requests fill the "
                                  "memory meant for them");
        return -ENOMEM;
    }
    buf_append(&request->body, piece.ptr, piece.len);
    if (!buf_ok(&request->body)) {
        body_is_too_much(request, "out of memory");
        return -ENOMEM;
    }
    return 0;
}

char *
request_body_room(struct request *request, uint64_t expected, size_t *room)
{
    struct buf *body = &request->body;
    if (buf_len(body) + expected > request->body_booked)
        return NULL; /* request_on_body_piece() says so, when it comes to it */
    if (body->cap == body->end && buf_reserve(body, expected) < 0)
        return NULL;
    size_t free_bytes = body->cap - body->end;
    *room = free_bytes < expected ? free_bytes : expected;
    return body->data + body->end;
}

void
request_on_body_taken(struct request *request, size_t bytes)
{
    request->body.end += bytes;
}
