/*
 * request_call.h - what path and head say of a call before its body is read.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_REQUEST_CALL_H
#define AIGW_WORKER_REQUEST_CALL_H

#include "worker/request_path.h"

/* The dialect in which a client is answered: the row's; else by the path and by
 * the fields that only clients of one dialect send. */
const struct dialect *request_dialect(const struct path_match *match,
                                      const struct http_head *head);
/*
 * request_call_begin - the row is that of a model call: its endpoint, the model,
 * the stream and the provider that the path names, the boundary of a form. The
 * body's scan leaves them as they are. 0, or -1 with *fault.
 */
int request_call_begin(struct request *request, const struct http_head *head,
                       const struct path_match *match,
                       struct fault *fault) MUST_CHECK;
/* request_fields.c: metadata and what else the head that is kept says to the
 * gateway. */
void request_read_fields(struct request *request);
/* The value of `name` in a query string, as sent; {NULL, 0}: it is not there. */
struct str request_query(struct str query, struct str name);

#endif
