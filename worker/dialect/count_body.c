/*
 * count_body.c - answers to clients that ask how many tokens a call would have,
 * where no provider is asked: one for each dialect that has the question.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/count_body.h"

#include "common/json_write.h"

static void
write_number(struct json_writer *json, const char *name, uint64_t n)
{
    json_key(json, name);
    json_u64(json, n);
}

void
count_body_anthropic(struct buf *out, uint64_t tokens)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_number(&json, "input_tokens", tokens);
    json_object_end(&json);
}

void
count_body_responses(struct buf *out, uint64_t tokens)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "object");
    json_cstring(&json, "response.input_tokens");
    write_number(&json, "input_tokens", tokens);
    json_object_end(&json);
}

void
count_body_gemini(struct buf *out, uint64_t tokens)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    write_number(&json, "totalTokens", tokens);
    json_key(&json, "promptTokensDetails");
    json_array_begin(&json);
    json_object_begin(&json);
    json_key(&json, "modality");
    json_cstring(&json, "TEXT");
    write_number(&json, "tokenCount", tokens);
    json_object_end(&json);
    json_array_end(&json);
    json_object_end(&json);
}
