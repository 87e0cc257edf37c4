/*
 * workers_ai_part.h - what the files of Cloudflare's Workers AI share: its own
 * form, at /ai/run/MODEL. What it takes and gives in OpenAI's form is the
 * OpenAI dialect's.
 *
 *   workers_ai_scan.c     a request's body: scan, splices
 *   workers_ai_request.c  as the canonical request
 *   workers_ai_answer.c   events and whole answers
 *   workers_ai_write.c    the same, for clients; errors and ends of ours
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_WORKER_DIALECT_WORKERS_AI_PART_H
#define AIGW_WORKER_DIALECT_WORKERS_AI_PART_H

#include "worker/dialect/canon.h"
#include "worker/dialect/canon_stream.h"
#include "worker/dialect/dialect.h"

int workers_ai_scan(struct str body, uint8_t endpoint, struct call *call,
                    struct fault *fault);
void workers_ai_rewrite(struct str body, const struct call *call,
                        const struct rewrite *rewrite, struct splices *splices);
int workers_ai_read_request(struct str body, const struct call *call,
                            struct canon_request *request, struct fault *fault);

void workers_ai_read_event(struct canon_stream *stream,
                           const struct sse_event *event);
void workers_ai_read_plain(struct canon_stream *stream, struct str body);
/* `object`: the envelope's result, which has the usage in it. */
bool workers_ai_read_usage(struct answer *answer, struct str object);

void workers_ai_write_event(struct canon_stream *stream,
                            const struct canon_event *event);
void workers_ai_write_plain(struct canon_stream *stream);
void workers_ai_error_body(struct buf *out, const struct fault *fault,
                           const char *request_id);
void workers_ai_stream_error(struct buf *out, const struct answer *answer,
                             const struct fault *fault);
void workers_ai_stream_cut(struct buf *out, const struct answer *answer,
                           const struct usage *usage, bool include_usage);

#endif
