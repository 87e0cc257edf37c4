/*
 * payload.h - the bodies of one call for the log, where its settings say so:
 * redacted here, in the worker, and let go into a ring that may drop them.
 *
 * Of a stream the texts are kept, put together: a secret in pieces is found, and
 * events say little else. Of what is no text only the size is kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_PAYLOAD_H
#define AIGW_WORKER_PAYLOAD_H

#include "worker/request.h"

struct payload;

/* The call is routed, its settings are known: request->payload, where its bodies
 * are to be kept; without memory they are not. */
void payload_begin(struct request *request);
/* A provider's answer begins: what another one said before is forgotten. */
void payload_begin_answer(struct request *request);
/* Bytes of the answer's body on their way to the client, but those of streams. */
void payload_keep(struct request *request, struct str bytes);
/* A piece of a stream's text: the inside of a JSON string. */
void payload_keep_text(struct request *request, struct str inside);
/* The call is settled and its answer known: what there is goes into the ring, where
 * it has a row; before the answer's last bytes, so whoever has those finds it. */
void payload_end(struct request *request);

#endif
