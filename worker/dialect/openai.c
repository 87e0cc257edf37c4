/*
 * openai.c - the OpenAI dialect: chat completions, completions, embeddings, in
 * the one and many spellings of OpenAI and those compatible with it.
 *
 * What providers do differently is written where it is handled; the parts are
 * listed in openai_part.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_canon.h"

const struct dialect dialect_openai = {
    .number = DIALECT_OPENAI,
    .name = "openai",
    .scan = openai_scan,
    .rewrite = openai_rewrite,
    .answer_begin = openai_answer_begin,
    .answer_event = openai_answer_event,
    .answer_piece = openai_answer_piece,
    .answer_whole = openai_answer_whole,
    .error_body = openai_error_body,
    .stream_error = openai_stream_error,
    .stream_cut = openai_stream_cut,
    .read_request = openai_read_request,
    .write_request = openai_write_request,
    .read_event = openai_read_event,
    .read_plain = openai_read_plain,
    .usage_member = "usage",
    .read_usage = openai_usage_read,
    .write_event = openai_write_event,
    .write_plain = openai_write_plain,
    .stream_type = "text/event-stream",
    .plain_type = "application/json",
};
