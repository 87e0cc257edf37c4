/*
 * connection_part.h - the inside of a connection: connection.c (life, reading,
 * order), connection_answer.c (what is written). Private to these.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_ACCOUNTANT_ADMIN_CONNECTION_PART_H
#define AIGW_ACCOUNTANT_ADMIN_CONNECTION_PART_H

#include "accountant/admin/connection.h"
#include "common/net/http_parse.h"
#include "common/net/stream.h"

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_BODY,
    CONNECTION_CALL,
    CONNECTION_STREAM,
    CONNECTION_WRITE
};

struct connection {
    struct admin *admin;
    struct loop_source source;
    struct loop_timer timer;
    struct loop_deferred again;
    struct connection *next, **link;
    struct stream stream;
    enum connection_state state;
    bool peer_allowed;
    int64_t peer_uid;
    struct buf in, out, body;
    size_t head_scanned;
    struct http_body framing;
    struct call *call; /* BODY, CALL, STREAM; NULL once it is answered */
    uint8_t http_minor;
    bool call_waits; /* STREAM: for this piece to be taken */
    bool head_only, keep_alive, in_ended, dead, answered;
};

/* connection.c. A call under way is left to itself; one that has not begun ends
 * here. */
void connection_close(struct connection *connection);
void connection_enter(struct connection *connection,
                      enum connection_state state);
/* What was put into `out` is sent at the end of the turn. */
void connection_put(struct connection *connection, enum connection_state state);

/* connection_answer.c. An answer without a call: the request could not even be
 * read. */
void connection_reject(struct connection *connection, uint16_t status,
                       const char *reason);

#endif
