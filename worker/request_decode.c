/*
 * request_decode.c - a compressed body becomes the body that is meant: what it
 * may grow to is bounded, what it takes meanwhile is booked, and a long one is
 * decoded over several turns of the loop, so that others are served between.
 * The provider gets it as it is meant, without Content-Encoding.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/net/http_decode.h"
#include "worker/error_reply.h"
#include "worker/request.h"
#include "worker/request_body.h"

enum {
    TURN_BYTES = 512 * 1024, /* of output a turn: one or two milliseconds */
    FIRST_BYTES = 4096,
    USUAL_RATIO = 4,
};

/* Owner: the request, until it is cancelled; then its own end-of-turn call. */
struct body_decode {
    struct loop_deferred later;
    struct request *request; /* NULL: it has ended */
    struct http_decoder *decoder;
    struct buf out;
    uint64_t max; /* bytes that may come of it */
};

static void
decode_destroy(struct body_decode *decode)
{
    http_decoder_destroy(&decode->decoder);
    buf_fini(&decode->out);
    free(decode);
}

void
request_decode_cancel(struct request *request)
{
    struct body_decode *decode = request->decode;
    request->decode = NULL;
    decode->request = NULL;
    if (!decode->later.queued)
        decode_destroy(decode);
}

static void
decode_refuse(struct body_decode *decode, const struct fault *fault)
{
    struct request *request = decode->request;
    request_decode_cancel(request);
    request_fail(request, fault);
}

static void
decode_finish(struct body_decode *decode)
{
    struct request *request = decode->request;
    buf_fini(&request->body);
    request->body = decode->out;
    buf_init(&decode->out, 0);
    request_decode_cancel(request);
    request->coding = HTTP_CODING_IDENTITY;
    /* It was booked with more beside it. */
    CHECK(request_book(request, buf_len(&request->body)));
    request_begin_call(request);
}

/* Room for the next piece: one byte more than allowed shows what is too long. */
static int
decode_room(struct body_decode *decode, size_t *room)
{
    struct request *request = decode->request;
    uint64_t len = buf_len(&decode->out), sent = buf_len(&request->body);
    uint64_t want = len == 0 ? sent * USUAL_RATIO : TURN_BYTES;
    if (want < FIRST_BYTES)
        want = FIRST_BYTES;
    if (want > TURN_BYTES)
        want = TURN_BYTES;
    if (want > decode->max - len + 1)
        want = decode->max - len + 1;
    if (!request_book(request, sent + len + want +
                                   http_decoder_memory(decode->decoder)) ||
        buf_reserve(&decode->out, want) < 0)
        return -ENOMEM;
    *room = want;
    return 0;
}

/* 1: more to do; 0: done; -errno, -EFBIG when too much comes of it. */
static int
decode_some(struct body_decode *decode)
{
    size_t turn_bytes = 0;
    int result = 1;
    while (result == 1 && turn_bytes < TURN_BYTES) {
        size_t room, made;
        result = decode_room(decode, &room);
        if (result < 0)
            return result;
        result = http_decoder_next(
            decode->decoder, decode->out.data + decode->out.end, room, &made);
        decode->out.end += made;
        turn_bytes += made;
        if (buf_len(&decode->out) > decode->max)
            return -EFBIG;
    }
    return result;
}

static void
decode_go_on(struct body_decode *decode)
{
    struct fault fault;
    int result = decode_some(decode);
    if (result == 1) {
        loop_defer(decode->request->worker->loop, &decode->later);
    } else if (result == 0) {
        decode_finish(decode);
    } else if (result == -ENOMEM) {
        fault_set_overloaded(&fault, "the bodies of running requests fill the "
                                     "memory meant for them");
        decode_refuse(decode, &fault);
    } else if (result == -EFBIG) {
        fault_set_http(
            &fault, 413,
            decode->max < decode->request->worker->config->server.body_max_bytes
                ? "the compressed body grows beyond all measure"
                : "the decoded body is larger than body_max allows");
        decode_refuse(decode, &fault);
    } else {
        fault_set_http(&fault, 400,
                       "the body is not what its Content-Encoding says, or "
                       "not all of it");
        decode_refuse(decode, &fault);
    }
}

static void
decode_on_later(struct loop_deferred *deferred)
{
    struct body_decode *decode = OWNER_OF(deferred, struct body_decode, later);
    if (decode->request == NULL)
        decode_destroy(decode);
    else
        decode_go_on(decode);
}

void
request_decode(struct request *request)
{
    struct fault fault;
    struct body_decode *decode = calloc(1, sizeof(*decode));
    if (decode == NULL)
        goto no_memory;
    buf_init(&decode->out, 0);
    decode->later.run = decode_on_later;
    decode->max =
        http_decode_max(buf_len(&request->body),
                        request->worker->config->server.body_max_bytes);
    decode->decoder = http_decoder_create((enum http_coding)request->coding,
                                          buf_view(&request->body));
    if (decode->decoder == NULL)
        goto no_memory;
    decode->request = request;
    request->decode = decode;
    decode_go_on(decode);
    return;
no_memory:
    free(decode);
    fault_set_overloaded(&fault, "out of memory");
    request_fail(request, &fault);
}
