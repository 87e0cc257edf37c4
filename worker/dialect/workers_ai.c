/*
 * workers_ai.c - the dialect of Cloudflare's Workers AI; the parts are listed in
 * workers_ai_part.h. No provider is written to in it: who serves other clients
 * from there is asked in OpenAI's form (worker/provider/workers_ai.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/workers_ai_part.h"

const struct dialect dialect_workers_ai = {
    .number = DIALECT_WORKERS_AI,
    .name = "workers-ai",
    .scan = workers_ai_scan,
    .rewrite = workers_ai_rewrite,
    .answer_begin = canon_answer_begin,
    .answer_event = canon_answer_event,
    .answer_piece = canon_answer_piece,
    .answer_whole = canon_answer_whole,
    .error_body = workers_ai_error_body,
    .stream_error = workers_ai_stream_error,
    .stream_cut = workers_ai_stream_cut,
    .read_request = workers_ai_read_request,
    .read_event = workers_ai_read_event,
    .read_plain = workers_ai_read_plain,
    .usage_member = "result",
    .read_usage = workers_ai_read_usage,
    .write_event = workers_ai_write_event,
    .write_plain = workers_ai_write_plain,
    .collects = true,
    .stream_type = "text/event-stream",
    .plain_type = "application/json",
};
