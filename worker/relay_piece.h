/*
 * relay_piece.h - what one send of a stream is made of.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_RELAY_PIECE_H
#define AIGW_WORKER_RELAY_PIECE_H

#include <stddef.h>

enum { RELAY_PIECES = 64 }; /* spans of one send */

/* A span to be sent: of the shared read buffer, or of request->held. */
struct relay_piece {
    const char *ptr; /* NULL: of held */
    size_t off, len; /* off: from buf_ptr(held) */
};

/*
 * One for all relays of a worker: pieces are filled and sent within one call of an
 * exchange, as the read buffer is valid for no longer.
 */
struct relay_pieces {
    const struct relay *owner; /* whose pieces stand here */
    struct relay_piece items[RELAY_PIECES];
};

#endif
