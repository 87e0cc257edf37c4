/*
 * bedrock.c - Converse and ConverseStream of AWS Bedrock, as providers speak
 * them; the parts are listed in bedrock_part.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/bedrock_part.h"

const struct dialect dialect_bedrock = {
    .number = DIALECT_BEDROCK,
    .name = "bedrock",
    .answer_begin = canon_answer_begin,
    .answer_event = canon_answer_event,
    .answer_piece = canon_answer_piece,
    .answer_whole = canon_answer_whole,
    .write_request = bedrock_write_request,
    .read_event = bedrock_read_event,
    .read_plain = bedrock_read_plain,
    .usage_member = "usage",
    .read_usage = bedrock_read_usage,
};
