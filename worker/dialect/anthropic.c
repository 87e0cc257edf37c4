/*
 * anthropic.c - the Anthropic dialect: Messages and the count of their tokens,
 * as Anthropic serves them and others that speak as it does. What is carried to
 * and from other dialects: README.md. The parts: anthropic_part.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/anthropic_part.h"
#include "worker/dialect/count_body.h"

const struct dialect dialect_anthropic = {
    .number = DIALECT_ANTHROPIC,
    .name = "anthropic",
    .scan = anthropic_scan,
    .rewrite = anthropic_rewrite,
    .answer_begin = canon_answer_begin,
    .answer_event = canon_answer_event,
    .answer_piece = canon_answer_piece,
    .answer_whole = canon_answer_whole,
    .error_body = anthropic_error_body,
    .stream_error = anthropic_stream_error,
    .stream_cut = anthropic_stream_cut,
    .read_request = anthropic_read_request,
    .write_request = anthropic_write_request,
    .read_event = anthropic_read_event,
    .read_plain = anthropic_read_plain,
    .usage_member = "usage",
    .read_usage = anthropic_read_usage,
    .write_event = anthropic_write_event,
    .write_plain = anthropic_write_plain,
    .stream_type = "text/event-stream; charset=utf-8",
    .plain_type = "application/json",
    .limit_fields = anthropic_limit_fields,
    .count_body = count_body_anthropic,
    .id_field = "request-id",
};
