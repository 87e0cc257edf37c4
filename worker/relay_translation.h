/*
 * relay_translation.h - what the files of relay_translate*.c share.
 *
 *   relay_translate_up.c  the request, in the provider's dialect
 *   relay_translate.c     the answer, in the client's
 *
 * What a call takes beyond FREE_BYTES is booked by request_book_canon(), so that
 * neither a client nor a provider takes more than is meant for all of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_RELAY_TRANSLATION_H
#define AIGW_WORKER_RELAY_TRANSLATION_H

#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/relay_parts.h"

enum {
    FREE_BYTES = 256 * 1024, /* need not be booked, as of what passes */
    STEP_BYTES = 1024 * 1024,
};

/* Why an answer goes no further. */
enum full { NOT_FULL, FULL_TOO_LONG, FULL_NO_ROOM };

/* Owner: the request, from relay_translate_request() until its provider is
 * another or it is freed. */
struct translation {
    struct canon_request *asked;
    struct canon_stream stream;
    struct buf body;  /* for the provider */
    struct buf out;   /* for the client, not yet sent */
    struct call call; /* what the provider is asked, for the builtin one */
    /* Booked (request_book_canon()): of the request, and of its answer. */
    uint64_t asked_bytes, answer_bytes;
    enum full full;
};

/* translation->stream, for the answer to what translation->asked says. */
void relay_translate_stream(struct request *request);

#endif
