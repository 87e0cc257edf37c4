/*
 * request_body.h - a request from its body's last byte to its call: booked,
 * decoded, led on.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_BODY_H
#define AIGW_WORKER_REQUEST_BODY_H

#include "worker/request.h"

/* Takes `bytes` in all of the memory meant for bodies, in place of what it had:
 * announced ones before the first has come, and at decoding both texts and the
 * decoder. False: there is not so much left, nothing changes. */
bool request_book(struct request *request, uint64_t bytes) MUST_CHECK;
/* The same for what translating takes beside the body: as much again, at most. */
bool request_book_canon(struct request *request, uint64_t bytes) MUST_CHECK;
/* The body is there as it was sent: decodes it, over several turns where it is
 * long, and goes on with request_begin_call(), or refuses it. */
void request_decode(struct request *request);
void request_decode_cancel(struct request *request);
/* request_front.c: the body is there as it is meant. */
void request_begin_call(struct request *request);

/* request_front.c: from the scan of the body on. */
void request_call(struct request *request);
void request_admit(struct request *request); /* behind the guardrails */

#endif
