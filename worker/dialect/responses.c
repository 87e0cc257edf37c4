/*
 * responses.c - the Responses dialect of OpenAI: items in, items out. Its parts
 * are listed in responses_part.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/responses_part.h"
#include "worker/dialect/count_body.h"

const struct dialect dialect_responses = {
    .number = DIALECT_RESPONSES,
    .name = "responses",
    .scan = responses_scan,
    .rewrite = responses_rewrite,
    .answer_begin = canon_answer_begin,
    .answer_event = canon_answer_event,
    .answer_piece = canon_answer_piece,
    .answer_whole = canon_answer_whole,
    .error_body = responses_error_body,
    .stream_error = responses_stream_error,
    .stream_cut = responses_stream_cut,
    .read_request = responses_read_request,
    .write_request = responses_write_request,
    .read_event = responses_read_event,
    .read_plain = responses_read_plain,
    .usage_member = "usage",
    .read_usage = responses_read_usage,
    .write_event = responses_write_event,
    .write_plain = responses_write_plain,
    .collects = true,
    .event_bytes = 16 << 20,
    .stream_type = "text/event-stream; charset=utf-8",
    .plain_type = "application/json",
    .count_body = count_body_responses,
};
